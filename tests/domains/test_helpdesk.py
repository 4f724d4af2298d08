"""The helpdesk's tools, worked out by hand, its rules at their borders, and one of its compositions."""

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
from toolgym.envs.helpdesk import HELPDESK
from toolgym.mcp.session import ToolSession
from toolgym.mcp_servers.helpdesk import TOOLS
from toolgym.messages import ToolCall
from toolgym.world import Base

ANN, BOB = "ann.ray11", "bob.fox22"
# Today is 2026-06-15.
TABLES: dict[str, dict[str, dict[str, Any]]] = {
    "staff": {
        ANN: {"staff_id": ANN, "badge": "700001", "account": "locked", "lock": "wrong passwords", "resets": 1},
        BOB: {"staff_id": BOB, "badge": "700002", "account": "active", "lock": "none", "resets": 0},
    },
    "devices": {
        "DV-1": {"device_id": "DV-1", "staff_id": BOB, "kind": "phone", "state": "in use", "replacement": "none"}
    },
    "licences": {"SW-1": {"licence_id": "SW-1", "product": "Quick Draw", "area": "design", "cost": 90, "free": 1}},
    "seats": {},
    "groups": {"GR-1": {"group_id": "GR-1", "name": "North", "system": "CRM", "level": "write", "members": 4}},
    "grants": {},
    "articles": {},
    "outages": {"OU-1": {"outage_id": "OU-1", "system": "mail"}, "OU-2": {"outage_id": "OU-2", "system": "VPN"}},
    "tickets": {
        "TK-1": {"ticket_id": "TK-1", "staff_id": ANN, "state": "open", "priority": "P2", "escalations": 0},
        "TK-2": {"ticket_id": "TK-2", "staff_id": ANN, "state": "closed", "priority": "P4", "ended": "2026-06-01"},
    },
}  # fmt: skip


@pytest.fixture
def session() -> ToolSession:
    return TOOLS.server(base=Base(TABLES, {"today": "2026-06-15"})).session()


def ok(session: ToolSession, name: str, **arguments: Any) -> Any:
    result = session.call(ToolCall(name, arguments))
    assert not result.is_error, result.text
    return result.structured


def refused(session: ToolSession, name: str, says: str, **arguments: Any) -> None:
    before = session.diff()
    result = session.call(ToolCall(name, arguments))
    assert result.is_error
    assert says in result.text
    assert session.diff() == before


def changed(session: ToolSession) -> dict[str, dict[str, Any]]:
    diff: Any = session.diff()
    return diff


def test_an_account_is_unlocked_once_and_resets_are_counted(session: ToolSession) -> None:
    assert ok(session, "find_staff_by_badge", badge="700001")["result"] == ANN
    refused(session, "find_staff_by_badge", "nobody", badge="700003")
    staff = ok(session, "unlock_account", staff_id=ANN)
    assert (staff["account"], staff["lock"]) == ("active", "none")
    refused(session, "unlock_account", "not locked", staff_id=ANN)
    refused(session, "unlock_account", "not found", staff_id="cat")
    assert [ok(session, "reset_password", staff_id=ANN)["resets"] for _ in range(2)] == [2, 3]
    assert changed(session)["staff"][ANN]["password_since"] == "2026-06-15"


def test_a_lost_device_locks_its_users_account_and_can_be_replaced(session: ToolSession) -> None:
    refused(session, "order_replacement", "no phone", device_id="DV-1", model="Vista 24")
    assert ok(session, "report_lost", device_id="DV-1")["state"] == "lost"
    staff = changed(session)["staff"][BOB]
    assert (staff["account"], staff["lock"]) == ("locked", "security check")
    refused(session, "report_lost", "is lost", device_id="DV-1")
    device = ok(session, "order_replacement", device_id="DV-1", model="Pebble 5")
    assert (device["state"], device["replacement"]) == ("being replaced", "Pebble 5")
    refused(session, "order_replacement", "is being replaced", device_id="DV-1", model="Pebble 4")
    refused(session, "report_lost", "not found", device_id="DV-2")


