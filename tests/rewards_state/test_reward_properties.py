"""What holds of every stateful reward: any text is scored, the order of parallel reads is nothing, mending is free."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.messages import ToolCall, parse
from toolgym.rewards import make_reward, score
from toolgym.rewards.checklist import satisfied
from toolgym.rewards.communication import communication_term
from toolgym.rewards.efficiency import CallCost, ConditionalEfficiencyTerm
from toolgym.rewards.judge import JudgeTerm
from toolgym.rewards.judge_offline import OfflineJudge
from toolgym.rewards.steptool import gold_contribution, succ_calling
from toolgym.tasks import Task
from toolgym.trajectory import Step, ToolResult, Trajectory

PRESETS = ["cm2", "otc", "state", "steptool", "tapo", "tgrl"]
GOLD = [{"name": "unlock", "arguments": {"lock": "red"}}]
fixtures = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

texts = st.text(max_size=60) | st.lists(
    st.sampled_from(
        ["<plan>", "</plan>", "<tool_call>", "</tool_call>", "<response>", "</response>", "{", "}", '"name"']
    ),
    max_size=12,
).map("".join)


@settings(max_examples=80, deadline=None)
@given(texts, st.sampled_from(PRESETS))
def test_any_text_has_a_finite_score(text: str, preset: str) -> None:
    assert all(math.isfinite(value) for value in score(preset, text, GOLD).values())


@fixtures
@given(text=texts, failed=st.booleans(), done=st.booleans())
def test_any_turn_can_be_scored_in_an_episode(vault_task: Task, text: str, failed: bool, done: bool) -> None:
    turn = parse(text)
    results = tuple(ToolResult("Error" if failed else "ok", is_error=failed) for _ in turn.calls)
    trajectory = Trajectory("", "vault-1", steps=[Step(turn, results)] * 2, outcome="unsolved" if done else None)
    for term in (communication_term, CallCost(), ConditionalEfficiencyTerm(), JudgeTerm(OfflineJudge())):
        assert math.isfinite(term(trajectory, vault_task))
    for preset in [*PRESETS, "default"]:
        total, parts = make_reward(preset).score(trajectory, vault_task)
        assert all(map(math.isfinite, (total, *parts.values())))


@fixtures
@given(names=st.permutations(["look red", "look blue", "look red"]))
def test_the_order_of_parallel_reads_is_nothing(play: Any, vault_task: Task, make_turn: Any, names: list[str]) -> None:
    before, after = play(make_turn("look red", "look blue", "look red")), play(make_turn(*names))
    assert satisfied(before, vault_task) == satisfied(after, vault_task)
    assert gold_contribution(before, vault_task) == gold_contribution(after, vault_task)
    assert succ_calling(before.steps[0]) == succ_calling(after.steps[0])
    scores = [make_reward("default").score(trajectory, vault_task)[0] for trajectory in (before, after)]
    assert scores[0] == pytest.approx(scores[1])


@pytest.mark.parametrize("preset", [*PRESETS, "default"])
@pytest.mark.parametrize("wrong", range(3))
def test_mending_one_wrong_argument_never_costs(
    preset: str, wrong: int, play: Any, vault_task: Task, make_turn: Any, prefix_sums: Any
) -> None:
    calls = [call.call() for call in vault_task.gold_calls]
    flawed = [*calls]
    flawed[wrong] = ToolCall(calls[wrong].name, {"lock": "green"})
    reward, end = make_reward(preset), make_turn(response="2 are open")

    def total(made: list[ToolCall], outcome: Any) -> float:
        whole = play(*[make_turn(call) for call in made], end, outcome=outcome)
        return sum(prefix_sums(lambda trajectory, task: reward.score(trajectory, task)[0], whole, vault_task))

    assert total(calls, "solved") >= total(flawed, "unsolved")
    assert total(calls, "solved") > 0
