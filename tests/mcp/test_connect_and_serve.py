"""`connect` to all that it takes; `serve` and its guards."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from fastmcp import FastMCP

from toolgym.errors import ConfigError, ServerStartError
from toolgym.mcp.connect import connect
from toolgym.mcp.inprocess import InProcessSession
from toolgym.mcp.replay import ReplaySession
from toolgym.mcp.serve import serve, serving
from toolgym.mcp.wire import EpisodeSession
from toolgym.messages import ToolCall


def test_a_tool_server_is_used_in_process(server):
    with connect(server) as handle:
        assert isinstance(handle.session(), InProcessSession)
        assert handle.tools == server.tool_specs


def test_a_python_file_and_a_command(notes_file):
    with connect(str(notes_file)) as handle:
        session = handle.session(2)
        assert isinstance(session, EpisodeSession)
        assert session.call(ToolCall("world_name")).text == "world 2"
    with connect([sys.executable, str(notes_file)]) as handle:
        assert handle.session().call(ToolCall("count")).text == "1"


def test_an_mcp_json(notes_file, http_url, tmp_path):
    config = {
        "mcpServers": {
            "local": {"command": sys.executable, "args": [str(notes_file)], "env": {"NOTHING": "1"}},
            "remote": {"url": http_url},
            "empty": {},
        }
    }
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(config))
    with connect(path, server="local") as handle:
        assert handle.session().call(ToolCall("count")).text == "1"
    with connect(config, server="remote") as handle:
        assert handle.session().call(ToolCall("count")).text == "1"
    with connect({"mcpServers": {"only": {"url": http_url}}}) as handle:
        assert handle.session().call(ToolCall("count")).text == "1"
    with pytest.raises(ConfigError, match=r"Server 'empty' must have a 'command'"):
        connect(path)
    with pytest.raises(ConfigError, match="Did you mean 'local'"):
        connect(path, server="locl")
    with pytest.raises(ConfigError, match="'command'"):
        connect(path, server="empty")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[]", "must hold an object"),
        ("{}", "at least one server"),
        ('{"mcpServers": []}', "at least"),
    ],
)
def test_a_broken_mcp_json(content, message, tmp_path):
    path = tmp_path / "mcp.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        connect(path)


def test_what_cannot_be_connected_to(tmp_path):
    other = tmp_path / "server.txt"
    other.write_text("")
    with pytest.raises(ConfigError, match=r"ends in \.py"):
        connect(other)
    with pytest.raises(ConfigError, match="neither a URL nor a file"):
        connect("no/such/server.py")
    with pytest.raises(ConfigError, match="list of strings"):
        connect([])


def test_a_token_is_asked_for_everywhere(notes):
    with serving(notes.make_server(), token="s3cret") as url:
        for path in ("/mcp", "/episodes/a/mcp", "/elsewhere"):
            for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}):
                request = urllib.request.Request(url.replace("/mcp", path), data=b"{}", headers=header)
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(request, timeout=10)
                refused.value.close()
                assert refused.value.code == 401
        with connect(url, token="wrong") as handle, pytest.raises(ServerStartError, match="401"):
            handle.session()
        with connect(url, token="s3cret") as handle:
            assert handle.session().call(ToolCall("count")).text == "1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_other_machines_need_a_token(server, host):
    with pytest.raises(ConfigError, match="without a token"):
        serve(server, "http", host=host)


def test_a_browser_on_another_site_is_refused(http_url):
    """A page that has its own name resolve to 127.0.0.1 sends a foreign Host or Origin."""
    for header in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        request = urllib.request.Request(
            http_url, data=b"{}", headers={**header, "Content-Type": "application/json", "Accept": "application/json"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        refused.value.close()
        assert refused.value.code in (403, 421)


def test_a_plain_fastmcp_can_be_served():
    mcp = FastMCP("plain")

    @mcp.tool
    def double(x: int) -> int:
        """Doubles."""
        return 2 * x

    with serving(mcp) as url, connect(url) as handle:
        session = handle.session()
        assert isinstance(session, ReplaySession)
        assert session.fork_kind == "none"
        assert session.call(ToolCall("double", {"x": 4})).structured == {"result": 8}


def test_reading_tools_alone_need_no_reset():
    mcp = FastMCP("plain")

    @mcp.tool(annotations={"readOnlyHint": True})
    def one() -> int:
        """One."""
        return 1

    with serving(mcp) as url, connect(url) as handle:
        session = handle.session()
        session.call(ToolCall("one"))
        session.reset()
        assert session.fork().call(ToolCall("one")).text == "1"


def test_run_serves_http_as_its_own_process(notes_file):
    """`server.run("http", ...)` from the command line, reached over a real port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('notes_server', {str(notes_file)!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "sys.modules['notes_server'] = module\n"
        "spec.loader.exec_module(module)\n"
        f"module.make_server().run('http', port={port}, token='t')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=notes_file.parents[2])
    try:
        for _ in range(1200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.05)
        with connect(f"http://127.0.0.1:{port}/mcp", token="t") as handle:
            assert handle.session().call(ToolCall("count")).text == "1"
    finally:
        process.terminate()
        process.wait(timeout=20)
