"""Tasks as authors write them: forms, errors with lines, freezing, the published schema."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from toolgym.errors import ConfigError, TaskError
from toolgym.tasks import Task
from toolgym.tasks._located import read_json, read_yaml
from toolgym.tasks.files import Frozen, read_tasks, tasks_schema, write_frozen
from toolgym.tasks.freezing import execute, freeze

GOOD = """\
# A comment.
policy: Be kind.
tasks:
  - id: one
    request: Two lamps.
    calls:
      - stock_of: {item: lamp}
      - {name: order, arguments: {item: lamp, count: 2}}
    response: Ordered.
  - request: How many mugs?
    calls: [{stock_of: {item: mug}}]
    said: "0"
"""


def write(folder: Path, text: str, name: str = "tasks.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_is_read(tmp_path):
    tasks, policy = read_tasks(write(tmp_path, GOOD))
    assert policy == "Be kind."
    assert [task.id for task in tasks] == ["one", "2"]
    assert [(call.name, call.arguments) for call in tasks[0].gold_calls] == [
        ("stock_of", {"item": "lamp"}),
        ("order", {"item": "lamp", "count": 2}),
    ]
    assert [action.response for action in tasks[0].gold] == [None, None, "Ordered."]
    assert tasks[1].gold[-1].response == "0"
    assert tasks[1].kind == ("stock_of",)
    assert [item.id for item in tasks[1].checklist] == ["said"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "tasks:\n  - id: a\n    reqest: x\n",
            r"line 3: tasks\.0\.reqest: Unknown field 'reqest'. Did you mean 'request'",
        ),
        ("tasks:\n  - id: a\n    calls: []\n", r"line 2: tasks\.0\.request: Field required"),
        ("tasks:\n  - request: x\n", r"line 2: tasks\.0: nothing tells success"),
        ("tasks:\n  - request: x\n    calls:\n      - f: [1]\n", r"line 4"),
        ("tasks:\n  - request: x\n    request: y\n", r"line 3: the key 'request' comes twice"),
        ("tasks: [\n", r"line 2"),
        ("tasks:\n\t- x\n", r"line 2"),
        ("task: []\n", r"Did you mean 'tasks'"),
        (
            "tasks:\n  - request: x\n    calls:\n      - {order: {}, wait: {}}\n",
            r"0\.calls\.0\.order: Unknown field 'order'\. Known: arguments, name, writes\.",
        ),
        (
            "- request: x\n  gold: [{calls: [{name: f, writs: true}]}]\n",
            r"0\.gold\.0\.calls\.0\.writs: Unknown field 'writs'. Did you mean 'writes'",
        ),
        (
            "- request: x\n  checklist: [{id: a, question: q, check: {type: call, name: f, argument: {}}}]\n",
            r"check\.call\.argument: Unknown field 'argument'\.$",
        ),
        ("- request: x\n  calls: [f]\n- request: y\n  cals: [f]\n", r"line 4: 1\.cals"),
        ("tasks:\n  - {id: a, request: x, calls: [f]}\nfrozen:\n  b: {}\n", r"line 4: frozen: Unknown task 'b'"),
        (
            "tasks:\n  - {id: a, request: x, calls: [f]}\n  - {id: a, request: x, calls: [f]}\n",
            "two tasks have the id 'a'",
        ),
        ("tasks:\n  - {request: x, calls: [f], response: a, gold: [{response: b}]}\n", "either 'calls'"),
    ],
)
def test_errors_name_the_line(tmp_path, text, message):
    with pytest.raises(TaskError, match=message):
        read_tasks(write(tmp_path, text))


def test_errors_of_json_and_json_lines_name_the_line(tmp_path):
    with pytest.raises(TaskError, match=r"line 3: tasks\.0\.request"):
        read_tasks(write(tmp_path, '{"tasks": [\n\n\t{"id": "a"}]}', "t.json"))
    with pytest.raises(TaskError, match=r"line 2: "):
        read_tasks(write(tmp_path, '{"tasks": [\n,]}', "t.json"))
    good = '{"request": "x", "calls": ["f"]}'
    with pytest.raises(TaskError, match=r"line 3: 1\.request"):
        read_tasks(write(tmp_path, f"{good}\n\n{{}}\n", "t.jsonl"))
    with pytest.raises(TaskError, match=r"line 2: "):
        read_tasks(write(tmp_path, f"{good}\n{{\n", "t.jsonl"))
    with pytest.raises(ConfigError, match="ends in"):
        read_tasks(tmp_path / "tasks.toml")
    with pytest.raises(ConfigError, match="Cannot read"):
        read_tasks(tmp_path / "none.yaml")


def test_yaml_scalars_are_what_json_has():
    """`no` and dates stay words; octal and sexagesimal numbers too."""
    text = "[no, 2024-05-01, 012, 12:30, 1_000, 5, -2.5, 1e3, true, null, ~, '7', \"8\"]"
    expected = ["no", "2024-05-01", "012", "12:30", "1_000", 5, -2.5, "1e3", True, None, None, "7", "8"]
    assert read_yaml(text).value == expected


def test_aliases_that_multiply_are_refused():
    """Ten levels of ten aliases each would be ten thousand million values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(TaskError, match="more than 1000000 values"):
        read_yaml("\n".join(lines))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="ascii"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_json_means_the_same_read_as_yaml(value):
    text = json.dumps(value, indent=1)
    assert read_json(text).value == value
    assert read_yaml(text).value == value


