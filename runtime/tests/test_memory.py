"""The bytes that a training keeps, counted by method on a model of 100 million random weights.

`fixtures/memory-100m.json` holds what was counted, and `fixtures/memory-layer.json` what a forward
pass keeps of a layer. The services' estimate (packages/common, `plans/memory-estimate.test.ts`) is
held against the same files, so that neither drifts alone.
"""

import gc
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_engines import describe
from tiny_model import make_model

from measured_bytes import gradient_bytes, kept_bytes, optimizer_bytes, weight_bytes
from trainer_runtime.devices import Machine
from trainer_runtime.run_description import RunDescription

COUNTED = json.loads((Path(__file__).parent / "fixtures/memory-100m.json").read_text())
SHAPE = COUNTED["shape"]
LAYER = json.loads((Path(__file__).parent / "fixtures/memory-layer.json").read_text())
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


@pytest.mark.parametrize("case", LAYER["cases"], ids=lambda case: case["name"])
def test_bytes_that_a_layer_keeps_of_a_token(case: dict[str, Any], tmp_path: Path) -> None:
    kept = []
    # Nothing before the first layer is trained, so that it keeps less than those that follow.
    for layers in (2, 3):
        folder = make_model(
            tmp_path / f"model-{layers}", layers=layers, hidden=LAYER["layer"]["hidden"], heads=12
        )
        kept.append(_keep_in_forward(case["request"], folder, tmp_path / f"output-{layers}"))
    of_layer = (kept[1] - kept[0]) / LAYER["tokens"]
    assert of_layer == pytest.approx(case["kept"], rel=0.01)


def _keep_in_forward(sections: dict[str, Any], folder: Path, output: Path) -> int:
    import torch

    run, trainer = _build(sections, folder, output, length=LAYER["tokens"])
    trainer.model.train()
    batch = trainer.data_collator([trainer.train_dataset[0]])

    def forward() -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=run.plan.precision == "bf16"):
            return trainer.compute_loss(trainer.model, batch)

    return kept_bytes(trainer.model, forward)


def _build(
    sections: dict[str, Any], folder: Path, output: Path, *, length: int
) -> tuple[RunDescription, Any]:
    """The trainer of a request, over one row."""
    from datasets import Dataset

    from trainer_runtime.engines.trl import TrlEngine

    described = describe(sections, machine=CPU, environ={"TRAINER_DEVICE": "cpu"})
    run = replace(described, model_path=str(folder))
    engine = TrlEngine()
    model, tokenizer = engine.load(run)
    ids = [5 + place % 4 for place in range(length)]
    trainer = engine.build_trainer(
        run,
        model,
        tokenizer,
        output=str(output),
        rows=Dataset.from_list([{"input_ids": ids, "labels": ids}]),
        evaluation_rows=None,
        warnings=[],
    )
    return run, trainer


def _train_one_step(sections: dict[str, Any], folder: Path, output: Path) -> dict[str, int]:
    import torch

    run, trainer = _build(sections, folder, output, length=4)
    try:
        trainer.create_optimizer()
        trained = trainer.model
        batch = trainer.data_collator([trainer.train_dataset[0]])
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
        del trainer
        gc.collect()
