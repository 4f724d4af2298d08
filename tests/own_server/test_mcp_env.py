"""`ToolGym/MCP-v0`: servers of every kind as environments."""

import inspect
import json
import sys
from contextlib import nullcontext
from pathlib import Path

import gymnasium
import pytest
from fastmcp import FastMCP

import toolgym  # noqa: F401 (registers the environments)
from toolgym.adapters.chat import ChatEpisode, opened
from toolgym.adapters.trl import environment_factory
from toolgym.checker import check_tool_env
from toolgym.errors import ConfigError, ForkUnsupportedError, TaskError
from toolgym.mcp.serve import serving
from toolgym.mcp.server import ToolServer
from toolgym.mcp_env import load_server
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import open_env
from toolgym.world import Base

SHOP = {
    "id": "lamps",
    "request": "Two lamps, please.",
    "calls": [{"stock_of": {"item": "lamp"}}, {"order": {"item": "lamp", "count": 2}}],
    "response": "Ordered.",
}
NOTE = {"request": "Note b: milk.", "calls": [{"write_note": {"id": "b", "text": "milk"}}]}
WORLDLY = ToolServer("worldly", base=Base({}))
TWO = {"mcpServers": {"a": {"command": "x"}, "b": {"command": "x"}}}
SIMULATED = {"mcpServers": {"a": {"simulated": {"tools": [], "model": "m", "base_url": "http://127.0.0.1:9"}}}}
READS = [{"name": "read", "arguments": {"id": id}} for id in ("a", "b")]
LISTS = {"name": "list_notes", "path": "notes", "table": "notes"}


def make(**settings):
    return gymnasium.make("ToolGym/MCP-v0", prompt="short", start_timeout_s=60, **settings)


def follow_gold(env):
    """The outcome of the gold chain of the task that is running."""
    info = {}
    for action in env.task.gold:
        calls = tuple(call.call() for call in action.calls)
        *_, info = env.step(render(Turn(calls=calls, response=action.response)))
    return info["outcome"]


@pytest.mark.slow
def test_a_server_object_in_a_file_conforms(shop_file):
    env = f"{shop_file}:server"
    report = check_tool_env("ToolGym/MCP-v0", options={"servers": env, "tasks": [SHOP], "prompt": "short"})
    assert len(report.results) == 10


def test_a_python_file_is_served_over_stdio_and_ends_with_the_environment(shop_file, leftovers):
    env = make(servers=str(shop_file), tasks=[SHOP])
    request, _ = env.reset(seed=0)
    assert request == "Two lamps, please."
    assert env.session.fork_kind == "copy"
    assert env.task.gold_diff == {
        "items": {"lamp": {"stock": 0}},
        "orders": {"order_1": {"item": "lamp", "count": 2}},
    }
    assert follow_gold(env) == "solved"
    env.close()
    assert leftovers()[0] == 0


@pytest.mark.parametrize("mode", ["serve", "resettable"])
def test_a_foreign_server_is_seen_through_its_reading_tool(raw_server_command, mode, leftovers):
    """State by `list_notes`; reset by restart, or by the server's own hidden tools; forked by replay, or by copy."""
    env = make(servers=raw_server_command(mode), tasks=[NOTE], state_tools=[LISTS])
    names = [tool.name for tool in env.tools]
    assert names == ["list_notes", "write_note", "misbehave", "read_badly"]
    assert env.session.fork_kind == ("copy" if mode == "resettable" else "replay")
    for seed in range(3):
        env.reset(seed=seed)
        assert env.task.gold_diff == {"notes": {"b": {"id": "b", "text": "milk"}}}
        assert env.session.diff() == {}
        fork = env.fork()
        assert follow_gold(env) == "solved"
        assert fork.session.diff() == {}
        _, _, _, _, info = fork.step("<response>Done.</response>")
        assert info["outcome"] == "unsolved"
        fork.close()
    hidden = env.session.call(ToolCall("toolgym_reset"))
    assert hidden.outcome == "unknown_tool"
    env.close()
    assert leftovers()[0] == 0


