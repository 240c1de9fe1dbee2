"""How long a storage that is away is waited for."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from trainer_runtime.reasons import RunError

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """`attempts` of a whole operation, each with `request_retries` of a single request.

    Pauses double from `first_pause_seconds` to a minute. By default a storage that is away is
    waited for some minutes; after that the run ends with a status that lets it be started again.
    """

    attempts: int = 4
    request_retries: int = 5
    request_seconds: float = 180.0
    first_pause_seconds: float = 0.5
    pause: Callable[[float], None] = time.sleep

    def run(self, operation: Callable[[], T]) -> T:
        """`operation`'s answer; its last `RunError` when no attempt succeeds or none can help."""
        for attempt in range(1, self.attempts):
            try:
                return operation()
            except RunError as error:
                if not error.may_come_back:
                    raise
            self.pause(min(60.0, self.first_pause_seconds * 2**attempt))
        return operation()
