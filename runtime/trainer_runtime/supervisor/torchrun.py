"""`torchrun`, tied to the first process's life."""

import os
from runpy import run_module

from trainer_runtime.training.parent import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(os.environ.pop("TRAINER_PARENT_PID")))
    run_module("torch.distributed.run", run_name="__main__")
