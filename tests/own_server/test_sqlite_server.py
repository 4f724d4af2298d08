"""A real server over stdio whose state is an SQLite file in its workspace."""

import json
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest
import yaml

import toolgym  # noqa: F401 (registers the environments)
from toolgym.cli import main
from toolgym.errors import ConfigError
from toolgym.mcp.connect import connect
from toolgym.messages import ToolCall

SHOP = Path(__file__).with_name("sqlite_shop.py")
TASKS = """
tasks:
  - {id: lamps, request: Two lamps please., calls: [{stock: {}}, {order: {item: lamp, count: 2}}]}
  - {id: swap, request: Lamps for the rug., calls: [{cancel: {number: 1}}, {order: {item: lamp, count: 5}}]}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an `mcp.json`, a template and tasks."""
    (tmp_path / "template").mkdir()
    subprocess.run([sys.executable, str(SHOP), str(tmp_path / "template" / "shop.db"), "make"], check=True)
    configure(tmp_path)
    (tmp_path / "tasks.yaml").write_text(TASKS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(place: Path, **ours) -> None:
    """Writes the `mcp.json`."""
    entry = {
        "command": sys.executable,
        "args": [str(SHOP), "{workspace}/shop.db"],
        "toolgym": {"workspace": "template", **ours},
    }
    (place / "mcp.json").write_text(json.dumps({"mcpServers": {"shop": entry}}))


def run(*words: object) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def check(*words: object) -> int:
    return run("tasks", "check", "tasks.yaml", "--servers", "mcp.json", *words)


def test_the_diff_names_table_and_row(place):
    with connect(place / "mcp.json") as handle:
        session = handle.session()
        assert session.call(ToolCall("order", {"item": "lamp", "count": 2})).text == "order 2"
        diff = session.diff()
        assert diff is not None
        assert [*diff["shop.db.log"].values()] == [{"what": "ordered"}]
        assert {table: diff[table] for table in diff if table != "shop.db.log"} == {
            "shop.db.items": {"lamp": {"id": "lamp", "name": "desk lamp", "stock": 3}},
            "shop.db.orders": {"2": {"number": 2, "item": "lamp", "count": 2}},
        }
        assert session.fork_kind == "replay"
        twin = session.fork()
        twin.call(ToolCall("cancel", {"number": 2}))
        assert (twin.diff() or {}).keys() == {"shop.db.items", "shop.db.log"}
        assert session.diff() == diff
        session.reset()
        assert session.diff() == {}
        assert session.call(ToolCall("order", {"item": "lamp", "count": 1})).text == "order 2"
    assert [path.name for path in (place / "template").iterdir()] == ["shop.db"]


def test_what_is_in_an_open_transaction_is_not_done_and_not_waited_for(place):
    with connect(place / "mcp.json") as handle:
        session = handle.session()
        assert session.call(ToolCall("begin", {"item": "lamp"})).text == "begun"
        assert session.diff() == {}
        assert json.loads(session.call(ToolCall("stock", {})).text) == {"lamp": 0, "rug": 1}
        session.call(ToolCall("order", {"item": "rug", "count": 1}))  # which ends the transaction
        assert (session.diff() or {})["shop.db.items"]["lamp"]["stock"] == 0


def test_frozen_tasks_are_solved_by_the_oracle_and_explained_by_rows(place, capsys):
    assert check("--write") == 0
    kept = yaml.safe_load((place / "tasks.yaml").read_text())["frozen"]
    assert kept["lamps"]["state"] == ["workspace"]
    words = ["--env", "ToolGym/MCP-v0", "--set", "servers=mcp.json", "--set", "tasks=tasks.yaml"]
    capsys.readouterr()
    assert run("eval", "--agent", "oracle", *words, "--episodes", 4, "--json") == 0
    assert json.loads(capsys.readouterr().out)["pass@1"] == 1.0
    assert run("eval", "--agent", "noop", *words, "--episodes", 2, "--output", "none.jsonl") == 0
    capsys.readouterr()
    for episode in (0, 1):
        assert run("show", "none.jsonl", "--episode", episode, *words[2:]) == 0
    told = capsys.readouterr().out
    assert "shop.db.items.lamp" in told
    assert '"stock":3' in told
    assert "shop.db.orders.1" in told


def test_named_tables_are_kept_with_the_tasks_and_hold(place, capsys):
    configure(place, database={"tables": ["orders", "items"]})
    assert check("--write") == 0
    kept = yaml.safe_load((place / "tasks.yaml").read_text())["frozen"]["lamps"]
    assert kept["state"] == ["tables: items, orders", "workspace"]
    assert set(kept["diff"]) == {"shop.db.items", "shop.db.orders"}
    configure(place)
    env = gymnasium.make("ToolGym/MCP-v0", servers="mcp.json", tasks="tasks.yaml")
    with pytest.raises(ConfigError, match=r"frozen with tables: items, orders; workspace; now workspace\)"):
        env.reset(seed=0)
    env.close()
    configure(place, database={"tables": ["oders"]})
    assert check() == 2
    assert "Did you mean 'orders'?" in " ".join(capsys.readouterr().err.split())
