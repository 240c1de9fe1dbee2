"""A TCP proxy that records and cuts connections, to break an upload off in its middle."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class CuttingProxy:
    """Forwards to `target_port`; connections are cut while `cuts` lasts.

    `cut_after` is how many bytes towards the server pass before a cut; `cuts` how many are left;
    `cut_answers_after` and `answer_cuts` the same for what comes back. `sent` holds the beginning
    of each piece that was sent, in which the requests' lines can be found.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut_after = 1 << 60
        self.cuts = 0
        self.cut_answers_after = 1 << 60
        self.answer_cuts = 0
        self.was_cut = 0
        self.sent = bytearray()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.close()
        with self._lock:
            for connection in self._open:
                _cut(connection)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port))
                with self._lock:
                    self._open |= {client, server}
                threading.Thread(target=self._upstream, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answers, args=(server, client), daemon=True).start()

    def _upstream(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                passed += len(data)
                with self._lock:
                    self.sent += data[:4096]
                    is_cut = passed > self.cut_after and self.cuts > 0
                    if is_cut:
                        self.cuts -= 1
                        self.was_cut += 1
                if is_cut:
                    _cut(client)
                    _cut(server)
                    return
                server.sendall(data)
        _cut(server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                passed += len(data)
                with self._lock:
                    is_cut = passed > self.cut_answers_after and self.answer_cuts > 0
                    self.answer_cuts -= is_cut
                    self.was_cut += is_cut
                if is_cut:
                    break
                client.sendall(data)
        _cut(client)
        _cut(server)


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextlib.contextmanager
def cutting_proxy(target_port: int) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(target_port)
    try:
        yield proxy
    finally:
        proxy.close()
