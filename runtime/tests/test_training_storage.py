"""Jobs that read from S3 and write to S3, against a real server."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers.versitygw import STRANGER, S3Server, run_versitygw
from training_jobs import JobRun, pause_at

from trainer_runtime.storage import Places, read_complete

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with run_versitygw(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("training")
        yield server


def test_a_job_on_s3_stops_and_goes_on_elsewhere(
    s3: S3Server,
    make_job: Callable[..., JobRun],
    tiny_model: Path,
    chat_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in s3.environ().items():
        monkeypatch.setenv(name, value)
    bucket = Places.from_environ(s3.environ()).artifacts("s3://training")
    bucket.upload_tree(tiny_model, "models/tiny")
    bucket.upload_file(chat_file, "data/rows.jsonl")
    job = make_job(
        "on-s3",
        model="org/model-on-s3",
        rows="s3://training/data/rows.jsonl",
        environment=s3.environ(),
        base_model={"weights_url": "s3://training/models/tiny"},
        artifacts={"log_uri": "s3://training/logs", "output_uri": "s3://training/results"},
    )
    paused = pause_at(job, 3)
    [pid] = paused.training_pids()
    variables = Path(f"/proc/{pid}/environ").read_bytes()
    assert s3.environ()["AWS_SECRET_ACCESS_KEY"].encode() not in variables
    paused.terminate()
    assert job.status == 143, job.log
    output = bucket.child("results/on-s3")
    assert read_complete(output, "checkpoints/checkpoint-3") is not None
    assert read_complete(output) is None

    shutil.rmtree(job.work)
    job.run()
    assert job.status == 0, job.log
    assert "going on after step 3" in job.log
    manifest = read_complete(output)
    assert manifest is not None and "model/adapter_model.safetensors" in manifest["files"]
    config = json.loads(output.read("model/adapter_config.json"))
    assert config["base_model_name_or_path"] == "org/model-on-s3"
    assert json.loads(job.end)["model_uri"] == "s3://training/results/on-s3/model"
    log = b"".join(bucket.read(entry.path) for entry in bucket.list("logs/on-s3"))
    assert b"going on after step 3" in log
    assert s3.environ()["AWS_SECRET_ACCESS_KEY"].encode() not in log

    again = job.run()
    assert again.status == 0
    assert "complete at s3://training/results/on-s3 already" in again.log


def test_refused_keys_are_told_before_anything_is_trained(
    s3: S3Server, make_job: Callable[..., JobRun]
) -> None:
    job = make_job(
        "refused",
        environment=s3.environ(STRANGER),
        artifacts={"log_uri": "s3://training/logs", "output_uri": "s3://training/results"},
    ).run(timeout=120)
    assert (job.status, job.code) == (6, "UPLOAD_FAILED"), job.log
    assert STRANGER.secret not in job.log + job.end
    assert not (job.work / "pids").exists()


def test_an_output_that_is_away_may_come_back(make_job: Callable[..., JobRun]) -> None:
    job = make_job(
        "away",
        environment={
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key-of-nobody-1",
            "AWS_SECRET_ACCESS_KEY": "secret-of-nobody-1",
        },
        artifacts={"log_uri": "s3://training/logs", "output_uri": "s3://training/results"},
    ).run(timeout=300)
    assert (job.status, job.code) == (5, "UPLOAD_FAILED"), job.log
