"""An episode for somebody else's chat loop: every call is answered once, under its own id, whatever a model writes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.experts import gold_messages
from toolgym.adapters.chat import ChatEpisode, opened
from toolgym.errors import ConfigError, InfraError
from toolgym.mcp.inprocess import InProcessSession
from toolgym.opening import open_env

LIBRARY = {"size": "small"}

arguments = st.one_of(
    st.just("{}"),
    st.just('{"member_id": "nobody"}'),
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3).map(json.dumps),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.none(),
)
functions = st.fixed_dictionaries(
    {"name": st.sampled_from(["get_member", "list_loans", "no_tool", ""]) | st.text(max_size=8), "arguments": arguments}
)
calls = st.lists(
    st.one_of(functions.map(lambda each: {"function": each}), st.just({}), st.just({"function": 3})), max_size=5
)
contents = st.one_of(
    st.none(),
    st.just(""),
    st.text(max_size=40),
    st.just("<tool_call>{}</tool_call>"),
    st.just("<response>No.</response>"),
)


@settings(max_examples=80, deadline=None)
@given(calls=calls, content=contents, cut=st.booleans())
def test_every_call_is_answered_once_and_first(calls: list[dict[str, Any]], content: str | None, cut: bool) -> None:
    episode = ChatEpisode("ToolGym/Library-v0", LIBRARY, 0)
    given = [{"id": f"c{number}", **call} for number, call in enumerate(calls)]
    new = episode.take({"content": content, "tool_calls": given}, cut=cut)
    answers = [message for message in new if message["role"] == "tool"]
    assert new[: len(answers)] == answers
    assert [message["tool_call_id"] for message in answers] == [call["id"] for call in given]
    (step,) = episode.trajectory.steps
    run = [message["outcome"] for message in answers if message["outcome"] != "not_run"]
    if given:
        assert run == [result.outcome for result in step.results]
    assert all(isinstance(message["content"], str) for message in new)
    assert len(step.turn.calls) == 0 if cut else True
    episode.close()


def test_what_an_episode_earns_is_the_sum_of_its_terms_with_their_weights() -> None:
    env = open_env("ToolGym/Library-v0", **LIBRARY)
    env.reset(options={"task": 2})
    episode = ChatEpisode("ToolGym/Library-v0", LIBRARY, 2)
    for message in gold_messages(env.task):
        if not episode.done:
            episode.take(message)
    assert episode.trajectory.outcome == "solved"
    assert episode.total == pytest.approx(sum(episode.terms[name] * episode.weights[name] for name in episode.terms))
    assert episode.trajectory.meta["world"] == LIBRARY
    assert episode.total > 0


def test_episodes_share_nothing_but_what_they_are_made_from() -> None:
    one, other = (ChatEpisode("ToolGym/Library-v0", LIBRARY, 0) for _ in range(2))
    one.take({"content": "No."})
    assert (one.done, other.done) == (True, False)
    assert opened("ToolGym/Library-v0", {"size": "small"}) is opened("ToolGym/Library-v0", LIBRARY)


def test_what_the_infrastructure_broke_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Any, call: Any) -> Any:
        raise InfraError("the server is gone")

    monkeypatch.setattr(InProcessSession, "call", fails)
    episode = ChatEpisode("ToolGym/Library-v0", LIBRARY, 0)
    name = episode.tools[0]["function"]["name"]
    with pytest.raises(InfraError, match="the server is gone"):
        episode.take({"tool_calls": [{"id": "a", "function": {"name": name, "arguments": "{}"}}]})
    assert episode.trajectory.outcome == "infra_error"


def test_options_are_what_json_can_say() -> None:
    with pytest.raises(ConfigError, match="values that JSON has"):
        opened("ToolGym/Library-v0", {"reward": print})
