"""One training, from the plan to the saved model, in one process or in one of several."""

import os
import platform
import shutil
import sys
import traceback
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch

from trainer_runtime.datasets import DatasetFacts, load_numbered_rows
from trainer_runtime.encoded_dataset import EncodingFacts, encode_rows
from trainer_runtime.engines import Engine, create_engine
from trainer_runtime.labels import RowEncoder
from trainer_runtime.reasons import RunError
from trainer_runtime.run_description import RunDescription
from trainer_runtime.tokens import stop_tokens, was_end_trained
from trainer_runtime.training.agreement import Agreement, is_first_rank, wait_for_all
from trainer_runtime.training.callback import NothingLeft, RunCallback, StopRequested
from trainer_runtime.training.failures import to_run_error
from trainer_runtime.training.hangs import HangWatch
from trainer_runtime.training.memory_check import check_memory
from trainer_runtime.training.own_settings import keep_own_settings
from trainer_runtime.training.recorder import Recorder
from trainer_runtime.training.save_model import save_model
from trainer_runtime.work_files import WorkFiles, read_json, write_json


def run_training(files: WorkFiles) -> int:
    """Trains; `files.outcome` says how it ended. The exit status is 0, or 1 for what failed."""
    run: RunDescription | None = None
    try:
        run = RunDescription.read(files)
        summary = Training(run, files).run()
        # Each node's first process waits for it.
        if int(os.environ.get("LOCAL_RANK", "0")) == 0:
            write_json(files.outcome, {"code": None, "sentence": "", "summary": summary})
    except BaseException as error:  # noqa: BLE001 - whatever it is, the outcome must say so
        failure = to_run_error(error, run.plan if run else None)
        if not isinstance(error, RunError):
            traceback.print_exc()
        # The rank that fails tells; others fail for want of it, later.
        if not files.outcome.exists():
            write_json(
                files.outcome, {"code": failure.code, "sentence": failure.sentence, "summary": {}}
            )
        sys.stderr.flush()
        return 1
    return 0


