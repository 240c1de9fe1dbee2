"""Folders of an S3 bucket, through obstore."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from trainer_runtime.aws_keys import KeySource
from trainer_runtime.credentials import Credentials
from trainer_runtime.reasons import RunError
from trainer_runtime.storage.etag import part_bytes_for, possible_etag
from trainer_runtime.storage.locations import S3Location, show
from trainer_runtime.storage.place import Entry, Place, join
from trainer_runtime.storage.retry_policy import RetryPolicy
from trainer_runtime.storage.s3_faults import to_run_error
from trainer_runtime.storage.s3_region import find_region

#: Read in pieces of this size, so that a broken connection costs one piece.
_READ_BYTES: Final = 32 << 20
_CONCURRENT_PARTS: Final = 4
T = TypeVar("T")


class S3Place(Place):
    """`location` and what lies below it. Keys are renewed by `keys`; None reads as anyone may."""

    def __init__(
        self,
        location: S3Location,
        store: Any,
        keys: KeySource,
        *,
        code: str,
        retry: RetryPolicy,
    ) -> None:
        self._location = location
        self._store = store
        self._keys = keys
        self._retry = retry
        self.code = code
        self.uri = show(f"s3://{location.bucket}/{location.key}")

    @staticmethod
    def open(
        location: S3Location,
        credentials: Credentials,
        *,
        code: str,
        on_secret: Callable[..., None],
        retry: RetryPolicy,
    ) -> "S3Place":
        """Opens the bucket; no request is made yet, except to find a region that nobody gave."""
        from obstore.store import S3Store

        keys = KeySource(credentials, code=code, on_secret=on_secret)
        endpoint = credentials.s3_endpoint
        has_keys = keys.find()
        region = credentials.region or ("us-east-1" if endpoint else find_region(location.bucket))
        config: dict[str, Any] = {"region": region, "skip_signature": not has_keys}
        if endpoint:
            config["endpoint"] = endpoint
        if has_keys:
            config["credential_provider"] = keys
        client: dict[str, Any] = {
            "allow_http": bool(endpoint) and str(endpoint).startswith("http:"),
            # For one request, which moves one part at most.
            "timeout": timedelta(seconds=retry.request_seconds),
        }
        if credentials.ca_file:
            client["root_certificate"] = _read_certificates(credentials.ca_file)
        store = S3Store(
            location.bucket,
            **config,
            client_options=client,
            retry_config={
                "max_retries": retry.request_retries,
                "retry_timeout": timedelta(seconds=retry.request_seconds),
                "backoff": {"init_backoff": timedelta(seconds=retry.first_pause_seconds)},
            },
        )
        return S3Place(location, store, keys, code=code, retry=retry)

    def child(self, path: str) -> "S3Place":
        below = S3Location(self._location.bucket, join(self._location.key, path.strip("/")))
        return S3Place(below, self._store, self._keys, code=self.code, retry=self._retry)

    def stat(self, path: str = "") -> Entry | None:
        if not join(self._location.key, path):
            return None
        found = self._head(path)
        return None if found is None else Entry(path, found["size"])

    def list(self, prefix: str = "") -> list[Entry]:
        base = self._location.key

        def collect() -> list[Entry]:
            stream = self._store.list(join(base, prefix) or None)
            metas = [meta for batch in stream for meta in batch]
            skipped = len(base) + 1 if base else 0
            # Some tools mark a folder by an empty object whose key ends with a slash.
            entries = [Entry(meta["path"][skipped:], meta["size"]) for meta in metas]
            return sorted((entry for entry in entries if entry.path), key=lambda entry: entry.path)

        return self._try("list", prefix, collect)

    def read(self, path: str = "") -> bytes:
        key = self._key(path)
        return self._try("read", path, lambda: bytes(self._store.get(key).bytes()))

    def write(self, path: str, data: bytes) -> None:
        key = self._key(path)
        self._try("write", path, lambda: self._store.put(key, data, use_multipart=False))

    def create_if_absent(self, path: str, data: bytes) -> bool:
        from obstore.exceptions import AlreadyExistsError, NotSupportedError

        key = self._key(path)

        def create() -> bool:
            try:
                self._store.put(key, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
            except NotSupportedError:
                return self._create_without_condition(path, key, data)
            return True

        try:
            return self._try("write", path, create)
        except RunError as error:
            if "NotImplemented" not in error.sentence:
                raise
            return self._create_without_condition(path, key, data)

    def delete(self, path: str) -> None:
        key = self._key(path)
        self._try("delete", path, lambda: self._store.delete(key))

    def upload_file(self, local: Path, path: str) -> None:
        size = local.stat().st_size
        part_bytes = part_bytes_for(size)
        key = self._key(path)

        def upload() -> None:
            # What an earlier try, or an earlier run, brought over whole is not sent again.
            if self._holds(path, local, size, part_bytes):
                return
            self._store.put(
                key,
                local,
                use_multipart=size > part_bytes,
                chunk_size=part_bytes,
                max_concurrency=_CONCURRENT_PARTS,
            )

        self._try("write", path, upload)

    def download_file(self, path: str, local: Path) -> None:
        meta = self._head(path)
        if meta is None:
            raise RunError(self.code, f"{join(self.uri, path)} is not there.")
        local.parent.mkdir(parents=True, exist_ok=True)
        part = local.with_name(f".{local.name}.part")
        try:
            with part.open("wb") as file:
                for start in range(0, meta["size"], _READ_BYTES):
                    stop = min(start + _READ_BYTES, meta["size"])
                    file.write(self._read_range(path, start, stop, meta["e_tag"]))
            part.replace(local)
        finally:
            part.unlink(missing_ok=True)

    def _read_range(self, path: str, start: int, stop: int, e_tag: str | None) -> Any:
        options: dict[str, Any] = {"range": (start, stop)}
        if e_tag:
            options["if_match"] = e_tag
        key = self._key(path)
        return self._try("read", path, lambda: self._store.get(key, options=options).bytes())

    def _head(self, path: str) -> Any:
        from obstore.exceptions import BaseError, NotFoundError

        key = self._key(path)

        def head() -> Any:
            try:
                return self._store.head(key)
            except (NotFoundError, FileNotFoundError):
                return None
            except BaseError:
                # An answer to HEAD has no body, so only GET tells that keys have expired.
                self._store.get(key)
                raise

        return self._try("read", path, head)

    def _holds(self, path: str, local: Path, size: int, part_bytes: int) -> bool:
        """Whether the very bytes of `local` are there already, as far as an ETag can tell."""
        try:
            found = self._head(path)
        except RunError as error:
            if error.may_come_back:
                raise
            return False  # Whoever may only write is not told.
        if found is None or found["size"] != size or not found["e_tag"]:
            return False
        return bool(found["e_tag"].strip('"') == possible_etag(local, size, part_bytes))

    def _create_without_condition(self, path: str, key: str, data: bytes) -> bool:
        """For servers that know no `If-None-Match`: two at the very same time may both win."""
        if self.exists(path):
            return False
        self._try("write", path, lambda: self._store.put(key, data, use_multipart=False))
        return self.read(path) == data

    def _key(self, path: str) -> str:
        return join(self._location.key, path)

    def _try(self, action: str, path: str, operation: Callable[[], T]) -> T:
        """`operation`, again after a fault that may pass, and the last fault as a `RunError`."""
        from obstore.exceptions import BaseError

        def attempt() -> T:
            try:
                return operation()
            except (BaseError, OSError, ValueError, RunError) as error:
                if self._keys.failure is not None:
                    raise self._keys.failure from None
                if isinstance(error, RunError):
                    raise
                raise to_run_error(error, self.code, action, join(self.uri, path)) from None

        return self._retry.run(attempt)


def _read_certificates(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        sentence = "The certificates that AWS_CA_BUNDLE or SSL_CERT_FILE names cannot be read."
        raise RunError("CONFIG_INVALID", sentence) from error
