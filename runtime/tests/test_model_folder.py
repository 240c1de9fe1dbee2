"""The base model from the hub: what is asked for, what is left out, and how refusals read."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from servers.loopback import Handler, serve

pytest.importorskip("huggingface_hub")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RUNTIME = Path(__file__).parent.parent
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"a pickle",
    "modeling_custom.py": b"code",
    "original/params.json": b"{}",
}

#: Its own process, since the hub's address is read when its client is imported.
FIND = """
import json, sys
from pathlib import Path
from trainer_runtime.contract import read_job
from trainer_runtime.reasons import RunError
from trainer_runtime.storage import Places
from trainer_runtime.supervisor.model_folder import find_model
import os
job = read_job(os.environ)
try:
    found = find_model(job, Places.from_environ({}), work_dir=Path("."), workspace=Path("none"),
                       token=os.environ.get("TOKEN"))
    files = [p.relative_to(found).as_posix() for p in found.rglob("*") if p.is_file()]
    print(json.dumps(sorted(files)))
except RunError as error:
    print(json.dumps([error.code, error.sentence]))
"""


@dataclass
class ModelHub:
    """`models` maps a name to how it answers: open, gated, or (when not there) unknown."""

    models: dict[str, str] = field(default_factory=dict)
    tokens: list[str | None] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    shared = ModelHub()

    class Hub(Handler):
        def do_GET(self) -> None:
            shared.tokens.append(self.headers.get("Authorization"))
            path = self.path.partition("?")[0]
            info = re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path)
            file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path)
            tree = re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/.+", path)
            match = info or tree or file
            kind = shared.models.get(match[1]) if match else None
            headers = {"X-Repo-Commit": COMMIT}
            if kind is None:
                self.answer(401, b"{}", {"X-Error-Code": "RepoNotFound"})
            elif kind == "gated":
                self.answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
            elif info and info[2] != "main":
                self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            elif tree:
                listed = [
                    {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                    for name, data in FILES.items()
                ]
                self.answer(200, json.dumps(listed).encode(), headers)
            elif info:
                siblings = [{"rfilename": name} for name in FILES]
                body = {"id": match[1], "sha": COMMIT, "siblings": siblings, "private": False}
                self.answer(200, json.dumps(body).encode(), headers)
            else:
                assert file is not None
                body_bytes = FILES[file[2]]
                self.answer(200, body_bytes, {**headers, "ETag": f'"{abs(hash(file[2]))}"'})

        do_HEAD = do_GET

    with serve(Hub) as port:
        shared.url = f"http://127.0.0.1:{port}"
        yield shared


def find(
    hub: ModelHub, folder: Path, name: str, revision: str = "main", token: str = ""
) -> list[str]:
    request = {
        "job_id": "j",
        "base_model": {"provider": "custom", "model_name": name, "revision": revision},
        "datasets": [{"source": "/x.jsonl"}],
        "artifacts": {"log_uri": "/l", "output_uri": "/o"},
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", FIND],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(RUNTIME),
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(folder / "cache"),
            "HF_HUB_DISABLE_XET": "1",
            "TRAINING_REQUEST_JSON": json.dumps(request),
            "TOKEN": token,
        },
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_no_pickle_and_no_code_is_downloaded(hub: ModelHub, tmp_path: Path) -> None:
    hub.models["org/model"] = "open"
    # A folder of the hub's name is none of the hub's.
    (tmp_path / "org" / "model").mkdir(parents=True)
    files = find(hub, tmp_path, "org/model", token="hf_the-token")
    assert files == ["config.json", "model.safetensors", "tokenizer.json"]
    assert "Bearer hf_the-token" in hub.tokens


def test_refusals(hub: ModelHub, tmp_path: Path) -> None:
    hub.models |= {"org/gated": "gated", "org/model": "open"}
    for name, revision, words in (
        ("org/nothing", "main", "no model org/nothing"),
        ("org/gated", "main", "gated"),
        ("org/model", "v9", "no such revision"),
    ):
        code, sentence = find(hub, tmp_path, name, revision)
        assert code == "MODEL_UNAVAILABLE"
        assert words in sentence
