"""After the training, in a process of its own: the uploaded model beside its base model.

`python -m trainer_runtime.training.compare WORK_DIR MODEL_DIR` writes `comparison.json` there.
Loss is per token, over rows that were held out (or, without any, rows that were trained on).
"""

import gc
import os
import sys
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import torch

from trainer_runtime.comparison import Answer, Comparison, prompt_of
from trainer_runtime.datasets import DatasetFacts, load_rows
from trainer_runtime.run_description import RunDescription
from trainer_runtime.training.load_model import DTYPES, load_tokenizer, quantization_config
from trainer_runtime.training.parent import die_with_parent
from trainer_runtime.work_files import WorkFiles, write_json

MAX_ROWS: Final = 64
MAX_PROMPTS: Final = 3
MAX_NEW_TOKENS: Final = 128


def compare(files: WorkFiles, model_dir: Path) -> Comparison:
    """Loss and answers of both models on the same rows."""
    from datasets import Dataset

    run = RunDescription.read(files)
    facts = DatasetFacts.from_json(run.dataset)
    held_out = files.encoded / "evaluation.arrow"
    role: Literal["train", "evaluation"] = "evaluation" if held_out.exists() else "train"
    encoded = Dataset.from_file(str(files.encoded / f"{role}.arrow"))
    rows = [encoded[index] for index in range(min(MAX_ROWS, len(encoded)))]
    tokenizer = load_tokenizer(model_dir)
    prompts = [
        text
        for row in islice(load_rows(facts, role), MAX_PROMPTS)
        if (text := prompt_of(row, tokenizer, wraps_turns=facts.source_shape == "instruction"))
    ]
    base = _load(run, Path(run.model_path))
    base_loss = mean_loss(base, rows, tokenizer.pad_token_id)
    base_answers = [_answer(base, tokenizer, prompt, model_dir) for prompt in prompts]
    tuned = _load_tuned(run, base, model_dir)
    tuned_loss = mean_loss(tuned, rows, tokenizer.pad_token_id)
    tuned_answers = [_answer(tuned, tokenizer, prompt, model_dir) for prompt in prompts]
    return Comparison(
        rows=len(rows),
        rows_kind="held-out" if role == "evaluation" else "training",
        base_loss=base_loss,
        tuned_loss=tuned_loss,
        prompts=tuple(prompts),
        base=tuple(base_answers),
        tuned=tuple(tuned_answers),
    )


def _load(run: RunDescription, folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    plan = run.plan
    arguments: dict[str, Any] = {
        "dtype": DTYPES[plan.precision],
        "trust_remote_code": False,
        "local_files_only": True,
        "use_safetensors": True,
    }
    if plan.quantization is not None:
        arguments["quantization_config"] = quantization_config(plan.quantization)
    if plan.device == "gpu":
        arguments["device_map"] = {"": 0}
    return AutoModelForCausalLM.from_pretrained(str(folder), **arguments).eval()


def _load_tuned(run: RunDescription, base: Any, model_dir: Path) -> Any:
    """An adapter on the base model that is loaded already; else the tuned weights in its stead."""
    if run.plan.adapter is not None:
        from peft import PeftModel

        return PeftModel.from_pretrained(base, str(model_dir)).eval()
    base.to("meta")
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return _load(run, model_dir)


@torch.inference_mode()
def mean_loss(model: Any, rows: list[dict[str, list[int]]], pad: int) -> float:
    """Mean of the loss over all labelled tokens of `rows` (input_ids, labels)."""
    total, count = 0.0, 0
    for row in rows:
        ids = torch.tensor([row["input_ids"]], device=model.device)
        labels = torch.tensor([row["labels"]], device=model.device)[:, 1:]
        logits = model(input_ids=ids).logits[:, :-1].float()
        total += float(
            torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum"
            )
        )
        count += int((labels != -100).sum())
    return total / max(1, count)


@torch.inference_mode()
def _answer(model: Any, tokenizer: Any, prompt: str, model_dir: Path) -> Answer:
    """The most likely words after `prompt`, and whether they end with a token that ends a turn."""
    from transformers import GenerationConfig

    stop = GenerationConfig.from_pretrained(str(model_dir)).eos_token_id
    stops = stop if isinstance(stop, list) else [] if stop is None else [stop]
    encoded = tokenizer(prompt, return_tensors="pt", add_special_tokens=not tokenizer.chat_template)
    ids = encoded["input_ids"].to(model.device)
    output = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        generation_config=GenerationConfig(
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            eos_token_id=stops or None,
            pad_token_id=tokenizer.pad_token_id,
        ),
    )[0, ids.shape[1] :].tolist()
    ended = bool(output) and output[-1] in stops
    return Answer(tokenizer.decode(output, skip_special_tokens=True).strip(), ended)


def main() -> int:
    die_with_parent(int(os.environ.get("TRAINER_PARENT_PID") or os.getppid()))
    folder, model_dir = Path(sys.argv[1]), Path(sys.argv[2])
    comparison = compare(WorkFiles(folder), model_dir)
    write_json(folder / "comparison.json", comparison.to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
