"""The tool graph: probabilities, flow and thresholds by hand, and calls that are proposed in a real environment."""

import gymnasium
import pytest

from toolgym.agents.memory import ToolGraph, learn
from toolgym.agents.memory.flow import Seen, flow_of, place_text
from toolgym.agents.memory.graph import START, GraphOptions
from toolgym.agents.memory.graph_policy import GraphPolicy
from toolgym.agents.rollouts import Start, rollouts
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn

ALL = GraphOptions(similar=0)


def found(name, *orders):
    listed = ", ".join(f'"{order}"' for order in orders)
    return ("find_user", {"name": name}, f'{{"name": "{name}", "orders": [{listed}]}}')


def shown(*orders):
    return [("show_order", {"order": order}, '{"open": true}') for order in orders]


@pytest.fixture
def memory(episode):
    """After find_user: show_order in 3 of 4 solved cases, words in 1. Its order is each of the user's orders in all 3,
    the user's first order in 2. The failed case does not count.
    """
    return learn(
        [
            episode("a", "show", [found("ann", "o1", "o2")], shown("o1", "o2")),
            episode("b", "show", [found("bob", "o3")], shown("o3")),
            episode("c", "show", [found("eve", "o4")], shown("o4")),
            episode("d", "who", [found("joe", "o5")]),
            episode("e", "who", [found("kim", "o6")], [("cancel_order", {"order": "o6"}, "no")], outcome="unsolved"),
        ]
    )


def seen_of(name, *orders):
    seen = Seen()
    tool, arguments, result = found(name, *orders)
    seen.add(ToolCall(tool, arguments), result)
    return seen


def test_flow_names_the_places_that_held_a_value():
    seen = seen_of("ann", "o1", "o2")
    both = [ToolCall("show_order", {"order": each}) for each in ("o1", "o2")]
    one = [ToolCall("show_order", {"order": "o2", "of": "ann"})]
    assert flow_of(both, seen) == {"order": [("find_user", "result", "orders", -1)]}
    assert {name: list(map(place_text, places)) for name, places in flow_of(one, seen).items()} == {
        "order": ["find_user.result.orders[1]"],
        "of": ["find_user.arguments.name", "find_user.result.name"],
    }
    assert flow_of([*both, ToolCall("find_user", {"order": "o1"})], seen) == {}
    # A number is no text, and true is no 1.
    seen.add(ToolCall("count", {}), '{"n": 1, "flags": [true], "rows": [{"id": 7}, {"id": 8}]}')
    assert flow_of([ToolCall("x", {"a": True, "b": "1", "c": 8})], seen) == {
        "a": [("count", "result", "flags", -1), ("count", "result", "flags", 0)],
        "b": [],
        "c": [("count", "result", "rows", 1, "id")],
    }


def test_the_edges_have_the_shares_of_the_solved_cases(memory):
    edges = {(edge.after, edge.then): edge for edge in ToolGraph(memory, ALL).edges()}
    after = {then: (edge.count, edge.total) for (before, then), edge in edges.items() if before == "find_user"}
    assert after == {"show_order": (3, 4), "(words)": (1, 4)}
    assert edges["find_user", "show_order"].flow == {"order": ("find_user.result.orders[each]", 3)}
    assert edges[START, "find_user"].count == 4


def test_confidence_is_the_product_of_the_shares_and_decides(memory):
    # P(show_order | (start), find_user) = 3/4, P(each of the orders | show_order) = 3/3: 0.75.
    graph = ToolGraph(memory, GraphOptions(threshold=0.75, similar=0))
    proposal = graph.propose([START, "find_user"], seen_of("zoe", "o8", "o9"), {"show_order"})
    assert proposal is not None
    assert proposal.confidence == 0.75
    assert [call.arguments for call in proposal.calls] == [{"order": "o8"}, {"order": "o9"}]
    assert proposal.flow == {"order": "find_user.result.orders[each]"}
    stricter = ToolGraph(memory, GraphOptions(threshold=0.76, similar=0))
    assert stricter.propose([START, "find_user"], seen_of("zoe", "o8"), {"show_order"}) is None
    # The tool is not to be had; the place is empty; nothing was seen; the turns were seen 4 times, not 5.
    assert graph.propose([START, "find_user"], seen_of("zoe", "o8"), {"find_user"}) is None
    assert graph.propose([START, "find_user"], seen_of("zoe"), {"show_order"}) is None
    assert graph.propose([START, "find_user"], Seen(), {"show_order"}) is None
    rarer = ToolGraph(memory, GraphOptions(threshold=0.1, support=5, similar=0))
    assert rarer.propose([START, "find_user"], seen_of("zoe", "o8"), {"show_order"}) is None
    # Two turns that were never seen together: the last one alone decides.
    assert graph.propose(["show_order", "find_user"], seen_of("zoe", "o8"), {"show_order"}) is not None


