"""The models of the GPU check, with random weights, and rows for them. Nothing is downloaded."""

from pathlib import Path
from typing import Any

from tiny_model import ANSWERS, SUBJECTS, make_tokenizer, write_rows

#: Narrow layers, and more than a quarter of the weights in the words.
LARGE = {
    "name": "Qwen2.5-0.5B",
    "vocab_size": 151_936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}
#: As wide as those of models that are really tuned.
WIDE = {
    "name": "four layers of Mistral 7B",
    "vocab_size": 32_000,
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 4,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "tie_word_embeddings": False,
}


def make_gpu_model(folder: Path, shape: dict[str, Any]) -> Path:
    """A model of that shape in bf16, made on the GPU, which takes a second; returns its folder."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = make_tokenizer(folder)
    config = Qwen2Config(
        **{name: value for name, value in shape.items() if name != "name"},
        max_position_embeddings=32_768,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    with torch.device("cuda"):
        model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(str(folder))
    del model
    torch.cuda.empty_cache()
    return folder


def read_shape(folder: Path) -> dict[str, int]:
    """What the services' estimate goes by, of a model in a folder."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(folder))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    model.tie_weights()
    embedded = {id(end.weight): end.weight.numel() for end in ends}
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "embeddings": sum(embedded.values()),
        "hidden": config.hidden_size,
        "layers": config.num_hidden_layers,
        "headSize": config.hidden_size // config.num_attention_heads,
        "vocabulary": config.vocab_size,
    }


def write_texts(path: Path, model: Path, length: int, count: int) -> Path:
    """Rows of ordinary words, each a little longer than `length` tokens, so that all are alike."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(model))
    sentences = [a.format(s) for s in SUBJECTS for a in ANSWERS]
    tokens = len(tokenizer(" ".join(sentences))["input_ids"]) / len(sentences)
    needed = int(length / tokens) + 8
    rows = [
        {
            "text": " ".join(
                sentences[(row * 7 + k * (row % 5 + 1)) % len(sentences)] for k in range(needed)
            )
        }
        for row in range(count)
    ]
    return write_rows(path, rows)
