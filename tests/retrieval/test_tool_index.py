"""Golden ranks on ten tools, what comes along, the order of insertion, synchronisation, and meaning beside words."""

import math
import random
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from toolgym.mcp.session import ToolSpec
from toolgym.retrieval.index import Query, ToolIndex
from toolgym.retrieval.words import fields_of, tool_words, words


def tool(
    name: str, description: str = "", *parameters: str, writes: bool = False, gives: tuple[str, ...] = ()
) -> ToolSpec:
    schema = {"type": "object", "properties": {each: {"type": "string"} for each in parameters}}
    output = {"type": "object", "properties": {each: {"type": "string"} for each in gives}} if gives else None
    return ToolSpec(name, description, schema, output, writes)


TEN = (
    tool("cancel_order", "Cancels an order.", "order_id", writes=True),
    tool("get_order", "Shows an order.", "order_id"),
    tool("list_orders", "Lists the orders of a customer.", "customer_id"),
    tool("find_customer", "Finds a customer.", "email"),
    tool("send_parcel", "Sends a parcel.", "address", writes=True),
    tool("track_parcel", "", "code"),
    tool("quote_price", "", "weight"),
    tool("getWeather", "", "city"),
    tool("bookRoom", "", "hotel", "night", writes=True),
    tool("pay", "", "amount", writes=True),
)


def search(index: ToolIndex, text: str, k: int = 10, **options) -> list[str]:
    return index.search([Query(text)], k, **options)


def test_words_are_split_and_singular_and_say_something():
    assert words("getHTTPStatuses of_2 my bookings") == ("get", "http", "statuse", "booking")
    assert words("the parties' taxes, addresses and a bus") == ("party", "taxe", "addresse", "bus")
    assert words("Größe_ändern, 日本") == ("größe", "ändern", "日本")
    assert tool_words(TEN[5]) == ["track", "parcel"] * 3 + ["code"]


def test_ranks_worked_out_by_hand():
    # A name counts 3 times, a description twice, a parameter once ("id" and "a" are no words). Words in all:
    #   cancel_order 2*3 + 2*2 + 1 = 11    ("cancels" is "cancel")     get_order 6 + 4 + 1 = 11
    #   list_orders  2*3 + 3*2 + 1 = 13    find_customer 6 + 4 + 1 = 11   send_parcel 6 + 4 + 1 = 11
    #   track_parcel 6 + 1 = 7    quote_price 7    getWeather 7    bookRoom 6 + 2 = 8    pay 3 + 1 = 4
    # The mean is 90 / 10 = 9. "parcel" is in two tools of ten: idf = ln(1 + (10 - 2 + 0.5) / (2 + 0.5)) = ln(4.4).
    #   send_parcel: tf 3 + 2 = 5, tf / (tf + 1.5 (0.25 + 0.75 * 11/9)) = 5 / 6.75 = 0.7407
    #   track_parcel: tf 3,        3 / (3 + 1.5 (0.25 + 0.75 * 7/9)) = 3 / 4.25 = 0.7059
    index = ToolIndex(TEN)
    index.prepare()
    built: Any = index._built
    scores = dict(zip(built.names, built.scores(["parcel"]), strict=True))
    assert scores["send_parcel"] == pytest.approx(math.log(4.4) * 5 / 6.75)
    assert scores["track_parcel"] == pytest.approx(math.log(4.4) * 3 / 4.25)
    assert sum(score > 0 for score in scores.values()) == 2
    assert search(index, "Where are my parcels?", feeders=False) == ["send_parcel", "track_parcel"]
    # "order": cancel_order and get_order have tf 3 + 2 + 1 = 6 of 11 words, 6 / (6 + 1.75) = 0.774 each: in the order
    # of their names. list_orders has tf 5 of 13: 5 / (5 + 1.5 (0.25 + 0.75 * 13/9)) = 5 / 7 = 0.714.
    assert search(index, "orders", feeders=False) == ["cancel_order", "get_order", "list_orders"]
    assert search(index, "orders", k=2, feeders=False) == ["cancel_order", "get_order"]
    assert search(index, "orders", among={"list_orders", "pay"}) == ["list_orders"]
    assert search(index, "the of and", feeders=False) == search(ToolIndex(), "orders") == []


def test_rankings_are_fused_by_reciprocal_ranks():
    # "weather" finds getWeather; "orders" cancel, get, list. With weights 1 and 0.5:
    # getWeather 1/61 = 0.0164, cancel_order 0.5/61, get_order 0.5/62, list_orders 0.5/63.
    both = [Query("weather"), Query("orders", 0.5)]
    assert ToolIndex(TEN).search(both, 3, feeders=False) == ["getWeather", "cancel_order", "get_order"]
    # A tool of two rankings goes before: cancel_order has 1/61 + 1/61, pay (found by "amount") 1/61.
    again = [Query("amount"), Query("cancel"), Query("orders")]
    assert ToolIndex(TEN).search(again, 2, feeders=False) == ["cancel_order", "pay"]
    # What is known besides moves list_orders ("customer": tf 3, in two tools of ten) before the others, and finds none
    # itself: 0.714 ln((10 + 1) / (3 + 0.5)) + 3 / (3 + 1.5 (0.25 + 0.75 * 13/9)) ln(4.4) > 0.774 ln(11 / 3.5).
    customer = [Query("customer"), Query("weather")]
    orders = ToolIndex(TEN).search([Query("orders")], 5, feeders=False, beside=customer)
    assert orders == ["list_orders", "cancel_order", "get_order"]


