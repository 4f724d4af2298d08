"""Learning from forks: advantages by hand, trees that are token-exact, and an exact check that the vine is unbiased."""

import itertools
import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.agents.builtin.policy import save_checkpoint
from toolgym.agents.grpo import GRPOOptions, grpo_advantages
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.models import load_model, quiet
from toolgym.agents.policies.policy import Completion
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.forks import ForkRecorder, grow, pick_states, state_values, states_of
from toolgym.agents.rollouts.rollout import Rollout, Start, rollouts
from toolgym.agents.training.callbacks import MetricsFile
from toolgym.agents.training.running import RunConfig, grpo_args, run, task_order
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.agents.tree import (
    TreeOptions,
    TreeTrainer,
    VineOptions,
    VineTrainer,
    fork_advantages,
    main,
    vine_advantages,
)
from toolgym.errors import ConfigError, InfraError
from toolgym.opening import open_env

pytestmark = pytest.mark.slow

TIMES = ("seconds/rollout", "step_time", "epoch")


def batch_of(
    rewards: list[list[float]], steps: list[int], group_size: int, usable: list[bool] | None = None
) -> EpisodeBatch:
    """A batch in which every step has one token: rewards (B, S), padded, and how many steps each episode has."""
    steps_B = torch.tensor(steps)
    columns = torch.arange(len(rewards[0]))
    step_BT = torch.where(columns < steps_B[:, None], columns, -1)
    return EpisodeBatch(
        rewards_BS=torch.tensor(rewards),
        steps_B=steps_B,
        step_BT=step_BT,
        types_BT=step_BT.clamp(max=0),
        logprobs_BT=torch.zeros(step_BT.shape),
        solved_B=torch.zeros(len(rewards), dtype=torch.bool),
        usable_B=torch.tensor(usable or [True] * len(rewards)),
        group_size=group_size,
    )


def rows(tensor: torch.Tensor) -> list[Any]:
    return [pytest.approx(row, abs=1e-6) for row in tensor.tolist()]


# Advantages ----------------------------------------------------------------------------------------------------

# A tree of four episodes with returns 1, 0, 3, 2: rows 0 and 1 are roots; row 2 shares one step with row 0, row 3 two.
#   opening -+- (row 0, step 0): rows 0, 2, 3 -+- (0, 1): rows 0, 3 -+- (0, 2): row 0, return 1
#            |                                 |                     +- (3, 2): row 3, return 2
#            |                                 +- (2, 1): row 2, return 3
#            +- (row 1, step 0): row 1, return 0
RETURNS = [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 2.0]]
PARENT, SHARED = torch.tensor([-1, -1, 0, 0]), torch.tensor([0, 0, 1, 2])


def test_fork_advantages_by_hand() -> None:
    # At the opening: q = (1 + 3 + 2) / 3 = 2 and 0: 1 and -1. After (0, 0): q = (1 + 2) / 2 and 3: -3/4 and 3/4.
    # After (0, 1): 1 and 2: -1/2 and 1/2. Below a fork its advantage goes on; row 1 has two steps.
    batch = batch_of(RETURNS, [3, 2, 3, 3], 4)
    expected = [[1, -0.75, -0.5], [-1, -1, 0], [1, 0.75, 0.75], [1, -0.75, 0.5]]
    assert rows(fork_advantages(batch, PARENT, SHARED, scale=False)) == expected
    # The deviation of the sample 1, 0, 3, 2 is sqrt(5 / 3).
    unit = (5 / 3) ** 0.5 + 1e-4
    scaled = [[value / unit for value in row] for row in expected]
    assert rows(fork_advantages(batch, PARENT, SHARED)) == scaled


def test_a_broken_fork_is_in_no_mean() -> None:
    # Without row 2: q of (0, 0) = 3/2 against 0; after it only (0, 1) is left, no fork; then 1 and 2.
    batch = batch_of(RETURNS, [3, 3, 3, 3], 4, [True, True, False, True])
    expected = [[0.75, 0.75, -0.5], [-0.75, -0.75, -0.75], [0, 0, 0], [0.75, 0.75, 0.5]]
    assert rows(fork_advantages(batch, PARENT, SHARED, scale=False)) == expected


