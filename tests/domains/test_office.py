"""The office: each tool by hand, each rule at its border, and a task from its request to its answer."""

import random
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredComposer
from toolgym.composing.declaration import Seen
from toolgym.composing.making import Source, TaskMaker
from toolgym.composing.recipes import Together
from toolgym.composing.worlds import world_key
from toolgym.envs.office import OFFICE
from toolgym.mcp.session import ToolSession
from toolgym.mcp_servers.office import TOOLS, amount_of, end_of, expected_of
from toolgym.messages import ToolCall
from toolgym.world import Base

TODAY = "2026-06-15"  # a Monday
MAIL = {
    "mail_id": "M-1", "employee_id": "ana", "email": "kim@example.com", "subject": "Order of pumps",
    "received": "2026-06-01", "folder": "inbox", "kind": "letter", "security": "normal", "file_id": "F-1",
    "forwarded_to": [],
}  # fmt: skip
EVENT = {
    "event_id": "E-1", "employee_id": "ana", "email": "kim@example.com", "title": "Review call", "day": "2026-06-17",
    "start": "10:00", "minutes": 90, "end": "11:30",
}  # fmt: skip
FILE = {
    "file_id": "F-1", "employee_id": "ana", "customer_id": "C-1", "name": "Offer v2", "folder": "sales", "size": 7,
    "security": "normal", "legal_hold": False, "shared_with": ["kim@example.com"],
}  # fmt: skip
DEAL = {
    "deal_id": "D-1", "customer_id": "C-1", "email": "kim@example.com", "product": "pumps", "list_price": 9000,
    "discount": 5, "amount": 8550, "stage": "qualified", "expected": 2565, "close": "2026-08-03",
}  # fmt: skip
CUSTOMER = {
    "customer_id": "C-1", "company": "Kolm", "employee_id": "ana", "industry": "paper", "revenue": 900,
    "status": "active", "last_contact": "2026-05-01", "notes": [],
}  # fmt: skip
ANA = {"employee_id": "ana", "name": "Ana Reyes", "department": "sales", "office": "Porto", "extension": 1, "limit": 9}
KIM = {
    "name": "Kim Sol", "email": "kim@example.com", "customer_id": "C-1", "department": "legal", "phone": "555-011-0000",
    "welcomes_mail": True,
}  # fmt: skip
LEE = {**KIM, "name": "Lee Tan", "email": "lee@example.com", "customer_id": "C-2"}


@pytest.fixture
def office() -> ToolSession:
    tables = {
        "employees": {"ana": ANA},
        "customers": {"C-1": CUSTOMER, "C-2": {**CUSTOMER, "customer_id": "C-2", "employee_id": "bob"}},
        "contacts": {"kim@example.com": KIM, "lee@example.com": LEE},
        "deals": {"D-1": DEAL, "D-2": {**DEAL, "deal_id": "D-2", "stage": "won"}},
        "files": {"F-1": FILE},
        "mails": {"M-1": MAIL, "M-2": {**MAIL, "mail_id": "M-2", "folder": "trash"}},
        "events": {"E-1": EVENT},
    }
    return TOOLS.server(base=Base(tables, {"today": TODAY})).session()


def changed(office: ToolSession, tool: str, **arguments: Any) -> Any:
    result = office.call(ToolCall(tool, arguments))
    assert not result.is_error, result.text
    return office.diff()


def test_what_follows_from_other_amounts() -> None:
    assert amount_of(9000, 5) == 8550  # 9000 less 450
    assert expected_of(8550, "qualified") == 2565  # 30 in 100 of it
    assert end_of("10:45", 75) == "12:00"


