"""The helpdesk's records: accounts, devices, licences, access rights, articles, outages and tickets."""

from datetime import date, timedelta
from typing import Any

from toolgym.composing.fields import (
    TODAY,
    Choice,
    Code,
    Day,
    Draw,
    Flag,
    Made,
    Money,
    Name,
    Number,
    Pattern,
    Ref,
    Words,
)
from toolgym.composing.tables import Table
from toolgym.mcp_servers.helpdesk import AREAS, MODELS, SYSTEMS

__all__ = ["TABLES", "ahead"]

NOW = TODAY.isoformat()


def ahead(days: int, day: str = NOW) -> str:
    """The day some days later, ISO form."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


class NextRef(Ref):
    """The records in turn, so that what belongs to one person names none of them twice."""

    def make(self, draw: Draw) -> str:
        ids = draw.ids(self.table)
        return ids[draw.index % len(ids)]


def _lock(draw: Draw) -> str:
    if draw.record["account"] == "active":
        return "none"
    return draw.rng.choice(("wrong passwords", "wrong passwords", "long absence", "security check"))


def _state_of_device(draw: Draw) -> str:
    return draw.rng.choice(("in use", "in use", "in use", "damaged"))


def _ended(draw: Draw) -> str:
    """When a resolved or closed ticket ended: between its opening and today."""
    if draw.record["state"] not in ("resolved", "closed"):
        return "none"
    opened = date.fromisoformat(draw.record["opened"])
    return ahead(draw.rng.randint(0, (TODAY - opened).days), draw.record["opened"])


def _of(table: str, link: str, name: str) -> Any:
    """What makes a field as it stands in the record that another field names."""
    return lambda draw: draw.tables[table][draw.record[link]][name]


STAFF = Table(
    "staff", "account", "staff_id",
    {
        "first": Name(longest=7),
        "last": Name(longest=8),
        "staff_id": Code("{first}.{last}##"),
        "badge": Pattern("7#####", label="badge number", told="with badge number {value}"),
        "department": Choice(("sales", "logistics", "research", "accounting"), label="department"),
        "desk": Pattern("?-###", label="desk"),
        "employment": Choice(("permanent", "permanent", "contractor"), label="kind of employment"),
        "account": Choice(("active", "locked"), label="account state"),
        "lock": Made(_lock, "lock", label="lock reason"),
        "password_since": Day(-200, -1, label="day of the last password change"),
        "resets": Choice((0, 0, 1, 1, 2, 3), label="number of password resets this month"),
    },
    {"small": 14, "standard": 300, "large": 2000},
)  # fmt: skip
DEVICES = Table(
    "devices", "device", "device_id",
    {
        "device_id": Code("DV-#####"),
        "staff_id": Ref("staff"),
        "kind": Choice(tuple(MODELS), label="kind"),
        "model": Made(
            lambda draw: draw.rng.choice(MODELS[draw.record["kind"]]), "model", label="model", told="'{value}'",
        ),
        "bought": Day(-2000, -40, label="day of purchase", told="bought on {value}", extremes=("oldest", "newest")),
        "warranty": Made(lambda draw: ahead(730, draw.record["bought"]), "day", label="end of warranty"),
        "state": Made(_state_of_device, "state", label="state"),
        "replacement": Choice(("none",)),
    },
    (2, 3, 1), per="staff",
)  # fmt: skip
LICENCES = Table(
    "licences", "software licence", "licence_id",
    {
        "licence_id": Code("SW-####"),
        "product": Words(
            (("Clear", "Quick", "Smart", "Bright", "Open"), ("Draw", "Ledger", "Stats", "Text", "Chart", "Plan")),
            label="product", told="'{value}'",
        ),
        "maker": Name(label="maker"),
        "area": Choice(AREAS, label="area", told="for {value}"),
        "cost": Money(50, 900, 10, label="yearly cost", extremes=("cheapest", "most expensive"), total="yearly cost"),
        "free": Choice((1, 1, 2, 3, 6), label="number of free seats"),
    },
    {"small": 16, "standard": 80, "large": 300},
)  # fmt: skip
SEATS = Table(
    "seats", "licence seat", "seat_id",
    {
        "seat_id": Code("ST-#####"),
        "staff_id": Ref("staff"),
        "licence_id": NextRef("licences"),
        "product": Made(_of("licences", "licence_id", "product"), "product", label="product", told="of '{value}'"),
        "since": Day(-400, -5, label="first day", extremes=("oldest", "newest")),
        "used": Made(lambda draw: max(draw.record["since"], draw.day(-60, -1)), "day", label="day of last use"),
        "state": Choice(("active", "active", "released"), label="state"),
    },
    (1, 2, 0, 3), per="staff",
)  # fmt: skip
GROUPS = Table(
    "groups", "access group", "group_id",
    {
        "group_id": Code("GR-####"),
        "name": Words(
            (
                ("North", "South", "Export", "Retail", "Partner"),
                ("Reports", "Archive", "Forms", "Contacts", "Planning"),
            ),
            label="name", told="'{value}'",
        ),
        "system": Choice(SYSTEMS, label="system", told="in {value}"),
        "level": Choice(("read", "read", "write", "admin"), label="kind of rights", told="with {value} rights"),
        "owner": Name(2, 7, label="owner"),
        "members": Number(
            2, 90, label="number of members", extremes=("smallest", "largest"), total="number of members",
        ),
    },
    {"small": 20, "standard": 100, "large": 400},
)  # fmt: skip
GRANTS = Table(
    "grants", "access right", "grant_id",
    {
        "grant_id": Code("AR-#####"),
        "staff_id": Ref("staff"),
        "group_id": NextRef("groups"),
        "name": Made(_of("groups", "group_id", "name"), "name", label="group name", told="to '{value}'"),
        "level": Made(_of("groups", "group_id", "level"), "level", label="kind of rights"),
        "until": Day(-150, 200, label="end date", extremes=("earliest-ending", "latest-ending")),
        "state": Made(lambda draw: "active" if draw.record["until"] >= NOW else "expired", "state", label="state"),
    },
    (2, 1, 3), per="staff",
)  # fmt: skip
ARTICLES = Table(
    "articles", "article", "article_id",
    {
        "article_id": Code("KB-####"),
        "title": Words(
            (
                ("Restore", "Set Up", "Speed Up", "Understand"), ("Your", "Shared"),
                ("Folders", "Calendars", "Sign-In", "Filters"),
            ),
            label="title",
        ),
        "system": Choice(SYSTEMS, label="system"),
        "author": Name(2, 7, label="author"),
        "minutes": Number(2, 25, unit="minutes", label="reading time"),
        "updated": Day(-700, -3, label="last update"),
    },
    {"small": 12, "standard": 60, "large": 200},
)  # fmt: skip
OUTAGES = Table(
    "outages", "outage", "outage_id",
    {
        "outage_id": Code("OU-####"),
        "system": Choice(SYSTEMS, label="system", told="of {value}"),
        "since": Day(-40, -1, label="start", told="since {value}", extremes=("earliest", "latest")),
        "state": Choice(("ongoing", "fixed"), label="state"),
        "until": Made(
            lambda draw: ahead(1, NOW if draw.record["state"] == "ongoing" else draw.record["since"]), "day",
            label="end",
        ),
        "people": Number(5, 900, label="number of people affected", extremes=("smallest", "largest")),
    },
    {"small": 14, "standard": 40, "large": 100},
)  # fmt: skip
TICKETS = Table(
    "tickets", "ticket", "ticket_id",
    {
        "ticket_id": Code("TK-#####"),
        "staff_id": Ref("staff"),
        "system": Choice(SYSTEMS, label="system", told="about {value}"),
        "people": Choice((1, 1, 2, 4, 9, 10, 30)),
        "blocked": Flag(0.4),
        "priority": Made(
            lambda draw: ("P4", "P3", "P2", "P1")[2 * draw.record["blocked"] + (draw.record["people"] >= 10)],
            "priority", label="priority", extremes=("most urgent", "least urgent"),
        ),
        "opened": Day(-45, -1, label="day of opening", told="of {value}", extremes=("oldest", "newest")),
        "state": Choice(("open", "open", "in progress", "waiting", "resolved", "resolved", "closed"), label="state"),
        "ended": Made(_ended, "day"),
        "escalations": Choice((0, 0, 0, 1, 2)),
        "article_id": Ref("articles"),
    },
    (2, 3, 1, 4), per="staff",
)  # fmt: skip
TABLES = (STAFF, DEVICES, LICENCES, SEATS, GROUPS, GRANTS, ARTICLES, OUTAGES, TICKETS)
