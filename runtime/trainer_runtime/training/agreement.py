"""What all ranks must do at the same step: each says what it wants, the strongest wish counts."""

from enum import IntEnum
from pathlib import Path

import torch
import torch.distributed as dist


class Wish(IntEnum):
    """What a rank wants after a step; a greater one includes the smaller."""

    GO_ON = 0
    SAVE = 1
    STOP = 2


class Agreement:
    """Reads the stop file and agrees with the other ranks, once a step."""

    def __init__(self, stop_file: Path, device: torch.device) -> None:
        self._stop_file = stop_file
        self._is_distributed = (
            dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        )
        # The backend's own device: NCCL reduces on GPUs only.
        self._flag = torch.zeros(1, dtype=torch.int32, device=device)

    def settle(self, own: Wish) -> Wish:
        """The strongest wish over all ranks, this one's and the stop file's included."""
        if self._stop_file.exists():
            own = Wish.STOP
        if not self._is_distributed:
            return own
        self._flag.fill_(int(own))
        dist.all_reduce(self._flag, op=dist.ReduceOp.MAX)
        return Wish(int(self._flag.item()))


def is_first_rank() -> bool:
    """Whether this process writes the run's files."""
    return not (dist.is_available() and dist.is_initialized()) or dist.get_rank() == 0


def wait_for_all() -> None:
    """Returns when every rank has come here."""
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.barrier()
