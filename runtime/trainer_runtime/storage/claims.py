"""Keeps two jobs out of one place."""

import json
from typing import Final

from trainer_runtime.reasons import RunError
from trainer_runtime.storage.place import Place

CLAIM_NAME: Final = ".trainer-claim.json"


def claim(place: Place, job_id: str, uid: str) -> None:
    """Marks `place` as this job's. The same job may claim it again (a later run of it).

    Raises `RunError` CONFIG_INVALID when another job's marker is there; of two jobs at the very
    same time one gets it, where the storage can create only what is absent.
    """
    marker = json.dumps({"job_id": job_id, "uid": uid}, sort_keys=True).encode()
    if place.create_if_absent(CLAIM_NAME, marker):
        return
    owner = _read_owner(place)
    if owner == (job_id, uid):
        return
    who = (
        f"the job {owner[0]}" if owner and owner[0] != job_id else "another job of the same job_id"
    )
    sentence = f"{place.uri} belongs to {who} already; give this job another output_uri or job_id."
    raise RunError("CONFIG_INVALID", sentence, status=6)


def _read_owner(place: Place) -> tuple[str, str] | None:
    try:
        marker = json.loads(place.read(CLAIM_NAME))
        return str(marker["job_id"]), str(marker["uid"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
