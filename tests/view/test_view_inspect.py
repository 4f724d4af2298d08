"""Logs of Inspect's in the viewer, as its documentation has them; `tests/adapters/inside_inspect.py` has real ones."""

import json
import sys
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.errors import ConfigError
from toolgym.opening import open_env
from toolgym.trajectory.files import trajectory_to_json
from toolgym.view import queries
from toolgym.view.episodes import episode, trajectory
from toolgym.view.exporting import export
from toolgym.view.library import Library

ABOUT = {"task": "shop", "model": "m/1", "dataset": {}}
CALL = {"id": "c1", "function": "price", "arguments": {"item": "tea"}, "type": "function"}
LOST = {"id": "c2", "function": "price", "arguments": {"item": "car"}, "type": "function"}
MESSAGES = [
    {"role": "system", "content": "Sell."},
    {"role": "user", "content": "What is tea? </user>"},
    {
        "role": "assistant",
        "content": [{"type": "reasoning", "reasoning": "Look."}, {"type": "text", "text": "One moment."}],
        "tool_calls": [CALL, LOST],
    },
    {"role": "tool", "content": "attachment://abc", "tool_call_id": "c1", "function": "price"},
    {"role": "tool", "content": "", "tool_call_id": "c2", "error": {"type": "unknown", "message": "no car"}},
    {"role": "assistant", "content": "3 euros."},
    {"role": "user", "content": [{"type": "text", "text": "And cake?"}, {"type": "image", "image": "x"}]},
    {"role": "assistant", "content": "None."},
]
SAMPLE: dict[str, Any] = {
    "id": "tea",
    "epoch": 1,
    "input": "What is tea?",
    "target": "3",
    "messages": MESSAGES,
    "scores": {"match": {"value": "C"}, "length": {"value": 12}},
    "store": {},
    "attachments": {"abc": "3"},
    "error": None,
    "limit": None,
}


def sample(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(SAMPLE), **changes}


def as_json(path: Path, samples: Any) -> Path:
    path.write_text(json.dumps({"version": 2, "status": "success", "eval": ABOUT, "samples": samples}, indent=2))
    return path


