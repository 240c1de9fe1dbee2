"""Folders of this machine or of a mounted volume."""

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from trainer_runtime.reasons import RunError
from trainer_runtime.storage.local_roots import LocalRoots
from trainer_runtime.storage.place import Entry, Place, join, sha256_file, walk_files

#: A network volume that is away, not one that refuses.
_MAY_COME_BACK = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENXIO})
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class FilePlace(Place):
    """A folder; every path is resolved and held against `roots` when it is used."""

    def __init__(self, folder: Path, *, roots: LocalRoots, code: str) -> None:
        self._folder = roots.resolve(folder)
        self._roots = roots
        self.code = code
        self.uri = str(folder)

    def child(self, path: str) -> "FilePlace":
        return FilePlace(self._folder / path, roots=self._roots, code=self.code)

    def stat(self, path: str = "") -> Entry | None:
        with self._faults("read", path):
            local = self._resolve(path)
            return Entry(path, local.stat().st_size) if local.is_file() else None

    def list(self, prefix: str = "") -> list[Entry]:
        with self._faults("list", prefix):
            folder = self._resolve(prefix)
            if not folder.is_dir():
                return []
            entries = []
            for path in walk_files(folder, with_links=True):
                size = self._roots.resolve(path).stat().st_size
                entries.append(Entry(join(prefix, path.relative_to(folder).as_posix()), size))
            return entries

    def read(self, path: str = "") -> bytes:
        with self._faults("read", path):
            return self._resolve(path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        with self._faults("write", path):
            self._replace(self._resolve(path), lambda file: file.write(data))

    def create_if_absent(self, path: str, data: bytes) -> bool:
        with self._faults("write", path):
            target = self._resolve(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            part = _part_name(target)
            try:
                _write_synced(part, lambda file: file.write(data))
                return _link(part, target, data)
            finally:
                part.unlink(missing_ok=True)

    def delete(self, path: str) -> None:
        with self._faults("delete", path):
            self._resolve(path).unlink(missing_ok=True)

    def upload_file(self, local: Path, path: str) -> None:
        with self._faults("write", path):
            target = self._resolve(path)
            if _is_same(local, target):
                return
            with local.open("rb") as source:
                self._replace(target, lambda file: shutil.copyfileobj(source, file, 1 << 20))

    def download_file(self, path: str, local: Path) -> None:
        with self._faults("read", path), self._resolve(path).open("rb") as source:
            self._replace(local, lambda file: shutil.copyfileobj(source, file, 1 << 20))

    def local_path(self, path: str = "") -> Path:
        """The file itself, so that what is here already need not be copied."""
        return self._resolve(path)

    def _resolve(self, path: str) -> Path:
        return self._roots.resolve(self._folder / path if path else self._folder)

    @staticmethod
    def _replace(target: Path, fill: Callable[[BinaryIO], object]) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _part_name(target)
        try:
            _write_synced(part, fill)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def _faults(self, action: str, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            shown = join(self.uri.rstrip("/"), path)
            raise _to_run_error(error, self.code, action, shown) from error


def _to_run_error(error: OSError, code: str, action: str, shown: str) -> RunError:
    if isinstance(error, FileNotFoundError) and action != "write":
        return RunError(code, f"{shown} is not there.")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return RunError(
            code, f"This process may not {action} {shown} ({error.strerror}).", status=6
        )
    if error.errno in _FULL:
        return RunError(code, f"No space is left to write {shown}.", status=6)
    may_come_back = error.errno in _MAY_COME_BACK
    sentence = f"{shown} cannot be {_PAST[action]} ({error.strerror or type(error).__name__})."
    return RunError(code, sentence, may_come_back=may_come_back)


_PAST = {"read": "read", "write": "written", "list": "listed", "delete": "deleted"}


def _part_name(target: Path) -> Path:
    return target.with_name(f".{target.name[:64]}.{secrets.token_hex(6)}.part")


def _write_synced(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    with path.open("xb") as file:
        fill(file)
        file.flush()
        os.fsync(file.fileno())


def _link(part: Path, target: Path, data: bytes) -> bool:
    try:
        os.link(part, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _create_without_link(target, data)
    return True


def _create_without_link(target: Path, data: bytes) -> bool:
    """For file systems without hard links: exclusive, though a reader may see it half written."""
    try:
        with target.open("xb") as file:
            file.write(data)
    except FileExistsError:
        return False
    return True


def _is_same(local: Path, target: Path) -> bool:
    with suppress(OSError):
        if local.stat().st_size == target.stat().st_size and not target.is_symlink():
            return sha256_file(local) == sha256_file(target)
    return False
