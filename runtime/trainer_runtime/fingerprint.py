"""What must be the same for a checkpoint to be gone on from, and what may differ.

Optimiser and weights of a checkpoint fit one model, one method, one adapter's shape and one set of
rows. Its position is counted in batches, in the order that the seed gives: with another batch or
order, rows would be left out or come twice. Epochs, rates, the split of the batch, evaluation and
resources may change.
"""

from typing import Any, Final

from trainer_runtime.contract import Job
from trainer_runtime.plan import Plan

_NAMES: Final = {
    "model": "base_model.model_name",
    "revision": "base_model.revision",
    "weights_url": "base_model.weights_url",
    "method": "customization.method",
    "rank": "customization.rank",
    "target_modules": "customization.target_modules",
    "adapter_fields": "customization.peft.config",
    "trainable_layers": "customization.trainable_layers",
    "quantization": "how weights are kept (qlora, int8)",
    "data": "the rows of the datasets",
    "batch_size": "tuning_parameters.batch_size",
    "seed": "tuning_parameters.seed",
}


def build_fingerprint(job: Job, plan: Plan, data_sha256: str) -> dict[str, Any]:
    """Two parts: `must` decides, `may` is only told when it differs. Plain JSON values."""
    adapter = plan.adapter
    return {
        "must": {
            "model": job.base_model.model_name,
            "revision": job.base_model.revision,
            "weights_url": (job.base_model.weights_url or "").partition("?")[0],
            # lora, adapter and peft are one method once they are planned.
            "method": "full" if adapter is None else "adapter",
            "rank": adapter and adapter.rank,
            "target_modules": sorted(adapter.target_modules) if adapter else None,
            "adapter_fields": adapter and adapter.fields,
            "trainable_layers": sorted(plan.trainable_layers),
            "quantization": plan.quantization and plan.quantization.bits,
            "data": data_sha256,
            "batch_size": plan.batch.size,
            "seed": plan.seed,
        },
        "may": {
            "num_epochs": plan.epochs,
            "max_steps": plan.max_steps,
            "learning_rate": plan.learning_rate,
            "micro_batch_size": plan.batch.micro,
            "warmup_ratio": plan.warmup_ratio,
            "weight_decay": plan.weight_decay,
            "lr_scheduler_type": plan.scheduler,
            "max_sequence_length": plan.max_length,
            "precision": plan.precision,
        },
    }


def differing(mine: dict[str, Any], theirs: dict[str, Any], part: str) -> list[str]:
    """The request's names of what differs in `part`, wherever an earlier release has it."""
    names = mine.get(part, {}).keys() | theirs.get(part, {}).keys()
    if part == "may":
        names -= mine.get("must", {}).keys()
    left, right = ({**side.get("may", {}), **side.get("must", {})} for side in (mine, theirs))
    return [_NAMES.get(name, name) for name in sorted(names) if left.get(name) != right.get(name)]
