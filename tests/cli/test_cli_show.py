"""`toolgym show`: a list of episodes, one of them, and why it is not solved."""

import json
from dataclasses import replace

import pytest

from toolgym.trajectory import TrajectoryWriter, read_trajectories


@pytest.fixture
def episodes(toolgym, tmp_path):
    """A file of 3 solved episodes and then 3 in which nothing was done."""
    path = tmp_path / "episodes.jsonl"
    for agent in ("oracle", "noop"):
        done = toolgym("eval", "-a", agent, "-n", 3, "-o", path, "--append", "--set", "size=small", "--set", "depth=5")
        assert done.code == 0
        # Where it wrote, and what shows it: beside the report, which is all of stdout.
        assert f"3 episodes were added to {path}: toolgym show {path}" in done.err
    return path


def test_the_request_is_shown_and_the_policy_folded(toolgym, episodes):
    trajectory = read_trajectories(episodes)[0]
    policy, _, request = trajectory.prompt.rpartition("\n\n<user>")
    shown = toolgym("show", episodes, "--episode", 0).out
    flat = " ".join(shown.replace("│", " ").split())
    assert " ".join(request.removesuffix("</user>").split()) in flat
    assert f"{len(policy)} characters (--full shows them)" in shown
    assert "booking agent" not in shown
    assert len(shown) < len(policy)
    full = toolgym("show", episodes, "--episode", 0, "--full").out
    assert "booking agent" in full
    assert "more characters" not in full
    assert "why it is not solved" not in full


def test_each_step_says_its_reward_by_term_and_the_end_says_why(toolgym, episodes):
    trajectory = read_trajectories(episodes)[3]
    shown = toolgym("show", episodes, "--episode", 3).out  # the file says the world's size
    for step in trajectory.steps:
        for name, value in step.rewards.items():
            assert f"{name} {value:.3g}" in shown
    assert "why it is not solved" in shown
    assert "expected" in shown.partition("why it is not solved")[2]
    assert "as at the start" in toolgym("show", episodes, "--episode", -1).out + shown


def test_why_cannot_be_told_without_the_environment(toolgym, episodes, tmp_path):
    said = toolgym("show", episodes, "--episode", 3, "--set", "size=standard")
    assert said.code == 0
    assert "cannot be told" in said.out
    assert "--set size=small" in said.out
    other = tmp_path / "other.jsonl"
    with TrajectoryWriter(other) as writer:
        trajectory = read_trajectories(episodes)[3]
        writer.write(replace(trajectory, env_id="my_module:My-v0"))
        writer.write(replace(trajectory, env_id="Nowhere-v0"))
        writer.write(replace(trajectory, meta={"split": 3, "world": 3}))
        writer.write(replace(trajectory, meta={"split": "test", "world": {"size": "small", "servers": "evil.py:run"}}))
    assert "if you trust it" in toolgym("show", other, "--episode", 0).out
    assert "Unknown environment 'Nowhere-v0'" in toolgym("show", other, "--episode", 1).out
    assert "cannot be told" in toolgym("show", other, "--episode", 2).out
    assert "why it is not solved" in toolgym("show", other, "--episode", 3).out  # nothing else of a file is followed
    chosen = toolgym("show", other, "--episode", 1, "--env", "ToolGym/Airline-v0", "--set", "size=small").out
    assert "why it is not solved" in chosen


def test_a_number_opens_the_episode_that_the_same_list_gives_it(toolgym, episodes):
    recorded = read_trajectories(episodes)
    listed = toolgym("show", episodes, "--outcome", "unsolved").out
    rows = [line.split("│")[1:4] for line in listed.splitlines() if line.startswith("│")]
    assert [(int(place), int(number)) for place, number, _ in rows] == [(0, 3), (1, 4), (2, 5)]
    for place, number, task in rows:
        assert task.strip() == recorded[int(number)].task_id
        both = "--outcome", "unsolved", "--episode", int(place), "--json"
        (opened,) = json.loads(toolgym("show", episodes, *both).out)
        assert opened["task_id"] == task.strip()
        assert opened["outcome"] == "unsolved"
        alone = json.loads(toolgym("show", episodes, "--episode", int(number), "--json").out)
        assert alone == [opened]
    assert "--outcome unsolved --episode 0" in listed


def test_an_outcome_that_there_is_not(toolgym, episodes):
    for more in ((), ("--episode", 0), ("--json",)):
        done = toolgym("show", episodes, "--outcome", "nope", *more)
        assert done.code == 2
        assert "Unknown outcome 'nope'" in done.err
        assert "policy_error, solved" in done.err
    assert "No episode ended as truncated" in toolgym("show", episodes, "--outcome", "truncated").out


@pytest.mark.parametrize("command", ["show", "score"])
def test_one_file_at_a_time(toolgym, tmp_path, command):
    episodes = tmp_path / "episodes.jsonl"
    episodes.touch()
    said = toolgym(command, episodes, episodes)
    assert (said.code, said.out) == (2, "")
    assert f"{episodes} is a file, and no environment: toolgym {command} takes one file at a time" in said.err


@pytest.mark.parametrize("words", [["--env", "Nope"], ["Nope"], ["--set", "nosuch=1"], ["--full"]])
def test_what_is_of_one_episode_is_refused_without_one(toolgym, tmp_path, words):
    episodes = tmp_path / "episodes.jsonl"
    episodes.touch()
    for more in ([], ["--json"], ["--episode", 0, "--json"]):
        said = toolgym("show", episodes, *words, *more)
        assert (said.code, said.out) == (2, "")
        assert "is of an episode that is shown step by step: give --episode, and not --json" in said.err
