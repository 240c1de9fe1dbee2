"""Why a run ended: stable codes, and the exit status that each one becomes."""

from typing import Final

#: Code → exit status. 2 configuration, 3 data, 4 model or engine, 5 storage that may come back,
#: 6 what would fail the same way again, 7 stopped by order, 1 anything else.
EXIT_STATUS: Final[dict[str, int]] = {
    "CONFIG_INVALID": 2,
    "DATASET_INVALID": 3,
    "DATASET_UNAVAILABLE": 3,
    "GPU_UNAVAILABLE": 1,
    "ENGINE_UNAVAILABLE": 4,
    "MODEL_UNAVAILABLE": 4,
    "MODEL_INCOMPATIBLE": 4,
    "OUT_OF_MEMORY": 6,
    "LOSS_NOT_FINITE": 6,
    "CHECKPOINT_MISMATCH": 6,
    "UPLOAD_FAILED": 6,
    "STALLED": 1,
    "STOPPED": 7,
    "INTERNAL": 1,
}

#: The status of a run that SIGTERM stopped, as shells tell it: 128 + 15.
SIGTERM_STATUS: Final = 143
#: The status of a fault of a storage that may come back, whichever code tells of it.
RETRYABLE_STATUS: Final = 5


class RunError(Exception):
    """An end with a reason: `code` is a key of `EXIT_STATUS`, `sentence` is for people.

    `sentence` never holds a credential. `may_come_back` says that the same run may succeed later
    (a storage that is away), so the exit status is 5. `status` overrides the code's own.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        may_come_back: bool = False,
        status: int | None = None,
    ) -> None:
        if code not in EXIT_STATUS:
            raise ValueError(f"{code} is no code of a run's end")
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.may_come_back = may_come_back
        self._status = status

    @property
    def exit_status(self) -> int:
        """What the first process of the container exits with."""
        if self._status is not None:
            return self._status
        return RETRYABLE_STATUS if self.may_come_back else EXIT_STATUS[self.code]
