"""Faults that a test asks for in `TEST_FAULT`, put into the training process as it starts.

`pause:STEP:PATH`       touches PATH after step STEP and waits until PATH.go is there
`pause-evaluation:STEP:PATH` the same within the evaluation after step STEP
`hold-gil:STEP:SECONDS` holds the interpreter's lock after step STEP
`slow-save:SECONDS`     makes each save take so long
`abort-at-exit`         aborts while the interpreter's libraries are torn down
`allocate:STEP`         asks for more memory than any machine has
"""

import os
import sys
import time
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

_BEFORE = "trainer_runtime.training.run"


class _Installer(MetaPathFinder):
    """Patches the callback just before the training itself is imported."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name == _BEFORE:
            sys.meta_path.remove(self)
            from trainer_runtime.training.callback import RunCallback

            _install(RunCallback, *os.environ["TEST_FAULT"].split(":"))


def _install(callback: Any, kind: str, *words: str) -> None:
    if kind == "abort-at-exit":
        import ctypes

        libc = ctypes.CDLL(None)
        libc.__cxa_atexit(libc.abort, None, None)
        return
    if kind == "slow-save":
        complete = callback.complete_checkpoint

        def slow(self: Any, step: int) -> None:
            time.sleep(float(words[0]))
            complete(self, step)

        callback.complete_checkpoint = slow
        return
    name = "on_prediction_step" if kind == "pause-evaluation" else "on_step_end"
    after_step = getattr(callback, name)

    def hooked(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        if state.global_step == int(words[0]):
            _act(kind, words)
        return after_step(self, args, state, control, **kwargs)

    setattr(callback, name, hooked)


def _act(kind: str, words: tuple[str, ...]) -> None:
    if kind.startswith("pause"):
        flag = Path(words[1])
        if os.environ.get("LOCAL_RANK", "0") == "0":
            flag.touch()
        while not flag.with_name(flag.name + ".go").exists():
            time.sleep(0.02)
    elif kind == "hold-gil":
        import ctypes

        # A call through PyDLL keeps the lock, as a broken extension does.
        ctypes.PyDLL(None).sleep(int(words[1]))
    elif kind == "allocate":
        import torch

        torch.empty(1 << 50)


if os.environ.get("TEST_FAULT"):
    sys.meta_path.insert(0, _Installer())
