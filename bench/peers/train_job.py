"""Renders a request as the TrainJob that an answer shows, without any credential in it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from request_models import TrainingRequest

SECTIONS = ("base_model", "resources", "customization", "tuning_parameters", "datasets")
REST = {"job_id", "artifacts", "extra_parameters"}
# Pydantic's own writer leaves these out, wherever a section has them.
NO_CREDENTIALS: Any = {
    "base_model": {"auth_token", "huggingface_token"},
    "datasets": {"__all__": {"auth"}},
    "artifacts": {"auth"},
    "extra_parameters": {"trainer_env"},
    "callbacks": True,
}


def to_name(job_id: str) -> str:
    """A name of at most 33 characters, the same for the same job."""
    return f"hf-unsloth-{sha256(job_id.encode()).hexdigest()[:20]}"


def render_train_job(request: TrainingRequest) -> dict[str, Any]:
    """The TrainJob as a dict that ``json`` can write."""
    name = to_name(request.job_id)
    texts = {name: _section(request, name) for name in SECTIONS}
    rest = request.model_dump_json(include=REST, exclude=NO_CREDENTIALS, exclude_none=True)
    # The whole is put together from its sections, each of which is needed as a text too.
    whole = ",".join([rest[:-1], *(f'"{name}":{text}' for name, text in texts.items())]) + "}"
    env = [
        {"name": "TRAINING_JOB_ID", "value": request.job_id},
        {"name": "TRAINING_BACKEND", "value": "hf-unsloth"},
        {"name": "TRAINING_REQUEST_JSON", "value": whole.replace("$", "$$")},
        *(
            {"name": f"TRAINING_{name.upper()}_JSON", "value": text.replace("$", "$$")}
            for name, text in texts.items()
        ),
        {"name": "TRAINING_LOG_URI", "value": request.artifacts.log_uri},
        {"name": "TRAINING_OUTPUT_URI", "value": request.artifacts.output_uri},
    ]
    if request.base_model.huggingface_token or request.base_model.auth_token:
        reference = {"secretKeyRef": {"name": name, "key": "HF_TOKEN"}}
        env.append({"name": "HF_TOKEN", "valueFrom": reference})
    nodes = request.extra_parameters.num_nodes
    gpus = request.resources.gpus // nodes
    amounts = {
        "cpu": str(request.resources.cpus),
        "memory": f"{request.resources.memory_gb}Gi",
        "nvidia.com/gpu": str(gpus),
    }
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": {"trainer.deepfinery/backend": "hf-unsloth"},
            "annotations": {"trainer.deepfinery/job-id": request.job_id},
        },
        "spec": {
            "runtimeRef": {"name": "hf-unsloth-runtime"},
            "trainer": {
                "env": env,
                "numNodes": nodes,
                "numProcPerNode": gpus,
                "resourcesPerNode": {"requests": amounts, "limits": amounts},
            },
        },
    }


def _section(request: TrainingRequest, name: str) -> str:
    value = getattr(request, name)
    if isinstance(value, list):
        texts = (each.model_dump_json(exclude={"auth"}, exclude_none=True) for each in value)
        return f"[{','.join(texts)}]"
    hidden = NO_CREDENTIALS.get(name, set())
    return value.model_dump_json(exclude=hidden, exclude_none=True)
