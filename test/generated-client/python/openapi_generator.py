"""Uses the client that openapi-generator makes, beside which it is copied."""

import json
import os
import sys

import trainer
from trainer.exceptions import BadRequestException

guide = json.load(sys.stdin)
configuration = trainer.Configuration(
    host=os.environ["TRAINER_URL"], access_token=os.environ["TRAINER_API_TOKEN"]
)
with trainer.ApiClient(configuration) as client:
    jobs = trainer.JobsApi(client)
    submitted = jobs.submit_job(trainer.TrainingRequest.from_dict(guide))
    read = jobs.get_job(submitted.job_id)
    cancelled = jobs.cancel_job(submitted.job_id)
    refused = {**guide, "job_id": "refused", "resources": {**guide["resources"], "gpus": 1}}
    try:
        jobs.submit_job(trainer.TrainingRequest.from_dict(refused))
        problem = None
    except BadRequestException as error:
        problem = error.data
assert isinstance(problem, trainer.Problem)
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
