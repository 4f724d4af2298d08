"""ARPO: where entropy rose, which states episodes fork off, and the advantages of shared steps, by hand."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolgym.agents.arpo import ARPOOptions, Rise, choose, rises, shared_advantages
from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.branches import Branch
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.tree import step_owners
from toolgym.errors import ConfigError

V = 100
UNIT = math.log(V)


def root(turns: list[tuple[str, list[float]]], known: bool = True) -> tuple[Rollout, list[Branch]]:
    """An episode of turns of one type with these entropies (in ln V), two tokens of the environment's after each."""
    made = Rollout([1], outcome="unsolved")
    for number, (kind, entropies) in enumerate(turns):
        if number:
            made.env_mask += [0, 0]
            made.types += ["env", "env"]
        start = len(made.env_mask)
        made.env_mask += [1] * len(entropies)
        made.types += [kind] * len(entropies)  # type: ignore[list-item]
        made.spans.append((start, len(made.env_mask)))
        made.entropies += [one * UNIT for one in entropies] if known else []
    states: Any = [object()] * len(turns)
    return made, states


def told(found: list[Rise]) -> list[Any]:
    return [pytest.approx(tuple(one)) for one in found]


def test_rises_by_hand() -> None:
    # First tokens: two a turn. The first turn's mean is (0.2 + 0.4) / 2 = 0.3; after its tool's answer 0.5 (the third
    # token is not looked at): + 0.2. Step 2 comes after a response, and so after the user. Step 3: 0.1, - 0.2.
    one, states = root([("tool", [0.2, 0.4]), ("resp", [0.4, 0.6, 0.9]), ("tool", [0.9, 0.9]), ("resp", [0.1])])
    other, more = root([("tag_tool", [0.5]), ("resp", [0.4, 0.4])])
    found = rises([one, other], [states, more], 2, V)
    assert found == told([Rise(0, 1, 0.2), Rise(0, 3, -0.2), Rise(1, 1, -0.1)])
    # One the infrastructure broke has no states; of one whose entropies nobody knows nothing is said.
    assert rises([one], [[]], 2, V) == []
    blind, states = root([("tool", [0.2]), ("resp", [0.9])], known=False)
    assert rises([blind], [states], 2, V) == []


FOUND = [Rise(0, 1, 0.1), Rise(0, 2, 0.9), Rise(1, 1, 0.3), Rise(2, 1, -0.1), Rise(2, 2, 0.05)]


def test_states_to_fork_off_by_hand() -> None:
    # Above 0: at step 1 rows 1 and 0, by how far it rose; then at step 2 rows 0 and 2.
    assert [(one.row, one.step) for one in choose(FOUND, 0.0, 1, 9)] == [(1, 1), (0, 1), (0, 2), (2, 2)]
    assert [(one.row, one.step) for one in choose(FOUND, 0.0, 2, 3)] == [(1, 1), (1, 1), (0, 1)]
    # The bound itself is not above it.
    assert [(one.row, one.step) for one in choose(FOUND, 0.1, 1, 9)] == [(1, 1), (0, 2)]
    assert [(one.row, one.step) for one in choose(FOUND, -1.0, 1, 9)][2] == (2, 1)
    assert choose(FOUND, 0.9, 1, 9) == []


def batch_of(returns: list[float], steps: list[int], usable: list[bool] | None = None) -> EpisodeBatch:
    """One group; every step has one token, and the last one earns everything."""
    steps_B, count = torch.tensor(steps), len(returns)
    columns = torch.arange(max(steps))
    step_BT = torch.where(columns < steps_B[:, None], columns, -1)
    rewards_BS = (columns == steps_B[:, None] - 1) * torch.tensor(returns, dtype=torch.float64)[:, None]
    return EpisodeBatch(
        rewards_BS=rewards_BS,
        steps_B=steps_B,
        step_BT=step_BT,
        types_BT=step_BT.clamp(max=0),
        logprobs_BT=torch.zeros(step_BT.shape),
        solved_B=torch.zeros(count, dtype=torch.bool),
        usable_B=torch.tensor(usable or [True] * count),
        group_size=count,
    )


# Row 0 and 1 begin at the opening; row 2 shares row 0's first step, row 3 its first two.
PARENT, SHARED = torch.tensor([-1, -1, 0, 0]), torch.tensor([0, 0, 1, 2])


def hard(batch: EpisodeBatch, parent_B: torch.Tensor = PARENT, shared_B: torch.Tensor = SHARED) -> torch.Tensor:
    own_BT = grpo_advantages(batch, scale=False) * batch.usable_B[:, None]
    return shared_advantages(own_BT, batch, step_owners(parent_B, shared_B, batch.rewards_BS.shape[1]))


def rows(tensor: torch.Tensor) -> list[Any]:
    return [pytest.approx(row, abs=1e-6) for row in tensor.tolist()]


def test_hard_advantages_by_hand() -> None:
    # Returns 1, 0, 3, 4, mean 2: own advantages -1, -2, 1, 2. Step 0 is shared by rows 0, 2 and 3: 2/3. Step 1 by rows
    # 0 and 3: 1/2. What follows is each one's own.
    batch = batch_of([1.0, 0.0, 3.0, 4.0], [3, 2, 3, 3])
    assert rows(hard(batch)) == [[2 / 3, 0.5, -1], [-2, -2, 0], [2 / 3, 1, 1], [2 / 3, 0.5, 2]]


def test_what_broke_is_in_no_mean() -> None:
    # Without row 3: returns 1, 0, 3, mean 4/3: -1/3, -4/3, 5/3. Step 0 is shared by rows 0 and 2: 2/3.
    batch = batch_of([1.0, 0.0, 3.0, 9.0], [3, 2, 3, 3], [True, True, True, False])
    assert rows(hard(batch)) == [[2 / 3, -1 / 3, -1 / 3], [-4 / 3, -4 / 3, 0], [2 / 3, 5 / 3, 5 / 3], [0, 0, 0]]


@given(
    returns=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=4, max_size=4),
    usable=st.lists(st.booleans(), min_size=4, max_size=4),
    opening=st.booleans(),
)
def test_hard_and_soft_push_a_shared_step_the_same(returns: list[float], usable: list[bool], opening: bool) -> None:
    """The advantages of a step's tokens add up alike over the episodes that share it: soft is hard in GRPO's loss."""
    batch = batch_of(returns, [3, 2, 3, 3], usable)
    shared_B = torch.zeros(4, dtype=torch.long) if opening else SHARED
    own_BT = grpo_advantages(batch, scale=False) * batch.usable_B[:, None]
    found = hard(batch, PARENT, shared_B)
    for step, members in ((0, [0, 2, 3]), (1, [0, 3])):
        assert float(found[members, step].sum()) == pytest.approx(float(own_BT[members, step].sum()), abs=1e-5)
    if opening:  # nothing is shared: those are GRPO's
        assert torch.equal(found, own_BT)


def test_options_that_cannot_be_raise() -> None:
    for changes, said in (
        ({"threshold": 1.5}, "difference of two shares"),
        ({"forks": 0}, "forks must be above 0"),
        ({"entropy_tokens": 0}, "entropy_tokens must be above 0"),
        ({"roots": 9}, "roots=9"),
        ({"advantage": "sotf"}, "Did you mean 'soft'"),
        ({"vllm": "http://localhost:1", "temperature": 1.0}, "no server tells"),
    ):
        with pytest.raises(ConfigError, match=said):
            ARPOOptions(**changes)
