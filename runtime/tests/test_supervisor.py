"""The first process's parts, each by itself."""

import contextlib
import json
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reports_service import serve_reports
from servers.loopback import Handler, serve

from trainer_runtime.checkpoints import find_last_complete, mark_complete, remove_incomplete
from trainer_runtime.masking import Masker
from trainer_runtime.reasons import RunError
from trainer_runtime.storage import Places, publish_tree, read_complete
from trainer_runtime.storage.address_policy import AddressPolicy
from trainer_runtime.supervisor.ends import compact_result, end_line, fit_result, write_end
from trainer_runtime.supervisor.log import RunLog
from trainer_runtime.supervisor.memory_limit import count_kills, limit_bytes
from trainer_runtime.supervisor.model_folder import check_model_files, has_chat_template, is_path
from trainer_runtime.supervisor.processes import training_environment
from trainer_runtime.supervisor.reports import Order, Reporter, Target, write_status
from trainer_runtime.supervisor.results import ResultUpload
from trainer_runtime.supervisor.resume import find_last
from trainer_runtime.supervisor.run_state import RunState
from trainer_runtime.supervisor.stops import Stops
from trainer_runtime.supervisor.stream import StatusStream
from trainer_runtime.supervisor.training_stage import TrainingStage
from trainer_runtime.supervisor.uploads import CheckpointUploads
from trainer_runtime.work_files import JsonLines, WorkFiles, append_json, emit, write_json


