"""What of the model is trained: where LoRA goes, or which weights are not frozen."""

from typing import Any

from torch import nn

from trainer_runtime.layers import select_layers, select_targets
from trainer_runtime.plan import AdapterPlan, Plan
from trainer_runtime.reasons import RunError


def linear_modules(model: Any) -> list[str]:
    """Full names of every linear layer but the head, in the model's order."""
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and module is not head
    ]


def build_lora_config(model: Any, plan: Plan, warnings: list[str]) -> Any:
    """A `LoraConfig` whose targets are full module names wherever layers limit them.

    Raises `RunError` CONFIG_INVALID when nothing is left to train.
    """
    from peft import LoraConfig

    assert plan.adapter is not None
    return LoraConfig(
        r=plan.adapter.rank,
        lora_alpha=plan.adapter.alpha,
        lora_dropout=plan.adapter.dropout,
        target_modules=choose_targets(model, plan.adapter, plan.trainable_layers, warnings),
        task_type="CAUSAL_LM",
        **plan.adapter.fields,
    )


def choose_targets(
    model: Any, adapter: AdapterPlan, layers: tuple[str, ...], warnings: list[str]
) -> list[str] | str:
    """PEFT's own words where they say it (short in adapter_config.json), else full names."""
    linear = linear_modules(model)
    everything = [name for name, _ in model.named_modules() if name]
    if adapter.target_modules:
        chosen, unmatched = select_targets(everything, adapter.target_modules)
        _tell(unmatched, chosen, "customization.target_modules", warnings)
        if _has_head(model, chosen):
            raise RunError(
                "CONFIG_INVALID",
                "customization.target_modules names the model's head, which takes no adapter here.",
            )
    else:
        chosen = linear
    if not layers:
        return list(adapter.target_modules) or "all-linear"
    inside, unmatched = select_layers(chosen, layers)
    _tell(unmatched, inside, "customization.trainable_layers", warnings)
    return inside


def freeze_all_but(model: Any, layers: tuple[str, ...], warnings: list[str]) -> None:
    """For `full`: only parameters in `layers` are trained.

    Raises `RunError` CONFIG_INVALID when none is left.
    """
    names = [name for name, _ in model.named_parameters()]
    chosen, unmatched = select_layers(names, layers)
    _tell(unmatched, chosen, "customization.trainable_layers", warnings)
    wanted = set(chosen)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in wanted)


def _tell(unmatched: list[str], chosen: list[str], field: str, warnings: list[str]) -> None:
    if not chosen:
        raise RunError(
            "CONFIG_INVALID", f"{field} names no part of this model: nothing would be trained."
        )
    if unmatched:
        shown = ", ".join(name[:80] for name in unmatched[:10])
        warnings.append(f"{field}: {shown} names no part of this model")


def _has_head(model: Any, names: list[str]) -> bool:
    head = model.get_output_embeddings()
    return any(module is head for name, module in model.named_modules() if name in set(names))
