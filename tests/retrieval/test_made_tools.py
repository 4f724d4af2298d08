"""`make_tools`: what makes a tool, its examples, calls, forks and files. The container is tested in tests/docker."""

import asyncio
import json
from typing import Any

import pytest

from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, InfraError
from toolgym.mcp.docker_engine import Engine
from toolgym.mcp.server import ToolServer
from toolgym.messages import ToolCall, Turn, render
from toolgym.perturbing import episode
from toolgym.retrieval import sandbox
from toolgym.retrieval.made import MadeTool, RefusedError, keep_tool, kept_tools, read_tool, verify
from toolgym.retrieval.sandbox import Ran
from toolgym.tasks import GoldAction, Task
from toolgym.world import Base, World

DOUBLE = {
    "name": "double",
    "description": "Doubles a number.",
    "parameters": {"n": {"type": "integer", "description": "Any."}},
    "code": "def double(n):\n    return 2 * n\n",
    "examples": [{"arguments": {"n": 2}, "result": 4}],
}


class Here:
    """Runs code of these tests in this process."""

    def __init__(self) -> None:
        self.runs = self.closed = 0

    def close(self) -> None:
        self.closed += 1

    def run(self, code: str, function: str, arguments: dict[str, Any]) -> Ran:
        self.runs += 1
        names: dict[str, Any] = {}
        try:
            exec(code, names)
            return Ran(names[function](**arguments))
        except OSError as error:
            raise InfraError("the container is gone") from error
        except Exception as error:
            return Ran(error=f"{type(error).__name__}: {error}")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    made = Here()
    monkeypatch.setattr(episode, "_sandbox", lambda image: made)
    return made


def room(**options: Any) -> ToolEnv:
    server = ToolServer("room", base=Base({}))

    @server.tool(writes=False)
    def look(world: World) -> str:
        """Looks."""
        return "a room"

    task = Task(id="t", domain="room", kind=("look",), request="Look.", gold=(GoldAction(response="A room."),))
    return ToolEnv(CustomDomain(server.session, [task]), make_tools=True, **options)


def call(env: ToolEnv, name: str, /, **arguments: Any) -> tuple[str, str]:
    observation, *_, info = env.step(render(Turn(calls=(ToolCall(name, arguments),))))
    return observation, info["calls"][0]["outcome"] if info["calls"] else info["outcome"]


def test_a_tool_is_made_and_called(here):
    env = room()
    assert [tool["function"]["name"] for tool in env.reset()[1]["tools"]] == ["look", "make_tool"]
    assert call(env, "double", n=3)[1] == "unknown_tool"
    observation, outcome = call(env, "make_tool", **DOUBLE)
    assert outcome == "ok"
    assert '<tool_response>{"made":"double"}</tool_response>\n# Tools' in observation
    assert '"required":["n"]' in observation
    twin = env.fork()
    assert call(twin, "double", n=21) == ('<tool_response>{"result":42}</tool_response>', "ok")
    assert (
        call(twin, "make_tool", **{**DOUBLE, "name": "twice", "code": DOUBLE["code"].replace("double", "twice")})[1]
        == "ok"
    )
    assert (len(twin.tools), len(env.tools)) == (4, 3)
    assert call(env, "double", n="x") == (
        "<tool_error>Invalid arguments for double: n must be of type integer.</tool_error>",
        "invalid_arguments",
    )
    assert call(env, "double", n=10**18 * 9)[1] == "ok"
    assert "there is a tool double already" in call(env, "make_tool", **DOUBLE)[0]
    assert call(env, "look") == ("<tool_response>a room</tool_response>", "ok")
    assert env.suspends
    later = asyncio.run(env.step_async('<tool_call>{"name": "double", "arguments": {"n": 4}}</tool_call>'))
    assert later[0] == '<tool_response>{"result":8}</tool_response>'
    env.reset()
    assert len(env.tools) == 2  # an episode begins anew
    twin.close()
    assert here.closed == 0
    env.close()
    assert here.closed == 1


def test_a_tool_counts_only_once_its_examples_hold(here):
    env = room()
    env.reset()
    wrong = {**DOUBLE, "examples": [*DOUBLE["examples"], {"arguments": {"n": 2}, "result": 5}]}
    assert call(env, "make_tool", **wrong) == (
        "<tool_error>The tool was not made: example 2 gives 4.</tool_error>",
        "tool_error",
    )
    fails = {**DOUBLE, "code": "def double(n):\n    return 1 / 0\n"}
    assert "example 1 fails: ZeroDivisionError" in call(env, "make_tool", **fails)[0]
    assert len(env.tools) == 2
    assert here.runs == 3
    with pytest.raises(RefusedError, match="gives 4"):  # 4 is not 4.0 and not true
        verify(MadeTool(**{**DOUBLE, "examples": ({"arguments": {"n": 2}, "result": "4"},)}), here)


