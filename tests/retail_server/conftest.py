"""A hand-made shop, small enough to work results out on paper.

    shirt 10   11 red M 10.10      12 blue M 12.30    13 red L 9.10    14 blue L 11.00, not available
    lamp  20   21 white 30.00      22 black 45.25

    #W1  Ann, pending, 11 11 21, 50.20 by credit card     #W2  Ann, pending, 11, 10.10 by gift card
    #W3  Ann, delivered, 11 12 21, 52.40 by PayPal        #W4  Ann, processed, 21, 30.00 by credit card
    #W5  Bo, cancelled, 21, 30.00 by gift card and back   #W6  Bo, pending, 13 11, 19.20 by gift card

Ann has a gift card with 2.20, a credit card and PayPal; Bo a gift card with 100.
12 costs 2.20 more than 11, but as floats 12.3 - 10.1 is 2.2000000000000011.
"""

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolgym.mcp_servers.retail import build_server
from toolgym.mcp_servers.retail.dialects import DialectName
from toolgym.messages import ToolCall
from toolgym.world import Base, World

# The comparison with recordings is a script of the checkout, not of the package.
sys.path.append(str(Path(__file__).resolve().parents[2]))

PRODUCTS = {
    "10": (
        "Shirt",
        {"11": ("red", "M", 10.1), "12": ("blue", "M", 12.3), "13": ("red", "L", 9.1), "14": ("blue", "L", 11)},
    ),
    "20": ("Lamp", {"21": ("white", "", 30), "22": ("black", "", 45.25)}),
}
ADDRESS = {"address1": "1 Elm St", "address2": "", "city": "Ada", "country": "USA", "state": "OK", "zip": "74820"}
NEW_ADDRESS = {
    "address1": "2 Oak St",
    "address2": "Flat 3",
    "city": "Bly",
    "country": "USA",
    "state": "OR",
    "zip": "97622",
}


def _options(colour: str, size: str) -> dict[str, str]:
    return {"color": colour, "size": size} if size else {"color": colour}


def _product(product_id: str) -> dict[str, Any]:
    name, variants = PRODUCTS[product_id]
    made = {
        item_id: {
            "item_id": item_id,
            "options": _options(colour, size),
            "available": item_id != "14",
            "price": price,
        }
        for item_id, (colour, size, price) in variants.items()
    }
    return {"name": name, "product_id": product_id, "variants": made}


def _item(item_id: str) -> dict[str, Any]:
    product_id = f"{item_id[0]}0"
    name, variants = PRODUCTS[product_id]
    colour, size, price = variants[item_id]
    options = _options(colour, size)
    return {"name": name, "product_id": product_id, "item_id": item_id, "price": price, "options": options}


def _order(order_id: str, user_id: str, status: str, item_ids: str, paid_with: str) -> dict[str, Any]:
    items = [_item(item_id) for item_id in item_ids.split()]
    amount = round(sum(item["price"] for item in items), 2)
    payment = {"transaction_type": "payment", "amount": amount, "payment_method_id": paid_with}
    history = [payment, {**payment, "transaction_type": "refund"}] if status == "cancelled" else [payment]
    sent = [{"tracking_id": ["1"], "item_ids": item_ids.split()}] if status in ("delivered", "processed") else []
    return {
        "order_id": order_id,
        "user_id": user_id,
        "address": ADDRESS,
        "items": items,
        "fulfillments": sent,
        "status": status,
        "payment_history": history,
    }


def hand_made_tables() -> dict[str, dict[str, Any]]:
    orders = [
        _order("#W1", "ann_1", "pending", "11 11 21", "credit_card_2"),
        _order("#W2", "ann_1", "pending", "11", "gift_card_1"),
        _order("#W3", "ann_1", "delivered", "11 12 21", "paypal_3"),
        _order("#W4", "ann_1", "processed", "21", "credit_card_2"),
        _order("#W5", "bo_2", "cancelled", "21", "gift_card_4"),
        _order("#W6", "bo_2", "pending", "13 11", "gift_card_4"),
    ]
    ann = {
        "name": {"first_name": "Ann", "last_name": "Reyes"},
        "address": ADDRESS,
        "email": "ann.reyes@example.com",
        "payment_methods": {
            "gift_card_1": {"source": "gift_card", "balance": 2.2, "id": "gift_card_1"},
            "credit_card_2": {"source": "credit_card", "brand": "visa", "last_four": "1234", "id": "credit_card_2"},
            "paypal_3": {"source": "paypal", "id": "paypal_3"},
        },
        "orders": ["#W1", "#W2", "#W3", "#W4"],
    }
    bo = {
        "name": {"first_name": "Bo", "last_name": "Li"},
        "address": ADDRESS,
        "email": "Bo.Li@example.com",
        "payment_methods": {"gift_card_4": {"source": "gift_card", "balance": 100, "id": "gift_card_4"}},
        "orders": ["#W5", "#W6"],
    }
    tables = {
        "users": {"ann_1": ann, "bo_2": bo},
        "orders": {order["order_id"]: order for order in orders},
        "products": {product_id: _product(product_id) for product_id in ("20", "10")},
    }
    return copy.deepcopy(tables)


@pytest.fixture
def make_base() -> Callable[..., Base]:
    """Makes the hand-made world's base: `make_base(dialect)`."""
    return lambda dialect="standard": Base(hand_made_tables(), {"seed": 0, "dialect": dialect})


class Caller:
    """Calls tools of a server on the hand-made world, and checks what must hold of every call."""

    def __init__(self, base: Base, dialect: DialectName):
        self.session = build_server(base=base, dialect=dialect).session()

    @property
    def world(self) -> World:
        return self.session.world

    def ok(self, name: str, **arguments: Any) -> Any:
        """The value of a call that must succeed."""
        result = self.session.call(ToolCall(name, arguments))
        assert not result.is_error, result.text
        wraps = result.structured is not None and result.structured.keys() == {"result"}
        return result.structured["result"] if wraps else result.structured

    def refused(self, name: str, **arguments: Any) -> str:
        """The error text of a call that must be refused and change nothing."""
        before = self.world.hash()
        result = self.session.call(ToolCall(name, arguments))
        assert result.is_error, result.text
        assert self.world.hash() == before
        return result.text

    def order(self, order_id: str) -> dict[str, Any]:
        """An order now."""
        return self.world.get("orders", order_id)

    def balance(self, card: str) -> float:
        """A gift card's balance now."""
        user_id = {"gift_card_1": "ann_1", "gift_card_4": "bo_2"}[card]
        return self.world.get("users", user_id)["payment_methods"][card]["balance"]


@pytest.fixture
def make_caller(make_base: Callable[..., Base]) -> Callable[..., Caller]:
    """Makes a caller on a fresh hand-made world: `make_caller(dialect)`."""
    return lambda dialect="standard": Caller(make_base(dialect), dialect)


@pytest.fixture
def standard(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller("standard")


@pytest.fixture
def tau_bench(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller("tau_bench")


@pytest.fixture
def tau2(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller("tau2")


@pytest.fixture
def new_address() -> dict[str, str]:
    """The arguments of an address tool."""
    return dict(NEW_ADDRESS)


@pytest.fixture
def world_folder(tmp_path: Path) -> Path:
    """The hand-made world as the three files of a public world."""
    for table, records in hand_made_tables().items():
        (tmp_path / f"{table}.json").write_text(json.dumps(records))
    return tmp_path