def test_a_seat_is_taken_and_given_back(session: ToolSession) -> None:
    seat = ok(session, "assign_licence", staff_id=ANN, licence_id="SW-1")
    key = seat.pop("seat_id")
    assert seat == {
        "staff_id": ANN, "licence_id": "SW-1", "product": "Quick Draw", "since": "2026-06-15",
        "used": "2026-06-15", "state": "active",
    }  # fmt: skip
    assert changed(session)["licences"]["SW-1"]["free"] == 0
    refused(session, "assign_licence", "no free seat", staff_id=BOB, licence_id="SW-1")
    assert ok(session, "release_seat", seat_id=key)["state"] == "released"
    assert "licences" not in changed(session)
    refused(session, "release_seat", "is released", seat_id=key)
    ok(session, "assign_licence", staff_id=ANN, licence_id="SW-1")  # a released seat does not bar another


def test_nobody_has_two_seats_of_a_licence(session: ToolSession) -> None:
    free = {"SW-1": {**TABLES["licences"]["SW-1"], "free": 2}}
    other = TOOLS.server(base=Base({**TABLES, "licences": free}, {"today": "2026-06-15"})).session()
    ok(other, "assign_licence", staff_id=ANN, licence_id="SW-1")
    refused(other, "assign_licence", "already", staff_id=ANN, licence_id="SW-1")
    refused(other, "assign_licence", "not found", staff_id="cat", licence_id="SW-1")
    ok(other, "assign_licence", staff_id=BOB, licence_id="SW-1")


def test_access_ends_after_its_days_or_when_it_is_revoked(session: ToolSession) -> None:
    # 15 June and 30 days are 15 July; the group of 4 has 5 members, and 4 again.
    grant = ok(session, "grant_access", staff_id=ANN, group_id="GR-1", days=30)
    assert (grant["until"], grant["level"], grant["name"], grant["state"]) == ("2026-07-15", "write", "North", "active")
    assert changed(session)["groups"]["GR-1"]["members"] == 5
    refused(session, "grant_access", "already", staff_id=ANN, group_id="GR-1", days=10)
    refused(session, "grant_access", "", staff_id=BOB, group_id="GR-1", days=0)
    ended = ok(session, "revoke_access", grant_id=grant["grant_id"])
    assert (ended["state"], ended["until"]) == ("revoked", "2026-06-15")
    assert "groups" not in changed(session)
    refused(session, "revoke_access", "is revoked", grant_id=grant["grant_id"])


def test_a_ticket_goes_through_its_states(session: ToolSession) -> None:
    ticket = ok(session, "open_ticket", staff_id=BOB, system="VPN", people=3, blocked=True, priority="P2")
    key = ticket["ticket_id"]
    assert (ticket["state"], ticket["opened"]) == ("open", "2026-06-15")
    refused(session, "open_ticket", "no system", staff_id=BOB, system="fax", people=3, blocked=True, priority="P2")
    refused(session, "open_ticket", "", staff_id=BOB, system="VPN", people=3, blocked=True, priority="P5")
    assert ok(session, "escalate_ticket", ticket_id=key)["priority"] == "P1"
    refused(session, "escalate_ticket", "highest", ticket_id=key)
    refused(session, "reopen_ticket", "is open", ticket_id=key)
    closed = ok(session, "close_ticket", ticket_id=key)
    assert (closed["state"], closed["ended"], closed["escalations"]) == ("closed", "2026-06-15", 1)
    refused(session, "close_ticket", "is closed", ticket_id=key)
    refused(session, "escalate_ticket", "is closed", ticket_id="TK-2")
    reopened = ok(session, "reopen_ticket", ticket_id="TK-2")
    assert (reopened["state"], reopened["ended"]) == ("open", "none")
    assert [one["ticket_id"] for one in ok(session, "list_tickets", staff_id=ANN)["result"]] == ["TK-1", "TK-2"]
    assert [one["outage_id"] for one in ok(session, "list_outages", system="VPN")["result"]] == ["OU-2"]


