"""The job as the container's environment describes it."""

import json
from pathlib import Path
from typing import Any

import pytest
from training_jobs import build_request

from trainer_runtime.contract import Job, read_job
from trainer_runtime.reasons import EXIT_STATUS, RunError


def read(request: dict[str, Any], **variables: str) -> Job:
    return read_job({"TRAINING_REQUEST_JSON": json.dumps(request), **variables})


@pytest.fixture
def request_body(tmp_path: Path) -> dict[str, Any]:
    return build_request(tmp_path, "org/model", "s3://bucket/rows.jsonl")


def test_defaults_are_the_services_own() -> None:
    job = read(
        {
            "job_id": "j",
            "base_model": {"provider": "meta", "model_name": "org/model"},
            "datasets": [{"source": "s3://b/x.jsonl"}],
            "artifacts": {"log_uri": "s3://b/l", "output_uri": "s3://b/o"},
        },
        TRAINING_BACKEND="meta",
    )
    assert job.customization.method == "lora"
    assert (job.customization.lora.rank, job.customization.lora.alpha) == (16, 32)
    assert job.customization.lora.dropout == 0.05
    assert job.customization.precision == "bf16"
    assert job.customization.gradient_checkpointing is True
    assert job.tuning.learning_rate == 5e-5
    assert (job.tuning.batch_size, job.tuning.num_epochs) == (32, 3)
    assert (job.tuning.warmup_ratio, job.tuning.weight_decay) == (0.1, 0.01)
    assert job.tuning.max_sequence_length == 2048
    assert (job.resources.gpus, job.num_nodes, job.bad_rows) == (1, 1, "fail")
    assert job.base_model.revision == "main"


def test_absent_null_and_empty_are_the_same(request_body: dict[str, Any]) -> None:
    plain = read(request_body)
    for value in (None, ""):
        request_body["tuning_parameters"]["micro_batch_size"] = value
        request_body["base_model"]["weights_url"] = value
        request_body["extra_parameters"]["evaluation"] = value
        job = read(request_body)
        assert (job.tuning.micro_batch_size, job.base_model.weights_url) == (None, None)
        assert job.evaluation == plain.evaluation


def test_both_spellings_of_lora_are_one(request_body: dict[str, Any]) -> None:
    request_body["customization"] = {"rank": 4, "lora_alpha": 8, "target_modules": "all-linear"}
    flat = read(request_body).customization.lora
    request_body["customization"] = {"lora": {"rank": 4, "alpha": 8, "target_modules": []}}
    assert flat == read(request_body).customization.lora


def test_one_sentence_names_every_violation_and_no_value(request_body: dict[str, Any]) -> None:
    request_body["tuning_parameters"]["learning_rate"] = "sk-secret-value"
    request_body["customization"]["precision"] = "sk-secret-value"
    request_body["extra_parameters"]["evaluation"] = {"share": 2}
    del request_body["job_id"]
    with pytest.raises(RunError) as caught:
        read(request_body)
    assert caught.value.code == "CONFIG_INVALID"
    assert caught.value.exit_status == 2
    for path in (
        "job_id",
        "tuning_parameters.learning_rate",
        "customization.precision",
        "extra_parameters.evaluation.share",
    ):
        assert path in caught.value.sentence
    assert "sk-secret" not in caught.value.sentence


@pytest.mark.parametrize("text", ["", "no json", "[]"])
def test_what_is_no_request(text: str) -> None:
    with pytest.raises(RunError) as caught:
        read_job({"TRAINING_REQUEST_JSON": text})
    assert caught.value.code == "CONFIG_INVALID"


def test_unsloth_options_come_from_their_variable(request_body: dict[str, Any]) -> None:
    job = read(request_body, UNSLOTH_OPTIONS_JSON='{"gradient_accumulation": 8}')
    assert job.unsloth is not None
    assert (job.unsloth.gradient_accumulation, job.unsloth.quantization) == (8, "bnb-nf4")


def test_evaluation_needs_rows_to_train_on(request_body: dict[str, Any]) -> None:
    request_body["extra_parameters"]["evaluation"] = {"dataset": 0}
    with pytest.raises(RunError, match="leaves no dataset to train on"):
        read(request_body)


def test_exit_statuses() -> None:
    assert RunError("UPLOAD_FAILED", "x.").exit_status == 6
    assert RunError("UPLOAD_FAILED", "x.", may_come_back=True).exit_status == 5
    assert RunError("STOPPED", "x.", status=143).exit_status == 143
    assert {RunError(code, "x.").exit_status for code in EXIT_STATUS} == {1, 2, 3, 4, 6, 7}
    with pytest.raises(ValueError, match="no code"):
        RunError("NEW", "x.")
