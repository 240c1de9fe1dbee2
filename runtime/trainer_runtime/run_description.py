"""What the first process hands to the training processes: `plan.json` in the working folder."""

from dataclasses import asdict, dataclass
from typing import Any

from trainer_runtime.plan import Plan
from trainer_runtime.work_files import WorkFiles, read_json, write_json


@dataclass(frozen=True)
class RunDescription:
    """All that a training process needs besides the rows themselves; holds no credential."""

    job_id: str
    plan: Plan
    #: Folder with the base model's files.
    model_path: str
    #: As the request names it, for adapter_config.json and the model card.
    model_name: str
    revision: str
    #: `DatasetFacts.to_json()`.
    dataset: dict[str, Any]
    fingerprint: dict[str, Any]
    #: A folder below `WorkFiles.checkpoints` to go on from.
    resume_checkpoint: str | None
    checkpoint_minutes: float
    stacks_seconds: float | None

    def write(self, files: WorkFiles) -> None:
        write_json(files.run, {**asdict(self), "plan": self.plan.to_json()})

    @staticmethod
    def read(files: WorkFiles) -> "RunDescription":
        value = read_json(files.run)
        return RunDescription(**{**value, "plan": Plan.from_json(value["plan"])})
