"""The base model's files on this machine: found or fetched, and looked at before anything loads."""

import json
import os
from pathlib import Path
from typing import Any, Final

from trainer_runtime.contract import Job
from trainer_runtime.reasons import RunError
from trainer_runtime.storage import Places

#: What loading and uploading need; never a pickle, never code.
PATTERNS: Final = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "*.tiktoken")
_IGNORED: Final = ("original/*", "*/original/*", "onnx/*", "consolidated*.safetensors")
#: The files of a model at an address that cannot be listed.
_NAMES: Final = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
)
_INDEX: Final = "model.safetensors.index.json"


def find_model(
    job: Job, places: Places, *, work_dir: Path, workspace: Path, token: str | None
) -> Path:
    """The folder with the model's files, which is downloaded where it is not here.

    In this order: what Kubeflow's initializer left in `workspace`/model, `weights_url`, a path
    (`/…`, `./…` or `file://`), the hub. A hub's name never means a local folder.
    Raises `RunError` MODEL_UNAVAILABLE, or MODEL_INCOMPATIBLE for files that cannot be trained on.
    """
    folder = _find(job, places, work_dir, workspace, token)
    check_model_files(folder, job.base_model.model_name)
    return folder


def is_path(name: str) -> bool:
    """Whether a model's name is a place on this machine; anything else is a hub's name."""
    return name.startswith(("/", "./", "../", "file://"))


def _find(job: Job, places: Places, work_dir: Path, workspace: Path, token: str | None) -> Path:
    base = job.base_model
    if job.model_uri is not None and (workspace / "model" / "config.json").is_file():
        return workspace / "model"
    uri = base.weights_url or job.model_uri or base.model_name
    if uri.startswith("hf://"):
        return _download_from_hub(uri.removeprefix("hf://"), base.revision, token)
    if base.weights_url is None and job.model_uri is None and not is_path(uri):
        return _download_from_hub(uri, base.revision, token)
    if uri.startswith(("s3://", "https://")):
        return _fetch(places, uri, work_dir / "base-model")
    place = places.model(uri)
    folder = Path(place.uri.removeprefix("file://"))
    if not folder.is_dir():
        raise RunError("MODEL_UNAVAILABLE", f"There is no folder with a model at {place.uri}.")
    return folder


def _fetch(places: Places, uri: str, folder: Path) -> Path:
    if not uri.startswith("https://"):
        place = places.model(uri)
        for entry in place.list():
            path = Path(entry.path)
            if any(path.match(pattern) for pattern in PATTERNS) and not any(
                path.match(pattern) for pattern in _IGNORED
            ):
                place.download_file(entry.path, folder / entry.path)
        return folder
    for name in (*_NAMES, _INDEX):
        place = places.model(_below(uri, name))
        if place.exists(""):
            place.download_file("", folder / name)
    if (folder / _INDEX).exists():
        shards = set(json.loads((folder / _INDEX).read_text())["weight_map"].values())
    else:
        shards = {"model.safetensors"}
    for shard in sorted(shards):
        if "/" in shard or not shard.endswith(".safetensors"):
            raise RunError("MODEL_INCOMPATIBLE", f"{_INDEX} names a file outside its folder.")
        places.model(_below(uri, shard)).download_file("", folder / shard)
    return folder


def _below(url: str, name: str) -> str:
    """A file in the folder at `url`; a query (a signature for the whole folder) goes with it."""
    base, mark, query = url.partition("?")
    return f"{base.rstrip('/')}/{name}{mark}{query}"


def _download_from_hub(name: str, revision: str, token: str | None) -> Path:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                token=token or False,
                allow_patterns=list(PATTERNS),
                ignore_patterns=list(_IGNORED),
            )
        )
    except GatedRepoError as error:
        raise RunError(
            "MODEL_UNAVAILABLE",
            f"The hub's model {name} is gated: the token's account must accept its terms.",
        ) from error
    except RevisionNotFoundError as error:
        raise RunError(
            "MODEL_UNAVAILABLE", f"The hub's model {name} has no such revision."
        ) from error
    except RepositoryNotFoundError as error:
        raise RunError(
            "MODEL_UNAVAILABLE",
            f"The hub has no model {name}, or the token may not see it.",
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise RunError(
            "MODEL_UNAVAILABLE",
            f"The model {name} cannot be loaded from the hub ({type(error).__name__}).",
        ) from error


def check_model_files(folder: Path, name: str) -> dict[str, Any]:
    """The model's config; raises `RunError` MODEL_INCOMPATIBLE with what would work instead."""
    config = folder / "config.json"
    if not config.is_file():
        if (folder / "params.json").exists() or list(folder.glob("consolidated.*")):
            advice = f"{name}-hf" if not name.endswith("-hf") else "the version for transformers"
            raise RunError(
                "MODEL_INCOMPATIBLE",
                f"{name} holds Meta's own format, without config.json: ask for {advice}.",
            )
        hint = ""
        if name.startswith("meta-llama/Llama-2-") and not name.endswith("-hf"):
            hint = f": it holds Meta's own format; ask for {name}-hf"
        raise RunError("MODEL_INCOMPATIBLE", f"{name} has no config.json{hint}.")
    if not list(folder.glob("*.safetensors")):
        raise RunError(
            "MODEL_INCOMPATIBLE",
            f"{name} has no weights as safetensors; pickled weights (.bin, .pt) are never loaded.",
        )
    if not (folder / "tokenizer.json").exists() and not (folder / "tokenizer_config.json").exists():
        raise RunError("MODEL_INCOMPATIBLE", f"{name} has no tokenizer.")
    try:
        value = json.loads(config.read_text())
    except ValueError as error:
        raise RunError("MODEL_INCOMPATIBLE", f"The config.json of {name} is not JSON.") from error
    if "auto_map" in value and "architectures" not in value:
        raise RunError("MODEL_INCOMPATIBLE", f"{name} needs code of its own, which is never run.")
    return dict(value)


def has_chat_template(folder: Path) -> bool:
    """Whether the tokenizer brings a chat template, by its files alone."""
    if (folder / "chat_template.jinja").exists() or (folder / "chat_template.json").exists():
        return True
    try:
        value = json.loads((folder / "tokenizer_config.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(value.get("chat_template"))
