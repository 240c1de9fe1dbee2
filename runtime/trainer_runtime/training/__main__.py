"""One training process: `python -m trainer_runtime.training WORK_DIR`, alone or under torchrun."""

import contextlib
import os
import sys
from pathlib import Path

from trainer_runtime.training.leave import leave
from trainer_runtime.training.parent import die_with_parent


def main() -> int:
    """0 when the training ended as it should; the outcome file in the folder says how."""
    # Under torchrun the parent is torchrun itself, which is tied to the first process.
    die_with_parent(int(os.environ.get("TRAINER_PARENT_PID") or os.getppid()))
    folder = Path(sys.argv[1])
    pids = folder / "pids"
    pids.mkdir(exist_ok=True)
    (pids / os.environ.get("LOCAL_RANK", "0")).write_text(str(os.getpid()))

    from trainer_runtime.run_description import RunDescription
    from trainer_runtime.work_files import WorkFiles

    files = WorkFiles(folder)
    if RunDescription.read(files).plan.engine == "unsloth":
        # It patches transformers and trl, and must come before them; what fails is told later.
        with contextlib.suppress(ImportError, RuntimeError, NotImplementedError):
            import unsloth  # noqa: F401

    from trainer_runtime.training.run import run_training

    return run_training(files)


if __name__ == "__main__":
    leave(main())
