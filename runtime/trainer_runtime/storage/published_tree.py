"""Folders that are whole or not there at all: `COMPLETE.json` is written last and goes first.

It names every file with size and SHA-256. Where it stands, all that it names stands beside it:
whoever is killed in between leaves files without it, which count as nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from trainer_runtime.reasons import RunError
from trainer_runtime.storage.place import Place, join, sha256_file

MANIFEST_NAME: Final = "COMPLETE.json"


def publish_tree(
    place: Place, local_dir: Path, prefix: str = "", extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Uploads every file below `local_dir` to `prefix`, then its manifest with `extra`.

    An earlier manifest there is withdrawn first. Doing it again after a fault sends only what is
    not there yet. Raises `RunError` with the place's code.
    """
    _withdraw(place, prefix)
    # A marker of the folder's own would come before what it stands for.
    digests = place.upload_tree(local_dir, prefix, without=MANIFEST_NAME)
    stored = _list_if_allowed(place, prefix)
    for name, digest in digests.items():
        if stored is not None and stored.get(join(prefix, name)) != digest.size:
            sentence = f"{join(place.uri, join(prefix, name))} is not what was uploaded."
            raise RunError(place.code, sentence, may_come_back=True)
    files = {name: {"size": d.size, "sha256": d.sha256} for name, d in digests.items()}
    manifest = {**(extra or {}), "files": files}
    text = json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False)
    place.write(join(prefix, MANIFEST_NAME), text.encode())
    return manifest


def _withdraw(place: Place, prefix: str) -> None:
    """Takes the manifest away. Whoever may not delete can go on only where there is none."""
    name = join(prefix, MANIFEST_NAME)
    try:
        place.delete(name)
    except RunError as error:
        if error.may_come_back or place.exists(name):
            raise


def _list_if_allowed(place: Place, prefix: str) -> dict[str, int] | None:
    """Sizes by path; None for credentials that may write but not look."""
    try:
        return {entry.path: entry.size for entry in place.list(prefix)}
    except RunError as error:
        if error.may_come_back:
            raise
        return None


def read_complete(place: Place, prefix: str = "") -> dict[str, Any] | None:
    """The manifest of a whole folder; None where there is none, or a file that it names is not.

    Raises `RunError` when the storage itself cannot be asked.
    """
    name = join(prefix, MANIFEST_NAME)
    if not place.exists(name):
        return None
    try:
        manifest = json.loads(place.read(name))
        sizes = {
            join(prefix, path): int(facts["size"]) for path, facts in manifest["files"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    stored = {entry.path: entry.size for entry in place.list(prefix)}
    if any(stored.get(path) != size for path, size in sizes.items()):
        return None
    return dict(manifest)


def fetch_tree(place: Place, prefix: str, local_dir: Path) -> dict[str, Any]:
    """Downloads a whole folder and compares every file with its manifest.

    Raises `RunError` when it is not complete, or when a file is not what the manifest says.
    """
    manifest = read_complete(place, prefix)
    shown = join(place.uri, prefix)
    if manifest is None:
        raise RunError(
            place.code, f"{shown} is not complete (no {MANIFEST_NAME} with all its files)."
        )
    for name, facts in manifest["files"].items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise RunError(place.code, f"{shown}/{MANIFEST_NAME} names a file outside its folder.")
        local = local_dir / name
        place.download_file(join(prefix, name), local)
        if sha256_file(local) != facts.get("sha256"):
            raise RunError(place.code, f"{shown}/{name} is not what {MANIFEST_NAME} says it is.")
    return manifest


def remove_tree(place: Place, prefix: str) -> None:
    """Deletes a folder, the manifest first, so that no half of it is taken for a whole."""
    if not prefix:
        raise ValueError("a place itself is never removed")
    place.delete(join(prefix, MANIFEST_NAME))
    for entry in place.list(prefix):
        place.delete(entry.path)
