"""The most memory that trainings took on a GPU: many in one process, a few steps each.

    measured_memory.py SETTINGS.json

Each model is loaded, and each trainer is built, by the runtime's own engine. SETTINGS: {out,
seconds, models: [{name, folder, shape, cases: [{name, request}]}]}; `out` gets the same models,
each case with

- `bytes`: weights, gradients and optimizer, counted from their tensors;
- `peak_bytes`: the most that was allocated at once, of steps in which all of these are there;
- `reserved_bytes`: what the allocator took from the card for that;
- `outside_bytes`: what this process took on the card besides, CUDA's own;
- `left_bytes`: what the case before had left allocated, and is in no other figure;

or with `error`. Without a GPU only the bytes are told. A case that no time is left for is left out.
"""

import gc
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback

from measured_bytes import gradient_bytes, optimizer_bytes, weight_bytes
from trainer_runtime.build_plan import build_plan
from trainer_runtime.contract import read_job
from trainer_runtime.devices import inspect_machine
from trainer_runtime.engines import create_engine
from trainer_runtime.operator_settings import read_operator_settings
from trainer_runtime.plan import Plan
from trainer_runtime.run_description import RunDescription
from trainer_runtime.training.memory_check import check_memory

#: Of the optimiser the first step makes the state, the second one has everything, the third is
#: there to see that nothing grows.
STEPS = 3


def main() -> None:
    started = time.monotonic()
    settings = json.loads(Path(sys.argv[1]).read_text())
    # Before this process is on the card: what others hold there is none of its.
    others = _used_of_card()
    measured = []
    for model in settings["models"]:
        cases: list[dict[str, Any]] = []
        measured.append({"name": model["name"], "shape": model["shape"], "cases": cases})
        for case in model["cases"]:
            if time.monotonic() - started > settings["seconds"]:
                print(f"no time is left for {case['name']}", flush=True)
                continue
            began = time.monotonic()
            cases.append({**case, **_measure_or_say(case["request"], model, others)})
            print(f"{case['name']}: {time.monotonic() - began:.1f} s", flush=True)
            # After each, so that what was measured survives a later one that hangs.
            Path(settings["out"]).write_text(json.dumps({"models": measured}, indent=2) + "\n")


def _measure_or_say(request: dict[str, Any], model: dict[str, Any], others: int) -> dict[str, Any]:
    try:
        return measure(request, model, others)
    except Exception as error:  # noqa: BLE001 - the other cases are measured all the same
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def measure(sections: dict[str, Any], model: dict[str, Any], others: int) -> dict[str, Any]:
    """Trains `STEPS` steps of full rows as the request says."""
    gc.collect()
    has_card = torch.cuda.is_available()
    if has_card:
        torch.cuda.empty_cache()
        # They are kept for good, and each case is to take its own.
        torch._C._cuda_clearCublasWorkspaces()
    left = torch.cuda.memory_allocated() if has_card else 0
    with tempfile.TemporaryDirectory() as output:
        counted = _train(_describe(sections, model), model["shape"]["vocabulary"], output)
    if not has_card:
        return {"bytes": counted}
    free, whole = torch.cuda.mem_get_info()
    return {
        "bytes": counted,
        "peak_bytes": torch.cuda.max_memory_allocated() - left,
        "reserved_bytes": torch.cuda.max_memory_reserved(),
        "outside_bytes": whole - free - torch.cuda.memory_reserved() - others,
        "left_bytes": left,
    }


def _used_of_card() -> int:
    if shutil.which("nvidia-smi") is None:
        return 0
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return int(told) * 1024**2 if told.isdigit() else 0


def _describe(sections: dict[str, Any], model: dict[str, Any]) -> RunDescription:
    request = {
        "job_id": "memory",
        "base_model": {"provider": "custom", "model_name": model["folder"]},
        "datasets": [{"source": "rows.jsonl", "format": "jsonl"}],
        "artifacts": {"log_uri": "/logs", "output_uri": "/output"},
        "resources": {"gpus": torch.cuda.device_count()},
        **sections,
    }
    request["tuning_parameters"] = {**sections["tuning_parameters"], "max_steps": STEPS}
    job = read_job({"TRAINING_REQUEST_JSON": json.dumps(request), "TRAINING_BACKEND": "meta"})
    operator = read_operator_settings({})
    plan = build_plan(job, inspect_machine(), operator, processes=1, has_evaluation_rows=False)
    return RunDescription(
        job_id=job.job_id,
        plan=plan,
        model_path=model["folder"],
        model_name=model["name"],
        revision="main",
        dataset={},
        fingerprint={},
        resume_checkpoint=None,
        checkpoint_minutes=0,
        stacks_seconds=None,
    )


class Counter(TrainerCallback):
    """Counts what is kept where a step has it."""

    def __init__(self) -> None:
        self.bytes: dict[str, int] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **of: Any) -> None:
        self.bytes["gradients"] = gradient_bytes(of["model"])

    def on_step_end(self, args: Any, state: Any, control: Any, **of: Any) -> None:
        self.bytes["weights"] = weight_bytes(of["model"])
        self.bytes["optimizer"] = optimizer_bytes(of["optimizer"])


def _train(run: RunDescription, vocabulary: int, output: str) -> dict[str, int]:
    engine = create_engine(run.plan.engine)
    model, tokenizer = engine.load(run)
    rows = _full_rows(run.plan, vocabulary)
    trainer = engine.build_trainer(
        run, model, tokenizer, output=output, rows=rows, evaluation_rows=None, warnings=[]
    )
    counter = Counter()
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(counter)
    # As a job does, which begins to count its peak after it.
    check_memory(
        trainer,
        [rows[0]] * run.plan.batch.micro,
        optimizer=run.plan.optimizer,
        checkpoints_activations=run.plan.gradient_checkpointing,
    )
    trainer.train()
    return {term: counter.bytes[term] for term in ("weights", "gradients", "optimizer")}


def _full_rows(plan: Plan, vocabulary: int) -> Dataset:
    """Of the greatest length, so that every step takes what one can take at most."""
    random = np.random.default_rng(0)
    # The first ones pad rows and end them.
    ids = random.integers(10, vocabulary, (plan.batch.size * STEPS, plan.max_length)).tolist()
    return Dataset.from_dict({"input_ids": ids, "labels": ids})


if __name__ == "__main__":
    main()
