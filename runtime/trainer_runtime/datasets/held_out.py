"""Which rows are held out for evaluation: whole datasets, or a share chosen by their content."""

import hashlib
import json
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from trainer_runtime.datasets.facts import Role
from trainer_runtime.datasets.splits import Split
from trainer_runtime.reasons import RunError

_to_json = json.JSONEncoder(separators=(",", ":")).encode


class EvaluationOrder(Protocol):
    """What a request says of evaluation: a dataset's index or a share of the rows."""

    @property
    def dataset(self) -> int | None: ...
    @property
    def share(self) -> float | None: ...


def assign_roles(
    splits: Sequence[Split | None], evaluation: EvaluationOrder | None
) -> tuple[list[Role], list[str]]:
    """What each dataset is for, and a warning for each that the request did not name for it.

    Raises `RunError` CONFIG_INVALID when no dataset is left to train on.
    """
    asked = evaluation.dataset if evaluation is not None else None
    roles: list[Role] = []
    warnings = []
    for index, split in enumerate(splits):
        is_named = index == asked
        # The first dataset is what the job is about, whatever its split is called.
        is_implied = index > 0 and split is not None and split.is_for_evaluation
        roles.append("evaluation" if is_named or is_implied else "train")
        if is_implied and not is_named and split is not None:
            warnings.append(
                f"datasets[{index}] has the split {split.name}: it is evaluated, not trained on"
            )
    if "train" not in roles:
        sentence = "extra_parameters.evaluation leaves no dataset to train on."
        raise RunError("CONFIG_INVALID", sentence)
    return roles, warnings


def row_hash(row: Mapping[str, Any], seed: int) -> int:
    """64 bits that depend on the row's content alone, so that equal rows stay on one side."""
    digest = hashlib.blake2b(_to_json(row).encode(), digest_size=8, salt=seed.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little")


def find_threshold(hashes: "array[int]", share: float) -> int:
    """The hash below which rows are held out, so that about `share` of them are, one at least.

    0 where all rows are equal or there is but one: then none can be held out.
    """
    if len(hashes) < 2:
        return 0
    ordered = sorted(hashes)
    count = min(max(1, round(share * len(ordered))), len(ordered) - 1)
    # Equal rows go together: as many as stay below the next different hash.
    threshold = ordered[count]
    if threshold == ordered[0]:
        threshold = next((value for value in ordered if value > threshold), 0)
    return threshold
