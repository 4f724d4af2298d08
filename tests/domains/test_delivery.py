"""The food delivery by hand: what each tool changes and refuses, each rule at its border, one task from end to end."""

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
from toolgym.envs.delivery import DELIVERY
from toolgym.mcp.session import ToolSession
from toolgym.mcp_servers.delivery import TOOLS
from toolgym.messages import ToolCall, Turn, render
from toolgym.tasks import Task
from toolgym.world import Base

TODAY = "2026-06-15"


def order(key: str, status: str, due: str = "2026-06-17 19:00") -> dict[str, Any]:
    """Two portions for $10 each, and $4 for the delivery."""
    made = {"order_id": key, "customer_id": "ana-1", "address_id": "AD-1", "restaurant_id": "R-1", "zone": "Northside"}
    made |= {"status": status, "courier_id": None, "contents": [], "alcohol": False, "due": due, "delivered": None}
    amounts = {"subtotal": 20, "fee": 4, "discount": 0, "total": 24, "tip": 0}
    return {**made, **amounts, "handover": "in person", "complaint": None}


def item(key: str, state: str) -> dict[str, Any]:
    made = {"item_id": key, "order_id": "O-4", "customer_id": "ana-1", "dish": "stew", "portions": 2, "price": 10}
    return {**made, "amount": 20, "delivered": "2026-06-14", "state": state}


def voucher(key: str, owner: str, status: str) -> dict[str, Any]:
    made = {"voucher_id": key, "customer_id": owner, "amount": 5, "minimum": 15, "valid_until": TODAY}
    return {**made, "status": status}


def session() -> ToolSession:
    """Two customers, a restaurant with a dish, an order of each state, and vouchers of every kind."""
    customer = {"first": "A", "last": "R", "wallet": 7, "owed": 0, "refunds": 0, "addresses": []}
    states = ("scheduled", "accepted", "on its way", "delivered", "cancelled")
    tables = {
        "customers": {
            "ana-1": {"customer_id": "ana-1", "phone": "0111-111111", "membership": "standard", **customer},
            "bo-2": {"customer_id": "bo-2", "phone": "0222-222222", "membership": "plus", **customer},
        },
        "addresses": {
            key: {"address_id": key, "customer_id": owner, "street": "2 Oak Lane", "zone": "Northside"}
            for key, owner in (("AD-1", "ana-1"), ("AD-2", "ana-1"), ("AD-3", "bo-2"))
        },
        "restaurants": {"R-1": {"restaurant_id": "R-1", "name": "Blue Table", "cuisine": "Thai", "fee": 4}},
        "dishes": {
            "DI-1": {"dish_id": "DI-1", "restaurant_id": "R-1", "name": "stew", "price": 10, "zone": "Northside"}
            | {"alcohol": True, "available": True}
        },
        "couriers": {"CR-1": {"courier_id": "CR-1", "name": "Lo", "vehicle": "car"}},
        "orders": {f"O-{place + 1}": order(f"O-{place + 1}", status) for place, status in enumerate(states)},
        "items": {"I-1": item("I-1", "delivered"), "I-2": item("I-2", "refunded")},
        "vouchers": {
            "V-1": voucher("V-1", "ana-1", "unused"),
            "V-2": voucher("V-2", "ana-1", "used"),
            "V-3": voucher("V-3", "bo-2", "unused"),
        },
    }
    return TOOLS.server(base=Base(tables, {"today": TODAY, "dialect": "standard"})).session()


PLACE = {"dish_id": "DI-1", "portions": 3, "due": "2026-06-18 18:00"}


