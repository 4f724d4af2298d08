"""Damaged tasks files: whatever stands in one is tasks or an error that names the file and the line."""

import gc
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from toolgym.cli import main
from toolgym.custom import CustomDomain
from toolgym.errors import ConfigError, TaskError
from toolgym.tasks import Task
from toolgym.tasks._located import read_json, read_yaml
from toolgym.tasks.files import read_tasks, write_frozen

ENTRY = {
    "id": "one",
    "request": "Two lamps.",
    "calls": [{"stock_of": {"item": "lamp"}}, {"name": "order", "arguments": {"item": "lamp", "count": 2}}],
    "said": ["0"],
    "checklist": [{"id": "c", "question": "?", "check": {"type": "said", "facts": ["x"]}}],
    "frozen": {"diff": {"t": {"k": None}}, "results": ["a", "b"], "writes": [True, False]},
}
WHOLE = {"policy": "Be kind.", "tasks": [{**ENTRY, "frozen": None}], "frozen": {"one": ENTRY["frozen"]}}
VALID = {
    "t.yaml": yaml.safe_dump(WHOLE, sort_keys=False),
    "t.json": json.dumps(WHOLE, indent=1),
    "t.jsonl": json.dumps(ENTRY) + "\n" + json.dumps({**ENTRY, "id": "two"}) + "\n",
}
FILES = st.sampled_from(sorted(VALID))


def read(folder: Path, name: str, content: bytes) -> list[Task] | None:
    """The tasks of a file, None where it is refused; any other error is a failure."""
    path = folder / name
    path.write_bytes(content)
    try:
        return read_tasks(path)[0]
    except (TaskError, ConfigError) as error:
        message = str(error)
    assert str(path) in message
    return None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=FILES, data=st.data())
def test_flipped_bytes_and_cuts_give_tasks_or_an_error(tmp_path: Path, name: str, data: st.DataObject) -> None:
    content = bytearray(VALID[name].encode())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content))) :]
    for task in read(tmp_path, name, bytes(content)) or ():
        assert Task.model_validate_json(task.model_dump_json()) == task


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


WORDS = st.sampled_from([None, True, 0, -1, 2.5, "", "x", [], [1], {}, {"a": 1}, [[]], "\ud800", 10**30, {"a": {}}])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=FILES, word=WORDS, data=st.data())
def test_other_types_in_any_place_give_tasks_or_an_error(
    tmp_path: Path, name: str, word: Any, data: st.DataObject
) -> None:
    whole = json.loads(json.dumps(ENTRY if name == "t.jsonl" else WHOLE))
    place = data.draw(st.sampled_from(places(whole)))
    if not place:
        whole = word
    else:
        around = whole
        for key in place[:-1]:
            around = around[key]
        around[place[-1]] = word
    content = json.dumps(whole) + "\n"  # which is YAML too
    for task in read(tmp_path, name, content.encode()) or ():
        assert Task.model_validate_json(task.model_dump_json()) == task


DIGITS = "1" * 5000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.yaml", "[" * 30_000, "line 1: nested deeper than 100 levels"),
        ("t.yaml", "\n" + "{a: " * 30_000, "line 2: nested deeper than 100 levels"),
        ("t.yaml", "- " * 30_000 + "x", "line 1: nested deeper than 100 levels"),
        ("t.yaml", "a: &a [*a]", r"line 1: \*a stands for nothing before it that is complete"),
        ("t.yaml", f"tasks:\n  - {DIGITS}\n", "line 2: a number of 5000 digits is too long"),
        ("t.yaml", "tasks:\n  - 1.0e+999\n", r"line 2: the number 1.0e\+999 is too large"),
        ("t.yaml", "tasks: []\n---\ntasks: []\n", "line 2: expected a single document"),
        ("t.yaml", "tasks:\n  - \x00\n", "line 2: not YAML"),
        ("t.yaml", "? [a]\n: b\n", "line 1: a key must be a plain word"),
        ("t.json", "\n" + "[" * 30_000, "line 2: nested deeper than 100 levels"),
        ("t.json", '\n{"a":' * 101 + "1" + "}" * 101, "line 102: nested deeper than 100 levels"),
        ("t.json", '{"tasks":\n' + DIGITS + "}", "line 2: a number of 5000 digits is too long"),
        ("t.json", '{"policy": "a",\n"tasks": [],\n"policy": "b"}', "line 3: the key 'policy' comes twice"),
        ("t.json", '{"tasks": "NaN",\n"x": NaN}', "line 2: NaN is no JSON number"),
        ("t.json", '{"tasks": [\n1e999]}', "line 2: the number 1e999 is too large"),
        ("t.json", '{"policy": "\\ud800", "tasks": []}', "line 1: found invalid Unicode character"),
        ("t.jsonl", "\n" + "[" * 30_000 + "\n", "line 2: nested deeper than 100 levels"),
        ("t.jsonl", "\n\n" + DIGITS + "\n", "line 3: a number of 5000 digits is too long"),
        ("t.jsonl", '\n{"a": 1, "a": 1}\n', 'line 2: the key "a" comes twice'),
        ("t.jsonl", '{"request": "\\udfff"}\n', "line 1: half a surrogate pair"),
        ("t.jsonl", '\n{"a": -Infinity}\n', "line 2: -Infinity is no JSON number"),
        ("t.jsonl", '{"request": "x", "calls": ["f"]}\n5\n', "line 2: 1: "),
        (
            "t.jsonl",
            '{"request": "x", "calls": [{"name": "f", "arguments": "{\\"a\\":1,\\"a\\":2}"}]}\n',
            "comes twice",
        ),
    ],
)
def test_errors_are_one_red_line_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(TaskError, match=f"{name}, .*{message}"):
        read_tasks(path)
    with pytest.raises(SystemExit) as ended:
        main(["tasks", "check", str(path), "--servers", "none.json"])
    printed = capsys.readouterr().err
    assert (ended.value.code, printed[:7], "Traceback" in printed) == (2, "Error: ", False)


