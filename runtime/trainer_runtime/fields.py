"""Reads typed fields out of a JSON object and gathers every violation instead of the first one."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainer_runtime.reasons import RunError


def parse_json_object(text: str, name: str) -> dict[str, Any]:
    """The JSON object in `text`; raises `RunError` CONFIG_INVALID that names the variable."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise RunError("CONFIG_INVALID", f"{name} is not JSON.") from error
    if not isinstance(value, dict):
        raise RunError("CONFIG_INVALID", f"{name} is not a JSON object.")
    return value


class Fields:
    """One object of a request. Absent, null and empty text are the same: the default.

    Every reader returns a usable value; what is wrong is a clause in `violations`, which names the
    path and never the value.
    """

    def __init__(self, values: Mapping[str, Any], path: str, violations: list[str]) -> None:
        self.values = values
        self.path = path
        self.violations = violations

    def has(self, key: str) -> bool:
        """Whether anything is given under `key`."""
        return self.values.get(key) not in (None, "")

    def refuse(self, key: str, clause: str) -> None:
        """Notes that `key` breaks a rule."""
        self.violations.append(f"{self._name(key)} {clause}")

    def text(self, key: str, default: str | None = None) -> str:
        if not self.has(key):
            if default is None:
                self.refuse(key, "is required")
            return default or ""
        return self.optional_text(key) or ""

    def optional_text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value in (None, ""):
            return None
        if not isinstance(value, str):
            self.refuse(key, "must be a text")
            return None
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key)
        if value in (None, ""):
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.refuse(key, "must be a list of texts")
            return ()
        return tuple(value)

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        value = self.text(key, default)
        if value not in choices:
            self.refuse(key, f"must be one of {', '.join(choices)}")
            return default
        return value

    def boolean(self, key: str, default: bool) -> bool:
        value = self.values.get(key)
        if value in (None, ""):
            return default
        if not isinstance(value, bool):
            self.refuse(key, "must be true or false")
            return default
        return value

    def whole(self, key: str, default: int, *, at_least: int) -> int:
        value = self.optional_whole(key, at_least=at_least)
        return default if value is None else value

    def optional_whole(self, key: str, *, at_least: int) -> int | None:
        value = self.values.get(key)
        if value in (None, ""):
            return None
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole and not (isinstance(value, float) and value.is_integer()):
            self.refuse(key, "must be a whole number")
            return None
        if value < at_least:
            self.refuse(key, f"must be at least {at_least}")
            return None
        return int(value)

    def number(self, key: str, default: float, **bounds: float) -> float:
        value = self.optional_number(key, **bounds)
        return default if value is None else value

    def optional_number(
        self,
        key: str,
        *,
        above: float | None = None,
        below: float | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> float | None:
        value = self.values.get(key)
        if value in (None, ""):
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            self.refuse(key, "must be a number")
            return None
        rules = (
            (above is not None and value <= above, f"must be greater than {above}"),
            (below is not None and value >= below, f"must be less than {below}"),
            (at_least is not None and value < at_least, f"must be at least {at_least}"),
            (at_most is not None and value > at_most, f"must be at most {at_most}"),
        )
        for is_broken, clause in rules:
            if is_broken:
                self.refuse(key, clause)
                return None
        return float(value)

    def section(self, key: str) -> "Fields":
        """The object under `key`, empty where nothing is given."""
        value = self.values.get(key)
        if value in (None, ""):
            value = {}
        if not isinstance(value, dict):
            self.refuse(key, "must be a JSON object")
            value = {}
        return Fields(value, self._name(key), self.violations)

    def sections(self, key: str) -> list["Fields"]:
        """The objects of the list under `key`, of which there must be one at least."""
        value = self.values.get(key)
        if not isinstance(value, list) or not value:
            self.refuse(key, "must be a list with at least one element")
            return []
        entries = []
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                self.refuse(f"{key}[{index}]", "must be a JSON object")
                continue
            entries.append(Fields(item, self._name(f"{key}[{index}]"), self.violations))
        return entries

    def _name(self, key: str) -> str:
        return key if not self.path else f"{self.path}.{key}"
