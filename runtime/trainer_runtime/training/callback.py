"""What happens at each step of a run besides the training itself."""

import math
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from trainer_runtime.checkpoints import (
    FINGERPRINT,
    RUN_STATE,
    checkpoint_name,
    mark_complete,
)
from trainer_runtime.plan import EvaluationPlan
from trainer_runtime.reasons import RunError
from trainer_runtime.training.agreement import Agreement, Wish, is_first_rank, wait_for_all
from trainer_runtime.training.hangs import HangWatch
from trainer_runtime.training.recorder import Recorder
from trainer_runtime.work_files import WorkFiles, read_json, write_json


class StopRequested(Exception):
    """A stop came while the model was being evaluated."""


class NothingLeft(Exception):
    """The checkpoint that the trainer has loaded has all steps already."""


class RunCallback(TrainerCallback):
    """Progress, metrics, checkpoints in time, stops, early stopping, the best model, hangs."""

    def __init__(
        self,
        *,
        files: WorkFiles,
        recorder: Recorder,
        agreement: Agreement,
        hangs: HangWatch,
        checkpoint_minutes: float,
        evaluation: EvaluationPlan | None,
        fingerprint: dict[str, Any],
        save_model: Any,
    ) -> None:
        """`save_model(folder)` writes the model as it is now, for the best evaluation."""
        self._files = files
        self._recorder = recorder
        self._agreement = agreement
        self._hangs = hangs
        self._checkpoint_seconds = checkpoint_minutes * 60
        self._evaluation = evaluation
        self._fingerprint = fingerprint
        self._save_model = save_model
        self._last_save = time.monotonic()
        self._tokens_seen: tuple[float, float] | None = None
        self.was_stopped = False
        #: The last step whose checkpoint is complete, of which its upload may read already.
        self.completed_step: int | None = None
        self.stopped_early = False
        self.best_loss: float | None = None
        self.best_step: int | None = None
        self._worse_in_a_row = 0

    @property
    def was_ordered(self) -> bool:
        """Whether the service had it stopped, of which another node may know alone."""
        return self.was_stopped and self._agreement.is_ordered

    def restore(self, checkpoint: Path) -> None:
        """Goes on from what the checkpoint knows of the best evaluation."""
        has_best = (checkpoint / "best").is_dir()
        if self._evaluation is not None and self._evaluation.keep == "best" and not has_best:
            # The best so far was not kept, so that it cannot be the result: it counts from here.
            return
        state = read_json(checkpoint / RUN_STATE) or {}
        self.best_loss = state.get("best_loss")
        self.best_step = state.get("best_step")
        self._worse_in_a_row = state.get("worse_in_a_row", 0)
        if has_best and is_first_rank():
            shutil.copytree(checkpoint / "best", self._files.best, dirs_exist_ok=True)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._recorder.phase("training")
        self._recorder.progress(state.global_step, state.max_steps, state.epoch)
        if state.global_step >= state.max_steps:
            # The trainer would look only after one more step.
            raise NothingLeft
        self._last_save = time.monotonic()
        self._hangs.arm()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        self._hangs.arm()
        self._recorder.phase("training")
        self._recorder.progress(state.global_step, state.max_steps, state.epoch)
        is_due = (
            self._checkpoint_seconds > 0
            and is_first_rank()
            and time.monotonic() - self._last_save >= self._checkpoint_seconds
        )
        wish = self._agreement.settle(Wish.SAVE if is_due else Wish.GO_ON)
        is_last = state.global_step >= state.max_steps
        if wish is Wish.STOP and not is_last:
            self.was_stopped = True
            control.should_training_stop = True
            control.should_evaluate = False
        if wish is not Wish.GO_ON or is_last:
            # A loss that is no number shows here at the latest, before anything is saved.
            control.should_log = True
        if wish is not Wish.GO_ON and not is_last:
            control.should_save = True
            self._hangs.disarm()
            self._recorder.phase("saving")
        return control

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """A stop leaves the epoch, which would have its evaluation due."""
        if self.was_stopped:
            control.should_evaluate = False
        return control

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._hangs.disarm()
        self._recorder.phase("evaluating")
        if self._agreement.settle(Wish.GO_ON) is Wish.STOP:
            raise StopRequested

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        values = dict(logs or {})
        if "loss" in values:
            values |= self._speed(values)
            if torch.cuda.is_available():
                values["gpu_memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
        self._recorder.metrics(state.global_step, values)
        # The mean of all steps comes last; it knows of those that no log told of.
        losses = (values.get(name) for name in ("loss", "train_loss"))
        if any(isinstance(loss, float) and not math.isfinite(loss) for loss in losses):
            raise RunError(
                "LOSS_NOT_FINITE",
                f"The loss is no longer a finite number at step {state.global_step}: "
                "a smaller learning_rate, or precision bf16 or fp32, usually helps.",
            )

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any
    ) -> Any:
        loss = (metrics or {}).get("eval_loss")
        if self._evaluation is None or loss is None:
            return control
        # What is no number is never the best, or nothing could be better than it.
        if math.isfinite(loss) and (self.best_loss is None or loss < self.best_loss):
            self.best_loss, self.best_step, self._worse_in_a_row = loss, state.global_step, 0
            if self._evaluation.keep == "best":
                self._recorder.phase("saving")
                self._save_model(self._files.best)
        else:
            self._worse_in_a_row += 1
        patience = self._evaluation.early_stopping_patience
        if patience is not None and self._worse_in_a_row >= patience:
            self.stopped_early = True
            control.should_training_stop = True
        return control

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Completes the checkpoint: every rank has written its part when the marker appears."""
        self.complete_checkpoint(state.global_step)

    def complete_checkpoint(self, step: int) -> None:
        """Adds what a resumed run needs, then the marker, and tells the first process."""
        wait_for_all()
        if is_first_rank():
            folder = self._files.checkpoints / checkpoint_name(step)
            write_json(folder / FINGERPRINT, self._fingerprint)
            write_json(
                folder / RUN_STATE,
                {
                    "best_loss": self.best_loss,
                    "best_step": self.best_step,
                    "worse_in_a_row": self._worse_in_a_row,
                },
            )
            self._recorder.keep_metrics(folder)
            if self._files.best.is_dir():
                shutil.copytree(self._files.best, folder / "best", dirs_exist_ok=True)
            # A pickle of arguments that nothing reads again.
            (folder / "training_args.bin").unlink(missing_ok=True)
            mark_complete(folder, step)
            self._recorder.checkpoint(folder.name, step)
        self.completed_step = step
        self._last_save = time.monotonic()
        self._hangs.arm()

    def _speed(self, values: dict[str, Any]) -> dict[str, float]:
        """Tokens a second since the last log, from TRL's running count."""
        count, now = values.get("num_tokens"), time.monotonic()
        if not isinstance(count, int | float):
            return {}
        before, self._tokens_seen = self._tokens_seen, (float(count), now)
        if before is None or now <= before[1]:
            return {}
        return {"tokens_per_second": (count - before[0]) / (now - before[1])}
