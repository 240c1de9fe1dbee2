"""Which engine trains: the backend's own where it can run, `trl` as the ground. Pure."""

from typing import Final

from trainer_runtime.contract import Job
from trainer_runtime.devices import Machine
from trainer_runtime.reasons import RunError

#: Backend → the engine that it stands for; every other backend's is trl.
ENGINE_OF_BACKEND: Final = {"nemo": "nemo", "hf-unsloth": "unsloth"}
#: Engine → the package it needs.
PACKAGE: Final = {"trl": "trl", "unsloth": "unsloth", "nemo": "nemo_automodel"}


def choose_engine(
    job: Job, machine: Machine, fallback: str | None, device: str, warnings: list[str]
) -> str:
    """The engine for `job`.

    Raises `RunError` ENGINE_UNAVAILABLE where the backend's own cannot run, unless the operator
    set TRAINER_ENGINE_FALLBACK=trl: then trl does it, with a warning.
    """
    engine = ENGINE_OF_BACKEND.get(job.backend, "trl")
    obstacle = _find_obstacle(engine, machine, device)
    if obstacle is None:
        return engine
    if engine != "trl" and fallback == "trl" and "trl" in machine.packages:
        warnings.append(f"{obstacle}: trl trains instead of {engine}")
        return "trl"
    raise RunError(
        "ENGINE_UNAVAILABLE",
        f"{obstacle}. The image must bring it"
        + (", or TRAINER_ENGINE_FALLBACK=trl lets trl train." if engine != "trl" else "."),
    )


def _find_obstacle(engine: str, machine: Machine, device: str) -> str | None:
    if PACKAGE[engine] not in machine.packages:
        return f"{PACKAGE[engine]} is not installed"
    if engine == "nemo" and device == "cpu":
        return "NeMo AutoModel needs a GPU"
    return None