def test_tasks_come_from_rows_functions_and_tasks(tmp_path):
    row = {"request": "x", "calls": [{"name": "f", "arguments": '{"a": null, "b": 1}'}]}
    (task,), _ = read_tasks([row])
    assert task.gold_calls[0].arguments == {"a": None, "b": 1}
    assert read_tasks(lambda: [task, row])[0][0] is task
    (again,), _ = read_tasks([task.model_dump(mode="json")])
    assert again == task
    with pytest.raises(TaskError, match=r"tasks, line 1: 0\.request"):
        read_tasks([{}])


def test_a_data_set_s_rows(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [
        {"request": "x", "calls": [{"name": "f", "arguments": '{"a": 1}'}], "said": None},
        {"request": "y", "calls": [{"name": "g", "arguments": "{}"}], "said": ["z"]},
    ]
    tasks, _ = read_tasks(datasets.Dataset.from_list(rows))
    assert [task.gold_calls[0].arguments for task in tasks] == [{"a": 1}, {}]
    assert [len(task.checklist) for task in tasks] == [0, 1]


def test_what_the_schema_accepts_is_accepted(tmp_path):
    validator = Draft202012Validator(tasks_schema())
    Draft202012Validator.check_schema(tasks_schema())
    assert validator.is_valid(read_yaml(GOOD).value)
    assert not validator.is_valid({"tasks": [{"calls": []}]})
    assert not validator.is_valid({"tasks": [{"request": "x", "cals": []}]})


@pytest.fixture
def shop(shop_file):
    from toolgym.mcp_env import load_server

    return load_server(f"{shop_file}:server").session()


def test_freezing_finds_out_what_success_is(tmp_path, shop):
    """The order changes the shop: the state tells, calls are points. The question does not: what is said tells."""
    order, question = (freeze(task, shop) for task in read_tasks(write(tmp_path, GOOD))[0])
    assert order.gold_diff == {"items": {"lamp": {"stock": 0}}, "orders": {"order_1": {"item": "lamp", "count": 2}}}
    assert [call.writes for call in order.gold_calls] == [False, True]
    assert [(item.id, item.required) for item in order.checklist] == [("call-1", False), ("call-2", False)]
    assert [(item.id, item.required) for item in question.checklist] == [("said", True), ("call-1", False)]
    silent = read_tasks([{"request": "How many?", "calls": [{"stock_of": {"item": "mug"}}]}])[0][0]
    assert [(item.id, item.required) for item in freeze(silent, shop).checklist] == [("call-1", True)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"ordr": {}}, "Did you mean 'order'"),
        ({"order": {"item": "mug", "count": 1}}, r"call 1 \(order\) failed: not in"),
    ],
)
def test_a_chain_that_does_not_execute_is_told(shop, call, message):
    (task,), _ = read_tasks([{"id": "t", "request": "x", "calls": [call]}])
    with pytest.raises(TaskError, match=message):
        execute(task, shop)


@pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.jsonl"])
def test_what_was_frozen_is_kept_and_compared(tmp_path, shop, name):
    source = write(tmp_path, GOOD if name != "a.jsonl" else GOOD.replace("policy: Be kind.\n", ""))
    frozen = {task.id: execute(task, shop).frozen for task in read_tasks(source)[0]}
    output = tmp_path / name
    write_frozen(source, output, frozen)
    tasks, _ = read_tasks(output)
    assert [Frozen.model_validate(task.meta["frozen"]) for task in tasks] == list(frozen.values())
    assert [execute(task, shop).changed for task in tasks] == ["", ""]
    shop_is_other = tasks[0].model_copy(
        update={"meta": {"world": None, "frozen": {**frozen["one"].model_dump(mode="json"), "diff": {}}}}
    )
    assert execute(shop_is_other, shop).changed == "diff"
    assert freeze(shop_is_other, shop).gold_diff == {}  # a frozen task is not executed again


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "b.yaml"])
def test_what_was_frozen_of_whole_tasks_is_kept_in_them(tmp_path, shop, name):
    tasks, _ = read_tasks(write(tmp_path, GOOD))
    whole = [task.model_dump(mode="json") for task in tasks]
    lines = name == "a.jsonl"
    source = write(
        tmp_path, "\n".join(map(json.dumps, whole)) if lines else json.dumps(whole), f"a.{'jsonl' if lines else 'json'}"
    )
    frozen = {task.id: execute(task, shop).frozen for task in tasks}
    output = tmp_path / name
    write_frozen(source, output, frozen)
    for kept in (frozen, {}):  # what was not frozen anew stays
        write_frozen(output, output, kept) if name != "b.yaml" else None
        read, _ = read_tasks(output)
        assert [Frozen.model_validate(task.meta["frozen"]) for task in read] == list(frozen.values())
    assert [task.model_copy(update={"meta": old.meta}) for task, old in zip(read, tasks, strict=True)] == tasks


def test_freezing_in_place_leaves_the_author_s_text(tmp_path, shop):
    path = write(tmp_path, GOOD)
    frozen = {task.id: execute(task, shop).frozen for task in read_tasks(path)[0]}
    for _ in range(2):  # the second time replaces the first
        write_frozen(path, path, frozen)
    text = path.read_text()
    assert text.startswith(GOOD)
    assert text.count("\nfrozen:") == text.count("# Written by") == 1
    listed = write(tmp_path, "- {request: x, calls: [f]}\n", "list.yaml")
    with pytest.raises(ConfigError, match="begin it with 'tasks:'"):
        write_frozen(listed, listed, {})


@pytest.mark.parametrize("text", ["{tasks: [{request: x, calls: [f]}]}\n", "tasks:\n- {request: x, calls: [f]}\n...\n"])
def test_a_yaml_file_that_nothing_can_be_added_to_stays_as_it_is(tmp_path, text):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match="nothing can stand at its end"):
        write_frozen(path, path, {"1": Frozen(results=("done",), writes=(True,))})
    assert path.read_text() == text
    write_frozen(path, tmp_path / "tasks.json", {"1": Frozen(results=("done",), writes=(True,))})
    assert read_tasks(tmp_path / "tasks.json")[0][0].meta["frozen"]["results"] == ["done"]


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_what_is_frozen_anew_goes_before_what_stood_for_the_whole_file(tmp_path, name):
    tasks = [{"id": id, "request": "x", "calls": ["f"]} for id in ("one", "two")]
    before = {id: {"diff": {}, "results": ["then"], "writes": [True]} for id in ("one", "two")}
    path = write(tmp_path, json.dumps({"tasks": tasks, "frozen": before}), name)
    for _ in range(2):
        write_frozen(path, tmp_path / "b.json", {"one": Frozen(results=("now",), writes=(True,))})
        path = tmp_path / "b.json"
        assert [task.meta["frozen"]["results"] for task in read_tasks(path)[0]] == [["now"], ["then"]]


def test_no_policy_is_lost_in_json_lines(tmp_path):
    path = write(tmp_path, GOOD)
    with pytest.raises(ConfigError, match="has a policy, for which JSON Lines have no place"):
        write_frozen(path, tmp_path / "a.jsonl", {})
    assert list(tmp_path.iterdir()) == [path]


def test_tasks_made_by_a_program_stay_as_they_are():
    task = Task(id="t", domain="d", kind=("k",), request="r")
    assert read_tasks([task])[0] == [task]
