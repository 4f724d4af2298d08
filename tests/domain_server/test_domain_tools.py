"""What a domain declares, and the server and command that are made of it: here of a notebook without a public world."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field
from typer.testing import CliRunner

from toolgym.errors import ConfigError
from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.common.domain_tools import DomainTools, read_records
from toolgym.mcp_servers.common.tools import calculate
from toolgym.messages import ToolCall
from toolgym.world import Base, World

NoteId = Annotated[str, Field(description="The note's id.")]


def read_note(world: World, note_id: NoteId) -> str:
    """Reads a note."""
    if not world.has("notes", note_id):
        raise ToolError("no such note")
    return world.get("notes", note_id)["text"]


def add_note(world: World, note_id: NoteId) -> str:
    """Adds a note."""
    world.put("notes", note_id, {"text": "new"})
    return "added"


def build_base(world_key: Any, size: str, dialect: str) -> Base:
    return Base({"notes": {"first": {"text": f"{world_key} {size} {dialect}"}}})


TOOLS = DomainTools(
    name="notebook",
    owner="notebook",
    instructions="Notes.",
    reads=(read_note, calculate),
    writes=(add_note,),
    build_base=build_base,
)


def first(server: Any, world_key: Any = None) -> str:
    return server.session(world_key).call(ToolCall("read_note", {"note_id": "first"})).text


def test_worlds_are_made_of_seed_size_and_dialect():
    assert first(TOOLS.server()) == "0 small standard"
    assert first(TOOLS.server(seed=5, size="large")) == "5 large standard"
    assert first(TOOLS.server(seed=5), world_key=7) == "7 small standard"


def test_a_base_that_is_there():
    assert first(TOOLS.server(base=Base({"notes": {"first": {"text": "mine"}}}))) == "mine"


def test_tools_are_in_order_and_say_whether_they_write():
    assert [(tool.name, tool.writes) for tool in TOOLS.server().tool_specs] == [
        ("add_note", True),
        ("calculate", False),
        ("read_note", False),
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dialect": "tau_bench"}, "dialect"),
        ({"data": Path("x"), "seed": 1}, "one of data, seed and base"),
        ({"data": Path("x")}, "the notebook's worlds are generated: give a seed"),
        ({"base": Base({}, {"dialect": "tau2"})}, "the base is of dialect 'tau2'"),
    ],
)
def test_mistakes(options, says):
    with pytest.raises(ConfigError, match=says):
        TOOLS.server(**options)


def test_the_command_offers_what_there_is():
    shown = " ".join(CliRunner().invoke(command(TOOLS), ["--help"]).stdout.split())
    assert "Runs the notebook's MCP server" in shown
    assert "python -m toolgym.mcp_servers.notebook --seed 3" in shown
    assert "--data" not in shown
    assert "--dialect" not in shown


@pytest.mark.parametrize(
    ("text", "says"),
    [(None, "cannot read the notebook world's"), ("{", "cannot read"), ("[]", "records by id, not list")],
)
def test_a_file_of_records(tmp_path, text, says):
    path = tmp_path / "notes.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_records(path, "notebook")
