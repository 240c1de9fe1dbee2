"""Starts a server process on a free port and waits until it listens."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

_START_SECONDS = 60.0


def free_port() -> int:
    """A port of loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], port: int, env: dict[str, str] | None = None) -> Iterator[None]:
    """Runs `command` until the block ends. Raises RuntimeError with its output if it ends first."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env={**os.environ, **(env or {})}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_open(process, port)
            yield
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{error}: {log.read()[-2000:]!r}") from None
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    tick = threading.Event()
    for _ in range(int(_START_SECONDS / 0.05)):
        if process.poll() is not None:
            raise RuntimeError(f"{Path(str(process.args[0])).name} ended with {process.returncode}")  # type: ignore[index]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        tick.wait(0.05)
    raise RuntimeError("the server does not listen")
