"""Pending orders: cancelling, addresses, items and payment, worked out by hand on the small world."""

import pytest

from toolgym.messages import ToolCall

MISTAKE = "ordered by mistake"


def paid(kind, amount, method):
    return {"transaction_type": kind, "amount": amount, "payment_method_id": method}


class TestCancelling:
    def test_a_card_is_refunded_on_paper(self, standard):
        order = standard.ok("cancel_pending_order", order_id="#W1", reason=MISTAKE)
        assert (order["status"], order["cancel_reason"]) == ("cancelled", MISTAKE)
        assert order["payment_history"] == [
            paid("payment", 50.2, "credit_card_2"),
            paid("refund", 50.2, "credit_card_2"),
        ]
        assert standard.session.diff().keys() == {"orders"}

    def test_a_gift_card_gets_the_money_back(self, standard):
        standard.ok("cancel_pending_order", order_id="#W2", reason="no longer needed")
        assert standard.balance("gift_card_1") == 12.3  # 2.20 + 10.10

    def test_refusals(self, standard):
        cancel = "cancel_pending_order"
        assert "not pending: it is delivered" in standard.refused(cancel, order_id="#W3", reason=MISTAKE)
        assert "not pending: it is processed" in standard.refused(cancel, order_id="#W4", reason=MISTAKE)
        assert "not pending: it is cancelled" in standard.refused(cancel, order_id="#W5", reason=MISTAKE)
        assert "'#W9' not found" in standard.refused(cancel, order_id="#W9", reason=MISTAKE)
        assert "reason:" in standard.refused(cancel, order_id="#W1", reason="too dear")
        standard.ok(cancel, order_id="#W1", reason=MISTAKE)
        assert "it is cancelled" in standard.refused(cancel, order_id="#W1", reason=MISTAKE)


class TestAddresses:
    def test_an_order_takes_another_address_and_the_user_keeps_the_old_one(self, standard, new_address):
        order = standard.ok("modify_pending_order_address", order_id="#W1", **new_address)
        assert order["address"] == new_address
        assert order["status"] == "pending"
        assert standard.session.diff() == {"orders": {"#W1": order}}

    def test_a_user_takes_another_address_and_orders_keep_the_old_one(self, standard, new_address):
        user = standard.ok("modify_user_address", user_id="ann_1", **new_address)
        assert user["address"] == new_address
        assert standard.session.diff() == {"users": {"ann_1": user}}

    def test_refusals(self, standard, new_address):
        change = "modify_pending_order_address"
        assert "not pending" in standard.refused(change, order_id="#W3", **new_address)
        assert "not found" in standard.refused(change, order_id="W1", **new_address)
        assert "not found" in standard.refused("modify_user_address", user_id="ann", **new_address)
        for part in ("address1", "city", "state", "country", "zip"):
            assert f"{part}:" in standard.refused(change, order_id="#W1", **new_address | {part: ""})
            assert f"{part}:" in standard.refused("modify_user_address", user_id="ann_1", **new_address | {part: 5})
        standard.ok(change, order_id="#W1", **new_address | {"address2": ""})


def modify(*item_ids, to=(), order_id="#W1", method="credit_card_2"):
    arguments = {"item_ids": list(item_ids), "new_item_ids": list(to), "payment_method_id": method}
    return {"order_id": order_id, **arguments}


