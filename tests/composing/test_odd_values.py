"""Values that some records lack, and decimal numbers: what is asked of them has an answer."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from toolgym.composing.composer import DeclaredDomain, worlds_of
from toolgym.composing.declaration import Declaration
from toolgym.composing.fields import Field, Made
from toolgym.mcp.server import ToolServer
from toolgym.tasks import SaidCheck, Task
from toolgym.world import World

NUMBERS = 150


def with_field(shop: Declaration, name: str, made: Field) -> Declaration:
    """The shop, whose jobs have a further field, and no other that can be told, summed or put in order."""
    people, machines, jobs = shop.tables
    fields = {**jobs.fields, "cost": replace(jobs.fields["cost"], told="", extremes=None, total=""), name: made}

    def new_server(size: Any, dialect: str) -> ToolServer:
        server = ToolServer("shop", lambda key: worlds_of(declaration, size, dialect)(key), default_world_key=0)

        @server.tool(writes=False)
        def get_person(world: World, person_id: str) -> dict[str, Any]:
            """Shows a person."""
            return world.get("people", person_id)

        @server.tool(writes=False)
        def get_job(world: World, job_id: str) -> dict[str, Any]:
            """Shows a job."""
            return world.get("jobs", job_id)

        return server

    tables = (people, machines, replace(jobs, fields=fields))
    declaration = replace(shop, tables=tables, looks=shop.looks[:2], acts=(), rules=(), new_server=new_server)
    return declaration


def made_of(declaration: Declaration) -> Iterator[Task]:
    tasks = DeclaredDomain(declaration, size="small").tasks("train")
    return (tasks[index] for index in range(NUMBERS))


def said(task: Task) -> list[str]:
    return [fact for item in task.checklist if isinstance(item.check, SaidCheck) for fact in item.check.facts]


def test_records_that_lack_a_value_stand_in_no_order_and_in_no_sum(shop: Declaration) -> None:
    paid = Made(
        lambda draw: draw.rng.randint(1, 99) if draw.rng.random() < 0.7 else None, "money", "${value}",
        label="paid sum", told="with {value} paid", extremes=("least paid", "best paid"), total="paid sum",
    )  # fmt: skip
    asked = set[str]()
    for task in made_of(with_field(shop, "paid", paid)):
        text = f"{task.request} {' '.join(action.plan or '' for action in task.gold)} {task.gold[-1].response}"
        assert "None" not in text
        asked |= set(re.findall(r"least paid|best paid|with \$\d+ paid|total paid|differ", task.request))
    assert {"least paid", "best paid"} <= asked
    assert any(word.startswith("with $") for word in asked)


def test_sums_and_differences_of_decimal_numbers_are_exact(shop: Declaration) -> None:
    price = Made(lambda draw: draw.rng.randint(1, 999) / 10, "money", "${value}", label="price", total="price")
    declaration = with_field(shop, "price", price)
    facts = [fact for task in made_of(declaration) if "price" in task.request for fact in said(task)]
    assert len(facts) > 20
    assert all(re.fullmatch(r"\$-?\d+(\.\d)?", fact) for fact in facts if fact.startswith("$")), facts
