"""What the operator's desk can do besides: tools of the standard dialect alone."""

from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.mcp_servers.common.records import find_record
from toolgym.mcp_servers.telecom.phone import sync
from toolgym.mcp_servers.telecom.records import find_bill, find_customer, find_line, line_by_phone, today
from toolgym.mcp_servers.telecom.schema import BillId, CustomerId, LineId, PlanId
from toolgym.world import World

_UNPAID = ("Issued", "Overdue")


def get_line_by_phone(
    world: World, phone_number: Annotated[str, Field(description="The line's phone number.")]
) -> dict[str, Any]:
    """Shows the line with a phone number: whose it is, status, plan, data used, roaming and contract."""
    line = line_by_phone(world, phone_number)
    if line is None:
        raise ToolError(f"no line has the phone number {shown(phone_number)}")
    return line


def list_lines(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's lines."""
    return [world.get("lines", line_id) for line_id in find_customer(world, customer_id)["line_ids"]]


def list_plans(world: World) -> list[dict[str, Any]]:
    """Lists the plans: data limit, price a month, and price of a further gigabyte."""
    return [plan for _, plan in world.items("plans")]


def change_plan(world: World, customer_id: CustomerId, line_id: LineId, plan_id: PlanId) -> dict[str, Any]:
    """Moves a line to another plan from today on."""
    if find_line(world, customer_id, line_id)["plan_id"] == plan_id:
        raise ToolError(f"line {shown(line_id)} has the plan {shown(plan_id)} already")
    find_record(world, "plans", plan_id, "plan")
    line = world.edit("lines", line_id)
    line.update(plan_id=plan_id, last_plan_change_date=today(world))
    sync(world)
    return line


def replace_sim(world: World, customer_id: CustomerId, line_id: LineId) -> dict[str, Any]:
    """Sends a new SIM card for a line."""
    find_line(world, customer_id, line_id)
    line = world.edit("lines", line_id)
    line["last_sim_replacement_date"] = today(world)
    return line


def _unpaid(world: World, customer_id: str, bill_id: str) -> None:
    status = find_bill(world, customer_id, bill_id)["status"]
    if status not in _UNPAID:
        raise ToolError(f"the bill is {status.lower()}: only an issued or overdue one is still to be paid")


def dispute_bill(world: World, customer_id: CustomerId, bill_id: BillId) -> dict[str, Any]:
    """Marks a bill that is still to be paid as disputed, so that it is examined."""
    _unpaid(world, customer_id, bill_id)
    bill = world.edit("bills", bill_id)
    bill["status"] = "Disputed"
    return bill


def extend_due_date(
    world: World,
    customer_id: CustomerId,
    bill_id: BillId,
    days: Annotated[int, Field(ge=1, le=60, description="Days later.")],
) -> dict[str, Any]:
    """Moves the due date of a bill that is still to be paid; the customer's record notes the day."""
    _unpaid(world, customer_id, bill_id)
    bill = world.edit("bills", bill_id)
    bill["due_date"] = (date.fromisoformat(bill["due_date"]) + timedelta(days=days)).isoformat()
    world.edit("customers", customer_id)["last_extension_date"] = today(world)
    return bill


def give_credit(
    world: World,
    customer_id: CustomerId,
    bill_id: BillId,
    amount: Annotated[int, Field(ge=1, description="Dollars.")],
) -> dict[str, Any]:
    """Takes a goodwill credit off a bill that is still to be paid; the customer's record adds it up."""
    _unpaid(world, customer_id, bill_id)
    bill = world.edit("bills", bill_id)
    if amount > bill["total_due"]:
        raise ToolError("the credit is more than the bill")
    bill["total_due"] -= amount
    world.edit("customers", customer_id)["goodwill_credit_used_this_year"] += amount
    return bill


def update_email(
    world: World, customer_id: CustomerId, email: Annotated[str, Field(description="The new e-mail address.")]
) -> dict[str, Any]:
    """Changes a customer's e-mail address."""
    find_customer(world, customer_id)
    if "@" not in email.strip("@ ") or " " in email:
        raise ToolError(f"{shown(email)} is no e-mail address")
    customer = world.edit("customers", customer_id)
    customer["email"] = email
    return customer


READS = (get_line_by_phone, list_lines, list_plans)
WRITES = (change_plan, dispute_bill, extend_due_date, give_credit, replace_sim, update_email)
