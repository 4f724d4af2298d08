"""The shop's customers and orders; how the public tools' records are made of the declared ones, and the other way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from toolgym.composing.fields import Choice, Code, Draw, Field, Id, Made, Name, Ref, Refs
from toolgym.composing.tables import Records, Table
from toolgym.envs.retail.goods import Dollars, text_of

__all__ = ["ITEMS", "METHODS", "ORDERS", "USERS", "Address", "open_order", "open_product", "open_user", "shape"]

Record = Mapping[str, Any]
_CITIES: Final = (
    ("Austin", "TX", "787"),
    ("Boston", "MA", "021"),
    ("Chicago", "IL", "606"),
    ("Columbus", "OH", "432"),
    ("Denver", "CO", "802"),
    ("Houston", "TX", "770"),
    ("Nashville", "TN", "372"),
    ("Phoenix", "AZ", "850"),
    ("Portland", "OR", "972"),
    ("San Diego", "CA", "921"),
    ("Seattle", "WA", "981"),
    ("Tampa", "FL", "336"),
)
_ABROAD: Final = (("Toronto", "ON", "Canada"), ("Montreal", "QC", "Canada"), ("Puebla", "PUE", "Mexico"))
_STREETS: Final = ("Birch", "Cedar", "Elm", "Hickory", "Lake", "Maple", "Oak", "Pine", "River", "Sunset", "Willow")
_BRANDS: Final = ("Visa", "Mastercard")
_NUMBERS: Final = ("no items", "one item", "two items", "three items", "four items")


@dataclass(frozen=True)
class Address(Field):
    """An address as records hold it; a foreign one on demand."""

    abroad: bool = False

    def make(self, draw: Draw) -> dict[str, str]:
        rng = draw.rng
        (city, state, country), code = rng.choice(_ABROAD), f"{rng.randrange(10_000, 100_000)}"
        if not self.abroad:
            (city, state, area), country = rng.choice(_CITIES), "USA"
            code = f"{area}{rng.randrange(100):02d}"
        street = f"{rng.randrange(1, 1000)} {rng.choice(_STREETS)} {rng.choice(('Street', 'Avenue', 'Lane'))}"
        suite = f"Suite {rng.randrange(100, 1000)}" if rng.random() < 0.5 else ""
        return {"address1": street, "address2": suite, "city": city, "country": country, "state": state, "zip": code}

    def show(self, value: Any) -> str:
        parts = (value["address1"], value["address2"], value["city"], f"{value['state']} {value['zip']}")
        return ", ".join([*filter(None, parts), value["country"]])


# Payment methods ---------------------------------------------------------------------------------------------------


def _source(draw: Draw) -> str:
    """A customer has one gift card and one PayPal account at most."""
    taken = {other["source"] for other in draw.siblings} - {"credit_card"}
    return draw.rng.choice(
        [source for source in ("gift_card", "gift_card", "paypal", "credit_card") if source not in taken]
    )


def _last_four(draw: Draw) -> str:
    taken = {other["last_four"] for other in draw.siblings}
    return draw.rng.choice(
        [four for four in (f"{draw.rng.randrange(10_000):04d}" for _ in range(9)) if four not in taken]
    )


def _method_name(method: Record) -> str:
    card = f"{method['brand']} ending in {method['last_four']}"
    return {"gift_card": "gift card", "paypal": "PayPal account"}.get(method["source"], card)


def _if_card(draw: Draw, source: str, value: Any) -> Any:
    return value if draw.record["source"] == source else None


METHODS = Table(
    "methods",
    "payment method",
    "method_id",
    {
        "source": Made(_source),
        "method_id": Id("{source}_", label="id"),
        "brand": Made(lambda draw: _if_card(draw, "credit_card", draw.rng.choice(_BRANDS))),
        "last_four": Made(lambda draw: _if_card(draw, "credit_card", _last_four(draw))),
        "balance": Dollars(
            lambda draw: _if_card(draw, "gift_card", round(draw.rng.uniform(0, 400), 2)), label="balance"
        ),
        "name": Made(lambda draw: _method_name(draw.record), told="{value}", names=True),
    },
)

# Users -------------------------------------------------------------------------------------------------------------


def _zip_of_own(draw: Draw) -> dict[str, str]:
    """An address by whose zip code nobody else of that name is found."""
    while True:
        address = Address().make(draw)
        mark = f"{draw.record['first']} {draw.record['last']} {address['zip']}"
        if mark not in draw.used:
            draw.used.add(mark)
            return address


def _email(draw: Draw) -> str:
    return draw.record["user_id"].replace("_", ".", 1).replace("_", "") + "@example.com"


USERS = Table(
    "users",
    "profile",
    "user_id",
    {
        "first": Name(longest=6, label="first name", told="{value}"),
        "last": Name(longest=6, label="last name", told="{value}"),
        "user_id": Code("{first}_{last}_####"),
        "address": Made(_zip_of_own, kind="address"),
        "zip": Made(lambda draw: draw.record["address"]["zip"], label="zip code", told="{value}"),
        "city": Made(lambda draw: draw.record["address"]["city"], label="city"),
        "email": Made(_email, label="e-mail", told="with e-mail {value}"),
        "methods": Records(METHODS, (2, 3, 1, 3, 2, 3)),
        "orders": Refs("orders"),
    },
    {"small": 20, "standard": 300, "large": 2000},
)

# Orders ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OtherProduct(Ref):
    """A product that the order does not have yet."""

    def make(self, draw: Draw) -> str:
        taken = {other["product_id"] for other in draw.siblings}
        return draw.rng.choice([key for key in draw.ids(self.table) if key not in taken])


def _variant(draw: Draw) -> str:
    return draw.rng.choice(draw.tables["products"][draw.record["product_id"]]["variants"])["item_id"]


def _of_variant(name: str) -> Any:
    def find(draw: Draw) -> Any:
        variants = draw.tables["products"][draw.record["product_id"]]["variants"]
        return next(variant[name] for variant in variants if variant["item_id"] == draw.record["item_id"])

    return find


ITEMS = Table(
    "items",
    "item",
    "item_id",
    {
        "product_id": OtherProduct("products"),
        "item_id": Made(_variant, label="item id"),
        "name": Made(
            lambda draw: draw.tables["products"][draw.record["product_id"]]["name"], told="{value}", names=True
        ),
        "options": Made(_of_variant("options")),
        "text": Made(_of_variant("text")),
        "price": Dollars(_of_variant("price"), label="price", extremes=("cheapest", "most expensive")),
    },
)


def _total(items: Any) -> float:
    return round(sum(item["price"] for item in items), 2)


def _order_address(draw: Draw) -> dict[str, str]:
    own = draw.tables["users"][draw.record["user_id"]]["address"]
    return own if draw.rng.random() < 0.6 else Address().make(draw)


def _tracking(draw: Draw) -> str | None:
    sent = draw.record["status"] in ("processed", "delivered")
    return f"{draw.rng.randrange(10**11, 10**12)}" if sent else None


ORDERS = Table(
    "orders",
    "order",
    "order_id",
    {
        "order_id": Id("#W"),
        "user_id": Ref("users"),
        "status": Choice(
            (*("pending", "delivered") * 4, "processed", "cancelled"), label="status", told="that is {value}"
        ),
        "address": Made(_order_address, kind="address"),
        "city": Made(lambda draw: draw.record["address"]["city"], label="destination", told="that goes to {value}"),
        "zip": Made(lambda draw: draw.record["address"]["zip"], label="zip code"),
        "items": Records(ITEMS, (2, 1, 3, 2, 4, 1, 2)),
        "size": Made(lambda draw: _NUMBERS[len(draw.record["items"])], told="of {value}"),
        "total": Dollars(
            lambda draw: _total(draw.record["items"]),
            label="total price",
            told="for {value}",
            extremes=("cheapest", "most expensive"),
            total="price",
        ),
        "method_id": Made(
            lambda draw: draw.rng.choice(draw.tables["users"][draw.record["user_id"]]["methods"])["method_id"],
            label="payment method",
        ),
        "tracking": Made(_tracking, label="tracking number"),
    },
    (2, 1, 3, 1, 2, 4, 1),
    per="users",
)

# The public records ------------------------------------------------------------------------------------------------


def shape(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The tables `users`, `products` and `orders` of the public tools."""
    return {
        "users": {key: _user(user) for key, user in tables["users"].items()},
        "products": {key: _product(product) for key, product in tables["products"].items()},
        "orders": {key: _order(order) for key, order in tables["orders"].items()},
    }


