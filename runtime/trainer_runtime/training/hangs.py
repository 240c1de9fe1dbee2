"""Where a step hangs: every thread's stack in the log, also while a step holds the GIL."""

import contextlib
import faulthandler
import signal
import statistics
import sys
import time
from collections import deque

#: The least time without a step that counts as hanging, in seconds.
MINIMUM_SECONDS = 300.0
_STEPS_A_HANG = 10
#: Waiting anew starts a thread, so that of steps that take less than this share of the time until
#: stacks are written some do not; stacks then come that much earlier.
_EARLIER = 0.01


class HangWatch:
    """Re-armed at every step; `faulthandler`'s own thread needs no GIL to write."""

    def __init__(self, seconds: float | None = None) -> None:
        """`seconds` without a step until stacks are written; None: the larger of ten median steps
        and five minutes."""
        self._fixed = seconds
        self._durations: deque[float] = deque(maxlen=50)
        self._last: float | None = None
        self._armed_at: float | None = None
        # The first process sends this signal when the service asks for stacks.
        if hasattr(signal, "SIGUSR1"):
            faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)

    def arm(self) -> None:
        """A step ended: waits anew."""
        now = time.monotonic()
        if self._last is not None:
            self._durations.append(now - self._last)
        self._last = now
        if self._armed_at is not None and now - self._armed_at < _EARLIER * self.seconds:
            return
        self._armed_at = now
        with contextlib.suppress(ValueError, RuntimeError):
            faulthandler.dump_traceback_later(self.seconds, repeat=False, file=sys.stderr)

    def disarm(self) -> None:
        """Something that may take long and is no step begins (saving, evaluating)."""
        self._last = self._armed_at = None
        faulthandler.cancel_dump_traceback_later()

    @property
    def seconds(self) -> float:
        if self._fixed is not None:
            return max(self._fixed, 0.1)
        median = statistics.median(self._durations) if self._durations else 0.0
        return max(MINIMUM_SECONDS, _STEPS_A_HANG * median)
