"""The HR desk's tools, worked out by hand, its rules at their borders, and one of its compositions."""

import random
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain
from toolgym.composing.declaration import Seen
from toolgym.composing.execution import execute
from toolgym.composing.recipes import Kitchen
from toolgym.composing.scenes import Scene
from toolgym.composing.stories import make_story
from toolgym.composing.worlds import world_key
from toolgym.envs.people import PEOPLE
from toolgym.mcp.session import ToolSession
from toolgym.mcp_servers.people import TOOLS, last_day
from toolgym.messages import ToolCall
from toolgym.world import Base

ANN, BOB = "E-00001", "E-00002"
# Today is Monday 2026-06-15. Ann's vacation: 20 days, 3 taken (LV-2), 5 booked (LV-1).
TABLES: dict[str, dict[str, dict[str, Any]]] = {
    "teams": {"T-001": {"team_id": "T-001", "name": "Sales", "head": "A B", "site": "Tower", "budget": 500}},
    "plans": {
        "PL-0001": {"plan_id": "PL-0001", "level": "basic", "cost": 40, "waiting": 0},
        "PL-0002": {"plan_id": "PL-0002", "level": "plus", "cost": 90, "waiting": 60},
    },
    "employees": {
        ANN: {
            "employee_id": ANN,
            "email": "ann@example.com",
            "team_id": "T-001",
            "address": "1 Old Road",
            "account": "1111111111",
            "account_since": "2026-01-01",
            "plan_id": "PL-0001",
            "plan_since": "2025-01-01",
            "hired": "2024-01-01",
            "leaves": ["LV-1", "LV-2"],
        },
        BOB: {"employee_id": BOB, "email": "bob@example.com", "leaves": []},
    },
    "leaves": {
        "LV-1": {
            "leave_id": "LV-1", "employee_id": ANN, "kind": "vacation", "start": "2026-07-06", "days": 5,
            "end": "2026-07-10", "status": "approved",
        },
        "LV-2": {
            "leave_id": "LV-2", "employee_id": ANN, "kind": "vacation", "start": "2026-06-01", "days": 3,
            "end": "2026-06-03", "status": "taken",
        },
    },
    "balances": {
        "BL-1": {
            "balance_id": "BL-1", "employee_id": ANN, "kind": "vacation", "entitled": 20, "taken": 3, "booked": 5,
            "left": 12,
        }
    },
    "trainings": {
        "TR-1": {
            "training_id": "TR-1",
            "title": "X",
            "topic": "safety",
            "starts": "2026-07-01",
            "cost": 300,
            "places": 1,
        },
        "TR-2": {
            "training_id": "TR-2",
            "title": "Y",
            "topic": "safety",
            "starts": "2026-06-15",
            "cost": 100,
            "places": 5,
        },
    },
    "enrolments": {},
    "claims": {
        "EX-1": {"claim_id": "EX-1", "employee_id": ANN, "amount": 30, "status": "approved"},
        "EX-2": {"claim_id": "EX-2", "employee_id": ANN, "amount": 20, "status": "paid"},
    },
    "payslips": {},
}  # fmt: skip


@pytest.fixture
def session() -> ToolSession:
    return TOOLS.server(base=Base(TABLES, {"today": "2026-06-15"})).session()


def ok(session: ToolSession, name: str, **arguments: Any) -> Any:
    result = session.call(ToolCall(name, arguments))
    assert not result.is_error, result.text
    return result.structured


def changed(session: ToolSession) -> dict[str, dict[str, Any]]:
    diff: Any = session.diff()
    assert diff is not None
    return diff


def refused(session: ToolSession, name: str, says: str, **arguments: Any) -> None:
    before = session.diff()
    result = session.call(ToolCall(name, arguments))
    assert result.is_error
    assert says in result.text
    assert session.diff() == before


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-07-06", 1, "2026-07-06"),  # a Monday alone
        ("2026-07-06", 5, "2026-07-10"),  # Monday to Friday
        ("2026-07-06", 6, "2026-07-13"),  # and the Monday after
        ("2026-07-09", 3, "2026-07-13"),  # Thursday, Friday, Monday
        ("2026-07-10", 7, "2026-07-20"),  # Friday, a week, Monday
    ],
)
def test_working_days_leave_out_weekends(start: str, days: int, end: str) -> None:
    assert last_day(start, days) == end


def test_a_leave_books_its_days_and_gives_them_back(session: ToolSession) -> None:
    # 12 left, 5 booked: 4 more days are 8 and 9.
    leave = ok(session, "request_leave", employee_id=ANN, kind="vacation", start="2026-08-06", days=4)
    key = leave.pop("leave_id")
    assert leave == {
        "employee_id": ANN, "kind": "vacation", "start": "2026-08-06", "days": 4,
        "end": "2026-08-11", "status": "requested",
    }  # fmt: skip
    diff = changed(session)
    assert (diff["balances"]["BL-1"]["booked"], diff["balances"]["BL-1"]["left"]) == (9, 8)
    assert diff["employees"][ANN]["leaves"] == ["LV-1", "LV-2", key]
    assert ok(session, "withdraw_leave", leave_id=key)["status"] == "withdrawn"
    diff = changed(session)
    assert diff.get("balances", {}) == {}
    refused(session, "withdraw_leave", "is withdrawn", leave_id=key)


