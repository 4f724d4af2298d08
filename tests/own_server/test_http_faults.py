"""What a server may do wrong over HTTP: each has a typed outcome in time and within bounds, and the next call works."""

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toolgym.errors import CallTimeoutError, InfraError, ServerDiedError
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.messages import ToolCall

RAW_HTTP = Path(__file__).with_name("raw_http_server.py")


@pytest.fixture
def raw_http() -> Iterator[Callable[..., ServerHandle]]:
    """Starts the raw HTTP server in a mode, and connects to it."""
    started: list[subprocess.Popen[str]] = []
    handles: list[ServerHandle] = []

    def connected(mode: str = "serve", *, timeout_s: float = 20.0, **options) -> ServerHandle:
        process = subprocess.Popen([sys.executable, str(RAW_HTTP), mode], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
        handles.append(connect(url, options=WireOptions(timeout_s=timeout_s, **options)))
        return handles[-1]

    yield connected
    for handle in handles:
        handle.close()
    for process in started:
        process.kill()
        process.communicate()


def misbehave(session, how):
    return session.call(ToolCall("misbehave", {"how": how}))


def calls(session):
    return json.loads(session.call(ToolCall("calls")).text)


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("garbage", InfraError, "could not be read"),
        ("garbage/sse", InfraError, "could not be read"),
        ("deep", InfraError, "could not be read"),
        ("deep/sse", InfraError, "could not be read"),
        ("surrogate", InfraError, "could not be read"),
        ("surrogate/sse", InfraError, "could not be read"),
        ("shape", InfraError, "no result as MCP defines it"),
        ("shape/sse", InfraError, "no result as MCP defines it"),
        ("empty", InfraError, "could not be read"),
        ("empty/sse", InfraError, "without a response"),
        ("notification", InfraError, "no answer"),
        ("notification/sse", InfraError, "without a response"),
        ("wrong-id", InfraError, "another request, 4711"),
        ("wrong-id/sse", InfraError, "another request, 4711"),
        ("packed", InfraError, "gzip, which was not asked for"),
        ("html", InfraError, "text/html"),
        ("500", InfraError, "error response"),
        ("elsewhere", InfraError, "not followed"),
        ("flood/status", InfraError, "error response"),
        ("flood/header", ServerDiedError, "went away"),
        ("no-http", ServerDiedError, "went away"),
        ("cut", ServerDiedError, "went away"),
        ("half", ServerDiedError, "broke off"),
        ("half/closed", InfraError, "could not be read"),
        ("half/sse", ServerDiedError, "without a response"),
        ("none/sse", ServerDiedError, "without a response"),
    ],
)
def test_what_the_infrastructure_did_is_an_infra_error(raw_http, how, error, message):
    """It is told at once, not after the call's 20 s; the same session's next call works; a write was sent once."""
    session = raw_http().session()
    start = time.monotonic()
    with pytest.raises(error, match=message):
        misbehave(session, how)
    assert time.monotonic() - start < 10
    assert misbehave(session, "nothing").text == "did nothing"
    assert calls(session) == [f"misbehave {how}", "misbehave nothing"]


@pytest.mark.parametrize("how", ["flood", "flood/sse"])
def test_a_flood_is_cut_said_so_and_takes_no_memory(raw_http, how):
    """The server sends 1600 * 65536 = 104,857,600 bytes of text, and what stands around it."""
    session = raw_http().session()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = misbehave(session, how)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert result.text.startswith("begin\nxxx")
    assert "[The result was cut here: the whole answer has 104857" in result.text[-80:]
    assert len(result.text) < 70_000
    assert result.outcome == "ok"
    assert after - before < 40 * 1024  # KiB
    assert misbehave(session, "nothing").text == "did nothing"


@pytest.mark.parametrize("over", ["", "/sse"])
def test_invalid_utf8_and_nan_are_data(raw_http, over):
    session = raw_http().session()
    assert misbehave(session, f"utf8{over}").text == "caf\ufffd \ufffd"
    assert misbehave(session, f"nan{over}").structured == {"a": None, "b": [None, 1]}


def test_an_event_may_be_large_and_have_many_lines(raw_http):
    session = raw_http().session()
    assert misbehave(session, "large/sse").text == "y" * 2_000_000
    assert misbehave(session, "lines/sse").text == "did lines/sse"


def test_a_call_that_hangs_ends_in_time_and_the_next_works(raw_http):
    session = raw_http(timeout_s=0.7).session()
    start = time.monotonic()
    with pytest.raises(CallTimeoutError, match=r"within 0\.7 s"):
        misbehave(session, "hang")
    assert time.monotonic() - start < 5
    assert misbehave(session, "nothing").text == "did nothing"


@pytest.mark.parametrize("how", ["hang-once", "cut-once"])
@pytest.mark.parametrize("mode", ["serve", "episodes"])
def test_a_read_is_sent_again_and_a_write_never(raw_http, mode, how):
    """A read that gets no answer is given up after half of its 3 s; the write after all of them."""
    session = raw_http(mode, timeout_s=3.0).session()
    start = time.monotonic()
    assert session.call(ToolCall("read_badly", {"how": how})).text == f"did {how}"
    assert time.monotonic() - start < 3
    with pytest.raises(CallTimeoutError if how == "hang-once" else ServerDiedError):
        misbehave(session, how)
    assert calls(session) == [f"read_badly {how}"] * 2 + [f"misbehave {how}"]


def test_a_read_that_always_hangs_ends_within_its_time(raw_http):
    session = raw_http(timeout_s=2.0).session()
    start = time.monotonic()
    with pytest.raises(CallTimeoutError, match=r"within 2 s, sent 2 times"):
        session.call(ToolCall("read_badly", {"how": "hang"}))
    assert 2.0 <= time.monotonic() - start < 4
    assert calls(session) == ["read_badly hang"] * 2


def test_no_read_is_sent_again_where_that_is_not_wanted(raw_http):
    session = raw_http(retries=0).session()
    with pytest.raises(ServerDiedError):
        session.call(ToolCall("read_badly", {"how": "cut-once"}))
    assert calls(session) == ["read_badly cut-once"]


def test_a_connection_that_breaks_costs_one_call(raw_http):
    """Another episode shares the client: its call, under way for 1.5 s, gets its answer all the same."""
    handle = raw_http("episodes")
    broken, other = handle.session(), handle.session()
    texts = []
    waiting = threading.Thread(target=lambda: texts.append(misbehave(other, "slow").text))
    waiting.start()
    while "misbehave slow" not in calls(broken):
        time.sleep(0.05)
    for how in ("cut", "half", "no-http", "garbage"):
        with pytest.raises(InfraError):
            misbehave(broken, how)
    waiting.join()
    assert texts == ["did slow"]
    assert misbehave(broken, "nothing").text == "did nothing"


def test_a_server_that_forgot_the_session_is_told_and_reached_anew(raw_http):
    handle = raw_http("episodes")
    session, other = handle.session(), handle.session()
    assert misbehave(session, "forget").outcome == "ok"
    with pytest.raises(ServerDiedError, match="no longer knows this session"):
        misbehave(session, "nothing")
    assert misbehave(other, "nothing").text == "did nothing"  # on a new connection
    assert misbehave(session, "nothing").text == "did nothing"
    with pytest.raises(InfraError):
        misbehave(session, "garbage")
    session.reset()
    assert misbehave(session, "nothing").text == "did nothing"
