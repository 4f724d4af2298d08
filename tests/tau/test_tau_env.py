"""The environments of tau-bench's tasks, on the servers' small worlds; its Python files are parsed and never run."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from toolgym.agents.policies.scripted import gold_turns
from toolgym.checker import check_tool_env
from toolgym.env import ToolEnv
from toolgym.envs.tau.data import load
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import doubts

TESTS = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TOOLGYM_SHARED", TESTS.parents[1] / "shared")) / "data" / "tau_bench"

TASKS_TEST = """
from tau_bench.types import Task, Action

raise SystemExit("this file is never run")

TASKS_TEST = [
    Task(
        annotator="0",
        user_id="ann_1",
        instruction=(
            "You are Ann, and you want to cancel OLD001. "
            "You ask what you get back."
        ),
        actions=[
            Action(name="get_reservation_details", kwargs={"reservation_id": "OLD001"}),
            Action(name="cancel_reservation", kwargs={"reservation_id": "OLD001"}),
            Action(name="respond", kwargs={"content": "362"}),
        ],
        outputs=["1362"],
    ),
    Task(
        annotator="0",
        user_id="ann_1",
        instruction="You are Ann, and you want a person.",
        actions=[Action(name="transfer_to_human_agents", kwargs={"summary": "Ann"})],
        outputs=[],
    ),
]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the benchmark in small: the hand-made airline, two tasks to test, one to train, a wiki."""
    name = "toolgym_test_airline_worlds"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TESTS / "airline_server" / "conftest.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    root = tmp_path_factory.mktemp("tau")
    folder = root / "tau_bench" / "envs" / "airline"
    (folder / "data").mkdir(parents=True)
    for table, records in sys.modules[name].hand_made_tables().items():
        (folder / "data" / f"{table}.json").write_text(json.dumps(records))
    (folder / "tasks_test.py").write_text(TASKS_TEST)
    (folder / "tasks_train.py").write_text(
        'TASKS_TRAIN = [Task(instruction="You are Ann.", actions=[], outputs=[], user_id="ann_1", annotator="1")]'
    )
    (folder / "wiki.md").write_text("The airline's rules.")
    return root


def make(data: Path, **options: Any) -> ToolEnv:
    options = {"split": "test", "user": "none", **options}
    return gymnasium.make("ToolGym/TauAirline-v0", data=data, **options).unwrapped  # pyright: ignore


def play(env: ToolEnv, task: str, *turns: Any) -> tuple[float, dict[str, Any]]:
    env.reset(options={"task": task})
    total, info = 0.0, {}
    for turn in turns:
        said = Turn(response=turn) if isinstance(turn, str) else Turn(calls=(ToolCall(*turn),))
        _, reward, _, _, info = env.step(render(said, "toolgym"))
        total += reward
    return total, info


CANCEL = ("cancel_reservation", {"reservation_id": "OLD001"})


@pytest.mark.parametrize("user", ["none", "scripted"])
def test_conformance(data, user):
    options = {"data": str(data), "split": "test", "user": user}
    assert check_tool_env("ToolGym/TauAirline-v0", options=options, episodes=2).passed


def test_tasks_are_read_from_python_that_is_not_run(data):
    benchmark = load("airline", data)
    assert list(benchmark.tasks) == ["test-0", "test-1", "train-0"]
    task = benchmark.task("test-0")
    assert task.instruction.endswith("cancel OLD001. You ask what you get back.")
    assert task.actions[1] == CANCEL
    tasks: Any = make(data).domain.tasks
    assert [len(tasks(split)) for split in ("test", "train", "validation", "custom")] == [2, 1, 0, 3]
    assert make(data).policy == "The airline's rules."
    assert not doubts(make(data))


def test_database_and_outputs(data):
    env = make(data)
    total, info = play(env, "test-0", CANCEL, "You get $1,362 back.")
    assert (total, info["outcome"]) == (1.0, "solved")
    assert info["rewards"] == {"tau": 1.0, "DB": 1.0, "OUTPUTS": 1.0}
    assert play(env, "test-0", CANCEL, "You get your money back.")[1]["rewards"]["OUTPUTS"] == 0.0
    total, info = play(env, "test-0", "You get 1362 back.")
    assert (total, info["rewards"]["DB"], info["outcome"]) == (0.0, 0.0, "unsolved")
    assert play(env, "test-0", CANCEL, CANCEL, "You get 1362 back.")[0] == 0.0
    # A transfer changes nothing: asking for it is no part of the verdict.
    assert play(env, "test-1", "No.")[0] == 1.0


def test_what_is_missing_is_told(data, tmp_path):
    with pytest.raises(ConfigError, match="data=DIR"):
        gymnasium.make("ToolGym/TauAirline-v0", user="none")
    with pytest.raises(ConfigError, match="no world of tau-bench's airline"):
        make(tmp_path)
    folder = tmp_path / "airline"
    folder.mkdir()
    for path in (data / "tau_bench" / "envs" / "airline" / "data").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ConfigError, match="no tasks of tau-bench's airline"):
        make(tmp_path)
    load.__globals__["_load"].cache_clear()
    steps = [{"name": CANCEL[0], "kwargs": CANCEL[1]}]
    row = {"task_split": "test", "task_index": 7, "instruction": "You are Ann.", "outputs": [], "steps": steps}
    (tmp_path / "gold_airline.jsonl").write_text(json.dumps(row))
    env = make(tmp_path)
    assert [task.id for task in env.tasks] == ["test-7"]
    assert "no wiki.md" in doubts(env)[0]


@pytest.mark.parametrize(
    "text", ["TASKS = [Task(instruction=open('x'))]", "TASKS = [Task(", "TASKS = [Task(outputs=f())]"]
)
def test_a_file_that_is_no_list_of_literals(data, tmp_path, text):
    folder = tmp_path / "airline"
    folder.mkdir()
    for path in (data / "tau_bench" / "envs" / "airline" / "data").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "tasks_test.py").write_text(text)
    with pytest.raises(ConfigError, match=r"cannot read tau-bench's .*tasks_test\.py"):
        load("airline", tmp_path)


@pytest.mark.external
@pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data is not there")
@pytest.mark.parametrize(("domain", "count"), [("Airline", 2), ("Retail", 121)])
def test_the_gold_of_every_recorded_task_earns_its_reward(domain, count):
    env = gymnasium.make(f"ToolGym/Tau{domain}-v0", data=DATA, split="custom", user="none").unwrapped
    assert isinstance(env, ToolEnv)
    assert len(env.tasks) >= count
    for index in range(len(env.tasks)):
        env.reset(options={"task": index})
        total = sum(env.step(render(turn, "toolgym"))[1] for turn in gold_turns(env.task))
        assert total == 1.0, env.task.id
