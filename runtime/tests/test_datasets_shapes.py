"""What each shape of row becomes, and what each wrong row is told."""

from pathlib import Path
from typing import Any

import pytest
from data_jobs import chat, check, write_jsonl

from trainer_runtime.datasets import DatasetInvalid, load_rows


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]}

ACCEPTED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("messages", chat("a", "b"), {"messages": [user("a"), answer("b")]}),
    (
        "messages",
        {"messages": [{"role": "developer", "content": "s"}, user("a"), answer("b")], "id": 3},
        {"messages": [system("s"), user("a"), answer("b")]},
    ),
    (
        "messages",
        {"messages": [{"role": "User", "content": [{"type": "text", "text": "a"}]}, answer("b")]},
        {"messages": [user("a"), answer("b")]},
    ),
    (
        "messages",
        {"messages": [user("a"), CALL, {"role": "tool", "content": "1", "tool_call_id": "7"}]},
        {
            "messages": [
                user("a"),
                {"role": "assistant", "content": "", "tool_calls": CALL["tool_calls"]},
                {"role": "tool", "content": "1", "tool_call_id": "7"},
            ]
        },
    ),
    (
        "messages",
        {**chat("a", "b"), "tools": [TOOL]},
        {"messages": [user("a"), answer("b")], "tools": [TOOL]},
    ),
    (
        "conversations",
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
        {"messages": [user("a"), answer("b")]},
    ),
    (
        "conversations",
        {
            "system": "s",
            "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}],
        },
        {"messages": [system("s"), user("a"), answer("b")]},
    ),
    (
        "messages",
        {"system": "another", "messages": [system("s"), user("a"), answer("b")]},
        {"messages": [system("s"), user("a"), answer("b")]},
    ),
    (
        "conversations",
        {"conversations": [user("a"), answer("b")]},
        {"messages": [user("a"), answer("b")]},
    ),
    (
        "prompt_completion",
        {"prompt": "a", "completion": "b"},
        {"prompt": "a", "completion": "b"},
    ),
    ("prompt_completion", {"prompt": "", "completion": "b"}, {"prompt": "", "completion": "b"}),
    (
        "prompt_completion",
        {"prompt": [user("a")], "completion": [answer("b")]},
        {"messages": [user("a"), answer("b")]},
    ),
    (
        "instruction",
        {"instruction": "do", "input": "this", "output": "done"},
        {"prompt": "do\n\nthis", "completion": "done"},
    ),
    (
        "instruction",
        {"instruction": "do", "input": "", "output": "done"},
        {"prompt": "do", "completion": "done"},
    ),
    ("instruction", {"input": "q", "output": "a"}, {"prompt": "q", "completion": "a"}),
    ("text", {"text": "once", "url": None}, {"text": "once"}),
]


@pytest.mark.parametrize(("shape", "row", "expected"), ACCEPTED)
def test_accepted(
    tmp_path: Path, shape: str, row: dict[str, Any], expected: dict[str, Any]
) -> None:
    facts = check(write_jsonl(tmp_path / "rows.jsonl", [row]), work_dir=tmp_path)
    assert facts.source_shape == shape
    assert list(load_rows(facts)) == [expected]


REFUSED: list[tuple[Any, str]] = [
    ({"messages": []}, "messages is empty"),
    ({"messages": {}}, "messages must be a list of messages"),
    ({"messages": ["hi"]}, "messages[0] must be an object with role and content"),
    ({"messages": [{"content": "a"}]}, "messages[0].role is missing"),
    ({"messages": [{"role": "wizard", "content": "a"}]}, "messages[0].role must be system"),
    ({"messages": [{"role": 1, "content": "a"}]}, "messages[0].role must be text"),
    ({"messages": [user("a"), {"role": "assistant"}]}, "messages[1].content is missing"),
    ({"messages": [user("a"), {**answer("b"), "content": 5}]}, "messages[1].content must be text"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        "messages[0].content[0] is no text",
    ),
    ({"messages": [user("a")]}, "messages holds no answer of an assistant"),
    ({"messages": [user("a"), answer(" \n")]}, "messages holds no answer of an assistant"),
    ({**chat(), "system": 3}, "system must be text"),
    ({**chat(), "tools": "[{"}, "tools holds a text that is not JSON"),
    (
        {"conversations": [{"from": "martian", "value": "a"}]},
        "conversations[0].from must be system",
    ),
    ({"conversations": [{"from": "human"}]}, "conversations[0].value is missing"),
    ({"prompt": "a", "completion": ""}, "completion is empty"),
    ({"prompt": 5, "completion": "b"}, "prompt must be text, not a number"),
    ({"prompt": "a", "completion": ["b"]}, "completion must be text, not a list"),
    (
        {"prompt": [user("a"), answer("b")], "completion": [answer("c")]},
        "prompt[1] is an answer before the completion",
    ),
    ({"instruction": " ", "output": "b"}, "instruction is empty"),
    ({"instruction": "a", "output": "  "}, "output is empty"),
    ({"text": ""}, "text is empty"),
    ({"text": True}, "text must be text, not true or false"),
    ({"question": "a", "answer": "b"}, "has the fields question, answer; expected messages"),
    ({}, "has the fields none; expected messages"),
    ([1], "must be a JSON object"),
    ("text", "must be a JSON object"),
    (None, "must be a JSON object"),
]


@pytest.mark.parametrize(("row", "sentence"), REFUSED)
def test_refused(tmp_path: Path, row: Any, sentence: str) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", [row])
    with pytest.raises(DatasetInvalid) as caught:
        check(source, work_dir=tmp_path)
    assert str(caught.value.problems[0]).startswith(f"rows.jsonl:1: {sentence}")
    assert caught.value.exit_status == 3


def test_a_row_of_another_shape_names_what_is_missing(tmp_path: Path) -> None:
    rows = [chat(), {"text": "a"}, chat(), {"prompt": "a", "completion": "b"}]
    with pytest.raises(DatasetInvalid) as caught:
        check(write_jsonl(tmp_path / "rows.jsonl", rows), work_dir=tmp_path)
    told = [str(problem) for problem in caught.value.problems]
    assert told == [
        "rows.jsonl:2: messages is missing",
        "rows.jsonl:4: messages is missing",
    ]


def test_fields_that_are_not_used_are_named(tmp_path: Path) -> None:
    rows = [{"text": "a", "url": "x"}, {"text": "b", "score": 1}]
    facts = check(write_jsonl(tmp_path / "rows.jsonl", rows), work_dir=tmp_path)
    assert facts.ignored_fields == ("score", "url")
    assert "Fields of the rows that are not used: score, url" in facts.warnings
