"""The tools that only read."""

import pytest

from toolgym.mcp_servers.retail import build_server
from toolgym.messages import ToolCall
from toolgym.world import Base


def test_user_by_email(standard):
    assert standard.ok("find_user_id_by_email", email="ann.reyes@example.com") == "ann_1"
    assert standard.ok("find_user_id_by_email", email="BO.LI@example.COM") == "bo_2"  # letters of either case
    assert "no user has this email" in standard.refused("find_user_id_by_email", email="ann.reyes@example.co")


@pytest.mark.parametrize(
    ("first_name", "last_name", "zip_code", "found"),
    [
        ("Ann", "Reyes", "74820", "ann_1"),
        ("aNN", "REYES", "74820", "ann_1"),
        ("Ann", "Reyes", "74821", None),
        ("Ann", "Li", "74820", None),
        ("Bo", "Li", "74820", "bo_2"),
        ("Li", "Bo", "74820", None),
    ],
)
def test_user_by_name_and_zip(standard, first_name, last_name, zip_code, found):
    arguments = {"first_name": first_name, "last_name": last_name, "zip": zip_code}
    if found:
        assert standard.ok("find_user_id_by_name_zip", **arguments) == found
    else:
        assert "no user has this name" in standard.refused("find_user_id_by_name_zip", **arguments)


def test_user_by_name_and_the_new_zip(standard, new_address):
    standard.ok("modify_user_address", user_id="ann_1", **new_address)
    person = {"first_name": "Ann", "last_name": "Reyes"}
    assert standard.ok("find_user_id_by_name_zip", zip="97622", **person) == "ann_1"
    standard.refused("find_user_id_by_name_zip", zip="74820", **person)


def test_two_users_of_one_name_are_told_apart_by_zip(make_base, new_address):
    tables = {name: dict(records) for name, records in make_base().tables.items()}
    ann = tables["users"]["ann_1"]
    tables["users"]["ann_9"] = {**ann, "address": new_address, "email": "ann9@example.com", "orders": []}
    session = build_server(base=Base(tables)).session()
    for zip_code, found in (("74820", "ann_1"), ("97622", "ann_9")):
        arguments = {"first_name": "Ann", "last_name": "Reyes", "zip": zip_code}
        assert session.call(ToolCall("find_user_id_by_name_zip", arguments)).text == found


def test_details(standard):
    assert standard.ok("get_user_details", user_id="ann_1") == standard.world.get("users", "ann_1")
    assert standard.ok("get_order_details", order_id="#W1") == standard.order("#W1")
    assert standard.ok("get_product_details", product_id="10")["variants"]["14"] == {
        "item_id": "14",
        "options": {"color": "blue", "size": "L"},
        "available": False,
        "price": 11,
    }
    assert list(standard.ok("list_all_product_types").items()) == [("Lamp", "20"), ("Shirt", "10")]


def test_unknown(standard):
    assert "user 'ann' not found" in standard.refused("get_user_details", user_id="ann")
    assert "order 'W1' not found" in standard.refused("get_order_details", order_id="W1")
    assert "product '11' not found" in standard.refused("get_product_details", product_id="11")
    # An error message does not grow with what was sent.
    assert len(standard.refused("get_order_details", order_id="x" * 10_000)) < 150


def test_results_are_copies(standard):
    standard.ok("get_product_details", product_id="10")["variants"]["11"]["options"]["color"] = "green"
    assert standard.world.get("products", "10")["variants"]["11"]["options"]["color"] == "red"


def test_what_every_domain_has(standard):
    assert standard.ok("calculate", expression="50.20 - 10.10 * 2") == "30.0"
    assert "only numbers" in standard.refused("calculate", expression="2 ** 3")
    assert standard.ok("think", thought="A shirt?") == ""
    assert standard.ok("transfer_to_human_agents", summary="A refund in cash.") == "Transfer successful"
