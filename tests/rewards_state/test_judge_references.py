"""What the reasoning judge holds a step against, whatever was tried before it, and what it knows of invented tools."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import open_env
from toolgym.rewards import make_reward, score
from toolgym.rewards.judge import JudgeTerm, judge_messages, reasoning_of, request_of
from toolgym.rewards.judge_offline import OfflineJudge
from toolgym.tasks import Task

PLANS = ("Look at the red lock.", "Open the red lock.", "Open the blue lock.")
CALLS = ("look red", "unlock red", "unlock blue")
judged = reasoning_of(OfflineJudge())


def gold(make_turn: Any) -> list[Any]:
    turns = [make_turn(call, plan=plan) for call, plan in zip(CALLS, PLANS, strict=True)]
    return [*turns, make_turn(response="Both locks are open; 2 were opened.")]


@pytest.mark.parametrize("detour", ["unlock blue", "look green", "note a b"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_perfect_step_is_perfect_after_any_detour(
    detour: str, at: int, play: Any, vault_task: Task, make_turn: Any
) -> None:
    # "unlock blue" and "look green" are refused where they are made, "note a b" is a call that the chain does not have.
    if detour == "unlock blue" and at == 2:
        detour = "unlock green"  # there it would be the gold's own call
    turns = gold(make_turn)
    turns.insert(at, make_turn(detour, plan="Try this."))
    whole = play(*turns, outcome="solved")
    scores = [judged(part, vault_task) for part in whole.prefixes()]
    assert [value for step, value in enumerate(scores) if step != at] == [1.0] * 4
    assert scores[at] not in (1.0, None)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(st.sampled_from([*CALLS, "look green", "note a b"]), max_size=6))
def test_the_first_right_call_of_an_action_is_held_against_it(
    made: list[str], play: Any, vault_task: Task, make_turn: Any
) -> None:
    done: list[ToolCall] = []
    for part in play(*map(make_turn, made)).prefixes():
        (call,), (result,) = part.steps[-1].turn.calls, part.steps[-1].results
        if call in [each.call() for each in vault_task.gold_calls] and call not in done:
            assert request_of(part, vault_task, latest=True).reference_calls == (call,)
        done += [] if result.is_error else [call]


def test_past_the_chains_end_nothing_is_as_good_as_the_reference(play: Any, vault_task: Task, make_turn: Any) -> None:
    asked: list[Any] = []

    def judge(request: Any) -> Any:
        asked.append(request)
        return OfflineJudge()(request)

    for more in (make_turn(response="Blah."), make_turn("look red", plan="Nonsense."), make_turn(plan="Nonsense.")):
        whole = play(*gold(make_turn), more, outcome="unsolved")
        asked.clear()
        assert reasoning_of(judge)(whole, vault_task) == 0.0
        assert JudgeTerm(judge, every_step=True)(whole, vault_task) == 0.0
        assert not asked


def test_an_answer_is_held_against_the_answer(play: Any, vault_task: Task, make_turn: Any) -> None:
    for said, worth in (("Both locks are open; 2 were opened.", 1.0), ("Purple wombats dance.", 0.75)):
        whole = play(*gold(make_turn)[:3], make_turn(plan="Nonsense.", response=said), outcome="unsolved")
        found = judged(whole, vault_task)
        assert found is not None
        assert found <= worth
        assert (found == 1.0) == (worth == 1.0)
    assert "2 were opened" in judge_messages(request_of(whole, vault_task, latest=True))[1]["content"]


@pytest.mark.parametrize(
    ("extra", "worth"),
    [((), 1.0), ((ToolCall("make_coffee", {}),), 0.25), ((ToolCall("note", {"id": "a", "text": "b"}),), 0.75)],
)
def test_an_invented_tool_caps_the_verdict_in_an_episode(
    extra: tuple[ToolCall, ...], worth: float, play: Any, vault_task: Task, make_turn: Any
) -> None:
    # With an extra call that exists: selection 0.25 + 0.25, strategy 2/3, so 0.35 + 0.15 + 0.25 + 0.067 = 0.82, nearest
    # to 0.75; one that does not exist caps at D, whatever the rest is.
    whole = play(make_turn("look red", *extra, plan=PLANS[0]))
    reward = make_reward("awpo", judge=judged)
    assert reward.score(whole, vault_task)[1]["reasoning"] == worth
    only = play(make_turn(ToolCall("make_coffee", {}), plan=PLANS[0]))
    assert judged(only, vault_task) == 0.0
    invented = judge_messages(request_of(only, vault_task, latest=True))[1]["content"]
    assert "No such tool: make_coffee" in invented


def test_where_the_gold_only_answers_too(play: Any, vault_task: Task, make_turn: Any) -> None:
    task = vault_task.model_copy(update={"gold": vault_task.gold[3:]})
    called = make_turn(ToolCall("make_coffee", {}), response="Both locks are open; 2 were opened.")
    assert judged(play(called), task) == 0.0


def test_through_the_environment() -> None:
    env = open_env(
        "ToolGym/Airline-v0", split="train", size="small", reward="awpo", reward_options={"judge": "offline"}
    )
    index = next(i for i in range(50) if env.tasks[i].gold[0].calls)
    task = env.tasks[index]
    first = task.gold[0]
    right = Turn(first.plan, tuple(call.call() for call in first.calls))
    wrong = replace(right, calls=(*right.calls, ToolCall("make_coffee", {})))
    env.reset(options={"task": index})
    assert env.step(render(right))[4]["rewards"]["reasoning"] == 1.0
    env.reset(options={"task": index})
    assert env.step(render(wrong))[4]["rewards"]["reasoning"] == 0.25
    env.close()


def test_of_text_alone_tools_may_be_named() -> None:
    reference = '<plan>Look u1 up.</plan><tool_call>{"name": "get_user", "arguments": {"user_id": "u1"}}</tool_call>'
    said = reference + '<tool_call>{"name": "make_coffee", "arguments": {}}</tool_call>'
    named = score("awpo", said, reference, judge="offline", tools=["get_user"])
    assert named["reasoning"] == 0.25
    assert score("awpo", said, reference, judge="offline")["reasoning"] == 0.75
    assert not math.isnan(named["total"])
