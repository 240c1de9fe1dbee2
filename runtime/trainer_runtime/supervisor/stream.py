"""`status_stream_url`: the same reports, one attempt each, without a credential.

The address comes from a request, so that it passes the operator's policy when it is dialled, and a
redirect is followed nowhere.
"""

import http.client
import socket
import threading
from typing import Any, Final
from urllib.parse import urlsplit

from trainer_runtime.storage.address_policy import AddressPolicy

_TIMEOUT_SECONDS: Final = 5.0


class StatusStream:
    """Posts to one URL; a login in it is used, and nothing else of the job's."""

    def __init__(
        self, url: str, policy: AddressPolicy, *, seconds: float = _TIMEOUT_SECONDS
    ) -> None:
        """`seconds` is for a whole post, from the look-up of the name to the answer's status."""
        self._parts = urlsplit(url)
        self._policy = policy
        self._seconds = seconds
        self._thread: threading.Thread | None = None

    def post(self, body: bytes) -> None:
        """One attempt. Raises OSError, ValueError or `http.client.HTTPException`.

        A socket's timeout is for each byte anew, and a look-up has none: an attempt that takes too
        long is left to a thread of its own, and none is made until that has ended.
        """
        if self._thread is not None and self._thread.is_alive():
            raise TimeoutError("an earlier post has not ended")
        faults: list[Exception] = []
        self._thread = threading.Thread(
            target=self._attempt, args=(body, faults), name="stream", daemon=True
        )
        self._thread.start()
        self._thread.join(self._seconds)
        if self._thread.is_alive():
            raise TimeoutError("no answer in time")
        if faults:
            raise faults[0]

    def _attempt(self, body: bytes, faults: list[Exception]) -> None:
        try:
            self._exchange(body)
        except (OSError, ValueError, http.client.HTTPException) as error:
            faults.append(error)

    def _exchange(self, body: bytes) -> None:
        parts = self._parts
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("no http or https address")
        is_secure = parts.scheme == "https"
        port = parts.port or (443 if is_secure else 80)
        kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        connection: Any = kind(parts.hostname, port, timeout=self._seconds)
        # The address that was judged is the one that is dialled; the certificate is the name's.
        address = self._policy.addresses(parts.hostname, port)[0]
        connection._create_connection = lambda _where, *rest: socket.create_connection(
            (address, port), *rest
        )
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, {"Content-Type": "application/json"})
            # What follows the status is of no use, and may never end.
            connection.getresponse().close()
        finally:
            connection.close()
