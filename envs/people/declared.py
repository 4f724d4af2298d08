"""What the HR desk shows and does for employees, and its policy."""

from datetime import date
from typing import Any

from toolgym.composing.declaration import Act, Declaration, Key, Look, Own, Pick, Reckoned, Rule, Seen, Speaker, Wish
from toolgym.composing.fields import TODAY, Choice, Day, Flag, Made, Money, Number, Pattern
from toolgym.envs.people.tables import TABLES, WorkingDay, address, ahead
from toolgym.mcp_servers.people import CATEGORIES, TOOLS

__all__ = ["PEOPLE"]


class Receipt(Flag):
    """Whether there is a receipt, as people say it."""

    def show(self, value: Any) -> str:
        return "with a receipt" if value else "without a receipt"


LOOKS = (
    Look("employee", "get_employee", "employees", {"employee_id": "employee_id"}),
    Look("by_email", "find_employee_by_email", "employees", {"email": "email"}, shows=("employee_id",)),
    Look("team", "get_team", "teams", {"team_id": "team_id"}),
    Look("plan", "get_plan", "plans", {"plan_id": "plan_id"}),
    Look("plans", "list_plans", "plans", {"level": "level"}, many=True),
    Look("training", "get_training", "trainings", {"training_id": "training_id"}),
    Look(
        "trainings", "search_trainings", "trainings", {"topic": "topic"}, many=True,
        shows=("training_id", "title", "topic", "starts", "cost"),
    ),
    Look("enrolments", "list_enrolments", "enrolments", {"employee_id": "employee_id"}, many=True),
    Look("balances", "list_balances", "balances", {"employee_id": "employee_id"}, many=True),
    Look("leave", "get_leave", "leaves", {"leave_id": "leave_id"}),
    Look("claim", "get_claim", "claims", {"claim_id": "claim_id"}),
    Look("claims", "list_claims", "claims", {"employee_id": "employee_id"}, many=True),
    Look("payslips", "list_payslips", "payslips", {"employee_id": "employee_id"}, many=True),
)  # fmt: skip


def _open(leave: Any) -> bool:
    return leave["status"] in ("requested", "approved")


