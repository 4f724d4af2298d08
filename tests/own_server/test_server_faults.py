"""What a server may do wrong, over stdio: each has a typed outcome, and the next call or episode works."""

import asyncio
import inspect
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from mcp_types import JSONRPCResponse

from toolgym.errors import CallTimeoutError, InfraError, ServerDiedError, ServerStartError
from toolgym.mcp.bounds import BoundedLines, LongLine, cut_result, read_message
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions, _warn_once
from toolgym.mcp.results import classify
from toolgym.mcp.serve import serving
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall
from toolgym.tasks.linting import lint

HOW = "misbehave"


def misbehave(session, how):
    return session.call(ToolCall("misbehave", {"how": how}))


def test_a_server_that_exits_at_start_says_why(raw):
    with raw("broken") as handle, pytest.raises(ServerStartError, match="cannot start: no database"):
        handle.session()


def test_a_server_that_never_answers_is_given_up_in_time(raw):
    with raw("silent", start_timeout_s=0.7) as handle:
        start = time.monotonic()
        with pytest.raises(ServerStartError, match=r"within 0\.7 s"):
            handle.session()
        assert time.monotonic() - start < 8  # 0.7 s, and the 2 s that it has to end by itself


def test_a_slow_start_is_waited_for(raw):
    with raw("slow") as handle:
        assert misbehave(handle.session(), "nothing").text == "did nothing"


def test_a_wrong_protocol_version_is_a_failed_start(raw):
    with raw("old-protocol") as handle, pytest.raises(ServerStartError, match="1999-01-01"):
        handle.session()


def test_a_program_that_is_not_there_is_named():
    missing = pytest.raises(ServerStartError, match="no program 'no-such-program-anywhere'")
    with connect(["no-such-program-anywhere"]) as handle, missing:
        handle.session()


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("exit", ServerDiedError, "last words"),
        ("garbage", InfraError, "could not be read"),
        ("half", InfraError, r"could not be read|went away"),
        ("deep", InfraError, "could not be read"),
        ("surrogate", InfraError, "could not be read"),
        ("shape", InfraError, "no result as MCP defines it"),
        ("error", InfraError, "internal"),
    ],
)
def test_what_the_infrastructure_did_is_an_infra_error(raw, how, error, message):
    """It is told at once, not after the call's 20 s; a reset then gives a server that works."""
    with raw() as handle:
        session = handle.session()
        session.call(ToolCall("write_note", {"id": "b", "text": "second"}))
        start = time.monotonic()
        with pytest.raises(error, match=message):
            misbehave(session, how)
        assert time.monotonic() - start < 10
        session.reset()
        assert session.call(ToolCall("list_notes")).text == '{"a": "first"}'


def test_a_closed_session_does_nothing_to_a_server_that_is_another_s_by_now(raw):
    """One that nobody wrote to is kept for the next session."""
    with raw(spares=1) as handle:
        closed, other = handle.session(), handle.session()
        connection = closed._connection
        closed.close()
        note = ToolCall("write_note", {"id": "b", "text": "second"})
        for act in (lambda: closed.call(note), lambda: asyncio.run(closed.call_async(note)), closed.fork, closed.reset):
            with pytest.raises(InfraError, match="This session is closed"):
                act()
        others = [handle.session()]
        while others[-1]._connection is not connection:
            others.append(handle.session())
            assert len(others) < 4
        assert others[-1].call(ToolCall("list_notes")).text == '{"a": "first"}'
        other.close()


@pytest.mark.parametrize("text", [5, 6])
def test_what_a_call_with_bad_arguments_wrote_is_in_forks_and_in_no_other_episode(raw, text):
    """The server writes before it refuses: by a result, or by a protocol error."""
    with raw() as handle:
        session = handle.session()
        result = session.call(ToolCall("write_note", {"id": "b", "text": text}))
        assert (result.text, result.outcome) == ("the text is no text", "invalid_arguments")
        for each in (session, session.fork()):
            assert each.call(ToolCall("list_notes")).text == f'{{"a": "first", "b": {text}}}'
        session.reset()
        assert session.call(ToolCall("list_notes")).text == '{"a": "first"}'