def test_a_leave_is_no_weekend_no_other_leave_and_of_a_kind_that_the_employee_has(session: ToolSession) -> None:
    for start, says in (
        ("2026-08-08", "no working day"),
        ("2026-7-6", "is no day"),
        ("20260806", "is no day"),
        ("9999-12-31", "is no day"),
        ("2026-07-03", "another leave"),  # Friday and Monday 6 July, the first day of LV-1
        ("2026-07-10", "another leave"),
    ):
        refused(session, "request_leave", says, employee_id=ANN, kind="vacation", start=start, days=2)
    refused(session, "request_leave", "no leave balance", employee_id=ANN, kind="study", start="2026-08-06", days=2)
    refused(session, "request_leave", "not found", employee_id="E-9", kind="vacation", start="2026-08-06", days=2)
    ok(session, "request_leave", employee_id=ANN, kind="vacation", start="2026-07-13", days=2)  # the day after LV-1


def test_a_leave_is_moved_with_its_days_and_asks_for_approval_again(session: ToolSession) -> None:
    moved = ok(session, "move_leave", leave_id="LV-1", start="2026-07-09")
    assert (moved["start"], moved["end"], moved["days"], moved["status"]) == (
        "2026-07-09",
        "2026-07-15",
        5,
        "requested",
    )
    refused(session, "move_leave", "already", leave_id="LV-1", start="2026-07-09")
    refused(session, "move_leave", "is taken", leave_id="LV-2", start="2026-07-20")
    refused(session, "move_leave", "not found", leave_id="LV-3", start="2026-07-20")


def test_a_place_is_paid_by_the_team_until_there_is_none(session: ToolSession) -> None:
    # Budget 500, cost 300: 200 are left. The one place is gone, so Bob waits, and nobody pays for him.
    first = ok(session, "enrol_in_training", employee_id=ANN, training_id="TR-1", team_id="T-001")
    assert first["status"] == "booked"
    diff = changed(session)
    assert diff["teams"]["T-001"]["budget"] == 200
    assert diff["trainings"]["TR-1"]["places"] == 0
    second = ok(session, "enrol_in_training", employee_id=BOB, training_id="TR-1", team_id="T-001")
    assert second["status"] == "waiting"
    refused(session, "enrol_in_training", "already", employee_id=ANN, training_id="TR-1", team_id="T-001")
    refused(session, "enrol_in_training", "has begun", employee_id=ANN, training_id="TR-2", team_id="T-001")
    refused(session, "enrol_in_training", "not found", employee_id=ANN, training_id="TR-1", team_id="T-002")
    assert ok(session, "list_enrolments", employee_id=BOB)["result"] == [second]
    ok(session, "cancel_enrolment", enrolment_id=second["enrolment_id"])
    ok(session, "cancel_enrolment", enrolment_id=first["enrolment_id"])
    diff = changed(session)
    assert set(diff) == {"enrolments"}  # the place is free and the budget is as it was
    refused(session, "cancel_enrolment", "is cancelled", enrolment_id=first["enrolment_id"])


def test_expenses_are_filed_and_withdrawn_until_they_are_paid(session: ToolSession) -> None:
    meals = {"employee_id": ANN, "category": "meals", "amount": 12, "spent": "2026-06-15", "receipt": False}
    assert ok(session, "file_claim", **meals)["status"] == "submitted"
    refused(session, "file_claim", "still to come", **{**meals, "spent": "2026-06-16"})
    refused(session, "file_claim", "no category", **{**meals, "category": "mileage"})
    refused(session, "file_claim", "", **{**meals, "amount": 0})
    drive = ok(session, "file_mileage", employee_id=ANN, km=90, amount=45, spent="2026-06-01")
    assert (drive["category"], drive["km"], drive["amount"], drive["status"]) == ("mileage", 90, 45, "submitted")
    assert ok(session, "withdraw_claim", claim_id="EX-1")["status"] == "withdrawn"
    refused(session, "withdraw_claim", "is paid", claim_id="EX-2")
    refused(session, "withdraw_claim", "is withdrawn", claim_id="EX-1")


def test_records_of_the_employee_change(session: ToolSession) -> None:
    record = ok(session, "change_bank_account", employee_id=ANN, account="2222222222")
    assert (record["account"], record["account_since"]) == ("2222222222", "2026-06-15")
    for account in ("2222222222", "123", "12345678901", "12345abcde"):
        refused(session, "change_bank_account", "", employee_id=ANN, account=account)
    assert ok(session, "change_address", employee_id=ANN, address="2 New Lane")["address"] == "2 New Lane"
    refused(session, "change_address", "already", employee_id=ANN, address="2 New Lane")
    chosen = ok(session, "choose_plan", employee_id=ANN, plan_id="PL-0002")
    assert (chosen["plan_id"], chosen["plan_since"]) == ("PL-0002", "2026-06-15")
    refused(session, "choose_plan", "already", employee_id=ANN, plan_id="PL-0002")
    refused(session, "choose_plan", "not found", employee_id=ANN, plan_id="PL-0003")
    refused(session, "find_employee_by_email", "no employee", email="cat@example.com")


