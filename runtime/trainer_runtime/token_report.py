"""How long rows are in tokens, and which would be cut or hold nothing to learn."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from trainer_runtime.datasets import DatasetFacts, load_numbered_rows
from trainer_runtime.reasons import RunError
from trainer_runtime.settings import ALIASES
from trainer_runtime.storage.local_roots import LocalRoots


@dataclass(frozen=True)
class TokenReport:
    """Lengths in tokens before anything is cut; `rows` is how many were looked at.

    Lists hold `file:line` of the first rows; `dropped` ones carry no loss within `max_length`.
    """

    tokenizer: str
    max_length: int
    rows: int
    shortest: int
    median: int
    p95: int
    longest: int
    truncated: int
    truncated_rows: tuple[str, ...]
    dropped: int
    dropped_rows: tuple[str, ...]


def find_tokenizer(
    model_name: str, revision: str, roots: LocalRoots, folders: Iterable[Path] = ()
) -> Path | None:
    """A folder on this machine with the model's tokenizer; nothing is downloaded for it.

    `folders` are looked at first (what an initializer brought). A name of the Hub is looked for in
    the Hub's cache alone, never as a folder of that name.
    """
    for folder in folders:
        if (folder / "tokenizer.json").is_file():
            return folder
    if model_name.startswith(("/", "./", "../", "file://")):
        path = roots.resolve(Path(model_name.removeprefix("file://")))
        return path if (path / "tokenizer.json").is_file() else None
    try:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(model_name, "tokenizer.json", revision=revision)
    except (ImportError, ValueError):
        return None
    return Path(found).parent if isinstance(found, str) else None


def report_tokens(
    facts: DatasetFacts, folder: Path, max_length: int, most_rows: int
) -> TokenReport:
    """Encodes up to `most_rows` training rows as the training does.

    Raises `RunError` MODEL_INCOMPATIBLE when the tokenizer does not fit the rows' shape.
    """
    from trainer_runtime.encoded_dataset import EncodingFacts
    from trainer_runtime.labels import RowEncoder

    tokenizer = _load_tokenizer(folder)
    encoder = RowEncoder(tokenizer, max_length=max_length, source_shape=facts.source_shape)
    counted = EncodingFacts()
    lengths = []
    for file, line, row in islice(load_numbered_rows(facts), most_rows):
        encoded = encoder.encode(row)
        counted.count(encoded, f"{file}:{line}")
        lengths.append(encoded.full_length)
    lengths.sort()
    return TokenReport(
        tokenizer=str(folder),
        max_length=max_length,
        rows=len(lengths),
        shortest=lengths[0],
        median=lengths[len(lengths) // 2],
        p95=lengths[min(len(lengths) - 1, len(lengths) * 95 // 100)],
        longest=lengths[-1],
        truncated=counted.truncated,
        truncated_rows=tuple(counted.truncated_rows),
        dropped=counted.masked,
        dropped_rows=tuple(counted.masked_rows),
    )


def _load_tokenizer(folder: Path) -> Any:
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_fast=True
        )
    except (ImportError, OSError, ValueError, KeyError, TypeError) as error:
        sentence = f"The tokenizer in {folder} cannot be loaded ({type(error).__name__})."
        raise RunError("MODEL_INCOMPATIBLE", sentence) from error


_LENGTH_NAMES = ("max_sequence_length", *ALIASES["max_sequence_length"])
_DEFAULT_LENGTH = 2048


def read_max_length(tuning_parameters: Mapping[str, Any]) -> int:
    """`max_sequence_length` under any of its names, else its default."""
    for name in _LENGTH_NAMES:
        value = tuning_parameters.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
    return _DEFAULT_LENGTH
