"""Every known bug of the references, side by side: there in `tau_bench` or `tau2`, mended in `standard`."""

import json

import pytest

from toolgym.errors import ConfigError
from toolgym.mcp_servers.retail import WRITES, build_server
from toolgym.mcp_servers.retail.public_world import load_base
from toolgym.mcp_servers.retail.records import OPTIONAL_FIELDS

MISTAKE = "ordered by mistake"


def swap(*item_ids, to, order_id="#W1", method="credit_card_2"):
    arguments = {"item_ids": list(item_ids), "new_item_ids": list(to), "payment_method_id": method}
    return {"order_id": order_id, **arguments}


def test_cancelling_after_a_change_of_payment(standard, tau_bench, tau2):
    # 10.10 were moved from the gift card (2.20 left, so 12.30 again) to PayPal, which alone is to be given back.
    for caller, refunded, balance in (
        (standard, ["paypal_3"], 12.3),
        (tau_bench, ["gift_card_1", "paypal_3", "gift_card_1"], 32.5),
        (tau2, ["gift_card_1", "paypal_3", "gift_card_1"], 32.5),
    ):
        caller.ok("modify_pending_order_payment", order_id="#W2", payment_method_id="paypal_3")
        history = caller.ok("cancel_pending_order", order_id="#W2", reason=MISTAKE)["payment_history"]
        assert [entry["payment_method_id"] for entry in history[3:]] == refunded
        assert {(entry["transaction_type"], entry["amount"]) for entry in history[3:]} == {("refund", 10.1)}
        assert caller.balance("gift_card_1") == balance


def test_a_return_to_what_paid_in_the_end(standard, tau_bench):
    # Paid by PayPal at first, and then moved to the credit card, before it was delivered.
    for caller, taken, left in ((standard, "credit_card_2", "paypal_3"), (tau_bench, "paypal_3", "credit_card_2")):
        caller.world.edit("orders", "#W3")["payment_history"] += [
            {"transaction_type": "payment", "amount": 52.4, "payment_method_id": "credit_card_2"},
            {"transaction_type": "refund", "amount": 52.4, "payment_method_id": "paypal_3"},
        ]
        request = {"order_id": "#W3", "item_ids": ["11"]}
        assert "neither paid" in caller.refused("return_delivered_order_items", **request, payment_method_id=left)
        caller.ok("return_delivered_order_items", **request, payment_method_id=taken)


def test_a_gift_card_with_just_enough(standard, tau_bench, tau2):
    arguments = swap("11", to=["12"], order_id="#W2", method="gift_card_1")  # 2.20 more, and the card holds 2.20
    assert standard.ok("modify_pending_order_items", **arguments)["payment_history"][1]["amount"] == 2.2
    for caller in (tau_bench, tau2):  # where it is 12.3 - 10.1, as floats more than 2.2
        assert "holds 2.2" in caller.refused("modify_pending_order_items", **arguments)
    charged = tau_bench.ok("modify_pending_order_items", **swap("11", to=["12"]))["payment_history"][1]["amount"]
    assert charged == 12.3 - 10.1 != 2.2


def test_nothing_to_pay(standard, tau_bench):
    arguments = swap("11", to=["11"])
    assert len(standard.ok("modify_pending_order_items", **arguments)["payment_history"]) == 1
    history = tau_bench.ok("modify_pending_order_items", **arguments)["payment_history"]
    assert history[1] == {"transaction_type": "refund", "amount": 0, "payment_method_id": "credit_card_2"}


def test_two_items_that_trade_places(standard, tau_bench):
    # 13 11 -> 11 13. The reference takes the first 11 that it finds for the second item: the one it just put in.
    for caller, items in ((standard, ["11", "13"]), (tau_bench, ["13", "11"])):
        order = caller.ok(
            "modify_pending_order_items", **swap("13", "11", to=["11", "13"], order_id="#W6", method="gift_card_4")
        )
        assert [item["item_id"] for item in order["items"]] == items


