"""The bank's tools and rules, by hand-worked examples."""

import random
from collections.abc import Mapping
from typing import Any, cast

import pytest

from toolgym.composing.composer import DeclaredComposer, DeclaredDomain
from toolgym.composing.declaration import Seen
from toolgym.composing.execution import value_of
from toolgym.composing.fields import TODAY
from toolgym.composing.making import Composer, TaskMaker
from toolgym.composing.recipes import Together
from toolgym.composing.tables import build_world
from toolgym.composing.worlds import world_key
from toolgym.envs.bank import BANK
from toolgym.mcp.session import ToolSession
from toolgym.mcp_servers.bank import TOOLS
from toolgym.messages import ToolCall
from toolgym.world import Base

TODAY_ISO = TODAY.isoformat()  # 2026-06-15
ANA, BEN = "ana_a_01", "ben_b_02"


def _account(account_id: str, customer_id: str, balance: int, status: str = "open") -> dict[str, Any]:
    made = {"account_id": account_id, "customer_id": customer_id, "kind": "checking", "nickname": "Rent pot"}
    return made | {"balance": balance, "overdraft": 200, "limit": 1000, "status": status}


def _card(card_id: str, status: str, frozen_by: str = "nobody") -> dict[str, Any]:
    made = {"card_id": card_id, "account_id": "A-1", "customer_id": ANA, "kind": "debit", "ending": "9000"}
    return made | {"limit": 500, "expires": "2027-01-01", "status": status, "frozen_by": frozen_by}


def _paid(transaction_id: str, kind: str, status: str, amount: int) -> dict[str, Any]:
    made = {"transaction_id": transaction_id, "account_id": "A-1", "customer_id": ANA, "kind": kind}
    return made | {"text": "Blue Books", "amount": amount, "date": "2026-06-01", "status": status}


