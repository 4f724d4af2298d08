"""Run beside verifiers' package (see test_verifiers.py): its tasksets as environments of ours."""

import json
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from tests.adapters.experts import expert_turns
from tests.adapters.manual import file_of
from toolgym.errors import ConfigError, InfraError
from toolgym.messages import render
from toolgym.opening import open_env
from toolgym.trajectory import read_trajectories
from toolgym.trajectory.files import TrajectoryWriter

SUMS = """
import json

import verifiers.v1 as vf
from openai import AsyncOpenAI

TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {
    "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}}}


class Data(vf.TaskData):
    answer: str


class Sum(vf.Task[Data]):
    @vf.reward
    async def right(self, trace) -> float:
        return float(trace.last_reply == self.data.answer)

    @vf.reward(weight=0.5)
    async def used_the_tool(self, trace) -> float:
        return float(len(trace.tool_messages) > 0)

    @vf.metric
    async def calls(self, trace) -> float:
        return float(len(trace.tool_messages))


class Sums(vf.Taskset[Sum]):
    INFINITE = True

    def load(self):
        n = 0
        while True:
            yield Sum(Data(id=f"sum-{n}", prompt=f"What is {n} + 1?", system_prompt="Add.", answer=str(n + 1)))
            n += 1


class Adding(vf.Harness[vf.HarnessConfig]):
    APPENDS_SYSTEM_PROMPT = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(self, ctx, trace, runtime, endpoint, secret, mcp_urls, data):
        system, prompt = self.resolve_prompt(data)
        messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
        async with AsyncOpenAI(base_url=endpoint, api_key=secret, max_retries=0) as client:
            while True:
                stream = await client.chat.completions.create(
                    model=ctx.model, messages=messages, tools=[TOOL], stream=True)
                message = {"role": "assistant", "content": ""}
                async for chunk in stream:
                    for choice in chunk.choices:
                        delta = choice.delta.model_dump(exclude_none=True)
                        message["content"] += delta.get("content", "")
                        if delta.get("tool_calls"):
                            message["tool_calls"] = [
                                {key: call[key] for key in ("id", "type", "function")} for call in delta["tool_calls"]]
                messages.append(message)
                if message["content"] == "Break.":
                    raise RuntimeError("it broke")
                if not message.get("tool_calls"):
                    return vf.ProgramResult(0, "", "")
                for call in message["tool_calls"]:
                    given = json.loads(call["function"]["arguments"])
                    said = str(given["a"] + given["b"]) if "a" in given and "b" in given else "error: a and b, please"
                    messages.append({"role": "tool", "tool_call_id": call["id"], "content": said})


__all__ = ["Adding", "Sums"]
"""


