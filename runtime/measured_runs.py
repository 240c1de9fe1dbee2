"""One measured run of the runtime, and one of the plain script, with the same settings."""

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNTIME = Path(__file__).resolve().parent
#: The exit status of a run that its time was not enough for.
TIMED_OUT = 124


@dataclass(frozen=True)
class Setup:
    """What is trained; `rows` is JSONL of {"text"}."""

    model: Path
    rows: Path
    method: str
    precision: str
    is_cpu: bool
    steps: int
    micro: int
    accumulation: int
    length: int
    learning_rate: float = 1e-4


@dataclass(frozen=True)
class Measured:
    """Of one run. `to_first_step` in seconds from the start of its first process."""

    status: int
    end: str
    to_first_step: float
    steps_per_second: float
    tokens_per_second: float
    peak_gb: float
    losses: list[float]
    seconds: float


def run_runtime(
    setup: Setup,
    folder: Path,
    name: str,
    *,
    environment: dict[str, str] | None = None,
    tuning: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
    timeout: float | None = None,
) -> Measured:
    """A job of the runtime, from its first process on."""
    work = folder / f"{name}-work"
    shutil.rmtree(work, ignore_errors=True)
    request = {
        "job_id": name,
        "base_model": {"provider": "custom", "model_name": str(setup.model)},
        "customization": {
            "method": setup.method,
            "lora": {"rank": 16, "alpha": 32, "dropout": 0.0, "target_modules": []},
            "precision": setup.precision,
            "gradient_checkpointing": False,
        },
        "resources": {"gpus": 0 if setup.is_cpu else 1},
        "datasets": [{"source": str(setup.rows), "format": "jsonl"}],
        "artifacts": {"log_uri": str(folder / "logs"), "output_uri": str(folder / "output")},
        "tuning_parameters": {
            "learning_rate": setup.learning_rate,
            "batch_size": setup.micro * setup.accumulation,
            "micro_batch_size": setup.micro,
            "max_steps": setup.steps,
            "warmup_ratio": 0.1,
            "weight_decay": 0.0,
            "max_sequence_length": setup.length,
            "logging_steps": 1,
            **(tuning or {}),
        },
        "extra_parameters": extra or {},
    }
    variables = {
        **os.environ,
        "PYTHONPATH": f"{RUNTIME}:{os.environ.get('PYTHONPATH', '')}",
        "TRAINING_REQUEST_JSON": json.dumps(request),
        "TRAINING_BACKEND": "bench",
        "TRAINER_WORK_DIR": str(work),
        "TRAINER_WORKSPACE": str(work / "none"),
        "TRAINER_TERMINATION_FILE": str(folder / f"{name}-end"),
        "TRAINER_COMPARISON": "off",
        **({"TRAINER_DEVICE": "cpu"} if setup.is_cpu else {}),
        **(environment or {}),
    }
    started = time.time()
    command = [sys.executable, "-P", "-m", "trainer_runtime"]
    status = _run(command, folder, name, variables, timeout)
    seconds = time.time() - started
    rows: list[list[float]] = []
    peak = 0.0
    if (work / "metrics.jsonl").exists():
        for line in (work / "metrics.jsonl").read_text().splitlines():
            value = json.loads(line)
            if value.get("loss") is not None:
                rows.append(
                    [value["step"], value["time"], value.get("num_tokens", 0), value["loss"]]
                )
                peak = max(peak, value.get("gpu_memory_gb", 0.0))
    end_file = folder / f"{name}-end"
    end = end_file.read_text() if end_file.exists() else ""
    return _measure(rows, started, status, end, peak, seconds)


def run_plain(setup: Setup, folder: Path, name: str, timeout: float | None = None) -> Measured:
    """The same training by `plain_trl.py`."""
    out = folder / f"{name}.json"
    settings = {
        "model": str(setup.model),
        "rows": str(setup.rows),
        "out": str(out),
        "method": setup.method,
        "precision": setup.precision,
        "cpu": setup.is_cpu,
        "steps": setup.steps,
        "micro": setup.micro,
        "accumulation": setup.accumulation,
        "length": setup.length,
        "learning_rate": setup.learning_rate,
    }
    (folder / f"{name}-settings.json").write_text(json.dumps(settings))
    started = time.time()
    status = run_script("plain_trl.py", folder / f"{name}-settings.json", folder, name, timeout)
    seconds = time.time() - started
    if not out.exists():
        return _measure([], started, status, "", 0.0, seconds)
    told = json.loads(out.read_text())
    return _measure(told["steps"], started, status, "", told["peak_bytes"] / 1e9, seconds)


def run_script(
    script: str, settings: Path, folder: Path, name: str, timeout: float | None = None
) -> int:
    """A script of this folder by itself, its output in NAME.log; the exit status."""
    path = f"{RUNTIME}:{os.environ.get('PYTHONPATH', '')}"
    command = [sys.executable, "-P", str(RUNTIME / script), str(settings)]
    return _run(command, folder, name, {**os.environ, "PYTHONPATH": path}, timeout)


def _run(
    command: list[str], folder: Path, name: str, variables: dict[str, str], timeout: float | None
) -> int:
    """The exit status; TIMED_OUT when `timeout` seconds were not enough."""
    with (folder / f"{name}.log").open("wb") as log:
        try:
            return subprocess.run(
                command,
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                check=False,
                timeout=timeout,
            ).returncode
        except subprocess.TimeoutExpired:
            return TIMED_OUT


def _measure(
    rows: list[list[float]], started: float, status: int, end: str, peak: float, seconds: float
) -> Measured:
    """The pace by the median step, since a short run on a shared machine has a few slow ones; the
    first fifth, in which kernels are chosen, does not count."""
    first = rows[0][1] - started if rows else float("nan")
    pace = tokens = float("nan")
    later = rows[max(1, len(rows) // 5) :]
    if len(later) > 2:
        pairs = list(itertools.pairwise(later))
        step = statistics.median(after[1] - before[1] for before, after in pairs)
        pace = 1 / step
        tokens = statistics.mean(after[2] - before[2] for before, after in pairs) / step
    return Measured(status, end, first, pace, tokens, peak, [row[3] for row in rows], seconds)


def tail(folder: Path, name: str, lines: int = 15) -> str:
    """The end of a run's log, to say what went wrong."""
    path = folder / f"{name}.log"
    return (
        "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
    )