def test_groups_are_apart_and_equal_returns_give_0() -> None:
    two = batch_of(RETURNS + [[1.0, 1.0, 1.0]] * 4, [3, 2, 3, 3] + [3] * 4, 4)
    parent, shared = torch.cat([PARENT, torch.tensor([-1, -1, 4, 4])]), torch.cat([SHARED, SHARED])
    advantages = fork_advantages(two, parent, shared)
    one = fork_advantages(batch_of(RETURNS, [3, 2, 3, 3], 4), PARENT, SHARED)
    assert torch.equal(advantages[:4], one)
    assert not advantages[4:].any()


@settings(max_examples=50, deadline=None)
@given(
    returns=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=6, max_size=6),
    steps=st.lists(st.integers(1, 4), min_size=6, max_size=6),
    usable=st.lists(st.booleans(), min_size=6, max_size=6),
    scale=st.booleans(),
)
def test_without_forks_it_is_grpo(returns: list[float], steps: list[int], usable: list[bool], scale: bool) -> None:
    rewards = [[value / count] * count + [0.0] * (4 - count) for value, count in zip(returns, steps, strict=True)]
    batch = batch_of(rewards, steps, 3, usable)
    none = torch.full((6,), -1)
    advantages = fork_advantages(batch, none, torch.zeros(6, dtype=torch.long), scale=scale)
    assert torch.allclose(advantages, grpo_advantages(batch, scale=scale), atol=1e-4)


def test_vine_advantages_by_hand() -> None:
    # r = 1, 2 and V = 1/2, 1: 1 + 1 - 1/2 and 2 + 0 - 1. One step: 3 + 0 - 1, whatever stands in the padding.
    batch = batch_of([[1.0, 2.0], [3.0, 0.0], [5.0, 5.0]], [2, 1, 2], 1, [True, True, False])
    values = torch.tensor([[0.5, 1.0], [1.0, 7.0], [0.0, 0.0]])
    assert rows(vine_advantages(batch, values)) == [[1.5, 1], [2, 0], [0, 0]]
    # A value that is missing leaves both steps beside it without an advantage.
    nan = float("nan")
    missing = vine_advantages(batch, torch.tensor([[0.5, nan], [nan, nan], [nan, nan]]))
    assert rows(missing) == [[0, 0], [0, 0], [0, 0]]


# The vine is unbiased ----------------------------------------------------------------------------------------------

A, B = 1, 2
CHANCE = {(): 0.3, (A,): 0.6, (B,): 0.1}
"""The probability of A after each history."""
FIRST = {A: 0.25, B: 1.0}
SECOND = {(A, A): 1.0, (A, B): -2.0, (B, A): 3.0, (B, B): 0.5}


class TwoStepEnv:
    """Two actions; each step's reward is looked up."""

    trajectory = None

    def __init__(self, said: tuple[int, ...] = ()):
        self.said = said

    def fork(self) -> "TwoStepEnv":
        return TwoStepEnv(self.said)

    def close(self) -> None:
        self.said = ()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.said = ()
        return "", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.said = (*self.said, int(action))
        over = len(self.said) == 2
        return "", SECOND[self.said] if over else FIRST[self.said[0]], over, False, {"outcome": "unsolved"}  # type: ignore[index]


class ScriptedDraws:
    """A policy whose draws are given; `chance` is the probability of those that it has made."""

    def __init__(self, draws: Sequence[int]):
        self.draws = iter(draws)
        self.said: dict[int, tuple[int, ...]] = {}
        self.chance = 1.0

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        ids = list(info.get("context_ids", [0]))
        self.said[slot] = tuple(ids[1:])
        return ids

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        out = []
        for slot in slots:
            draw = next(self.draws)
            self.chance *= CHANCE[self.said[slot]] if draw == A else 1 - CHANCE[self.said[slot]]
            self.said[slot] += (draw,)
            out.append(Completion(str(draw), [draw], [0.0]))
        return out

    def end(self, slot: int) -> None:
        self.said.pop(slot)

    def release(self) -> None:
        self.said.clear()


