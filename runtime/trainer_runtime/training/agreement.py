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


#: A stop that the service ordered, of which one node may know alone.
_ORDERED_STOP = int(Wish.STOP) + 1


class Agreement:
    """Reads the stop file and agrees with the other ranks, once a step."""

    def __init__(self, stop_file: Path, device: torch.device) -> None:
        self._stop_file = stop_file
        self._is_distributed = (
            dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        )
        # The backend's own device: NCCL reduces on GPUs only.
        self._flag = torch.zeros(1, dtype=torch.int32, device=device)
        #: Whether the stop is the service's order, on whichever node; else a node is drained.
        self.is_ordered = False

    def settle(self, own: Wish) -> Wish:
        """The strongest wish over all ranks, this one's and the stop file's included."""
        wish = max(int(own), self._read_stop())
        if self._is_distributed:
            self._flag.fill_(wish)
            dist.all_reduce(self._flag, op=dist.ReduceOp.MAX)
            wish = int(self._flag.item())
        self.is_ordered = self.is_ordered or wish == _ORDERED_STOP
        return Wish(min(wish, int(Wish.STOP)))

    def _read_stop(self) -> int:
        """What this node's supervisor says, which the file names: `sigterm` or `order`."""
        try:
            return _ORDERED_STOP if self._stop_file.read_text() == "order" else int(Wish.STOP)
        except FileNotFoundError:
            return int(Wish.GO_ON)


def is_first_rank() -> bool:
    """Whether this process writes the run's files."""
    return not (dist.is_available() and dist.is_initialized()) or dist.get_rank() == 0


def wait_for_all() -> None:
    """Returns when every rank has come here."""
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.barrier()
