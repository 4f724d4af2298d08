"""`ToolGym/PlanArena-v0`, and scenarios over the wire."""

import gc
import sys
from typing import Any

import gymnasium
import pytest

import toolgym  # noqa: F401 (registers the environments)
from toolgym.checker import check_tool_env
from toolgym.cli.serve import build
from toolgym.env import ToolEnv
from toolgym.envs.planarena.domain import ScenarioDomain, scenario_domain
from toolgym.envs.planarena.lexicon import themes_of
from toolgym.envs.planarena.numbers import number_of, scenarios_of, split_of
from toolgym.errors import ConfigError, ToolGymError
from toolgym.mcp.connect import connect
from toolgym.messages import ToolCall, Turn, render

ARENA = "ToolGym/PlanArena-v0"


def arena(**options: Any) -> ToolEnv:
    env = gymnasium.make(ARENA, **options).unwrapped
    assert isinstance(env, ToolEnv)
    return env


def play(env: ToolEnv) -> str:
    info: dict[str, Any] = {}
    for one in env.task.gold:
        turn = Turn(plan=one.plan, calls=tuple(call.call() for call in one.calls), response=one.response)
        info = env.step(render(turn))[-1]
    return info["outcome"]


def test_one_scenario() -> None:
    env = arena(scenario=18)
    observation, info = env.reset(seed=3)
    assert info["split"] == "test"
    assert env.domain is scenario_domain(18)
    assert len(env.tasks) == 200
    assert [tool["function"]["name"] for tool in info["tools"]] == [tool.name for tool in env.tools]
    assert "# Policy" in observation
    assert play(env) == "solved"


@pytest.mark.parametrize("split", ["train", "test", "test_unseen"])
def test_each_episode_is_in_a_scenario_of_the_split(split: Any) -> None:
    env = arena(split=split)
    assert len(env.tasks) == 200 * scenarios_of(split)
    seen = set()
    for seed in range(6):
        _, info = env.reset(seed=seed)
        number = int(env.task.domain.removeprefix("planarena_"))
        seen.add(number)
        assert split_of(number) == split == env.task.split
        names = [tool.name for tool in scenario_domain(number).session().tools]
        assert [tool["function"]["name"] for tool in info["tools"]] == names == [tool.name for tool in env.tools]
        twin = env.fork()
        assert play(env) == play(twin) == "solved"
    assert len(seen) > 3


def test_each_round_has_a_task_of_each_scenario() -> None:
    tasks: Any = arena(split="test").tasks
    count = scenarios_of("test")
    for first in (0, count, 7 * count):
        places = [tasks.place(first + seat) for seat in range(count)]
        assert {name for name, _ in places} == {f"planarena_{number_of('test', place)}" for place in range(count)}
        assert {at for _, at in places} == {first // count}


def test_a_task_is_found_by_its_id() -> None:
    env = arena(split="test")
    task = env.tasks[1234]
    assert env.tasks.by_id(task.id) == task == arena(split="test").tasks[1234]
    with pytest.raises(ConfigError):
        env.tasks.by_id("planarena_0-small-train-00000")


def test_tiers_share_out_the_tasks() -> None:
    counts = {tier: len(arena(split="test", tier=tier).tasks) for tier in ("easy", "medium", "hard")}
    assert sum(counts.values()) == 200 * scenarios_of("test")
    assert min(counts.values()) > 20_000
    easy, hard = arena(scenario=18, tier="easy"), arena(scenario=18, tier="hard")
    assert max(task.depth for task in easy.tasks) < min(task.depth for task in hard.tasks)
    assert arena(depth=5).tasks[9].depth == 5


def test_memory_stays_flat() -> None:
    env = arena()
    for index in range(0, 30_000, 150):  # 200 scenarios, one after another
        env.reset(options={"task": index})
    session: Any = env.session
    assert len(session._open) <= 16
    assert len(env._openings) <= 65
    env.close()
    gc.collect()
    alive = sum(isinstance(one, ScenarioDomain) for one in gc.get_objects())
    assert alive <= 2 * 64  # those that are kept, and of environments that other tests still hold


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"scenario": -3}, "A scenario is an int from 0"),
        ({"scenario": "17"}, "A scenario is an int from 0"),
        ({"scenario": 18, "split": "validation"}, "Scenario 18 has tasks of the split 'test' alone"),
        ({"tier": "hardest"}, "Unknown tier 'hardest'"),
        ({"scenarios": 3}, "Unknown option 'scenarios'"),
        ({"kinds": ["cancel"]}, "Each scenario has atomic kinds of its own"),
        ({"scenario": 18, "kinds": ["cancel"]}, "Unknown atomic kind"),
        ({"tier": "hard", "depth": 1}, "No task of 'train' has depth 1 and tier 'hard'"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ToolGymError, match=told):
        arena(**options)