def true_advantages(first: int, second: int) -> list[float]:
    """Q - V of both steps, from the tables."""

    def value(said: tuple[int, ...]) -> float:
        return CHANCE[said] * SECOND[(*said, A)] + (1 - CHANCE[said]) * SECOND[(*said, B)]  # type: ignore[index]

    opening = sum(
        chance * (FIRST[action] + value((action,))) for action, chance in ((A, CHANCE[()]), (B, 1 - CHANCE[()]))
    )
    return [FIRST[first] + value((first,)) - opening, SECOND[first, second] - value((first,))]


@pytest.mark.parametrize("samples", [1, 2])
def test_the_vine_estimate_is_unbiased_exactly(samples: int) -> None:
    # Every outcome of the episode (2 draws) and of the continuations (2 a sample at the opening, 1 at the state after
    # a step) is played once, through the same code as in training; weighted by their chances, estimates are Q - V.
    policy: Any
    expected: dict[tuple[int, ...], list[float]] = {}
    weight: dict[tuple[int, ...], float] = {}
    total = 0.0
    for draws in itertools.product((A, B), repeat=2 + 3 * samples):
        policy = ScriptedDraws(draws)
        recorder = ForkRecorder(TwoStepEnv())
        played = rollouts(policy, [recorder], [Start()])
        values, turns = state_values(policy, states_of(played, [recorder]), 1, samples=samples, concurrency=4)
        assert turns == 3 * samples
        assert next(policy.draws, None) is None
        played[0].types = ["plan"] * 2
        advantages = vine_advantages(EpisodeBatch.of(played, 1), torch.tensor(values))[0].tolist()
        key = draws[:2]
        sums = expected.setdefault(key, [0.0, 0.0])
        sums[0] += policy.chance * advantages[0]
        sums[1] += policy.chance * advantages[1]
        weight[key] = weight.get(key, 0.0) + policy.chance
        total += policy.chance
    assert total == pytest.approx(1)
    for key, sums in expected.items():
        assert [value / weight[key] for value in sums] == pytest.approx(true_advantages(*key), abs=1e-5)


# Trees -------------------------------------------------------------------------------------------------------------


class LengthEnv:
    """Four turns; a message's reward grows with its length, modulo 5. Can be forked; may break at a turn."""

    breaks = True
    """Off: it is the fork behind that turn that fails."""

    def __init__(self, breaks_at: int | None = None):
        self.breaks_at = breaks_at
        self.turns, self.task = 0, 0
        self.trajectory = None

    def fork(self) -> "LengthEnv":
        if self.turns == self.breaks_at and not self.breaks:
            raise InfraError("no room for another server")
        twin = LengthEnv(self.breaks_at)
        twin.turns, twin.task = self.turns, self.task
        return twin

    def close(self) -> None:
        self.turns = 99

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.turns, self.task = 0, int((options or {}).get("task", 0))
        return "", {"messages": [{"role": "user", "content": "go " * (self.task % 3 + 1)}], "tools": []}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.turns += 1
        info: dict[str, Any] = {"messages": [{"role": "tool", "content": "ok" * self.turns}], "outcome": "unsolved"}
        if self.turns == self.breaks_at and self.breaks:
            return "", 1.0, True, False, {**info, "outcome": "infra_error"}
        return "", len(action) % 5 / 4, self.turns >= 4, False, info


def test_states_are_drawn_evenly_and_openings_last() -> None:
    states: Any = [[0, 0, 0], [0, 0], []]  # a row's length is its number of states
    rng = np.random.default_rng(0)
    picks = pick_states(states, 3, rng)
    assert sorted(picks) == [(0, 1), (0, 2), (1, 1)]
    assert {pick for _ in range(40) for pick in pick_states(states, 1, rng)} == set(picks)
    more = pick_states(states, 7, rng)
    assert all(2 <= more.count(pick) <= 3 for pick in picks)
    assert sorted(pick_states([[0], [0]], 2, rng)) == [(0, 0), (1, 0)]  # type: ignore[list-item]
    assert pick_states([[], []], 2, rng) == []


