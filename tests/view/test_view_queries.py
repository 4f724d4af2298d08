"""Pages of episodes, figures of runs, pairs: the same as what is worked out by hand or in plain Python."""

import json

import pytest

from benchmarks.view_load import HEADER, lines_of, write, write_many
from toolgym.agents.evaluation.metrics import wilson
from toolgym.view import queries
from toolgym.view.curves import curves
from toolgym.view.episodes import group_tree
from toolgym.view.library import Library

COUNT = 120


@pytest.fixture
def library(tmp_path, cache):
    made = Library([write_many(tmp_path / "a.jsonl", COUNT)], cache)
    made.read_all()
    yield made
    made.close()


def page(library, filters=None, **how):
    (source,) = library.sources.values()
    with library.index(source) as index:
        return queries.page(index, filters or {}, **{"count": 500, **how})


# What `lines_of` says of an episode by its number.
HOLDS = {
    ("outcome", "solved"): lambda n: n % 3 == 0,
    ("outcome", "unsolved"): lambda n: n % 3 != 0,
    ("outcome", "solved,unsolved"): lambda n: True,
    ("outcome", "truncated"): lambda n: False,
    ("tool", "change"): lambda n: n % 5 == 0,
    ("tool", "chang"): lambda n: False,
    ("error", "tool_error"): lambda n: n % 35 == 0,
    ("kind", "kind1"): lambda n: n % 2 == 1,
    ("depth", "4"): lambda n: n % 4 == 3,
    ("task", "task-000007"): lambda n: n == 7,
    ("min", "0.1"): lambda n: n >= 100,
    ("max", "0.01"): lambda n: n <= 10,
    ("text", "user_17"): lambda n: n == 17,
    ("text", "CUSTOMER 9"): lambda n: "9" in str(n),
    ("text", "plan done"): lambda n: True,
    ("text", "plan nothing"): lambda n: False,
}


@pytest.mark.parametrize("filter", HOLDS, ids=str)
def test_a_filter_leaves_the_episodes_of_which_it_is_true(filter, library):
    found = page(library, dict([filter]))
    expected = [n for n in range(COUNT) if HOLDS[filter](n)]
    assert [row["n"] for row in found["rows"]] == expected
    assert found["total"] == len(expected)


@pytest.mark.parametrize("text", ["hat785", "sloash", "1950-07-22", "75.5", "book_it"])
def test_all_that_was_called_with_is_looked_at_however_deep_it_is(text, tmp_path, cache):
    flights = [{"number": "HAT785", "seats": [{"who": {"name": "Sloash", "born": "1950-07-22"}}]}]
    opening, step, *rest = lines_of(1)
    step["turn"]["calls"] = [{"name": "book_it", "arguments": {"flights": flights, "amount": 75.5, "insured": True}}]
    library = Library([write(tmp_path / "a.jsonl", [HEADER, *lines_of(0), opening, step, *rest])], cache)
    library.read_all()
    assert [row["n"] for row in page(library, {"text": text})["rows"]] == [1]
    library.close()


def test_arguments_that_are_nested_without_end_are_looked_at(tmp_path, cache):
    opening, step, *rest = lines_of(0)
    deep: object = "innermost"
    for _ in range(150):
        deep = [{"in": deep}]
    step["turn"]["calls"][0]["arguments"] = {"deep": deep}
    library = Library([write(tmp_path / "a.jsonl", [HEADER, opening, step, *rest])], cache)
    library.read_all()
    assert page(library, {"text": "innermost"})["total"] == 1
    library.close()


def test_filters_hold_together(library):
    found = page(library, {"outcome": "solved", "tool": "change", "depth": "1", "text": "user_60"})
    assert [row["n"] for row in found["rows"]] == [60]  # divisible by 3, 5 and 4


@pytest.mark.parametrize("sort", queries.SORTS)
@pytest.mark.parametrize("down", [False, True])
def test_pages_of_a_sorted_list_hold_each_episode_once(sort, down, library):
    parts = [page(library, sort=sort, down=down, start=start, count=50)["rows"] for start in range(0, COUNT, 50)]
    numbers = [row["n"] for rows in parts for row in rows]
    assert sorted(numbers) == list(range(COUNT))
    values = [row[sort] for rows in parts for row in rows]
    if values[0] is not None:
        assert values == sorted(values, reverse=down)


def test_what_can_be_filtered_by(library):
    (source,) = library.sources.values()
    with library.index(source) as index:
        found = queries.facets(index)
    assert found["outcome"] == {"unsolved": 80, "solved": 40}
    assert found["depth"] == [1, 2, 3, 4]
    assert found["kinds"] == ["kind0", "kind1"]
    assert found["tools"] == ["change", "look"]
    assert found["errors"] == ["tool_error"]


def episodes(*given):
    """Records of episodes of (task, solved, outcome)."""
    records = [HEADER]
    for number, (task, outcome) in enumerate(given):
        lines = lines_of(number, task_id=task)
        lines[-1]["outcome"] = outcome
        records += lines
    return records


def test_the_share_solved_is_an_average_over_tasks(tmp_path, cache):
    # a: 1 of 2, b: 1 of 1, c: 0 of 1 (an infrastructure failure counts nowhere): (0.5 + 1 + 0) / 3 = 0.5
    given = [("a", "solved"), ("a", "unsolved"), ("b", "solved"), ("b", "infra_error"), ("c", "truncated")]
    library = Library([write(tmp_path / "a.jsonl", episodes(*given, ("d", None))[:-1])], cache)
    library.read_all()
    (source,) = library.sources.values()
    found = queries.summary(library, source)
    assert found["pass"]["value"] == pytest.approx(0.5)
    assert (found["pass"]["low"], found["pass"]["high"]) == pytest.approx(wilson(0.5, 3))
    assert (found["episodes"], found["tasks"]) == (6, 3)
    assert found["outcomes"] == {"solved": 2, "unsolved": 1, "infra_error": 1, "truncated": 1, "unfinished": 1}
    library.close()


