"""Contract + dataset facts + what this machine has → a plan. Pure.

Every field of a request is used here or named in `Plan.warnings`; `request_fields` has the table.
"""

from dataclasses import replace
from typing import Any

from trainer_runtime.contract import Customization, Evaluation, Job
from trainer_runtime.devices import Machine
from trainer_runtime.operator_settings import OperatorSettings
from trainer_runtime.peft_table import read_peft_config
from trainer_runtime.plan import AdapterPlan, EvaluationPlan, Plan, QuantizationPlan
from trainer_runtime.plan_batch import choose_batch
from trainer_runtime.plan_engine import choose_engine
from trainer_runtime.reasons import RunError
from trainer_runtime.request_fields import FIELDS
from trainer_runtime.settings import read_settings

#: The keys of `extra_parameters` in the table, and `trainer_command`'s other name.
_KNOWN_KEYS = frozenset(
    field.path.split(".")[1] for field in FIELDS if field.path.startswith("extra_parameters.")
) | {"command"}


def build_plan(
    job: Job,
    machine: Machine,
    operator: OperatorSettings,
    *,
    processes: int,
    has_evaluation_rows: bool,
    wants_tracking: bool = False,
) -> Plan:
    """What to do with `job` on `machine` in `processes` processes over all nodes.

    Raises `RunError` CONFIG_INVALID for settings that cannot be, GPU_UNAVAILABLE for a GPU that was
    promised and is not there, ENGINE_UNAVAILABLE for an engine or a method without its package.
    """
    warnings: list[str] = []
    device = choose_device(job, machine, operator)
    engine = choose_engine(job, machine, operator.engine_fallback, device, warnings)
    settings, violations, unknown = read_settings(job.tuning.extra)
    warnings += unknown
    adapter = _plan_adapter(job.customization, violations, warnings)
    quantization = _plan_quantization(job.customization, adapter is not None, violations, warnings)
    if violations:
        raise RunError("CONFIG_INVALID", "; ".join(violations) + ".")
    if quantization is not None and "bitsandbytes" not in machine.packages:
        raise RunError(
            "ENGINE_UNAVAILABLE",
            f"Weights of {quantization.bits} bits need the package bitsandbytes, which is not "
            "installed.",
        )
    if adapter is not None and "peft" not in machine.packages:
        raise RunError(
            "ENGINE_UNAVAILABLE", "An adapter needs the package peft, which is not installed."
        )
    quantization = _apply_unsloth(job, engine, quantization, warnings)
    _warn_of_the_rest(job, warnings)
    track = wants_tracking and "wandb" in machine.packages
    if wants_tracking and not track:
        warnings.append(
            "WANDB_API_KEY is set, but wandb is not installed: nothing is tracked there"
        )
    return Plan(
        engine=engine,
        device=device,
        method="full" if adapter is None else job.customization.method,
        adapter=adapter,
        quantization=quantization,
        precision=_choose_precision(job.customization.precision, machine, device, warnings),
        trainable_layers=job.customization.trainable_layers,
        gradient_checkpointing=job.customization.gradient_checkpointing,
        batch=choose_batch(job, processes, warnings),
        epochs=job.tuning.num_epochs,
        max_steps=settings["max_steps"],
        learning_rate=job.tuning.learning_rate,
        warmup_ratio=job.tuning.warmup_ratio,
        weight_decay=job.tuning.weight_decay,
        max_length=job.tuning.max_sequence_length,
        scheduler=settings["lr_scheduler_type"],
        seed=settings["seed"],
        logging_steps=settings["logging_steps"],
        max_grad_norm=float(settings["max_grad_norm"]),
        packing=settings["packing"],
        optimizer=settings["optim"],
        optimize_long_context=job.unsloth is not None and job.unsloth.optimize_long_context,
        adam=(settings["adam_beta1"], settings["adam_beta2"], settings["adam_epsilon"]),
        evaluation=_plan_evaluation(job.evaluation, has_evaluation_rows, warnings),
        track=track,
        warnings=tuple(warnings),
    )


def choose_device(job: Job, machine: Machine, operator: OperatorSettings) -> str:
    """ "gpu" or "cpu". A promised GPU that is not there raises `RunError` GPU_UNAVAILABLE: a large
    model on CPUs would be running for weeks."""
    if operator.device == "cpu" or job.resources.gpus == 0:
        return "cpu"
    if machine.gpus == 0:
        raise RunError(
            "GPU_UNAVAILABLE",
            f"The job was promised {job.resources.gpus} GPU(s), and this process sees none; "
            "TRAINER_DEVICE=cpu, set by the operator, trains without.",
        )
    return "gpu"


def choose_processes(
    machine: Machine, operator: OperatorSettings, device: str, *, launched: int
) -> int:
    """Training processes of this node: as the operator or the launcher says (0: neither does), else
    one for each GPU, or one. More than the GPUs that are there raise `RunError` GPU_UNAVAILABLE."""
    processes = operator.processes or launched or (machine.gpus if device == "gpu" else 1)
    if device == "gpu" and processes > machine.gpus:
        raise RunError(
            "GPU_UNAVAILABLE",
            f"This node was promised {processes} GPU(s), one for each process, and this process "
            f"sees {machine.gpus}.",
        )
    return processes


