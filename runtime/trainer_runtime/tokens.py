"""Tokens that end a turn: which they are, and that the tuned model stops at them."""

from typing import Any

_QUESTION = "7f3a question"
_ANSWER = "7f3a answer"


def find_end_of_turn(tokenizer: Any) -> int | None:
    """Id of the token that the chat template writes after an assistant's words.

    None without a chat template, or when the template ends a turn with ordinary text.
    """
    if not tokenizer.chat_template:
        return None
    messages = [
        {"role": "user", "content": _QUESTION},
        {"role": "assistant", "content": _ANSWER},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    end = text.rfind(_ANSWER) + len(_ANSWER)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    for token, (start, _) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        if start >= end and token in special:
            return int(token)
    return None


def stop_tokens(tokenizer: Any, generation_config: Any, end_of_turn: int | None) -> list[int]:
    """Ids at which generation ends: those of the model, the tokenizer's own, and the turn's end."""
    known = generation_config.eos_token_id if generation_config is not None else None
    ids = list(known) if isinstance(known, list | tuple) else [] if known is None else [known]
    for token in (end_of_turn, tokenizer.eos_token_id):
        if token is not None and token not in ids:
            ids.append(token)
    return ids


def was_end_trained(tokenizer: Any, generation_config: Any, end_of_turn: int | None) -> bool:
    """Whether the base model is known to stop at the turn's end.

    An adapter on a base model whose end-of-turn token was never trained often does not stop.
    """
    if end_of_turn is None:
        return True
    known = generation_config.eos_token_id if generation_config is not None else None
    ids = known if isinstance(known, list | tuple) else [known]
    return end_of_turn in ids or end_of_turn == tokenizer.eos_token_id
