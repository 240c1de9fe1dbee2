"""The result at the output: model, card, metrics, `run.json`, and `COMPLETE.json` last."""

import importlib.metadata
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from trainer_runtime import __version__
from trainer_runtime.contract import Job
from trainer_runtime.finite import finite
from trainer_runtime.model_card import build_model_card
from trainer_runtime.plan import Plan
from trainer_runtime.storage import MANIFEST_NAME, FileDigest, Place
from trainer_runtime.supervisor.run_state import RunState
from trainer_runtime.work_files import WorkFiles, read_json

_PACKAGES = [
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "tokenizers",
    "safetensors",
    "bitsandbytes",
    "unsloth",
    "nemo_automodel",
    "numpy",
    "obstore",
]


class ResultUpload:
    """Uploads in an order that never leaves `COMPLETE.json` beside missing files."""

    def __init__(
        self, place: Place, files: WorkFiles, job: Job, plan: Plan, state: RunState
    ) -> None:
        self._place = place
        self._files = files
        self._job = job
        self._plan = plan
        self._state = state
        self._digests: dict[str, FileDigest] = {}

    def upload_model(self) -> None:
        """`model/`; an earlier `COMPLETE.json` goes first. Raises `RunError` UPLOAD_FAILED."""
        self._place.delete(MANIFEST_NAME)
        for name, digest in self._place.upload_tree(self._files.model, "model").items():
            self._digests[f"model/{name}"] = digest

    def complete(
        self,
        *,
        summary: dict[str, Any],
        dataset: dict[str, Any],
        comparison: dict[str, Any] | None,
        resumed_from: str | None,
        rewrite: Callable[[str], str],
    ) -> dict[str, Any]:
        """The rest, then the manifest; the result as reports tell it. `rewrite` masks a text."""
        result: dict[str, Any] = finite(self._result(summary, dataset, comparison))
        run = finite(self._describe_run(summary, dataset, comparison, resumed_from))
        folder = self._files.folder / "result"
        folder.mkdir(exist_ok=True)
        (folder / "run.json").write_text(rewrite(json.dumps(run, indent=1, ensure_ascii=False)))
        card = build_model_card(self._job, self._plan, run, result)
        (folder / "README.md").write_text(rewrite(card))
        for source in (self._files.metrics, self._files.folder / "rejected.jsonl"):
            if source.exists():
                (folder / source.name).write_bytes(source.read_bytes())
        # The trainer's own has NaN and Infinity, which are no JSON.
        state = finite(read_json(self._files.trainer_state))
        if state is not None:
            (folder / self._files.trainer_state.name).write_text(json.dumps(state, indent=2) + "\n")
        self._digests |= self._place.upload_tree(folder)
        manifest = {
            "job_id": self._job.job_id,
            "completed_at": time.time(),
            "files": {name: asdict(digest) for name, digest in sorted(self._digests.items())},
        }
        self._place.write(MANIFEST_NAME, json.dumps(manifest, indent=1).encode())
        return result

    def _result(
        self,
        summary: dict[str, Any],
        dataset: dict[str, Any],
        comparison: dict[str, Any] | None,
    ) -> dict[str, Any]:
        result = {
            "model_uri": f"{self._place.uri}/model",
            "method": self._plan.method,
            "engine": self._plan.engine,
            "rows": dataset.get("rows"),
            "steps": summary.get("step"),
            "epochs": summary.get("epoch"),
            "loss": summary.get("last_loss"),
            "first_loss": summary.get("first_loss"),
            "eval_loss": summary.get("best_eval_loss"),
            "stopped_early": summary.get("stopped_early"),
            "tokens": self._state.facts.get("tokens", {}).get("train", {}).get("tokens"),
            "files": {name: digest.size for name, digest in sorted(self._digests.items())},
            "comparison": comparison,
        }
        return {key: value for key, value in result.items() if value is not None}

    def _describe_run(
        self,
        summary: dict[str, Any],
        dataset: dict[str, Any],
        comparison: dict[str, Any] | None,
        resumed_from: str | None,
    ) -> dict[str, Any]:
        job = self._job
        return {
            "job_id": job.job_id,
            "backend": job.backend,
            "request": {
                "base_model": {
                    **asdict(job.base_model),
                    "weights_url": (job.base_model.weights_url or "").partition("?")[0] or None,
                },
                "customization": _plain(job.customization),
                "resources": asdict(job.resources),
                "tuning_parameters": {**asdict(job.tuning), "extra": sorted(job.tuning.extra)},
                "datasets": [
                    {**asdict(entry), "source": _without_query(entry.source)}
                    for entry in job.datasets
                ],
                "evaluation": job.evaluation and asdict(job.evaluation),
                "bad_rows": job.bad_rows,
                "resume_from": job.resume_from and _without_query(job.resume_from),
            },
            "plan": self._plan.to_json(),
            "dataset": dataset,
            "training": self._state.facts,
            "summary": summary,
            "comparison": comparison,
            "resumed_from": resumed_from,
            "warnings": list(self._state.warnings),
            "phases": self._state.phases,
            "versions": installed_versions(),
            "files": {name: digest.sha256 for name, digest in sorted(self._digests.items())},
        }


def installed_versions() -> dict[str, str]:
    """Versions of what trained, this package's included."""
    found = {"trainer_runtime": __version__}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _plain(value: Any) -> Any:
    """A dataclass that holds mappings as JSON values."""
    return json.loads(json.dumps(asdict(value), default=dict))


def _without_query(uri: str) -> str:
    """An address as it may be shown: neither login nor query."""
    scheme, mark, rest = uri.partition("://")
    if not mark or scheme == "file":
        return uri
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
