"""A job as the request describes it, normalised: frozen, without credentials, in the same words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Method = Literal["full", "lora", "qlora", "peft", "adapter"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
BadRows = Literal["fail", "skip"]

METHODS = ("full", "lora", "qlora", "peft", "adapter")
PRECISIONS = ("fp32", "fp16", "bf16", "int8")
FORMATS = ("jsonl", "json", "parquet", "csv", "hf", "nemo", "auto")


@dataclass(frozen=True)
class BaseModel:
    """The model to start from. `weights_url` is where its files are when not at the hub."""

    provider: str
    model_name: str
    revision: str
    weights_url: str | None


@dataclass(frozen=True)
class Lora:
    """LoRA's shape; no `target_modules` means every linear layer but the head."""

    rank: int
    target_modules: tuple[str, ...]
    alpha: float
    dropout: float


@dataclass(frozen=True)
class Qlora:
    """How 4-bit weights are kept and computed with, in bitsandbytes' words."""

    use_double_quant: bool
    bnb_4bit_compute_dtype: str
    bnb_4bit_quant_type: str


@dataclass(frozen=True)
class Peft:
    """Settings for PEFT itself; `config` is free-form and read through `peft_table` alone."""

    use: bool
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Customization:
    """How the model is changed."""

    method: str
    lora: Lora
    trainable_layers: tuple[str, ...]
    precision: str
    gradient_checkpointing: bool
    qlora: Qlora | None
    peft: Peft | None


@dataclass(frozen=True)
class Resources:
    """What the job may use: `gpus` over all nodes, `cpus` and `memory_gb` (GiB) on each."""

    gpus: int
    gpu_type: str | None
    cpus: int
    memory_gb: int
    max_duration_minutes: int | None


@dataclass(frozen=True)
class Dataset:
    """One source of rows; `format` is one of `FORMATS`."""

    source: str
    format: str
    split: str | None
    streaming: bool


@dataclass(frozen=True)
class Artifacts:
    """Where log and results go, as the request has it (the job's own folder is below)."""

    log_uri: str
    output_uri: str
    status_stream_url: str | None


@dataclass(frozen=True)
class Tuning:
    """Hyperparameters; `extra` holds the keys beyond the schema, read through `settings` alone."""

    learning_rate: float
    batch_size: int
    micro_batch_size: int | None
    num_epochs: int
    warmup_ratio: float
    max_sequence_length: int
    weight_decay: float
    extra: Mapping[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """Which rows are held out: those of dataset number `dataset`, or `share` (0 to 1) of the rows.

    `every` is in optimiser steps; without it each epoch ends with an evaluation.
    """

    dataset: int | None
    share: float | None
    every: int | None
    early_stopping_patience: int | None
    keep: Literal["best", "last"]


@dataclass(frozen=True)
class Unsloth:
    """Options of the hf-unsloth service."""

    optimize_long_context: bool
    quantization: str
    gradient_accumulation: int


@dataclass(frozen=True)
class Job:
    """What one training container is asked to do."""

    job_id: str
    backend: str
    base_model: BaseModel
    customization: Customization
    resources: Resources
    datasets: tuple[Dataset, ...]
    artifacts: Artifacts
    tuning: Tuning
    extra_parameters: Mapping[str, Any]
    evaluation: Evaluation | None
    bad_rows: BadRows
    resume_from: str | None
    model_uri: str | None
    unsloth: Unsloth | None
    num_nodes: int
