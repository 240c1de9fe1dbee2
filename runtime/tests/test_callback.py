"""Evaluation, early stopping and the best model, without a training."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from trainer_runtime.checkpoints import RUN_STATE
from trainer_runtime.plan import EvaluationPlan
from trainer_runtime.reasons import RunError
from trainer_runtime.training.agreement import Agreement, Wish
from trainer_runtime.training.callback import RunCallback, StopRequested
from trainer_runtime.training.hangs import HangWatch
from trainer_runtime.training.recorder import Recorder
from trainer_runtime.training.tracking import Tracker
from trainer_runtime.work_files import JsonLines, WorkFiles, read_json, write_json


def make_callback(folder: Path, evaluation: EvaluationPlan | None, **more: Any) -> Any:
    files = WorkFiles(folder)
    saved: list[Path] = []
    callback = RunCallback(
        files=files,
        recorder=Recorder(files, is_first=True),
        agreement=Agreement(files.stop, torch.device("cpu")),
        hangs=HangWatch(60),
        checkpoint_minutes=more.get("minutes", 0),
        evaluation=evaluation,
        fingerprint={},
        save_model=saved.append,
    )
    return callback, saved, files


def state(step: int, last: int = 100) -> Any:
    return SimpleNamespace(global_step=step, max_steps=last, epoch=0.5)


def control() -> Any:
    return SimpleNamespace(
        should_save=False, should_training_stop=False, should_evaluate=True, should_log=False
    )


def test_it_stops_when_the_loss_no_longer_falls(tmp_path: Path) -> None:
    callback, saved, _ = make_callback(tmp_path, EvaluationPlan(5, 2, "best"))
    stops = []
    for step, loss in ((5, 3.0), (10, 2.0), (15, 2.5), (20, 2.1)):
        now = callback.on_evaluate(None, state(step), control(), metrics={"eval_loss": loss})
        stops.append(now.should_training_stop)
    assert stops == [False, False, False, True]
    assert (callback.best_loss, callback.best_step, callback.stopped_early) == (2.0, 10, True)
    assert saved == [tmp_path / "best"] * 2


def test_a_loss_that_is_no_number_is_never_the_best(tmp_path: Path) -> None:
    callback, saved, _ = make_callback(tmp_path, EvaluationPlan(5, None, "best"))
    for step, loss in ((5, float("nan")), (10, 2.0), (15, float("nan")), (20, 1.0)):
        callback.on_evaluate(None, state(step), control(), metrics={"eval_loss": loss})
    assert (callback.best_loss, callback.best_step) == (1.0, 20)
    assert saved == [tmp_path / "best"] * 2


def test_the_last_model_is_kept_without_a_word(tmp_path: Path) -> None:
    callback, saved, _ = make_callback(tmp_path, EvaluationPlan(5, None, "last"))
    for step, loss in ((5, 3.0), (10, 4.0), (15, 5.0)):
        now = callback.on_evaluate(None, state(step), control(), metrics={"eval_loss": loss})
        assert not now.should_training_stop
    assert saved == []


def test_a_best_evaluation_whose_model_was_not_kept_is_not_gone_on_from(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint-5"
    checkpoint.mkdir()
    write_json(checkpoint / RUN_STATE, {"best_loss": 1.0, "best_step": 5, "worse_in_a_row": 1})
    last, _, _ = make_callback(tmp_path, EvaluationPlan(5, 2, "last"))
    last.restore(checkpoint)
    assert (last.best_loss, last.best_step) == (1.0, 5)
    best, saved, _ = make_callback(tmp_path, EvaluationPlan(5, 2, "best"))
    best.restore(checkpoint)
    assert best.best_step is None
    best.on_evaluate(None, state(10), control(), metrics={"eval_loss": 2.0})
    assert (best.best_step, saved) == (10, [tmp_path / "best"])


def test_a_stop_saves_except_at_the_last_step(tmp_path: Path) -> None:
    callback, _, files = make_callback(tmp_path, None)
    files.stop.write_text("order")
    now = callback.on_step_end(None, state(7), control())
    assert (now.should_save, now.should_training_stop, now.should_evaluate) == (True, True, False)
    assert callback.was_stopped
    last, _, _ = make_callback(tmp_path, None)
    now = last.on_step_end(None, state(100), control())
    assert not now.should_save and not last.was_stopped
    with pytest.raises(StopRequested):
        callback.on_prediction_step(None, state(7), control())


def test_nothing_is_evaluated_once_a_stop_has_saved(tmp_path: Path) -> None:
    callback, _, files = make_callback(tmp_path, EvaluationPlan(None, None, "last"))
    assert callback.on_epoch_end(None, state(6), control()).should_evaluate
    files.stop.write_text("order")
    callback.on_step_end(None, state(7), control())
    assert not callback.on_epoch_end(None, state(7), control()).should_evaluate


def test_a_complete_checkpoint_is_known_on_each_rank(tmp_path: Path) -> None:
    callback, _, files = make_callback(tmp_path, None)
    assert callback.completed_step is None
    (files.checkpoints / "checkpoint-7").mkdir(parents=True)
    callback.complete_checkpoint(7)
    assert callback.completed_step == 7


def test_a_checkpoint_is_due_by_time(tmp_path: Path) -> None:
    callback, _, _ = make_callback(tmp_path, None, minutes=1e-9)
    assert callback.on_step_end(None, state(7), control()).should_save
    never, _, _ = make_callback(tmp_path, None, minutes=0)
    assert not never.on_step_end(None, state(7), control()).should_save


@pytest.mark.parametrize(
    ("here", "there", "is_ordered"),
    [
        ("", 2, False),
        ("", 3, True),
        ("sigterm", 0, False),
        ("sigterm", 3, True),
        ("order", 2, True),
    ],
)
def test_an_order_is_known_on_every_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, there: int, is_ordered: bool
) -> None:
    """`there` is what another node's rank says: a stop by SIGTERM is 2, one by order 3."""
    callback, _, files = make_callback(tmp_path, None)
    monkeypatch.setattr(callback._agreement, "_is_distributed", True)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda flag, op: flag.clamp_(min=there))
    if here:
        files.stop.write_text(here)
    assert callback.on_step_end(None, state(7), control()).should_training_stop
    assert (callback.was_stopped, callback.was_ordered) == (True, is_ordered)


