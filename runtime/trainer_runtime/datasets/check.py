"""Checks every row of a job's datasets, before anything heavy is loaded."""

import hashlib
import json
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from trainer_runtime.datasets.facts import DatasetFacts, FileFacts, Role
from trainer_runtime.datasets.fetch import (
    INITIALIZED,
    DatasetOrder,
    Fetched,
    SourceFile,
    fetch_dataset,
    fetch_initialized,
)
from trainer_runtime.datasets.file_formats import choose_format
from trainer_runtime.datasets.held_out import (
    EvaluationOrder,
    assign_roles,
    find_threshold,
    row_hash,
)
from trainer_runtime.datasets.problems import (
    FileFault,
    Problem,
    ProblemList,
    RowFault,
    to_printable,
)
from trainer_runtime.datasets.row_readers import Numbered, read_rows
from trainer_runtime.datasets.row_shapes import (
    EXPECTED,
    FIELDS_OF,
    KIND_OF,
    NORMALISERS,
    Normalise,
    detect_shape,
    name_fields,
)
from trainer_runtime.datasets.splits import Split, parse_split
from trainer_runtime.storage.place import sha256_file
from trainer_runtime.storage.places import Places

PROBLEM_LIMIT = 20
#: Of a dataset's rows, so many may be bad with `bad_rows: skip`.
MAX_SKIPPED_SHARE = 0.01
REJECTED_NAME = "rejected.jsonl"
_MAX_IGNORED_FIELDS = 50


class DataOrder(Protocol):
    """What of a job decides about its data."""

    @property
    def datasets(self) -> Sequence[DatasetOrder]: ...
    @property
    def evaluation(self) -> EvaluationOrder | None: ...
    @property
    def bad_rows(self) -> str: ...


def check_datasets(
    job: DataOrder,
    places: Places,
    work_dir: Path,
    limit: int = PROBLEM_LIMIT,
    seed: int = 42,
    initialized: Path = INITIALIZED,
) -> DatasetFacts:
    """Fetches and reads all data; answers what `load_rows` needs.

    Raises `DatasetInvalid` with the first `limit` problems of all files at once, `RunError`
    DATASET_UNAVAILABLE for what cannot be fetched. With `bad_rows: skip` up to 1 % of a dataset's
    rows are left out and told in `work_dir/rejected.jsonl`, without their words.
    """
    splits = [parse_split(dataset.split, index) for index, dataset in enumerate(job.datasets)]
    roles, warnings = assign_roles(splits, job.evaluation)
    check = _Check(ProblemList(limit), work_dir, seed, skips=job.bad_rows == "skip")
    share = job.evaluation.share if job.evaluation is not None else None
    check.hashes = array("Q") if share is not None and "evaluation" not in roles else None
    with ThreadPoolExecutor(1) as hasher:
        for index, dataset in enumerate(job.datasets):
            fetched: Fetched | None = None
            if len(job.datasets) == 1:
                fetched = fetch_initialized(initialized, splits[index], places, work_dir)
            if fetched is None:
                fetched = fetch_dataset(dataset, index, splits[index], places, work_dir)
            warnings += fetched.warnings
            check.read_dataset(dataset, index, splits[index], roles[index], fetched, hasher)
    threshold = find_threshold(check.hashes, share) if check.hashes and share else 0
    return check.to_facts(job, warnings, threshold)


@dataclass
class _Read:
    """Counts of one file; `good` rows are those within the split."""

    source_shape: str | None = None
    rows: int = 0
    good: int = 0
    bad: int = 0


