"""The HR desk's records: teams, benefit plans, employees, leave, trainings, expense claims and payslips."""

from datetime import date, timedelta
from typing import Any

from toolgym.composing.fields import (
    TODAY,
    Choice,
    Code,
    Day,
    Draw,
    Made,
    Money,
    Name,
    Number,
    Pattern,
    Ref,
    Refs,
    Words,
)
from toolgym.composing.names import draw_name
from toolgym.composing.tables import Table
from toolgym.mcp_servers.people import CATEGORIES, KINDS, LEVELS, TOPICS, last_day

__all__ = ["TABLES", "WorkingDay", "address", "ahead"]

_ENTITLED = {"vacation": (20, 30), "study": (5, 12), "overtime": (4, 14)}


def ahead(days: int, today: str = TODAY.isoformat()) -> str:
    """The day some days after today, ISO form."""
    return (date.fromisoformat(today) + timedelta(days=days)).isoformat()


def _working(day: str) -> str:
    """The day, or the Monday after it."""
    made = date.fromisoformat(day)
    return (made + timedelta(days=(0, 0, 0, 0, 0, 2, 1)[made.weekday()])).isoformat()


class WorkingDay(Day):
    """A `Day` from Monday to Friday."""

    def make(self, draw: Draw) -> str:
        return _working(super().make(draw))


class Dollars(Made):
    """Dollars that follow from other fields."""

    def show(self, value: Any) -> str:
        return f"${value}"


class TeamOfEmployee(Ref):
    """The team of the employee whose record it is."""

    def make(self, draw: Draw) -> str:
        assert draw.parent is not None
        return draw.parent["team_id"]


def _hired(draw: Draw) -> str:
    return draw.day(-300, -20) if draw.rng.random() < 0.35 else draw.day(-4000, -300)


def address(draw: Draw) -> str:
    """An invented address."""
    kind, town = draw.rng.choice(("Street", "Road", "Lane", "Avenue")), draw_name(draw.rng, draw.split, 8)
    return f"{draw.rng.randint(1, 180)} {draw_name(draw.rng, draw.split, 8)} {kind}, {town}"


def _leave_status(draw: Draw) -> str:
    if draw.record["end"] < TODAY.isoformat():
        return "taken"
    begun = draw.record["start"] <= TODAY.isoformat()
    return "approved" if begun else draw.rng.choice(("requested", "requested", "approved", "approved", "rejected"))


def _days(draw: Draw, *statuses: str) -> int:
    """The working days of the employee's leaves of the kind with these statuses."""
    assert draw.parent is not None
    leaves = (draw.tables["leaves"][key] for key in draw.parent["leaves"])
    return sum(one["days"] for one in leaves if one["kind"] == draw.record["kind"] and one["status"] in statuses)


def _entitled(draw: Draw) -> int:
    least = _days(draw, "taken", "requested", "approved")
    return max(least, draw.rng.randint(*_ENTITLED[draw.record["kind"]]))


def _training(draw: Draw) -> dict[str, Any]:
    return draw.tables["trainings"][draw.record["training_id"]]


def _enrolment_status(draw: Draw) -> str:
    if draw.record["starts"] <= TODAY.isoformat():
        return "completed"
    return "booked" if _training(draw)["places"] or draw.rng.random() < 0.5 else "waiting"


def _gross(draw: Draw) -> int:
    assert draw.parent is not None
    return draw.parent["salary"] + draw.rng.choice((0, 0, 0, 150, 400))


