"""AWS STS as moto plays it, with the S3 of moto beside it, and one that refuses."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@contextlib.contextmanager
def run_moto() -> Iterator[int]:
    """moto's server on loopback; answers its port, at which it plays every service."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()[1]
    finally:
        server.stop()


@dataclass
class RefusingSts:
    """Answers every request with `status` and the error `code`; `bodies` are what was asked."""

    port: int
    status: int = 403
    code: str = "AccessDenied"
    bodies: list[str] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def run_refusing_sts() -> Iterator[RefusingSts]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    shared = RefusingSts(int(server.server_address[1]))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            shared.bodies.append(self.rfile.read(length).decode())
            error = f"<Error><Code>{shared.code}</Code><Message>key AKIASECRET</Message></Error>"
            body = f"<ErrorResponse>{error}</ErrorResponse>".encode()
            self.send_response(shared.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield shared
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
