"""The first minute: one forward and backward pass over the longest rows, without a step.

A job that would run out of memory says so at once and not at row 40,000.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

_OPTIMIZER_BYTES = {"adamw_bnb_8bit": 2, "paged_adamw_8bit": 0}


def check_memory(
    trainer: Any,
    rows: Sequence[dict[str, list[int]]],
    *,
    optimizer: str,
    checkpoints_activations: bool,
) -> None:
    """Runs `rows` (input_ids, labels) through the model once; weights, gradients, metrics and
    random state are as before. What the optimiser will keep is held meanwhile.

    Raises torch's own error when it does not fit.
    """
    model = trainer.model
    device = next(model.parameters()).device
    was_training = model.training
    with _same_randomness():
        trainable = [p for p in model.parameters() if p.requires_grad]
        count = sum(p.numel() for p in trainable)
        held = None
        if device.type == "cuda":
            size = _OPTIMIZER_BYTES.get(optimizer, 8) * count
            held = torch.empty(size, dtype=torch.uint8, device=device)
        if checkpoints_activations:
            # Renamed in transformers 5.2x; the older name goes away in 6.
            enable = getattr(model, "activation_checkpointing_enable", None)
            (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
        model.train()
        batch = trainer._prepare_inputs(trainer.data_collator(list(rows)))
        with trainer.compute_loss_context_manager():
            loss = trainer.compute_loss(model, batch)
        loss.backward()
        model.zero_grad(set_to_none=True)
        model.train(was_training)
        del held, loss, batch
    _forget_metrics(trainer)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _forget_metrics(trainer: Any) -> None:
    """SFTTrainer counts every loss it computes; this one is no part of the training."""
    metrics = getattr(trainer, "_metrics", None)
    if isinstance(metrics, dict):
        for values in metrics.values():
            values.clear()
    if hasattr(trainer, "_total_train_tokens"):
        trainer._total_train_tokens = 0


@contextmanager
def _same_randomness() -> Iterator[None]:
    """Every generator goes on as if nothing had been drawn."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if gpu is not None:
            torch.cuda.set_rng_state_all(gpu)
