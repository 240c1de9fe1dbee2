"""`status_stream_url`: the same reports, one attempt each, without a credential.

The address comes from a request, so that it passes the operator's policy when it is dialled, and a
redirect is followed nowhere.
"""

import http.client
import socket
from typing import Any, Final
from urllib.parse import urlsplit

from trainer_runtime.storage.address_policy import AddressPolicy

_TIMEOUT_SECONDS: Final = 5.0


class StatusStream:
    """Posts to one URL; a login in it is used, and nothing else of the job's."""

    def __init__(self, url: str, policy: AddressPolicy) -> None:
        self._parts = urlsplit(url)
        self._policy = policy

    def post(self, body: bytes) -> None:
        """One attempt. Raises OSError, ValueError or `http.client.HTTPException`."""
        parts = self._parts
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("no http or https address")
        is_secure = parts.scheme == "https"
        port = parts.port or (443 if is_secure else 80)
        kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        connection: Any = kind(parts.hostname, port, timeout=_TIMEOUT_SECONDS)
        # The address that was judged is the one that is dialled; the certificate is the name's.
        address = self._policy.addresses(parts.hostname, port)[0]
        connection._create_connection = lambda _where, *rest: socket.create_connection(
            (address, port), *rest
        )
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, {"Content-Type": "application/json"})
            connection.getresponse().read(1 << 16)
        finally:
            connection.close()
