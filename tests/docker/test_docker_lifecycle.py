"""Containers come and go with their connections, whatever ends those; sessions in them behave as everywhere."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toolgym.errors import ServerDiedError, ServerStartError
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.docker import ContainerOptions, DockerTarget, reap_containers
from toolgym.mcp.docker_owner import Owner
from toolgym.messages import ToolCall

pytestmark = [pytest.mark.docker, pytest.mark.slow]

CHECKOUT = Path(__file__).resolve().parents[2]
WIRE = WireOptions(timeout_s=60, start_timeout_s=120)
RESTARTS = int(os.environ.get("TOOLGYM_TEST_RESTARTS", "20"))
"""Containers started one after the other; set to 1000 for the long version."""
Hostile = Callable[..., ServerHandle]
Running = Callable[..., list[str]]

CLIENT = """\
import os, sys, time
sys.path.insert(0, {checkout!r})
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.docker import DockerTarget
from toolgym.mcp.docker_owner import Owner
from toolgym.messages import ToolCall
command = ("python", "/app/hostile_server.py", "stubborn")
handle = connect(DockerTarget("toolgym-test-hostile", command), options=WireOptions(start_timeout_s=120))
session = handle.session()
session.call(ToolCall("add"))
print(Owner.this_process().label(), flush=True)
{then}
"""


def client(then: str, **settings) -> "subprocess.Popen[str]":
    """Another process with a session on a server that goes on after the end of its stdin."""
    script = CLIENT.format(checkout=str(CHECKOUT), then=then)
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, **settings)


def gone(running: Running, owner: str | None = None) -> bool:
    """Whether an owner's containers have gone within a few seconds."""
    deadline = time.monotonic() + 10
    while running(owner) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not running(owner)


@pytest.mark.slow
def test_one_container_serves_64_isolated_episodes(notes_image, notes, running):
    before = len(running())
    with connect(f"docker:{notes_image}", options=WIRE) as handle, ThreadPoolExecutor(16) as threads:
        sessions = [handle.session(100 + i) for i in range(64)]

        def play(i: int) -> tuple[str, str, str]:
            session = sessions[i]
            name = session.call(ToolCall("world_name")).text
            for _ in range(i % 5 + 1):
                last = session.call(ToolCall("count")).text
            session.call(ToolCall("put_note", {"id": "n0", "text": f"of {i}"}))
            return name, last, session.call(ToolCall("get_note", {"id": "n0"})).structured["text"]

        played = list(threads.map(play, range(64)))
        assert played == [(f"world {100 + i}", str(i % 5 + 1), f"of {i}") for i in range(64)]
        assert len(running()) == before + 1
        twin = sessions[3].fork()
        twin.call(ToolCall("count"))
        assert (twin.diff()["counters"]["all"], sessions[3].diff()["counters"]["all"]) == ({"n": 5}, {"n": 4})
        # The same calls in this process give the same.
        local = notes.make_server().session(103)
        for call in [ToolCall("get_note", {"id": "n1"}), ToolCall("get_note", {}), ToolCall("crash", {"secret": "s"})]:
            sessions[3].reset(103)
            assert sessions[3].call(call) == local.call(call)
    assert len(running()) == before


def test_a_foreign_server_has_a_container_a_session(hostile: Hostile, running: Running):
    handle = hostile()
    before = len(running())
    one, other = handle.session(), handle.session()
    assert len(running()) == before + 2
    assert [one.call(ToolCall("add")).text for _ in range(3)] == ["1", "2", "3"]
    assert other.call(ToolCall("add")).text == "1"
    twin = one.fork()  # by replay, in a container of its own
    assert twin.call(ToolCall("add")).text == "4"
    one.reset()
    assert one.call(ToolCall("add")).text == "1"
    handle.close()
    assert len(running()) == before


def test_a_server_that_ends_says_why_and_the_next_reset_starts_another(hostile: Hostile, running: Running):
    session = hostile().session()
    with pytest.raises(ServerDiedError, match=r"(?s)last words.*exit code 3"):
        session.call(ToolCall("die"))
    session.reset()
    assert session.call(ToolCall("add")).text == "1"


def test_a_container_that_is_killed_from_outside(hostile: Hostile, running: Running, engine):
    before = set(running())
    session = hostile().session()
    (container,) = set(running()) - before
    engine.client.api.kill(container)
    with pytest.raises(ServerDiedError):
        session.call(ToolCall("add"))
    session.close()
    assert set(running()) == before


def test_a_killed_client_leaves_nothing_after_the_next_reaping(hostile_image, hostile: Hostile, running: Running):
    """Its server heeds neither the end of stdin nor SIGTERM, so only the reaper ends it. The living keep theirs."""
    mine = hostile().session()
    process, other = client("time.sleep(600)"), client("sys.stdin.read()", stdin=subprocess.PIPE)
    try:
        owner, other_owner = process.stdout.readline().strip(), other.stdout.readline().strip()
        assert (len(running(owner)), len(running(other_owner))) == (1, 1)
        process.kill()  # not waited for yet: a zombie is dead too
        time.sleep(0.2)
        (name,) = reap_containers()
        assert name.startswith("toolgym-")
        assert gone(running, owner)
        assert len(running(other_owner)) == 1
        assert mine.call(ToolCall("add")).text == "1"
        assert reap_containers() == []
        other.stdin.close()
        assert other.wait(60) == 0
        assert gone(running, other_owner)
    finally:
        for each in (process, other):
            each.kill()
            each.wait()
            each.stdout.close()
    assert Owner.from_label(owner).is_dead()


