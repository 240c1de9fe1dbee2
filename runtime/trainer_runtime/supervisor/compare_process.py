"""The comparison after training, in a process of its own, on the model that was uploaded."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from trainer_runtime.storage import Place
from trainer_runtime.supervisor.log import RunLog
from trainer_runtime.supervisor.processes import training_environment
from trainer_runtime.work_files import WorkFiles, read_json

_SECONDS: Final = 900.0


def compare_uploaded(
    place: Place, files: WorkFiles, environ: Mapping[str, str], log: RunLog
) -> dict[str, Any] | None:
    """`Comparison.to_json()` of `model` at `place`; None when it could not be made.

    Raises `RunError` when the storage cannot be read, OSError when the disk has no room.
    """
    folder = files.folder / "uploaded-model"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        place.download_tree("model", folder)
        _compare(files, folder, environ, log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    comparison = read_json(files.folder / "comparison.json")
    return comparison if isinstance(comparison, dict) else None


def _compare(files: WorkFiles, folder: Path, environ: Mapping[str, str], log: RunLog) -> None:
    """Lets a process write `comparison.json`; it has its time, and no longer."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "trainer_runtime.training.compare",
            str(files.folder),
            str(folder),
        ],
        env={**training_environment(environ), "TRAINER_PARENT_PID": str(os.getpid())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    pump = threading.Thread(target=log.pump, args=(process.stdout,), daemon=True)
    pump.start()
    try:
        process.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    pump.join(10)
