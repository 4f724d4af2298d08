"""The IT helpdesk's MCP server: accounts, devices, licences, access groups, tickets, articles and outages."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.records import find_record, new_id, records_by
from toolgym.world import World

__all__ = ["AREAS", "MODELS", "SYSTEMS", "TOOLS"]

SYSTEMS = ("mail", "payroll", "CRM", "VPN", "wiki")
AREAS = ("design", "finance", "statistics", "translation")
MODELS = {
    "laptop": ("Lattice 13", "Lattice 15", "Corvid Pro"),
    "phone": ("Pebble 4", "Pebble 5"),
    "monitor": ("Vista 24", "Vista 32"),
}
"""What can be ordered, by kind of device."""

StaffId = Annotated[str, Field(description="The staff member's login, such as 'ana.reyes21'.")]
DeviceId = Annotated[str, Field(description="The device's id, such as 'DV-48213'.")]
LicenceId = Annotated[str, Field(description="The software licence's id, such as 'SW-4821'.")]
SeatId = Annotated[str, Field(description="The licence seat's id, such as 'ST-48213'.")]
GroupId = Annotated[str, Field(description="The access group's id, such as 'GR-4821'.")]
GrantId = Annotated[str, Field(description="The access right's id, such as 'AR-48213'.")]
TicketId = Annotated[str, Field(description="The ticket's id, such as 'TK-48213'.")]
System = Annotated[str, Field(description="The system: mail, payroll, CRM, VPN or wiki.")]


def _in_state(world: World, table: str, key: str, noun: str, *states: str) -> dict[str, Any]:
    """The record, for writing, where it is in one of the states."""
    record = find_record(world, table, key, noun)
    if record["state"] not in states:
        raise ToolError(f"{noun} {key} is {record['state']}")
    return world.edit(table, key)


def _of_staff(world: World, table: str, staff_id: str) -> list[dict[str, Any]]:
    find_record(world, "staff", staff_id, "staff member")
    return records_by(world, table, "staff_id", staff_id)


def get_staff(world: World, staff_id: StaffId) -> dict[str, Any]:
    """Shows a staff member: badge, department, employment, state of the account and last password change."""
    return find_record(world, "staff", staff_id, "staff member")


def find_staff_by_badge(world: World, badge: Annotated[str, Field(description="The badge number.")]) -> str:
    """Finds the login of the staff member with a badge number."""
    for staff in records_by(world, "staff", "badge", badge):
        return staff["staff_id"]
    raise ToolError("nobody has that badge number")


def list_devices(world: World, staff_id: StaffId) -> list[dict[str, Any]]:
    """Lists a staff member's devices: kind, model, date of purchase, end of warranty and state."""
    return _of_staff(world, "devices", staff_id)


def search_licences(
    world: World, area: Annotated[str, Field(description="The area: design, finance, statistics or translation.")]
) -> list[dict[str, Any]]:
    """Lists the software licences for an area: product and yearly cost of a seat."""
    names = ("licence_id", "product", "area", "cost")
    return [{name: record[name] for name in names} for record in records_by(world, "licences", "area", area)]


def get_licence(world: World, licence_id: LicenceId) -> dict[str, Any]:
    """Shows a software licence: product, maker, area, yearly cost of a seat and number of free seats."""
    return find_record(world, "licences", licence_id, "software licence")


def list_seats(world: World, staff_id: StaffId) -> list[dict[str, Any]]:
    """Lists the licence seats that a staff member has or had."""
    return _of_staff(world, "seats", staff_id)


def get_group(world: World, group_id: GroupId) -> dict[str, Any]:
    """Shows an access group: name, system, rights, owner and number of members."""
    return find_record(world, "groups", group_id, "access group")


def list_groups(world: World, system: System) -> list[dict[str, Any]]:
    """Lists the access groups of a system."""
    return records_by(world, "groups", "system", system)


def list_grants(world: World, staff_id: StaffId) -> list[dict[str, Any]]:
    """Lists a staff member's access rights: group, rights, end date and state."""
    return _of_staff(world, "grants", staff_id)


