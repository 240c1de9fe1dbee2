"""The table of settings, for machines and for people.

python -m trainer_runtime.table --json       what runtime/settings.json holds
python -m trainer_runtime.table --markdown   the tables of docs/TRAINING.md
python -m trainer_runtime.table --write      both, into the repository that this package stands in
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from trainer_runtime.operator_settings import READ_NAMES
from trainer_runtime.peft_table import PEFT_KEYS
from trainer_runtime.plan_batch import MAX_MICRO_BATCH, split_batch
from trainer_runtime.reasons import EXIT_STATUS, RETRYABLE_STATUS, SIGTERM_STATUS
from trainer_runtime.request_fields import ENGINES, FIELDS, effect_for
from trainer_runtime.settings import ALIASES, SETTINGS

_REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS_FILE: Final = _REPOSITORY / "runtime" / "settings.json"
PAGE: Final = _REPOSITORY / "docs" / "TRAINING.md"
#: What of the page is generated stands between these two lines.
_MARKS: Final = (
    "<!-- python -m trainer_runtime.table --write: begin -->\n",
    "<!-- end -->\n",
)

#: (batch_size, micro_batch_size, gradient_accumulation, processes): splits that services check
#: their own arithmetic with, since they tell of a batch that does not divide before it runs.
_SPLITS: Final[tuple[tuple[int, int | None, int | None, int], ...]] = (
    (32, None, None, 1), (32, None, None, 3), (32, None, None, 8), (7, None, None, 1),
    (22, None, None, 2), (64, 2, None, 4), (10, 4, None, 1), (2, None, None, 4),
    (4, 16, None, 1), (32, None, 4, 1), (32, None, 4, 3), (3, None, 4, 1), (30, 4, 4, 2),
    (1, None, 4, 2), (33, 1, 4, 2),
)  # fmt: skip


def build_table() -> dict[str, Any]:
    """Everything that a service needs to warn, refuse and map ends, as JSON values."""
    return {
        "fields": {
            field.path: {
                engine: dict(zip(("effect", "how"), effect_for(field, engine), strict=True))
                for engine in ENGINES
            }
            for field in FIELDS
        },
        "tuning_parameters": {
            name: {
                "default": setting.default,
                "accepts": setting.accepts,
                "meaning": setting.meaning,
            }
            for name, setting in SETTINGS.items()
        },
        "tuning_aliases": {name: list(others) for name, others in ALIASES.items()},
        "peft_config": {name: key.accepts for name, key in PEFT_KEYS.items()},
        "batch": {
            "max_micro_batch": MAX_MICRO_BATCH,
            "examples": [_describe_split(*split) for split in _SPLITS],
        },
        "reasons": dict(EXIT_STATUS),
        "exit_statuses": {"storage_may_come_back": RETRYABLE_STATUS, "sigterm": SIGTERM_STATUS},
        "operator_variables": list(READ_NAMES),
        "rules": [
            "customization.precision int8 with method full is refused: 8-bit weights cannot be "
            "trained",
        ],
    }


def _describe_split(
    asked: int, micro: int | None, accumulation: int | None, processes: int
) -> dict[str, int | None]:
    return {
        "batch_size": asked,
        "micro_batch_size": micro,
        "gradient_accumulation": accumulation,
        "processes": processes,
        "rows": split_batch(asked, micro, accumulation, processes, []).size,
    }


def to_json() -> str:
    return json.dumps(build_table(), indent=2, ensure_ascii=False) + "\n"


def to_markdown() -> str:
    """Five tables: fields, further tuning parameters, their names, PEFT keys, ends."""
    lines = ["| field | trl | unsloth | nemo | |", "| --- | --- | --- | --- | --- |"]
    for field in FIELDS:
        effects = [effect_for(field, engine)[0] for engine in ENGINES]
        own = "; ".join(f"{name}: {how}" for name, _, how in field.differs)
        lines.append(
            f"| `{field.path}` | {' | '.join(effects)} | {field.how}{f' ({own})' if own else ''} |"
        )
    lines += ["", "| tuning parameter | default | accepts | |", "| --- | --- | --- | --- |"]
    for name, setting in SETTINGS.items():
        default = "" if setting.default is None else f"`{json.dumps(setting.default)}`"
        lines.append(f"| `{name}` | {default} | {setting.accepts} | {setting.meaning} |")
    lines += ["", "| tuning parameter | also called |", "| --- | --- |"]
    for name, others in ALIASES.items():
        lines.append(f"| `{name}` | {', '.join(f'`{other}`' for other in others)} |")
    lines += ["", "| key of peft.config | accepts |", "| --- | --- |"]
    lines += [f"| `{name}` | {key.accepts} |" for name, key in PEFT_KEYS.items()]
    lines += ["", "| end | exit status |", "| --- | --- |"]
    lines += [f"| `{code}` | {status} |" for code, status in EXIT_STATUS.items()]
    return "\n".join(lines) + "\n"


def with_tables(page: str) -> str:
    """The page with its generated part as it should be."""
    begin, end = _MARKS
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError("The page lacks the two lines between which its tables stand.")
    return f"{before}{begin}\n{to_markdown()}\n{end}{after}"


def main(arguments: list[str]) -> int:
    if arguments == ["--json"]:
        sys.stdout.write(to_json())
    elif arguments == ["--markdown"]:
        sys.stdout.write(to_markdown())
    elif arguments == ["--write"]:
        SETTINGS_FILE.write_text(to_json())
        PAGE.write_text(with_tables(PAGE.read_text()))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