def test_without_a_state_that_can_be_seen_the_gold_calls_tell_success(raw_server_command):
    env = make(servers=raw_server_command(), tasks=[NOTE])
    env.reset(seed=0)
    assert [item.required for item in env.task.checklist] == [True]
    fork = env.fork()
    assert fork.step("<response>Done.</response>")[4]["outcome"] == "unsolved"
    assert follow_gold(env) == "solved"
    fork.close()
    env.close()


def test_several_servers_are_one(raw_server_command, shop_file, tmp_path):
    command = raw_server_command()
    raw = {
        "command": command[0],
        "args": command[1:],
        "toolgym": {"state_tools": [LISTS], "hidden_tools": ["misbehave"]},
    }
    config = {"mcpServers": {"notes": raw, "shop": {"command": sys.executable, "args": [str(shop_file)]}}}
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(config))
    calls = [
        {"notes_write_note": {"id": "b", "text": "milk"}},
        {"shop_order": {"item": "lamp", "count": 1}},
    ]
    with_both = make(servers=str(path), tasks=[{"request": "Both.", "calls": calls}])
    assert [tool.name for tool in with_both.tools] == [
        "notes_list_notes",
        "notes_write_note",
        "notes_read_badly",
        "shop_stock_of",
        "shop_order",
    ]
    with_both.reset(seed=0)
    assert list(with_both.task.gold_diff) == ["notes.notes", "shop.items", "shop.orders"]
    assert follow_gold(with_both) == "solved"
    assert with_both.session.call(ToolCall("write_note", {})).outcome == "unknown_tool"
    with_both.close()


@pytest.mark.parametrize("several", [False, True])
def test_what_the_environment_and_an_mcp_json_say_of_a_server_both_count(raw_server_command, several):
    """Of several servers, tools go by the names that are shown."""
    command = raw_server_command()
    raw = {"command": command[0], "args": command[1:]}
    entry = raw | {"toolgym": {"state_tools": [LISTS], "hidden_tools": ["misbehave"]}}
    prefix, servers = ("one_", {"one": entry, "one_two": raw}) if several else ("", {"one": entry})
    task = {"request": "Note.", "calls": [{f"{prefix}write_note": {"id": "b", "text": "milk"}}]}
    more = {"hidden_tools": [f"{prefix}read_badly"], "state_tools": ["one_two_list_notes"] if several else []}
    env = make(servers={"mcpServers": servers}, tasks=[task], **more)
    shown = [tool.name for tool in env.tools]
    assert shown[:2] == [f"{prefix}list_notes", f"{prefix}write_note"]
    assert shown[2:] == [
        f"one_two_{name}" for name in ("list_notes", "write_note", "misbehave", "read_badly") if several
    ]
    env.reset(seed=0)
    tables = {"one.notes", "one_two.list_notes"} if several else {"notes"}
    assert set(env.session.state()) == tables
    assert follow_gold(env) == "solved"
    env.close()


def test_a_workspace_is_copied_for_each_episode_and_shown_under_one_name(tmp_path):
    """The template stays as it is; the agent sees /workspace wherever the copy really is."""
    template = tmp_path / "template"
    template.mkdir()
    (template / "a.txt").write_text("one")
    server = tmp_path / "files.py"
    server.write_text(
        "import os\nfrom fastmcp import FastMCP\nmcp = FastMCP('files')\n"
        "@mcp.tool\ndef write(path: str, text: str) -> str:\n"
        "    open(path, 'w').write(text)\n    return 'wrote ' + os.path.abspath(path)\n"
        "mcp.run('stdio', show_banner=False)\n"
    )
    entry = {"command": sys.executable, "args": [str(server)], "toolgym": {"workspace": str(template)}}
    calls = [{"write": {"path": "/workspace/b.txt", "text": "two"}}, {"write": {"path": "a.txt", "text": "three"}}]
    env = make(servers={"mcpServers": {"files": entry}}, tasks=[{"request": "Write.", "calls": calls}], spares=0)
    env.reset(seed=0)
    assert env.task.gold_diff == {"files": {"a.txt": "three", "b.txt": "two"}}
    assert "wrote /workspace/b.txt" in env.step(render(Turn(calls=(env.task.gold_calls[0].call(),))))[0]
    workspace = env.session._connection.workspace
    assert workspace.is_dir()
    env.close()
    assert not workspace.exists()
    assert [path.name for path in template.iterdir()] == ["a.txt"]


