"""The bytes of what a training keeps, counted from its tensors."""

from collections.abc import Iterable
from typing import Any


def weight_bytes(model: Any) -> int:
    """Parameters, what 4 and 8 bits need beside them, and buffers."""
    return size(_weights(model))


def gradient_bytes(model: Any) -> int:
    return size(p.grad for p in model.parameters() if p.grad is not None)


def optimizer_bytes(optimizer: Any) -> int:
    """What it keeps for each weight; not the counters of its steps."""
    return size(
        value
        for state in optimizer.state.values()
        for value in state.values()
        if hasattr(value, "untyped_storage") and value.dim() > 0
    )


def size(tensors: Iterable[Any]) -> int:
    """Bytes, each storage once."""
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(storages.values())


def _weights(model: Any) -> Iterable[Any]:
    yield from model.buffers()
    for parameter in model.parameters():
        yield parameter
        if (scales := getattr(parameter, "SCB", None)) is not None:
            yield scales
        if (state := getattr(parameter, "quant_state", None)) is None:
            continue
        yield state.absmax
        if state.nested:
            yield from (state.state2.absmax, state.state2.code, state.offset)
