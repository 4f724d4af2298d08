"""Integers beyond 64 bits stay exact wherever states, results, tasks and episodes are read and written."""

import json

import gymnasium
import orjson
import pytest
import yaml
from fastmcp import FastMCP
from hypothesis import given, settings
from hypothesis import strategies as st

import toolgym
from toolgym import _json
from toolgym.mcp.server import ToolServer
from toolgym.mcp.state import StateTool, table_of
from toolgym.messages import ToolCall
from toolgym.observations import Prompt, openai_tools
from toolgym.options import parse_value
from toolgym.rewards.checklist import includes
from toolgym.rewards.state import states_equal
from toolgym.tasks.files import Frozen, read_tasks, write_frozen
from toolgym.trajectory import ToolResult
from toolgym.world import Base, World, canonical

HUGE = 500000000000000000001  # one too much: as a float it equals 500000000000000000000

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(10**40), 10**40) | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None)
@given(values)
def test_what_is_written_is_read_back(value):
    for option in (0, orjson.OPT_INDENT_2, orjson.OPT_SORT_KEYS, orjson.OPT_APPEND_NEWLINE):
        data = _json.dumps(value, option)
        for read in (_json.loads(data), _json.loads(data.decode()), json.loads(data)):
            assert read == value
            assert repr(read) == repr(value) or option == orjson.OPT_SORT_KEYS  # 1, 1.0 and True differ
    assert canonical(value) == canonical(json.loads(json.dumps(value)))


@settings(deadline=None)
@given(st.integers(2**63, 10**40))
def test_what_orjson_cannot_write_is_written_as_it_would_be(number):
    small = orjson.dumps({"b": [7, None], "a": "é"}, option=orjson.OPT_SORT_KEYS)
    huge = _json.dumps({"b": [number, None], "a": "é"}, orjson.OPT_SORT_KEYS)
    assert huge == small.replace(b"7", str(number).encode())


@pytest.mark.parametrize("text", ["", "{", "NaN", "1" * 5_000, "[" * 2_000 + "1" * 20 + "]" * 2_000])
def test_what_is_no_json_that_can_be_read_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        _json.loads(text)


def test_odd_values_are_written_or_refused():
    assert _json.dumps([HUGE, float("nan"), float("inf")]) == b"[500000000000000000001,null,null]"
    assert json.loads(_json.dumps(["\ud800", "é"])) == ["\ud800", "é"]
    with pytest.raises(TypeError):
        _json.dumps([HUGE, object()])


def make_bank():
    server, accounts = FastMCP("bank"), {"ann": 0, "bob": 0}

    @server.tool
    def give(to: str, amount: str) -> str:
        accounts[to] += int(amount)
        return json.dumps(accounts)

    @server.tool(annotations={"readOnlyHint": True})
    def balances() -> str:
        return json.dumps(accounts)

    return server


@pytest.mark.parametrize(("amount", "outcome"), [(HUGE, "solved"), (HUGE - 1, "unsolved")])
def test_one_too_much_is_not_solved(amount, outcome):
    task = {"request": "Give.", "calls": [{"give": {"to": "bob", "amount": str(HUGE)}}]}
    env = gymnasium.make("ToolGym/MCP-v0", servers=make_bank, tasks=[task], state_tools=["balances"])
    env.reset(seed=0)
    assert env.task.gold_diff == {"balances": {"bob": HUGE}}
    env.step(f'<tool_call>{{"name": "give", "arguments": {{"to": "bob", "amount": "{amount}"}}}}</tool_call>')
    assert env.step("<response>Done.</response>")[-1]["outcome"] == outcome


@pytest.mark.parametrize("other", [HUGE - 1, float(HUGE), HUGE + 10**400, -HUGE])
def test_long_integers_are_compared_exactly(other):
    assert states_equal({"t": {"a": [HUGE, 1]}}, {"t": {"a": [1, HUGE]}}, ["t.a"])
    assert not states_equal({"t": {"a": [HUGE, 1]}}, {"t": {"a": [1, other]}}, ["t.a"])
    assert not states_equal({"t": {"a": HUGE}}, {"t": {"a": other}})
    assert states_equal({"t": {"a": 2.0}}, {"t": {"a": 2.0000001}})  # sums of money may be added up in another order


@pytest.mark.parametrize("wanted", [HUGE, str(HUGE), f" {HUGE}"])
def test_long_integers_in_calls_are_compared_exactly(wanted):
    assert includes({"amount": HUGE}, {"amount": wanted})
    assert not includes({"amount": HUGE - 1}, {"amount": wanted})
    assert not includes({"amount": str(HUGE - 1)}, {"amount": wanted})
    assert includes({"amount": "2"}, {"amount": 2.0})


def test_a_state_that_is_text_is_exact():
    assert table_of(StateTool("s"), ToolResult(f'{{"bob": {HUGE}}}')) == {"bob": HUGE}


@pytest.mark.parametrize("name", ["tasks.yaml", "tasks.json", "tasks.jsonl"])
def test_tasks_files_are_exact(tmp_path, name):
    """Arguments, worlds and what was frozen, read, written and read again."""
    task = {"id": "a", "request": "x", "calls": [{"pay": {"amount": HUGE}}], "world": {"seed": HUGE}}
    source = tmp_path / name
    whole = task if name == "tasks.jsonl" else {"tasks": [task]}
    text = yaml.safe_dump(whole) if name == "tasks.yaml" else json.dumps(whole)
    source.write_text(text + "\n")
    write_frozen(source, source, {"a": Frozen(diff={"t": {"bob": HUGE}}, results=("x",), writes=(True,))})
    (read,), _ = read_tasks(source)
    assert read.gold_calls[0].arguments == {"amount": HUGE}
    assert (read.gold_diff, read.meta["world"]) == ({"t": {"bob": HUGE}}, {"seed": HUGE})
    (row,), _ = read_tasks([{**task, "calls": [{"name": "pay", "arguments": json.dumps({"amount": HUGE})}]}])
    assert row.gold_calls[0].arguments == {"amount": HUGE}


def test_a_tool_server_gives_in_process_what_it_gives_on_the_wire():
    server = ToolServer("big", lambda key: Base({}))

    @server.tool(writes=False)
    def power(world: World, exponent: int) -> dict[str, int]:
        """Two to the power."""
        return {"value": 2**exponent}

    result = server.session().call(ToolCall("power", {"exponent": 70}))
    assert (result.text, result.structured) == ('{"value":1180591620717411303424}', {"value": 2**70})


def test_schemas_and_settings_are_exact():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": HUGE}}}
    tool = toolgym.mcp.session.ToolSpec("t", "d", schema)
    prompt = Prompt("", [tool], "toolgym", user_answers=False, full=True)
    assert str(HUGE) in prompt.system
    assert prompt.tools() == openai_tools([tool])
    assert parse_value(str(HUGE)) == HUGE


@pytest.mark.parametrize("value", [{"a": [1, "x"]}, {"a": 500000000000000000001}])
def test_a_reader_gives_an_exact_value_of_its_own_each_time(value):
    read = _json.reader(_json.dumps(value))
    one, two = read(), read()
    assert one == two == value
    assert one is not two
    assert one["a"] is not two["a"] or isinstance(one["a"], int)
