"""Contract + data + machine → plan: every field acts, or is named in a warning."""

import json
from pathlib import Path
from typing import Any

import pytest
from training_jobs import build_request

from trainer_runtime.build_plan import build_plan, choose_processes
from trainer_runtime.contract import read_job
from trainer_runtime.devices import Machine
from trainer_runtime.operator_settings import OperatorSettings, read_operator_settings
from trainer_runtime.plan import Plan
from trainer_runtime.reasons import RunError

PACKAGES = {"trl": "1", "peft": "1", "bitsandbytes": "1", "torch": "1"}
A100 = Machine(8, 80, False, 16, PACKAGES)


def plan(
    sections: dict[str, Any],
    *,
    machine: Machine = A100,
    processes: int = 1,
    backend: str = "meta",
    environ: dict[str, str] | None = None,
    unsloth: str = "",
    has_rows: bool = False,
) -> Plan:
    request = build_request(Path("/x"), "org/model", "s3://b/x.jsonl", **sections)
    job = read_job(
        {
            "TRAINING_REQUEST_JSON": json.dumps(request),
            "TRAINING_BACKEND": backend,
            "UNSLOTH_OPTIONS_JSON": unsloth,
        }
    )
    operator: OperatorSettings = read_operator_settings(environ or {})
    return build_plan(job, machine, operator, processes=processes, has_evaluation_rows=has_rows)


@pytest.mark.parametrize(
    ("batch", "processes", "micro", "expected"),
    [
        (32, 1, None, (32, 8, 4)),
        (32, 3, None, (30, 5, 2)),
        (7, 1, None, (7, 7, 1)),
        (22, 2, None, (22, 1, 11)),
        (64, 4, 2, (64, 2, 8)),
        (10, 1, 4, (8, 4, 2)),
        (2, 4, None, (4, 1, 1)),
        (4, 1, 16, (4, 4, 1)),
    ],
)
def test_batch(
    batch: int, processes: int, micro: int | None, expected: tuple[int, int, int]
) -> None:
    made = plan(
        {"tuning_parameters": {"batch_size": batch, "micro_batch_size": micro}},
        processes=processes,
    )
    size, rows, accumulation = expected
    assert (made.batch.size, made.batch.micro, made.batch.accumulation) == expected
    assert size == rows * accumulation * processes
    assert any("batch_size" in warning for warning in made.warnings) == (
        size != batch or (micro or 0) > rows
    )


def test_unsloths_accumulation_decides_the_micro_batch() -> None:
    made = plan({}, unsloth='{"gradient_accumulation": 4, "optimize_long_context": false}')
    assert (made.batch.micro, made.batch.accumulation) == (2, 4)
    assert not made.warnings


def test_a_promised_gpu_must_be_there() -> None:
    bare = Machine(0, None, True, 2, PACKAGES)
    with pytest.raises(RunError) as caught:
        plan({}, machine=bare)
    assert caught.value.code == "GPU_UNAVAILABLE"
    assert plan({}, machine=bare, environ={"TRAINER_DEVICE": "cpu"}).device == "cpu"
    assert plan({"resources": {"gpus": 0}}, machine=bare).device == "cpu"


def test_every_process_has_a_gpu_of_its_own() -> None:
    four = Machine(4, 90, True, 2, PACKAGES)

    def choose(launched: int, device: str = "gpu", **environ: str) -> int:
        operator = read_operator_settings(environ)
        return choose_processes(four, operator, device, launched=launched)

    assert [choose(0), choose(2), choose(4), choose(0, "cpu"), choose(8, "cpu")] == [4, 2, 4, 1, 8]
    assert choose(8, TRAINER_PROCESSES="1") == 1
    with pytest.raises(RunError, match=r"promised 8 .* sees 4") as caught:
        choose(8)
    assert caught.value.code == "GPU_UNAVAILABLE"


def test_attempts_are_counted_from_one() -> None:
    def attempt(**environ: str) -> int:
        return read_operator_settings(environ).attempt

    assert attempt() == 1
    assert attempt(TRAINER_RESTARTS="0") == 1
    assert attempt(TRAINER_RESTARTS="2") == 3
    assert attempt(TRAINER_ATTEMPT="5", TRAINER_RESTARTS="2") == 5
    # A pod that JobSet did not make has no such label.
    assert attempt(TRAINER_RESTARTS="") == 1


