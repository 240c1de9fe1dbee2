"""An https connection that dials only what the address policy allows, directly or by a proxy."""

import base64
import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from trainer_runtime.storage.address_policy import AddressPolicy

#: Without a byte for this long, the server is gone.
_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Proxies:
    """The operator's proxy for https, and the hosts that are reached without it."""

    https: str | None = None
    excepted: str = ""

    @staticmethod
    def from_environ(environ: Mapping[str, str]) -> "Proxies":
        """Reads `HTTPS_PROXY` and `NO_PROXY`, in capitals or not."""

        def get(name: str) -> str:
            return environ.get(name.lower()) or environ.get(name) or ""

        return Proxies(get("HTTPS_PROXY") or None, get("NO_PROXY"))

    def for_host(self, host: str) -> str | None:
        """The proxy's address; None where the host is dialled directly."""
        if self.https is None or proxy_bypass_environment(host, {"no": self.excepted}):
            return None
        return self.https


class GuardedConnection(http.client.HTTPSConnection):
    """Resolves once, asks the policy, and dials what it allowed: no name is resolved twice.

    Through a proxy, names are the proxy's to resolve; what this machine can resolve itself is held
    against the policy before.
    """

    def __init__(self, host: str, port: int, policy: AddressPolicy, proxies: Proxies) -> None:
        self._policy = policy
        self._target = (host, port)
        proxy = proxies.for_host(host)
        self._is_proxied = proxy is not None
        where = urlsplit("//none" if proxy is None else proxy if "://" in proxy else f"//{proxy}")
        dialled = (host, port) if proxy is None else (where.hostname or "", where.port or 80)
        context = ssl.create_default_context()
        super().__init__(dialled[0], dialled[1], timeout=_TIMEOUT_SECONDS, context=context)
        if proxy is not None:
            self.set_tunnel(host, port, _login_of(where))
        # http.client's own way to choose how it dials; it wraps TLS and tunnels around that.
        self._create_connection = self._dial

    def _dial(self, address: tuple[str, int], timeout: Any, _source: Any) -> socket.socket:
        host, port = self._target
        if self._is_proxied:
            try:
                self._policy.addresses(host, port)
            except PermissionError:
                raise
            except OSError:
                pass  # Only the proxy knows this name.
            return socket.create_connection(address, timeout)
        failure: OSError = OSError("no address")
        for found in self._policy.addresses(host, port):
            try:
                return socket.create_connection((found, port), timeout)
            except OSError as error:
                failure = error
        raise failure


def _login_of(proxy: Any) -> dict[str, str]:
    if not proxy.username:
        return {}
    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(login.encode()).decode()}
