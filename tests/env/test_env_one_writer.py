"""One writer a file or folder: locks, who holds them, kills, forks, full disks."""

import json
import os
import signal
import socket
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from toolgym import _files
from toolgym._files import LockWarning, WriteLock, append_line, write_whole
from toolgym.cli import main
from toolgym.errors import LockedError, TrajectoryError
from toolgym.messages import Turn
from toolgym.trajectory import Step, Trajectory, TrajectoryWriter, read_trajectories

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")
DONE = Trajectory("E-v0", "a", steps=[Step(Turn(text="x" * 200))], outcome="solved")

HOLDS = """
import sys
from toolgym._files import WriteLock
from toolgym.trajectory import TrajectoryWriter
held = TrajectoryWriter(sys.argv[1]) if sys.argv[1].endswith(".jsonl") else WriteLock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes a file or a folder."""
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate("")


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    with holding(path) as process:
        with pytest.raises(LockedError, match=rf"process \({process.pid} on {socket.gethostname()}, since 20"):
            TrajectoryWriter(path)
        before = path.read_bytes()
        assert read_trajectories(path) == []  # a reader is not kept out
        link = tmp_path / "link.jsonl"
        link.symlink_to(path)
        with pytest.raises(LockedError):
            TrajectoryWriter(link)
        assert path.read_bytes() == before
    with TrajectoryWriter(path) as writer:
        writer.write(DONE)
    assert len(read_trajectories(path)) == 1
    assert sorted(tmp_path.iterdir()) == [link, path]  # no lock is left behind


