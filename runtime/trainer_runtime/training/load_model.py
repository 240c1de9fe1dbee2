"""Loads the base model and its tokenizer from a local folder: safetensors only, no remote code."""

import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from trainer_runtime.plan import Plan, QuantizationPlan
from trainer_runtime.reasons import RunError

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def load_tokenizer(folder: Path | str) -> Any:
    """The tokenizer, with a padding token; raises `RunError` MODEL_INCOMPATIBLE."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise RunError(
            "MODEL_INCOMPATIBLE", f"The model's tokenizer cannot be loaded: {first_line(error)}"
        ) from error
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise RunError(
                "MODEL_INCOMPATIBLE", "The model's tokenizer names no token that ends a text."
            )
        # Labels say what carries loss, so that padding with the end token hides no end.
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer


def load_model(folder: Path | str, plan: Plan) -> Any:
    """The base model, on the device that it trains on.

    An adapter's base is kept in the precision that is computed in; weights that are trained
    themselves are kept in fp32, since bf16 cannot hold an optimiser's small steps.
    Raises `RunError` MODEL_INCOMPATIBLE.
    """
    dtype = DTYPES[plan.precision] if plan.adapter is not None else torch.float32
    arguments: dict[str, Any] = {
        "dtype": dtype,
        "trust_remote_code": False,
        "local_files_only": True,
        "use_safetensors": True,
    }
    if plan.quantization is not None:
        arguments["quantization_config"] = quantization_config(plan.quantization)
    if plan.device == "gpu":
        arguments["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    try:
        model = AutoModelForCausalLM.from_pretrained(str(folder), **arguments)
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise RunError(
            "MODEL_INCOMPATIBLE", f"The model cannot be loaded: {first_line(error)}"
        ) from error
    model.config.use_cache = False
    return model


def quantization_config(plan: QuantizationPlan) -> Any:
    """The plan in bitsandbytes' words."""
    from transformers import BitsAndBytesConfig

    if plan.bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=plan.quant_type,
        bnb_4bit_use_double_quant=plan.use_double_quant,
        bnb_4bit_compute_dtype=getattr(torch, plan.compute_dtype),
    )


def first_line(error: BaseException) -> str:
    """The beginning of an error's message, for a sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
