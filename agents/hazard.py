"""Hazard: step values from where episodes lose their tasks. Without a critic, and without groups of one task (ours).

    toolgym train --algo hazard --env ToolGym/Airline-v0 --steps 50 --output runs/hazard
    python agents/hazard.py --env ToolGym/Airline-v0 --steps 50 --output runs/hazard

A return says that an episode failed, not where. Here a step that makes the task unsolvable is found exactly
(`toolgym.agents.rollouts.survival`: the rest of the gold chain, played in a fork), so an episode is a life that ends at
its first loss, and what is estimated are hazards, as in the analysis of survival times (Kaplan and Meier 1958):

    h_a = losses while action a of a gold chain was next / how often it was done or lost
    V(s) = product over the actions a that s has left of (1 - h_a)
    A_k = V(s_k+1) - V(s_k),    -V(s_k) at the step that lost the task,    0 behind it;    V = 1 where it is solved

Rates are pooled over all tasks, for most actions are common to many; those of a task's own episodes weigh more the more
of them there are, and an episode is in no rate that it is judged by (docs/hazard.md derives it, and measures its bias):

    h_a = (losses + prior * h) / (n + prior)                    over batches, older ones by `memory`; h: of all actions
    h_ag = (losses in group g + own * h_a) / (n in g + own)

`A_k` of the step that lost is multiplied by `blame`. Advantages are divided by the root of their mean square in the
batch. The loss is GRPO's by token. Rewards are not used: an episode is solved or not.

Shapes: B sequences in groups of G, T tokens, S steps.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Episodic, Rollout
from toolgym.agents.rollouts.survival import SurvivalRecorder, SurvivalRollout, with_survival
from toolgym.agents.training import hazard_options
from toolgym.agents.training.hazard_options import HazardOptions
from toolgym.agents.training.run_folder import read_state
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.domain import TaskSet

__all__ = ["HazardTrainer", "Hazards", "events", "hazard_advantages", "loss_of", "main", "make_trainer", "train"]

_LEAST, _MOST = 0.02, 0.98
"""Bounds of a rate: no action is certain."""
_FILE = "hazards.json"


def loss_of(episode: SurvivalRollout) -> int | None:
    """The step that lost the task; the last one of an episode that was cut short; None where it was solved."""
    if episode.solved:
        return None
    return len(episode.rewards) - 1 if episode.lost is None else episode.lost


def events(episode: SurvivalRollout) -> Iterator[tuple[str, bool]]:
    """The actions of the gold chain that were done or lost, in order, and whether it was lost: the last one alone."""
    lost = loss_of(episode)
    for step, (before, after) in enumerate(zip(episode.left, episode.left[1:], strict=False)):
        if step == lost:
            yield (before[0] if before else ""), True
            return
        yield from ((name, False) for name in (Counter(before) - Counter(after)).elements())


class Hazards:
    """How often each action of gold chains was done or lost, and how often lost.

    Args:
        prior: how many events of the mean action each action begins with.
        memory: what an event counts a batch later.
    """

    def __init__(self, prior: float, memory: float):
        self.prior, self.memory = prior, memory
        self.met: dict[str, float] = {}
        self.lost: dict[str, float] = {}

    def add(self, found: Sequence[Sequence[tuple[str, bool]]]) -> None:
        """Takes the events of a batch's episodes."""
        for counts in (self.met, self.lost):
            counts.update({name: count * self.memory for name, count in counts.items()})
        for name, lost in (event for episode in found for event in episode):
            self.met[name] = self.met.get(name, 0.0) + 1
            self.lost[name] = self.lost.get(name, 0.0) + lost

    def values(
        self, own: Sequence[tuple[str, bool]], group: Sequence[tuple[str, bool]], weight: float
    ) -> Callable[[Sequence[str]], float]:
        """V for an episode: the chance that all actions that are left are done, by their names.

        Args:
            own: its events, which are left out.
            group: the events of the other episodes of its task.
            weight: how many events of the task the rate of all tasks counts for.
        """
        met, lost = dict(self.met), dict(self.lost)
        for name, was_lost in own:
            met[name] -= 1
            lost[name] -= was_lost
        mean = (sum(lost.values()) + 1) / (sum(met.values()) + 2)
        rates = {name: (lost[name] + self.prior * mean) / (met[name] + self.prior) for name in met}
        for name in {name for name, _ in group}:
            here = [was_lost for other, was_lost in group if other == name]
            rates[name] = (sum(here) + weight * rates[name]) / (len(here) + weight)
        chances = {name: 1 - min(max(rate, _LEAST), _MOST) for name, rate in rates.items()}
        return lambda left: math.prod(chances.get(name, 1 - mean) for name in left)

    def save(self, path: Path) -> None:
        """Writes the counts."""
        path.write_text(json.dumps({"met": self.met, "lost": self.lost}), encoding="utf-8")

    def load(self, path: Path) -> None:
        """Reads what `save` wrote.

        Raises:
            ConfigError: the file is not there, or damaged.
        """
        self.met, self.lost = read_state(
            path,
            "Hazard",
            lambda held: [{name: float(count) for name, count in held[of].items()} for of in ("met", "lost")],
        )


