"""Uses the client that openapi-python-client makes, beside which it is copied."""

import json
import os
import sys

from trainer import AuthenticatedClient
from trainer.api.jobs import cancel_job, get_job, submit_job
from trainer.models import Problem, TrainingRequest, TrainingResponse

guide = json.load(sys.stdin)
client = AuthenticatedClient(
    base_url=os.environ["TRAINER_URL"], token=os.environ["TRAINER_API_TOKEN"]
)
with client:
    submitted = submit_job.sync(client=client, body=TrainingRequest.from_dict(guide))
    assert isinstance(submitted, TrainingResponse)
    read = get_job.sync(submitted.job_id, client=client)
    assert isinstance(read, TrainingResponse)
    cancelled = cancel_job.sync(submitted.job_id, client=client)
    assert isinstance(cancelled, TrainingResponse)
    refused = {**guide, "job_id": "refused", "resources": {**guide["resources"], "gpus": 1}}
    problem = submit_job.sync(client=client, body=TrainingRequest.from_dict(refused))
assert isinstance(problem, Problem)
print(
    json.dumps(
        {
            "submitted": submitted.status,
            "read": read.job_id,
            "cancelled": cancelled.status,
            "problem": [problem.status, problem.code, [error.path for error in problem.errors]],
        }
    )
)
