"""Files of lines: what ends a line and what does not, and the mark that some editors begin a file with."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_types import JSONRPCRequest, JSONRPCResponse

from toolgym.cli.common import read_jsonl
from toolgym.cli.score import _is_trajectories
from toolgym.tasks._located import dump_yaml, read_json, read_json_lines, read_yaml
from toolgym.tasks.files import Frozen, read_tasks, write_frozen
from toolgym.tasks.recording import Recorder
from toolgym.trajectory import Trajectory, TrajectoryWriter, read_trajectories

ODD = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\x1dh\x1ei\rj\nk"
"""Everything that `str.splitlines` takes for a line's end."""
MARK = b"\xef\xbb\xbf"
TEXTS = st.text(
    st.sampled_from([*ODD, " ", ":", "-", "#", "'", '"', "\ue000", "\ufeff", "é", "\U0001f600"]), max_size=12
)


@given(st.dictionaries(TEXTS, st.lists(TEXTS, max_size=3), max_size=3))
@settings(max_examples=150, deadline=None)
def test_yaml_that_is_written_reads_back(value):
    assert read_yaml(dump_yaml(value)).value == value


@given(st.lists(st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=4))
@settings(max_examples=100, deadline=None)
def test_json_lines_end_at_newlines_alone(rows):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    assert [located.value for located in read_json_lines(io.BytesIO(text.encode()))] == rows


@pytest.mark.parametrize("form", ["plain: a{0}b\nnext: 1\n", "plain: 'a{0}b'\nnext: 1\n", "# {0} said\nnext: 1\n"])
@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\u0085"])
def test_an_author_s_yaml_may_hold_them(form, char):
    """In YAML 1.2 they are characters as any other; the next line is the second."""
    found = read_yaml(form.format(char))
    assert found.value.get("plain", f"a{char}b") == f"a{char}b"
    assert found.line(("next",)) == 2


@pytest.mark.parametrize("name", ["tasks.yaml", "tasks.jsonl", "tasks.json"])
def test_what_was_frozen_is_kept_beside_odd_characters(tmp_path, name):
    """Twice: the second time takes the place of the first."""
    path = tmp_path / name
    odd = "a\u2028b\u2029c\u0085d"
    task = {"id": "one", "request": f"Say {odd}.", "calls": [{"say": {"text": odd}}]}
    if name == "tasks.yaml":
        note = f"# A note {odd}\r\n"
        path.write_bytes(
            f"{note}tasks:\r\n  - id: one\r\n    request: Say {odd}.\r\n    calls: [say: {{text: {odd}}}]\r\n".encode()
        )
    elif name == "tasks.jsonl":
        path.write_text(json.dumps(task, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        path.write_text(json.dumps({"tasks": [task]}, ensure_ascii=False), encoding="utf-8")
    before = path.read_bytes()
    for text in (odd, odd + ODD):
        write_frozen(path, path, {"one": Frozen(diff={"t": {"r": {"text": text}}}, results=(text,), writes=(True,))})
        ((task_read,), _) = read_tasks(path)
        assert task_read.request == f"Say {odd}."
        assert task_read.gold[0].calls[0].arguments == {"text": odd}
        assert task_read.gold_diff == {"t": {"r": {"text": text}}}
    if name == "tasks.yaml":
        assert path.read_bytes().startswith(before.rstrip())


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\u0085", "\x0c", "\r", "\n"])
def test_what_is_recorded_is_what_was_called(tmp_path, char):
    output = tmp_path / "tasks.yaml"
    params = {"name": "find", "arguments": {"words": f"desk{char}lamp"}}
    for number in (1, 2):
        recorder = Recorder(output, f"Find{char}it.")
        recorder.request(JSONRPCRequest(jsonrpc="2.0", id=1, method="tools/call", params=params))
        recorder.answer(JSONRPCResponse(jsonrpc="2.0", id=1, result={"content": []}))
        recorder.close()
        tasks, _ = read_tasks(output)
        assert [task.request for task in tasks] == [f"Find{char}it."] * number
        assert tasks[-1].gold[0].calls[0].arguments == {"words": f"desk{char}lamp"}


def test_a_byte_order_mark_is_no_error(tmp_path):
    task = '{"id": "one", "request": "x", "calls": ["say"]}'
    for name, text in {
        "tasks.yaml": f"tasks:\n  - {task}\n",
        "tasks.json": f'{{"tasks": [{task}]}}',
        "tasks.jsonl": f"{task}\n",
    }.items():
        path = tmp_path / name
        path.write_bytes(MARK + text.encode())
        assert [each.id for each in read_tasks(path)[0]] == ["one"]
        write_frozen(path, path, {"one": Frozen(results=("ok",))})
        assert read_tasks(path)[0][0].meta["frozen"]["results"] == ["ok"]
    assert read_json("\ufeff[1]").value == [1]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(MARK + b'{"a": 1}\n{"a": 2}\n')
    assert [row for _, row in read_jsonl(path)] == [{"a": 1}, {"a": 2}]


def test_a_trajectory_file_may_begin_with_a_mark_and_hold_odd_characters(tmp_path: Path):
    path = tmp_path / "episodes.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.write(Trajectory("env", "task", 0, ODD))
    path.write_bytes(MARK + path.read_bytes())
    assert _is_trajectories(path)
    assert [each.prompt for each in read_trajectories(path)] == [ODD]
