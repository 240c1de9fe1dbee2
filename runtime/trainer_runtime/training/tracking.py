"""Weights & Biases, where it is installed: a mirror of the metrics that may fail at any time."""

import hashlib
import os
from typing import Any

from transformers import TrainerCallback

from trainer_runtime.run_description import RunDescription
from trainer_runtime.training.recorder import Recorder


class Tracker(TrainerCallback):
    """Sends what is logged; after the first fault it sends nothing more."""

    def __init__(self, tracked: Any, recorder: Recorder) -> None:
        self._tracked: Any | None = tracked
        self._recorder = recorder

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        self._try(lambda run: run.log(dict(logs or {}), step=state.global_step))

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._try(lambda run: run.finish())

    def _try(self, act: Any) -> None:
        if self._tracked is None:
            return
        try:
            act(self._tracked)
        except Exception as error:  # noqa: BLE001 - a tracker's failure never ends a job
            self._tracked = None
            self._recorder.warn(
                f"Weights & Biases failed ({type(error).__name__}); nothing more is sent"
            )


def create_tracker(run: RunDescription, recorder: Recorder) -> Tracker | None:
    """A tracker that goes on with the run of an earlier attempt of the same job; None when the
    service cannot be reached."""
    try:
        import wandb

        tracked = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "trainer",
            id=hashlib.sha256(run.job_id.encode()).hexdigest()[:16],
            name=os.environ.get("WANDB_NAME") or run.job_id,
            resume="allow",
            config={"plan": run.plan.to_json(), "model": run.model_name},
            settings=wandb.Settings(silent=True, init_timeout=30),
        )
    except Exception as error:  # noqa: BLE001 - a tracker's failure never ends a job
        recorder.warn(f"Weights & Biases cannot be used ({type(error).__name__})")
        return None
    return Tracker(tracked, recorder)
