"""The body of ``POST /train`` as Pydantic models: the fields, bounds and defaults of the contract."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, model_validator

Text = Annotated[str, Field(min_length=1, max_length=4096)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Status = Literal["submitted", "running", "succeeded", "failed", "cancelled"]


class Base(BaseModel):
    """A section whose unknown keys are left out."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class BaseModelSection(Base):
    provider: Literal["nemo", "nemotron", "bim", "meta", "huggingface", "mistral", "tii", "custom"]
    model_name: Text
    revision: Text | None = "main"
    weights_url: HttpUrl | None = None
    auth_token: SecretStr | None = None
    huggingface_token: SecretStr | None = None


class Lora(Base):
    rank: Count | None = None
    target_modules: list[Text] | None = None
    alpha: Positive | None = None
    dropout: Fraction | None = None


class Qlora(Base):
    use_double_quant: bool = True
    bnb_4bit_compute_dtype: Literal["float16", "bfloat16"] = "bfloat16"
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = "nf4"


class Peft(Base):
    use: bool = True
    config: dict[str, Any] = Field(default_factory=dict)


class Customization(Base):
    method: Literal["full", "lora", "qlora", "peft", "adapter"] = "lora"
    rank: Count | None = None
    target_modules: list[Text] | None = None
    lora_alpha: Positive | None = None
    lora_dropout: Fraction | None = None
    lora: Lora | None = None
    trainable_layers: list[Text] = Field(default_factory=list)
    precision: Literal["fp32", "fp16", "bf16", "int8"] = "bf16"
    gradient_checkpointing: bool | None = None
    qlora: Qlora | None = None
    peft: Peft | None = None

    @model_validator(mode="after")
    def merge_lora(self) -> Customization:
        """Folds the flat spelling into the nested one; both and different is an error."""
        lora = self.lora or Lora()
        flat = (
            ("rank", self.rank),
            ("target_modules", self.target_modules),
            ("alpha", self.lora_alpha),
            ("dropout", self.lora_dropout),
        )
        for name, value in flat:
            nested = getattr(lora, name)
            if value is not None and nested is not None and value != nested:
                raise ValueError(f"differs from customization.lora.{name}; give one of them")
            if value is not None:
                setattr(lora, name, value)
        self.lora = Lora(
            rank=lora.rank or 16,
            target_modules=lora.target_modules or [],
            alpha=lora.alpha or 32,
            dropout=0.05 if lora.dropout is None else lora.dropout,
        )
        self.rank = self.target_modules = self.lora_alpha = self.lora_dropout = None
        return self


class Resources(Base):
    gpus: Annotated[int, Field(ge=0, le=100_000)] = 1
    gpu_type: Text | None = None
    cpus: Count = 8
    memory_gb: Count = 64
    max_duration_minutes: Annotated[int, Field(ge=1, le=525_600)] | None = None


class StorageAuth(Base):
    token: SecretStr | None = None
    username: SecretStr | None = None
    password: SecretStr | None = None
    role_arn: Text | None = None
    aws_access_key_id: SecretStr | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    aws_region: Text | None = None


class Dataset(Base):
    source: Text
    format: Literal["jsonl", "parquet", "csv", "hf", "nemo"]
    split: Text | None = None
    streaming: bool = False
    auth: StorageAuth | None = None


class Artifacts(Base):
    log_uri: Text
    output_uri: Text
    status_stream_url: HttpUrl | None = None
    auth: StorageAuth | None = None


class TuningParameters(BaseModel):
    model_config = ConfigDict(extra="allow")

    learning_rate: Positive = 5e-5
    batch_size: Count = 32
    micro_batch_size: Count | None = None
    num_epochs: Count = 3
    warmup_ratio: Fraction = 0.1
    max_sequence_length: Count = 2048
    weight_decay: Annotated[float, Field(ge=0)] = 0.01


class Callbacks(Base):
    webhook_url: HttpUrl | None = None
    auth_header: SecretStr | None = None
    event_filter: list[Status] | None = None


class ExtraParameters(BaseModel):
    model_config = ConfigDict(extra="allow", protected_namespaces=())

    container_image: Text | None = None
    num_nodes: Count = 1
    trainer_command: list[str] | None = None
    trainer_args: list[str] | None = None
    trainer_env: dict[str, SecretStr] | None = None
    queue_name: Text | None = None


class TrainingRequest(Base):
    job_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
    base_model: BaseModelSection
    customization: Customization = Field(default_factory=Customization)
    resources: Resources = Field(default_factory=Resources)
    datasets: Annotated[list[Dataset], Field(min_length=1)]
    artifacts: Artifacts
    tuning_parameters: TuningParameters = Field(default_factory=TuningParameters)
    callbacks: Callbacks | None = None
    extra_parameters: ExtraParameters = Field(default_factory=ExtraParameters)
