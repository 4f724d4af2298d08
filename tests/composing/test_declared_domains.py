"""Declared domains: gold chains solve, splits are apart, requests distinct, and all is the same in any process."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain
from toolgym.composing.declaration import Declaration
from toolgym.composing.names import SPLITS
from toolgym.domain import Split
from toolgym.env import ToolEnv
from toolgym.mcp.connect import connect
from toolgym.messages import ToolCall, Turn, render
from toolgym.registration import _DECLARED, needs_user
from toolgym.tasks import Task

pytestmark = pytest.mark.slow

SAMPLE = 60
TELLING = re.compile(r"\d{5}|555-\S+|\S+@\S+")
"""Zip codes, telephone numbers, e-mail addresses."""
FEW = ("library", "retail", "telecom")
"""A plain domain, one with records inside records, one with troubles: what starts processes tries these, the others
with `--thorough`."""
STARTED = [pytest.param(name, marks=() if name in FEW else pytest.mark.thorough) for name in _DECLARED]
PLAYED = [(name, user) for name in _DECLARED for user in ("none", "scripted") if user != "none" or not needs_user(name)]


def declaration(name: str) -> Declaration:
    return getattr(import_module(f"toolgym.envs.{name}"), name.upper())


def play(env: ToolEnv, task: Task, turns: list[Turn]) -> str:
    """The outcome of the turns and of closing words, as long as the user goes on."""
    env.reset(options={"task": task})
    info: dict[str, Any] = {}
    for turn in [*turns, *[Turn(response="That is all done. Anything else?")] * 4]:
        *_, terminated, truncated, info = env.step(render(turn))
        if terminated or truncated:
            break
    return info["outcome"]


def instructions(task: Task) -> int:
    """How often the customer is told to do something, or to look."""
    return sum(action.response is not None for action in task.gold[:-1])


def gold(task: Task) -> list[Turn]:
    return [
        Turn(plan=one.plan, calls=tuple(call.call() for call in one.calls), response=one.response) for one in task.gold
    ]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("name", "user"), PLAYED)
def test_the_gold_chain_solves_and_nothing_else_does(name: str, user: str, split: Split) -> None:
    env = ToolEnv(declaration(name), size="small", split=split, user=user)
    tasks = [env.tasks[index] for index in range(SAMPLE)]
    assert [task.id for task in tasks if play(env, task, gold(task)) != "solved"] == []
    idle = Counter(play(env, task, []) for task in tasks)
    assert idle["solved"] <= 0.15 * SAMPLE
    refusing = Counter(
        play(env, task, [Turn(response="Sorry, I cannot do that: it is not allowed.")])
        for task in tasks
        if not task.forbidden
    )
    assert refusing["solved"] == 0


@pytest.mark.parametrize("name", _DECLARED)
def test_tasks_are_as_deep_and_as_varied_as_is_said(name: str) -> None:
    domain = DeclaredDomain(declaration(name), size="small")
    for split in SPLITS:
        tasks = [domain.tasks(split)[index] for index in range(6 * SAMPLE)]
        assert {task.depth for task in tasks} == set(range(1, 8))
        assert len({task.request for task in tasks}) == len(tasks)
        assert all(task.depth == len(task.gold_calls) + instructions(task) for task in tasks)
        assert 0.02 <= sum(task.forbidden for task in tasks) / len(tasks) <= 0.2
        assert all(task.gold_diff == {} for task in tasks if task.forbidden)


@pytest.mark.parametrize("name", [name for name in _DECLARED if declaration(name).echoes])
def test_a_task_that_would_echo_one_of_another_world_is_made_otherwise(name: str) -> None:
    made = declaration(name)
    maker = DeclaredDomain(made, size="small").new_maker("train")
    echoing = DeclaredDomain(replace(made, echoes={}), size="small").new_maker("train")
    for index, earlier in made.echoes.items():
        assert earlier < index
        assert maker.make(earlier) == echoing.make(earlier)
        assert maker.make(earlier).request == echoing.make(index).request
        assert maker.make(earlier).request != maker.make(index).request


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", _DECLARED)
def test_a_request_says_whose_world_it_is_about(name: str, split: Split) -> None:
    # "Who wrote the newest book about cooking?" could be asked in any world, in just these words.
    # A name, an e-mail address, a telephone number or a zip code tells it; a day does not.
    made = declaration(name)
    domain = DeclaredDomain(made, size="small")
    marks = [field for field, one in made.table(made.who).fields.items() if one.told and "." not in field]
    for index in range(SAMPLE):
        task = domain.tasks(split)[index]
        tables = domain.server.base(task.world_seed).tables
        told = {key for table in tables.values() for key in table}
        told |= {str(record[field]) for record in tables[made.who].values() for field in marks if field in record}
        told |= {
            word for table in tables.values() for word in _leaves(table) if re.fullmatch(r"\d{5}|555-\S+|\S+@\S+", word)
        }
        assert any(word in task.request for word in told), task.request


@pytest.mark.parametrize("name", _DECLARED)
def test_splits_share_no_ids(name: str) -> None:
    made = declaration(name)
    ids: dict[str, set[str]] = {}
    domain = DeclaredDomain(made, size="small")
    for split in SPLITS:
        tables = [domain.server.base(domain.tasks(split)[index].world_seed).tables for index in (0, 40, 80)]
        ids[split] = {key for world in tables for table in world.values() for key in table}
    for split in SPLITS:
        others = set().union(*(ids[other] for other in SPLITS if other != split))
        assert ids[split].isdisjoint(others)


@pytest.mark.parametrize("name", _DECLARED)
def test_unseen_phrasings_do_not_occur_in_training(name: str) -> None:
    for act in declaration(name).acts:
        assert set(act.words).isdisjoint(act.unseen)
        assert len(act.words) >= 2


@pytest.mark.parametrize("name", _DECLARED)
def test_order_of_access_does_not_matter(name: str) -> None:
    from toolgym.composing.composer import _workshop
    from toolgym.composing.making import TaskMaker

    domain = DeclaredDomain(declaration(name), size="small")
    workshop = _workshop(declaration(name))
    makers = [TaskMaker(domain.source("train"), workshop.composer, domain.server.session) for _ in range(2)]
    places = range(40, 60)
    ahead = [makers[0].make(place) for place in places]
    back = [makers[1].make(place) for place in reversed(places)]
    assert ahead == back[::-1]


def _leaves(value: Any) -> Iterator[str]:
    """The texts of a JSON value."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _leaves(item)
    if isinstance(value, str):
        yield value


