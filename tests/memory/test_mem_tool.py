"""Tools that come and go in a conversation: the three modes, what the policy is told, and limits that hold."""

import json
from typing import Any

import pytest

from toolgym.agents.evaluation.evaluation import EvalOptions, evaluate
from toolgym.agents.memory.mem_tool import ADD, REMOVE, ToolMemoryOptions, ToolMemoryPolicy
from toolgym.agents.policies import ApiPolicy
from toolgym.agents.policies.api import ApiOptions
from toolgym.agents.policies.policy import Completion
from toolgym.errors import ConfigError, OpeningError
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall, Turn, render
from toolgym.observations import Prompt, with_tools
from toolgym.trajectory import read_trajectories

SPECS = [
    ToolSpec("book_flight", "Books a seat on a plane."),
    ToolSpec("cancel_flight", "Cancels a seat on a plane."),
    ToolSpec("play_music", "Plays a song."),
    ToolSpec("stop_music", "Stops the song."),
]
PROMPT = Prompt("Be kind.", SPECS, "toolgym", user_answers=True, full=True)


def calls(*made: tuple[str, dict[str, Any]]) -> Turn:
    return Turn(calls=tuple(ToolCall(name, arguments) for name, arguments in made))


def begin(inner, mode, request="Fly me out: a seat on a plane.", k=2):
    policy = ToolMemoryPolicy(inner, ToolMemoryOptions(mode=mode, k=k))
    policy.start(0, PROMPT.text(request), {"messages": PROMPT.messages(request), "tools": PROMPT.tools()})
    return policy


def notes(policy):
    policy.end(0)
    return policy.notes(0)["memory"]


def test_the_tools_of_a_system_message_are_exchanged():
    system = with_tools(PROMPT.system, PROMPT.tools()[2:3])
    assert "play_music" in system
    assert "book_flight" not in system
    assert system.startswith("# Policy\n\nBe kind.\n\n# Tools\n")
    assert system.endswith(PROMPT.system.partition("# How to answer")[2])
    assert with_tools(PROMPT.system, PROMPT.tools()) == PROMPT.system
    assert with_tools("No tools.", PROMPT.tools()) == "No tools."


def test_the_tools_of_a_list_of_names_are_exchanged():
    typed = ToolSpec(
        "seat",
        "Books a seat.",
        {
            "type": "object",
            "properties": {
                "row": {"type": "integer"},
                "side": {"type": "string", "enum": ["aisle", "window"]},
                "meal": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "weights": {"type": ["number", "null"]},
                "note": {},
            },
            "required": ["row", "side"],
        },
    )
    prompt = Prompt("Be kind.", [*SPECS, typed], "toolgym", user_answers=True, full=False, listed=True)
    line = "seat(row: integer, side: aisle|window, meal?, weights?: number, note?)"
    assert prompt.system.endswith(f"stop_music()\n{line}")
    assert with_tools(prompt.system, prompt.tools()[4:]) == (
        f"# Tools\n\nEach line is one tool with its parameters.\n{line}"
    )
    assert with_tools(prompt.system, prompt.tools()) == prompt.system


def test_workflow_exchanges_the_tools_at_each_of_the_users_turns(scripted):
    inner = scripted(calls(("book_flight", {})), calls(("stop_music", {})))
    policy = begin(inner, "workflow")
    assert sorted(inner.tools[0]) == ["book_flight", "cancel_flight"]
    assert "play_music" not in inner.told[0][0]["content"]
    (turn,) = policy.generate([0])
    assert "book_flight" in turn.text
    assert turn.usage == (10, 2)
    policy.observe(0, "ok", {"messages": [{"role": "tool", "content": "ok"}]})
    assert inner.starts == 1  # nobody spoke
    assert "stop_music" in policy.generate([0])[0].text  # from memory: it is not in the context
    both = [{"role": "tool", "content": "ok"}, {"role": "user", "content": "Now a song."}]
    policy.observe(0, "ok", {"messages": both})
    assert inner.starts == 2
    assert sorted(inner.tools[0]) == ["play_music", "stop_music"]
    roles = ["system", "user", "assistant", "tool", "assistant", "tool", "user"]
    assert [message["role"] for message in inner.told[0]] == roles
    ids = [call["id"] for message in inner.told[0] for call in message.get("tool_calls", ())]
    assert ids == ["turn_0_0", "turn_1_0"]
    for words in ("Yes.", "The song!"):  # fits no tool; fits those that are there
        policy.observe(0, words, {"messages": [{"role": "user", "content": words}]})
    assert inner.starts == 2
    found = notes(policy)
    assert {key: found[key] for key in ("tools", "kept", "added", "removed", "managed", "outside")} == {
        "tools": 4,
        "kept": [2, 2, 2, 2, 2],
        "added": 2,
        "removed": 2,
        "managed": 0,
        "outside": 1,
    }


