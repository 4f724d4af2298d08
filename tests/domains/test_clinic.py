"""The clinic by hand: what each tool changes and refuses, each rule at its border, and one task from end to end."""

import json
import random
import re
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain, _workshop
from toolgym.composing.declaration import Seen
from toolgym.composing.making import Source, TaskMaker
from toolgym.composing.recipes import Together
from toolgym.env import ToolEnv
from toolgym.envs.clinic import CLINIC, LATE_FEE
from toolgym.mcp.session import ToolSession
from toolgym.mcp_servers.clinic import TOOLS
from toolgym.messages import ToolCall, Turn, render
from toolgym.tasks import Task
from toolgym.world import Base

TODAY = "2026-06-15"


def slot(key: str, doctor: str, start: str, speciality: str = "dentistry") -> dict[str, Any]:
    return {"slot_id": key, "doctor_id": doctor, "speciality": speciality, "start": start, "minutes": 20}


def appointment(key: str, start: str, status: str) -> dict[str, Any]:
    booked = {"appointment_id": key, "patient_id": "P-1", "mode": "on site", "status": status}
    return booked | {"doctor_id": "D-1", "speciality": "dentistry", "start": start, "minutes": 30}


def session() -> ToolSession:
    """Two patients, two doctors, and one record of each state that the tools tell apart."""
    patient = {"first": "Ana", "last": "Rey", "phone": "0111-111111", "pharmacy": "Hill Pharmacy", "gp_id": "D-1"}
    doctor = {"name": "Lor", "speciality": "dentistry", "site": "Northgate", "experience": 7}
    rx = {"patient_id": "P-1", "doctor_id": "D-1", "medicine": "metformin", "controlled": False, "refills": 2}
    rx |= {"supply_until": "2026-06-20", "pharmacy": "Hill Pharmacy"}
    ref = {"patient_id": "P-1", "speciality": "cardiology", "priority": "routine", "valid_until": "2026-07-01"}
    result = {"patient_id": "P-1", "doctor_id": "D-1", "test": "cholesterol", "taken": "2026-06-01"}
    bill = {"patient_id": "P-1", "appointment_id": "A-2", "charge": 200, "insurer_share": 160, "due": 40}
    tables = {
        "patients": {"P-1": {"patient_id": "P-1", **patient}, "P-2": {"patient_id": "P-2", **patient, "phone": "2"}},
        "doctors": {key: {"doctor_id": key, **doctor} for key in ("D-1", "D-2")},
        "slots": {"S-1": slot("S-1", "D-2", "2026-06-22 09:00")},
        "appointments": {
            "A-1": appointment("A-1", "2026-06-25 10:00", "booked"),
            "A-2": appointment("A-2", "2026-05-25 10:00", "completed"),
        },
        "prescriptions": {
            key: {"prescription_id": key, **rx, "status": status}
            for key, status in (("RX-1", "active"), ("RX-2", "stopped"))
        },
        "referrals": {
            key: {"referral_id": key, **ref, "status": status}
            for key, status in (("REF-1", "approved"), ("REF-2", "used"))
        },
        "results": {"T-1": {"result_id": "T-1", **result, "status": "reviewed", "sent_to": ["D-2"]}},
        "bills": {
            key: {"bill_id": key, **bill, "status": status} for key, status in (("INV-1", "open"), ("INV-2", "paid"))
        },
    }
    return TOOLS.server(base=Base(tables, {"today": TODAY, "dialect": "standard"})).session()


