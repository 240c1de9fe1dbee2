"""Reports to the service, from a thread of its own over a new connection each.

A service that is away never stops a training. Its answers carry orders.
"""

import contextlib
import http.client
import json
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from trainer_runtime.finite import finite
from trainer_runtime.supervisor.log import RunLog
from trainer_runtime.supervisor.run_state import RunState, Snapshot
from trainer_runtime.supervisor.stream import StatusStream
from trainer_runtime.work_files import write_json

INTERVAL_SECONDS: Final = 5.0
LOG_TAIL_SECONDS: Final = 30.0
#: Points of metrics in one report; the service takes 64 KiB.
MAX_POINTS: Final = 100
MAX_BODY_BYTES: Final = 60 * 1024
_TIMEOUT_SECONDS: Final = 10.0
#: Between two reports; the service takes two a second.
_GAP_SECONDS: Final = 0.6
#: After the last report, for points that it did not take.
_REST_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Order:
    """What an answer asks for: `do` is "stop" (`save` a checkpoint first) or "stacks"."""

    do: str
    save: bool = True


class Target:
    """Where reports go. `url` is looked up before each report, so that a service may move."""

    def __init__(
        self,
        job_id: str,
        *,
        url: str | None,
        url_file: Path | None = None,
        token: str | None = None,
    ) -> None:
        self._job_id = job_id
        self._url = url
        self._url_file = url_file
        self._token = token

    def address(self) -> str | None:
        """The URL to post to now; None where reports go nowhere."""
        base = self._url
        if self._url_file is not None:
            with contextlib.suppress(OSError):
                base = self._url_file.read_text().strip() or base
        if base is None or base.rstrip("/").endswith("/reports"):
            return base
        return f"{base.rstrip('/')}/train/{quote(self._job_id, safe='')}/reports"

    def post(self, body: bytes) -> dict[str, Any]:
        """One attempt; the answer's JSON. Raises OSError or ValueError."""
        address = self.address()
        if address is None:
            return {}
        headers = {"Content-Type": "application/json", "Connection": "close"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(address, data=body, headers=headers, method="POST")
        with _OPENER.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            text = answer.read(1 << 20)
        value = json.loads(text) if text.strip() else {}
        return value if isinstance(value, dict) else {}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A report carries a token: it goes where it was told to and nowhere else."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


#: The service stands beside the training, never behind the proxy that leads to hubs and storages.
_OPENER = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))