def make_counter():
    server = FastMCP("counter")
    state = {"n": 0}

    @server.tool
    def add(by: int) -> int:
        """Adds."""
        state["n"] += by
        return state["n"]

    @server.tool(annotations={"readOnlyHint": True})
    def total() -> int:
        """Tells the total."""
        return state["n"]

    return server


def test_a_function_that_makes_a_fastmcp_server():
    env = make(
        servers=make_counter, tasks=[{"request": "Add 2.", "calls": [{"add": {"by": 2}}]}], state_tools=["total"]
    )
    env.reset(seed=0)
    assert env.task.gold_diff == {"total": {"value": 2}}
    assert follow_gold(env) == "solved"
    env.close()


def test_a_state_tool_that_is_called_twice_has_two_tables():
    """A wrong final state is seen in either of them."""

    def make_notes() -> FastMCP:
        server, notes = FastMCP("notes"), {"a": "x", "b": "y"}

        @server.tool
        def write(id: str, text: str) -> str:
            """Writes."""
            notes[id] = text
            return "written"

        @server.tool(annotations={"readOnlyHint": True})
        def read(id: str) -> str:
            """Reads."""
            return notes[id]

        return server

    tools = [{**tool, "table": table} for tool, table in zip(READS, ["note a", "note b"], strict=True)]
    task = {"request": "Set a to 1.", "calls": [{"write": {"id": "a", "text": "1"}}]}
    env = make(servers=make_notes, tasks=[task], state_tools=tools)
    env.reset(seed=0)
    assert env.task.gold_diff == {"note a": {"value": 1}}
    fork = env.fork()
    assert follow_gold(env) == "solved"
    fork.session.call(ToolCall("write", {"id": "a", "text": "1"}))
    fork.session.call(ToolCall("write", {"id": "a", "text": "wrong"}))
    assert fork.step("<response>Done.</response>")[-1]["outcome"] == "unsolved"
    for each in (env, fork):
        each.close()


ADD = {"request": "Add 2.", "calls": [{"add": {"by": 2}}]}


@pytest.mark.parametrize("where", ["object", "url"])
def test_a_server_that_there_is_but_once_begins_no_episode_where_a_gold_chain_ended(where):
    """Without a reset tool it says so; a chain that was frozen before leaves it as it was."""
    ran = {"diff": {"total": {"value": 2}}, "results": ["2"], "writes": [True], "state": ["state_tool: total"]}
    for task in (ADD, {**ADD, "frozen": ran}):
        server = make_counter()
        with serving(server) if where == "url" else nullcontext(server) as servers:
            env = make(servers=servers, tasks=[task], state_tools=["total"])
            if task is ADD:
                with pytest.raises(ForkUnsupportedError, match=r"cannot be reset .* or a function that makes it"):
                    env.reset(seed=0)
            else:
                env.reset(seed=0)
                assert follow_gold(env) == "solved"
            env.close()


def test_a_server_object_that_is_only_read_has_any_number_of_episodes():
    task = {"request": "How many?", "calls": ["total"], "said": "0"}
    env = make(servers=make_counter(), tasks=[task], state_tools=["total"])
    for seed in range(3):
        env.reset(seed=seed)
        assert follow_gold(env) == "solved"
    env.close()


