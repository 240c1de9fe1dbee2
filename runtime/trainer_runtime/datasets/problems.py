"""What is wrong with rows, told by file, line and field, and never by a row's words."""

from dataclasses import dataclass, field
from typing import Any, Final

from trainer_runtime.reasons import RunError

#: How much of a sentence fits the termination line beside the rest.
_SENTENCE_CHARS: Final = 420


def to_printable(text: str) -> str:
    """`text` on one line, without control characters: names in a file may hold any."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)


class RowFault(Exception):
    """One row is wrong: `field` is a path in it (`messages[1].role`) or empty."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class FileFault(Exception):
    """A file cannot be read any further; `line` is where, counted from 1, or None."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True)
class Problem:
    """One fault of the data. `line` counts from 1 (rows for Parquet); None is the whole file."""

    file: str
    line: int | None
    field: str
    reason: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{self.field} {self.reason}" if self.field else self.reason
        return to_printable(f"{where}: {what}")

    def to_json(self) -> dict[str, Any]:
        """The four fields as they stand in `rejected.jsonl`."""
        return {
            "file": self.file,
            "line": self.line,
            "field": self.field or None,
            "reason": self.reason,
        }


class DatasetInvalid(RunError):
    """DATASET_INVALID with the first `problems`, all of which belong into the log."""

    def __init__(self, sentence: str, problems: tuple[Problem, ...] = (), total: int = 0) -> None:
        super().__init__("DATASET_INVALID", sentence)
        self.problems = problems
        self.total = total


@dataclass
class ProblemList:
    """Gathers problems: all are counted, the first `limit` are kept."""

    limit: int
    kept: list[Problem] = field(default_factory=list)
    total: int = 0

    def add(self, problem: Problem) -> None:
        self.total += 1
        if len(self.kept) < self.limit:
            self.kept.append(problem)

    def to_error(self, note: str = "") -> DatasetInvalid:
        """One sentence that begins with the first problem and says how many there are."""
        first = str(self.kept[0])
        if len(first) > _SENTENCE_CHARS - len(note):
            first = f"{first[: _SENTENCE_CHARS - len(note)]}…"
        more = self.total - 1
        rest = f" ({more} more {'problem' if more == 1 else 'problems'})" if more else ""
        return DatasetInvalid(f"{first}{rest}.{note}", tuple(self.kept), self.total)
