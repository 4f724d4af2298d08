"""`ToolGym/APIBank-v0` on a small copy of our own in API-Bank's shape: samples, executed tools, scores."""

import json
import shutil
from pathlib import Path

import pytest

from toolgym.checker import check_tool_env
from toolgym.envs.api_bank import accuracy
from toolgym.envs.api_bank.written import write_call
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, parse, render
from toolgym.opening import open_env
from toolgym.rewards.text import gold_turn

COPY = Path(__file__).parent / "made_up"
ID = "level-1-AddReminder-1"
LOG_IN = ToolCall("GetUserToken", {"username": "ann", "password": "rose"})


def make(**options):
    return open_env("ToolGym/APIBank-v0", **{"data": str(COPY), **options})


def test_each_call_of_a_dialogue_is_a_sample():
    # Counted in the copy: three calls, two and two.
    ids = [task.id for task in make().tasks]
    assert ids == [f"{ID}-{n}" for n in (1, 2, 3)] + ["level-1-Appointment-1-1", "level-1-Appointment-1-2"] + [
        "level-2-QueryStock-1-1",
        "level-2-QueryStock-1-2",
    ]
    assert [task.id for task in make(level=2).tasks] == ids[5:]
    assert [task.id for task in make(kinds="level-1").tasks] == ids[:5]


def test_a_sample_shows_the_dialogue_before_it_and_the_tools_that_the_level_tells():
    env = make()
    observation, info = env.reset(options={"task": f"{ID}-2"})
    assert [message["role"] for message in info["messages"]] == [
        "system", "user", "assistant", "assistant", "tool", "assistant"
    ]  # fmt: skip
    assert info["messages"][3]["content"] == "[GetUserToken(username='ann', password='rose')]"
    assert "t-ann" in observation
    assert [tool.name for tool in env.tools] == ["GetUserToken", "AddReminder", "QueryHealthData"]
    env.reset(options={"task": "level-2-QueryStock-1-1"})
    assert [tool.name for tool in env.tools] == ["ToolSearcher"]
    env.reset(options={"task": "level-2-QueryStock-1-2"})
    assert [tool.name for tool in env.tools] == ["ToolSearcher", "QueryStock"]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("[GetUserToken(username='ann', password='rose')]", "solved"),
        ("API-Request: [GetUserToken(password=rose, username=ann)]", "solved"),
        (render(gold_turn([LOG_IN])), "solved"),
        (render(gold_turn([LOG_IN]), "openai"), "solved"),
        ("[GetUserToken(username='ann', password='tulip')]", "tool_error"),
        ("[GetUserToken(user='ann', password='rose')]", "policy_error"),
        ("[QueryBalance(token='t-ann')]", "unsolved"),
        ("You are logged in.", "unsolved"),
        ("", "policy_error"),
    ],
)
def test_a_call_is_run_and_judged_as_the_benchmark_does(text, outcome):
    env = make()
    env.reset(options={"task": f"{ID}-1"})
    _, _, terminated, truncated, info = env.step(text)
    assert (terminated, truncated, info["outcome"]) == (True, False, outcome)


def test_what_the_benchmark_lets_pass_solves():
    env = make()
    env.reset(options={"task": f"{ID}-2"})
    # Two of three words are the gold's, of four in either: half is not more than half. Then three of four.
    for content, outcome in (("water the tulips", "unsolved"), ("water the roses soon", "solved")):
        env.reset(options={"task": f"{ID}-2"})
        text = f"[AddReminder(token='t-ann', content='{content}', time='2023-05-02 09:00:00')]"
        assert env.step(text)[4]["outcome"] == outcome
    env.reset(options={"task": "level-1-Appointment-1-1"})
    observation, *_, info = env.step(
        "[AppointmentRegistration(patient_name='Bo', date='2023-5-3', doctor_name='Dr. Fern')]"
    )
    assert info["outcome"] == "solved"
    assert "44556677" not in observation  # the id is drawn anew


class TestUntilAResponse:
    def test_the_tools_act_in_one_world(self):
        env = make(until="response")
        assert [task.id for task in env.tasks][:2] == [f"{ID}-1", f"{ID}-2"]
        env.reset(options={"task": f"{ID}-1"})
        assert env.step("[GetUserToken(username='ann', password='rose')]")[0] == (
            '<tool_response>{"token":"t-ann"}</tool_response>'
        )
        env.step("[AddReminder(token='t-ann', content='water the roses', time='2023-05-02 09:00:00')]")
        asked = "[QueryReminder(token='t-ann', content='', time='2023-05-02 09:00:00')]"
        assert "tool_error" in env.fork().step(asked)[0]  # it wants content
        asked = asked.replace("content=''", "content='none'")
        assert "water the roses" in env.fork().step(asked)[0]
        assert env.step("It is noted.")[4]["outcome"] == "solved"

    def test_the_calls_before_were_made(self):
        env = make(until="response")
        env.reset(options={"task": f"{ID}-2"})
        assert (
            "water the roses"
            in env.step("[QueryReminder(token='t-ann', content='none', time='2023-05-02 09:00:00')]")[0]
        )


