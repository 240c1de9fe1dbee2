"""AWS STS as moto plays it, with the S3 of moto beside it, and one that refuses."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from .loopback import Handler, serve


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

    port: int = 0
    status: int = 403
    code: str = "AccessDenied"
    bodies: list[str] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def run_refusing_sts() -> Iterator[RefusingSts]:
    shared = RefusingSts()

    class Refusing(Handler):
        def do_POST(self) -> None:
            shared.bodies.append(self.read_body().decode())
            error = f"<Error><Code>{shared.code}</Code><Message>key AKIASECRET</Message></Error>"
            self.answer(shared.status, f"<ErrorResponse>{error}</ErrorResponse>".encode())

    with serve(Refusing) as shared.port:
        yield shared
