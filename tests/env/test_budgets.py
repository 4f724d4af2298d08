"""Budgets: what counts towards them, what is told of them and what they refuse, in forks and on every transport."""

import json
from collections.abc import Callable
from typing import Any

import gymnasium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.adapters.trl import environment_factory, task_rows
from toolgym.budget import Budget
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.mcp.connect import connect
from toolgym.mcp.serve import serving
from toolgym.messages import ToolCall, Turn, render
from toolgym.options import EnvOptions, parse_settings
from toolgym.rewards.counterfactual import contributions, turns_of
from toolgym.rewards.efficiency import calls_made
from toolgym.trajectory import read_trajectories
from toolgym.vector import ToolVectorEnv
from toolgym.wrappers import RecordTrajectories

DONE = "<response>Done.</response>"
SPENT = " No call is run any more: respond with what you know.</notice>"


def pays(*amounts: Any) -> str:
    return render(Turn(calls=tuple(ToolCall("pay_in", {"account": "acc_1", "amount": amount}) for amount in amounts)))


def outcomes(info: dict[str, Any]) -> list[str]:
    return [call["outcome"] for call in info["calls"]]


def test_calls_count_as_they_are_run(make_bank: Callable[..., ToolEnv]) -> None:
    """5 calls: 2 parallel ones (5 - 2 = 3), a malformed one (3), one refused by its tool and one unknown (3 - 2 = 1),
    then three at once, of which the first is run (0) and two are over the budget; the answer is taken all the same."""
    env = make_bank(budget="calls=5")
    prompt, info = env.reset(options={"task": "bank-1"})
    assert prompt.endswith("\n<notice>Left of your budget: 5 of 5 tool calls.</notice>")
    assert info["messages"][-1] == {"role": "user", "content": prompt.rpartition("\n")[2]}
    assert info["budget"] == {"calls": 5}
    left = []
    for action in (pays(1, 1), "<tool_call>{", pays(-1) + render(Turn(calls=(ToolCall("no_such_tool", {}),)))):
        observation, *_, info = env.step(action)
        left.append(info["budget"]["calls"])
        assert observation.endswith(f"\n<notice>Left of your budget: {left[-1]} of 5 tool calls.</notice>")
        assert info["messages"][-1]["content"] == observation.rpartition("\n")[2]
    assert left == [3, 3, 1]
    observation, *_, terminated, truncated, info = env.step(pays(2, 3, 4))
    assert outcomes(info) == ["ok", "over_budget", "over_budget"]
    assert (terminated, truncated, info["budget"]) == (False, False, {"calls": 0})
    refused = "<tool_error>This call was not run: the budget of tool calls is spent.</tool_error>"
    notice = f"<notice>Left of your budget: 0 of 5 tool calls.{SPENT}"
    assert observation.split("\n") == ['<tool_response>{"balance":14}</tool_response>', refused, refused, notice]
    assert [message["role"] for message in info["messages"]] == ["tool", "tool", "tool", "user"]
    assert env.trajectory.diff["accounts"]["acc_1"]["log"] == [1, 1, 2]  # type: ignore[index]
    *_, info = env.step(pays(9))
    assert (outcomes(info), info["budget"]) == (["over_budget"], {"calls": 0})
    observation, *_, terminated, truncated, info = env.step(DONE)
    assert (observation, terminated, info["outcome"]) == ("", True, "policy_error")
    assert (env.trajectory.meta["budget"], env.trajectory.meta["budget_left"]) == ({"calls": 5}, {"calls": 0})
    # Answered: 2 + 2 + 3 + 1; of these 3 were over the budget.
    assert (len(env.trajectory.calls), calls_made(env.trajectory)) == (8, 5)