class Output:
    """Standard output that a test reads."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def flush(self) -> None:
        pass


def make_log(*secrets: str) -> tuple[RunLog, Output]:
    output = Output()
    return RunLog(Masker(secrets), output), output  # type: ignore[arg-type]


# --- ends


def test_an_end_is_one_line_of_500_characters(tmp_path: Path) -> None:
    error = RunError("INTERNAL", "one\ntwo " + "x" * 900)
    line = end_line(error, lambda text: text.replace("two", "2"))
    assert line.startswith("INTERNAL: one 2 xxx")
    assert len(line) == 500
    write_end(tmp_path / "end", line)
    assert (tmp_path / "end").read_text() == line
    assert (tmp_path / "end").stat().st_mode & 0o777 == 0o600
    write_end(tmp_path / "no" / "folder", line)  # never a second failure
    write_end(None, line)


def test_the_compact_result_keeps_the_place(tmp_path: Path) -> None:
    result = {
        "model_uri": "s3://bucket/" + "p" * 600,
        "method": "lora",
        "steps": 5,
        "comparison": {"base_loss": 2.0, "prompts": ["x" * 5000], "verdict": ["y" * 900]},
    }
    text = compact_result(result)
    assert len(text.encode()) <= 1024
    assert json.loads(text)["model_uri"] == result["model_uri"]
    assert json.loads(text)["steps"] == 5


def test_a_reported_result_is_never_too_large() -> None:
    files = {f"model/{index:05}.safetensors": 1 for index in range(900)}
    prompts = [{"prompt": "é" * 9000}]
    result = {"model_uri": "/x", "files": files, "comparison": {"base_loss": 1, "prompts": prompts}}
    fitted = fit_result(result)
    assert len(json.dumps(fitted, ensure_ascii=False).encode()) <= 15 * 1024
    assert (fitted["model_uri"], fitted["comparison"]["base_loss"]) == ("/x", 1)
    assert fit_result({"model_uri": "/x", "files": {"a": 1}})["files"] == {"a": 1}


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def test_no_number_is_told_that_json_does_not_know(tmp_path: Path) -> None:
    result = {"model_uri": "/x", "loss": math.inf, "comparison": {"tuned_loss": math.nan}}
    told = json.loads(compact_result(result), parse_constant=refuse)
    assert told == {"model_uri": "/x", "comparison": {"tuned_loss": None}}
    write_json(tmp_path / "status.json", {"metrics": {"grad_norm": -math.inf, "loss": 1.5}})
    append_json(tmp_path / "lines.jsonl", {"values": [math.nan, 1]})
    for path in tmp_path.iterdir():
        json.loads(path.read_text(), parse_constant=refuse)


def test_the_files_of_a_result_are_json_whatever_was_measured(tmp_path: Path) -> None:
    from test_plan import build_request
    from test_plan import plan as make_plan

    from trainer_runtime.contract import parse_job

    plan = make_plan({})
    job, _ = parse_job(build_request(tmp_path, "org/model", "s3://b/x.jsonl"), backend="meta")
    files = WorkFiles(tmp_path / "work")
    files.model.mkdir(parents=True)
    (files.model / "config.json").write_text("{}")
    files.trainer_state.write_text('{"best_metric": Infinity, "log_history": [{"loss": NaN}]}')
    place = Places.from_environ({}).artifacts(str(tmp_path / "output"))
    upload = ResultUpload(place, files, job, plan, RunState(files))
    upload.upload_model()
    result = upload.complete(
        summary={"step": 5, "last_loss": math.nan, "best_eval_loss": 2.0},
        dataset={"rows": 3},
        comparison={
            "rows": 3,
            "rows_kind": "training",
            "base_loss": 2.0,
            "tuned_loss": math.nan,
            "verdict": [],
            "prompts": [],
        },
        resumed_from=None,
        rewrite=str,
    )
    json.dumps(result, allow_nan=False)
    assert (result["eval_loss"], result["comparison"]["tuned_loss"]) == (2.0, None)
    for name in ("run.json", "trainer_state.json", "COMPLETE.json"):
        json.loads((tmp_path / "output" / name).read_text(), parse_constant=refuse)


# --- files between the processes


def test_appended_lines_are_read_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = JsonLines(path)
    assert list(lines.read_new()) == []
    append_json(path, {"n": 1})
    with path.open("a") as file:
        file.write('{"n": 2')
    assert list(lines.read_new()) == [{"n": 1}]
    with path.open("a") as file:
        file.write("}\nno json\n")
    assert list(lines.read_new()) == [{"n": 2}]


def test_the_state_follows_the_files(tmp_path: Path) -> None:
    files = WorkFiles(tmp_path)
    state = RunState(files)
    assert state.seconds_without_change() is None
    emit(files, "phase", phase="training")
    emit(files, "warning", message="careful")
    for step in (1, 2, 3):
        write_json(files.progress, {"step": step, "max_steps": 10, "time": 100.0 + 2 * step})
        append_json(files.metrics, {"step": step, "time": 1.0, "loss": 3.0 - step})
        state.refresh()
    emit(files, "checkpoint", name="checkpoint-3", step=3)
    state.refresh()
    now = state.snapshot()
    assert (now.phase, now.step, now.max_steps, now.percentage) == ("training", 3, 10, 30.0)
    assert now.remaining_seconds == 14.0
    assert now.latest == {"loss": 0.0}
    assert now.warnings == ["careful"]
    assert state.saved == [("checkpoint-3", 3)]
    assert state.seconds_without_change() is not None
    write_status(tmp_path / "status.json", now)
    assert json.loads((tmp_path / "status.json").read_text())["percentage"] == 30.0


# --- log


def test_the_log_is_masked_everywhere_it_goes() -> None:
    log, output = make_log("hunter2hunter2")
    log.say("early hunter2hunter2")

    class Kept:
        data = b""

        def append(self, data: bytes) -> None:
            self.data += data

        def close(self) -> None:
            self.data += b"<closed>"

    kept = Kept()
    log.archive_to(kept)
    reading, writing = os.pipe()
    pump = threading.Thread(target=lambda: log.pump(os.fdopen(reading, "rb")))
    pump.start()
    for chunk in (b"a hunter2", b"hunter2 b\n"):
        os.write(writing, chunk)
    os.close(writing)
    pump.join()
    log.close()
    for text in (output.data, kept.data, log.tail().encode()):
        assert b"hunter2" not in text
        assert text.count(b"[redacted]") == 2
    assert kept.data.startswith(b"early ") and kept.data.endswith(b"<closed>")


def test_training_code_sees_no_credential() -> None:
    kept = training_environment(
        {
            "PATH": "/bin",
            "WANDB_API_KEY": "w",
            "HF_TOKEN": "h",
            "AWS_SECRET_ACCESS_KEY": "a",
            "TRAINING_DATASET_0_TOKEN": "t",
            "TRAINING_REQUEST_JSON": "{}",
            "TRAINER_REPORTS_TOKEN": "r",
        }
    )
    assert {"PATH", "WANDB_API_KEY"} <= kept.keys()
    assert not {"h", "a", "t", "r", "{}"} & set(kept.values())
    assert kept["DISABLE_KUBEFLOW_INTEGRATION"] == "TRUE"
    assert kept["HF_HUB_DISABLE_TELEMETRY"] == "1"


# --- memory


def test_kills_of_the_control_group(tmp_path: Path) -> None:
    v2, v1 = tmp_path / "v2", tmp_path / "v1"
    v2.mkdir()
    v1.mkdir()
    assert count_kills(v2, v1) is None
    (v1 / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    (v1 / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert (count_kills(v2, v1), limit_bytes(v2, v1)) == (2, None)
    (v2 / "memory.events").write_text("low 0\noom 3\noom_kill 1\noom_group_kill 0\n")
    (v2 / "memory.max").write_text("1073741824\n")
    assert (count_kills(v2, v1), limit_bytes(v2, v1)) == (1, 1 << 30)


# --- model


def test_model_files_that_cannot_be_trained_on(tmp_path: Path) -> None:
    (tmp_path / "consolidated.00.pth").touch()
    with pytest.raises(RunError, match=r"ask for meta-llama/Llama-2-7b-hf"):
        check_model_files(tmp_path, "meta-llama/Llama-2-7b")
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(RunError, match="no weights as safetensors"):
        check_model_files(tmp_path, "org/model")
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(RunError, match="no tokenizer"):
        check_model_files(tmp_path, "org/model")
    (tmp_path / "tokenizer.json").touch()
    assert check_model_files(tmp_path, "org/model")["model_type"] == "llama"
    assert not has_chat_template(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    assert has_chat_template(tmp_path)


@pytest.mark.parametrize("name", ["/models/x", "./x", "../x", "file:///x"])
def test_paths(name: str) -> None:
    assert is_path(name)


@pytest.mark.parametrize("name", ["org/model", "model", "org/model/", "~x"])
def test_a_hub_name_is_never_a_path(name: str) -> None:
    assert not is_path(name)


# --- checkpoints


def make_checkpoint(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"x" * 100)
    mark_complete(path, step)
    return path


def test_only_whole_checkpoints_count(tmp_path: Path) -> None:
    assert find_last_complete(tmp_path) is None
    make_checkpoint(tmp_path, 9)
    cut = make_checkpoint(tmp_path, 10)
    (cut / "optimizer.pt").write_bytes(b"x" * 50)
    unmarked = make_checkpoint(tmp_path, 11)
    (unmarked / "COMPLETE.json").unlink()
    last = find_last_complete(tmp_path)
    assert last is not None and last.name == "checkpoint-9"
    assert sorted(remove_incomplete(tmp_path)) == ["checkpoint-10", "checkpoint-11"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-9"]


def test_the_last_two_are_kept_here_and_there(tmp_path: Path) -> None:
    files = WorkFiles(tmp_path / "work")
    files.folder.mkdir()
    place = Places.from_environ({}).artifacts(str(tmp_path / "output"))
    state = RunState(files)
    said: list[str] = []
    for step in (5, 10, 15):
        make_checkpoint(files.checkpoints, step)
        uploads = CheckpointUploads(place, files, state, said.append)
        uploads.add(f"checkpoint-{step}", step)
        assert uploads.finish() is None
    assert [c["step"] for c in state.snapshot().checkpoints] == [5, 10, 15]
    assert sorted(p.name for p in files.checkpoints.iterdir()) == ["checkpoint-10", "checkpoint-15"]
    assert read_complete(place, "checkpoint-5") is None
    assert find_last(place) == "checkpoint-15"
    (tmp_path / "output" / "checkpoint-15" / "optimizer.pt").write_bytes(b"half")
    assert find_last(place) == "checkpoint-10"


def test_a_checkpoint_that_cannot_be_uploaded_is_told(tmp_path: Path) -> None:
    files = WorkFiles(tmp_path / "work")
    files.folder.mkdir()
    make_checkpoint(files.checkpoints, 5)
    (tmp_path / "output").write_text("a file where a folder should be")
    place = Places.from_environ({}).artifacts(str(tmp_path / "output"))
    said: list[str] = []
    uploads = CheckpointUploads(place, files, RunState(files), said.append)
    uploads.add("checkpoint-5", 5)
    failure = uploads.finish()
    assert failure is not None and failure.code == "UPLOAD_FAILED"
    assert any("was not uploaded" in text for text in said)


@pytest.mark.parametrize(("was_ordered", "status"), [(False, 143), (True, 7)])
def test_a_node_that_stops_with_another_one_ends_as_that_does(
    tmp_path: Path, was_ordered: bool, status: int
) -> None:
    files = WorkFiles(tmp_path)
    log, _ = make_log()
    stops = Stops(files, 120, say=log.say, leave=lambda _: None)
    stage = TrainingStage(
        files, {}, log, RunState(files), stops, stall_minutes=None, on_news=lambda: None
    )
    summary = {"step": 3, "max_steps": 8, "stop_was_ordered": was_ordered}
    end = stage._stopped(summary, None)
    assert (end.code, end.exit_status) == ("STOPPED", status)
    assert "another node" in end.sentence or was_ordered


def test_find_last_of_an_empty_place(tmp_path: Path) -> None:
    assert find_last(Places.from_environ({}).artifacts(str(tmp_path / "none"))) is None


def test_a_folder_is_whole_when_its_marker_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also that of a checkpoint, which has a marker of its own from the start."""
    folder = tmp_path / "checkpoint-3"
    folder.mkdir()
    (folder / "weights").write_bytes(b"x")
    (folder / "COMPLETE.json").write_text("{}")
    place = Places.from_environ({}).artifacts(str(tmp_path / "out"))
    seen: list[bool] = []
    upload = type(place).upload_file

    def upload_file(self: Any, path: Path, name: str) -> None:
        seen.append((tmp_path / "out" / "COMPLETE.json").exists())
        upload(self, path, name)

    monkeypatch.setattr(type(place), "upload_file", upload_file)
    publish_tree(place, folder)
    assert seen == [False]
    assert list((read_complete(place) or {})["files"]) == ["weights"]