@pytest.mark.parametrize(
    ("tool", "arguments", "changed"),
    [
        (  # Three portions for $10 each and $4 for the delivery; five orders and two items are there.
            "place_order",
            {"customer_id": "ana-1", "address_id": "AD-2", **PLACE},
            {
                "orders": {"O-new": {"subtotal": 30, "fee": 4, "total": 34, "status": "scheduled", "alcohol": True}},
                "items": {"I-new": {"portions": 3, "amount": 30, "order_id": "O-new", "state": "ordered"}},
            },
        ),
        (  # A plus customer pays no fee.
            "place_order",
            {"customer_id": "bo-2", "address_id": "AD-3", **PLACE},
            {"orders": {"O-new": {"fee": 0, "total": 30}}, "items": {"I-new": {"customer_id": "bo-2"}}},
        ),
        (
            "change_address",
            {"order_id": "O-3", "address_id": "AD-2"},
            {"orders": {"O-3": {"address_id": "AD-2", "status": "on its way"}}},
        ),
        (
            "reschedule_order",
            {"order_id": "O-1", "due": "2026-06-20 20:00"},
            {"orders": {"O-1": {"due": "2026-06-20 20:00"}}},
        ),
        (
            "set_handover",
            {"order_id": "O-2", "handover": "at the door"},
            {"orders": {"O-2": {"handover": "at the door"}}},
        ),
        (
            "cancel_order",
            {"order_id": "O-2", "refund": 21},
            {"orders": {"O-2": {"status": "cancelled", "total": 24}}, "customers": {"ana-1": {"wallet": 7 + 21}}},
        ),
        (
            "redeem_voucher",
            {"order_id": "O-1", "voucher_id": "V-1"},
            {"orders": {"O-1": {"discount": 5, "total": 24 - 5}}, "vouchers": {"V-1": {"status": "used"}}},
        ),
        (
            "refund_item",
            {"item_id": "I-1", "missing": 1, "refund": 10},
            {"items": {"I-1": {"state": "refunded"}}, "customers": {"ana-1": {"wallet": 7 + 10}}},
        ),
        ("tip_courier", {"order_id": "O-4", "amount": 3}, {"orders": {"O-4": {"tip": 3, "total": 24}}}),
        ("file_complaint", {"order_id": "O-4", "complaint": "cold"}, {"orders": {"O-4": {"complaint": "cold"}}}),
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
            after: Any = diff[table][key]
            assert record.items() <= after.items()


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("get_customer", {"customer_id": "x"}, "customer 'x' not found"),
        ("find_customer", {"phone": "9"}, "no customer with that phone number"),
        ("find_restaurants", {"cuisine": "fish"}, "no cuisine 'fish'"),
        ("list_menu", {"restaurant_id": "R-9"}, "restaurant 'R-9' not found"),
        ("list_items", {"order_id": "O-9"}, "order 'O-9' not found"),
        ("get_courier", {"courier_id": "CR-9"}, "courier 'CR-9' not found"),
        ("place_order", {"customer_id": "ana-1", "address_id": "AD-3", **PLACE}, "AD-3 is another customer's"),
        ("place_order", {"customer_id": "ana-1", "address_id": "AD-1", **PLACE, "due": "soon"}, "'soon' is no time"),
        ("change_address", {"order_id": "O-4", "address_id": "AD-2"}, "order O-4 is delivered"),
        ("change_address", {"order_id": "O-1", "address_id": "AD-3"}, "AD-3 is another customer's"),
        ("reschedule_order", {"order_id": "O-2", "due": "2026-06-20 20:00"}, "order O-2 is accepted"),
        ("reschedule_order", {"order_id": "O-1", "due": "2026-06-20"}, "'2026-06-20' is no time"),
        ("reschedule_order", {"order_id": "O-1", "due": "2026-13-20 18:00"}, "'2026-13-20' is no day"),
        ("reschedule_order", {"order_id": "O-1", "due": "2026-06-14 18:00"}, "2026-06-14 is past"),
        ("set_handover", {"order_id": "O-1", "handover": "by drone"}, "no handover 'by drone'"),
        ("cancel_order", {"order_id": "O-5", "refund": 0}, "order O-5 is cancelled"),
        ("cancel_order", {"order_id": "O-1", "refund": 25}, "order O-1 cost $24"),
        ("redeem_voucher", {"order_id": "O-3", "voucher_id": "V-1"}, "order O-3 is on its way"),
        ("redeem_voucher", {"order_id": "O-1", "voucher_id": "V-2"}, "voucher V-2 is used"),
        ("redeem_voucher", {"order_id": "O-1", "voucher_id": "V-3"}, "voucher V-3 is another customer's"),
        ("refund_item", {"item_id": "I-2", "missing": 1, "refund": 10}, "item I-2 is refunded"),
        ("refund_item", {"item_id": "I-1", "missing": 3, "refund": 20}, "item I-1 has 2 portions for $20"),
        ("refund_item", {"item_id": "I-1", "missing": 2, "refund": 21}, "item I-1 has 2 portions for $20"),
        ("tip_courier", {"order_id": "O-3", "amount": 3}, "order O-3 is on its way"),
        ("file_complaint", {"order_id": "O-4", "complaint": "blue"}, "no complaint 'blue'"),
    ],
)
def test_what_a_tool_refuses_and_that_it_then_changes_nothing(tool: str, arguments: dict[str, Any], says: str) -> None:
    one = session()
    result = one.call(ToolCall(tool, arguments))
    assert result.is_error
    assert says in result.text
    assert not one.diff()


def test_a_second_complaint_is_refused() -> None:
    one = session()
    call = ToolCall("file_complaint", {"order_id": "O-4", "complaint": "late"})
    assert not one.call(call).is_error
    assert "has a complaint already" in one.call(call).text


def broken(kind: str, seen: Seen) -> set[str]:
    """The rules that the act breaks; those that look at what is not given here are left out."""
    found = set()
    for rule in DELIVERY.rules_of(DELIVERY.act(kind)):
        try:
            if rule.broken(seen):
                found.add(rule.name)
        except KeyError:
            continue
    return found


def dish(**given: Any) -> dict[str, Any]:
    return {"dish_id": {"available": True, "zone": "a", "price": 5, **given}, "address_id": {"zone": "a"}}


