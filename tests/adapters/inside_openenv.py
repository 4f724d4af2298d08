"""Run beside OpenEnv's package (see test_openenv.py): real servers of both sides, real clients of both sides."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import gymnasium
import pytest
import uvicorn
from fastmcp import FastMCP
from openenv.core.env_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.generic_client import GenericEnvClient

from toolgym.adapters.openenv import openenv_app
from toolgym.agents.policies.scripted import gold_turns
from toolgym.errors import ConfigError, ServerStartError
from toolgym.messages import render
from toolgym.opening import open_env

AIRLINE = {"size": "small", "prompt": "short"}


@contextmanager
def served(app) -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def airline():
    with served(openenv_app("ToolGym/Airline-v0", sessions=4, **AIRLINE)) as url:
        yield url


# Ours as one of theirs ---------------------------------------------------------------------------------------------


def test_their_own_conformance_check_passes(airline):
    check = [sys.executable, "-m", "openenv.cli", "validate", "--url", airline]
    done = subprocess.run(check, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert report["passed"]
    assert report["summary"]["failed_criteria"] == []


def test_an_episode_over_the_wire_is_the_episode_in_process(airline):
    env = open_env("ToolGym/Airline-v0", **AIRLINE)
    text, _ = env.reset(options={"task": 3})
    expert = [render(turn) for turn in gold_turns(env.task)]
    with GenericEnvClient(airline).sync() as client:
        first = client.reset(task=3)
        assert first.observation["text"] == text
        assert [tool["name"] for tool in first.observation["tools"]] == [tool.name for tool in env.tools]
        for action in expert:
            said, reward, terminated, truncated, info = env.step(action)
            result = client.step({"message": action})
            assert (result.observation["text"], result.reward) == (said, reward)
            assert result.observation["rewards"] == info["rewards"]
            assert result.done == (terminated or truncated)
        assert result.observation["outcome"] == "solved"
        state = client.state()
        assert (state["task_id"], state["step_count"]) == (env.task.id, len(expert))


def test_tools_are_listed_before_a_reset_and_called_one_by_one(airline):
    with GenericEnvClient(airline).sync() as client:
        listed = client.step({"type": "list_tools"}).observation["tools"]
        assert "get_user_details" in [tool["name"] for tool in listed]
        client.reset(seed=0)
        call = {"type": "call_tool", "tool_name": "calculate", "arguments": {"expression": "2 * 21"}}
        observation = client.step(call).observation
        assert (observation["tool_name"], observation["result"], observation["error"]) == (
            "calculate",
            {"result": "42.0"},
            None,
        )
        nobody = {"type": "call_tool", "tool_name": "get_user_details", "arguments": {"user_id": "nobody"}}
        assert client.step(nobody).observation["error"]["error_type"] == "execution_error"
        nothing = {"type": "call_tool", "tool_name": "no_tool", "arguments": {}}
        assert client.step(nothing).observation["error"]["error_type"] == "tool_not_found"


@pytest.mark.parametrize("action", [{}, {"message": 3}, {"type": "call_tool"}, {"type": "x", "message": "a"}, {"y": 1}])
def test_a_malformed_action_is_refused_and_the_episode_goes_on(airline, action):
    with GenericEnvClient(airline).sync() as client:
        client.reset(seed=0)
        with pytest.raises(RuntimeError, match="VALIDATION_ERROR"):
            client.step(action)
        assert client.state()["step_count"] == 0
        assert client.step({"message": "<response>Sorry.</response>"}).done


def test_clients_have_episodes_of_their_own(airline):
    with GenericEnvClient(airline).sync() as one, GenericEnvClient(airline).sync() as other:
        first, second = one.reset(task=1), other.reset(task=2)
        assert first.observation["text"] != second.observation["text"]
        one.step({"message": "<response>Sorry.</response>"})
        assert (one.state()["step_count"], other.state()["step_count"]) == (1, 0)


def test_what_is_wrong_is_said_before_anybody_connects():
    with pytest.raises(ConfigError, match="Did you mean"):
        openenv_app("ToolGym/Airlin-v0")
    with pytest.raises(ConfigError, match="sessions"):
        openenv_app("ToolGym/Airline-v0", sessions=0)


# Theirs as one of ours ---------------------------------------------------------------------------------------------


class Guess(Action):
    """Names a number."""

    number: int


class Told(Observation):
    text: str = ""


class Guessing(Environment[Guess, Told, State]):
    """A number is to be found: one reward, and the end, where it is named."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def reset(self, seed=None, episode_id=None, **_):
        self.secret = (seed or 0) % 10
        return Told(text=f"Find the number; it is {self.secret} today.")

    def step(self, action, timeout_s=None, **_):
        if action.number > 100:
            raise ValueError("too large")
        found = action.number == self.secret
        return Told(text="yes" if found else "no", reward=float(found), done=found)

    @property
    def state(self):
        return State()