def test_a_published_folder_is_found(tmp_path: Path) -> None:
    place = Places.from_environ({}).artifacts(str(tmp_path / "output"))
    publish_tree(place, make_checkpoint(tmp_path, 3), "checkpoint-3", {"step": 3})
    assert find_last(place) == "checkpoint-3"


# --- reports


def run_reporter(
    service: Any, files: WorkFiles, log: RunLog, **more: Any
) -> tuple[Any, list[Order]]:
    orders: list[Order] = []
    reporter = Reporter(
        RunState(files),
        log,
        Target("job/1", url=service.url, token="token-of-the-job-123"),
        attempt=3,
        on_order=orders.append,
        interval_seconds=0.05,
        **more,
    )
    return reporter, orders


def test_reports_carry_what_is_new_and_answers_carry_orders(tmp_path: Path) -> None:
    files = WorkFiles(tmp_path)
    log, _ = make_log("secret-secret-1")
    with serve_reports() as service:
        service.answer = lambda report: (
            200,
            {"orders": [{"do": "stacks"}] if report["step"] == 2 else []},
        )
        for step in (1, 2):
            append_json(files.metrics, {"step": step, "time": 1.0, "loss": 1.0, "epoch": 0.1})
        write_json(files.progress, {"step": 2, "max_steps": 4, "time": 1.0})
        emit(files, "warning", message="careful with secret-secret-1")
        reporter, orders = run_reporter(service, files, log)
        first = service.wait_for(lambda report: report["step"] == 2)
        assert first["attempt"] == 3
        assert abs(first["started_at"] - time.time()) < 60
        assert [point["step"] for point in first["metrics"]] == [1, 2]
        assert first["metrics"][0]["values"] == {"loss": 1.0}
        assert first["warnings"] == ["careful with [redacted]"]
        append_json(files.metrics, {"step": 3, "time": 1.0, "loss": 0.5})
        later = service.wait_for(lambda r: any(p["step"] == 3 for p in r["metrics"]))
        assert [point["step"] for point in later["metrics"]] == [3]
        assert later["warnings"] == []
        assert later["started_at"] == first["started_at"]
        reporter.close({"model_uri": "/x"})
        assert service.reports[-1]["result"] == {"model_uri": "/x"}
        assert "log_tail" in service.reports[-1]
    assert Order("stacks") in orders
    assert service.paths[0] == "/train/job%2F1/reports"