@pytest.mark.parametrize(
    ("rule", "kind", "breaks", "keeps"),
    [
        ("owing", "place", Seen({}, speaker={"owed": 1}), Seen({}, speaker={"owed": 0})),
        ("unavailable", "place", Seen({}, {}, dish(available=False)), Seen({}, {}, dish())),
        ("other_zone", "place", Seen({}, {}, dish(zone="b")), Seen({}, {}, dish())),
        (
            "other_zone",
            "redirect",
            Seen({"zone": "b", "status": "accepted"}, {}, {"address_id": {"zone": "a"}}),
            Seen({"zone": "a", "status": "accepted"}, {}, {"address_id": {"zone": "a"}}),
        ),
        # $5 a portion: two are $10, three $15.
        ("too_small", "place", Seen({}, {"portions": 2}, dish()), Seen({}, {"portions": 3}, dish())),
        (
            "too_far",
            "place",
            Seen({}, {"due": "2026-06-23 17:00"}),
            Seen({}, {"due": "2026-06-22 21:00"}),
        ),
        (
            "same_day",
            "reschedule",
            Seen({"due": "2026-06-15 21:00"}, today=TODAY),
            Seen({"due": "2026-06-16 17:00"}, today=TODAY),
        ),
        ("on_its_way", "cancel", Seen({"status": "on its way"}), Seen({"status": "cooking"})),
        (
            "alcohol",
            "handover",
            Seen({"status": "cooking", "alcohol": True}, {"handover": "at the door"}),
            Seen({"status": "cooking", "alcohol": True}, {"handover": "in person"}),
        ),
        (
            "expired",
            "voucher",
            Seen({}, {}, {"voucher_id": {"valid_until": "2026-06-14"}}, today=TODAY),
            Seen({}, {}, {"voucher_id": {"valid_until": TODAY}}, today=TODAY),
        ),
        (
            "minimum",
            "voucher",
            Seen({"subtotal": 19}, {}, {"voucher_id": {"minimum": 20}}),
            Seen({"subtotal": 20}, {}, {"voucher_id": {"minimum": 20}}),
        ),
        ("long_ago", "complain", Seen({"delivered": "2026-06-11"}), Seen({"delivered": "2026-06-12"})),
        ("many_refunds", "missing", Seen({}, speaker={"refunds": 3}), Seen({}, speaker={"refunds": 2})),
        ("large_tip", "tip", Seen({}, {"amount": 21}), Seen({}, {"amount": 20})),
    ],
)
def test_a_rule_at_its_border(rule: str, kind: str, breaks: Seen, keeps: Seen) -> None:
    assert broken(kind, breaks) == {rule}
    assert broken(kind, keeps) == set()


@pytest.mark.parametrize(
    ("membership", "status", "refund"),
    # Of $25: all for plus customers; $3 less for others; half of it, rounded down, once it is cooked.
    [("plus", "cooking", 25), ("standard", "scheduled", 22), ("standard", "accepted", 22), ("standard", "cooking", 12)],
)
def test_what_a_cancellation_gives_back(membership: str, status: str, refund: int) -> None:
    reckoned: Any = DELIVERY.act("cancel").takes["refund"]
    assert reckoned.by(Seen({"total": 25, "status": status}, speaker={"membership": membership})) == refund


def test_the_amounts_and_states_of_a_world_fit_together() -> None:
    tables = DeclaredDomain(DELIVERY, size="standard").server.base(0).tables
    for key, one in tables["orders"].items():
        items = [item for item in tables["items"].values() if item["order_id"] == key] if key[-1] == "0" else []
        assert not items or sum(item["amount"] for item in items) == one["subtotal"]
        plus = tables["customers"][one["customer_id"]]["membership"] == "plus"
        assert one["fee"] == (0 if plus else tables["restaurants"][one["restaurant_id"]]["fee"])
        assert one["total"] == one["subtotal"] + one["fee"]
        assert tables["addresses"][one["address_id"]]["customer_id"] == one["customer_id"]
        assert tables["addresses"][one["address_id"]]["zone"] == one["zone"]
        assert (one["courier_id"] is not None) == (one["status"] in ("on its way", "delivered"))
        assert (one["delivered"] is not None) == (one["status"] == "delivered")


def test_a_task_from_request_to_answer() -> None:
    # A refund of missing portions: the order's items, who asks (for the refunds of this month), and the price of them.
    workshop = _workshop(DELIVERY)
    composer: Any = workshop.composer
    maker = TaskMaker(Source("train", "small", "standard", 0), composer, workshop.server("small", "standard").session)
    outline = next(one for one in composer.kitchen.outlines if one.name == "items(told):told missing")
    base = composer.base(0, "small", "standard")
    made = (maker.attempt(0, Together((outline,)), 0, base, place, random.Random(1)) for place in range(12))
    task: Task = next(task for task in made if task is not None)
    calls = [(call.name, call.arguments) for call in task.gold_calls]
    assert [name for name, _ in calls] == ["list_items", "get_customer", "refund_item"]
    record = base.tables["items"][calls[2][1]["item_id"]]
    assert calls[1][1] == {"customer_id": record["customer_id"]}
    assert calls[2][1]["refund"] == record["price"] * calls[2][1]["missing"]
    env = ToolEnv("delivery", size="small")
    env.reset(options={"task": task})
    for name, arguments in calls:
        env.step(render(Turn(calls=(ToolCall(name, arguments),))))
    *_, info = env.step(render(Turn(response=f"The refund is ${calls[2][1]['refund']}.")))
    assert info["outcome"] == "solved"
