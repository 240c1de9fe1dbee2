"""Two processes over gloo train as one does, stop together, and are not waited for for ever."""

import os
import signal
from collections.abc import Callable

import pytest
from training_jobs import JobRun, pause_at

pytestmark = pytest.mark.train
TWO = {"TRAINER_PROCESSES": "2", "OMP_NUM_THREADS": "1"}


def test_two_processes_train_as_one_does(make_job: Callable[..., JobRun]) -> None:
    tuning = {"num_epochs": 1, "batch_size": 8, "micro_batch_size": 4}
    one = make_job("one", tuning_parameters=tuning).run()
    two = make_job("two", tuning_parameters=tuning, environment=TWO).run()
    assert one.status == 0, one.log
    assert two.status == 0, two.log
    assert len(one.losses()) == 6
    assert two.losses() == pytest.approx(one.losses(), abs=1e-4)
    assert two.json("run.json")["plan"]["batch"] == {
        "size": 8,
        "micro": 4,
        "accumulation": 1,
        "processes": 2,
    }


def test_a_save_may_take_longer_than_torchrun_would_wait(make_job: Callable[..., JobRun]) -> None:
    """torchrun kills its workers 30 s after a SIGTERM; it never gets one."""
    job = make_job(
        "slow",
        tuning_parameters={"num_epochs": 50, "micro_batch_size": 4},
        environment={**TWO, "TEST_FAULT": "slow-save:35"},
    )
    process = job.start()
    assert process.stdout is not None
    for line in process.stdout:
        job.log += line
        if line.startswith("training "):
            break
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=180)
    job.log += rest
    assert process.returncode == 143, job.log
    step = int(job.end.partition("at step ")[2].partition(" ")[0])
    assert job.json(f"checkpoints/checkpoint-{step}/COMPLETE.json")["step"] == step


def test_a_rank_that_stands_still_ends_the_job(make_job: Callable[..., JobRun]) -> None:
    job = make_job(
        "still",
        tuning_parameters={"num_epochs": 50, "micro_batch_size": 4},
        environment={**TWO, "TRAINER_STALL_MINUTES": "0.1"},
    )
    paused = pause_at(job, 3)
    os.kill(paused.training_pids()[1], signal.SIGSTOP)
    paused.finish(timeout=120)
    assert (job.status, job.code) == (1, "STALLED"), job.log
    assert "Thread 0x" in job.log  # the stacks of the rank that waits
    assert "all_reduce" in job.log or "backward" in job.log
