"""What the helpdesk shows and does for staff, and its policy."""

from typing import Any

from toolgym.composing.declaration import Act, Declaration, Key, Look, Pick, Reckoned, Rule, Seen, Speaker, Wish
from toolgym.composing.fields import Choice, Flag, Made, Number
from toolgym.envs.helpdesk.tables import TABLES, ahead
from toolgym.mcp_servers.helpdesk import MODELS, SYSTEMS, TOOLS

__all__ = ["HELPDESK"]


class Blocked(Flag):
    """Whether people can work, as they say it."""

    def show(self, value: Any) -> str:
        return "cannot work" if value else "can still work"


def _priority(seen: Seen) -> str:
    many, blocked = seen.wishes["people"] >= 10, seen.wishes["blocked"]
    return ("P4", "P3", "P2", "P1")[2 * blocked + many]


LOOKS = (
    Look("staff", "get_staff", "staff", {"staff_id": "staff_id"}),
    Look("badge", "find_staff_by_badge", "staff", {"badge": "badge"}, shows=("staff_id",)),
    Look("devices", "list_devices", "devices", {"staff_id": "staff_id"}, many=True),
    Look(
        "licences", "search_licences", "licences", {"area": "area"}, many=True,
        shows=("licence_id", "product", "area", "cost"),
    ),
    Look("licence", "get_licence", "licences", {"licence_id": "licence_id"}),
    Look("seats", "list_seats", "seats", {"staff_id": "staff_id"}, many=True),
    Look("group", "get_group", "groups", {"group_id": "group_id"}),
    Look("groups", "list_groups", "groups", {"system": "system"}, many=True),
    Look("grants", "list_grants", "grants", {"staff_id": "staff_id"}, many=True),
    Look("ticket", "get_ticket", "tickets", {"ticket_id": "ticket_id"}),
    Look("tickets", "list_tickets", "tickets", {"staff_id": "staff_id"}, many=True),
    Look("article", "get_article", "articles", {"article_id": "article_id"}),
    Look("outages", "list_outages", "outages", {"system": "system"}, many=True),
)  # fmt: skip


def _active(record: Any) -> bool:
    return record["state"] == "active"


def _going(ticket: Any) -> bool:
    return ticket["state"] in ("open", "in progress", "waiting")


