"""`--step-timeout`: a tool that hangs costs its own episode, and the run goes on."""

import asyncio
import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from fastmcp import FastMCP

from toolgym.agents import grpo, rft, tree
from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.policies.policy import Completion
from toolgym.agents.policies.scripted import NoopPolicy
from toolgym.agents.rollouts.forks import ForkRecorder
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.agents.rollouts.watching import Watched
from toolgym.agents.training.running import RunConfig, grpo_args, run
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn, render


class Hanging:
    """The toy environment, with steps as coroutines; in every third task the second step never comes back."""

    suspends = True
    asked = 0

    def __init__(self, toy: Any):
        self.toy, self.trajectory, self.forks = toy, None, 0

    def reset(self, **options: Any) -> Any:
        return self.toy.reset(**options)

    def step(self, action: str) -> Any:
        raise AssertionError("a step that can be told to stop is taken as a coroutine")

    async def step_async(self, action: str) -> Any:
        if self.toy.task % 3 == 0 and len(self.toy.said) == 1:
            Hanging.asked += 1
            await asyncio.Event().wait()
        return self.toy.step(action)

    def fork(self) -> "Hanging":
        self.forks += 1
        return self

    def close(self) -> None:
        """Nothing is held."""


def likely(batch: Any) -> Any:
    """Advantages that differ: how likely an episode was beside its group."""
    likely_G = (batch.logprobs_BT.sum(1) / batch.sampled_BT.sum(1).clamp(min=1)).view(-1, batch.group_size)
    return (likely_G - likely_G.mean(1, keepdim=True)).view(-1, 1) * batch.sampled_BT


def test_training_goes_on_where_a_tool_hangs(tiny_model: Any, tokenizer: Any, toy_envs: Any, tmp_path: Path) -> None:
    config = RunConfig(
        output=tmp_path / "run", steps=2, groups=2, rollouts=2, micro_batch=2, save_steps=10, max_new_tokens=8,
        context_tokens=256, learning_rate=1e-3, threads=1, progress=False, step_timeout=0.2,
    )  # fmt: skip
    seen: list[list[tuple[int, str | None]]] = []

    class Trainer(ToolTrainer):
        def _generate_and_score_completions(self, inputs: Any) -> Any:
            out = super()._generate_and_score_completions(inputs)
            seen.append([(len(row.spans), row.outcome) for row in self.latest])
            # Nothing is learnt from what the infrastructure broke.
            broken = [row.outcome == "infra_error" for row in self.latest]
            assert [bool(row.any()) for row in out["advantages"]] == [not lost for lost in broken]
            return out

    trainer = Trainer(
        tiny_model,
        tokenizer,
        grpo_args(config),
        envs=[Hanging(env) for env in toy_envs(4)],
        tasks=[0, 1, 2, 3, 4],
        order=[0, 1, 3, 2],  # tasks 0 and 3 hang
        estimator=likely,
        sampling=SamplingOptions(max_new_tokens=8, context_tokens=256),
        step_timeout_s=config.step_timeout,
    )
    Hanging.asked = 0
    run(trainer, config)
    lost, sound = (2, "infra_error"), (2, 3)
    assert Hanging.asked == 4
    assert [[outcome == "infra_error" for _, outcome in batch] for batch in seen] == [[True, True, False, False]] * 2
    assert all(row == lost for batch in seen for row in batch[:2])
    assert all(row[0] in sound for batch in seen for row in batch[2:])
    assert trainer.state.global_step == 2


def test_forks_are_kept_behind_steps_that_can_be_told_to_stop(toy_envs: Any) -> None:
    (toy,) = toy_envs(1)
    recorder = ForkRecorder(Hanging(toy))
    recorder.reset(options={"task": 1})
    assert len(recorder.forks) == 1
    asyncio.run(recorder.step_async("a"))
    assert len(recorder.forks) == 2
    assert ForkRecorder(toy).step_async is None


# A real server --------------------------------------------------------------------------------------------------------

SERVER = """
import time
from fastmcp import FastMCP

made = FastMCP("directory")


@made.tool(annotations={"readOnlyHint": True})
def look_up(name: str) -> str:
    "Looks a person up."
    if name != "Ann":
        time.sleep(600)
    return name


made.run(show_banner=False)
"""
TASKS = "tasks: [{id: one, request: Who is Ann?, calls: [{look_up: {name: Ann}}]}]"


@pytest.mark.slow
def test_an_evaluation_goes_on_where_a_servers_tool_hangs(tmp_path: Path, toolgym: Any) -> None:
    """The random agent looks up names that hang; each of its episodes ends by the limit, and the last one too."""
    (tmp_path / "directory.py").write_text(SERVER)
    (tmp_path / "tasks.yaml").write_text(TASKS)
    servers = {"mcpServers": {"directory": {"command": sys.executable, "args": [str(tmp_path / "directory.py")]}}}
    (tmp_path / "mcp.json").write_text(json.dumps(servers))
    place = ["--set", f"servers={tmp_path / 'mcp.json'}", "--set", f"tasks={tmp_path / 'tasks.yaml'}"]
    words = ["eval", "--env", "ToolGym/MCP-v0", *place, "--split", "custom", "--k", "3", "--step-timeout", "1"]
    oracle = toolgym(*words, "--agent", "oracle", "--json")
    assert oracle.code == 0, oracle.err
    assert json.loads(oracle.out)["infra_errors"] == 0
    random = toolgym(*words, "--agent", "random", "--json")
    assert json.loads(random.out)["infra_errors"] > 0
    assert "a step had no answer within 1.0 s" in random.err


class Naps(NoopPolicy):
    """Calls a tool that does not come back."""

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        return [Completion(render(Turn(calls=(ToolCall("nap", {}),)))) for _ in slots]


class Seen(Watched):
    """Looks at nothing."""

    def reset(self, **options: Any) -> Any:
        return self.env.reset(**options)


@pytest.mark.parametrize("watched", [False, True])
def test_the_limit_holds_in_a_wrapper_too(watched: bool) -> None:
    """Whose own step is what is taken, in a thread: it has no coroutine that would pass by it."""
    awake, server = threading.Event(), FastMCP("bed")

    @server.tool(annotations={"readOnlyHint": True})
    def nap() -> str:
        """Naps."""
        awake.wait(20.0)
        return "awake"

    tasks = [{"id": "one", "request": "Nap.", "calls": [{"nap": {}}]}]
    made = gymnasium.make("ToolGym/MCP-v0", servers=server, tasks=tasks, max_turns=1)
    env: Any = gymnasium.wrappers.TransformReward(made, lambda reward: float(reward) + 5.0)
    playing = Seen(env) if watched else env
    (late,) = rollouts(Naps(), [playing], [Start()], step_timeout_s=0.3)
    assert late.outcome == "infra_error"
    assert "a step had no answer within 0.3 s" in late.error
    awake.set()
    (in_time,) = rollouts(Naps(), [playing], [Start()], step_timeout_s=20.0)
    assert in_time.outcome == "truncated"
    assert in_time.rewards[0] >= 5.0
    env.close()


# The option -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["0", "-1", "nan"])
def test_a_limit_that_is_none(value: str) -> None:
    with pytest.raises(ConfigError, match="step_timeout must be"):
        RunConfig(step_timeout=float(value))


def test_every_learner_that_plays_has_the_option(capsys: Any) -> None:
    for learner in (grpo, rft, tree):
        with pytest.raises(SystemExit):
            learner.main(["--help"])
        assert "--step-timeout" in capsys.readouterr().out
