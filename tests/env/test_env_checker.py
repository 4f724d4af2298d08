"""The conformance suite passes what is right, and each of its checks fails what is wrong."""

import os
from collections.abc import Callable
from typing import Any

import gymnasium
import pytest

from toolgym.checker import check_tool_env
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.episode import Episode
from toolgym.errors import ConfigError, ConformanceError
from toolgym.mcp.server import ToolServer
from toolgym.rewards.base import Reward
from toolgym.tasks import Task
from toolgym.users import ScriptedUser, UserReply
from toolgym.world import Base, World


def test_a_sound_environment_passes_every_check(fresh_bank: Callable[[], ToolEnv]) -> None:
    report = check_tool_env(fresh_bank, episodes=5)
    assert report.passed
    assert [result.name for result in report.results] == [
        "gymnasium",
        "any_string",
        "oracle",
        "random",
        "gold_is_hidden",
        "fork",
        "reads_change_nothing",
        "user_tools_are_hidden",
        "determinism",
        "vector",
    ]
    assert "5 of 5 tasks solved" in str(report)
    assert "identical lines of two processes" in str(report)


def test_a_scripted_user_passes_too(bank: CustomDomain) -> None:
    names = ["gymnasium", "any_string", "oracle", "gold_is_hidden", "fork", "vector"]
    assert check_tool_env(lambda: ToolEnv(bank, user="scripted"), episodes=5, only=names).passed


def test_unknown_checks_and_environments_are_refused(make_bank: Callable[..., ToolEnv]) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'oracle'"):
        check_tool_env(make_bank, only=["oracl"])
    with pytest.raises(ConfigError, match="options go with an id"):
        check_tool_env(make_bank, options={"split": "test"})
    with pytest.raises(ConformanceError, match="no ToolEnv but CartPoleEnv"):
        check_tool_env("CartPole-v1", only=["oracle"])
    with pytest.raises(gymnasium.error.UnregisteredEnv):
        check_tool_env("NoSuchEnv-v0")


class Broken(ToolEnv):
    """Breaks one promise, which `how` names."""

    how = ""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        observation, info = super().reset(seed=seed, options=options)
        if self.how == "gold in info":
            info["checklist"] = []
        elif self.how == "gold in observation":
            observation += self.task.checklist[0].question
        elif self.how == "unseeded":
            observation += str(os.urandom(4))
        return observation, info

    def step(self, action: str) -> Any:
        if self.how == "raises" and "\ud800" in action:
            action.encode()
        return super().step(action)

    def fork(self) -> ToolEnv:
        twin = super().fork()
        if self.how == "shared steps":
            twin.trajectory.steps = self.trajectory.steps
        elif self.how == "shared world":
            twin._episode = Episode(self.session, twin._user, self.task, twin.trajectory, self.options, self.reward)
        return twin


@pytest.mark.parametrize(
    ("how", "check"),
    [
        ("gold in info", "gold_is_hidden"),
        ("gold in observation", "gold_is_hidden"),
        ("unseeded", "gymnasium"),
        ("unseeded", "vector"),
        ("raises", "any_string"),
        ("shared steps", "fork"),
        ("shared world", "fork"),
    ],
)
def test_a_broken_environment_fails_the_check(bank: CustomDomain, how: str, check: str) -> None:
    def make() -> ToolEnv:
        env = Broken(bank, reward=Reward({}, {}))
        env.how = how
        return env

    with pytest.raises(ConformanceError, match=f"FAIL {check}"):
        check_tool_env(make, episodes=3, only=[check])


class HashSeeded(ToolEnv):
    """Looks different in each process, the same in one."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        observation, info = super().reset(seed=seed, options=options)
        return f"{observation} {sorted({'a', 'b', 'c', 'd'}, key=hash)}", info


def small_domain() -> CustomDomain:
    server = ToolServer("small")

    @server.tool(writes=False)
    def echo(world: World, text: str) -> str:
        """Says it again."""
        return text

    return CustomDomain(server.session, [Task(id="t", domain="small", kind=("talk",), request="Hello")])


def make_hash_seeded() -> ToolEnv:
    return HashSeeded(small_domain())


def make_lawful() -> ToolEnv:
    return ToolEnv(small_domain())


@pytest.mark.slow
def test_what_depends_on_the_hash_seed_fails() -> None:
    assert check_tool_env(make_lawful, only=["determinism"], episodes=3).passed
    with pytest.raises(ConformanceError, match=r"FAIL determinism .* line 0 of the transcripts differs"):
        check_tool_env(make_hash_seeded, only=["determinism"], episodes=3)


def test_a_closure_over_a_server_is_checked_in_one_process(bank: CustomDomain) -> None:
    report = check_tool_env(lambda: ToolEnv(bank), only=["determinism"], episodes=3)
    assert "of one process" in str(report)
    with pytest.raises(ConformanceError, match="FAIL determinism"):
        check_tool_env(lambda: unseeded(bank), only=["determinism"], episodes=3)


def unseeded(bank: CustomDomain) -> ToolEnv:
    env = Broken(bank, reward=Reward({}, {}))
    env.how = "unseeded"
    return env


def test_an_unsolvable_task_fails_the_oracle_check(bank: CustomDomain) -> None:
    tasks = [task.model_copy(update={"gold": task.gold[1:]}) for task in bank.tasks("train")]
    with pytest.raises(ConformanceError, match=r"FAIL oracle .*'bank-0' ends 'unsolved'"):
        check_tool_env(lambda: ToolEnv(CustomDomain(bank.session, tasks)), only=["oracle"])


def test_tasks_that_any_call_solves_fail_the_random_check(bank: CustomDomain) -> None:
    def anything_goes(task: Task) -> Task:
        return task.model_copy(update={"gold_diff": {}, "assertions": (), "checklist": ()})

    tasks = [anything_goes(task) for task in bank.tasks("train")]
    with pytest.raises(ConformanceError, match="FAIL random"):
        check_tool_env(lambda: ToolEnv(CustomDomain(bank.session, tasks)), only=["random"])


def test_a_reading_tool_that_writes_fails(bank: CustomDomain) -> None:
    server = ToolServer("sly", base=Base({"log": {}}))

    @server.tool(writes=False)
    def look(world: World, what: str) -> str:
        """Looks, and leaves a trace."""
        world.put("log", what, 1)
        return "seen"

    with pytest.raises(ConformanceError, match="FAIL reads_change_nothing  a reading call of 'look'"):
        check_tool_env(
            lambda: ToolEnv(CustomDomain(server.session, list(bank.tasks("train")))), only=["reads_change_nothing"]
        )


class Forgetful(ScriptedUser):
    """Its forks share the parent's memory."""

    def fork(self) -> "Forgetful":
        return self

    def reply(self, response: str) -> UserReply:
        self._idle += 1
        return UserReply(f"That was reply {self._idle}.")


def test_a_user_shared_by_forks_fails(bank: CustomDomain) -> None:
    with pytest.raises(ConformanceError, match="FAIL fork"):
        check_tool_env(lambda: ToolEnv(bank, user=Forgetful()), only=["fork"])
