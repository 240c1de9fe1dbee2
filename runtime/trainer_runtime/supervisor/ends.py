"""How a run's end is told to whoever started the container."""

import json
from pathlib import Path
from typing import Any, Final

from trainer_runtime.finite import finite
from trainer_runtime.reasons import RunError
from trainer_runtime.work_files import open_private

#: Of one line in the termination file.
MAX_CHARACTERS: Final = 500
#: Of the compact result there, in bytes.
MAX_RESULT_BYTES: Final = 1024
#: Of the compact result.
COMPACT_KEYS: Final = (
    "model_uri",
    "method",
    "engine",
    "rows",
    "steps",
    "loss",
    "eval_loss",
    "comparison",
)
#: Of the whole result in a report, in bytes; the service takes 16 KiB.
MAX_REPORTED_BYTES: Final = 15 * 1024


def write_end(path: Path | None, text: str) -> None:
    """Writes the termination file in place: it may be a mount that cannot be replaced."""
    if path is None:
        return
    try:
        with open_private(path, "w") as file:
            file.write(text)
    except OSError:
        pass  # The log has the same words.


def end_line(error: RunError, mask: Any = lambda text: text) -> str:
    """`CODE: sentence` in one line of at most `MAX_CHARACTERS`."""
    sentence = " ".join(mask(error.sentence).split())
    return f"{error.code}: {sentence}"[:MAX_CHARACTERS]


def fit_result(result: dict[str, Any]) -> dict[str, Any]:
    """The result for a report: prompts, then the list of files, go where it would be too large."""
    fitted = dict(result)
    if _size(fitted) > MAX_REPORTED_BYTES and isinstance(fitted.get("comparison"), dict):
        fitted["comparison"] = {**fitted["comparison"], "prompts": []}
    if _size(fitted) > MAX_REPORTED_BYTES:
        fitted.pop("files", None)
    return fitted


def _size(value: dict[str, Any]) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def compact_result(result: dict[str, Any]) -> str:
    """The result's small part, at most `MAX_RESULT_BYTES` of JSON: what is largest goes first."""
    result = finite(result)
    compact = {key: result[key] for key in COMPACT_KEYS if result.get(key) is not None}
    if isinstance(compact.get("comparison"), dict):
        compact["comparison"] = {
            key: value for key, value in compact["comparison"].items() if key != "prompts"
        }
    for droppable in reversed(COMPACT_KEYS[1:]):
        text = json.dumps(compact, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) <= MAX_RESULT_BYTES:
            return text
        compact.pop(droppable, None)
    return json.dumps(compact, ensure_ascii=False, separators=(",", ":"))