class TestItems:
    def test_a_dearer_item_is_charged(self, standard):
        order = standard.ok("modify_pending_order_items", **modify("21", to=["22"]))
        assert order["status"] == "pending (item modified)"
        assert order["items"][2] == {
            "name": "Lamp",
            "product_id": "20",
            "item_id": "22",
            "price": 45.25,
            "options": {"color": "black"},
        }
        assert order["payment_history"][1:] == [paid("payment", 15.25, "credit_card_2")]  # 45.25 - 30.00
        assert standard.session.diff().keys() == {"orders"}

    def test_a_cheaper_one_is_refunded_to_the_gift_card(self, standard):
        order = standard.ok(
            "modify_pending_order_items", **modify("11", to=["13"], order_id="#W2", method="gift_card_1")
        )
        assert order["payment_history"][1:] == [paid("refund", 1.0, "gift_card_1")]  # 10.10 - 9.10
        assert standard.balance("gift_card_1") == 3.2

    def test_a_gift_card_pays_to_the_last_cent(self, standard):
        standard.ok("modify_pending_order_items", **modify("11", to=["12"], order_id="#W2", method="gift_card_1"))
        assert standard.balance("gift_card_1") == 0

    def test_the_same_item_twice_in_an_order(self, standard):
        order = standard.ok("modify_pending_order_items", **modify("11", "11", to=["12", "13"]))
        assert [item["item_id"] for item in order["items"]] == ["12", "13", "21"]
        # 12.30 + 9.10 - 20.20
        assert order["payment_history"][1:] == [paid("payment", 1.2, "credit_card_2")]

    def test_one_of_two_equal_items(self, standard):
        order = standard.ok("modify_pending_order_items", **modify("11", to=["13"]))
        assert [item["item_id"] for item in order["items"]] == ["13", "11", "21"]

    def test_two_items_trade_places(self, standard):
        order = standard.ok(
            "modify_pending_order_items", **modify("13", "11", to=["11", "13"], order_id="#W6", method="gift_card_4")
        )
        assert [item["item_id"] for item in order["items"]] == ["11", "13"]
        assert [item["price"] for item in order["items"]] == [10.1, 9.1]
        assert len(order["payment_history"]) == 1  # nothing to pay

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (modify("21", to=["11"]), "'11' is no variant of the product 'Lamp'"),
            (modify("11", to=["99"]), "'99' is no variant"),
            (modify("11", to=["14"]), "'14' is not available"),
            (modify("12", to=["11"]), "'12' is not in the order"),
            (modify("21", "21", to=["22", "22"]), "'21' is not in the order as often"),
            (modify("11", "11", "11", to=["12", "12", "12"]), "not in the order as often"),
            (modify("11", "21", to=["12"]), "2 items cannot be replaced by 1"),
            (modify(to=[]), "at least one item"),
            (modify(to=["12"]), "at least one item"),
            (modify("21", to=["22"], method="gift_card_1"), "holds 2.2, less than the 15.25"),
            (modify("21", to=["22"], method="gift_card_4"), "not in the user's profile"),  # Bo's
            (modify("21", to=["22"], method=""), "not in the user's profile"),
            (modify("21", to=["22"], order_id="#W4"), "it is processed"),
            (modify("21", to=["22"], order_id="#W3"), "it is delivered"),
            (modify("21", to=["22"]) | {"item_ids": "21"}, "item_ids:"),
        ],
    )
    def test_refusals(self, standard, arguments, says):
        assert says in standard.refused("modify_pending_order_items", **arguments)

    def test_once_only_and_then_nothing_else(self, standard, new_address):
        standard.ok("modify_pending_order_items", **modify("11", to=["12"]))
        for name, more in [
            ("modify_pending_order_items", modify("21", to=["22"])),
            ("modify_pending_order_payment", {"order_id": "#W1", "payment_method_id": "paypal_3"}),
            ("modify_pending_order_address", {"order_id": "#W1", **new_address}),
            ("cancel_pending_order", {"order_id": "#W1", "reason": MISTAKE}),
        ]:
            assert "it is pending (item modified)" in standard.refused(name, **more)

    def test_the_product_stays_as_it_was(self, standard):
        # The order holds a copy of the variant's options: the base must not be reached through it.
        standard.ok("modify_pending_order_items", **modify("21", to=["22"]))
        standard.world.edit("orders", "#W1")["items"][2]["options"]["color"] = "green"
        assert standard.world.get("products", "20")["variants"]["22"]["options"] == {"color": "black"}


class TestPayment:
    def test_it_moves_from_a_gift_card(self, standard):
        order = standard.ok("modify_pending_order_payment", order_id="#W2", payment_method_id="paypal_3")
        assert order["payment_history"] == [
            paid("payment", 10.1, "gift_card_1"),
            paid("payment", 10.1, "paypal_3"),
            paid("refund", 10.1, "gift_card_1"),
        ]
        assert order["status"] == "pending"
        assert standard.balance("gift_card_1") == 12.3

    def test_it_moves_to_a_gift_card(self, standard):
        standard.world.edit("users", "ann_1")["payment_methods"]["gift_card_1"]["balance"] = 60
        standard.ok("modify_pending_order_payment", order_id="#W1", payment_method_id="gift_card_1")
        assert standard.balance("gift_card_1") == 9.8  # 60 - 50.20

    def test_refusals(self, standard):
        move = "modify_pending_order_payment"
        assert "holds 2.2" in standard.refused(move, order_id="#W1", payment_method_id="gift_card_1")
        assert "already" in standard.refused(move, order_id="#W1", payment_method_id="credit_card_2")
        assert "profile" in standard.refused(move, order_id="#W1", payment_method_id="gift_card_4")
        assert "not pending" in standard.refused(move, order_id="#W3", payment_method_id="credit_card_2")
        standard.ok(move, order_id="#W1", payment_method_id="paypal_3")
        assert "exactly one payment" in standard.refused(move, order_id="#W1", payment_method_id="credit_card_2")

    def test_then_items_then_no_more(self, standard):
        standard.ok("modify_pending_order_payment", order_id="#W1", payment_method_id="paypal_3")
        order = standard.ok("modify_pending_order_items", **modify("21", to=["22"], method="paypal_3"))
        assert [entry["amount"] for entry in order["payment_history"]] == [50.2, 50.2, 50.2, 15.25]


def test_a_fork_shares_nothing(standard):
    fork = standard.session.fork()
    fork.call(ToolCall("cancel_pending_order", {"order_id": "#W2", "reason": MISTAKE}))
    assert fork.diff()
    assert standard.session.diff() == {}
