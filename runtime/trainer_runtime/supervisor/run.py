"""One run of a job, from the environment to the exit status."""

import os
import shutil
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer_runtime.build_plan import build_plan, choose_device, choose_processes
from trainer_runtime.contract import Job, read_job
from trainer_runtime.datasets import DatasetFacts, DatasetInvalid, check_datasets
from trainer_runtime.devices import inspect_machine
from trainer_runtime.fingerprint import build_fingerprint
from trainer_runtime.masking import build_masker
from trainer_runtime.operator_settings import (
    OperatorSettings,
    launched_world,
    read_operator_settings,
)
from trainer_runtime.plan import Plan
from trainer_runtime.reasons import RunError
from trainer_runtime.run_description import RunDescription
from trainer_runtime.storage import Place, Places
from trainer_runtime.storage.address_policy import AddressPolicy
from trainer_runtime.supervisor.compare_process import compare_uploaded
from trainer_runtime.supervisor.ends import compact_result, end_line, fit_result, write_end
from trainer_runtime.supervisor.log import RunLog
from trainer_runtime.supervisor.model_folder import find_model, has_chat_template
from trainer_runtime.supervisor.output import open_output
from trainer_runtime.supervisor.reports import Order, Reporter, Target, write_status
from trainer_runtime.supervisor.results import ResultUpload
from trainer_runtime.supervisor.resume import fetch_checkpoint
from trainer_runtime.supervisor.run_state import RunState
from trainer_runtime.supervisor.stops import Stops
from trainer_runtime.supervisor.stream import StatusStream
from trainer_runtime.supervisor.training_stage import TrainingStage
from trainer_runtime.work_files import WorkFiles


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
        self._stage: TrainingStage | None = None

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
        processes = choose_processes(machine, self._operator, device, launched=per_node)
        output = open_output(
            job, places, self._operator, self._environ, self._log, self._state.warn
        )
        if is_first:
            output.claim()
            if (done := output.read_finished()) is not None:
                self._log.say(f"the result is complete at {output.place.uri} already")
                return done
        facts = self._check_data(job, places)
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
        self._stage = TrainingStage(
            self._files,
            self._environ,
            self._log,
            self._state,
            self._stops,
            stall_minutes=self._operator.stall_minutes,
            on_news=self._wake,
        )
        summary = self._stage.run(
            output.place.child("checkpoints") if is_first else None,
            processes=processes,
            nodes=nodes,
            cores=machine.cpus,
        )
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
        self._log.say(f"the base model's files are in {model}")
        return model

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
        try:
            comparison = compare_uploaded(place, self._files, self._environ, self._log)
        except RunError as error:
            # Keys that may write and not read are enough for a result.
            self._log.say(error.sentence)
            comparison = None
        except OSError as error:
            self._log.say(f"{type(error).__name__}: {error.strerror or error}")
            comparison = None
        if comparison is None:
            self._warn("The comparison with the base model could not be made; see the log")
            return None
        for sentence in comparison["verdict"]:
            self._warn(sentence)
        return comparison

    def _enter(self, phase: str) -> None:
        self._state.set_phase(phase)
        self._wake()

    def _wake(self) -> None:
        if self._reporter is not None:
            self._reporter.wake()

    def _warn(self, message: str) -> None:
        self._log.say(f"warning: {message}")
        self._state.warn(message)

    def _obey(self, order: Order) -> None:
        """An order of the service, from the reports' thread."""
        if order.do == "stacks":
            if self._stage is not None:
                self._stage.dump_stacks()
            return
        self._stops.on_order(save=order.save)

    def _tell(self, error: RunError) -> None:
        self._log.say(end_line(error, self._log.masker.mask_text))

    def _leave(self, error: RunError) -> None:
        """Ends the whole process, from any thread: a stop that cannot wait for the main one."""
        try:
            self._tell(error)
            self._end(None, error)
        finally:
            os._exit(error.exit_status)

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