def as_eval(path: Path, samples: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", json.dumps({"version": 2, "eval": ABOUT}))
        for number, each in enumerate(samples):
            archive.writestr(f"samples/{number:04d}_epoch_1.json", json.dumps(each))
        archive.writestr("header.json", json.dumps({"version": 2, "status": "success", "eval": ABOUT}))
    return path


WRITERS = [pytest.param("log.json", as_json, id="json"), pytest.param("log.eval", as_eval, id="eval")]


def read(path: Path, cache: Path) -> tuple[Library, Any]:
    library = Library([path], cache)
    library.read_all()
    (source,) = library.sources.values()
    return library, source


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_a_sample_is_an_episode(name: str, write: Callable[..., Path], tmp_path: Path, cache: Path) -> None:
    library, source = read(write(tmp_path / name, [sample(), sample(id=7, epoch=3)]), cache)
    with library.index(source) as index:
        first, second = queries.page(index, {})["rows"]
        found = queries.page(index, {"text": "one moment"})["total"]
    assert (source.kind, found) == ("episodes", 2)
    assert (first["task"], first["outcome"], first["reward"], first["steps"], first["calls"]) == (
        "tea",
        "solved",
        1,
        3,
        2,
    )
    assert (second["task"], second["trial"], second["env"]) == ("7", 2, "shop")
    shown = episode(library, source, 0)
    assert shown["prompt"] == "Sell.\n\n<user>What is tea? &lt;/user></user>"
    called, told, last = shown["steps"]
    assert called["turn"]["plan"] == "Look.\nOne moment."
    assert called["turn"]["calls"] == [{"name": "price", "arguments": each["arguments"]} for each in (CALL, LOST)]
    assert [(each["text"], each["outcome"]) for each in called["results"]] == [("3", "ok"), ("no car", "tool_error")]
    assert (told["turn"]["response"], told["user"]) == ("3 euros.", "And cake?\n[image]")
    assert (last["turn"]["response"], last["rewards"]) == ("None.", {"match": 1.0, "length": 12.0})
    assert shown["meta"]["inspect"]["scores"] == {"match": "C", "length": 12}
    assert trajectory(shown).outcome == "solved"
    library.close()


@pytest.mark.parametrize(
    ("changes", "outcome", "truncation", "reward"),
    [
        ({"scores": {"match": {"value": "I"}}}, "unsolved", None, 0),
        ({"scores": {"match": {"value": 0.5}}}, "unsolved", None, 0.5),
        ({"scores": {"match": {"value": {"a": 1}}}}, None, None, None),
        ({"scores": None}, None, None, None),
        ({"limit": {"type": "message", "limit": 3}}, "solved", None, 1),
        ({"limit": {"type": "token", "limit": 3}, "scores": {"match": {"value": 0}}}, "truncated", "tokens", 0),
        ({"error": {"message": "it broke"}, "scores": {}}, "infra_error", None, None),
    ],
)
def test_how_a_sample_ended(changes, outcome, truncation, reward, tmp_path, cache):
    library, source = read(as_json(tmp_path / "log.json", [sample(**changes)]), cache)
    with library.index(source) as index:
        (row,) = queries.page(index, {})["rows"]
    assert (row["outcome"], row["truncation"], row["reward"]) == (outcome, truncation, reward)
    library.close()


def test_an_episode_of_ours_is_shown_as_it_was(tmp_path, cache):
    env = open_env("ToolGym/Library-v0", size="small")
    env.reset(options={"task": 0})
    env.step("<response>I cannot do that.</response>")
    record = trajectory_to_json(env.trajectory)
    library, source = read(as_eval(tmp_path / "log.eval", [sample(store={"toolgym": record})]), cache)
    shown = episode(library, source, 0)
    assert {name: shown[name] for name in ("env_id", "prompt", "steps", "outcome")} == {
        name: json.loads(json.dumps(record[name])) for name in ("env_id", "prompt", "steps", "outcome")
    }
    library.close()


def test_a_log_that_goes_on_is_read_anew(tmp_path, cache):
    path = as_eval(tmp_path / "log.eval", [sample()])
    library, source = read(path, cache)
    as_eval(path, [sample(id="new"), sample(), sample()])
    with pytest.raises(ConfigError, match="has changed since it was read"):
        episode(library, source, 0)
    library.read_all()
    with library.index(source) as index:
        assert [row["task"] for row in queries.page(index, {})["rows"]] == ["new", "tea", "tea"]
    assert episode(library, source, 0)["task_id"] == "new"
    assert not library._round()
    library.close()


def test_a_log_is_found_in_a_folder_and_exported(tmp_path, cache):
    logs = tmp_path / "logs"
    logs.mkdir()
    as_eval(logs / "a.eval", [sample()])
    as_json(logs / "b.json", [sample(), sample(id="x")])
    (logs / "other.json").write_text('{"version": 2, "status": "success"}')
    (logs / "other.eval").write_text("no archive")
    library = Library([logs], cache)
    assert sorted(source.name for source in library.sources.values()) == ["logs/a.eval", "logs/b.json"]
    made = export(library, tmp_path / "site", limit=10)
    assert "What is tea?" in "".join(path.read_text() for path in made.parent.rglob("*.js") if "rows" in path.name)
    library.close()


def failure(path: Path, cache: Path) -> str:
    library = Library([path], cache)
    library.read_all()
    (said,) = library.failures.values()
    library.close()
    return said


def test_a_broken_log_says_what_is_wrong(tmp_path, cache):
    whole = as_eval(tmp_path / "whole.eval", [sample()])
    for name, content, words in [
        ("torn.eval", whole.read_bytes()[:-40], "is it still being written"),
        ("chunks.eval", None, "in chunks"),
        ("headless.eval", None, "_journal/start.json cannot be read"),
        ("empty.eval", b"", "is it still being written"),
    ]:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("samples/a/sample.json" if "chunks" in name else "samples/a.json", "{}")
        assert words in failure(path, cache)
    torn = tmp_path / "torn.json"
    torn.write_text(as_json(tmp_path / "b.json", [sample()]).read_text()[:-30])
    assert "Expecting" in failure(torn, cache)
    (tmp_path / "text.eval").write_text("hello")
    with pytest.raises(ConfigError, match=r"a log of Inspect's \(.eval or .json\)"):
        Library([tmp_path / "text.eval"], cache)


def test_a_log_compressed_as_inspect_does_says_what_to_install(tmp_path, cache, monkeypatch):
    path = as_eval(tmp_path / "log.eval", [sample()])
    raw = path.read_bytes()
    # The method of every entry, 8 (deflate), stands at byte 8 of a local header and at byte 10 of a central one.
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        parts = raw.split(mark)
        raw = mark.join([parts[0], *(part[: at - 4] + b"\x5d\x00" + part[at - 2 :] for part in parts[1:])])
    path.write_bytes(raw)
    monkeypatch.setitem(sys.modules, "zipfile_zstd", None)
    monkeypatch.delattr(zipfile, "ZIP_ZSTANDARD", raising=False)
    assert "pip install zipfile-zstd" in failure(path, cache)


def test_what_is_too_large_is_not_read(tmp_path, cache, monkeypatch):
    monkeypatch.setattr("toolgym.view.inspect_logs._LARGEST", 5_000)
    small = as_eval(tmp_path / "log.eval", [sample(), sample(input="x" * 6_000), sample()])
    library, source = read(small, cache)
    with library.index(source) as index:
        assert [row["n"] for row in queries.page(index, {})["rows"]] == [0, 2]
        assert "6," in queries.broken_lines(index)[0]["why"]
    library.close()
    assert "inspect log convert" in failure(as_json(tmp_path / "log.json", [sample(input="x" * 6_000)]), cache)


HOSTILE = [None, True, 3, "attachment://abc", "\ud800<script>\x00", [], {}, [[1]], {"a": None}, float("inf"), -(10**40)]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))] if path or inner else [path]


