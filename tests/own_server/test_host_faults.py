"""What may go wrong on this side: loops that close, forks and spawns, interrupts, a full disk, a thousand resets."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import pytest

import toolgym  # noqa: F401 (registers the environments)
from toolgym.errors import TrajectoryError
from toolgym.messages import ToolCall, Turn, render
from toolgym.trajectory import read_trajectories
from toolgym.wrappers import RecordTrajectories

ROOT = Path(__file__).resolve().parents[2]
TASK = {"request": "Note it.", "calls": [{"write_note": {"id": "b", "text": "x"}}]}
WRITE = render(Turn(calls=(ToolCall("write_note", {"id": "b", "text": "x"}),)))


def make(command, **settings):
    settings = {"prompt": "short", "start_timeout_s": 60, **settings}
    return gymnasium.make("ToolGym/MCP-v0", servers=command, tasks=[TASK], **settings)


def test_a_session_outlives_the_event_loop_that_used_it(raw):
    with raw() as handle:
        session = handle.session()
        for number in range(3):  # each in a loop of its own, which is closed afterwards
            result = asyncio.run(session.call_async(ToolCall("write_note", {"id": str(number), "text": "x"})))
            assert result.text == "written"
        assert session.call(ToolCall("list_notes")).text == '{"a": "first", "0": "x", "1": "x", "2": "x"}'


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_have_servers_of_their_own(raw_server_command, context, tmp_path):
    """Gymnasium's AsyncVectorEnv; the parent has used a server of the same kind before."""
    script = tmp_path / "workers.py"
    script.write_text(
        "import functools, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "import gymnasium, toolgym\n"
        f"make = functools.partial(gymnasium.make, 'ToolGym/MCP-v0', servers={raw_server_command()!r}, "
        f"tasks=[{TASK!r}], prompt='short', start_timeout_s=60)\n"
        "if __name__ == '__main__':\n"
        "    first = make(); first.reset(seed=0)\n"
        f"    vector = gymnasium.vector.AsyncVectorEnv([make] * 2, shared_memory=False, context={context!r})\n"
        "    vector.reset(seed=0)\n"
        f"    print(vector.step([{WRITE!r}] * 2)[0])\n"
        f"    print(first.step({WRITE!r})[0])\n"
        "    vector.close(); first.close()\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=200, check=False)
    said = "<tool_response>written</tool_response>"
    assert done.stdout.splitlines() == [f"('{said}', '{said}')", said], done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
def test_an_interrupt_ends_the_call_and_the_servers(raw_server_command, tmp_path):
    """Ctrl-C while a call hangs: KeyboardInterrupt at once, and nothing is left when the process has ended."""
    script = tmp_path / "interrupted.py"
    script.write_text(
        "import sys, pathlib, os, threading, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background begins without
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from toolgym.mcp.connect import connect\nfrom toolgym.messages import ToolCall\n"
        f"session = connect({raw_server_command()!r}).session()\n"
        "kids = [c for t in pathlib.Path('/proc/self/task').iterdir() for c in (t / 'children').read_text().split()]\n"
        "threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "start = time.monotonic()\n"
        "try:\n"
        "    session.call(ToolCall('misbehave', {'how': 'hang'}))\n"
        "except KeyboardInterrupt:\n"
        "    print(time.monotonic() - start < 5, *kids, flush=True)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    quick, server = done.stdout.split()
    assert quick == "True", done.stderr
    assert not Path(f"/proc/{server}").exists()


def test_a_full_disk_is_told_and_what_is_written_stays_readable(raw_server_command, tmp_path):
    """A limit on the file's size stands for the disk: the write that does not fit raises, the file ends at a line."""
    script = tmp_path / "full.py"
    script.write_text(
        "import sys, signal, resource\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "import gymnasium, toolgym\nfrom toolgym.errors import TrajectoryError\n"
        "from toolgym.wrappers import RecordTrajectories\n"
        f"env = gymnasium.make('ToolGym/Airline-v0', size='small')\n"
        f"env = RecordTrajectories(env, {str(tmp_path / 'out.jsonl')!r})\n"
        "env.reset(seed=0)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"size = __import__('os').path.getsize({str(tmp_path / 'out.jsonl')!r})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1500, size + 1500))\n"
        "steps = 0\n"
        "try:\n"
        "    while True:\n"
        '        env.step(\'<tool_call>{"name": "list_all_airports", "arguments": {}}</tool_call>\')\n'
        "        steps += 1\n"
        "except TrajectoryError as error:\n"
        "    print(steps, error)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert "Cannot write to" in done.stdout, done.stderr
    (trajectory,) = read_trajectories(tmp_path / "out.jsonl")
    assert len(trajectory.steps) == int(done.stdout.split()[0])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_that_is_full():
    env = gymnasium.make("ToolGym/Airline-v0", size="small")
    with pytest.raises(TrajectoryError, match="No space left"):
        RecordTrajectories(env, "/dev/full")
    env.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
@pytest.mark.parametrize("mode", ["serve", "resettable"])
def test_a_thousand_resets_leave_nothing_behind(raw_server_command, mode, leftovers):
    """By restart (a new process each), and by the server's own reset tool."""
    env = make(raw_server_command(mode))
    env.reset(seed=0)
    env.close()
    gc.collect()
    before = leftovers()
    env.reset(seed=0)
    for _ in range(1000):
        env.step(WRITE)
        env.reset()
    processes = leftovers()[0]
    env.close()
    gc.collect()
    deadline = time.monotonic() + 10
    while leftovers() != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert leftovers() == before
    assert processes - before[0] <= 3  # the session's, a spare, and one that is ending


def test_a_server_that_is_killed_from_outside_is_replaced(raw_server_command, started):
    env = make(raw_server_command())
    env.reset(seed=0)
    server = env.session._connection._stdio
    assert server is not None
    for child in started():
        os.kill(child, signal.SIGKILL)
    time.sleep(0.2)
    _, reward, terminated, _, info = env.step(WRITE)
    assert (reward, terminated, info["outcome"]) == (0.0, True, "infra_error")
    env.reset()
    assert env.step(WRITE)[0] == "<tool_response>written</tool_response>"
    env.close()
