"""Stops and what comes after them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from reports_service import serve_reports
from training_jobs import JobRun, pause_at, wait_for_file

pytestmark = pytest.mark.train

#: Drop-out draws random numbers at each step: a resumed run must go on with the same ones.
LORA = {"lora": {"rank": 8, "target_modules": [], "alpha": 16, "dropout": 0.1}}
TUNING = {"num_epochs": 2, "batch_size": 8}


def test_sigterm_saves_and_the_next_attempt_ends_with_the_same_bytes(
    make_job: Callable[..., JobRun],
) -> None:
    unbroken = make_job("unbroken", customization=LORA, tuning_parameters=TUNING).run()
    assert unbroken.status == 0, unbroken.log

    job = make_job("broken", customization=LORA, tuning_parameters=TUNING)
    paused = pause_at(job, 5)
    paused.terminate()
    assert job.status == 143, job.log
    assert job.end.startswith("STOPPED: Stopped by SIGTERM at step 5 of 12")
    manifest = job.json("checkpoints/checkpoint-5/COMPLETE.json")
    assert manifest["step"] == 5
    assert not (job.output / "COMPLETE.json").exists()

    # Another machine: nothing is left but what was uploaded.
    shutil.rmtree(job.work)
    job.run()
    assert job.status == 0, job.log
    assert "going on after step 5" in job.log
    assert job.losses() == unbroken.losses()
    name = "model/adapter_model.safetensors"
    assert (job.output / name).read_bytes() == (unbroken.output / name).read_bytes()


def test_an_ordered_stop_ends_with_7_and_another_job_goes_on(
    make_job: Callable[..., JobRun], tmp_path: Path
) -> None:
    with serve_reports() as service:
        job = make_job(
            "first",
            tuning_parameters={"num_epochs": 2},
            environment={
                "TRAINER_REPORTS_URL": service.url,
                "TRAINER_REPORTS_TOKEN": "report-token-1234567890",
                "TRAINER_ATTEMPT": "2",
            },
        )
        paused = pause_at(job, 4)
        service.answer = lambda _: (200, {"orders": [{"do": "stop", "save": True}]})
        service.wait_for(lambda report: report["step"] >= 3)
        # The order is on its way; the stop file says that it has come.
        wait_for_file(job.work / "stop")
        paused.finish()
    assert job.status == 7, job.log
    assert job.code == "STOPPED"
    last = service.reports[-1]
    assert last["attempt"] == 2
    assert last["checkpoints"][-1]["step"] == 4
    assert last["checkpoints"][-1]["uri"].endswith("first/checkpoints/checkpoint-4")
    assert service.paths[0] == "/train/first/reports"
    assert service.headers[0]["Authorization"] == "Bearer report-token-1234567890"
    assert "report-token-1234567890" not in json.dumps(service.reports)

    second = make_job(
        "second",
        tuning_parameters={"num_epochs": 3, "learning_rate": 1e-3},
        extra_parameters={"resume_from": "first"},
    ).run()
    assert second.status == 0, second.log
    assert "going on after step 4" in second.log
    assert "num_epochs" in second.log and "learning_rate" in second.log
    assert min(second.losses()) == 1  # the curve of the first job is part of it
    assert max(second.losses()) == 18
    lines = [
        json.loads(line) for line in (second.output / "metrics.jsonl").read_text().splitlines()
    ]
    rates = {line["step"]: line["learning_rate"] for line in lines if "learning_rate" in line}
    assert max(rates[step] for step in range(1, 5)) > 1e-3
    assert max(rates[step] for step in range(5, 19)) <= 1e-3

    third = make_job(
        "third",
        customization={"lora": {"rank": 4, "target_modules": [], "alpha": 8, "dropout": 0.0}},
        tuning_parameters={"batch_size": 4},
        extra_parameters={"resume_from": "first"},
    ).run()
    assert (third.status, third.code) == (6, "CHECKPOINT_MISMATCH"), third.log
    assert "tuning_parameters.batch_size, customization.rank differs" in third.end


def test_a_checkpoint_cut_in_half_is_never_gone_on_from(make_job: Callable[..., JobRun]) -> None:
    job = make_job("cut", tuning_parameters={"num_epochs": 1})
    paused = pause_at(job, 3)
    paused.terminate()
    assert job.status == 143, job.log
    optimizer = job.output / "checkpoints" / "checkpoint-3" / "optimizer.pt"
    optimizer.write_bytes(optimizer.read_bytes()[: optimizer.stat().st_size // 2])
    shutil.rmtree(job.work)
    job.run()
    assert job.status == 0, job.log
    assert "going on after" not in job.log
    assert min(job.losses()) == 1


def test_a_stop_with_an_evaluation_each_epoch_saves_once(make_job: Callable[..., JobRun]) -> None:
    """A second save would write over the checkpoint that is being uploaded."""
    job = make_job("once", extra_parameters={"evaluation": {"share": 0.2}})
    paused = pause_at(job, 3)
    paused.terminate()
    assert job.status == 143, job.log
    events = [json.loads(line) for line in (job.work / "events.jsonl").read_text().splitlines()]
    assert [e["step"] for e in events if e["type"] == "checkpoint"] == [3]
    assert "evaluating" not in [e.get("phase") for e in events]


@pytest.mark.slow
# The last evaluation of all comes after the training, where no step has it due.
@pytest.mark.parametrize("step", [3, 7])
def test_a_stop_within_an_evaluation_saves_too(make_job: Callable[..., JobRun], step: int) -> None:
    job = make_job(
        f"evaluating-{step}",
        tuning_parameters={"max_steps": 7},
        extra_parameters={"evaluation": {"share": 0.2, "every": 3, "keep": "best"}},
    )
    paused = pause_at(job, step, in_evaluation=True)
    paused.terminate()
    assert job.status == 143, job.log
    assert job.json(f"checkpoints/checkpoint-{step}/COMPLETE.json")["step"] == step
    shutil.rmtree(job.work)
    job.run()
    assert job.status == 0, job.log
    assert f"going on after step {step}" in job.log
    summary = job.json("run.json")["summary"]
    assert summary["step"] == summary["max_steps"] == 7
    assert summary["best_step"] > 3