def test_what_fills_a_parameter_comes_along():
    # cancel_order takes an order_id. Of the reading tools that speak of an order get_order takes one too, and shows
    # more; list_orders needs none, so it is a source. Its customer_id comes from find_customer.
    index = ToolIndex(TEN)
    assert search(index, "cancel") == ["cancel_order", "get_order", "list_orders", "find_customer"]
    assert search(index, "cancel", k=2) == ["cancel_order", "get_order"]
    assert search(index, "cancel", feeders=False) == ["cancel_order"]
    # "cancel" and "send" are each in one tool alone, as often and among as many words: equals, by name.
    both = "cancel it or send it"
    assert search(index, both, k=2) == ["cancel_order", "get_order"]
    assert search(index, both, k=2, feeders="extra") == [
        *("cancel_order", "send_parcel"),
        *("get_order", "list_orders", "find_customer"),
    ]
    assert search(index, "cancel", among={"cancel_order", "list_orders"}) == ["cancel_order", "list_orders"]
    assert search(index, "list") == ["list_orders", "find_customer"]
    # A declared output goes before words; one of another type does not count.
    declared = tool("whoami", "Tells who is there.", gives=("customer_id",))
    assert search(ToolIndex((*TEN, declared)), "list") == ["list_orders", "whoami"]
    number = replace(declared, output_schema={"properties": {"customer_id": {"type": "integer"}}})
    assert search(ToolIndex((*TEN, number)), "list") == ["list_orders", "find_customer"]
    # A city is the user's to say, whoever lists cities.
    cities = tool("list_cities", "Lists each city.", gives=("city",))
    assert search(ToolIndex((*TEN, cities)), "weather") == ["getWeather"]
    nested = {"type": "array", "items": {"anyOf": [{"properties": {"a": {"properties": {"b": {"type": "null"}}}}}]}}
    assert fields_of(nested) == {"a": "", "b": "null"}
    assert fields_of(None) == {}


def test_the_first_search_of_a_process_imports_nothing():
    # `numpy.ma`, which some of NumPy's functions import when they are first called, takes longer than a search.
    code = (
        "import sys; from toolgym.mcp.session import ToolSpec; from toolgym.retrieval import Query, ToolIndex; "
        "given = {'type': 'object', 'properties': {'order_id': {'type': 'string'}}}; "
        "letters = 'abcdefghijklmnopqrstuvwxyz'; "
        "tools = [ToolSpec(f'{each}_get_order', '', given) for each in letters]; "
        "tools += [ToolSpec(f'{each}_{other}', '') for each in letters for other in letters]; "
        "index = ToolIndex(tools); "
        "index.prepare(); before = set(sys.modules); print(len(index.search([Query('order')], 3))); "
        "print(set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["3", "set()"]


def test_nothing_depends_on_the_order_of_insertion_or_on_what_was_there_before():
    texts = ("cancel my order", "parcel", "customer", "weather in the city", "pay the amount", "orders of a customer")
    expected = [search(ToolIndex(TEN), text) for text in texts]
    for seed in range(5):
        tools = list(TEN)
        random.Random(seed).shuffle(tools)
        grown = ToolIndex(tools[:3])
        grown.prepare()
        grown.sync((tool("gone", "Cancels an order."), *tools))
        grown.sync(tools)
        assert [search(ToolIndex(tools), text) for text in texts] == expected
        assert [search(grown, text) for text in texts] == expected


def test_a_synchronisation_reads_only_what_changed(monkeypatch):
    index = ToolIndex(TEN)
    read = []
    monkeypatch.setattr("toolgym.retrieval.index.tool_words", lambda one: read.append(one.name) or tool_words(one))
    before = index.copy()
    before.prepare()
    storm = replace(TEN[7], description="Tells of storms.")
    changes = index.sync(
        (*TEN[1:7], storm, *TEN[8:], tool("new_one", "New."), tool("pay", "A second one of that name."))
    )
    assert (changes.added, changes.changed, changes.removed) == (("new_one",), ("getWeather",), ("cancel_order",))
    assert read == ["new_one", "getWeather"]
    assert search(index, "storms") == ["getWeather"]
    assert search(index, "cancel") == []
    assert "pay" in index
    assert not index.sync(index.tools.values())
    assert read == ["new_one", "getWeather"]
    assert search(before, "cancel", k=1) == ["cancel_order"]  # a copy is one of its own


def test_meaning_is_a_ranking_of_its_own():
    def encoder(texts):  # "umbrella" means weather, all else nothing
        return np.array([[1.0, 0.0] if {"umbrella", "weather"} & {*words(text)} else [0.0, 1.0] for text in texts])

    assert search(ToolIndex(TEN, encoder, by_words=False), "umbrella", k=1) == ["getWeather"]
    assert search(ToolIndex(TEN), "umbrella") == []
    # Words alone give cancel, get, list; meaning alone gives all but getWeather, by name: bookRoom (1/61), cancel_order
    # (1/62), find_customer ... Together cancel_order leads with 1/61 + 1/62; then get_order has 1/62 + 1/64.
    assert search(ToolIndex(TEN, encoder), "orders", k=2, feeders=False) == ["cancel_order", "get_order"]
