"""What a resumed training does as its own request says, and not as its checkpoint did."""

from typing import Any, Final

from torch.optim.lr_scheduler import LambdaLR

#: Of an optimiser's groups; the rate follows from the scheduler.
_SETTINGS: Final = ("initial_lr", "weight_decay", "betas", "eps")


def keep_own_settings(trainer: Any) -> None:
    """Loading a checkpoint leaves rates, decay and intervals as `trainer` was made with.

    The states of optimiser, scheduler and trainer hold those of the run that saved them; moments
    and the position are all that is to be taken from there.
    """
    load = trainer._load_optimizer_and_scheduler

    def load_and_keep(checkpoint: Any) -> None:
        groups = [dict(group) for group in trainer.optimizer.param_groups]
        load(checkpoint)
        for group, own in zip(trainer.optimizer.param_groups, groups, strict=True):
            group.update({name: own[name] for name in _SETTINGS if name in own})
        _restart_rates(trainer.lr_scheduler, trainer.optimizer)
        trainer.state.compute_steps(trainer.args, trainer.state.max_steps)

    trainer._load_optimizer_and_scheduler = load_and_keep


def _restart_rates(scheduler: Any, optimizer: Any) -> None:
    """The rates of this step, on this request's curve; all of transformers' curves are such."""
    if not isinstance(scheduler, LambdaLR):
        return
    scheduler.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
    rates = [
        base * factor(scheduler.last_epoch)
        for base, factor in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
    ]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    scheduler._last_lr = rates
