"""What the check found out about the data, in a form that another process can read rows by."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Role = Literal["train", "evaluation"]


@dataclass(frozen=True)
class FileFacts:
    """One file: `name` is shown, `path` is where it lies; rows are numbered within the dataset.

    Its rows `first` ≤ n < `stop` (counted over all, good and bad) belong to the dataset's split.
    """

    name: str
    path: str
    dataset: int
    role: Role
    format: str
    source_shape: str
    rows: int
    bytes: int
    sha256: str
    first: int
    stop: int


@dataclass(frozen=True)
class DatasetFacts:
    """All files of a job's datasets, checked.

    `shape` is that of the rows that `load_rows` gives: `messages`, `prompt_completion` or `text`;
    `source_shape` that of the source (`conversations` and `instruction` beside those). `rows` and
    `evaluation_rows` count good rows. `sha256` is that of all the data and of how it is split.
    `held_out_below`: of the training files, rows whose hash is less are for evaluation.
    """

    shape: str
    source_shape: str
    rows: int
    evaluation_rows: int
    rejected: int
    files: tuple[FileFacts, ...]
    warnings: tuple[str, ...]
    ignored_fields: tuple[str, ...]
    streaming: bool
    sha256: str
    seed: int
    held_out_below: int
    skips_bad_rows: bool
    scratch: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON of all fields."""
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> "DatasetFacts":
        """The facts that `to_json` gave."""
        files = tuple(FileFacts(**file) for file in value["files"])
        texts = {name: tuple(value[name]) for name in ("warnings", "ignored_fields")}
        return DatasetFacts(**{**value, **texts, "files": files})
