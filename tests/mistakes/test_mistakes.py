"""One wrong decision anywhere in a gold chain: each is played, and none solves what it should spoil."""

from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgym.env import ToolEnv
from toolgym.messages import Turn, render
from toolgym.mistakes import KINDS, Habits, Mistake, Mistaker
from toolgym.mistakes.values import planned, said
from toolgym.registration import make_domain
from toolgym.tasks import GoldAction, Task

MANY = 400


@cache
def made(name: str) -> list[tuple[Task, Mistake | None]]:
    domain = make_domain(name, size="small")
    mistaker, rng, tasks = Mistaker(domain), np.random.default_rng(1), domain.tasks("train")
    return [(tasks[index], mistaker.make(tasks[index], rng)) for index in range(MANY)]


def play(env: ToolEnv, task: Task, actions: tuple[GoldAction, ...]) -> tuple[str, list[bool]]:
    """The outcome, and for each action whether one of its calls was refused."""
    env.reset(options={"task": task})
    info = {}
    for action in actions:
        turn = Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)
        *_, terminated, truncated, info = env.step(render(turn))
        if terminated or truncated:
            break
    return info["outcome"], [any(result.is_error for result in step.results) for step in env.trajectory.steps]


@pytest.mark.parametrize("name", ["airline", "library"])
def test_a_wrong_chain_does_not_solve_its_task_unless_a_refused_call_is_mended(name: str) -> None:
    env = ToolEnv(name, size="small", user="none")
    for task, mistake in made(name):
        if mistake is None:
            continue
        outcome, refused = play(env, task, mistake.actions)
        assert (outcome == "solved") == mistake.recovers, (task.id, mistake)
        assert mistake.actions[: mistake.place] == task.gold[: mistake.place]
        assert mistake.actions[mistake.place :] != task.gold[mistake.place :]
        by_a_tool = mistake.kind in ("missing_argument", "invented_value")
        assert [place for place, one in enumerate(refused) if one] == ([mistake.place] if by_a_tool else [])


@pytest.mark.parametrize("name", ["airline", "library"])
def test_mistakes_are_of_all_kinds_and_anywhere(name: str) -> None:
    found = [(task, mistake) for task, mistake in made(name) if mistake is not None]
    assert len(found) >= 0.98 * MANY
    kinds = Counter(mistake.kind for _, mistake in found)
    # Few occasions (the airline's last has a test of its own); no such tool.
    lacking = {"airline": {"wrong_order", "forbidden_act"}, "library": {"handed_over"}}[name]
    assert set(kinds) >= set(KINDS) - lacking - {"wrong_order"}
    assert max(kinds.values()) <= 0.3 * len(found)
    first = sum(mistake.place < len(task.gold) / 2 for task, mistake in found) / len(found)
    assert 0.4 <= first <= 0.8
    ends = sum(mistake.place == len(task.gold) - 1 for task, mistake in found) / len(found)
    assert ends >= 0.05
    assert 0.05 <= sum(mistake.recovers for _, mistake in found) / len(found) <= 0.3


def test_what_is_forbidden_in_the_airline_is_done() -> None:
    domain, found = make_domain("airline", size="small"), []
    maker, mistaker, rng = domain.new_maker("train"), Mistaker(domain), np.random.default_rng(3)  # type: ignore[attr-defined]
    env = ToolEnv("airline", size="small", user="none")
    for index in range(4000):
        recipe = maker.recipe(index)
        if recipe.refused and " cancel!" in recipe.name:
            task = domain.tasks("train")[index]
            found += [(task, mistake) for mistake in (mistaker.make(task, rng) for _ in range(4)) if mistake]
    acts = [(task, mistake) for task, mistake in found if mistake.kind == "forbidden_act"]
    assert len(acts) >= 5
    for task, mistake in acts:
        assert play(env, task, mistake.actions)[0] == "unsolved"
        assert [call.name for call in mistake.actions[-2].calls] == ["cancel_reservation"]


@pytest.mark.parametrize("name", ["airline", "library"])
def test_nothing_is_called_with_what_was_neither_told_nor_shown(name: str) -> None:
    env = ToolEnv(name, size="small", user="none")
    for task, mistake in made(name):
        if mistake is None or mistake.kind in ("invented_value", "wrong_argument", "handed_over"):
            continue
        known = f"{task.request} {task.user.facts}"
        play(env, task, mistake.actions)
        for step in env.trajectory.steps[: len(mistake.actions)]:
            for call in step.turn.calls:
                ids = [v for v in call.arguments.values() if isinstance(v, str) and any(c.isdigit() for c in v)]
                assert all(value in known for value in ids if " " not in value), (task.id, mistake)
            known += " ".join(result.text for result in step.results)


