"""Synchronous tools of foreign FastMCP servers run in threads wherever an event loop runs: they may run their own."""

import asyncio
import sys
import threading

import gymnasium
import pytest
from fastmcp import FastMCP

import toolgym  # noqa: F401 (registers the environments)
from toolgym.errors import ForkUnsupportedError
from toolgym.mcp.connect import connect
from toolgym.messages import ToolCall

TOGETHER = 4
TASK = {"request": "x", "calls": [{"own_loop": {}}]}
CALL = '<tool_call>{"name": "%s", "arguments": {}}</tool_call>'


@pytest.fixture
def make():
    """A function that makes servers whose tools run a loop of their own, or wait until four wait at once."""
    meeting = threading.Barrier(TOGETHER)

    def made() -> FastMCP:
        server, written = FastMCP("sync"), []

        @server.tool
        def own_loop() -> str:
            async def work() -> str:
                await asyncio.sleep(0)
                return "ran"

            return asyncio.run(work())

        @server.tool
        def meet() -> str:
            meeting.wait(timeout=60)
            return "met"

        @server.tool
        def write() -> list[int]:
            written.append(len(written))
            return written

        return server

    return made


def test_in_a_plain_environment(make):
    env = gymnasium.make("ToolGym/MCP-v0", servers=make, tasks=[TASK])
    env.reset(seed=0)
    assert env.step(CALL % "own_loop")[0] == "<tool_response>ran</tool_response>"


def test_in_a_vector_environment_they_run_and_overlap(make):
    """Four that wait for one another end only where all four run at once: no time is measured."""
    envs = gymnasium.make_vec("ToolGym/MCP-v0", TOGETHER, servers=make, tasks=[TASK])
    envs.reset(seed=0)
    for tool, said in (("own_loop", "ran"), ("meet", "met"), ("meet", "met")):
        assert envs.step([CALL % tool] * TOGETHER)[0] == (f"<tool_response>{said}</tool_response>",) * TOGETHER
    envs.close()


def test_in_a_running_loop(make):
    """As in a notebook: synchronous steps, asynchronous ones, resets and forks by replay."""

    async def story() -> list[str]:
        env = gymnasium.make("ToolGym/MCP-v0", servers=make, tasks=[TASK]).unwrapped
        env.reset(seed=0)
        said = [env.step(CALL % "own_loop")[0], (await env.step_async(CALL % "own_loop"))[0]]
        twin = env.fork()
        return [*said, twin.step(CALL % "own_loop")[0], str(len(twin.trajectory.steps))]

    assert asyncio.run(story()) == [*["<tool_response>ran</tool_response>"] * 3, "3"]


def test_many_environments_in_one_loop_overlap(make):
    async def story() -> list[str]:
        envs = [gymnasium.make("ToolGym/MCP-v0", servers=make, tasks=[TASK]).unwrapped for _ in range(TOGETHER)]
        for env in envs:
            env.reset(seed=0)
        return [out[0] for out in await asyncio.gather(*(env.step_async(CALL % "meet") for env in envs))]

    assert asyncio.run(story()) == ["<tool_response>met</tool_response>"] * TOGETHER


def test_a_call_of_which_nobody_saw_the_end_leaves_no_trace_in_the_next_episode(make):
    """It runs on in its thread; the session starts a new server at its reset, and does not fork before."""
    with connect(make) as handle:
        session = handle.session()

        async def given_up() -> None:
            await asyncio.wait_for(session.call_async(ToolCall("meet")), timeout=0.2)

        def joined() -> None:  # lets the tool that still waits end
            threads = [threading.Thread(target=twin.call, args=[ToolCall("meet")]) for twin in twins]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        twins = [handle.session() for _ in range(TOGETHER - 1)]
        releasing = threading.Timer(1.0, joined)
        releasing.start()
        with pytest.raises(TimeoutError):
            asyncio.run(given_up())
        releasing.join()
        with pytest.raises(ForkUnsupportedError, match="reset the session first"):
            session.fork()
        session.reset()
        assert session.call(ToolCall("write")).structured == {"result": [0]}


@pytest.mark.parametrize("is_async", [False, True])
def test_a_tool_that_exits_leaves_no_one_waiting(is_async):
    """`sys.exit` in a tool of this process ends its call and its server, not the event loop that all others share."""

    def make() -> FastMCP:
        server = FastMCP("exits")

        def leave() -> str:
            sys.exit(3)

        async def leave_async() -> str:
            sys.exit(3)

        async def stay() -> str:
            return "here"

        server.tool(leave_async if is_async else leave, name="leave")
        server.tool(stay)
        return server

    task = {"request": "Stay.", "calls": ["stay"]}
    envs = gymnasium.make_vec("ToolGym/MCP-v0", num_envs=2, servers=make, tasks=[task])
    envs.reset(seed=0)
    leaving = [CALL % "stay", CALL % "leave"]
    if is_async:
        assert list(envs.step(leaving)[-1]["outcome"]) == [None, "infra_error"]
    else:  # a plain function: as where no event loop runs
        with pytest.raises(SystemExit):
            envs.step(leaving)
    envs.reset(seed=0)
    assert envs.step([CALL % "stay"] * 2)[0] == ("<tool_response>here</tool_response>",) * 2
    envs.close()
