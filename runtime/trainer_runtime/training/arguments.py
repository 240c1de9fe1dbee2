"""A plan in the words of the installed trainer: fields are looked up, never assumed."""

import dataclasses
from pathlib import Path
from typing import Any

from trainer_runtime.plan import Plan
from trainer_runtime.reasons import RunError

#: Up to so many points of the loss are logged when the request does not say how many.
MAX_LOGGED_STEPS = 2000


def trainer_arguments(
    plan: Plan, output: Path, *, rows: int, configuration: type
) -> dict[str, Any]:
    """Arguments for `configuration` (`SFTConfig` or a class of its kind) that do what `plan` says.

    Raises `RunError` ENGINE_UNAVAILABLE when the installed class lacks a field that is needed.
    """
    names = {entry.name for entry in dataclasses.fields(configuration)}
    beta1, beta2, epsilon = plan.adam
    needed: dict[str, Any] = {
        "output_dir": str(output),
        "per_device_train_batch_size": plan.batch.micro,
        "per_device_eval_batch_size": plan.batch.micro,
        "gradient_accumulation_steps": plan.batch.accumulation,
        "num_train_epochs": plan.epochs,
        "max_steps": plan.max_steps or -1,
        "learning_rate": plan.learning_rate,
        "weight_decay": plan.weight_decay,
        "lr_scheduler_type": plan.scheduler,
        "optim": plan.optimizer,
        "adam_beta1": beta1,
        "adam_beta2": beta2,
        "adam_epsilon": epsilon,
        "max_grad_norm": plan.max_grad_norm,
        "seed": plan.seed,
        "data_seed": plan.seed,
        "bf16": plan.precision == "bf16",
        "fp16": plan.precision == "fp16",
        "use_cpu": plan.device == "cpu",
        _name_of(names, "activation_checkpointing"): plan.gradient_checkpointing,
        "logging_steps": plan.logging_steps or default_logging_steps(plan, rows),
        "logging_nan_inf_filter": False,
        # When to save is decided by the run, in minutes; see callback.
        "save_strategy": "no",
        "eval_strategy": _evaluation_strategy(plan),
        "report_to": [],
        "disable_tqdm": True,
        **_warmup(plan, names),
    }
    if plan.evaluation is not None and plan.evaluation.every is not None:
        needed["eval_steps"] = plan.evaluation.every
    missing = sorted(set(needed) - names)
    if missing:
        raise RunError(
            "ENGINE_UNAVAILABLE",
            f"The installed {configuration.__name__} knows no {', '.join(missing)}: "
            "this version of the trainer cannot do what the job needs.",
        )
    optional = {
        "max_length": plan.max_length if plan.packing else None,
        "packing": plan.packing,
        "eval_packing": False,
        _name_of(names, "activation_checkpointing_kwargs"): {"use_reentrant": False},
        "prediction_loss_only": True,
        "logging_first_step": True,
        "average_tokens_across_devices": True,
        "ddp_find_unused_parameters": False,
        "dataloader_pin_memory": plan.device == "gpu",
        "push_to_hub": False,
        "save_only_model": False,
    }
    return needed | {name: value for name, value in optional.items() if name in names}


def default_logging_steps(plan: Plan, rows: int) -> int:
    """1 up to `MAX_LOGGED_STEPS` steps, then what keeps the points below that."""
    steps = plan.max_steps or plan.epochs * max(1, -(-rows // plan.batch.size))
    return max(1, -(-steps // MAX_LOGGED_STEPS))


def _name_of(names: set[str], name: str) -> str:
    """`gradient_checkpointing…` in versions before it was renamed."""
    return name if name in names else name.replace("activation", "gradient")


def _warmup(plan: Plan, names: set[str]) -> dict[str, float]:
    """As a share of the steps: newer versions take it in `warmup_steps`, below 1."""
    if "warmup_ratio" in names:
        return {"warmup_ratio": plan.warmup_ratio}
    return {"warmup_steps": min(plan.warmup_ratio, 0.999_999)}


def _evaluation_strategy(plan: Plan) -> str:
    if plan.evaluation is None:
        return "no"
    return "epoch" if plan.evaluation.every is None else "steps"
