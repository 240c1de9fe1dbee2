"""Makes a model to test with: Qwen2's architecture, 0.9 million random parameters, a tokenizer
trained on the test's own rows, a ChatML template that marks its answers. Nothing is downloaded.

    python tests/tiny_model.py FOLDER
"""

import json
import sys
from pathlib import Path
from typing import Any

SUBJECTS = ("river", "engine", "harbour", "lantern", "orchard", "signal", "copper", "meadow")
QUESTIONS = ("What colour is the {}?", "Where is the {}?", "Who owns the {}?",
             "How old is the {}?", "Is the {} open?", "Why is the {} here?")  # fmt: skip
ANSWERS = ("The {} is blue.", "The {} is in town.", "Ann owns the {}.",
           "The {} is ten.", "Yes, the {} is open.", "The {} was always here.")  # fmt: skip

TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ '<|im_start|>assistant\n' }}{% generation %}{{ message['content'] + '<|im_end|>' }}"
    "{% endgeneration %}{{ '\n' }}"
    "{% else %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
#: The same words without marks, as most models of the hub have it.
UNMARKED_TEMPLATE = TEMPLATE.replace("{% generation %}", "").replace("{% endgeneration %}", "")


def chat_rows() -> list[dict[str, Any]]:
    """48 rows of one question and one answer."""
    return [
        {
            "messages": [
                {"role": "user", "content": question.format(subject)},
                {"role": "assistant", "content": answer.format(subject)},
            ]
        }
        for subject in SUBJECTS
        for question, answer in zip(QUESTIONS, ANSWERS, strict=True)
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """As JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_tokenizer(folder: Path, template: str | None = TEMPLATE) -> Any:
    """Byte-level BPE of 332 entries, `<|endoftext|>` and ChatML's two among them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=332,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [m["content"] for row in chat_rows() for m in row["messages"]]
    tokenizer.train_from_iterator([*texts, "user\n", "assistant\n", "system\n"], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    fast.chat_template = template
    fast.save_pretrained(str(folder))
    return fast


def make_model(
    folder: Path,
    *,
    layers: int = 4,
    hidden: int = 128,
    heads: int = 4,
    template: str | None = TEMPLATE,
    seed: int = 0,
    vocabulary: int | None = None,
) -> Path:
    """Writes the model to `folder` and returns it."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = make_tokenizer(folder, template)
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=vocabulary or len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 3,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // 2),
        max_position_embeddings=2048,
        # With the usual 0.02 an adapter cannot halve the loss of a model that knows nothing.
        initializer_range=0.1,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    Qwen2ForCausalLM(config).save_pretrained(str(folder))
    return folder


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    make_model(target)
    write_rows(target / "rows.jsonl", chat_rows())
