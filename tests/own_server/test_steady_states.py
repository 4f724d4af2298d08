"""States that hold the time or a random id: found by running twice, named, and left out."""

import json
import time
import uuid

import gymnasium
import pytest
from fastmcp import FastMCP

import toolgym  # noqa: F401 (registers the environments)
from toolgym.cli import main
from toolgym.errors import ConfigError
from toolgym.mcp.ignore import differing, make_paths, without
from toolgym.mcp.server import ToolServer
from toolgym.mcp_env import McpDomain, McpOptions
from toolgym.world import Base, World

SERVER = '''
import time, uuid
from fastmcp import FastMCP

def make():
    server, orders, by_id = FastMCP("clock"), [], {}

    @server.tool
    def order(item: str) -> str:
        """Orders."""
        made = {"id": uuid.uuid4().hex, "item": item, "created": time.time(), "log": [{"at": time.time(), "n": 1}]}
        orders.append(made)
        by_id[made["id"]] = {"item": item}
        return "ordered " + made["id"]

    @server.tool(annotations={"readOnlyHint": True})
    def list_orders() -> list[dict]:
        """Lists."""
        return orders

    @server.tool(annotations={"readOnlyHint": True})
    def index() -> dict:
        """Orders by id."""
        return by_id

    @server.tool(annotations={"readOnlyHint": True})
    def clock() -> dict:
        """Now."""
        return {"now": int(time.time()), "zone": "UTC"}

    return server
'''
TOOLS = ["list_orders", "index", "clock"]
IGNORE = ["list_orders.*.id", "list_orders.*.created", "list_orders.**.at", "index.#", "clock.now"]
ACTION = '<tool_call>{"name": "order", "arguments": {"item": "lamp"}}</tool_call>'


@pytest.fixture
def clock(tmp_path):
    (tmp_path / "clock.py").write_text(SERVER)
    (tmp_path / "tasks.yaml").write_text("tasks:\n  - {id: a, request: x, calls: [{order: {item: lamp}}]}\n")
    return tmp_path


def check(capsys, clock, *more):
    arguments = ["tasks", "check", str(clock / "tasks.yaml"), "--servers", f"{clock / 'clock.py'}:make", "--json"]
    status = 0
    try:
        main([*arguments, *(part for tool in TOOLS for part in ("--state-tool", tool)), *more])
    except SystemExit as stop:
        status = stop.code or 0
    return status, json.loads(capsys.readouterr().out)[0]


def test_a_check_names_what_differs_and_what_it_names_can_be_left_out(clock, capsys):
    status, told = check(capsys, clock, "--write")
    assert (status, told["status"]) == (1, "unsteady")
    assert set(told["paths"]) >= {"clock.now", "list_orders.*.created", "list_orders.*.log.*.at", "index.#"}
    assert "results" not in (clock / "tasks.yaml").read_text()  # nothing is frozen that no episode could reach
    status, told = check(capsys, clock, *(part for path in told["paths"] for part in ("--ignore", path)))
    assert (status, told["status"]) == (0, "ok")
    assert "order differ" in told["detail"]  # its result holds the id


def test_an_oracle_solves_what_is_left(clock, capsys):
    assert check(capsys, clock, "--write", *(part for path in IGNORE for part in ("--ignore", path)))[0] == 0
    assert check(capsys, clock, *(part for path in IGNORE for part in ("--ignore", path)))[1]["status"] == "ok"
    made = {"servers": f"{clock / 'clock.py'}:make", "tasks": str(clock / "tasks.yaml"), "state_tools": TOOLS}
    for item, outcome in (("lamp", "solved"), ("mug", "unsolved")):
        env = gymnasium.make("ToolGym/MCP-v0", ignore=IGNORE, **made)
        env.reset(seed=0)
        env.step(ACTION.replace("lamp", item))
        assert env.step("<response>Done.</response>")[-1]["outcome"] == outcome
        env.close()


def test_a_list_in_mcp_json_says_what_is_left_out(clock):
    """Each server's own; among several servers a table may be named with its server's name."""
    entry = {"command": "python", "args": ["-c", "from clock import make; make().run()"], "cwd": "."}
    entry["toolgym"] = {"state_tools": ["clock"], "ignore": ["clock.zone"]}
    config = clock / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"a": entry, "b": entry}}))
    domain = McpDomain(McpOptions(str(config), ignore=["a.clock.now"], spares=0, start_timeout_s=60))
    session = domain.session()
    try:
        seen = session.state()
    finally:
        session.close()
    assert seen is not None
    assert {name: list(table) for name, table in seen.items()} == {"a.clock": [], "b.clock": ["now"]}


def test_a_tool_server_takes_time_and_ids_from_its_world():
    server = ToolServer("s", lambda key: World(Base({})))
    with pytest.raises(ConfigError, match="seen from outside"):
        McpDomain(McpOptions(server, ignore=["a.b"]))
    with pytest.raises(ConfigError, match=r"orders\.\*\.created_at"):
        McpDomain(McpOptions(lambda: FastMCP("x"), ignore=[7]))  # pyright: ignore


STATE = {
    "orders": {"a.1": {"n": 1, "at": 5, "items": [{"id": 1, "at": 2}]}, "b2": {"n": 0, "at": 6}},
    "files": {"logs/x.log": "t", "a.b": "u"},
}


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        (["orders"], {"files": STATE["files"]}),
        (["orders.*.at", "orders.b2", "files"], {"orders": {"a.1": {"n": 1, "items": [{"id": 1, "at": 2}]}}}),
        (["orders", "files.*"], {"files": {}}),
        (["**.at", "files"], {"orders": {"a.1": {"n": 1, "items": [{"id": 1}]}, "b2": {"n": 0}}}),
        (["orders.*.items.0", "**.at", "files"], {"orders": {"a.1": {"n": 1, "items": []}, "b2": {"n": 0}}}),
        (["orders.a.1.*", "orders.b2", "files.*.log"], {"orders": {"a.1": {}}, "files": {"a.b": "u"}}),
        (["orders.#", "orders.*.items", "orders.*.n", "files"], {"orders": {"1": {"at": 5}, "2": {"at": 6}}}),
        (["orders.*.nothing", "Files.*"], STATE),
    ],
)  # fmt: skip
def test_paths(ignore, left):
    assert without(STATE, make_paths(ignore)) == left


def test_whatever_differs_is_named_so_that_leaving_it_out_makes_the_two_equal():
    def state():
        now = time.time()
        return {
            "list": {"value": [now, 1]},
            "named.table": {"x": {"deep": [{"at": now, "kept": 2}]}},
            "ids": {uuid.uuid4().hex: {"name": "ann"}},
            "flat": {"now": now, "kept": True},
        }

    one, other = state(), state()
    paths = differing(one, other)
    assert paths == ["list.*.*", "named.table.*.deep.*.at", "ids.#", "flat.now"]
    one, other = (without(value, make_paths(paths)) for value in (one, other))
    assert one == other
    assert one["flat"] == {"kept": True}
    assert one["named.table"] == {"x": {"deep": [{"kept": 2}]}}
    assert one["ids"] == {"1": {"name": "ann"}}
