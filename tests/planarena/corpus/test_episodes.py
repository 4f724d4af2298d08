"""A corpus's folder in the place of a trajectory file."""

import json
from pathlib import Path
from typing import Any

from toolgym.envs.planarena.corpus.episodes import iterate_episodes


def test_the_episodes_are_the_rows_own(built: Path, rows_of: Any) -> None:
    rows, episodes = rows_of(built), dict(iterate_episodes(built))
    assert list(episodes) == list(range(len(rows)))
    for row, episode in zip(rows, episodes.values(), strict=True):
        assert (episode.task_id, episode.outcome, episode.meta["row"]) == (row["task"], row["outcome"], row["id"])
        assert episode.env_id == "ToolGym/Library-v0"
        texts = [result.text for step in episode.steps for result in step.results]
        assert texts == [step["answer"] for step in row["steps"] if step["kind"] == "call"]


def test_show_lists_and_explains_them(built: Path, toolgym: Any) -> None:
    done = toolgym("show", built)
    assert done.code == 0, done.err
    assert "24 episodes" in done.out
    assert "why it is not solved" in toolgym("show", built, "--outcome", "unsolved", "--episode", 0).out
    assert len(json.loads(toolgym("show", built, "--outcome", "solved", "--json").out)) == 12


def test_score_compares_rewards_on_them(built: Path, toolgym: Any) -> None:
    told = json.loads(toolgym("score", built, "--set", "size=small", "--reward", "solved", "--json").out)
    # 12 pairs of one task each: the positive row earns 1 and the negative one 0.
    assert told["rewards"]["solved"]["pairs"] == 12
    assert told["rewards"]["solved"]["more"] == 1.0


def test_a_folder_that_is_none(tmp_path: Path, toolgym: Any) -> None:
    done = toolgym("show", tmp_path)
    assert done.code == 2
    assert "is a folder; what is shown is a file of episodes, or the folder of a corpus" in done.err
