"""`python -m trainer_runtime.check`: the data alone, before anyone trains on them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from data_jobs import chat, write_jsonl
from servers.versitygw import STRANGER, S3Server, run_versitygw

from trainer_runtime.check import check_request
from trainer_runtime.request_environment import environ_of_request
from trainer_runtime.storage import Places
from trainer_runtime.storage.local_roots import LocalRoots
from trainer_runtime.token_report import find_tokenizer, read_max_length

RUNTIME = Path(__file__).parent.parent


def request_of(*sources: Path | str, **rest: Any) -> dict[str, Any]:
    return {
        "job_id": "job-1",
        "base_model": {"provider": "huggingface", "model_name": "org/model"},
        "datasets": [{"source": str(source)} for source in sources],
        "artifacts": {"log_uri": "s3://nowhere/logs", "output_uri": "s3://nowhere/out"},
        **rest,
    }


def run(*arguments: str, stdin: str = "", **environ: str) -> tuple[int, str]:
    """The command's exit status and what it printed, with an environment of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "trainer_runtime.check", *arguments],
        input=stdin,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environ},
        cwd=RUNTIME,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with run_versitygw(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("data")
        place = Places(server.environ()).artifacts("s3://data")
        place.write("rows.jsonl", json.dumps(chat()).encode())
        yield server


def test_good_data(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", [chat()] * 3)
    file = tmp_path / "request.json"
    file.write_text(json.dumps(request_of(source)))
    status, out = run(str(file), "--json")
    assert status == 0
    report = json.loads(out)
    assert report["valid"] is True
    assert report["problems"] == []
    assert report["data"]["rows"] == 3
    assert report["data"]["shape"] == "messages"
    assert report["data"]["files"][0] == {
        "name": "rows.jsonl",
        "dataset": 0,
        "role": "train",
        "format": "jsonl",
        "shape": "messages",
        "rows": 3,
        "bytes": source.stat().st_size,
    }
    assert report["tokens"] is None
    status, out = run("-", stdin=file.read_text())
    assert status == 0
    assert "rows.jsonl: 3 rows of messages (jsonl, train)" in out


def test_bad_data(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", [chat(), {"messages": []}, {"text": "x"}] * 20)
    status, out = run("--json", stdin=json.dumps(request_of(source)))
    report = json.loads(out)
    assert status == 3
    assert (report["valid"], report["code"], report["data"]) == (False, "DATASET_INVALID", None)
    assert report["problem_count"] == 40
    assert len(report["problems"]) == 20
    assert report["problems"][0] == {
        "file": "rows.jsonl",
        "line": 2,
        "field": "messages",
        "reason": "is empty",
    }
    status, out = run("--limit", "2", stdin=json.dumps(request_of(source)))
    assert out.splitlines()[:3] == [
        "rows.jsonl:2: messages is empty",
        "rows.jsonl:3: messages is missing",
        "and 38 more",
    ]


def test_from_the_environment_of_a_container(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", [chat()])
    status, out = run("--json", TRAINING_REQUEST_JSON=json.dumps(request_of(source)))
    assert (status, json.loads(out)["data"]["rows"]) == (0, 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not JSON"),
        ("[]", "is not a JSON object"),
        ("{}", "datasets must be a list"),
        ('{"datasets": [{"format": "jsonl"}]}', "datasets[0].source is required"),
        ('{"datasets": [{"source": "a", "format": "xml"}]}', "datasets[0].format must be one of"),
        (
            '{"datasets": [{"source": "a"}], "extra_parameters": {"evaluation": {"share": 2}}}',
            "extra_parameters.evaluation.share must be less than 1",
        ),
        ("[" * 100_000, "is not JSON that can be read"),
        ("\ud800", "cannot be read"),
    ],
)
def test_requests_that_are_none(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    status, out = run(str(file), "--json")
    report = json.loads(out)
    assert (status, report["code"]) == (2, "CONFIG_INVALID")
    assert sentence in report["sentence"]


def test_what_is_wrong_beside_the_data_is_not_its_affair(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", [chat()])
    request = {"datasets": [{"source": str(source)}], "customization": {"method": "magic"}}
    assert check_request(request, {}, tmp_path).exit_status == 0


def test_credentials_of_the_request_are_used_and_not_shown(s3: S3Server, tmp_path: Path) -> None:
    environ = s3.environ()
    keys = {
        "aws_access_key_id": environ.pop("AWS_ACCESS_KEY_ID"),
        "aws_secret_access_key": environ.pop("AWS_SECRET_ACCESS_KEY"),
    }
    request = request_of("s3://data/rows.jsonl")
    request["datasets"][0]["auth"] = keys
    status, out = run("--json", stdin=json.dumps(request), **environ)
    assert (status, json.loads(out)["data"]["rows"]) == (0, 1)
    keys["aws_secret_access_key"] = "wrong-" + keys["aws_secret_access_key"]
    keys["aws_access_key_id"] = STRANGER.access
    status, out = run("--json", stdin=json.dumps(request), **environ)
    assert status == 6
    assert json.loads(out)["code"] == "DATASET_UNAVAILABLE"
    assert keys["aws_secret_access_key"] not in out
    # Nor where a request repeats a credential in a place that is shown.
    request["datasets"][0]["source"] = f"/tmp/{keys['aws_secret_access_key']}.jsonl"
    _, out = run("--json", stdin=json.dumps(request), **environ)
    assert keys["aws_secret_access_key"] not in out


def test_accounts_of_a_request_are_taken_whole() -> None:
    request = {
        "base_model": {"auth_token": "model-token"},
        "datasets": [
            {"source": "a", "auth": {"aws_access_key_id": "d0", "token": "t0"}},
            {"source": "b", "auth": {"role_arn": "arn"}},
            {"source": "c"},
        ],
        "artifacts": {"auth": {"aws_access_key_id": "own", "aws_secret_access_key": "s"}},
    }
    around = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SESSION_TOKEN": "mine", "AWS_ENDPOINT_URL": "e"}
    assert environ_of_request(request, around) == {
        "AWS_ENDPOINT_URL": "e",
        "HF_TOKEN": "model-token",
        "AWS_ACCESS_KEY_ID": "own",
        "AWS_SECRET_ACCESS_KEY": "s",
        "TRAINING_DATASET_0_AWS_ACCESS_KEY_ID": "d0",
        "TRAINING_DATASET_0_TOKEN": "t0",
        "TRAINING_DATASET_1_AWS_ROLE_ARN": "arn",
    }
    assert environ_of_request({"datasets": "x", "artifacts": 3}, around) == around


CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}"
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer that knows words: `word` is one token each, so lengths can be told by hand."""
    pytest.importorskip("transformers")
    pytest.importorskip("jinja2")
    tokenizers = pytest.importorskip("tokenizers")
    from transformers import PreTrainedTokenizerFast

    words = ["[UNK]", "<|im_start|>", "<|im_end|>", "user", "assistant", "word"]
    model = tokenizers.models.WordLevel({word: n for n, word in enumerate(words)}, "[UNK]")
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|im_end|>", unk_token="[UNK]"
    )
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    made.chat_template = CHATML
    folder = tmp_path_factory.mktemp("tokenizer")
    made.save_pretrained(folder)
    return folder


def test_tokens_are_counted(tokenizer: Path, tmp_path: Path) -> None:
    rows = [
        chat("word", "word word"),  # <|im_start|> user word <|im_end|> … assistant word word …: 9
        chat("word " * 4, "word " * 4),  # 14: cut at 12
        chat("word " * 20, "word"),  # the answer lies beyond what is kept: dropped
    ]
    source = write_jsonl(tmp_path / "rows.jsonl", rows)
    request = request_of(source, tuning_parameters={"max_seq_length": 12})
    report = check_request(request, {}, tmp_path / "work", tokenizer=tokenizer)
    assert report.error is None
    tokens = report.tokens
    assert tokens is not None
    assert tokens.max_length == 12
    assert (tokens.shortest, tokens.median, tokens.longest) == (9, 14, 27)
    assert (tokens.truncated, tokens.truncated_rows) == (2, ("rows.jsonl:2", "rows.jsonl:3"))
    assert (tokens.dropped, tokens.dropped_rows) == (1, ("rows.jsonl:3",))
    text = "\n".join(report.to_lines())
    assert "2 rows would be cut: rows.jsonl:2, rows.jsonl:3" in text
    assert "1 rows would be left out, with nothing to learn: rows.jsonl:3" in text


def test_nothing_left_to_learn(tokenizer: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", [chat("word " * 20)])
    request = request_of(source, tuning_parameters={"max_sequence_length": 5})
    report = check_request(request, {}, tmp_path / "work", tokenizer=tokenizer)
    assert report.error is not None
    assert report.error.code == "DATASET_INVALID"
    assert "No row holds anything to learn" in report.error.sentence


def test_some_rows_are_enough(tokenizer: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", [chat()] * 9)
    request = request_of(source)
    report = check_request(request, {}, tmp_path / "w", tokenizer=tokenizer, token_rows=4)
    assert report.tokens is not None
    assert report.tokens.rows == 4
    assert report.notes == ("Tokens were counted in the first 4 rows only",)


def test_where_a_tokenizer_is_looked_for(
    tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tokenizer.parent)
    roots = LocalRoots()
    assert find_tokenizer(str(tokenizer), "main", roots) == tokenizer
    assert find_tokenizer("org/model", "main", roots, [tmp_path, tokenizer]) == tokenizer
    # A name of the Hub is no folder of this machine.
    assert find_tokenizer(tokenizer.name, "main", roots) is None
    assert find_tokenizer(str(tmp_path), "main", roots) is None


@pytest.mark.parametrize(
    ("tuning", "expected"),
    [
        ({}, 2048),
        ({"max_sequence_length": 7}, 7),
        ({"max_length": 9}, 9),
        ({"max_length": "x"}, 2048),
    ],
)
def test_max_length(tuning: dict[str, Any], expected: int) -> None:
    assert read_max_length(tuning) == expected
