"""AWPO's reasoning score by facts: what an answer had to tell that it told, and what outcomes do not see of it."""

import pytest

from toolgym.messages import Turn, render
from toolgym.opening import open_env
from toolgym.rewards import make_reward
from toolgym.rewards.facts_told import facts_told
from toolgym.tasks import Task


@pytest.fixture(scope="module")
def task() -> Task:
    """A task whose answer must tell something."""
    env = open_env("ToolGym/Airline-v0", split="train", size="small")
    return next(
        one
        for one in (env.tasks[index] for index in range(100))
        if len(one.gold) == 2 and any(item.required and item.check.type == "said" for item in one.checklist)
    )


def steps(task: Task, *said: str) -> list[float]:
    """What each message earns: `said` as it stands, in place of the gold chain's last messages."""
    env = open_env("ToolGym/Airline-v0", split="train", size="small", reward="awpo", reward_options={"judge": "facts"})
    env.reset(options={"task": task})
    gold = [render(Turn(a.plan, tuple(c.call() for c in a.calls), a.response)) for a in task.gold]
    out = []
    for message in (*gold[: len(gold) - len(said)], *said):
        *_, info = env.step(message)
        out.append(info["rewards"]["reasoning"])
        assert out[-1] == pytest.approx(facts_told(env.trajectory, task))
    env.close()
    return out


def test_the_gold_tells_all_and_earns_it_at_its_answer(task: Task) -> None:
    assert steps(task) == [0.0, 1.0]


def test_an_answer_that_tells_nothing_earns_nothing_whatever_was_called(task: Task) -> None:
    assert steps(task, "<response>It is done.</response>") == [0.0, 0.0]


def test_it_is_paid_once_and_outcomes_do_not_see_it(task: Task) -> None:
    env = open_env("ToolGym/Airline-v0", split="train", size="small", reward="awpo", reward_options={"judge": "facts"})
    totals = []
    for last in (task.gold[-1].response, "It is done."):
        env.reset(options={"task": task})
        *_, info = env.step(render(Turn(task.gold[0].plan, tuple(c.call() for c in task.gold[0].calls))))
        *_, info = env.step(render(Turn(response=last)))
        totals.append((info["rewards"]["format"] + info["rewards"]["exec"], info["outcome"]))
    assert totals[0][0] == totals[1][0]
    assert {outcome for _, outcome in totals} == {"solved", "unsolved"}


def test_of_text_alone_the_figures_of_the_gold_answer_are_to_be_told() -> None:
    from toolgym.rewards.awpo import awpo_text

    gold = Turn(response="The price is $1,250 on 2026-05-01.")
    for said, share in (("It is 1250 on 2026-05-01.", 1.0), ("It costs 1250.", 0.5), ("Well.", 0.0)):
        assert awpo_text(f"<response>{said}</response>", render(gold), judge="facts")["reasoning"] == share
    assert make_reward("awpo", judge="facts").terms.keys() == {"format", "exec", "reasoning"}
