"""A real server over stdio whose state is in a PostgreSQL database: one an episode, seen by rows, then dropped."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path

import gymnasium
import pytest
import yaml

import toolgym  # noqa: F401 (registers the environments)
from toolgym.cli import main
from toolgym.errors import ConfigError, InfraError, ServerStartError
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.messages import ToolCall

pytestmark = pytest.mark.postgres

SHOP = Path(__file__).with_name("postgres_shop.py")
SCHEMA = """
CREATE TABLE items (id text PRIMARY KEY, name text, stock integer);
CREATE TABLE orders (number serial PRIMARY KEY, item text, count integer);
INSERT INTO items VALUES ('lamp', 'desk lamp', 5), ('rug', 'red rug', 1);
INSERT INTO orders (item, count) VALUES ('rug', 1);
"""
TASKS = """
tasks:
  - {id: lamps, request: Two lamps please., calls: [{stock: {}}, {order: {item: lamp, count: 2}}]}
  - {id: rug, request: The rug please., calls: [{order: {item: rug, count: 1}}]}
"""


@pytest.fixture
def shop(postgres):
    """The cluster with the template `shop`; afterwards nothing of an episode's is left in it."""
    postgres.make("shop", SCHEMA)
    yield postgres
    assert postgres.databases() == {"shop"}


def entry(url: str, *, env=None, args=(), **database) -> dict:
    ours = {"database": {"url": url, "template": "shop", **database}}
    return {"command": sys.executable, "args": [str(SHOP), *args], "env": env or {}, "toolgym": ours}


def connected(url: str, *, timeout_s: float = 30, **given) -> ServerHandle:
    return connect({"mcpServers": {"shop": entry(url, **given)}}, options=WireOptions(timeout_s=timeout_s))


def run(*words: object) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_each_episode_has_a_database_of_its_own_and_the_diff_names_its_rows(shop):
    with connected(shop.url()) as handle:
        one, other = handle.session(), handle.session()
        assert one.sees() == ("database: shop",)
        assert len(shop.databases()) == 3
        assert one.call(ToolCall("order", {"item": "lamp", "count": 2})).text == "order 2"
        diff = {
            "items": {"lamp": {"id": "lamp", "name": "desk lamp", "stock": 3}},
            "orders": {"2": {"number": 2, "item": "lamp", "count": 2}},
        }
        assert one.diff() == diff
        assert other.call(ToolCall("run", {"sql": "DELETE FROM orders"})).text == "done"
        assert other.diff() == {"orders": {"1": None}}
        assert one.fork_kind == "replay"
        twin = one.fork()
        twin.call(ToolCall("run", {"sql": "CREATE TABLE new (a int)"}))
        assert (twin.diff() or {})["information_schema.columns"].keys() == {"new,a"}
        assert one.diff() == diff
        one.reset()
        assert one.diff() == {}
        assert one.call(ToolCall("order", {"item": "rug", "count": 1})).text == "order 2"
        assert one.call(ToolCall("run", {"sql": "DROP TABLE orders"})).text == "done"
        assert (one.diff() or {})["orders"] == {"1": None}


def test_what_differs_in_each_episode_and_the_password_are_never_seen(shop, caplog):
    told = []
    with connected(shop.tcp()) as handle:
        for _ in range(2):
            session = handle.session()
            told.append([session.call(ToolCall(name, {})).text for name in ("tell", "fail")])
            told[-1].append(next(tool.description for tool in session.tools if tool.name == "tell"))
            asked = session.call(ToolCall("run", {"sql": "ALTER DATABASE toolgym_database SET work_mem = '1MB'"}))
            assert asked.text == "done", "what agents see names the database"
            with pytest.raises(InfraError, match=r"toolgym_database|last output|last said") as died:
                session.call(ToolCall("die", {}))
            whole = "".join(traceback.format_exception(died.value)) + repr(died.value)
            told[-1].append(whole.partition("stderr:")[2].partition("\n\n")[0])
            session.close()
    assert told[0][:3] == told[1][:3]
    assert told[0][0] == "toolgym_database of ***"
    text = str(told) + caplog.text + repr(handle)
    assert shop.PASSWORD not in text
    assert "s3cret%2Fw%3Ard" not in text