def _plan_adapter(
    customization: Customization, violations: list[str], warnings: list[str]
) -> AdapterPlan | None:
    """LoRA for every method but full; PEFT's own settings go before the request's fields."""
    fields: dict[str, Any] = {}
    peft = customization.peft
    if customization.method == "full":
        if peft is not None and peft.use and peft.config:
            warnings.append("customization.peft is ignored, since customization.method is full")
        return None
    if peft is not None and not peft.use:
        if customization.method == "peft":
            return None
        warnings.append(
            f"customization.peft.use is false, but customization.method is {customization.method}: "
            "an adapter is trained, without customization.peft.config"
        )
    elif peft is not None:
        fields, refused, unknown = read_peft_config(peft.config)
        violations += refused
        warnings += unknown
    lora = customization.lora
    own = {
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": lora.target_modules,
    }
    defaults = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.05, "target_modules": ()}
    chosen: dict[str, Any] = {}
    for name, value in own.items():
        given = fields.pop(name, value)
        if name == "target_modules":
            given = () if given == "all-linear" else tuple(given)
        if given != value and value != defaults[name]:
            warnings.append(
                f"customization.peft.config.{name} goes before the field of customization"
            )
        chosen[name] = given
    return AdapterPlan(
        rank=chosen["r"],
        alpha=float(chosen["lora_alpha"]),
        dropout=float(chosen["lora_dropout"]),
        target_modules=chosen["target_modules"],
        fields=fields,
    )


def _plan_quantization(
    customization: Customization, has_adapter: bool, violations: list[str], warnings: list[str]
) -> QuantizationPlan | None:
    if customization.qlora is not None:
        if customization.precision == "int8":
            warnings.append(
                "customization.precision int8 is ignored: qlora keeps weights in 4 bits"
            )
        qlora = customization.qlora
        return QuantizationPlan(
            4, qlora.bnb_4bit_quant_type, qlora.use_double_quant, qlora.bnb_4bit_compute_dtype
        )
    if customization.precision != "int8":
        return None
    if not has_adapter:
        violations.append(
            "customization.precision int8 needs an adapter: weights of 8 bits cannot be trained"
        )
    return QuantizationPlan(8, "", False, "")


def _apply_unsloth(
    job: Job, engine: str, quantization: QuantizationPlan | None, warnings: list[str]
) -> QuantizationPlan | None:
    """The options of the hf-unsloth service that concern weights and memory."""
    options = job.unsloth
    if options is None:
        return quantization
    if options.optimize_long_context and engine != "unsloth":
        warnings.append(
            f"extra_parameters.unsloth.optimize_long_context acts with Unsloth alone; {engine} "
            "trains"
        )
    if quantization is None or quantization.bits != 4:
        if options.quantization != "bnb-nf4":
            warnings.append("extra_parameters.unsloth.quantization acts with method qlora alone")
        return quantization
    kinds = {"bnb-nf4": "nf4", "bnb-fp4": "fp4"}
    if options.quantization not in kinds:
        warnings.append(
            "extra_parameters.unsloth.quantization is neither bnb-nf4 nor bnb-fp4 and is ignored"
        )
    elif kinds[options.quantization] == "fp4":
        return replace(quantization, quant_type="fp4")
    return quantization


def _choose_precision(asked: str, machine: Machine, device: str, warnings: list[str]) -> str:
    """As asked where the hardware has it, else the nearest that it has."""
    wanted = "bf16" if asked == "int8" else asked
    if wanted == "bf16" and not machine.has_bf16 and device == "gpu":
        warnings.append("This GPU has no bf16: the job computes in fp16")
        return "fp16"
    if wanted == "bf16" and device == "cpu" and not machine.has_cpu_bf16:
        warnings.append("This CPU has no bf16: the job computes in fp32")
        return "fp32"
    if wanted == "fp16" and device == "cpu":
        warnings.append("fp16 is not trained in on a CPU: the job computes in fp32")
        return "fp32"
    return wanted


def _plan_evaluation(
    asked: Evaluation | None, has_rows: bool, warnings: list[str]
) -> EvaluationPlan | None:
    if not has_rows:
        if asked is not None:
            warnings.append(
                "extra_parameters.evaluation finds no rows to evaluate on and is ignored"
            )
        return None
    if asked is None:
        return EvaluationPlan(every=None, early_stopping_patience=None, keep="last")
    return EvaluationPlan(asked.every, asked.early_stopping_patience, asked.keep)


def _warn_of_the_rest(job: Job, warnings: list[str]) -> None:
    """What is accepted and acts differently here than its sender may think."""
    for index, dataset in enumerate(job.datasets):
        if dataset.streaming:
            warnings.append(
                f"datasets[{index}].streaming: the rows are fetched before the training and "
                "read from disk"
            )
    for key in job.extra_parameters:
        if key not in _KNOWN_KEYS:
            shown = key if len(key) <= 80 else f"{key[:80]}…"
            warnings.append(f"extra_parameters.{shown} is not acted on")
