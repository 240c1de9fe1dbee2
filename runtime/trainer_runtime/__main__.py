"""`python -m trainer_runtime`: the first process of a training container."""

import os
import sys

from trainer_runtime.supervisor.run import run_job

if __name__ == "__main__":
    sys.exit(run_job(dict(os.environ)))
