"""What a location says: scheme and parts, how it is shown, and the job's own folder below it."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trainer_runtime.reasons import RunError

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*)://")


@dataclass(frozen=True)
class S3Location:
    """`key` has no slash at either end; empty for the bucket itself."""

    bucket: str
    key: str


def scheme_of(uri: str) -> str:
    """`s3`, `https`, `file` and so on in lower case; `file` for a plain path."""
    match = _SCHEME.match(uri)
    return match[1].lower() if match else "file"


def parse_s3(uri: str) -> S3Location:
    """Raises `RunError` CONFIG_INVALID for an address without a bucket."""
    # Not urlsplit: `#` and `?` are letters of a key.
    bucket, _, key = _SCHEME.sub("", uri).partition("/")
    if not bucket or "@" in bucket:
        raise RunError("CONFIG_INVALID", "An s3:// address must read s3://bucket/path.")
    return S3Location(bucket, key.strip("/"))


def parse_path(uri: str) -> Path:
    """The path of a `file://` address or of a plain path, not yet resolved."""
    if not _SCHEME.match(uri):
        return Path(uri)
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise RunError(
            "CONFIG_INVALID", "A file:// address must read file:///path, without a host."
        )
    return Path(unquote(parts.path))


def show(uri: str) -> str:
    """`uri` without user info, query and fragment, fit for logs and sentences."""
    if scheme_of(uri) == "file":
        return uri
    start = _SCHEME.match(uri)
    assert start is not None
    rest = uri[start.end() :]
    host, slash, path = rest.partition("/")
    host = re.split(r"[?#]", host)[0].rpartition("@")[2]
    if start[1].lower() != "s3":
        path = re.split(r"[?#]", path)[0]
    return f"{start[0]}{host}{slash}{path}"


def locate_for_job(uri: str, job_id: str) -> str:
    """The job's own folder below `uri`, which is `uri` where it ends with the job's id already."""
    base = uri.rstrip("/")
    return base if base.rpartition("/")[2] == job_id else f"{base}/{job_id}"


def check_relative(path: str) -> str:
    """`path` below a place; raises ValueError for one that could lead out of it."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or "\0" in path or ".." in parts or "." in parts:
        raise ValueError(f"{path!r} is no path below a place")
    return path
