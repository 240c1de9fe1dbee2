"""Which tokens of a row carry loss: those of the answer, where the row's shape has one.

Rows are R = {"messages": […]}, {"prompt": …, "completion": …} or {"text": …}.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trainer_runtime.reasons import RunError
from trainer_runtime.tokens import find_end_of_turn

#: Label of a token that carries no loss, as torch's cross entropy ignores it.
IGNORED: Final = -100
_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")


@dataclass(frozen=True)
class EncodedRow:
    """Token ids and labels of one row, both of the same length ≤ the longest that is trained on."""

    input_ids: list[int]
    labels: list[int]
    #: Tokens before the row was cut.
    full_length: int

    @property
    def is_truncated(self) -> bool:
        return self.full_length > len(self.input_ids)

    @property
    def is_masked(self) -> bool:
        """Whether nothing is learnt from it: the first token is never predicted."""
        return all(label == IGNORED for label in self.labels[1:])


class RowEncoder:
    """Turns normalised rows into tokens and labels, the way the training sees them.

    Raises `RunError` MODEL_INCOMPATIBLE when the tokenizer cannot do what the rows' shape needs.
    """

    def __init__(self, tokenizer: Any, *, max_length: int, source_shape: str) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise RunError(
                "MODEL_INCOMPATIBLE",
                "The model's tokenizer has no fast form (tokenizer.json), which tells where a "
                "text's tokens stand.",
            )
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._has_template = bool(tokenizer.chat_template)
        self._wraps_turns = self._has_template and source_shape == "instruction"
        if source_shape in ("messages", "conversations") and not self._has_template:
            raise RunError(
                "MODEL_INCOMPATIBLE",
                "The rows are conversations, and the model has no chat template: "
                "choose its instruct version, or rows with prompt and completion.",
            )
        self.end_of_turn = find_end_of_turn(tokenizer)
        self._marks_answers = self._has_template and bool(
            _GENERATION.search(str(tokenizer.chat_template))
        )

    @property
    def wraps_turns(self) -> bool:
        """Whether instruction rows become a user's and an assistant's turn of the chat template."""
        return self._wraps_turns

    def encode(self, row: Mapping[str, Any]) -> EncodedRow:
        """Tokens and labels of one row, cut at the end to the greatest length."""
        if "messages" in row:
            ids, labels = self._encode_messages(row["messages"], row.get("tools"))
        elif "prompt" in row and self._wraps_turns:
            turns = (("user", row["prompt"]), ("assistant", row["completion"]))
            ids, labels = self._encode_messages(
                [{"role": role, "content": content} for role, content in turns], None
            )
        elif "prompt" in row:
            ids, labels = self._encode_completion(row["prompt"], row["completion"])
        else:
            ids = self._tokenizer(self._with_eos(row["text"]))["input_ids"]
            labels = list(ids)
        return EncodedRow(ids[: self._max_length], labels[: self._max_length], len(ids))

    def _with_eos(self, text: str) -> str:
        eos = self._tokenizer.eos_token or ""
        return text if text.endswith(eos) else text + eos

    def _encode_completion(self, prompt: str, completion: str) -> tuple[list[int], list[int]]:
        """The answer starts where the tokens of the prompt and of the whole part."""
        before = self._tokenizer(prompt)["input_ids"]
        ids = self._tokenizer(self._with_eos(prompt + completion))["input_ids"]
        # Some tokenizers end what they encode with a token of their own.
        start = 0
        while start < min(len(before), len(ids)) and before[start] == ids[start]:
            start += 1
        return ids, [IGNORED] * start + ids[start:]

    def _encode_messages(
        self, messages: Sequence[Mapping[str, Any]], tools: Any
    ) -> tuple[list[int], list[int]]:
        if self._marks_answers:
            encoded = self._tokenizer.apply_chat_template(
                messages,
                tools=tools,
                tokenize=True,
                return_dict=True,
                return_assistant_tokens_mask=True,
            )
            ids = list(encoded["input_ids"])
            mask = [bool(bit) for bit in encoded["assistant_masks"]]
        else:
            ids, mask = self._mask_by_prefix(messages, tools)
        self._extend_to_end_of_turn(ids, mask)
        return ids, [token if learnt else IGNORED for token, learnt in zip(ids, mask, strict=True)]

    def _extend_to_end_of_turn(self, ids: list[int], mask: list[bool]) -> None:
        """A template may leave the end of a turn outside of its marks: it must be learnt."""
        if self.end_of_turn is None:
            return
        for index in range(1, len(ids)):
            if mask[index - 1] and not mask[index] and ids[index] == self.end_of_turn:
                # Only directly after an answer, never after an end that is learnt already.
                mask[index] = ids[index - 1] != self.end_of_turn

    def _mask_by_prefix(
        self, messages: Sequence[Mapping[str, Any]], tools: Any
    ) -> tuple[list[int], list[bool]]:
        """For templates without marks: an answer is what the template writes after the generation
        prompt of the messages before it."""
        full = self._render(messages, tools)
        encoded = self._tokenizer(full, add_special_tokens=False, return_offsets_mapping=True)
        ids = list(encoded["input_ids"])
        offsets = encoded["offset_mapping"]
        mask = [False] * len(ids)
        cursor = 0
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            span = self._find_answer(full, messages, index, tools, cursor)
            if span is None:
                continue
            cursor = span[1]
            self._mark(ids, offsets, mask, span)
        return ids, mask

    def _mark(
        self,
        ids: list[int],
        offsets: Sequence[tuple[int, int]],
        mask: list[bool],
        span: tuple[int, int],
    ) -> None:
        for position, (start, end) in enumerate(offsets):
            if start >= span[1]:
                return
            if start >= span[0] and end > start:
                mask[position] = True
                # What follows the end of the turn (a line break, mostly) is the template's.
                if ids[position] == self.end_of_turn:
                    return

    def _find_answer(
        self,
        full: str,
        messages: Sequence[Mapping[str, Any]],
        index: int,
        tools: Any,
        cursor: int,
    ) -> tuple[int, int] | None:
        """Characters of `full` in which answer `index` stands; None when that cannot be told."""
        prefix = self._render(messages[:index], tools, add_generation_prompt=True)
        until = self._render(messages[: index + 1], tools)
        if full.startswith(until) and until.startswith(prefix):
            return len(prefix), len(until)
        # Templates that render earlier turns in another way (that drop reasoning, for instance).
        content = message_text(messages[index])
        start = full.find(content, cursor) if content else -1
        if start < 0:
            return None
        end = start + len(content)
        if self.end_of_turn is not None:
            token = self._tokenizer.convert_ids_to_tokens(self.end_of_turn)
            if full.startswith(token, end):
                end += len(token)
        return start, end

    def _render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Any,
        *,
        add_generation_prompt: bool = False,
    ) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                list(messages),
                tools=tools,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
            )
        )


def message_text(message: Mapping[str, Any]) -> str:
    """The words of a message, without the blanks around them that templates drop."""
    content = message.get("content")
    return content.strip() if isinstance(content, str) else ""