@pytest.mark.parametrize(
    ("asked", "machine", "expected"),
    [
        ("bf16", A100, "bf16"),
        ("bf16", Machine(1, 75, True, 2, PACKAGES), "fp16"),
        ("bf16", Machine(0, None, False, 2, PACKAGES), "fp32"),
        ("bf16", Machine(0, None, True, 2, PACKAGES), "bf16"),
        ("fp16", Machine(0, None, True, 2, PACKAGES), "fp32"),
        ("fp16", A100, "fp16"),
        ("fp32", A100, "fp32"),
        ("int8", A100, "bf16"),
    ],
)
def test_precision_is_the_nearest_that_is_there(
    asked: str, machine: Machine, expected: str
) -> None:
    environ = {} if machine.gpus else {"TRAINER_DEVICE": "cpu"}
    made = plan({"customization": {"precision": asked}}, machine=machine, environ=environ)
    assert made.precision == expected
    is_other = expected != asked and asked != "int8"
    assert any("computes in" in warning for warning in made.warnings) == is_other


def test_int8_needs_an_adapter() -> None:
    assert plan({"customization": {"precision": "int8"}}).quantization.bits == 8  # type: ignore[union-attr]
    with pytest.raises(RunError, match="int8 needs an adapter"):
        plan({"customization": {"precision": "int8", "method": "full"}})


@pytest.mark.parametrize(
    ("backend", "packages", "device", "engine"),
    [
        ("meta", {}, "gpu", "trl"),
        ("hf-unsloth", {"unsloth": "1"}, "gpu", "unsloth"),
        ("hf-unsloth", {}, "gpu", None),
        ("nemo", {"nemo_automodel": "1"}, "gpu", "nemo"),
        ("nemo", {"nemo_automodel": "1"}, "cpu", None),
    ],
)
def test_engines(backend: str, packages: dict[str, str], device: str, engine: str | None) -> None:
    machine = Machine(1, 90, True, 2, PACKAGES | packages)
    environ = {"TRAINER_DEVICE": "cpu"} if device == "cpu" else {}
    if engine is not None:
        assert plan({}, machine=machine, backend=backend, environ=environ).engine == engine
        return
    with pytest.raises(RunError) as caught:
        plan({}, machine=machine, backend=backend, environ=environ)
    assert (caught.value.code, caught.value.exit_status) == ("ENGINE_UNAVAILABLE", 4)
    made = plan(
        {}, machine=machine, backend=backend, environ={**environ, "TRAINER_ENGINE_FALLBACK": "trl"}
    )
    assert made.engine == "trl"
    assert any("trl trains instead" in warning for warning in made.warnings)


def test_peft_config_goes_through_the_table_alone() -> None:
    config = {
        "task_type": "CAUSAL_LM",
        "r": 4,
        "use_rslora": True,
        "tokenizer_kwargs": {"trust_remote_code": True},
        "loftq_config": {"path": "/etc/passwd"},
    }
    made = plan({"customization": {"method": "peft", "peft": {"use": True, "config": config}}})
    assert made.adapter is not None
    assert made.adapter.rank == 4
    assert made.adapter.fields == {"use_rslora": True}
    named = " ".join(made.warnings)
    assert "tokenizer_kwargs" in named and "loftq_config" in named
    assert "passwd" not in named


def test_a_wrong_peft_value_is_refused() -> None:
    with pytest.raises(RunError, match=r"customization\.peft\.config\.r must be"):
        plan({"customization": {"peft": {"use": True, "config": {"r": "many"}}}})


def test_peft_without_use_trains_all_weights() -> None:
    made = plan({"customization": {"method": "peft", "peft": {"use": False, "config": {}}}})
    assert (made.method, made.adapter) == ("full", None)


def test_unknown_keys_are_named_and_known_ones_act() -> None:
    made = plan(
        {
            "tuning_parameters": {"seed": 7, "packing": True, "output_dir": "/", "deepspeed": {}},
            "extra_parameters": {"volumes": []},
            "datasets": [{"source": "s3://b/x.jsonl", "format": "jsonl", "streaming": True}],
        }
    )
    assert (made.seed, made.packing) == (7, True)
    named = " ".join(made.warnings)
    for name in ("output_dir", "deepspeed", "volumes", "streaming"):
        assert name in named


def test_a_wrong_setting_is_refused() -> None:
    with pytest.raises(RunError, match=r"tuning_parameters\.lr_scheduler_type must be"):
        plan({"tuning_parameters": {"lr_scheduler_type": "magic"}})


def test_qlora_needs_its_package() -> None:
    machine = Machine(1, 90, True, 2, {"trl": "1", "peft": "1"})
    with pytest.raises(RunError) as caught:
        plan({"customization": {"method": "qlora"}}, machine=machine)
    assert caught.value.code == "ENGINE_UNAVAILABLE"


def test_a_plan_survives_its_file() -> None:
    made = plan({"customization": {"method": "qlora"}}, has_rows=True)
    assert Plan.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_evaluation_without_rows_is_a_warning() -> None:
    made = plan({"extra_parameters": {"evaluation": {"share": 0.5}}}, has_rows=False)
    assert made.evaluation is None
    assert any("evaluation" in warning for warning in made.warnings)
