"""What becomes of every field of a request, for each engine: used, or named in a warning.

`SERVICE` fields are acted on before the container starts. The services test their schema against
this table, so that a new field cannot be forgotten.
"""

from dataclasses import dataclass
from typing import Final, Literal

Effect = Literal["used", "warned", "service", "refused"]


@dataclass(frozen=True)
class Field:
    """`path` as a client writes it (`[]` for each element); `how` for people."""

    path: str
    effect: Effect
    how: str
    #: Where an engine differs: engine → (effect, how).
    differs: tuple[tuple[str, Effect, str], ...] = ()


def _used(path: str, how: str, *differs: tuple[str, Effect, str]) -> Field:
    return Field(path, "used", how, differs)


def _service(path: str, how: str) -> Field:
    return Field(path, "service", how)


def _warned(path: str, how: str, *differs: tuple[str, Effect, str]) -> Field:
    return Field(path, "warned", how, differs)


_AUTH = "Key of its storage; never in the training process"
_LORA = "`LoraConfig`'s"
_AUTH_NAMES = (
    "token", "username", "password", "role_arn", "aws_access_key_id", "aws_secret_access_key",
    "aws_session_token", "aws_region",
)  # fmt: skip

FIELDS: Final[tuple[Field, ...]] = (
    _used("job_id", "Names the folder of the result"),
    _service("base_model.provider", "Each service takes some; the model's files decide the rest"),
    _used("base_model.model_name", "Hub name or path; stands in the adapter's configuration"),
    _used("base_model.revision", "Of the hub's model"),
    _used("base_model.weights_url", "Where the model's files are instead of the hub"),
    _used("base_model.auth_token", "Opens the hub, where huggingface_token is not given"),
    _used("base_model.huggingface_token", "Opens the hub"),
    _used("customization.method", "`full` trains all weights, the others an adapter"),
    _used("customization.rank", f"{_LORA} r"),
    _used("customization.target_modules", f"{_LORA} target_modules; empty: every linear layer"),
    _used("customization.lora_alpha", f"{_LORA} lora_alpha"),
    _used("customization.lora_dropout", f"{_LORA} lora_dropout"),
    _used("customization.lora.rank", "The nested spelling of rank"),
    _used("customization.lora.target_modules", "The nested spelling of target_modules"),
    _used("customization.lora.alpha", "The nested spelling of lora_alpha"),
    _used("customization.lora.dropout", "The nested spelling of lora_dropout"),
    _used(
        "customization.trainable_layers",
        "Limits where the adapter is put; with `full`, what is not frozen",
    ),
    _used(
        "customization.precision",
        "What is computed in, or the nearest that the hardware has; `int8` keeps an adapter's base "
        "in 8 bits",
    ),
    _used("customization.gradient_checkpointing", "Activations are computed again"),
    _used("customization.qlora.use_double_quant", "With `qlora`, else a warning"),
    _used("customization.qlora.bnb_4bit_compute_dtype", "With `qlora`, else a warning"),
    _used("customization.qlora.bnb_4bit_quant_type", "With `qlora`, else a warning"),
    _used("customization.peft.use", "With method `peft`, `false` trains all weights"),
    _used("customization.peft.config", "Through the table of PEFT keys below alone"),
    _used("resources.gpus", "One process each; a promised GPU that is not there ends the run"),
    _service("resources.gpu_type", "Chooses the node"),
    _service("resources.cpus", "Of each node"),
    _service("resources.memory_gb", "Of each node"),
    _service("resources.max_duration_minutes", "The job's deadline"),
    _used("datasets[].source", "Read before the training"),
    _used("datasets[].format", "How its files are read"),
    _used("datasets[].split", "Which part; further ones named eval or test are evaluated on"),
    _warned("datasets[].streaming", "All rows are on disk before the training"),
    *(_used(f"datasets[].auth.{name}", _AUTH) for name in _AUTH_NAMES),
    _used("artifacts.log_uri", "The masked log, in pieces"),
    _used("artifacts.output_uri", "Everything that the run leaves, below the job's id"),
    _used("artifacts.status_stream_url", "Gets the reports, without credentials"),
    *(_used(f"artifacts.auth.{name}", _AUTH) for name in _AUTH_NAMES),
    _used("tuning_parameters.learning_rate", "Of AdamW"),
    _used("tuning_parameters.batch_size", "Rows of a step over all processes"),
    _used("tuning_parameters.micro_batch_size", "Rows of a process at a time"),
    _used("tuning_parameters.num_epochs", "Passes over the rows"),
    _used("tuning_parameters.warmup_ratio", "Share of the steps"),
    _used("tuning_parameters.max_sequence_length", "Longer rows are cut, and counted"),
    _used("tuning_parameters.weight_decay", "Of AdamW"),
    _used("tuning_parameters.gradient_checkpointing", "As in customization"),
    _service("callbacks.webhook_url", "The service tells the webhook"),
    _service("callbacks.auth_header", "The service tells the webhook"),
    _service("callbacks.event_filter", "The service tells the webhook"),
    _service("extra_parameters.runtime_ref", "Which runtime runs"),
    _service("extra_parameters.tolerations", "Of the pods"),
    _service("extra_parameters.node_selector", "Of the pods"),
    _service("extra_parameters.image_pull_secrets", "Of the pods"),
    _service("extra_parameters.priority_class_name", "Of the queue"),
    _service("extra_parameters.container_image", "Replaces the image"),
    _used("extra_parameters.num_nodes", "Nodes that train together"),
    _service("extra_parameters.num_proc_per_node", "Processes of each node"),
    _service("extra_parameters.resources_per_node", "Of the pods"),
    _service("extra_parameters.trainer_command", "Replaces this runtime"),
    _service("extra_parameters.trainer_args", "Arguments of the command"),
    _service("extra_parameters.trainer_env", "Variables of the container"),
    _service("extra_parameters.job_labels", "Of the TrainJob"),
    _service("extra_parameters.job_annotations", "Of the TrainJob"),
    _used("extra_parameters.model_uri", "Read, where no initializer left it in /workspace/model"),
    _service("extra_parameters.executor", "Launcher of trainer_args"),
    _warned(
        "extra_parameters.unsloth.optimize_long_context",
        "Unsloth's alone",
        ("unsloth", "used", "Unsloth's own gradient checkpointing"),
    ),
    _used(
        "extra_parameters.unsloth.quantization",
        "`bnb-nf4` or `bnb-fp4` with `qlora`, else a warning",
    ),
    _used("extra_parameters.unsloth.gradient_accumulation", "Steps whose gradients are added up"),
    _service("extra_parameters.queue_name", "Kueue's queue"),
    _service("extra_parameters.mock", "The mock runner's"),
    _used("extra_parameters.evaluation.dataset", "This dataset's rows are held out"),
    _used("extra_parameters.evaluation.share", "This share of the rows is held out"),
    _used("extra_parameters.evaluation.every", "Steps between evaluations; else each epoch"),
    _used(
        "extra_parameters.evaluation.early_stopping_patience", "Evaluations without a better loss"
    ),
    _used("extra_parameters.evaluation.keep", "`best` or `last`"),
    _used("extra_parameters.bad_rows", "`fail`, or `skip` up to 1 % of the rows"),
    _used("extra_parameters.resume_from", "A job's id, its folder, or a checkpoint"),
)

ENGINES: Final = ("trl", "unsloth", "nemo")


def effect_for(field: Field, engine: str) -> tuple[Effect, str]:
    """What `engine` does with `field`."""
    for name, effect, how in field.differs:
        if name == engine:
            return effect, how
    return field.effect, field.how
