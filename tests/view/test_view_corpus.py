"""An executed corpus in the viewer: its rows as episodes, in either format, also while it is built."""

import pytest

from toolgym.envs.planarena.corpus.building import BuildOptions, build
from toolgym.envs.planarena.corpus.format import part_files, read_manifest, read_rows
from toolgym.view import queries
from toolgym.view.episodes import episode, recorded
from toolgym.view.explaining import Explainer
from toolgym.view.library import Library


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_the_rows_of_a_corpus_are_episodes(format, tmp_path, cache):
    if format == "parquet":
        pytest.importorskip("pyarrow")
    folder = tmp_path / "corpus"
    build(BuildOptions(folder, ["library"], trajectories=8, part_rows=4, alternatives=2, format=format))
    rows = [row for path in part_files(folder, read_manifest(folder)) for row in read_rows(path)]
    library = Library([folder], cache)
    library.read_all()
    (source,) = library.sources.values()
    assert source.kind == "corpus"
    with library.index(source) as index:
        found = queries.page(index, {}, count=100)["rows"]
        wrong = queries.page(index, {"outcome": "unsolved,tool_error,policy_error"}, count=100)["rows"]
        deep = queries.page(index, {"depth": "2"}, count=100)["total"]
    assert [row["task"] for row in found] == [row["task"] for row in rows]
    assert [row["outcome"] for row in found] == [row["outcome"] for row in rows]
    assert [row["n"] for row in wrong] == [n for n, row in enumerate(rows) if row["label"] == "negative"]
    assert deep == sum(row["depth"] == 2 for row in rows)
    for n, row in enumerate(rows):
        shown = episode(library, source, n)
        acts = [step for step in row["steps"] if step["name"]]
        assert [call["name"] for step in shown["steps"] for call in step["turn"]["calls"]] == [a["name"] for a in acts]
        assert [r["text"] for step in shown["steps"] for r in step["results"]] == [a["answer"] for a in acts]
        assert [label["role"] for step in shown["steps"] for label in step["labels"]] == [
            step["role"] for step in row["steps"]
        ]
        assert len(shown["corpus"]["decisions"]) == len(row["decisions"])
    library.close()


def test_a_part_that_is_damaged_is_said_and_the_others_are_read(tmp_path, cache):
    folder = tmp_path / "corpus"
    build(BuildOptions(folder, ["library"], trajectories=8, part_rows=4, alternatives=0, format="jsonl"))
    first, second = part_files(folder, read_manifest(folder))
    first.write_text("{broken\n")
    library = Library([folder], cache)
    library.read_all()
    (source,) = library.sources.values()
    with library.index(source) as index:
        assert queries.page(index, {})["total"] == len(list(read_rows(second)))
        assert first.name in queries.broken_lines(index)[0]["why"]
    library.close()


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_row_tells_its_checklist_state_and_credit(format, tmp_path, cache):
    if format == "parquet":
        pytest.importorskip("pyarrow")
    folder = tmp_path / "corpus"
    build(BuildOptions(folder, ["library"], trajectories=6, part_rows=4, alternatives=0, format=format))
    rows = [row for path in part_files(folder, read_manifest(folder)) for row in read_rows(path)]
    library = Library([folder], cache)
    library.read_all()
    (source,) = library.sources.values()
    explainer = Explainer()
    assert {row["label"] for row in rows} == {"positive", "negative"}
    for n, row in enumerate(rows):
        played = recorded(library, source, n)
        assert (played.task_id, len(played.steps)) == (row["task"], len(episode(library, source, n)["steps"]))
        told = explainer.explain(played)
        assert told["checklist"]
        required = [item["met"] is not None for item in told["checklist"] if item["required"] and not item["judged"]]
        is_solved = row["label"] == "positive"
        assert (told["reasons"] == []) == is_solved
        assert all(required) or not is_solved
        credit = explainer.credit(played, "outcome", "leave_one_out")
        assert len(credit["values"]) == len(played.steps)
        assert credit["all"] == float(is_solved)
    library.close()


def test_the_page_of_a_row_has_its_checklist_and_credit(tmp_path, open_viewer, tab):
    folder = tmp_path / "corpus"
    build(BuildOptions(folder, ["library"], trajectories=6, part_rows=6, alternatives=0, format="jsonl"))
    rows = [row for path in part_files(folder, read_manifest(folder)) for row in read_rows(path)]
    viewer = open_viewer(folder)
    (run,) = viewer.library.sources
    one = tab(viewer.address)
    for label in ("positive", "negative"):
        n = next(n for n, row in enumerate(rows) if row["label"] == label)
        one.go(f"#/run/{run}/{n}?tab=check")
        one.wait("document.querySelector('.checklist tbody tr')")
        assert (one.page.locator(".reasons li").count() > 0) == (label == "negative")
    one.go(f"#/run/{run}/0")
    one.page.click("text=Credit: would it")
    one.page.click("text=Replay")
    one.wait("document.querySelectorAll('.step .credit').length == document.querySelectorAll('.step').length")
