"""An S3 server that answers every request with one error, as some cannot be had otherwise."""

import contextlib
from collections.abc import Iterator

from .loopback import Handler, serve


@contextlib.contextmanager
def run_refusing_s3(status: int, code: str) -> Iterator[str]:
    """Answers its address."""
    body = f"<Error><Code>{code}</Code><Message>AKIASECRET</Message></Error>".encode()

    class Refusing(Handler):
        def do_PUT(self) -> None:
            self.read_body()
            self.answer(status, body)

        do_GET = do_HEAD = do_DELETE = do_POST = do_PUT

    with serve(Refusing) as port:
        yield f"http://127.0.0.1:{port}"
