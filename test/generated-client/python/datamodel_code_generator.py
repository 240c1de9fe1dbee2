"""Reads and writes the guide's example with the models that datamodel-code-generator makes."""

import json
import sys

from pydantic import ValidationError
from trainer import TrainingRequest

guide = json.load(sys.stdin)
request = TrainingRequest.model_validate(guide)
written = request.model_dump(mode="json", exclude_unset=True)
try:
    TrainingRequest.model_validate({**guide, "job_id": "no valid id"})
    refused = []
except ValidationError as error:
    refused = [".".join(map(str, each["loc"])) for each in error.errors()]
print(json.dumps({"is_same": written == guide, "refused": refused}))