def test_nothing_kills_the_process(tmp_path: Path) -> None:
    """A process of its own: an overflow of the C stack would take the test's with it."""
    (tmp_path / "t.yaml").write_text("[" * 30_000)
    program = "from toolgym.tasks.files import read_tasks; import sys; read_tasks(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-B", "-c", program, str(tmp_path / "t.yaml")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "TaskError" in done.stderr) == (1, True)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="ascii"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(PLAIN)
@example([[], {}, [{}], {"a": []}])
def test_what_other_programs_write_is_read(value: Any) -> None:
    """PyYAML's block and flow style and its anchors give the value back; so does JSON, with the same lines."""
    assert read_yaml(yaml.safe_dump(value)).value == value
    assert read_yaml(yaml.safe_dump([value, value], default_flow_style=True)).value == [value, value]
    text = json.dumps(value, indent=1)
    assert read_json(text).value == value


def test_an_alias_is_a_copy_and_not_the_same_list() -> None:
    located = read_yaml("a: &x\n  - {k: 1}\nb: *x\nc: &y word\nd: *y\n")
    assert located.value == {"a": [{"k": 1}], "b": [{"k": 1}], "c": "word", "d": "word"}
    assert located.value["a"] is not located.value["b"]
    assert located.value["a"][0] is not located.value["b"][0]
    assert [located.line(path) for path in (("a", 0, "k"), ("b", 0, "k"), ("d",))] == [2, 3, 5]


@pytest.mark.slow
def test_tasks_of_json_lines_are_held_as_their_lines(tmp_path: Path) -> None:
    """6,000 tasks are read, and at most 4,096 are objects: those asked for last."""
    path = tmp_path / "many.jsonl"
    splits = ("train", "test", "custom")
    rows = [{**ENTRY, "id": f"t{n}", "split": splits[n % 3], "kind": [f"k{n % 2}"]} for n in range(6000)]
    path.write_text("".join(f"{json.dumps(row)}\n\n" for row in rows))
    gc.collect()
    before = sum(type(each) is Task for each in gc.get_objects())
    tasks, _ = read_tasks(path)
    assert [task.id for task in tasks] == [f"t{n}" for n in range(6000)]
    assert tasks[-1] == read_tasks(lambda: rows)[0][-1]
    assert [task.id for task in tasks[10:12]] == ["t10", "t11"]
    with pytest.raises(IndexError):
        tasks[6000]
    gc.collect()
    assert sum(type(each) is Task for each in gc.get_objects()) - before <= 4096
    domain = CustomDomain(lambda: None, tasks)  # type: ignore[arg-type]
    test = domain.tasks("test", kinds=["k1"])  # every sixth: 1 and 5 of six are test or custom, and odd
    assert [task.id for task in test][:4] == ["t1", "t5", "t7", "t11"]
    assert len(test) == 2000
    assert test.by_id("t7") == tasks[7]
    assert pickle.loads(pickle.dumps(test[3])) == tasks[11]
    assert list(pickle.loads(pickle.dumps(tasks)).ids())[:2] == ["t0", "t1"]
    path.write_text(path.read_text() + json.dumps(rows[5]) + "\n")
    with pytest.raises(TaskError, match="two tasks have the id 't5'"):
        read_tasks(path)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process's files")
@pytest.mark.parametrize("name", ["t.yaml", "t.json", "t.jsonl"])
def test_a_full_disk_leaves_a_frozen_file_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(VALID[name])
    program = (
        "import resource, signal, sys; from pathlib import Path; from toolgym.tasks.files import write_frozen\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: write_frozen(Path(sys.argv[1]), Path(sys.argv[1]), {})\n"
        "except OSError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-B", "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"[Errno 27] File too large: {str(path)!r}\n"
    assert path.read_text() == VALID[name]
    assert list(tmp_path.iterdir()) == [path]


def test_freezing_says_where_it_cannot_write(tmp_path: Path) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(VALID["t.yaml"])
    with pytest.raises(ConfigError, match="ends in"):
        write_frozen(source, tmp_path / "t.toml", {})
    with pytest.raises(OSError, match="nowhere"):
        write_frozen(source, source / "nowhere.yaml", {})
