"""What a resumed training takes from its checkpoint, and what from its own request."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from trainer_runtime.training.own_settings import keep_own_settings


def make_trainer(rate: float, decay: float, steps: int, logging_steps: int) -> Any:
    """As much of a trainer as loads a checkpoint; two groups, as transformers makes them."""
    from transformers.trainer_callback import TrainerState

    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    optimizer = torch.optim.AdamW(
        [
            {"params": [weights[0]], "weight_decay": decay},
            {"params": [weights[1]], "weight_decay": 0.0},
        ],
        lr=rate,
        betas=(0.8, 0.9) if decay else (0.9, 0.999),
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    trainer = SimpleNamespace(
        optimizer=optimizer,
        lr_scheduler=scheduler,
        args=SimpleNamespace(logging_steps=logging_steps, eval_steps=None, save_steps=500),
        state=TrainerState(max_steps=steps, logging_steps=5, eval_steps=5),
    )

    def load(checkpoint: Any) -> None:
        optimizer.load_state_dict(checkpoint["optimizer"])
        scheduler.load_state_dict(checkpoint["scheduler"])

    trainer._load_optimizer_and_scheduler = load
    return trainer


def train(trainer: Any, steps: int) -> dict[str, Any]:
    """A checkpoint after so many steps."""
    for _ in range(steps):
        for group in trainer.optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = torch.ones(2)
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    return {
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": trainer.lr_scheduler.state_dict(),
    }


def test_rates_and_intervals_are_the_requests_own() -> None:
    checkpoint = train(make_trainer(1e-2, 0.0, 10, 5), 4)
    trainer = make_trainer(1e-3, 0.1, 20, 1)
    keep_own_settings(trainer)
    trainer._load_optimizer_and_scheduler(checkpoint)
    decayed, other = trainer.optimizer.param_groups
    assert decayed["lr"] == other["lr"] == pytest.approx(1e-3 * (1 - 4 / 20))
    assert (decayed["weight_decay"], other["weight_decay"]) == (0.1, 0.0)
    assert decayed["betas"] == (0.8, 0.9)
    assert trainer.lr_scheduler.get_last_lr() == [decayed["lr"]] * 2
    assert trainer.state.logging_steps == 1
    # The moments are the checkpoint's.
    assert trainer.optimizer.state[decayed["params"][0]]["step"] == 4
    train(trainer, 1)
    assert decayed["lr"] == pytest.approx(1e-3 * (1 - 5 / 20))


def test_nothing_changes_where_nothing_differs() -> None:
    first = make_trainer(1e-2, 0.1, 10, 5)
    checkpoint = train(first, 4)
    trainer = make_trainer(1e-2, 0.1, 10, 5)
    keep_own_settings(trainer)
    trainer._load_optimizer_and_scheduler(checkpoint)
    for mine, theirs in zip(
        trainer.optimizer.param_groups, first.optimizer.param_groups, strict=True
    ):
        assert mine.keys() == theirs.keys()
        assert all(mine[name] == theirs[name] for name in mine if name != "params")
    assert trainer.lr_scheduler.get_last_lr() == first.lr_scheduler.get_last_lr()