def test_a_server_object_with_a_reset_tool_begins_each_episode_by_it():
    server, state = FastMCP("counter"), {"n": 7}  # others have left it in some state

    @server.tool
    def add(by: int) -> int:
        """Adds."""
        state["n"] += by
        return state["n"]

    @server.tool
    def toolgym_reset() -> str:
        """Begins anew."""
        state["n"] = 0
        return "reset"

    @server.tool(annotations={"readOnlyHint": True})
    def total() -> int:
        """Tells the total."""
        return state["n"]

    env = make(servers=server, tasks=[ADD], state_tools=["total"])
    for seed in range(2):
        env.reset(seed=seed)
        assert env.session.state() == {"total": {"value": 0}}
        assert follow_gold(env) == "solved"
    env.close()


def make_diary(prefix: str = "toolgym", cover: str = "") -> FastMCP:
    """A server with the three tools; what it answers and takes as its state is a text."""
    server, notes = FastMCP("diary"), {"cover": cover}

    @server.tool
    def note(id: str, text: str) -> str:
        """Notes."""
        notes[id] = text
        return "noted"

    @server.tool(annotations={"readOnlyHint": True})
    def read() -> dict:
        """Reads."""
        return notes

    def reset() -> str:
        notes.clear()
        notes["cover"] = cover
        return "reset"

    def snapshot() -> str:
        return json.dumps(notes)

    def restore(state: str) -> str:
        notes.clear()
        notes.update(json.loads(state))
        return "restored"

    for tool in (reset, snapshot, restore):
        server.tool(tool, name=f"{prefix}_{tool.__name__}")
    return server


NOTE_B = {"request": "Note b.", "calls": [{"note": {"id": "b", "text": "milk"}}]}


@pytest.mark.parametrize("seen", [{}, {"state_tools": "read"}])
def test_a_snapshot_that_is_a_text_is_put_back_as_that_text(seen):
    env = make(servers=make_diary, tasks=[NOTE_B], **seen)
    env.reset(seed=0)
    env.session.call(ToolCall("note", {"id": "a", "text": "first"}))
    assert env.session.fork_kind == "copy"
    fork = env.fork()
    fork.session.call(ToolCall("note", {"id": "a", "text": "other"}))
    assert env.session.state() != fork.session.state()
    assert fork.session.call(ToolCall("read")).structured == {"cover": "", "a": "other"}
    assert env.session.call(ToolCall("read")).structured == {"cover": "", "a": "first"}
    for each in (fork, env):
        each.close()


def test_of_several_servers_reset_tools_go_by_the_names_that_are_shown(tmp_path):
    file = tmp_path / "diary.py"
    file.write_text(
        f"import json, sys\nfrom fastmcp import FastMCP\n{inspect.getsource(make_diary)}\n"
        "make_diary(sys.argv[1]).run('stdio', show_banner=False)\n"
    )
    entries = {
        name: {"command": sys.executable, "args": [str(file), prefix]}
        for name, prefix in (("one", "my"), ("two", "toolgym"))
    }
    names = {role: f"one_my_{role}" for role in ("reset", "snapshot", "restore")}
    task = {"request": "Note b.", "calls": [{"one_note": {"id": "b", "text": "milk"}}]}
    env = make(servers={"mcpServers": entries}, tasks=[task], reset_tools=names, spares=0)
    assert [tool.name for tool in env.tools] == ["one_note", "one_read", "two_note", "two_read"]
    env.reset(seed=0)
    assert env.session.fork_kind == "copy"
    assert follow_gold(env) == "solved"
    env.close()


