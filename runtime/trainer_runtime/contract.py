"""The `TRAINING_*` variables of the training container as frozen dataclasses.

The words and the defaults are those of `POST /train`; a normalised request reads the same way as
one whose defaults were left out. Credentials are no part of it: they stand in variables of their
own and are read by `credentials`.
"""

from collections.abc import Mapping
from typing import Any

from trainer_runtime.fields import Fields, parse_json_object
from trainer_runtime.job import (
    FORMATS,
    METHODS,
    PRECISIONS,
    Artifacts,
    BaseModel,
    Customization,
    Dataset,
    Evaluation,
    Job,
    Lora,
    Peft,
    Qlora,
    Resources,
    Tuning,
    Unsloth,
)
from trainer_runtime.reasons import RunError

__all__ = [
    "FORMATS",
    "METHODS",
    "PRECISIONS",
    "Artifacts",
    "BaseModel",
    "Customization",
    "Dataset",
    "Evaluation",
    "Job",
    "Lora",
    "Peft",
    "Qlora",
    "Resources",
    "Tuning",
    "Unsloth",
    "parse_job",
    "read_job",
]


def read_job(environ: Mapping[str, str]) -> Job:
    """The job that `TRAINING_REQUEST_JSON`, `TRAINING_BACKEND` and `UNSLOTH_OPTIONS_JSON` describe.

    Raises `RunError` CONFIG_INVALID with one sentence that names every violation; it repeats no
    value, since a misplaced one may be a credential.
    """
    text = environ.get("TRAINING_REQUEST_JSON")
    if not text:
        raise RunError(
            "CONFIG_INVALID", "TRAINING_REQUEST_JSON is not set: nothing says what to do."
        )
    job, violations = parse_job(
        parse_json_object(text, "TRAINING_REQUEST_JSON"),
        backend=environ.get("TRAINING_BACKEND", ""),
        unsloth_options=environ.get("UNSLOTH_OPTIONS_JSON"),
    )
    if violations:
        raise RunError("CONFIG_INVALID", "; ".join(violations) + ".")
    return job


def parse_job(
    request: Mapping[str, Any], *, backend: str, unsloth_options: str | None = None
) -> tuple[Job, list[str]]:
    """The job of a request, and a clause for each violation (empty for a valid one)."""
    violations: list[str] = []
    root = Fields(request, "", violations)
    extra = root.section("extra_parameters")
    unsloth = extra.section("unsloth") if extra.has("unsloth") else None
    if unsloth is None and unsloth_options:
        options = parse_json_object(unsloth_options, "UNSLOTH_OPTIONS_JSON")
        unsloth = Fields(options, "extra_parameters.unsloth", violations)
    datasets = tuple(_read_dataset(entry) for entry in root.sections("datasets"))
    job = Job(
        job_id=root.text("job_id"),
        backend=backend,
        base_model=_read_base_model(root.section("base_model")),
        customization=_read_customization(root.section("customization")),
        resources=_read_resources(root.section("resources")),
        datasets=datasets,
        artifacts=_read_artifacts(root.section("artifacts")),
        tuning=_read_tuning(root.section("tuning_parameters")),
        extra_parameters=extra.values,
        evaluation=_read_evaluation(extra, len(datasets)),
        bad_rows=extra.choice("bad_rows", ("fail", "skip"), "fail"),  # type: ignore[arg-type]
        resume_from=extra.optional_text("resume_from"),
        model_uri=extra.optional_text("model_uri"),
        unsloth=None if unsloth is None else _read_unsloth(unsloth),
        num_nodes=extra.whole("num_nodes", 1, at_least=1),
    )
    return job, violations


def _read_base_model(fields: Fields) -> BaseModel:
    return BaseModel(
        provider=fields.text("provider"),
        model_name=fields.text("model_name"),
        revision=fields.text("revision", "main"),
        weights_url=fields.optional_text("weights_url"),
    )


def _read_customization(fields: Fields) -> Customization:
    method = fields.choice("method", METHODS, "lora")
    lora = fields.section("lora")
    # The normalised form nests what the wire may also spell flat.
    flat = {"rank": "rank", "target_modules": "target_modules"}
    flat |= {"lora_alpha": "alpha", "lora_dropout": "dropout"}
    nested = {name: fields.values[key] for key, name in flat.items() if fields.has(key)}
    lora = Fields({**nested, **lora.values}, "customization.lora", fields.violations)
    qlora = fields.section("qlora")
    peft = fields.section("peft") if fields.has("peft") else None
    return Customization(
        method=method,
        lora=Lora(
            rank=lora.whole("rank", 16, at_least=1),
            target_modules=_read_target_modules(lora),
            alpha=lora.number("alpha", 32.0, above=0),
            dropout=lora.number("dropout", 0.05, at_least=0, at_most=1),
        ),
        trainable_layers=fields.texts("trainable_layers"),
        precision=fields.choice("precision", PRECISIONS, "bf16"),
        gradient_checkpointing=fields.boolean("gradient_checkpointing", True),
        qlora=_read_qlora(qlora) if method == "qlora" else None,
        peft=None
        if peft is None
        else Peft(use=peft.boolean("use", True), config=peft.section("config").values),
    )


