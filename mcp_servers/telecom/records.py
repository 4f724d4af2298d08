"""Finding the records of an account, and saying which was not found."""

from datetime import date
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.mcp_servers.common.records import find_record
from toolgym.world import World

TABLES = {"C": "customers", "L": "lines", "D": "devices", "B": "bills", "P": "plans"}
"""First letter of an id -> the table of its record."""


def today(world: World) -> str:
    """The present day of the world, ISO form."""
    return world.meta["today"]


def find_customer(world: World, customer_id: str) -> dict[str, Any]:
    """The customer's record, for reading only.

    Raises:
        ToolError: there is none.
    """
    return find_record(world, "customers", customer_id, "customer")


def find_line(world: World, customer_id: str, line_id: str) -> dict[str, Any]:
    """The customer's line, for reading only.

    Raises:
        ToolError: there is no such customer or line, or the line is another customer's.
    """
    customer, line = find_customer(world, customer_id), find_record(world, "lines", line_id, "line")
    if line_id not in customer["line_ids"]:
        raise ToolError(f"line {shown(line_id)} is not one of customer {shown(customer_id)}")
    return line


def find_bill(world: World, customer_id: str, bill_id: str) -> dict[str, Any]:
    """The customer's bill, for reading only.

    Raises:
        ToolError: there is no such customer or bill, or the bill is another customer's.
    """
    customer, bill = find_customer(world, customer_id), find_record(world, "bills", bill_id, "bill")
    if bill_id not in customer["bill_ids"]:
        raise ToolError(f"bill {shown(bill_id)} is not one of customer {shown(customer_id)}")
    return bill


def line_by_phone(world: World, phone_number: str) -> dict[str, Any] | None:
    """The line with a phone number, for reading only."""
    ids: dict[str, str] = world.base.index(
        "telecom.numbers", lambda base: {line["phone_number"]: key for key, line in base.tables["lines"].items()}
    )
    return world.get("lines", ids[phone_number]) if phone_number in ids else None


def charge(world: World, customer_id: str, amount: float, description: str) -> None:
    """Puts an amount onto the customer's next bill, which is begun where there is none yet."""
    customer = find_customer(world, customer_id)
    drafts = [bill_id for bill_id in customer["bill_ids"] if world.get("bills", bill_id)["status"] == "Draft"]
    bill_id = drafts[0] if drafts else _begin_bill(world, customer_id)
    bill = world.edit("bills", bill_id)
    item = {"description": description, "amount": amount, "date": today(world), "item_type": "Charge"}
    bill["line_items"].append(item)
    bill["total_due"] = round(bill["total_due"] + amount, 2)


def month_end(day: date) -> date:
    """The last day of the month."""
    return date.fromordinal(month_start(day, 1).toordinal() - 1)


def month_start(day: date, later: int = 0) -> date:
    """The first day of the month, or of one `later` months on."""
    months = day.year * 12 + day.month - 1 + later
    return date(months // 12, months % 12 + 1, 1)


def _begin_bill(world: World, customer_id: str) -> str:
    """A new draft for the next month."""
    number = 1001 + world.count("bills")
    while world.has("bills", f"B{number}"):
        number += 1
    start = month_start(date.fromisoformat(today(world)), 1)
    bill = {
        "bill_id": f"B{number}",
        "customer_id": customer_id,
        "period_start": start.isoformat(),
        "period_end": month_end(start).isoformat(),
        "issue_date": start.isoformat(),
        "total_due": 0.0,
        "due_date": start.replace(day=15).isoformat(),
        "line_items": [],
        "status": "Draft",
    }
    world.put("bills", bill["bill_id"], bill)
    world.edit("customers", customer_id)["bill_ids"].append(bill["bill_id"])
    return bill["bill_id"]
