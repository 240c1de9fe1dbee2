"""The further tuning parameters that a request may set: a fixed table.

A key outside this table never reaches a trainer (`output_dir`, `deepspeed`, `push_to_hub` or
`model_init_kwargs` would be ways in); it is named in a warning.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Setting:
    """One key: what it may be, what it is when left out, and what it does."""

    default: Any
    accepts: str
    is_valid: Callable[[Any], bool]
    meaning: str


def is_whole(value: Any) -> bool:
    """Whether a JSON value is a whole number (true is none)."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number (true is none)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


SCHEDULERS: Final = (
    "linear",
    "cosine",
    "constant",
    "constant_with_warmup",
    "cosine_with_restarts",
    "polynomial",
    "inverse_sqrt",
)
OPTIMIZERS: Final = ("adamw_torch", "adamw_torch_fused", "adamw_bnb_8bit", "paged_adamw_8bit")

SETTINGS: Final[dict[str, Setting]] = {
    "seed": Setting(
        42, "a whole number from 0 to 4294967295", lambda v: is_whole(v) and 0 <= v < 2**32,
        "Order of the rows, new weights, dropout",
    ),
    "max_steps": Setting(
        None, "a whole number of at least 1", lambda v: is_whole(v) and v >= 1,
        "Ends the training after so many steps; goes before num_epochs",
    ),
    "lr_scheduler_type": Setting(
        "linear", "one of " + ", ".join(SCHEDULERS), lambda v: v in SCHEDULERS,
        "How the learning rate falls after the warm-up",
    ),
    "logging_steps": Setting(
        None, "a whole number of at least 1", lambda v: is_whole(v) and v >= 1,
        "Steps between two points of the loss; each step up to 2,000, then 2,000 points in all",
    ),
    "max_grad_norm": Setting(
        1.0, "a number of at least 0", lambda v: is_number(v) and v >= 0,
        "Gradients are cut to this norm; 0 leaves them as they are",
    ),
    "packing": Setting(
        False, "true or false", lambda v: isinstance(v, bool),
        "Fills each sequence with several rows, which do not see one another",
    ),
    "optim": Setting(
        "adamw_torch_fused", "one of " + ", ".join(OPTIMIZERS), lambda v: v in OPTIMIZERS,
        "The optimiser",
    ),
    "adam_beta1": Setting(
        0.9, "a number from 0 to 1", lambda v: is_number(v) and 0 <= v < 1, "Of AdamW"
    ),
    "adam_beta2": Setting(
        0.999, "a number from 0 to 1", lambda v: is_number(v) and 0 <= v < 1, "Of AdamW"
    ),
    "adam_epsilon": Setting(
        1e-8, "a number greater than 0", lambda v: is_number(v) and v > 0, "Of AdamW"
    ),
}  # fmt: skip

#: Names that other trainers use for the request's own tuning parameters. The services read them.
ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "learning_rate": ("lr",),
    "batch_size": ("global_batch_size", "train_batch_size"),
    "micro_batch_size": (
        "per_device_train_batch_size", "per_device_batch_size", "train_micro_batch_size_per_gpu",
    ),
    "num_epochs": ("num_train_epochs", "epochs", "n_epochs", "max_epochs"),
    "max_sequence_length": (
        "max_seq_length", "max_seq_len", "max_length", "sequence_len", "seq_length", "cutoff_len",
        "model_max_length",
    ),
    "warmup_ratio": ("warmup_fraction",),
}  # fmt: skip


def read_settings(extra: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
    """The value of each setting, clauses about refused values, and warnings about unknown keys."""
    values = {name: setting.default for name, setting in SETTINGS.items()}
    violations = []
    warnings = []
    for key, value in extra.items():
        if value in (None, ""):
            continue
        setting = SETTINGS.get(key)
        if setting is None:
            shown = key if len(key) <= 80 else f"{key[:80]}…"
            warnings.append(
                f"tuning_parameters.{shown} is no setting of this trainer and is ignored"
            )
        elif setting.is_valid(value):
            values[key] = value
        else:
            violations.append(f"tuning_parameters.{key} must be {setting.accepts}")
    return values, violations, warnings
