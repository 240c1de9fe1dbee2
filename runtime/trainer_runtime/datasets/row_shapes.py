"""The shapes of rows that can be trained on, and the one form that each becomes.

| source shape        | fields                                  | becomes                        |
| messages            | messages [{role, content}]              | {"messages": [...]}            |
| conversations       | conversations [{from, value}] (ShareGPT)| {"messages": [...]}            |
| prompt_completion   | prompt, completion                      | {"prompt": …, "completion": …} |
| instruction         | instruction, input, output              | {"prompt": …, "completion": …} |
| text                | text                                    | {"text": …}                    |

A `system` text beside a conversation becomes its first message, `tools` is passed on.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from trainer_runtime.datasets.conversations import read_conversation
from trainer_runtime.datasets.problems import RowFault, to_printable

Row = dict[str, Any]
Normalise = Callable[[Mapping[str, Any]], Row]

EXPECTED: Final = (
    "messages, conversations, prompt with completion, instruction with output, or text"
)


def normalise_messages(row: Mapping[str, Any]) -> Row:
    return read_conversation(row, "messages")


def normalise_conversations(row: Mapping[str, Any]) -> Row:
    return read_conversation(row, "conversations")


def normalise_prompt_completion(row: Mapping[str, Any]) -> Row:
    prompt, completion = row.get("prompt"), row.get("completion")
    if type(prompt) is list and type(completion) is list:
        return _join_turns(prompt, completion)
    return {
        "prompt": _text(row, "prompt"),
        "completion": _filled_text(row, "completion"),
    }


def normalise_instruction(row: Mapping[str, Any]) -> Row:
    parts = [_text(row, name) for name in ("instruction", "input") if row.get(name) is not None]
    prompt = "\n\n".join(part for part in parts if part)
    if not prompt or prompt.isspace():
        raise RowFault("is empty", "instruction" if "instruction" in row else "input")
    return {"prompt": prompt, "completion": _filled_text(row, "output")}


def normalise_text(row: Mapping[str, Any]) -> Row:
    return {"text": _filled_text(row, "text")}


NORMALISERS: Final[dict[str, Normalise]] = {
    "messages": normalise_messages,
    "conversations": normalise_conversations,
    "prompt_completion": normalise_prompt_completion,
    "instruction": normalise_instruction,
    "text": normalise_text,
}
#: Source shape → what its rows become, and which of its fields are read.
KIND_OF: Final = {
    "messages": "messages",
    "conversations": "messages",
    "prompt_completion": "prompt_completion",
    "instruction": "prompt_completion",
    "text": "text",
}
FIELDS_OF: Final = {
    "messages": frozenset({"messages", "system", "tools"}),
    "conversations": frozenset({"conversations", "system", "tools"}),
    "prompt_completion": frozenset({"prompt", "completion"}),
    "instruction": frozenset({"instruction", "input", "output"}),
    "text": frozenset({"text"}),
}
ALL_FIELDS: Final = frozenset().union(*FIELDS_OF.values())


def detect_shape(row: Mapping[str, Any]) -> str | None:
    """The source shape of a row by the fields that hold anything; None where it has none."""
    has = {name for name in ALL_FIELDS if row.get(name) is not None}
    if "messages" in has:
        return "messages"
    if "conversations" in has:
        return "conversations"
    if {"prompt", "completion"} <= has:
        return "prompt_completion"
    if "output" in has and has & {"instruction", "input"}:
        return "instruction"
    return "text" if "text" in has else None


def name_fields(names: Any) -> str:
    """The names of a row's fields for a sentence, cut to a readable length."""
    shown = [name if len(name) <= 40 else f"{name[:40]}…" for name in map(str, list(names)[:9])]
    text = ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")
    return to_printable(text) if shown else "none"


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if type(value) is str:
        return value
    raise RowFault("is missing" if value is None else f"must be text, not {name_type(value)}", name)


def _filled_text(row: Mapping[str, Any], name: str) -> str:
    text = _text(row, name)
    if not text or text.isspace():
        raise RowFault("is empty", name)
    return text


def name_type(value: object) -> str:
    """What a value is, in JSON's words where it has one."""
    names = {"NoneType": "null", "list": "a list", "dict": "an object", "bool": "true or false"}
    kind = type(value).__name__
    if kind in ("int", "float", "Decimal"):
        return "a number"
    return names.get(kind, f"{kind}")


def _join_turns(prompt: list[Any], completion: list[Any]) -> Row:
    """A conversation in two halves; the first may hold no answer, as it would carry loss too."""
    for index, message in enumerate(prompt):
        role = message.get("role") if type(message) is dict else None
        if role == "assistant":
            reason = "is an answer before the completion; give such rows as messages"
            raise RowFault(reason, f"prompt[{index}]")
    return read_conversation({"messages": [*prompt, *completion]}, "messages")
