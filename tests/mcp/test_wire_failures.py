"""What goes wrong on the wire, and that nothing is left behind."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from toolgym.errors import (
    CallTimeoutError,
    ConfigError,
    ForkUnsupportedError,
    InfraError,
    ServerDiedError,
    ServerStartError,
)
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.serve import serving
from toolgym.messages import ToolCall

FAILING_FILE = Path(__file__).with_name("failing_server.py")
QUICK = WireOptions(timeout_s=1.0)


def failing(*arguments: str, options: WireOptions = QUICK):
    return connect([sys.executable, str(FAILING_FILE), *arguments], options=options)


def children() -> set[int]:
    """Processes of this one that still run."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for child in read_proc(task / "children").split():
            state = read_proc(Path(f"/proc/{child}/stat")).rpartition(")")[2].split()
            if state and state[0] != "Z":
                found.add(int(child))
    return found


def read_proc(path: Path) -> str:
    """The file's text; nothing where the thread or process has ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")


def test_a_server_that_dies_is_no_fault_of_the_policy():
    with failing() as handle:
        session = handle.session()
        session.call(ToolCall("add"))
        with pytest.raises(ServerDiedError, match="last words"):
            session.call(ToolCall("die"))
        with pytest.raises(ServerDiedError):
            session.call(ToolCall("read"))
        with pytest.raises(ForkUnsupportedError, match="given up"):
            session.fork()
        session.reset()  # starts it anew
        assert session.call(ToolCall("read")).text == "0"


def test_a_killed_tool_server_loses_its_episodes_and_says_so(notes_file):
    with connect(notes_file, options=QUICK) as handle:
        before = children()
        session = handle.session()
        session.call(ToolCall("count"))
        (process,) = children() - before
        os.kill(process, signal.SIGKILL)
        while process in children():  # on a busy machine it may answer once more before it dies
            time.sleep(0.01)
        with pytest.raises(ServerDiedError):
            session.call(ToolCall("count"))
        session.reset(2)  # on a new process
        assert session.call(ToolCall("count")).text == "1"
        assert handle.session().call(ToolCall("count")).text == "1"


def test_a_late_answer_reaches_nobody():
    """The first call is given up after 0.5 s and answered after 0.8 s; the next calls get their own answers."""
    with failing(options=WireOptions(timeout_s=0.5)) as handle:
        session = handle.session()
        with pytest.raises(CallTimeoutError, match=r"within 0\.5 s"):
            session.call(ToolCall("late", {"seconds": 0.8, "text": "first"}))
        texts = [session.call(ToolCall("late", {"seconds": 0.1, "text": f"next {i}"})).text for i in range(6)]
        assert texts == [f"next {i}" for i in range(6)]


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_call_that_hangs_holds_only_its_own_episode(transport, notes, notes_file):
    """The slow call takes 1.5 s and may take 0.6 s. Other episodes go on, and so does its own once it has ended."""
    options = WireOptions(timeout_s=0.6)
    with (
        serving(notes.make_server()) as url,
        connect(notes_file if transport == "stdio" else url, options=options) as h,
    ):
        slow, other = h.session(), h.session()
        assert slow.call(ToolCall("count")).text == "1"
        with pytest.raises(CallTimeoutError):
            slow.call(ToolCall("slow", {"seconds": 1.5}))
        assert other.call(ToolCall("count")).text == "1"
        time.sleep(1.2)
        assert slow.call(ToolCall("get_note", {"id": "n0"})).outcome == "ok"
        assert slow.diff() in ({"counters": {"all": {"n": 1}}}, {"counters": {"all": {"n": 2}}})


def test_an_http_server_that_goes_away(notes):
    server = notes.make_server()
    with (
        connect("http://127.0.0.1:9/mcp", options=QUICK) as handle,
        pytest.raises(ServerStartError, match=r"127\.0\.0\.1:9"),
    ):
        handle.session()
    with serving(server) as url:
        handle = connect(url, options=QUICK)
        session = handle.session()
        session.call(ToolCall("count"))
    with pytest.raises(InfraError):
        session.call(ToolCall("count"))
    session.close()
    handle.close()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([sys.executable, str(FAILING_FILE), "broken"], "cannot start: no database"),
        ([sys.executable, str(FAILING_FILE), "silent"], "no answer within 1 s"),
        (["no-such-command-anywhere"], "no-such-command-anywhere"),
        ([sys.executable, "-c", "print('no json')"], "Could not start"),
    ],
)
def test_a_server_that_does_not_start(command, message):
    with connect(command, options=WireOptions(start_timeout_s=1.0 if "silent" in command else 20.0)) as handle:
        with pytest.raises(ServerStartError, match=message):
            handle.session()
        with pytest.raises(ServerStartError):
            handle.session()


@pytest.mark.slow
def test_replay_forks_a_foreign_server():
    with failing(options=WireOptions(timeout_s=20)) as handle:
        session = handle.session()
        assert session.fork_kind == "replay"
        assert session.diff() is None
        for expected in ("2", "4"):
            assert session.call(ToolCall("add", {"by": 2})).text == expected
        version = session.state_version()
        session.call(ToolCall("read"))
        session.call(ToolCall("unknown"))
        assert session.state_version() == version
        session.call(ToolCall("add", {"by": "x"}))  # nobody knows what it did before it was refused
        assert session.state_version() == version + 1
        twin = session.fork()
        assert twin.call(ToolCall("add")).text == "5"
        assert session.call(ToolCall("read")).text == "4"
        twin.close()
        session.reset()
        assert session.call(ToolCall("read")).text == "0"
        with pytest.raises(ConfigError, match="no worlds"):
            handle.session(5)
        session.call(ToolCall("pid"))
        with pytest.raises(ForkUnsupportedError, match="not repeatable"):
            session.fork()


def test_outcomes_of_a_foreign_server_follow_from_its_schemas():
    with failing() as handle:
        session = handle.session()
        outcomes = [
            session.call(call).outcome
            for call in [
                ToolCall("add", {"by": 1}),
                ToolCall("add", {"by": [1]}),
                ToolCall("add", {"unknown": 1}),
                ToolCall("ad", {"by": 1}),
                ToolCall("add", {"by": float("nan")}),
            ]
        ]
        assert outcomes == ["ok", "invalid_arguments", "invalid_arguments", "unknown_tool", "invalid_arguments"]


@pytest.mark.slow
@needs_proc
def test_nothing_is_left_behind(notes, notes_file):
    """Processes, threads and descriptors are as before, after sessions, a fork and a death."""

    def story() -> None:
        with connect(notes_file) as handle:
            session = handle.session()
            session.fork().call(ToolCall("count"))
        with failing() as handle:
            session = handle.session()
            with pytest.raises(ServerDiedError):
                session.call(ToolCall("die"))
        with serving(notes.make_server()) as url, connect(url) as handle:
            handle.session().call(ToolCall("count"))

    def held() -> tuple[set[int], int, int]:
        return children(), threading.active_count(), descriptors()

    story()  # the event loop of the wire stays, and so does what libraries keep
    gc.collect()
    before, since = held(), time.monotonic()
    while time.monotonic() < since + 1:  # on a busy machine the first story's processes are still ending
        time.sleep(0.05)
        if (now := held()) != before:
            before, since = now, time.monotonic()
    story()
    gc.collect()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and held() != before:
        time.sleep(0.05)
    assert held() == before


@pytest.mark.slow
@needs_proc
def test_a_process_that_forgets_to_close_leaves_no_server(tmp_path):
    """The interpreter's exit closes the connection, quietly, and ends even a server that would go on without it."""
    script = tmp_path / "careless.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})\n"
        "from toolgym.mcp.connect import connect\nfrom toolgym.messages import ToolCall\n"
        f"session = connect([sys.executable, {str(FAILING_FILE)!r}, 'stubborn']).session()\n"
        "print(session.call(ToolCall('pid')).text, flush=True)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert not Path(f"/proc/{int(done.stdout)}").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_opens_its_own_sessions(tmp_path, http_url):
    """A child made by fork cannot use its parent's connection and is told so; its own work."""
    script = tmp_path / "forker.py"
    script.write_text(
        "import os, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        f"sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})\n"
        "from toolgym.errors import ServerDiedError\n"
        "from toolgym.mcp.connect import connect\nfrom toolgym.messages import ToolCall\n"
        f"url = {http_url!r}\n"
        "session = connect(url).session()\n"
        "session.call(ToolCall('count'))\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        session.call(ToolCall('count'))\n"
        "    except ServerDiedError as error:\n"
        "        print('told', flush=True)\n"
        "    own = connect(url)\n"
        "    print('own', own.session().call(ToolCall('count')).text, flush=True)\n"
        "    own.close()\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print('parent', session.call(ToolCall('count')).text, flush=True)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split("\n")[:3] == ["told", "own 1", "parent 2"], done.stderr


def test_calls_from_the_loop_itself_are_refused(http_handle):
    from toolgym.mcp import loop

    session = http_handle.session()

    async def inside() -> None:
        session.call(ToolCall("count"))

    with pytest.raises(RuntimeError, match="own event loop"):
        loop.run(inside())


def test_a_caller_that_is_cancelled_leaves_the_session_usable(http_handle):
    session = http_handle.session()

    async def story() -> str:
        task = asyncio.ensure_future(session.call_async(ToolCall("slow", {"seconds": 0.3})))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await session.call_async(ToolCall("world_name"))).text

    assert asyncio.run(story()) == "world 0"
