"""What several tests share: the tiny model and its rows, made once a session."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from training_jobs import JobRun, build_request


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model; its chat template marks answers."""
    pytest.importorskip("torch")
    from tiny_model import make_model

    return make_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def chat_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 conversations as JSONL."""
    from tiny_model import chat_rows, write_rows

    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", chat_rows())


@pytest.fixture
def make_job(tmp_path: Path, tiny_model: Path, chat_file: Path) -> Callable[..., JobRun]:
    """`make_job(name, environment={…}, tuning_parameters={…}, …)`: a job of the tiny model."""

    def make(
        name: str = "job-1",
        *,
        environment: dict[str, str] | None = None,
        backend: str = "meta",
        model: Path | str | None = None,
        rows: Path | str | None = None,
        **sections: Any,
    ) -> JobRun:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        request = build_request(
            tmp_path, model or tiny_model, rows or chat_file, job_id=name, **sections
        )
        return JobRun(folder, request, environment or {}, backend)

    return make
