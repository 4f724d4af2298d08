"""`toolgym score`: of texts, and of recorded episodes."""

import json
from dataclasses import replace

import pytest

from toolgym.trajectory import Trajectory, TrajectoryWriter, read_trajectories


def test_texts(toolgym, tmp_path):
    call = '<tool_call>{"name": "look", "arguments": {"id": 1}}</tool_call>'
    lines = [{"completion": call, "gold": call}, {"completion": "<response>No.</response>", "gold": call}]
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    scores = json.loads(toolgym("score", path, "--reward", "default", "--json").out)
    assert len(scores) == 2
    assert scores[0]["total"] > scores[1]["total"]
    assert "total" in toolgym("score", path, "--reward", "default").out
    assert "Did you mean 'default'" in toolgym("score", path, "--reward", "defualt").err
    assert "one --reward at a time" in toolgym("score", path, "-r", "default", "-r", "toolrl").err
    assert "no trajectory file" in toolgym("score", path, "--env", "ToolGym/Airline-v0").err
    path.write_text('{"completion": "x"}\n')
    assert "line 1: no 'gold'" in toolgym("score", path).err
    path.write_text("[1]\n")
    assert "expected a JSON object" in toolgym("score", path).err
    path.write_text("{\n")
    assert "not JSON" in toolgym("score", path).err


WRONG = [
    {"completion": "x", "gold": 5},
    {"completion": None, "gold": "x"},
    {"completion": [1], "gold": "x"},
    {"completion": {"role": "assistant", "tool_calls": [5]}, "gold": "x"},
    {"completion": "x", "gold": {"plan": 5}},
    {"completion": "x", "gold": {"response": ["x"]}},
    {"completion": "x", "gold": {"name": "look", "arguments": "{"}},
    {"completion": "x", "gold": [None]},
]


@pytest.mark.parametrize("line", WRONG, ids=str)
@pytest.mark.parametrize("reward", ["toolrl", "default"])
def test_a_line_of_wrong_types_is_one_error(toolgym, tmp_path, line, reward):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"completion": "x", "gold": "x"}) + "\n" + json.dumps(line) + "\n")
    done = toolgym("score", path, "--reward", reward, "--json")
    assert done.code == 2
    assert "line 2: " in done.err
    assert "got" in done.err


@pytest.fixture
def episodes(toolgym, tmp_path):
    """A file of 8 episodes of 4 tasks, half of them solved."""
    path = tmp_path / "episodes.jsonl"
    for agent in ("oracle", "noop"):
        settings = ("--set", "size=small", "--set", "depth=5")
        assert toolgym("eval", "-a", agent, "-n", 4, "-o", path, "--append", *settings).code == 0
    return path


def test_episodes(toolgym, episodes):
    done = toolgym("score", episodes, "--set", "size=small", "-r", "default", "-r", "toolrl")
    assert done.code == 0
    assert "8 episodes of 4 tasks, 4 solved" in done.out
    assert "4 pairs of a solved and another episode" in done.out
    figures = json.loads(toolgym("score", episodes, "--set", "size=small", "--json").out)
    assert set(figures["rewards"]) >= {"default", "solved", "toolrl"}
    solved = figures["rewards"]["solved"]
    assert (solved["mean"], solved["mean_solved"], solved["mean_unsolved"]) == (0.5, 1.0, 0.0)
    assert (solved["pairs"], solved["more"], solved["same"], solved["less"]) == (4, 1.0, 0.0, 0.0)
    assert (solved["groups"], solved["flat"]) == (4, 0.0)
    recorded = [sum(step.reward for step in trajectory.steps) for trajectory in read_trajectories(episodes)]
    assert [episode["returns"]["default"] for episode in figures["episodes"]] == recorded
    assert figures["left_out"] == 0


def test_options_of_a_reward_and_a_reward_of_ones_own(toolgym, episodes, tmp_path):
    (tmp_path / "mine.py").write_text("def brief(trajectory, task):\n    return -1.0\n")
    mine = f"{tmp_path / 'mine.py'}:brief"
    figures = json.loads(toolgym("score", episodes, "--set", "size=small", "-r", mine, "--json").out)
    assert list(figures["rewards"]) == [mine]
    turns = [len(trajectory.steps) for trajectory in read_trajectories(episodes)]
    assert [episode["returns"][mine] for episode in figures["episodes"]] == [-float(count) for count in turns]
    scored = [
        json.loads(toolgym("score", episodes, "--set", "size=small", "-r", "steptool", "--json", *more).out)
        for more in ((), ("--set", 'reward_options={"alpha": 0.5}'))
    ]
    means = [figures["rewards"]["steptool"]["mean_solved"] for figures in scored]
    assert means[1] > means[0]


