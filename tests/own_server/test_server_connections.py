"""Reaching servers: mcp.json, statuses over HTTP, the older handshake, listings, and what a server inherits."""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from toolgym.cli import main
from toolgym.errors import ConfigError, InfraError, ServerStartError
from toolgym.mcp.config import read_config
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import CommandTarget, UrlTarget, WireOptions
from toolgym.mcp.secrets import shown_url
from toolgym.mcp_env import McpOptions
from toolgym.messages import ToolCall

RAW = str(Path(__file__).with_name("raw_server.py"))


# mcp.json --------------------------------------------------------------------------------------------------------


def written(folder: Path, entry: Any) -> Path:
    path = folder / "mcp.json"
    path.write_text(json.dumps({"mcpServers": {"shop": entry}}))
    return path


@pytest.mark.parametrize(
    ("entry", "key", "message"),
    [
        ({"command": "x", "args": True}, "args", "cannot be true: 'args' must be a list of strings"),
        ({"command": "x", "args": "server.py"}, "args", "cannot be a string: 'args' must be a list of strings"),
        ({"command": "x", "args": {"a": 1}}, "args", "cannot be an object"),
        ({"command": "x", "args": [["a"]]}, "args", "cannot be a list"),
        ({"command": "x", "args": ["a", None]}, "args", "cannot be null"),
        ({"command": "x", "env": ["A=1"]}, "env", "cannot be a list: 'env' must be an object"),
        ({"command": "x", "env": "A=1"}, "env", "cannot be a string"),
        ({"command": "x", "env": {"A": None}}, "env", "'env.A' cannot be null"),
        ({"command": "x", "env": {"A": {"b": 1}}}, "env", "'env.A' cannot be an object"),
        ({"command": ["python", "server.py"]}, "command", "cannot be a list: 'command' must be a program"),
        ({"command": 7}, "command", "cannot be a number"),
        ({"command": "x", "cwd": 3}, "cwd", "cannot be a number"),
        ({"url": 3}, "url", "cannot be a number"),
        ({"url": "ftp://x"}, "url", "must begin with http"),
        ({"url": "http://x", "headers": "Authorization: Bearer s3cret"}, "headers", "cannot be a string"),
        ({"url": "http://x", "headers": {"Authorization": ["s3cret"]}}, "headers", "cannot be a list"),
        ({"command": "x", "timeout": "60"}, "timeout", "cannot be a string: 'timeout' must be a number"),
        ({"command": "x", "timeout": -1}, "timeout", "'timeout' must be a number above 0"),
        ({"command": "x", "mode": "new"}, "mode", "'mode' must be 'auto', or 'legacy'"),
        ({"comand": "x"}, "comand", "Did you mean 'command'"),
        ({"command": "x", "arg": []}, "arg", "Did you mean 'args'"),
        ({"url": "http://x", "header": {}}, "header", "Did you mean 'headers'"),
        ({"command": "x", "toolgym": {"hidden_tool": []}}, "hidden_tool", "Did you mean 'hidden_tools'"),
        ({"command": "x", "toolgym": {"hidden_tools": "a"}}, "hidden_tools", "cannot be a string"),
        ({"command": "x", "toolgym": 3}, "toolgym", "cannot be a number"),
        ({"docker": {"image": "x"}}, "docker", "cannot be an object"),
        ({"url": "http://x", "toolgym": {"workspace": "."}}, "workspace", "goes with a 'command'"),
        ({"docker": "x", "toolgym": {"workspace": "."}}, "workspace", "goes with a 'command'"),
        ({"command": "x", "toolgym": {"container": {}}}, "container", "go with a 'docker' image"),
        ({"simulated": ["x"]}, "simulated", "cannot be a list"),
        ({"url": "http://x/sse", "type": "sse"}, "SSE", "not spoken here"),
        ({}, "command", "must have a 'command'"),
        ("server.py", "object", "must be an object, not a string"),
        (None, "object", "must be an object, not null"),
    ],
)
def test_an_entry_of_a_wrong_type_is_one_error(tmp_path, entry, key, message):
    path = written(tmp_path, entry)
    with pytest.raises(ConfigError) as caught:
        connect(path)
    text = str(caught.value)
    assert message in text
    assert "'shop'" in text
    assert str(path) in text
    assert key in text
    assert "\n" not in text
    assert "s3cret" not in text
    with pytest.raises(ConfigError):
        connect({"mcpServers": {"shop": entry}})