@pytest.mark.parametrize("where", ["object", "url"])
def test_a_server_that_there_is_but_once_holds_one_episode_at_a_time(where):
    """Two that only read, or one after the other, are none too many; what another one has changed ends neither well."""
    server = make_diary()
    reading = {"request": "What is on the cover?", "calls": ["read"], "said": "Nothing"}
    with serving(server) if where == "url" else nullcontext(server) as servers:
        settings = {"servers": servers, "tasks": [NOTE_B, reading], "state_tools": "read", "prompt": "short"}
        vector = gymnasium.make_vec("ToolGym/MCP-v0", num_envs=2, start_timeout_s=60, **settings)
        look, answer = render(Turn(calls=(ToolCall("read"),))), render(Turn(response="Nothing."))
        vector.reset(seed=0, options={"tasks": [1, 1]})
        vector.step([look, look])
        assert vector.step([answer, answer])[-1]["outcome"].tolist() == ["solved", "solved"]
        first, second = (env.session for env in vector.envs)
        for session in (first, second, first):
            session.reset()
            session.call(ToolCall("note", {"id": "b", "text": "milk"}))
            assert session.diff() == {"read": {"b": "milk"}}
        for act in (second.diff, lambda: second.call(ToolCall("read"))):
            with pytest.raises(ConfigError, match="one episode at a time that writes"):
                act()

        def both_write() -> None:
            vector.reset(seed=0, options={"tasks": [0, 0]})
            vector.step([render(Turn(calls=(ToolCall("note", {"id": "b", "text": "milk"}),)))] * 2)

        with pytest.raises(ConfigError, match=r"Play one after the other \(num_envs=1\)"):
            both_write()
        vector.close()


def test_without_tasks_they_are_random_calls_that_work():
    """The same in two environments, different between splits."""
    envs = [make(servers=make_counter, state_tools=["total"], split=split) for split in ("train", "train", "test")]
    requests = []
    for env in envs:
        requests.append([env.reset(options={"task": number})[0] for number in range(5)])
        assert follow_gold(env) == "solved"
        env.close()
    assert requests[0] == requests[1] != requests[2]


def test_one_bad_server_of_three_does_not_stop_the_others(raw_server_command):
    task = {"request": "Do it.", "calls": [{"write_note": {"id": "b", "text": "x"}}]}
    vector = gymnasium.make_vec(
        "ToolGym/MCP-v0", num_envs=3, servers=raw_server_command(), tasks=[task], prompt="short", start_timeout_s=60
    )
    vector.reset(seed=0)
    bad = render(Turn(calls=(ToolCall("misbehave", {"how": "exit"}),)))
    good = render(Turn(calls=(ToolCall("write_note", {"id": "b", "text": "x"}),)))
    observations, _, terminated, _, infos = vector.step([good, bad, good])
    assert terminated.tolist() == [False, True, False]
    assert infos["outcome"][1] == "infra_error"
    assert observations[0] == observations[2] == "<tool_response>written</tool_response>"
    _, _, terminated, _, infos = vector.step(["<response>Done.</response>", "", "<response>Done.</response>"])
    assert terminated.tolist() == [True, False, True]
    assert infos["outcome"].tolist() == ["solved", None, "solved"]
    vector.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"needs servers="),
        ({"servers": "nowhere.json"}, "neither a URL nor a file"),
        ({"servers": "nowhere.py:server"}, "no file"),
        ({"servers": "toolgym.world:Basis"}, "Did you mean 'Base'"),
        ({"servers": "x.py", "tasks": 3}, "neither a URL"),
        ({"servers": make_counter, "tasks": 3}, "Tasks are a file"),
        ({"servers": make_counter, "reset_tools": {"begin": "x"}}, "reset_tools"),
        ({"servers": make_counter, "state_tools": [{"nam": "x"}]}, "state tool"),
        ({"servers": make_counter, "state_tools": READS}, r"'read', and one would hide .* give each a 'table'"),
        ({"servers": make_counter, "state_tools": ["a", {"name": "b", "table": "a"}]}, "have the table 'a'"),
        ({"servers": make_counter, "hidden_tools": ["totl"]}, "Unknown hidden tool 'totl'. Did you mean 'total'"),
        ({"servers": make_counter, "hidden_tools": "totl"}, "Unknown hidden tool 'totl'. Did you mean 'total'"),
        ({"servers": make_counter, "state_tools": "totl"}, "Unknown state tool 'totl'. Did you mean 'total'"),
        ({"servers": make_counter, "reset_tools": {"reset": "ad"}}, "Unknown reset tool 'ad'. Did you mean 'add'"),
        ({"servers": make_counter, "reset_tools": {"restore": "x"}}, "Unknown restore tool 'x'"),
        ({"servers": TWO, "reset_tools": {"reset": "begin"}}, "a tool is named SERVER_tool, not 'begin'"),
        (
            {"servers": SIMULATED, "state_tools": ["read"]},
            "its tools are simulated; state_tools, reset_tools and ignore",
        ),
        ({"servers": make_counter, "server": "one"}, "chooses one of an mcp.json"),
        ({"servers": make_counter, "token": "t"}, "A token goes with a URL"),
        (
            {"servers": {"mcpServers": {"a": {"url": "http://127.0.0.1:9/mcp"}}}, "token": "t"},
            "in the server's 'headers'",
        ),
        (
            {"servers": WORLDLY, "hidden_tools": ["put"]},
            "hidden_tools and reset_tools are for servers that keep no World",
        ),
        ({"servers": WORLDLY, "state_tools": ["put"]}, "A ToolServer's state is its World"),
        ({"servers": WORLDLY, "reset_tools": {"reset": "put"}}, "A ToolServer's state is its World"),
        ({"servers": WORLDLY, "server": "one"}, "chooses one of an mcp.json"),
        ({"servers": WORLDLY, "token": "t"}, "A token goes with a URL"),
        ({"servers": TWO, "hidden_tools": ["write_note"]}, "a tool is named SERVER_tool, not 'write_note'"),
        ({"servers": make_counter, "policy": "nowhere.md"}, "Cannot read the policy"),
        ({"servers": make_counter, "tasks": [{"request": "x"}]}, "nothing tells success"),
    ],
)
def test_settings_that_cannot_be_used_are_told(settings, message):
    with pytest.raises((ConfigError, TaskError), match=message):
        gymnasium.make("ToolGym/MCP-v0", **settings).reset()


