"""Other names: one to one, for all that is said, and without a trace of the old ones."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.env import ToolEnv
from toolgym.envs.airline import AIRLINE
from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall, Turn, render
from toolgym.perturbing import Names, as_played
from toolgym.perturbing.chance import Chance
from toolgym.perturbing.lexicon import NOUNS, VERBS
from toolgym.perturbing.renaming import Renaming, new_names
from toolgym.trajectory import ToolResult, Trajectory

WORDS = st.sampled_from([*VERBS, *NOUNS, "zorble", "x", "a1", "HTTP", "url2", "naïve", "名", "_", "get"])
NAMES = st.builds(
    lambda words, sign, camel: sign.join(word.capitalize() if camel and at else word for at, word in enumerate(words)),
    st.lists(WORDS, min_size=1, max_size=5),
    st.sampled_from(["_", "-", ".", "/", "__", ""]),
    st.booleans(),
)
TOOLS = st.dictionaries(NAMES.map(lambda name: name[:64]), st.lists(NAMES, max_size=5, unique=True), max_size=25)


def specs(tools: dict[str, list[str]]) -> tuple[ToolSpec, ...]:
    return tuple(
        ToolSpec(
            name,
            f"Does what `{name}` does.",
            {"type": "object", "properties": {each: {"type": "integer"} for each in names}, "required": names},
        )
        for name, names in tools.items()
    )


def folded(names: Any) -> list[str]:
    return [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]


@settings(max_examples=150)
@given(tools=TOOLS, number=st.integers(0, 2**31))
def test_names_are_one_to_one_and_none_is_an_old_one(tools, number):
    names = new_names(specs(tools), Chance(number, "task"))
    parameters = {each for names_of_tool in tools.values() for each in names_of_tool}
    for old, new in ((set(tools), names.tools), (parameters, names.parameters)):
        assert set(new) == old
        assert len(set(folded(new.values()))) == len(new)
        assert not set(folded(new.values())) & set(folded(old))
        assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name) for name in new.values()), new
    assert names.written() == new_names(specs(tools), Chance(number, "task")).written()
    assert Names.read(json.loads(json.dumps(names.written()))).written() == names.written()


@settings(max_examples=80)
@given(tools=TOOLS, number=st.integers(0, 2**31), data=st.data())
def test_a_call_comes_back_as_it_was(tools, number, data):
    tools = {"look": ["where"], **tools}
    names = new_names(specs(tools), Chance(number, "task"))
    name = data.draw(st.sampled_from(sorted(tools)))
    extra = data.draw(st.dictionaries(st.text(max_size=3).filter(lambda key: key not in names.parameters), st.none()))
    given_ = {**dict.fromkeys(tools[name], 1), **{key: 1 for key in extra if key not in names.parameters.values()}}
    call = ToolCall(name, given_)
    layer: Any = Renaming(names)
    said = names.call(call)
    assert layer.sent(said) == call
    assert list(layer.sent(said).arguments) == list(given_)
    shown = {spec.name: spec for spec in layer.listed(specs(tools))}
    assert set(tools[name]) == {
        old for old, new in names.parameters.items() if new in shown[said.name].input_schema["properties"]
    }
    assert layer.sent(call).outcome == "unknown_tool"
    for old in tools[name]:
        refused = layer.sent(ToolCall(said.name, {**said.arguments, old: 1}))
        assert refused.outcome == "invalid_arguments"
        assert refused.text == f"Invalid arguments for {said.name}: {old}: Unexpected keyword argument."


def test_styles_and_words_are_one_an_episode_and_differ_between_episodes(airline):
    env, seen = airline(rename=True), set()
    for seed in range(40):
        env.reset(seed=seed, options={"task": 3})
        names = env.perturbation.names
        seen.add(tuple(names.tools.values()))
        several = [name for name in (*names.tools.values(), *names.parameters.values()) if not name.islower()]
        assert not several or not any("_" in name for name in names.tools.values())
    assert len(seen) > 35


def test_nothing_the_agent_is_told_has_an_old_tools_name(airline):
    env = airline(rename=True, distractors=4, flaky=0.3, reorder=True)
    plain = airline()
    plain.reset(seed=0)
    old = [tool.name for tool in plain.tools if "_" in tool.name] + ["get_parcel", "track_parcel", "list_couriers"]
    listed = {tool.name for tool in plain.tools}
    parameters = {"user_id", "reservation_id", "payment_id", "total_baggages", "flight_type"}
    for index in range(60):
        observation, info = env.reset(seed=index, options={"task": index})
        told = [observation, json.dumps(info)]
        assert not {tool["function"]["name"] for tool in info["tools"]} & listed
        for tool in info["tools"]:
            assert not set(tool["function"]["parameters"]["properties"]) & parameters
        names = env.perturbation.names
        chain = [names.call(call.call()) for call in plain_gold(plain, index)]
        wrong = [ToolCall(call.name, {**call.arguments, "nothing": 1}) for call in chain]
        empty = [ToolCall(new, {}) for new in names.tools.values()]
        for call in [*wrong, *empty, *chain]:
            out = env.step(render(Turn(calls=(call,))))
            told += [out[0], json.dumps(out[4])]
            if out[2] or out[3]:
                break
        for text in told:
            found = [name for name in old if re.search(rf"(?<![A-Za-z0-9_]){name}(?![A-Za-z0-9_])", text)]
            assert not found, (found, text[:500])
        assert not any("'think'" in text or "for think:" in text or "for calculate:" in text for text in told)


def plain_gold(env: Any, index: int) -> Any:
    return env.tasks[index].gold_calls


def test_an_old_name_is_unknown_and_changes_nothing(airline):
    env = airline(rename=True)
    for index in range(0, 400, 40):
        env.reset(options={"task": index})
        for call in plain_gold(env, index):
            *_, info = env.step(render(Turn(calls=(call.call(),))))
            assert info["calls"] == [{"name": call.name, "outcome": "unknown_tool"}]
        assert env.trajectory.diff == {}
        assert env.trajectory.steps[0].turn.calls[0].name == plain_gold(env, index)[0].name


def test_errors_speak_of_the_names_that_were_used():
    names = Names({"get_user": "fetch_client", "think": "ponder"}, {"user_id": "client_ref", "date": "day"})
    layer, call = Renaming(names), ToolCall("ponder", {})
    for old, new in {
        "Invalid arguments for get_user: user_id: Missing required argument; date: Input should be a string.": (
            "Invalid arguments for fetch_client: client_ref: Missing required argument; day: Input should be a string."
        ),
        "Invalid arguments for think: thought.date: Field required.": (
            "Invalid arguments for ponder: thought.date: Field required."
        ),
        "The tool 'think' is temporarily unavailable": "The tool 'ponder' is temporarily unavailable",
        "Call get_user first; I think that date is wrong": "Call fetch_client first; I think that date is wrong",
        "'date' is a required property": "'day' is a required property",
        "get_user_details and my-get_user-too": "get_user_details and my-get_user-too",
    }.items():
        assert layer.heard(call, ToolResult(old, None, True, "tool_error")).text == new
        assert layer.heard(call, ToolResult(old)).text == old, "what a tool says of its world stays"


def test_schemas_speak_of_the_new_names_and_records_keep_their_fields():
    schema = {
        "type": "object",
        "title": "args",
        "description": "Give user_id.",
        "properties": {
            "user_id": {"type": "string", "title": "User Id", "description": "As get_user says.", "enum": ["user_id"]},
            "people": {"type": "array", "items": {"properties": {"user_id": {"title": "User Id"}}}},
        },
        "required": ["user_id"],
        "dependentRequired": {"user_id": ["people"]},
        "anyOf": [{"required": ["people"]}, {"properties": {"user_id": {"const": "user_id"}}}],
    }
    names = Names({"get_user": "fetch_client"}, {"user_id": "client_ref", "people": "persons"})
    spec = names.spec(ToolSpec("get_user", "Use get_user with user_id.", schema))
    assert (spec.name, spec.description) == ("fetch_client", "Use fetch_client with client_ref.")
    assert spec.input_schema == {
        "type": "object",
        "title": "args",
        "description": "Give client_ref.",
        "properties": {
            "client_ref": {
                "type": "string",
                "title": "client_ref",
                "description": "As fetch_client says.",
                "enum": ["user_id"],
            },
            "persons": {"type": "array", "items": {"properties": {"user_id": {"title": "User Id"}}}},
        },
        "required": ["client_ref"],
        "dependentRequired": {"client_ref": ["persons"]},
        "anyOf": [{"required": ["persons"]}, {"properties": {"client_ref": {"const": "user_id"}}}],
    }


def test_the_policy_speaks_of_the_new_names(lender):
    said = ("Hand the customer over (`transfer_to_human_agents`) for what no tool can do.",)
    env = ToolEnv(replace(AIRLINE, notes={**AIRLINE.notes, "Human agents": said}), size="small", rename=True)
    observation, _ = env.reset(seed=4)
    new = env.perturbation.names.tools["transfer_to_human_agents"]
    assert f"(`{new}`)" in env.policy
    assert env.policy.strip() in observation
    assert "transfer_to_human_agents" in env.domain.policy()


def test_the_task_is_in_the_agents_names_and_the_original_is_kept(airline):
    env = airline(rename=True, reveal_gold=True)
    _, info = env.reset(seed=4, options={"task": 8})
    names = env.perturbation.names
    assert env.perturbation.original is env.tasks[8]
    assert info["task"] is env.task
    assert env.task == as_played(env.tasks[8], env.trajectory)
    pairs = list(zip(env.task.gold_calls, env.tasks[8].gold_calls, strict=True))
    assert pairs
    for said, original in pairs:
        assert said.name == names.tools[original.name]
        assert list(said.arguments.values()) == list(original.arguments.values())
        assert (said.name, said.writes) != (original.name, not original.writes)
    left_out = {"gold", "checklist"}
    assert env.task.model_dump(exclude=left_out) == env.tasks[8].model_dump(exclude=left_out)


DAMAGED = [
    [],
    "x",
    {"tools": {}},
    {"tools": {}, "parameters": {"a": 1}},
    {"tools": {"a": "x", "b": "x"}, "parameters": {}},
    {"tools": {}, "parameters": [], "more": {}},
]


@pytest.mark.parametrize("names", DAMAGED, ids=str)
def test_damaged_names_of_a_record_are_an_error(airline, names):
    task = airline().tasks[0]
    with pytest.raises(ConfigError, match="one to one"):
        as_played(task, Trajectory("", task.id, meta={"perturbation": {"names": names}}))
    for meta in ({}, {"perturbation": {"number": 1}}, {"perturbation": "x"}):
        assert as_played(task, Trajectory("", task.id, meta=meta)) is task
