"""Which part of a source a `split` names: `train`, `validation[:10%]`, `train[100:200]`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from trainer_runtime.reasons import RunError

#: A split's name → what files of it have in their names, as the Hub reads them.
_KEYWORDS: Final = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
#: Splits whose rows are evaluated, not trained on, when a further dataset names them.
EVALUATION_SPLITS: Final = frozenset({"validation", "valid", "val", "dev", "eval", "test"})
_SPLIT: Final = re.compile(r"^([\w.-]+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?$")


@dataclass(frozen=True)
class Split:
    """`name`, and bounds in rows or percent (`10%`), negative ones counted from the end."""

    name: str
    start: str | None = None
    stop: str | None = None

    @property
    def is_whole(self) -> bool:
        return self.start is None and self.stop is None

    @property
    def is_for_evaluation(self) -> bool:
        return self.name.lower() in EVALUATION_SPLITS

    def bounds(self, total: int) -> tuple[int, int]:
        """First row and the one after the last, of `total` rows."""
        start = 0 if self.start is None else _to_row(self.start, total)
        stop = total if self.stop is None else _to_row(self.stop, total)
        return start, max(start, stop)


def parse_split(text: str | None, index: int) -> Split | None:
    """Raises `RunError` CONFIG_INVALID that names the dataset."""
    if not text:
        return None
    match = _SPLIT.match(text)
    if match is None:
        sentence = f"datasets[{index}].split must be a name such as train or train[:10%]."
        raise RunError("CONFIG_INVALID", sentence)
    return Split(match[1], match[2], match[3])


def select_files(
    names: Sequence[str], split: Split | None, source: str
) -> tuple[list[str], str | None]:
    """The files of a folder that belong to the split, and a warning about those left out.

    Files say it in a part of their name (`train-00000-of-00002.parquet`, `data/test.jsonl`). Where
    none does, all belong to any split. Raises `RunError` DATASET_INVALID for a split that is not.
    """
    by_split: dict[str, list[str]] = {}
    for name in names:
        by_split.setdefault(_split_of(name), []).append(name)
    wanted = "train" if split is None else _canonical(split.name)
    # Where all files are of one kind, and no kind was asked for, that is what is meant.
    if set(by_split) == {""} or (split is None and len(by_split) == 1):
        return list(names), None
    if "" in by_split:
        by_split.setdefault("train", []).extend(by_split.pop(""))
    chosen = by_split.pop(wanted, None)
    if chosen is None:
        chosen = [name for name in names if _has_word(name, wanted)]
        by_split = {
            key: [name for name in group if name not in chosen] for key, group in by_split.items()
        }
    others = ", ".join(sorted(key for key, group in by_split.items() if group))
    if not chosen:
        sentence = f"{source} has no files of the split {wanted}; it has {others}."
        raise RunError("DATASET_INVALID", sentence)
    if split is None and others:
        return sorted(chosen), f"{source}: only its train files are read, not those of {others}"
    return sorted(chosen), None


def _to_row(text: str, total: int) -> int:
    value = int(text.rstrip("%"))
    row = round(total * value / 100) if text.endswith("%") else value
    return min(max(row + total if value < 0 else row, 0), total)


def _canonical(name: str) -> str:
    lower = name.lower()
    return next((key for key, words in _KEYWORDS.items() if lower in words), name)


def _split_of(name: str) -> str:
    """The split that a file's name tells, the nearest part first; empty where it tells none."""
    for part in reversed(PurePosixPath(name).parts):
        for key, words in _KEYWORDS.items():
            if any(_has_word(part, word) for word in words):
                return key
    return ""


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(^|[^a-zA-Z0-9]){re.escape(word)}([^a-zA-Z0-9]|$)", text, re.I) is not None
