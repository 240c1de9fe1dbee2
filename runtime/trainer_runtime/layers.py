"""`trainable_layers` and LoRA's targets as names of a model's modules. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

#: Counts as absent at the beginning of a name: each architecture wraps its layers in another.
WRAPPERS: Final = ("model", "decoder", "transformer")


def matches_layer(module: str, layer: str) -> bool:
    """Whether the components of `layer` stand one after the other anywhere in `module`'s name.

    `decoder.layers.0` matches `model.layers.0.self_attn.q_proj`, and not `model.layers.01`.
    """
    wanted = layer.strip(".").split(".")
    while len(wanted) > 1 and wanted[0] in WRAPPERS:
        wanted = wanted[1:]
    parts = module.split(".")
    return any(
        parts[start : start + len(wanted)] == wanted
        for start in range(len(parts) - len(wanted) + 1)
    )


def select_layers(modules: Iterable[str], layers: Sequence[str]) -> tuple[list[str], list[str]]:
    """The modules that any of `layers` matches, and those of `layers` that match nothing."""
    names = list(modules)
    chosen = [name for name in names if any(matches_layer(name, layer) for layer in layers)]
    unmatched = [layer for layer in layers if not any(matches_layer(name, layer) for name in names)]
    return chosen, unmatched


def select_targets(modules: Iterable[str], targets: Sequence[str]) -> tuple[list[str], list[str]]:
    """The modules that PEFT's target names mean (equal to, or the end of, a full name), and those
    targets that mean none."""
    names = list(modules)
    chosen = [name for name in names if any(_is_target(name, target) for target in targets)]
    unmatched = [t for t in targets if not any(_is_target(name, t) for name in names)]
    return chosen, unmatched


def _is_target(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")
