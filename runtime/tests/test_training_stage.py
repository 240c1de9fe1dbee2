"""What becomes of a saved checkpoint when the training then ends badly."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_runtime.checkpoints import mark_complete
from trainer_runtime.masking import Masker
from trainer_runtime.reasons import RunError
from trainer_runtime.storage import Places
from trainer_runtime.supervisor import training_stage
from trainer_runtime.supervisor.log import RunLog
from trainer_runtime.supervisor.run_state import RunState
from trainer_runtime.supervisor.stops import Stops
from trainer_runtime.supervisor.training_stage import TrainingStage
from trainer_runtime.supervisor.uploads import CheckpointUploads
from trainer_runtime.work_files import WorkFiles, emit, write_json


class Training:
    """Processes that save a checkpoint of step 5 and end as `status` says; None: they hang."""

    def __init__(
        self, files: WorkFiles, status: int | None, before_end: Callable[[], None]
    ) -> None:
        self._files = files
        self._status = status
        self._before_end = before_end
        self._has_saved = False

    def wait(self, timeout: float | None = None) -> int | None:
        if not self._has_saved:
            self._has_saved = True
            folder = self._files.checkpoints / "checkpoint-5"
            folder.mkdir(parents=True)
            (folder / "optimizer.pt").write_bytes(b"x")
            mark_complete(folder, 5)
            write_json(self._files.progress, {"step": 5, "max_steps": 9, "time": time.time()})
            emit(self._files, "checkpoint", name="checkpoint-5", step=5)
            return None
        self._before_end()
        return self._status

    def kill(self) -> None:
        self._status = -9

    def kill_after_stacks(self) -> None:
        self.kill()


class Bed:
    """One training on a fake of its processes, with an output that a test may hold up."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.files = WorkFiles(folder / "work")
        self.files.folder.mkdir()
        self.state = RunState(self.files)
        self.said: list[str] = []
        self.left: list[RunError] = []
        self.stops = Stops(self.files, 2.2, say=self.said.append, leave=self.left.append)
        self.place = Places.from_environ({}).artifacts(str(folder / "output"))
        self.may_upload = threading.Event()
        self._patch = patch
        self._hold_up(patch)

    def _hold_up(self, patch: pytest.MonkeyPatch) -> None:
        upload = CheckpointUploads._upload

        def wait_and_upload(uploads: CheckpointUploads, name: str, step: int) -> None:
            self.may_upload.wait()
            upload(uploads, name, step)

        patch.setattr(CheckpointUploads, "_upload", wait_and_upload)

    def upload_once_waited_for(self) -> None:
        finish = CheckpointUploads.finish

        def let_and_finish(uploads: CheckpointUploads, *rest: Any) -> RunError | None:
            self.may_upload.set()
            return finish(uploads, *rest)

        self._patch.setattr(CheckpointUploads, "finish", let_and_finish)

    def train(
        self,
        status: int | None,
        *,
        stall_minutes: float | None = None,
        before_end: Callable[[], None] = lambda: None,
    ) -> RunError:
        self._patch.setattr(
            training_stage,
            "TrainingProcesses",
            lambda *_, **__: Training(self.files, status, before_end),
        )
        stage = TrainingStage(
            self.files,
            {},
            RunLog(Masker([]), _Silent()),  # type: ignore[arg-type]
            self.state,
            self.stops,
            stall_minutes=stall_minutes,
            on_news=lambda: None,
        )
        with pytest.raises(RunError) as raised:
            stage.run(self.place, processes=1, nodes=1, cores=1)
        return raised.value

    @property
    def uploaded_steps(self) -> list[int]:
        return [checkpoint["step"] for checkpoint in self.state.uploaded]


class _Silent:
    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None:
        pass


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    bed = Bed(tmp_path, monkeypatch)
    yield bed
    bed.may_upload.set()


def test_a_checkpoint_is_uploaded_before_a_failure_is_told(bed: Bed) -> None:
    bed.upload_once_waited_for()
    write_json(bed.files.outcome, {"code": "LOSS_NOT_FINITE", "sentence": "At step 6."})
    assert bed.train(6).code == "LOSS_NOT_FINITE"
    assert bed.uploaded_steps == [5]


def test_a_checkpoint_is_uploaded_before_a_stall_is_told(bed: Bed) -> None:
    bed.upload_once_waited_for()
    assert bed.train(None, stall_minutes=0).code == "STALLED"
    assert bed.uploaded_steps == [5]


def test_an_upload_that_does_not_end_hides_no_failure(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_stage, "_LAST_UPLOAD_SECONDS", 0.05)
    write_json(bed.files.outcome, {"code": "OUT_OF_MEMORY", "sentence": "Too much."})
    assert bed.train(6).code == "OUT_OF_MEMORY"
    assert bed.uploaded_steps == []


def test_an_upload_ends_with_the_grace_time(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to stop, the training does not, and is killed: what is left of the grace is short."""
    killed = threading.Event()
    kill = Training.kill

    def kill_and_tell(training: Training) -> None:
        kill(training)
        killed.set()

    def stop_and_wait() -> None:
        bed.stops.on_order(save=True)
        assert killed.wait(60)

    monkeypatch.setattr(Training, "kill", kill_and_tell)
    error = bed.train(None, before_end=stop_and_wait)
    assert (error.code, bed.left) == ("STOPPED", [])
    assert "without a checkpoint of the last steps" in error.sentence


def test_a_stop_during_the_last_upload_is_told_as_the_failure(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload may take longer than the grace: then the run leaves, for its own reason."""
    finish = CheckpointUploads.finish
    left = threading.Event()

    def leave(error: RunError) -> None:
        bed.left.append(error)
        left.set()

    bed.stops._leave = leave

    def stop_and_finish(uploads: CheckpointUploads, *rest: Any) -> RunError | None:
        bed.stops.on_order(save=True)
        assert left.wait(60)
        bed.may_upload.set()
        return finish(uploads, *rest)

    monkeypatch.setattr(CheckpointUploads, "finish", stop_and_finish)
    write_json(bed.files.outcome, {"code": "LOSS_NOT_FINITE", "sentence": "At step 6."})
    assert bed.train(6).code == "LOSS_NOT_FINITE"
    assert [error.code for error in bed.left] == ["LOSS_NOT_FINITE"]