ACCOUNT_ACTS = (
    Act(
        "unlock", "unlock_account", "staff", {"staff_id": Key()},
        (
            "My account is locked: please unlock it.", "I cannot sign in any more, please unlock my account.",
            "Please unlock my account.",
        ),
        ("The system has shut me out; let me back into my account.",), "Your account is {account}.",
        about=("unlock", "account", "sign in"), past=("unlocked", "reactivated"), gives="staff",
        when=lambda staff: staff["account"] == "locked", plan="locked: {lock}:", weight=1.5,
    ),
    Act(
        "reset", "reset_password", "staff", {"staff_id": Key()},
        (
            "I have forgotten my password: please reset it.", "Please reset my password.",
            "I need a new password, please send me one.",
        ),
        ("My password has slipped my mind; set me up with another one.",), "A new password is on its way to you.",
        about=("reset", "password"), past=("reset today", "sent", "on its way"), gives="staff", plan="{resets} resets:",
        weight=1.5,
    ),
)  # fmt: skip
DEVICE_ACTS = (
    Act(
        "replace", "order_replacement", "devices",
        {
            "device_id": Key(),
            "model": Wish(
                Made(lambda draw: draw.rng.choice(MODELS[draw.record.get("kind", "laptop")]), "model"),
                differs="model", fact="A {value}.",
            ),
        },
        (
            "Please order a {model} to replace {it}.", "I would like a {model} instead of {it}.",
            "Replace {it} with a {model}, please.",
        ),
        ("Time for something new: let a {model} take over from {it}.",), "A {model} is ordered to replace {device_id}.",
        about=("replace", "order", "device"), past=("replaced", "ordered"), gives="devices",
        when=lambda device: device["state"] != "being replaced", plan="{state}, bought on {bought}:", weight=1.4,
    ),
    Act(
        "lost", "report_lost", "devices", {"device_id": Key()},
        (
            "I have lost {it}.", "Somebody has stolen {it}: please report it as lost.",
            "I have left {it} somewhere: please mark it as lost.",
        ),
        ("I cannot find {it} anywhere; put it down as lost.",),
        "{device_id} is {state}, and your account is locked for a security check.", about=("report", "lost", "mark"),
        past=("reported", "marked"), gives="devices", when=lambda device: device["state"] in ("in use", "damaged"),
        plan="{state}:", weight=0.8,
    ),
)  # fmt: skip
LICENCE_ACTS = (
    Act(
        "assign", "assign_licence", "", {"staff_id": Speaker(), "licence_id": Pick("licences")},
        ("I need a seat of {licence_id}.", "Please assign me {licence_id}.", "Can I have {licence_id}, please?"),
        ("My work calls for {licence_id}; kindly set me up with it.",), "{seat_id} of {product} is assigned to you.",
        about=("assign", "licence", "seat"), past=("assigned",), gives="seats", weight=1.5,
    ),
    Act(
        "release", "release_seat", "seats", {"seat_id": Key()},
        ("I no longer need {it}.", "Please take back {it}, I do not use it.", "Free up {it} for somebody else."),
        ("Somebody else can make better use of {it}, so release it.",), "{seat_id} of {product} is released.",
        about=("release", "take back", "free", "seat"), past=("released", "taken back", "freed"), gives="seats",
        when=_active, plan="since {since}:",
    ),
)  # fmt: skip
ACCESS_ACTS = (
    Act(
        "grant", "grant_access", "",
        {
            "staff_id": Speaker(),
            "group_id": Pick("groups"),
            "days": Wish(Number(10, 90, 10, "days"), topic="how long", fact="For {value}."),
        },
        (
            "Please give me access to {group_id} for {days}.", "Add me to {group_id} for the next {days}.",
            "I need to be in {group_id} for {days}.",
        ),
        ("A project needs me in {group_id}; let that last {days}.",), "{grant_id} is valid until {until}.",
        about=("grant", "access", "group", "add"), past=("granted", "added"), gives="grants", told=("{until}",),
        weight=1.6,
    ),
    Act(
        "revoke", "revoke_access", "grants", {"grant_id": Key()},
        (
            "Please revoke {it}.", "I have changed projects: please end {it}.",
            "I should not have {it} any more, please remove it.",
        ),
        ("There is no reason for me to keep {it}; withdraw it.",), "{grant_id} is revoked.",
        about=("revoke", "end", "remove", "right"), past=("revoked", "removed"), gives="grants", when=_active,
    ),
)  # fmt: skip
TICKET_ACTS = (
    Act(
        "open_ticket", "open_ticket", "",
        {
            "staff_id": Speaker(),
            "system": Wish(Choice(SYSTEMS), fact="It is about {value}."),
            "people": Wish(Number(2, 30, unit="people"), topic="how many people", fact="{value}."),
            "blocked": Wish(Blocked(0.5), topic="whether they can work", fact="They {value}."),
            "priority": Reckoned(_priority),
        },
        (
            "Please open a ticket: {system} fails for {people}, who {blocked}.",
            "{people} have trouble with {system} and {blocked}. Please open a ticket.",
            "I want to report that {system} is not working for {people}. They {blocked}.",
        ),
        ("Something is wrong with {system}: {people} feel it, and they {blocked}. Put that on file.",),
        "{ticket_id} is open with priority {priority}.", about=("open", "ticket"), past=("opened", "filed"),
        gives="tickets", told=("{priority}",), plan="{people}, {blocked}:", weight=0.6,
    ),
    Act(
        "close_ticket", "close_ticket", "tickets", {"ticket_id": Key()},
        ("Please close {it}.", "The problem is gone, so {it} can be closed.", "You can close {it}: it works again."),
        ("It fixed itself in the meantime; shut {it}.",), "{ticket_id} is closed.", about=("close", "ticket"),
        past=("closed",), gives="tickets", when=lambda ticket: ticket["state"] != "closed", plan="{state}:",
    ),
    Act(
        "reopen", "reopen_ticket", "tickets", {"ticket_id": Key()},
        (
            "The problem is back: please reopen {it}.", "Please reopen {it}.",
            "It still does not work, so {it} has to be reopened.",
        ),
        ("It went wrong again; bring {it} back to life.",), "{ticket_id} is open again.",
        about=("reopen", "again", "ticket"), past=("reopened", "open again"), gives="tickets",
        when=lambda ticket: ticket["state"] in ("resolved", "closed"), plan="ended {ended}:", weight=1.2,
    ),
    Act(
        "escalate", "escalate_ticket", "tickets", {"ticket_id": Key()},
        (
            "Please escalate {it}.", "I have waited long enough: please escalate {it}.",
            "Raise the priority of {it}, please.",
        ),
        ("It is getting urgent, so move {it} up a step.",), "{ticket_id} now has priority {priority}.",
        about=("escalate", "raise", "priority"), past=("escalated", "raised"), gives="tickets", told=("{priority}",),
        when=lambda ticket: _going(ticket) and ticket["priority"] != "P1",
        plan="opened {opened}, {escalations} escalations:", weight=1.4,
    ),
)  # fmt: skip
ACTS = (*ACCOUNT_ACTS, *DEVICE_ACTS, *LICENCE_ACTS, *ACCESS_ACTS, *TICKET_ACTS)