SCRIPT = """
import hashlib, sys
from toolgym.registration import make_domain
h = hashlib.sha256()
for split in ("train", "test_unseen"):
    tasks = make_domain(sys.argv[1], size="small").tasks(split)
    for index in range(0, 60):
        h.update(tasks[index].model_dump_json().encode())
print(h.hexdigest())
"""


@pytest.mark.parametrize("name", STARTED)
def test_two_processes_make_the_same_tasks(name: str) -> None:
    printed = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT, name],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert len(printed[0].strip()) == 64


@pytest.mark.parametrize("name", STARTED)
def test_its_server_answers_over_stdio_as_in_process(name: str) -> None:
    domain = DeclaredDomain(declaration(name), size="small")
    mine = (task for task in domain.tasks("train") if not task.user.actions)
    task = next(task for task in mine if task.gold_diff and task.depth >= 3)
    here = domain.session()
    here.reset(task.world_seed)
    with connect([sys.executable, "-m", f"toolgym.mcp_servers.{name}", "--size", "small"]) as handle:
        there = handle.session()
        there.reset(task.world_seed)
        assert here.tools == there.tools
        for call in task.gold_calls:
            sent = ToolCall(call.name, call.arguments)
            assert here.call(sent) == there.call(sent)
        assert there.diff() == here.diff() == task.gold_diff