def get_ticket(world: World, ticket_id: TicketId) -> dict[str, Any]:
    """Shows a ticket: system, priority, state, days of opening and ending, and the article that helps."""
    return find_record(world, "tickets", ticket_id, "ticket")


def list_tickets(world: World, staff_id: StaffId) -> list[dict[str, Any]]:
    """Lists a staff member's tickets."""
    return _of_staff(world, "tickets", staff_id)


def get_article(
    world: World, article_id: Annotated[str, Field(description="The article's id, such as 'KB-4821'.")]
) -> dict[str, Any]:
    """Shows an article of the knowledge base: title, system, author, reading time and last update."""
    return find_record(world, "articles", article_id, "article")


def list_outages(world: World, system: System) -> list[dict[str, Any]]:
    """Lists the outages of a system: start, expected end, state and people affected."""
    return records_by(world, "outages", "system", system)


def unlock_account(world: World, staff_id: StaffId) -> dict[str, Any]:
    """Unlocks a staff member's account."""
    if find_record(world, "staff", staff_id, "staff member")["account"] != "locked":
        raise ToolError("the account is not locked")
    staff = world.edit("staff", staff_id)
    staff["account"], staff["lock"] = "active", "none"
    return staff


def reset_password(world: World, staff_id: StaffId) -> dict[str, Any]:
    """Sends a staff member a new password and counts the reset."""
    find_record(world, "staff", staff_id, "staff member")
    staff = world.edit("staff", staff_id)
    staff["password_since"] = world.meta["today"]
    staff["resets"] += 1
    return staff


def order_replacement(
    world: World, device_id: DeviceId, model: Annotated[str, Field(description="The new model, of the same kind.")]
) -> dict[str, Any]:
    """Orders a device that takes the place of another of its kind."""
    device = find_record(world, "devices", device_id, "device")
    if model not in MODELS[device["kind"]]:
        raise ToolError(f"{shown(model)} is no {device['kind']} that can be ordered")
    device = _in_state(world, "devices", device_id, "device", "in use", "damaged", "lost")
    device["state"], device["replacement"] = "being replaced", model
    return device


def report_lost(world: World, device_id: DeviceId) -> dict[str, Any]:
    """Marks a device as lost and locks its user's account for a security check."""
    device = _in_state(world, "devices", device_id, "device", "in use", "damaged")
    device["state"] = "lost"
    staff = world.edit("staff", device["staff_id"])
    staff["account"], staff["lock"] = "locked", "security check"
    return device


def assign_licence(world: World, staff_id: StaffId, licence_id: LicenceId) -> dict[str, Any]:
    """Gives a staff member a free seat of a software licence."""
    licence = find_record(world, "licences", licence_id, "software licence")
    if licence["free"] < 1:
        raise ToolError(f"software licence {licence_id} has no free seat")
    if any(seat["licence_id"] == licence_id and seat["state"] == "active" for seat in list_seats(world, staff_id)):
        raise ToolError(f"the staff member has a seat of {licence_id} already")
    world.edit("licences", licence_id)["free"] -= 1
    key, today = new_id(world, "seats", "ST-", staff_id, licence_id), world.meta["today"]
    seat = {"seat_id": key, "staff_id": staff_id, "licence_id": licence_id, "product": licence["product"]}
    world.put("seats", key, {**seat, "since": today, "used": today, "state": "active"})
    return world.get("seats", key)


def release_seat(world: World, seat_id: SeatId) -> dict[str, Any]:
    """Takes a licence seat back, so that it is free again."""
    seat = _in_state(world, "seats", seat_id, "licence seat", "active")
    seat["state"] = "released"
    world.edit("licences", seat["licence_id"])["free"] += 1
    return seat


