"""The training as the first process sees it: started, looked after, and what its end means."""

import signal
from collections.abc import Callable, Mapping
from typing import Any

from trainer_runtime.reasons import SIGTERM_STATUS, RunError
from trainer_runtime.storage import Place
from trainer_runtime.supervisor.log import RunLog
from trainer_runtime.supervisor.memory_limit import count_kills, limit_bytes
from trainer_runtime.supervisor.processes import TrainingProcesses
from trainer_runtime.supervisor.run_state import RunState
from trainer_runtime.supervisor.stops import Stops
from trainer_runtime.supervisor.uploads import CheckpointUploads
from trainer_runtime.work_files import WorkFiles, read_json

#: How often the training's files are looked at, in seconds.
_POLL_SECONDS = 0.5
#: How long a run that failed waits for the upload of its last checkpoint, where no stop ends it.
_LAST_UPLOAD_SECONDS = 600.0


class TrainingStage:
    """One training on this node."""

    def __init__(
        self,
        files: WorkFiles,
        environ: Mapping[str, str],
        log: RunLog,
        state: RunState,
        stops: Stops,
        *,
        stall_minutes: float | None,
        on_news: Callable[[], None],
    ) -> None:
        """`on_news` is called when a phase begins or a checkpoint is saved."""
        self._files = files
        self._environ = environ
        self._log = log
        self._state = state
        self._stops = stops
        self._stall_minutes = stall_minutes
        self._on_news = on_news
        self._processes: TrainingProcesses | None = None

    def dump_stacks(self) -> None:
        """Every thread's stack to the log, while something trains. From any thread."""
        processes = self._processes
        if processes is not None:
            processes.dump_stacks()

    def run(
        self, checkpoints: Place | None, *, processes: int, nodes: int, cores: int
    ) -> dict[str, Any]:
        """Starts the training and looks after it until it ends; its summary.

        Checkpoints go to `checkpoints`, on the first node alone. Raises `RunError` for every end
        but a whole training.
        """
        kills = count_kills()
        self._state.set_phase("training")
        training = TrainingProcesses(
            self._files.folder,
            self._environ,
            self._log,
            processes=processes,
            nodes=nodes,
            cores=cores,
        )
        self._processes = training
        self._stops.begin_training(training)
        uploads = None
        if checkpoints is not None:
            uploads = CheckpointUploads(checkpoints, self._files, self._state, self._log.say)
        try:
            status = self._look_after(training, uploads)
        except RunError as failure:
            raise self._give_up(failure, uploads) from None
        self._processes = None
        outcome = read_json(self._files.outcome)
        if isinstance(outcome, dict) and outcome["code"] is None and status == 0:
            self._stops.end_training()
            summary = dict(outcome["summary"])
            if summary["stopped"]:
                raise self._stopped(summary, uploads)
            if uploads is not None:
                uploads.finish()
            return summary
        raise self._give_up(self._failed(status, outcome, kills), uploads)

    def _look_after(self, training: TrainingProcesses, uploads: CheckpointUploads | None) -> int:
        seen = 0
        phase = ""
        while True:
            status = training.wait(_POLL_SECONDS)
            self._state.refresh()
            for name, step in self._state.saved[seen:]:
                if uploads is not None:
                    uploads.add(name, step)
            is_news = len(self._state.saved) > seen or self._state.snapshot().phase != phase
            seen, phase = len(self._state.saved), self._state.snapshot().phase
            if is_news:
                self._on_news()
            if status is not None:
                return status
            limit = self._stall_minutes
            quiet = self._state.seconds_without_change()
            if limit is not None and quiet is not None and quiet > limit * 60:
                self._log.say(f"no step for {quiet:.0f} s; stacks of the training processes follow")
                training.kill_after_stacks()
                training.wait()
                raise RunError(
                    "STALLED",
                    f"No step for {limit:g} minutes after step {self._state.snapshot().step}; "
                    "the stacks are in the log.",
                )

    def _give_up(self, failure: RunError, uploads: CheckpointUploads | None) -> RunError:
        """`failure`, once the checkpoint that was saved before it is at the output, if it can be.

        What a job goes on from is worth the wait. No fault of it hides why the training ended.
        """
        self._processes = None
        self._stops.end_training(failure)
        if uploads is not None:
            left = self._stops.seconds_left()
            uploads.finish(_LAST_UPLOAD_SECONDS if left is None else left)
        return failure

    def _stopped(self, summary: dict[str, Any], uploads: CheckpointUploads | None) -> RunError:
        """The end of a run that was told to stop, once its checkpoint is at the output."""
        self._state.set_phase("uploading")
        failure = uploads.finish(self._stops.seconds_left()) if uploads is not None else None
        is_other = not self._stops.is_asked
        # Of an order the service has the end already; a node that is drained has none yet.
        is_drained = not summary["stop_was_ordered"] if is_other else self._stops.is_signal
        if failure is not None and not is_drained:
            return failure
        where = f"at step {summary['step']} of {summary['max_steps']}"
        if failure is None:
            where += f"; a checkpoint of step {summary['step']} is uploaded"
        if is_other and is_drained:
            sentence = f"Stopped with another node, which got SIGTERM, {where}."
            return RunError("STOPPED", sentence, status=SIGTERM_STATUS)
        return self._stops.to_error(where)

    def _failed(self, status: int, outcome: Any, kills: int | None) -> RunError:
        """What a training process that did not end well means."""
        killed = count_kills()
        if killed is not None and kills is not None and killed > kills:
            limit = limit_bytes()
            shown = f"{limit / 2**30:.1f} GiB" if limit else "what the machine has"
            return RunError(
                "OUT_OF_MEMORY",
                f"The training needed more memory than its limit of {shown}: "
                "resources.memory_gb raises it; a smaller micro_batch_size needs less.",
            )
        if self._stops.was_killed:
            return self._stops.to_error("without a checkpoint of the last steps")
        if isinstance(outcome, dict) and outcome.get("code"):
            return RunError(str(outcome["code"]), str(outcome["sentence"]))
        if status < 0:
            name = signal.Signals(-status).name
            return RunError(
                "INTERNAL",
                f"The training process was ended by {name}"
                + (" (the machine may have had no memory left)." if name == "SIGKILL" else "."),
                status=137 if name == "SIGKILL" else None,
            )
        return RunError("INTERNAL", f"The training process exited with {status}; see the log.")
