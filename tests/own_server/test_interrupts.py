"""A call whose end was not seen: whatever gave it up, and wherever its server runs, the next episode is clean."""

import asyncio
import random
import signal
import sys
import threading
import time
from typing import cast

import gymnasium
import pytest
from fastmcp import FastMCP
from gymnasium.error import ResetNeeded
from hypothesis import given, settings
from hypothesis import strategies as st

import toolgym  # noqa: F401 (registers the environments)
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.errors import CallTimeoutError, ForkUnsupportedError
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.serve import serving
from toolgym.mcp.server import ToolServer
from toolgym.mcp.state import make_state_options
from toolgym.messages import ToolCall, Turn, render
from toolgym.rewards import make_reward
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.vector import ToolVectorEnv
from toolgym.world import Base, World

pytestmark = pytest.mark.slow

SLOW_SERVER = '''
"""Writes a note, waits, and writes another: `python slow_server.py`."""
import json, sys, time
from fastmcp import FastMCP

def make_server():
    server, notes = FastMCP("slow"), {}

    @server.tool
    def write(id: str, seconds: float) -> str:
        """Writes a note, and after a while its end."""
        notes[id] = "begun"
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.002)
        notes[id] = "ended"
        return "written"

    @server.tool(annotations={"readOnlyHint": True})
    def read() -> dict:
        """Reads all notes."""
        return notes

    return server

if __name__ == "__main__":
    make_server().run("stdio", show_banner=False)
'''
TASK = Task(
    id="t",
    domain="slow",
    kind=("write",),
    request="Write.",
    gold=(GoldAction(calls=(GoldCall(name="write", arguments={"id": "gold", "seconds": 0.0}),)),),
)


def write(id: str = "x", seconds: float = 30.0) -> str:
    return render(Turn(calls=(ToolCall("write", {"id": id, "seconds": seconds}),)))


def make_foreign() -> FastMCP:
    scope: dict = {"__name__": "slow_server"}
    exec(SLOW_SERVER, scope)
    return scope["make_server"]()


def make_tool_server(blocking: bool = True) -> ToolServer:
    """The same as a `ToolServer`; its world is the notes."""
    server = ToolServer("slow", base=Base({"read": {}}))

    @server.tool(writes=True, blocking=blocking)
    def write(world: World, id: str, seconds: float) -> str:
        """Writes a note, and after a while its end."""
        world.put("read", id, "begun")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.002)
        world.put("read", id, "ended")
        return "written"

    return server


@pytest.fixture(params=["stdio", "in-process", "tool-server-http", "tool-server-in-process"])
def env(request, tmp_path):
    """An environment on each kind of server whose state can be had afresh."""
    options, state = WireOptions(timeout_s=60, start_timeout_s=60), make_state_options(["read"])
    file = tmp_path / "slow_server.py"
    file.write_text(SLOW_SERVER)
    if request.param == "tool-server-http":
        with serving(make_tool_server()) as url, connect(url, options=options) as handle:
            yield made(handle.session)
        return
    if request.param == "tool-server-in-process":
        yield made(make_tool_server().session)
        return
    target = [sys.executable, str(file)] if request.param == "stdio" else make_foreign
    with connect(target, options=options, state=state) as handle:
        yield made(handle.session)


def made(session, **options) -> ToolEnv:
    return ToolEnv(CustomDomain(session, [TASK]), prompt="short", **options)


