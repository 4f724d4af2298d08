"""What the operator does with lines and bills, by the tools that the public interface has too."""

from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.telecom.dialects import number
from toolgym.mcp_servers.telecom.phone import sync
from toolgym.mcp_servers.telecom.records import charge, find_bill, find_customer, find_line, today
from toolgym.mcp_servers.telecom.schema import BillId, CustomerId, LineId
from toolgym.world import World


def suspend_line(
    world: World,
    customer_id: CustomerId,
    line_id: LineId,
    reason: Annotated[str, Field(description="Why it is suspended.")],
) -> dict[str, Any]:
    """Suspends an active line, at most for six months; a fee of $5 a month applies."""
    if find_line(world, customer_id, line_id)["status"] != "Active":
        raise ToolError("only an active line can be suspended")
    line = world.edit("lines", line_id)
    line.update(status="Suspended", suspension_start_date=today(world))
    sync(world)
    return {"message": "Line suspended successfully. $5/month holding fee will apply.", "line": line}


def resume_line(world: World, customer_id: CustomerId, line_id: LineId) -> dict[str, Any]:
    """Activates a line that is suspended or waits for its activation."""
    if find_line(world, customer_id, line_id)["status"] not in ("Suspended", "Pending Activation"):
        raise ToolError("only a suspended line, or one pending activation, can be resumed")
    line = world.edit("lines", line_id)
    line.update(status="Active", suspension_start_date=None)
    sync(world)
    return {"message": "Line resumed successfully", "line": line}


def send_payment_request(world: World, customer_id: CustomerId, bill_id: BillId) -> str:
    """Asks a customer to pay a bill, by a message to the phone; one bill at a time."""
    find_bill(world, customer_id, bill_id)
    for other in find_customer(world, customer_id)["bill_ids"]:
        if world.get("bills", other)["status"] == "Awaiting Payment":
            raise ToolError("a bill of this customer is awaiting payment already")
    world.edit("bills", bill_id)["status"] = "Awaiting Payment"
    sync(world)
    return f"Payment request sent to the customer for bill {bill_id}"


def _set_roaming(world: World, customer_id: str, line_id: str, enabled: bool) -> str:
    word = "enabled" if enabled else "disabled"
    if find_line(world, customer_id, line_id)["roaming_enabled"] == enabled:
        return f"Roaming was already {word}"
    world.edit("lines", line_id)["roaming_enabled"] = enabled
    sync(world)
    return f"Roaming {word} successfully"


def enable_roaming(world: World, customer_id: CustomerId, line_id: LineId) -> str:
    """Lets a line use data in other operators' networks abroad."""
    return _set_roaming(world, customer_id, line_id, True)


def disable_roaming(world: World, customer_id: CustomerId, line_id: LineId) -> str:
    """Keeps a line from using data in other operators' networks abroad."""
    return _set_roaming(world, customer_id, line_id, False)


def refuel_data(
    world: World,
    customer_id: CustomerId,
    line_id: LineId,
    gb_amount: Annotated[float, Field(gt=0, description="Gigabytes.")],
) -> dict[str, Any]:
    """Adds data to a line for this month, at its plan's price, which goes onto the next bill."""
    plan = world.get("plans", find_line(world, customer_id, line_id)["plan_id"])
    if gb_amount <= 0:
        raise ToolError("the amount of data must be more than nothing")
    price = plan["data_refueling_price_per_gb"]
    cost = round(gb_amount * price, 2)
    if cost > 0:
        charge(world, customer_id, cost, f"Data refueling: {gb_amount} GB at ${price}/GB")
    line = world.edit("lines", line_id)
    line["data_refueling_gb"] = round(line["data_refueling_gb"] + gb_amount, 3)
    sync(world)
    return {
        "message": f"Successfully added {gb_amount} GB of data for line {line_id} for ${cost:.2f}",
        "new_data_refueling_gb": number(world, line["data_refueling_gb"]),
        "charge": number(world, cost),
    }
