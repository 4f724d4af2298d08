"""The policies without a model, on their own: what they say, and that they say the same again."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.agents.policies.scripted import NoopPolicy, OraclePolicy, RandomPolicy
from toolgym.errors import ConfigError
from toolgym.messages import formats, parse
from toolgym.tasks import GoldAction, GoldCall, Task

TASK = Task(
    id="toy/1",
    domain="toy",
    kind=("look", "cancel"),
    depth=2,
    request="Cancel my trip Q7K2MZ.",
    gold=(
        GoldAction(plan="look, then cancel", calls=(GoldCall(name="look", arguments={"id": "ann"}),)),
        GoldAction(calls=(GoldCall(name="cancel", arguments={"trip": 7}), GoldCall(name="note"))),
        GoldAction(response="Cancelled."),
    ),
)

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "cancel",
            "parameters": {
                "type": "object",
                "properties": {"trip": {"type": "string"}, "fee": {"type": "integer", "minimum": 0, "maximum": 3}},
                "required": ["trip", "fee"],
            },
        },
    },
    {"type": "function", "function": {"name": "list", "parameters": {"type": "object", "properties": {}}}},
]


def env_of(task: Task):
    """What the oracle looks at of an environment."""
    return SimpleNamespace(unwrapped=SimpleNamespace(task=task))


@pytest.mark.parametrize("format", [name for name in formats() if name != "api_bank"])  # which has one call a message
def test_the_oracle_says_the_gold_chain(format):
    oracle = OraclePolicy(format)
    oracle.start(0, "Cancel my trip Q7K2MZ.", {}, env_of(TASK))
    turns = [parse(oracle.generate([0])[0].text, format) for _ in range(4)]
    assert [call.name for turn in turns for call in turn.calls] == ["look", "cancel", "note"]
    assert turns[0].plan == "look, then cancel"
    assert turns[1].calls[0].arguments == {"trip": 7}
    assert turns[2].response == "Cancelled."
    assert not turns[3].calls  # nothing is left to do, and it says so rather than raise
    assert turns[3].response
    assert not any(turn.problems for turn in turns)


def test_the_oracle_closes_a_chain_without_a_response():
    oracle = OraclePolicy()
    oracle.start(0, "", {}, env_of(TASK.model_copy(update={"gold": TASK.gold[:1]})))
    oracle.start(1, "", {}, env_of(TASK.model_copy(update={"gold": ()})))
    assert parse(oracle.generate([0])[0].text).calls
    assert [parse(completion.text).response is not None for completion in oracle.generate([0, 1])] == [True, True]


def test_the_oracle_needs_the_environment():
    with pytest.raises(ConfigError, match="pass `env`"):
        OraclePolicy().start(0, "", {})


def test_slots_are_independent():
    oracle = OraclePolicy()
    oracle.start(0, "", {}, env_of(TASK))
    oracle.start(5, "", {}, env_of(TASK))
    first = oracle.generate([5])[0]
    both = oracle.generate([0, 5])
    assert both[0] == first
    assert parse(both[1].text).calls[0].name == "cancel"
    oracle.end(5)
    oracle.end(5)


def test_noop_calls_nothing():
    noop = NoopPolicy()
    noop.start(0, "Cancel my trip.", {})
    turn = parse(noop.generate([0])[0].text)
    assert not turn.calls
    assert turn.response
    assert not turn.problems


def run(policy: RandomPolicy, slot: int, task_id: str, turns: int = 12) -> list[str]:
    policy.start(slot, "Cancel my trip Q7K2MZ.", {"task_id": task_id, "tools": TOOLS})
    out = []
    for _ in range(turns):
        out.append(policy.generate([slot])[0].text)
        policy.observe(slot, '{"next": "ZZ9"}', {})
    policy.end(slot)
    return out


def test_random_calls_are_valid_and_use_what_was_seen():
    calls = [call for text in run(RandomPolicy(0, stop_probability=0.0), 0, "toy/1", 60) for call in parse(text).calls]
    assert len(calls) == 60
    assert {call.name for call in calls} == {"cancel", "list"}
    trips = [call.arguments["trip"] for call in calls if call.name == "cancel"]
    assert "Q7K2MZ" in trips
    assert "ZZ9" in trips
    assert all(call.arguments["fee"] in range(4) for call in calls if call.name == "cancel")


@given(st.integers(0, 1000), st.integers(0, 7))
@settings(max_examples=20)
def test_random_depends_on_seed_and_task_not_on_slot(seed, slot):
    assert run(RandomPolicy(seed), slot, "toy/1") == run(RandomPolicy(seed), 0, "toy/1")
    assert run(RandomPolicy(seed), slot, "toy/1") != run(RandomPolicy(seed), slot, "toy/2")
    assert run(RandomPolicy(seed), slot, "toy/1") != run(RandomPolicy(seed + 1), slot, "toy/1")


def test_a_second_trial_differs():
    policy = RandomPolicy(0)
    assert run(policy, 0, "toy/1") != run(policy, 0, "toy/1")


def test_random_without_tools_answers():
    policy = RandomPolicy(0)
    policy.start(0, "", {})
    assert parse(policy.generate([0])[0].text).response
