"""How a plan becomes the words of Unsloth and of NeMo AutoModel; neither is installed here."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_plan import A100, plan

from trainer_runtime.devices import Machine
from trainer_runtime.fingerprint import build_fingerprint, differing
from trainer_runtime.reasons import RunError
from trainer_runtime.run_description import RunDescription
from trainer_runtime.work_files import WorkFiles


def describe(sections: dict[str, Any], **more: Any) -> RunDescription:
    return RunDescription(
        job_id="j",
        plan=plan(sections, **more),
        model_path="/models/x",
        model_name="org/model",
        revision="main",
        dataset={},
        fingerprint={},
        resume_checkpoint=None,
        checkpoint_minutes=30,
        stacks_seconds=None,
    )


def test_unsloths_words() -> None:
    pytest.importorskip("torch")
    from trainer_runtime.engines.unsloth import adapter_arguments, load_arguments

    machine = Machine(1, 90, True, 2, {**A100.packages, "unsloth": "1"})
    run = describe(
        {"customization": {"method": "qlora"}},
        machine=machine,
        backend="hf-unsloth",
        unsloth='{"optimize_long_context": true}',
    )
    loading = load_arguments(run)
    assert loading["load_in_4bit"] is True
    assert loading["full_finetuning"] is False
    assert loading["trust_remote_code"] is False
    assert loading["use_exact_model_name"] is True
    assert loading["max_seq_length"] == run.plan.max_length
    adapter = adapter_arguments(run, "all-linear")
    assert (adapter["r"], adapter["lora_alpha"], adapter["lora_dropout"]) == (8, 16.0, 0.0)
    assert adapter["use_gradient_checkpointing"] is False
    checkpointed = replace(run, plan=replace(run.plan, gradient_checkpointing=True))
    assert adapter_arguments(checkpointed, [])["use_gradient_checkpointing"] == "unsloth"


def test_nemos_words() -> None:
    pytest.importorskip("torch")
    from trainer_runtime.engines.nemo import load_arguments

    run = describe({"customization": {"method": "full", "precision": "bf16"}})
    assert load_arguments(run)["dtype"] == "fp32"
    assert load_arguments(describe({"customization": {"precision": "bf16"}}))["dtype"] == "bf16"
    assert load_arguments(run)["trust_remote_code"] is False
    assert load_arguments(run)["force_hf"] is True


@pytest.mark.parametrize("name", ["unsloth", "nemo"])
def test_an_engine_that_cannot_be_imported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from trainer_runtime.engines import create_engine

    for module in ("unsloth", "nemo_automodel"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RunError) as caught:
        create_engine(name)
    assert caught.value.code == "ENGINE_UNAVAILABLE"


def test_a_description_survives_its_file(tmp_path: Path) -> None:
    run = describe({"customization": {"method": "qlora"}})
    files = WorkFiles(tmp_path)
    run.write(files)
    assert RunDescription.read(files) == run


def test_the_fingerprint_names_what_differs() -> None:
    import json

    from test_plan import build_request

    from trainer_runtime.contract import read_job

    def fingerprint(**sections: Any) -> dict[str, Any]:
        request = build_request(Path("/x"), "org/model", "s3://b/x.jsonl", **sections)
        job = read_job({"TRAINING_REQUEST_JSON": json.dumps(request)})
        made: dict[str, Any] = build_fingerprint(job, plan(sections), "abc")
        return made

    first = fingerprint()
    other = fingerprint(
        customization={"lora": {"rank": 4, "alpha": 16, "dropout": 0.0, "target_modules": []}},
        tuning_parameters={"num_epochs": 9},
    )
    assert differing(first, other, "must") == ["customization.rank"]
    assert differing(first, other, "may") == ["num_epochs"]
    # Where a checkpoint stands is counted in batches of rows in one order.
    others = {"batch_size": 2, "seed": 7}
    for name, value in others.items():
        other = fingerprint(tuning_parameters={name: value})
        assert differing(first, other, "must") == [f"tuning_parameters.{name}"]
    # A checkpoint of an earlier release has both among what may differ.
    earlier = {"must": dict(first["must"]), "may": dict(first["may"])}
    for name in others:
        earlier["may"][name] = earlier["must"].pop(name)
    assert differing(first, earlier, "must") == differing(first, earlier, "may") == []
    earlier["may"]["batch_size"] = 2
    assert differing(first, earlier, "must") == ["tuning_parameters.batch_size"]
    # lora and adapter are two words for one method.
    assert differing(first, fingerprint(customization={"method": "adapter"}), "must") == []
    assert "customization.method" in differing(
        first, fingerprint(customization={"method": "full"}), "must"
    )
