"""The job's own folder at the output, and its log: claimed and tried before anything is trained."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from trainer_runtime.contract import Job
from trainer_runtime.credentials import artifacts_credentials
from trainer_runtime.log_archive import LogArchive
from trainer_runtime.operator_settings import OperatorSettings
from trainer_runtime.storage import Place, Places, claim, locate_for_job, read_complete
from trainer_runtime.supervisor.log import RunLog

#: Minutes between checkpoints where keys end and cannot be renewed: a resumed job loses little.
_MINUTES_WITH_SESSION_KEYS = 10.0


class Output:
    """`<output_uri>/<job_id>` of one job."""

    def __init__(self, place: Place, job_id: str, uid: str, *, has_ending_keys: bool) -> None:
        self.place = place
        self._job_id = job_id
        self._uid = uid
        self._has_ending_keys = has_ending_keys

    def claim(self) -> None:
        """Raises `RunError` UPLOAD_FAILED where nothing can be written, CONFIG_INVALID where
        another job has its results."""
        self.place.check_writable()
        claim(self.place, self._job_id, self._uid)

    def read_finished(self) -> dict[str, Any] | None:
        """The result, where an earlier run of this very job completed it; None else."""
        if read_complete(self.place) is None:
            return None
        return {"model_uri": f"{self.place.uri}/model"}

    def checkpoint_minutes(self, wanted: float) -> float:
        """How often to save: more often with keys that end before the training."""
        if self._has_ending_keys and wanted > 0:
            return min(wanted, _MINUTES_WITH_SESSION_KEYS)
        return wanted


def open_output(
    job: Job,
    places: Places,
    operator: OperatorSettings,
    environ: Mapping[str, str],
    log: RunLog,
    warn: Callable[[str], None],
) -> Output:
    """Opens output and log of `job`; the log goes to its place from here on."""
    place = places.artifacts(locate_for_job(job.artifacts.output_uri, job.job_id))
    log_place = places.artifacts(locate_for_job(job.artifacts.log_uri, job.job_id))
    log.archive_to(
        LogArchive(
            log_place,
            log.masker,
            on_failure=lambda sentence: warn(f"The log stays here: {sentence}"),
        )
    )
    credentials = artifacts_credentials(environ)
    if credentials.is_session_without_role:
        sentence = (
            "The storage's session keys cannot be renewed: when they end before the training does, "
            "its result cannot be uploaded, and a job with fresh keys goes on from the last "
            "checkpoint"
        )
        log.say(f"warning: {sentence}")
        warn(sentence)
    return Output(
        place,
        job.job_id,
        operator.job_uid or _uid_of_request(environ),
        has_ending_keys=credentials.is_session_without_role,
    )


def _uid_of_request(environ: Mapping[str, str]) -> str:
    """Stands in for a uid where nobody gives one: the same request is the same job."""
    text = environ.get("TRAINING_REQUEST_JSON", "")
    return hashlib.sha256(json.dumps(json.loads(text), sort_keys=True).encode()).hexdigest()[:32]
