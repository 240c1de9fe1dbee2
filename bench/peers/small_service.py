"""
The smallest FastAPI service that answers the same two routes: schema and answer, and none of the
duties of ``full_service.py``: no rules, token, log, metrics, headers or rendered TrainJob.
"""

from __future__ import annotations

import os
import time
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, ValidationError
from request_models import TrainingRequest
from train_job import to_name

JSON = "application/json"


class TrainingResponse(BaseModel):
    job_id: str
    backend_job_id: str
    status: str
    detail: str
    dashboard_url: str | None
    metadata: dict[str, Any]


app = FastAPI()
jobs: dict[str, tuple[float, TrainingResponse]] = {}


@app.get("/healthz")
async def health() -> Response:
    return Response(b'{"status":"ok"}', media_type=JSON)


@app.post("/train")
async def submit(request: Request) -> Response:
    try:
        body = TrainingRequest.model_validate_json(await request.body())
    except ValidationError as error:
        raise HTTPException(400, error.errors(include_url=False, include_context=False)) from None
    response = TrainingResponse.model_construct(
        job_id=body.job_id,
        backend_job_id=to_name(body.job_id),
        status="submitted",
        detail="Job accepted for processing",
        dashboard_url=None,
        metadata={"backend": "hf-unsloth", "warnings": []},
    )
    jobs[body.job_id] = (time.time(), response)
    return Response(response.model_dump_json(), media_type=JSON)


@app.get("/train/{job_id}")
async def read(job_id: str) -> Response:
    if job_id not in jobs:
        raise HTTPException(404, "No such job.")
    created_at, response = jobs[job_id]
    if response.status == "submitted" and time.time() - created_at > 2:
        response.status, response.detail = "running", "Training is running"
    return Response(response.model_dump_json(), media_type=JSON)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