def _pick(record: Record, *names: str) -> dict[str, Any]:
    return {name: record[name] for name in names}


def _user(user: Record) -> dict[str, Any]:
    methods = {}
    for method in user["methods"]:
        details = {"gift_card": ("balance",), "credit_card": ("brand", "last_four"), "paypal": ()}[method["source"]]
        methods[method["method_id"]] = {**_pick(method, "source", *details), "id": method["method_id"]}
    return {
        "name": {"first_name": user["first"], "last_name": user["last"]},
        **_pick(user, "address", "email"),
        "payment_methods": methods,
        "orders": user["orders"],
    }


def _product(product: Record) -> dict[str, Any]:
    variants = {one["item_id"]: _pick(one, "item_id", "options", "available", "price") for one in product["variants"]}
    return {**_pick(product, "name", "product_id"), "variants": variants}


def _order(order: Record) -> dict[str, Any]:
    items = [_pick(item, "name", "product_id", "item_id", "price", "options") for item in order["items"]]
    sent = {"tracking_id": [order["tracking"]], "item_ids": [item["item_id"] for item in items]}
    kinds = ("payment", "refund") if order["status"] == "cancelled" else ("payment",)
    paid = {"amount": order["total"], "payment_method_id": order["method_id"]}
    return {
        **_pick(order, "order_id", "user_id", "address"),
        "items": items,
        "fulfillments": [sent] if order["tracking"] else [],
        "status": order["status"],
        "payment_history": [{"transaction_type": kind, **paid} for kind in kinds],
    }


