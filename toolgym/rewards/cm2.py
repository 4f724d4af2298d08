"""CM2: checklist rewards for multi-turn, multi-step tool use, and the advantages made of them.

A conversation has user turns, a turn has steps, and each turn has one or more checklists (sets) of binary items with
weights and dependences. Verdicts say which item each step satisfies; who decides them (a program, a judge) is not
this module's matter.

* Turn reward: the weight of the items that any step of the turn satisfies, averaged over the sets and divided by the
  number of turns of the checklist, at the turn's last step. Range [0, 1/turns]; dependences play no part.
* Step level: at every step, the items that are open (dependences met by earlier steps of the turn, not satisfied
  before) give weight times (eta^delay - group mean), where delay counts the steps lost since the item became open and
  an item never satisfied scores 0.
* Turn level: turn rewards minus their group's mean at that turn, on every step of the turn.
* Trajectory level: the summed rewards, group-normalised as in GRPO, on every step.

`source="reference_code"` reproduces the published aggregation where it departs from the above: an item met in the
very step that met its dependences scores eta^-1 in the mean and gives no advantage, the delay in a sample's own score
is that of the *last* satisfying step, and for an item with dependences it is counted from the dependences' delays
instead of their steps.

A mean of `min_group` samples or fewer is not trusted: such an item (or turn) gives no advantage. In the published code
`min_group` is of the step level alone: at turn level it has 4, whatever is given.

Shapes: B samples, S steps of a sample, T tokens.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from toolgym.errors import ConfigError
from toolgym.rewards.base import Reward, register
from toolgym.rewards.checklist import satisfied_by_step
from toolgym.tasks import JudgedCheck, Task
from toolgym.trajectory import Trajectory

__all__ = [
    "CM2Term",
    "Level",
    "Options",
    "Sample",
    "TurnChecklist",
    "advantages",
    "goes_on",
    "to_tokens",
    "turn_rewards",
]

Level = Literal["step", "turn", "trajectory"]
Source = Literal["paper", "reference_code"]
_EPS = 1e-6
_PUBLISHED_GROUP = 4
"""The published code's `min_group` at turn level."""


@dataclass(frozen=True, slots=True)
class TurnChecklist:
    """One set's items of one turn: weights, and for each item the positions of the items that it depends on."""

    weights: tuple[float, ...]
    depends_on: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, items: Sequence[dict[str, Any]]) -> "TurnChecklist":
        """From objects with `id`, `weight` and `dependence` (ids within the turn).

        Raises:
            ConfigError: an item depends on one that the turn does not have.
        """
        position = {item["id"]: i for i, item in enumerate(items)}
        try:
            needs = tuple(tuple(position[need] for need in item["dependence"]) for item in items)
        except KeyError as missing:
            have = ", ".join(position)
            raise ConfigError(f"A checklist item depends on {missing}, which its turn lacks. It has: {have}.") from None
        return cls(tuple(float(item["weight"]) for item in items), needs)


@dataclass(frozen=True, slots=True)
class Sample:
    """A judged conversation.

    `checklists[set][turn]`; `verdicts[turn][set][step][item]`, one entry a turn that was reached; samples of equal
    `group` are compared with each other. `valid` is False where a judgement or the infrastructure failed: such a
    sample has reward 0, advantage 0 and no part in the group's means.
    """

    group: Hashable
    checklists: Sequence[Sequence[TurnChecklist]]
    verdicts: Sequence[Sequence[Sequence[Sequence[bool]]]]
    valid: bool = True

    @property
    def steps_per_turn(self) -> list[int]:
        """The number of steps of each turn that was reached."""
        return [len(turn[0]) if turn else 0 for turn in self.verdicts]


@dataclass(frozen=True, slots=True)
class Options:
    """How verdicts become advantages."""

    level: Level = "turn"
    """Where advantages are assigned. CM2 finds sparse assignment with dense criteria the most stable."""
    eta: float = 1.0
    """Step level: the factor a lost step costs, in (0, 1]."""
    normalise: bool = False
    """Divide by the open items' weight (step level) or by the group's standard deviation (turn, trajectory)."""
    min_group: int = 4
    """Means over this many samples or fewer are not trusted (step and turn level; in `reference_code` step level)."""
    source: Source = "paper"
    """Which delays to use (see the module's head)."""


def turn_rewards(sample: Sample, dtype: DTypeLike = np.float64) -> np.ndarray:
    """Rewards (turns reached,): the weight that each turn satisfied, averaged over sets, over the number of turns."""
    rewards = np.zeros(len(sample.verdicts), dtype)
    if not sample.valid or not sample.checklists:
        return rewards
    for t, sets in enumerate(sample.verdicts):
        for items, steps in zip((s[t] for s in sample.checklists), sets, strict=True):
            met = np.zeros(len(items.weights), dtype=bool)
            for verdicts in steps:
                met |= np.asarray(verdicts, dtype=bool)
            rewards[t] += float(np.dot(met, items.weights))
    return rewards / len(sample.checklists) / len(sample.checklists[0])


