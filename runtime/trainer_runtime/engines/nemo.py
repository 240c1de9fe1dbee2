"""NeMo AutoModel: its loading and attention, PEFT's adapters, TRL's loop. It needs a GPU."""

from typing import Any

from trainer_runtime.engines.trl import TrlEngine
from trainer_runtime.reasons import RunError
from trainer_runtime.run_description import RunDescription


class NemoEngine(TrlEngine):
    """See `Engine`; only how the model is loaded differs from trl."""

    def __init__(self) -> None:
        try:
            from nemo_automodel import NeMoAutoModelForCausalLM
        except (ImportError, RuntimeError, OSError) as error:
            raise RunError(
                "ENGINE_UNAVAILABLE",
                f"NeMo AutoModel is installed but cannot run here: {error}"[:300],
            ) from error
        self._model_class = NeMoAutoModelForCausalLM

    def load(self, run: RunDescription) -> tuple[Any, Any]:
        from trainer_runtime.training.load_model import (
            DTYPES,
            first_line,
            load_tokenizer,
            quantization_config,
        )

        arguments = load_arguments(run)
        arguments["dtype"] = DTYPES[arguments["dtype"]]
        if run.plan.quantization is not None:
            arguments["quantization_config"] = quantization_config(run.plan.quantization)
        try:
            model = self._model_class.from_pretrained(run.model_path, **arguments)
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise RunError(
                "MODEL_INCOMPATIBLE", f"NeMo AutoModel cannot load the model: {first_line(error)}"
            ) from error
        model.config.use_cache = False
        return model, load_tokenizer(run.model_path)


def load_arguments(run: RunDescription) -> dict[str, Any]:
    """`NeMoAutoModelForCausalLM.from_pretrained`'s arguments; `dtype` is a name. Pure."""
    return {
        "dtype": run.plan.precision if run.plan.adapter is not None else "fp32",
        # transformers' own classes, so that PEFT and others load what is trained.
        "force_hf": True,
        # TRL computes the loss from the head itself; Liger's would take its place.
        "use_liger_kernel": False,
        "use_sdpa_patching": True,
        "trust_remote_code": False,
    }
