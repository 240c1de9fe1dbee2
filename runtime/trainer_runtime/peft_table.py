"""The keys of `customization.peft.config` that are acted on: a fixed table.

PEFT's configuration classes take paths, tokenizers and arguments of other loaders; none of those
is reachable from a request. What stands here is plain numbers, names and switches of LoRA.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from trainer_runtime.settings import is_number, is_whole

_MODULE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_BIAS = ("none", "all", "lora_only")
_INIT = (True, False, "gaussian", "pissa", "olora", "orthogonal")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _MODULE_NAME.fullmatch(value) is not None


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(_is_name(item) for item in value)


def _is_pattern_of_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_name(key) and is_number(item) and item > 0 for key, item in value.items()
    )


@dataclass(frozen=True)
class PeftKey:
    """One key: the `LoraConfig` field it becomes, what it may be, and whether it is so."""

    field: str
    accepts: str
    is_valid: Callable[[Any], bool]


PEFT_KEYS: Final[dict[str, PeftKey]] = {
    "peft_type": PeftKey("", "LORA", lambda v: v == "LORA"),
    "task_type": PeftKey("", "CAUSAL_LM", lambda v: v == "CAUSAL_LM"),
    "r": PeftKey("r", "a whole number of at least 1", lambda v: is_whole(v) and v >= 1),
    "lora_alpha": PeftKey("lora_alpha", "a number above 0", lambda v: is_number(v) and v > 0),
    "lora_dropout": PeftKey(
        "lora_dropout", "a number from 0 to 1", lambda v: is_number(v) and 0 <= v <= 1
    ),
    "target_modules": PeftKey(
        "target_modules",
        'a list of module names, or "all-linear"',
        lambda v: v == "all-linear" or _are_names(v),
    ),
    "exclude_modules": PeftKey("exclude_modules", "a list of module names", _are_names),
    "modules_to_save": PeftKey("modules_to_save", "a list of module names", _are_names),
    "bias": PeftKey("bias", "one of " + ", ".join(_BIAS), lambda v: v in _BIAS),
    "use_rslora": PeftKey("use_rslora", "true or false", lambda v: isinstance(v, bool)),
    "use_dora": PeftKey("use_dora", "true or false", lambda v: isinstance(v, bool)),
    "init_lora_weights": PeftKey(
        "init_lora_weights",
        "true, false, gaussian, pissa, olora or orthogonal",
        lambda v: isinstance(v, bool | str) and v in _INIT,
    ),
    "rank_pattern": PeftKey("rank_pattern", "an object of numbers", _is_pattern_of_numbers),
    "alpha_pattern": PeftKey("alpha_pattern", "an object of numbers", _is_pattern_of_numbers),
}


def read_peft_config(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
    """`LoraConfig` fields, clauses about refused values, and warnings about keys not acted on.

    Null leaves a key out. Values of unknown keys are not repeated.
    """
    fields: dict[str, Any] = {}
    violations = []
    warnings = []
    for key, value in config.items():
        if value is None:
            continue
        known = PEFT_KEYS.get(key)
        if known is None:
            shown = key if len(key) <= 80 else f"{key[:80]}…"
            warnings.append(f"customization.peft.config.{shown} is not acted on")
        elif not known.is_valid(value):
            violations.append(f"customization.peft.config.{key} must be {known.accepts}")
        elif known.field:
            fields[known.field] = value
    return fields, violations, warnings