def test_an_endpoint_gets_a_conversation_that_it_takes(chat_server):
    def calling(*names):
        return {"tool_calls": [{"id": f"c_{name}", "function": {"name": name, "arguments": "{}"}} for name in names]}

    chat_server.script = [calling("book_flight", "cancel_flight"), calling("stop_music", "play_music"), "Ok."]
    inner = ApiPolicy(ApiOptions(model="m", base_url=chat_server.url, images=True))
    policy = begin(inner, "workflow")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    try:
        for words in ("Now a song.", "And a plane."):
            policy.generate([0])
            result = {"role": "tool", "content": "ok", "parts": [image]}
            results = [result] * (2 if words == "Now a song." else 1)  # a limit cut one off
            policy.observe(0, words, {"messages": [*results, {"role": "user", "content": words}]})
        policy.generate([0])
    finally:
        policy.close()
    asked = chat_server.requests
    assert [sorted(tool["function"]["name"] for tool in request["tools"]) for request in asked] == [
        ["book_flight", "cancel_flight"],
        ["play_music", "stop_music"],
        ["book_flight", "cancel_flight"],
    ]
    talk = asked[2]["messages"]
    roles = ["system", "user", "assistant", "tool", "tool", "user", "assistant", "user", "user"]
    assert [message["role"] for message in talk] == roles
    assert [call["id"] for call in talk[2]["tool_calls"]] == [message["tool_call_id"] for message in talk[3:5]]
    assert [message["content"] for message in talk[3:5]] == [[image], [image]]
    assert "tool_calls" not in talk[6]
    assert "stop_music" in talk[6]["content"]


def test_the_autonomous_agent_begins_without_tools_and_fetches_them(scripted):
    inner = scripted(
        calls((ADD, {"query": "a song"}), ("play_music", {})),
        calls((ADD, {"words": 1})),
        calls((REMOVE, {"names": ["stop_music", "other"]}), (REMOVE, {"names": "x"})),
        calls(("play_music", {})),
    )
    policy = begin(inner, "autonomous")
    assert inner.tools[0] == [ADD, REMOVE]
    assert f'"name":"{ADD}"' in inner.told[0][0]["content"]
    (turn,) = policy.generate([0])
    assert turn.text == render(calls(("play_music", {})))
    assert inner.asked[0] == 4
    assert inner.tools[0] == ["play_music", ADD, REMOVE]
    answers = [message["content"] for message in inner.told[0] if message["role"] == "tool"]
    assert answers == [
        "You can call now: play_music, stop_music.",
        "play_music was not called: call it in a turn that manages no tools.",
        "Error: add_tools needs a query, a text that says what the tools are for.",
        "Removed: stop_music.",
        "Error: remove_tools needs names, a list of tools' names.",
    ]
    policy.observe(0, "Fly!", {"messages": [{"role": "user", "content": "Fly!"}]})
    assert inner.tools[0] == ["play_music", ADD, REMOVE]  # the user's turns change nothing
    assert notes(policy)["managed"] == 3


