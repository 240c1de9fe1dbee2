"""Unsloth: its kernels and its loading, TRL's loop. It patches what is imported after it."""

from typing import Any

from trainer_runtime.engines.trl import build_sft_trainer
from trainer_runtime.reasons import RunError
from trainer_runtime.run_description import RunDescription


class UnslothEngine:
    """See `Engine`. Importing this module imports Unsloth, before TRL and transformers."""

    def __init__(self) -> None:
        try:
            import unsloth  # noqa: F401 - it patches trl and transformers
        except (ImportError, RuntimeError, NotImplementedError) as error:
            raise RunError(
                "ENGINE_UNAVAILABLE", f"Unsloth is installed but cannot run here: {error}"[:300]
            ) from error

    def load(self, run: RunDescription) -> tuple[Any, Any]:
        from unsloth import FastLanguageModel

        from trainer_runtime.training.load_model import load_tokenizer

        model, _ = FastLanguageModel.from_pretrained(**load_arguments(run))
        # The base model's own tokenizer: Unsloth may add a padding token that others do not know.
        return model, load_tokenizer(run.model_path)

    def build_trainer(
        self,
        run: RunDescription,
        model: Any,
        tokenizer: Any,
        *,
        output: str,
        rows: Any,
        evaluation_rows: Any,
        warnings: list[str],
    ) -> Any:
        from unsloth import FastLanguageModel

        from trainer_runtime.training.trainable import freeze_all_but

        plan = run.plan
        if plan.adapter is not None:
            model = FastLanguageModel.get_peft_model(
                model, **adapter_arguments(run, _targets(model, run, warnings))
            )
        elif plan.trainable_layers:
            freeze_all_but(model, plan.trainable_layers, warnings)
        return build_sft_trainer(
            run,
            model,
            tokenizer,
            output=output,
            rows=rows,
            evaluation_rows=evaluation_rows,
            adapter=None,
        )


def load_arguments(run: RunDescription) -> dict[str, Any]:
    """`FastLanguageModel.from_pretrained`'s arguments. Pure."""
    plan = run.plan
    return {
        "model_name": run.model_path,
        "max_seq_length": plan.max_length,
        "load_in_4bit": plan.quantization is not None and plan.quantization.bits == 4,
        "load_in_8bit": plan.quantization is not None and plan.quantization.bits == 8,
        "full_finetuning": plan.adapter is None,
        "trust_remote_code": False,
        # Weights stay the request's own: no mirror in 4 bits is loaded in their stead.
        "use_exact_model_name": True,
        "dtype": None,
    }


def adapter_arguments(run: RunDescription, targets: list[str] | str) -> dict[str, Any]:
    """`FastLanguageModel.get_peft_model`'s arguments. Pure."""
    plan = run.plan
    assert plan.adapter is not None
    return {
        "r": plan.adapter.rank,
        "lora_alpha": plan.adapter.alpha,
        "lora_dropout": plan.adapter.dropout,
        "target_modules": targets,
        "use_gradient_checkpointing": _checkpointing(run),
        "random_state": plan.seed,
        **plan.adapter.fields,
    }


def _checkpointing(run: RunDescription) -> bool | str:
    if not run.plan.gradient_checkpointing:
        return False
    return "unsloth" if run.plan.optimize_long_context else True


def _targets(model: Any, run: RunDescription, warnings: list[str]) -> list[str] | str:
    from trainer_runtime.training.trainable import choose_targets

    assert run.plan.adapter is not None
    return choose_targets(model, run.plan.adapter, run.plan.trainable_layers, warnings)
