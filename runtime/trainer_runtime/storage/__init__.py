"""Where data comes from and results go: files, S3 and, to read, https."""

from trainer_runtime.storage.claims import claim
from trainer_runtime.storage.locations import locate_for_job
from trainer_runtime.storage.place import Entry, FileDigest, Place, sha256_file
from trainer_runtime.storage.places import Places
from trainer_runtime.storage.published_tree import (
    MANIFEST_NAME,
    fetch_tree,
    publish_tree,
    read_complete,
    remove_tree,
)

__all__ = [
    "MANIFEST_NAME",
    "Entry",
    "FileDigest",
    "Place",
    "Places",
    "claim",
    "fetch_tree",
    "locate_for_job",
    "publish_tree",
    "read_complete",
    "remove_tree",
    "sha256_file",
]