def test_wishes_are_ordered() -> None:
    assert max(Wish.GO_ON, Wish.SAVE, Wish.STOP) is Wish.STOP


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    callback, _, files = make_callback(tmp_path, None)
    callback.on_log(None, state(3), control(), logs={"loss": 1.5, "train_runtime": 3.0})
    with pytest.raises(RunError) as caught:
        callback.on_log(None, state(4), control(), logs={"loss": float("nan")})
    assert caught.value.code == "LOSS_NOT_FINITE"
    lines = list(JsonLines(files.metrics).read_new())
    assert [line["loss"] for line in lines] == [1.5, None]
    assert "train_runtime" not in lines[0]


def test_a_mean_loss_that_is_no_number_ends_the_run_too(tmp_path: Path) -> None:
    callback, _, _ = make_callback(tmp_path, None)
    with pytest.raises(RunError) as caught:
        callback.on_log(None, state(9), control(), logs={"train_loss": float("inf")})
    assert caught.value.code == "LOSS_NOT_FINITE"


def test_the_loss_is_logged_before_anything_is_saved(tmp_path: Path) -> None:
    callback, _, _ = make_callback(tmp_path, None, minutes=1e-9)
    for step in (7, 100):
        assert callback.on_step_end(None, state(step), control()).should_log
    never, _, _ = make_callback(tmp_path, None)
    assert not never.on_step_end(None, state(7), control()).should_log


def test_a_tracker_that_fails_ends_nothing(tmp_path: Path) -> None:
    files = WorkFiles(tmp_path)
    calls: list[str] = []

    class Broken:
        def log(self, _logs: Any, step: int) -> None:
            calls.append(f"log {step}")
            raise ConnectionError("away")

        def finish(self) -> None:
            calls.append("finish")

    tracker = Tracker(Broken(), Recorder(files, is_first=True))
    tracker.on_log(None, state(1), control(), logs={"loss": 1.0})
    tracker.on_log(None, state(2), control(), logs={"loss": 1.0})
    tracker.on_train_end(None, state(2), control())
    assert calls == ["log 1"]
    [event] = list(JsonLines(files.events).read_new())
    assert event["type"] == "warning" and "nothing more is sent" in event["message"]


def test_the_last_step_of_a_phase_is_told_at_once(tmp_path: Path) -> None:
    callback, _, files = make_callback(tmp_path, None)
    callback.on_train_begin(None, state(0), control())
    for step in range(1, 50):
        callback.on_step_end(None, state(step), control())
    # A stop ends the phase.
    files.stop.write_text("order")
    callback.on_step_end(None, state(50), control())
    assert read_json(files.progress)["step"] == 50
    files.stop.unlink()
    callback.on_step_end(None, state(99), control())
    callback.on_step_end(None, state(100), control())
    assert read_json(files.progress)["step"] == 100


def test_waiting_for_a_hang_begins_anew_with_steps_but_not_for_each_of_many(
    monkeypatch: Any,
) -> None:
    armed: list[float] = []
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("faulthandler.dump_traceback_later", lambda *a, **k: armed.append(now[0]))
    watch = HangWatch(60)
    for _ in range(100):
        watch.arm()
        now[0] += 0.1
    # At most a hundredth of the minute passes without.
    assert len(armed) == pytest.approx(100 * 0.1 / 0.6, abs=2)
    watch.disarm()
    watch.arm()
    assert armed[-1] == now[0]
