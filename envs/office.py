"""The office: mail, calendar, contacts, files and customers of one company, for the employee who speaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from toolgym.composing.declaration import Act, Declaration, Key, Look, Pick, Reckoned, Rule, Seen, Speaker, Wish
from toolgym.composing.fields import (
    TODAY,
    Choice,
    Clock,
    Code,
    Day,
    Dollars,
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
from toolgym.mcp_servers.office import FILE_FOLDERS, MAIL_FOLDERS, STAGES, TOOLS, amount_of, end_of, expected_of

__all__ = ["OFFICE"]

CLOSES_AT, OPENS_AT, MOST_DISCOUNT = "17:00", "09:00", 15
PAPERS = ("Offer", "Price list", "Drawing", "Report", "Minutes", "Test plan")
CONCERNS = ("Question about", "Delay of", "Delivery of", "Complaint about", "Order of", "Invoice for")
OCCASIONS = ("Review", "Planning", "Kick-off", "Inspection", "Contract")
INDUSTRIES = ("brewing", "shipping", "paper", "dairy", "mining")
PRODUCTS = ("pumps", "valves", "filters", "sensors", "gaskets", "compressors", "maintenance", "spare parts")


@dataclass(frozen=True)
class Weekday(Day):
    """A day from Monday to Friday, or of the weekend."""

    weekend: bool = False

    def make(self, draw: Draw) -> str:
        day = TODAY + timedelta(days=draw.rng.randint(self.first, self.last))
        while (day.weekday() >= 5) != self.weekend:
            day += timedelta(days=1)
        return day.isoformat()


def _of(draw: Draw, table: str, owner: Callable[[dict[str, Any]], str]) -> str:
    """Chooses a record of the table whose `owner` is the record that the one being made belongs to."""
    assert draw.parent is not None
    if table not in draw.keys:
        draw.keys[table] = []
        for key, record in draw.tables[table].items():
            draw.keys.setdefault(f"{table} of {owner(record)}", []).append(key)
    return draw.rng.choice(draw.keys[f"{table} of {draw.parent['_key']}"])


def _amount(draw: Draw) -> int:
    return amount_of(draw.record["list_price"], draw.record["discount"])


def _expected(draw: Draw) -> int:
    return expected_of(draw.record["amount"], draw.record["stage"])


def _own_customer(draw: Draw) -> str:
    return _of(draw, "customers", lambda customer: customer["employee_id"])


def _own_contact(draw: Draw) -> str:
    customers = draw.tables["customers"]
    return _of(draw, "contacts", lambda contact: customers[contact["customer_id"]]["employee_id"])


def _attached(draw: Draw) -> str | None:
    return _of(draw, "files", lambda file: file["employee_id"]) if draw.rng.random() < 0.6 else None


def _event_day(draw: Draw) -> str:
    return TODAY.isoformat() if draw.rng.random() < 0.2 else Weekday(1, 40).make(draw)


EMPLOYEES = Table(
    "employees", "profile", "employee_id",
    {
        "name": Name(2, 6),
        "employee_id": Code("{name}_##"),
        "department": Choice(("sales", "service", "projects", "marketing"), label="department"),
        "office": Choice(("Basel", "Gdansk", "Porto", "Turku"), label="office"),
        "extension": Number(1000, 9999, label="extension"),
        "limit": Money(10_000, 60_000, 10_000, label="approval limit"),
    },
    {"small": 10, "standard": 250, "large": 1500},
)  # fmt: skip
CUSTOMERS = Table(
    "customers", "customer", "customer_id",
    {
        "customer_id": Code("C-#####"),
        "company": Name(1, 8, label="company name", told="{value}"),
        "employee_id": Ref("employees"),
        "industry": Choice(INDUSTRIES, label="industry", told="in the {value} industry"),
        "revenue": Money(200, 9_000, 50, label="yearly revenue", extremes=("smallest", "largest"), total="revenue"),
        "status": Choice(("active", "active", "active", "blocked"), label="status"),
        "last_contact": Day(-90, -1, label="date of last contact"),
        "notes": Made(lambda draw: []),
    },
    (2, 3, 2, 4), per="employees",
)  # fmt: skip
CONTACTS = Table(
    "contacts", "contact", "email",
    {
        "name": Name(2, 6, label="name", told="{value}"),
        "email": Code("{name}##@example.com"),
        "customer_id": Ref("customers"),
        "department": Choice(("purchasing", "engineering", "finance", "legal"), label="department", told="in {value}"),
        "phone": Pattern("555-0##-####", label="phone number"),
        "welcomes_mail": Flag(0.75),
    },
    (2, 1, 3, 2), per="customers", pronoun="that contact",
)  # fmt: skip
DEALS = Table(
    "deals", "deal", "deal_id",
    {
        "deal_id": Code("D-#####"),
        "customer_id": Ref("customers"),
        "email": Ref("contacts", by=lambda draw: _of(draw, "contacts", lambda contact: contact["customer_id"])),
        "product": Choice(PRODUCTS, label="product", told="for {value}"),
        "list_price": Money(4_000, 60_000, 1_000, label="list price"),
        "discount": Choice((0, 0, 5, 10)),
        "amount": Dollars(_amount, label="amount", extremes=("smallest", "largest"), total="amount"),
        "stage": Choice(("lead", "qualified", "qualified", "offer", "offer", "won"), label="stage"),
        "expected": Dollars(_expected, label="expected value", total="expected value"),
        "close": Weekday(5, 90, label="close date", told="closing on {value}"),
    },
    (2, 3, 1, 2), per="customers",
)  # fmt: skip
FILES = Table(
    "files", "file", "file_id",
    {
        "file_id": Code("F-#####"),
        "employee_id": Ref("employees"),
        "customer_id": Ref("customers", by=_own_customer),
        "name": Words((PAPERS, ("draft", "final", "v2", "2026")), label="name", told="'{value}'"),
        "folder": Choice(FILE_FOLDERS, label="folder"),
        "size": Number(1, 90, unit="MB", label="size", extremes=("smallest", "largest"), total="size"),
        "security": Choice(("normal", "normal", "normal", "confidential"), label="security class"),
        "legal_hold": Flag(0.25),
        "shared_with": Made(lambda draw: []),
    },
    (3, 2, 4), per="employees",
)  # fmt: skip
MAILS = Table(
    "mails", "mail", "mail_id",
    {
        "mail_id": Code("M-#####"),
        "employee_id": Ref("employees"),
        "email": Ref("contacts", by=_own_contact),
        "subject": Words((CONCERNS, PRODUCTS), label="subject", told="with the subject '{value}'"),
        "received": Day(-60, 0, label="date", told="of {value}", extremes=("oldest", "latest")),
        "folder": Choice((*MAIL_FOLDERS, "inbox", "inbox"), label="folder"),
        "kind": Choice(("letter", "letter", "letter", "invoice", "contract"), label="kind"),
        "security": Choice(("normal", "normal", "normal", "confidential"), label="security class"),
        "file_id": Ref("files", by=_attached),
        "forwarded_to": Made(lambda draw: []),
    },
    (4, 3, 5), per="employees",
)  # fmt: skip
EVENTS = Table(
    "events", "event", "event_id",
    {
        "event_id": Code("E-#####"),
        "employee_id": Ref("employees"),
        "email": Ref("contacts", by=_own_contact),
        "title": Words((OCCASIONS, ("call", "meeting", "visit")), label="title", told="'{value}'"),
        "day": Made(_event_day, label="day", told="on {value}", extremes=("next", "last")),
        "start": Clock(9, 16, label="start time"),
        "minutes": Number(30, 120, 15, "minutes", label="length", extremes=("shortest", "longest"), total="length"),
        "end": Made(lambda draw: end_of(draw.record["start"], draw.record["minutes"]), label="end time"),
    },
    (3, 2, 4), per="employees",
)  # fmt: skip

_MAIL_HEADS = ("mail_id", "email", "subject", "received", "folder")
_FILE_HEADS = ("file_id", "name", "folder", "size")
LOOKS = (
    Look("profile", "get_employee", "employees", {"employee_id": "employee_id"}),
    Look("customers", "list_customers", "customers", {"employee_id": "employee_id"}, many=True),
    Look("customer", "get_customer", "customers", {"customer_id": "customer_id"}),
    Look("contacts", "list_contacts", "contacts", {"customer_id": "customer_id"}, many=True),
    Look("contact", "get_contact", "contacts", {"email": "email"}),
    Look("deals", "list_deals", "deals", {"customer_id": "customer_id"}, many=True),
    Look("deal", "get_deal", "deals", {"deal_id": "deal_id"}),
    Look("mails", "list_mails", "mails", {"employee_id": "employee_id"}, many=True, shows=_MAIL_HEADS),
    Look("mail", "get_mail", "mails", {"mail_id": "mail_id"}),
    Look("events", "list_events", "events", {"employee_id": "employee_id"}, many=True),
    Look("event", "get_event", "events", {"event_id": "event_id"}),
    Look("files", "list_files", "files", {"employee_id": "employee_id"}, many=True, shows=_FILE_HEADS),
    Look("file", "get_file", "files", {"file_id": "file_id"}),
)  # fmt: skip


def _next_stage(seen: Seen) -> str:
    order = list(STAGES)
    return order[order.index(seen.subject["stage"]) + 1]


def _weekend(seen: Seen) -> bool:
    return date.fromisoformat(seen.wishes["day"]).weekday() >= 5


def _another(mail: Mapping[str, Any] | None, contact: Mapping[str, Any]) -> bool:
    return not mail or contact["email"] != mail["email"]


def _there(customer: Mapping[str, Any] | None, contact: Mapping[str, Any]) -> bool:
    return not customer or contact["customer_id"] == customer["customer_id"]


DAY = Wish(Weekday(1, 40), differs="day", fact="On {value}.")
NEW_DAY = Wish(Weekday(1, 40), fact="On {value}.", carried=("deals.close", "events.day"))
START = Wish(Clock(9, 17), topic="start time", fact="At {value}.")
PERCENT = Wish(Number(1, MOST_DISCOUNT, unit="percent"), topic="discount", differs="discount")
TITLE = Wish(Words((("Price", "Site", "Quality", "Delivery"), ("talk", "check", "review"))), fact="'{value}'.")

ACTS = (
    Act(
        "send", "send_mail", "contacts",
        {
            "employee_id": Speaker(), "email": Key(),
            "subject": Wish(
                Words((("Our offer for", "Delivery of", "News about", "Your order of"), PRODUCTS)), fact="'{value}'."
            ),
        },
        (
            "Send a mail with the subject '{subject}' to {it}.",
            "I need a mail to go out to {it}, subject '{subject}'.",
            "Please drop a line to {it} under the subject '{subject}'.",
        ),
        ("Could you mail {it}? The subject line is '{subject}'.",),
        "The mail {mail_id} is sent to {email}.",
        about=("write to", "send", "mail"), past=("sent", "mailed"), gives="mails",
    ),
    Act(
        "forward", "forward_mail", "mails", {"mail_id": Key(), "email": Pick("contacts", fits=_another)},
        ("Forward {it} to {email}.", "Please pass {it} on to {email}.", "Can you forward {it} to {email}?"),
        ("Let {email} have a copy of {it}.",),
        "{mail_id} is forwarded to {email}.",
        about=("forward", "pass"), past=("forwarded", "passed on"), gives="mails",
        when=lambda mail: mail["folder"] in MAIL_FOLDERS,
    ),
    Act(
        "mail_move", "move_mail", "mails",
        {"mail_id": Key(), "folder": Wish(Choice(MAIL_FOLDERS), differs="folder", fact="To {value}.")},
        ("Move {it} to the {folder} folder.", "Please put {it} into {folder}.", "File {it} under {folder}."),
        ("I would like to find {it} in the {folder} folder from now on.",),
        "{mail_id} is in {folder}.",
        about=("move", "folder"), past=("moved",), gives="mails",
        when=lambda mail: mail["folder"] in MAIL_FOLDERS,
    ),
    Act(
        "mail_delete", "delete_mail", "mails", {"mail_id": Key()},
        ("Delete {it}.", "Please throw {it} away.", "I am done with {it}: put it into the trash."),
        ("Get rid of {it} for me.",),
        "{mail_id} is in the trash.",
        about=("delete", "throw", "trash"), past=("deleted", "thrown away"), gives="mails",
        when=lambda mail: mail["folder"] in MAIL_FOLDERS,
    ),
    Act(
        "event_new", "create_event", "",
        {
            "employee_id": Speaker(), "email": Pick("contacts"), "title": TITLE, "day": NEW_DAY, "start": START,
            "minutes": Wish(Number(30, 120, 15, "minutes"), topic="length", fact="{value}."),
        },
        (
            "Set up a '{title}' with {email} on {day}, from {start}, for {minutes}.",
            "Please book {minutes} with {email} on {day} at {start}; call it '{title}'.",
            "Put a '{title}' of {minutes} into my calendar, on {day} at {start}, and invite {email}.",
        ),
        ("I want to meet {email} on {day}: {minutes} from {start}, titled '{title}'.",),
        "{event_id} is on {day} from {start} to {end}.",
        about=("set up", "event", "meet", "calendar", "book"), past=("set up", "booked", "created"), gives="events",
        weight=2.0,
    ),
    Act(
        "event_move", "move_event", "events", {"event_id": Key(), "day": DAY, "start": START},
        ("Move {it} to {day} at {start}.", "Please shift {it} to {day}, {start}.", "Reschedule {it}: {day}, {start}."),
        ("{day} at {start} suits me better for {it}.",),
        "{event_id} is on {day} from {start} to {end}.",
        about=("reschedule", "shift", "move"), past=("rescheduled", "shifted", "moved"), gives="events",
    ),
    Act(
        "event_cancel", "cancel_event", "events", {"event_id": Key()},
        ("Cancel {it}.", "Please call {it} off.", "Take {it} off my calendar."),
        ("I will not make it to {it}, so let it drop.",),
        "{event_id} is cancelled.",
        about=("cancel", "call off"), past=("cancelled", "called off"),
    ),
    Act(
        "share", "share_file", "files", {"file_id": Key(), "email": Pick("contacts")},
        ("Share {it} with {email}.", "Please give {email} access to {it}.", "Let {email} read {it}."),
        ("{email} should be able to open {it}; please see to it.",),
        "{file_id} is shared with {email}.",
        about=("share", "access"), past=("shared",), gives="files",
    ),
    Act(
        "file_move", "move_file", "files",
        {"file_id": Key(), "folder": Wish(Choice(FILE_FOLDERS), differs="folder", fact="To {value}.")},
        ("Move {it} to {folder}.", "Please put {it} into the {folder} folder.", "{it} belongs in {folder}: move it."),
        ("Can {it} go under {folder}, please?",),
        "{file_id} is in {folder}.",
        about=("relocate", "move", "folder"), past=("relocated", "moved"), gives="files",
    ),
    Act(
        "phone", "update_phone", "contacts",
        {"email": Key(), "phone": Wish(Pattern("555-0##-####"), topic="phone number", fact="It is {value}.")},
        (
            "The new phone number of {it} is {phone}; please update it.",
            "Change the phone number of {it} to {phone}.",
            "Please note {phone} as the phone number of {it}.",
        ),
        ("You can reach {it} under {phone} now: correct the address book.",),
        "The phone number of {email} is {phone}.",
        about=("update", "phone"), past=("updated", "changed"), gives="contacts",
    ),
    Act(
        "note", "add_note", "customers",
        {
            "customer_id": Key(),
            "note": Wish(
                Words((("asks for", "is happy with", "needs more", "may not need", "has tested the"), PRODUCTS)),
                fact="'{value}'.",
            ),
        },
        (
            "Add the note '{note}' to {it}.",
            "I talked to {it} today: note down '{note}'.",
            "Please log '{note}' for {it}.",
        ),
        ("For the record, about {it}: '{note}'.",),
        "The note is added to {customer_id}.",
        about=("note", "log"), past=("noted", "added"), gives="customers",
    ),
    Act(
        "deal_new", "create_deal", "customers",
        {
            "customer_id": Key(),
            "email": Pick("contacts", fits=_there),
            "product": Wish(Choice(PRODUCTS), fact="For {value}."),
            "list_price": Wish(Money(4_000, 60_000, 1_000), topic="list price", fact="{value}."),
            "close": Wish(Weekday(10, 90), topic="close date", fact="On {value}."),
        },
        (
            "Log a new deal for {product} with {it}, list price {list_price}, closing on {close}, through {email}.",
            "Open a deal with {it}: {product} for {list_price}, to close on {close}; {email} is in charge.",
            "There is a new lead at {it}: {product}, {list_price}, close date {close}, and {email} handles it.",
        ),
        ("{it} may buy {product} for {list_price} by {close}; enter that as a deal with {email}.",),
        "The deal {deal_id} of {amount} is logged.",
        about=("open a deal with", "deal", "lead"), past=("logged", "opened"), gives="deals",
    ),
    Act(
        "deal_stage", "advance_deal", "deals", {"deal_id": Key(), "stage": Reckoned(_next_stage)},
        ("Put {it} into the next stage.", "Advance {it} by one stage.", "{it} is one step further: move it on."),
        ("Things go well with {it}; take it to the stage that comes next.",),
        "{deal_id} is in the stage {stage}, with an expected value of {expected}.",
        about=("advance", "stage"), past=("advanced",), gives="deals", told=("{expected}",),
        when=lambda deal: deal["stage"] != "won", plan="stage {stage}, amount {amount}:",
    ),
    Act(
        "discount", "set_discount", "deals",
        {"deal_id": Key(), "percent": PERCENT},
        (
            "Set the discount of {it} to {percent} and tell me the new amount.",
            "Give them {percent} off on {it}. What does it come to?",
            "Please grant {percent} discount on {it} and tell me its amount then.",
        ),
        ("What is left of {it} once you take {percent} off the list price? Please enter it.",),
        "With {percent} off, {deal_id} comes to {amount}.",
        about=("discount", "percent", "grant"), past=("granted", "discounted"), gives="deals", told=("{amount}",),
        when=lambda deal: deal["stage"] != "won",
    ),
)  # fmt: skip

RULES = (
    Rule(
        "unwelcome", ("send",), lambda seen: not seen.subject["welcomes_mail"],
        "Contacts who do not welcome mail are not written to.", "that contact does not welcome mail",
    ),
    Rule(
        "secret_mail", ("forward",), lambda seen: seen.subject["security"] == "confidential",
        "A confidential mail is not forwarded.", "it is confidential",
    ),
    Rule(
        "kept", ("mail_delete",), lambda seen: seen.subject["kind"] != "letter",
        "Invoices and contracts are kept: such a mail is not deleted.", "its kind is {kind}, which is kept",
    ),
    Rule(
        "weekend", ("event_new", "event_move"), _weekend,
        "Events take place from Monday to Friday.", "{day} is a day of the weekend",
        tempts={"day": Weekday(1, 40, weekend=True)},
    ),
    Rule(
        "hours", ("event_new", "event_move"), lambda seen: not OPENS_AT <= seen.wishes["start"] <= CLOSES_AT,
        f"Events start from {OPENS_AT} to {CLOSES_AT}.", "{start} is outside the office hours",
        tempts={"start": Clock(18, 22)},
    ),
    Rule(
        "today", ("event_move", "event_cancel"), lambda seen: seen.subject["day"] <= seen.today,
        "An event of today is neither moved nor cancelled.", "it takes place today",
    ),
    Rule(
        "secret_file", ("share",), lambda seen: seen.subject["security"] == "confidential",
        "A confidential file is not shared.", "it is confidential",
    ),
    Rule(
        "stranger", ("share",), lambda seen: seen.picked["email"]["customer_id"] != seen.subject["customer_id"],
        "A file is shared only with contacts at the customer that it is about.", "that contact is at another customer",
        sees=("picked",),
    ),
    Rule(
        "hold", ("file_move",), lambda seen: seen.subject["legal_hold"],
        "A file under legal hold stays where it is.", "it is under legal hold",
    ),
    Rule(
        "blocked", ("deal_new",), lambda seen: seen.subject["status"] == "blocked",
        "No deal is opened with a blocked customer.", "this customer is blocked",
    ),
    Rule(
        "limit", ("deal_stage",), lambda seen: seen.subject["amount"] > (seen.speaker or {})["limit"],
        "A deal whose amount is above the employee's approval limit is not put into the next stage.",
        "its amount of {amount} is above your approval limit", sees=("speaker",),
    ),
    Rule(
        "too_cheap", ("discount",), lambda seen: seen.wishes["percent"] > MOST_DISCOUNT,
        f"A discount is at most {MOST_DISCOUNT} percent.", "{percent} are more than is allowed",
        tempts={"percent": Number(MOST_DISCOUNT + 1, 40, unit="percent")},
    ),
)  # fmt: skip

OFFICE = Declaration(
    name="office",
    title="Office",
    role=(
        "You are the assistant of a company's employees, for their mail, calendar, contacts, files and customers. You "
        "serve one employee at a time with the tools you are given; the customer of this policy is that employee."
    ),
    who="employees",
    tables=(EMPLOYEES, CUSTOMERS, CONTACTS, DEALS, FILES, MAILS, EVENTS),
    looks=LOOKS,
    acts=ACTS,
    rules=RULES,
    new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes={
        "Deals": (
            "A deal goes from lead to qualified, then to offer, then to won, one stage at a time.",
            "Its amount is the list price less the discount; its expected value is the amount times the chance of its "
            "stage (10, 30, 60 and 100 percent). Tell the employee the expected value in a new stage.",
        ),
        "Events": ("An event that is moved takes as long as before.",),
    },
)