def interrupt(run, after_s: float) -> None:
    """Runs something in this thread and has Ctrl-C come after a while."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background begins without
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(after_s, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    try:
        run()
    finally:
        timer.cancel()
        timer.join()


def assert_clean(env: ToolEnv) -> None:
    """The next episode knows nothing of what was given up, now and after it has had time to arrive."""
    with pytest.raises(ResetNeeded, match="interrupted"):
        env.step(write("late", 0.0))
    with pytest.raises(ResetNeeded, match="interrupted"):
        env.fork()
    env.reset(seed=0)
    assert env.session.diff() == {}
    env.step(write("next", 0.0))
    assert env.session.diff() == {"read": {"next": "ended"}}


def test_ctrl_c_in_a_writing_call(env):
    env.reset(seed=0)
    env.step(write("before", 0.0))
    with pytest.raises(KeyboardInterrupt):
        interrupt(lambda: env.step(write()), 0.3)
    assert_clean(env)


def test_ctrl_c_at_random_moments(env):
    """Wherever in a step it comes: before the call is sent, while it runs, while its result is read."""
    moments = random.Random(0)
    for _ in range(8):
        env.reset(seed=0)
        assert env.session.diff() == {}
        with pytest.raises(KeyboardInterrupt):
            # A step that was faster than the interrupt is followed by others.
            interrupt(lambda: [env.step(write(str(n), 0.002)) for n in range(100_000)], moments.uniform(0.0, 0.06))
        if env.episode.interrupted:
            with pytest.raises(ResetNeeded):
                env.step(write("late", 0.0))
    env.reset(seed=0)
    assert env.session.diff() == {}


@pytest.mark.parametrize("how", ["cancelled", "timeout"])
def test_a_cancelled_step(env, how):
    """Where a step does not wait (in process), it is over before anybody can cancel it."""

    async def story() -> None:
        step = env.step_async(write("x", 0.4))
        if how == "timeout":
            await asyncio.wait_for(step, 0.1)
            return
        task = asyncio.ensure_future(step)
        await asyncio.sleep(0.1)
        task.cancel()
        await task

    env.reset(seed=0)
    try:
        asyncio.run(story())
    except (asyncio.CancelledError, TimeoutError):
        if env.episode.interrupted:
            assert_clean(env)
    else:
        assert not env.suspends  # a session that suspends is cancelled while it waits
    env.reset(seed=0)
    time.sleep(0.5)  # what was given up has ended by now
    assert env.session.diff() == {}


def test_an_error_of_a_callback(env):
    """A reward that raises after the write was made."""
    broken = True

    def reward(trajectory, task) -> float:
        if broken:
            raise ZeroDivisionError("the reward's own")
        return 0.0

    env.reward = make_reward(reward)
    env.reset(seed=0)
    with pytest.raises(ZeroDivisionError):
        env.step(write("x", 0.0))
    broken = False
    assert_clean(env)


def test_a_time_limit_in_a_writing_call(tmp_path):
    file = tmp_path / "slow_server.py"
    file.write_text(SLOW_SERVER)
    options, state = WireOptions(timeout_s=1.0, start_timeout_s=60), make_state_options(["read"])
    with connect([sys.executable, str(file)], options=options, state=state) as handle:
        session = handle.session()
        session.call(ToolCall("read"))
        with pytest.raises(CallTimeoutError):
            session.call(ToolCall("write", {"id": "x", "seconds": 1.5}))
        with pytest.raises(ForkUnsupportedError, match="given up"):
            session.fork()
        session.reset()
        assert session.diff() == {}
        assert session.fork().call(ToolCall("read")).text == "{}"


def test_a_fork_s_parent_and_twin_are_apart(env):
    env.reset(seed=0)
    env.step(write("parent", 0.0))
    twin = env.fork()
    with pytest.raises(KeyboardInterrupt):
        interrupt(lambda: twin.step(write()), 0.3)
    assert env.session.diff() == {"read": {"parent": "ended"}}
    assert env.step(write("more", 0.0))[4]["calls"] == [{"name": "write", "outcome": "ok"}]
    assert_clean(twin)
    assert env.session.diff() == {"read": {"more": "ended", "parent": "ended"}}
    twin.close()


def test_an_interrupted_reset(env):
    """Its episode is over, and the next reset does not build on what it left."""
    for after_s in (0.0, 0.001, 0.005, 0.02):
        env.reset(seed=0)
        env.step(write("x", 0.0))

        def resets() -> None:
            while True:
                env.reset(seed=0)

        with pytest.raises(KeyboardInterrupt):
            interrupt(resets, after_s)
        env.reset(seed=0)
        assert env.session.diff() == {}
        env.step(write("x", 0.0))
        assert env.session.diff() == {"read": {"x": "ended"}}


@pytest.mark.parametrize("cause", ["ctrl-c", "error"])
def test_the_vector_environment(tmp_path, cause):
    """All episodes of an interrupted step are over; none goes on beneath the next one."""
    file = tmp_path / "slow_server.py"
    file.write_text(SLOW_SERVER)
    failing = False

    def reward(trajectory, task) -> float:
        if failing and len(trajectory.steps[-1].results) > 1:
            raise ZeroDivisionError
        return 0.0

    with connect([sys.executable, str(file)], state=make_state_options(["read"])) as handle:
        envs = ToolVectorEnv(2, CustomDomain(handle.session, [TASK]), prompt="short", reward=reward)
        envs.reset(seed=0)
        if cause == "ctrl-c":
            with pytest.raises(KeyboardInterrupt):
                interrupt(lambda: envs.step([write("a", 0.0), write("b", 30.0)]), 1.0)
        else:
            failing = True
            with pytest.raises(ZeroDivisionError):
                envs.step([write("a", 0.0) + write("a", 0.0), write("b", 0.3)])
            assert envs.envs[1].session.diff() == {"read": {"b": "ended"}}  # it ended before the error was told
            failing = False
        with pytest.raises(ResetNeeded):
            envs.step([write("c", 0.0)] * 2)
        envs.reset(seed=0)
        assert [env.session.diff() for env in envs.envs] == [{}, {}]
        envs.step([write("c", 0.0)] * 2)
        assert [env.session.diff() for env in envs.envs] == [{"read": {"c": "ended"}}] * 2
        envs.close()


def test_a_tool_server_whose_loop_hangs_is_started_anew(tmp_path):
    """Its tool blocks the server's event loop: no control request is answered, for this episode or another one."""
    file = tmp_path / "hanging.py"
    file.write_text(
        "import time\nfrom toolgym.mcp.server import ToolServer\nfrom toolgym.world import Base, World\n"
        "server = ToolServer('hangs', base=Base({'notes': {}}))\n"
        "@server.tool(writes=True)\ndef write(world: World, id: str, seconds: float) -> str:\n"
        "    'Writes.'\n    world.put('notes', id, 'x')\n    time.sleep(seconds)\n    return 'written'\n"
        "if __name__ == '__main__':\n    server.run('stdio')\n"
    )
    options = WireOptions(timeout_s=3.0, start_timeout_s=60)
    with connect([sys.executable, str(file)], options=options) as handle:
        session = handle.session()
        with pytest.raises(KeyboardInterrupt):
            interrupt(lambda: session.call(ToolCall("write", {"id": "x", "seconds": 600.0})), 1.0)
        session.reset()
        assert session.diff() == {}
        assert session.call(ToolCall("write", {"id": "y", "seconds": 0.0})).text == "written"


