"""A service that takes reports on loopback, keeps them, and gives orders."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from servers.loopback import Handler, serve


class ReportsService:
    """Reports in the order of their arrival; `answer` makes the reply to each."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.answer: Callable[[dict[str, Any]], tuple[int, dict[str, Any]]] = lambda _: (
            200,
            {"orders": []},
        )
        self.arrived = threading.Condition()
        self.url = ""

    def wait_for(
        self, wanted: Callable[[dict[str, Any]], bool], timeout: float = 120
    ) -> dict[str, Any]:
        """The first report that is as `wanted`."""
        with self.arrived:
            found = self.arrived.wait_for(
                lambda: next((r for r in self.reports if wanted(r)), None), timeout
            )
        assert found is not None, "no such report came"
        return found


@contextmanager
def serve_reports() -> Iterator[ReportsService]:
    service = ReportsService()

    class Reports(Handler):
        def do_POST(self) -> None:
            body = json.loads(self.read_body())
            with service.arrived:
                service.reports.append(body)
                service.headers.append(dict(self.headers))
                service.paths.append(self.path)
                status, reply = service.answer(body)
                service.arrived.notify_all()
            self.answer(status, json.dumps(reply).encode())

    with serve(Reports) as port:
        service.url = f"http://127.0.0.1:{port}"
        yield service
