"""An exception of the training → a run's end with a code and a sentence."""

import errno
from typing import Any

import torch

from trainer_runtime.plan import Plan
from trainer_runtime.reasons import RunError
from trainer_runtime.training.load_model import first_line


def to_run_error(error: BaseException, plan: Plan | None) -> RunError:
    """What `error` means for whoever asked for the job."""
    if isinstance(error, RunError):
        return error
    if is_out_of_memory(error):
        return RunError("OUT_OF_MEMORY", _describe_memory(plan))
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return RunError(
            "INTERNAL",
            "The working disk is full: checkpoints and the model need more room "
            "(TRAINER_WORK_DIR, ephemeral storage).",
        )
    # safetensors and torch tell of a full disk in words of their own.
    if "No space left on device" in str(error) or "enforce fail at inline_container" in str(error):
        return RunError(
            "INTERNAL",
            "The working disk is full: checkpoints and the model need more room "
            "(TRAINER_WORK_DIR, ephemeral storage).",
        )
    return RunError("INTERNAL", f"{type(error).__name__}: {first_line(error)}")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU or the machine had no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "not enough memory" in text
        or "can't allocate memory" in text
        or "CUDA out of memory" in text
    )


def _describe_memory(plan: Plan | None) -> str:
    """The limit, what was asked of it, and what would help."""
    where = "the machine's memory"
    if torch.cuda.is_available():
        device: Any = torch.cuda.get_device_properties(torch.cuda.current_device())
        where = f"the {device.total_memory / 2**30:.0f} GiB of the {device.name}"
    if plan is None:
        return f"The training does not fit into {where}."
    advice = [
        "a smaller micro_batch_size" if plan.batch.micro > 1 else "a smaller max_sequence_length"
    ]
    if not plan.gradient_checkpointing:
        advice.append("gradient_checkpointing")
    advice.append("method lora" if plan.adapter is None else "method qlora")
    return (
        f"{plan.batch.micro} row(s) of up to {plan.max_length} tokens at a time do not fit "
        f"into {where}: "
        f"{', '.join(advice[:-1])} or {advice[-1]} needs less."
    )
