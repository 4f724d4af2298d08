"""A domain small enough to work out by hand: people have jobs (tickets) at machines."""

from typing import Any

import pytest

from toolgym.composing.composer import worlds_of
from toolgym.composing.declaration import Act, Declaration, Key, Look, Rule
from toolgym.composing.fields import Choice, Code, Money, Name, Number, Ref, Refs
from toolgym.composing.tables import Table
from toolgym.mcp.server import ToolServer
from toolgym.world import World

PEOPLE = Table(
    "people",
    "person",
    "person_id",
    {"name": Name(label="name"), "person_id": Code("{name}##"), "jobs": Refs("jobs")},
    {"small": 8, "standard": 40, "large": 100},
    plural="people",
)
MACHINES = Table(
    "machines",
    "machine",
    "machine_id",
    {"machine_id": Code("M####"), "room": Number(1, 40, label="room")},
    {"small": 6, "standard": 20, "large": 50},
)
JOBS = Table(
    "jobs",
    "job",
    "job_id",
    {
        "job_id": Code("J#####"),
        "person_id": Ref("people"),
        "machine_id": Ref("machines"),
        "cost": Money(1, 500, label="cost", told="for {value}", extremes=("cheapest", "dearest"), total="cost"),
        "state": Choice(("open", "closed"), label="state"),
    },
    (2, 3, 1),
    per="people",
)


def _new_server(size: Any, dialect: str) -> ToolServer:
    server = ToolServer("shop", lambda key: worlds_of(SHOP, size, dialect)(key), default_world_key=0)

    @server.tool(writes=False)
    def get_person(world: World, person_id: str) -> dict[str, Any]:
        """Shows a person."""
        return world.get("people", person_id)

    @server.tool(writes=False)
    def get_job(world: World, job_id: str) -> dict[str, Any]:
        """Shows a job."""
        return world.get("jobs", job_id)

    @server.tool(writes=False)
    def get_machine(world: World, machine_id: str) -> dict[str, Any]:
        """Shows a machine."""
        return world.get("machines", machine_id)

    @server.tool(writes=True)
    def stop_job(world: World, job_id: str) -> dict[str, Any]:
        """Stops a job."""
        job = world.edit("jobs", job_id)
        job["state"] = "stopped"
        return job

    @server.tool(writes=True)
    def open_job(world: World, job_id: str) -> dict[str, Any]:
        """Opens a job again."""
        job = world.edit("jobs", job_id)
        job["state"] = "open"
        return job

    return server


def _act(kind: str, verb: str, past: str) -> Act:
    return Act(
        kind,
        f"{kind}_job",
        "jobs",
        {"job_id": Key()},
        (f"{verb} {{it}}.", f"Please {verb.lower()} {{it}}."),
        (f"Kindly {verb.lower()} {{it}}.",),
        f"{{job_id}} is {past}.",
        about=(verb.lower(),),
        past=(past,),
        gives="jobs",
        when=lambda job: job["state"] == "open",
    )


SHOP = Declaration(
    name="shop",
    title="Workshop",
    role="You are the clerk of a workshop.",
    who="people",
    tables=(PEOPLE, MACHINES, JOBS),
    looks=(
        Look("person", "get_person", "people", {"person_id": "person_id"}),
        Look("job", "get_job", "jobs", {"job_id": "job_id"}),
        Look("machine", "get_machine", "machines", {"machine_id": "machine_id"}),
    ),
    acts=(_act("stop", "Stop", "stopped"), _act("open", "Open", "opened")),
    rules=(
        Rule(
            "dear",
            ("stop",),
            lambda seen: seen.subject["cost"] > 300,
            "A job of more than $300 cannot be stopped.",
            "it costs {cost}",
        ),
    ),
    new_server=_new_server,
)


@pytest.fixture(scope="session")
def shop() -> Declaration:
    return SHOP