def test_two_loops_in_one_process_are_noticed_and_a_forgotten_writer_is_none(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    writer = TrajectoryWriter(path)
    with pytest.raises(LockedError, match="this process"):
        TrajectoryWriter(path)
    with TrajectoryWriter(tmp_path / "other.jsonl"):
        pass
    writer.close()
    lock = WriteLock(path)
    del lock
    TrajectoryWriter(path).close()


@posix
def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    with holding(path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert (tmp_path / "t.jsonl.lock").is_file()  # left behind, and not locked
    with TrajectoryWriter(path) as writer:
        assert json.loads((tmp_path / "t.jsonl.lock").read_text())["pid"] == os.getpid()
        writer.write(DONE)
    assert list(tmp_path.iterdir()) == [path]


FORKS = """
import os, sys, time
from toolgym.trajectory import TrajectoryWriter
writer = TrajectoryWriter(sys.argv[1])
there, here = os.pipe()
if os.fork() == 0:
    os.write(here, b"x")
    time.sleep(60)
os.read(there, 1)
os.kill(os.getpid(), 9)
"""


@posix
def test_a_forked_child_does_not_hold_its_parent_s_lock(tmp_path: Path) -> None:
    """The child lives on; its parent, who wrote, was killed."""
    path = tmp_path / "t.jsonl"
    with subprocess.Popen([sys.executable, "-c", FORKS, str(path)], start_new_session=True) as process:
        try:
            process.wait()
            TrajectoryWriter(path).close()
        finally:
            os.killpg(process.pid, signal.SIGKILL)


MANY = """
import sys, time
from toolgym._files import WriteLock
from toolgym.errors import LockedError
wins = 0
while wins < 100:
    try:
        with WriteLock(sys.argv[1]):
            with open(sys.argv[1], "r+") as file:
                number = int(file.read())
                file.seek(0)
                file.write(str(number + 1))
            wins += 1
    except LockedError:
        pass
"""


def test_of_many_that_come_and_go_one_writes_at_a_time(tmp_path: Path) -> None:
    """Locks are removed and made anew all the time: 3 x 100 times one is added without loss."""
    path = tmp_path / "number"
    path.write_text("0")
    running = [subprocess.Popen([sys.executable, "-c", MANY, str(path)]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert path.read_text() == "300"


def test_a_folder_is_locked_inside_and_devices_are_not(tmp_path: Path) -> None:
    with holding(tmp_path), pytest.raises(LockedError, match="is being written by process"):
        WriteLock(tmp_path)
    WriteLock(tmp_path).release()
    assert list(tmp_path.iterdir()) == []
    first, second = WriteLock(os.devnull), WriteLock(os.devnull)
    first.release()
    second.release()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        WriteLock(tmp_path / "nowhere" / "file")


def test_where_nothing_can_be_locked_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(_files.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(_files, "_try", no_locks)
    with pytest.warns(LockWarning, match="No locks available.*would not be noticed"), TrajectoryWriter(
        tmp_path / "t.jsonl"
    ) as writer:  # fmt: skip
        writer.write(DONE)
    assert len(read_trajectories(tmp_path / "t.jsonl")) == 1


def test_windows_locks_a_byte_that_nobody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Windows does, with its one function replaced."""
    locked: list[int] = []

    def locking(handle: int, mode: int, count: int) -> None:
        place = os.lseek(handle, 0, os.SEEK_CUR)
        if place in locked:
            raise PermissionError(13, "Permission denied")
        locked.append(place)

    monkeypatch.setattr(_files.sys, "platform", "win32")
    monkeypatch.setattr(_files, "msvcrt", types.SimpleNamespace(locking=locking, LK_NBLCK=2), raising=False)
    with WriteLock(tmp_path):
        assert locked == [2**30]
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
        with pytest.raises(LockedError, match=f"this process \\({os.getpid()}"):
            WriteLock(tmp_path)


def test_eval_and_record_refuse_a_file_that_is_being_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    episodes, tasks = tmp_path / "e.jsonl", tmp_path / "tasks.yaml"
    server = tmp_path / "server.py"
    server.write_text(
        "from fastmcp import FastMCP\nmcp = FastMCP('x')\n\n\n@mcp.tool\ndef look() -> int:\n    return 1\n"
    )
    tasks.write_text("tasks:\n  - {request: x, calls: [look]}\n")
    spoken = ("--servers", f"{server}:mcp")
    for path, command in (
        (episodes, ("eval", "--episodes", "1", "--set", "size=small", "--output", episodes)),
        (tasks, ("record", "--output", tasks, *spoken)),
        (tasks, ("tasks", "check", tasks, *spoken, "--write")),
    ):
        before = path.read_bytes() if path.exists() else None
        with holding(path) as process:
            with pytest.raises(SystemExit) as ended:
                main([str(word) for word in command])
            printed = capsys.readouterr().err
            assert ended.value.code == 2, printed
            assert f"Error: {path} is being written by process ({process.pid} on " in printed
        assert before in (None, path.read_bytes())


# Full disks ----------------------------------------------------------------------------------------------------------

FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit is then an error like that of a full disk

def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
"""


def full(program: str, *arguments: object) -> str:
    """What a program printed in which `room(bytes)` limits every file."""
    command = [sys.executable, "-B", "-c", FULL + program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@posix
def test_a_full_disk_loses_nothing_of_the_episodes_that_were_written(tmp_path: Path) -> None:
    """The line that does not fit is taken back, and nothing follows it: the episode would have a gap."""
    path = tmp_path / "t.jsonl"
    said = full(
        """
from toolgym.errors import TrajectoryError
from toolgym.messages import Turn
from toolgym.trajectory import Step, Trajectory, TrajectoryWriter
whole = Trajectory("E-v0", "a", steps=[Step(Turn(text="x" * 200))], outcome="solved")
writer = TrajectoryWriter(sys.argv[1])
writer.write(whole)
number = writer.begin(whole)
room(Path(sys.argv[1]).stat().st_size + 300)
for text in ("y" * 500, "z"):
    try:
        writer.step(number, Step(Turn(text=text)))
    except TrajectoryError as error:
        print(error)
room(10**6)
with_room = TrajectoryError
try:
    writer.step(number, Step(Turn(text="z")))
except TrajectoryError as error:
    print(error)
writer.close()
with TrajectoryWriter(sys.argv[1]) as writer:
    writer.write(whole)
""",
        path,
    ).splitlines()
    assert said[0] == f"Cannot write to {path}: File too large"
    assert said[1:] == [f"{said[0]}; after that nothing more is written"] * 2
    first, cut, last = read_trajectories(path)
    assert (first, last) == (DONE, DONE)
    assert (len(cut.steps), cut.outcome) == (0, None)


@posix
def test_a_line_or_a_file_that_does_not_fit_leaves_what_was_there(tmp_path: Path) -> None:
    lines, whole = tmp_path / "metrics.jsonl", tmp_path / "config.json"
    append_line(lines, "one")
    write_whole(whole, "old")
    said = full(
        """
from toolgym._files import append_line, write_whole
room(20)
for write in (lambda: append_line(Path(sys.argv[1]), "x" * 100), lambda: write_whole(Path(sys.argv[2]), "x" * 100)):
    try:
        write()
    except OSError as error:
        print(error)
append_line(Path(sys.argv[1]), "two")
""",
        lines,
        whole,
    )
    assert said == f"[Errno 27] File too large: '{lines}'\n[Errno 27] File too large: '{whole}'\n"
    assert lines.read_text() == "one\ntwo\n"
    assert whole.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [whole, lines]


@posix
def test_a_really_full_file_system(tmp_path: Path) -> None:
    """A file system of 64 KB, where one may be mounted."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        path = tmp_path / "t.jsonl"
        written = 0
        with TrajectoryWriter(path) as writer, suppress(TrajectoryError):
            while True:
                writer.write(DONE)
                written += 1
        with pytest.raises(TrajectoryError, match="No space left on device"):
            writer.write(DONE)
        assert written > 50
        episodes = read_trajectories(path)
        assert len(episodes) in (written, written + 1)  # the last one may have lost its end
        assert episodes[:written] == [DONE] * written
        with pytest.raises(OSError, match="No space left on device"):
            write_whole(tmp_path / "new", "x" * 100_000)
        assert list(tmp_path.iterdir()) == [path]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_an_output_that_cannot_be_written_is_one_red_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(TrajectoryError, match="Cannot write to"):
        TrajectoryWriter(file / "t.jsonl")
    for command in (
        ("eval", "--episodes", "1", "--set", "size=small", "--output", file / "t.jsonl"),
        ("train", "--algo", "sft", "--model", "builtin:clean", "--output", file / "run"),
        ("plot", tmp_path / "none"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in command])
        printed = capsys.readouterr().err
        assert (ended.value.code, "Traceback" in printed, "Error: " in printed) == (2, False, True), printed
