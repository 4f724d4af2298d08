"""`toolgym describe`: a domain's page, up to date in docs/domains/, and what was thrown away."""

import json
from pathlib import Path

import pytest

from toolgym.composing.making import REASONS
from toolgym.registration import own_domains

PAGES = Path(__file__).resolve().parents[2] / "docs" / "domains"


@pytest.mark.parametrize("name", own_domains())
def test_the_page_in_the_docs_is_up_to_date(toolgym, name):
    made = toolgym("describe", name, "--markdown")
    assert made.code == 0, made.err
    written = (PAGES / f"{name}.md").read_text()
    assert made.out == written, "toolgym describe --output docs/domains writes the pages anew"


def test_there_is_no_page_without_a_domain():
    assert {path.stem for path in PAGES.glob("*.md")} == set(own_domains())


def test_the_page_has_every_part(toolgym):
    page = toolgym("describe", "ToolGym/Library-v0", "--markdown").out
    assert page.startswith("# City library\n")
    for part in (
        "| `renew_loan` | writes | Extends a loan",
        "| 1 to 4 of each of the members |",
        "`overdue`",
    ):
        assert part in page
    assert [f"**Depth {depth}**" in page for depth in range(1, 9)] == [True] * 7 + [False]
    shown = toolgym("describe", "library").out
    assert "What is not allowed" in shown
    assert "|---" not in shown


def test_a_declaration_of_ones_own_is_described_and_written(toolgym, tmp_path):
    toolgym("new", "domain", "skipage", "-o", tmp_path / "new")
    own, file = f"{tmp_path / 'new' / 'skipage.py'}:SKIPAGE", tmp_path / "pages" / "page.md"
    assert toolgym("describe", own, "-o", file).code == 0
    assert "`extend_rental`" in file.read_text()


def test_what_was_thrown_away_is_counted_anew(toolgym):
    first = toolgym("describe", "library", "--thrown-away", 12, "--split", "test", "--json")
    assert first.out == toolgym("describe", "library", "--thrown-away", 12, "--split", "test", "--json").out
    counts = json.loads(first.out)["thrown_away"]["test"]
    assert set(counts) <= set(REASONS)
    assert counts["unsuited"] > 0
    table = toolgym("describe", "library", "--thrown-away", 12, "--split", "test").out
    assert f"{sum(counts.values()):,}" in table
    assert all(reason in table for reason in REASONS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Name a domain: airline, "),
        (("libary",), "Did you mean 'library'"),
        (("ToolGym/Libary-v0",), "Unknown domain"),
        (("library", "--size", "smal"), "Did you mean 'small'"),
        (("library", "--json"), "go with --thrown-away"),
        (("library", "--split", "test"), "go with --thrown-away"),
        (("library", "--thrown-away", "3", "--split", "tset"), "Did you mean 'test'"),
        (("library", "--thrown-away", "3", "--markdown"), "writes no page"),
        (("missing.py:DOMAIN",), "Cannot load 'missing.py'"),
        (("toolgym.registration:domains",), "what is described is a Declaration"),
    ],
)
def test_what_cannot_be_described_is_an_error(toolgym, words, message):
    done = toolgym("describe", *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