LEAVE_ACTS = (
    Act(
        "request_leave", "request_leave", "balances",
        {
            "employee_id": Own("employee_id"),
            "kind": Own("kind"),
            "start": Wish(WorkingDay(3, 150), fact="From {value}.", carried=("enrolments.starts",)),
            "days": Wish(Number(2, 8, unit="days"), topic="how many days", fact="{value}."),
        },
        (
            "I would like {days} off from {start}, out of {it}.",
            "Please request {days} of leave starting on {start} and book it against {it}.",
            "Take {days} from {it} for a leave that starts on {start}.",
        ),
        ("I plan to be away for {days} from {start}; charge that to {it}.",),
        "{leave_id} is requested; its last day is {end}.", about=("request", "leave", "off", "days", "balance"),
        past=("requested", "booked", "granted"), gives="leaves", told=("{end}",), plan="{left} left:", weight=1.6,
    ),
    Act(
        "move_leave", "move_leave", "leaves",
        {"leave_id": Key(), "start": Wish(WorkingDay(3, 150), differs="start", fact="To {value}.")},
        (
            "Please move {it} so that it begins on {start}.", "I want to shift {it}: let it begin on {start} instead.",
            "Can you reschedule {it} to begin on {start}?",
        ),
        ("My plans have changed, so {it} should begin on {start}.",), "{leave_id} now runs from {start} to {end}.",
        about=("move", "shift", "reschedule", "leave"), past=("moved", "shifted", "rescheduled"), gives="leaves",
        told=("{end}",), when=_open, plan="{status}, {days}:",
    ),
    Act(
        "withdraw_leave", "withdraw_leave", "leaves", {"leave_id": Key()},
        (
            "Please withdraw {it}.", "I will work after all, so {it} can be called off.",
            "I do not need the time off any more: please cancel {it}.",
        ),
        ("My trip fell through; {it} can go.",), "{leave_id} is withdrawn.",
        about=("withdraw", "call", "cancel", "leave"), past=("withdrawn", "called off", "cancelled"), gives="leaves",
        when=_open, plan="{status}, starts {start}:",
    ),
)  # fmt: skip
TRAINING_ACTS = (
    Act(
        "enrol", "enrol_in_training", "",
        {
            "employee_id": Speaker(),
            "training_id": Pick("trainings", fits=lambda _, training: training["starts"] > TODAY.isoformat()),
            "team_id": Pick("teams", topic="which team pays"),
        },
        (
            "Enrol me in {training_id}; the cost goes to {team_id}.",
            "Sign me up for {training_id} at the expense of {team_id}.",
            "I want to attend {training_id}, paid for by {team_id}.",
        ),
        ("Get me a place in {training_id} and charge {team_id}.",), "{enrolment_id} is {status}.",
        about=("enrol", "sign", "training", "place", "attend"), past=("enrolled", "signed up", "booked"),
        gives="enrolments", told=("{status}",), weight=1.6,
    ),
    Act(
        "cancel_enrolment", "cancel_enrolment", "enrolments", {"enrolment_id": Key()},
        ("Cancel {it}, please.", "I cannot attend: please cancel {it}.", "A project has come up, so drop {it}."),
        ("Someone else may have my place: release {it}.",), "{enrolment_id} is cancelled.",
        about=("cancel", "drop", "enrolment", "release"), past=("cancelled", "dropped"), gives="enrolments",
        when=lambda enrolment: enrolment["status"] in ("booked", "waiting"), plan="{status}, starts {starts}:",
    ),
)  # fmt: skip
CLAIM_ACTS = (
    Act(
        "file_claim", "file_claim", "",
        {
            "employee_id": Speaker(),
            "category": Wish(Choice(CATEGORIES[:-1]), fact="For {value}."),
            "amount": Wish(Money(8, 300), fact="{value}."),
            "spent": Wish(Day(-85, -1), topic="day", fact="On {value}."),
            "receipt": Wish(Receipt(0.8), fact="{value}."),
        },
        (
            "I paid {amount} for {category} on {spent}, {receipt}. Please file that as an expense claim.",
            "Please claim back {amount} that I spent on {category} on {spent}, {receipt}.",
            "File an expense claim of {amount} for {category}, spent on {spent}, {receipt}.",
        ),
        ("My own money went into {category}: {amount} on {spent}, {receipt}. I want it back.",),
        "{claim_id} over {amount} is filed.", about=("file", "claim", "expense", "refund", "reimburse"),
        past=("filed", "submitted", "refunded", "reimbursed"), gives="claims", weight=2.4,
    ),
    Act(
        "file_mileage", "file_mileage", "",
        {
            "employee_id": Speaker(),
            "km": Wish(Number(20, 480, 2, "km"), topic="kilometres", fact="{value}."),
            "amount": Reckoned(lambda seen: seen.wishes["km"] // 2),
            "spent": Wish(Day(-85, -1), topic="day", fact="On {value}."),
        },
        (
            "I drove {km} for the company in my own car on {spent}. Please file the mileage.",
            "File mileage for {km} on {spent}, please.",
            "Please put in the {km} of my business trip by car on {spent}.",
        ),
        ("My own car did {km} on company business on {spent}; I would like the usual rate for that.",),
        "{claim_id} over {amount} is filed.", about=("reimburse", "mileage", "file", "claim", "kilomet", "drive"),
        past=("filed", "submitted", "refunded", "reimbursed"), gives="claims", told=("{amount}",),
        plan="{km} at $0.50:", weight=2.0,
    ),
    Act(
        "withdraw_claim", "withdraw_claim", "claims", {"claim_id": Key()},
        (
            "Please withdraw {it}.", "I filed {it} by mistake, so do not process that.",
            "Somebody else paid for that in the end: retract {it}.",
        ),
        ("There is no need to refund {it} any more; remove it from the queue.",), "{claim_id} is withdrawn.",
        about=("retract", "withdraw", "claim", "remove", "process"), past=("withdrawn", "retracted", "removed"),
        gives="claims", when=lambda claim: claim["status"] in ("submitted", "approved"), plan="{status}:",
    ),
)  # fmt: skip
RECORD_ACTS = (
    Act(
        "bank", "change_bank_account", "employees",
        {"employee_id": Key(), "account": Wish(Pattern("##########"), topic="bank account", differs="account")},
        (
            "Pay my salary into account {account} from now on.", "My new bank account is {account}; please change it.",
            "Please change my bank account to {account}.",
        ),
        ("I have a new bank: let my salary go to account {account}.",), "Your salary is paid into account {account}.",
        about=("change", "bank", "account"), past=("changed to", "updated"), gives="employees",
    ),
    Act(
        "address", "change_address", "employees",
        {"employee_id": Key(), "address": Wish(Made(address, "address"), differs="address")},
        (
            "I have moved: my new address is {address}.", "Please update my home address to {address}.",
            "From now on I live at {address}. Please note that.",
        ),
        ("Let my post go to {address} in future, that is my new home.",), "Your home address is {address}.",
        about=("update", "address"), past=("updated", "changed to"), gives="employees", weight=0.6,
    ),
    Act(
        "choose_plan", "choose_plan", "employees",
        {
            "employee_id": Key(),
            "plan_id": Pick("plans", fits=lambda one, plan: one is None or one.get("plan_id") != plan["plan_id"]),
        },
        ("Switch me to {plan_id}.", "Please put me on {plan_id} from today.", "I want to change to {plan_id}."),
        ("From now on let me have {plan_id}.",), "You are on {plan_id} from today.",
        about=("switch", "plan", "benefit"), past=("switched", "changed to"), gives="employees", weight=2.0,
    ),
)  # fmt: skip
ACTS = (*LEAVE_ACTS, *TRAINING_ACTS, *CLAIM_ACTS, *RECORD_ACTS)


def _budget(seen: Seen) -> bool:
    return seen.picked["training_id"]["cost"] > seen.picked["team_id"]["budget"]


def _too_full(seen: Seen) -> bool:
    training = seen.picked["training_id"]
    return training["places"] == 0 and training["starts"] < ahead(21, seen.today)


def _still_waiting(seen: Seen) -> bool:
    days = (date.fromisoformat(seen.today) - date.fromisoformat(seen.subject["hired"])).days
    return days < seen.picked["plan_id"]["waiting"]


def _lacks_receipt(seen: Seen) -> bool:
    limit = 25 if (seen.speaker or {})["contract"] == "permanent" else 10
    return seen.wishes["amount"] > limit and not seen.wishes["receipt"]


RULES = (
    Rule(
        "balance_short", ("request_leave",), lambda seen: seen.wishes["days"] > seen.subject["left"],
        "Nobody takes more days of a kind of leave than the balance has left.",
        "{days} are more than the {left} left for {kind}", tempts={"days": Number(9, 32, unit="days")},
    ),
    Rule(
        "notice", ("request_leave", "move_leave"),
        lambda seen: seen.wishes["start"] < ahead(14 if seen.subject["kind"] == "vacation" else 0, seen.today),
        "A vacation begins at least fourteen days after it is requested or moved, other leave not before that day.",
        "{start} is too soon", tempts={"start": WorkingDay(1, 11)},
    ),
    Rule(
        "begun", ("move_leave", "withdraw_leave"), lambda seen: seen.subject["start"] <= seen.today,
        "A leave that has begun can be neither moved nor withdrawn.", "it has begun already",
    ),
    Rule(
        "waiting_list", ("enrol",), _too_full,
        "Nobody is put on the waiting list of a training that starts in less than 21 days.",
        "no place in the training is free and it starts in less than 21 days", sees=("picked",),
    ),
    Rule(
        "team_budget", ("enrol",), _budget,
        "A training must not cost more than what is left of the training budget of the team that pays.",
        "the training costs more than the team's training budget", sees=("picked",),
    ),
    Rule(
        "late_cancel", ("cancel_enrolment",), lambda seen: seen.subject["starts"] < ahead(14, seen.today),
        "An enrolment can be cancelled until fourteen days before the training starts.",
        "the training starts on {starts}",
    ),
    Rule(
        "before_start", ("file_claim", "file_mileage"),
        lambda seen: seen.wishes["spent"] < (seen.speaker or {})["hired"],
        "Expenses and mileage from before an employee's start date are not paid.",
        "{spent} is before your start date", sees=("speaker",), tempts={"spent": Day(-290, -21)},
    ),
    Rule(
        "no_receipt", ("file_claim",), _lacks_receipt,
        "A receipt is needed for expenses of more than $25, and of more than $10 where the contract is fixed-term.",
        "{amount} needs a receipt", sees=("speaker",), tempts={"amount": Money(11, 200), "receipt": Receipt(0.0)},
    ),
    Rule(
        "approved_claim", ("withdraw_claim",), lambda seen: seen.subject["status"] == "approved",
        "An expense claim that is approved cannot be withdrawn: its payment is on the way.",
        "it is approved and its payment is on the way",
    ),
    Rule(
        "new_account", ("bank",), lambda seen: seen.subject["account_since"] > ahead(-30, seen.today),
        "A bank account that was set less than 30 days ago cannot be changed, as a guard against fraud.",
        "the bank account was set on {account_since}, less than 30 days ago",
    ),
    Rule(
        "plan_year", ("choose_plan",), lambda seen: seen.subject["plan_since"] > ahead(-180, seen.today),
        "An employee stays on a benefit plan for at least 180 days before switching.",
        "the present plan began on {plan_since}",
    ),
    Rule(
        "plan_waiting", ("choose_plan",), _still_waiting,
        "A benefit plan is open to employees whose start date is at least the plan's waiting time ago.",
        "your start date {hired} is not long enough ago for that plan", sees=("picked",),
    ),
)  # fmt: skip

PEOPLE = Declaration(
    name="people", title="HR desk",
    role="You are the assistant of a company's HR desk. You serve one employee at a time with the tools you are given.",
    who="employees", tables=TABLES,
    looks=LOOKS, acts=ACTS, rules=RULES, new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes={
        "Leave": (
            "Leave is counted in working days, Monday to Friday.",
            "Tell the employee the last day of a leave that is requested or moved.",
        ),
        "Trainings": (
            "Where a place is free, it is booked and the team pays at once; otherwise the employee waits for one.",
            "Tell the employee whether the enrolment is booked or waiting.",
        ),
        "Expenses": ("Mileage is paid at $0.50 a kilometre. Tell the employee the amount that is filed.",),
    },
    echoes={9567: 4651},
)  # fmt: skip