def test_a_constant_is_worth_its_share(episode):
    # show_order follows in 4 of 4; the order is the user's first in 4 of 4; full is true in 3 of 4: 0.75.
    cases = [
        episode(f"{n}", "show", [found("ann", f"o{n}")], [("show_order", {"order": f"o{n}", "full": n != 1}, "{}")])
        for n in range(4)
    ]
    graph = ToolGraph(learn(cases), GraphOptions(threshold=0.75, similar=0))
    proposal = graph.propose([START, "find_user"], seen_of("zoe", "o8"), {"show_order"})
    assert proposal is not None
    assert proposal.confidence == 0.75
    assert proposal.calls == (ToolCall("show_order", {"full": True, "order": "o8"}),)
    assert proposal.flow["full"] == "true"


def test_only_the_cases_with_similar_requests_count(episode):
    cancels = [("cancel_order", {"order": "o1"}, "cancelled")]
    memory = learn(
        [
            *(episode(f"s{n}", "please show orders", [found(f"u{n}", "o1")], shown("o1")) for n in range(3)),
            *(episode(f"c{n}", "cancel it now", [found(f"u{n}", "o1")], cancels) for n in range(3)),
        ]
    )
    graph = ToolGraph(memory, GraphOptions(similar=3))
    cases = graph.similar("show me all orders")
    assert cases == {0, 1, 2}
    proposal = graph.propose([START, "find_user"], seen_of("zoe", "o8"), {"show_order", "cancel_order"}, cases)
    assert proposal is not None
    assert (proposal.calls[0].name, proposal.confidence) == ("show_order", 1.0)
    everything = ToolGraph(memory, ALL)  # 3 of 6 each way
    assert everything.propose([START, "find_user"], seen_of("zoe", "o8"), {"show_order", "cancel_order"}) is None


def play(policy, env_id, **options):
    env = gymnasium.make(env_id, split="test").unwrapped
    (rollout,) = rollouts(policy, [env], [Start(options={"task": "desk/ann"})])
    return rollout, policy.notes(0)["memory"]


def test_the_graph_takes_turns_and_the_policy_reads_them(memory, episode, desk_env, scripted):
    calls = (ToolCall("find_user", {"name": "ann"}), ToolCall("cancel_order", {"order": "o1"}))
    inner = scripted(Turn(calls=calls[:1]), Turn(calls=calls[1:]), Turn(response="It is cancelled."))
    rollout, notes = play(GraphPolicy(inner, memory, GraphOptions(threshold=0.75, similar=0)), desk_env)
    assert rollout.outcome == "solved"
    assert rollout.trajectory is not None
    acted = [[call.name for call in step.turn.calls] for step in rollout.trajectory.steps]
    assert acted == [["find_user"], ["show_order", "show_order"], ["cancel_order"], []]
    assert [message["role"] for message in inner.told[0][-5:]] == ["tool", "assistant", "tool", "tool", "tool"]
    assert {key: notes[key] for key in ("name", "asked", "own", "read", "written")} == {
        "name": "graph",
        "asked": 3,
        "own": 1,
        "read": 30,
        "written": 6,
    }
    (proposed,) = notes["proposed"]
    assert proposed["turn"] == 1
    assert proposed["confidence"] == 0.75
    assert [call["arguments"] for call in proposed["calls"]] == [{"order": "o1"}, {"order": "o2"}]
    assert rollout.usage == [(10, 2), (0, 0), (10, 2), (10, 2)]


def test_what_writes_is_proposed_only_where_it_is_allowed(episode, desk_env, scripted):
    cancels = [
        episode(f"{n}", "x", [found("bob", f"o{n}")], [("cancel_order", {"order": f"o{n}"}, "cancelled")])
        for n in range(3)
    ]
    find, end = Turn(calls=(ToolCall("find_user", {"name": "ann"}),)), Turn(response="It is cancelled.")
    _, notes = play(GraphPolicy(scripted(find, end), learn(cancels), ALL), desk_env)
    assert notes["own"] == 0
    allowed = GraphOptions(similar=0, writes=True)
    rollout, notes = play(GraphPolicy(scripted(find, end), learn(cancels), allowed), desk_env)
    assert (notes["own"], rollout.outcome) == (1, "solved")


def test_no_call_is_proposed_twice_and_none_after_an_error(episode, desk_env, scripted):
    again = [found("bob", "o3")]
    loops = [episode(f"{n}", "x", again, again, again) for n in range(3)]
    allowed = GraphOptions(similar=0, order=1, threshold=0.5)
    graph = ToolGraph(learn(loops), allowed)
    assert graph.propose([START, "find_user"], seen_of("bob", "o3"), {"find_user"}) is not None
    turns = [Turn(calls=(ToolCall("find_user", {"name": name}),)) for name in ("ann", "nobody")]
    _, notes = play(GraphPolicy(scripted(*turns, Turn(response="Bye.")), learn(loops), allowed), desk_env)
    assert (notes["own"], notes["asked"]) == (0, 3)


def test_the_task_that_was_learnt_from_is_not_played(memory, desk_env, scripted, episode):
    seen = learn([episode("desk/ann", "x")])
    with pytest.raises(ConfigError, match="learnt from task 'desk/ann'"):
        play(GraphPolicy(scripted(Turn(response="Bye.")), seen, ALL), desk_env)


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"threshold": 1.1}, {"support": 0}, {"order": 0}, {"similar": -1}])
def test_options_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}.*got"):
        GraphOptions(**wrong)
