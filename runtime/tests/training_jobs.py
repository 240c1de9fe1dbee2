"""Runs jobs as a container does: `python -m trainer_runtime` in a `TRAINING_*` environment."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RUNTIME = Path(__file__).parent.parent


@dataclass
class JobRun:
    """One run of a job: where it works, where its result goes, how it ended."""

    folder: Path
    request: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    backend: str = "meta"
    status: int | None = None
    log: str = ""

    @property
    def output(self) -> Path:
        return Path(self.request["artifacts"]["output_uri"]) / self.request["job_id"]

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def end(self) -> str:
        """What stands in the termination file."""
        path = self.folder / "end"
        return path.read_text() if path.exists() else ""

    @property
    def code(self) -> str:
        return self.end.partition(":")[0]

    def losses(self) -> dict[int, float]:
        """Step → loss, of the result, else of the working folder."""
        path = self.output / "metrics.jsonl"
        lines = (path if path.exists() else self.work / "metrics.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return {row["step"]: row["loss"] for row in rows if "loss" in row}

    def json(self, name: str) -> Any:
        """A JSON file of the result."""
        return json.loads((self.output / name).read_text())

    def variables(self) -> dict[str, str]:
        """The whole environment of the first process."""
        kept = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "TMPDIR", "LD_LIBRARY_PATH")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PYTHONPATH": f"{RUNTIME}:{RUNTIME / 'tests' / 'faults'}",
            "OMP_NUM_THREADS": "1",
            "TRAINING_JOB_ID": self.request["job_id"],
            "TRAINING_BACKEND": self.backend,
            "TRAINING_REQUEST_JSON": json.dumps(self.request),
            "TRAINER_DEVICE": "cpu",
            "TRAINER_COMPARISON": "off",
            "TRAINER_WORK_DIR": str(self.work),
            "TRAINER_WORKSPACE": str(self.folder / "workspace"),
            "TRAINER_TERMINATION_FILE": str(self.folder / "end"),
            "TRAINER_STATUS_FILE": str(self.folder / "status.json"),
            **self.environment,
        }

    def start(self) -> "subprocess.Popen[str]":
        """Starts it; output is one text stream."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "trainer_runtime"],
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def run(self, timeout: float = 300) -> "JobRun":
        """Runs it to its end."""
        process = self.start()
        try:
            self.log, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            self.log, _ = process.communicate()
            raise AssertionError(f"the run did not end:\n{self.log[-3000:]}") from None
        self.status = process.returncode
        return self


@dataclass
class PausedRun:
    """A run that waits after a certain step, so that a test can act at a known place."""

    job: JobRun
    process: "subprocess.Popen[str]"
    flag: Path

    def go_on(self) -> None:
        self.flag.with_name(self.flag.name + ".go").touch()

    def terminate(self, timeout: float = 300) -> JobRun:
        """Sends SIGTERM, lets it go on once the training has been told, and waits for its end."""
        self.process.send_signal(signal.SIGTERM)
        wait_for_file(self.job.work / "stop")
        return self.finish(timeout)

    def finish(self, timeout: float = 300) -> JobRun:
        """Lets it run to its end."""
        self.go_on()
        self.job.log, _ = self.process.communicate(timeout=timeout)
        self.job.status = self.process.returncode
        return self.job

    def training_pids(self) -> list[int]:
        """Of the training processes, by rank."""
        return [int(path.read_text()) for path in sorted((self.job.work / "pids").iterdir())]


def pause_at(
    job: JobRun, step: int, timeout: float = 300, *, in_evaluation: bool = False
) -> PausedRun:
    """Starts `job` and returns when it waits after `step`, or in the evaluation after it."""
    flag = job.folder / f"paused-at-{step}"
    for stale in (flag, flag.with_name(flag.name + ".go")):
        stale.unlink(missing_ok=True)
    kind = "pause-evaluation" if in_evaluation else "pause"
    job.environment["TEST_FAULT"] = f"{kind}:{step}:{flag}"
    process = job.start()
    deadline = time.monotonic() + timeout
    while not flag.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(
                f"the run did not come to step {step}:\n{process.communicate()[0]}"
            )
        time.sleep(0.02)
    del job.environment["TEST_FAULT"]
    return PausedRun(job, process, flag)


def wait_for_file(path: Path, timeout: float = 60) -> None:
    """Returns when `path` is there."""
    deadline = time.monotonic() + timeout
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.02)


def build_request(
    folder: Path, model: Path | str, rows: Path | str, job_id: str = "job-1", **sections: Any
) -> dict[str, Any]:
    """A normalised request for the tiny model; each section is merged over the default."""
    request: dict[str, Any] = {
        "job_id": job_id,
        "base_model": {
            "provider": "huggingface",
            "model_name": str(model),
            "revision": "main",
        },
        "customization": {
            "method": "lora",
            "lora": {"rank": 8, "target_modules": [], "alpha": 16, "dropout": 0.0},
            "trainable_layers": [],
            "precision": "fp32",
            "gradient_checkpointing": False,
        },
        "resources": {"gpus": 1, "cpus": 1, "memory_gb": 4},
        "datasets": [{"source": str(rows), "format": "jsonl", "streaming": False}],
        "artifacts": {
            "log_uri": str(folder / "logs"),
            "output_uri": str(folder / "output"),
        },
        "tuning_parameters": {
            "learning_rate": 5e-3,
            "batch_size": 8,
            "num_epochs": 1,
            "warmup_ratio": 0.1,
            "max_sequence_length": 128,
            "weight_decay": 0.0,
        },
        "extra_parameters": {"num_nodes": 1},
    }
    for name, section in sections.items():
        value = request.get(name)
        request[name] = {**value, **section} if isinstance(value, dict) else section
    return request