def test_a_server_may_be_told_in_its_own_words(shop):
    url = shop.url("{database}")
    with connected(shop.url(), env={"DATABASE_URL": url}) as handle:
        assert json.loads(handle.session().call(ToolCall("stock", {})).text) == {"lamp": 5, "rug": 1}
    words = {"PLACE": "{database_url}", "DATABASE_URL": "postgresql://elsewhere/live"}
    with connected(shop.url(), env=words) as handle:  # what stands there is not what the episode uses
        assert json.loads(handle.session().call(ToolCall("stock", {})).text) == {"lamp": 5, "rug": 1}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("password", "password authentication failed"),
        ("template", "template database \"nope\" does not exist. Make it, load"),
        ("used", "being accessed by other users.* Close what is connected to 'shop'"),
        ("right", "permission denied to create database.*CREATEDB"),
        ("copy", "permission denied to copy database .*IS_TEMPLATE"),
        ("port", "(?i)connection refused"),
        ("maintenance", "database \"gone\" does not exist"),
    ],
)  # fmt: skip
def test_what_goes_wrong_at_the_start_is_told_with_what_to_do(shop, kind, told):
    given = {"template": "nope"} if kind == "template" else {}
    url = {
        "password": shop.tcp("wr0ng/word"),
        "right": shop.tcp("r0le/word", "weak"),
        "copy": shop.tcp("r0le/word", "maker"),
        "port": f"postgresql://u:pass%2Fword@127.0.0.1:{free_port()}/postgres",
        "maintenance": shop.tcp().removesuffix("postgres") + "gone",
    }.get(kind, shop.tcp())
    shop.sql("DROP ROLE IF EXISTS weak; CREATE ROLE weak LOGIN PASSWORD 'r0le/word'")
    shop.sql("DROP ROLE IF EXISTS maker; CREATE ROLE maker LOGIN CREATEDB PASSWORD 'r0le/word'")
    with ExitStack() as held:
        if kind == "used":
            held.enter_context(shop.connect("shop"))
        with connected(url, **given) as handle, pytest.raises(ServerStartError) as error:
            handle.session()
    message = " ".join(str(error.value).split())
    assert re.search(told, message), message
    assert "No database could be made from the template" in message
    whole = "".join(traceback.format_exception(error.value))
    for secret in (shop.PASSWORD, "wr0ng", "r0le", "pass%2Fword", "pass/word", "s3cret"):
        assert secret not in whole


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_database_server_that_goes_away_ends_the_episode_as_infra_error(shop):
    task = {"request": "Two lamps.", "calls": [{"order": {"item": "lamp", "count": 2}}]}
    servers = {"mcpServers": {"shop": entry(shop.url())}}
    env = gymnasium.make("ToolGym/MCP-v0", servers=servers, tasks=[task], spares=0)
    try:
        env.reset(seed=0)
        env.step('<tool_call>{"name": "order", "arguments": {"item": "lamp", "count": 2}}</tool_call>')
        shop.stop()
        *_, info = env.step('<tool_call>{"name": "order", "arguments": {"item": "rug", "count": 1}}</tool_call>')
        assert info["outcome"] == "infra_error"
        with pytest.raises(ServerStartError, match="No database could be made"):
            env.reset(seed=0)
        shop.start()
        env.reset(seed=0)
        env.step('<tool_call>{"name": "order", "arguments": {"item": "lamp", "count": 2}}</tool_call>')
        assert env.step("<response>Done.</response>")[-1]["outcome"] == "solved"
    finally:
        env.close()


def test_a_lock_that_the_server_holds_is_not_waited_for_without_end(shop):
    with connected(shop.url(), timeout_s=3) as handle:
        session = handle.session()
        session.call(ToolCall("run", {"sql": "BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE"}))
        with pytest.raises(InfraError, match="no answer within 3 s"):
            session.diff()
        session.call(ToolCall("run", {"sql": "ROLLBACK"}))
        assert session.diff() == {}


KILLED = """
import json, sys, time
from toolgym.mcp.connect import connect
session = connect(json.loads(sys.argv[1])).session()
print("ready", flush=True)
time.sleep(600)
"""


