"""Damaged trajectory files: whatever stands in one is a value or a `TrajectoryError` that says where."""

import io
import json
import math
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.cli import main
from toolgym.errors import TrajectoryError
from toolgym.formats.turn import ParseProblem
from toolgym.messages import ToolCall, Turn
from toolgym.trajectory import (
    Step,
    ToolResult,
    TornTrajectoryWarning,
    Trajectory,
    TrajectoryWriter,
    iterate_trajectories,
    read_trajectories,
    trajectory_from_json,
    trajectory_to_json,
)
from toolgym.trajectory._lines import MAX_DEPTH


def episode(name: str = "a", structured: Any = None) -> Trajectory:
    turn = Turn(
        "think", (ToolCall("look", {"at": [1, 2.5, None]}),), None, (ParseProblem("json", "bad"),), "tagged", "t"
    )
    step = Step(turn, (ToolResult("r", structured),), "seen", "hello", {"t": {"k": None}}, 0.5, {"x": 0.5})
    return Trajectory("E-v0", name, 3, "go", [step, step], "solved", None, {"split": "test"})


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("valid") / "t.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.write(episode())
        number = writer.begin(episode("b"))
        writer.step(number, episode().steps[0])
    return path.read_bytes()


def read(path: Path, content: bytes) -> list[Trajectory] | None:
    """The episodes of a file, None where it is refused; any other error is a failure."""
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TornTrajectoryWarning)
        try:
            return read_trajectories(path)
        except TrajectoryError as error:
            message = str(error)
    assert message.startswith(f"{path}, line ")
    return None


def shown(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit status and what was printed of `toolgym show`."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["show", str(path)])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out + printed.err


WORDS = st.sampled_from(
    [None, True, 0, -1, 2.5, "", "x", "1e999", [], [1], {}, {"a": 1}, [[]], "\ud800", 10**30, {"text": 1}, math.pi]
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_and_cuts_give_episodes_or_an_error(tmp_path: Path, valid: bytes, data: st.DataObject) -> None:
    content = bytearray(valid)
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content))) :]
    read(tmp_path / "t.jsonl", bytes(content))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_other_types_in_any_place_give_episodes_that_are_usable_or_an_error(
    tmp_path: Path, valid: bytes, data: st.DataObject
) -> None:
    """What is read can be used: summed, counted, compared and written again."""
    lines = [json.loads(line) for line in valid.splitlines()]
    line = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.sampled_from(places(lines[line])))
    if not place:
        lines[line] = data.draw(WORDS)
    else:
        around = lines[line]
        for key in place[:-1]:
            around = around[key]
        if data.draw(st.booleans()):
            around[place[-1]] = data.draw(WORDS)
        else:
            del around[place[-1]]
    read_back = read(tmp_path / "t.jsonl", b"".join(json.dumps(each).encode() + b"\n" for each in lines))
    for trajectory in read_back or ():
        assert isinstance(sum(step.reward for step in trajectory.steps), int | float)
        assert len(trajectory.calls) <= sum(len(step.turn.calls) for step in trajectory.steps)
        assert trajectory_from_json(trajectory_to_json(trajectory)) == trajectory
        again = tmp_path / "again.jsonl"
        again.unlink(missing_ok=True)
        with TrajectoryWriter(again) as writer:
            writer.write(trajectory)


DEEP = b'{"type": "header", "schema": 1}\n' + b'{"a":' * 30_000 + b"1" + b"}" * 30_000 + b"\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (DEEP, "line 2: nested deeper than"),
        (b"[" * 200_000 + b"\n", "line 1: n"),
        (b'{"type": "header", "schema": ' + b"1" * 5000 + b"}\n", "line 1: a number of 5000 digits is too long"),
        (b'{"type": "header", "schema": 1, "schema": 1}\n', 'line 1: the key "schema" comes twice'),
        (b'{"type": "header", "schema": 1, "x": NaN}\n', "line 1: NaN is no JSON number"),
        (b'{"type": "header", "schema": 1, "x": -Infinity}\n', "line 1: -Infinity is no JSON number"),
        (b'{"type": "header", "schema": 1, "x": "NaN", "y": 1e999}\n', "line 1: the number 1e999 is too large"),
        (b'{"type": "header", "schema": 1}\n\xff\n', "line 2: not UTF-8"),
        (b'{"type": "header", "schema": 1}\n5\n', "line 2: no trajectory record: expected a JSON object, got int"),
        (b'{"type": "header", "schema": 1}\n{"type": "spet"}\n', "line 2: no trajectory record: its type is 'spet'"),
        (b'{"type": "header", "schema": "1"}\n', "line 1: no trajectory record: schema: "),
        (b'{"type": "header", "schema": 1}\n{"type": "end", "episode": []}\n', r"line 2: .*episode: \[\] is no number"),
    ],
)
def test_errors_name_the_line_in_one_red_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    with pytest.raises(TrajectoryError, match=message):
        read_trajectories(path)
    code, printed = shown(path, capsys)
    assert (code, printed[:7], "Traceback" in printed) == (2, "Error: ", False)


