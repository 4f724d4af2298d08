"""The operator's look-ups: customers, their lines, devices and bills, and plans."""

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.mcp_servers.telecom.dialects import number
from toolgym.mcp_servers.telecom.records import TABLES, find_customer, find_line, month_end, today
from toolgym.mcp_servers.telecom.schema import CustomerId, LineId
from toolgym.world import Base, World


def _owners_by_number(base: Base) -> dict[str, str]:
    """Phone number -> the first customer who has it, as the own number or as a line's."""
    found: dict[str, str] = {}
    for key, customer in base.tables["customers"].items():
        numbers = [base.tables["lines"][line]["phone_number"] for line in customer["line_ids"]]
        for phone_number in (customer["phone_number"], *numbers):
            found.setdefault(phone_number, key)
    return found


def get_customer_by_phone(
    world: World, phone_number: Annotated[str, Field(description="A phone number, such as '555-123-2002'.")]
) -> dict[str, Any]:
    """Finds the customer who has a phone number, as the own number or as that of a line."""
    owners: dict[str, str] = world.base.index("telecom.owners_by_number", _owners_by_number)
    if phone_number not in owners:
        raise ToolError(f"no customer has the phone number {shown(phone_number)}")
    return world.get("customers", owners[phone_number])


def get_customer_by_id(world: World, customer_id: CustomerId) -> dict[str, Any]:
    """Shows a customer: name, contact, status, payment methods, and the ids of lines and bills."""
    return find_customer(world, customer_id)


def get_customer_by_name(
    world: World,
    full_name: Annotated[str, Field(description="First and last name.")],
    dob: Annotated[str, Field(description="The date of birth, YYYY-MM-DD.")],
) -> list[dict[str, Any]]:
    """Finds the customers with a name and a date of birth."""
    name = full_name.lower()
    return [
        customer
        for _, customer in world.items("customers")
        if customer["full_name"].lower() == name and customer["date_of_birth"] == dob
    ]


def get_details_by_id(
    world: World,
    id: Annotated[str, Field(description="An id: C (customer), L (line), D (device), B (bill), P (plan).")],
) -> dict[str, Any]:
    """Shows the customer, line, device, bill or plan with an id."""
    table = TABLES.get(id[:1])
    record = None if table is None else world.get(table, id)
    if record is None:
        raise ToolError(f"nothing has the id {shown(id)}")
    return record


def get_bills_for_customer(
    world: World,
    customer_id: CustomerId,
    limit: Annotated[int, Field(ge=1, description="The most bills to show.")] = 12,
) -> list[dict[str, Any]]:
    """Lists a customer's bills, the latest first."""
    bills = [world.get("bills", bill_id) for bill_id in find_customer(world, customer_id)["bill_ids"]]
    return sorted(bills, key=lambda bill: bill["issue_date"], reverse=True)[:limit]


def get_data_usage(world: World, customer_id: CustomerId, line_id: LineId) -> dict[str, Any]:
    """Shows how much data a line has used in this month, and how much it may use."""
    line = find_line(world, customer_id, line_id)
    return {
        "line_id": line_id,
        "data_used_gb": number(world, line["data_used_gb"]),
        "data_limit_gb": number(world, world.get("plans", line["plan_id"])["data_limit_gb"]),
        "data_refueling_gb": number(world, line["data_refueling_gb"]),
        "cycle_end_date": month_end(date.fromisoformat(today(world))).isoformat(),
    }
