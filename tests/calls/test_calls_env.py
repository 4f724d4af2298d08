"""`ToolGym/Calls-v0`: episodes of rows, their rewards, forks and limits."""

import json
import math
from pathlib import Path

import pytest

from toolgym.agents.policies.api import ApiOptions, ApiPolicy
from toolgym.checker import check_tool_env
from toolgym.errors import ConfigError, TaskError
from toolgym.messages import CutMessage, ToolCall, Turn, parse, render
from toolgym.opening import open_env
from toolgym.rewards import score
from toolgym.rewards.presets import preset_names
from toolgym.rewards.text import gold_turn

ROWS = str(Path(__file__).parent / "rows.jsonl")
RIGHT = '<tool_call>{"name": "weather", "arguments": {"city": "Bonn", "days": 2}}</tool_call>'
HALF = '<tool_call>{"name": "weather", "arguments": {"city": "Bonn", "days": 3}}</tool_call>'
OTHER = '<tool_call>{"name": "climate", "arguments": {}}</tool_call>'
NO_CITY = '<tool_call>{"name": "weather", "arguments": {"days": 2}}</tool_call>'


def make(**options):
    return open_env("ToolGym/Calls-v0", **{"data": ROWS, "test_share": 0, **options})


def played(action, task="rows-1", **options):
    env = make(**options)
    env.reset(options={"task": task})
    return env.step(action)


def test_the_observation_holds_the_history_and_the_tools():
    env = make()
    observation, info = env.reset(options={"task": "rows-5-2"})
    assert observation.index('"name":"Market Trends API"') < observation.index("<user>How do the markets")
    assert observation.endswith('<tool_response>{"up":false}</tool_response>')
    assert [message["role"] for message in info["messages"]] == ["system", "user", "assistant", "tool", "tool"]
    assert parse(info["messages"][2]["content"]).calls[1] == ToolCall("Market Trends API", {"country": "Chad"})
    assert [call["id"] for call in info["messages"][2]["tool_calls"]] == ["call_0", "call_1"]
    assert [message["tool_call_id"] for message in info["messages"][3:]] == ["call_0", "call_1"]
    assert [tool["function"]["name"] for tool in info["tools"]] == ["Market Trends API"]
    assert [tool.name for tool in env.tools] == ["Market Trends API"]
    assert json.loads(env.action_space.sample().removeprefix("<tool_call>").removesuffix("</tool_call>"))["name"] == (
        "Market Trends API"
    )
    observation, info = env.reset(options={"task": "rows-1"})
    assert "Market" not in f"{observation} {info}"


def test_history_is_written_in_the_format_that_is_asked_for():
    _, info = make(format="hermes").reset(options={"task": "rows-5-2"})
    assert info["messages"][2]["content"] == render(parse(info["messages"][2]["content"]), "hermes")
    assert "<plan>" not in info["messages"][0]["content"]


@pytest.mark.parametrize(
    ("action", "task", "outcome"),
    [
        (RIGHT, "rows-1", "solved"),
        (HALF, "rows-1", "unsolved"),
        (OTHER, "rows-1", "policy_error"),
        (NO_CITY, "rows-1", "policy_error"),
        (RIGHT + RIGHT, "rows-1", "unsolved"),
        ("<response>It rains.</response>", "rows-1", "unsolved"),
        ("<tool_call>{", "rows-1", "policy_error"),
        ("", "rows-1", "policy_error"),
        (CutMessage(RIGHT), "rows-1", "policy_error"),
        ("<response>I cannot sing.</response>", "rows-4", "solved"),
        ('<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>', "rows-4", "unsolved"),
        ("<tool_call>{", "rows-4", "policy_error"),
        ("", "rows-4", "policy_error"),
    ],
)
def test_an_episode_is_one_message(action, task, outcome):
    _, reward, terminated, truncated, info = played(action, task)
    assert (terminated, truncated, info["outcome"]) == (True, False, outcome)
    assert math.isfinite(reward)