def test_a_policy_is_a_text_or_a_file(tmp_path):
    path = tmp_path / "policy.md"
    path.write_text("Add höchstens two.", encoding="utf-8")
    for policy in (path, str(path), path.read_text(encoding="utf-8")):
        env = gymnasium.make("ToolGym/MCP-v0", servers=make_counter, tasks=[ADD], policy=policy)
        assert "Add höchstens two." in env.reset(seed=0)[0]
        env.close()
    path.write_text("Add höchstens two.", encoding="latin-1")
    for policy in (path, str(path)):
        with pytest.raises(ConfigError, match=r"Cannot read the policy .* not UTF-8"):
            make(servers=make_counter, tasks=[ADD], policy=policy)


def test_a_random_task_that_is_not_there_is_named():
    env = make(servers=make_counter)
    for id in ("train-1000", "train-\u00b2", "train-", "test-1"):
        with pytest.raises(ConfigError, match=f"no random task '{id}'"):
            env.reset(options={"task": id})
    env.close()


def test_a_gold_chain_that_fails_is_a_task_error():
    env = make(servers=make_counter, tasks=[{"request": "x", "calls": [{"ad": {"by": 1}}]}])
    with pytest.raises(TaskError, match="Did you mean 'add'"):
        env.reset()
    env.close()


@pytest.mark.parametrize(
    ("option", "wrong", "said"),
    [
        ("name", 7, "name is a text, not 7"),
        ("timeout_s", "x", "timeout_s is a number of seconds, greater than 0, not 'x'"),
        ("timeout_s", -1, "greater than 0, not -1"),
        ("start_timeout_s", None, "greater than 0, not None"),
        ("spares", "x", "spares is a whole number, at least 0, not 'x'"),
        ("spares", -1, "at least 0, not -1"),
        ("max_answer_bytes", "4kB", "at least 1, not '4kB'"),
        ("random_seed", -1, "at least 0, not -1"),
        ("reset_tools", "clear_all", "reset_tools is an object such as {'reset': 'clear_all'}, not 'clear_all'"),
    ],
)
def test_options_of_another_kind_are_refused_before_a_server_is_started(raw_server_command, option, wrong, said):
    with pytest.raises(ConfigError) as refused:
        open_env("ToolGym/MCP-v0", servers=raw_server_command("serve"), **{option: wrong})
    assert said in str(refused.value)


