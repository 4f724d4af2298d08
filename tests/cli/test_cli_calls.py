"""`ToolGym/Calls-v0` on the command line: rows are evaluated, shown, scored and checked like any tasks."""

import json
from pathlib import Path

import pytest

from toolgym.trajectory import read_trajectories

CALLS = "ToolGym/Calls-v0"
ROWS = Path(__file__).parents[1] / "calls" / "rows.jsonl"
CHOSEN = ("--set", f"data={ROWS}", "--set", "test_share=0", "--split", "train")


@pytest.mark.parametrize("until", ["turn", "response"])
def test_the_oracle_solves_every_row(toolgym, until):
    chosen = (*CHOSEN, "--set", f"until={until}")
    done = toolgym("eval", "--env", CALLS, "--agent", "oracle", "--json", *chosen)
    assert done.code == 0, done.err
    assert json.loads(done.out)["pass@1"] == 1.0


def test_episodes_are_evaluated_shown_and_scored(toolgym, tmp_path):
    file = tmp_path / "calls.jsonl"
    done = toolgym("eval", "--env", CALLS, "--agent", "random", "--output", file, *CHOSEN)
    assert done.code == 0, done.err
    played = read_trajectories(file)
    # Counted in the file: four rows of one example each, and a conversation of three.
    assert {episode.task_id for episode in played} <= {
        *(f"rows-{n}" for n in (1, 2, 3, 4)),
        *(f"rows-5-{n}" for n in (1, 2, 3)),
    }
    assert all(len(episode.steps) == 1 for episode in played)
    for number, episode in enumerate(played):
        told = toolgym("show", file, "--episode", number, "--set", f"data={ROWS}", "--set", "test_share=0")
        assert told.code == 0, told.err
        assert ("why it is not solved" in told.out) == (episode.outcome != "solved")
    scored = toolgym("score", file, "--set", f"data={ROWS}", "--set", "test_share=0", "--reward", "toolrl", "--json")
    assert scored.code == 0, scored.err
    assert [entry["task"] for entry in json.loads(scored.out)["episodes"]] == [one.task_id for one in played]


def test_check_passes(toolgym):
    done = toolgym("check", "--env", CALLS, "--only", "oracle", "--only", "fork", *CHOSEN)
    assert done.code == 0, done.out
    assert "2 of 2 checks passed" in done.out


def test_a_broken_row_is_one_line(toolgym, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"messages": []}\n')
    done = toolgym("check", "--env", CALLS, "--set", f"data={tmp_path / 'rows.jsonl'}")
    assert (done.code, done.out) == (2, "")
    assert "rows.jsonl, line 1: " in done.err
    assert done.err.count("\n") == 1
