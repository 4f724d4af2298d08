"""Learning rates over a run: transformers' schedules, with a warm-up whose first step learns already."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from toolgym.agents.training.options import check_ranges
from toolgym.errors import ConfigError

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR
    from transformers.trainer_utils import SchedulerType

__all__ = ["Schedule", "budget_schedule", "check_schedule", "schedule_args", "warmed_up"]

Schedule = Literal["constant", "linear", "cosine"]
"""linear and cosine fall to 0 over the steps of the run; where it ends by `env_steps`, over these."""


def check_schedule(config: Any) -> None:
    """Raises where a run's warm-up is negative, or as long as the run.

    Raises:
        ConfigError: it names the option and its value.
    """
    check_ranges(config, least_0=("warmup_steps",))
    if config.warmup_steps >= config.steps > 0:
        raise ConfigError(
            f"warmup_steps={config.warmup_steps} must be below steps={config.steps}: the learning rate would never "
            "reach its value"
        )


def schedule_args(schedule: Schedule, warmup_steps: int) -> dict[str, Any]:
    """transformers' arguments of a schedule."""
    kind = "constant_with_warmup" if schedule == "constant" and warmup_steps else schedule
    return {"lr_scheduler_type": kind, "warmup_steps": warmup_steps}


def budget_schedule(
    kind: "SchedulerType", optimizer: "Optimizer", warmup_steps: int, spent: Callable[[int], float]
) -> "LambdaLR":
    """A schedule that falls as a budget is spent, for a run whose number of steps is not known beforehand.

    Args:
        kind: linear or cosine.
        optimizer: whose rates they are.
        warmup_steps: of them the rate is 1/(N + 1), ..., N/(N + 1) of what it would be.
        spent: the share of the budget that is spent once so many steps were taken.
    """
    from torch.optim.lr_scheduler import LambdaLR
    from transformers.trainer_utils import SchedulerType

    def factor(steps: int) -> float:
        share = min(spent(steps), 1.0)
        falling = 1 - share if kind == SchedulerType.LINEAR else (1 + math.cos(math.pi * share)) / 2
        return falling * min((steps + 1) / (warmup_steps + 1), 1.0)

    return LambdaLR(optimizer, factor)


def warmed_up(kind: "SchedulerType", optimizer: "Optimizer", warmup_steps: int, steps: int) -> "LambdaLR":
    """transformers' schedule of that name, a step further on: warm-up goes over 1/(N + 1), ..., N/(N + 1) of the rate.

    transformers' own first rate is 0. The step of it would play its episodes and learn nothing from them.
    """
    from transformers.optimization import (
        get_constant_schedule_with_warmup,
        get_cosine_schedule_with_warmup,
        get_linear_schedule_with_warmup,
    )
    from transformers.trainer_utils import SchedulerType

    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])  # torch asks for it of a schedule that does not begin at its start
    if kind == SchedulerType.CONSTANT_WITH_WARMUP:
        return get_constant_schedule_with_warmup(optimizer, warmup_steps + 1, last_epoch=0)
    make = get_linear_schedule_with_warmup if kind == SchedulerType.LINEAR else get_cosine_schedule_with_warmup
    return make(optimizer, warmup_steps + 1, steps + 1, last_epoch=0)