def test_a_service_asks_for_earlier_points_again(tmp_path: Path) -> None:
    files = WorkFiles(tmp_path)
    log, _ = make_log()
    for step in (1, 2, 3):
        append_json(files.metrics, {"step": step, "time": 1.0, "loss": 1.0})
    write_json(files.progress, {"step": 3, "max_steps": 4, "time": 1.0})
    with serve_reports() as service:
        asked = iter([{"send_from_step": 2}])
        service.answer = lambda report: (200, next(asked, {}) if report["sent_up_to"] else {})
        reporter, _ = run_reporter(service, files, log)
        again = service.wait_for(
            lambda r: r["sent_up_to"] == 3 and [p["step"] for p in r["metrics"]] == [2, 3]
        )
        assert again
        reporter.close()


def test_all_points_arrive_before_the_end(tmp_path: Path) -> None:
    """More than one report takes; the result is in the first, whatever becomes of the rest."""
    files = WorkFiles(tmp_path)
    log, _ = make_log()
    for step in range(1, 251):
        append_json(files.metrics, {"step": step, "time": 1.0, "loss": 1.0})
    with serve_reports() as service:
        reporter = Reporter(
            RunState(files),
            log,
            Target("j", url=service.url),
            attempt=1,
            on_order=lambda _: None,
            interval_seconds=3600,
        )
        reporter.close({"model_uri": "/x"})
        sent = [point["step"] for report in service.reports for point in report["metrics"]]
        assert sent == list(range(1, 251))
        assert ["result" in report for report in service.reports] == [True, False, False]