def _precision(options: Options) -> DTypeLike:
    # The published code works in single precision, which shows where a group's rewards are almost equal.
    return np.float32 if options.source == "reference_code" else np.float64


def goes_on(required: Sequence[bool], satisfied: Sequence[bool]) -> bool:
    """Whether the conversation goes on after a turn: every item required for the next turn is satisfied."""
    return all(met for need, met in zip(required, satisfied, strict=True) if need)


@dataclass(slots=True)
class _Walk:
    """One turn of one sample under one set."""

    scores: dict[int, float]
    """Item -> its score, for the items that were open at some step; 0 where it was never met."""
    open: list[list[int]]
    """Step -> the items that the step is credited (or charged) for."""


def _walk(items: TurnChecklist, steps: Sequence[Sequence[bool]], first: int, options: Options) -> _Walk:
    """Follows the items through a turn whose first step is the sample's step number `first`."""
    published = options.source == "reference_code"
    met: dict[int, int] = {}  # item -> step of the turn that met it
    delays: dict[int, int] = {}
    walk = _Walk({}, [])
    for s, verdicts in enumerate(steps):
        before = [i for i in range(len(items.weights)) if _is_open(i, items, met)]
        # The published code goes through the items once, so that a dependence met in this step opens only later items.
        while True:
            known = len(met)
            for i, verdict in enumerate(verdicts):
                if _is_open(i, items, met):
                    walk.scores.setdefault(i, 0.0)
                    if verdict:
                        since = max((met[need] for need in items.depends_on[i]), default=-1)
                        met[i], delays[i] = s, s - since - 1
            if published or len(met) == known:
                break
        # An item opened and met by one step never counts in the published code; here that step gets its due.
        same_step = [] if published else [i for i, step in met.items() if step == s and i not in before]
        walk.open.append(before + sorted(same_step))
    floor = -1 if published else 0
    walk.scores.update((i, options.eta ** max(floor, delay)) for i, delay in delays.items())
    return walk


def _is_open(item: int, items: TurnChecklist, met: dict[int, int]) -> bool:
    return item not in met and all(need in met for need in items.depends_on[item])


def _published_scores(
    items: TurnChecklist, steps: Sequence[Sequence[bool]], first: int, eta: float
) -> dict[int, float]:
    """Scores as in the published advantages: delays of the last satisfying step, from the dependences' delays."""
    delays: dict[int, int] = {}
    for s, verdicts in enumerate(steps):
        for i, verdict in enumerate(verdicts):
            needs = items.depends_on[i]
            if verdict and all(need in delays for need in needs):
                delays[i] = first + s - max(-1, *(delays[need] for need in needs)) - 1 if needs else s
    return {i: eta**delay for i, delay in delays.items()}


def advantages(samples: Sequence[Sample], options: Options | None = None) -> list[np.ndarray]:
    """Per-step advantages, one array (S,) a sample.

    Raises:
        ConfigError: `eta` is not in (0, 1].
    """
    options = options or Options()
    if not 0 < options.eta <= 1:
        raise ConfigError(f"eta is {options.eta}; the factor a lost step costs is in (0, 1].")
    groups: dict[Hashable, list[int]] = {}
    for b, sample in enumerate(samples):
        groups.setdefault(sample.group, []).append(b)
    out = [np.zeros(sum(sample.steps_per_turn)) for sample in samples]
    estimate = {"step": _step_level, "turn": _turn_level, "trajectory": _trajectory_level}[options.level]
    for members in groups.values():
        estimate(samples, members, options, out)
    return out


def _step_level(samples: Sequence[Sample], members: list[int], options: Options, out: list[np.ndarray]) -> None:
    members = [b for b in members if samples[b].valid]
    gained = [np.zeros_like(out[b]) for b in members]
    weight = [np.zeros_like(out[b]) for b in members]
    for k in range(len(samples[members[0]].checklists) if members else 0):
        for t in range(max(len(samples[b].verdicts) for b in members)):
            walks: dict[int, tuple[int, _Walk, dict[int, float]]] = {}
            for m, b in enumerate(members):
                if t < len(samples[b].verdicts):
                    items, steps = samples[b].checklists[k][t], samples[b].verdicts[t][k]
                    first = sum(samples[b].steps_per_turn[:t])
                    walk = _walk(items, steps, first, options)
                    published = options.source == "reference_code"
                    scores = _published_scores(items, steps, first, options.eta) if published else walk.scores
                    walks[m] = (first, walk, scores)
            pooled: dict[int, list[float]] = {}
            for _, walk, _ in walks.values():
                for i, score in walk.scores.items():
                    pooled.setdefault(i, []).append(score)
            for m, (first, walk, scores) in walks.items():
                weights = samples[members[m]].checklists[k][t].weights
                for s, items_open in enumerate(walk.open):
                    for i in items_open:
                        weight[m][first + s] += weights[i]
                        if len(pooled[i]) > options.min_group:
                            gained[m][first + s] += weights[i] * (scores.get(i, 0.0) - float(np.mean(pooled[i])))
    for m, b in enumerate(members):
        out[b][:] = gained[m] / np.where(weight[m] > 0, weight[m], 1.0) if options.normalise else gained[m]


