"""A proxy that knows CONNECT alone, as https needs it."""

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    """`names` maps what is asked for (`host:port`) to where it goes; `asked` is what was asked."""

    port: int
    names: dict[str, tuple[str, int]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextlib.contextmanager
def run_connect_proxy() -> Iterator[ConnectProxy]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    shared = ConnectProxy(int(server.server_address[1]))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            shared.asked.append((self.path, self.headers.get("Proxy-Authorization")))
            with socket.create_connection(shared.names[self.path]) as target:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pump, args=(target, self.connection))
                back.start()
                _pump(self.connection, target)
                back.join()
            self.close_connection = True

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


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