class Training:
    """The steps of one training, in order."""

    def __init__(self, run: RunDescription, files: WorkFiles) -> None:
        self._run = run
        self._files = files
        self._plan = run.plan
        self._engine: Engine = create_engine(run.plan.engine)
        _start_distributed(run.plan.device)
        self._recorder = Recorder(files, is_first=is_first_rank())
        _say(f"{run.plan.engine} is imported, with torch {torch.__version__}")

    def run(self) -> dict[str, Any]:
        """Trains and saves; what the result says of it."""
        from transformers import set_seed

        set_seed(self._plan.seed)
        model, tokenizer = self._engine.load(self._run)
        _say("the base model is loaded")
        rows, evaluation_rows = self._encode(model, tokenizer)
        warnings: list[str] = []
        trainer = self._engine.build_trainer(
            self._run,
            model,
            tokenizer,
            output=str(self._files.checkpoints),
            rows=rows,
            evaluation_rows=evaluation_rows,
            warnings=warnings,
        )
        for warning in warnings:
            self._recorder.warn(warning)
        callback = self._add_callbacks(trainer, tokenizer)
        self._describe_model(trainer)
        self._check_memory(trainer)
        self._train(trainer, callback)
        if not callback.was_stopped:
            self._finish(trainer, tokenizer, callback)
        return self._summarise(trainer, callback)

    def _encode(self, model: Any, tokenizer: Any) -> tuple[Any, Any]:
        """Tokenised rows for training and evaluation; the first process of a node writes them."""
        from datasets import Dataset

        facts = DatasetFacts.from_json(self._run.dataset)
        encoder = RowEncoder(
            tokenizer, max_length=self._plan.max_length, source_shape=facts.source_shape
        )
        self._end_of_turn = encoder.end_of_turn
        self._stop_ids = stop_tokens(tokenizer, model.generation_config, encoder.end_of_turn)
        if int(os.environ.get("LOCAL_RANK", "0")) == 0:
            self._write_encoded(facts, encoder)
        wait_for_all()
        if encoder.end_of_turn is not None and not was_end_trained(
            tokenizer, model.generation_config, encoder.end_of_turn
        ):
            self._recorder.warn(
                "The rows are conversations, and this base model was never trained to end a turn: "
                "a model tuned from its instruct version stops more reliably"
            )
        paths = [self._files.encoded / f"{role}.arrow" for role in ("train", "evaluation")]
        return (
            Dataset.from_file(str(paths[0])),
            Dataset.from_file(str(paths[1])) if paths[1].exists() else None,
        )

    def _write_encoded(self, facts: DatasetFacts, encoder: RowEncoder) -> None:
        described: dict[str, Any] = {"wraps_turns": encoder.wraps_turns}
        for role in ("train", "evaluation"):
            if role == "evaluation" and not facts.evaluation_rows:
                continue
            counted = encode_rows(
                load_numbered_rows(facts, role), encoder, self._files.encoded / f"{role}.arrow"
            )
            described[role] = counted.to_json()
            for sentence in counted.describe():
                self._recorder.warn(sentence)
            if counted.rows == 0:
                if role == "train":
                    raise RunError("DATASET_INVALID", _nothing_left(counted, self._plan.max_length))
                (self._files.encoded / f"{role}.arrow").unlink()
        self._recorder.facts(tokens=described)
        write_json(self._files.encoded / "facts.json", described)

    def _add_callbacks(self, trainer: Any, tokenizer: Any) -> RunCallback:
        from transformers import PrinterCallback

        trainer.remove_callback(PrinterCallback)
        callback = RunCallback(
            files=self._files,
            recorder=self._recorder,
            agreement=Agreement(self._files.stop, trainer.args.device),
            hangs=HangWatch(self._run.stacks_seconds),
            checkpoint_minutes=self._run.checkpoint_minutes,
            evaluation=self._plan.evaluation if trainer.eval_dataset is not None else None,
            fingerprint=self._run.fingerprint,
            save_model=lambda folder: save_model(
                trainer, tokenizer, self._run, self._stop_ids, folder
            ),
        )
        trainer.add_callback(callback)
        if self._plan.track and is_first_rank():
            from trainer_runtime.training.tracking import create_tracker

            tracker = create_tracker(self._run, self._recorder)
            if tracker is not None:
                trainer.add_callback(tracker)
        return callback

    def _describe_model(self, trainer: Any) -> None:
        parameters = list(trainer.model.parameters())
        trained = sum(p.numel() for p in parameters if p.requires_grad)
        if trained == 0:
            raise RunError("CONFIG_INVALID", "Nothing of the model would be trained.")
        self._recorder.facts(
            parameters=sum(p.numel() for p in parameters), trained_parameters=trained
        )
        _say(
            f"training {trained:,} of {sum(p.numel() for p in parameters):,} parameters with "
            f"{self._plan.engine} on {trainer.args.device}, {self._plan.precision}, "
            f"{self._plan.batch}"
        )

    def _check_memory(self, trainer: Any) -> None:
        facts = read_json(self._files.encoded / "facts.json") or {}
        longest = EncodingFacts(**facts["train"]).longest_index
        rows = trainer.train_dataset
        index = longest if not self._plan.packing else 0
        row = rows[min(index, len(rows) - 1)]
        check_memory(
            trainer,
            [row] * self._plan.batch.micro,
            optimizer=self._plan.optimizer,
            checkpoints_activations=self._plan.gradient_checkpointing,
        )

    def _train(self, trainer: Any, callback: RunCallback) -> None:
        checkpoint: Path | None = None
        if self._run.resume_checkpoint is not None:
            checkpoint = self._files.checkpoints / self._run.resume_checkpoint
            step = int(checkpoint.name.rpartition("-")[2])
            self._recorder.restore_metrics(checkpoint, step)
            callback.restore(checkpoint)
            keep_own_settings(trainer)
            _say(f"going on after step {step}")
        try:
            with suppress(NothingLeft):
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            if not callback.was_stopped and not callback.stopped_early:
                self._evaluate_end(trainer)
        except StopRequested:
            self._stop(trainer, callback)

    def _stop(self, trainer: Any, callback: RunCallback) -> None:
        """Ends within an evaluation: between two steps, so that a checkpoint holds all that a
        resumed run needs. One that was made at this step is left as it is."""
        callback.was_stopped = True
        if callback.completed_step != trainer.state.global_step:
            trainer._save_checkpoint(trainer.model, trial=None)
            callback.complete_checkpoint(trainer.state.global_step)

    def _evaluate_end(self, trainer: Any) -> None:
        """Evaluates what the last step left, where the schedule has not."""
        if self._plan.evaluation is None or trainer.eval_dataset is None:
            return
        evaluated = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
        if not evaluated or evaluated[-1]["step"] != trainer.state.global_step:
            trainer.evaluate()

    def _finish(self, trainer: Any, tokenizer: Any, callback: RunCallback) -> None:
        """The model as it is uploaded: the last, or the best where that is kept."""
        plan = self._plan.evaluation
        self._recorder.phase("saving")
        keeps_best = plan is not None and plan.keep == "best"
        # What every rank knows decides: only the first has the folder, and all wait together.
        if keeps_best and callback.best_step not in (None, trainer.state.global_step):
            if is_first_rank():
                shutil.rmtree(self._files.model, ignore_errors=True)
                shutil.copytree(self._files.best, self._files.model)
            wait_for_all()
        else:
            save_model(trainer, tokenizer, self._run, self._stop_ids, self._files.model)
        if is_first_rank():
            trainer.state.save_to_json(str(self._files.trainer_state))

    def _summarise(self, trainer: Any, callback: RunCallback) -> dict[str, Any]:
        losses = [
            (entry["step"], entry["loss"]) for entry in trainer.state.log_history if "loss" in entry
        ]
        return {
            "step": trainer.state.global_step,
            "max_steps": trainer.state.max_steps,
            "epoch": trainer.state.epoch,
            "stopped": callback.was_stopped,
            "stop_was_ordered": callback.was_ordered,
            "stopped_early": callback.stopped_early,
            "first_loss": losses[0][1] if losses else None,
            "last_loss": losses[-1][1] if losses else None,
            "best_eval_loss": callback.best_loss,
            "best_step": callback.best_step,
            "stop_tokens": self._stop_ids,
            "end_of_turn": self._end_of_turn,
            "device": _device_name(self._plan.device),
            "python": platform.python_version(),
        }


def _start_distributed(device: str) -> None:
    """Joins the other ranks where torchrun started several: NCCL on GPUs, else gloo."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return
    if device == "gpu":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # The others wait while one writes the tokens of many rows, or a large model.
    torch.distributed.init_process_group(
        "nccl" if device == "gpu" else "gloo", timeout=timedelta(hours=2)
    )


def _say(text: str) -> None:
    """One line of the log, of the job and not of each rank; its time tells stages apart."""
    if is_first_rank():
        print(text, flush=True)


def _device_name(device: str) -> str:
    if device == "gpu" and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return "cpu"


def _nothing_left(counted: EncodingFacts, max_length: int) -> str:
    return (
        f"Nothing is left to learn: all {counted.masked} rows hold no token of an answer within "
        f"max_sequence_length {max_length}; the longest has {counted.longest_before_cut} tokens."
    )
