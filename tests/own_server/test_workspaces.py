"""Copies of a workspace: whole, with no way out of them, or refused."""

import os
import socket
import stat
import sys
import tempfile
from pathlib import Path

import gymnasium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toolgym  # noqa: F401 (registers the environments)
from toolgym.errors import ServerStartError
from toolgym.mcp.connect import connect
from toolgym.mcp.docker_owner import Owner
from toolgym.mcp.workspace import _remove_left_behind, copied, outer, remove
from toolgym.messages import ToolCall, Turn, render

SERVER = '''
import sys
from fastmcp import FastMCP
server = FastMCP("files")

@server.tool
def write(path: str, text: str) -> str:
    """Writes to a file."""
    open(path, "w").write(text)
    return "written"

server.run("stdio", show_banner=False)
'''


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A template, and a folder for temporary files that is looked at afterwards."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    template = tmp_path / "template"
    (template / "notes").mkdir(parents=True)
    (template / "notes" / "a.txt").write_text("first")
    return template, temporary


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("here.txt", "notes/a.txt"),
        ("absolute.txt", "{template}/notes/a.txt"),
        ("notes/up.txt", "../notes/a.txt"),
        ("out-and-in.txt", "../template/notes/a.txt"),
        ("by-another-name.txt", "{alias}/notes/a.txt"),
    ],
)
def test_a_link_to_the_template_s_own_file_leads_to_the_copy_s(place, link, target):
    template, _ = place
    (template.parent / "alias").symlink_to(template)
    (template / link).symlink_to(target.format(template=template, alias=template.parent / "alias"))
    for name in (template, template.parent / "alias"):  # the template itself may be named by a link
        copy = copied(str(name))
        assert (copy / link).is_symlink()
        (copy / link).write_text("changed")
        assert (copy / "notes" / "a.txt").read_text() == "changed"
        assert (template / "notes" / "a.txt").read_text() == "first"
        remove(str(outer(copy)))


def test_links_to_folders_and_to_nothing_stay_in_the_copy(place):
    template, _ = place
    (template / "folder").symlink_to(template / "notes")
    (template / "nothing").symlink_to(template / "not-there.txt")
    (template / "itself").symlink_to("itself")
    copy = copied(str(template))
    (copy / "folder" / "b.txt").write_text("new")
    (copy / "nothing").write_text("made")
    assert sorted(path.name for path in (copy / "notes").iterdir()) == ["a.txt", "b.txt"]
    assert (copy / "not-there.txt").read_text() == "made"
    assert sorted(path.name for path in template.iterdir()) == ["folder", "itself", "notes", "nothing"]
    assert [path.name for path in (template / "notes").iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    "target", ["/etc/hostname", "../outside.txt", "../other", "/", "..", "notes/../../outside.txt"]
)
@pytest.mark.parametrize("where", ["link", "notes/link"])
def test_a_link_that_leads_out_is_refused_whole(place, target, where):
    template, temporary = place
    (template.parent / "outside.txt").write_text("outside")
    (template.parent / "other").mkdir()
    if where != "link" and not target.startswith("/"):
        target = f"../{target}"
    (template / where).symlink_to(target)
    with pytest.raises(ServerStartError, match="leads out of it"):
        copied(str(template))
    assert list(temporary.iterdir()) == []


def test_links_that_lead_out_together_are_refused(place):
    """Each of them stays within the template as it is written."""
    template, temporary = place
    deep = template / "a" / "b"
    deep.mkdir(parents=True)
    (template / "short").symlink_to("a/b")
    (deep / "over").symlink_to("../../short/../../..")  # through `short` it is one folder more than it looks like
    with pytest.raises(ServerStartError, match="leads out of it"):
        copied(str(template))
    assert list(temporary.iterdir()) == []


