"""The bytes of what a training keeps, counted from its tensors."""

from collections.abc import Callable, Iterable
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


def kept_bytes(model: Any, forward: Callable[[], Any]) -> int:
    """What autograd keeps of a forward pass for the backward one, without weights and copies of
    them."""
    import torch

    shapes = {tuple(sorted(p.shape)) for p in model.parameters()}
    kept: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        if tuple(sorted(tensor.shape)) not in shapes:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        held = forward()
    counted = size(kept.values())
    del held
    return counted


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
