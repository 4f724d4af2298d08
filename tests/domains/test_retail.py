"""The generated shop: its worlds, the border of each rule, and tasks that were worked out by hand."""

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain, worlds_of
from toolgym.composing.declaration import Seen
from toolgym.composing.fields import TODAY, Draw
from toolgym.composing.tables import build_world
from toolgym.composing.worlds import world_key
from toolgym.env import ToolEnv
from toolgym.envs.retail import RETAIL
from toolgym.envs.retail.goods import HYGIENE
from toolgym.envs.retail.tables import Address, open_order, open_product, open_user
from toolgym.mcp_servers.retail import build_server
from toolgym.mcp_servers.retail.dialects import DIALECTS, DialectName
from toolgym.messages import ToolCall, Turn, render
from toolgym.world import Base

KEYS = [world_key("train", 0), world_key("test_unseen", 5)]
OPENED = {"users": open_user, "products": open_product, "orders": open_order}


@pytest.fixture(scope="module", params=KEYS)
def world(request: pytest.FixtureRequest) -> Base:
    return worlds_of(RETAIL, "small", "standard")(request.param)


def cents(amount: float) -> int:
    return round(100 * amount)


class TestWorlds:
    def test_each_order_is_of_its_customer_and_adds_up(self, world: Base) -> None:
        users, products, orders = (world.tables[name] for name in ("users", "products", "orders"))
        assert {key for user in users.values() for key in user["orders"]} == set(orders)
        for key, order in orders.items():
            assert key in users[order["user_id"]]["orders"]
            for item in order["items"]:
                product = products[item["product_id"]]
                variant = product["variants"][item["item_id"]]
                assert (item["name"], item["price"]) == (product["name"], variant["price"])
                assert item["options"] == variant["options"]
            assert len({item["name"] for item in order["items"]}) == len(order["items"])  # a name tells items apart
            total = sum(cents(item["price"]) for item in order["items"])
            kinds = ["payment", "refund"] if order["status"] == "cancelled" else ["payment"]
            assert [entry["transaction_type"] for entry in order["payment_history"]] == kinds
            assert {cents(entry["amount"]) for entry in order["payment_history"]} == {total}
            for entry in order["payment_history"]:
                assert entry["payment_method_id"] in users[order["user_id"]]["payment_methods"]
            sent = [item for one in order["fulfillments"] for item in one["item_ids"]]
            held = [item["item_id"] for item in order["items"]]
            assert sent == (held if order["status"] in ("processed", "delivered") else [])

    def test_customers_and_products_are_found_by_what_is_theirs_alone(self, world: Base) -> None:
        users = list(world.tables["users"].values())
        assert len({user["email"].lower() for user in users}) == len(users)
        marks = {(*user["name"].values(), user["address"]["zip"]) for user in users}
        assert len(marks) == len(users)
        products = list(world.tables["products"].values())
        assert len({product["name"] for product in products}) == len(products)
        for product in products:
            options = [variant["options"] for variant in product["variants"].values()]
            assert all(options.count(one) == 1 for one in options)

    def test_payment_methods_have_what_their_source_has(self, world: Base) -> None:
        fields = {"gift_card": {"balance"}, "credit_card": {"brand", "last_four"}, "paypal": set()}
        for user in world.tables["users"].values():
            for key, method in user["payment_methods"].items():
                assert method["id"] == key
                assert set(method) == {"source", "id"} | fields[method["source"]]
                assert key.startswith(method["source"])

    @pytest.mark.parametrize("dialect", DIALECTS)
    def test_what_a_tool_shows_is_the_declared_record(self, dialect: DialectName) -> None:
        declared = build_world(RETAIL.tables, KEYS[0], "small", {}).tables
        server = build_server(seed=KEYS[0], dialect=dialect)
        assert server.base(KEYS[0]).meta["dialect"] == dialect
        session = server.session()
        session.reset(KEYS[0])
        for look in RETAIL.looks:
            if look.gives in OPENED and look.opens is OPENED[look.gives]:
                (name,) = look.by
                for key, record in declared[look.gives].items():
                    result = session.call(ToolCall(look.tool, {name: key})).structured
                    opened = look.opened(result, {name: key})
                    assert {field: opened[field] for field in record} == record


# Rules -------------------------------------------------------------------------------------------------------------

CARD = {"method_id": "gift_card_1", "source": "gift_card", "balance": 20.5}
PAYPAL = {"method_id": "paypal_1", "source": "paypal", "balance": None}
LAMP = {"product_id": "p", "item_id": "1", "name": "Nordic Desk Lamp", "price": 30.0}
BETTER = {"product_id": "p", "item_id": "2", "price": 50.5, "available": True}


def seen(
    status: str = "pending", wishes: Mapping[str, Any] | None = None, total: float = 30.0, **picked: Mapping[str, Any]
) -> Seen:
    order = {"order_id": "#W1", "status": status, "items": [LAMP], "total": total, "method_id": "paypal_1"}
    return Seen(order, wishes or {}, picked, None, TODAY.isoformat())


def address(country: str) -> dict[str, Any]:
    return {"address": {"country": country}}