def test_the_order_of_parallel_calls_is_free():
    calls = [{"name": "add", "arguments": {"a": 3, "b": 2}}, {"name": "add", "arguments": {"b": 3, "a": 2}}]
    action = "".join(f"<tool_call>{json.dumps(call)}</tool_call>" for call in calls)
    assert played(action, "rows-3")[4]["outcome"] == "solved"


class TestRewards:
    @pytest.mark.parametrize("name", preset_names())
    @pytest.mark.parametrize("until", ["turn", "response"])
    def test_every_preset_pays_the_gold_most(self, name, until):
        env = make(reward=name, until=until)
        for index in range(len(env.tasks)):
            worth = []
            for text in (None, OTHER, "<tool_call>{"):
                env.reset(options={"task": index})
                turns = [render(gold_turn(action)) for action in env.task.gold] if text is None else [text]
                total, over = 0.0, False
                for turn in [*turns, *["<response>Done.</response>"] * 2]:
                    if over:
                        break
                    _, reward, over, truncated, _ = env.step(turn)
                    assert not truncated
                    total += reward
                worth.append(total)
            assert all(map(math.isfinite, worth))
            # Some look at the outcome alone; and until a response, a row that asks for no call can still be answered.
            equal = name in ("cm2", "otc", "state") or (until == "response" and not env.task.gold_calls)
            assert worth[0] > max(worth[1:]) or (equal and worth[0] == max(worth[1:])), (env.task.id, worth)

    @pytest.mark.parametrize("name", ["awpo", "toolupt"])
    @pytest.mark.parametrize("action", [RIGHT, HALF, OTHER, NO_CITY, RIGHT + HALF, "<response>No.</response>"])
    def test_a_message_earns_what_its_text_does(self, name, action):
        """The papers score text. Where the gold has no plan none is asked for, as `plan=False` says of the text."""
        options = {"plan": False} if name == "awpo" else {}
        gold = [{"name": "weather", "arguments": {"city": "Bonn", "days": 2}}]
        assert played(action, reward=name)[1] == pytest.approx(score(name, action, gold, **options)["total"])

    def test_toolrl(self):
        # One call with two parameters: S_max = 1 + 1 + 2 = 4. HALF: name 1, keys 2/2 = 1, one value: 3 points of 4,
        # so 6 * 3/4 - 3 = 1.5, and 1 for the format. A tool that there is not: 0 of 4, so -3, and the format's 1.
        assert played(RIGHT, reward="toolrl")[1] == 4.0
        assert played(HALF, reward="toolrl")[1] == 2.5
        assert played(OTHER, reward="toolrl")[1] == -2.0
        # Neither call nor format: the lowest of both.
        assert played("<tool_call>{", reward="toolrl")[1] == -3.0

    def test_steptool_tells_a_call_that_the_tool_would_refuse(self):
        # SuccCalling is 0 for a missing parameter, and 1 for a wrong value.
        info = played(NO_CITY)[4]
        assert info["calls"] == [{"name": "weather", "outcome": "invalid_arguments"}]
        assert played(OTHER)[4]["calls"] == [{"name": "climate", "outcome": "unknown_tool"}]
        assert played(HALF)[4]["calls"] == [{"name": "weather", "outcome": "ok"}]


class TestUntilAResponse:
    def test_calls_are_answered_as_recorded(self):
        env = make(until="response")
        env.reset(options={"task": "rows-5-1"})
        first, second = gold_turn(env.task.gold[0]).calls
        observation, _, terminated, *_ = env.step(render(Turn(calls=(second,))))
        assert (observation, terminated) == ('<tool_response>{"up":false}</tool_response>', False)
        assert env.step(render(Turn(calls=(first,))))[0] == '<tool_response>{"up":true}</tool_response>'
        assert env.step("<response>Up and down.</response>")[4]["outcome"] == "solved"

    def test_a_call_of_which_nothing_is_recorded_is_told_so_and_may_be_mended(self):
        env = make(until="response")
        env.reset(options={"task": "rows-1"})
        for action in (HALF, OTHER, NO_CITY):
            assert env.step(action)[0].startswith("<tool_error>")
        env.step(RIGHT)
        assert env.step("<response>Rain.</response>")[4]["outcome"] == "solved"

    def test_a_model_can_answer_the_others(self, chat_server):
        chat_server.default = '{"result": "sunny"}'
        env = make(until="response", simulate={"model": "m", "base_url": chat_server.url})
        env.reset(options={"task": "rows-1"})
        assert env.step(HALF)[0] == "<tool_response>sunny</tool_response>"
        assert env.step(RIGHT)[0] == "<tool_response>The call is taken down.</tool_response>"