def grown(policy: LMPolicy, envs: Sequence[Any], starts: Sequence[Start], group_size: int) -> list[Any]:
    """One group: as many roots as starts, and forks of their states."""
    recorders = [ForkRecorder(env) for env in envs]
    roots = rollouts(policy, recorders, starts)
    states = states_of(roots, recorders)
    picks = pick_states(states, group_size - len(roots), np.random.default_rng(1))
    return grow(policy, roots, states, [picks], group_size=group_size, concurrency=3)


def check_tokens(model: Any, played: Sequence[Rollout]) -> None:
    """The log-probabilities recorded are those of the whole sequence under the model: contexts were what they seem."""
    for rollout in played:
        ids = rollout.prompt_ids + rollout.completion_ids
        with torch.no_grad():
            logps = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].float(), -1)
        for at, (own, logp) in enumerate(zip(rollout.env_mask, rollout.logprobs, strict=True)):
            if own:
                position = len(rollout.prompt_ids) + at
                assert logp == pytest.approx(float(logps[position - 1, ids[position]]), abs=1e-4)
        covered = [at for start, end in rollout.spans for at in range(start, end)]
        assert covered == [at for at, own in enumerate(rollout.env_mask) if own]


def test_forks_go_on_from_the_very_tokens_of_their_root(tiny_model: Any, tokenizer: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=7, context_tokens=256), seed=4)
    played = grown(policy, [LengthEnv(), LengthEnv()], [Start(options={"task": 1})] * 2, 6)
    assert [row.parent for row in played[:2]] == [-1, -1]
    check_tokens(tiny_model, played)
    for row in played[2:]:
        root = played[row.parent]
        cut = root.spans[row.shared][0]
        assert 1 <= row.shared <= 3
        assert row.completion_ids[:cut] == root.completion_ids[:cut]
        assert row.completion_ids[cut:] != root.completion_ids[cut:]
        assert row.rewards[: row.shared] == root.rewards[: row.shared]
        assert len(row.rewards) == len(row.spans) == 4
        texts = [tokenizer.decode(row.completion_ids[start:end]) for start, end in row.spans]
        assert len(texts) == 4


def test_forks_of_the_airline(tiny_model: Any, tokenizer: Any) -> None:
    env = open_env("ToolGym/Airline-v0", size="small", prompt="short")
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=6, context_tokens=900), seed=2)
    played = grown(policy, [env], [Start(options={"task": 3})], 3)
    check_tokens(tiny_model, played)
    for row in played:
        assert [step.reward for step in row.trajectory.steps] == row.rewards


# The trainers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def start(tiny_model: Any, tokenizer: Any, tmp_path: Path) -> str:
    save_checkpoint(tiny_model, tokenizer, tmp_path / "start")
    return str(tmp_path / "start")


def options(kind: Any, output: Path, **changes: Any) -> Any:
    usual = kind(
        output=output,
        steps=3,
        groups=2,
        rollouts=4,
        micro_batch=8,
        learning_rate=1e-3,
        max_new_tokens=8,
        context_tokens=256,
        save_steps=1,
        threads=1,
        progress=False,
    )
    return replace(usual, **changes)


def trainer_of(kind: Any, config: RunConfig, start: str, envs: Sequence[Any] | None = None) -> Any:
    model, tokenizer = load_model(start)
    tasks: Any = list(range(20))
    return kind(
        model,
        tokenizer,
        grpo_args(config),
        envs=envs or [LengthEnv() for _ in range(8)],
        tasks=tasks,
        order=task_order(20, 3 * config.groups, config.seed),
        estimator=grpo_advantages,
        sampling=SamplingOptions(max_new_tokens=config.max_new_tokens, context_tokens=config.context_tokens),
        callbacks=[MetricsFile(config.output / "metrics.jsonl")],
    )


