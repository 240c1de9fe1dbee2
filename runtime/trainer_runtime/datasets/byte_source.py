"""Opens a data file, decompressed where it is compressed, within bounds that no bomb passes."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from trainer_runtime.datasets.problems import FileFault

#: A file may always become this large, and beyond that by this factor. Text becomes 5 to 20 times
#: as large; a file that becomes more is made to fill memory or disk.
FREE_BYTES: Final = 1 << 30
MAX_FACTOR: Final = 200
BUFFER_BYTES: Final = 1 << 18
_MAGIC: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
)
COMPRESSED_SUFFIXES: Final = frozenset({".gz", ".gzip", ".bz2", ".xz", ".zst", ".zstd", ".zip"})
#: What reading compressed bytes that are broken raises.
_BROKEN: Final = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError)


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, decompressed; any fault of them is a `FileFault`."""
    with path.open("rb", buffering=BUFFER_BYTES) as raw:
        kind = find_compression(raw.read(8))
        raw.seek(0)
        if kind is None:
            yield raw
            return
        limit = max(FREE_BYTES, path.stat().st_size * MAX_FACTOR)
        try:
            with _open_compressed(raw, kind) as inner:
                bounded = _BoundedReader(inner, limit)
                yield cast(BinaryIO, io.BufferedReader(bounded, BUFFER_BYTES))
        except _BROKEN as error:
            if isinstance(error, UnicodeError):
                raise
            raise FileFault(f"is a broken {kind} file") from error


def find_compression(start: bytes) -> str | None:
    """`gzip`, `bzip2`, `xz`, `zstd` or `zip` by a file's first bytes; its name does not count."""
    return next((kind for magic, kind in _MAGIC if start.startswith(magic)), None)


@contextmanager
def _open_compressed(raw: BinaryIO, kind: str) -> Iterator[Any]:
    if kind == "gzip":
        yield gzip.GzipFile(fileobj=raw)
    elif kind == "bzip2":
        yield bz2.BZ2File(raw)
    elif kind == "xz":
        # A dictionary of gigabytes is lawful in xz, and never needed for rows.
        decompressor = lzma.LZMADecompressor(memlimit=256 << 20)
        yield _XzReader(raw, decompressor)
    elif kind == "zstd":
        import pyarrow

        with pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, mode="r"), "zstd") as stream:
            yield stream
    else:
        with zipfile.ZipFile(raw) as archive:
            names = [name for name in archive.namelist() if _is_data(name)]
            if len(names) != 1:
                raise FileFault(f"is a zip of {len(names)} files; it must hold exactly one")
            with archive.open(names[0]) as member:
                yield member


def _is_data(name: str) -> bool:
    return not name.endswith("/") and not name.startswith("__MACOSX/")


class _BoundedReader(io.RawIOBase):
    """Reads from `inner` until more than `limit` bytes came out of it."""

    def __init__(self, inner: Any, limit: int) -> None:
        self._inner = inner
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._inner.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise FileFault("becomes so large when decompressed that it cannot be data")
        buffer[: len(data)] = data
        return len(data)


class _XzReader:
    """`lzma.LZMAFile` knows no limit for memory, its decompressor does."""

    def __init__(self, raw: BinaryIO, decompressor: lzma.LZMADecompressor) -> None:
        self._raw = raw
        self._decompressor = decompressor

    def read(self, size: int) -> bytes:
        while True:
            if self._decompressor.eof:
                return self._next_stream(size)
            data = self._raw.read(BUFFER_BYTES) if self._decompressor.needs_input else b""
            if not data and self._decompressor.needs_input:
                raise EOFError
            out = self._decompressor.decompress(data, size)
            if out:
                return out

    def _next_stream(self, size: int) -> bytes:
        """xz files may stand one after the other in one file."""
        rest = (self._decompressor.unused_data or self._raw.read(BUFFER_BYTES)).lstrip(b"\0")
        if not rest:
            return b""
        self._decompressor = lzma.LZMADecompressor(memlimit=256 << 20)
        return self._decompressor.decompress(rest, size)
