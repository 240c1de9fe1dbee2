"""The tuned model beside its base: figures, answers, and what they mean. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_MAX_TEXT: Final = 1000


@dataclass(frozen=True)
class Answer:
    """A model's words, and whether it ended them by itself."""

    text: str
    ended: bool


@dataclass(frozen=True)
class Comparison:
    """Losses per token over `rows` rows; answers in the order of `prompts`."""

    rows: int
    rows_kind: str
    base_loss: float
    tuned_loss: float
    prompts: tuple[str, ...]
    base: tuple[Answer, ...]
    tuned: tuple[Answer, ...]

    def verdict(self) -> list[str]:
        """Sentences about what is wrong; empty when the training did what it should."""
        sentences = []
        rows = f"{self.rows} {self.rows_kind} rows"
        if not math.isfinite(self.tuned_loss):
            sentences.append(f"The loss of the tuned model on {rows} is no finite number.")
        elif not math.isfinite(self.base_loss):
            sentences.append(
                f"The loss of the base model on {rows} is no finite number: "
                "it says nothing of the tuned one."
            )
        elif not self.tuned_loss < self.base_loss:
            sentences.append(
                f"The tuned model is no better than its base on {rows} "
                f"(loss {self.tuned_loss:.3f} against {self.base_loss:.3f})."
            )
        endless = sum(not answer.ended for answer in self.tuned)
        if endless:
            sentences.append(
                f"The tuned model did not end {endless} of {len(self.tuned)} answers by itself."
            )
        return sentences

    def to_json(self) -> dict[str, Any]:
        """For `result.comparison`; long texts are cut, a loss that is no number is null."""
        return {
            "rows": self.rows,
            "rows_kind": self.rows_kind,
            "base_loss": _rounded(self.base_loss),
            "tuned_loss": _rounded(self.tuned_loss),
            "verdict": self.verdict(),
            "prompts": [
                {
                    "prompt": prompt[-_MAX_TEXT:],
                    "base": base.text[:_MAX_TEXT],
                    "tuned": tuned.text[:_MAX_TEXT],
                    "base_ended": base.ended,
                    "tuned_ended": tuned.ended,
                }
                for prompt, base, tuned in zip(self.prompts, self.base, self.tuned, strict=True)
            ],
        }


def _rounded(loss: float) -> float | None:
    return round(loss, 6) if math.isfinite(loss) else None


def prompt_of(row: Mapping[str, Any], tokenizer: Any, *, wraps_turns: bool) -> str | None:
    """What a model is asked: all before the last answer, as the template writes it.

    None for rows without an answer.
    """
    if "messages" in row:
        messages = list(row["messages"])
        last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=0)
        if last == 0:
            return None
        return str(
            tokenizer.apply_chat_template(
                messages[:last],
                tools=row.get("tools"),
                tokenize=False,
                add_generation_prompt=True,
            )
        )
    if "prompt" not in row:
        return None
    if wraps_turns and tokenizer.chat_template:
        turns = [{"role": "user", "content": row["prompt"]}]
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    return str(row["prompt"])