class Reporter:
    """Sends what changed every few seconds, and at once when it is woken."""

    def __init__(
        self,
        state: RunState,
        log: RunLog,
        target: Target,
        *,
        attempt: int,
        on_order: Callable[[Order], None],
        stream: StatusStream | None = None,
        on_snapshot: Callable[[Snapshot], None] = lambda _snapshot: None,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._state = state
        self._log = log
        self._target = target
        self._stream = stream
        self._attempt = attempt
        self._started_at = round(time.time(), 3)
        self._on_order = on_order
        self._on_snapshot = on_snapshot
        self._interval = interval_seconds
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._next_point = 0
        self._tail_sent_at = 0.0
        self._sent_at = -_GAP_SECONDS
        self._is_away = False
        self._has_failed = False
        self._sent_up_to = 0
        self._warnings_sent = 0
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something that should be known at once happened: a phase, a checkpoint."""
        self._wake.set()

    def close(self, result: dict[str, Any] | None = None) -> None:
        """The last report, with the log's end and the result; tried three times, then given up.

        What it cannot take of the points follows it. An order may end the run, so that this is
        called from the reports' own thread, too.
        """
        self._closing.set()
        self._wake.set()
        if self._thread is not threading.current_thread():
            self._thread.join(2 * _TIMEOUT_SECONDS)
        time.sleep(max(0.0, self._sent_at + _GAP_SECONDS - time.monotonic()))
        for attempt in range(3):
            if attempt:
                time.sleep(_GAP_SECONDS)
            if self._try_to_send(with_tail=True, result=result):
                self._send_rest()
                return

    def _send_rest(self) -> None:
        """The points that one report did not take, while there is time."""
        until = time.monotonic() + _REST_SECONDS
        while self._next_point < len(self._state.metrics) and time.monotonic() < until:
            time.sleep(_GAP_SECONDS)
            if not self._try_to_send(with_tail=False):
                return

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(self._interval)
            self._wake.clear()
            if self._closing.is_set():
                return
            with_tail = time.monotonic() - self._tail_sent_at >= LOG_TAIL_SECONDS
            self._try_to_send(with_tail=with_tail)
            # What is news meanwhile wakes the next report at once.
            self._closing.wait(_GAP_SECONDS)

    def _try_to_send(self, *, with_tail: bool, result: dict[str, Any] | None = None) -> bool:
        """The same as `_send`; a fault of our own is told, and the next report tried."""
        try:
            return self._send(with_tail=with_tail, result=result)
        except Exception:  # noqa: BLE001 - reports never stop a training, nor take a result away
            if not self._has_failed:
                self._has_failed = True
                self._log.say(f"warning: a report was not sent:\n{traceback.format_exc()}")
            return False

    def _send(self, *, with_tail: bool, result: dict[str, Any] | None = None) -> bool:
        self._state.refresh()
        snapshot = self._state.snapshot()
        self._on_snapshot(snapshot)
        if self._target.address() is None and self._stream is None:
            return True
        report, points = self._build(snapshot, with_tail=with_tail, result=result)
        body = json.dumps(finite(report), ensure_ascii=False, allow_nan=False).encode()
        try:
            return self._post_to_service(body, snapshot, points, with_tail=with_tail)
        finally:
            # Only then: the service has the orders, and no other endpoint may hold them up.
            if self._stream is not None:
                self._post_to_stream(body)

    def _post_to_service(
        self, body: bytes, snapshot: Snapshot, points: int, *, with_tail: bool
    ) -> bool:
        self._sent_at = time.monotonic()
        try:
            answer = self._target.post(body)
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._tell_away(error)
            return False
        self._is_away = False
        self._next_point += points
        self._warnings_sent = len(snapshot.warnings)
        self._sent_up_to = snapshot.step
        if with_tail:
            self._tail_sent_at = time.monotonic()
        self._obey(answer)
        return True

    def _build(
        self, snapshot: Snapshot, *, with_tail: bool, result: dict[str, Any] | None
    ) -> tuple[dict[str, Any], int]:
        mask = self._log.masker.mask_text
        new = self._state.metrics[self._next_point : self._next_point + MAX_POINTS]
        report: dict[str, Any] = {
            "attempt": self._attempt,
            "started_at": self._started_at,
            "phase": snapshot.phase,
            "step": snapshot.step,
            "max_steps": snapshot.max_steps,
            "percentage": snapshot.percentage,
            "remaining_seconds": snapshot.remaining_seconds,
            "metrics": [to_point(line) for line in new],
            "checkpoints": snapshot.checkpoints,
            "warnings": [
                mask(text)[:500] for text in snapshot.warnings[self._warnings_sent :][:20]
            ],
            "sent_up_to": self._sent_up_to,
        }
        if with_tail:
            report["log_tail"] = self._log.tail()
        if result is not None:
            report["result"] = result
        count = len(new)
        while count and len(json.dumps(report, ensure_ascii=False).encode()) > MAX_BODY_BYTES:
            count //= 2
            report["metrics"] = report["metrics"][:count]
        return report, count

    def _obey(self, answer: dict[str, Any]) -> None:
        resend = answer.get("send_from_step")
        if isinstance(resend, int) and resend < self._sent_up_to:
            steps = [line.get("step", 0) for line in self._state.metrics]
            self._next_point = next(
                (index for index, step in enumerate(steps) if step >= resend), self._next_point
            )
        orders = answer.get("orders")
        for order in orders if isinstance(orders, list) else []:
            if isinstance(order, dict) and order.get("do") in ("stop", "stacks"):
                self._on_order(Order(order["do"], order.get("save") is not False))

    def _post_to_stream(self, body: bytes) -> None:
        assert self._stream is not None
        try:
            self._stream.post(body)
        except (OSError, ValueError, http.client.HTTPException):
            return  # One attempt each; the reports are the truth.

    def _tell_away(self, error: Exception) -> None:
        if not self._is_away and self._target.address() is not None:
            self._is_away = True
            code = getattr(error, "code", None)
            why = f"HTTP {code}" if code else type(error).__name__
            self._log.say(
                f"warning: the service does not take reports ({why}); the training goes on"
            )


def to_point(line: dict[str, Any]) -> dict[str, Any]:
    """A line of `metrics.jsonl` as reports have it: {"step", "time", "values": {name: number}}."""
    return {
        "step": line.get("step"),
        "time": line.get("time"),
        "values": {
            name: value for name, value in line.items() if name not in ("step", "time", "epoch")
        },
    }


def write_status(path: Path | None, snapshot: Snapshot) -> None:
    """Replaces the status file: percentage, remaining seconds, step, newest metrics."""
    if path is None:
        return
    value = {
        "phase": snapshot.phase,
        "step": snapshot.step,
        "max_steps": snapshot.max_steps,
        "percentage": snapshot.percentage,
        "remaining_seconds": snapshot.remaining_seconds,
        "metrics": snapshot.latest,
    }
    try:
        write_json(path, value)
    except OSError:
        return  # Whoever reads it sees that it is old.
