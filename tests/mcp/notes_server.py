"""A small `ToolServer` that uses every feature, for the tests: `python notes_server.py` serves it over stdio."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from toolgym.mcp.episodes import EpisodeLimits
from toolgym.mcp.server import ToolError, ToolServer
from toolgym.world import Base, World


class Place(BaseModel):
    """Where a note hangs."""

    wall: str
    height: float = Field(ge=0)
    marks: list[int] = []


def build_world(seed: int | None) -> Base:
    """Three notes, whose texts name the seed."""
    if seed == 13:
        raise ValueError("unlucky")
    notes = {f"n{i}": {"text": f"note {i} of {seed}", "tags": ["a", "é"], "score": i / 4} for i in range(3)}
    return Base({"notes": notes, "counters": {"all": {"n": 0}}}, {"seed": seed})


def make_server(limits: EpisodeLimits | None = None) -> ToolServer:
    """The server; its worlds are seeds."""
    server = ToolServer("notes", build_world, instructions="Notes.", default_world_key=0, limits=limits)

    @server.tool(writes=False)
    def get_note(world: World, id: str) -> dict[str, Any]:
        """Gives a note.

        Args:
            id: the note's id
        """
        note = world.get("notes", id)
        if note is None:
            raise ToolError(f"No note {id!r}")
        return note

    @server.tool(writes=True)
    def put_note(world: World, id: str, text: str, tags: list[str] | None = None, extra: Any = None) -> str:
        """Writes a note."""
        if text == "forbidden":
            world.put("notes", id, {"text": "half done"})
            raise ToolError("That text is forbidden")
        world.put("notes", id, {"text": text, "tags": tags, "extra": extra})
        return f"wrote {id}: {text}"

    @server.tool(writes=True)
    def count(world: World, by: Annotated[int, Field(ge=-5, le=5)] = 1) -> int:
        """Counts."""
        counter = world.edit("counters", "all")
        counter["n"] += by
        return counter["n"]

    @server.tool(writes=True)
    def hang(world: World, id: str, place: Place, mode: Literal["tape", "nail"] = "tape") -> Place:
        """Hangs a note up."""
        world.edit("notes", id)["place"] = {**place.model_dump(), "mode": mode}
        return place

    @server.tool(writes=True)
    def attach(world: World, id: str, extra: Any) -> str:
        """Keeps the very object that it was given."""
        world.edit("notes", id)["extra"] = extra
        return "attached"

    @server.tool(writes=False)
    def echo(world: World, value: Any) -> Any:
        """Gives the value back."""
        return value

    @server.tool(writes=False)
    def echo_list(world: World, values: list[float]) -> list[float]:
        """Gives the numbers back."""
        return values

    @server.tool(writes=False)
    def nothing(world: World) -> None:
        """Does nothing."""

    @server.tool(writes=False)
    def make(world: World, what: str) -> Any:
        """Makes an odd value."""
        odd = {
            "nan": float("nan"),
            "inf": {"x": float("inf"), "y": [float("-inf")]},
            "surrogate": "\ud800",
            "surrogate_in_dict": {"x": "\udfff"},
            "big": 2**70,
            "int_keys": {1: "a"},
            "tuple": (1, "b"),
            "unserialisable": object(),
        }
        return odd[what]

    @server.tool(writes=True)
    def crash(world: World, secret: str) -> str:
        """Crashes after having written."""
        world.put("notes", "crashed", {"text": secret})
        raise RuntimeError(f"the secret is {secret}")

    @server.tool(writes=True, blocking=True)
    def slow(world: World, seconds: float, text: str = "slow") -> str:
        """Takes its time."""
        time.sleep(seconds)
        counter = world.edit("counters", "all")
        counter["n"] += 1
        return f"{text} {counter['n']}"

    @server.tool(writes=False)
    def world_name(world: World) -> str:
        """Names the world."""
        return f"world {world.meta['seed']}"

    return server


if __name__ == "__main__":
    make_server().run("stdio")
