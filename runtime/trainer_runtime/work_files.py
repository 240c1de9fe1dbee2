"""The files by which the training processes tell the first process what they do.

One folder, `TRAINER_WORK_DIR`. A whole file is replaced atomically; a `.jsonl` file only grows.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from trainer_runtime.finite import finite


@dataclass(frozen=True)
class WorkFiles:
    """Names of what lies in a run's working folder."""

    folder: Path

    @property
    def run(self) -> Path:
        """What to do: job, plan, dataset facts, paths. The first process writes it once."""
        return self.folder / "plan.json"

    @property
    def events(self) -> Path:
        """Phases, warnings, checkpoints and facts, one JSON object a line."""
        return self.folder / "events.jsonl"

    @property
    def metrics(self) -> Path:
        """Every logged metric: {"step", "time", name: value, …} a line. Part of the result."""
        return self.folder / "metrics.jsonl"

    @property
    def progress(self) -> Path:
        """{"step", "max_steps", "epoch", "time"} of the newest step."""
        return self.folder / "progress.json"

    @property
    def outcome(self) -> Path:
        """How the training process ended: {"code", "sentence", "summary"}."""
        return self.folder / "outcome.json"

    @property
    def stop(self) -> Path:
        """There once the training is to save and end; holds "order" or "sigterm"."""
        return self.folder / "stop"

    @property
    def encoded(self) -> Path:
        return self.folder / "encoded"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def model(self) -> Path:
        """The trained model, as it is uploaded."""
        return self.folder / "model"

    @property
    def best(self) -> Path:
        """The model at its best evaluation, where that is kept."""
        return self.folder / "best"

    @property
    def trainer_state(self) -> Path:
        return self.folder / "trainer_state.json"


def write_json(path: Path, value: Any) -> None:
    """Replaces `path` atomically; mode 0600."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open_private(temporary, "w") as file:
        json.dump(finite(value), file, ensure_ascii=False, allow_nan=False)
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """The value in `path`; None when there is no such file or no JSON in it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def append_json(path: Path, value: dict[str, Any]) -> None:
    """Appends one line in one write, so that no reader sees half of one."""
    line = json.dumps(finite(value), ensure_ascii=False, allow_nan=False) + "\n"
    with open_private(path, "a") as file:
        file.write(line)


def emit(files: WorkFiles, kind: str, **data: Any) -> None:
    """Appends an event."""
    append_json(files.events, {"type": kind, "time": time.time(), **data})


class JsonLines:
    """Reads what was appended to a file since the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read_new(self) -> Iterator[dict[str, Any]]:
        """The whole lines since the last call; none while the file is not there."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return
        end = data.rfind(b"\n") + 1
        self._offset += end
        for line in data[:end].splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def open_private(path: Path, mode: Literal["w", "a"]) -> TextIO:
    """Opens a text file that, where it is new, only its owner may read."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if mode == "w" else os.O_APPEND)
    return os.fdopen(os.open(path, flags, 0o600), mode, encoding="utf-8")
