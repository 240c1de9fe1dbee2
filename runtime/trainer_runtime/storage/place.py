"""What every kind of storage offers: a folder with paths below it, read and written whole."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trainer_runtime.reasons import RunError
from trainer_runtime.storage.locations import check_relative

#: Written and taken away again to see whether a place can be written.
_PROBE_NAME = ".trainer-write-check"
_HASH_CHUNK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One stored file: `path` below its place, `size` in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class FileDigest:
    """What a file held when it was uploaded; `sha256` in hex."""

    size: int
    sha256: str


class Place(ABC):
    """A location and everything below it. `path` is relative and `""` is the location itself.

    Every operation raises `RunError` with the place's own code and one sentence without
    credentials; `may_come_back` tells whether trying later can help. `uri` is fit to be shown.
    """

    uri: str
    code: str

    @abstractmethod
    def child(self, path: str) -> "Place":
        """The place at `path` below this one."""

    @abstractmethod
    def stat(self, path: str = "") -> Entry | None:
        """The file at `path`, or None where none is (a folder is none)."""

    @abstractmethod
    def list(self, prefix: str = "") -> list[Entry]:
        """Every file below the folder `prefix`, at any depth, sorted by path."""

    @abstractmethod
    def read(self, path: str = "") -> bytes:
        """A small file whole. Raises `RunError` where it is not there."""

    @abstractmethod
    def write(self, path: str, data: bytes) -> None:
        """Puts `data` there at once: readers see the old file or the new one, never a part."""

    @abstractmethod
    def create_if_absent(self, path: str, data: bytes) -> bool:
        """Writes unless something is there already; of two at once exactly one gets True."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Removes the file; one that is not there is fine."""

    @abstractmethod
    def upload_file(self, local: Path, path: str) -> None:
        """Copies a file of any size here. One that is here already, byte for byte, is left."""

    @abstractmethod
    def download_file(self, path: str, local: Path) -> None:
        """Copies a file of any size to `local`, which appears whole or not at all."""

    def exists(self, path: str) -> bool:
        """Whether a file is at `path`."""
        return self.stat(path) is not None

    def upload_tree(
        self, local_dir: Path, prefix: str = "", *, without: str | None = None
    ) -> dict[str, FileDigest]:
        """Uploads every file below `local_dir` but `without`; what each held, by relative path."""
        digests: dict[str, FileDigest] = {}
        for path in walk_files(local_dir):
            name = path.relative_to(local_dir).as_posix()
            if name == without:
                continue
            self.upload_file(path, join(prefix, name))
            digests[name] = FileDigest(path.stat().st_size, sha256_file(path))
        return digests

    def download_tree(self, prefix: str, local_dir: Path) -> tuple[str, ...]:
        """Copies every file below `prefix`; answers their relative paths."""
        names = []
        for entry in self.list(prefix):
            name = entry.path[len(prefix) :].lstrip("/")
            try:
                check_relative(name)
            except ValueError:
                sentence = f"{self.uri} holds a file whose name leads out of its folder."
                raise RunError(self.code, sentence) from None
            self.download_file(entry.path, local_dir / name)
            names.append(name)
        return tuple(names)

    def check_writable(self) -> None:
        """Writes and removes a small file, so that a refusal is known before the work is done."""
        self.write(_PROBE_NAME, b"This file may be deleted.\n")
        # Whoever may write but not delete leaves it there, and can train nevertheless.
        with suppress(RunError):
            self.delete(_PROBE_NAME)


def join(prefix: str, name: str) -> str:
    """`prefix/name`, or the one that is not empty."""
    return f"{prefix}/{name}" if prefix and name else prefix or name


def walk_files(folder: Path, *, with_links: bool = False) -> Iterator[Path]:
    """Every file below `folder`, sorted; links to files only `with_links`, to folders never."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (with_links or not path.is_symlink()):
            yield path


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
