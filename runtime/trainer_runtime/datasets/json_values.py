"""Reads one JSON array, or objects one after the other, without holding the whole file."""

import codecs
import json
from collections.abc import Iterator
from typing import Any, Final

from trainer_runtime.datasets.limits import MAX_ROW_BYTES, TOO_LONG
from trainer_runtime.datasets.problems import FileFault, RowFault

_CHUNK_BYTES: Final = 1 << 20
_SPACE: Final = " \t\r\n"


def read_json(file: Any) -> Iterator[tuple[int, "dict[str, Any] | RowFault"]]:
    """`(line, row)` of every element; raises `FileFault` where the JSON ends to make sense."""
    text = _Window(file)
    is_array = text.skip_space() == "["
    if is_array:
        text.advance(1)
    is_first = True
    while True:
        mark = text.skip_space()
        if is_array and mark == "]":
            text.advance(1)
            if text.skip_space():
                raise FileFault("has something after its array", text.line)
            return
        if not mark:
            if is_array:
                raise FileFault("ends in the middle of its array", text.line)
            return
        if is_array and not is_first:
            if mark != ",":
                raise FileFault("is not JSON: a comma is missing", text.line)
            text.advance(1)
            text.skip_space()
        is_first = False
        line = text.line
        value = text.read_value()
        if type(value) is not dict:
            yield line, RowFault("must be a JSON object")
        else:
            yield line, whole_characters(value)


class _Window:
    """The part of the text that is looked at; `line` is that of its beginning."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._start = 0
        self._is_ended = False
        self.line = 1

    def skip_space(self) -> str:
        """Moves to the next character that is no space and answers it; empty at the end."""
        while True:
            end = self._start
            text = self._text
            while end < len(text) and text[end] in _SPACE:
                end += 1
            self._move_to(end)
            if end < len(text):
                return text[end]
            if not self._fill(_CHUNK_BYTES):
                return ""

    def advance(self, count: int) -> None:
        self._move_to(self._start + count)

    def read_value(self) -> Any:
        while True:
            try:
                value, end = self._scan(self._text, self._start)
            except json.JSONDecodeError as error:
                unread = len(self._text) - self._start
                if unread > MAX_ROW_BYTES:
                    raise FileFault(TOO_LONG, self.line) from None
                # Twice as much each time, so that a long row costs no square of its length.
                if self._fill(max(_CHUNK_BYTES, unread)):
                    continue
                line = self.line + self._text.count("\n", self._start, error.pos)
                raise FileFault(f"is not JSON ({error.msg})", line) from None
            except ValueError:
                raise FileFault("holds a number that is too long", self.line) from None
            except RecursionError:
                raise FileFault("is nested too deeply", self.line) from None
            # A number may go on after what was read so far.
            if end < len(self._text) or type(value) in (dict, list, str):
                self._move_to(end)
                return value
            if not self._fill(_CHUNK_BYTES):
                self._move_to(end)
                return value

    def _move_to(self, end: int) -> None:
        self.line += self._text.count("\n", self._start, end)
        self._start = end

    def _fill(self, count: int) -> bool:
        """Reads `count` bytes more; False at the end of the file."""
        if self._is_ended:
            return False
        try:
            data = self._file.read(count)
            more = self._decode(data, not data)
        except UnicodeDecodeError:
            raise FileFault("is not UTF-8", self.line) from None
        self._is_ended = not data
        self._text = self._text[self._start :] + more
        self._start = 0
        return bool(data)


def whole_characters(row: dict[str, Any]) -> "dict[str, Any] | RowFault":
    """JSON may name half of a character (`\\ud800` alone), which no tokenizer takes."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return RowFault("holds half of a character (a lone surrogate)")
    return row