def test_the_last_report_arrives_whatever_was_measured(tmp_path: Path) -> None:
    files = WorkFiles(tmp_path)
    log, _ = make_log()
    with serve_reports() as service:
        reporter, _ = run_reporter(service, files, log)
        reporter.close({"loss": math.nan, "comparison": {"base_loss": 2.0, "tuned_loss": math.inf}})
        assert service.reports[-1]["result"] == {
            "loss": None,
            "comparison": {"base_loss": 2.0, "tuned_loss": None},
        }


def test_a_fault_in_a_report_ends_neither_the_reports_nor_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = WorkFiles(tmp_path)
    log, output = make_log()
    faults = iter([ZeroDivisionError("a fault of ours")])

    def fail_once(_: object) -> None:
        for fault in faults:
            raise fault

    with serve_reports() as service:
        reporter, _ = run_reporter(service, files, log, on_snapshot=fail_once)
        service.wait_for(lambda _: True, timeout=20)
        monkeypatch.setattr(reporter, "_build", lambda *_, **__: 1 / 0)
        reporter.close({"model_uri": "/x"})
    assert b"a fault of ours" in output.data


@pytest.mark.parametrize("status", [409, 429, 503])
def test_a_service_that_refuses_stops_nothing(tmp_path: Path, status: int) -> None:
    files = WorkFiles(tmp_path)
    log, output = make_log()
    with serve_reports() as service:
        service.answer = lambda _: (status, {})
        reporter, orders = run_reporter(service, files, log)
        service.wait_for(lambda _: True)
        reporter.close()
    assert orders == []
    assert output.data.count(b"does not take reports") == 1
    assert b"token-of-the-job" not in output.data