def _keyed(key: str, *records: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {record[key]: record for record in records}


def _customer(customer_id: str, phone: str) -> dict[str, Any]:
    made = {"first": "Ana", "last": "A", "customer_id": customer_id, "phone": phone}
    return made | {"tier": "standard", "joined": "2020-01-01", "refunds": 1}


# fmt: off
WORLD = {
    "customers": _keyed("customer_id", _customer(ANA, "555-111-2222"), _customer(BEN, "555-333-4444")),
    "accounts": _keyed(
        "account_id", _account("A-1", ANA, 900), _account("A-2", ANA, 50), _account("A-3", BEN, 700, "frozen")
    ),
    "payees": _keyed(
        "payee_id",
        {"payee_id": "P-1", "customer_id": ANA, "name": "Mo", "region": "domestic", "added": "2026-01-01"},
        {"payee_id": "P-2", "customer_id": ANA, "name": "Lu", "region": "abroad", "added": "2026-06-10"},
        {"payee_id": "P-3", "customer_id": BEN, "name": "Ed", "region": "domestic", "added": "2026-01-01"},
    ),
    "cards": _keyed("card_id", _card("K-1", "active"), _card("K-2", "frozen", "bank"), _card("K-3", "blocked: lost")),
    "transactions": _keyed(
        "transaction_id",
        _paid("T-1", "purchase", "posted", 80),
        _paid("T-2", "fee", "posted", 12),
        _paid("T-3", "purchase", "disputed", 30),
        _paid("T-4", "purchase", "pending", 7),
    ),
    "disputes": {
        "D-1": {
            "dispute_id": "D-1", "transaction_id": "T-3", "customer_id": ANA, "reason": "charged twice", "amount": 30,
            "opened": "2026-06-02", "credited": False, "status": "in review",
        }
    },
    "standing_orders": {
        "S-1": {
            "order_id": "S-1", "account_id": "A-1", "customer_id": ANA, "payee_id": "P-1", "amount": 100,
            "frequency": "monthly", "next": "2026-07-01",
        }
    },
    "loans": {
        "N-1": {
            "loan_id": "N-1", "customer_id": ANA, "account_id": "A-1", "purpose": "the car", "rate": "fixed",
            "outstanding": 4000, "instalment": 100, "due": "2026-07-01", "deferred": 1,
        }
    },
}
# fmt: on


SERVER = TOOLS.server(base=Base(WORLD, {"today": TODAY_ISO, "dialect": "standard"}))


@pytest.fixture
def session() -> ToolSession:
    return SERVER.session()


def _changes(session: ToolSession, name: str, **arguments: Any) -> dict[str, dict[str, Any]]:
    """What a call changes: table -> id -> the fields that differ (a new record whole, a deleted one None)."""
    assert not session.call(ToolCall(name, arguments)).is_error
    out: dict[str, dict[str, Any]] = {}
    for table, records in (session.diff() or {}).items():
        for key, record in records.items():
            before: Mapping[str, Any] = WORLD[table].get(key, {})
            changed = record and {name: value for name, value in record.items() if before.get(name) != value}
            out.setdefault(table, {})[key] = changed
    return out


def _new(changes: Mapping[str, Mapping[str, Any]], table: str) -> str:
    """The id of the only record of a table that is new; what it is follows from the record."""
    (key,) = set(changes[table]) - set(WORLD[table])
    return key


def test_reads_show_the_records_and_lists_a_part_of_them(session: ToolSession) -> None:
    def shown(name: str, **arguments: Any) -> Any:
        return value_of(session.call(ToolCall(name, arguments)))

    assert shown("find_customer_by_phone", phone="555-333-4444") == BEN
    assert shown("get_account", account_id="A-2") == WORLD["accounts"]["A-2"]
    part = {"account_id": "A-3", "kind": "checking", "nickname": "Rent pot", "balance": 700}
    assert shown("list_accounts", customer_id=BEN) == [part]
    assert shown("list_payees", customer_id=BEN) == [WORLD["payees"]["P-3"]]
    assert session.diff() == {}


def test_a_transfer_takes_the_amount_and_abroad_a_fee(session: ToolSession) -> None:
    # 900 - 300 - 5 = 595: the payee is abroad.
    changes = _changes(session, "transfer_money", account_id="A-1", payee_id="P-2", amount=300)
    key = _new(changes, "transactions")
    made = _paid(key, "transfer", "pending", 305) | {"text": "Transfer to Lu", "date": TODAY_ISO}
    assert changes == {"accounts": {"A-1": {"balance": 595}}, "transactions": {key: made}}


def test_a_move_books_both_accounts(session: ToolSession) -> None:
    changes = _changes(session, "move_money", account_id="A-1", to_account_id="A-2", amount=1000)
    # More than there is: the policy forbids it, the tools do not.
    assert changes["accounts"] == {"A-1": {"balance": -100}, "A-2": {"balance": 1050}}
    assert {one["account_id"] for one in changes["transactions"].values()} == {"A-1", "A-2"}


def test_cards_go_from_state_to_state(session: ToolSession) -> None:
    assert _changes(session, "freeze_card", card_id="K-1") == {
        "cards": {"K-1": {"status": "frozen", "frozen_by": "customer"}}
    }
    assert _changes(session, "unfreeze_card", card_id="K-1") == {}
    assert _changes(session, "set_card_limit", card_id="K-1", limit=900) == {"cards": {"K-1": {"limit": 900}}}


def test_a_replacement_blocks_the_old_card_and_orders_a_new_one(session: ToolSession) -> None:
    changes = _changes(session, "replace_card", card_id="K-1", reason="stolen", fee=10)
    # 9000 + 1357 = 10357, whose last four digits are 0357; four years of 365 days end one day early: 2028 has 366.
    key = _new(changes, "cards")
    assert changes["cards"] == {
        "K-1": {"status": "blocked: stolen"},
        key: _card(key, "ordered") | {"ending": "0357", "expires": "2030-06-14"},
    }
    assert changes["accounts"] == {"A-1": {"balance": 890}}


def test_standing_orders_are_made_and_cancelled(session: ToolSession) -> None:
    arguments = {"account_id": "A-1", "payee_id": "P-1", "amount": 40, "frequency": "weekly"}
    changes = _changes(session, "create_standing_order", **arguments, first="2026-06-20")
    key = _new(changes, "standing_orders")
    new = {"order_id": key, "customer_id": ANA, **arguments, "next": "2026-06-20"}
    assert changes == {"standing_orders": {key: new}}
    assert _changes(session, "cancel_standing_order", order_id="S-1")["standing_orders"]["S-1"] is None


def test_disputes_and_refunds(session: ToolSession) -> None:
    opened = _changes(session, "open_dispute", transaction_id="T-1", reason="wrong amount")
    assert opened["transactions"] == {"T-1": {"status": "disputed"}}
    assert opened["disputes"][_new(opened, "disputes")]["amount"] == 80
    withdrawn = _changes(session, "withdraw_dispute", dispute_id="D-1")
    assert withdrawn["disputes"]["D-1"] == {"status": "withdrawn"}
    assert withdrawn["transactions"]["T-3"] == {"status": "posted"}
    refunded = _changes(session, "refund_fee", transaction_id="T-2")
    assert refunded["transactions"]["T-2"] == {"status": "refunded"}
    assert refunded["accounts"] == {"A-1": {"balance": 912}}
    assert refunded["customers"] == {ANA: {"refunds": 2}}


def test_loans_are_repaid_and_deferred(session: ToolSession) -> None:
    repaid = _changes(session, "repay_loan", loan_id="N-1", account_id="A-1", amount=500)
    assert repaid["loans"] == {"N-1": {"outstanding": 3500}}
    assert repaid["accounts"] == {"A-1": {"balance": 400}}
    deferred = _changes(session, "defer_instalment", loan_id="N-1")
    assert deferred["loans"]["N-1"] == {"outstanding": 3500, "due": "2026-07-31", "deferred": 2}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_customer", {"customer_id": "nobody"}),
        ("find_customer_by_phone", {"phone": "555"}),
        ("get_account", {"account_id": "A-9"}),
        ("list_transactions", {"account_id": "A-9"}),
        ("transfer_money", {"account_id": "A-1", "payee_id": "P-3", "amount": 1}),
        ("transfer_money", {"account_id": "A-1", "payee_id": "P-1", "amount": 0}),
        ("move_money", {"account_id": "A-1", "to_account_id": "A-1", "amount": 1}),
        ("move_money", {"account_id": "A-1", "to_account_id": "A-3", "amount": 1}),
        ("freeze_card", {"card_id": "K-2"}),
        ("unfreeze_card", {"card_id": "K-1"}),
        ("set_card_limit", {"card_id": "K-3", "limit": 100}),
        ("replace_card", {"card_id": "K-3", "reason": "lost", "fee": 0}),
        ("replace_card", {"card_id": "K-1", "reason": "eaten", "fee": 0}),
        ("cancel_standing_order", {"order_id": "S-9"}),
        ("open_dispute", {"transaction_id": "T-2", "reason": "wrong amount"}),
        ("open_dispute", {"transaction_id": "T-3", "reason": "wrong amount"}),
        ("open_dispute", {"transaction_id": "T-4", "reason": "wrong amount"}),
        ("open_dispute", {"transaction_id": "T-1", "reason": "bored"}),
        ("refund_fee", {"transaction_id": "T-1"}),
        ("repay_loan", {"loan_id": "N-1", "account_id": "A-3", "amount": 10}),
        ("repay_loan", {"loan_id": "N-1", "account_id": "A-1", "amount": 4001}),
    ],
)
def test_what_is_inconsistent_is_refused_and_changes_nothing(
    session: ToolSession, name: str, arguments: dict[str, Any]
) -> None:
    assert session.call(ToolCall(name, arguments)).is_error
    assert session.diff() == {}