def grant_access(
    world: World,
    staff_id: StaffId,
    group_id: GroupId,
    days: Annotated[int, Field(ge=1, le=1000, description="For how many days from today.")],
) -> dict[str, Any]:
    """Makes a staff member a member of an access group for some days."""
    group = find_record(world, "groups", group_id, "access group")
    if any(one["group_id"] == group_id and one["state"] == "active" for one in list_grants(world, staff_id)):
        raise ToolError(f"the staff member is a member of {group_id} already")
    world.edit("groups", group_id)["members"] += 1
    key = new_id(world, "grants", "AR-", staff_id, group_id, days)
    until = (date.fromisoformat(world.meta["today"]) + timedelta(days=days)).isoformat()
    grant = {"grant_id": key, "staff_id": staff_id, "group_id": group_id, "name": group["name"]}
    world.put("grants", key, {**grant, "level": group["level"], "until": until, "state": "active"})
    return world.get("grants", key)


def revoke_access(world: World, grant_id: GrantId) -> dict[str, Any]:
    """Ends an access right at once."""
    grant = _in_state(world, "grants", grant_id, "access right", "active")
    grant["state"], grant["until"] = "revoked", world.meta["today"]
    world.edit("groups", grant["group_id"])["members"] -= 1
    return grant


def open_ticket(
    world: World,
    staff_id: StaffId,
    system: System,
    people: Annotated[int, Field(ge=1, description="How many people are affected.")],
    blocked: Annotated[bool, Field(description="Whether they cannot work.")],
    priority: Annotated[Literal["P1", "P2", "P3", "P4"], Field(description="The priority, P1 is the most urgent.")],
) -> dict[str, Any]:
    """Opens a ticket about a system."""
    find_record(world, "staff", staff_id, "staff member")
    if system not in SYSTEMS:
        raise ToolError(f"no system {shown(system)}")
    key = new_id(world, "tickets", "TK-", staff_id, system, people, blocked, priority)
    ticket = {"ticket_id": key, "staff_id": staff_id, "system": system, "people": people, "blocked": blocked}
    dates = {"opened": world.meta["today"], "ended": "none", "escalations": 0, "article_id": None}
    world.put("tickets", key, {**ticket, "priority": priority, "state": "open", **dates})
    return world.get("tickets", key)


def close_ticket(world: World, ticket_id: TicketId) -> dict[str, Any]:
    """Closes a ticket."""
    ticket = _in_state(world, "tickets", ticket_id, "ticket", "open", "in progress", "waiting", "resolved")
    ticket["state"], ticket["ended"] = "closed", world.meta["today"]
    return ticket


def reopen_ticket(world: World, ticket_id: TicketId) -> dict[str, Any]:
    """Opens a ticket again that was resolved or closed."""
    ticket = _in_state(world, "tickets", ticket_id, "ticket", "resolved", "closed")
    ticket["state"], ticket["ended"] = "open", "none"
    return ticket


def escalate_ticket(world: World, ticket_id: TicketId) -> dict[str, Any]:
    """Raises a ticket's priority by one step."""
    ticket = find_record(world, "tickets", ticket_id, "ticket")
    if ticket["priority"] == "P1":
        raise ToolError(f"ticket {ticket_id} has the highest priority")
    ticket = _in_state(world, "tickets", ticket_id, "ticket", "open", "in progress", "waiting")
    ticket["priority"] = f"P{int(ticket['priority'][1]) - 1}"
    ticket["escalations"] += 1
    return ticket


READS = (
    get_staff, find_staff_by_badge, list_devices, search_licences, get_licence, list_seats, get_group, list_groups,
    list_grants, get_ticket, list_tickets, get_article, list_outages,
)  # fmt: skip
WRITES = (
    unlock_account, reset_password, order_replacement, report_lost, assign_licence, release_seat, grant_access,
    revoke_access, open_ticket, close_ticket, reopen_ticket, escalate_ticket,
)  # fmt: skip

TOOLS = DomainTools(
    name="helpdesk",
    owner="IT helpdesk",
    instructions=(
        "Tools of an IT helpdesk. They check that a change is consistent, not that the company's policy allows it: "
        "whoever calls them answers for that."
    ),
    reads=READS,
    writes=WRITES,
    build_base=declared_worlds("toolgym.envs.helpdesk:HELPDESK"),
)

if __name__ == "__main__":
    command(TOOLS)()
