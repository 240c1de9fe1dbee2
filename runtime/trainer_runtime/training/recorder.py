"""Writes what the training does into the working folder: progress, metrics, events.

Only the first rank writes. Nothing here may stop a training: a full disk is told in the log.
"""

import math
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer_runtime.checkpoints import METRICS
from trainer_runtime.training.progress_writer import ProgressWriter
from trainer_runtime.work_files import JsonLines, WorkFiles, append_json, emit, write_json

#: transformers' and TRL's names → ours, where they differ. None: no series.
_NAMES = {
    "train_loss": None,
    "train_runtime": None,
    "train_samples_per_second": None,
    "train_steps_per_second": None,
    "total_flos": None,
    "epoch": "epoch",
    "eval_runtime": None,
    "eval_samples_per_second": None,
    "eval_steps_per_second": None,
}


class Recorder:
    """The run's files, as the first rank writes them."""

    def __init__(self, files: WorkFiles, *, is_first: bool) -> None:
        self._files = files
        self._is_first = is_first
        self._phase: str | None = None
        self._progress = ProgressWriter(
            lambda value: self._write(lambda: write_json(files.progress, value))
        )

    def phase(self, name: str) -> None:
        """A phase of the job begins: training, evaluating or saving."""
        if name != self._phase:
            self._phase = name
            self._progress.flush()
            self._emit("phase", phase=name)

    def warn(self, message: str) -> None:
        """Tells of something that was accepted and acts differently, in log and reports."""
        if self._is_first:
            print(f"warning: {message}", file=sys.stderr, flush=True)
        self._emit("warning", message=message)

    def facts(self, **values: Any) -> None:
        """Adds to what `run.json` says of the data and the model."""
        self._emit("facts", values=values)

    def checkpoint(self, name: str, step: int) -> None:
        self._emit("checkpoint", name=name, step=step)

    def progress(self, step: int, max_steps: int, epoch: float | None) -> None:
        """Of steps that follow fast on one another only the newest is written."""
        if not self._is_first:
            return
        self._progress.put(
            {"step": step, "max_steps": max_steps, "epoch": epoch, "time": time.time()}
        )
        if step >= max_steps:
            self._progress.flush()

    def metrics(self, step: int, values: Mapping[str, Any]) -> None:
        """Appends the numbers among `values`; one that is not finite is null."""
        if not self._is_first:
            return
        line: dict[str, Any] = {"step": step, "time": time.time()}
        for name, value in values.items():
            known = _NAMES.get(name, name)
            if known is None or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            line[known] = float(value) if math.isfinite(value) else None
        if line.keys() - {"step", "time", "epoch"}:
            self._write(lambda: append_json(self._files.metrics, line))

    def keep_metrics(self, checkpoint: Path) -> None:
        """Copies the metrics so far into a checkpoint, so that a resumed run tells all of them."""
        if self._files.metrics.exists():
            shutil.copyfile(self._files.metrics, checkpoint / METRICS)

    def restore_metrics(self, checkpoint: Path, step: int) -> None:
        """Begins with the metrics up to `step` of the run that is resumed."""
        if not self._is_first:
            return
        self._files.metrics.unlink(missing_ok=True)
        for line in JsonLines(checkpoint / METRICS).read_new():
            if line.get("step", 0) <= step:
                append_json(self._files.metrics, line)

    def _emit(self, kind: str, **data: Any) -> None:
        if self._is_first:
            self._write(lambda: emit(self._files, kind, **data))

    def _write(self, write: Any) -> None:
        try:
            write()
        except OSError as error:
            print(f"warning: a file of the run could not be written: {error}", file=sys.stderr)