def test_hard_links_become_files_of_their_own(place):
    template, _ = place
    (template / "same.txt").hardlink_to(template / "notes" / "a.txt")
    outside = template.parent / "outside.txt"
    outside.write_text("outside")
    (template / "theirs.txt").hardlink_to(outside)
    copy = copied(str(template))
    (copy / "same.txt").write_text("changed")
    (copy / "theirs.txt").write_text("changed")
    assert (template / "notes" / "a.txt").read_text() == "first"
    assert outside.read_text() == "outside"


@pytest.mark.parametrize("kind", ["FIFO", "socket", "device"])
def test_what_is_no_file_is_refused_whole(place, kind):
    template, temporary = place
    odd = template / "notes" / "odd"
    if kind == "FIFO":
        os.mkfifo(odd)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            here = Path.cwd()
            os.chdir(odd.parent)  # a socket's path is short
            try:
                made.bind(odd.name)
            finally:
                os.chdir(here)
    else:
        try:
            os.mknod(odd, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("makes no devices")
    with pytest.raises(ServerStartError, match=rf"{kind}.*odd"):
        copied(str(template))
    assert list(temporary.iterdir()) == []


def test_a_copy_that_fails_leaves_nothing(place, monkeypatch):
    template, temporary = place

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("toolgym.mcp.workspace.shutil.copy2", full)
    with pytest.raises(ServerStartError, match="No space left"):
        copied(str(template))
    with pytest.raises(ServerStartError, match="could not be copied"):
        copied(str(template / "no-such-folder"))
    assert list(temporary.iterdir()) == []


def test_episodes_do_not_meet_through_links(place):
    """Over a real server, which writes through an absolute link."""
    template, temporary = place
    (template / "link.txt").symlink_to(template / "notes" / "a.txt")
    file = template.parent / "server.py"
    file.write_text(SERVER)
    entry = {"command": sys.executable, "args": [str(file)], "toolgym": {"workspace": str(template)}}
    with connect({"mcpServers": {"files": entry}}) as handle:
        one, other = handle.session(), handle.session()
        assert one.call(ToolCall("write", {"path": "link.txt", "text": "changed"})).text == "written"
        assert other.call(ToolCall("write", {"path": "b.txt", "text": "b"})).text == "written"
        assert one.diff() == {"files": {"notes/a.txt": "changed"}}
        assert other.diff() == {"files": {"b.txt": "b"}}
    assert (template / "notes" / "a.txt").read_text() == "first"
    os.mkfifo(template / "pipe")
    with connect({"mcpServers": {"files": entry}}) as handle, pytest.raises(ServerStartError, match="a FIFO, 'pipe'"):
        handle.session()
    assert list(temporary.iterdir()) == []


PATHS_SERVER = '''
import os
from fastmcp import FastMCP
server, here = FastMCP("paths"), os.getcwd()

@server.tool
def write(path: str, text: str) -> str:
    """Writes to a file."""
    open(path, "w").write(text)
    return "written"

@server.tool(annotations={"readOnlyHint": True})
def sizes() -> dict[str, int]:
    """Tells the files' sizes by their paths."""
    return {os.path.join(here, name): len(name) for name in os.listdir(here)}

@server.tool(annotations={"readOnlyHint": True})
def taken(given: str | dict[str, int]) -> str:
    """Tells what came, with the folder's own path marked."""
    return str(given).replace(here, "HERE")

server.run("stdio", show_banner=False)
'''


@pytest.fixture
def paths_entry(place):
    """An entry of an `mcp.json`: a server that tells paths, in a workspace."""
    template, _ = place
    file = template.parent / "server.py"
    file.write_text(PATHS_SERVER)
    return {"command": sys.executable, "args": [str(file)], "toolgym": {"workspace": str(template)}}


@pytest.mark.parametrize("state_tools", [[], ["sizes"]])
def test_a_gold_chain_that_tells_where_the_workspace_is_can_be_followed(paths_entry, state_tools):
    """In a file's text, and in the keys of a state tool's answer; the folder itself is another one each time."""
    paths_entry["toolgym"]["state_tools"] = state_tools
    call = ToolCall("write", {"path": "/workspace/Dockerfile", "text": "WORKDIR /workspace\n"})
    task = {"request": "Write it.", "calls": [{call.name: call.arguments}]}
    servers = {"mcpServers": {"paths": paths_entry}}
    env = gymnasium.make("ToolGym/MCP-v0", servers=servers, tasks=[task], prompt="short", start_timeout_s=60)
    env.reset(seed=0)
    written = (
        {"sizes": {"/workspace/Dockerfile": 10}} if state_tools else {"files": {"Dockerfile": call.arguments["text"]}}
    )
    assert env.task.gold_diff == written
    env.step(render(Turn(calls=(call,))))
    assert env.step("<response>Done.</response>")[-1]["outcome"] == "solved"
    env.close()


def test_the_workspace_is_meant_only_where_a_path_begins(paths_entry):
    meant = {
        "/workspace": "HERE",
        "/workspace/a b": "HERE/a b",
        "cd '/workspace'; ls /workspace, then leave /workspace.": "cd 'HERE'; ls HERE, then leave HERE.",
        "--dir=/workspace:/workspace/b": "--dir=HERE:HERE/b",
        "file:///workspace/a": "file://HERE/a",
    }
    others = ("/workspace2/a", "/workspace-old", "/workspace.bak", "https://x.org/workspace", "https://workspace/a")
    others = (*others, "/home/workspace", "~/workspace", "./workspace/a", "src/workspace", "workspace")
    with connect({"mcpServers": {"paths": paths_entry}}) as handle:
        session = handle.session()
        found = {given: session.call(ToolCall("taken", {"given": given})).text for given in (*meant, *others)}
        assert found == meant | {text: text for text in others}
        assert session.call(ToolCall("taken", {"given": {"/workspace/a": 1}})).text == "{'HERE/a': 1}"


def test_a_dead_process_s_copies_are_removed_and_a_living_one_s_stay(place):
    template, temporary = place
    mine = copied(str(template))
    dead, foreign = temporary / "toolgym-dead", temporary / "toolgym-foreign"
    for folder in (dead, foreign):
        (folder / "workspace").mkdir(parents=True)
    this = Owner.this_process()
    gone = Owner(this.machine, this.boot, this.namespace, this.pid, "1")  # the same number, started at another time
    (dead / "owner").write_text(gone.label())
    _remove_left_behind.cache_clear()
    _remove_left_behind()
    assert sorted(temporary.iterdir()) == sorted([foreign, outer(mine)])


names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
targets = st.builds(
    lambda up, path, absolute: f"{{root}}/{path}" if absolute else "../" * up + path,
    st.integers(0, 4),
    paths,
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(paths, st.one_of(st.none(), targets)), max_size=8))
def test_no_template_at_all_leads_out_of_its_copy(entries):
    """Random trees of files and links: a copy is refused, or each path in it ends in it."""
    with tempfile.TemporaryDirectory() as made:
        template = Path(made).resolve() / "t" / "template"
        template.mkdir(parents=True)
        for path, target in entries:
            try:
                (template / path).parent.mkdir(parents=True, exist_ok=True)
                if not (template / path).parent.resolve().is_relative_to(template):
                    continue
                if target is None:
                    (template / path).write_text("x")
                else:
                    (template / path).symlink_to(target.format(root=template))
            except (OSError, RuntimeError):
                continue  # there is something in that place, or a loop
        copy, refused = None, ""
        try:
            copy = copied(str(template))
        except ServerStartError as error:
            refused = str(error)
        if copy is None:
            assert "leads out of it" in refused
            return
        for folder, folders, files in os.walk(copy):
            for name in [*folders, *files]:
                assert Path(os.path.realpath(Path(folder, name))).is_relative_to(copy)
        listed = {path.relative_to(template) for path in template.rglob("*")}
        assert {path.relative_to(copy) for path in copy.rglob("*")} == listed
        remove(str(outer(copy)))