def test_a_task_met_again_in_training_is_another_group(toolgym, episodes):
    recorded = read_trajectories(episodes)
    again = episodes.with_name("steps.jsonl")
    with TrajectoryWriter(again) as writer:
        for trajectory in recorded:  # the solved ones at step 1, the others at step 2
            step = 1 if trajectory.outcome == "solved" else 2
            writer.write(replace(trajectory, meta={**trajectory.meta, "step": step}))
    figures = json.loads(toolgym("score", again, "--set", "size=small", "-r", "solved", "--json").out)
    assert (figures["rewards"]["solved"]["pairs"], figures["rewards"]["solved"]["groups"]) == (0, 0)


def test_a_file_that_was_written_with_spaces_is_read(toolgym, episodes):
    spaced = episodes.with_name("spaced.jsonl")
    lines = [json.dumps(json.loads(line)) for line in episodes.read_text().splitlines()]
    spaced.write_text("\n".join(lines) + "\n")
    assert toolgym("score", spaced, "--set", "size=small", "-r", "solved").code == 0


def test_unfinished_and_lost_episodes_are_left_out(toolgym, episodes):
    with TrajectoryWriter(episodes) as writer:
        writer.begin(Trajectory("ToolGym/Airline-v0", "airline-small-test-00000", meta={"split": "test"}))
        writer.write(Trajectory("ToolGym/Airline-v0", "lost", outcome="infra_error", meta={"split": "test"}))
    done = toolgym("score", episodes, "--set", "size=small", "-r", "default")
    assert "8 episodes of 4 tasks, 4 solved; 2 unfinished or lost" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "--set size=small"),
        (("--set", "size=small", "--set", "domain_seed=1"), "No task 'airline-small-test-"),
        (("--set", "size=small", "--set", "split=test"), "neither goes with --set"),
        (("--set", "sice=small"), "Did you mean 'size'"),
        (("--set", "size=small", "-r", "tolrl"), "Did you mean 'toolrl'"),
        (("--set", "size=small", "--env", "ToolGym/Airlin-v0"), "Did you mean 'ToolGym/Airline-v0'"),
    ],
)
def test_errors_of_episodes_say_what_to_do(toolgym, episodes, more, message):
    done = toolgym("score", episodes, *more)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_an_id_that_means_another_task_is_no_match(toolgym, tmp_path):
    path = tmp_path / "other.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.write(
            Trajectory(
                "ToolGym/Airline-v0",
                "airline-small-test-00000",
                prompt="Please water the plants.",
                outcome="unsolved",
                meta={"split": "test"},
            )
        )
    done = toolgym("score", path, "--set", "size=small")
    assert done.code == 2
    assert "'airline-small-test-00000' asks for something else than the recorded episode" in done.err


def test_files_without_an_episode_to_score(toolgym, tmp_path):
    path = tmp_path / "none.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.begin(Trajectory("ToolGym/Airline-v0", "airline-small-test-00000"))
    assert "no episode that came to an end" in toolgym("score", path).err
    with TrajectoryWriter(path) as writer:
        writer.write(Trajectory("ToolGym/Airline-v0", "a", outcome="solved"))
        writer.write(Trajectory("ToolGym/MCP-v0", "b", outcome="solved"))
    assert "score a file of one" in toolgym("score", path).err


def test_dashes_are_explained_under_the_table(toolgym, episodes, tmp_path):
    recorded = read_trajectories(episodes)
    kinds = {
        "every episode is solved": recorded[:4],
        "no episode is solved": recorded[4:],
        "no task has both": [recorded[0], next(one for one in recorded[4:] if one.task_id != recorded[0].task_id)],
        "": recorded,
    }
    for said, some in kinds.items():
        path = tmp_path / f"{len(some)}{said[:3]}.jsonl"
        with TrajectoryWriter(path) as writer:
            for trajectory in some:
                writer.write(trajectory)
        shown = toolgym("score", path, "--set", "size=small", "--set", "depth=5", "-r", "default").out
        below = shown.partition("└")[2]
        assert "flat: the share of tasks whose episodes all earn the same" in below
        assert (said and said in below) or "- in" not in below
        assert ("no task has several episodes" in below) == bool(said)
        assert ("│    - │" in shown) == bool(said)
