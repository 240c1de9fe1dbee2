"""A comparison that cannot be made is a warning; the training counts."""

import errno
from pathlib import Path

import pytest
from test_supervisor import make_log

from trainer_runtime.operator_settings import read_operator_settings
from trainer_runtime.storage import Places
from trainer_runtime.storage.file_place import FilePlace
from trainer_runtime.supervisor.run import Run


def test_a_disk_that_fills_up_while_the_model_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_place: object, _prefix: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FilePlace, "download_tree", fill)
    work = tmp_path / "work"
    log, output = make_log()
    run = Run({}, read_operator_settings({"TRAINER_WORK_DIR": str(work)}), log)
    place = Places.from_environ({}).artifacts(str(tmp_path / "output"))
    assert run._compare(place) is None
    assert "The comparison with the base model could not be made" in output.data.decode()
    assert "No space left on device" in output.data.decode()
    # What is next, the rest of the result, needs the room.
    assert not (work / "uploaded-model").exists()
