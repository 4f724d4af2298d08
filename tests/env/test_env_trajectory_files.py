"""Trajectory files: what is written is read again, and a kill costs at most a line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gymnasium.wrappers import Autoreset
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym._files import is_whole
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, LockedError, TrajectoryError
from toolgym.messages import ParseProblem, ToolCall, Turn
from toolgym.trajectory import (
    Step,
    ToolResult,
    TornTrajectoryWarning,
    Trajectory,
    TrajectoryWriter,
    read_trajectories,
    trajectory_from_json,
    trajectory_to_json,
)
from toolgym.wrappers import RecordTrajectories

ACTIONS = (
    '<plan>é\ud800</plan><tool_call>{"name": "pay_in", "arguments": {"account": "acc_2", "amount": 3}}</tool_call>',
    '<tool_call>{"name": "pay_in", "arguments": {"account": "acc_2", "amount": 36893488147419103232}}</tool_call>',
    "<tool_call>{",
    "<response>Done.</response>",
)

TEXT = st.text(st.characters(), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXT, part, max_size=3),
    max_leaves=6,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
TURNS = st.builds(
    Turn,
    plan=st.none() | TEXT,
    calls=st.lists(st.builds(ToolCall, TEXT, OBJECT), max_size=2).map(tuple),
    response=st.none() | TEXT,
    problems=st.lists(st.builds(ParseProblem, st.just("empty"), TEXT), max_size=2).map(tuple),
    text=TEXT,
)
RESULTS = st.builds(ToolResult, TEXT, st.none() | OBJECT, st.booleans(), st.sampled_from(["ok", "tool_error"]))
STEPS = st.builds(
    Step,
    TURNS,
    st.lists(RESULTS, max_size=2).map(tuple),
    TEXT,
    st.none() | TEXT,
    st.none() | st.dictionaries(TEXT, st.dictionaries(TEXT, st.none() | OBJECT, max_size=2), max_size=2),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(TEXT, st.floats(allow_nan=False, allow_infinity=False), max_size=2),
)
TRAJECTORIES = st.builds(
    Trajectory,
    TEXT,
    TEXT,
    st.none() | st.integers(0, 2**40),
    TEXT,
    st.lists(STEPS, max_size=3),
    st.sampled_from([None, "solved", "truncated"]),
    st.sampled_from([None, "turns"]),
    OBJECT,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(TRAJECTORIES, max_size=3))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, given_trajectories: list) -> None:
    path = tmp_path_factory.mktemp("files") / "deep" / "t.jsonl"
    for trajectory in given_trajectories:
        if trajectory.outcome is None:
            trajectory.truncation = None
        assert trajectory_from_json(trajectory_to_json(trajectory)) == trajectory
    with TrajectoryWriter(path) as writer:
        for trajectory in given_trajectories:
            writer.write(trajectory)
    assert read_trajectories(path) == given_trajectories


def run_episode(env: Any, seed: int) -> None:
    env.reset(seed=seed)
    for action in ACTIONS:
        env.step(action)


def test_wrapper_records_what_the_environment_holds(tmp_path: Path, make_bank: Callable[..., ToolEnv]) -> None:
    path = tmp_path / "t.jsonl"
    env = RecordTrajectories(make_bank(), path)
    expected = []
    for seed in range(3):
        run_episode(env, seed)
        expected.append(env.unwrapped.trajectory)
    env.reset(seed=9)
    env.step("")
    unfinished = env.unwrapped.trajectory
    env.close()
    assert read_trajectories(path) == [*expected, unfinished]
    assert unfinished.outcome is None
    with RecordTrajectories(make_bank(), path) as again:  # a second writer appends
        run_episode(again, 4)
        assert read_trajectories(path) == [*expected, unfinished, again.unwrapped.trajectory]


def test_wrapper_records_episodes_that_were_begun_elsewhere(tmp_path: Path, make_bank: Callable[..., ToolEnv]) -> None:
    path, inner = tmp_path / "t.jsonl", make_bank()
    inner.reset(seed=0)
    inner.step(ACTIONS[0])
    env = RecordTrajectories(Autoreset(inner), path)
    env.reset(seed=1)
    expected = []
    for action in (*ACTIONS, "this begins the next episode", *ACTIONS):
        env.step(action)
        if inner.trajectory not in expected:
            expected.append(inner.trajectory)
    env.close()
    assert read_trajectories(path) == expected
    assert [len(episode.steps) for episode in expected] == [len(ACTIONS)] * 2
    begun = make_bank()
    begun.reset(seed=0)
    begun.step(ACTIONS[0])
    with RecordTrajectories(begun, path) as env:
        env.step(ACTIONS[1])
        assert read_trajectories(path)[2:] == [begun.trajectory]


def test_wrapper_goes_on_after_it_was_closed_as_the_environment_does(
    tmp_path: Path, make_bank: Callable[..., ToolEnv]
) -> None:
    path = tmp_path / "t.jsonl"
    env, expected = RecordTrajectories(make_bank(), path), []
    for seed in range(2):
        run_episode(env, seed)
        expected.append(env.unwrapped.trajectory)
        env.close()
        env.close()
    assert read_trajectories(path) == expected


def test_interleaved_episodes_are_told_apart(tmp_path: Path, make_bank: Callable[..., ToolEnv]) -> None:
    envs = [make_bank(), make_bank()]
    with TrajectoryWriter(tmp_path / "t.jsonl") as writer:
        numbers = []
        for seed, env in enumerate(envs):
            env.reset(seed=seed)
            numbers.append(writer.begin(env.trajectory))
        for action in ACTIONS:
            for number, env in zip(numbers, envs, strict=True):
                env.step(action)
                writer.step(number, env.trajectory.steps[-1])
        for number, env in zip(numbers, envs, strict=True):
            writer.end(number, env.trajectory)
    assert read_trajectories(tmp_path / "t.jsonl") == [env.trajectory for env in envs]


@pytest.mark.parametrize("cut", [2, 10, 200])
def test_a_torn_last_line_is_left_out_and_said(tmp_path: Path, make_bank: Callable[..., ToolEnv], cut: int) -> None:
    path = tmp_path / "t.jsonl"
    with RecordTrajectories(make_bank(), path) as env:
        run_episode(env, 0)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(whole[: len(whole) - len(lines[-1]) - cut])  # tears the last step's line
    with pytest.warns(TornTrajectoryWarning, match=f"line {len(lines) - 1} is torn"):
        (torn,) = read_trajectories(path)
    assert len(torn.steps) == len(ACTIONS) - 1
    assert torn.outcome is None
    with RecordTrajectories(make_bank(), path) as env:  # the next writer cuts the torn line off
        run_episode(env, 1)
    first, second = read_trajectories(path)
    assert (len(first.steps), first.outcome) == (len(ACTIONS) - 1, None)
    assert second == env.unwrapped.trajectory


@pytest.mark.parametrize("last", ["end", "step"])
def test_a_last_line_without_its_newline_is_whole(tmp_path: Path, make_bank: Callable[..., ToolEnv], last: str) -> None:
    path = tmp_path / "t.jsonl"
    with RecordTrajectories(make_bank(), path) as env:
        run_episode(env, 0)
        first = env.unwrapped.trajectory
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines if last == "end" else lines[:-1])[:-1])
    (read,) = read_trajectories(path)  # a warning would fail
    assert read.steps == first.steps
    assert read.outcome == (first.outcome if last == "end" else None)
    with RecordTrajectories(make_bank(), path) as env:  # the next writer keeps it, and begins a line of its own
        run_episode(env, 1)
    read, second = read_trajectories(path)
    assert read.steps == first.steps
    assert second == env.unwrapped.trajectory


@given(st.integers(1, 10_000))
def test_no_part_of_a_line_is_taken_for_a_whole_one(cut: int) -> None:
    line = b'{"a": [1, {"b": "}]"}], "c": {"d": "\\"}"}}'
    assert is_whole(line)
    assert not is_whole(line[: -1 - cut % (len(line) - 1)])


def test_other_files_are_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    for content, message in (
        ('{"type": "header", "schema": 99}\n', "line 1: schema version 99"),
        ('{"type": "episode"}\n', "no header"),
        ("not json\n", "line 1: not JSON"),
        ("[1]\n", "line 1: no trajectory record"),
        ('{"type": "header", "schema": 1}\n{"type": "step", "episode": 7}\n', "line 2: no trajectory record"),
    ):
        path.write_text(content)
        with pytest.raises(TrajectoryError, match=message):
            read_trajectories(path)
    with pytest.raises(TrajectoryError, match="Schema version 3"):
        trajectory_from_json({"schema": 3})
    with pytest.raises(TrajectoryError, match="No trajectory"):
        trajectory_from_json({"schema": 1})


OTHERS = [
    b"name,score\nann,3\nbob,4",  # a line that a torn one would be taken for
    b"my notes",
    b'{"a": 1}\n',
    b'{"type": "header", "schema": 99}\n',
    b"\x89PNG" + b"\0" * 70_000,
]


@pytest.mark.parametrize("content", OTHERS)
def test_a_file_of_something_else_is_not_added_to(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    with pytest.raises(TrajectoryError, match=r"t\.jsonl cannot be added to: .*Give another file"):
        TrajectoryWriter(path)
    assert path.read_bytes() == content
    with TrajectoryWriter(path, anew=True) as writer:  # who says so may overwrite it
        assert path.read_bytes() == content
        writer.write(Trajectory("E", "t"))
    assert [each.task_id for each in read_trajectories(path)] == ["t"]


def test_what_makes_way_stays_until_there_is_an_episode(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.write(Trajectory("E", "before"))
    with TrajectoryWriter(path, anew=True), pytest.raises(LockedError):
        TrajectoryWriter(path)
    assert [each.task_id for each in read_trajectories(path)] == ["before"]
    with TrajectoryWriter(path, anew=True) as writer:
        for name in ("one", "two"):
            writer.write(Trajectory("E", name))
    assert [each.task_id for each in read_trajectories(path)] == ["one", "two"]


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_a_file_whose_header_is_torn_is_added_to(tmp_path: Path, make_bank: Callable[..., ToolEnv], cut: int) -> None:
    path = tmp_path / "t.jsonl"
    TrajectoryWriter(path).close()
    path.write_bytes(path.read_bytes()[:-cut])
    with RecordTrajectories(make_bank(), path) as env:
        run_episode(env, 0)
    assert read_trajectories(path) == [env.unwrapped.trajectory]


def test_only_tool_environments_can_be_recorded(tmp_path: Path) -> None:
    import gymnasium

    with pytest.raises(ConfigError, match="records a ToolEnv"):
        RecordTrajectories(gymnasium.make("CartPole-v1"), tmp_path / "t.jsonl")  # type: ignore[arg-type]


WRITES_FOREVER = """
import sys
from toolgym.messages import Turn
from toolgym.trajectory import Step, Trajectory, TrajectoryWriter
writer = TrajectoryWriter(sys.argv[1])
number = 0
while True:
    episode = writer.begin(Trajectory("env", f"task {number}"))
    for step in range(5):
        writer.step(episode, Step(Turn(text="x" * 3000), observation=str(step)))
    writer.end(episode, Trajectory("env", "", outcome="solved"))
    print(number, flush=True)
    number += 1
"""


def test_a_kill_loses_at_most_the_line_being_written(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_FOREVER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        seen = [int(process.stdout.readline()) for _ in range(20)]
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.stdout.close()
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TornTrajectoryWarning)
        trajectories = read_trajectories(path)
    assert len(trajectories) > seen[-1]
    assert [trajectory.task_id for trajectory in trajectories] == [f"task {n}" for n in range(len(trajectories))]
    assert all(len(trajectory.steps) == 5 and trajectory.outcome == "solved" for trajectory in trajectories[:-1])