def test_reads_show_records_and_lists_of_mails_and_files_their_heads(office: ToolSession) -> None:
    def shown(tool: str, **arguments: str) -> Any:
        structured = office.call(ToolCall(tool, arguments)).structured
        return structured["result"] if structured and set(structured) == {"result"} else structured

    assert shown("get_employee", employee_id="ana") == ANA
    assert shown("list_customers", employee_id="ana") == [CUSTOMER]
    assert shown("get_customer", customer_id="C-1") == CUSTOMER
    assert shown("list_contacts", customer_id="C-2") == [LEE]
    assert shown("get_contact", email="kim@example.com") == KIM
    assert [deal["deal_id"] for deal in shown("list_deals", customer_id="C-1")] == ["D-1", "D-2"]
    assert shown("get_deal", deal_id="D-1") == DEAL
    heads = {"email": "kim@example.com", "subject": "Order of pumps", "received": "2026-06-01"}
    assert shown("list_mails", employee_id="ana")[1] == {"mail_id": "M-2", "folder": "trash", **heads}
    assert shown("get_mail", mail_id="M-1") == MAIL
    assert shown("list_events", employee_id="ana") == [EVENT]
    assert shown("get_event", event_id="E-1") == EVENT
    assert shown("list_files", employee_id="ana") == [
        {"file_id": "F-1", "name": "Offer v2", "folder": "sales", "size": 7}
    ]
    assert shown("get_file", file_id="F-1") == FILE
    assert office.diff() == {}


def test_a_mail_is_sent_forwarded_moved_and_thrown_away(office: ToolSession) -> None:
    sent = changed(office, "send_mail", employee_id="ana", email="lee@example.com", subject="News")
    new = {"employee_id": "ana", "received": TODAY, "folder": "sent", "security": "normal", "forwarded_to": []}
    (key,) = sent["mails"]
    first = {"mail_id": key, "email": "lee@example.com", "subject": "News", "kind": "letter", "file_id": None}
    assert sent == {"mails": {key: {**new, **first}}}
    forwarded = changed(office, "forward_mail", mail_id="M-1", email="lee@example.com")["mails"]
    assert forwarded["M-1"] == {**MAIL, "forwarded_to": ["lee@example.com"]}
    (other,) = set(forwarded) - {"M-1", key}
    assert forwarded[other]["subject"] == "Fwd: Order of pumps"
    assert (forwarded[other]["email"], forwarded[other]["file_id"]) == ("lee@example.com", "F-1")
    assert changed(office, "move_mail", mail_id="M-1", folder="archive")["mails"]["M-1"]["folder"] == "archive"
    assert changed(office, "delete_mail", mail_id="M-1")["mails"]["M-1"]["folder"] == "trash"


def test_an_event_is_made_moved_with_its_length_and_taken_off(office: ToolSession) -> None:
    wanted = {"employee_id": "ana", "email": "lee@example.com", "title": "Talk", "day": "2026-06-16", "start": "09:45"}
    made = changed(office, "create_event", **wanted, minutes=30)
    (key,) = made["events"]
    assert made == {"events": {key: {"event_id": key, **wanted, "minutes": 30, "end": "10:15"}}}
    moved = changed(office, "move_event", event_id="E-1", day="2026-06-18", start="13:15")["events"]["E-1"]
    assert moved == {**EVENT, "day": "2026-06-18", "start": "13:15", "end": "14:45"}
    assert changed(office, "cancel_event", event_id="E-1")["events"]["E-1"] is None


def test_files_contacts_and_customers_change(office: ToolSession) -> None:
    shared = changed(office, "share_file", file_id="F-1", email="lee@example.com")["files"]["F-1"]
    assert shared["shared_with"] == ["kim@example.com", "lee@example.com"]
    assert changed(office, "move_file", file_id="F-1", folder="drafts")["files"]["F-1"]["folder"] == "drafts"
    diff = changed(office, "update_phone", email="kim@example.com", phone="555-022-1111")
    assert diff["contacts"] == {"kim@example.com": {**KIM, "phone": "555-022-1111"}}
    diff = changed(office, "add_note", customer_id="C-1", note="asks for pumps")
    assert diff["customers"] == {"C-1": {**CUSTOMER, "notes": ["asks for pumps"], "last_contact": TODAY}}