def test_what_a_killed_process_left_is_dropped_at_the_next_start_and_nothing_else(shop):
    servers = json.dumps({"mcpServers": {"shop": entry(shop.url())}})
    with subprocess.Popen([sys.executable, "-c", KILLED, servers], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        (left,) = shop.databases() - {"shop"}
        machine = "0" * 8 if not left.startswith("toolgym_" + "0" * 8) else "1" * 8
        theirs = [f"toolgym_{machine}{left[16:]}", "toolgym_notes", f"{left}_x", left[:-7], f"not_{left}"]
        for name in theirs:
            shop.sql(f'CREATE DATABASE "{name[:63]}"')
        with connected(shop.url()) as handle:
            mine = shop.databases()
            handle.session()
            assert left in mine, "its process lives"
            assert left in shop.databases()
        os.kill(process.pid, signal.SIGKILL)
    with connected(shop.url()) as handle:
        handle.session()
        assert left not in shop.databases()
        assert {name[:63] for name in theirs} <= shop.databases()
    for name in theirs:
        shop.sql(f'DROP DATABASE "{name[:63]}"')


@pytest.mark.slow
def test_tasks_are_frozen_with_the_template_s_name_and_solved_by_the_oracle(shop, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_URL", shop.tcp())
    listed = {"mcpServers": {"shop": entry("${SHOP_URL}", tables=["orders", "items"])}}
    Path("mcp.json").write_text(json.dumps(listed))
    Path("tasks.yaml").write_text(TASKS)
    assert run("tasks", "check", "tasks.yaml", "--servers", "mcp.json", "--write") == 0
    kept = yaml.safe_load(Path("tasks.yaml").read_text())["frozen"]["lamps"]
    assert kept["state"] == ["database: shop", "tables: items, orders"]
    assert set(kept["diff"]) == {"items", "orders"}
    assert run("inspect", "--servers", "mcp.json") == 0
    assert "6 tools, forked by replay" in capsys.readouterr().out
    words = ["--env", "ToolGym/MCP-v0", "--set", "servers=mcp.json", "--set", "tasks=tasks.yaml"]
    assert run("eval", "--agent", "oracle", *words, "--episodes", 4, "--output", "all.jsonl", "--json") == 0
    assert json.loads(capsys.readouterr().out)["pass@1"] == 1.0
    assert run("eval", "--agent", "noop", *words, "--episodes", 2, "--output", "none.jsonl") == 0
    assert run("show", "none.jsonl", "--episode", 0, *words[2:]) == 0
    assert '"stock":' in capsys.readouterr().out
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"s3cret" not in written
    listed["mcpServers"]["shop"]["toolgym"]["database"]["tables"] = []
    Path("mcp.json").write_text(json.dumps(listed))
    env = gymnasium.make("ToolGym/MCP-v0", servers="mcp.json", tasks="tasks.yaml")
    with pytest.raises(ConfigError, match=r"frozen with database: shop; tables: items, orders; now database: shop\)"):
        env.reset(seed=0)
    env.close()


def test_record_gives_the_client_s_server_a_database_and_drops_it(shop, tmp_path):
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"shop": entry(shop.tcp())}}))
    command = [sys.executable, "-m", "toolgym", "record", "--output", "t.yaml", "--servers", "mcp.json"]
    call = {"name": "order", "arguments": {"item": "rug", "count": 1}}
    lines = [
        {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}}},
        {"id": 2, "method": "tools/call", "params": call},
        {"id": 3, "method": "tools/call", "params": {"name": "tell", "arguments": {}}},
    ]
    said = "".join(json.dumps({"jsonrpc": "2.0", **line}) + "\n" for line in lines)
    done = subprocess.run(command, input=said, capture_output=True, text=True, cwd=tmp_path, check=True)
    answers = {each["id"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert answers[2]["result"]["content"][0]["text"] == "order 2"
    assert answers[3]["result"]["content"][0]["text"] == "toolgym_database of ***"
    assert yaml.safe_load((tmp_path / "t.yaml").read_text())["tasks"][0]["calls"][0] == {"order": call["arguments"]}
