"""What customers ask the desk for: questions, changes of lines and bills, and what the policy forbids."""

from datetime import date

from toolgym.composing.declaration import Act, Fixed, Key, Look, Own, Pick, Rule, Seen, Wish
from toolgym.composing.fields import Money, Number, Pattern

__all__ = ["ACTS", "LOOKS", "RULES"]

LOOKS = (
    Look("customer", "get_customer_by_id", "customers", {"customer_id": "customer_id"}),
    Look("customer_by_phone", "get_customer_by_phone", "customers", {"phone_number": "phone_number"}),
    Look("line", "get_details_by_id", "lines", {"id": "line_id"}),
    Look("line_by_phone", "get_line_by_phone", "lines", {"phone_number": "phone_number"}),
    Look("lines", "list_lines", "lines", {"customer_id": "customer_id"}, many=True),
    Look("bill", "get_details_by_id", "bills", {"id": "bill_id"}),
    Look("bills", "get_bills_for_customer", "bills", {"customer_id": "customer_id"}, many=True),
    Look("plan", "get_details_by_id", "plans", {"id": "plan_id"}),
    Look("plans", "list_plans", "plans", {}, many=True),
    Look("device", "get_details_by_id", "devices", {"id": "device_id"}),
)

_LINE = {"customer_id": Own("customer_id"), "line_id": Key()}
_BILL = {"customer_id": Own("customer_id"), "bill_id": Key()}


def _unpaid(bill) -> bool:
    return bill["status"] in ("Issued", "Overdue")


ACTS = (
    Act(
        "suspend",
        "suspend_line",
        "lines",
        {**_LINE, "reason": Fixed("asked for by the customer")},
        ("Please suspend {it} for now.", "I will not need {it} for a while: put it on hold.", "Put {it} on hold."),
        ("Could you park {it} until I call again?",),
        "{line_id} is suspended.",
        about=("suspend", "hold", "pause"),
        past=("suspended", "paused"),
        when=lambda line: line["status"] == "Active",
    ),
    Act(
        "resume",
        "resume_line",
        "lines",
        _LINE,
        ("Please reactivate {it}.", "I need {it} again: take it off hold.", "Resume {it}, please."),
        ("Bring {it} back to life.",),
        "{line_id} is active.",
        about=("reactivate", "resume", "hold"),
        past=("reactivated", "resumed"),
        when=lambda line: line["status"] == "Suspended",
    ),
    Act(
        "roaming_on",
        "enable_roaming",
        "lines",
        _LINE,
        ("I am going abroad: enable roaming for {it}.", "Please activate roaming on {it}."),
        ("Let {it} work in other countries too: roaming on.",),
        "Roaming is enabled for {line_id}.",
        about=("enable", "activate", "roaming"),
        past=("enabled", "activated"),
        when=lambda line: not line["roaming_enabled"],
    ),
    Act(
        "roaming_off",
        "disable_roaming",
        "lines",
        _LINE,
        ("I am back home: disable roaming for {it}.", "Please deactivate roaming on {it}."),
        ("No more roaming for {it}, please.",),
        "Roaming is disabled for {line_id}.",
        about=("disable", "deactivate", "roaming"),
        past=("disabled", "deactivated"),
        when=lambda line: line["roaming_enabled"],
    ),
    Act(
        "refuel",
        "refuel_data",
        "lines",
        {**_LINE, "gb_amount": Wish(Number(1, 2, unit="GB"), topic="amount of data", fact="{value}.")},
        ("Add {gb_amount} of data to {it}.", "I need {gb_amount} more data on {it} this month."),
        ("Let {it} have {gb_amount} more this month.",),
        "{line_id} has {gb_amount} more.",
        about=("refuel", "add", "data", "top up"),
        past=("added", "refueled"),
        weight=0.8,
    ),
    Act(
        "plan_change",
        "change_plan",
        "lines",
        {**_LINE, "plan_id": Pick("plans", fits=lambda line, plan: line is None or line["plan_id"] != plan["plan_id"])},
        ("Move {it} to {plan_id}.", "I want {plan_id} for {it}.", "Switch {it} to {plan_id}, please."),
        ("Let {it} run on {plan_id} from now on.",),
        "{line_id} is on {plan_id}.",
        about=("move", "switch", "plan", "change"),
        past=("moved", "switched", "changed"),
        gives="lines",
        weight=1.5,
    ),
    Act(
        "sim",
        "replace_sim",
        "lines",
        _LINE,
        ("I have lost the SIM card of {it}: send me a new one.", "Please send a new SIM card for {it}."),
        ("The SIM card of {it} is broken; I need another.",),
        "A new SIM card for {line_id} is on its way.",
        about=("send", "sim", "replace"),
        past=("sent", "replaced"),
        gives="lines",
    ),
    Act(
        "request",
        "send_payment_request",
        "bills",
        _BILL,
        ("I want to pay {it}: send me the payment request.", "Please send me a payment request for {it}."),
        ("Let me settle {it}: where is the payment request?",),
        "The payment request for {bill_id} is sent.",
        about=("send", "payment", "request", "pay"),
        past=("sent",),
        when=_unpaid,
    ),
    Act(
        "dispute",
        "dispute_bill",
        "bills",
        _BILL,
        ("I want to dispute {it}.", "{it} cannot be right: have it examined.", "I object to {it}."),
        ("There is a mistake in {it}; please have somebody examine it.",),
        "{bill_id} is disputed.",
        about=("dispute", "examine", "object"),
        past=("disputed",),
        gives="bills",
        when=_unpaid,
    ),
    Act(
        "extend",
        "extend_due_date",
        "bills",
        {**_BILL, "days": Wish(Number(3, 14), topic="days", fact="{value} days.")},
        ("Give me {days} more days to pay {it}.", "Please extend the due date of {it} by {days} days."),
        ("I cannot pay {it} yet; could I have {days} days more?",),
        "{bill_id} is due on {due_date}.",
        about=("extend", "due", "days", "later"),
        past=("extended",),
        gives="bills",
        when=_unpaid,
    ),
    Act(
        "credit",
        "give_credit",
        "bills",
        {**_BILL, "amount": Wish(Money(5, 25, 5), topic="credit", fact="{value}.")},
        (
            "For all the trouble I had I want {amount} off {it}.",
            "Please give me a goodwill credit of {amount} on {it}.",
        ),
        ("How about {amount} of goodwill credit on {it}?",),
        "{bill_id} is {total_due} now.",
        about=("credit", "give", "goodwill", "off"),
        past=("credited", "given"),
        gives="bills",
        when=_unpaid,
    ),
    Act(
        "email",
        "update_email",
        "customers",
        {"customer_id": Key(), "email": Wish(Pattern("{full_name}.##@mail.example"), topic="e-mail", fact="{value}.")},
        ("My e-mail address is now {email}.", "Please write to {email} from now on."),
        ("I have a new address for e-mail: {email}.",),
        "Your e-mail address is {email}.",
        about=("e-mail", "address", "change"),
        past=("changed", "updated"),
        gives="customers",
        weight=0.6,
    ),
)


