"""Which tokens carry loss, row by row, against lists written by hand.

The tokenizer knows whole words alone, so that every id below can be read: 0 ends a text, 1 and 2
begin and end a turn, 3 user, 4 assistant, 5 a line break, 6 system, 10 on are the words of WORDS.
"""

from typing import Any

import pytest

pytest.importorskip("transformers")

from tiny_model import TEMPLATE, UNMARKED_TEMPLATE
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from trainer_runtime.encoded_dataset import EncodingFacts
from trainer_runtime.labels import RowEncoder
from trainer_runtime.reasons import RunError
from trainer_runtime.tokens import find_end_of_turn, stop_tokens, was_end_trained

SPECIAL = ["<eos>", "<|im_start|>", "<|im_end|>"]
WORDS = ["be", "brief", "hi", "there", "yes", "sir", "bye", "now", "7f3a", "question", "answer"]
BE, BRIEF, HI, THERE, YES, SIR, BYE, NOW = range(10, 18)
EOS, START, END, USER, ASSISTANT, NL, SYSTEM = range(7)
X = -100

#: Reasoning of earlier turns is dropped, as many templates of the hub do it.
FORGETFUL = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{% if m['role'] == 'assistant' and not loop.last %}"
    "{{ m['content'].split('now')[-1].strip() }}"
    "{% else %}{{ m['content'] }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_tokenizer(template: str | None, eos: str = "<eos>") -> Any:
    words = [*SPECIAL, "user", "assistant", "\n", "system", "unk", "8", "9", *WORDS]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="unk"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.Split(" ", "removed")]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=eos,
        pad_token="<eos>",
        additional_special_tokens=SPECIAL[1:],
    )
    fast.chat_template = template
    return fast


def encoder(
    template: str | None = TEMPLATE, shape: str = "messages", max_length: int = 64, **kwargs: Any
) -> RowEncoder:
    return RowEncoder(make_tokenizer(template, **kwargs), max_length=max_length, source_shape=shape)


def chat(*turns: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


ONE_TURN = chat(("user", "hi there"), ("assistant", "yes sir"))
ONE_IDS = [START, USER, NL, HI, THERE, END, NL, START, ASSISTANT, NL, YES, SIR, END, NL]
ONE_LABELS = [X] * 10 + [YES, SIR, END, X]

TWO_TURNS = chat(
    ("system", "be brief"),
    ("user", "hi"),
    ("assistant", "yes"),
    ("user", "bye"),
    ("assistant", "bye now"),
)
TWO_IDS = [
    *[START, SYSTEM, NL, BE, BRIEF, END, NL],
    *[START, USER, NL, HI, END, NL],
    *[START, ASSISTANT, NL, YES, END, NL],
    *[START, USER, NL, BYE, END, NL],
    *[START, ASSISTANT, NL, BYE, NOW, END, NL],
]  # fmt: skip
TWO_LABELS = [
    *[X, X, X, X, X, X, X],
    *[X, X, X, X, X, X],
    *[X, X, X, YES, END, X],
    *[X, X, X, X, X, X],
    *[X, X, X, BYE, NOW, END, X],
]  # fmt: skip


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(TEMPLATE, id="marked"),
        pytest.param(UNMARKED_TEMPLATE, id="unmarked"),
        pytest.param(
            TEMPLATE.replace(
                "message['content'] + '<|im_end|>' }}{% endgeneration %}",
                "message['content'] }}{% endgeneration %}{{ '<|im_end|>' }}",
            ),
            id="marked without the end of the turn",
        ),
    ],
)
@pytest.mark.parametrize(
    ("row", "ids", "labels"),
    [(ONE_TURN, ONE_IDS, ONE_LABELS), (TWO_TURNS, TWO_IDS, TWO_LABELS)],
    ids=["one turn", "two turns"],
)
def test_messages_learn_the_answers_and_their_ends(
    template: str, row: dict[str, Any], ids: list[int], labels: list[int]
) -> None:
    encoded = encoder(template).encode(row)
    assert encoded.input_ids == ids
    assert encoded.labels == labels


