"""Scenarios: a number gives one, the same in any process; tools, depths, rules; splits that share nothing."""

import hashlib
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from toolgym.composing.consistency import problems
from toolgym.composing.trials import tool_problems
from toolgym.env import ToolEnv
from toolgym.envs.planarena.domain import ScenarioDomain, scenario_domain
from toolgym.envs.planarena.lexicon import themes_of
from toolgym.envs.planarena.numbers import (
    SCENARIOS,
    TASKS,
    depth_of,
    number_of,
    scenarios_of,
    split_of,
    theme_of,
    tier_of,
    tools_of,
)
from toolgym.envs.planarena.people import names_of
from toolgym.envs.planarena.scenario import make_scenario
from toolgym.errors import ConfigError
from toolgym.messages import Turn, render
from toolgym.registration import make_domain
from toolgym.tasks import Task

ANY = st.integers(0, 50_000)


def numbers(first: int, count: int) -> list[int]:
    """The first numbers from `first` on whose split has themes."""
    return [number for number in range(first, first + 20 + 2 * count) if themes_of(split_of(number))][:count]


def solves(env: ToolEnv, task: Task) -> bool:
    env.reset(options={"task": task})
    info: dict[str, Any] = {}
    for one in task.gold:
        turn = Turn(plan=one.plan, calls=tuple(call.call() for call in one.calls), response=one.response)
        info = env.step(render(turn))[-1]
    return info["outcome"] == "solved"


# Numbers -------------------------------------------------------------------------------------------------------------


def test_the_last_digit_tells_the_split() -> None:
    assert [split_of(number) for number in (0, 6, 17, 18, 29, 1_000_006)] == [
        *("train", "train", "validation", "test", "test_unseen", "train"),
    ]
    # Of 8,000 numbers 7 in 10 are train: 5,600; the others have 800 each.
    assert [scenarios_of(split) for split in ("train", "validation", "test", "test_unseen")] == [5600, 800, 800, 800]
    assert SCENARIOS == 8_000


@given(ANY)
def test_a_split_counts_its_numbers(number: int) -> None:
    split = split_of(number)
    place = scenarios_of(split, number)
    assert number_of(split, place) == number


def test_scenarios_of_a_split_take_its_themes_in_turns() -> None:
    train = themes_of("train")
    first = [theme_of(number_of("train", place)) for place in range(2 * len(train))]
    assert first == [(theme, variation) for variation in (0, 1) for theme in train]


@pytest.mark.parametrize("wrong", [-1, True, 1.0, "17", None, 10**9])
def test_what_is_no_number_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="A scenario is an int from 0"):
        split_of(wrong)


def test_each_scenario_has_as_many_tasks_of_a_depth() -> None:
    for number in (0, 17, 4711):
        counts = [sum(depth_of(number, index) == depth for index in range(TASKS)) for depth in range(1, 8)]
        assert counts == [28, 44, 44, 32, 24, 16, 12]  # 200 times the shares of `DEPTHS`


def test_tiers_by_hand() -> None:
    assert tier_of(1, 4) == "easy"  # 1 + 3/4 = 1.75
    assert tier_of(2, 8) == "easy"  # 2 + 6/4 = 3.5
    assert tier_of(1, 12) == "medium"  # 1 + 11/4 = 3.75
    assert tier_of(4, 10) == "medium"  # 4 + 6/4 = 5.5
    assert tier_of(4, 11) == "hard"  # 4 + 7/4 = 5.75
    assert tier_of(7, 4) == "hard"  # 7, no distractor


# What a scenario is --------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(ANY)
def test_a_scenario_is_a_right_declaration(number: int) -> None:
    assume(themes_of(split_of(number)))
    scenario = make_scenario(number)
    assert problems(scenario.declaration) == []
    assert 4 <= len(scenario.tools) <= 12
    assert len(scenario.tools) == tools_of(number)
    assert len({tool.name for tool in scenario.tools}) == len(scenario.tools)
    assert 2 <= len(scenario.declaration.rules) <= 5
    families = {tool.effect[0] for tool in scenario.tools}
    assert len(families) >= 3


@settings(max_examples=12, deadline=None)
@given(ANY)
def test_a_scenario_fits_its_server_and_its_gold_chains_solve_at_each_depth(number: int) -> None:
    assume(themes_of(split_of(number)))
    domain = ScenarioDomain(number)
    assert tool_problems(domain.declaration, domain.session().tools) == []
    env = ToolEnv(domain)
    assert env.options.split == domain.split
    for depth in range(1, 8):
        task = domain.tasks(domain.split, depth=depth)[0]
        assert (task.depth, len(task.gold_calls), task.split) == (depth, depth, domain.split)
        assert solves(env, task)
        assert not (task.forbidden and task.gold_diff)


def test_no_task_is_solved_by_doing_nothing() -> None:
    outcomes = []
    for number in numbers(500, 12):
        env = ToolEnv(scenario_domain(number))
        for index in range(4):
            env.reset(options={"task": index})
            outcomes.append(env.step("<response>That is all done. Anything else?</response>")[-1]["outcome"])
    assert outcomes.count("solved") <= 0.15 * len(outcomes)


