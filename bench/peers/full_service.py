"""
The peer of the Hugging Face + Unsloth service: FastAPI, Pydantic and uvicorn with the same duties
(schema and rules, token, idempotent replay, access log in JSON, Prometheus metrics, security
headers, the rendered TrainJob in the answer, jobs in memory), written for speed as one writes it in
that stack: models compiled once, bodies parsed and answers written by Pydantic's own core, what
stays the same of an answer written once, plain ASGI middleware, httptools and uvloop, ``async def``
handlers, one worker.
"""

from __future__ import annotations

import hmac
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from json import dumps
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from request_models import TrainingRequest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from train_job import NO_CREDENTIALS, render_train_job, to_name

TOKEN = os.environ.get("TRAINER_API_TOKEN", "")
PROVIDERS = {"huggingface", "meta", "mistral", "tii", "custom"}
METHODS = {"lora", "qlora", "peft"}
SUBMITTED_SECONDS = 2.0
RUNNING_SECONDS = 30.0
JSON = "application/json"
PROBLEM = "application/problem+json"
SECONDS = Histogram("http_request_seconds", "Duration of requests", ["method", "route", "status"])
# Looking labels up costs more than counting, and there are few of them.
CHILDREN: dict[tuple[str, str, int], Histogram] = {}
SECURITY_HEADERS = [
    (b"content-security-policy", b"default-src 'self';object-src 'none';frame-ancestors 'self'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-dns-prefetch-control", b"off"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-permitted-cross-domain-policies", b"none"),
]


class Timestamps(BaseModel):
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Summary(BaseModel):
    """An answer without its metadata, which are the same in every answer."""

    job_id: str
    backend_job_id: str
    status: str
    reason: str
    detail: str
    progress: dict[str, Any] | None
    timestamps: Timestamps
    dashboard_url: str | None


@dataclass(slots=True)
class Job:
    name: str
    created_at: float
    fingerprint: bytes
    metadata: bytes
    is_endless: bool


class Duties:
    """Request id, security headers, metrics and access log around every route."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = str(uuid4())
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = (b"x-request-id", request_id.encode())
                message["headers"] = [*message["headers"], *SECURITY_HEADERS, own]
            await send(message)

        await self.app(scope, receive, send_with_headers)
        seconds = time.perf_counter() - began
        route = getattr(scope.get("route"), "path", "none")
        key = (scope["method"], route, status)
        child = CHILDREN.get(key)
        if child is None:
            child = CHILDREN[key] = SECONDS.labels(*key)
        child.observe(seconds)
        line = {
            "level": "info",
            "time": time.time_ns() // 1_000_000,
            "request_id": request_id,
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
        }
        sys.stdout.buffer.write(to_json(line) + b"\n")


app = FastAPI(title="peer", openapi_url="/openapi.json")
jobs: dict[str, Job] = {}


@app.get("/healthz")
async def health() -> Response:
    return Response(b'{"status":"ok"}', media_type=JSON)


@app.get("/metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.post("/train")
async def submit(request: Request) -> Response:
    if (refusal := check_token(request)) is not None:
        return refusal
    try:
        body = TrainingRequest.model_validate_json(await request.body())
    except ValidationError as error:
        return problem(400, "INVALID_REQUEST", describe(error))
    if violations := find_violations(body):
        return problem(400, "INVALID_REQUEST", violations)
    asked = body.model_dump_json(exclude=NO_CREDENTIALS, exclude_unset=True, exclude_none=True)
    fingerprint = sha256(asked.encode()).digest()
    known = jobs.get(body.job_id)
    if known is not None and known.fingerprint != fingerprint:
        text = "A job with this job_id was submitted with a different request."
        return problem(409, "JOB_CONFLICT", [text])
    if known is None:
        manifest = render_train_job(body)
        job_spec = {
            "namespace": "default",
            "num_nodes": body.extra_parameters.num_nodes,
            "env_names": [each["name"] for each in manifest["spec"]["trainer"]["env"]],
            "train_job": manifest,
        }
        mock = (body.extra_parameters.model_extra or {}).get("mock") or {}
        jobs[body.job_id] = known = Job(
            name=to_name(body.job_id),
            created_at=time.time(),
            fingerprint=fingerprint,
            metadata=to_json({"backend": "hf-unsloth", "warnings": [], "job_spec": job_spec}),
            is_endless=mock.get("outcome") == "never",
        )
    return answer(body.job_id, known, {"location": f"/train/{body.job_id}"})


@app.get("/train/{job_id}")
async def read(job_id: str, request: Request) -> Response:
    if (refusal := check_token(request)) is not None:
        return refusal
    job = jobs.get(job_id)
    if job is None:
        return problem(404, "JOB_NOT_FOUND", [f"No job {job_id} is known to this service."])
    return answer(job_id, job, None)


def answer(job_id: str, job: Job, headers: dict[str, str] | None) -> Response:
    elapsed = time.time() - job.created_at
    created = datetime.fromtimestamp(job.created_at, UTC)
    started = ended = None
    status, reason, detail, progress = "submitted", "ACCEPTED", "Job accepted for processing", None
    if elapsed >= SUBMITTED_SECONDS:
        started = datetime.fromtimestamp(job.created_at + SUBMITTED_SECONDS, UTC)
        done = min(1.0, (elapsed - SUBMITTED_SECONDS) / RUNNING_SECONDS)
        status, reason, detail = "running", "RUNNING", "Training is running (simulated)"
        progress = {"percentage": int(done * 100), "metrics": {"loss": round(2.5 - 2.1 * done, 4)}}
        if done == 1.0 and not job.is_endless:
            ended = datetime.fromtimestamp(job.created_at + SUBMITTED_SECONDS + RUNNING_SECONDS, UTC)
            status, reason, detail = "succeeded", "COMPLETED", "Training completed (simulated)"
    summary = Summary.model_construct(
        job_id=job_id,
        backend_job_id=job.name,
        status=status,
        reason=reason,
        detail=detail,
        progress=progress,
        timestamps=Timestamps.model_construct(
            created_at=created,
            updated_at=ended or started or created,
            started_at=started,
            ended_at=ended,
        ),
        dashboard_url=None,
    )
    text = summary.model_dump_json().encode()
    return Response(text[:-1] + b',"metadata":' + job.metadata + b"}", 200, headers, JSON)


def find_violations(body: TrainingRequest) -> list[str]:
    found = []
    if body.base_model.provider not in PROVIDERS:
        found.append(f"base_model.provider must be one of {', '.join(sorted(PROVIDERS))}.")
    if body.customization.method not in METHODS:
        found.append(f"customization.method must be one of {', '.join(sorted(METHODS))}.")
    if body.resources.gpus < 1:
        found.append("resources.gpus must be at least 1 for this service.")
    if body.resources.gpus % body.extra_parameters.num_nodes:
        found.append("resources.gpus must divide evenly by extra_parameters.num_nodes.")
    return found


def check_token(request: Request) -> Response | None:
    if TOKEN == "":
        return None
    given = request.headers.get("x-trainer-token")
    if given is None:
        return problem(401, "UNAUTHENTICATED", ["A token is required, as X-TRAINER-TOKEN."])
    if not hmac.compare_digest(given, TOKEN):
        return problem(403, "FORBIDDEN", ["The token is not one that this service accepts."])
    return None


def describe(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}." for each in error.errors()
    ]


def problem(status: int, code: str, sentences: list[str]) -> Response:
    document = {"status": status, "code": code, "detail": " ".join(sentences)}
    return Response(dumps(document), status_code=status, media_type=PROBLEM)


if __name__ == "__main__":
    uvicorn.run(
        Duties(app),
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
