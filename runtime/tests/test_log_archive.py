"""The log at `log_uri`: in pieces, masked, and never in the training's way."""

import threading
from datetime import UTC, datetime
from pathlib import Path

from trainer_runtime.log_archive import LogArchive
from trainer_runtime.masking import MASK, Masker
from trainer_runtime.reasons import RunError
from trainer_runtime.storage import Place, Places
from trainer_runtime.storage.file_place import FilePlace
from trainer_runtime.storage.local_roots import LocalRoots

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NEVER = 3600.0


def read_all(place: Place) -> bytes:
    return b"".join(place.read(entry.path) for entry in place.list())


def open_archive(place: Place, **rest) -> LogArchive:
    rest = {"interval_seconds": NEVER, "started": STARTED, **rest}
    return LogArchive(place, Masker(["topsecretvalue"]), **rest)


def test_pieces_in_order(tmp_path: Path) -> None:
    place = Places({}).artifacts(str(tmp_path))
    archive = open_archive(place)
    archive.append("one\n")
    archive.flush()
    archive.append(b"two\n")
    archive.flush()
    archive.flush()  # nothing new: no piece
    archive.append("three\n")
    archive.close()
    archive.close()
    names = [entry.path for entry in place.list()]
    assert names == [f"20260102T030405000000Z-{number:06}.log" for number in (1, 2, 3)]
    assert read_all(place) == b"one\ntwo\nthree\n"


def test_masked_across_appends_and_pieces(tmp_path: Path) -> None:
    place = Places({}).artifacts(str(tmp_path))
    archive = open_archive(place)
    archive.append("key=topsec")
    archive.flush()
    archive.append("retvalue end\n")
    archive.close()
    assert read_all(place) == f"key={MASK} end\n".encode()


def test_a_full_piece_is_written_at_once(tmp_path: Path) -> None:
    written = threading.Event()

    class Telling(FilePlace):
        def write(self, path: str, data: bytes) -> None:
            super().write(path, data)
            written.set()

    place = Telling(tmp_path, roots=LocalRoots(), code="UPLOAD_FAILED")
    archive = open_archive(place, piece_bytes=10)
    archive.append(b"0123456789abc\n")
    assert written.wait(10)
    archive.close()
    assert read_all(place) == b"0123456789abc\n"


def test_a_storage_that_fails_is_told_once_and_loses_nothing(tmp_path: Path) -> None:
    failures = 3
    told: list[str] = []

    class Failing(FilePlace):
        def write(self, path: str, data: bytes) -> None:
            nonlocal failures
            if failures:
                failures -= 1
                raise RunError("UPLOAD_FAILED", "The storage is away.", may_come_back=True)
            super().write(path, data)

    place = Failing(tmp_path, roots=LocalRoots(), code="UPLOAD_FAILED")
    archive = open_archive(place, on_failure=told.append)
    for number in range(5):
        archive.append(f"{number}\n")
        archive.flush()
    archive.close()
    assert told == ["The storage is away."]
    assert read_all(place) == b"0\n1\n2\n3\n4\n"


def test_closing_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    is_let_go = threading.Event()

    class Hanging(FilePlace):
        def write(self, path: str, data: bytes) -> None:
            is_let_go.wait(30)

    archive = open_archive(Hanging(tmp_path, roots=LocalRoots(), code="UPLOAD_FAILED"))
    archive.append("x\n")
    archive.close(timeout_seconds=0.01)
    assert not is_let_go.is_set()
    is_let_go.set()


def test_an_interval_writes_without_being_asked(tmp_path: Path) -> None:
    written = threading.Event()

    class Telling(FilePlace):
        def write(self, path: str, data: bytes) -> None:
            super().write(path, data)
            written.set()

    place = Telling(tmp_path, roots=LocalRoots(), code="UPLOAD_FAILED")
    archive = open_archive(place, interval_seconds=0.01)
    archive.append(b"x\n")
    assert written.wait(10)
    archive.close()
