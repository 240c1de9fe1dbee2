"""Stops: by order of the service, or by SIGTERM; each saves a checkpoint within the grace time."""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Literal

from trainer_runtime.reasons import SIGTERM_STATUS, RunError
from trainer_runtime.supervisor.processes import TrainingProcesses
from trainer_runtime.work_files import WorkFiles

#: Of the grace time, what is left for the upload's own end and the last report, in seconds.
_RESERVE_SECONDS = 2.0


class Stops:
    """Knows who asked for a stop and how much time is left. One stop counts: the first.

    Before the training a stop ends the run at once (`leave`); while it trains, it saves; once the
    result is uploaded, the run goes on until the grace time ends.
    """

    def __init__(
        self,
        files: WorkFiles,
        grace_seconds: float,
        *,
        say: Callable[[str], None],
        leave: Callable[[RunError], None],
    ) -> None:
        """`leave` tells the end and exits; it may be called from any thread."""
        self._files = files
        self._grace = grace_seconds
        self._say = say
        self._leave = leave
        self._lock = threading.RLock()
        self._stage: Literal["before", "training", "after", "over"] = "before"
        self._reason: str | None = None
        self._deadline: float | None = None
        self._processes: TrainingProcesses | None = None
        self._failure: RunError | None = None
        self.was_killed = False

    @property
    def is_asked(self) -> bool:
        """Whether this node was told to stop; else another node's ranks may have been."""
        return self._reason is not None

    @property
    def is_signal(self) -> bool:
        """Whether SIGTERM stopped the run: a node is drained, the job goes on elsewhere."""
        return self._reason == "sigterm"

    def listen(self) -> None:
        """From now on SIGTERM and Ctrl-C stop the run. To be called in the main thread.

        The handlers do nothing: a thread of its own reads the signals from a pipe, so that no lock
        of the interrupted code is in the way.
        """
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._read, args=(reading,), name="signals", daemon=True).start()

    def on_order(self, *, save: bool) -> None:
        """The service says stop; without `save` the processes are ended at once."""
        self._request("order", save=save)

    def begin_training(self, processes: TrainingProcesses) -> None:
        """From now on a stop is for these."""
        with self._lock:
            self._processes = processes
            self._stage = "training"
            if self._reason is not None:
                self._tell_training()

    def end_training(self, failure: RunError | None = None) -> None:
        """The processes have ended; next is the result or, after a `failure`, its checkpoint.

        A stop that cannot wait for that ends the run with the `failure`.
        """
        with self._lock:
            self._processes = None
            self._failure = failure
            self._stage = "after"

    def end(self) -> None:
        """The run is over; no stop counts any more."""
        with self._lock:
            self._stage = "over"

    def seconds_left(self) -> float | None:
        """Of the grace time; None without a stop."""
        if self._deadline is None:
            return None
        return max(0.1, self._deadline - time.monotonic() - _RESERVE_SECONDS)

    def to_error(self, where: str) -> RunError:
        """STOPPED, with the exit status of who asked."""
        if self.is_signal:
            return RunError("STOPPED", f"Stopped by SIGTERM {where}.", status=SIGTERM_STATUS)
        return RunError("STOPPED", f"Stopped by order {where}.")

    def _read(self, pipe: int) -> None:
        while data := os.read(pipe, 64):
            if any(number in (signal.SIGTERM, signal.SIGINT) for number in data):
                self._request("sigterm", save=True)

    def _request(self, reason: str, *, save: bool) -> None:
        with self._lock:
            if self._reason is not None or self._stage == "over":
                return
            self._reason = reason
            # Without a checkpoint of its own a stop waits for no earlier one, either.
            self._deadline = time.monotonic() + (self._grace if save else 0.0)
            stage = self._stage
            if stage == "training":
                self._say(f"stopping ({reason})" + (", a checkpoint first" if save else ""))
                if save:
                    self._tell_training()
                else:
                    self._kill()
                return
        if stage == "before":
            self._leave(self.to_error("before the training began"))
            return
        self._say(f"stopping ({reason}): the training is over, what it made is uploaded first")
        error = self._failure or self.to_error("before its result was uploaded")
        self._after(lambda: self._leave(error))

    def _tell_training(self) -> None:
        """By a file: a signal would reach only one of several processes."""
        whole = self._files.stop.with_suffix(".new")
        whole.write_text(self._reason or "")
        whole.replace(self._files.stop)
        self._after(self._kill)

    def _kill(self) -> None:
        with self._lock:
            if self._processes is not None:
                self.was_killed = True
                self._processes.kill()

    def _after(self, act: Callable[[], None]) -> None:
        timer = threading.Timer(max(0.1, self._grace - _RESERVE_SECONDS), act)
        timer.daemon = True
        timer.start()