@pytest.mark.parametrize(
    ("frequency", "first"),
    [("weekly", "2026-06-14"), ("weekly", "20260701"), ("weekly", "2026-02-30"), ("daily", "2026-07-01")],
)
def test_a_standing_order_is_regular_and_begins_on_a_day_to_come(
    session: ToolSession, frequency: str, first: str
) -> None:
    arguments = {"account_id": "A-1", "payee_id": "P-1", "amount": 1, "frequency": frequency, "first": first}
    assert session.call(ToolCall("create_standing_order", arguments)).is_error
    assert session.diff() == {}


def _seen(wishes: dict[str, Any] | None = None, speaker: dict[str, Any] | None = None, **subject: Any) -> Seen:
    return Seen(subject, wishes or {}, {}, speaker, TODAY_ISO)


def _spend(amount: int, **subject: Any) -> Seen:
    return _seen({"amount": amount}, **subject)


_NEW = {"payee_id": {"added": "2026-06-09"}}  # six days ago
_OLD = {"payee_id": {"added": "2026-06-08"}}  # seven


@pytest.mark.parametrize(
    ("rule", "broken", "kept"),
    [
        ("frozen", _seen(status="frozen"), _seen(status="open")),
        ("funds", _spend(301, balance=100, overdraft=200), _spend(300, balance=100, overdraft=200)),
        ("limit", _spend(501, limit=500), _spend(500, limit=500)),
        ("new_payee", Seen({}, {"amount": 301}, _NEW), Seen({}, {"amount": 300}, _NEW)),
        ("new_payee", Seen({}, {"amount": 301}, _NEW), Seen({}, {"amount": 301}, _OLD)),
        ("near", _seen(next="2026-06-16"), _seen(next="2026-06-17")),
        ("bank_freeze", _seen(frozen_by="bank"), _seen(frozen_by="customer")),
        ("tier", _seen({"limit": 2001}, {"tier": "standard"}), _seen({"limit": 2000}, {"tier": "standard"})),
        ("tier", _seen({"limit": 4001}, {"tier": "plus"}), _seen({"limit": 10_000}, {"tier": "private"})),
        ("old", _seen(date="2026-02-14"), _seen(date="2026-02-15")),  # 121 and 120 days ago
        ("credited", _seen(credited=True), _seen(credited=False)),
        ("refunds", _seen({}, {"refunds": 2}), _seen({}, {"refunds": 1})),
        ("fixed", _spend(401, rate="fixed", outstanding=4000), _spend(400, rate="fixed", outstanding=4000)),
        ("fixed", _spend(401, rate="fixed", outstanding=4000), _spend(401, rate="variable", outstanding=4000)),
        ("deferred", _seen(deferred=2), _seen(deferred=1)),
    ],
)  # fmt: skip
def test_each_rule_at_its_border(rule: str, broken: Seen, kept: Seen) -> None:
    by_name = {one.name: one for one in BANK.rules}
    assert by_name[rule].broken(broken)
    assert not by_name[rule].broken(kept)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_world_hangs_together(split: Any) -> None:
    tables = build_world(BANK.tables, world_key(split, 3), "small", {}).tables
    for order in tables["standing_orders"].values():
        for table, key in (("payees", "payee_id"), ("accounts", "account_id")):
            assert tables[table][order[key]]["customer_id"] == order["customer_id"]
    disputed = {key for key, paid in tables["transactions"].items() if paid["status"] == "disputed"}
    assert {dispute["transaction_id"] for dispute in tables["disputes"].values()} == disputed != set()
    assert all(tables["transactions"][d["transaction_id"]]["date"] <= d["opened"] for d in tables["disputes"].values())
    for loan in tables["loans"].values():
        assert tables["accounts"][loan["account_id"]]["customer_id"] == loan["customer_id"]