RULES = (
    Rule(
        "security_lock", ("unlock",), lambda seen: seen.subject["lock"] == "security check",
        "An account that is locked for a security check is unlocked by the security team only.",
        "it is locked for a security check",
    ),
    Rule(
        "reset_limit", ("reset",), lambda seen: seen.subject["resets"] >= 3,
        "A password is reset at most three times a month.", "there were {resets} resets this month",
    ),
    Rule(
        "young_device", ("replace",),
        lambda seen: seen.subject["state"] == "in use" and seen.subject["bought"] > ahead(-1095, seen.today),
        "A device that is neither damaged nor lost is replaced once it was bought 1095 days ago.",
        "it is in use and was bought on {bought}",
    ),
    Rule(
        "last_seat", ("assign",), lambda seen: seen.picked["licence_id"]["free"] <= 1,
        "The last free seat of a software licence is kept in reserve.", "only one seat of the licence is free",
        sees=("picked",),
    ),
    Rule(
        "dear_licence", ("assign",), lambda seen: seen.picked["licence_id"]["cost"] > 600,
        "A seat that costs more than $600 a year is assigned by purchasing only.",
        "a seat of that licence costs more than $600 a year", sees=("picked",),
    ),
    Rule(
        "fresh_seat", ("release",), lambda seen: seen.subject["since"] > ahead(-90, seen.today),
        "A licence seat can be released once it was assigned 90 days ago.", "its first day was {since}",
    ),
    Rule(
        "admin_rights", ("grant",), lambda seen: seen.picked["group_id"]["level"] == "admin",
        "Access groups with admin rights are granted by the security team only.", "that group has admin rights",
        sees=("picked",),
    ),
    Rule(
        "contractor_days", ("grant",),
        lambda seen: (seen.speaker or {})["employment"] == "contractor" and seen.wishes["days"] > 90,
        "Contractors get access for at most 90 days.", "contractors get at most 90 days, not {days}", sees=("speaker",),
        tempts={"days": Number(100, 360, 10, "days")},
    ),
    Rule(
        "in_work", ("close_ticket",), lambda seen: seen.subject["state"] == "in progress",
        "A ticket in progress cannot be closed: a technician is at work on it.", "a technician is at work on it",
    ),
    Rule(
        "reopen_window", ("reopen",), lambda seen: seen.subject["ended"] < ahead(-14, seen.today),
        "A ticket can be reopened within 14 days of its end.", "it ended on {ended}",
    ),
    Rule(
        "young_ticket", ("escalate",), lambda seen: seen.subject["opened"] > ahead(-5, seen.today),
        "A ticket can be escalated once it was opened five days ago.", "it was opened on {opened}",
    ),
    Rule(
        "escalated_twice", ("escalate",), lambda seen: seen.subject["escalations"] >= 2,
        "A ticket is escalated at most twice.", "it was raised {escalations} times before",
    ),
)  # fmt: skip

HELPDESK = Declaration(
    name="helpdesk", title="IT helpdesk",
    role="You are the assistant of a company's IT helpdesk. You serve one employee at a time.",
    who="staff", tables=TABLES, looks=LOOKS,
    acts=ACTS, rules=RULES, new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes={
        "Priorities": (
            "P1: ten or more people cannot work. P2: fewer than ten cannot work. P3: ten or more are affected and can "
            "still work. P4: all else.",
            "Tell the customer the priority of a ticket that is opened or escalated.",
        ),
        "Access": ("Access is granted for some days from today. Tell the customer the day on which it ends.",),
        "Devices": (
            "A device is replaced by the model that the customer wants. Of a lost device the user's account is locked.",
        ),
    },
)  # fmt: skip