def test_open_env_knows_its_options():
    with pytest.raises(ConfigError, match="Did you mean 'servers'"):
        open_env("ToolGym/MCP-v0", server_s="x")


def test_a_server_is_loaded_once(shop_file: Path):
    assert load_server(f"{shop_file}:server") is load_server(f"{shop_file}:server")
    assert load_server("https://example.org:80/mcp") == "https://example.org:80/mcp"
    assert load_server("docker:image") == "docker:image"


def test_a_server_that_does_not_start_again_ends_its_episode_alone(raw_server_command, tmp_path):
    """The second of three servers dies and cannot be started any more; then it can. 3 + 1 starts are good before."""
    from toolgym.errors import ServerStartError

    task = {"request": "Do it.", "calls": [{"write_note": {"id": "b", "text": "x"}}]}
    vector = gymnasium.make_vec(
        "ToolGym/MCP-v0", num_envs=3, servers=raw_server_command(), tasks=[task], prompt="short", start_timeout_s=60
    )
    vector.reset(seed=0)
    broken, reset = vector.envs[1], vector.envs[1].reset

    def fails(**options):
        raise ServerStartError("no process can be started")

    broken.reset = fails
    vector.step([render(Turn(response="Done."))] * 3)
    vector.step([""] * 3)
    good = render(Turn(calls=(ToolCall("write_note", {"id": "b", "text": "x"}),)))
    _, rewards, terminated, _, infos = vector.step([good] * 3)
    assert terminated.tolist() == [False, True, False]
    assert infos["outcome"][1] == "infra_error"
    assert "no process can be started" in infos["error"][1]
    assert rewards[1] == 0.0
    broken.reset = reset
    vector.step([good] * 3)
    assert vector.step([good] * 3)[2].tolist() == [False] * 3
    vector.close()


def test_a_parameter_may_have_a_schema_that_says_nothing(raw_server_command):
    """JSON Schema's `true`, which some servers write for any value."""
    where = {"servers": raw_server_command("any-values"), "tasks": [NOTE]}
    env = gymnasium.make("ToolGym/MCP-v0", prompt="tools", start_timeout_s=60, **where)
    assert "\nkeep(id, value, more?, also?)\n" in env.reset(seed=0)[0]
    env.close()
    get_json_schema = pytest.importorskip("transformers.utils").get_json_schema
    episode = environment_factory("ToolGym/MCP-v0", start_timeout_s=60, **where)()
    said = get_json_schema(episode.keep)["function"]
    assert said["description"] == "keep"  # it has none
    assert list(said["parameters"]["properties"]) == ["id", "value", "more", "also"]
    assert said["parameters"]["required"] == ["id", "value"]
    episode._env.close()


def test_an_episode_that_cannot_begin_leaves_no_session(raw_server_command, started):
    options = {"servers": raw_server_command("serve"), "tasks": [NOTE], "start_timeout_s": 60, "spares": 0}
    first = opened("ToolGym/MCP-v0", options)
    there = started()
    for _ in range(2):
        with pytest.raises(ConfigError, match="Unknown task"):
            ChatEpisode("ToolGym/MCP-v0", options, "no-such-task")
    assert started() == there
    first.close()


def test_a_vector_environment_that_went_on_after_its_end_ends_again(raw_server_command, leftovers):
    where = {"servers": raw_server_command("serve"), "tasks": [NOTE], "start_timeout_s": 60, "spares": 0}
    envs = gymnasium.make_vec("ToolGym/MCP-v0", num_envs=2, vectorization_mode="vector_entry_point", **where)
    for _ in range(2):
        envs.reset(seed=0)
        assert leftovers()[0] == 2
        envs.close()
        assert leftovers()[0] == 0
    envs.close()