def test_the_hybrid_agent_adds_and_the_users_turns_remove(scripted):
    inner = scripted(calls((ADD, {"query": "song"})), Turn(response="Ok."))
    policy = begin(inner, "hybrid")
    policy.generate([0])
    assert [*sorted(inner.tools[0][:-1]), inner.tools[0][-1]] == [
        *("book_flight", "cancel_flight", "play_music", "stop_music"),
        ADD,
    ]
    policy.observe(0, "", {"messages": [{"role": "user", "content": "Another song, please."}]})
    assert sorted(inner.tools[0][:-1]) == ["play_music", "stop_music"]
    kept = notes(policy)["kept"]
    assert kept == [2, 2]


def test_turns_that_manage_tools_cost_what_they_wrote(chat_server, desk_env, tmp_path):
    """An endpoint that adds tools with 50 tokens, then answers with 10: 60 of the episode, as the memory counts."""

    def reply(body: dict[str, Any]) -> tuple[int, dict[str, str], str]:
        managed = any(message["role"] == "assistant" for message in body["messages"])
        function = {"name": ADD, "arguments": '{"query": "show an order"}'}
        calls = [{"id": "c1", "type": "function", "function": function}]
        message = {"role": "assistant", "content": "Done."} if managed else {"role": "assistant", "tool_calls": calls}
        usage = {"prompt_tokens": 100, "completion_tokens": 10 if managed else 50}
        choice = {"finish_reason": "stop", "message": message}
        return 200, {}, json.dumps({"choices": [choice], "usage": usage})

    chat_server.default = reply
    policy = ToolMemoryPolicy(
        ApiPolicy(ApiOptions("m", base_url=chat_server.url)), ToolMemoryOptions(mode="autonomous")
    )
    evaluate(policy, EvalOptions(desk_env, episodes=1, output=tmp_path / "kept.jsonl"))
    policy.close()
    kept = read_trajectories(tmp_path / "kept.jsonl")
    told = [(each.meta["cost"]["tokens"], each.meta["memory"]["written"], each.meta["memory"]["read"]) for each in kept]
    assert told == [(60, 60, 200)]


def test_an_agent_that_only_manages_tools_does_not_go_on_for_ever(scripted):
    inner = scripted(*[calls((ADD, {"query": "song"}))] * 20)
    policy = begin(inner, "autonomous")
    (turn,) = policy.generate([0])
    assert turn.text == render(calls((ADD, {"query": "song"})))
    assert inner.asked[0] == 6


class Narrow:
    """A policy with room for so many messages; an id a message."""

    class decoder:
        @staticmethod
        def limit(opening: int) -> int:
            return 5

    def __init__(self, opening_room: int):
        self.room = opening_room

    def start(self, slot, observation, info, env=None):
        if len(info["messages"]) > self.room:
            raise OpeningError("full")
        return [0] * len(info["messages"])

    def observe(self, slot, observation, info):
        return [0] * len(info["messages"])

    def generate(self, slots):
        return [Completion(render(Turn(response="Ok.")), [1], [0.0]) for _ in slots]

    def end(self, slot):
        pass


@pytest.mark.parametrize(("room", "turns"), [(3, 1), (100, 2)])
def test_a_conversation_that_is_begun_anew_keeps_the_first_limit(room, turns):
    # Each turn adds two messages to the opening's two: the second beginning has 4 of them, the third 6 of 5 tokens.
    policy = begin(Narrow(room), "workflow")
    for words in ("a song", "a plane")[:turns]:
        (turn,) = policy.generate([0])
        assert turn.token_ids == []
        assert turn.usage is not None
        assert turn.usage[1] == 1
        policy.observe(0, words, {"messages": [{"role": "user", "content": words}]})
    assert policy.generate([0]) == [Completion("", stop="context")]


def test_options_and_names_that_cannot_be_are_refused(scripted):
    with pytest.raises(ConfigError, match="Did you mean 'hybrid'"):
        ToolMemoryOptions(mode="hybird")
    with pytest.raises(ConfigError, match="k must be at least 1, got 0"):
        ToolMemoryOptions(k=0)
    tools = [{"type": "function", "function": {"name": ADD}}]
    with pytest.raises(ConfigError, match=f"has a tool '{ADD}' of its own"):
        ToolMemoryPolicy(scripted()).start(0, "x", {"messages": [{"role": "user", "content": "x"}], "tools": tools})