def test_a_stream_gets_the_same_without_a_credential(tmp_path: Path) -> None:
    files = WorkFiles(tmp_path)
    log, _ = make_log()
    with serve_reports() as service, serve_reports() as stream:
        reporter, _ = run_reporter(
            service, files, log, stream=StatusStream(f"{stream.url}/here", AddressPolicy())
        )
        stream.wait_for(lambda _: True)
        reporter.close()
        assert stream.paths[0] == "/here"
        assert "Authorization" not in stream.headers[0]


@contextlib.contextmanager
def serve_slowly(first: bytes) -> Iterator[str]:
    """A URL that answers each POST with `first`, then with one byte after the other, for ever."""
    over = threading.Event()

    class Slow(Handler):
        def do_POST(self) -> None:
            self.read_body()
            with contextlib.suppress(OSError):
                self.wfile.write(first)
                while not over.wait(0.02):
                    self.wfile.write(b"x")

    with serve(Slow) as port:
        try:
            yield f"http://127.0.0.1:{port}/here"
        finally:
            over.set()


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["no status", "no end"]
)
def test_a_stream_that_does_not_end_its_answer_holds_nothing_up(
    tmp_path: Path, first: bytes
) -> None:
    files = WorkFiles(tmp_path)
    log, _ = make_log()
    with serve_reports() as service, serve_slowly(first) as url:
        service.answer = lambda _: (200, {"orders": [{"do": "stacks"}]})
        stream = StatusStream(url, AddressPolicy(), seconds=0.2)
        reporter, orders = run_reporter(service, files, log, stream=stream)
        write_json(files.progress, {"step": 1, "max_steps": 4, "time": 1.0})
        service.wait_for(lambda report: report["step"] == 1, timeout=20)
        closing = threading.Thread(target=reporter.close, args=({"model_uri": "/x"},), daemon=True)
        closing.start()
        service.wait_for(lambda report: "result" in report, timeout=20)
        closing.join(20)
        assert not closing.is_alive()
        assert Order("stacks") in orders


def test_a_stream_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with serve_slowly(b"HTTP/1.1 ") as url:
        stream = StatusStream(url, AddressPolicy(), seconds=0.1)
        with pytest.raises(TimeoutError):
            stream.post(b"{}")
    with serve_slowly(b"HTTP/1.1 200 OK\r\n\r\n") as url:
        StatusStream(url, AddressPolicy()).post(b"{}")


def test_a_stream_may_not_lead_inside(tmp_path: Path) -> None:
    with serve_reports() as stream:
        guarded = StatusStream(stream.url, AddressPolicy(is_public_only=True))
        with pytest.raises(PermissionError):
            guarded.post(b"{}")
        assert stream.reports == []


def test_the_address_is_read_before_each_report(tmp_path: Path) -> None:
    place = tmp_path / "url"
    target = Target("j", url=None, url_file=place)
    assert target.address() is None
    place.write_text("http://127.0.0.1:1\n")
    assert target.address() == "http://127.0.0.1:1/train/j/reports"
    place.write_text("http://127.0.0.1:2/train/j/reports")
    assert target.address() == "http://127.0.0.1:2/train/j/reports"


def test_signal_numbers_are_what_the_exit_status_says() -> None:
    assert 128 + signal.SIGTERM == 143


def test_what_an_initializer_left_is_used_first(tmp_path: Path) -> None:
    import dataclasses

    from test_plan import build_request

    from trainer_runtime.contract import parse_job
    from trainer_runtime.supervisor.model_folder import find_model

    model = tmp_path / "workspace" / "model"
    model.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (model / name).write_text("{}")
    request = build_request(tmp_path, "org/model", "s3://b/x.jsonl")
    job, _ = parse_job(request, backend="meta")
    job = dataclasses.replace(job, model_uri="hf://org/model")
    found = find_model(
        job,
        Places.from_environ({}),
        work_dir=tmp_path,
        workspace=tmp_path / "workspace",
        token=None,
    )
    assert found == model