def test_perturbations_and_users_hold_for_scenarios() -> None:
    env = arena(scenario=8, rename=True, flaky=0.2, reorder=True, user="scripted")
    for seed in range(3):
        env.reset(seed=seed)
        assert {tool.name for tool in env.tools}.isdisjoint(tool.name for tool in scenario_domain(8).session().tools)
        for one in env.task.gold:
            turn = Turn(plan=one.plan, calls=tuple(call.call() for call in one.calls), response=one.response)
            *_, terminated, truncated, info = env.step(render(turn))
            while not (terminated or truncated) and any(call["outcome"] == "unavailable" for call in info["calls"]):
                *_, terminated, truncated, info = env.step(render(turn))


def test_many_episodes_at_once() -> None:
    envs = gymnasium.make_vec(ARENA, num_envs=4, split="test")
    observations, _ = envs.reset(seed=1)
    assert len(set(observations)) == 4
    envs.step(["<response>Done.</response>"] * 4)
    envs.close()


# Over the wire -------------------------------------------------------------------------------------------------------


def test_a_scenario_answers_over_stdio_as_in_process() -> None:
    domain = scenario_domain(28)
    task = next(task for task in domain.tasks("test") if task.gold_diff and task.depth >= 3)
    here = domain.session()
    here.reset(task.world_seed)
    with connect([sys.executable, "-m", "toolgym.mcp_servers.planarena", "28"]) as handle:
        there = handle.session()
        there.reset(task.world_seed)
        assert here.tools == there.tools
        for call in [*task.gold_calls, *task.gold_calls]:
            sent = ToolCall(call.name, call.arguments)
            wrong = ToolCall(call.name, {**call.arguments, "more": 1})
            assert here.call(sent) == there.call(sent)
            assert here.call(wrong) == there.call(wrong)
        assert there.diff() == here.diff()


def test_a_scenario_is_served_by_its_name() -> None:
    assert build("planarena:28", {}) is scenario_domain(28).server
    assert build(ARENA, {"scenario": 28}).name == "planarena_28"
    assert build("planarena:28", {"size": "standard"}) is not scenario_domain(28).server
    with pytest.raises(ConfigError, match="A scenario is named by its number"):
        build("planarena:x", {})
    with pytest.raises(ConfigError, match="cannot be made with"):
        build("planarena:28", {"siz": 1})
    assert build("library", {"size": "small"}).name == "library"


@pytest.mark.parametrize("number", [1, 8, 9])
def test_a_scenario_keeps_every_promise(number: int) -> None:
    only = ("gymnasium", "any_string", "oracle", "random", "gold_is_hidden", "fork", "reads_change_nothing")
    check_tool_env(ARENA, options={"scenario": number}, episodes=4, only=only)  # raises where one fails


@pytest.mark.slow
def test_two_hundred_scenarios_keep_every_promise() -> None:
    only = ("any_string", "oracle", "random", "gold_is_hidden", "fork", "reads_change_nothing")
    numbers = [number for number in range(0, 8_000, 40) if themes_of(split_of(number))]
    for number in numbers:
        check_tool_env(ARENA, options={"scenario": number}, episodes=3, only=only)  # raises where one fails
