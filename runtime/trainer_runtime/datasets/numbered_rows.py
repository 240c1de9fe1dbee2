"""Reads a checked file's rows once more, normalised: the same rows with the same numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer_runtime.datasets.problems import RowFault
from trainer_runtime.datasets.row_readers import read_rows
from trainer_runtime.datasets.row_shapes import NORMALISERS

Row = dict[str, Any]


def normalised_rows(
    path: Path, file_format: str, source_shape: str, *, scratch: Path
) -> Iterator[tuple[int, "Row | RowFault"]]:
    """`(line, row)` of every row, a `RowFault` in place of a bad one; `FileFault` ends it."""
    normalise = NORMALISERS[source_shape]
    for line, row in read_rows(path, file_format, scratch=scratch):
        if isinstance(row, RowFault):
            yield line, row
            continue
        try:
            yield line, normalise(row)
        except RowFault as fault:
            yield line, fault
