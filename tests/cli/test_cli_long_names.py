"""Names that are longer than their column: whole in the next line, never cut off."""

import re

import pytest

from toolgym.cli import common


@pytest.fixture(name="narrow")
def in_eighty_columns(toolgym, monkeypatch):
    """`toolgym(...)` in a terminal of 80 columns."""
    monkeypatch.setattr(common.out, "_width", 80)
    return toolgym


def joined(text, column):
    """The cells of a column, one after the other."""
    return "".join(line.split("│")[column].strip() for line in text.splitlines() if line.count("│") > column)


def test_a_list_of_episodes_has_whole_ids(narrow, tmp_path):
    done = narrow("planarena", "build", "--trajectories", "2", "--output", tmp_path / "corpus")
    assert done.code == 0, done.err
    shown = narrow("show", tmp_path / "corpus").out
    assert "…" not in shown
    assert len(re.findall(r"planarena_\d+-small-[a-z]+-\d{5}", joined(shown, 2))) == 2


def test_a_described_domain_has_whole_names_of_tools(narrow):
    assert "…" not in narrow("describe", "planarena:18").out


def test_groups_of_an_evaluation_have_whole_names(narrow):
    words = ("eval", "--env", "ToolGym/PlanArena-v0", "--set", "scenario=18", "--agent", "oracle", "--episodes", "5")
    done = narrow(*words)
    assert done.code == 0, done.err
    assert "…" not in done.out


def test_a_scenario_is_named_by_its_number(toolgym):
    done = toolgym("describe", "planarena:x")
    assert done.code == 2
    assert "as in planarena:17" in done.err


@pytest.mark.parametrize("holds", [True, False])
def test_a_folder_is_no_file_of_episodes(toolgym, tmp_path, holds):
    if holds:
        (tmp_path / "results.jsonl").touch()
    done = toolgym("show", tmp_path)
    assert done.code == 2
    assert ("results.jsonl" in done.err) == holds
    assert "is the folder of a run" in done.err if holds else "is a folder" in done.err
