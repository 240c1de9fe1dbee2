"""An S3 server that answers every request with one error, as some cannot be had otherwise."""

import contextlib
import http.server
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def run_refusing_s3(status: int, code: str) -> Iterator[str]:
    """Answers its address."""
    body = f"<Error><Code>{code}</Code><Message>AKIASECRET</Message></Error>".encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_DELETE = do_POST = do_PUT

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
