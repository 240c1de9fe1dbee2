"""What is known of the run at this moment, read from the working folder's files."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from trainer_runtime.work_files import JsonLines, WorkFiles, read_json

_MEDIAN_OF = 50


@dataclass
class Snapshot:
    """A copy to report from. `percentage` is 0 to 100, `remaining_seconds` an estimate or None."""

    phase: str
    step: int
    max_steps: int
    percentage: float | None
    remaining_seconds: float | None
    latest: dict[str, float]
    warnings: list[str] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)


class RunState:
    """Follows events, progress and metrics. Safe to use from several threads."""

    def __init__(self, files: WorkFiles) -> None:
        self._files = files
        self._events = JsonLines(files.events)
        self._metric_lines = JsonLines(files.metrics)
        self._lock = threading.Lock()
        self._phase = "downloading"
        self._phase_times: list[dict[str, Any]] = []
        self._steps: list[tuple[int, float]] = []
        self.metrics: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.facts: dict[str, Any] = {}
        self.saved: list[tuple[str, int]] = []
        self.uploaded: list[dict[str, Any]] = []
        self._latest: dict[str, float] = {}
        self._progress: dict[str, Any] = {}
        self._changed_at = time.time()
        self._seen_step = False

    def set_phase(self, phase: str) -> None:
        """A phase that the first process itself is in."""
        with self._lock:
            self._set_phase(phase, time.time())

    def warn(self, message: str) -> None:
        with self._lock:
            self.warnings.append(message)

    def add_uploaded(self, checkpoint: dict[str, Any]) -> None:
        """A checkpoint is complete at the output."""
        with self._lock:
            self.uploaded.append(checkpoint)

    def refresh(self) -> None:
        """Reads what the training wrote since the last time."""
        with self._lock:
            for event in self._events.read_new():
                self._take(event)
            for line in self._metric_lines.read_new():
                self.metrics.append(line)
                self._latest |= {
                    name: value
                    for name, value in line.items()
                    if name not in ("step", "time") and isinstance(value, int | float)
                }
            progress = read_json(self._files.progress)
            if isinstance(progress, dict) and progress != self._progress:
                if progress.get("step", 0) != self._progress.get("step", 0):
                    self._steps.append((progress["step"], progress["time"]))
                    del self._steps[:-_MEDIAN_OF]
                self._progress = progress
                self._changed_at = max(self._changed_at, progress.get("time", 0.0))
                self._seen_step |= progress.get("step", 0) > 0

    def snapshot(self) -> Snapshot:
        """The state as last refreshed."""
        with self._lock:
            step = int(self._progress.get("step", 0))
            max_steps = int(self._progress.get("max_steps", 0))
            return Snapshot(
                phase=self._phase,
                step=step,
                max_steps=max_steps,
                percentage=round(100 * step / max_steps, 2) if max_steps > 0 else None,
                remaining_seconds=self._remaining(step, max_steps),
                latest=dict(self._latest),
                warnings=list(self.warnings),
                checkpoints=list(self.uploaded),
            )

    @property
    def phases(self) -> list[dict[str, Any]]:
        """[{phase, started_at}] in order, UNIX seconds."""
        with self._lock:
            return list(self._phase_times)

    def seconds_without_change(self) -> float | None:
        """How long the training has said nothing; None before its first step."""
        with self._lock:
            return time.time() - self._changed_at if self._seen_step else None

    def _take(self, event: dict[str, Any]) -> None:
        self._changed_at = max(self._changed_at, event.get("time", 0.0))
        match event.get("type"):
            case "phase":
                self._set_phase(str(event["phase"]), float(event["time"]))
            case "warning":
                self.warnings.append(str(event["message"]))
            case "facts":
                self.facts |= event["values"]
            case "checkpoint":
                self.saved.append((str(event["name"]), int(event["step"])))

    def _set_phase(self, phase: str, at: float) -> None:
        if phase != self._phase or not self._phase_times:
            self._phase = phase
            self._phase_times.append({"phase": phase, "started_at": at})

    def _remaining(self, step: int, max_steps: int) -> float | None:
        """From the pace of the last steps of this run."""
        if len(self._steps) < 2 or max_steps <= 0:
            return None
        (first, began), (last, ended) = self._steps[0], self._steps[-1]
        if last <= first:
            return None
        return round((ended - began) / (last - first) * max(0, max_steps - step), 1)