def spends(spent: str = "", amount: int = 0, receipt: bool = False, contract: str = "permanent") -> Seen:
    wishes = {"spent": spent, "amount": amount, "receipt": receipt}
    return Seen({}, wishes, speaker={"hired": "2026-03-17", "contract": contract})


VACATION, STUDY = {"kind": "vacation", "left": 4}, {"kind": "study", "left": 4}
TRAINING = {"places": 0, "starts": "2026-07-05", "cost": 500}


@pytest.mark.parametrize(
    ("rule", "breaks", "keeps"),
    [
        ("balance_short", Seen(VACATION, {"days": 5}), Seen(VACATION, {"days": 4})),
        ("notice", Seen(VACATION, {"start": "2026-06-28"}), Seen(VACATION, {"start": "2026-06-29"})),
        ("notice", Seen(STUDY, {"start": "2026-06-14"}), Seen(STUDY, {"start": "2026-06-15"})),
        ("begun", Seen({"start": "2026-06-15"}), Seen({"start": "2026-06-16"})),
        (
            "waiting_list",
            Seen({}, picked={"training_id": TRAINING}),
            Seen({}, picked={"training_id": {**TRAINING, "starts": "2026-07-06"}}),
        ),
        (
            "waiting_list",
            Seen({}, picked={"training_id": TRAINING}),
            Seen({}, picked={"training_id": {**TRAINING, "places": 1}}),
        ),
        (
            "team_budget",
            Seen({}, picked={"training_id": TRAINING, "team_id": {"budget": 499}}),
            Seen({}, picked={"training_id": TRAINING, "team_id": {"budget": 500}}),
        ),
        ("late_cancel", Seen({"starts": "2026-06-28"}), Seen({"starts": "2026-06-29"})),
        ("before_start", spends("2026-03-16"), spends("2026-03-17")),
        ("no_receipt", spends(amount=26), spends(amount=25)),
        ("no_receipt", spends(amount=26), spends(amount=26, receipt=True)),
        ("no_receipt", spends(amount=11, contract="fixed-term"), spends(amount=10, contract="fixed-term")),
        ("approved_claim", Seen({"status": "approved"}), Seen({"status": "submitted"})),
        ("new_account", Seen({"account_since": "2026-05-17"}), Seen({"account_since": "2026-05-16"})),
        ("plan_year", Seen({"plan_since": "2025-12-18"}), Seen({"plan_since": "2025-12-17"})),
        (
            "plan_waiting",
            Seen({"hired": "2026-04-17"}, picked={"plan_id": {"waiting": 60}}),
            Seen({"hired": "2026-04-16"}, picked={"plan_id": {"waiting": 60}}),
        ),
    ],
)
def test_a_rule_is_broken_on_one_side_of_its_border(rule: str, breaks: Seen, keeps: Seen) -> None:
    made = next(one for one in PEOPLE.rules if one.name == rule)
    breaks.today = keeps.today = "2026-06-15"
    assert (made.broken(breaks), made.broken(keeps)) == (True, False)


def test_mileage_is_half_a_dollar_a_kilometre_and_its_amount_is_told() -> None:
    domain = DeclaredDomain(PEOPLE, size="small")
    outline = next(one for one in Kitchen(PEOPLE, lambda recipe: True).outlines if one.name == "file_mileage")
    key = world_key("train", 5)
    base = domain.server.base(key)
    story = make_story(Scene(PEOPLE, base, next(iter(base.tables["employees"])), "seen", random.Random(3)), outline)
    assert story is not None
    done = execute(domain.session(), key, [story])
    assert done is not None
    (look,), (call,) = (action.calls for action in done.actions if action.calls)
    assert look.name == "get_employee"
    assert call.arguments["amount"] * 2 == call.arguments["km"]
    assert done.endings[0].said == (f"${call.arguments['amount']}",)


def test_balances_add_up_in_every_world() -> None:
    base = DeclaredDomain(PEOPLE, size="standard").server.base(world_key("test", 1))
    leaves = base.tables["leaves"]
    for balance in base.tables["balances"].values():
        ids = base.tables["employees"][balance["employee_id"]]["leaves"]
        mine = [leaves[key] for key in ids if leaves[key]["kind"] == balance["kind"]]
        booked = sum(one["days"] for one in mine if one["status"] in ("requested", "approved"))
        assert booked == balance["booked"]
        assert balance["left"] == balance["entitled"] - balance["taken"] - balance["booked"] >= 0