def metrics(output: Path) -> list[dict[str, Any]]:
    lines = (output / "metrics.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if name not in TIMES} for line in lines]


@pytest.mark.parametrize(
    ("kind", "config"), [(TreeTrainer, TreeOptions(roots=2)), (VineTrainer, VineOptions(rollouts=4, samples=2))]
)
def test_interrupted_and_resumed_equals_uninterrupted(kind: Any, config: Any, start: str, tmp_path: Path) -> None:
    changes = {"roots": 2} if kind is TreeTrainer else {"samples": 2}
    whole = options(type(config), tmp_path / "whole", **changes)
    run(trainer_of(partial(kind, options=whole), whole, start), whole)
    half = options(type(config), tmp_path / "half", **changes)
    run(trainer_of(partial(kind, options=half), replace(half, steps=1), start), replace(half, steps=1))
    run(trainer_of(partial(kind, options=half), half, start), replace(half, resume=True))
    one, other = metrics(whole.output), metrics(half.output)
    assert len(one) == len(other) == 3
    for left, right in zip(one, other, strict=True):
        for name in left:
            assert left[name] == pytest.approx(right[name], abs=1e-6), name
    assert all(line["grad_norm"] > 0 for line in one)
    # Eight episodes of four turns; a fork's shared steps are not taken again; vine adds two continuations a state.
    if kind is VineTrainer:
        assert one[0]["env_steps"] == 8 * 4 + 2 * (2 * 4) + 8 * 2 * (3 + 2 + 1)
    else:
        assert one[0]["env_steps"] == 8 * 4 - 4 * one[0]["tree/shared_steps"]
        assert one[0]["tree/shared_steps"] >= 1


@pytest.mark.parametrize("blend", [0.0, 1.0])
def test_a_tree_without_forks_trains_as_grpo(blend: float, start: str, tmp_path: Path) -> None:
    tree = options(TreeOptions, tmp_path / "tree", roots=4, blend=blend)
    grpo = options(GRPOOptions, tmp_path / "grpo")
    with warnings.catch_warnings():
        quiet()
        trainer_of(partial(TreeTrainer, options=tree), tree, start).train()
        trainer_of(ToolTrainer, grpo, start).train()
    for left, right in zip(metrics(tree.output), metrics(grpo.output), strict=True):
        for name in right:
            assert left[name] == pytest.approx(right[name], abs=1e-4), name


@pytest.mark.parametrize(("breaks_at", "breaks"), [(1, True), (2, True), (1, False)])
@pytest.mark.parametrize("kind", [TreeTrainer, VineTrainer])
def test_what_the_infrastructure_breaks_is_left_out(
    kind: Any, breaks_at: int, breaks: bool, start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LengthEnv, "breaks", breaks)
    config = options(TreeOptions if kind is TreeTrainer else VineOptions, tmp_path / "run", steps=1)
    if kind is TreeTrainer:
        config = replace(config, roots=2)
    # The first group's environments all break; with two roots they are the first two, otherwise the first four.
    broken = 2 if kind is TreeTrainer else 4
    envs = [LengthEnv(breaks_at if slot < broken else None) for slot in range(8)]
    trainer = trainer_of(partial(kind, options=config), config, start, envs)
    with warnings.catch_warnings():
        quiet()
        trainer.train()
    assert [row.usable for row in trainer.latest] == [False] * 4 + [True] * 4
    (line,) = metrics(config.output)
    assert line["infra_errors"] == 0.5
    assert line["grad_norm"] > 0


def test_impossible_options_raise() -> None:
    with pytest.raises(ConfigError, match="roots=9"):
        TreeOptions(rollouts=8, roots=9)
    with pytest.raises(ConfigError, match="samples must be at least 1"):
        VineOptions(samples=0)


@pytest.mark.parametrize("preset", ["tree", "vine"])
def test_from_the_command_line_on_the_airline(preset: str, start: str, tmp_path: Path) -> None:
    output = tmp_path / "run"
    shape = ["--groups", "1", "--rollouts", "2", "--micro-batch", "2", "--max-new-tokens", "6", "--no-progress"]
    small = ["--model", start, "--size", "small", "--prompt", "short", "--threads", "1", "--steps", "1"]
    own = ["--roots", "1"] if preset == "tree" else ["--samples", "1"]
    assert main([*small, *shape, *own, "--output", str(output)], preset) == 0
    assert metrics(output)[0]["step"] == 1
