"""A replay finds whatever is not as it was executed, names it, and passes over nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolgym.envs.planarena.corpus.building import build
from toolgym.envs.planarena.corpus.checking import check_corpus
from toolgym.errors import ConfigError


@pytest.fixture
def copy(tmp_path: Path, built: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def change(folder: Path, row: int, edit: Callable[[dict[str, Any]], None]) -> str:
    """Edits a row of the first file; its id."""
    path = folder / "data" / "train-00000.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    edit(lines[row])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return lines[row]["id"]


def test_what_was_built_passes(built: Path) -> None:
    report = check_corpus(built)
    assert report.passed
    assert (report.rows, report.files) == (24, 4)
    assert check_corpus(built, jobs=2) == report


def test_parquet_passes_too_and_has_the_same_rows(tmp_path: Path, built: Path, options: Any, rows_of: Any) -> None:
    build(options(tmp_path / "parquet", format="parquet"))
    assert check_corpus(tmp_path / "parquet").passed
    assert rows_of(tmp_path / "parquet") == rows_of(built)


def _answer(row: dict[str, Any]) -> None:
    row["steps"][0]["answer"] += " "


def _message(row: dict[str, Any]) -> None:
    row["messages"][2]["content"] = "{}"


def _changed(row: dict[str, Any]) -> None:
    row["steps"][0]["changed"] = '{"holds":{}}'


def _label(row: dict[str, Any]) -> None:
    row["label"] = "positive"


def _outcome(row: dict[str, Any]) -> None:
    row["outcome"] = "solved"


def _solvable(row: dict[str, Any]) -> None:
    tried = row["decisions"][0]["alternatives"][0]
    tried["solvable"] = not tried["solvable"]


def _relevance(row: dict[str, Any]) -> None:
    row["steps"][-1]["relevance"] = 0.1234


def _recovers(row: dict[str, Any]) -> None:
    row["error"]["recovers"] = not row["error"]["recovers"]


def _place(row: dict[str, Any]) -> None:
    row["error"]["turn"] += 1


def _request(row: dict[str, Any]) -> None:
    row["request"] = "Do something else."


def _tools(row: dict[str, Any]) -> None:
    row["tools"] = "[]"


def _composition(row: dict[str, Any]) -> None:
    row["composition"], row["depth"] = "member", 9


def _task(row: dict[str, Any]) -> None:
    row["task"] = "library-small-train-99999"


def _cut(row: dict[str, Any]) -> None:
    row["messages"] = row["messages"][:1]


def _no_messages(row: dict[str, Any]) -> None:
    row["messages"] = None


def _arguments(row: dict[str, Any]) -> None:
    row["messages"][1]["tool_calls"] = [{"name": "get_member", "arguments": "{"}]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_answer, "steps[0].answer"),
        (_message, "messages[2].content"),
        (_changed, "steps[0].changed"),
        (_label, "label: 'positive', now 'negative'"),
        (_outcome, "outcome"),
        (_solvable, "decisions[0].alternatives[0].solvable"),
        (_relevance, ".relevance: 0.1234"),
        (_recovers, "error.recovers"),
        (_place, "error.turn"),
        (_request, "request"),
        (_tools, "tools: not what the scenario has"),
        (_composition, "depth: 9, now"),
        (_task, "its task cannot be made"),
        (_arguments, "it cannot be replayed"),
        (_no_messages, "it cannot be replayed"),
        (_cut, "outcome: "),
    ],
)
def test_every_lie_is_found(copy: Path, edit: Callable[[dict[str, Any]], None], says: str) -> None:
    # Row 3 is a negative one with a call first.
    name = change(copy, 3, edit)
    found = check_corpus(copy).differences
    assert any(each.row == name and says in each.what for each in found), found
    assert {each.row for each in found} == {"", name}  # and the file's own: its SHA-256


def test_a_row_of_another_version_says_so(copy: Path) -> None:
    change(copy, 2, lambda row: row.update(version=2))
    told = [each.what for each in check_corpus(copy).differences]
    assert any("row 2: it is of version 2; this ToolGym reads version 1" in what for what in told)


def test_a_corpus_of_another_version_says_so(copy: Path) -> None:
    manifest = json.loads((copy / "corpus.json").read_text())
    (copy / "corpus.json").write_text(json.dumps({**manifest, "version": 2}))
    with pytest.raises(ConfigError, match="is of version 2; this ToolGym reads version 1"):
        check_corpus(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"version": 1}'])
def test_a_broken_manifest_is_named(copy: Path, text: str) -> None:
    (copy / "corpus.json").write_text(text)
    with pytest.raises(ConfigError, match=r"corpus\.json"):
        check_corpus(copy)


def test_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no corpus"):
        check_corpus(tmp_path)


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
@pytest.mark.parametrize("cut", [1, 1000])
def test_a_truncated_file_is_named(tmp_path: Path, options: Any, format: str, cut: int) -> None:
    build(options(tmp_path / "cut", format=format, trajectories=4))
    path = tmp_path / "cut" / "data" / f"train-00000.{format}"
    path.write_bytes(path.read_bytes()[:-cut])
    found = check_corpus(tmp_path / "cut").differences
    assert {each.file for each in found} == {path.name}
    assert any("truncated" in each.what for each in found)


def test_a_missing_and_a_foreign_file_are_named(copy: Path) -> None:
    (copy / "data" / "train-00001.jsonl").unlink()
    (copy / "data" / "notes.txt").write_text("mine")
    told = {each.file: each.what for each in check_corpus(copy).differences}
    assert told == {
        "train-00001.jsonl": "missing: the build was not finished (run it again)",
        "notes.txt": "no file of this corpus",
    }


def test_the_command_exits_with_1_and_lists_what_differs(copy: Path, toolgym: Any) -> None:
    done = toolgym("planarena", "check", copy)
    assert (done.code, done.out.strip()) == (0, "24 rows of 4 files replayed: all as they say")
    name = change(copy, 3, _answer)
    done = toolgym("planarena", "check", copy)
    assert done.code == 1
    assert f"train-00000.jsonl {name}: steps[0].answer" in done.out
    told = json.loads(toolgym("planarena", "check", copy, "--json").out)
    assert not told["passed"]
    assert name in {each["row"] for each in told["differences"]}