@pytest.mark.parametrize(
    ("tool", "arguments", "changed"),
    [
        (
            "book_appointment",
            {"patient_id": "P-1", "slot_id": "S-1", "mode": "by video", "referral_id": "REF-1"},
            {
                "slots": {"S-1": None},
                "referrals": {"REF-1": {"status": "used"}},
                # Two appointments are there: the next number is 10002.
                "appointments": {"A-new": {"doctor_id": "D-2", "start": "2026-06-22 09:00", "mode": "by video"}},
            },
        ),
        (
            "move_appointment",
            {"appointment_id": "A-1", "slot_id": "S-1"},
            {
                "slots": {"S-1": None, "S-new": {"start": "2026-06-25 10:00", "minutes": 30, "doctor_id": "D-1"}},
                "appointments": {"A-1": {"start": "2026-06-22 09:00", "minutes": 20, "doctor_id": "D-2"}},
            },
        ),
        (
            "cancel_appointment",
            {"appointment_id": "A-1", "fee": 20},
            {
                "slots": {"S-new": {"start": "2026-06-25 10:00"}},
                "appointments": {"A-1": {"status": "cancelled"}},
                "bills": {"INV-new": {"charge": 20, "due": 20, "patient_id": "P-1", "status": "open"}},
            },
        ),
        (
            "cancel_appointment",
            {"appointment_id": "A-1", "fee": 0},
            {"slots": {"S-new": {"doctor_id": "D-1"}}, "appointments": {"A-1": {"status": "cancelled"}}},
        ),
        (  # 20 June and 28 days: 18 July.
            "refill_prescription",
            {"prescription_id": "RX-1"},
            {"prescriptions": {"RX-1": {"refills": 1, "supply_until": "2026-07-18"}}},
        ),
        (  # 15 June and 90 days: 13 September.
            "request_referral",
            {"patient_id": "P-1", "doctor_id": "D-1", "speciality": "cardiology", "priority": "soon"},
            {"referrals": {"REF-new": {"valid_until": "2026-09-13", "status": "requested", "priority": "soon"}}},
        ),
        (
            "send_result",
            {"result_id": "T-1", "doctor_id": "D-1"},
            {"results": {"T-1": {"sent_to": ["D-2", "D-1"]}}},
        ),
        ("pay_bill", {"bill_id": "INV-1", "amount": 40}, {"bills": {"INV-1": {"status": "paid"}}}),
        (
            "update_patient",
            {"patient_id": "P-1", "phone": "0482-113355"},
            {"patients": {"P-1": {"phone": "0482-113355", "pharmacy": "Hill Pharmacy"}}},
        ),
        (
            "update_patient",
            {"patient_id": "P-1", "pharmacy": "Market Pharmacy"},
            {"patients": {"P-1": {"phone": "0111-111111", "pharmacy": "Market Pharmacy"}}},
        ),
    ],
)
def test_what_a_tool_changes(tool: str, arguments: dict[str, Any], changed: dict[str, Any]) -> None:
    one = session()
    result = one.call(ToolCall(tool, arguments))
    assert not result.is_error, result.text
    # A new record's id follows from what it is about.
    diff = json.loads(re.sub(r'"([A-Z]+)-\d{5,}"', r'"\1-new"', json.dumps(one.diff())))
    assert {table: set(records) for table, records in diff.items()} == {t: set(r) for t, r in changed.items()}
    for table, records in changed.items():
        for key, record in records.items():
            after = diff[table][key]
            assert after is None if record is None else record.items() <= after.items()


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("get_patient", {"patient_id": "P-9"}, "patient 'P-9' not found"),
        ("find_patient", {"phone": "9"}, "no patient with that phone number"),
        ("find_doctors", {"speciality": "surgery"}, "no speciality 'surgery'"),
        ("list_bills", {"patient_id": "P-9"}, "patient 'P-9' not found"),
        ("list_slots", {"doctor_id": "D-9"}, "doctor 'D-9' not found"),
        ("book_appointment", {"patient_id": "P-1", "slot_id": "S-9", "mode": "on site"}, "open slot 'S-9' not found"),
        ("book_appointment", {"patient_id": "P-1", "slot_id": "S-1", "mode": "fax"}, "no way to hold it 'fax'"),
        (
            "book_appointment",
            {"patient_id": "P-2", "slot_id": "S-1", "mode": "on site", "referral_id": "REF-1"},
            "referral REF-1 is another patient's",
        ),
        (
            "book_appointment",
            {"patient_id": "P-1", "slot_id": "S-1", "mode": "on site", "referral_id": "REF-2"},
            "referral REF-2 is used",
        ),
        ("move_appointment", {"appointment_id": "A-2", "slot_id": "S-1"}, "appointment A-2 is completed"),
        ("move_appointment", {"appointment_id": "A-1", "slot_id": "S-9"}, "open slot 'S-9' not found"),
        ("cancel_appointment", {"appointment_id": "A-2", "fee": 0}, "appointment A-2 is completed"),
        ("refill_prescription", {"prescription_id": "RX-2"}, "prescription RX-2 is stopped"),
        (
            "request_referral",
            {"patient_id": "P-1", "doctor_id": "D-2", "speciality": "cardiology", "priority": "soon"},
            "doctor 'D-2' is not the family doctor of patient P-1",
        ),
        ("send_result", {"result_id": "T-1", "doctor_id": "D-2"}, "doctor D-2 has test result T-1 already"),
        ("pay_bill", {"bill_id": "INV-2", "amount": 40}, "bill INV-2 is paid"),
        ("pay_bill", {"bill_id": "INV-1", "amount": 200}, "of bill INV-1, $40 are due"),
        ("update_patient", {"patient_id": "P-1"}, "nothing to change"),
        ("update_patient", {"patient_id": "P-1", "phone": "12"}, "'12' is no phone number"),
        ("update_patient", {"patient_id": "P-1", "pharmacy": "Mine"}, "no pharmacy 'Mine'"),
    ],
)
def test_what_a_tool_refuses_and_that_it_then_changes_nothing(tool: str, arguments: dict[str, Any], says: str) -> None:
    one = session()
    result = one.call(ToolCall(tool, arguments))
    assert result.is_error
    assert says in result.text
    assert not one.diff()


