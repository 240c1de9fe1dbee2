"""Where a run goes on: its own last complete checkpoint, or the one that `resume_from` names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer_runtime.checkpoints import (
    FINGERPRINT,
    find_last_complete,
    is_complete,
    mark_complete,
    remove_incomplete,
    step_of,
)
from trainer_runtime.contract import Job
from trainer_runtime.fingerprint import differing
from trainer_runtime.reasons import RunError
from trainer_runtime.storage import (
    Place,
    Places,
    fetch_tree,
    locate_for_job,
    read_complete,
)
from trainer_runtime.work_files import WorkFiles, read_json


def fetch_checkpoint(
    job: Job,
    places: Places,
    output: Place,
    files: WorkFiles,
    fingerprint: dict[str, Any],
    say: Callable[[str], None],
) -> str | None:
    """Downloads what to go on from; its folder's name below `files.checkpoints`, or None.

    A job that ran before (its pod was lost) goes on from its own checkpoints, and these go before
    `resume_from`. Raises `RunError` CHECKPOINT_MISMATCH that names what differs, and
    CONFIG_INVALID when `resume_from` has no complete checkpoint.
    """
    for name in remove_incomplete(files.checkpoints):
        say(f"{name} was cut off while it was written and is left out")
    source = output.child("checkpoints")
    found = find_last(source)
    kept = find_last_complete(files.checkpoints)
    if kept is not None and (found is None or (step_of(kept.name) or 0) > (step_of(found) or 0)):
        found = kept.name
    if found is None and job.resume_from is not None:
        source, found = _find_elsewhere(job, places)
        if found is None:
            raise RunError(
                "CONFIG_INVALID",
                f"extra_parameters.resume_from has no complete checkpoint at {source.uri}.",
            )
    if found is None:
        return None
    local = files.checkpoints / found
    if not is_complete(local):
        local.mkdir(parents=True, exist_ok=True)
        fetch_tree(source, found, local)
        mark_complete(local, step_of(found) or 0)
    _compare(local, fingerprint, say)
    say(f"resuming from {source.uri}/{found}")
    return found


def find_last(place: Place) -> str | None:
    """The complete checkpoint of the greatest step below `place`."""
    names = {entry.path.partition("/")[0] for entry in place.list()}
    steps = sorted(
        ((step, name) for name in names if (step := step_of(name)) is not None), reverse=True
    )
    return next((name for _, name in steps if read_complete(place, name) is not None), None)


def _find_elsewhere(job: Job, places: Places) -> tuple[Place, str | None]:
    """`resume_from` is a job's id (beside this job's output), a job's folder, or a checkpoint."""
    given = job.resume_from or ""
    if "://" not in given and not given.startswith(("/", "./")):
        base = job.artifacts.output_uri.rstrip("/")
        # An output_uri that ends with this job's id names its own folder: the other's is beside it.
        if base.rpartition("/")[2] == job.job_id:
            base = base.rpartition("/")[0]
        given = locate_for_job(base, given)
    given = given.rstrip("/")
    parent, _, name = given.rpartition("/")
    if step_of(name) is not None:
        place = places.artifacts(parent)
        return place, name if read_complete(place, name) is not None else None
    place = places.artifacts(given if name == "checkpoints" else f"{given}/checkpoints")
    return place, find_last(place)


def _compare(folder: Path, mine: dict[str, Any], say: Callable[[str], None]) -> None:
    theirs = read_json(folder / FINGERPRINT)
    if not isinstance(theirs, dict):
        raise RunError(
            "CHECKPOINT_MISMATCH",
            "The checkpoint does not say what it was made of (fingerprint.json).",
        )
    broken = differing(mine, theirs, "must")
    if broken:
        raise RunError(
            "CHECKPOINT_MISMATCH",
            f"The checkpoint belongs to another training: {', '.join(broken)} differs.",
        )
    changed = differing(mine, theirs, "may")
    if changed:
        say(f"other than before the checkpoint: {', '.join(changed)}")
