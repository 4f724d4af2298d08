"""Distractors: tools of other domains that tell nothing by their presence, number or place, and do nothing."""

from collections import Counter
from statistics import fmean

import pytest

from toolgym.errors import ConfigError
from toolgym.messages import ToolCall
from toolgym.registration import domains

LENT = {"cancel_parcel", "find_depot", "get_parcel", "list_couriers", "rate_courier", "track_parcel"}


def test_they_stand_among_the_others_with_their_schemas(airline):
    plain, env = airline(), airline(distractors=4)
    own = {tool["function"]["name"]: tool for tool in plain.reset(seed=1)[1]["tools"]}
    observation, info = env.reset(seed=1)
    names = [tool["function"]["name"] for tool in info["tools"]]
    assert len(names) == len(set(names)) == len(own) + 4
    assert set(names) - set(own) < LENT
    for tool in info["tools"]:
        name = tool["function"]["name"]
        assert f'{{"name":"{name}"' in observation
        if name in own:
            assert tool == own[name]
        else:
            assert set(tool["function"]["parameters"]["properties"]) == {"parcel_id", "user_id"}


def test_neither_choice_nor_place_tells_of_the_gold_chain(airline):
    env, chosen = airline(distractors=3), Counter()
    needed, others = [], []
    for index in range(400):
        info = env.reset(seed=index, options={"task": index})[1]
        names = [tool["function"]["name"] for tool in info["tools"]]
        gold = {call.name for call in env.task.gold_calls}
        chosen.update(set(names) & LENT)
        needed += [place / (len(names) - 1) for place, name in enumerate(names) if name in gold]
        others += [place / (len(names) - 1) for place, name in enumerate(names) if name in LENT]
    # 400 episodes choose 3 of 6, so each 200 times with a standard deviation of 10.
    assert set(chosen) == LENT
    assert all(abs(count - 200) < 45 for count in chosen.values())
    # Places are even on [0, 1]: means of at least 700 with a standard deviation of at most 0.3 / sqrt(700) = 0.012.
    assert min(len(needed), len(others)) > 700
    assert abs(fmean(needed) - 0.5) < 0.05
    assert abs(fmean(others) - 0.5) < 0.05


def test_a_call_of_one_is_refused_and_changes_nothing(airline):
    env = airline(distractors=6, max_turns=60)
    env.reset(seed=2)
    before, version = env.session.diff(), env.session.state_version()
    for name in sorted(LENT):
        for arguments in ({"parcel_id": "p1"}, {}, {"nothing": 1}):
            result = env.session.call(ToolCall(name, arguments))
            assert (result.outcome, result.is_error) == ("tool_error", True)
            assert name in result.text
    assert (env.session.diff(), env.session.state_version()) == (before, version)
    assert all(tool.writes is False for tool in env.tools if tool.name in LENT)
    *_, info = env.step('<tool_call>{"name": "get_parcel", "arguments": {"parcel_id": "p1"}}</tool_call>')
    assert info["calls"] == [{"name": "get_parcel", "outcome": "tool_error"}]
    assert env.trajectory.diff == {}


def test_a_name_that_the_domain_has_is_left_out(airline):
    env = airline(distractors=6)
    env.reset(seed=1)
    tools = {tool.name: tool for tool in env.tools}
    assert len(tools) == 20
    assert "world" not in tools["think"].description
    assert set(tools["think"].input_schema["properties"]) == {"thought"}


def test_more_than_there_are_is_an_error_that_counts_them(airline):
    expected = sum(name != "airline" for name in domains())
    assert expected >= 1
    with pytest.raises(ConfigError, match=r"distractors=5000, .* have \d+ tools to lend \(.*6 of 'parcels'"):
        airline(distractors=5000)


def test_without_another_domain_it_is_said(monkeypatch):
    from toolgym import registration
    from toolgym.env import ToolEnv

    monkeypatch.setattr(registration, "_DOMAINS", {"airline": registration._DOMAINS["airline"]})
    monkeypatch.setattr(registration, "_NUMBERS", {})
    with pytest.raises(ConfigError, match=r"have 0 tools to lend \(there is no other domain"):
        ToolEnv("airline", size="small", distractors=1)
