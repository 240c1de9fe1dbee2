"""Checks every row of a job's datasets, before anything heavy is loaded."""

import hashlib
import json
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from trainer_runtime.datasets.facts import DatasetFacts, FileFacts, Role
from trainer_runtime.datasets.fetch import (
    DatasetOrder,
    Fetched,
    SourceFile,
    fetch_dataset,
    fetch_initialized,
    find_workspace,
)
from trainer_runtime.datasets.file_formats import choose_format
from trainer_runtime.datasets.held_out import EvaluationOrder, assign_roles, find_threshold
from trainer_runtime.datasets.problems import (
    FileFault,
    Problem,
    ProblemList,
    to_printable,
)
from trainer_runtime.datasets.row_check import RowCheck
from trainer_runtime.datasets.row_readers import read_rows
from trainer_runtime.datasets.row_shapes import KIND_OF, name_fields
from trainer_runtime.datasets.splits import Split, parse_split
from trainer_runtime.storage.place import sha256_file
from trainer_runtime.storage.places import Places

PROBLEM_LIMIT = 20
#: Of a dataset's rows, so many may be bad with `bad_rows: skip`.
MAX_SKIPPED_SHARE = 0.01
REJECTED_NAME = "rejected.jsonl"
_ALL_ROWS = 1 << 62


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
    initialized: Path | None = None,
) -> DatasetFacts:
    """Fetches and reads all data; answers what `load_rows` needs.

    Raises `DatasetInvalid` with the first `limit` problems of all files at once, `RunError`
    DATASET_UNAVAILABLE for what cannot be fetched. With `bad_rows: skip` up to 1 % of a dataset's
    rows are left out and told in `work_dir/rejected.jsonl`, without their words. A job's one
    dataset is taken from `initialized` where an initializer left it there (by default the folder
    `dataset` of `TRAINER_WORKSPACE`).
    """
    initialized = initialized or find_workspace(places.environ) / "dataset"
    splits = [parse_split(dataset.split, index) for index, dataset in enumerate(job.datasets)]
    roles, warnings = assign_roles(splits, job.evaluation)
    rows = RowCheck(ProblemList(limit), seed, skips=job.bad_rows == "skip")
    share = job.evaluation.share if job.evaluation is not None else None
    # Which rows are held out, or are on both sides, is told by their hashes.
    if share is not None or "evaluation" in roles:
        rows.hashes = {role: array("Q") for role in roles}
    check = _Check(rows, work_dir)
    for index, dataset in enumerate(job.datasets):
        fetched: Fetched | None = None
        if len(job.datasets) == 1:
            fetched = fetch_initialized(initialized, splits[index], places, work_dir)
        if fetched is None:
            fetched = fetch_dataset(dataset, index, splits[index], places, work_dir)
        warnings += fetched.warnings
        check.read_dataset(dataset, index, splits[index], roles[index], fetched)
    threshold = 0
    if share is not None and "evaluation" not in roles:
        threshold = find_threshold(rows.hashes["train"], share)
    return check.to_facts(job, warnings, threshold)