def _turn_level(samples: Sequence[Sample], members: list[int], options: Options, out: list[np.ndarray]) -> None:
    # Rewards without the division by the number of turns, so that a turn's advantage is of the size of its checklist.
    rewards = {
        b: turn_rewards(samples[b], _precision(options)) * len(samples[b].checklists[0])
        for b in members
        if samples[b].valid and samples[b].checklists
    }
    least = _PUBLISHED_GROUP if options.source == "reference_code" else options.min_group
    for t in range(max((len(r) for r in rewards.values()), default=0)):
        values = {b: r[t] for b, r in rewards.items() if t < len(r)}
        if len(values) <= least:
            continue
        pool = np.array(list(values.values()))
        mean = pool.mean()
        spread = float(pool.std(ddof=1)) + _EPS if options.normalise and len(pool) > 1 else 1.0
        for b, value in values.items():
            first = sum(samples[b].steps_per_turn[:t])
            out[b][first : first + samples[b].steps_per_turn[t]] = (value - mean) / spread


def _trajectory_level(samples: Sequence[Sample], members: list[int], options: Options, out: list[np.ndarray]) -> None:
    # As in the published code, an invalid sample takes part with reward 0 here (and would be masked by the trainer).
    kept = members if options.source == "reference_code" else [b for b in members if samples[b].valid]
    if len(kept) < 2:
        for b in kept:
            out[b][:] = turn_rewards(samples[b]).sum() if options.source == "reference_code" else 0.0
        return
    totals = np.array([turn_rewards(samples[b], _precision(options)).sum() for b in kept])
    spread = float(totals.std(ddof=1)) + _EPS if options.normalise else 1.0
    for b, total in zip(kept, totals, strict=True):
        out[b][:] = (total - totals.mean()) / spread


def to_tokens(values: np.ndarray, lengths: Sequence[int], gap: int = 1) -> np.ndarray:
    """Step values (S,) spread over each step's tokens; `gap` environment tokens (0) follow each step. Result (T,)."""
    parts = [
        part for value, length in zip(values, lengths, strict=True) for part in (np.full(length, value), np.zeros(gap))
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


@dataclass(frozen=True, slots=True)
class CM2Term:
    """The step reward of one episode by its programmatic items, in [-1, 1]; over an episode it sums to at most 1.

    `step`: items newly satisfied at the latest step give weight share times eta^delay, the delay counted from the
    step that satisfied their dependences (without any, from the user turn's first step). `turn`: what a user turn
    gained, at its last step. `trajectory`: the satisfied share at the episode's last step. An item lost again takes
    back what it gave.
    """

    level: Level = "step"
    eta: float = 1.0

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        items = {item.id: item for item in task.checklist if not isinstance(item.check, JudgedCheck)}
        total = sum(item.weight for item in items.values())
        steps = trajectory.steps
        if not steps or not total:
            return 0.0
        ends = [s for s, step in enumerate(steps) if step.user is not None]
        last = len(steps) - 1
        if self.level == "trajectory" and not trajectory.done:
            return 0.0
        if self.level == "turn" and not (trajectory.done or last in ends):
            return 0.0
        history = satisfied_by_step(trajectory, task, settled=True)
        gave = _gave(history, items, ends, self.eta if self.level == "step" else 1.0)
        since = {"step": last - 1, "turn": max((s for s in ends if s < last), default=-1), "trajectory": -1}[self.level]
        before = sum(gave[i][0] for i in history[since] if i in gave) if since >= 0 else 0.0
        return (sum(gave[i][0] for i in history[last] if i in gave) - before) / total


def _gave(history: list[tuple[str, ...]], items: dict, ends: list[int], eta: float) -> dict[str, tuple[float, int]]:
    """Item -> (weight times eta^delay at its first satisfaction, that step)."""
    gave: dict[str, tuple[float, int]] = {}
    for s, now in enumerate(history):
        for name in now:
            if name in gave:
                continue
            needs = [gave[need][1] for need in items[name].depends_on if need in gave]
            turn_starts_after = max((end for end in ends if end < s), default=-1)
            delay = max(0, s - max(needs, default=turn_starts_after) - 1)
            gave[name] = (items[name].weight * eta**delay, s)
    return gave


def cm2_reward(*, level: Level = "step", eta: float = 1.0) -> Reward:
    """CM2's checklist reward for one episode; the options are those of `CM2Term`.

    Args:
        level: where the reward is paid.
        eta: step level: what each step of delay since an item's dependences were met costs. At 1 the same calls earn
            the same in whatever turns they are made; below 1 calls merged into fewer turns earn more than the gold
            chain, as the paper's equation has it.
    """
    return Reward({"cm2": CM2Term(level, eta)}, {})


register("cm2", cm2_reward)