def broken(kind: str, subject: dict[str, Any], picked: dict[str, Any] | None = None, **wishes: Any) -> set[str]:
    """The rules that the act breaks; for those that look at other fields than the subject has, none."""
    seen = Seen(subject, wishes, {"slot_id": picked or {}}, None, TODAY)
    found = set()
    for rule in CLINIC.rules_of(CLINIC.act(kind)):
        try:
            if rule.broken(seen):
                found.add(rule.name)
        except KeyError:
            continue
    return found


@pytest.mark.parametrize(
    ("rule", "kind", "breaks", "keeps"),
    [
        ("missed", "book", {"missed": 3}, {"missed": 2}),
        ("short_notice", "move", {"start": "2026-06-16 17:45"}, {"start": "2026-06-17 08:00"}),
        ("short_notice", "cancel", {"start": "2026-06-16 17:45"}, {"start": "2026-06-17 08:00"}),
        ("controlled", "refill", {"controlled": True}, {"controlled": False}),
        ("none_left", "refill", {"refills": 0}, {"refills": 1}),
        ("too_early", "refill", {"supply_until": "2026-06-23"}, {"supply_until": "2026-06-22"}),
        ("not_reviewed", "send_result", {"status": "awaiting review"}, {"status": "reviewed"}),
        ("with_insurer", "pay", {"status": "with the insurer"}, {"status": "open"}),
    ],
)
def test_a_rule_about_a_record_at_its_border(rule: str, kind: str, breaks: Any, keeps: Any) -> None:
    assert broken(kind, breaks) == {rule}
    assert broken(kind, keeps) == set()


@pytest.mark.parametrize(
    ("rule", "kind", "subject", "breaks", "keeps"),
    [
        ("needs_referral", "book", {"missed": 0}, {"speciality": "eye care"}, {"speciality": "dentistry"}),
        ("wrong_speciality", "book_referred", {"speciality": "x"}, {"speciality": "y"}, {"speciality": "x"}),
        (
            "referral_over",
            "book_referred",
            {"valid_until": "2026-06-20"},
            {"start": "2026-06-21 08:00"},
            {"start": "2026-06-20 16:45"},
        ),
        ("other_doctor", "move", {"doctor_id": "D-1"}, {"doctor_id": "D-2"}, {"doctor_id": "D-1"}),
    ],
)
def test_a_rule_about_a_slot_at_its_border(rule: str, kind: str, subject: Any, breaks: Any, keeps: Any) -> None:
    assert broken(kind, subject, breaks) == {rule}
    assert broken(kind, subject, keeps) == set()


