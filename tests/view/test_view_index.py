"""The index of a file of episodes: right while the file grows, whatever is in it; the file stays as it is."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.view_load import HEADER, lines_of, write, write_many
from toolgym.trajectory import read_trajectories
from toolgym.view import indexing, queries
from toolgym.view.episodes import episode, trajectory
from toolgym.view.library import Library
from toolgym.view.store import store_path


def opened(path: Path, cache: Path) -> Library:
    library = Library([path], cache)
    library.read_all()
    return library


def rows(library: Library, **filters: str) -> list[dict]:
    (source,) = library.sources.values()
    with library.index(source) as index:
        return queries.page(index, filters, count=500)["rows"]


def bad(library: Library) -> list[dict]:
    (source,) = library.sources.values()
    with library.index(source) as index:
        return queries.broken_lines(index)


def whole(library: Library, n: int) -> dict:
    (source,) = library.sources.values()
    return episode(library, source, n)


def test_an_index_says_what_the_file_does(tmp_path, cache):
    path = write_many(tmp_path / "a.jsonl", 40)
    library = opened(path, cache)
    found, read = rows(library), read_trajectories(path)
    assert len(found) == len(read) == 40
    for row, one in zip(found, read, strict=True):
        assert row["task"] == one.task_id
        assert row["outcome"] == one.outcome
        assert row["reward"] == pytest.approx(sum(step.reward for step in one.steps))
        assert (row["steps"], row["calls"]) == (len(one.steps), len(one.calls))
        assert row["tools"] == list(dict.fromkeys(call.name for call, _ in one.calls))
        assert row["errors"] == list(dict.fromkeys(r.outcome for _, r in one.calls if r.outcome != "ok"))
        assert (row["depth"], row["kinds"]) == (one.meta["depth"], one.meta["kind"])
        assert trajectory(whole(library, row["n"])) == one
    library.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=25), st.integers(1, 400))
def test_episodes_that_interleave_are_told_apart_however_the_file_grows(order, piece):
    # Four episodes at once, each with four lines, which are written in any order of turns and read in any pieces.
    queues = {number: lines_of(number) for number in range(4)}
    records = [HEADER, *(queues[each].pop(0) for each in order if queues[each])]
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    with TemporaryDirectory() as folder:
        path, cache = Path(folder) / "a.jsonl", Path(folder) / "cache"
        path.touch()
        library = Library([path], cache)
        for start in range(0, len(data), piece * 10):
            with path.open("ab") as file:
                file.write(data[start : start + piece * 10])
            library.read_all()
        whole_file, read = rows(library), read_trajectories(path)
        assert [row["task"] for row in whole_file] == [one.task_id for one in read]
        assert [row["outcome"] for row in whole_file] == [one.outcome for one in read]
        assert [trajectory(whole(library, n)) for n in range(len(read))] == read
        library.close()


def test_what_was_read_is_not_read_again(tmp_path, cache, monkeypatch):
    path = write_many(tmp_path / "a.jsonl", 50)
    opened(path, cache).close()
    seen = []
    real = indexing.line_of
    monkeypatch.setattr(indexing, "line_of", lambda line: seen.append(line) or real(line))
    again = opened(path, cache)
    assert len(rows(again)) == 50
    assert seen == []
    write(path, [HEADER, *lines_of(50)], "a")
    again.read_all()
    assert len(seen) == 5
    assert len(rows(again)) == 51
    again.close()


def test_a_page_reads_no_more_of_the_file_than_its_episode(tmp_path, cache):
    path = write_many(tmp_path / "a.jsonl", 300)
    library = opened(path, cache)
    (source,) = library.sources.values()
    with library.index(source) as index:
        ranges = json.loads(index.execute("SELECT ranges FROM episodes WHERE n = 200").fetchone()[0])
    (start, end), size = ranges[0], path.stat().st_size
    # All else is gone, and the episode is still there.
    data = path.read_bytes()
    path.write_bytes(b" " * start + data[start:end] + b" " * (size - end))
    assert whole(library, 200)["task_id"] == "task-000200"
    library.close()


def test_an_episode_that_began_is_there_before_it_ends(tmp_path, cache):
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(3)[:2]])
    library = opened(path, cache)
    assert [(row["outcome"], row["steps"]) for row in rows(library)] == [(None, 1)]
    library.close()
    write(path, lines_of(3)[2:], "a")  # the viewer was closed meanwhile
    again = opened(path, cache)
    assert [(row["outcome"], row["steps"]) for row in rows(again)] == [("solved", 2)]
    assert len(whole(again, 0)["steps"]) == 2
    again.close()


@pytest.mark.parametrize("how", ["shorter", "others", "as long"])
def test_a_file_that_was_begun_anew_is_read_anew(how, tmp_path, cache):
    path = write_many(tmp_path / "a.jsonl", 20)
    library = opened(path, cache)
    if how == "shorter":
        write(path, [HEADER, *lines_of(100)])
        expected = ["task-000100"]
    elif how == "others":
        write(path, [HEADER, *(record for n in range(500, 540) for record in lines_of(n))])
        expected = [f"task-{n:06}" for n in range(500, 540)]
    else:
        path.write_bytes(path.read_bytes().replace(b"task-00001", b"task-99991"))
        expected = [f"task-{n:06}" for n in range(10)] + [f"task-99991{n}" for n in range(10)]
    library.read_all()
    library.read_all()
    if how == "as long":  # nothing says so but what is read next
        write(path, [HEADER, *lines_of(20)], "a")
        library.read_all()
        expected.append("task-000020")
    assert [row["task"] for row in rows(library)] == expected
    library.close()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{nonsense", "JSON"),
        (b'{"type": "step", "episode": 9}', "which has not begun"),
        (b'{"type": "tale", "episode": 0}', "its type is 'tale'"),
        (b'{"type": "step", "episode": "x"}', "no number"),
        (b"[1, 2]", "its type is None"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'{"type": "header", "schema": 7}', "schema version 7"),
        (b'{"type": "step", "episode": 0, "turn": 3, "results": [], "reward": 0}', "turn is 3"),
        (b'{"type": "step", "episode": 0, "turn": {"calls": [3]}, "results": [], "reward": 0}', "name is"),
        (b'{"type": "end", "episode": 0, "outcome": "glory", "meta": {}}', "outcome is 'glory'"),
        (b'{"type": "episode", "episode": 0, "env_id": "", "task_id": "", "prompt": "", "meta": {}}', "begun already"),
        (b'{"type": "episode", "episode": 7, "env_id": "", "task_id": "", "prompt": "", "meta": {}}', "seed: Field"),
        (b"[" * 100_000, "nested deeper"),
    ],
)
def test_a_line_that_cannot_be_read_is_said_to_be_that_and_the_reading_goes_on(line, why, tmp_path, cache):
    path = tmp_path / "a.jsonl"
    first = [json.dumps(record).encode() for record in [HEADER, *lines_of(0)]]
    rest = [json.dumps(record).encode() for record in lines_of(1)]
    path.write_bytes(b"\n".join([*first[:3], line, *first[3:], *rest]) + b"\n")
    library = opened(path, cache)
    (found,) = bad(library)
    assert found["line"] == 4
    assert why in found["why"]
    assert [(row["task"], row["outcome"], row["steps"]) for row in rows(library)] == [
        ("task-000000", "solved", 2),
        ("task-000001", "unsolved", 2),
    ]
    assert [each["line"] for each in whole(library, 0)["broken"]] == [4]
    library.close()


def test_a_line_beyond_all_measure_is_left_out(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(indexing, "LONGEST_LINE", 20_000)
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(0), {"type": "x", "text": "x" * 100_000}, *lines_of(1)])
    library = opened(path, cache)
    assert "the longest that is read" in bad(library)[0]["why"]
    assert [row["task"] for row in rows(library)] == ["task-000000", "task-000001"]
    library.close()


def test_a_torn_last_line_waits_for_its_end(tmp_path, cache):
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(0)])
    half = json.dumps(lines_of(1)[0])
    with path.open("a") as file:
        file.write(half[:50])
    library = opened(path, cache)
    assert len(rows(library)) == 1
    assert bad(library) == []
    (source,) = library.sources.values()
    told = queries.summary(library, source)
    assert (told["tail"], told["done"]) == (50, told["size"])  # all that can be read was read
    with path.open("a") as file:
        file.write(half[50:] + "\n")
    library.read_all()
    assert [row["outcome"] for row in rows(library)] == ["solved", None]
    library.close()


def test_text_that_is_none_is_kept(tmp_path, cache):
    request = "nul \x00, half \ud800, turned \u202e, <script>"
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(0, request=request, response=request)])
    library = opened(path, cache)
    assert rows(library)[0]["request"] == request.replace("\ud800", "\\ud800")
    assert whole(library, 0)["steps"][1]["turn"]["response"] == request
    assert len(rows(library, text="turned")) == 1
    library.close()


def test_what_is_looked_at_is_neither_changed_nor_locked(tmp_path, cache):
    folder = tmp_path / "runs"
    path = write(folder / "a.jsonl", [HEADER, *lines_of(0)])
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    library = opened(folder, cache)
    assert sorted(each.name for each in folder.iterdir()) == ["a.jsonl"]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    from toolgym.trajectory import Trajectory, TrajectoryWriter

    with TrajectoryWriter(path) as writer:  # a run that begins while it is looked at
        writer.write(Trajectory("env", "late", outcome="solved"))
    library.read_all()
    assert [row["task"] for row in rows(library)] == ["task-000000", "late"]
    library.close()


def test_a_cache_that_cannot_be_written_is_replaced(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(0)])
    library = opened(path, taken)
    assert library.cache != taken
    assert len(rows(library)) == 1
    library.close()


def test_two_viewers_share_an_index(tmp_path, cache):
    path = write_many(tmp_path / "a.jsonl", 10)
    first, second = opened(path, cache), Library([path], cache)
    second.read_all()  # the first one holds the index
    assert len(rows(second)) == 10
    first.close()
    write(path, [HEADER, *lines_of(10)], "a")
    second.read_all()
    assert len(rows(second)) == 11
    second.close()


def test_an_index_that_is_damaged_is_made_anew(tmp_path, cache):
    path = write_many(tmp_path / "a.jsonl", 10)
    opened(path, cache).close()
    file = store_path(cache, path)
    file.write_bytes(os.urandom(file.stat().st_size))
    again = opened(path, cache)
    assert len(rows(again)) == 10
    again.close()


def test_an_index_that_is_damaged_further_in_is_made_anew_and_hides_no_other_run(tmp_path, cache):
    """As a crash of the machine leaves it: its beginning is right, what comes behind it is not."""
    path, other = write_many(tmp_path / "a.jsonl", 60), write_many(tmp_path / "b.jsonl", 10)
    opened(path, cache).close()
    file = store_path(cache, path)
    file.write_bytes(file.read_bytes()[:4096] + b"\xaa" * (file.stat().st_size - 4096))
    library = Library([path, other], cache)
    assert {source.name for source in library.sources.values()} == {"a.jsonl", "b.jsonl"}
    told = [queries.summary(library, source) for source in library.sources.values()]
    assert ["cannot be read" in each["failure"] for each in told] == [True, False]
    library.read_all()
    told = [queries.summary(library, source) for source in library.sources.values()]
    assert [(each["episodes"], each["failure"]) for each in told] == [(60, ""), (10, "")]
    library.close()


def test_an_index_that_was_deleted_meanwhile_is_made_anew(tmp_path, cache):
    path = write_many(tmp_path / "a.jsonl", 10)
    library = opened(path, cache)
    for file in cache.iterdir():
        file.unlink()
    library.read_all()
    assert len(rows(library)) == 10
    library.close()


def test_an_index_goes_with_its_file(tmp_path, cache):
    folder = tmp_path / "runs"
    write(folder / "a.jsonl", [HEADER, *lines_of(0)])
    path = write(folder / "b.jsonl", [HEADER, *lines_of(1)])
    library = opened(folder, cache)
    path.unlink()
    library.look()
    library.read_all()
    assert not list(cache.glob(f"{store_path(cache, path).name}*"))
    assert len(rows(library)) == 1
    library.close()