def test_a_deal_is_made_goes_through_its_stages_and_gets_a_discount(office: ToolSession) -> None:
    wanted = {"customer_id": "C-1", "email": "kim@example.com", "product": "valves", "close": "2026-07-01"}
    ((key, made),) = changed(office, "create_deal", **wanted, list_price=5000)["deals"].items()
    rest = {"list_price": 5000, "discount": 0, "amount": 5000, "stage": "lead", "expected": 500}  # 10 in 100
    assert made == {"deal_id": key, **wanted, **rest}
    offer = changed(office, "advance_deal", deal_id="D-1", stage="offer")["deals"]["D-1"]
    assert offer == {**DEAL, "stage": "offer", "expected": 5130}  # 60 in 100 of 8550
    cheaper = changed(office, "set_discount", deal_id="D-1", percent=10)["deals"]["D-1"]
    assert cheaper == {**DEAL, "stage": "offer", "discount": 10, "amount": 8100, "expected": 4860}


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("get_employee", {"employee_id": "x"}, "employee 'x' not found"),
        ("list_mails", {"employee_id": "x"}, "employee 'x' not found"),
        ("list_deals", {"customer_id": "x"}, "customer 'x' not found"),
        ("send_mail", {"employee_id": "ana", "email": "x", "subject": "News"}, "contact 'x' not found"),
        ("send_mail", {"employee_id": "ana", "email": "kim@example.com", "subject": " "}, "subject is empty"),
        ("forward_mail", {"mail_id": "M-1", "email": "x"}, "contact 'x' not found"),
        ("move_mail", {"mail_id": "M-1", "folder": "inbox"}, "in inbox already"),
        ("move_mail", {"mail_id": "M-1", "folder": "attic"}, "no folder 'attic'"),
        ("delete_mail", {"mail_id": "M-2"}, "in the trash already"),
        ("move_event", {"event_id": "E-1", "day": "2026-06-17", "start": "10:00"}, "at that time already"),
        ("move_event", {"event_id": "E-1", "day": "2026-06-14", "start": "10:00"}, "2026-06-14 is past"),
        (
            "move_event",
            {"event_id": "E-1", "day": "2026-6-20", "start": "10:00"},
            "no day of this century of the form YYYY-MM-DD",
        ),
        ("move_event", {"event_id": "E-1", "day": "2026-06-20", "start": "24:00"}, "no time of the form HH:MM"),
        ("move_event", {"event_id": "E-1", "day": "2026-06-20", "start": "22:31"}, "reach into the next day"),
        ("cancel_event", {"event_id": "x"}, "event 'x' not found"),
        ("share_file", {"file_id": "F-1", "email": "kim@example.com"}, "shared with that contact already"),
        ("move_file", {"file_id": "F-1", "folder": "sales"}, "in sales already"),
        ("update_phone", {"email": "kim@example.com", "phone": "12"}, "is written 555-014-2233"),
        ("update_phone", {"email": "kim@example.com", "phone": "555-011-0000"}, "number already"),
        ("add_note", {"customer_id": "C-1", "note": ""}, "note is empty"),
        (
            "create_deal",
            {"customer_id": "C-1", "email": "lee@example.com", "product": "x", "list_price": 1, "close": TODAY},
            "at another customer",
        ),
        ("advance_deal", {"deal_id": "D-1", "stage": "won"}, "won is not the next one"),
        ("advance_deal", {"deal_id": "D-2", "stage": "won"}, "won is not the next one"),
        ("advance_deal", {"deal_id": "D-1", "stage": "lost"}, "no stage 'lost'"),
        ("set_discount", {"deal_id": "D-2", "percent": 9}, "deal D-2 is won"),
        ("set_discount", {"deal_id": "D-1", "percent": 5}, "has that discount already"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    office: ToolSession, tool: str, arguments: dict[str, Any], says: str
) -> None:
    result = office.call(ToolCall(tool, arguments))
    assert result.is_error
    assert says in result.text
    assert office.diff() == {}