def test_runs_are_paired_by_task(tmp_path, cache):
    first = [("a", "solved"), ("b", "unsolved"), ("c", "solved"), ("d", "unsolved"), ("only here", "solved")]
    second = [("a", "solved"), ("b", "solved"), ("c", "unsolved"), ("c", "solved"), ("d", "unsolved"), ("e", "solved")]
    for name, given in (("1.jsonl", first), ("2.jsonl", second)):
        write(tmp_path / name, episodes(*given))
    library = Library([tmp_path / "1.jsonl", tmp_path / "2.jsonl"], cache)
    library.read_all()
    found = queries.pairs(library, list(library.sources.values()))
    # a, b, c, d are common. First: 1, 0, 1, 0; second: 1, 1, 0.5, 0: the mean difference is (0 + 1 - 0.5 + 0) / 4.
    assert (found["tasks"], found["left_out"]) == (4, 2)
    assert found["means"] == pytest.approx([0.5, 0.625])
    (versus,) = found["versus"]
    assert versus["difference"] == pytest.approx(0.125)
    assert versus["interval"][0] <= 0.125 <= versus["interval"][1]
    assert [versus[name] for name in ("better", "worse", "both", "neither")] == [1, 1, 1, 1]
    # Those that differ most come first.
    assert [row["task"] for row in found["rows"]] == ["b", "c", "a", "d"]
    assert [[run["share"] for run in row["runs"]] for row in found["rows"]] == [[0, 1], [1, 0.5], [1, 1], [0, 0]]
    library.close()


def test_a_tree_has_what_episodes_share_once(tmp_path, cache):
    def record(number, answers):
        lines = lines_of(0, name=number, task_id="a")
        lines[2]["turn"] = {**lines[2]["turn"], "response": answers}
        return lines

    records = [HEADER, *record(0, "yes"), *record(1, "no"), *record(2, "yes"), *lines_of(3, name=3)]
    library = Library([write(tmp_path / "a.jsonl", records)], cache)
    library.read_all()
    (source,) = library.sources.values()
    tree = group_tree(library, source, 1)
    assert [end["n"] for end in tree["ends"]] == [0, 1, 2]
    (look,) = tree["root"]["children"]
    assert look["label"] == "look, change"
    assert look["episodes"] == [0, 1, 2]
    assert [(child["label"], child["episodes"]) for child in look["children"]] == [("yes", [0, 2]), ("no", [1])]
    library.close()


def test_curves_are_what_the_files_say_and_broken_lines_are_left_out(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 1, "loss": 2.0, "epoch": 1}\nnonsense\n{"step": 2, "loss": NaN, "ok": true}\n'
        '{"step": 3, "loss": 1}\n{"st'
    )
    line = {"step": 2, "pass@1": 0.5, "intervals": {"pass@1": [0.25, 0.75]}}
    (tmp_path / "evaluations.jsonl").write_text(json.dumps(line) + "\n")
    assert curves(tmp_path) == {
        "eval/pass@1": {"steps": [2], "values": [0.5], "intervals": [[0.25, 0.75]]},
        "loss": {"steps": [1, 3], "values": [2.0, 1], "intervals": [None, None]},
    }


def test_kinds_of_runs_are_told_apart(tmp_path, cache):
    write(tmp_path / "plain.jsonl", [HEADER, *lines_of(0)])
    (tmp_path / "notes.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "notes.json").write_text('{"a": 1}')
    (tmp_path / "report.json").write_text('{"pass@1": 0.5, "episodes": 4, "env": "E", "intervals": {"pass@1": [0, 1]}}')
    run = tmp_path / "run"
    write(run / "episodes.jsonl", [HEADER, *lines_of(0, meta={"step": 1})])
    write(run / "metrics.jsonl", [{"step": 7, "loss": 1}])
    (run / "best-a").mkdir()
    (run / "best-a" / "evaluation.json").write_text('{"pass@1": 0.5, "episodes": 4}')
    bench = tmp_path / "bench"
    write(bench / "results.jsonl", [HEADER, *lines_of(0, meta={"bench": {"part": "p", "trial": 0, "fault": "f"}})])
    (bench / "bench.json").write_text('{"benchmark": "b", "agent": "me"}')
    library = Library([tmp_path], cache)
    library.read_all()
    found = {source.name.partition("/")[2]: source for source in library.sources.values()}
    kinds = {name: source.kind for name, source in found.items()}
    assert kinds == {
        "bench": "benchmark",
        "plain.jsonl": "episodes",
        "report.json": "report",
        "run": "training",
    }
    told = {name: queries.summary(library, source) for name, source in found.items()}
    assert told["bench"]["agent"] == "me"
    assert told["run"]["step"] == 7
    assert told["run"]["episodes"] == 1
    assert (told["report.json"]["pass"]["value"], told["report.json"]["pass"]["high"]) == (0.5, 1)
    with library.index(found["bench"]) as index:
        assert [(row["part"], row["trial"], row["fault"]) for row in queries.page(index, {})["rows"]] == [("p", 0, "f")]
    library.close()
