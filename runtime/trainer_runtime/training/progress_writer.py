"""Writes how far the training is without a step waiting for the disk."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

#: Between two writes. The first process looks less often; replacing a file takes half a
#: millisecond, which a small model's step feels.
_SECONDS = 0.2


class ProgressWriter:
    """Writes the newest value within a fifth of a second, whether or not another one follows.

    The last step before a hang must be told too: hangs are found by it.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        self._write = write
        # Appending and popping are atomic, so that `put` never waits for a write.
        self._newest: deque[dict[str, Any]] = deque(maxlen=1)
        self._has_new = threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, value: dict[str, Any]) -> None:
        """Replaces a value that is not written yet."""
        self._newest.append(value)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
            self._thread.start()
        if not self._has_new.is_set():
            self._has_new.set()

    def flush(self) -> None:
        """Writes what waits, now."""
        with self._writing:
            if self._newest:
                self._write(self._newest.pop())

    def _run(self) -> None:
        while True:
            self._has_new.wait()
            self._has_new.clear()
            self.flush()
            time.sleep(_SECONDS)
