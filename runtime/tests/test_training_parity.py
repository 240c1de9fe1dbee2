"""The same request as a request and as a plain TRL script, its settings written by hand."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from training_jobs import JobRun

pytestmark = pytest.mark.train

#: A script that anybody would write; nothing of the runtime is in it.
SCRIPT = textwrap.dedent(
    """
    import json, sys, torch
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
    from trl import SFTConfig, SFTTrainer

    method, model_name, rows, out = sys.argv[1:5]
    quantization = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16) if method == "qlora" else None
    model = AutoModelForCausalLM.from_pretrained(
        model_name, dtype=torch.float32, quantization_config=quantization)
    trainer = SFTTrainer(
        model=model,
        processing_class=AutoTokenizer.from_pretrained(model_name),
        train_dataset=load_dataset("json", data_files=rows, split="train"),
        peft_config=None if method == "full" else LoraConfig(
            r=8, lora_alpha=16, lora_dropout=0.0, target_modules="all-linear",
            task_type="CAUSAL_LM"),
        args=SFTConfig(
            output_dir=out + "/trl", learning_rate=5e-3 if method != "full" else 1e-3,
            per_device_train_batch_size=4, gradient_accumulation_steps=2, num_train_epochs=2,
            warmup_steps=0.1, weight_decay=0.0, lr_scheduler_type="linear", max_grad_norm=1.0,
            max_length=128, assistant_only_loss=True, activation_checkpointing=False, bf16=False,
            use_cpu=True, logging_steps=1, save_strategy="no", report_to=[], seed=42, data_seed=42))
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    losses = {entry["step"]: entry["loss"] for entry in logged}
    json.dump(losses, open(out + "/losses.json", "w"))
    """
)


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_the_losses_of_a_plain_trl_script(
    method: str, make_job: Callable[..., JobRun], tiny_model: Path, chat_file: Path, tmp_path: Path
) -> None:
    if method == "qlora":
        pytest.importorskip("bitsandbytes")
    job = make_job(
        method,
        customization={"method": method},
        tuning_parameters={
            "micro_batch_size": 4,
            "num_epochs": 2,
            "learning_rate": 5e-3 if method != "full" else 1e-3,
        },
    ).run()
    assert job.status == 0, job.log
    variables = {k: v for k, v in job.variables().items() if not k.startswith("TRAIN")}
    subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, method, tiny_model, chat_file, tmp_path],
        check=True,
        env=variables,
    )
    plain = {int(k): v for k, v in json.loads((tmp_path / "losses.json").read_text()).items()}
    assert len(plain) == 12
    assert job.losses().keys() == plain.keys()
    assert job.losses() == pytest.approx(plain, abs=1e-4)
    assert plain[12] < plain[1]