def test_a_task_is_solved_by_answering_after_the_last_call(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank(budget={"calls": 1, "turns": 2})
    env.reset(options={"task": "bank-1"})
    env.step(pays(2))
    assert env.step(DONE)[4]["outcome"] == "solved"


def test_an_untold_budget_shows_in_refusals_alone(make_bank: Callable[..., ToolEnv]) -> None:
    untold, free = make_bank(budget="calls=1,told=false"), make_bank()
    opening, info = untold.reset(options={"task": "bank-1"})
    assert (opening, info.pop("budget")) == (free.reset(options={"task": "bank-1"})[0], {"calls": 1})
    observation, *_, info = untold.step(pays(2))
    plain, *_, other = free.step(pays(2))
    assert (observation, info["messages"], info["budget"]) == (plain, other["messages"], {"calls": 0})
    assert outcomes(untold.step(pays(2))[4]) == ["over_budget"]


def test_credit_does_not_run_what_was_refused(make_bank: Callable[..., ToolEnv], fresh_bank: Any) -> None:
    """Paying 2 solves the task; paying 5 more was refused, so leaving it out changes nothing: 1, 0, 0."""
    env = make_bank(budget="calls=1")
    env.reset(options={"task": "bank-1"})
    for action in (pays(2), pays(5), DONE):
        env.step(action)
    turns = turns_of(env.trajectory)
    assert [len(turn.calls) for turn in turns] == [1, 0, 0]
    start = make_bank()
    start.reset(options={"task": "bank-1"})
    for begin in (start, start.session):
        credit = contributions(begin, env.task, turns, value="state")
        assert (credit.values.tolist(), credit.v_all) == ([1, 0, 0], 1)


def test_turns_count_whatever_is_in_them(make_bank: Callable[..., ToolEnv]) -> None:
    """2 turns: a malformed one (1 left), one with two calls (0 left); the calls of the third are refused."""
    env = make_bank(budget={"turns": 2})
    env.reset(options={"task": "bank-1"})
    assert env.step("<tool_call>{")[4]["budget"] == {"turns": 1}
    observation, *_, info = env.step(pays(1, 1))
    assert (outcomes(info), info["budget"]) == (["ok", "ok"], {"turns": 0})
    assert observation.endswith(f"<notice>Left of your budget: 0 of 2 turns.{SPENT}")
    observation, *_, info = env.step(pays(1))
    assert outcomes(info) == ["over_budget"]
    assert observation.startswith("<tool_error>This call was not run: the budget of turns is spent.</tool_error>")
    assert env.step(DONE)[4]["outcome"] == "policy_error"


def test_tokens_count_what_is_written_and_answered(make_bank: Callable[..., ToolEnv]) -> None:
    """A token is a character here. The opening and the notices are not counted; the turn that spends the last token
    still runs its calls."""
    action, answer = pays(1), '<tool_response>{"balance":11}</tool_response>'
    once = len(action) + len(answer)
    env = make_bank(budget={"tokens": once + 1}, count_tokens=len)
    env.reset(options={"task": "bank-1"})
    assert env.step(action)[4]["budget"] == {"tokens": 1}
    *_, info = env.step(action)
    assert (outcomes(info), info["budget"]) == (["ok"], {"tokens": 0})
    assert outcomes(env.step(action)[4]) == ["over_budget"]


def test_limits_end_an_episode_with_a_budget_as_they_do_any(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank(budget={"calls": 2}, max_turns=2)
    env.reset(options={"task": "bank-1"})
    env.step(pays(1))
    observation, *_, truncated, info = env.step(pays(1))
    assert (truncated, info["truncation"], info["budget"]) == (True, "turns", {"calls": 0})
    assert observation.endswith("<notice>The limit on turns is reached; the task is over.</notice>")
    # `max_tokens` counts all that the model reads: the notice too.
    bare, told = (make_bank(max_tokens=10_000, count_tokens=len, budget=budget) for budget in (None, "calls=2"))
    said = [(env.reset(options={"task": "bank-1"})[0], env.step(pays(1))[0]) for env in (bare, told)]
    grown = sum(map(len, said[1])) - sum(map(len, said[0]))
    assert told.episode._tokens - bare.episode._tokens == grown > 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=5), st.lists(st.integers(0, 3), max_size=4), st.integers(1, 9))
def test_a_fork_goes_on_from_its_parents_count(
    bank: CustomDomain, before: list[int], after: list[int], calls: int
) -> None:
    """What either does afterwards is its own: each runs what is left of `calls` after `before`, no more."""
    env = ToolEnv(bank, budget={"calls": calls, "turns": 20, "tokens": 5000})
    env.reset(options={"task": "bank-1"})
    for count in before:
        env.step(pays(*[1] * count))
    spent = min(calls, sum(before))
    assert env.trajectory.meta["budget_left"]["calls"] == calls - spent
    twin, seen = env.fork(), dict(env.trajectory.meta)
    steps = [twin.step(pays(*[1] * count)) for count in after]
    assert env.trajectory.meta == seen
    assert twin.trajectory.meta["budget_left"]["calls"] == max(0, calls - spent - sum(after))
    assert [env.step(pays(*[1] * count)) for count in after] == steps
    assert env.trajectory.steps == twin.trajectory.steps