@pytest.mark.parametrize(
    ("rule", "allowed", "broken"),
    [
        ("sent", seen("pending"), seen("processed")),
        ("sent", seen("pending"), seen("pending (item modified)")),
        ("reason", seen(wishes={"reason": "ordered by mistake"}), seen(wishes={"reason": "too late"})),
        ("changed_late", seen("pending"), seen("delivered")),
        ("abroad", seen(wishes=address("USA")), seen(wishes=address("Canada"))),
        ("undelivered", seen("delivered"), seen("return requested")),
        ("hygiene", seen(item1=LAMP), seen(item1={**LAMP, "name": "Nordic Pillow"})),
        ("hygiene", seen(), Seen({"items": [LAMP, {**LAMP, "name": "Metro Perfume"}]})),  # all of the order
        ("other_product", seen(item1=LAMP, new1=BETTER), seen(item1=LAMP, new1={**BETTER, "product_id": "q"})),
        ("sold_out", seen(item1=LAMP, new1=BETTER), seen(item1=LAMP, new1={**BETTER, "available": False})),
        ("card_pays_order", seen(total=20.5, payment_method_id=CARD), seen(total=20.51, payment_method_id=CARD)),
        ("card_pays_order", seen(total=900, payment_method_id=PAYPAL), seen(total=900, payment_method_id=CARD)),
        # 50.50 - 30.00 is just what the card holds.
        (
            "card_pays_difference",
            seen(item1=LAMP, new1=BETTER, payment_method_id=CARD),
            seen(item1=LAMP, new1={**BETTER, "price": 50.51}, payment_method_id=CARD),
        ),
        (
            "refund_elsewhere",
            seen(payment_method_id=CARD),
            seen(payment_method_id={**PAYPAL, "method_id": "paypal_2"}),
        ),
        ("refund_elsewhere", seen(payment_method_id=PAYPAL), seen(payment_method_id={**PAYPAL, "method_id": "x"})),
    ],
)
def test_a_rule_is_broken_just_past_its_border(rule: str, allowed: Seen, broken: Seen) -> None:
    found = next(one for one in RETAIL.rules if one.name == rule)
    assert not found.broken(allowed)
    assert found.broken(broken)


def test_every_rule_stands_in_the_policy() -> None:
    text = DeclaredDomain(RETAIL, size="small").policy()
    for rule in RETAIL.rules:
        assert f"- {rule.text}\n" in text
    for name in HYGIENE:
        assert name.lower().rstrip("h") in text.lower()


def test_a_foreign_address_is_never_wanted_but_to_be_refused() -> None:
    draw = Draw(Random(1), "train")
    assert {Address().make(draw)["country"] for _ in range(50)} == {"USA"}
    assert "USA" not in {Address(abroad=True).make(draw)["country"] for _ in range(50)}


# Tasks -------------------------------------------------------------------------------------------------------------


def task_of(name: str, domain: DeclaredDomain) -> Any:
    """The first task of the recipe."""
    tasks = domain.tasks("train")
    maker = domain._workshop.maker(domain.source("train"))
    return tasks[next(index for index in range(len(tasks)) if maker.recipe(index).name == name)]


def test_returning_two_items_is_one_call_and_their_prices_are_told() -> None:
    domain = DeclaredDomain(RETAIL, size="small")
    task = task_of("order(told) return_two item1=items(subject):told item2=items(subject):told", domain)
    assert (task.composition, task.depth) == ("order;return_two", 2)
    look, act = task.gold_calls
    order = domain.server.base(task.world_seed).tables["orders"][look.arguments["order_id"]]
    named = [item for item in order["items"] if item["name"] in task.request]
    assert sorted(act.arguments["item_ids"]) == sorted(item["item_id"] for item in named)
    assert len(named) == 2
    assert act.arguments["payment_method_id"] == order["payment_history"][0]["payment_method_id"]
    (said,) = [item.check for item in task.checklist if item.check.type == "said"]
    assert said.facts == (f"${sum(cents(item['price']) for item in named) / 100:.2f}",)
    changed = task.gold_diff["orders"][order["order_id"]]
    assert changed["status"] == "return requested"


def test_an_exchange_looks_at_order_product_and_profile() -> None:
    domain = DeclaredDomain(RETAIL, size="small")
    name = (
        "order(told) exchange item1=items(subject):told new1=variants(product(subject).variants):told "
        "payment_method_id=methods(user(subject).methods):told"
    )
    task = task_of(name, domain)
    assert (task.composition, task.depth) == ("order;product;user;exchange", 4)
    assert [call.name for call in task.gold_calls] == [
        "get_order_details",
        "get_product_details",
        "get_user_details",
        "exchange_delivered_order_items",
    ]
    tables = domain.server.base(task.world_seed).tables
    arguments = task.gold_calls[3].arguments
    variants = tables["products"][task.gold_calls[1].arguments["product_id"]]["variants"]
    (new,) = arguments["new_item_ids"]
    assert f"variant in {', '.join(variants[new]['options'].values())}" in task.request
    order = tables["orders"][arguments["order_id"]]
    (old,) = arguments["item_ids"]
    difference = task.gold_diff["orders"][order["order_id"]]["exchange_price_difference"]
    assert cents(difference) == cents(variants[new]["price"]) - cents(variants[old]["price"])


@pytest.mark.parametrize("dialect", ["tau_bench", "tau2"])
def test_the_other_dialects_have_tasks_of_their_own_that_their_tools_solve(dialect: DialectName) -> None:
    env = ToolEnv("retail", size="small", dialect=dialect)
    for index in range(40):
        env.reset(options={"task": index})
        task, info = env.task, {}
        assert f"-{dialect}-" in task.id
        for action in task.gold:
            turn = Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)
            *_, info = env.step(render(turn))
        assert info["outcome"] == "solved"