SCRIPT = """
import hashlib
from toolgym.envs.planarena.domain import ScenarioDomain
h = hashlib.sha256()
for number in %s:
    domain = ScenarioDomain(number)
    h.update(domain.policy().encode())
    for tool in domain.session().tools:
        h.update(repr(tool).encode())
    for index in (3, 0, 150):
        h.update(domain.tasks(domain.split)[index].model_dump_json().encode())
print(h.hexdigest())
"""


def test_two_processes_make_the_same_scenarios() -> None:
    script = SCRIPT % numbers(40, 6)
    printed = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert len(printed[0]) == len(hashlib.sha256().hexdigest())


def test_a_task_is_the_same_whatever_was_made_before() -> None:
    number = numbers(60, 1)[0]
    ahead, back = ScenarioDomain(number), ScenarioDomain(number)
    split = ahead.split
    first = [ahead.tasks(split)[index] for index in range(20)]
    assert first == [back.tasks(split)[index] for index in reversed(range(20))][::-1]
    assert len({task.request for task in first}) == 20
    assert [back.tasks(split).by_id(task.id) for task in first[:3]] == first[:3]


def test_a_scenario_without_the_deepest_tasks_has_the_next_deep_ones() -> None:
    # One of the 8,000 that has not all depths: no story of its four tools is deeper than 5.
    domain = ScenarioDomain(2647)
    deepest = [index for index in range(TASKS) if depth_of(2647, index) > 5]
    tasks = [domain.tasks(domain.split)[index] for index in (deepest[0], deepest[-1])]
    assert [task.depth for task in tasks] == [5, 5]
    assert len({task.request for task in tasks}) == 2


# Splits share nothing ------------------------------------------------------------------------------------------------


def _of(split: Any, count: int) -> list[int]:
    return [number_of(split, place) for place in range(count)]


def test_splits_share_no_theme_no_tool_and_no_name() -> None:
    themes: dict[str, set[str]] = {}
    tools: dict[str, set[bytes]] = {}
    ids: dict[str, set[str]] = {}
    people: dict[str, set[str]] = {}
    for split in ("train", "test", "test_unseen"):
        made = [make_scenario(number) for number in _of(split, 30)]
        themes[split] = {scenario.shape.theme.name for scenario in made}
        tools[split] = {tool.meaning for scenario in made for tool in scenario.tools}
        worlds = [
            (domain.scenario, domain.server.base(domain.tasks(split)[0].world_seed))
            for domain in map(scenario_domain, _of(split, 6))
        ]
        ids[split] = {
            key
            for scenario, base in worlds
            for name, table in base.tables.items()
            if name not in [one.table.name for one in scenario.sorts.summaries.values()]
            for key in table
        }
        assert all(split_of(int(key[-1])) == split for key in ids[split])
        people[split] = {name for pool in names_of(split) for name in pool}
    for one in themes:
        for other in themes:
            if one != other:
                for shared in (themes, tools, ids, people):
                    assert shared[one].isdisjoint(shared[other])


def test_every_split_has_names_enough() -> None:
    for split in ("train", "validation", "test", "test_unseen"):
        first, last = names_of(split)
        assert len(first) * len(last) >= 400


# By name -------------------------------------------------------------------------------------------------------------


def test_a_scenario_has_a_name() -> None:
    number = numbers(80, 1)[0]
    assert make_domain(f"planarena:{number}") is make_domain(f"planarena:{number}")
    domain = make_domain(f"planarena:{number}", size="standard", seed=3)
    assert isinstance(domain, ScenarioDomain)
    assert (domain.name, domain.size, domain.seed) == (f"planarena_{number}", "standard", 3)
    for wrong in ("planarena:", "planarena:x", "planarena:-1", "planarena:12345678901"):
        with pytest.raises(ConfigError, match="A scenario is named by its number"):
            make_domain(wrong)
    with pytest.raises(ConfigError, match="Unknown domain"):
        make_domain("planarenas:3")


def test_a_scenario_has_tasks_of_its_own_split_alone() -> None:
    domain = scenario_domain(18)
    with pytest.raises(ConfigError, match="Scenario 18 has tasks of the split 'test' alone, and none of 'validation'"):
        domain.tasks("validation")
    assert ToolEnv(domain).options.split == "test"


@pytest.mark.parametrize("size", ["small", "standard", "large"])
def test_worlds_of_each_size(size: Any) -> None:
    domain = ScenarioDomain(numbers(90, 1)[0], size=size)
    task = domain.tasks(domain.split)[0]
    assert solves(ToolEnv(domain), task)
    assert re.fullmatch(rf"planarena_\d+-{size}-\w+-00000", task.id)


def test_wrong_options_are_told() -> None:
    number = numbers(90, 1)[0]
    for options, told in (
        ({"size": "tiny"}, "Unknown world size"),
        ({"dialect": "tau2"}, "the dialect 'standard' alone"),
        ({"seed": -1}, "The domain's seed is an int"),
        ({"tier": "harder"}, "Unknown tier"),
    ):
        with pytest.raises(ConfigError, match=told):
            ScenarioDomain(number, **options)  # pyright: ignore[reportArgumentType]