def hazard_advantages(
    batch: EpisodeBatch, rows: Sequence[SurvivalRollout], hazards: Hazards, options: HazardOptions
) -> torch.Tensor:
    """`A_k` of each step on its tokens `(B, T)`, divided by the root of the mean square of those that are not 0.

    Args:
        batch: the episodes.
        rows: the same, with what each step left.
        hazards: the rates, with these episodes' events in them.
        options: `own`; `weight`: `log` divides by `V(s_k)`; `blame`, which multiplies that of the step that lost.
    """
    advantages_BS = torch.zeros(batch.rewards_BS.shape)
    found = [list(events(row)) for row in rows]
    for at, row in enumerate(rows):
        first = at // batch.group_size * batch.group_size
        group = [event for n in range(first, first + batch.group_size) if n != at for event in found[n]]
        value, lost = hazards.values(found[at], group, options.own), loss_of(row)
        values = [value(left) for left in row.left]
        for step in range(min(len(row.rewards), len(row.left) - 1)):
            gain = (0.0 if step == lost else values[step + 1]) - values[step]
            advantages_BS[at, step] = gain / values[step] if options.weight == "log" else gain
            if step == lost:
                advantages_BS[at, step] *= options.blame
                break
    taken = advantages_BS[(advantages_BS != 0) & batch.usable_B[:, None]]
    if len(taken):
        advantages_BS = advantages_BS / taken.square().mean().sqrt()
    return advantages_BS.gather(1, batch.step_BT.clamp(min=0)) * batch.sampled_BT * batch.usable_B[:, None]


class HazardTrainer(ToolTrainer):
    """Plays in environments that know when their task is lost. The estimator is not asked."""

    def __init__(self, *args: Any, options: HazardOptions, **kwargs: Any):
        self.options = options
        super().__init__(*args, **kwargs)
        self.hazards = Hazards(options.prior, options.memory)

    def furnish(self, envs: Sequence[Episodic], tasks: TaskSet) -> None:
        """Takes the environments, and looks in each whether its task is lost."""
        self._recorders = [SurvivalRecorder(env, cut=self.options.cut) for env in envs]
        super().furnish(cast(list[Any], self._recorders), tasks)

    def played_with(self) -> tuple[str, ...]:
        """The options too."""
        return (*super().played_with(), "options")

    def play(self, tasks: Sequence[int], attempt: int = 0) -> list[Rollout]:
        """An episode of each task; steps in forks are counted as played."""
        played = super().play(tasks, attempt)
        in_forks = sum(recorder.fork_steps for recorder in self._recorders[: len(tasks)])
        self._env_steps += in_forks
        self._record("hazard/fork_steps", in_forks / max(sum(len(episode.rewards) for episode in played), 1))
        return list(with_survival(played, self._recorders))

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """The advantages; takes the episodes' losses into the rates."""
        rows = cast(list[SurvivalRollout], self.latest)
        found = [list(events(row)) if row.usable else [] for row in rows]
        self.hazards.add(found)
        done = sum(len(episode) for episode in found)
        self._record("hazard/rate", sum(lost for episode in found for _, lost in episode) / max(done, 1))
        self._record("hazard/actions", len(self.hazards.met))
        return {"advantages": hazard_advantages(batch, rows, self.hazards, self.options)}

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save:
            self.hazards.save(Path(output_dir) / _FILE)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            self.hazards.load(Path(checkpoint) / _FILE)


def make_trainer(
    config: HazardOptions,
    *,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> ToolTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    kind = partial(HazardTrainer, options=config)
    return prepare(config, grpo_advantages, trainer=kind, model=model, tokenizer=tokenizer, callbacks=callbacks)


def train(config: HazardOptions) -> Path:
    """Runs Hazard and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return hazard_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
