"""Imperfect demonstrations: one wrong decision that the environment notices."""

from collections import Counter

import numpy as np
import pytest

from toolgym.envs.airline import AirlineDomain
from toolgym.envs.airline.mistakes import MISTAKES, _Chain, _exchange, _execute, imperfect_gold
from toolgym.messages import Turn
from toolgym.rewards.state import solved
from toolgym.tasks import GoldAction, Task
from toolgym.trajectory import Step, Trajectory

DOMAIN = AirlineDomain(size="small")
TASKS = DOMAIN.tasks("train")


def solves(task: Task, actions: tuple[GoldAction, ...]) -> bool:
    session = DOMAIN.session()
    session.reset(task.world_seed)
    trajectory = Trajectory("airline", task.id)
    for action in actions:
        calls = tuple(gold.call() for gold in action.calls)
        results = tuple(session.call(call) for call in calls)
        trajectory.steps.append(Step(Turn(calls=calls, response=action.response), results, diff=session.diff()))
    trajectory.outcome = "unsolved"
    return solved(trajectory, task)


def test_every_mistake_occurs_and_nearly_all_spoil_the_episode() -> None:
    made, spoilt = Counter(), Counter()
    rng = np.random.default_rng(3)
    for index in range(400):
        task = TASKS[index]
        chain = _Chain(task, _execute(task), rng)
        for name, mistake in MISTAKES.items():
            wrong = mistake(chain)
            if wrong is not None and wrong != task.gold:
                made[name] += 1
                spoilt[name] += not solves(task, wrong)
                assert wrong[-1].response
                assert not wrong[-1].calls
    assert set(made) == set(MISTAKES)
    for name, count in made.items():
        # Another flight may cost the same, or be told beside the right one.
        assert spoilt[name] >= 0.85 * count, (name, spoilt[name], count)
    assert sum(spoilt.values()) >= 0.97 * sum(made.values())


def test_a_wrong_choice_leaves_the_comparison_as_it_is() -> None:
    compared = "cheapest economy: AB123 $120, CD456 $99"
    gold = GoldAction(plan=f"{compared}: $99 CD456 $99: book.", response="CD456 for $99.")
    (wrong,) = _exchange((gold,), 0, {"CD456": "AB123", 99: 120})
    assert wrong.plan == f"{compared}: $120 AB123 $120: book."
    assert wrong.response == "AB123 for $120."
    trips = GoldAction(plan="GEG MIA AAAAA1, LAX SFO BBBBB2: LAX SFO BBBBB2. flown: refuse.", response="BBBBB2: no.")
    (wrong,) = _exchange((trips,), 0, {"BBBBB2": "AAAAA1"})
    assert wrong.plan == "GEG MIA AAAAA1, LAX SFO BBBBB2: LAX SFO AAAAA1. flown: refuse."


@pytest.mark.parametrize("rate", [0.0, 0.55, 1.0])
def test_the_rate_is_kept(rate: float) -> None:
    rng = np.random.default_rng(11)
    tasks = [TASKS[index] for index in range(400)]
    changed = sum(imperfect_gold(task, rng, rate) != task.gold for task in tasks) / len(tasks)
    # About one chain in ten gives no occasion; 400 draws have a standard deviation of 0.025.
    assert rate * 0.75 <= changed <= rate + 0.08 * (rate > 0)


def test_the_same_generator_makes_the_same_mistakes() -> None:
    one, two = np.random.default_rng(5), np.random.default_rng(5)
    for index in range(60):
        assert imperfect_gold(TASKS[index], one) == imperfect_gold(TASKS[index], two)


def test_a_wrong_chain_is_the_gold_one_up_to_the_decision() -> None:
    rng = np.random.default_rng(2)
    for index in range(100):
        task = TASKS[index]
        wrong = imperfect_gold(task, rng, rate=1.0)
        if wrong != task.gold and len(task.gold) > 2 and len(wrong) > 1:
            assert wrong[0] == task.gold[0]