class TestItems:
    def test_there_are_those_of_all_levels_with_their_own_prompts(self):
        env = make(form="items")
        assert [task.kind[0] for task in env.tasks] == ["level-1", "level-1", "level-2", "level-3"]
        _, info = env.reset(options={"task": "item-1-1"})
        assert [message["role"] for message in info["messages"]] == ["system", "user"]
        assert info["messages"][0]["content"].startswith("Write the next call as")
        assert [tool.name for tool in env.tools] == ["GetUserToken"]
        assert env.step("API-Request: [GetUserToken(username='ann', password='rose')]")[4]["outcome"] == "solved"

    def test_with_another_format_the_tools_are_told_in_it(self):
        _, info = make(form="items", format="hermes").reset(options={"task": "item-3-1"})
        assert '"name":"GrowRoses"' in info["messages"][0]["content"]
        assert "Write the next call as" not in info["messages"][0]["content"]

    @pytest.mark.parametrize(("text", "outcome"), [("3", "solved"), (" 3 ", "solved"), ("4", "unsolved")])
    def test_of_level_three_the_parameters_are_compared(self, text, outcome):
        env = make(form="items", level=3)
        env.reset(options={"task": 0})
        assert env.step(f"[GrowRoses(count='{text}')]")[4]["outcome"] == outcome


def test_accuracy_is_of_each_level_and_of_all():
    # One of two, two of two: and 3 of 4 in all.
    verdicts = [(1, True), (1, False), (2, True), (2, True)]
    assert accuracy(verdicts) == {"level-1": 0.5, "level-2": 1.0, "pooled": 0.75}
    assert accuracy([]) == {}


@pytest.mark.parametrize("options", [{"until": "response"}, {"form": "items"}, {"format": "auto"}])
def test_it_keeps_every_promise(options):
    """Whole, as by default it does, it is checked with all environments."""
    options = {"data": str(COPY), "prompt": "short", **options}
    names = ["gymnasium", "any_string", "oracle", "random", "gold_is_hidden", "fork", "reads_change_nothing"]
    assert check_tool_env("ToolGym/APIBank-v0", options=options, only=names).passed


def test_a_call_is_read_back_as_it_was_written():
    for call in (LOG_IN, ToolCall("GetToday"), ToolCall("A", {"x": "[1, 2]"})):
        env = make()
        turn = parse(write_call(call), env.options.format)
        assert turn.calls == (call,)
        assert parse("Hello!", "api_bank").response == "Hello!"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"data": None}, "--set data=DIR"),
        ({"data": "nowhere"}, "has no databases of API-Bank"),
        ({"level": 3}, r"level is one of \[1, 2\]"),
        ({"level": 1.5}, r"level is one of \[1, 2\]"),
        ({"level": [[1]]}, r"level is one of \[1, 2\]"),
        ({"level": []}, r"level is one of \[1, 2\]"),
        ({"form": "items", "until": "response"}, "form='items' is single calls"),
        ({"form": "dialogs"}, "Did you mean 'dialogues'"),
        ({"rename": True}, "Unknown option 'rename'"),
        ({"task": "level-1-none"}, "level-1-none"),
    ],
)
def test_a_wrong_option_is_told(options, told):
    with pytest.raises(ConfigError, match=told):
        make(**options)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("init_database/Stock.json", None, "Cannot read .*Stock.json"),
        ("init_database/Stock.json", "{", "Stock.json is not JSON"),
        ("init_database/SearchEngine.json", "{}", "SearchEngine.json is not API-Bank's"),
        ("lv1-lv2-samples/level-1-given-desc/Appointment-1.jsonl", '{"role": "API"}', "is no dialogue of API-Bank"),
        ("lv1-lv2-samples", None, "has no folder lv1-lv2-samples"),
        ("test-data/level-2-api.json", None, "has no test-data/level-2-api.json"),
        ("test-data/level-2-api.json", '[{"input": "x"}]', "level-2-api.json is not API-Bank's"),
    ],
)
def test_damaged_data_is_told_with_its_file(tmp_path, file, content, told):
    copy = tmp_path / "copy"
    shutil.copytree(COPY, copy)
    if content is not None:
        (copy / file).write_text(content)
    elif (copy / file).is_dir():
        shutil.rmtree(copy / file)
    else:
        (copy / file).unlink()
    with pytest.raises(ConfigError, match=told):
        open_env("ToolGym/APIBank-v0", data=str(copy), form="items" if "test-data" in file else "dialogues")


def test_the_words_of_the_copy_are_used_where_they_are_there(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(COPY, copy)
    (copy / "apis").mkdir()
    said = {"description": "Opens the gate.", "input_parameters": {"username": {"type": "str", "description": "Who."}}}
    lines = [f"    {name} = {value!r}" for name, value in said.items()]
    (copy / "apis" / "get_user_token.py").write_text("\n".join(["class GetUserToken(API):", *lines, "    x = f()"]))
    env = open_env("ToolGym/APIBank-v0", data=str(copy))
    observation, _ = env.reset(options={"task": f"{ID}-1"})
    assert "Opens the gate." in observation
    assert json.loads(json.dumps(env.tools[0].input_schema))["properties"]["username"]["description"] == "Who."