def test_the_order_of_independent_calls_does_not_matter(session: ToolSession) -> None:
    wishes = (("VPN", 3), ("mail", 3), ("VPN", 4))
    diffs = []
    for order in (wishes, wishes[::-1]):
        session.reset(None)
        for system, people in order:
            ok(session, "open_ticket", staff_id=BOB, system=system, people=people, blocked=True, priority="P2")
        diffs.append(session.diff())
    assert diffs[0] == diffs[1]
    assert len(changed(session)["tickets"]) == 3
    ok(session, "open_ticket", staff_id=BOB, system="VPN", people=4, blocked=True, priority="P2")
    assert len(changed(session)["tickets"]) == 4  # two equal tickets are two


def licence(cost: int, free: int) -> dict[str, Any]:
    return {"licence_id": {"cost": cost, "free": free}}


def group(level: str) -> dict[str, Any]:
    return {"group_id": {"level": level}}


def device(state: str, bought: str) -> Seen:
    return Seen({"state": state, "bought": bought})


CONTRACTOR, PERMANENT = {"employment": "contractor"}, {"employment": "permanent"}


@pytest.mark.parametrize(
    ("rule", "breaks", "keeps"),
    [
        ("security_lock", Seen({"lock": "security check"}), Seen({"lock": "wrong passwords"})),
        ("reset_limit", Seen({"resets": 3}), Seen({"resets": 2})),
        ("young_device", device("in use", "2023-06-17"), device("in use", "2023-06-16")),  # 2024 has a 366th day
        ("young_device", device("in use", "2026-01-01"), device("damaged", "2026-01-01")),
        ("last_seat", Seen({}, picked=licence(600, 1)), Seen({}, picked=licence(600, 2))),
        ("dear_licence", Seen({}, picked=licence(601, 2)), Seen({}, picked=licence(600, 2))),
        ("fresh_seat", Seen({"since": "2026-03-18"}), Seen({"since": "2026-03-17"})),
        ("admin_rights", Seen({}, picked=group("admin")), Seen({}, picked=group("write"))),
        ("contractor_days", Seen({}, {"days": 91}, speaker=CONTRACTOR), Seen({}, {"days": 90}, speaker=CONTRACTOR)),
        ("contractor_days", Seen({}, {"days": 91}, speaker=CONTRACTOR), Seen({}, {"days": 91}, speaker=PERMANENT)),
        ("in_work", Seen({"state": "in progress"}), Seen({"state": "waiting"})),
        ("reopen_window", Seen({"ended": "2026-05-31"}), Seen({"ended": "2026-06-01"})),
        ("young_ticket", Seen({"opened": "2026-06-11"}), Seen({"opened": "2026-06-10"})),
        ("escalated_twice", Seen({"escalations": 2}), Seen({"escalations": 1})),
    ],
)  # fmt: skip
def test_a_rule_is_broken_on_one_side_of_its_border(rule: str, breaks: Seen, keeps: Seen) -> None:
    made = next(one for one in HELPDESK.rules if one.name == rule)
    breaks.today = keeps.today = "2026-06-15"
    assert (made.broken(breaks), made.broken(keeps)) == (True, False)


@pytest.mark.parametrize(
    ("people", "blocked", "priority"),
    [(10, True, "P1"), (9, True, "P2"), (10, False, "P3"), (9, False, "P4")],
)
def test_the_priority_follows_from_who_is_affected_and_how(people: int, blocked: bool, priority: str) -> None:
    source: Any = HELPDESK.act("open_ticket").takes["priority"]
    assert source.by(Seen({}, {"people": people, "blocked": blocked})) == priority


def test_a_right_of_some_days_is_given_after_a_look_at_who_asks_and_at_the_group() -> None:
    domain = DeclaredDomain(HELPDESK, size="small")
    outlines = Kitchen(HELPDESK, lambda recipe: True).outlines
    outline = next(one for one in outlines if one.name == "grant revoke group_id=group(told)")
    key = world_key("train", 5)
    base = domain.server.base(key)
    for speaker in base.tables["staff"]:
        story = make_story(Scene(HELPDESK, base, speaker, "seen", random.Random(3)), outline)
        done = story and execute(domain.session(), key, [story])
        if done:
            break
    else:
        pytest.fail("no story")
    tools = [call.planned.tool for call in done.calls]
    assert tools == ["get_staff", "get_group", "grant_access", "revoke_access"]
    (right,) = done.diff["grants"].values()
    assert right is not None
    assert right["state"] == "revoked"
    assert right["until"] == "2026-06-15"