@dataclass
class _Check:
    """One check of all datasets: what was found so far."""

    problems: ProblemList
    work_dir: Path
    seed: int
    skips: bool
    hashes: "array[int] | None" = None
    source_shape: str | None = None
    shape_file: str = ""
    ignored: set[str] = field(default_factory=set)
    rejected: list[Problem] = field(default_factory=list)
    files: list[FileFacts] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"train": 0, "evaluation": 0})

    def read_dataset(
        self,
        dataset: DatasetOrder,
        index: int,
        split: Split | None,
        role: Role,
        fetched: Fetched,
        hasher: ThreadPoolExecutor,
    ) -> None:
        before = self.problems.total
        rejected_before = len(self.rejected)
        pending: list[tuple[SourceFile, Future[str], str]] = []
        for source in fetched.files:
            try:
                chosen = choose_format(source.path, source.name, dataset.format)
            except (FileFault, OSError) as fault:
                self._add_file_fault(source.name, fault)
                continue
            # Another core hashes while this one parses.
            pending.append((source, hasher.submit(sha256_file, source.path), chosen))
        start, stop = self._bounds(split, pending)
        rows = good = 0
        for source, digest, chosen in pending:
            inside = (max(0, start - rows), max(0, stop - rows))
            read = self._read_file(source, chosen, role, inside)
            rows += read.rows
            good += read.good
            self.files.append(
                FileFacts(
                    name=source.name,
                    path=str(source.path),
                    dataset=index,
                    role=role,
                    format=chosen,
                    source_shape=read.source_shape or "",
                    rows=read.good,
                    bytes=source.path.stat().st_size,
                    sha256=digest.result(),
                    first=inside[0],
                    stop=min(inside[1], read.rows),
                )
            )
        self.counts[role] += good
        bad = len(self.rejected) - rejected_before
        if bad > MAX_SKIPPED_SHARE * (good + bad):
            self._fail_skipping(index, bad, good + bad, rejected_before)
        if good == 0 and self.problems.total == before:
            name = fetched.files[0].name if len(fetched.files) == 1 else f"datasets[{index}]"
            reason = "holds no rows" if rows == 0 else f"holds no rows of the split {dataset.split}"
            self.problems.add(Problem(name, None, "", reason))

    def _bounds(
        self, split: Split | None, pending: Sequence[tuple[SourceFile, object, str]]
    ) -> tuple[int, int]:
        """First and last row of the split; only one that is a part needs all rows counted."""
        if split is None or split.is_whole:
            return 0, 1 << 62
        total = 0
        for source, _, chosen in pending:
            # A fault is told when the rows are read in earnest.
            with suppress(FileFault, OSError):
                total += sum(1 for _ in read_rows(source.path, chosen, scratch=self.work_dir))
        return split.bounds(total)

    def _read_file(
        self, source: SourceFile, chosen: str, role: Role, inside: tuple[int, int]
    ) -> _Read:
        read = _Read()
        try:
            rows = read_rows(source.path, chosen, scratch=self.work_dir)
            self._read_rows(source.name, rows, role, inside, read)
        except (FileFault, OSError) as fault:
            self._add_file_fault(source.name, fault)
        return read

    def _read_rows(
        self,
        name: str,
        rows: Iterator[Numbered],
        role: Role,
        inside: tuple[int, int],
        read: _Read,
    ) -> None:
        first, stop = inside
        normalise: Normalise | None = None
        known: frozenset[str] = frozenset()
        ignored = self.ignored
        hashes = self.hashes if role == "train" else None
        good = number = 0
        if first or stop < 1 << 62:
            read.rows = min(first, sum(1 for _ in islice(rows, first)))
            number = read.rows
        try:
            for line, row in rows:
                if number >= stop:
                    number += 1
                    continue
                number += 1
                if not isinstance(row, RowFault):
                    if normalise is None:
                        shape = detect_shape(row)
                        if shape is None:
                            self._reject(name, line, _unknown_shape(row))
                            read.bad += 1
                            continue
                        self._agree_on_shape(shape, name, line)
                        normalise, known = NORMALISERS[shape], FIELDS_OF[shape]
                        read.source_shape = shape
                    try:
                        normal = normalise(row)
                    except RowFault as fault:
                        self._reject(name, line, fault)
                        read.bad += 1
                        continue
                    good += 1
                    if not known.issuperset(row) and len(ignored) < _MAX_IGNORED_FIELDS:
                        ignored.update(row.keys() - known)
                    if hashes is not None:
                        hashes.append(row_hash(normal, self.seed))
                else:
                    self._reject(name, line, row)
                    read.bad += 1
        finally:
            read.rows, read.good = number, good

    def _agree_on_shape(self, shape: str, name: str, line: int) -> None:
        """All rows of a job are of one kind, as one way of reading them is trained."""
        if self.source_shape is None:
            self.source_shape, self.shape_file = shape, name
            return
        mine, theirs = (KIND_OF[shape], shape), (KIND_OF[self.source_shape], self.source_shape)
        is_same = mine[0] == theirs[0] and (mine[0] == "messages" or mine == theirs)
        if not is_same:
            reason = f"has rows of the shape {shape}, but {self.shape_file} of {self.source_shape}"
            self.problems.add(Problem(name, line, "", reason))

    def _reject(self, name: str, line: int, fault: RowFault) -> None:
        problem = Problem(name, line, fault.field, fault.reason)
        if self.skips:
            self.rejected.append(problem)
        else:
            self.problems.add(problem)

    def _add_file_fault(self, name: str, fault: FileFault | OSError) -> None:
        if isinstance(fault, FileFault):
            self.problems.add(Problem(name, fault.line, "", fault.reason))
        else:
            why = fault.strerror or type(fault).__name__
            self.problems.add(Problem(name, None, "", f"cannot be read ({why})"))

    def _fail_skipping(self, index: int, bad: int, rows: int, since: int) -> None:
        for problem in self.rejected[since:]:
            self.problems.add(problem)
        note = f" {bad} of the {rows} rows of datasets[{index}] are bad; bad_rows skips up to 1 %."
        raise self.problems.to_error(note)

    def to_facts(self, job: DataOrder, warnings: list[str], threshold: int) -> DatasetFacts:
        if self.problems.total:
            raise self.problems.to_error()
        assert self.source_shape is not None
        if self.ignored:
            names = name_fields(sorted(self.ignored))
            warnings.append(f"Fields of the rows that are not used: {names}")
        if self.rejected:
            count = len(self.rejected)
            warnings.append(f"{count} bad row(s) are left out; {REJECTED_NAME} names them")
            self._write_rejected()
        held_out = sum(1 for value in self.hashes or () if value < threshold)
        share = job.evaluation.share if job.evaluation is not None else None
        if share is not None and not held_out:
            warnings.append("extra_parameters.evaluation.share finds no row that could be held out")
        return DatasetFacts(
            shape=KIND_OF[self.source_shape],
            source_shape=self.source_shape,
            rows=self.counts["train"] - held_out,
            evaluation_rows=self.counts["evaluation"] + held_out,
            rejected=len(self.rejected),
            files=tuple(self.files),
            warnings=tuple(warnings),
            ignored_fields=tuple(to_printable(name[:100]) for name in sorted(self.ignored)),
            streaming=any(dataset.streaming for dataset in job.datasets),
            sha256=self._digest(threshold),
            seed=self.seed,
            held_out_below=threshold,
            skips_bad_rows=self.skips,
            scratch=str(self.work_dir),
        )

    def _write_rejected(self) -> None:
        self.work_dir.mkdir(parents=True, exist_ok=True)
        with (self.work_dir / REJECTED_NAME).open("w") as file:
            for problem in self.rejected:
                file.write(json.dumps(problem.to_json()) + "\n")

    def _digest(self, threshold: int) -> str:
        """Of the training data: a resumed job's must be the same, its evaluation may differ."""
        parts = [
            [file.sha256, file.format, file.first, file.stop, file.source_shape]
            for file in self.files
            if file.role == "train"
        ]
        text = json.dumps([parts, threshold, self.skips])
        return hashlib.sha256(text.encode()).hexdigest()


def _unknown_shape(row: dict[str, object]) -> RowFault:
    filled = [name for name, value in row.items() if value is not None]
    return RowFault(f"has the fields {name_fields(filled)}; expected {EXPECTED}")