@pytest.mark.parametrize("tool", ["misbehave", "read_badly"])
def test_a_hanging_call_ends_at_its_time_limit_and_the_next_episode_works(raw, tool):
    with raw(timeout_s=0.5) as handle:
        session = handle.session()
        start = time.monotonic()
        with pytest.raises(CallTimeoutError, match=r"within 0\.5 s"):
            session.call(ToolCall(tool, {"how": "hang"}))
        assert time.monotonic() - start < 5
        session.reset()
        assert misbehave(session, "nothing").text == "did nothing"


def test_a_server_that_ignores_sigterm_is_ended_all_the_same(raw, leftovers):
    with raw(timeout_s=0.5) as handle:
        session = handle.session()
        with pytest.raises(CallTimeoutError):
            misbehave(session, "stubborn")
    assert leftovers()[0] == 0


def test_a_flood_is_cut_said_so_and_takes_no_memory(raw):
    """The server sends 104,857,696 bytes: 1600 * 65536 of text and what stands around it."""
    with raw() as handle:
        session = handle.session()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result = misbehave(session, "flood")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert result.text.startswith("begin\nxxx")
        assert result.text.endswith("[The result was cut here: the whole answer has 104857696 bytes.]")
        assert len(result.text) < 70_000
        assert result.outcome == "ok"
        assert after - before < 40 * 1024  # KiB
        assert misbehave(session, "nothing").text == "did nothing"


def make_talker() -> FastMCP:
    server = FastMCP("talker")

    @server.tool(annotations={"readOnlyHint": True})
    def talk(fails: bool = False) -> str:
        """Talks."""
        if fails:
            raise ToolError("x" * 200_000)
        return "x" * 200_000

    return server


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("where", ["stdio", "http"])
def test_a_long_answer_is_cut_in_every_revision_of_the_protocol(where, mode, tmp_path):
    file = tmp_path / "talker.py"
    body = inspect.getsource(make_talker)
    file.write_text(
        "from fastmcp import FastMCP\nfrom fastmcp.exceptions import ToolError\n"
        f"{body}\nmake_talker().run('stdio', show_banner=False)\n"
    )
    options = WireOptions(start_timeout_s=60, mode=mode, max_answer_bytes=100_000)
    with (
        serving(make_talker()) if where == "http" else nullcontext(str(file)) as server,
        connect(server, options=options) as handle,
    ):
        session = handle.session()
        for fails in (False, True):
            result = session.call(ToolCall("talk", {"fails": fails}))
            assert re.search(r"xxx\n\[The result was cut here: the whole answer has \d{6} bytes\.\]$", result.text)
            assert result.outcome == ("tool_error" if fails else "ok")


@pytest.mark.parametrize("mode", ["serve", "resettable"])
def test_a_state_that_is_cut_is_no_state(raw, mode):
    """What changed behind the cut would go unseen; the snapshot of a fork would be half of one."""
    tools = [] if mode == "resettable" else ["list_notes"]
    with raw(mode, state_tools=tools, max_answer_bytes=20_000) as handle:
        session = handle.session()
        assert session.call(ToolCall("write_note", {"id": "b", "text": "x" * 25_000})).text == "written"
        with pytest.raises(InfraError, match=r"is to tell the state, has 2\d{4}|is to tell the state, has 5\d{4}"):
            session.diff()
        if mode == "resettable":
            with pytest.raises(InfraError, match="allow more by max_answer_bytes"):
                session.fork()
        session.reset()
        assert session.state() == session.state()


def test_invalid_utf8_and_nan_are_data(raw):
    with raw() as handle:
        session = handle.session()
        assert misbehave(session, "utf8").text == "caf� �"
        assert misbehave(session, "nan").structured == {"a": None, "b": [None, 1]}


def test_noise_on_stderr_and_stdout_is_no_answer(raw):
    """Two megabytes on stderr fill no pipe, and a print to stdout is not taken for a message."""
    with raw() as handle:
        assert misbehave(handle.session(), "noise").text == "quiet"


def test_an_answer_that_comes_twice_reaches_nobody(raw):
    with raw() as handle:
        session = handle.session()
        assert misbehave(session, "twice").text == "one"
        assert misbehave(session, "a").text == "did a"
        assert misbehave(session, "b").text == "did b"


