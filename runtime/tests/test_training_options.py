"""Settings that few use, all in one job: each must show in what is trained."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from training_jobs import JobRun

pytestmark = pytest.mark.train


def test_a_job_with_many_settings(make_job: Callable[..., JobRun]) -> None:
    job = make_job(
        "options",
        customization={
            "method": "peft",
            "peft": {"use": True, "config": {"r": 4, "use_rslora": True, "bias": "none"}},
            "trainable_layers": ["decoder.layers.1", "decoder.layers.77"],
            "gradient_checkpointing": True,
        },
        tuning_parameters={
            "packing": True,
            "max_steps": 4,
            "logging_steps": 2,
            "lr_scheduler_type": "cosine",
            "seed": 7,
            "batch_size": 4,
            "output_dir": "/nowhere",
        },
    ).run()
    assert job.status == 0, job.log
    config = job.json("model/adapter_config.json")
    assert (config["r"], config["use_rslora"]) == (4, True)
    assert config["target_modules"]
    assert all(".layers.1." in f".{name}." for name in config["target_modules"])
    run = job.json("run.json")
    warnings = " ".join(run["warnings"])
    assert "decoder.layers.77" in warnings
    assert "output_dir" in warnings
    lines = [json.loads(line) for line in (job.output / "metrics.jsonl").read_text().splitlines()]
    assert {line["step"] for line in lines} <= {1, 2, 4}
    assert run["summary"]["step"] == 4
    status = json.loads((job.folder / "status.json").read_text())
    assert (status["step"], status["max_steps"], status["percentage"]) == (4, 4, 100.0)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_model)


def test_every_linear_layer_but_the_head(model: Any) -> None:
    from trainer_runtime.plan import AdapterPlan
    from trainer_runtime.training.trainable import choose_targets, linear_modules

    names = linear_modules(model)
    assert len(names) == 4 * 7
    assert "lm_head" not in names
    adapter = AdapterPlan(8, 16, 0.0, (), {})
    assert choose_targets(model, adapter, (), []) == "all-linear"
    warnings: list[str] = []
    chosen = choose_targets(model, adapter, ("model.layers.0", "layers.9"), warnings)
    assert chosen == [name for name in names if ".layers.0." in name]
    assert len(warnings) == 1 and "layers.9" in warnings[0]


def test_targets_that_cannot_be(model: Any) -> None:
    from trainer_runtime.plan import AdapterPlan
    from trainer_runtime.reasons import RunError
    from trainer_runtime.training.trainable import choose_targets

    with pytest.raises(RunError, match="nothing would be trained"):
        choose_targets(model, AdapterPlan(8, 16, 0.0, ("c_attn",), {}), (), [])
    with pytest.raises(RunError, match="head"):
        choose_targets(model, AdapterPlan(8, 16, 0.0, ("lm_head",), {}), (), [])


def test_weights_are_published_as_their_base_was(model: Any, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from trainer_runtime.training.save_model import save_weights

    save_weights(model, torch.bfloat16, tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, dtype="auto")
    assert again.dtype is torch.bfloat16
    assert again.get_output_embeddings().weight is again.get_input_embeddings().weight
    size = sum(path.stat().st_size for path in tmp_path.glob("*.safetensors"))
    assert size < 2.1 * sum(value.numel() for value in model.parameters())
    for before, after in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(before.to(torch.bfloat16), after)


def test_full_trains_only_the_named_layers(model: Any) -> None:
    from trainer_runtime.training.trainable import freeze_all_but

    freeze_all_but(model, ("transformer.layers.2",), [])
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    assert trained and all(".layers.2." in name for name in trained)
