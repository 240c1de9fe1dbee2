"""What whoever runs the container decides: the `TRAINER_*` variables.

A request can set none of them; `READ_NAMES` is the list that the services refuse in `trainer_env`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trainer_runtime.reasons import RunError

#: Every name that this package reads and no request may set.
READ_NAMES: Final = (
    "TRAINER_ADDRESS_POLICY",
    "TRAINER_ATTEMPT",
    "TRAINER_CHECKPOINT_MINUTES",
    "TRAINER_COMPARISON",
    "TRAINER_DEVICE",
    "TRAINER_ENGINE_FALLBACK",
    "TRAINER_GRACE_SECONDS",
    "TRAINER_JOB_UID",
    "TRAINER_LOCAL_ALLOWED_HOSTS",
    "TRAINER_LOCAL_ROOTS",
    "TRAINER_PARENT_PID",
    "TRAINER_PROCESSES",
    "TRAINER_REPORTS_TOKEN",
    "TRAINER_REPORTS_URL",
    "TRAINER_REPORTS_URL_FILE",
    "TRAINER_RESTARTS",
    "TRAINER_STACKS_SECONDS",
    "TRAINER_STALL_MINUTES",
    "TRAINER_STATUS_FILE",
    "TRAINER_TERMINATION_FILE",
    "TRAINER_WORK_DIR",
    "TRAINER_WORKSPACE",
)

_KUBERNETES_TERMINATION_FILE = Path("/dev/termination-log")


@dataclass(frozen=True)
class OperatorSettings:
    """The variables, read and checked. Times are in the unit of their names."""

    #: Which run of the job this is, from 1 on: as told, else one more than TRAINER_RESTARTS.
    attempt: int
    #: Changes with each job that has the same id; the claim of the output holds it.
    job_uid: str | None
    checkpoint_minutes: float
    comparison: bool
    #: "cpu" trains without a GPU although one was asked for; None takes what was promised.
    device: str | None
    engine_fallback: str | None
    grace_seconds: float
    #: Training processes of this node; None leaves it to the launcher's variables and the GPUs.
    processes: int | None
    reports_url: str | None
    #: Read before each report, so that a service that moved is found again; before `reports_url`.
    reports_url_file: Path | None
    reports_token: str | None
    #: Seconds without a step until every thread's stack is logged; None: adaptive.
    stacks_seconds: float | None
    #: Minutes without a step that end the job with STALLED; None never does.
    stall_minutes: float | None
    status_file: Path | None
    termination_file: Path | None
    work_dir: Path
    #: Where Kubeflow's initializers put `dataset/` and `model/`.
    workspace: Path


def read_operator_settings(environ: Mapping[str, str]) -> OperatorSettings:
    """The settings; raises `RunError` CONFIG_INVALID with the variable and what it accepts."""
    termination = _path(environ, "TRAINER_TERMINATION_FILE")
    if termination is None and _KUBERNETES_TERMINATION_FILE.exists():
        termination = _KUBERNETES_TERMINATION_FILE
    return OperatorSettings(
        attempt=_whole(environ, "TRAINER_ATTEMPT")
        or 1 + int(_number(environ, "TRAINER_RESTARTS", 0.0) or 0),
        job_uid=environ.get("TRAINER_JOB_UID") or None,
        checkpoint_minutes=_number(environ, "TRAINER_CHECKPOINT_MINUTES", 30.0) or 0.0,
        comparison=_choice(environ, "TRAINER_COMPARISON", ("on", "off")) != "off",
        device=_choice(environ, "TRAINER_DEVICE", ("cpu",)),
        engine_fallback=_choice(environ, "TRAINER_ENGINE_FALLBACK", ("trl",)),
        grace_seconds=_number(environ, "TRAINER_GRACE_SECONDS", 120.0) or 0.0,
        processes=_whole(environ, "TRAINER_PROCESSES"),
        reports_url=environ.get("TRAINER_REPORTS_URL") or None,
        reports_url_file=_path(environ, "TRAINER_REPORTS_URL_FILE"),
        reports_token=environ.get("TRAINER_REPORTS_TOKEN") or None,
        stacks_seconds=_number(environ, "TRAINER_STACKS_SECONDS", None),
        stall_minutes=_number(environ, "TRAINER_STALL_MINUTES", None) or None,
        status_file=_path(environ, "TRAINER_STATUS_FILE"),
        termination_file=termination,
        work_dir=_path(environ, "TRAINER_WORK_DIR") or Path.cwd() / "trainer-work",
        workspace=_path(environ, "TRAINER_WORKSPACE") or Path("/workspace"),
    )


def launched_world(environ: Mapping[str, str]) -> tuple[int, int, int]:
    """Nodes, processes on this node (0: not said) and this node's rank, as Kubeflow Trainer sets
    `PET_NNODES`, `PET_NPROC_PER_NODE` and `PET_NODE_RANK` for torchrun."""
    try:
        nodes = int(environ.get("PET_NNODES", "1").split(":")[0])
        rank = int(environ.get("PET_NODE_RANK") or environ.get("JOB_COMPLETION_INDEX") or 0)
    except ValueError as error:
        raise RunError("CONFIG_INVALID", "PET_NNODES and PET_NODE_RANK must be numbers.") from error
    per_node = environ.get("PET_NPROC_PER_NODE", "")
    return nodes, int(per_node) if per_node.isdigit() else 0, rank if nodes > 1 else 0


def cpu_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _number(environ: Mapping[str, str], name: str, default: float | None) -> float | None:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise RunError("CONFIG_INVALID", f"{name} must be a number, 0 or greater.")
    return value


def _whole(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name)
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise RunError("CONFIG_INVALID", f"{name} must be a whole number, 1 or greater.")
    return int(text)


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    text = environ.get(name)
    if not text:
        return None
    if text not in choices:
        raise RunError("CONFIG_INVALID", f"{name} must be one of {', '.join(choices)}, or empty.")
    return text


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    return Path(text) if text else None
