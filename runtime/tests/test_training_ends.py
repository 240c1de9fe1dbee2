"""Every way in which a training fails has a code, a sentence and an exit status of its own."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_model import chat_rows, write_rows
from training_jobs import JobRun, pause_at

pytestmark = pytest.mark.train


def test_a_loss_that_is_no_number(make_job: Callable[..., JobRun]) -> None:
    job = make_job(
        customization={"method": "full"},
        tuning_parameters={"learning_rate": 1e30, "warmup_ratio": 0, "max_grad_norm": 0},
    ).run()
    assert (job.status, job.code) == (6, "LOSS_NOT_FINITE"), job.log
    assert "at step" in job.end


def test_a_loss_that_is_no_number_between_two_logged_steps(make_job: Callable[..., JobRun]) -> None:
    """Only the first step would be logged, and its loss is a number still."""
    job = make_job(
        customization={"method": "full"},
        tuning_parameters={
            "learning_rate": 1e30,
            "warmup_ratio": 0,
            "max_grad_norm": 0,
            "logging_steps": 100,
        },
    ).run()
    assert (job.status, job.code) == (6, "LOSS_NOT_FINITE"), job.log
    assert not (job.output / "model").exists()


def test_no_memory(make_job: Callable[..., JobRun]) -> None:
    job = make_job(environment={"TEST_FAULT": "allocate:1"}).run()
    assert (job.status, job.code) == (6, "OUT_OF_MEMORY"), job.log
    assert "max_sequence_length" in job.end or "micro_batch_size" in job.end


def test_libraries_that_abort_while_they_are_torn_down(make_job: Callable[..., JobRun]) -> None:
    job = make_job(environment={"TEST_FAULT": "abort-at-exit"}).run()
    assert job.status == 0, job.log


def test_a_training_process_that_is_killed(make_job: Callable[..., JobRun]) -> None:
    job = make_job()
    paused = pause_at(job, 2)
    os.kill(paused.training_pids()[0], signal.SIGKILL)
    paused.finish()
    assert (job.status, job.code) == (137, "INTERNAL"), job.log
    assert "SIGKILL" in job.end


def test_no_training_outlives_its_first_process(make_job: Callable[..., JobRun]) -> None:
    job = make_job()
    paused = pause_at(job, 2)
    [pid] = paused.training_pids()
    training = os.pidfd_open(pid)
    os.kill(paused.process.pid, signal.SIGKILL)
    paused.process.communicate(timeout=60)
    ended, _, _ = select.select([training], [], [], 60)
    assert ended == [training]
    os.close(training)


def test_a_step_that_holds_the_interpreter_shows_its_stack(make_job: Callable[..., JobRun]) -> None:
    job = make_job(environment={"TEST_FAULT": "hold-gil:2:3", "TRAINER_STACKS_SECONDS": "1"}).run()
    assert job.status == 0, job.log
    assert "Timeout (0:00:01)!" in job.log
    assert "sitecustomize.py" in job.log  # where it hangs


def test_nothing_left_to_learn(make_job: Callable[..., JobRun], tmp_path: Path) -> None:
    job = make_job(tuning_parameters={"max_sequence_length": 4}).run()
    assert (job.status, job.code) == (3, "DATASET_INVALID"), job.log
    assert "Nothing is left to learn" in job.end


def test_layers_that_are_not_there(make_job: Callable[..., JobRun]) -> None:
    job = make_job(customization={"trainable_layers": ["decoder.layers.99"]}).run()
    assert (job.status, job.code) == (2, "CONFIG_INVALID"), job.log
    assert "trainable_layers" in job.end


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system, which needs root")
def test_a_full_disk(make_job: Callable[..., JobRun], tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    try:
        job = make_job(
            customization={"method": "full"}, environment={"TRAINER_WORK_DIR": str(disk / "work")}
        ).run()
    finally:
        subprocess.run(["umount", disk], check=True)
    assert (job.status, job.code) == (1, "INTERNAL"), job.log
    assert "working disk is full" in job.end


def test_before_anything_loads(make_job: Callable[..., JobRun], tmp_path: Path) -> None:
    """None of these imports torch: each ends within a few seconds."""
    plain = tmp_path / "no-template"
    from tiny_model import make_model

    make_model(plain, template=None)
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text("{}")
    (pickled / "pytorch_model.bin").write_bytes(b"x")
    meta = tmp_path / "meta"
    meta.mkdir()
    (meta / "params.json").write_text("{}")
    broken = write_rows(tmp_path / "broken.jsonl", [*chat_rows()[:2], {"mesages": []}])
    cases: list[tuple[str, int, str, JobRun]] = [
        ("GPU_UNAVAILABLE", 1, "sees none", make_job("gpu", environment={"TRAINER_DEVICE": ""})),
        ("MODEL_INCOMPATIBLE", 4, "no chat template", make_job("template", model=plain)),
        ("MODEL_INCOMPATIBLE", 4, "never loaded", make_job("pickle", model=pickled)),
        ("MODEL_INCOMPATIBLE", 4, "Meta's own format", make_job("meta", model=meta)),
        ("MODEL_UNAVAILABLE", 4, "no folder", make_job("away", model=tmp_path / "nowhere")),
        ("DATASET_UNAVAILABLE", 3, "", make_job("no-rows", rows=tmp_path / "none.jsonl")),
        ("DATASET_INVALID", 3, "3", make_job("broken", rows=broken)),
        ("ENGINE_UNAVAILABLE", 4, "unsloth", make_job("engine", backend="hf-unsloth")),
        ("CONFIG_INVALID", 2, "seed", make_job("config", tuning_parameters={"seed": -1})),
    ]
    for code, status, words, job in cases:
        job.run(timeout=60)
        assert (job.code, job.status) == (code, status), f"{job.end}\n{job.log}"
        assert words in job.end, job.end
        assert len(job.end) <= 500 and "\n" not in job.end
        assert not (job.work / "pids").exists()


def test_an_output_of_another_job(make_job: Callable[..., JobRun]) -> None:
    """The same id, another request: a place that is taken is an error before the training."""
    job = make_job("taken")
    job.output.mkdir(parents=True)
    (job.output / ".trainer-claim.json").write_text(json.dumps({"job_id": "taken", "uid": "other"}))
    job.run(timeout=60)
    assert (job.code, job.status) == ("CONFIG_INVALID", 6), job.log
