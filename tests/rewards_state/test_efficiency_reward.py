"""Efficiency: OTC, HDPO's condition, prices and budgets."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgym.errors import ConfigError
from toolgym.rewards import make_reward
from toolgym.rewards.efficiency import (
    Budget,
    BudgetTerm,
    CallCost,
    ConditionalEfficiencyTerm,
    OTCTerm,
    otc_factor,
    tool_productivity,
)
from toolgym.tasks import Task


def test_otc_by_hand() -> None:
    # n = 3, m = 6: f = 2 * 3 * 6 / 9 = 4, sin(4 pi / 6) = sqrt(3) / 2. m = 1: f = 6 / 4 = 1.5, sin(pi / 4).
    assert otc_factor(3, 3) == pytest.approx(1.0)
    assert otc_factor(6, 3) == pytest.approx(math.sqrt(3) / 2)
    assert otc_factor(1, 3) == pytest.approx(math.sqrt(0.5))
    assert otc_factor(0, 3) == 0.0
    # n not known, c = 10, m = 5: cos(5 pi / 20) = cos(pi / 4).
    assert otc_factor(5, None) == pytest.approx(math.sqrt(0.5))
    assert otc_factor(0, 0) == otc_factor(0, None) == 1.0


@given(st.integers(0, 60), st.integers(0, 60) | st.none())
def test_otc_is_best_at_what_is_needed(made: int, needed: int | None) -> None:
    assert 0.0 <= otc_factor(made, needed) <= 1.0 + 1e-12
    assert otc_factor(made, needed) <= otc_factor(needed or 0, needed) + 1e-12


def test_terms_pay_only_solved_episodes(play: Any, vault_task: Task, make_turn: Any) -> None:
    say = make_turn(response="2")
    lean = play(make_turn("look red", "unlock red", "unlock blue"), say, outcome="solved")
    wide = play(
        make_turn("look red", "look red", "look red", "look red", "unlock red", "unlock blue"), say, outcome="solved"
    )
    failed = play(make_turn("unlock red"), say, outcome="unsolved")
    assert OTCTerm()(lean, vault_task) == pytest.approx(1.0)
    assert OTCTerm()(wide, vault_task) == pytest.approx(math.sqrt(3) / 2)
    assert ConditionalEfficiencyTerm()(lean, vault_task) == 1.0
    assert ConditionalEfficiencyTerm()(wide, vault_task) == 0.5
    assert OTCTerm()(failed, vault_task) == ConditionalEfficiencyTerm()(failed, vault_task) == 0.0
    assert make_reward("otc", alpha=2.0, cost=0.5).score(wide, vault_task)[0] == pytest.approx(math.sqrt(3))


def test_productivity() -> None:
    assert tool_productivity([True, False, True], [2, 5, 1]) == pytest.approx(2 / 8)
    assert tool_productivity([True], [0]) == 1.0


def test_prices(play: Any, vault_task: Task, make_turn: Any) -> None:
    two = play(make_turn("look red"), make_turn("look red", "note a b"))
    assert CallCost(0.1, {"note": 1.0})(two, vault_task) == pytest.approx(-1.1)
    assert CallCost()(play(make_turn(response="hi")), vault_task) == 0.0


def test_budgets(play: Any, vault_task: Task, make_turn: Any, prefix_sums: Any) -> None:
    whole = play(make_turn("look red"), make_turn("look red", "note a b"), make_turn("look red"))
    # Four calls on a budget of two: the third call (step 2) oversteps by 1/2, the fourth by another 1/2.
    assert prefix_sums(BudgetTerm(Budget(calls=2)), whole, vault_task) == pytest.approx([0, -0.5, -0.5])
    # No note is allowed: each one counts whole.
    assert prefix_sums(BudgetTerm(Budget(per_tool={"note": 0})), whole, vault_task) == pytest.approx([0, -1, 0])
    assert Budget(calls=8, per_tool={"note": 2}).status(whole) == "Budget. calls: 50% left; calls of note: 50% left."
    with pytest.raises(ConfigError, match="limits calls"):
        Budget()
