"""Delivered orders: returns and exchanges, worked out by hand on the small world."""

import pytest

RETURN, EXCHANGE = "return_delivered_order_items", "exchange_delivered_order_items"


def returned(*item_ids, order_id="#W3", method="paypal_3"):
    return {"order_id": order_id, "item_ids": list(item_ids), "payment_method_id": method}


def exchanged(*item_ids, to=(), **more):
    return returned(*item_ids, **more) | {"new_item_ids": list(to)}


class TestReturns:
    def test_it_is_requested_and_moves_no_money(self, standard):
        order = standard.ok(RETURN, **returned("21", "11"))
        assert order["status"] == "return requested"
        assert order["return_items"] == ["11", "21"]  # sorted
        assert order["return_payment_method_id"] == "paypal_3"
        assert len(order["payment_history"]) == 1
        assert standard.session.diff() == {"orders": {"#W3": order}}

    def test_to_any_gift_card_of_the_user(self, standard):
        assert standard.ok(RETURN, **returned("11", method="gift_card_1"))["status"] == "return requested"

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (returned("11", method="credit_card_2"), "neither paid for the order nor is it a gift card"),
            (returned("11", method="gift_card_4"), "not in the user's profile"),
            (returned("13"), "'13' is not in the order"),
            (returned("11", "11"), "not in the order as often"),
            (returned(), "at least one item"),
            (returned("11", order_id="#W1"), "not delivered: it is pending"),
            (returned("21", order_id="#W4"), "not delivered: it is processed"),
            (returned("21", order_id="#W5"), "not delivered: it is cancelled"),
            (returned("11", order_id="#W33"), "'#W33' not found"),
        ],
    )
    def test_refusals(self, standard, arguments, says):
        assert says in standard.refused(RETURN, **arguments)

    def test_once_only(self, standard):
        standard.ok(RETURN, **returned("11"))
        assert "it is return requested" in standard.refused(RETURN, **returned("21"))
        assert "it is return requested" in standard.refused(EXCHANGE, **exchanged("21", to=["22"]))


class TestExchanges:
    def test_it_is_requested_and_moves_no_money(self, standard):
        order = standard.ok(EXCHANGE, **exchanged("21", "12", to=["22", "13"]))
        assert order["status"] == "exchange requested"
        assert order["exchange_items"] == ["12", "21"]
        assert order["exchange_new_items"] == ["13", "22"]
        assert order["exchange_payment_method_id"] == "paypal_3"
        assert order["exchange_price_difference"] == 12.05  # 45.25 - 30.00 + 9.10 - 12.30
        assert [item["item_id"] for item in order["items"]] == ["11", "12", "21"]
        assert standard.session.diff() == {"orders": {"#W3": order}}

    def test_any_method_of_the_user_pays(self, standard):
        order = standard.ok(EXCHANGE, **exchanged("11", to=["12"], method="gift_card_1"))
        assert order["exchange_price_difference"] == 2.2
        assert standard.balance("gift_card_1") == 2.2

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (exchanged("21", to=["22"], method="gift_card_1"), "holds 2.2, less than the 15.25"),
            (exchanged("21", to=["22"], method="gift_card_4"), "not in the user's profile"),
            (exchanged("21", to=["12"]), "no variant of the product 'Lamp'"),
            (exchanged("11", to=["14"]), "not available"),
            (exchanged("13", to=["11"]), "'13' is not in the order"),
            (exchanged("11", "21", to=["12"]), "2 items cannot be replaced by 1"),
            (exchanged(), "at least one item"),
            (exchanged("21", to=["22"], order_id="#W4"), "not delivered"),
            (exchanged("11", to=["12"], order_id="#W1"), "not delivered"),
        ],
    )
    def test_refusals(self, standard, arguments, says):
        assert says in standard.refused(EXCHANGE, **arguments)
