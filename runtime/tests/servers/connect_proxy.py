"""A proxy that knows CONNECT alone, as https needs it."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from .loopback import Handler, serve


@dataclass
class ConnectProxy:
    """`names` maps what is asked for (`host:port`) to where it goes; `asked` is what was asked."""

    port: int = 0
    names: dict[str, tuple[str, int]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextlib.contextmanager
def run_connect_proxy() -> Iterator[ConnectProxy]:
    shared = ConnectProxy()

    class Proxy(Handler):
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

    with serve(Proxy) as shared.port:
        yield shared


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
