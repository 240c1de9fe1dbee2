"""Looks at every row once: its shape, its faults, the fields that nobody uses."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from trainer_runtime.datasets.facts import Role
from trainer_runtime.datasets.held_out import row_hash
from trainer_runtime.datasets.problems import FileFault, Problem, ProblemList, RowFault
from trainer_runtime.datasets.row_readers import Numbered
from trainer_runtime.datasets.row_shapes import (
    EXPECTED,
    FIELDS_OF,
    KIND_OF,
    NORMALISERS,
    Normalise,
    detect_shape,
    name_fields,
)

_MAX_IGNORED_FIELDS: Final = 50
#: Of the rows that are skipped; all are counted.
_MAX_REJECTED_KEPT: Final = 100_000


@dataclass
class FileRead:
    """Counts of one file: `rows` over all, `good` and `bad` ones within the split."""

    source_shape: str = ""
    rows: int = 0
    good: int = 0
    bad: int = 0


@dataclass
class RowCheck:
    """What was found so far in the rows of all files.

    With `skips`, bad rows are `rejected` instead of being problems. `hashes` gets the hash of each
    row of the roles that it has.
    """

    problems: ProblemList
    seed: int
    skips: bool
    hashes: dict[Role, "array[int]"] = field(default_factory=dict)
    source_shape: str | None = None
    ignored: set[str] = field(default_factory=set)
    rejected: list[Problem] = field(default_factory=list)
    _shape_file: str = ""

    def read_file(
        self, name: str, rows: Iterator[Numbered], role: Role, first: int, stop: int
    ) -> FileRead:
        """Checks the rows `first` ≤ n < `stop` of a file; a fault of the file ends it."""
        read = FileRead()
        hashes = self.hashes.get(role)
        try:
            read.rows = sum(1 for _ in islice(rows, first))
            self._check_rows(name, islice(rows, stop - first), hashes, read)
            read.rows += sum(1 for _ in rows)
        except (FileFault, OSError) as fault:
            self.add_file_fault(name, fault)
        return read

    def add_file_fault(self, name: str, fault: FileFault | OSError) -> None:
        """Notes that a file cannot be read (further); no row is skipped for that."""
        if isinstance(fault, FileFault):
            self.problems.add(Problem(name, fault.line, "", fault.reason))
        else:
            why = fault.strerror or type(fault).__name__
            self.problems.add(Problem(name, None, "", f"cannot be read ({why})"))

    def _check_rows(
        self, name: str, rows: Iterator[Numbered], hashes: "array[int] | None", read: FileRead
    ) -> None:
        normalise: Normalise | None = None
        known: frozenset[str] = frozenset()
        ignored = self.ignored
        for line, row in rows:
            read.rows += 1
            try:
                if isinstance(row, RowFault):
                    raise row
                if normalise is None:
                    read.source_shape = self._agree_on_shape(row, name, line)
                    normalise = NORMALISERS[read.source_shape]
                    known = FIELDS_OF[read.source_shape]
                normal = normalise(row)
            except RowFault as fault:
                self._reject(name, line, fault)
                read.bad += 1
                continue
            read.good += 1
            if not known.issuperset(row) and len(ignored) < _MAX_IGNORED_FIELDS:
                ignored.update(row.keys() - known)
            if hashes is not None:
                hashes.append(row_hash(normal, self.seed))

    def _agree_on_shape(self, row: dict[str, Any], name: str, line: int) -> str:
        """The shape of a file's first row. All of a job are of one kind: one way is trained."""
        shape = detect_shape(row)
        if shape is None:
            filled = [key for key, value in row.items() if value is not None]
            raise RowFault(f"has the fields {name_fields(filled)}; expected {EXPECTED}")
        if self.source_shape is None:
            self.source_shape, self._shape_file = shape, name
        elif not _can_stand_beside(shape, self.source_shape):
            reason = f"has rows of the shape {shape}, but {self._shape_file} of {self.source_shape}"
            self.problems.add(Problem(name, line, "", reason))
        return shape

    def _reject(self, name: str, line: int, fault: RowFault) -> None:
        problem = Problem(name, line, fault.field, fault.reason)
        if not self.skips:
            self.problems.add(problem)
        elif len(self.rejected) < _MAX_REJECTED_KEPT:
            self.rejected.append(problem)


def _can_stand_beside(shape: str, other: str) -> bool:
    """Conversations are told alike; an instruction may be wrapped where a prompt is not."""
    return shape == other or KIND_OF[shape] == KIND_OF[other] == "messages"
