"""JSON knows no NaN and no infinity: whoever reads what leaves this process may refuse them."""

import math
from typing import Any


def finite(value: Any) -> Any:
    """A copy of a JSON value, with null for each number that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(child) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [finite(child) for child in value]
    return value
