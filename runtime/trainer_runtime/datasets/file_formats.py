"""What format a data file has, by what the request says, by its name and by its first bytes."""

from pathlib import Path, PurePosixPath
from typing import Final

from trainer_runtime.datasets.byte_source import COMPRESSED_SUFFIXES, open_bytes
from trainer_runtime.datasets.problems import FileFault

_BY_SUFFIX: Final = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
#: NeMo's own data are JSON Lines.
_BY_REQUEST: Final = {
    "jsonl": "jsonl",
    "nemo": "jsonl",
    "json": "json",
    "csv": "csv",
    "parquet": "parquet",
}
#: Files beside the data that describe them.
_NO_DATA: Final = frozenset(
    {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "COMPLETE.json"}
)


def format_of_name(name: str) -> str | None:
    """The format that a file's name tells, also below a compression's (`rows.jsonl.gz`)."""
    path = PurePosixPath(name.lower())
    suffixes = path.suffixes
    if suffixes and suffixes[-1] in COMPRESSED_SUFFIXES:
        suffixes = suffixes[:-1]
    return _BY_SUFFIX.get(suffixes[-1]) if suffixes else None


def is_data_file(name: str) -> bool:
    """Whether a file of a folder holds rows, and no description, hidden or half-written file."""
    path = PurePosixPath(name)
    is_hidden = any(part.startswith((".", "_")) for part in path.parts)
    return not is_hidden and path.name not in _NO_DATA and format_of_name(name) is not None


def choose_format(path: Path, name: str, asked: str) -> str:
    """`jsonl`, `json`, `csv`, `tsv` or `parquet`. Raises `FileFault` where nothing tells it."""
    by_name = format_of_name(name)
    by_request = _BY_REQUEST.get(asked)
    if by_request == "csv" and by_name == "tsv":
        return "tsv"
    if by_request == "jsonl" and by_name == "json":
        return "json"
    known = by_request or by_name
    return known if known is not None else _sniff(path)


def _sniff(path: Path) -> str:
    with open_bytes(path) as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((b"[", b"{")):
        return "json" if start.startswith(b"[") else "jsonl"
    raise FileFault(
        "has a format that neither its name nor the request tells; give datasets[].format"
    )
