"""Checkpoints on the local disk: complete only with a marker of our own, written last.

A process that dies while saving leaves a truncated `optimizer.pt` behind that loads half way.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any, Final

from trainer_runtime.work_files import read_json, write_json

MARKER: Final = "COMPLETE.json"
FINGERPRINT: Final = "fingerprint.json"
#: What the run had written when the checkpoint was made: metrics, and the best evaluation so far.
METRICS: Final = "run_metrics.jsonl"
RUN_STATE: Final = "run_state.json"
_NAME = re.compile(r"checkpoint-(\d+)")


def checkpoint_name(step: int) -> str:
    """transformers' own name for the folder."""
    return f"checkpoint-{step}"


def step_of(name: str) -> int | None:
    """The step of a checkpoint folder's name; None for any other name."""
    match = _NAME.fullmatch(name)
    return int(match.group(1)) if match else None


def mark_complete(folder: Path, step: int) -> None:
    """Writes the marker, with the size of every file, after all of them are on disk."""
    sizes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MARKER:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    write_json(folder / MARKER, {"step": step, "files": sizes})


def is_complete(folder: Path) -> bool:
    """Whether the marker is there and every file that it names has its size."""
    marker: Any = read_json(folder / MARKER)
    if not isinstance(marker, dict) or not isinstance(marker.get("files"), dict):
        return False
    for name, entry in marker["files"].items():
        size = entry.get("size") if isinstance(entry, dict) else entry
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            return False
    return True


def find_last_complete(folder: Path) -> Path | None:
    """The complete checkpoint of the greatest step below `folder`, or None."""
    found = [
        (step, path)
        for path in folder.glob("checkpoint-*")
        if (step := step_of(path.name)) is not None and is_complete(path)
    ]
    return max(found)[1] if found else None


def remove_incomplete(folder: Path) -> list[str]:
    """Deletes what a run that was cut off left half written; the names of what went."""
    removed = []
    for path in folder.glob("checkpoint-*"):
        if step_of(path.name) is not None and not is_complete(path):
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path.name)
    return removed
