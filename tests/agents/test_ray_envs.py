"""Environments in Ray actors: the same episodes as in this process, forks, and actors that die."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from toolgym.agents import grpo, tree
from toolgym.agents.evaluation.evaluation import EvalOptions, evaluate
from toolgym.agents.policies.scripted import OraclePolicy, RandomPolicy
from toolgym.agents.rollouts.environments import perturbed
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.errors import ConfigError, InfraError
from toolgym.messages import CutMessage
from toolgym.opening import open_env

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
ray = pytest.importorskip("ray")
OPTIONS = {"size": "small", "prompt": "short"}
ENV = "ToolGym/Airline-v0"


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray on this machine, with six CPUs whatever it has."""
    ray.init("local", num_cpus=6, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def envs(cluster: None) -> Iterator[list[Any]]:
    """Three environments in two actors."""
    from toolgym.ray_envs import ray_envs

    made = ray_envs(ENV, 3, 2, OPTIONS)
    yield made
    for env in made:
        env.close()


def test_episodes_are_those_of_this_process(envs: list[Any]) -> None:
    starts = [Start(options={"task": task}) for task in range(7)]
    here = rollouts(RandomPolicy(3), [(env := open_env(ENV, **OPTIONS)), env.spawn(), env.spawn()], starts)
    there = rollouts(RandomPolicy(3), envs, starts)
    assert [rollout.trajectory for rollout in there] == [rollout.trajectory for rollout in here]
    assert [rollout.rewards for rollout in there] == [rollout.rewards for rollout in here]
    assert len({rollout.outcome for rollout in here}) > 1 or here[0].outcome != "solved"
    env.close()


def test_perturbations_do_not_depend_on_who_plays(cluster: None) -> None:
    from toolgym.ray_envs import ray_envs

    options = {**OPTIONS, "rename": True}
    near, far = [open_env(ENV, **options)], ray_envs(ENV, 2, 1, options)
    starts = [[Start(options={"task": task, **perturbed(envs[0], 7)}) for task in (3, 3, 4)] for envs in (near, far)]
    here, there = rollouts(OraclePolicy(), near, starts[0]), rollouts(OraclePolicy(), far, starts[1])
    assert [rollout.trajectory for rollout in there] == [rollout.trajectory for rollout in here]
    assert here[0].trajectory == here[1].trajectory
    for env in (*near, *far):
        env.close()


def test_the_task_and_the_trajectory_come_along(envs: list[Any]) -> None:
    env = envs[0]
    _, info = env.reset(seed=4)
    local = open_env(ENV, **OPTIONS)
    _, expected = local.reset(seed=4)
    assert info == expected
    assert env.task == local.task
    env.step("<plan>hm</plan>")
    local.step("<plan>hm</plan>")
    assert env.trajectory == local.trajectory  # in the middle of an episode
    answers = [each.step(CutMessage("<response>Hello.</response>")) for each in (env, local)]
    assert answers[0] == answers[1]
    assert not answers[0][2]  # cut: no answer
    assert env.trajectory == local.trajectory
    local.close()


def test_forks_part_ways(envs: list[Any]) -> None:
    env = envs[1]
    env.reset(options={"task": 2})
    twin = env.fork()
    assert not twin.step("<plan>one more thought</plan>")[2]
    played = [fork.trajectory for fork in (env, twin)]
    assert [len(trajectory.steps) for trajectory in played] == [0, 1]
    twin.close()
    assert env.step("<response>Hello.</response>")[2]


def test_bad_input_is_told_as_in_this_process(envs: list[Any]) -> None:
    with pytest.raises(ConfigError, match="reset option"):
        envs[0].reset(options={"tusk": 1})
    envs[0].reset(options={"task": 1})
    with pytest.raises(TypeError):
        envs[0].step(3)


def test_an_actor_that_dies_costs_its_episode_alone(cluster: None) -> None:
    from toolgym.ray_envs import ray_envs

    killed, other = ray_envs(ENV, 2, 2, OPTIONS)
    for env in (killed, other):
        env.reset(options={"task": 0})
    os.kill(ray.get(killed._actor.__ray_call__.remote(lambda worker: os.getpid())), signal.SIGKILL)
    observation, reward, terminated, truncated, info = killed.step("<response>Hello.</response>")
    assert (observation, reward, terminated, truncated) == ("", 0.0, True, False)
    assert info["outcome"] == "infra_error"
    assert killed.trajectory is None
    assert other.step("<response>Hello.</response>")[4]["outcome"] == "unsolved"
    for _ in range(100):  # Ray starts another one; until it has, resets say so
        try:
            killed.reset(options={"task": 0})
            break
        except InfraError:
            continue
    assert killed.step("<response>Hello.</response>")[4]["outcome"] == "unsolved"
    for env in (killed, other):
        env.close()


def test_an_evaluation_gives_the_same_report(cluster: None, tmp_path: Path) -> None:
    def report(workers: int) -> Any:
        options = EvalOptions(env_id=ENV, episodes=6, env_options=OPTIONS, env_workers=workers)
        return evaluate(OraclePolicy(), options, agent="oracle").to_json()

    assert report(2) == report(0)


@pytest.mark.parametrize("learner", [grpo, tree], ids=["grpo", "tree"])
def test_a_run_is_the_same_wherever_it_plays(
    learner: Any, cluster: None, airline_arguments: list[str], tmp_path: Path, metrics: Any
) -> None:
    """Forks too: `tree` branches its rollouts."""

    def lines(workers: int) -> Any:
        output = tmp_path / str(workers)
        more = ["--rollouts", "4", "--env-workers", str(workers), "--record", "--output", str(output)]
        learner.main([*airline_arguments, *more])
        found = metrics(output)
        # Of tokens that are sampled beside others than they would be here: equal but for the rounding of a batch.
        entropies = [line.pop("entropy") for line in found]
        return found, (output / "episodes.jsonl").read_text(), pytest.approx(entropies, rel=1e-6)

    there, here = lines(2), lines(0)
    assert there[:2] == here[:2]
    assert there[2] == here[2].expected


def test_workers_that_find_no_free_cpu(cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolgym import ray_envs as module

    monkeypatch.setattr(module, "_START_S", 0.01)
    with pytest.raises(InfraError, match=r"1 Ray workers were not there within 0.01 s: is a CPU free"):
        module.ray_envs(ENV, 1, 1, OPTIONS)


def test_what_cannot_be_made(cluster: None) -> None:
    from toolgym.ray_envs import ray_envs

    with pytest.raises(ConfigError, match=r"7 workers need as many CPUs, but the Ray cluster has 6"):
        ray_envs(ENV, 7, 7, OPTIONS)
    with pytest.raises(ConfigError, match="count and workers must be at least 1"):
        ray_envs(ENV, 3, 0, OPTIONS)
    with pytest.raises(ConfigError, match="size"):
        ray_envs(ENV, 1, 1, {"size": "huge"})
    with pytest.raises(ConfigError, match="env_workers at least 0"):
        EvalOptions(env_workers=-1)
