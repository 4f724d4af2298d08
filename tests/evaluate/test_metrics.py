"""The evaluation's figures against numbers worked by hand, and their properties."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.agents.evaluation.metrics import (
    ERROR_TYPES,
    bootstrap,
    call_recall,
    errors,
    pass_at_k,
    pass_hat_k,
    score_episode,
    tool_recall,
    wilson,
)
from toolgym.messages import ParseProblem, ToolCall, Turn
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import Step, ToolResult, Trajectory


def test_pass_at_k_golden():
    # n=5, c=2, k=3: 1 - C(3,3)/C(5,3) = 1 - 1/10 = 0.9.
    assert pass_at_k(5, 2, 3) == pytest.approx(0.9)
    # n=4, c=1, k=2: 1 - C(3,2)/C(4,2) = 1 - 3/6 = 0.5.
    assert pass_at_k(4, 1, 2) == pytest.approx(0.5)
    # Fewer failures than k: some draw must be a success.
    assert pass_at_k(4, 2, 3) == 1.0
    assert pass_at_k(4, 0, 4) == 0.0


def test_pass_hat_k_golden():
    # n=5, c=3, k=2: C(3,2)/C(5,2) = 3/10.
    assert pass_hat_k(5, 3, 2) == pytest.approx(0.3)
    # n=4, c=3, k=3: C(3,3)/C(4,3) = 1/4.
    assert pass_hat_k(4, 3, 3) == pytest.approx(0.25)
    assert pass_hat_k(4, 2, 3) == 0.0
    assert pass_hat_k(4, 4, 4) == 1.0


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
@settings(max_examples=60)
def test_estimators_equal_the_share_of_all_draws(numbers):
    trials, solved, k = numbers
    draws = list(itertools.combinations([True] * solved + [False] * (trials - solved), k))
    assert pass_at_k(trials, solved, k) == pytest.approx(sum(map(any, draws)) / len(draws))
    assert pass_hat_k(trials, solved, k) == pytest.approx(sum(map(all, draws)) / len(draws))


@pytest.mark.parametrize(("trials", "solved", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 4), (3, 1, 0)])
def test_impossible_counts_are_refused(trials, solved, k):
    with pytest.raises(ValueError, match="must be in"):
        pass_at_k(trials, solved, k)
    with pytest.raises(ValueError, match="must be in"):
        pass_hat_k(trials, solved, k)


def test_wilson_golden():
    # p=0.8, n=10, z=1.959964: z^2=3.841459; centre=(0.8+0.19207)/1.3841459=0.716742;
    # half=1.959964/1.3841459*sqrt(0.016+3.841459/400)=1.416009*sqrt(0.02560365)=0.226574.
    low, high = wilson(0.8, 10)
    assert (low, high) == pytest.approx((0.490162, 0.943318), abs=2e-5)
    assert wilson(0.0, 20)[0] == 0.0
    # 20 of 20: the low end is n/(n+z^2) = 20/23.841459 = 0.838875.
    assert wilson(1.0, 20) == pytest.approx((0.838875, 1.0), abs=1e-6)
    assert wilson(0.0, 0) == (0.0, 1.0)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=60)
def test_wilson_holds_the_share_and_narrows(counts):
    solved, n = counts
    low, high = wilson(solved / n, n)
    assert 0.0 <= low <= solved / n + 1e-12
    assert solved / n - 1e-12 <= high <= 1.0
    wider = wilson(solved / n, max(1, n // 2))
    assert wider[1] - wider[0] >= high - low - 1e-12


def test_bootstrap_is_seeded_and_brackets_the_mean():
    values = [0.0, 1.0] * 50
    low, high = bootstrap(values, seed=3)
    assert (low, high) == bootstrap(values, seed=3)
    assert (low, high) != bootstrap(values, seed=4)
    # The mean's standard error is 0.5/10 = 0.05, so the interval is about 0.5 -/+ 0.098.
    assert low == pytest.approx(0.40, abs=0.03)
    assert high == pytest.approx(0.60, abs=0.03)
    assert bootstrap([2.0, 2.0, 2.0]) == (2.0, 2.0)
    assert all(math.isnan(end) for end in bootstrap([]))


OK = ToolResult("done")
REFUSED = ToolResult("no", is_error=True, outcome="tool_error")
UNKNOWN = ToolResult("no such tool", is_error=True, outcome="unknown_tool")
INVALID = ToolResult("bad", is_error=True, outcome="invalid_arguments")

TASK = Task(
    id="t1",
    domain="toy",
    kind=("look", "cancel"),
    depth=2,
    request="Cancel my trip.",
    gold=(
        GoldAction(calls=(GoldCall(name="get_user", arguments={"id": "ann"}),)),
        GoldAction(calls=(GoldCall(name="cancel", arguments={"trip": 7}, writes=True),)),
        GoldAction(response="Done."),
    ),
)


def trajectory(*calls: tuple[str, dict, ToolResult], outcome="unsolved", problems=()) -> Trajectory:
    steps = [
        Step(Turn(calls=(ToolCall(name, arguments),)), (result,), reward=0.25) for name, arguments, result in calls
    ]
    steps.append(Step(Turn(response="Done.", problems=problems), reward=0.5))
    return Trajectory("Toy-v0", "t1", steps=steps, outcome=outcome)


def test_recall():
    half = trajectory(("get_user", {"id": "ann"}, OK), ("search", {}, OK))
    assert tool_recall(half, TASK) == 0.5
    assert call_recall(half, TASK) == 0.5
    # The right tool with a wrong argument: full tool recall, half call recall.
    astray = trajectory(("get_user", {"id": "ann"}, OK), ("cancel", {"trip": 8}, OK))
    assert tool_recall(astray, TASK) == 1.0
    assert call_recall(astray, TASK) == 0.5
    # A call that was refused was called, but not made.
    refused = trajectory(("cancel", {"trip": 7}, REFUSED))
    assert tool_recall(refused, TASK) == 0.5
    assert call_recall(refused, TASK) == 0.0
    chat = Task(id="t2", domain="toy", kind=("chat",), request="Hello.")
    assert tool_recall(half, chat) is None
    assert call_recall(half, chat) is None


def test_recall_counts_each_gold_call_once():
    twice = TASK.model_copy(update={"gold": (TASK.gold[0], TASK.gold[0])})
    assert call_recall(trajectory(("get_user", {"id": "ann"}, OK)), twice) == 0.5
    assert call_recall(trajectory(("get_user", {"id": "ann"}, OK), ("get_user", {"id": "ann"}, OK)), twice) == 1.0


def test_perfect_episode_has_no_errors():
    perfect = trajectory(("get_user", {"id": "ann"}, OK), ("search", {}, OK), ("cancel", {"trip": 7}, OK))
    assert errors(perfect, TASK, writing_tools={"cancel"}) == dict.fromkeys(ERROR_TYPES, 0)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        # `cancel` is never called.
        ([("get_user", {"id": "ann"}, OK)], {"tool_selection": 1}),
        # Neither tool is called, and a wrong one changes the world: 2 + 1.
        ([("refund", {}, OK)], {"tool_selection": 3}),
        # A wrong writing tool that was refused changed nothing; the two necessary ones are missing.
        ([("refund", {}, REFUSED)], {"tool_selection": 2}),
        ([("get_user", {"id": "ann"}, OK), ("cancel", {"trip": 8}, OK)], {"arguments": 1}),
        ([("get_user", {"id": "bob"}, REFUSED), ("cancel", {"trip": "x"}, INVALID)], {"arguments": 2}),
        # A detour with the right tool that was put right afterwards is no error.
        ([("get_user", {"id": "bob"}, OK), ("get_user", {"id": "ann"}, OK), ("cancel", {"trip": 7}, OK)], {}),
        ([("get_user", {"id": "ann"}, OK), ("cancle", {"trip": 7}, UNKNOWN), ("cancel", {"trip": 7}, OK)],
         {"hallucinated_tool": 1}),
    ],
)  # fmt: skip
def test_error_types(calls, expected):
    assert (
        errors(trajectory(*calls), TASK, writing_tools={"cancel", "refund"}) == dict.fromkeys(ERROR_TYPES, 0) | expected
    )


def test_parse_errors_are_counted_by_turn():
    problem = ParseProblem("bad_json", "not JSON")
    broken = trajectory(("get_user", {"id": "ann"}, OK), ("cancel", {"trip": 7}, OK), problems=(problem, problem))
    assert errors(broken, TASK)["parse"] == 1


def test_infrastructure_errors_are_nobodys_argument_error():
    down = ToolResult("gone", is_error=True, outcome="infra_error")
    episode = trajectory(("get_user", {"id": "ann"}, down), ("cancel", {"trip": 7}, down), outcome="infra_error")
    assert errors(episode, TASK) == dict.fromkeys(ERROR_TYPES, 0)
    assert not score_episode(episode, TASK).counts


def test_arguments_that_json_cannot_carry_do_not_raise():
    odd = trajectory(("cancel", {"trip": 2**70}, REFUSED), ("cancel", {"trip": "\ud800"}, OK))
    assert call_recall(odd, TASK) == 0.0
    assert errors(odd, TASK)["arguments"] == 2


def test_score_episode():
    score = score_episode(trajectory(("get_user", {"id": "ann"}, OK), outcome="solved"), TASK, trial=2)
    assert (score.solved, score.turns, score.calls, score.trial) == (True, 2, 1, 2)
    # One call at 0.25 and the response at 0.5.
    assert score.reward == pytest.approx(0.75)