@pytest.mark.parametrize(
    ("rule", "subject", "more", "broken"),
    [
        ("unwelcome", {"welcomes_mail": True}, {}, False),
        ("unwelcome", {"welcomes_mail": False}, {}, True),
        ("secret_mail", {"security": "normal"}, {}, False),
        ("secret_mail", {"security": "confidential"}, {}, True),
        ("kept", {"kind": "letter"}, {}, False),
        ("kept", {"kind": "invoice"}, {}, True),
        ("weekend", {}, {"wishes": {"day": "2026-06-19"}}, False),  # a Friday
        ("weekend", {}, {"wishes": {"day": "2026-06-20"}}, True),
        ("hours", {}, {"wishes": {"start": "09:00"}}, False),
        ("hours", {}, {"wishes": {"start": "08:59"}}, True),
        ("hours", {}, {"wishes": {"start": "17:00"}}, False),
        ("hours", {}, {"wishes": {"start": "17:01"}}, True),
        ("today", {"day": "2026-06-16"}, {}, False),
        ("today", {"day": TODAY}, {}, True),
        ("secret_file", {"security": "confidential"}, {}, True),
        ("stranger", {"customer_id": "C-1"}, {"picked": {"email": KIM}}, False),
        ("stranger", {"customer_id": "C-1"}, {"picked": {"email": LEE}}, True),
        ("hold", {"legal_hold": False}, {}, False),
        ("hold", {"legal_hold": True}, {}, True),
        ("blocked", {"status": "active"}, {}, False),
        ("blocked", {"status": "blocked"}, {}, True),
        ("limit", {"amount": 10_000}, {"speaker": {"limit": 10_000}}, False),
        ("limit", {"amount": 10_001}, {"speaker": {"limit": 10_000}}, True),
        ("too_cheap", {}, {"wishes": {"percent": 15}}, False),
        ("too_cheap", {}, {"wishes": {"percent": 16}}, True),
    ],
)
def test_a_rule_at_its_border(rule: str, subject: dict[str, Any], more: dict[str, Any], broken: bool) -> None:
    predicate = next(one.broken for one in OFFICE.rules if one.name == rule)
    assert predicate(Seen(subject, today=TODAY, **more)) is broken


def test_a_mail_leads_to_its_contact_and_on_to_a_mail_to_that_contact() -> None:
    # The speaker's mails (1), the contact who wrote the oldest or latest one (2), a mail to that contact (3).
    composer: Any = DeclaredComposer(OFFICE)
    composer.server = OFFICE.new_server
    outlines = {outline.name: outline for outline in composer.kitchen.outlines}
    recipe = Together((outlines["contact(mails(speaker):extreme.email) send"],))
    server, key, rng = OFFICE.new_server("small", "standard"), world_key("train", 3), random.Random(7)
    base = composer.base(key, "small", "standard")
    maker = TaskMaker(Source("train", "small", "standard", 0), composer, server.session)
    made = (maker.attempt(0, recipe, key, base, place, rng) for place in range(composer.speakers(base)))
    task = next(task for task in made if task is not None)
    assert [call.name for call in task.gold_calls] == ["list_mails", "get_contact", "send_mail"]
    speaker = next(one for one in base.tables["employees"] if one in task.request)
    mails = [mail for mail in base.tables["mails"].values() if mail["employee_id"] == speaker]
    pick = max if "latest" in task.request else min
    contact = pick(mails, key=lambda mail: mail["received"])["email"]
    assert task.gold_calls[1].arguments == {"email": contact}
    sent = task.gold_calls[2].arguments
    assert sent == {"employee_id": speaker, "email": contact, "subject": sent["subject"]}
    assert f"'{sent['subject']}'" in task.request
    (mail,) = task.gold_diff["mails"].values()
    assert mail is not None
    assert (mail["email"], mail["subject"], mail["folder"]) == (contact, sent["subject"], "sent")
