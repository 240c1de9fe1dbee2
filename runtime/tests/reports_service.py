"""A service that takes reports on loopback, keeps them, and gives orders."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


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

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with service.arrived:
                service.reports.append(body)
                service.headers.append(dict(self.headers))
                service.paths.append(self.path)
                status, reply = service.answer(body)
                service.arrived.notify_all()
            data = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
