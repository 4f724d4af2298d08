"""Flaky tools: a call fails for the moment, has done nothing, and passes when it is made again."""

from math import sqrt

from hypothesis import given
from hypothesis import strategies as st

from toolgym.mcp.server import ToolServer
from toolgym.messages import ToolCall
from toolgym.perturbing.chance import Chance
from toolgym.perturbing.flaky import Flaky
from toolgym.perturbing.session import PerturbedSession
from toolgym.world import Base, World, canonical


def counting(number: int, probability: float) -> PerturbedSession:
    """A session on a tool that counts how often it was called with each value."""
    server = ToolServer("counting", base=Base({"counts": {}}))

    @server.tool(writes=True)
    def count(world: World, value: int) -> int:
        """Counts."""
        if not world.has("counts", str(value)):
            world.put("counts", str(value), {"times": 0})
        world.edit("counts", str(value))["times"] += 1
        return world.get("counts", str(value))["times"]

    session = server.session()
    session.reset(None)
    made = PerturbedSession(session)
    made.perturb([Flaky(Chance(number, "task"), probability)])
    return made


CALLS = st.lists(st.integers(0, 3).map(lambda value: ToolCall("count", {"value": value})), max_size=60)


@given(number=st.integers(0, 2**31), probability=st.floats(0, 1), calls=CALLS)
def test_the_same_call_never_fails_twice_in_a_row(number, probability, calls):
    session, failed = counting(number, probability), set()
    done: dict[str, int] = {}
    for call in calls:
        before, version, same = session.diff(), session.state_version(), canonical([call.name, call.arguments])
        result = session.call(call)
        if result.outcome == "unavailable":
            assert same not in failed
            assert result.is_error
            assert "temporarily unavailable" in result.text
            assert (session.diff(), session.state_version()) == (before, version)
            failed.add(same)
        else:
            assert result.outcome == "ok"
            failed.discard(same)
            key = str(call.arguments["value"])
            done[key] = done.get(key, 0) + 1
            assert result.structured == {"result": done[key]}
    assert session.diff() == ({"counts": {key: {"times": times} for key, times in done.items()}} if done else {})


@given(number=st.integers(0, 2**31), before=CALLS, after=CALLS)
def test_a_fork_fails_as_its_parent(number, before, after):
    session = counting(number, 0.5)
    for call in before:
        session.call(call)
    fork, third = session.fork(), session.fork()
    out = [fork.call(call) for call in after]
    assert [session.call(call) for call in after] == out
    assert [third.call(call) for call in after] == out
    assert session.diff() == fork.diff() == third.diff()


def test_calls_fail_as_often_as_was_said():
    for probability in (0.1, 0.5):
        session, n = counting(1, probability), 2000
        failed = sum(session.call(ToolCall("count", {"value": at})).is_error for at in range(n))
        # All calls differ, so each fails by itself: 4 standard deviations of a binomial.
        assert abs(failed - n * probability) < 4 * sqrt(n * probability * (1 - probability))


def test_at_probability_1_each_call_fails_once_and_at_0_none():
    always, never = counting(1, 1.0), counting(1, 0.0)
    call = ToolCall("count", {"value": 1})
    assert [always.call(call).outcome for _ in range(4)] == ["unavailable", "ok", "unavailable", "ok"]
    assert [never.call(call).outcome for _ in range(4)] == ["ok"] * 4


def test_an_unknown_tool_and_what_cannot_be_sent_are_never_unavailable():
    session = counting(1, 1.0)
    assert session.call(ToolCall("cuont", {})).outcome == "unknown_tool"
    assert session.call(ToolCall("count", {"value": float("nan")})).outcome == "invalid_arguments"
    assert session.call(ToolCall("count", {"value": "\ud800"})).outcome == "invalid_arguments"


def test_an_episode_that_ends_on_an_unavailable_tool_is_nobodys_error(airline):
    env = airline(flaky=1.0)
    env.reset(options={"task": 0})
    observation, *_, info = env.step('<tool_call>{"name": "list_all_airports", "arguments": {}}</tool_call>')
    assert info["calls"] == [{"name": "list_all_airports", "outcome": "unavailable"}]
    assert observation == (
        "<tool_error>The tool 'list_all_airports' is temporarily unavailable and did nothing. "
        "Try the same call again.</tool_error>"
    )
    assert env.step("<response>I give up.</response>")[4]["outcome"] == "unsolved"
