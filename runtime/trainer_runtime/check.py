"""`python -m trainer_runtime.check [FILE]`: validates a request's data alone, without training.

FILE is a request as `POST /train` takes it, `-` is standard input; without it, the variables of a
training container are read, else standard input. `--json` prints one JSON object (see `to_json`).
Ends with 0 when the data can be trained on, else with the exit status that the training would have.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from trainer_runtime.contract import Job, parse_job
from trainer_runtime.datasets import DatasetFacts, DatasetInvalid, check_datasets
from trainer_runtime.datasets.fetch import find_workspace
from trainer_runtime.fields import parse_json_object
from trainer_runtime.masking import Masker, build_masker
from trainer_runtime.reasons import RunError
from trainer_runtime.request_environment import environ_of_request
from trainer_runtime.storage import Places
from trainer_runtime.storage.retry_policy import RetryPolicy
from trainer_runtime.token_report import (
    TokenReport,
    find_tokenizer,
    read_max_length,
    report_tokens,
)

#: What of a request decides about its data; the rest is the service's to judge.
_DATA_PATHS: Final = ("datasets", "extra_parameters.evaluation", "bad_rows")
#: Someone waits for the answer.
_IMPATIENT: Final = RetryPolicy(attempts=2, request_retries=2)
_MAX_REQUEST_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class CheckReport:
    """What was found. `error` is None when the data can be trained on."""

    facts: DatasetFacts | None
    tokens: TokenReport | None
    notes: tuple[str, ...]
    error: RunError | None

    @property
    def exit_status(self) -> int:
        return 0 if self.error is None else self.error.exit_status

    def to_json(self) -> dict[str, Any]:
        """`{valid, code, sentence, problems[], problem_count, data, tokens, warnings[]}`."""
        error, facts = self.error, self.facts
        problems = error.problems if isinstance(error, DatasetInvalid) else ()
        return {
            "valid": error is None,
            "code": None if error is None else error.code,
            "sentence": None if error is None else error.sentence,
            "problems": [problem.to_json() for problem in problems],
            "problem_count": error.total if isinstance(error, DatasetInvalid) else 0,
            "data": None if facts is None else _describe(facts),
            "tokens": None if self.tokens is None else asdict(self.tokens),
            "warnings": [*(facts.warnings if facts else ()), *self.notes],
        }

    def to_lines(self) -> list[str]:
        """The same for people."""
        lines = []
        if isinstance(self.error, DatasetInvalid):
            lines += [str(problem) for problem in self.error.problems]
            more = self.error.total - len(self.error.problems)
            lines += [f"and {more} more"] if more > 0 else []
        if self.error is not None:
            lines.append(f"{self.error.code}: {self.error.sentence}")
        if self.facts is not None:
            lines += _facts_lines(self.facts)
        if self.tokens is not None:
            lines += _token_lines(self.tokens)
        warnings = self.to_json()["warnings"]
        return [*lines, *(f"warning: {warning}" for warning in warnings)]


def check_request(
    request: Mapping[str, Any],
    environ: Mapping[str, str],
    work_dir: Path,
    *,
    limit: int = 20,
    token_rows: int = 20_000,
    tokenizer: Path | None = None,
    masker: Masker | None = None,
) -> CheckReport:
    """Fetches the request's data below `work_dir` and checks it; never raises for what is wrong."""
    facts: DatasetFacts | None = None
    notes: list[str] = []
    try:
        job = _read_job(request)
        places = Places(environ, masker=masker, retry=_IMPATIENT)
        facts = check_datasets(job, places, work_dir, limit=limit)
        folder = tokenizer or find_tokenizer(
            job.base_model.model_name,
            job.base_model.revision,
            places.roots,
            [find_workspace(environ) / "model"],
        )
        tokens = None
        if folder is None:
            notes.append("No tokenizer of the model is on this machine: tokens were not counted")
        elif facts.rows:
            tuning = request.get("tuning_parameters")
            max_length = read_max_length(tuning if isinstance(tuning, dict) else {})
            tokens = report_tokens(facts, folder, max_length, token_rows)
            if tokens.rows < facts.rows:
                notes.append(f"Tokens were counted in the first {tokens.rows} rows only")
            if tokens.dropped == tokens.rows:
                sentence = "No row holds anything to learn within max_sequence_length."
                raise RunError("DATASET_INVALID", sentence)
    except RunError as error:
        return CheckReport(facts, None, tuple(notes), error)
    return CheckReport(facts, tokens, tuple(notes), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; answers the exit status."""
    options = _parse_arguments(arguments)
    try:
        request, environ = _read_request(options.file, os.environ)
    except RunError as error:
        report = CheckReport(None, None, (), error)
        masker = Masker()
    else:
        masker = build_masker(environ)
        with tempfile.TemporaryDirectory(prefix="trainer-check-") as folder:
            report = check_request(
                request,
                environ,
                Path(folder),
                limit=options.limit,
                token_rows=options.token_rows,
                tokenizer=options.tokenizer,
                masker=masker,
            )
    if options.json:
        text = json.dumps(report.to_json(), ensure_ascii=False)
    else:
        text = "\n".join(report.to_lines())
    print(masker.mask_text(text))
    return report.exit_status


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m trainer_runtime.check", description=__doc__)
    parser.add_argument("file", nargs="?", help="a request as JSON; - is standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--limit", type=int, default=20, help="problems that are shown (20)")
    parser.add_argument("--tokenizer", type=Path, help="a folder with the model's tokenizer")
    parser.add_argument(
        "--token-rows", type=int, default=20_000, help="rows whose tokens are counted (20000)"
    )
    return parser.parse_args(arguments)


def _read_request(
    file: str | None, environ: Mapping[str, str]
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The request, and the environment with its credentials."""
    in_container = environ.get("TRAINING_REQUEST_JSON")
    if file is None and in_container:
        return parse_json_object(in_container, "TRAINING_REQUEST_JSON"), environ
    name = "Standard input" if file in (None, "-") else str(file)
    try:
        if file is None or file == "-":
            data = sys.stdin.buffer.read(_MAX_REQUEST_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(_MAX_REQUEST_BYTES + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError("CONFIG_INVALID", f"{name} cannot be read as text.") from error
    if len(data) > _MAX_REQUEST_BYTES:
        raise RunError("CONFIG_INVALID", f"{name} is too long for a request.")
    try:
        request = parse_json_object(text, name)
    except RecursionError as error:
        raise RunError("CONFIG_INVALID", f"{name} is not JSON that can be read.") from error
    return request, environ_of_request(request, environ)


def _read_job(request: Mapping[str, Any]) -> Job:
    job, violations = parse_job(request, backend="")
    about_data = [
        clause for clause in violations if any(path in clause.split(" ")[0] for path in _DATA_PATHS)
    ]
    if about_data:
        raise RunError("CONFIG_INVALID", "; ".join(about_data) + ".")
    return job


def _describe(facts: DatasetFacts) -> dict[str, Any]:
    files = [
        {
            "name": file.name,
            "dataset": file.dataset,
            "role": file.role,
            "format": file.format,
            "shape": file.source_shape,
            "rows": file.rows,
            "bytes": file.bytes,
        }
        for file in facts.files
    ]
    names = ("shape", "source_shape", "rows", "evaluation_rows", "rejected", "ignored_fields")
    return {**{name: getattr(facts, name) for name in names}, "files": files}


def _facts_lines(facts: DatasetFacts) -> list[str]:
    lines = [
        f"{file.name}: {file.rows:,} rows of {file.source_shape} ({file.format}, {file.role})"
        for file in facts.files
    ]
    total = f"{facts.rows:,} rows to train on, {facts.evaluation_rows:,} to evaluate"
    return [*lines, total + (f", {facts.rejected:,} left out" if facts.rejected else "")]


def _token_lines(tokens: TokenReport) -> list[str]:
    lines = [
        f"tokens a row: {tokens.shortest} to {tokens.longest}, median {tokens.median}, "
        f"95 % up to {tokens.p95} (max_sequence_length {tokens.max_length})"
    ]
    for count, rows, what in (
        (tokens.truncated, tokens.truncated_rows, "would be cut"),
        (tokens.dropped, tokens.dropped_rows, "would be left out, with nothing to learn"),
    ):
        if count:
            more = "" if count <= len(rows) else ", …"
            lines.append(f"{count:,} rows {what}: {', '.join(rows)}{more}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
