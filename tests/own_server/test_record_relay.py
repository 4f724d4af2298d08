"""`toolgym record` between a live client and its server: all that passes, passes as it is."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toolgym.tasks.files import read_tasks

ROOT = Path(__file__).resolve().parents[2]
KINDS = Path(__file__).with_name("kinds_server.py")
RESULTS = runpy.run_path(str(KINDS))["RESULTS"]
HANDSHAKE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"roots": {}},
    "clientInfo": {"name": "t", "version": "1"},
}


def said_to(command: list[str]) -> list[dict[str, Any]]:
    """All that a server says to one client, sorted by what it answers."""
    requests: list[dict[str, Any]] = [{"method": "initialize", "params": HANDSHAKE}]
    requests += [{"method": f"{kind}/list"} for kind in ("tools", "resources", "prompts", "no-such")]
    requests.append({"method": "resources/read", "params": {"uri": "file:///notes/a.md"}})
    for what in [*RESULTS, "no such kind", "change"]:
        for fails in (False, True):
            params = {"name": "say", "arguments": {"what": what, "fails": fails}, "_meta": {"progressToken": "p"}}
            requests.append({"method": "tools/call", "params": params})
    lines = [{"jsonrpc": "2.0", "id": number, **request} for number, request in enumerate(requests)]
    lines.insert(1, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    lines.append({"jsonrpc": "2.0", "id": "mine", "result": {"roots": []}})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_message_is_the_same_with_and_without_a_recorder(tmp_path):
    """Every kind of content, failures, protocol errors, structured content, `_meta`, lists and notifications.

    Only the tools that agents never see (`toolgym_reset`) are left out of the list.
    """
    output = tmp_path / "tasks.yaml"
    server = [sys.executable, str(KINDS)]
    start = [sys.executable, "-c", "from toolgym.cli import main; main()"]
    without = said_to(server)
    between = said_to([*start, "record", "--output", str(output), "--", *server])
    listed = next(message for message in without if "tools" in message.get("result", {}))
    listed["result"]["tools"] = [tool for tool in listed["result"]["tools"] if tool["name"] == "say"]
    assert between == without
    tasks, _ = read_tasks(output)
    assert [call.arguments["what"] for call in tasks[0].gold_calls] == [*RESULTS, "change"]  # none that failed


def test_several_servers_pass_content_of_every_kind(tmp_path):
    """As one server; their tools alone."""
    entry = {"command": sys.executable, "args": [str(KINDS)]}
    config = tmp_path / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"a": entry, "b": entry}}))
    kinds = list(RESULTS)
    calls = [{"name": "b_say", "arguments": {"what": kind}} for kind in kinds]
    lines = [{"id": 0, "method": "initialize", "params": HANDSHAKE}, {"method": "notifications/initialized"}]
    lines += [{"id": number, "method": "tools/call", "params": call} for number, call in enumerate(calls, 1)]
    text = "".join(json.dumps({"jsonrpc": "2.0", **line}) + "\n" for line in lines)
    start = [sys.executable, "-c", "from toolgym.cli import main; main()", "record", "--output"]
    command = [*start, str(tmp_path / "tasks.yaml"), "--servers", str(config)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT, timeout=120)
    answers = {message["id"]: message for message in map(json.loads, done.stdout.splitlines())}
    for number, kind in enumerate(kinds, 1):
        result = answers[number]["result"]
        assert result["content"] == RESULTS[kind]["content"], kind
        assert result.get("structuredContent") == RESULTS[kind].get("structuredContent"), kind


@pytest.mark.parametrize("broken", ["missing-program", "exits"])
def test_a_server_that_is_not_there_is_said(tmp_path, broken):
    server = ["no-such-program-anywhere"] if broken == "missing-program" else [sys.executable, "-c", "exit('no data')"]
    start = [sys.executable, "-c", "from toolgym.cli import main; main()", "record", "-o", str(tmp_path / "t.yaml")]
    line = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HANDSHAKE}) + "\n"
    done = subprocess.run(
        [*start, "--", *server], input=line, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120
    )
    assert ("no program" if broken == "missing-program" else "no data") in done.stderr
    assert "Traceback" not in done.stderr
