"""What the customer's own record names is the customer's, and is called so: nobody else's is taken for it."""

import random
from typing import Any

from toolgym.composing.composer import worlds_of
from toolgym.composing.declaration import Declaration, Look
from toolgym.composing.execution import execute
from toolgym.composing.fields import Code, Name, Number, Pattern, Ref
from toolgym.composing.recipes import Kitchen
from toolgym.composing.scenes import Scene
from toolgym.composing.stories import make_story
from toolgym.composing.tables import Table
from toolgym.composing.worlds import world_key
from toolgym.mcp.server import ToolServer
from toolgym.world import World

KEY = world_key("train", 3)
CLUBS = Table(
    "clubs",
    "club",
    "club_id",
    {"club_id": Code("C####"), "fee": Number(1, 900, label="fee")},
    {"small": 2, "standard": 2, "large": 2},
)
PLAYERS = Table(
    "players",
    "player",
    "player_id",
    {
        "player_id": Code("P####"),
        "name": Name(),
        "email": Pattern("{player_id}@example.com", label="e-mail", told="with e-mail {value}"),
        "club_id": Ref("clubs"),
    },
    {"small": 24, "standard": 24, "large": 24},
)


def _new_server(size: Any, dialect: str) -> ToolServer:
    server = ToolServer("clubs", lambda key: worlds_of(LEAGUE, size, dialect)(key), default_world_key=0)

    @server.tool(writes=False)
    def get_player(world: World, player_id: str) -> dict[str, Any]:
        """Shows a player."""
        return world.get("players", player_id)

    @server.tool(writes=False)
    def find_player(world: World, email: str) -> str:
        """Finds a player's id."""
        return next(key for key, player in world.items("players") if player["email"] == email)

    @server.tool(writes=False)
    def get_club(world: World, club_id: str) -> dict[str, Any]:
        """Shows a club."""
        return world.get("clubs", club_id)

    return server


LEAGUE = Declaration(
    name="league",
    title="League",
    role="You are the clerk of a league.",
    who="players",
    tables=(CLUBS, PLAYERS),
    looks=(
        Look("player", "get_player", "players", {"player_id": "player_id"}),
        Look("player_by_email", "find_player", "players", {"email": "email"}, shows=("player_id",)),
        Look("club", "get_club", "clubs", {"club_id": "club_id"}),
    ),
    acts=(),
    rules=(),
    new_server=_new_server,
)


def test_the_club_in_the_customers_record_is_found_for_every_customer_and_not_named_by_its_id() -> None:
    # Two clubs for 24 players: each has about a dozen members, of whom only the customer's own record counts.
    server = _new_server("small", "standard")
    session, base = server.session(), server.base(KEY)
    outlines = [one for one in Kitchen(LEAGUE, lambda recipe: True).outlines if one.name.startswith("fact club(player")]
    assert [one.composition for one in outlines] == ["player;club", "player_by_email;player;club"]
    for outline in outlines:
        for speaker, record in base.tables["players"].items():
            story = make_story(Scene(LEAGUE, base, speaker, "seen", random.Random(1)), outline)
            assert story is not None
            assert "my club" in story.clause
            assert record["club_id"] not in story.clause
            said = record["email"] if "email" in outline.composition else speaker
            assert said in " ".join(story.intro.values())
            done = execute(session, KEY, [story])
            assert done is not None
            assert str(base.tables["clubs"][record["club_id"]]["fee"]) in done.endings[0].response
