"""One run of a job, from the environment to the exit status."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer_runtime.contract import Job, read_job
from trainer_runtime.datasets import DatasetFacts, DatasetInvalid, check_datasets
from trainer_runtime.devices import Machine, inspect_machine
from trainer_runtime.fingerprint import build_fingerprint
from trainer_runtime.masking import build_masker
from trainer_runtime.operator_settings import (
    OperatorSettings,
    launched_world,
    read_operator_settings,
)
from trainer_runtime.plan import Plan, build_plan, choose_device
from trainer_runtime.reasons import RunError
from trainer_runtime.run_description import RunDescription
from trainer_runtime.storage import Place, Places
from trainer_runtime.storage.address_policy import AddressPolicy
from trainer_runtime.supervisor.ends import compact_result, end_line, fit_result, write_end
from trainer_runtime.supervisor.log import RunLog
from trainer_runtime.supervisor.memory_limit import count_kills, limit_bytes
from trainer_runtime.supervisor.model_folder import find_model, has_chat_template
from trainer_runtime.supervisor.output import open_output
from trainer_runtime.supervisor.processes import TrainingProcesses, training_environment
from trainer_runtime.supervisor.reports import Order, Reporter, Target, write_status
from trainer_runtime.supervisor.results import ResultUpload
from trainer_runtime.supervisor.resume import fetch_checkpoint
from trainer_runtime.supervisor.run_state import RunState
from trainer_runtime.supervisor.stops import Stops
from trainer_runtime.supervisor.stream import StatusStream
from trainer_runtime.supervisor.uploads import CheckpointUploads
from trainer_runtime.work_files import WorkFiles, read_json

#: How often the training's files are looked at, in seconds.
_POLL_SECONDS = 0.5
_COMPARISON_SECONDS = 900.0


def run_job(environ: Mapping[str, str]) -> int:
    """Runs the job of `environ`; the exit status of the first process."""
    log = RunLog(build_masker(environ))
    try:
        operator = read_operator_settings(environ)
    except RunError as error:
        log.say(end_line(error))
        return error.exit_status
    return Run(environ, operator, log).execute()


class Run:
    """The steps of a run, and what all of them share."""

    def __init__(self, environ: Mapping[str, str], operator: OperatorSettings, log: RunLog) -> None:
        self._environ = environ
        self._operator = operator
        self._log = log
        self._files = WorkFiles(operator.work_dir)
        self._state = RunState(self._files)
        self._stops = Stops(self._files, operator.grace_seconds, say=log.say, leave=self._leave)
        self._ending = threading.Lock()
        self._reporter: Reporter | None = None
        self._processes: TrainingProcesses | None = None

    def execute(self) -> int:
        """Every step; whatever happens ends with one line in the termination file."""
        self._stops.listen()
        result: dict[str, Any] | None = None
        error: RunError | None = None
        try:
            self._prepare_folder()
            job = read_job(self._environ)
            self._start_reports(job)
            result = self._run(job)
        except RunError as failure:
            error = failure
            self._tell(failure)
        except OSError as failure:
            error = RunError("INTERNAL", f"{type(failure).__name__}: {failure.strerror or failure}")
            self._tell(error)
        except Exception as failure:  # noqa: BLE001 - the end must be told whatever it is
            import traceback

            self._log.say(traceback.format_exc())
            error = RunError("INTERNAL", f"{type(failure).__name__}: {failure}"[:400])
        return self._end(result, error)

    def _prepare_folder(self) -> None:
        """The working folder, without what an earlier attempt said; its checkpoints stay."""
        folder = self._files.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (
            self._files.events,
            self._files.metrics,
            self._files.progress,
            self._files.outcome,
            self._files.stop,
            folder / "comparison.json",
            folder / "rejected.jsonl",
        ):
            path.unlink(missing_ok=True)
        for stale in (folder / "pids", self._files.encoded, self._files.best, self._files.model):
            shutil.rmtree(stale, ignore_errors=True)

    def _start_reports(self, job: Job) -> None:
        if launched_world(self._environ)[2] > 0:
            return
        stream = job.artifacts.status_stream_url
        target = Target(
            job.job_id,
            url=self._operator.reports_url,
            url_file=self._operator.reports_url_file,
            token=self._operator.reports_token,
        )
        self._reporter = Reporter(
            self._state,
            self._log,
            target,
            attempt=self._operator.attempt,
            on_order=self._obey,
            stream=None
            if stream is None
            else StatusStream(stream, AddressPolicy.from_environ(self._environ)),
            on_snapshot=lambda snapshot: write_status(self._operator.status_file, snapshot),
        )

    def _run(self, job: Job) -> dict[str, Any] | None:
        places = Places.from_environ(self._environ, self._log.masker)
        nodes, per_node, rank = launched_world(self._environ)
        is_first = rank == 0
        machine = inspect_machine()
        device = choose_device(job, machine, self._operator)
        output = open_output(
            job, places, self._operator, self._environ, self._log, self._state.warn
        )
        if is_first:
            output.claim()
            if (done := output.read_finished()) is not None:
                self._log.say(f"the result is complete at {output.place.uri} already")
                return done
        facts = self._check_data(job, places)
        processes = self._choose_processes(machine, device, per_node)
        plan = build_plan(
            job,
            machine,
            self._operator,
            processes=processes * nodes,
            has_evaluation_rows=facts.evaluation_rows > 0,
            wants_tracking=bool(self._environ.get("WANDB_API_KEY")),
        )
        for warning in plan.warnings:
            self._warn(warning)
        model = self._find_model(job, places, facts)
        fingerprint = build_fingerprint(job, plan, facts.sha256)
        checkpoint = None
        if is_first or nodes > 1:
            checkpoint = fetch_checkpoint(
                job, places, output.place, self._files, fingerprint, self._log.say
            )
        RunDescription(
            job_id=job.job_id,
            plan=plan,
            model_path=str(model),
            model_name=job.base_model.model_name,
            revision=job.base_model.revision,
            dataset=facts.to_json(),
            fingerprint=fingerprint,
            resume_checkpoint=checkpoint,
            checkpoint_minutes=output.checkpoint_minutes(self._operator.checkpoint_minutes),
            stacks_seconds=self._operator.stacks_seconds,
        ).write(self._files)
        summary = self._train(output.place if is_first else None, machine, processes, nodes)
        if not is_first:
            return None
        return self._publish(job, plan, facts, output.place, summary, checkpoint)

    def _check_data(self, job: Job, places: Places) -> DatasetFacts:
        try:
            facts = check_datasets(job, places, self._files.folder)
        except DatasetInvalid as error:
            for problem in error.problems:
                self._log.say(str(problem))
            raise
        for warning in facts.warnings:
            self._warn(warning)
        self._log.say(
            f"{facts.rows} rows of shape {facts.source_shape}, {facts.evaluation_rows} held out, "
            f"{facts.rejected} rejected"
        )
        return facts

    def _choose_processes(self, machine: Machine, device: str, per_node: int) -> int:
        """Training processes of this node: as launched, one for each GPU, or one."""
        if self._operator.processes is not None:
            return self._operator.processes
        if per_node:
            return per_node
        return machine.gpus if device == "gpu" else 1

    def _find_model(self, job: Job, places: Places, facts: DatasetFacts) -> Path:
        model = find_model(
            job,
            places,
            work_dir=self._files.folder,
            workspace=self._operator.workspace,
            token=self._environ.get("HF_TOKEN"),
        )
        if facts.shape == "messages" and not has_chat_template(model):
            raise RunError(
                "MODEL_INCOMPATIBLE",
                "The rows are conversations, and the model has no chat template: "
                "choose its instruct version, or rows with prompt and completion.",
            )
        return model

    def _train(
        self, output: Place | None, machine: Machine, processes: int, nodes: int
    ) -> dict[str, Any]:
        """Starts the training and looks after it until it ends; its summary."""
        kills = count_kills()
        self._state.set_phase("training")
        training = TrainingProcesses(
            self._files.folder,
            self._environ,
            self._log,
            processes=processes,
            nodes=nodes,
            cores=machine.cpus,
        )
        self._processes = training
        self._stops.begin_training(training)
        uploads = None
        if output is not None:
            uploads = CheckpointUploads(
                output.child("checkpoints"), self._files, self._state, self._log.say
            )
        status = self._look_after(training, uploads)
        self._processes = None
        self._stops.end_training()
        outcome = read_json(self._files.outcome)
        if isinstance(outcome, dict) and outcome["code"] is None and status == 0:
            summary = dict(outcome["summary"])
            if summary["stopped"]:
                raise self._stopped(summary, uploads)
            if uploads is not None:
                uploads.finish()
            return summary
        raise self._failed(status, outcome, kills)

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
            if is_news and self._reporter is not None:
                self._reporter.wake()
            if status is not None:
                return status
            limit = self._operator.stall_minutes
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

    def _stopped(self, summary: dict[str, Any], uploads: CheckpointUploads | None) -> RunError:
        """The end of a run that was told to stop, once its checkpoint is at the output."""
        self._state.set_phase("uploading")
        failure = uploads.finish(self._stops.seconds_left()) if uploads is not None else None
        if failure is not None and not self._stops.is_signal:
            return failure
        where = (
            "" if failure is not None else f"; a checkpoint of step {summary['step']} is uploaded"
        )
        return self._stops.to_error(f"at step {summary['step']} of {summary['max_steps']}{where}")

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

    def _publish(
        self,
        job: Job,
        plan: Plan,
        facts: DatasetFacts,
        place: Place,
        summary: dict[str, Any],
        checkpoint: str | None,
    ) -> dict[str, Any]:
        """Model, comparison, the rest; the result."""
        self._enter("uploading")
        upload = ResultUpload(place, self._files, job, plan, self._state)
        upload.upload_model()
        comparison = self._compare(place) if self._operator.comparison else None
        self._enter("uploading")
        result = upload.complete(
            summary=summary,
            dataset=facts.to_json(),
            comparison=comparison,
            resumed_from=checkpoint,
            rewrite=self._log.masker.mask_text,
        )
        self._log.say(f"the result is complete at {place.uri}")
        return result

    def _compare(self, place: Place) -> dict[str, Any] | None:
        """The uploaded model beside its base; a failure of it is a warning only."""
        self._enter("evaluating")
        folder = self._files.folder / "uploaded-model"
        shutil.rmtree(folder, ignore_errors=True)
        place.download_tree("model", folder)
        environment = training_environment(self._environ)
        environment["TRAINER_PARENT_PID"] = str(os.getpid())
        command = [
            sys.executable,
            "-P",
            "-m",
            "trainer_runtime.training.compare",
            str(self._files.folder),
            str(folder),
        ]
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        pump = threading.Thread(target=self._log.pump, args=(process.stdout,), daemon=True)
        pump.start()
        try:
            process.wait(_COMPARISON_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        pump.join(10)
        shutil.rmtree(folder, ignore_errors=True)
        comparison = read_json(self._files.folder / "comparison.json")
        if not isinstance(comparison, dict):
            self._warn("The comparison with the base model could not be made; see the log")
            return None
        for sentence in comparison["verdict"]:
            self._warn(sentence)
        return comparison

    def _enter(self, phase: str) -> None:
        self._state.set_phase(phase)
        if self._reporter is not None:
            self._reporter.wake()

    def _warn(self, message: str) -> None:
        self._log.say(f"warning: {message}")
        self._state.warn(message)

    def _obey(self, order: Order) -> None:
        """An order of the service, from the reports' thread."""
        processes = self._processes
        if order.do == "stacks":
            if processes is not None:
                processes.dump_stacks()
            return
        self._stops.on_order(save=order.save)

    def _tell(self, error: RunError) -> None:
        self._log.say(end_line(error, self._log.masker.mask_text))

    def _leave(self, error: RunError) -> None:
        """Ends the whole process, from any thread: a stop that cannot wait for the main one."""
        self._tell(error)
        os._exit(self._end(None, error))

    def _end(self, result: dict[str, Any] | None, error: RunError | None) -> int:
        """Tells the end, once; a second thread that comes here waits for ever."""
        self._ending.acquire()
        self._stops.end()
        line = (
            end_line(error, self._log.masker.mask_text)
            if error is not None
            else compact_result(result or {})
        )
        write_end(self._operator.termination_file, line)
        if self._reporter is not None:
            self._reporter.close(None if result is None else fit_result(result))
        self._log.close()
        return 0 if error is None else error.exit_status