@pytest.fixture(autouse=True)
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that verifiers finds by their names."""
    (tmp_path / "airline_toolgym.py").write_text(file_of("airline_toolgym.py"))
    (tmp_path / "sums.py").write_text(SUMS)
    monkeypatch.syspath_prepend(tmp_path)


def call(name: str, **arguments: Any) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def test_a_taskset_is_an_environment(tmp_path):
    env = gymnasium.make("ToolGym/Verifiers-v0", taskset="sums", episodes=5).unwrapped
    text, info = env.reset(options={"task": "task-3"})
    assert text.endswith("<user>Add.\n\nWhat is 3 + 1?</user>")
    assert [tool["function"]["name"] for tool in info["tools"]] == ["add"]
    said, reward, *_ = env.step(call("add", a=3, b=1))
    assert (said, reward) == ("<tool_response>4</tool_response>", 0)
    assert "unknown_tool" in str(env.step(call("subtract"))[4]["calls"])
    _, reward, terminated, _, info = env.step("<response>4</response>")
    assert (reward, terminated, info["outcome"]) == (1.5, True, "solved")
    with TrajectoryWriter(tmp_path / "episodes.jsonl") as writer:
        writer.write(env.trajectory)
    (read,) = read_trajectories(tmp_path / "episodes.jsonl")
    result = read.steps[-1].user_acts[-1].result.structured["verifiers"]
    assert result == {
        "reward": 1.5,
        "rewards": {"right": 1.0, "used_the_tool": 0.5},
        "metrics": {"calls": 1.0},
        "stop": "agent_completed",
    }
    env.close()


def test_a_wrong_answer_is_unsolved_and_the_next_episode_begins_afresh():
    env = gymnasium.make("ToolGym/Verifiers-v0", taskset="sums", episodes=5, prompt="short").unwrapped
    for task in (1, 2):
        text, _ = env.reset(options={"task": task})
        assert f"What is {task} + 1?" in text
        _, reward, _, _, info = env.step("<response>100</response>")
        assert (reward, info["outcome"]) == (0, "unsolved")
    env.reset(options={"task": 0})
    env.step(call("add", a=0, b=1))
    text, _ = env.reset(options={"task": 4})  # in the middle of an episode
    assert "What is 4 + 1?" in text
    env.close()


def test_many_episodes_at_once():
    vector = gymnasium.make_vec("ToolGym/Verifiers-v0", num_envs=4, taskset="sums", episodes=9, prompt="short")
    texts, _ = vector.reset(seed=3)
    answers = [int(text.rpartition("is ")[2].split()[0]) + 1 for text in texts]
    _, rewards, *_ = vector.step([f"<response>{answer}</response>" for answer in answers])
    assert list(rewards) == [1.0] * 4
    vector.close()


def test_an_episode_that_fails_is_the_infrastructures_failure():
    env = gymnasium.make("ToolGym/Verifiers-v0", taskset="sums", episodes=2).unwrapped
    env.reset(options={"task": 1})
    *_, info = env.step("<response>Break.</response>")
    assert (info["outcome"], "it broke" in info["error"]) == ("infra_error", True)
    env.reset(options={"task": 1})
    *_, info = env.step("<response>2</response>")
    assert info["outcome"] == "solved"
    env.close()


@pytest.mark.parametrize("user", ["none", "scripted"])
def test_through_both_doors_an_episode_is_what_it_was(user):
    options = {"size": "small", "user": user}
    config = {"taskset": {"env": "ToolGym/Library-v0", "options": options, "count": 2}}
    theirs = gymnasium.make("ToolGym/Verifiers-v0", taskset="airline_toolgym", config=config).unwrapped
    ours = open_env("ToolGym/Library-v0", **options)
    theirs.reset(options={"task": 1})
    ours.reset(options={"task": 1})
    for turn in expert_turns(ours.task):
        if ours.trajectory.done:
            break
        one = [*(type(turn)(calls=(each,)) for each in turn.calls)]
        one += [] if turn.response is None else [type(turn)(response=turn.response)]
        for single in one:
            said = ours.step(render(single))
            assert theirs.step(render(single))[0].startswith("" if said[2] else said[0])
    assert theirs.trajectory.done
    total = sum(step.reward for step in ours.trajectory.steps)
    assert theirs.trajectory.steps[-1].reward == pytest.approx(total)
    assert len(theirs.trajectory.steps) == len(ours.trajectory.steps)
    theirs.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs taskset="),
        ({"taskset": "nothing_there"}, "cannot be loaded: ModuleNotFoundError"),
        ({"taskset": "sums", "episodes": 0}, "episodes must be at least 1"),
        ({"taskset": "sums", "user": "scripted"}, "user"),
        ({"taskset": "sums", "config": {"agent": {"model": "m"}}}, "One agent"),
        ({"taskset": "sums", "episodes": 2, "depth": 3}, "cannot be chosen by depth"),
    ],
)
def test_what_cannot_be_is_said(options, words):
    with pytest.raises(ConfigError, match=words):
        gymnasium.make("ToolGym/Verifiers-v0", **options)


def test_an_episode_that_never_asks_its_model_is_said(tmp_path):
    begins = "        system, prompt ="
    (tmp_path / "mute.py").write_text(SUMS.replace(begins, f"        return vf.ProgramResult(0, '', '')\n{begins}"))
    with pytest.raises(InfraError, match="before its model was asked"):
        gymnasium.make("ToolGym/Verifiers-v0", taskset="mute", episodes=2)
