"""Keeps the run's log at `log_uri`, masked, in pieces: S3 cannot append."""

import queue
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from trainer_runtime.masking import Masker
from trainer_runtime.reasons import RunError
from trainer_runtime.storage.place import Place

INTERVAL_SECONDS: Final = 60.0
PIECE_BYTES: Final = 1 << 20
#: What is kept in memory while the storage is away; older pieces go.
_MAX_WAITING_PIECES: Final = 64


class LogArchive:
    """Takes the log as it comes and writes it to `place` from a thread of its own.

    Pieces are `<UTC start of the run>-<number>.log`, in the order of their names, so that several
    runs of a job stand one after the other. A storage that fails is told once to `on_failure` and
    tried again with the next piece; nothing here ever stops the training.
    """

    def __init__(
        self,
        place: Place,
        masker: Masker,
        *,
        on_failure: Callable[[str], None] = lambda _sentence: None,
        interval_seconds: float = INTERVAL_SECONDS,
        piece_bytes: int = PIECE_BYTES,
        started: datetime | None = None,
    ) -> None:
        self._place = place
        self._stream = masker.stream()
        self._on_failure = on_failure
        self._interval_seconds = interval_seconds
        self._piece_bytes = piece_bytes
        self._prefix = (started or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S%fZ")
        self._number = 0
        self._told = False
        self._waiting: list[bytes] = []
        self._buffer = bytearray()
        self._lock = threading.Lock()
        self._orders: queue.SimpleQueue[threading.Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="log-archive", daemon=True)
        self._thread.start()

    def append(self, data: bytes | str) -> None:
        """Adds to the log; returns at once."""
        with self._lock:
            self._buffer += self._stream.feed(data.encode() if isinstance(data, str) else data)
            is_full = len(self._buffer) >= self._piece_bytes
        if is_full:
            self._orders.put(threading.Event())

    def flush(self) -> None:
        """Returns when what was appended so far was written, or could not be."""
        done = threading.Event()
        self._orders.put(done)
        while self._thread.is_alive() and not done.wait(0.1):
            pass

    def close(self, timeout_seconds: float | None = None) -> None:
        """Writes the rest and ends, at the latest after `timeout_seconds`; twice is harmless."""
        with self._lock:
            self._buffer += self._stream.flush()
        self._orders.put(None)
        self._thread.join(timeout_seconds)

    def _work(self) -> None:
        due = time.monotonic() + self._interval_seconds
        while True:
            try:
                order = self._orders.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                order = threading.Event()
            self._write_waiting()
            due = time.monotonic() + self._interval_seconds
            if order is None:
                return
            order.set()

    def _write_waiting(self) -> None:
        with self._lock:
            data = bytes(self._buffer)
            self._buffer.clear()
        step = self._piece_bytes
        self._waiting += [data[start : start + step] for start in range(0, len(data), step)]
        del self._waiting[:-_MAX_WAITING_PIECES]
        while self._waiting:
            try:
                name = f"{self._prefix}-{self._number + 1:06}.log"
                self._place.write(name, self._waiting[0])
            except RunError as error:
                if not self._told:
                    self._on_failure(error.sentence)
                self._told = True
                return
            self._told = False
            self._number += 1
            del self._waiting[0]
