"""A domain that has tools to lend, and as a program: the transcript of perturbed episodes, for other processes."""

import hashlib
import json
import sys
from typing import Any

from toolgym import registration
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.mcp.server import ToolServer
from toolgym.registration import register_domain
from toolgym.world import Base, World

LENT = ("cancel_parcel", "find_depot", "get_parcel", "list_couriers", "rate_courier", "track_parcel")
"""`think` is there as well, and the airline has it."""
ALL = {"distractors": 4, "rename": True, "flaky": 0.3, "reorder": True}


def tool_named(name: str) -> Any:
    def tool(world: World, parcel_id: str, user_id: str = "") -> dict[str, str]:
        raise AssertionError("a distractor was carried out")

    tool.__name__, tool.__doc__ = name, f"Stands beside others, as {name}."
    return tool


def parcels() -> CustomDomain:
    """Seven tools, all of which would write."""
    server = ToolServer("parcels", base=Base({}))
    for name in (*LENT, "think"):
        server.tool(writes=True)(tool_named(name))
    return CustomDomain(server.session, [], name="parcels")


def register() -> None:
    """Makes the domain known, and no other beside the airline."""
    registration._DOMAINS = {"airline": registration._DOMAINS["airline"]}
    register_domain("parcels", parcels)


def transcript() -> str:
    """A hash of all that perturbed episodes say, gold, random and hostile actions among them."""
    from toolgym.checker._transcripts import transcript as lines

    env = ToolEnv("airline", size="small", **ALL)
    told = hashlib.sha256()
    for line in lines(env, episodes=6, seed=5):
        told.update(line.encode(errors="surrogatepass"))
    told.update(json.dumps(env.trajectory.meta).encode())
    return told.hexdigest()


if __name__ == "__main__":
    register()
    sys.stdout.write(transcript())