@dataclass
class _Check:
    """One check of all datasets: their files so far, and the rows of each role."""

    rows: RowCheck
    work_dir: Path
    files: list[FileFacts] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"train": 0, "evaluation": 0})
    rejected: int = 0

    def read_dataset(
        self,
        dataset: DatasetOrder,
        index: int,
        split: Split | None,
        role: Role,
        fetched: Fetched,
    ) -> None:
        problems_before = self.rows.problems.total
        known: list[tuple[SourceFile, str]] = []
        for source in fetched.files:
            try:
                chosen = choose_format(source.path, source.name, dataset.format)
            except (FileFault, OSError) as fault:
                self.rows.add_file_fault(source.name, fault)
                continue
            known.append((source, chosen))
        start, stop = self._bounds(split, known)
        total = good = bad = 0
        for source, chosen in known:
            first, end = max(0, start - total), max(0, stop - total)
            found = read_rows(source.path, chosen, scratch=self.work_dir)
            read = self.rows.read_file(source.name, found, role, first, end)
            total, good, bad = total + read.rows, good + read.good, bad + read.bad
            if self.rows.problems.total:
                continue  # No facts are of use then, and a file may be one that cannot be read.
            self.files.append(
                FileFacts(
                    name=source.name,
                    path=str(source.path),
                    dataset=index,
                    role=role,
                    format=chosen,
                    source_shape=read.source_shape,
                    rows=read.good,
                    bytes=source.path.stat().st_size,
                    sha256=sha256_file(source.path),
                    first=first,
                    stop=min(end, read.rows),
                )
            )
        self.counts[role] += good
        if self.rows.skips:
            self._allow_skipping(index, bad, good + bad)
        if good == 0 and self.rows.problems.total == problems_before:
            name = fetched.files[0].name if len(fetched.files) == 1 else f"datasets[{index}]"
            reason = "holds no rows" + (f" of the split {dataset.split}" if total else "")
            self.rows.problems.add(Problem(name, None, "", reason))

    def _bounds(
        self, split: Split | None, known: Sequence[tuple[SourceFile, str]]
    ) -> tuple[int, int]:
        """First and last row of the split; only one that is a part needs all rows counted."""
        if split is None or split.is_whole:
            return 0, _ALL_ROWS
        total = 0
        for source, chosen in known:
            # A fault is told when the rows are read in earnest.
            with suppress(FileFault, OSError):
                total += sum(1 for _ in read_rows(source.path, chosen, scratch=self.work_dir))
        return split.bounds(total)

    def _allow_skipping(self, index: int, bad: int, rows: int) -> None:
        """Raises `DatasetInvalid` where more rows of a dataset are bad than may be skipped."""
        since = self.rejected
        self.rejected += bad
        if bad <= MAX_SKIPPED_SHARE * rows:
            return
        problems = self.rows.problems
        for problem in self.rows.rejected[since:]:
            problems.add(problem)
        if not problems.kept:
            problems.add(Problem(f"datasets[{index}]", None, "", "has too many bad rows"))
        note = f" {bad} of the {rows} rows of datasets[{index}] are bad; bad_rows skips up to 1 %."
        raise problems.to_error(note)

    def to_facts(self, job: DataOrder, warnings: list[str], threshold: int) -> DatasetFacts:
        """The facts, with what should be said added to `warnings`; raises `DatasetInvalid`."""
        rows = self.rows
        if rows.problems.total:
            raise rows.problems.to_error()
        assert rows.source_shape is not None
        ignored = sorted(rows.ignored)
        if ignored:
            warnings.append(f"Fields of the rows that are not used: {name_fields(ignored)}")
        if self.rejected:
            warnings.append(f"{self.rejected} bad row(s) are left out; {REJECTED_NAME} names them")
            self._write_rejected()
        held_out = sum(1 for value in rows.hashes.get("train", ()) if value < threshold)
        evaluated = frozenset(rows.hashes.get("evaluation", ()))
        shared = sum(1 for value in rows.hashes.get("train", ()) if value in evaluated)
        if shared:
            warnings.append(f"{shared} row(s) to train on are among those to evaluate on, too")
        share = job.evaluation.share if job.evaluation is not None else None
        if share is not None and not held_out:
            warnings.append("extra_parameters.evaluation.share finds no row that could be held out")
        return DatasetFacts(
            shape=KIND_OF[rows.source_shape],
            source_shape=rows.source_shape,
            rows=self.counts["train"] - held_out,
            evaluation_rows=self.counts["evaluation"] + held_out,
            rejected=self.rejected,
            files=tuple(self.files),
            warnings=tuple(warnings),
            ignored_fields=tuple(to_printable(name[:100]) for name in ignored),
            streaming=any(dataset.streaming for dataset in job.datasets),
            sha256=self._digest(threshold),
            seed=rows.seed,
            held_out_below=threshold,
            skips_bad_rows=rows.skips,
            scratch=str(self.work_dir),
        )

    def _write_rejected(self) -> None:
        self.work_dir.mkdir(parents=True, exist_ok=True)
        with (self.work_dir / REJECTED_NAME).open("w") as file:
            for problem in self.rows.rejected:
                file.write(json.dumps(problem.to_json()) + "\n")

    def _digest(self, threshold: int) -> str:
        """Of the training data: a resumed job's must be the same, its evaluation may differ."""
        parts = [
            [file.sha256, file.format, file.first, file.stop, file.source_shape]
            for file in self.files
            if file.role == "train"
        ]
        text = json.dumps([parts, threshold, self.rows.skips])
        return hashlib.sha256(text.encode()).hexdigest()
