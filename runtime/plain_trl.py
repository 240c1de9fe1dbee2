"""A training script as anybody would write it with TRL, to measure the runtime against.

    plain_trl.py SETTINGS.json

Nothing of the runtime is in it. SETTINGS: {model, rows, out, method, precision, cpu, steps, micro,
accumulation, length, learning_rate}; `out` gets {started, imported, loaded, read, built,
steps: [[step, seconds, tokens, loss]], peak_bytes}, times as UNIX seconds.
"""

import json
import sys
import time
from pathlib import Path

STARTED = time.time()

import torch  # noqa: E402
from datasets import load_dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    TrainerCallback,
)
from trl import SFTConfig, SFTTrainer  # noqa: E402

IMPORTED = time.time()


class StepTimes(TrainerCallback):
    """When each step was logged, with TRL's own count of tokens."""

    def __init__(self):
        self.rows = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "loss" in logs:
            self.rows.append(
                [state.global_step, time.time(), logs.get("num_tokens", 0), logs["loss"]]
            )


def main():
    settings = json.loads(Path(sys.argv[1]).read_text())
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    is_full = settings["method"] == "full"
    quantization = None
    if settings["method"] == "qlora":
        quantization = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    model = AutoModelForCausalLM.from_pretrained(
        settings["model"],
        dtype=torch.float32 if is_full else dtypes[settings["precision"]],
        quantization_config=quantization,
        device_map=None if settings["cpu"] else {"": 0},
    )
    tokenizer = AutoTokenizer.from_pretrained(settings["model"])
    loaded = time.time()
    rows = load_dataset("json", data_files=settings["rows"], split="train")
    read = time.time()
    times = StepTimes()
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=rows,
        peft_config=None
        if is_full
        else LoraConfig(
            r=16,
            lora_alpha=32,
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        args=SFTConfig(
            output_dir=f"{settings['out']}-trl",
            max_steps=settings["steps"],
            per_device_train_batch_size=settings["micro"],
            gradient_accumulation_steps=settings["accumulation"],
            learning_rate=settings["learning_rate"],
            warmup_steps=0.1,
            weight_decay=0.0,
            max_length=settings["length"],
            gradient_checkpointing=False,
            bf16=settings["precision"] == "bf16",
            use_cpu=settings["cpu"],
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=42,
        ),
        callbacks=[times],
    )
    built = time.time()
    trainer.train()
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    told = {
        "started": STARTED,
        "imported": IMPORTED,
        "loaded": loaded,
        "read": read,
        "built": built,
        "steps": times.rows,
        "peak_bytes": peak,
    }
    Path(settings["out"]).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