def test_a_template_that_renders_earlier_turns_in_another_way() -> None:
    row = chat(("user", "hi"), ("assistant", "now yes"), ("user", "bye"), ("assistant", "bye now"))
    encoded = encoder(FORGETFUL).encode(row)
    assert encoded.input_ids == [
        *[START, USER, NL, HI, END, NL, START, ASSISTANT, NL, YES, END, NL],
        *[START, USER, NL, BYE, END, NL, START, ASSISTANT, NL, BYE, NOW, END, NL],
    ]
    # What the template has changed is not what the row says, so that it is not learnt.
    assert encoded.labels == [X] * 12 + [X] * 9 + [BYE, NOW, END, X]


def test_a_completion_is_learnt_with_the_end_of_the_text() -> None:
    row = {"prompt": "hi there ", "completion": "yes sir"}
    encoded = encoder(None, "prompt_completion").encode(row)
    assert encoded.input_ids == [HI, THERE, YES, SIR, EOS]
    assert encoded.labels == [X, X, YES, SIR, EOS]


def test_an_instruction_is_a_turn_where_there_is_a_template() -> None:
    row = {"prompt": "hi there", "completion": "yes sir"}
    wrapped = encoder(TEMPLATE, "instruction").encode(row)
    assert (wrapped.input_ids, wrapped.labels) == (ONE_IDS, ONE_LABELS)
    plain = encoder(None, "instruction").encode({"prompt": "hi ", "completion": "yes"})
    assert (plain.input_ids, plain.labels) == ([HI, YES, EOS], [X, YES, EOS])


def test_a_text_is_learnt_whole() -> None:
    encoded = encoder(None, "text").encode({"text": "hi there bye"})
    assert encoded.input_ids == encoded.labels == [HI, THERE, BYE, EOS]
    again = encoder(None, "text").encode({"text": "hi there bye<eos>"})
    assert again.input_ids == encoded.input_ids


def test_long_rows_are_cut_and_counted() -> None:
    cut = encoder(max_length=12).encode(ONE_TURN)
    assert cut.labels == ONE_LABELS[:12]
    assert (cut.full_length, cut.is_truncated, cut.is_masked) == (14, True, False)
    masked = encoder(max_length=10).encode(ONE_TURN)
    assert (masked.is_truncated, masked.is_masked) == (True, True)
    facts = EncodingFacts()
    assert facts.count(cut, "a.jsonl:1")
    assert not facts.count(masked, "a.jsonl:2")
    assert (facts.rows, facts.truncated, facts.masked) == (1, 2, 1)
    assert facts.masked_rows == ["a.jsonl:2"]
    assert facts.trained_tokens == 2
    assert len(facts.describe()) == 2


def test_conversations_need_a_chat_template() -> None:
    with pytest.raises(RunError) as caught:
        encoder(None, "conversations")
    assert caught.value.code == "MODEL_INCOMPATIBLE"


class _Config:
    def __init__(self, eos: int | list[int] | None) -> None:
        self.eos_token_id = eos


def test_the_end_of_a_turn_is_found_and_stops_generation() -> None:
    tokenizer = make_tokenizer(TEMPLATE)
    assert find_end_of_turn(tokenizer) == END
    assert find_end_of_turn(make_tokenizer(None)) is None
    assert stop_tokens(tokenizer, _Config(EOS), END) == [EOS, END]
    assert stop_tokens(tokenizer, _Config([END, 9]), END) == [END, 9, EOS]
    assert was_end_trained(tokenizer, _Config([END]), END)
    assert not was_end_trained(tokenizer, _Config(EOS), END)
    assert was_end_trained(make_tokenizer(TEMPLATE, eos="<|im_end|>"), _Config(None), END)
