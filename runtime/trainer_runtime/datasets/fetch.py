"""Brings the files of each dataset to this machine."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from trainer_runtime.datasets.file_formats import format_of_name, is_data_file
from trainer_runtime.datasets.hub import fetch_hub_dataset
from trainer_runtime.datasets.splits import Split, select_files
from trainer_runtime.reasons import RunError
from trainer_runtime.storage.file_place import FilePlace
from trainer_runtime.storage.https_place import HttpsPlace
from trainer_runtime.storage.locations import scheme_of
from trainer_runtime.storage.place import Place
from trainer_runtime.storage.places import Places

_HUB_NAME: Final = re.compile(
    r"^[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?(@[\w.-]{1,96})?$"
)


class DatasetOrder(Protocol):
    """What a request says of one dataset."""

    @property
    def source(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def split(self) -> str | None: ...
    @property
    def streaming(self) -> bool: ...


@dataclass(frozen=True)
class SourceFile:
    """A file at `path`; `name` is how problems name it."""

    name: str
    path: Path


@dataclass(frozen=True)
class Fetched:
    """The files of one dataset in the order of their rows, and what should be said about them."""

    files: tuple[SourceFile, ...]
    warnings: tuple[str, ...] = ()


def is_hub_name(dataset: DatasetOrder) -> bool:
    """Whether the source is a name on the Hub; such a one is never looked for on this machine."""
    if scheme_of(dataset.source) == "hf":
        return True
    return dataset.format == "hf" and _HUB_NAME.match(dataset.source) is not None


def fetch_dataset(
    dataset: DatasetOrder, index: int, split: Split | None, places: Places, work_dir: Path
) -> Fetched:
    """The dataset's files, below `work_dir` unless they are on this machine already.

    Raises `RunError` DATASET_UNAVAILABLE for what is not there or may not be read.
    """
    if is_hub_name(dataset):
        token = places.environ.get(f"TRAINING_DATASET_{index}_TOKEN") or places.environ.get(
            "HF_TOKEN"
        )
        name = dataset.source.removeprefix("hf://").removeprefix("datasets/")
        files, warning = fetch_hub_dataset(name, split, token, places.environ, work_dir)
        found = tuple(SourceFile(shown, path) for shown, path in files)
        return Fetched(found, () if warning is None else (warning,))
    place = places.dataset(index, dataset.source)
    if isinstance(place, HttpsPlace):
        return Fetched((_download(place, "", _name_of_url(dataset.source), work_dir),))
    if place.stat() is not None:
        name = PurePosixPath(place.uri).name
        return Fetched((_bring(place, "", name, work_dir),))
    hint = ""
    if isinstance(place, FilePlace) and _HUB_NAME.match(dataset.source):
        hint = "; for a dataset of the Hub give the format hf"
    return _fetch_folder(place, dataset.format, split, work_dir, hint)


def find_workspace(environ: Mapping[str, str]) -> Path:
    """Where Kubeflow's initializers leave `dataset` and `model`: `TRAINER_WORKSPACE`."""
    return Path(environ.get("TRAINER_WORKSPACE") or "/workspace")


def fetch_initialized(
    folder: Path, split: Split | None, places: Places, work_dir: Path
) -> Fetched | None:
    """What an initializer brought before this container started; None where there is none."""
    if places.roots.roots is not None or not folder.is_dir():
        return None
    place = FilePlace(folder, roots=places.roots, code="DATASET_UNAVAILABLE")
    if not any(is_data_file(entry.path) for entry in place.list()):
        return None
    return _fetch_folder(place, "auto", split, work_dir)


def _fetch_folder(
    place: Place, asked: str, split: Split | None, work_dir: Path, hint: str = ""
) -> Fetched:
    names = [entry.path for entry in place.list() if is_data_file(entry.path)]
    if not names:
        sentence = f"{place.uri} is not there, or holds no JSONL, JSON, CSV or Parquet file{hint}."
        raise RunError("DATASET_UNAVAILABLE", sentence)
    of_format = [name for name in names if format_of_name(name) == asked]
    chosen, warning = select_files(of_format or names, split, place.uri)
    files = tuple(_bring(place, name, name, work_dir) for name in chosen)
    return Fetched(files, () if warning is None else (warning,))


def _bring(place: Place, path: str, name: str, work_dir: Path) -> SourceFile:
    if isinstance(place, FilePlace):
        return SourceFile(name, place.local_path(path))
    return _download(place, path, name, work_dir)


def _download(place: Place, path: str, name: str, work_dir: Path) -> SourceFile:
    # One folder for each source, since several may have files of one name.
    folder = hashlib.sha256(f"{place.uri}\0{path}".encode()).hexdigest()[:16]
    local = work_dir / "datasets" / folder / PurePosixPath(name).name
    try:
        place.download_file(path, local)
    except OSError as error:
        why = error.strerror or type(error).__name__
        sentence = f"{place.uri} cannot be stored on this machine ({why})."
        raise RunError("DATASET_UNAVAILABLE", sentence, status=6) from error
    return SourceFile(name, local)


def _name_of_url(url: str) -> str:
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    return re.sub(r"[^\w.-]", "_", name)[-100:] or "data"
