"""Reads one conversation of a row: roles in the words of chat templates, contents as text."""

import json
from collections.abc import Mapping
from typing import Any, Final

from trainer_runtime.datasets.problems import RowFault

#: Any spelling of a role → the word that chat templates know.
_ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
_OWN_WORDS: Final = frozenset({"system", "user", "assistant", "tool"})
#: Further keys of a message that templates read.
_KEPT: Final = ("name", "tool_calls", "tool_call_id", "reasoning_content")


def read_conversation(row: Mapping[str, Any], field: str) -> dict[str, Any]:
    """`{"messages": […]}` of the conversation under `field`, with `tools` where the row has them.

    Raises `RowFault` with the path of what is wrong. There is one answer at least: without one
    nothing could be learnt.
    """
    turns = _parse_list(row.get(field), field)
    messages = []
    has_answer = False
    for index, turn in enumerate(turns):
        if type(turn) is not dict:
            raise RowFault("must be an object with role and content", f"{field}[{index}]")
        content = turn.get("content")
        # By far the most rows are exactly like this.
        if len(turn) == 2 and type(content) is str and turn.get("role") in _OWN_WORDS:
            message = turn
        else:
            message = _read_turn(turn, f"{field}[{index}]")
            content = message["content"]
        messages.append(message)
        if message["role"] == "assistant" and not has_answer:
            has_answer = bool(content and not content.isspace()) or "tool_calls" in message
    if not has_answer:
        raise RowFault("holds no answer of an assistant", field)
    if len(row) == 1:
        return {"messages": messages}
    return _with_system_and_tools(row, messages)


def _with_system_and_tools(row: Mapping[str, Any], messages: list[Any]) -> dict[str, Any]:
    system = row.get("system")
    if system is not None and type(system) is not str:
        raise RowFault("must be text", "system")
    if system and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": system}, *messages]
    tools = row.get("tools")
    if type(tools) is str and tools.strip():
        tools = _parse_json(tools, "tools")
    if not tools:
        return {"messages": messages}
    if type(tools) is not list:
        raise RowFault("must be a list", "tools")
    return {"messages": messages, "tools": tools}


def _read_turn(turn: Mapping[str, Any], path: str) -> dict[str, Any]:
    is_sharegpt = "role" not in turn and "from" in turn
    role_key, content_key = ("from", "value") if is_sharegpt else ("role", "content")
    role = turn.get(role_key)
    if type(role) is not str:
        raise RowFault("is missing" if role is None else "must be text", f"{path}.{role_key}")
    known = _ROLES.get(role) or _ROLES.get(role.lower())
    if known is None:
        raise RowFault("must be system, user, assistant or tool", f"{path}.{role_key}")
    message: dict[str, Any] = {"role": known, "content": ""}
    message |= {key: turn[key] for key in _KEPT if turn.get(key)}
    content = turn.get(content_key)
    if content is not None or "tool_calls" not in message:
        message["content"] = _read_content(content, f"{path}.{content_key}")
    return message


def _read_content(content: object, path: str) -> str:
    if type(content) is str:
        return content
    if content is None:
        raise RowFault("is missing", path)
    if type(content) is not list:
        raise RowFault("must be text", path)
    texts = []
    for index, part in enumerate(content):
        text = part.get("text") if type(part) is dict else part
        kind = part.get("type", "text") if type(part) is dict else "text"
        if kind != "text" or type(text) is not str:
            raise RowFault("is no text; only text can be trained on", f"{path}[{index}]")
        texts.append(text)
    return "".join(texts)


def _parse_list(value: object, field: str) -> list[Any]:
    """The list, also where CSV or Parquet hold it as JSON in a text."""
    if type(value) is str and value.lstrip().startswith("["):
        value = _parse_json(value, field)
    if value is None:
        raise RowFault("is missing", field)
    if type(value) is not list:
        raise RowFault("must be a list of messages", field)
    if not value:
        raise RowFault("is empty", field)
    return value


def _parse_json(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RowFault("holds a text that is not JSON", field) from None