def test_a_sandbox_that_fails_is_not_the_agents_fault(here):
    env = room()
    env.reset()
    gone = {**DOUBLE, "code": "def double(n):\n    raise OSError\n"}
    assert call(env, "make_tool", **gone)[1] == "infra_error"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"more": 1}, "it takes name, description"),
        ({"name": "Double"}, "name: "),
        ({"name": "import"}, "name: "),
        ({"name": 3}, "name: "),
        ({"description": ""}, "description: "),
        ({"parameters": []}, "parameters: an object"),
        ({"parameters": {"n": {"type": "int"}}}, "needs a type"),
        ({"parameters": {"n": "integer"}}, "needs a type"),
        ({"parameters": {"n": {"type": ["integer"]}}}, "needs a type"),
        ({"parameters": {"n n": {"type": "integer"}}}, "needs a type"),
        ({"parameters": {"n": {"type": "integer", "pattern": "(a+)+$"}}}, "needs a type"),
        ({"parameters": {"n": {"type": "integer", "description": 3}}}, "is text"),
        ({"code": "def triple(n): pass"}, "defines the function double"),
        ({"code": "def double(n) return"}, "code: "),
        ({"code": "(" * 5000}, "code: "),
        ({"code": "x = '\0'"}, "code: "),
        ({"code": "#" * 20_001}, "code: "),
        ({"examples": []}, "a list of 1 to 20"),
        ({"examples": [{"arguments": {"n": 2}}]}, "with arguments and result"),
        ({"examples": [{"arguments": {}, "result": 1}]}, "number 1: n is missing"),
        ({"examples": [{"arguments": {"n": True}, "result": 1}]}, "of type integer"),
        ({"examples": [{"arguments": {"n": 1, "m": 1}, "result": 1}]}, "there is no m"),
        ({"examples": [{"arguments": 3, "result": 1}]}, "must be an object"),
    ],
)
def test_what_makes_no_tool_is_said(change, said):
    with pytest.raises(RefusedError, match=said):
        read_tool({**DOUBLE, **change})


def test_a_file_keeps_what_was_made_for_later_environments(here, tmp_path):
    file = tmp_path / "made.jsonl"
    env = room(made_tools=str(file))
    env.reset()
    assert call(env, "make_tool", **DOUBLE)[1] == "ok"
    assert call(env, "make_tool", **{**DOUBLE, "name": "other"})[1] == "invalid_arguments"
    assert kept_tools(file) == {"double": read_tool(DOUBLE)}
    again = room(made_tools=str(file))
    again.reset()
    runs = here.runs
    assert call(again, "double", n=1)[0] == '<tool_response>{"result":2}</tool_response>'
    assert here.runs == runs + 1
    line = file.read_text()
    file.write_text(
        line + line.replace("Doubles", "Twice") + line.replace('"double"', '"look"').replace("def double", "def look")
    )
    third = room(made_tools=str(file))  # a name that the server has is left out; of two the later counts
    third.reset()
    assert [(tool.name, tool.description) for tool in third.tools][-1] == ("double", "Twice a number.")
    assert len(third.tools) == 3
    for text, said in (("notes", "line 1, holds no made tool"), (line + "{}", "line 2, holds no made tool")):
        file.write_text(text)
        with pytest.raises(ConfigError, match=said):
            room(made_tools=str(file))
        assert file.read_text() == text


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\r", "\ud800"])
def test_any_text_of_a_made_tool_is_kept_on_its_line(tmp_path, mark):
    """JSON leaves some line ends of Unicode as they are."""
    file = tmp_path / "made.jsonl"
    given = {**DOUBLE, "description": f"Doubles{mark}a number."}
    for _ in range(2):
        keep_tool(read_tool(given), file)
    assert kept_tools(file) == {"double": read_tool(given)}


def test_without_an_engine_it_is_said(monkeypatch):
    from toolgym.errors import ServerStartError

    def none():
        raise ServerStartError("nothing answers")

    sandbox.docker_sandbox.cache_clear()
    monkeypatch.setattr(sandbox, "require_docker", lambda: None)
    monkeypatch.setattr(Engine, "get", none)
    with pytest.raises(ConfigError, match=r"run in a Docker container alone, and there is no engine: nothing answers"):
        room()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"make_tools": 3}, "make_tools is true"),
        ({"made_tools": "f"}, "needs make_tools=true"),
    ]
    for options, said in wrong:
        with pytest.raises(ConfigError, match=said):
            ToolEnv("airline", size="small", **options)


def test_json_of_a_made_tool_is_what_was_given():
    assert json.loads(json.dumps(read_tool(DOUBLE).examples)) == DOUBLE["examples"]
    schema = read_tool(DOUBLE).spec.input_schema
    assert schema["properties"] == DOUBLE["parameters"]
