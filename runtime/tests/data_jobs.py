"""Makes jobs of datasets for tests, without the rest of a request."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer_runtime.datasets import DatasetFacts, check_datasets
from trainer_runtime.storage import Places


@dataclass(frozen=True)
class DatasetOrder:
    source: str
    format: str = "auto"
    split: str | None = None
    streaming: bool = False


@dataclass(frozen=True)
class EvaluationOrder:
    dataset: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class DataJob:
    datasets: tuple[DatasetOrder, ...]
    evaluation: EvaluationOrder | None = None
    bad_rows: str = "fail"


NOWHERE = Path("/nowhere")


def check(
    *datasets: DatasetOrder | Path | str,
    work_dir: Path,
    environ: Mapping[str, str] | None = None,
    evaluation: EvaluationOrder | None = None,
    bad_rows: str = "fail",
    initialized: Path = NOWHERE,
    **rest: Any,
) -> DatasetFacts:
    """`check_datasets` of datasets or of their sources alone."""
    orders = tuple(d if isinstance(d, DatasetOrder) else DatasetOrder(str(d)) for d in datasets)
    job = DataJob(orders, evaluation, bad_rows)
    return check_datasets(job, Places(environ or {}), work_dir, initialized=initialized, **rest)


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    """One JSON value a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def chat(user: str = "Hello?", answer: str = "Hi.") -> dict[str, Any]:
    """A row of the shape `messages`."""
    turns = (("user", user), ("assistant", answer))
    return {"messages": [{"role": role, "content": content} for role, content in turns]}