ACTIONS = (pays(1, -1), "<tool_call>{", pays(2), pays("lots", 3, 4), pays(5), DONE)


def test_the_same_in_process_over_http_and_in_a_vector(bank: CustomDomain, fresh_bank: Any, tmp_path: Any) -> None:
    near = ToolEnv(bank, budget="calls=5,turns=3")
    wrapped = RecordTrajectories(near, tmp_path / "near.jsonl")
    vector = ToolVectorEnv(2, bank, budget="calls=5,turns=3")
    server = fresh_bank().domain.session.__self__
    with serving(server) as url, connect(url) as handle:
        domain = CustomDomain(handle.session, list(bank.tasks("train")), policy=bank.policy(), name="bank")
        far = ToolEnv(domain, budget="calls=5,turns=3")
        assert wrapped.reset(options={"task": 1}) == far.reset(options={"task": 1})
        vector.reset(options={"task": 1})
        for action in ACTIONS:
            here = wrapped.step(action)
            assert here == far.step(action)
            observations, *_, infos = vector.step([action, action])
            assert observations == (here[0], here[0])
            assert infos["budget"]["calls"].tolist() == [here[4]["budget"]["calls"]] * 2
        far.close()
    # 5 - 2 - 1 = 2, then 2 of 3; but three turns are spent by then.
    assert [outcome for step in near.trajectory.steps for outcome in (r.outcome for r in step.results)] == [
        *("ok", "tool_error"),
        "ok",
        *["over_budget"] * 4,
    ]
    assert near.trajectory == far.trajectory == vector.envs[0].trajectory
    wrapped.close()
    assert read_trajectories(tmp_path / "near.jsonl") == [near.trajectory]


def test_trls_loop_is_told_too() -> None:
    """Its opening and each of its tools' answers."""
    options = {"budget": "calls=1", "prompt": "short", "size": "small"}
    (row,) = task_rows("ToolGym/Airline-v0", 1, **options)
    assert row["prompt"][-1]["content"] == "<notice>Left of your budget: 1 of 1 tool calls.</notice>"
    episode = environment_factory("ToolGym/Airline-v0", **options)()
    episode.reset(task=row["task"])
    assert episode.calculate(expression="1 + 1") == f"2.0\n<notice>Left of your budget: 0 of 1 tool calls.{SPENT}"
    assert episode.calculate(expression="1 + 1").startswith("This call was not run")


@pytest.mark.parametrize(
    "given",
    [
        *("calls=20,turns=8", " turns = 8 , calls=20", {"turns": 8, "calls": 20}),
        *(parse_settings([f"budget={text}"])["budget"] for text in ("calls=20,turns=8", '{"calls": 20, "turns": 8}')),
    ],
)
def test_ways_to_give_a_budget(given: Any) -> None:
    options = EnvOptions(budget=given)
    assert options.budget == Budget(calls=20, turns=8) == options.override({"split": "test"}).budget
    assert list(Budget.of(given).given) == ["calls", "turns"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("calls", "NAME=NUMBER"),
        ("calls=", "NAME=NUMBER"),
        ("calls=-1", "NAME=NUMBER"),
        ("calls=1.5", "NAME=NUMBER"),
        ("calls=²", "NAME=NUMBER"),
        ("", "NAME=NUMBER"),
        ("calls=0", "from 1 on"),
        ("call=3", "Did you mean 'calls'"),
        ("calls=3,calls=4", "twice"),
        ("calls=3,told=maybe", "NAME=NUMBER"),
        ("told=false", "this one nothing"),
        ({"calls": 3, "told": 0}, "true or false"),
        ({}, "this one nothing"),
        ({"calls": True}, "from 1 on"),
        ({"calls": "3"}, "from 1 on"),
        ({"tokens": 2.0}, "from 1 on"),
        ({3: 3}, "budget"),
        (20, "mapping"),
        (["calls=20"], "mapping"),
        ("calls=101", "raise max_calls"),
        ("turns=31", "raise max_turns"),
    ],
)
def test_what_is_no_budget_says_so(given: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        EnvOptions(budget=given)


def test_an_environment_takes_it_by_name() -> None:
    env = gymnasium.make("ToolGym/All-v0", size="small", prompt="short", budget="calls=3", domains=["airline"])
    observation, info = env.reset(seed=0)
    assert observation.endswith("3 of 3 tool calls.</notice>")
    json.dumps(info["budget"])
    env.close()
