"""Perturbed episodes: the same tasks, solved by the same chain, worth the same, and the same in every process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolgym.checker import check_tool_env
from toolgym.checker._conformance import CHECKS
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.loading import load_named
from toolgym.messages import Turn, render
from toolgym.options import EnvOptions
from toolgym.rewards import preset_names
from toolgym.vector import ToolVectorEnv

SHOP = Path(__file__).parents[1] / "own_server" / "shop_server.py"
ORDER = {"request": "Two lamps.", "calls": [{"order": {"item": "lamp", "count": 2}}], "response": "Ordered."}
NOTHING = render(Turn(response="I have nothing to do."))


def test_the_oracle_solves_every_task(airline, follow, options):
    for split in ("train", "test_unseen"):
        env = airline(split=split, **options)
        for index in np.linspace(0, len(env.tasks) - 1, 60).astype(int).tolist():
            outcome, total = follow(env, index)
            assert outcome == "solved", env.task.id
            assert total == pytest.approx(1.0), env.task.id
            assert env.task.id == env.tasks[index].id
            assert env.trajectory.diff == env.tasks[index].gold_diff


@pytest.mark.slow
def test_the_oracle_solves_a_thousand_tasks(airline, follow, options):
    env = airline(split="test", **options)
    assert {follow(env, index)[0] for index in range(0, 2000, 2)} == {"solved"}


def test_nothing_is_worth_what_it_was_worth(airline, options):
    plain, perturbed = airline(), airline(**options)
    for index in range(0, 4000, 101):
        outs = []
        for env in (plain, perturbed):
            env.reset(options={"task": index})
            observation, reward, terminated, truncated, info = env.step(NOTHING)
            outs.append((observation, reward, terminated, truncated, info["outcome"], info["rewards"]))
        assert outs[0] == outs[1]


@pytest.mark.parametrize("reward", preset_names())
def test_no_reward_charges_for_what_was_unavailable(airline, follow, reward):
    # Tasks 17, 34, ... of depth 3 to 6 hold turns of several calls, of which one may fail and the others pass.
    plain = airline(reward=reward, depth=(3, 4, 5, 6))
    perturbed = airline(reward=reward, depth=(3, 4, 5, 6), distractors=4, rename=True, flaky=0.5, reorder=True)
    several = unavailable = 0
    for index in range(0, 340, 17):
        (outcome, total), (_, expected) = follow(perturbed, index), follow(plain, index)
        assert outcome == "solved"
        assert total == pytest.approx(expected), perturbed.task.id
        for step in perturbed.trajectory.steps:
            outcomes = [result.outcome for result in step.results]
            unavailable += outcomes.count("unavailable")
            several += {"ok", "unavailable"} <= {*outcomes}
    assert unavailable > 20
    assert several > 2


def test_perturbations_are_off_by_default_and_then_nothing_stands_between(airline):
    env = airline()
    assert not env.options.perturbs
    observation, _ = env.reset(seed=1)
    assert env.perturbation is None
    assert "perturbation" not in env.trajectory.meta
    assert type(env.session).__name__ == "InProcessSession"
    assert observation == airline(distractors=0, rename=False, flaky=0.0, reorder=False).reset(seed=1)[0]


def test_the_same_seed_chooses_the_same_tasks_with_and_without(airline, options):
    plain, perturbed = airline(), airline(**options)
    for seed in (3, None, None):
        assert plain.reset(seed=seed)[1]["task_id"] == perturbed.reset(seed=seed)[1]["task_id"]


def test_an_episode_is_given_by_seed_resets_and_task(airline, follow):
    env, other = airline(rename=True, reorder=True), airline(rename=True, reorder=True)
    first = [env.reset(seed=seed, options={"task": 4})[0] for seed in (7, None, None)]
    assert [other.reset(seed=seed, options={"task": 4})[0] for seed in (7, None, None)] == first
    assert len(set(first)) == 3
    assert env.spawn().reset(seed=7, options={"task": 4})[0] == first[0]
    number = env.trajectory.meta["perturbation"]["number"]
    assert other.reset(seed=1, options={"task": 4, "perturbation": number})[0] == first[2]
    assert other.reset(options={"task": 5, "perturbation": number})[0] != first[2]


def test_a_fork_goes_on_as_its_parent_and_leaves_it_alone(airline, options):
    env = airline(**options)
    for index in range(0, 200, 20):
        env.reset(seed=index, options={"task": index})
        actions = [render(turn) for turn in turns_of(env) for _ in range(2)]
        half = len(actions) // 2
        for action in actions[:half]:
            env.step(action)
        fork, other = env.fork(), env.fork()
        out = [fork.step(action) for action in actions[half:-1]]
        assert [env.step(action) for action in actions[half:-1]] == out
        assert [other.step(action) for action in actions[half:-1]] == out
        assert fork.reset()[0] == other.reset()[0]


def turns_of(env: ToolEnv) -> list[Turn]:
    return [Turn(calls=tuple(call.call() for call in action.calls)) for action in env.task.gold]


@pytest.mark.slow
def test_other_processes_say_the_same(lender):
    made = [
        subprocess.run(
            [sys.executable, str(lender)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "4242")
    ]
    here = load_named(f"{lender}:transcript")()
    assert made == [here, here]


def test_many_at_once_are_those_one_by_one(airline, options):
    one = [airline(**options) for _ in range(3)]
    vector = ToolVectorEnv(3, "airline", size="small", **options)
    assert vector.reset(seed=9)[0] == tuple(env.reset(seed=9 + at)[0] for at, env in enumerate(one))
    for _ in range(3):
        actions = [render(turns_of(env)[0]) for env in one]
        assert vector.step(actions)[0] == tuple(env.step(action)[0] for env, action in zip(one, actions, strict=True))
    vector.close()


THREE = {"rename": True, "flaky": 0.3, "reorder": True, "size": "small", "prompt": "short"}


@pytest.mark.slow
def test_a_perturbed_airline_conforms():
    assert check_tool_env("ToolGym/Airline-v0", options=THREE, episodes=4).passed


@pytest.mark.usefixtures("lender")
def test_one_with_distractors_conforms():
    # Other processes cannot import the lender; `test_other_processes_say_the_same` is about them.
    others = [name for name in CHECKS if name != "determinism"]
    assert check_tool_env("ToolGym/Airline-v0", options={**THREE, "distractors": 4}, episodes=4, only=others).passed


@pytest.mark.slow
def test_a_server_of_ones_own_is_perturbed_too():
    options = {"servers": f"{SHOP}:server", "tasks": [ORDER], "distractors": 3, "rename": True, "flaky": 0.3}
    assert check_tool_env("ToolGym/MCP-v0", options={**options, "reorder": True}, episodes=2).passed


WRONG: list[dict[str, Any]] = [
    {"distractors": -1},
    {"distractors": True},
    {"distractors": 1.5},
    {"distractors": "3"},
    {"rename": 1},
    {"rename": "yes"},
    {"reorder": None},
    {"flaky": -0.1},
    {"flaky": 1.1},
    {"flaky": float("nan")},
    {"flaky": "often"},
    {"flaky": True},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_an_option_that_cannot_be_used_is_an_error(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        EnvOptions(**wrong)


@pytest.mark.parametrize("number", [-1, 2**63, 1.5, "7", True])
def test_a_number_that_is_none_is_an_error(airline, number):
    with pytest.raises(ConfigError, match="an int from 0"):
        airline(flaky=0.1).reset(options={"task": 0, "perturbation": number})
    with pytest.raises(ConfigError, match="for environments with"):
        airline().reset(options={"task": 0, "perturbation": 7})


@pytest.mark.parametrize(
    "options", [{"rename": True}, {"flaky": 0.6}, {"reorder": True}, {"rename": True, "flaky": 0.6, "reorder": True}]
)
def test_the_users_tools_are_left_as_they_are(phone, follow, options):
    # What the scripted user is told is said about its phone, and its calls go by the server's names.
    plain, env = phone.phone_env(), phone.phone_env(**options)
    for index in range(len(env.tasks)):
        expected, _ = follow(plain, index)
        outcome, _ = follow(env, index)
        assert outcome == expected == "solved"
        made = [(act.call, act.result.outcome) for act in env.trajectory.acts if act.actor == "user"]
        assert made == [(act.call, act.result.outcome) for act in plain.trajectory.acts if act.actor == "user"]
    assert env.session.user_tools == plain.session.user_tools != ()