def test_a_fork_is_a_copy():
    env = make(until="response")
    env.reset(options={"task": "rows-5-1"})
    assert env.session.fork_kind == "copy"
    first, second = gold_turn(env.task.gold[0]).calls
    env.step(render(Turn(calls=(first,))))
    twin = env.fork()
    before = twin.session.diff()
    twin.step(render(Turn(calls=(second,))))
    assert env.session.diff() == before != twin.session.diff()


def test_it_keeps_every_promise():
    """Whole, as by default it does, it is checked with all environments."""
    options = {"data": ROWS, "test_share": 0, "until": "response", "prompt": "short"}
    names = ["gymnasium", "any_string", "oracle", "random", "gold_is_hidden", "fork", "reads_change_nothing"]
    assert check_tool_env("ToolGym/Calls-v0", options=options, only=names).passed


def test_kinds_and_numbers_of_calls_choose_rows():
    assert [task.id for task in make(kinds="parallel").tasks] == ["rows-3", "rows-5-1"]
    assert [task.id for task in make(kinds=["no_call"]).tasks] == ["rows-4", "rows-5-2", "rows-5-3"]
    assert [task.id for task in make(depth=2).tasks] == ["rows-3", "rows-5-1"]
    with pytest.raises(ConfigError, match="no kind 'paralel'"):
        make(kinds="paralel")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"data": None}, "--set data=FILE"),
        ({"data": "nowhere.jsonl"}, "there is no file or folder 'nowhere.jsonl'"),
        ({"data": []}, "there is no row"),
        ({"until": "end"}, "until 'end'"),
        ({"test_share": 0.6}, "test_share is a share"),
        ({"rename": True}, "Unknown option 'rename'"),
        ({"size": "small"}, "Unknown option 'size'"),
        ({"tset_share": 0.1}, "Did you mean 'test_share'"),
        ({"simulate": {"model": "m"}}, "simulate is for until='response'"),
        ({"simulate": {"base_url": "x"}, "until": "response"}, "simulate needs the name of a model"),
        ({"simulate": {"modle": "x"}, "until": "response"}, "Did you mean 'model'"),
        ({"split": "test"}, "No task of 'calls' fits"),
        ({"task": "rows-9"}, "There is no task 'rows-9'"),
    ],
)
def test_a_wrong_option_is_told(options, told):
    with pytest.raises((ConfigError, TaskError), match=told):
        make(**options)


def test_an_endpoint_gets_the_history_as_its_own_protocol_has_it(chat_server):
    env = make()
    policy = ApiPolicy(ApiOptions("m", base_url=chat_server.url, api_key="k"))
    try:
        policy.start(0, *env.reset(options={"task": "rows-5-2"}))
        policy.generate([0])
    finally:
        policy.close()
    request = chat_server.requests[0]
    assert [message["role"] for message in request["messages"]] == ["system", "user", "assistant", "tool", "tool"]
    called, *answers = request["messages"][2:]
    assert called["content"] == ""  # its calls are not in its text too
    assert [call["id"] for call in called["tool_calls"]] == [answer["tool_call_id"] for answer in answers]
    assert json.loads(called["tool_calls"][0]["function"]["arguments"]) == {"country": "Peru", "deep": True}
    assert request["tools"][0]["function"]["name"] == "Market Trends API"
    assert "Market Trends API" not in request["messages"][0]["content"]


def test_reasons_are_joined_without_a_second_full_stop(tmp_path):
    row = {"messages": [{"role": "user", "content": "Hi"}], "tools": [], "gold": [{"arguments": {}}]}
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n")
    with pytest.raises(TaskError, match="1 broken row: ") as told:
        open_env("ToolGym/Calls-v0", data=str(file))
    assert ".. " not in str(told.value)