def _days_ago(seen: Seen, day: str | None) -> int:
    """How long ago a day was; very long where there was none."""
    return 9999 if day is None else (date.fromisoformat(seen.today) - date.fromisoformat(day)).days


RULES = (
    Rule(
        "contract_over",
        ("resume", "plan_change"),
        lambda seen: seen.subject["contract_end_date"] < seen.today,
        "A line whose contract has ended is not resumed, and its plan is not changed.",
        "its contract ended on {contract_end_date}",
    ),
    Rule(
        "account_suspended",
        ("resume",),
        lambda seen: (seen.speaker or {})["account_status"] == "Suspended",
        "No line is resumed while the customer's account is suspended.",
        "your account is suspended",
        sees=("speaker",),
    ),
    Rule(
        "not_active",
        ("refuel", "roaming_on"),
        lambda seen: seen.subject["status"] != "Active",
        "Data is added, and roaming is enabled, for active lines alone.",
        "the line is not active",
    ),
    Rule(
        "too_much_data",
        ("refuel",),
        lambda seen: seen.wishes["gb_amount"] > 2,
        "At most 2 GB are added to a line at a time.",
        "{gb_amount} are more than the 2 GB that can be added",
        tempts={"gb_amount": Number(3, 12, unit="GB")},
    ),
    Rule(
        "changed_lately",
        ("plan_change",),
        lambda seen: _days_ago(seen, seen.subject["last_plan_change_date"]) < 30,
        "A line's plan is changed at most once in thirty days.",
        "its plan was changed on {last_plan_change_date}",
    ),
    Rule(
        "replaced_lately",
        ("sim",),
        lambda seen: _days_ago(seen, seen.subject["last_sim_replacement_date"]) < 30,
        "A line gets at most one new SIM card in thirty days.",
        "its SIM card was replaced on {last_sim_replacement_date}",
    ),
    Rule(
        "not_overdue",
        ("request",),
        lambda seen: seen.subject["status"] != "Overdue",
        "A payment request is sent for overdue bills alone.",
        "the bill is not overdue",
    ),
    Rule(
        "old_bill",
        ("dispute",),
        lambda seen: _days_ago(seen, seen.subject["issue_date"]) > 60,
        "A bill can be disputed for sixty days after it was issued.",
        "it was issued on {issue_date}",
    ),
    Rule(
        "overdue_bill",
        ("extend",),
        lambda seen: seen.subject["status"] == "Overdue",
        "The due date of a bill that is overdue already is not moved.",
        "the bill is overdue",
    ),
    Rule(
        "too_many_days",
        ("extend",),
        lambda seen: seen.wishes["days"] > 14,
        "A due date is moved by at most fourteen days.",
        "{days} days are more than fourteen",
        tempts={"days": Number(15, 45)},
    ),
    Rule(
        "extended_lately",
        ("extend",),
        lambda seen: _days_ago(seen, (seen.speaker or {})["last_extension_date"]) < 180,
        "A customer's due date is moved at most once in 180 days.",
        "a due date of yours was moved less than 180 days ago",
        sees=("speaker",),
    ),
    Rule(
        "credit_used",
        ("credit",),
        lambda seen: (seen.speaker or {})["goodwill_credit_used_this_year"] + seen.wishes["amount"] > 50,
        "The goodwill credits of a customer are at most $50 a year.",
        "with {amount} more your credits of this year would be above $50",
        sees=("speaker",),
    ),
)
