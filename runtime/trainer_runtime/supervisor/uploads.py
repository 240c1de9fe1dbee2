"""Checkpoints on their way to the output, beside the training; the last two are kept."""

import queue
import shutil
import threading
import time
from collections.abc import Callable
from typing import Final

from trainer_runtime.checkpoints import step_of
from trainer_runtime.reasons import RunError
from trainer_runtime.storage import Place, publish_tree, remove_tree
from trainer_runtime.supervisor.run_state import RunState
from trainer_runtime.work_files import WorkFiles

KEPT: Final = 2


class CheckpointUploads:
    """One thread; a checkpoint that a newer one overtakes is left out. A fault never stops the
    training: it is told, and counts only for the last checkpoint of a stopped run."""

    def __init__(
        self, place: Place, files: WorkFiles, state: RunState, say: Callable[[str], None]
    ) -> None:
        """`place` is the output's `checkpoints` folder."""
        self._place = place
        self._files = files
        self._state = state
        self._say = say
        self._queue: queue.Queue[tuple[str, int] | None] = queue.Queue()
        self._failure: RunError | None = None
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def add(self, name: str, step: int) -> None:
        """The checkpoint `name` is complete on the local disk."""
        self._queue.put((name, step))

    def finish(self, timeout: float | None = None) -> RunError | None:
        """Waits for what is under way; the fault of the newest checkpoint, if it had one."""
        self._queue.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            sentence = "The last checkpoint did not reach the output in time."
            self._say(f"warning: {sentence}")
            return RunError("UPLOAD_FAILED", sentence, may_come_back=True)
        return self._failure

    def _run(self) -> None:
        while (entry := self._queue.get()) is not None:
            # Only the newest of those that wait is of use.
            ended = False
            while not self._queue.empty():
                newer = self._queue.get()
                if newer is None:
                    ended = True
                    break
                entry = newer
            self._upload(*entry)
            if ended:
                return

    def _upload(self, name: str, step: int) -> None:
        try:
            publish_tree(self._place, self._files.checkpoints / name, name, {"step": step})
        except RunError as error:
            self._failure = error
            self._say(f"warning: checkpoint of step {step} was not uploaded: {error.sentence}")
            return
        except OSError as error:
            self._failure = RunError(
                "UPLOAD_FAILED", f"The checkpoint cannot be read: {error.strerror}."
            )
            self._say(f"warning: checkpoint of step {step} cannot be read: {error}")
            return
        self._failure = None
        self._state.add_uploaded(
            {"step": step, "uri": f"{self._place.uri}/{name}", "time": time.time()}
        )
        self._say(f"checkpoint of step {step} is complete at {self._place.uri}/{name}")
        self._drop_older(step)

    def _drop_older(self, newest: int) -> None:
        """The last two stay, here and there; an older one goes after the newer is complete."""
        local = sorted(
            step
            for path in self._files.checkpoints.glob("checkpoint-*")
            if (step := step_of(path.name)) is not None and step <= newest
        )
        for step in local[:-KEPT]:
            shutil.rmtree(self._files.checkpoints / f"checkpoint-{step}", ignore_errors=True)
        try:
            names = {entry.path.partition("/")[0] for entry in self._place.list()}
            stored = sorted(
                step for name in names if (step := step_of(name)) is not None and step <= newest
            )
            for step in stored[:-KEPT]:
                remove_tree(self._place, f"checkpoint-{step}")
        except RunError as error:
            self._say(f"warning: older checkpoints stay at the output: {error.sentence}")
