"""`trainable_layers` and targets as names of modules."""

import pytest

from trainer_runtime.layers import matches_layer, select_layers, select_targets

MODULES = [
    "model.embed_tokens",
    "model.layers.0.self_attn.q_proj",
    "model.layers.0.mlp.up_proj",
    "model.layers.1.self_attn.q_proj",
    "model.layers.10.self_attn.q_proj",
    "lm_head",
]


@pytest.mark.parametrize(
    ("layer", "module", "expected"),
    [
        ("decoder.layers.0", "model.layers.0.self_attn.q_proj", True),
        ("model.layers.0", "model.layers.0.self_attn.q_proj", True),
        ("transformer.h.3", "transformer.h.3.attn.c_attn", True),
        ("layers.0", "model.decoder.layers.0.fc1", True),
        ("layers.1", "model.layers.10.self_attn.q_proj", False),
        ("layers.0", "model.layers.00.q_proj", False),
        ("self_attn", "model.layers.0.self_attn.q_proj", True),
        ("q_pro", "model.layers.0.self_attn.q_proj", False),
        ("model", "model.layers.0", True),
    ],
)
def test_components_match_anywhere(layer: str, module: str, expected: bool) -> None:
    assert matches_layer(module, layer) is expected


def test_what_matches_nothing_is_named() -> None:
    chosen, unmatched = select_layers(MODULES, ["decoder.layers.0", "layers.7"])
    assert chosen == MODULES[1:3]
    assert unmatched == ["layers.7"]


def test_targets_are_ends_of_names() -> None:
    chosen, unmatched = select_targets(MODULES, ["q_proj", "nothing"])
    assert chosen == [MODULES[1], MODULES[3], MODULES[4]]
    assert unmatched == ["nothing"]