def test_an_urgent_referral_is_refused() -> None:
    assert broken("refer", {}, priority="urgent") == {"urgent"}
    assert broken("refer", {}, priority="soon") == set()


def test_a_late_cancellation_costs_a_fee() -> None:
    # Less than four days ahead: until Thursday, 18 June.
    fee = CLINIC.act("cancel").takes["fee"].by
    assert fee(Seen({"start": "2026-06-18 16:45"})) == LATE_FEE
    assert fee(Seen({"start": "2026-06-19 08:00"})) == 0


def test_what_is_due_is_the_charge_without_the_insurers_share() -> None:
    tables = DeclaredDomain(CLINIC, size="standard").server.base(0).tables
    seen = set()
    for bill in tables["bills"].values():
        visit = tables["appointments"][bill["appointment_id"]]
        plan = tables["patients"][bill["patient_id"]]["plan"]
        percent = {"none": 0, "basic": 50, "plus": 80}[plan] if visit["status"] == "completed" else 0
        assert bill["patient_id"] == visit["patient_id"]
        assert bill["due"] == bill["charge"] * (100 - percent) / 100 > 0
        assert visit["start"] < TODAY
        seen.add((plan, visit["status"]))
    assert len(seen) == 6


def made(name: str) -> Task:
    """The first task of a recipe in world 0."""
    workshop = _workshop(CLINIC)
    composer = workshop.composer
    maker = TaskMaker(Source("train", "small", "standard", 0), composer, workshop.server("small", "standard").session)
    outline = next(one for one in composer.kitchen.outlines if one.name == name)  # type: ignore[attr-defined]
    base = composer.base(0, "small", "standard")
    tasks = (maker.attempt(0, Together((outline,)), 0, base, place, random.Random(1)) for place in range(12))
    return next(task for task in tasks if task is not None)


def test_a_task_from_request_to_answer() -> None:
    # A cancellation by a patient known by phone: who it is, the list, the whole appointment, then the fee by its start.
    env = ToolEnv("clinic", size="small", split="train")
    task = made("appointments(patient_by_phone(told).patient_id):extreme>appointment cancel")
    assert task.composition == "patient_by_phone;appointments;appointment;cancel"
    tables = env.domain.server.base(task.world_seed).tables  # type: ignore[attr-defined]
    calls = [(call.name, call.arguments) for call in task.gold_calls]
    key, fee = calls[3][1]["appointment_id"], calls[3][1]["fee"]
    patient = tables["patients"][tables["appointments"][key]["patient_id"]]
    names = ["find_patient", "list_appointments", "get_appointment", "cancel_appointment"]
    assert [name for name, _ in calls] == names
    assert calls[0][1] == {"phone": patient["phone"]}
    assert calls[1][1] == {"patient_id": patient["patient_id"]}
    assert fee == (LATE_FEE if tables["appointments"][key]["start"] < "2026-06-19" else 0)
    assert f"the fee is ${fee}" in (task.gold[-1].response or "")
    env.reset(options={"task": task})
    for name, arguments in calls[:3]:
        env.step(render(Turn(calls=(ToolCall(name, arguments),))))
    wrong = {"appointment_id": key, "fee": LATE_FEE - fee}
    env.step(render(Turn(calls=(ToolCall("cancel_appointment", wrong),))))
    *_, info = env.step(render(Turn(response=f"{key} is cancelled; the fee is ${LATE_FEE - fee}.")))
    assert info["outcome"] == "unsolved"
