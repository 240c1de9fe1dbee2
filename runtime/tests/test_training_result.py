"""What a LoRA job leaves: a model that others load, that has learnt, and that ends its answers."""

import hashlib
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tiny_model import UNMARKED_TEMPLATE, chat_rows, make_model, write_rows
from training_jobs import JobRun, build_request

pytestmark = pytest.mark.train

#: Plain peft, in a process that knows nothing of the runtime.
LOAD = textwrap.dedent(
    """
    import json, sys, torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base_name, adapter, rows = sys.argv[1:4]
    tokenizer = AutoTokenizer.from_pretrained(adapter)
    base = AutoModelForCausalLM.from_pretrained(base_name)
    def loss(model):
        total = 0.0
        for line in open(rows):
            row = json.loads(line)["messages"]
            out = tokenizer.apply_chat_template(row, return_dict=True, return_tensors="pt")
            prompt = tokenizer.apply_chat_template(row[:-1], add_generation_prompt=True,
                                                   return_dict=True, return_tensors="pt")
            labels = out["input_ids"].clone()
            labels[:, : prompt["input_ids"].shape[1]] = -100
            with torch.no_grad():
                total += model(input_ids=out["input_ids"], labels=labels).loss.item()
        return total
    before = loss(base)
    model = PeftModel.from_pretrained(base, adapter)
    after = loss(model)
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": "Who owns the river?"}],
        add_generation_prompt=True, return_dict=True, return_tensors="pt")
    from transformers import GenerationConfig
    config = GenerationConfig.from_pretrained(adapter)
    ids = model.generate(**prompt, max_new_tokens=60, do_sample=False,
        eos_token_id=config.eos_token_id, pad_token_id=0)[0, prompt["input_ids"].shape[1]:].tolist()
    print(json.dumps({"before": before, "after": after, "last": ids[-1], "count": len(ids),
                      "end": tokenizer.convert_tokens_to_ids("<|im_end|>"),
                      "text": tokenizer.decode(ids, skip_special_tokens=True)}))
    """
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, chat_file: Path) -> tuple[JobRun, Path]:
    """A LoRA job of ten epochs with a comparison, on a model whose template marks no answers."""
    folder = tmp_path_factory.mktemp("result")
    model = make_model(folder / "model", template=UNMARKED_TEMPLATE)
    # A model this small only knows what it has seen: what is held out are copies.
    held_out = write_rows(folder / "held-out.jsonl", chat_rows()[:8])
    request = build_request(
        folder,
        model,
        chat_file,
        customization={"lora": {"rank": 16, "target_modules": [], "alpha": 32, "dropout": 0.0}},
        tuning_parameters={"num_epochs": 10, "batch_size": 8, "learning_rate": 1e-2},
        datasets=[
            {"source": str(chat_file), "format": "jsonl"},
            {"source": str(held_out), "format": "jsonl"},
        ],
        extra_parameters={"evaluation": {"dataset": 1, "every": 20}},
    )
    environment = {"TRAINER_COMPARISON": "on", "AWS_SECRET_ACCESS_KEY": "canary-5f2b9c1d7e"}
    return JobRun(folder, request, environment).run(), model


def test_it_succeeds(trained: tuple[JobRun, Path]) -> None:
    job, _ = trained
    assert job.status == 0, job.log
    end = json.loads(job.end)
    assert end["model_uri"] == str(job.output / "model")
    assert len(job.end.encode()) <= 1024


def test_its_log_tells_the_stages_before_the_first_step(trained: tuple[JobRun, Path]) -> None:
    log = trained[0].log
    stages = [
        "rows of shape messages",
        "the base model's files are in ",
        "trl is imported, with torch ",
        "the base model is loaded",
        " parameters with trl on cpu",
    ]
    places = [log.find(stage) for stage in stages]
    assert -1 not in places, log
    assert places == sorted(places)


def test_plain_peft_loads_it_and_it_has_learnt(
    trained: tuple[JobRun, Path], chat_file: Path
) -> None:
    job, model = trained
    text = subprocess.run(
        [sys.executable, "-P", "-c", LOAD, model, job.output / "model", chat_file],
        check=True,
        capture_output=True,
        text=True,
        env=job.variables(),
    ).stdout
    told = json.loads(text.strip().splitlines()[-1])
    assert told["after"] <= told["before"] / 2
    assert told["last"] == told["end"], told
    assert told["count"] < 60
    assert told["text"]


def test_the_manifest_names_every_file(trained: tuple[JobRun, Path]) -> None:
    job, _ = trained
    manifest = job.json("COMPLETE.json")
    for name in ("model/adapter_model.safetensors", "README.md", "metrics.jsonl", "run.json"):
        assert name in manifest["files"]
    for name, digest in manifest["files"].items():
        data = (job.output / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (digest["size"], digest["sha256"])


def test_the_adapter_names_the_requests_model(trained: tuple[JobRun, Path]) -> None:
    job, model = trained
    config = job.json("model/adapter_config.json")
    assert config["base_model_name_or_path"] == str(model)
    assert config["revision"] == "main"
    assert not config["modules_to_save"]
    assert not list((job.output / "model").glob("*.bin"))


def test_the_comparison_says_that_it_learnt_and_stops(trained: tuple[JobRun, Path]) -> None:
    comparison = trained[0].json("run.json")["comparison"]
    assert comparison["rows_kind"] == "held-out"
    assert comparison["tuned_loss"] < comparison["base_loss"] / 2
    assert all(entry["tuned_ended"] for entry in comparison["prompts"])
    assert comparison["verdict"] == []


def test_held_out_rows_are_evaluated_and_never_trained_on(trained: tuple[JobRun, Path]) -> None:
    job, _ = trained
    run = job.json("run.json")
    assert (run["dataset"]["rows"], run["dataset"]["evaluation_rows"]) == (48, 8)
    assert run["training"]["tokens"]["train"]["rows"] == 48
    lines = [json.loads(line) for line in (job.output / "metrics.jsonl").read_text().splitlines()]
    assert next(line["step"] for line in lines if "eval_loss" in line) == 20


def test_the_card_shows_how_to_load_and_serve_it(trained: tuple[JobRun, Path]) -> None:
    card = (trained[0].output / "README.md").read_text()
    assert "PeftModel.from_pretrained(base, " in card
    assert "--enable-lora --max-lora-rank 16" in card
    assert card.startswith("---\n")


def test_no_credential_is_left_anywhere(trained: tuple[JobRun, Path]) -> None:
    job, _ = trained
    assert "canary-5f2b9c1d7e" not in job.log
    for path in [*job.folder.rglob("*")]:
        if path.is_file():
            assert b"canary-5f2b9c1d7e" not in path.read_bytes(), path
