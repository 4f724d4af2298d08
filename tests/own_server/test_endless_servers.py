"""Servers that ask and tell without end: neither memory nor time beyond a call's limit is theirs."""

import asyncio
import resource
from pathlib import Path

import pytest

from toolgym.errors import CallTimeoutError
from toolgym.mcp.connection import _at_most
from toolgym.mcp.listing import TolerantDispatcher
from toolgym.messages import ToolCall


def resident_kib() -> int:
    """Memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * (resource.getpagesize() // 1024)


@pytest.mark.parametrize("reads", ["reads", "ignores"])
@pytest.mark.parametrize("method", ["ping", "sampling/createMessage", "no/such", "notifications/message"])
def test_what_is_asked_without_end_is_not_kept(raw, capfd, method, reads):
    """A server whose questions are kept costs 20 MiB a second where it does not read the answers."""
    with raw(timeout_s=2.0) as handle:
        session = handle.session()
        before = resident_kib()
        with pytest.raises(CallTimeoutError, match="within 2 s"):
            session.call(ToolCall("misbehave", {"how": f"endless {method} {reads}"}))
        assert resident_kib() - before < 15 * 1024
        session.reset()
        assert session.call(ToolCall("list_notes")).text == '{"a": "first"}'
    assert len(capfd.readouterr().err) < 2_000  # what it logs without end is not printed


def test_one_question_is_answered_at_a_time():
    dispatcher = TolerantDispatcher(None, None, lambda: None)
    assert all(method in dispatcher._inline_methods for method in ("ping", "roots/list", "no/such"))


def test_a_call_that_is_given_up_is_not_waited_for():
    """It may take as long as it likes to end: here it ends only once the caller has gone on."""

    async def story() -> str:
        gone_on, ended = asyncio.Event(), asyncio.Event()

        async def stubborn() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await gone_on.wait()
                ended.set()

        with pytest.raises(TimeoutError):
            await _at_most(0.01, stubborn())
        gone_on.set()
        await ended.wait()

        async def quick() -> str:
            return "done"

        return await _at_most(60, quick())

    assert asyncio.run(asyncio.wait_for(story(), 30)) == "done"


def test_an_interrupt_is_not_held_up_either():
    async def story() -> None:
        gone_on, begun = asyncio.Event(), asyncio.Event()

        async def stubborn() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await gone_on.wait()

        waiting = asyncio.ensure_future(_at_most(60, stubborn()))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gone_on.set()

    asyncio.run(asyncio.wait_for(story(), 30))
