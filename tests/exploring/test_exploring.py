"""Explorations: what is written, what a stop leaves, what goes on, and what training makes of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from fastmcp import FastMCP

from toolgym.agents.evaluation.evaluation import AgentOptions
from toolgym.agents.exploring import Explored, ExploringOptions, explore, states_of, step_pairs
from toolgym.agents.exploring.exploring import told_the_outcome
from toolgym.agents.exploring.folder import Folder, lines_of
from toolgym.agents.policies.api import ApiOptions, ApiPolicy
from toolgym.agents.policies.scripted import RandomPolicy
from toolgym.errors import ConfigError, LockedError
from toolgym.messages import Turn
from toolgym.opening import bring_env, open_env
from toolgym.trajectory import read_trajectories

COINS = Path(__file__).with_name("coin.py")
ENV = f"{COINS}:cloakroom"


@pytest.fixture(scope="module")
def coin() -> Callable[[], Any]:
    """Makes the agent that tosses coins."""
    bring_env(ENV)
    spec = spec_from_file_location("coin", COINS)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Coin


def options(folder: Path, **more: Any) -> ExploringOptions:
    """Six tasks, each by six plain samples."""
    chosen = {"env_id": ENV, "episodes": 6, "search": told_the_outcome("best_of:n=6"), "agent_name": "coin", **more}
    return ExploringOptions(output=folder, **{"agent": AgentOptions(concurrency=4), **chosen})


def content(folder: Path) -> tuple[bytes, bytes, list[Any], list[Any]]:
    """All that an exploration wrote, but for how long its files are: each call begins a segment with a header."""
    figures = [{**line, "sizes": None} for line in lines_of(folder / "progress.jsonl")]
    pairs, values = ((folder / name).read_bytes() for name in ("pairs.jsonl", "values.jsonl"))
    return pairs, values, read_trajectories(folder / "trajectories.jsonl"), figures


@pytest.fixture(scope="module")
def whole(coin: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exploration that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "found"
    seen: list[tuple[int, int]] = []
    totals = explore(coin(), options(folder), on_task=lambda totals, count: seen.append((totals.tasks, count)))
    assert seen == [(done, 6) for done in range(7)]
    assert (totals.tasks, totals.lost) == (6, 0)
    assert totals.solved == sum(line["solved"] for line in lines_of(folder / "progress.jsonl")) > 0
    return folder


def test_what_is_written_is_what_was_sampled(whole: Path) -> None:
    """Pairs and values follow from the episodes; every task has six samples, and its files say the same of them."""
    pairs, values = list(lines_of(whole / "pairs.jsonl")), list(lines_of(whole / "values.jsonl"))
    episodes = read_trajectories(whole / "trajectories.jsonl")
    progress = list(lines_of(whole / "progress.jsonl"))
    assert len(progress) == 6
    for line in progress:
        task = line["task"]
        own = [each for each in episodes if each.task_id == task]
        states = [each for each in values if each["task"] == task]
        assert (len(own), len(states)) == (line["episodes"], line["states"])
        assert line["pairs"] == sum(each["task"] == task for each in pairs)
        assert own[0].meta["search"]["searches"] == 1
        assert states[0] | {"value": 0} == {
            **{"task": task, "state": 0, "parent": None, "action": None},
            **{"observation": own[0].prompt, "visits": 6, "value": 0},
        }
        # Each distinct episode is a way down the states; only that all six were sampled makes the visits more.
        again = states_of(own[0].prompt, own)
        assert sum(1 for _ in again.walk()) == len(states)
        assert bool(line["solved"]) == (states[0]["value"] > 0) == any(each.outcome == "solved" for each in own)
        assert len(step_pairs(again)) == line["pairs"]
        ends = [each for each in states if each["state"] not in {other["parent"] for other in states}]
        assert sum(each["visits"] for each in ends) == 6
        assert sum(each["visits"] * each["value"] for each in ends) == pytest.approx(6 * states[0]["value"])
    right = {f"coat/{n}": f'"ticket": "T{n}"' for n in range(12)}
    assert pairs
    assert all(right[each["task"]] in each["chosen"] for each in pairs)
    assert all(each["before"] == [] and right[each["task"]] not in each["rejected"] for each in pairs)


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_second_call_goes_on(whole: Path, coin: Callable[[], Any], tmp_path: Path, at_once: int) -> None:
    """However many tasks the first call was for, and how many are explored at once: the same is written."""
    agent = AgentOptions(concurrency=at_once)
    for episodes in (1, 3, 6, 6):
        totals = explore(coin(), options(tmp_path / "found", episodes=episodes, agent=agent))
        assert totals.tasks == episodes
    assert content(tmp_path / "found") == content(whole)


def test_tasks_that_were_lost_are_explored_by_the_next_call(tmp_path: Path, chat_server: Any) -> None:
    """The endpoint dies after two of six tasks, and is up again for the last two: the third and fourth are left."""
    alone = AgentOptions(concurrency=1)
    chosen = {"search": told_the_outcome("best_of:n=2"), "agent": alone, "agent_name": "api:m"}
    bring_env(ENV)

    def run(folder: str, episodes: int, answer: Any) -> tuple[Any, list[int]]:
        chat_server.default, seen = answer, []
        policy = ApiPolicy(ApiOptions("m", base_url=chat_server.url, attempts=1))
        done = explore(
            policy,
            options(tmp_path / folder, episodes=episodes, **chosen),
            on_task=lambda totals, _: seen.append(totals.tasks),
        )
        policy.close()
        return done, seen

    answered, _ = run("whole", 6, "Done.")
    run("found", 2, "Done.")
    broken, _ = run("found", 4, 503)
    assert (broken.tasks, broken.lost) == (4, 2)
    lines = list(lines_of(tmp_path / "whole" / "progress.jsonl"))
    again, seen = run("found", 6, "Done.")
    assert seen == [2, 3, 4, 5, 6]
    assert again == answered
    assert again.lost == 0
    figures = [{**each, "sizes": None} for each in lines_of(tmp_path / "found" / "progress.jsonl")]
    assert [each for each in figures if each["episodes"]] == [{**each, "sizes": None} for each in lines]
    before = len(chat_server.requests)
    assert run("found", 6, "Done.") == (answered, [6])
    assert len(chat_server.requests) == before


def test_what_a_kill_leaves_is_cut_off(whole: Path, coin: Callable[[], Any], tmp_path: Path) -> None:
    """Killed at any of its writes: the task that was being written is explored again, and no other."""

    for written in ("trajectories", "pairs", "values", "torn progress"):
        folder = tmp_path / written.replace(" ", "-")
        explore(coin(), options(folder, episodes=3))
        kept = [line["task"] for line in lines_of(folder / "progress.jsonl")]
        with (folder / "trajectories.jsonl").open("ab") as file:
            file.write(b'{"type": "header", "schema": 1}\n{"type": "episode", "epis')
        if written != "trajectories":
            with (folder / "pairs.jsonl").open("ab") as file:
                file.write(b'{"task": "coat/7", "state": 0}\n{"ta')
        if written not in ("trajectories", "pairs"):
            with (folder / "values.jsonl").open("ab") as file:
                file.write(b'{"task": "coat/7", "state": 0}\n')
        if written == "torn progress":
            with (folder / "progress.jsonl").open("ab") as file:
                file.write(b'{"task": "coat/7", "solved": tr')
        searched: list[int] = []
        explore(coin(), options(folder), on_task=lambda totals, _, searched=searched: searched.append(totals.tasks))
        assert searched == [3, 4, 5, 6]
        assert [line["task"] for line in lines_of(folder / "progress.jsonl")][:3] == kept
        assert content(folder) == content(whole)


@pytest.mark.slow
def test_a_killed_process_loses_no_task(tmp_path: Path) -> None:
    """kill -9 after some tasks; the command goes on from them, and what was written of them is as it was."""
    words = ["explore", "--agent", "random", "--search", "best_of:n=3", "--set", "size=small", "--output", "found"]
    command = [sys.executable, "-m", "toolgym", *words, "--concurrency", "1", "--json", "--episodes"]
    running = subprocess.Popen([*command, "400"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    progress = tmp_path / "found" / "progress.jsonl"
    while not progress.is_file() or progress.read_bytes().count(b"\n") < 3:
        assert running.poll() is None
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done = list(lines_of(progress))
    before = {name: (tmp_path / "found" / name).read_bytes()[:size] for name, size in done[-1]["sizes"].items()}
    ended = subprocess.run([*command, str(len(done) + 2)], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert json.loads(ended.stdout)["tasks"] == len(done) + 2
    assert list(lines_of(progress))[: len(done)] == done
    for name, kept in before.items():
        assert (tmp_path / "found" / name).read_bytes()[: len(kept)] == kept


def test_folders_that_are_something_else(whole: Path, coin: Callable[[], Any], tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("a")
    (tmp_path / "file").write_text("a")
    damaged = tmp_path / "damaged"
    explore(coin(), options(damaged, episodes=1))
    (damaged / "values.jsonl").write_bytes(b"")
    for folder, more, what in (
        (tmp_path / "notes", {}, "holds something, but no exploration"),
        (tmp_path / "file", {}, "is a file; --output takes a folder"),
        (damaged, {}, "it was changed; explore anew"),
        (whole, {"seed": 1}, "holds an exploration with seed=0, not 1"),
        (whole, {"search": told_the_outcome("best_of:n=7")}, "with search='best_of:scorer=verified,n=6'"),
        (whole, {"agent_name": "other"}, "with agent='coin'"),
        (whole, {"env_options": {"max_turns": 7}}, "with env_options="),
    ):
        with pytest.raises(ConfigError, match=what):
            explore(coin(), options(folder, **more))
    with Folder(whole, options(whole).settings()), pytest.raises(LockedError, match="being written by this process"):
        explore(coin(), options(whole))


def test_what_is_evaluated_on_is_not_explored(coin: Callable[[], Any], tmp_path: Path) -> None:
    for split in ("test", "test_unseen"):
        given = options(tmp_path / split, split=split, env_id="ToolGym/Airline-v0", env_options={"size": "small"})
        with pytest.raises(ConfigError, match=f"The split '{split}' is for evaluations.*--allow-test"):
            explore(coin(), given)
        assert not (tmp_path / split).exists()
    totals = explore(coin(), options(tmp_path / "test", split="test", allow_test=True))
    assert totals.tasks == 2
    for name, value in (("rename", True), ("flaky", 0.1)):
        with pytest.raises(ConfigError, match=f"{name} differs from episode to episode"):
            explore(coin(), options(tmp_path / name, env_options={name: value}))


def look_server() -> FastMCP:
    """A server that is made where it is needed."""
    server = FastMCP("look")
    server.tool(look, annotations={"readOnlyHint": True})
    return server


def look() -> str:
    """Looks."""
    return "red"


def test_options_that_are_no_json_are_written_by_name(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.yaml"
    tasks.write_text("tasks: [{request: Look, calls: [{look: {}}]}]")
    own = {"servers": look_server, "tasks": tasks, "depth": (1,)}
    given = options(tmp_path / "own", env_id="ToolGym/MCP-v0", split="custom", env_options=own)
    assert [explore(RandomPolicy(0), given).tasks for _ in range(2)] == [1, 1], "the second finds its folder"
    written = json.loads((tmp_path / "own" / "explored.json").read_text())["env_options"]
    assert written == {"servers": f"{__name__}:look_server", "tasks": str(tasks), "depth": [1]}


def test_an_option_that_cannot_be_written_is_told_before_anything_is_opened(coin: Any, tmp_path: Path) -> None:
    opened: list[Any] = []
    given = options(tmp_path / "own", env_options={"max_turns": 7, "reward": [object()]})
    with pytest.raises(ConfigError, match=r"^reward=\[<object.* cannot be written into explored\.json"):
        explore(coin(), given, on_open=opened.append)
    assert not opened
    assert not (tmp_path / "own").exists()


def test_the_outcome_ranks_where_no_scorer_is_named() -> None:
    assert str(told_the_outcome("mcts")) == "mcts:scorer=verified"
    assert str(told_the_outcome("majority:n=4")) == "majority:n=4"
    for search in ("best_of:scorer=consistency", "best_of: n=8, scorer = consistency", "best_of:scorer =consistency"):
        assert str(told_the_outcome(search)) == "best_of:scorer=consistency"
    with pytest.raises(ConfigError, match="judge= is of scorer=judge"):
        told_the_outcome("best_of:judge=scorer=me")
    with pytest.raises(ConfigError, match="Did you mean 'mcts'"):
        told_the_outcome("mctss")


def test_an_exploration_is_learnt_from_as_a_corpus_is(whole: Path) -> None:
    """Its turns are said again as they were said, and end as they ended."""
    explored = Explored(whole, "train")
    solved = [line["task"] for line in lines_of(whole / "progress.jsonl") if line["solved"]]
    assert explored.ids == solved
    env = open_env(ENV)
    tasks = explored.tasks(env.tasks)
    assert [task.id for task in tasks] == solved
    pairs, found = list(lines_of(whole / "pairs.jsonl")), 0
    for task in tasks:
        for number, turns in enumerate([explored.chain(task, env.domain), *explored.trajectories(task)]):
            env.reset(options={"task": task})
            infos = [env.step(turn.text)[4] for turn in turns if isinstance(turn, Turn)]
            assert (infos[-1]["outcome"] == "solved") or number > 1
        for preference in explored.preferences(task):
            own = [each for each in pairs if each["task"] == task.id]
            assert isinstance(preference.chosen, Turn)
            assert preference.chosen.text == own[0]["chosen"]
            assert [turn.text for turn in preference.rejected if isinstance(turn, Turn)] == [p["rejected"] for p in own]
            found += len(own)
    assert found == len(pairs)
    valued = list(explored.values())
    assert len(valued) == len(list(lines_of(whole / "values.jsonl")))
    by_depth = [each for each in valued if len(each.steps) == 2]
    assert by_depth
    assert all(each.prompt.startswith("My coat") and each.steps[1][0].startswith("<response>") for each in by_depth)
    with pytest.raises(ConfigError, match="explored on the split 'train', not on 'test'"):
        Explored(whole, "test")


def test_the_command(tmp_path: Path, toolgym: Any) -> None:
    words = ("explore", "--agent", "random", "--search", "best_of:n=2", "--set", "size=small", "--output")
    ended = toolgym(*words, str(tmp_path / "found"), "--episodes", "2", "--json")
    found = json.loads(ended.out)
    assert (ended.code, found["tasks"], found["tokens"], found["lost"]) == (0, 2, 0, 0)
    assert found["env_steps"] > found["states"] > found["episodes"] > 0
    ended = toolgym(*words, str(tmp_path / "found"), "--episodes", "3")
    assert (ended.code, "step pairs" in ended.out) == (0, True)
    ended = toolgym(*words, str(tmp_path / "other"), "--split", "test")
    assert (ended.code, "is for evaluations" in ended.err) == (2, True)
    ended = toolgym(*words, str(tmp_path / "found"), "--seed", "1")
    assert (ended.code, "holds an exploration with seed=0, not 1" in ended.err) == (2, True)


@pytest.mark.slow
def test_a_step_of_eto_from_what_the_built_in_policy_found(tmp_path: Path, toolgym: Any) -> None:
    """Of each pair the two steps answer the same tokens, and a step of DPO learns from them; so does SFT."""
    found = str(tmp_path / "found")
    ended = toolgym("explore", "--search", "best_of:n=4", "--set", "depth=1", "--episodes", "4", "-o", found, "--json")
    assert json.loads(ended.out)["pairs"] > 0
    for algo in ("eto", "sft"):
        ended = toolgym(
            *("train", "--algo", algo, "--data", found, "--model", "builtin:imperfect", "--steps", "1", "--batch", "2"),
            *("--output", str(tmp_path / algo), "--set", "depth=1"),
        )
        assert ended.code == 0, ended.err
        assert (tmp_path / algo / "final" / "model.safetensors").is_file()
    made = list(lines_of(tmp_path / "eto" / "pairs.jsonl"))
    assert made
    assert all(pair["chosen_ids"] != pair["rejected_ids"] and pair["prompt_ids"] for pair in made)
