"""How a training process ends."""

import atexit
import os
import sys
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """Ends the process with `status`, without tearing its libraries down.

    Threads of theirs can outlive what they work on, which aborts the process ("terminate called
    without an active exception", seen of a gloo rank), and torchrun then takes a training that
    ended well for one that failed. What Python code registered for the exit is done, as by
    `multiprocessing`, whose children end in the same way.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