def test_tools_that_change_mid_episode_are_followed_until_the_next_one(raw):
    with raw() as handle:
        session = handle.session()
        names = [tool.name for tool in session.tools]
        assert misbehave(session, "tools").text == "changed"
        assert "new_tool" in [tool.name for tool in session.tools]
        assert session.call(ToolCall("write_note", {"id": "b", "text": "x"})).outcome == "unknown_tool"  # it is gone
        session.reset()  # the server is started anew
        assert [tool.name for tool in session.tools] == names


def test_a_tool_name_that_comes_twice_is_the_first_tool(raw):
    with raw("duplicates") as handle:
        session = handle.session()
        assert [tool.name for tool in session.tools].count("write_note") == 1
        assert [tool.name for tool in session.listed_tools].count("write_note") == 2
        assert session.call(ToolCall("write_note", {"id": "b", "text": "x"})).text == "written"


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (ToolCall("explodes", {"how": "a" * 40 + "!"}), "tool_error"),
        (ToolCall("explodes", {"how": 3}), "invalid_arguments"),
        (ToolCall("explodes", {"how": "fine"}), "ok"),
        (ToolCall("broken", {"how": "x"}), "tool_error"),
        (ToolCall("endless", {}), "tool_error"),
        (ToolCall("remote", {}), "tool_error"),
    ],
)
def test_schemas_that_explode_do_not_compile_or_lead_elsewhere(raw, call, outcome):
    """The pattern ^(a+)+$ would take 2^40 steps on this string; the remote reference is not fetched."""
    with raw("bad-schemas") as handle:
        session = handle.session()
        start = time.monotonic()
        assert session.call(call).outcome == outcome
        assert time.monotonic() - start < 5


def test_a_schema_that_denies_itself_blames_no_arguments():
    """Its check recurses without end, into the library's Rust, whose panic is no `Exception`."""
    schema = {"type": "object", "allOf": [{"not": {"$ref": "#"}}]}
    assert classify([ToolSpec("tool", "", schema)], ToolCall("tool", {})) == "tool_error"


@pytest.fixture
def once(tmp_path) -> Callable[..., ServerHandle]:
    """Connects to a raw server that fails at the first `exit-once` or `hang-once`, until `tmp_path / "failed"` goes."""

    def connected(**options: Any) -> ServerHandle:
        entry = {
            "command": sys.executable,
            "args": [str(Path(__file__).with_name("raw_server.py"))],
            "env": {"MARKER": str(tmp_path / "failed")},
        }
        return connect({"mcpServers": {"raw": entry}}, options=WireOptions(**options))

    return connected


def test_a_read_is_repeated_on_a_server_that_came_back(once, tmp_path):
    """The server dies once under a reading call: it is started anew, the write is repeated, then the read."""
    with once() as handle:
        session = handle.session()
        session.call(ToolCall("write_note", {"id": "b", "text": "second"}))
        assert session.call(ToolCall("read_badly", {"how": "exit-once"})).text == "alive again"
        assert json.loads(session.call(ToolCall("list_notes")).text) == {"a": "first", "b": "second"}
        (tmp_path / "failed").unlink()
        with pytest.raises(ServerDiedError):  # what may have written is never repeated
            session.call(ToolCall("misbehave", {"how": "exit-once"}))


@pytest.mark.slow
def test_a_read_that_timed_out_is_repeated_within_its_time(once, tmp_path, leftovers):
    """Of its 16 s the first attempt has 8: then the server is started anew, the write is repeated, then the read."""
    with once(timeout_s=16.0) as handle:
        session = handle.session()
        session.call(ToolCall("write_note", {"id": "b", "text": "second"}))
        start = time.monotonic()
        assert session.call(ToolCall("read_badly", {"how": "hang-once"})).text == "awake again"
        assert 8 <= time.monotonic() - start < 16
        assert json.loads(session.call(ToolCall("list_notes")).text) == {"a": "first", "b": "second"}
    assert leftovers()[0] == 0


