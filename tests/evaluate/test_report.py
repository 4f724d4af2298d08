"""Many scores to one report: averages over tasks, infrastructure apart, groups, JSON."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from toolgym.agents.evaluation.metrics import EpisodeScore, wilson
from toolgym.agents.evaluation.report import report_table, summarise


def score(task: str, trial: int, outcome: str, *, depth=1, kind=("cancel",), reward=0.0, recall=1.0, errors=None):
    return EpisodeScore(
        task_id=task,
        trial=trial,
        kind=kind,
        depth=depth,
        forbidden=False,
        outcome=outcome,
        reward=reward,
        turns=2,
        calls=depth,
        tool_recall=recall,
        call_recall=recall,
        errors=errors or {},
    )


SCORES = [
    # Task a: 2 of 3 trials solved. Task b: 1 of 2, and one lost to the infrastructure. Task c: none of 3.
    score("a", 0, "solved", reward=1.0),
    score("a", 1, "solved", reward=1.0),
    score("a", 2, "unsolved", errors={"arguments": 2}),
    score("b", 0, "solved", depth=2, kind=("look", "cancel"), reward=2.0, recall=0.5, errors={"parse": 1}),
    score("b", 1, "infra_error", depth=2, kind=("look", "cancel"), recall=0.0),
    score("b", 2, "truncated", depth=2, kind=("look", "cancel"), recall=0.5),
    score("c", 0, "unsolved", recall=None, errors={"tool_selection": 1}),
    score("c", 1, "policy_error", recall=None),
    score("c", 2, "unsolved", recall=None, errors={"tool_selection": 1}),
]


@pytest.fixture(name="report")
def made_report():
    return summarise(SCORES, k=3, settings={"agent": "test"})


def test_pass_figures(report):
    figures = report.to_json()
    # pass@1 = (2/3 + 1/2 + 0)/3.
    assert figures["pass@1"] == pytest.approx((2 / 3 + 1 / 2) / 3)
    assert figures["pass^1"] == pytest.approx(figures["pass@1"])
    # Pairs: a: 1 - C(1,2)/C(3,2) = 1; b: 1 - C(1,2)/C(2,2) = 1; c: 0. All solved: a: 1/3; b: 0; c: 0.
    assert figures["pass@2"] == pytest.approx(2 / 3)
    assert figures["pass^2"] == pytest.approx((1 / 3) / 3)
    # Task b has two trials that count, so it cannot tell of three: a: 1, c: 0.
    assert figures["pass@3"] == figures["pass@k"] == pytest.approx(0.5)
    assert figures["pass^3"] == figures["pass^k"] == 0.0
    # Wilson's interval takes the three tasks as the independent units.
    assert figures["intervals"]["pass@1"] == pytest.approx(list(wilson(figures["pass@1"], 3)))
    assert figures["intervals"]["pass@2"] == pytest.approx(list(wilson(2 / 3, 3)))
    # Of three trials two tasks tell: that neither has all solved leaves an interval of some width.
    assert figures["intervals"]["pass^k"] == pytest.approx(list(wilson(0.0, 2)))


def test_what_doing_nothing_would_have_got_stands_beside():
    # Two tasks of two trials; nothing solves the first: (1 + 0) / 2.
    scores = [replace(score(task, trial, "unsolved"), idle_solves=task == "a") for task in "ab" for trial in (0, 1)]
    report = summarise(scores, k=2, settings={})
    assert report.to_json()["noop_pass@1"] == 0.5
    assert report.to_json()["by_depth"]["1"]["noop_pass@1"] == 0.5
    assert report.to_json()["intervals"]["noop_pass@1"] == pytest.approx(list(wilson(0.5, 2)))
    out = io.StringIO()
    Console(file=out, width=100).print(report_table(report))
    shown = next(line for line in out.getvalue().splitlines() if "doing nothing" in line)
    assert "50.0%" in shown


def test_infrastructure_is_counted_apart(report):
    figures = report.to_json()
    assert figures["episodes"] == 9
    assert figures["infra_errors"] == 1
    assert figures["outcomes"] == {
        "infra_error": 1,
        "policy_error": 1,
        "solved": 3,
        "truncated": 1,
        "unsolved": 3,
    }
    # Rewards: a: 2/3, b: (2 + 0)/2 = 1 without the lost trial, c: 0.
    assert figures["mean_reward"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    # Recall: a: 1, b: 0.5; c has no gold call.
    assert figures["tool_recall"] == pytest.approx(0.75)


def test_errors_count_only_in_episodes_that_failed(report):
    shares = report.to_json()["errors"]
    # a: 1 of 3 trials; b's parse error was in a solved episode; c: 2 of 3.
    assert shares["arguments"] == pytest.approx((1 / 3) / 3)
    assert shares["parse"] == 0.0
    assert shares["tool_selection"] == pytest.approx((2 / 3) / 3)


def test_groups(report):
    figures = report.to_json()
    assert list(figures["by_depth"]) == ["1", "2"]
    assert figures["by_depth"]["2"]["pass@1"] == pytest.approx(0.5)
    assert figures["by_kind"]["cancel"]["tasks"] == 3
    assert figures["by_kind"]["look"]["tasks"] == 1


def test_nothing_to_average_is_null_and_valid_json():
    report = summarise([score("a", 0, "infra_error")], k=2, settings={})
    figures = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert figures["pass@1"] is None
    assert figures["pass^k"] is None
    assert figures["infra_errors"] == 1


def test_table_shows_the_figures(report):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(report_table(report))
    text = console.export_text()
    assert "38.9%" in text  # pass@1 = 7/18
    assert "pass^3" in text
    assert "1 lost to infrastructure" in text
    assert "kind look" in text