def test_each_item_has_its_own_price(standard, tau2):
    # 11 -> 12 and 21 -> 22 cost 2.20 and 15.25 more. tau2 charges that, and gives both items the lamp's price.
    for caller, prices, options in (
        (standard, [12.3, 10.1, 45.25], {"color": "blue", "size": "M"}),
        (tau2, [45.25, 10.1, 45.25], {"color": "black"}),
    ):
        order = caller.ok("modify_pending_order_items", **swap("11", "21", to=["12", "22"]))
        assert [item["item_id"] for item in order["items"]] == ["12", "11", "22"]
        assert [item["price"] for item in order["items"]] == prices
        assert order["items"][0]["options"] == options
        assert order["payment_history"][1]["amount"] == pytest.approx(17.45)


def test_an_item_by_itself(standard, tau_bench, tau2):
    for caller in (standard, tau_bench):
        caller.ok("modify_pending_order_items", **swap("11", to=["11"]))
    assert "cannot be replaced by itself" in tau2.refused("modify_pending_order_items", **swap("11", to=["11"]))
    tau2.ok("exchange_delivered_order_items", **swap("11", to=["11"], order_id="#W3"))


def test_the_address_of_a_modified_order(standard, tau_bench, tau2, new_address):
    for caller in (standard, tau_bench, tau2):
        caller.ok("modify_pending_order_items", **swap("11", to=["12"]))
    for caller in (standard, tau_bench):
        caller.refused("modify_pending_order_address", order_id="#W1", **new_address)
    assert tau2.ok("modify_pending_order_address", order_id="#W1", **new_address)["address"] == new_address
    assert "exactly one payment" in tau2.refused(
        "modify_pending_order_payment", order_id="#W1", payment_method_id="paypal_3"
    )


def test_what_is_shown(standard, tau2, new_address):
    order = tau2.ok("cancel_pending_order", order_id="#W1", reason=MISTAKE)
    assert {name: order[name] for name in OPTIONAL_FIELDS} == {
        **dict.fromkeys(OPTIONAL_FIELDS),
        "cancel_reason": MISTAKE,
    }
    assert tau2.order("#W1").keys() & set(OPTIONAL_FIELDS) == {"cancel_reason"}  # shown, not stored
    assert tau2.ok("get_user_details", user_id="ann_1")["user_id"] == "ann_1"
    assert tau2.ok("modify_user_address", user_id="ann_1", **new_address)["user_id"] == "ann_1"
    assert "user_id" not in standard.ok("get_user_details", user_id="ann_1")
    assert not standard.ok("get_order_details", order_id="#W1").keys() & set(OPTIONAL_FIELDS)


def test_an_address_of_other_things_than_text(standard, tau_bench, tau2, new_address):
    wrong = new_address | {"zip": 97622, "city": None}
    assert tau_bench.ok("modify_user_address", user_id="ann_1", **wrong)["address"] == wrong
    assert "zip:" in standard.refused("modify_user_address", user_id="ann_1", **wrong)
    assert "city must be text, not None" in tau2.refused("modify_user_address", user_id="ann_1", **wrong)
    assert "city must be" in tau2.refused("modify_pending_order_address", order_id="#W1", **wrong)


def test_types_are_advertised_by_all_and_enforced_by_one(standard, tau_bench, tau2):
    assert standard.session.tools == tau_bench.session.tools
    shared = [tool for tool in standard.session.tools if tool.name != "think"]
    assert [tool for tool in tau2.session.tools if tool.name != "get_item_details"] == shared
    assert standard.refused("think", thought=None)
    assert tau_bench.ok("think", thought=None) == ""
    nothing = {"order_id": "#W3", "item_ids": "", "payment_method_id": "paypal_3"}
    assert tau_bench.ok("return_delivered_order_items", **nothing)["return_items"] == []
    assert tau2.ok("return_delivered_order_items", **nothing | {"item_ids": {}})["return_items"] == []