TEAMS = Table(
    "teams", "team", "team_id",
    {
        "team_id": Code("T-###"),
        "name": Words((("Field", "Central", "Inside", "Global"), ("Sales", "Logistics", "Design")), label="name"),
        "head": Name(2, 7, label="head"),
        "site": Choice(("Harbour House", "Mill Lane", "Tower"), label="site"),
        "budget": Money(200, 3000, 50, label="training budget"),
    },
    {"small": 4, "standard": 20, "large": 60},
)  # fmt: skip
PLANS = Table(
    "plans", "benefit plan", "plan_id",
    {
        "plan_id": Code("PL-####"),
        "level": Choice(LEVELS, label="level", told="of level {value}"),
        "provider": Name(1, 8, label="provider", told="by {value}"),
        "cost": Money(20, 400, 5, label="monthly cost", extremes=("cheapest", "most expensive"), total="monthly cost"),
        "deductible": Money(100, 1500, 50, label="deductible"),
        "waiting": Number(0, 240, 30, "days", label="waiting time"),
    },
    {"small": 10, "standard": 30, "large": 60},
)  # fmt: skip
EMPLOYEES = Table(
    "employees", "employee", "employee_id",
    {
        "employee_id": Code("E-#####"),
        "first": Name(longest=7),
        "last": Name(longest=8),
        "email": Pattern("{first}.{last}##@example.com", label="e-mail", told="with e-mail {value}"),
        "team_id": Ref("teams"),
        "contract": Choice(("permanent", "permanent", "fixed-term"), label="kind of contract"),
        "salary": Money(2600, 7200, 50, label="monthly salary"),
        "hired": Made(_hired, "day", label="start date"),
        "address": Made(address, "address", label="home address"),
        "account": Pattern("##########", label="bank account"),
        "account_since": Day(-110, -1),
        "plan_id": Ref("plans"),
        "plan_since": Made(lambda draw: max(draw.record["hired"], draw.day(-900, -5)), "day"),
        "leaves": Refs("leaves"),
    },
    {"small": 12, "standard": 300, "large": 2000},
)  # fmt: skip
LEAVES = Table(
    "leaves", "leave request", "leave_id",
    {
        "leave_id": Code("LV-#####"),
        "employee_id": Ref("employees"),
        "kind": Choice(("vacation", "vacation", *KINDS), label="kind of leave"),
        "start": Made(
            lambda draw: _working(draw.day(-40 + 75 * draw.place, 15 + 50 * draw.place)), "day", label="first day",
            told="starting {value}", extremes=("earliest", "latest"),
        ),
        "days": Number(
            2, 8, unit="days", label="length", extremes=("shortest", "longest"), total="length", told="of {value}",
        ),
        "end": Made(lambda draw: last_day(draw.record["start"], draw.record["days"]), "day", label="last day"),
        "status": Made(_leave_status, "status", label="status"),
    },
    (2, 1, 3, 2), per="employees",
)  # fmt: skip
BALANCES = Table(
    "balances", "leave balance", "balance_id",
    {
        "balance_id": Code("BL-#####"),
        "employee_id": Ref("employees"),
        "kind": Made(lambda draw: KINDS[draw.place], "kind", told="for {value}"),
        "entitled": Made(_entitled, "days", label="yearly entitlement", total="yearly entitlement"),
        "taken": Made(lambda draw: _days(draw, "taken"), "days", label="number of days taken"),
        "booked": Made(lambda draw: _days(draw, "requested", "approved"), "days", label="number of days booked"),
        "left": Made(
            lambda draw: draw.record["entitled"] - draw.record["taken"] - draw.record["booked"], "days",
            label="number of days left", extremes=("smallest", "largest"), total="number of days left",
        ),
    },
    (3,), per="employees",
)  # fmt: skip
TRAININGS = Table(
    "trainings", "training", "training_id",
    {
        "training_id": Code("TR-####"),
        "title": Words(
            (
                ("Practical", "Advanced", "Everyday", "Compact", "Applied"),
                ("Negotiation", "Spreadsheets", "First Aid", "Budgeting", "Feedback", "Spanish", "Databases"),
            ),
            label="title", told="'{value}'",
        ),
        "topic": Choice(TOPICS, label="topic", told="about {value}"),
        "starts": WorkingDay(-15, 70, label="first day", told="starting {value}", extremes=("earliest", "latest")),
        "cost": Money(
            100, 1500, 50, label="cost", told="for {value}", extremes=("cheapest", "most expensive"), total="cost",
        ),
        "form": Choice(("on site", "online"), label="form"),
        "places": Choice((0, 0, 1, 2, 3, 5, 8), label="number of free places"),
    },
    {"small": 22, "standard": 150, "large": 500},
)  # fmt: skip
ENROLMENTS = Table(
    "enrolments", "enrolment", "enrolment_id",
    {
        "enrolment_id": Code("EN-#####"),
        "employee_id": Ref("employees"),
        "training_id": Ref("trainings"),
        "team_id": TeamOfEmployee("teams"),
        "title": Made(lambda draw: _training(draw)["title"], "title", label="title", told="in '{value}'"),
        "starts": Made(
            lambda draw: _training(draw)["starts"], "day", label="first day", extremes=("earliest", "latest"),
        ),
        "cost": Made(lambda draw: _training(draw)["cost"], "money", extremes=("cheapest", "most expensive")),
        "status": Made(_enrolment_status, "status", label="status"),
    },
    (2, 1, 0, 3), per="employees",
)  # fmt: skip
CLAIMS = Table(
    "claims", "expense claim", "claim_id",
    {
        "claim_id": Code("EX-#####"),
        "employee_id": Ref("employees"),
        "category": Choice(CATEGORIES, label="category", told="for {value}"),
        "amount": Money(10, 400, label="amount", told="of {value}", extremes=("smallest", "largest"), total="amount"),
        "spent": Day(-80, -2, label="day of spending", told="from {value}", extremes=("oldest", "newest")),
        "receipt": Made(lambda draw: draw.record["amount"] > 25 and draw.record["category"] != "mileage", "flag"),
        "km": Made(lambda draw: 2 * draw.record["amount"] if draw.record["category"] == "mileage" else 0, "km"),
        "status": Choice(("submitted", "submitted", "approved", "paid", "rejected"), label="status"),
    },
    (2, 3, 1), per="employees",
)  # fmt: skip
PAYSLIPS = Table(
    "payslips", "payslip", "payslip_id",
    {
        "payslip_id": Code("PS-#####"),
        "employee_id": Ref("employees"),
        "month": Made(
            lambda draw: f"2026-{5 - draw.place:02d}", "month", told="for {value}", extremes=("oldest", "newest"),
        ),
        "gross": Dollars(_gross, "money", label="gross pay", total="gross pay"),
        "tax": Dollars(lambda draw: draw.record["gross"] * 22 // 100, "money", label="tax", total="tax"),
        "insurance": Dollars(lambda draw: draw.record["gross"] * 9 // 100, "money", label="insurance"),
        "net": Dollars(
            lambda draw: draw.record["gross"] - draw.record["tax"] - draw.record["insurance"], "money", label="net pay",
            total="net pay",
        ),
    },
    (3,), per="employees",
)  # fmt: skip
TABLES = (TEAMS, PLANS, EMPLOYEES, LEAVES, BALANCES, TRAININGS, ENROLMENTS, CLAIMS, PAYSLIPS)
