"""Two processes over gloo train as one does, stop together, and are not waited for for ever."""

import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest
from training_jobs import JobRun, pause_at

pytestmark = pytest.mark.train
TWO = {"TRAINER_PROCESSES": "2", "OMP_NUM_THREADS": "1"}


def run_on_two_nodes(make_job: Callable[..., JobRun], **sections: Any) -> list[JobRun]:
    """One job on two nodes, each with a working folder of its own; both end well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    jobs = []
    for rank in ("0", "1"):
        launched = {
            "PET_NNODES": "2",
            "PET_NPROC_PER_NODE": "1",
            "PET_NODE_RANK": rank,
            "PET_MASTER_ADDR": "127.0.0.1",
            "PET_MASTER_PORT": port,
        }
        job = make_job(f"node-{rank}", environment=launched, **sections)
        # One job, two pods: the same request, another working folder.
        job.request = {**job.request, "job_id": "two-nodes"}
        jobs.append((job, job.start()))
    for job, process in jobs:
        job.log, _ = process.communicate(timeout=300)
        job.status = process.returncode
    for job, _ in jobs:
        assert job.status == 0, job.log
    return [job for job, _ in jobs]


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


@pytest.mark.slow
def test_two_nodes_train_as_one_does(make_job: Callable[..., JobRun]) -> None:
    """Two first processes, as two pods have them; only the first node has the result."""
    tuning = {"num_epochs": 1, "batch_size": 8, "micro_batch_size": 4}
    jobs = run_on_two_nodes(make_job, tuning_parameters=tuning)
    losses = jobs[0].losses()
    assert len(losses) == 6
    assert losses[6] < losses[1]
    assert jobs[0].json("run.json")["plan"]["batch"]["processes"] == 2


@pytest.mark.slow
def test_two_nodes_keep_the_best_model_where_it_is_not_the_last(
    make_job: Callable[..., JobRun],
) -> None:
    """Only the first node has the best model on its disk; the other must not leave it alone."""
    [first, _] = run_on_two_nodes(
        make_job,
        tuning_parameters={
            "batch_size": 8,
            "micro_batch_size": 4,
            # The first step learns nothing yet, the others do harm.
            "learning_rate": 10.0,
            "warmup_ratio": 0.9,
        },
        extra_parameters={"num_nodes": 2, "evaluation": {"share": 0.2, "every": 1, "keep": "best"}},
    )
    summary = first.json("run.json")["summary"]
    assert summary["best_step"] < summary["step"] == summary["max_steps"]
    assert (first.output / "model" / "adapter_model.safetensors").exists()


@pytest.mark.slow
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
    # The stacks of the rank that waits.
    assert "most recent call first" in job.log
    assert "trainer_runtime/training/run.py" in job.log