@pytest.mark.parametrize("dialect", ["tau_bench", "tau2"])
@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("find_user_id_by_email", {"email": None}, "AttributeError"),
        ("find_user_id_by_email", {"email": []}, "AttributeError"),
        ("find_user_id_by_name_zip", {"first_name": "Ann", "last_name": 0, "zip": "74820"}, "AttributeError"),
        ("find_user_id_by_name_zip", {"first_name": "Ann", "last_name": "Reyes", "zip": None}, "no user has"),
        ("find_user_id_by_name_zip", {"first_name": "Ann", "last_name": "Reyes", "zip": 74820}, "no user has"),
        ("get_order_details", {"order_id": []}, "TypeError"),
        ("get_order_details", {"order_id": True}, "order True not found"),
        ("cancel_pending_order", {"order_id": "#W1", "reason": "changed my mind"}, "reason must be one of"),
        ("cancel_pending_order", {"order_id": "#W1", "reason": []}, "reason must be one of"),
        ("cancel_pending_order", {"order_id": {}, "reason": MISTAKE}, "TypeError"),
        ("modify_pending_order_items", swap("11", to=["12"]) | {"item_ids": "11"}, "'1' is not in the order"),
        ("modify_pending_order_items", swap("11", to=["12"]) | {"item_ids": True}, "TypeError"),
        ("modify_pending_order_items", swap("11", to=["12"]) | {"item_ids": {"11": 1}}, "AttributeError"),
        ("modify_pending_order_items", swap("11", to=["12"]) | {"item_ids": [["11"]]}, "is not in the order"),
        ("modify_pending_order_items", swap("11", to=["12"]) | {"new_item_ids": "1"}, "'1' is no variant"),
        ("modify_pending_order_items", swap("11", to=["12"]) | {"new_item_ids": [["12"]]}, "TypeError"),
        ("modify_pending_order_items", swap("11", to=["12"]) | {"new_item_ids": None}, "TypeError"),
        ("modify_pending_order_items", swap("11", to=["12"]) | {"payment_method_id": []}, "TypeError"),
        ("exchange_delivered_order_items", swap("11", to=[], order_id="#W3"), "1 items cannot be replaced by 0"),
        ("exchange_delivered_order_items", swap("11", to=["12"], order_id="#W3", method=True), "profile"),
        ("calculate", {"expression": "2**2"}, "only numbers"),
        ("cancel_pending_order", {"reason": MISTAKE}, "order_id: Missing required argument"),
        ("list_all_product_types", {"unexpected": 1}, "Unexpected keyword argument"),
    ],
)
def test_what_untyped_code_stumbles_over_is_refused(make_caller, dialect, name, arguments, says):
    assert says in make_caller(dialect).refused(name, **arguments)


def test_writes_are_marked(standard):
    assert {tool.name for tool in standard.session.tools if tool.writes} == {tool.__name__ for tool in WRITES}
    assert len(standard.session.tools) == 16


def test_the_base_must_be_of_the_dialect(make_base):
    with pytest.raises(ConfigError, match="the base is of dialect 'tau2'"):
        build_server(base=make_base("tau2"))
    with pytest.raises(ConfigError, match="Did you mean 'tau_bench'"):
        build_server(dialect="tau-bench")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigError, match="one of data, seed and base"):
        build_server(base=make_base(), seed=1)


class TestPublicWorlds:
    def test_three_files_or_one(self, make_base, world_folder, tmp_path):
        made = {name: dict(make_base().tables[name]) for name in ("orders", "products", "users")}
        assert load_base(world_folder, "tau_bench").tables == made
        one = tmp_path / "one"
        one.mkdir()
        (one / "db.json").write_text(json.dumps(made))
        assert load_base(one, "tau2").tables == made
        assert load_base(one, "tau2").meta["dialect"] == "tau2"

    def test_a_table_that_is_missing(self, tmp_path):
        (tmp_path / "db.json").write_text('{"orders": {}, "users": []}')
        with pytest.raises(ConfigError, match=r"lacks \['products', 'users'\]"):
            build_server(data=tmp_path)

    def test_a_file_that_is_missing(self, world_folder):
        (world_folder / "users.json").unlink()
        with pytest.raises(ConfigError, match="cannot read the retail world's"):
            build_server(data=world_folder)
