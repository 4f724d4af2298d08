"""Which steps were good: how well advantages of the learners agree with true ones, measured by forked continuations.

    python -m benchmarks.credit                                     # about four minutes on a free core
    python -m benchmarks.credit --tasks 24 --samples 6 --json

A policy plays a few episodes of each task, and from every state on the way `--samples` continuations are played in
forks. The true advantage of a step is the share of these that solve the task behind it, less the share before it (of
the last step: whether the task was solved). It is noisy itself: what an estimate without any error would correlate by
is told as the ceiling, from two halves of the continuations (Spearman and Brown's formula).

It also tells what Hazard assumes: from states behind a loss nothing should solve the task any more.
"""

import argparse
import json
import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.hazard import Hazards, events, hazard_advantages, loss_of
from toolgym.agents.policies import LMPolicy, SamplingOptions
from toolgym.agents.rollouts import Start, rollouts
from toolgym.agents.rollouts.branches import continuations
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.forks import ForkRecorder, states_of
from toolgym.agents.rollouts.survival import SurvivalRecorder, SurvivalRollout, with_survival
from toolgym.agents.steptool_group import same_step_advantages
from toolgym.agents.training.hazard_options import HazardOptions
from toolgym.opening import open_env

Played = tuple[list[SurvivalRollout], list[list[list[float]]], int]
"""Episodes; by episode and state, whether each continuation solved the task; the steps played to find losses."""
COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
PARTS = (slice(None), slice(0, None, 2), slice(1, None, 2))
"""All continuations of a state, and two halves of them."""