def test_the_same_generator_makes_the_same_mistakes() -> None:
    domain = make_domain("library", size="small")
    tasks = [domain.tasks("train")[index] for index in range(30)]
    one, two = ([Mistaker(domain).make(task, np.random.default_rng(5)) for task in tasks] for _ in range(2))
    assert one == two


@pytest.mark.parametrize("rate", [0.0, 0.55, 1.0])
def test_the_rate_is_kept(rate: float) -> None:
    domain = make_domain("library", size="small")
    mistaker, rng = Mistaker(domain), np.random.default_rng(11)
    tasks = [domain.tasks("train")[index] for index in range(300)]
    changed = sum(mistaker.maybe(task, rng, rate) != task.gold for task in tasks) / len(tasks)
    # 300 draws have a standard deviation of 0.029; nearly every chain gives an occasion.
    assert rate - 0.1 <= changed <= rate + 0.09


def first_habit(habits: Habits, task: Task) -> int | None:
    """The first place of the gold chain with a call of a tool that has a habit."""
    for place, action in enumerate(task.gold):
        if any(habits.of(call.name, call.writes) for call in action.calls):
            return place
    return None


@pytest.mark.parametrize("name", ["airline", "library"])
def test_a_habit_is_kept_wherever_its_tool_comes_and_loses_the_task(name: str) -> None:
    env = ToolEnv(name, size="small", user="none")
    domain = make_domain(name, size="small")
    habits, rng = Habits(Mistaker(domain)), np.random.default_rng(2)
    kept = changed = 0
    for task in (domain.tasks("train")[index] for index in range(200)):
        played, first = habits.maybe(task, rng, 1.0), first_habit(habits, task)
        if played == task.gold:
            kept += 1
            continue
        changed += 1
        assert first is not None
        assert played[:first] == task.gold[:first]
        assert played == habits.maybe(task, np.random.default_rng(77), 1.0)  # the dice decide where, not what
        outcome, refused = play(env, task, played)
        assert outcome != "solved"
        assert not any(refused)
        assert habits.maybe(task, rng, 0.0) == task.gold
    assert kept >= 10
    assert changed >= 80


def test_a_habit_is_given_in_to_as_often_as_was_said() -> None:
    domain = make_domain("library", size="small")
    habits, rng, tasks = Habits(Mistaker(domain)), np.random.default_rng(3), domain.tasks("train")
    # One call of a tool with a habit: without a second place the rate is the share of changed chains.
    alone = [
        task
        for task in (tasks[index] for index in range(2000))
        if sum(bool(habits.of(call.name, call.writes)) for action in task.gold for call in action.calls) == 1
        and habits.maybe(task, rng, 1.0) != task.gold
    ][:300]
    changed = sum(habits.maybe(task, rng, 0.6) != task.gold for task in alone) / len(alone)
    assert abs(changed - 0.6) <= 0.085  # three standard deviations of 300 draws


def test_half_of_the_tools_have_a_habit_and_those_are_the_same_everywhere() -> None:
    names = [f"tool_{number}" for number in range(400)]
    having = sum(bool(Habits.of(name, True)) for name in names)
    assert 160 <= having <= 240
    assert Habits.of("find_member_by_email", False) == ("handed_over", "premature_answer")
    assert Habits.of("pay_fine", True) == (
        "premature_answer", "step_left_out", "wrong_argument", "refused_permitted"
    )  # fmt: skip
    assert Habits.of("lock_door", writes=True)[:2] == ("refused_permitted", "premature_answer")
    assert Habits.of("search_books", False) == ()


def test_a_wrong_choice_leaves_the_comparison_as_it_is() -> None:
    assert (
        planned("cheapest: AB12 $120, CD45 $99: $99 CD45 $99: book.", {"CD45": "AB12", 99: 120})
        == "cheapest: AB12 $120, CD45 $99: $120 AB12 $120: book."
    )
    trips = "GEG MIA AAA1, LAX SFO BBB2: LAX SFO BBB2. flown: refuse."
    assert planned(trips, {"BBB2": "AAA1"}) == "GEG MIA AAA1, LAX SFO BBB2: LAX SFO AAA1. flown: refuse."
    assert planned("renew L-1.", {"L-1": "L-2"}) == "renew L-2."


@given(st.dictionaries(st.sampled_from(["abc", "bcd", "abcd", 17, 170]), st.sampled_from(["bcd", "abc", 170, 17, "x"])))
def test_values_are_exchanged_all_at_once(swaps: dict) -> None:
    text = "abc bcd abcd $17 $170"
    shown = [str(swaps.get(word, word)) for word in ("abc", "bcd", "abcd")]
    shown += [f"${swaps.get(number, number)}" for number in (17, 170)]
    assert said(text, swaps) == " ".join(shown)
