"""The trained model as it is uploaded: what others load, and nothing that only this run knew."""

import json
from pathlib import Path
from typing import Any

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
    trainer.save_model(str(folder))
    if not trainer.is_world_process_zero():
        return
    tokenizer.save_pretrained(str(folder))
    if generation is not None:
        _make_valid(generation)
        generation.save_pretrained(str(folder))
    for name in _LEFT_OUT:
        (folder / name).unlink(missing_ok=True)
    _name_base_model(folder / "adapter_config.json", run)


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
