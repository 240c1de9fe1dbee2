"""Reads CSV as spreadsheets write it: a header, quoted cells, also over several lines."""

import csv
from collections.abc import Iterator
from typing import Any, Final

from trainer_runtime.datasets.limits import MAX_ROW_BYTES, TOO_LONG
from trainer_runtime.datasets.problems import FileFault, RowFault
from trainer_runtime.datasets.row_shapes import ALL_FIELDS

_DELIMITERS: Final = (",", ";", "\t", "|")


def read_csv(file: Any, delimiter: str | None) -> Iterator[tuple[int, "dict[str, Any] | RowFault"]]:
    """`(line, row)` of each record; empty cells are absent. Raises `FileFault` for a bad header.

    Without a `delimiter` it is the one with which the header names a field that is known.
    """
    csv.field_size_limit(MAX_ROW_BYTES)
    lines = _Lines(file)
    first = lines.take_first()
    if first is None:
        return
    if delimiter is None:
        delimiter = _find_delimiter(first)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
    except (csv.Error, StopIteration) as error:
        raise FileFault(f"has a header that cannot be read ({error})", 1) from None
    if len(set(header)) != len(header):
        raise FileFault("names a column twice in its header", 1)
    while True:
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, RowFault(f"is not CSV ({error})")
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            yield line, RowFault(f"has {len(cells)} cells, the header {len(header)}")
            continue
        if lines.has_nul:
            raise FileFault("holds NUL bytes, as no text does", line)
        yield line, {name: cell for name, cell in zip(header, cells, strict=True) if cell}


def _find_delimiter(header: str) -> str:
    for delimiter in _DELIMITERS:
        names = {name.strip().strip('"') for name in header.strip().split(delimiter)}
        if names & ALL_FIELDS and len(names) > 1:
            return delimiter
    return ","


class _Lines:
    """Lines of text for csv, which counts on them one by one; `number` is the last one's."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._first: str | None = None
        self.number = 0
        self.has_nul = False

    def take_first(self) -> str | None:
        """The header's line, which is given once more by iterating; None for an empty file."""
        try:
            self._first = next(self)
        except StopIteration:
            return None
        self.number = 0
        return self._first

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._first is not None:
            line, self._first = self._first, None
            self.number = 1
            return line
        data = self._file.readline(MAX_ROW_BYTES)
        if not data:
            raise StopIteration
        self.number += 1
        if len(data) == MAX_ROW_BYTES:
            raise FileFault(TOO_LONG, self.number)
        self.has_nul = self.has_nul or b"\0" in data
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError:
            raise FileFault("is not UTF-8", self.number) from None