def open_user(user: Record, arguments: Record) -> dict[str, Any]:
    """The declared record of a user that a tool showed."""
    methods = []
    for key, method in user["payment_methods"].items():
        made = {name: method.get(name) for name in ("source", "brand", "last_four", "balance")}
        methods.append({**made, "method_id": key, "name": _method_name(made)})
    return {
        "first": user["name"]["first_name"],
        "last": user["name"]["last_name"],
        "user_id": arguments["user_id"],
        **_pick(user, "address", "email", "orders"),
        **_pick(user["address"], "zip", "city"),
        "methods": methods,
    }


def open_product(product: Record, arguments: Record) -> dict[str, Any]:
    """The declared record of a type of product that a tool showed."""
    key = product["product_id"]
    variants = [{**one, "text": text_of(one["options"]), "product_id": key} for one in product["variants"].values()]
    return {**_pick(product, "product_id", "name"), "variants": variants, "count": len(variants)}


def open_order(order: Record, arguments: Record) -> dict[str, Any]:
    """The declared record of an order that a tool showed, and `refund`, what the items sent back did cost."""
    items = [{**item, "text": text_of(item["options"])} for item in order["items"]]
    payers = {entry["payment_method_id"] for entry in order["payment_history"]}
    sent = [tracked for one in order["fulfillments"] for tracked in one["tracking_id"]]
    back = order.get("return_items") or ()
    return {
        **_pick(order, "order_id", "user_id", "status", "address"),
        **_pick(order["address"], "zip", "city"),
        "items": items,
        "size": _NUMBERS[len(items)],
        "total": _total(items),
        "method_id": payers.pop() if len(payers) == 1 else None,
        "tracking": sent[0] if sent else None,
        "refund": f"${_total(item for item in items if item['item_id'] in back):.2f}",
    }
