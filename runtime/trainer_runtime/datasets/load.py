"""Gives the checked rows to whoever trains: the same rows in the same order, each time."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from trainer_runtime.datasets.facts import DatasetFacts, FileFacts, Role
from trainer_runtime.datasets.held_out import row_hash
from trainer_runtime.datasets.numbered_rows import normalised_rows
from trainer_runtime.datasets.problems import DatasetInvalid, FileFault, Problem, RowFault

Row = dict[str, Any]


def load_rows(facts: DatasetFacts, role: Role = "train") -> Iterator[Row]:
    """The rows of one role in the order of their files, read lazily from disk.

    Raises `DatasetInvalid` when a file changed since it was checked.
    """
    for _, _, row in load_numbered_rows(facts, role):
        yield row


def load_numbered_rows(facts: DatasetFacts, role: Role = "train") -> Iterator[tuple[str, int, Row]]:
    """The same with the file's name and the line on which each row begins."""
    for file in facts.files:
        if file.role == role:
            for line, row in _rows_of(file, facts):
                if file.role == "evaluation" or not _is_held_out(row, facts):
                    yield file.name, line, row
        elif role == "evaluation" and facts.held_out_below:
            for line, row in _rows_of(file, facts):
                if _is_held_out(row, facts):
                    yield file.name, line, row


def _is_held_out(row: Row, facts: DatasetFacts) -> bool:
    return facts.held_out_below > 0 and row_hash(row, facts.seed) < facts.held_out_below


def _rows_of(file: FileFacts, facts: DatasetFacts) -> Iterator[tuple[int, Row]]:
    if not file.rows:
        return
    path = Path(file.path)
    numbered = normalised_rows(path, file.format, file.source_shape, scratch=Path(facts.scratch))
    try:
        for line, row in islice(numbered, file.first, file.stop):
            if not isinstance(row, RowFault):
                yield line, row
            elif not facts.skips_bad_rows:
                raise _changed(file, line)
    except (FileFault, OSError):
        raise _changed(file, None) from None


def _changed(file: FileFacts, line: int | None) -> DatasetInvalid:
    problem = Problem(file.name, line, "", "changed since it was checked")
    return DatasetInvalid(f"{problem}.", (problem,), 1)