def test_the_command_line_says_it_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["inspect", "--servers", str(written(tmp_path, {"command": "x", "args": True}))])
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_keys_of_other_clients_are_no_error_and_a_disabled_server_is_left_out(tmp_path):
    used = {"type": "stdio", "command": sys.executable, "args": [RAW, 7], "env": {"PORT": 8080}, "timeout": 60}
    others = {"autoApprove": [], "alwaysAllow": ["x"], "description": "A shop.", "name": "Shop"}
    config = {"mcpServers": {"a": used | others, "b": {"command": "x", "disabled": True}}}
    (entry,) = read_config(config)
    assert isinstance(entry.target, CommandTarget)
    assert entry.target.command == (sys.executable, RAW, "7")
    assert entry.target.env["PORT"] == "8080"
    assert [entry.name for entry in read_config(config, "b")] == ["b"]
    with pytest.raises(ConfigError, match="every server is disabled"):
        read_config({"mcpServers": {"b": {"command": "x", "disabled": True}}})


def test_folders_are_filled_in_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PLACE", str(tmp_path))
    entry = {"command": "x", "cwd": "${PLACE}", "toolgym": {"workspace": "${NOWHERE:-.}"}}
    (found,) = read_config({"mcpServers": {"a": entry}})
    assert isinstance(found.target, CommandTarget)
    assert (found.target.cwd, found.target.workspace) == (str(tmp_path), ".")


def test_a_byte_order_mark_before_an_mcp_json_is_no_error(tmp_path):
    path = tmp_path / "mcp.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"mcpServers": {"a": {"command": "x"}}}).encode())
    assert read_config(path)[0].name == "a"


# HTTP ------------------------------------------------------------------------------------------------------------

REFUSAL = '{"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "go away"}}'
SECRET = "k3y-that-nobody-may-see"


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    """Starts an HTTP server that answers every POST alike; returns its URL, with secrets in it."""
    servers = []

    def started(status: int, body: str = "", kind: str = "text/plain", get: tuple[int, str, str] | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def _answer(self, status: int, kind: str, body: str) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def do_POST(self) -> None:
                self._answer(status, kind, body)

            def do_GET(self) -> None:
                self._answer(*(get or (405, "text/plain", "")))

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://user:{SECRET}1@127.0.0.1:{server.server_port}/mcp?key={SECRET}2"

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


def chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set()  # they may lead back to themselves
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, '{"error": "invalid_token"}', "application/json", ["401 Unauthorized", "invalid_token", "token"]),
        (403, "no entry for you", "text/plain", ["403 Forbidden", "no entry for you"]),
        (404, "<html>nothing here</html>", "text/html", ["404 Not Found", "nothing here", "/mcp"]),
        (429, "slow down", "text/plain", ["429 Too Many Requests", "slow down"]),
        (500, "", "text/plain", ["500 Internal Server Error"]),
        (503, "x" * 5000, "text/plain", ["503 Service Unavailable", "x" * 300]),
        (418, "{not json", "application/json", ["418", "{not json"]),
        (400, REFUSAL, "application/json", ["go away"]),
    ],
)  # fmt: skip
def test_a_status_is_told_with_the_body_and_without_secrets(answering, caplog, status, body, kind, said):
    """The secrets: the URL's user and query, a token, a header; the server repeats one of them in its body."""
    caplog.set_level(logging.INFO)
    url = answering(status, f"{body}{SECRET}3" if kind == "text/plain" and body else body, kind)
    entry = {"url": url, "headers": {"X-Key": f"{SECRET}4", "Authorization": f"Bearer {SECRET}3"}}
    for handle in (connect({"mcpServers": {"a": entry}}), connect(url, token=f"{SECRET}3")):
        with handle, pytest.raises(ServerStartError) as caught:
            handle.session()
        text = str(caught.value)
        assert all(part in text for part in said), text
        assert len(text) < 700
        assert "127.0.0.1" in text
        for error in chain(caught.value):
            assert SECRET not in f"{error} {error!r}"
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "address", ["127.0.0.1:99999", "127.0.0.1:x", "127.0.0.1:0", "[::1", " x", "", "a b", "a\r\nb"]
)
def test_what_is_no_url_is_said_and_not_shown(address):
    url = f"http://{address}/mcp?key={SECRET}"
    for target in (url, {"mcpServers": {"a": {"url": url}}}):
        with pytest.raises(ConfigError, match="no URL such as https://HOST:PORT/PATH") as caught:
            connect(target)
        assert all(SECRET not in f"{error} {error!r}" for error in chain(caught.value))


def test_a_status_in_an_episode_is_an_infra_error(raw_http_url):
    with connect(raw_http_url) as handle:
        session = handle.session()
        with pytest.raises(InfraError, match="500 Internal Server Error: 'oh no'"):
            session.call(ToolCall("misbehave", {"how": "500"}))