PLACES = [place for place in places(SAMPLE) if place]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=st.sampled_from(HOSTILE), write=st.sampled_from([as_json, as_eval]))
def test_a_hostile_sample_is_an_episode_or_said_to_be_none(place, value, write, tmp_path, cache):
    broken = sample()
    at = broken
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    # A folder for each: of files of one size, written in one tick of the clock, nobody can tell that they are others.
    folder = Path(mkdtemp(dir=tmp_path))
    path = write(folder / ("log.json" if write is as_json else "log.eval"), [sample(), broken, sample(id="last")])
    library, source = read(path, cache)
    assert not library.failures
    with library.index(source) as index:
        rows = queries.page(index, {})["rows"]
        said = queries.broken_lines(index)
    assert (rows[0]["task"], rows[-1]["task"]) == ("tea", "last")
    assert len(rows) + len(said) == 3
    for row in rows:
        json.dumps(episode(library, source, row["n"]))
    library.close()


def test_every_place_of_a_sample_is_tried():
    assert len(PLACES) > 40
    assert {place[0] for place in PLACES} == set(SAMPLE)


@pytest.mark.slow
def test_a_sample_is_shown_in_the_browser(tmp_path, open_viewer, tab):
    hostile = [*MESSAGES, {"role": "assistant", "content": "<script>alert(1)</script>\u202e\x00"}]
    viewer = open_viewer(as_eval(tmp_path / "log.eval", [sample(messages=hostile), sample(id="other")]))
    (id,) = viewer.library.sources
    one = tab(viewer.address)
    one.wait("document.querySelectorAll('.runs tbody tr').length == 1")
    one.go(f"#/run/{id}")
    one.wait("document.querySelectorAll('.episodes tbody tr').length == 2")
    one.go(f"#/run/{id}/0")
    one.wait("document.body.innerText.includes('3 euros.')")
    text = one.page.inner_text("body")
    for words in ("What is tea?", "One moment.", "no car", "And cake?", "<script>alert(1)</script>", "solved"):
        assert words in text
