"""The trained model as it is uploaded: what others load, and nothing that only this run knew."""

import json
from pathlib import Path
from typing import Any

import torch

from trainer_runtime.run_description import RunDescription

#: Written by trainers and read by nobody who loads a model; the first is a pickle.
_LEFT_OUT = ("training_args.bin", "README.md")


def save_model(
    trainer: Any, tokenizer: Any, run: RunDescription, stop_ids: list[int], folder: Path
) -> None:
    """Writes adapter or weights, tokenizer, template and generation config to `folder`.

    All ranks call it; the first one writes.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    generation = getattr(model, "generation_config", None)
    if generation is not None and stop_ids:
        generation.eos_token_id = stop_ids if len(stop_ids) > 1 else stop_ids[0]
        if tokenizer.pad_token_id is not None:
            generation.pad_token_id = tokenizer.pad_token_id
    dtype = _base_dtype(run) if run.plan.adapter is None else None
    if dtype is None:
        trainer.save_model(str(folder))
    elif trainer.is_world_process_zero():
        save_weights(model, dtype, folder)
    if not trainer.is_world_process_zero():
        return
    tokenizer.save_pretrained(str(folder))
    if generation is not None:
        _make_valid(generation)
        generation.save_pretrained(str(folder))
    for name in _LEFT_OUT:
        (folder / name).unlink(missing_ok=True)
    _name_base_model(folder / "adapter_config.json", run)


def save_weights(model: Any, dtype: torch.dtype, folder: Path) -> None:
    """Weights in `dtype`; what is trained in fp32 is published as its base model was."""
    cast: dict[int, torch.Tensor] = {}
    state = {}
    for name, value in model.state_dict().items():
        # Tied weights stay one tensor, or they would be written twice.
        kept = cast.setdefault(
            value.data_ptr(), value.to(dtype) if value.is_floating_point() else value
        )
        state[name] = kept
    model.save_pretrained(str(folder), state_dict=state)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["dtype"] = str(dtype).removeprefix("torch.")
    config.pop("torch_dtype", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _base_dtype(run: RunDescription) -> torch.dtype | None:
    """bf16 or fp16 where the base model's weights are; None for fp32."""
    config = json.loads((Path(run.model_path) / "config.json").read_text())
    name = config.get("dtype") or config.get("torch_dtype")
    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(name)


def _name_base_model(path: Path, run: RunDescription) -> None:
    """PEFT writes the path that it loaded from (Unsloth its own mirror): the request's name and
    revision are what others can load."""
    if not path.exists():
        return
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = run.model_name
    config["revision"] = run.revision
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _make_valid(generation: Any) -> None:
    """Some models ship sampling values beside greedy decoding, which saving refuses."""
    if not generation.do_sample and (
        generation.temperature not in (None, 1.0)
        or generation.top_p not in (None, 1.0)
        or generation.top_k not in (None, 50)
    ):
        generation.do_sample = True
