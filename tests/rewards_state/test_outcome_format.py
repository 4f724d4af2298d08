"""TAPO's and TGRL's rewards: every case by hand."""

from typing import Any

import pytest

from toolgym.messages import Turn, parse
from toolgym.rewards import make_reward
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

RIGHT = ("look red", "unlock red", "unlock blue")


@pytest.fixture
def cases(play: Any, make_turn: Any) -> dict[str, Trajectory]:
    """Episodes of the vault by what is the matter with them."""
    say, broken = make_turn(response="2"), parse("<tool_call>{")
    assert isinstance(broken, Turn)
    assert broken.problems
    return {
        "right": play(make_turn(*RIGHT), say, outcome="solved"),
        "right, one call refused": play(make_turn("unlock blue"), make_turn(*RIGHT), say, outcome="solved"),
        "right, one message malformed": play(broken, make_turn(*RIGHT), say, outcome="solved"),
        "wrong": play(make_turn("unlock red"), say, outcome="unsolved"),
        "wrong, one call refused": play(make_turn("unlock blue"), say, outcome="tool_error"),
        "wrong, one message malformed": play(broken, say, outcome="policy_error"),
        "never answered": play(make_turn(*RIGHT), outcome="truncated"),
        "broken by others": play(make_turn(*RIGHT), outcome="infra_error"),
        "not over": play(make_turn(*RIGHT)),
    }


# Case -> TAPO's outcome and format (-1 where the form is wrong, whatever else), TGRL's outcome and format.
WORTH = {
    "right": ((1, 0), (1, 1)),
    "right, one call refused": ((1, 0), (1, 0)),
    "right, one message malformed": ((0, -1), (1, 0)),
    "wrong": ((0, 0), (-1, 1)),
    "wrong, one call refused": ((0, 0), (-1, 0)),
    "wrong, one message malformed": ((0, -1), (-1, 0)),
    "never answered": ((0, -1), (-1, -1)),
    "broken by others": ((0, 0), (0, 0)),
    "not over": ((0, 0), (0, 0)),
}


@pytest.mark.parametrize("case", WORTH)
def test_every_case_by_hand(case: str, cases: dict[str, Trajectory], vault_task: Task) -> None:
    for preset, (outcome, form) in zip(("tapo", "tgrl"), WORTH[case], strict=True):
        total, parts = make_reward(preset).score(cases[case], vault_task)
        assert (parts["outcome"], parts["format"]) == (outcome, form), preset
        assert total == outcome + form


def test_tgrls_sum_takes_the_papers_five_values(cases: dict[str, Trajectory], vault_task: Task) -> None:
    reward = make_reward("tgrl")
    found = {reward.score(one, vault_task)[0] for one in cases.values() if one.outcome not in (None, "infra_error")}
    assert found == {-2.0, -1.0, 0.0, 1.0, 2.0}


def test_the_weights_of_tgrls_parts(cases: dict[str, Trajectory], vault_task: Task) -> None:
    assert make_reward("tgrl", outcome=3.0, format=0.5).score(cases["wrong"], vault_task)[0] == -2.5
