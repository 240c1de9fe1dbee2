"""What will be done, with every default filled in: plain values that survive a file."""

from dataclasses import asdict, dataclass
from typing import Any

from trainer_runtime.plan_batch import Batch


@dataclass(frozen=True)
class AdapterPlan:
    """LoRA as it will be; `fields` are `LoraConfig`'s own beyond the four that are named."""

    rank: int
    alpha: float
    dropout: float
    #: Empty: every linear layer but the head.
    target_modules: tuple[str, ...]
    fields: dict[str, Any]


@dataclass(frozen=True)
class QuantizationPlan:
    """How weights are kept: `bits` 4 or 8; the rest is for 4 bits, in bitsandbytes' words."""

    bits: int
    quant_type: str
    use_double_quant: bool
    compute_dtype: str


@dataclass(frozen=True)
class EvaluationPlan:
    """`every` in steps, None: at the end of each epoch."""

    every: int | None
    early_stopping_patience: int | None
    keep: str


@dataclass(frozen=True)
class Plan:
    """All that an engine needs, with every default filled in."""

    engine: str
    device: str
    method: str
    adapter: AdapterPlan | None
    quantization: QuantizationPlan | None
    #: fp32, fp16 or bf16: what is computed in.
    precision: str
    trainable_layers: tuple[str, ...]
    gradient_checkpointing: bool
    batch: Batch
    epochs: int
    max_steps: int | None
    learning_rate: float
    warmup_ratio: float
    weight_decay: float
    max_length: int
    scheduler: str
    seed: int
    logging_steps: int | None
    max_grad_norm: float
    packing: bool
    optimizer: str
    #: Unsloth's own gradient checkpointing.
    optimize_long_context: bool
    adam: tuple[float, float, float]
    evaluation: EvaluationPlan | None
    track: bool
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values, for the training processes and `run.json`."""
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> "Plan":
        """The plan that `to_json` wrote."""
        parts: dict[str, Any] = dict(value)
        if adapter := parts["adapter"]:
            targets = tuple(adapter["target_modules"])
            parts["adapter"] = AdapterPlan(**{**adapter, "target_modules": targets})
        if parts["quantization"]:
            parts["quantization"] = QuantizationPlan(**parts["quantization"])
        if parts["evaluation"]:
            parts["evaluation"] = EvaluationPlan(**parts["evaluation"])
        parts["batch"] = Batch(**parts["batch"])
        for name in ("trainable_layers", "adam", "warnings"):
            parts[name] = tuple(parts[name])
        return Plan(**parts)