def test_a_server_that_cannot_be_had_afresh_says_so():
    """Its state is its own: neither the session nor a new one on the same server pretends to begin anew."""
    server = make_foreign()
    with connect(server, state=make_state_options(["read"])) as handle:
        env = made(handle.session)
        env.reset(seed=0)
        with pytest.raises(KeyboardInterrupt):
            interrupt(lambda: env.step(write()), 0.3)
        with pytest.raises(ForkUnsupportedError, match="cannot be reset"):
            env.reset(seed=0)
        with pytest.raises(ForkUnsupportedError, match="cannot be reset"):
            handle.session().reset()


def test_a_foreign_server_over_http_is_reset_by_its_own_tool():
    server = make_foreign()
    notes: dict[str, str] = {}

    @server.tool
    def scribble(id: str, seconds: float) -> str:
        """Writes a note, and takes its time to say so."""
        notes[id] = "begun"
        time.sleep(seconds)
        return "written"

    @server.tool(annotations={"readOnlyHint": True})
    def notes_now() -> dict:
        """Reads them."""
        return notes

    @server.tool
    def toolgym_reset() -> str:
        """Forgets them."""
        notes.clear()
        return "reset"

    with serving(server) as url, connect(url, state=make_state_options(["notes_now"])) as handle:
        env = made(handle.session)
        env.reset(seed=0)
        with pytest.raises(KeyboardInterrupt):
            interrupt(lambda: env.step(write("x").replace('"write"', '"scribble"').replace("30.0", "1.0")), 0.5)
        assert notes == {"x": "begun"}
        env.reset(seed=0)
        assert (notes, env.session.diff()) == ({}, {})


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 6), ops=st.lists(st.sampled_from(["put", "edit", "delete"]), min_size=6, max_size=6))
def test_an_interrupted_world_tool_leaves_the_world_as_it_was(at, ops):
    """At each of its writes; a fork that was made before sees none of them either."""
    server = ToolServer("w", base=Base({"t": {"a": {"n": 0}, "b": {"n": 0}}}))

    @server.tool(writes=True)
    def work(world: World, stop: int) -> str:
        """Writes six times."""
        for index, op in enumerate(ops):
            if index == stop:
                raise KeyboardInterrupt
            if op == "put":
                world.put("t", "a", {"n": index + 10})
            elif op == "edit" and world.has("t", "a"):
                world.edit("t", "a")["n"] += 1
            elif op == "delete" and world.has("t", "a"):
                world.delete("t", "a")
        return "done"

    session = server.session()
    session.call(ToolCall("work", {"stop": 99}))
    before, twin = session.diff(), session.fork()
    try:
        session.call(ToolCall("work", {"stop": at}))
    except KeyboardInterrupt:
        assert session.diff() == before
    assert twin.diff() == before
    assert session.call(ToolCall("work", {"stop": 99})).text == "done"


def test_an_infrastructure_failure_is_no_interrupt(raw_server_command):
    """It ends the episode as `infra_error`, as ever; the next reset begins afresh."""
    made_env = gymnasium.make(
        "ToolGym/MCP-v0",
        servers=raw_server_command(),
        tasks=[{"request": "Go.", "calls": [{"write_note": {"id": "b", "text": "x"}}]}],
        state_tools=["list_notes"],
        start_timeout_s=60,
    ).unwrapped
    env = cast(ToolEnv, made_env)
    env.reset(seed=0)
    info = env.step('<tool_call>{"name": "misbehave", "arguments": {"how": "exit"}}</tool_call>')[4]
    assert info["outcome"] == "infra_error"
    assert not env.episode.interrupted
    env.reset(seed=0)
    assert env.session.diff() == {}
    env.close()
