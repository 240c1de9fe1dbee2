"""Datasets of the Hugging Face Hub by name: files are downloaded, no code of theirs is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer_runtime.datasets.file_formats import is_data_file
from trainer_runtime.datasets.splits import Split, select_files
from trainer_runtime.reasons import RunError

HubFiles = list[tuple[str, Path]]


def fetch_hub_dataset(
    name: str,
    split: Split | None,
    token: str | None,
    environ: Mapping[str, str],
    work_dir: Path,
) -> tuple[HubFiles, str | None]:
    """(shown name, path) of each file of the split, and a warning about what is left out.

    `name` is `owner/name`, with `@revision` and a `/path` inside where they are wanted. Raises
    `RunError` DATASET_UNAVAILABLE in one sentence; whether it may come back is the Hub's answer.
    """
    from huggingface_hub import HfApi

    owner, _, rest = name.partition("/")
    inner = rest.partition("/")[2]
    repo, _, revision = "/".join(filter(None, (owner, rest.partition("/")[0]))).partition("@")
    api = HfApi(endpoint=environ.get("HF_ENDPOINT") or None, token=token or False)
    info = _ask(name, lambda: api.dataset_info(repo, revision=revision or None))
    stored = [sibling.rfilename for sibling in info.siblings or ()]
    paths = [path for path in stored if is_data_file(path) and _is_inside(path, inner)]
    if not paths:
        sentence = f"The dataset {name} holds no JSONL, JSON, CSV or Parquet file."
        raise RunError("DATASET_UNAVAILABLE", sentence)
    card = None if inner else getattr(info, "card_data", None)
    chosen, warning = ([inner], None) if inner in paths else _choose(paths, split, card, name)
    folder = work_dir / "datasets" / "hub" / repo.replace("/", "--")
    files: HubFiles = []
    for path in chosen:
        local = _ask(
            name,
            lambda path=path: api.hf_hub_download(
                repo, path, repo_type="dataset", revision=info.sha, local_dir=folder
            ),
        )
        files.append((f"{repo}/{path}", Path(local)))
    return files, warning


def _is_inside(path: str, inner: str) -> bool:
    return not inner or path == inner or path.startswith(f"{inner.rstrip('/')}/")


def _choose(
    paths: list[str], split: Split | None, card: Any, name: str
) -> tuple[list[str], str | None]:
    """Files of the card's default configuration where it lists any, else by their names."""
    config = _default_config(card)
    if config is None:
        return select_files(paths, split, f"The dataset {name}")
    wanted = split.name if split is not None else "train"
    by_split = _patterns_by_split(config.get("data_files"))
    if wanted not in by_split:
        has = ", ".join(sorted(by_split))
        sentence = f"The dataset {name} has no split {wanted}; it has {has}."
        raise RunError("DATASET_INVALID", sentence)
    chosen = [path for path in paths if any(_matches(path, text) for text in by_split[wanted])]
    if not chosen:
        sentence = f"The dataset {name} names files for {wanted} that it does not hold."
        raise RunError("DATASET_UNAVAILABLE", sentence)
    others = ", ".join(sorted(set(by_split) - {wanted}))
    is_told = split is None and others
    warning = f"The dataset {name}: only its split {wanted} is read, not {others}"
    return chosen, warning if is_told else None


def _default_config(card: Any) -> dict[str, Any] | None:
    configs = card.get("configs") if card is not None else None
    if not isinstance(configs, list):
        return None
    usable = [config for config in configs if isinstance(config, dict) and config.get("data_files")]
    marked = [c for c in usable if c.get("default") or c.get("config_name") == "default"]
    return next(iter(marked or usable), None)


def _patterns_by_split(data_files: Any) -> dict[str, list[str]]:
    if isinstance(data_files, str):
        return {"train": [data_files]}
    by_split: dict[str, list[str]] = {}
    for entry in data_files if isinstance(data_files, list) else []:
        if isinstance(entry, str):
            by_split.setdefault("train", []).append(entry)
        elif isinstance(entry, dict):
            path = entry.get("path")
            texts = path if isinstance(path, list) else [path]
            split = str(entry.get("split", "train"))
            by_split.setdefault(split, []).extend(str(text) for text in texts)
    return by_split


def _matches(path: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return fnmatchcase(path, pattern) or fnmatchcase(path, pattern.replace("**/", ""))


def _ask(name: str, request: Any) -> Any:
    """The Hub's answer; its own messages are not repeated, since they hold signed addresses."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    def refuse(clause: str, **rest: Any) -> RunError:
        return RunError("DATASET_UNAVAILABLE", f"The dataset {name} {clause}.", **rest)

    try:
        return request()
    except GatedRepoError:
        raise refuse("is open only to accounts that asked for it; HF_TOKEN has no access") from None
    except RevisionNotFoundError:
        raise refuse("has no such revision") from None
    except (RepositoryNotFoundError, EntryNotFoundError):
        raise refuse("is not on the Hub, or HF_TOKEN may not see it") from None
    except HFValidationError:
        raise refuse("has a name that the Hub does not know") from None
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", 0)
        if status in (401, 403):
            raise refuse(f"may not be read with this HF_TOKEN (HTTP {status})", status=6) from None
        may_come_back = status >= 500 or status == 429
        raise refuse(f"cannot be read (HTTP {status})", may_come_back=may_come_back) from None
    except Exception as error:  # noqa: BLE001 - httpx, OSError and more: the Hub is away
        why = type(error).__name__
        raise refuse(f"cannot be fetched from the Hub ({why})", may_come_back=True) from None
