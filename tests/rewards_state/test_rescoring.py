"""Recorded episodes under other rewards, and how a reward orders the episodes of a task."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgym.messages import Turn, render
from toolgym.opening import open_env
from toolgym.rewards import make_reward, preset_names
from toolgym.rewards.rescoring import rescore, separation
from toolgym.trajectory import Trajectory, TrajectoryWriter, read_trajectories


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """(task, trajectory from a file) of the default reward: gold, half of it, and one cut off by a limit."""
    path = tmp_path_factory.mktemp("rescoring") / "episodes.jsonl"
    tasks = []
    with TrajectoryWriter(path) as writer:
        for max_turns, keep in ((30, 1.0), (30, 0.5), (2, 1.0)):
            env = open_env("ToolGym/Airline-v0", size="small", depth=3, max_turns=max_turns)
            for index in range(4):
                env.reset(options={"task": index})
                gold = [render(Turn(a.plan, tuple(c.call() for c in a.calls), a.response)) for a in env.task.gold]
                messages = [*gold[: round(len(gold) * keep)], "<response>That is all.</response>"]
                for message in messages:
                    _, _, terminated, truncated, _ = env.step(message)
                    if terminated or truncated:
                        break
                tasks.append(env.task)
                writer.write(env.trajectory)
            env.close()
    return list(zip(tasks, read_trajectories(path), strict=True))


def test_its_own_reward_gives_what_the_environment_gave(recorded):
    assert {trajectory.outcome for _, trajectory in recorded} >= {"solved", "unsolved", "truncated"}
    reward = make_reward("default")
    for task, trajectory in recorded:
        assert rescore(trajectory, task, reward) == [step.reward for step in trajectory.steps]


@pytest.mark.parametrize("preset", preset_names())
def test_another_reward_gives_what_its_environment_would(recorded, preset):
    env = open_env("ToolGym/Airline-v0", size="small", depth=3, reward=preset)
    for task, trajectory in recorded[:8]:
        env.reset(options={"task": task})
        assert rescore(trajectory, task, make_reward(preset)) == [
            env.step(step.turn.text)[1] for step in trajectory.steps
        ]
    env.close()


@pytest.mark.parametrize("preset", ["default", "toolrl", "tgrl"])
def test_a_step_in_which_the_infrastructure_failed_earns_nothing(recorded, preset):
    task, trajectory = recorded[0]
    broken = trajectory.fork()
    broken.outcome = "infra_error"
    rewards = rescore(broken, task, make_reward(preset))
    assert rewards == [*rescore(trajectory, task, make_reward(preset))[:-1], 0.0]


def test_an_episode_without_steps_earns_nothing(recorded):
    task, _ = recorded[0]
    assert rescore(Trajectory("", task.id, outcome="truncated"), task, make_reward("default")) == []


def test_separation_by_hand():
    # a: 3 > 1, 3 = 3; 2 > 1, 2 < 3.  b: all earn the same.  c: nothing solved.  d: one episode.
    rows = [
        ("a", 3.0, True),
        ("a", 2.0, True),
        ("a", 1.0, False),
        ("a", 3.0, False),
        ("b", 1.0, True),
        ("b", 1.0 + 1e-12, False),
        ("c", 0.0, False),
        ("c", 5.0, False),
        ("d", 7.0, True),
    ]
    found = separation(*zip(*rows, strict=True))
    assert (found.pairs, found.more, found.same, found.less) == (5, 2 / 5, 2 / 5, 1 / 5)
    assert (found.groups, found.flat) == (3, 1 / 3)


def test_without_pairs_there_is_no_share():
    found = separation(["a", "b"], [1.0, 2.0], [True, False])
    assert (found.pairs, found.more, found.same, found.less, found.groups, found.flat) == (0, *(None,) * 3, 0, None)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5, 5), st.booleans()), min_size=1, max_size=30))
def test_only_the_order_within_a_task_counts(rows):
    tasks, values, solved = map(list, zip(*rows, strict=True))
    found = separation(tasks, values, solved)
    moved = [3.0 * value + 100 * "abc".index(task) for task, value in zip(tasks, values, strict=True)]
    assert separation(tasks, moved, solved) == found
    turned = separation(tasks, [-value for value in values], solved)
    assert (turned.more, turned.same, turned.less, turned.flat) == (
        found.less,
        found.same,
        found.more,
        found.flat,
    )
    if found.pairs:
        assert sum(share or 0.0 for share in (found.more, found.same, found.less)) == pytest.approx(1)
