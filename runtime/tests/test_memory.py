"""The bytes that a training keeps, counted by method on a model of 100 million random weights.

`fixtures/memory-100m.json` holds what was counted. The services' estimate (packages/common,
`plans/memory-estimate.test.ts`) is held against the same file, so that neither drifts alone.
"""

import gc
import json
from pathlib import Path
from typing import Any

import pytest
from test_engines import describe
from tiny_model import make_model

from measured_bytes import gradient_bytes, optimizer_bytes, weight_bytes
from trainer_runtime.devices import Machine

COUNTED = json.loads((Path(__file__).parent / "fixtures/memory-100m.json").read_text())
SHAPE = COUNTED["shape"]
CPU = Machine(0, None, True, 1, {"trl": "1", "peft": "1", "bitsandbytes": "1", "torch": "1"})


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    return make_model(
        tmp_path_factory.mktemp("model"),
        layers=SHAPE["layers"],
        hidden=SHAPE["hidden"],
        heads=12,
        vocabulary=SHAPE["vocabulary"],
    )


@pytest.mark.parametrize("case", COUNTED["cases"], ids=lambda case: case["name"])
def test_bytes_by_method(case: dict[str, Any], model_folder: Path, tmp_path: Path) -> None:
    counted = _train_one_step(case["request"], model_folder, tmp_path)
    for term, expected in case["bytes"].items():
        assert counted[term] == pytest.approx(expected, rel=0.01), term


def _train_one_step(sections: dict[str, Any], folder: Path, output: Path) -> dict[str, int]:
    import torch
    from datasets import Dataset

    from trainer_runtime.engines.trl import TrlEngine

    run = describe(sections, machine=CPU, environ={"TRAINER_DEVICE": "cpu"})
    run = type(run)(**{**vars(run), "model_path": str(folder)})
    engine = TrlEngine()
    model, tokenizer = engine.load(run)
    rows = Dataset.from_list([{"input_ids": [5, 6, 7, 8], "labels": [5, 6, 7, 8]}])
    trainer = engine.build_trainer(
        run,
        model,
        tokenizer,
        output=str(output),
        rows=rows,
        evaluation_rows=None,
        warnings=[],
    )
    try:
        trainer.create_optimizer()
        trained = trainer.model
        batch = trainer.data_collator([rows[0]])
        with torch.autocast("cpu", torch.bfloat16, enabled=run.plan.precision == "bf16"):
            loss = trainer.compute_loss(trained, batch)
        loss.backward()
        gradients = gradient_bytes(trained)
        trainer.optimizer.step()
        return {
            "weights": weight_bytes(trained),
            "gradients": gradients,
            "optimizer": optimizer_bytes(trainer.optimizer),
        }
    finally:
        del trainer, model
        gc.collect()