def test_the_sentence_on_frozen_accounts_names_all_that_it_forbids_and_no_more() -> None:
    # The fee of a replacement is charged to its account, frozen or not.
    frozen = next(rule for rule in BANK.rules if rule.name == "frozen")
    assert frozen.acts == ("transfer", "move", "order_new")
    assert frozen.text.startswith("By transfer, move or standing order no money leaves")
    task = DeclaredDomain(BANK, size="small").tasks("train")[220]
    (account,) = task.gold_diff["accounts"].values()
    assert account is not None
    assert (task.gold_calls[-1].arguments["fee"], account["status"]) == (10, "frozen")


def test_a_replacement_looks_at_the_tier_before_it_reckons_the_fee() -> None:
    # card, then customer (the fee depends on its tier), then the replacement: $10 for standard, else nothing.
    domain = DeclaredDomain(BANK, size="small")
    composer = DeclaredComposer(BANK)
    outline = next(one for one in composer.kitchen.outlines if one.name == "card(told) replace")
    maker = TaskMaker(domain.source("train"), cast(Composer, composer), domain.server.session)
    fees = set()
    for k in range(4):
        key = world_key("train", k)
        base = composer.base(key, "small", "standard")
        for place in range(composer.speakers(base)):
            task = maker.attempt(0, Together((outline,)), key, base, place, random.Random(place))
            if task is not None:
                look, who, replace = task.gold_calls
                assert (look.name, who.name, replace.name) == ("get_card", "get_customer", "replace_card")
                tier = base.tables["customers"][who.arguments["customer_id"]]["tier"]
                assert task.gold[-1].response == f"A new card is ordered in place of {look.arguments['card_id']}."
                fees.add((tier, replace.arguments["fee"]))
    assert fees == {("standard", 10), ("plus", 0), ("private", 0)}
