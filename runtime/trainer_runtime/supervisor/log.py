"""The run's log: masked, on standard output, at `log_uri`, and its end for the reports."""

import sys
import threading
from typing import IO, Protocol

from trainer_runtime.masking import Masker

#: How much of the log's end goes into a report, in bytes.
TAIL_BYTES = 8192


class Archive(Protocol):
    """What keeps the log where the request asks for it."""

    def append(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class RunLog:
    """Everything that the run prints goes through here, from any thread."""

    def __init__(self, masker: Masker, output: IO[bytes] | None = None) -> None:
        self.masker = masker
        self._output = output or sys.stdout.buffer
        self._archive: Archive | None = None
        self._early = bytearray()
        self._tail = bytearray()
        self._lock = threading.Lock()

    def archive_to(self, archive: Archive) -> None:
        """From now on, and with what was printed so far, the log is kept there, too."""
        with self._lock:
            self._archive = archive
            if self._early:
                archive.append(bytes(self._early))
                self._early.clear()

    def say(self, text: str) -> None:
        """One line of the first process itself."""
        self._write(self.masker.mask_text(text).encode("utf-8", "replace") + b"\n")

    def pump(self, stream: IO[bytes]) -> None:
        """Copies a process's output until it ends; secrets cut by a chunk's end are found, too."""
        masked = self.masker.stream()
        while chunk := stream.read1(65536):  # type: ignore[attr-defined]
            self._write(masked.feed(chunk))
        self._write(masked.flush())

    def tail(self) -> str:
        """The masked end of the log."""
        with self._lock:
            return bytes(self._tail).decode("utf-8", "replace")

    def close(self) -> None:
        """Sends what is left to the archive."""
        archive = self._archive
        if archive is not None:
            archive.close()

    def _write(self, data: bytes) -> None:
        if not data:
            return
        with self._lock:
            try:
                self._output.write(data)
                self._output.flush()
            except OSError:
                pass  # Nobody reads any more; the run goes on.
            self._tail += data
            del self._tail[:-TAIL_BYTES]
            if self._archive is not None:
                self._archive.append(data)
            else:
                self._early += data