def _read_target_modules(lora: Fields) -> tuple[str, ...]:
    """`"all-linear"` is the word for the default, which an empty list means too."""
    if lora.values.get("target_modules") == "all-linear":
        return ()
    names = lora.texts("target_modules")
    return () if names == ("all-linear",) else names


def _read_qlora(fields: Fields) -> Qlora:
    return Qlora(
        use_double_quant=fields.boolean("use_double_quant", True),
        bnb_4bit_compute_dtype=fields.choice(
            "bnb_4bit_compute_dtype", ("float16", "bfloat16"), "bfloat16"
        ),
        bnb_4bit_quant_type=fields.choice("bnb_4bit_quant_type", ("nf4", "fp4"), "nf4"),
    )


def _read_resources(fields: Fields) -> Resources:
    return Resources(
        gpus=fields.whole("gpus", 1, at_least=0),
        gpu_type=fields.optional_text("gpu_type"),
        cpus=fields.whole("cpus", 8, at_least=1),
        memory_gb=fields.whole("memory_gb", 64, at_least=1),
        max_duration_minutes=fields.optional_whole("max_duration_minutes", at_least=1),
    )


def _read_dataset(fields: Fields) -> Dataset:
    return Dataset(
        source=fields.text("source"),
        format=fields.choice("format", FORMATS, "auto"),
        split=fields.optional_text("split"),
        streaming=fields.boolean("streaming", False),
    )


def _read_artifacts(fields: Fields) -> Artifacts:
    return Artifacts(
        log_uri=fields.text("log_uri"),
        output_uri=fields.text("output_uri"),
        status_stream_url=fields.optional_text("status_stream_url"),
    )


_TUNING_FIELDS = frozenset(
    {
        "learning_rate",
        "batch_size",
        "micro_batch_size",
        "num_epochs",
        "warmup_ratio",
        "max_sequence_length",
        "weight_decay",
    }
)


def _read_tuning(fields: Fields) -> Tuning:
    return Tuning(
        learning_rate=fields.number("learning_rate", 5e-5, above=0),
        batch_size=fields.whole("batch_size", 32, at_least=1),
        micro_batch_size=fields.optional_whole("micro_batch_size", at_least=1),
        num_epochs=fields.whole("num_epochs", 3, at_least=1),
        warmup_ratio=fields.number("warmup_ratio", 0.1, at_least=0, at_most=1),
        max_sequence_length=fields.whole("max_sequence_length", 2048, at_least=1),
        weight_decay=fields.number("weight_decay", 0.01, at_least=0),
        extra={key: value for key, value in fields.values.items() if key not in _TUNING_FIELDS},
    )


def _read_evaluation(extra: Fields, dataset_count: int) -> Evaluation | None:
    if not extra.has("evaluation"):
        return None
    fields = extra.section("evaluation")
    dataset = fields.optional_whole("dataset", at_least=0)
    share = fields.optional_number("share", above=0, below=1)
    if dataset is not None and share is not None:
        fields.refuse("share", "must not stand beside dataset; give one of them")
    if dataset is not None and dataset >= dataset_count:
        fields.refuse("dataset", f"must be the index of one of the {dataset_count} datasets")
    if dataset is not None and dataset_count == 1:
        fields.refuse("dataset", "leaves no dataset to train on")
    return Evaluation(
        dataset=dataset,
        share=share,
        every=fields.optional_whole("every", at_least=1),
        early_stopping_patience=fields.optional_whole("early_stopping_patience", at_least=1),
        keep=fields.choice("keep", ("best", "last"), "last"),  # type: ignore[arg-type]
    )


def _read_unsloth(fields: Fields) -> Unsloth:
    return Unsloth(
        optimize_long_context=fields.boolean("optimize_long_context", True),
        quantization=fields.text("quantization", "bnb-nf4"),
        gradient_accumulation=fields.whole("gradient_accumulation", 4, at_least=1),
    )