def test_two_writers_mixed_in_one_segment_are_noticed(tmp_path: Path, valid: bytes) -> None:
    """An episode that begins twice, and steps of one that has ended, come only of two writers."""
    lines = valid.splitlines(keepends=True)
    path = tmp_path / "t.jsonl"
    for mixed in ([*lines, lines[-2]], [*lines, lines[2]]):
        path.write_bytes(b"".join(mixed))
        with pytest.raises(TrajectoryError, match=f"line {len(lines) + 1}: no trajectory record: "):
            read_trajectories(path)


def test_episodes_come_as_they_end_and_hold_no_more_than_is_open(tmp_path: Path) -> None:
    """The first episode of a file of many is there before the rest is read."""
    path = tmp_path / "t.jsonl"
    with TrajectoryWriter(path) as writer:
        outer = writer.begin(episode("outer"))
        for number in range(3):
            writer.write(episode(f"inner {number}"))
        writer.end(outer, episode("outer"))
        writer.begin(episode("open"))
    with TrajectoryWriter(path) as writer:
        writer.write(episode("later"))
    came = [(number, trajectory.task_id) for number, trajectory in iterate_trajectories(path)]
    assert came == [(1, "inner 0"), (2, "inner 1"), (3, "inner 2"), (0, "outer"), (4, "open"), (5, "later")]
    in_order = [trajectory.task_id for trajectory in read_trajectories(path)]
    assert in_order == ["outer", "inner 0", "inner 1", "inner 2", "open", "later"]
    path.write_bytes(path.read_bytes() + b"garbage\n")
    assert next(iterate_trajectories(path))[1].task_id == "inner 0"  # the garbage was not reached


def test_show_prints_the_same_json_as_a_list_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.jsonl"
    with TrajectoryWriter(path) as writer:
        outer = writer.begin(episode("outer", {"n": 10**25}))
        writer.write(episode("inner"))
        writer.end(outer, episode("outer"))
    for more in ([], ["--outcome", "solved"], ["--outcome", "truncated"], ["-n", "-1"]):
        capsys.readouterr()
        with pytest.raises(SystemExit):
            main(["show", str(path), "--json", *more])
        printed = capsys.readouterr().out
        wanted = [trajectory_to_json(trajectory) for trajectory in read_trajectories(path)]
        wanted = [] if "truncated" in more else wanted[-1:] if "-n" in more else wanted
        assert printed == json.dumps(wanted, indent=2) + "\n"


def test_what_is_no_number_is_read_again_as_such(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    unscored = episode(structured={"big": 10**30, "nan": math.nan})
    unscored.steps[0].reward, unscored.steps[0].rewards = math.nan, {"judge": math.nan, "x": 1.0}
    with TrajectoryWriter(path) as writer:
        writer.write(unscored)
    (back,) = read_trajectories(path)
    assert math.isnan(back.steps[0].reward)
    assert math.isnan(back.steps[0].rewards["judge"])
    assert back.steps[0].rewards["x"] == 1.0
    assert back.steps[0].results[0].structured == {"big": 10**30, "nan": None}


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("depth", range(MAX_DEPTH - 6, MAX_DEPTH + 20, 2))
@pytest.mark.parametrize("beside", ["", "\ud800"])  # which is written in another way
def test_what_can_be_written_can_be_read(tmp_path: Path, depth: int, beside: str) -> None:
    path, deep = tmp_path / "t.jsonl", episode(structured={"x": nested(depth), "y": beside})
    fits = depth <= MAX_DEPTH - 4
    with TrajectoryWriter(path) as writer:
        number = writer.begin(deep)
        with nullcontext() if fits else pytest.raises(TrajectoryError, match="nested too deep"):
            writer.step(number, deep.steps[0])
    assert read_trajectories(path)[0].steps == deep.steps[:fits]


def test_what_is_written_is_not_nested_deeper_than_what_is_read(tmp_path: Path) -> None:
    """A line has three levels around what a server said: the record, its results, the result."""
    path = tmp_path / "t.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.write(episode(structured={"x": nested(MAX_DEPTH - 4)}))
    assert len(read_trajectories(path)) == 1
    with TrajectoryWriter(path) as writer:
        number = writer.begin(episode())
        with pytest.raises(TrajectoryError, match="nested too deep"):
            writer.step(number, episode(structured={"x": nested(MAX_DEPTH + 30)}).steps[0])
    assert [len(trajectory.steps) for trajectory in read_trajectories(path)] == [2, 0]


def test_stdin_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from toolgym.cli.common import read_jsonl

    class Endless(io.RawIOBase):
        """Never ends: whoever reads all of it first never returns."""

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            line = b'{"completion": "x", "gold": "y"}\n'
            buffer[: len(line)] = line
            return len(line)

    endless = io.TextIOWrapper(io.BufferedReader(Endless()))
    monkeypatch.setattr("sys.stdin", endless)
    lines = read_jsonl(Path("-"))
    assert [next(lines)[0] for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \t\n"])
def test_blank_lines_are_left_out(blank: bytes, valid: bytes, tmp_path: Path) -> None:
    """As editors and `echo >>` leave them; what is added afterwards is read, too."""
    path = tmp_path / "t.jsonl"
    expected = read(path, valid)
    assert read(path, blank.join(valid.splitlines(keepends=True)) + blank) == expected
    with TrajectoryWriter(path) as writer:
        writer.write(episode("c"))
    assert [one.task_id for one in read_trajectories(path)] == ["a", "b", "c"]