def test_a_write_that_timed_out_is_not_repeated(once, tmp_path):
    with once(timeout_s=1.0) as handle:
        session = handle.session()
        with pytest.raises(CallTimeoutError, match="within 1 s"):
            session.call(ToolCall("misbehave", {"how": "hang-once"}))
        (tmp_path / "failed").unlink()
        session.reset()
        assert not (tmp_path / "failed").exists()  # it was not called again


def test_a_tool_that_is_none_is_left_out_and_its_server_stays(raw, caplog):
    """Six entries of the list are not as MCP defines a tool, each in its way."""
    odd = ["takes_text", "takes_anything", "no_schema", "listed_properties", "tool 9", "tool 10"]
    _warn_once.cache_clear()  # another test may have met this server
    with raw("odd-tools") as handle:
        session = handle.session()
        assert [tool.name for tool in session.tools] == ["list_notes", "write_note", "misbehave", "read_badly", "fine"]
        assert session.call(ToolCall("list_notes")).outcome == "ok"
        assert session.call(ToolCall("takes_text", {"how": "x"})).outcome == "unknown_tool"
        assert [tool.name for tool in session.listed_tools if tool.refused is not None] == odd
        findings = [finding for finding in lint(session.listed_tools) if finding.rule == "refused-tool"]
    assert [finding.tool for finding in findings] == odd
    assert {finding.severity for finding in findings} == {"error"}
    assert "inputSchema.type" in findings[0].message
    assert all(f"Tool {name!r} of" in caplog.text for name in odd)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
def test_kill_9_of_this_process_leaves_no_server(tmp_path, raw_server_command):
    """Its server ignores the end of its input, as in a busy loop: the kernel ends it."""
    script = tmp_path / "killed.py"
    script.write_text(
        "import sys, time, threading\n"
        f"sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})\n"
        "from toolgym.mcp.connect import connect\nfrom toolgym.messages import ToolCall\n"
        f"session = connect({raw_server_command('serve')!r}).session()\n"
        "threading.Thread(target=session.call, args=(ToolCall('misbehave', {'how': 'hang'}),), daemon=True).start()\n"
        "time.sleep(0.5)\n"
        "import os, pathlib\n"
        "kids = [c for t in pathlib.Path('/proc/self/task').iterdir() for c in (t / 'children').read_text().split()]\n"
        "print(*kids, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -9, done.stderr
    (server,) = map(int, done.stdout.split())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{server}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{server}").exists()


def test_a_line_is_bounded_wherever_it_is_cut():
    """Limit 10: 'abc' passes; the second line has 3 + 9 = 12 bytes; the rest is a line of its own at the end."""
    lines = BoundedLines(10)
    assert lines.feed(b"ab") == []
    assert lines.feed(b"c\nxyz") == [b"abc"]
    assert lines.feed(b"123456789\nrest") == [LongLine(b"xyz123456789", b"xyz123456789", 12)]
    assert lines.end() == b"rest"


def test_what_is_kept_of_a_long_result_ends_at_a_character():
    head = b'{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"a \\"b\\" \\u00e9 \\ud83d'
    result = cut_result(head, 5_000, failed=True)
    assert result["content"][0]["text"].startswith('a "b" é')
    assert result["content"][0]["text"].endswith("[The result was cut here: the whole answer has 5000 bytes.]")
    assert result["isError"] is True
    message = read_message(LongLine(head, b'"isError":true}}', 5_000))
    assert message is not None
    assert message.model_dump()["id"] == 7
    first = head.replace(b'"content"', b'"isError":true,"content"')  # it may be said before the content
    for start, failed in ((head, False), (first, True)):
        message = read_message(LongLine(start, b"}}", 5_000))
        assert isinstance(message, JSONRPCResponse)
        assert message.result["isError"] is failed


@pytest.mark.parametrize("line", [b"", b"null", b"[]", b"hello", b'{"method": 3, "id": 4, "x": tru', b"\xff\xfe"])
def test_lines_that_answer_nobody_are_dropped(line):
    assert read_message(line) is None


def test_the_server_inherits_little(monkeypatch, raw, started):
    """No secrets of this process's environment."""
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    with raw() as handle:
        handle.session()
        (server,) = started()
        assert b"s3cret" not in Path(f"/proc/{server}/environ").read_bytes()
        assert os.environ["SECRET_TOKEN"] == "s3cret"
