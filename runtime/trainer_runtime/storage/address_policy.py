"""Which addresses may be dialled for a request's `https://` sources, redirects included."""

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from trainer_runtime.reasons import RunError

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_PATTERN: Final = re.compile(r"^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$")
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class HostPattern:
    """A host in which `*` stands for any text, with or without a port (`*.example.com:8443`)."""

    host: re.Pattern[str]
    port: int | None

    @staticmethod
    def parse(text: str) -> "HostPattern":
        """Raises `RunError` CONFIG_INVALID for what is no host."""
        match = _PATTERN.match(text if text.count(":") < 2 or "[" in text else f"[{text}]")
        if match is None or not match[1].strip("[]"):
            raise RunError("CONFIG_INVALID", "TRAINER_LOCAL_ALLOWED_HOSTS must hold host names.")
        parts = [re.escape(part) for part in _bare(match[1]).split("*")]
        return HostPattern(re.compile(".*".join(parts)), int(match[2]) if match[2] else None)

    def matches(self, host: str, port: int) -> bool:
        return self.port in (None, port) and self.host.fullmatch(_bare(host)) is not None


@dataclass(frozen=True)
class AddressPolicy:
    """Finds the addresses to dial for a host. `is_public_only` refuses all but public ones."""

    is_public_only: bool = False
    allowed: tuple[HostPattern, ...] = ()
    resolve: Resolve = field(default=lambda host, port: _resolve(host, port), repr=False)

    @staticmethod
    def from_environ(environ: Mapping[str, str]) -> "AddressPolicy":
        """Reads `TRAINER_ADDRESS_POLICY` (`public`) and `TRAINER_LOCAL_ALLOWED_HOSTS`."""
        policy = environ.get("TRAINER_ADDRESS_POLICY") or "any"
        if policy not in ("any", "public"):
            raise RunError("CONFIG_INVALID", "TRAINER_ADDRESS_POLICY must be any or public.")
        hosts = environ.get("TRAINER_LOCAL_ALLOWED_HOSTS", "").split(",")
        allowed = tuple(HostPattern.parse(host.strip()) for host in hosts if host.strip())
        return AddressPolicy(policy == "public", allowed)

    def addresses(self, host: str, port: int) -> list[str]:
        """Addresses that may be dialled, at least one; the caller dials these and no name.

        Raises OSError when the name cannot be resolved, PermissionError when it may not be dialled.
        """
        found = self.resolve(host, port)
        if not self.is_public_only or any(rule.matches(host, port) for rule in self.allowed):
            return found
        # One private address among them is enough: which of them is dialled is no one's to choose.
        if not found or not all(is_public(address) for address in found):
            raise PermissionError(f"{host} is no public address")
        return found


def is_public(address: str) -> bool:
    """Whether an address is on the internet, also where it carries an IPv4 address inside."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if int(ip) >> 32 == 0:  # ::a.b.c.d, long out of use
            return False
    return ip.is_global and not ip.is_multicast


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _bare(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()