@pytest.mark.parametrize("then", ["", "raise KeyboardInterrupt", "sys.exit(1)"])
def test_a_process_that_forgets_to_close_leaves_no_container(then, hostile_image, running: Running):
    process = client(then, stderr=subprocess.DEVNULL)
    owner = process.communicate(timeout=120)[0].strip()
    assert owner
    assert gone(running, owner)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_workers_made_by_fork_have_containers_of_their_own(hostile_image, running: Running):
    """The child cannot use, and does not remove, its parent's; its own goes with it."""
    process = client(
        "child = os.fork()\n"
        "if child == 0:\n"
        "    own = connect(DockerTarget('toolgym-test-hostile'), options=WireOptions(start_timeout_s=120))\n"
        "    print(own.session().call(ToolCall('add')).text, flush=True)\n"
        "    own.close()\n"
        "    sys.exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print(session.call(ToolCall('add')).text, flush=True)",
        stderr=subprocess.DEVNULL,
    )
    owner, *texts = process.communicate(timeout=120)[0].split()
    assert texts == ["1", "2"]
    assert gone(running, owner)


def test_a_start_that_is_given_up_leaves_no_container(hostile: Hostile, running: Running):
    """The server never answers; and one whose container is still being made when the time is over."""
    before = running()
    for timeout_s in (1.0, 0.02):
        handle = hostile(WireOptions(start_timeout_s=timeout_s), ("python", "-c", "import time; time.sleep(60)"))
        with pytest.raises(ServerStartError, match="no answer within"):
            handle.session()
        deadline = time.monotonic() + 10
        while running() != before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert running() == before


@pytest.mark.parametrize(
    ("image", "command", "message"),
    [
        ("toolgym-no-such-image", (), "docker pull toolgym-no-such-image"),
        ("toolgym-test-hostile", ("no-such-program",), "no-such-program"),
        ("toolgym-test-hostile", ("python", "-c", "raise SystemExit('no database')"), r"(?s)no database.*exit code 1"),
    ],
)
def test_a_container_that_does_not_start(image, command, message, hostile_image, running: Running):
    before = running()
    with (
        connect(DockerTarget(image, command), options=WIRE) as handle,
        pytest.raises(ServerStartError, match=message),
    ):
        handle.session()
    assert running() == before


def census(running: Running, expected: int) -> tuple[int, int, int]:
    """Containers, threads and descriptors, once there are as many containers as expected or a while has passed."""
    deadline = time.monotonic() + 10
    while len(running()) > expected and time.monotonic() < deadline:
        time.sleep(0.05)  # the last one may still be on its way out
    gc.collect()
    return len(running()), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
@pytest.mark.timeout(60 + 6 * RESTARTS)
def test_many_containers_one_after_the_other_leave_nothing(hostile: Hostile, running: Running):
    """A foreign server, reset by restart: no container, thread or descriptor more than after the first ones."""
    others = len(running())
    session = hostile().session()
    for _ in range(4):  # until the thread pool that talks to the engine has grown
        session.call(ToolCall("add"))
        session.reset()
    before = census(running, others + 1)
    for _ in range(RESTARTS):
        assert session.call(ToolCall("add")).text == "1"
        session.reset()
    after = census(running, others + 1)
    assert (before[0], after[0]) == (others + 1, others + 1)
    assert after[1] <= before[1] + 3  # threads that talk to the engine are kept, and so are their connections
    assert after[2] <= before[2] + 6


@pytest.mark.slow
def test_a_thousand_resets_in_one_container_leave_nothing(notes_image: str, running: Running):
    """A ToolServer resets an episode inside its container."""
    others = len(running())
    write, read = ToolCall("put_note", {"id": "n0", "text": "x"}), ToolCall("get_note", {"id": "n0"})
    with connect(f"docker:{notes_image}", options=WIRE) as handle:
        session = handle.session()
        untouched = session.call(read)
        session.call(write)
        session.reset()
        before = census(running, others + 1)
        for _ in range(1000):
            assert session.call(write).outcome == "ok"
            session.reset()
        assert session.call(read) == untouched
        assert census(running, others + 1) == before
    assert census(running, others)[0] == others


def test_interrupting_a_call_keeps_the_container(hostile: Hostile):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background begins without
    session = hostile().session()
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        session.call(ToolCall("burn", {"seconds": 1.0, "processes": 1}))
    assert session.call(ToolCall("add")).text == "1"


def test_options_reach_the_server(hostile: Hostile):
    session = hostile(env={"CITY": "Ålesund"}, open_files=64).session()
    assert '"CITY": "\\u00c5lesund"' in session.call(ToolCall("environment")).text
    assert isinstance(ContainerOptions().env, dict)