class Shop(MCPEnvironment):
    """Two tools over MCP; the second ends the episode with a reward."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self):
        server = FastMCP("shop")

        @server.tool
        def price(item: str) -> str:
            """Tells what an item costs."""
            if item != "tea":
                raise ValueError(f"no item {item}")
            return "3"

        super().__init__(server)

    def reset(self, seed=None, episode_id=None, **_):
        return Observation()

    def _step_impl(self, action, timeout_s=None, **_):
        raise AssertionError("every action of this server is a call of a tool")  # theirs is abstract

    @property
    def state(self):
        return State()


@pytest.fixture(scope="module")
def guessing():
    with served(create_fastapi_app(Guessing, Guess, Told, max_concurrent_envs=16)) as url:
        yield url


@pytest.fixture(scope="module")
def shop():
    with served(create_fastapi_app(Shop, CallToolAction, CallToolObservation, max_concurrent_envs=16)) as url:
        yield url


def call(name: str, **arguments) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def test_a_server_with_an_action_of_its_own_has_one_tool(guessing):
    env = gymnasium.make("ToolGym/OpenEnv-v0", url=guessing, episodes=20, prompt="short").unwrapped
    text, info = env.reset(options={"task": "seed-7"})
    assert text.endswith("Find the number; it is 7 today.")
    (tool,) = info["tools"]
    assert tool["function"]["name"] == "act"
    assert tool["function"]["parameters"]["properties"].keys() == {"number"}
    said, reward, *_ = env.step(call("act", number=3))
    assert ('"text":"no"' in said, reward) == (True, 0.0)
    assert env.step(call("act", number="seven"))[4]["calls"][0]["outcome"] == "invalid_arguments"
    assert env.step(call("act", number=1000))[4]["calls"][0]["outcome"] == "tool_error"
    said, reward, *_ = env.step(call("act", number=7))
    assert ('"text":"yes"' in said, reward) == (True, 1.0)
    assert "over" in env.step(call("act", number=7))[0]
    *_, info = env.step("<response>It was 7.</response>")
    assert info["outcome"] == "solved"
    env.close()


def test_an_episode_without_the_servers_reward_is_not_solved(guessing):
    env = gymnasium.make("ToolGym/OpenEnv-v0", url=guessing).unwrapped
    env.reset(options={"task": 7})
    env.step(call("act", number=3))
    *_, info = env.step("<response>It was 3.</response>")
    assert info["outcome"] == "unsolved"
    env.close()


def test_a_server_of_tools_has_its_tools(shop):
    env = gymnasium.make("ToolGym/OpenEnv-v0", url=shop, request="What does tea cost?", prompt="short").unwrapped
    text, info = env.reset(options={"task": 0})
    assert text.endswith("What does tea cost?")
    assert [tool["function"]["name"] for tool in info["tools"]] == ["price"]
    assert "3" in env.step(call("price", item="tea"))[0]
    said, *_, info = env.step(call("price", item="car"))
    assert (info["calls"][0]["outcome"], "no item car" in said) == ("tool_error", True)
    assert env.step(call("nothing"))[4]["calls"][0]["outcome"] == "unknown_tool"
    env.close()


def test_many_episodes_at_once(guessing):
    vector = gymnasium.make_vec("ToolGym/OpenEnv-v0", num_envs=8, url=guessing, prompt="short")
    texts, _ = vector.reset(seed=3)
    numbers = [int(text.rpartition("is ")[2].split()[0]) for text in texts]
    _, rewards, *_ = vector.step([call("act", number=number) for number in numbers])
    assert list(rewards) == [1.0] * 8
    vector.close()


def test_a_server_that_goes_away_ends_the_episode_and_nothing_else():
    with served(create_fastapi_app(Guessing, Guess, Told, max_concurrent_envs=4)) as url:
        env = gymnasium.make("ToolGym/OpenEnv-v0", url=url).unwrapped
        env.reset(options={"task": 1})
    *_, terminated, _, info = env.step(call("act", number=1))
    assert (terminated, info["outcome"]) == (True, "infra_error")
    with pytest.raises(ServerStartError, match="No OpenEnv server answers"):
        env.reset(options={"task": 1})
    env.close()


def test_nobody_there():
    with pytest.raises(ServerStartError, match="No OpenEnv server answers"):
        gymnasium.make("ToolGym/OpenEnv-v0", url="http://127.0.0.1:9")
