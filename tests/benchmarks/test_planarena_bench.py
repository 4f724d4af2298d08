"""`python -m benchmarks.planarena`: what it counts, and that it fails where a scenario is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmarks import planarena
from benchmarks.planarena import near, shingles, words_of

PARTS = st.frozensets(st.sampled_from("abcdefgh"), min_size=1)


def run(*words: str) -> Any:
    import typer

    app = typer.Typer()
    app.command()(planarena.main)
    return CliRunner().invoke(app, list(words))


@given(st.lists(PARTS, max_size=8), st.lists(PARTS, max_size=8), st.sampled_from([0.5, 0.7, 0.8, 1.0]))
def test_what_is_near_is_found(ones: list[frozenset[str]], others: list[frozenset[str]], least: float) -> None:
    plainly = sum(any(len(a & b) >= least * len(a | b) for b in others) for a in ones)
    assert near(ones, others, least) == plainly


def test_what_is_masked_and_what_a_word_is() -> None:
    assert shingles("Cancel BB-10424, please.") == shingles("Cancel bb_77310, please.") == {"cancel <> please"}
    assert words_of("getBerth berths.list get_berth_id") == {"get", "berth", "berths", "list"}


def test_it_counts_scenarios() -> None:
    result = run("--scenarios", "7", "--tasks", "2", "--timed", "0", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["scenarios"], found["tasks"], found["oracle"], found["wrong"]) == (7, 14, 1.0, 0)
    assert 28 <= found["distinct_tools"] <= found["tools"] <= 84


def test_it_fails_where_a_scenario_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planarena, "problems", lambda _: ["its noun is wrong"])
    result = run("--scenarios", "1", "--tasks", "1", "--timed", "0", "--json")
    assert result.exit_code == 1
    assert "0: its noun is wrong" in result.output
