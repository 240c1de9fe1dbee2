"""One file behind an `https://` address, to read."""

import base64
import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urljoin, urlsplit

from trainer_runtime.credentials import Credentials
from trainer_runtime.reasons import RunError
from trainer_runtime.storage.address_policy import AddressPolicy
from trainer_runtime.storage.guarded_connection import GuardedConnection, Proxies
from trainer_runtime.storage.locations import show
from trainer_runtime.storage.place import Entry, Place
from trainer_runtime.storage.retry_policy import RetryPolicy

_MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 1 << 20


class HttpsPlace(Place):
    """The address itself (`path` is always `""`). Every hop's address passes `policy` when dialled.

    A login goes to the first origin only, never to where a redirect leads.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        code: str,
        policy: AddressPolicy,
        proxies: Proxies,
        retry: RetryPolicy,
    ) -> None:
        self._proxies = proxies
        self._url = url
        self._credentials = credentials
        self._policy = policy
        self._retry = retry
        self.code = code
        self.uri = show(url)

    def child(self, path: str) -> "HttpsPlace":
        self._refuse("has no folder below it")

    def stat(self, path: str = "") -> Entry | None:
        def ask() -> Entry | None:
            with self._faults(), self._open("HEAD") as answer:
                return (
                    None
                    if answer is None
                    else Entry("", int(answer.headers["Content-Length"] or 0))
                )

        return self._retry.run(ask)

    def list(self, prefix: str = "") -> list[Entry]:
        return []

    def read(self, path: str = "") -> bytes:
        def fetch() -> bytes:
            with self._faults(), self._open("GET") as answer:
                return self._found(answer).read()

        return self._retry.run(fetch)

    def download_file(self, path: str, local: Path) -> None:
        local.parent.mkdir(parents=True, exist_ok=True)
        part = local.with_name(f".{local.name}.part")

        def fetch() -> None:
            with self._faults(), self._open("GET") as answer, part.open("wb") as file:
                found = self._found(answer)
                expected = found.headers["Content-Length"]
                while chunk := found.read(_CHUNK):
                    file.write(chunk)
                if expected is not None and file.tell() != int(expected):
                    raise http.client.IncompleteRead(b"", int(expected) - file.tell())

        try:
            self._retry.run(fetch)
            part.replace(local)
        finally:
            part.unlink(missing_ok=True)

    def write(self, path: str, data: bytes) -> None:
        self._refuse("can only be read")

    def create_if_absent(self, path: str, data: bytes) -> bool:
        self._refuse("can only be read")

    def delete(self, path: str) -> None:
        self._refuse("can only be read")

    def upload_file(self, local: Path, path: str) -> None:
        self._refuse("can only be read")

    def _refuse(self, why: str) -> NoReturn:
        raise RunError("CONFIG_INVALID", f"{self.uri} is an https:// address, which {why}.")

    def _found(self, answer: http.client.HTTPResponse | None) -> http.client.HTTPResponse:
        if answer is None:
            raise RunError(self.code, f"{self.uri} is not there.")
        return answer

    @contextmanager
    def _open(self, method: str) -> Iterator[http.client.HTTPResponse | None]:
        """The answer after all redirects; None for 404 and 410."""
        url, login = self._url, self._login()
        origin = urlsplit(url)[:2]
        for _ in range(_MAX_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme != "https" or not parts.hostname:
                raise RunError(self.code, f"{self.uri} leads to an address that is not https://.")
            connection = GuardedConnection(
                parts.hostname, parts.port or 443, self._policy, self._proxies
            )
            try:
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                headers = {"User-Agent": "trainer-runtime", "Accept-Encoding": "identity"}
                if login and parts[:2] == origin:
                    headers["Authorization"] = login
                connection.request(method, target, headers=headers)
                answer = connection.getresponse()
                where = answer.headers.get("Location")
                if answer.status in _REDIRECTS and where:
                    url = urljoin(url, where)
                    continue
                self._check_status(answer.status)
                yield None if answer.status in (404, 410) else answer
                return
            finally:
                connection.close()
        raise RunError(self.code, f"{self.uri} redirects more than {_MAX_REDIRECTS} times.")

    def _check_status(self, status: int) -> None:
        if status == 200 or status in (404, 410):
            return
        if status in (401, 403):
            sentence = f"{self.uri} does not let these credentials read it (HTTP {status})."
            raise RunError(self.code, sentence, status=6)
        may_come_back = status >= 500 or status in (408, 425, 429)
        sentence = f"{self.uri} cannot be read (HTTP {status})."
        raise RunError(self.code, sentence, may_come_back=may_come_back)

    def _login(self) -> str | None:
        own = self._credentials
        parts = urlsplit(self._url)
        if own.token:
            return f"Bearer {own.token}"
        user, password = own.username or parts.username, own.password or parts.password
        if user is None:
            return None
        return "Basic " + base64.b64encode(f"{user}:{password or ''}".encode()).decode()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except ssl.SSLCertVerificationError:
            sentence = f"{self.uri} shows a certificate that this machine does not trust."
            raise RunError(self.code, sentence, status=6) from None
        except PermissionError:
            sentence = (
                f"{self.uri} leads to an address that is not public; "
                "TRAINER_LOCAL_ALLOWED_HOSTS can open it."
            )
            raise RunError(self.code, sentence, status=6) from None
        except (OSError, http.client.HTTPException) as error:
            why = type(error).__name__
            sentence = f"{self.uri} cannot be reached or broke off ({why})."
            raise RunError(self.code, sentence, may_come_back=True) from None
        except ValueError:
            raise RunError(
                "CONFIG_INVALID", f"{self.uri} is no address that can be read."
            ) from None
