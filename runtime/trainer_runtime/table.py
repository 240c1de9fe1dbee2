"""The table of settings, for machines and for people.

python -m trainer_runtime.table --json       what runtime/settings.json holds
python -m trainer_runtime.table --markdown   the table of docs/TRAINING.md
"""

import json
import sys
from typing import Any

from trainer_runtime.operator_settings import READ_NAMES
from trainer_runtime.peft_table import PEFT_KEYS
from trainer_runtime.plan_batch import MAX_MICRO_BATCH
from trainer_runtime.reasons import EXIT_STATUS, RETRYABLE_STATUS, SIGTERM_STATUS
from trainer_runtime.request_fields import ENGINES, FIELDS, effect_for
from trainer_runtime.settings import ALIASES, SETTINGS


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
        "batch": {"max_micro_batch": MAX_MICRO_BATCH},
        "reasons": dict(EXIT_STATUS),
        "exit_statuses": {"storage_may_come_back": RETRYABLE_STATUS, "sigterm": SIGTERM_STATUS},
        "operator_variables": list(READ_NAMES),
        "rules": [
            "customization.precision int8 with method full is refused: 8-bit weights cannot be "
            "trained",
        ],
    }


def to_json() -> str:
    return json.dumps(build_table(), indent=2, ensure_ascii=False) + "\n"


def to_markdown() -> str:
    """Four tables: fields, further tuning parameters, PEFT keys, ends."""
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
    lines += ["", "| `customization.peft.config` | accepts |", "| --- | --- |"]
    lines += [f"| `{name}` | {key.accepts} |" for name, key in PEFT_KEYS.items()]
    lines += ["", "| end | exit status |", "| --- | --- |"]
    lines += [f"| `{code}` | {status} |" for code, status in EXIT_STATUS.items()]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    if arguments == ["--json"]:
        sys.stdout.write(to_json())
    elif arguments == ["--markdown"]:
        sys.stdout.write(to_markdown())
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