def play(options: argparse.Namespace) -> Played:
    """Plays the episodes, and the continuations of their states."""
    count = options.tasks * options.rollouts
    settings = {"size": "small", "prompt": "short", "depth": tuple(options.depth)}
    recorders = [ForkRecorder(open_env(options.env, split="train", **settings)) for _ in range(count)]
    watched = [SurvivalRecorder(recorder) for recorder in recorders]
    policy = LMPolicy.load(options.model, SamplingOptions(max_new_tokens=200, context_tokens=1536))
    starts = [Start(options={"task": options.first + row // options.rollouts}) for row in range(count)]
    with Progress(*COLUMNS, console=Console(stderr=True)) as progress:
        playing = progress.add_task("episodes", total=count)
        episodes = rollouts(policy, cast(Any, watched), starts, on_end=lambda *_: progress.advance(playing))
        states = states_of(episodes, recorders)
        flat = [state for row in states for state in row]
        going_on = progress.add_task("continuations", total=len(flat) * options.samples)
        ended = iter(continuations(policy, flat, options.samples, 64, on_end=lambda *_: progress.advance(going_on)))
    solved = [[[float(rest.solved) for rest in next(ended)] for _ in row] for row in states]
    return with_survival(episodes, watched), solved, sum(one.fork_steps for one in watched)


def differences(row: SurvivalRollout, values: Sequence[float]) -> list[float]:
    """The advantage of each step by the values of the states before it."""
    after = [*values[1 : len(row.rewards)], float(row.solved)]
    return [behind - before for before, behind in zip(values[: len(row.rewards)], after, strict=True)]


def by_step(batch: EpisodeBatch, advantages_BT: torch.Tensor) -> list[list[float]]:
    """Each step's advantage: that of its tokens."""
    out = []
    for row, steps in enumerate(batch.steps_B.tolist()):
        first = [(batch.step_BT[row] == step).nonzero()[0, 0] for step in range(steps)]
        out.append([float(advantages_BT[row, at]) for at in first])
    return out


def estimates(rows: list[SurvivalRollout], group_size: int) -> dict[str, list[list[float]]]:
    """What each learner makes of the episodes, by episode and step."""
    batch = EpisodeBatch.of(rows, group_size)
    solved = EpisodeBatch.of(rows, group_size)
    solved.rewards_BS.zero_()
    for row, steps in enumerate(solved.steps_B.tolist()):
        solved.rewards_BS[row, steps - 1] = float(rows[row].solved)
    outcome = by_step(batch, grpo_advantages(solved))
    out = {
        "GRPO, outcome": outcome,
        "GRPO, return": by_step(batch, grpo_advantages(batch)),
        "StepTool without a critic": by_step(batch, same_step_advantages(batch)),
        "GRPO, outcome; blame where lost": [
            [value if value > 0 or step == loss_of(row) else 0.0 for step, value in enumerate(values)]
            for row, values in zip(rows, outcome, strict=True)
        ],
        "the loss alone": [[-float(step == loss_of(row)) for step in range(len(row.rewards))] for row in rows],
    }
    for name, changes in {
        "Hazard": {},
        "Hazard, rates of all tasks alone": {"own": 1e6},
        "Hazard, logarithm": {"weight": "log"},
    }.items():
        config = HazardOptions(**cast(Any, changes))
        hazards = Hazards(config.prior, config.memory)
        hazards.add([list(events(row)) if row.usable else [] for row in rows])
        out[name] = by_step(batch, hazard_advantages(batch, rows, hazards, config))
    return out


def correlation(left: np.ndarray, right: np.ndarray) -> float:
    """Pearson's correlation of two arrays of one length; 0 where one of them does not vary."""
    return float(np.corrcoef(left, right)[0, 1]) if np.ptp(left) > 0 and np.ptp(right) > 0 else 0.0


def compared(played: Played, group_size: int) -> dict[str, Any]:
    """The correlations, the ceiling, and what is so of states behind a loss."""
    rows, solved, fork_steps = played
    means = [[[float(np.mean(state[part])) for state in row] for row in solved] for part in PARTS]
    whole, *halves = (
        np.concatenate([differences(row, values) for row, values in zip(rows, found, strict=True)]) for found in means
    )
    agree = correlation(halves[0], halves[1])
    behind = [
        float(np.mean(state))
        for row, states in zip(rows, solved, strict=True)
        for step, state in enumerate(states)
        if (lost := loss_of(row)) is not None and step > lost
    ]
    steps = sum(len(row.rewards) for row in rows)
    return {
        "episodes": len(rows),
        "solved": sum(row.solved for row in rows),
        "steps": steps,
        "fork_steps": fork_steps / steps,
        "ceiling": math.sqrt(2 * agree / (1 + agree)) if agree > 0 else 0.0,
        "states_behind_a_loss": len(behind),
        "solved_behind_a_loss": float(np.mean(behind)) if behind else None,
        "correlation": {
            name: correlation(np.concatenate(found), whole) for name, found in estimates(rows, group_size).items()
        },
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Plays, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="ToolGym/Airline-v0", help="environment")
    parser.add_argument("--model", default="builtin:imperfect", help="the policy that plays")
    parser.add_argument("--depth", type=int, nargs="+", default=[1, 2, 4, 5], help="depths of the tasks")
    parser.add_argument("--tasks", type=int, default=24, help="train tasks")
    parser.add_argument("--first", type=int, default=5000, help="the first of them")
    parser.add_argument("--rollouts", type=int, default=4, help="episodes a task")
    parser.add_argument("--samples", type=int, default=6, help="continuations a state: an even number")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    if options.samples < 2 or options.samples % 2:
        parser.error(f"--samples must be an even number, got {options.samples}: two halves of them tell the ceiling")
    torch.set_num_threads(1)
    result = compared(play(options), options.rollouts)
    if options.json:
        print(json.dumps(result))
        return 0
    table = Table("advantages of", "correlation with the true ones")
    for name, value in result["correlation"].items():
        table.add_row(name, f"{value:.2f}")
    console = Console()
    console.print(table)
    console.print(
        f"{result['episodes']} episodes, {result['solved']} solved, {result['steps']} steps; ceiling "
        f"{result['ceiling']:.2f}; {result['fork_steps']:.0%} more steps to find losses; "
        f"{result['states_behind_a_loss']} states behind a loss, from which "
        f"{result['solved_behind_a_loss'] or 0:.0%} of the continuations solve the task"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
