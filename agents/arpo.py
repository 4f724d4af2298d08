"""ARPO: fork an episode where the policy is uncertain after a tool's answer (Dong et al. 2025, arXiv 2507.19849).

    toolgym train --algo arpo --env ToolGym/Airline-v0 --steps 50 --output runs/arpo
    toolgym train --algo arpo --advantage hard --threshold 0.02 --steps 50 --output runs/arpo-hard
    python agents/arpo.py --env ToolGym/Airline-v0 --steps 50 --output runs/arpo

"Agentic Reinforced Policy Optimization", §3. Of a group's M episodes (`rollouts`) N (`roots`) begin at the opening.
With H the mean entropy of a turn's first tokens, over ln V, episodes fork at the states after a tool's answer where

    P = alpha + beta * (H_k - H_first) > tau,    that is    H_k - H_first > threshold = (tau - alpha) / beta

until there are M; what is left of M then begins at the opening too. Advantages of an episode are GRPO's, and of a step
that several share:

    hard: A = mean of the advantages of the episodes that share it;   soft: each episode's own, on the shared tokens too

Under soft, GRPO's loss adds up the same: shared tokens have one ratio, so their terms sum to the mean times the number
of episodes (over each episode's own length, with a mean by episode). Soft is the paper's default, and ours.

Read: the abstract (the reading list), accounts of the paper's method and the published run's settings (M = 16, N = 8).
Deviations: the published code forks by chance, with probability P, and the paper by the rule above; alpha, beta and tau
act through `threshold` alone. Roots are played to their end before forks are chosen, and forks do not fork again. Of
more states than there are places, earlier steps come first, as they do in a rollout that grows, and of one step those
where entropy rose most. A state after a user's reply is not after a tool's.

Shapes: B sequences in groups of G, T tokens, S steps.
"""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.branches import Branch
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import arpo_options
from toolgym.agents.training.arpo_options import ARPOOptions
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.agents.tree import BranchTrainer, step_owners

__all__ = [
    "ARPOOptions",
    "ARPOTrainer",
    "Rise",
    "choose",
    "main",
    "make_trainer",
    "rises",
    "shared_advantages",
    "train",
]

_TOOL = {"tool", "tag_tool"}


class Rise(NamedTuple):
    """How far entropy after a tool's answer is above the episode's first."""

    row: int
    step: int
    """The step that follows the answer."""
    rise: float
    """The difference of both entropies over ln V, in [-1, 1]."""


def rises(roots: Sequence[Rollout], states: Sequence[Sequence[Branch]], tokens: int, vocabulary: int) -> list[Rise]:
    """The rise at each state of a group's roots that comes after a tool's answer.

    Args:
        roots: the episodes, with the entropies of their tokens.
        states: theirs, one before each step; none of episodes that the infrastructure broke.
        tokens: how many first tokens of a turn are looked at.
        vocabulary: V.
    """
    out = []
    for row, (root, own) in enumerate(zip(roots, states, strict=True)):
        drawn = np.cumsum([0, *root.env_mask]).tolist()  # entropies are of sampled tokens alone
        first = None
        for step, (start, end) in enumerate(root.spans[: len(own)]):
            found = root.entropies[drawn[start] : drawn[end]][:tokens]
            if not found:
                continue
            entropy = math.fsum(found) / len(found) / math.log(vocabulary)
            if step == 0:
                first = entropy
            elif first is not None and _TOOL.intersection(root.types[slice(*root.spans[step - 1])]):
                out.append(Rise(row, step, entropy - first))
    return out


def choose(found: Sequence[Rise], threshold: float, forks: int, count: int) -> list[Rise]:
    """The states that at most `count` episodes fork off, each named once an episode, `forks` times at most.

    Those whose rise is above the threshold; earlier steps first, of one step those with the larger rise.
    """
    above = sorted((one for one in found if one.rise > threshold), key=lambda one: (one.step, -one.rise, one.row))
    return [one for one in above for _ in range(forks)][:count]


def shared_advantages(advantages_BT: torch.Tensor, batch: EpisodeBatch, owner_BS: torch.Tensor) -> torch.Tensor:
    """ARPO's hard advantages `(B, T)`: on a step that episodes share the mean of theirs, elsewhere their own.

    Args:
        advantages_BT: each episode's own, the same on all of its sampled tokens.
        batch: the episodes; those that are not usable are in no mean, and keep theirs.
        owner_BS: the row that each step was first taken in (`toolgym.agents.tree.step_owners`).
    """
    out_BT = advantages_BT.clone()
    own_B = advantages_BT.gather(1, batch.sampled_BT.long().argmax(dim=1, keepdim=True))[:, 0]
    for step in range(owner_BS.shape[1]):
        sharing: dict[int, list[int]] = {}
        for row in range(len(owner_BS)):
            if batch.usable_B[row] and step < batch.steps_B[row]:
                sharing.setdefault(int(owner_BS[row, step]), []).append(row)
        for rows in sharing.values():
            mean = own_B[rows].mean()
            for row in rows if len(rows) > 1 else ():
                out_BT[row] = torch.where(batch.step_BT[row] == step, mean, out_BT[row])
    return out_BT


class ARPOTrainer(BranchTrainer):
    """Forks where entropy rose. The estimator gives each episode's advantage."""

    options: ARPOOptions

    def play(self, tasks: Sequence[int], attempt: int = 0) -> list[Rollout]:
        """Groups of episodes: `roots` begin at the opening, others where entropy rose, what is left at the opening."""
        self._found: list[Rise] = []
        self._forked: list[Rise] = []
        self._opened = 0
        out = super().play(tasks, attempt)
        above = [one.rise for one in self._found if one.rise > self.options.threshold]
        self._record("arpo/branches", len(self._forked))
        self._record("arpo/from_opening", self._opened)
        self._record("arpo/rose", len(above) / max(len(self._found), 1))
        for name, values in (
            ("rise", [one.rise for one in self._found]),
            ("rise_branched", [one.rise for one in self._forked]),
            ("step_branched", [one.step for one in self._forked]),
        ):
            if values:
                self._record(f"arpo/{name}", sum(values) / len(values))
        return out

    def pick(
        self, roots: Sequence[Rollout], states: Sequence[Sequence[Branch]], count: int, rng: np.random.Generator
    ) -> list[tuple[int, int]]:
        """The states where entropy rose; openings where there are fewer than `count`."""
        vocabulary = len(self.processing_class)  # pyright: ignore[reportArgumentType]
        found = rises(roots, states, self.options.entropy_tokens, vocabulary)
        chosen = choose(found, self.options.threshold, self.options.forks, count)
        opening = next((row for row, own in enumerate(states) if own), None)
        left = 0 if opening is None else count - len(chosen)
        self._found += found
        self._forked += chosen
        self._opened += left
        return [(one.row, one.step) for one in chosen] + [(opening or 0, 0)] * left

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """Each episode's advantage; with `advantage="hard"` shared steps have the mean of theirs."""
        out = super().estimate(batch)
        if self.options.advantage == "hard":
            owner_BS = step_owners(*self.places(batch), batch.rewards_BS.shape[1])
            out["advantages"] = shared_advantages(out["advantages"], batch, owner_BS)
        return out


def make_trainer(
    config: ARPOOptions,
    *,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> ToolTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    estimator, kind = partial(grpo_advantages, scale=config.scale), partial(ARPOTrainer, options=config)
    return prepare(config, estimator, trainer=kind, model=model, tokenizer=tokenizer, callbacks=callbacks)


def train(config: ARPOOptions) -> Path:
    """Runs ARPO and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return arpo_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