@pytest.fixture
def raw_http_url() -> Iterator[str]:
    import subprocess

    command = [sys.executable, str(Path(RAW).with_name("raw_http_server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
        process.kill()


def test_the_older_transport_is_named(answering):
    url = answering(405, get=(200, "text/event-stream", "event: endpoint\ndata: /messages?session=1\n\n"))
    with connect(url) as handle, pytest.raises(ServerStartError, match=r"HTTP\+SSE transport is not spoken here"):
        handle.session()


def test_targets_and_options_show_no_secrets():
    options = McpOptions(servers={"mcpServers": {"a": {"url": "http://a.b", "headers": {"X": SECRET}}}}, token=SECRET)
    assert SECRET not in repr(options)
    target = UrlTarget(f"https://me:{SECRET}@example.org:8443/mcp?key={SECRET}#x", SECRET, {"X": SECRET})
    assert SECRET not in repr(target)
    assert "https://example.org:8443/mcp" in repr(target)
    assert shown_url("see http://a.b/c?d=e for more, user@host") == "see http://a.b/c for more, user@host"


def test_a_command_is_shown_as_it_was_written(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_KEY", SECRET)
    entry = {"command": "no-such-program-anywhere", "args": ["--key", "${SHOP_KEY}"], "env": {"K": "${SHOP_KEY}"}}
    with connect(written(tmp_path, entry)) as handle, pytest.raises(ServerStartError) as caught:
        handle.session()
    assert "--key ${SHOP_KEY}" in str(caught.value)
    assert all(SECRET not in f"{error} {error!r}" for error in chain(caught.value))


# Handshakes and listings -----------------------------------------------------------------------------------------


def test_a_server_that_ends_before_the_handshake_is_spoken_to_in_the_older_way(raw):
    with raw("handshake-only", spares=1) as handle:
        first, second = handle.session(), handle.session()
        assert first.call(ToolCall("list_notes")).outcome == "ok"
        assert second.call(ToolCall("list_notes")).outcome == "ok"


@pytest.mark.parametrize("way", ["file", "options", "neither"])
def test_the_older_handshake_can_be_chosen(tmp_path, way):
    """Then nothing comes before it. Chosen by neither, it is what the second start tries."""
    marker = tmp_path / "ended"
    entry = {"command": sys.executable, "args": [RAW, "handshake-only"], "env": {"MARKER": str(marker)}}
    entry |= {"mode": "legacy"} if way == "file" else {}
    with connect(
        {"mcpServers": {"a": entry}}, options=WireOptions(mode="legacy" if way == "options" else "auto")
    ) as it:
        assert it.session().call(ToolCall("list_notes")).outcome == "ok"
    assert marker.exists() == (way == "neither")


@pytest.mark.parametrize("mode", ["serve", "empty-cursor", "same-cursor", "new-cursors", "pages"])
def test_a_listing_ends_and_names_each_tool_once(raw_server_command, capsys, mode):
    with pytest.raises(SystemExit):
        main(["inspect", "--servers", json.dumps(raw_server_command(mode)), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [tool["name"] for tool in found["tools"]] == ["list_notes", "write_note", "misbehave", "read_badly"]
    assert not [finding for finding in found["findings"] if finding["rule"] == "name-twice"]


# What a server inherits --------------------------------------------------------------------------------------------

PASSED_ON = ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "TZ"] + [
    spelled for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for spelled in (name, name.lower())
]
KEPT = ["SECRET_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HTTP_PROXY_PASSWORD"]
ECHO = """
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    number, method = message.get("id"), message.get("method")
    if method == "initialize":
        found = {"protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                 "serverInfo": {"name": "echo", "version": "1"}}
    elif method == "tools/list":
        found = {"tools": [{"name": "environment", "inputSchema": {"type": "object"}}]}
    elif method == "tools/call":
        found = {"content": [{"type": "text", "text": json.dumps(dict(os.environ))}]}
    elif number is not None:
        print(json.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "no"}}), flush=True)
        continue
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": number, "result": found}), flush=True)
"""


@pytest.mark.parametrize("way", ["file", "command", "entry"])
def test_proxies_certificates_and_the_time_zone_reach_a_server_and_secrets_do_not(monkeypatch, tmp_path, way):
    for name in PASSED_ON:
        monkeypatch.setenv(name, f"value of {name.lower()}")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    for name in KEPT:
        monkeypatch.setenv(name, SECRET)
    server = tmp_path / "echo.py"
    server.write_text(ECHO)
    entry = {"command": sys.executable, "args": [str(server)], "env": {"TZ": "Europe/Oslo"}}
    target = {"file": str(server), "command": [sys.executable, str(server)], "entry": {"mcpServers": {"a": entry}}}[way]
    with connect(target) as handle:
        found = json.loads(handle.session().call(ToolCall("environment")).text)
    assert [name for name in PASSED_ON if name not in found] == []
    assert found["TZ"] == ("Europe/Oslo" if way == "entry" else "Asia/Tokyo")  # an entry's own go first
    assert SECRET not in json.dumps(found)
