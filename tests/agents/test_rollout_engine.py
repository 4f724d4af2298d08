"""Rollouts wait for nobody, and nothing of an episode depends on who waits: latencies, failures, hangs, interrupts."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, evaluate
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.policy import Completion
from toolgym.agents.policies.scripted import NoopPolicy, OraclePolicy
from toolgym.agents.rollouts.rollout import Rollout, Start, play_all, rollouts
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, InfraError
from toolgym.trajectory import read_trajectories

EPISODES = 6
STEPS = 3
LIMIT_S = 0.4
HOW = st.sampled_from(["answer"] * 12 + ["fail", "raise", "cancel", "hang"])
PLAN = st.tuples(HOW, st.sampled_from([0.0, 0.0, 0.001, 0.004, 0.02]))
PLANS = st.lists(st.lists(PLAN, min_size=STEPS, max_size=STEPS), min_size=EPISODES, max_size=EPISODES)


class Planned:
    """An environment whose steps come late, fail, are cancelled or hang, as a plan by (episode, step) says."""

    def __init__(self, env: Any, plans: Sequence[Sequence[tuple[str, float]]], waits: bool):
        self.env, self.plans, self.suspends = env, plans, waits
        self.inside = threading.Lock()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.plan = list(self.plans[(options or {})["task"]])
        return self.env.reset(seed=seed, options=options)

    def step(self, action: str) -> Any:
        with self.inside:  # never two at a time
            how, wait_s = self.plan.pop(0)
            if self.suspends:
                time.sleep(1.5 * LIMIT_S if how == "hang" else wait_s)
            return self._end(how, action)

    def _end(self, how: str, action: str) -> Any:
        if how == "fail":
            return "", 0.0, True, False, {"outcome": "infra_error"}
        if how == "raise" or (not self.suspends and how != "answer"):
            raise InfraError("the server is gone")
        if how == "cancel":
            raise asyncio.CancelledError
        return self.env.step(action)


class PlannedAsync(Planned):
    """The same with coroutines."""

    async def step_async(self, action: str) -> Any:
        how, wait_s = self.plan.pop(0)
        await asyncio.sleep(1e6 if how == "hang" else wait_s)
        return self._end(how, action)


def kept(episodes: Sequence[Rollout]) -> list[Any]:
    """What must not depend on who waits: all but the last digits of log-probabilities, and the words of errors."""
    return [replace(episode, logprobs=[], error="") for episode in episodes]


@pytest.mark.slow
def test_what_is_played_does_not_depend_on_who_waits(tokenizer: Any, tiny_model: Any, toy_envs: Any) -> None:
    @settings(max_examples=25, deadline=None)
    @given(plans=PLANS, kind=st.sampled_from([Planned, PlannedAsync]), slots=st.integers(1, EPISODES))
    def equal(plans: Any, kind: Any, slots: int) -> None:
        limit_s = LIMIT_S if "hang" in str(plans) else None

        def play(count: int, waits: bool) -> list[Rollout]:
            policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=6), seed=3)
            envs = [kind(env, plans, waits) for env in toy_envs(count)]
            begin = [Start(options={"task": task}) for task in range(EPISODES)]
            out = rollouts(policy, envs, begin, step_timeout_s=limit_s)
            assert not policy.decoder._open  # nothing is kept of an episode that is over
            return out

        expected, played = play(2, waits=False), play(slots, waits=True)
        assert kept(played) == kept(expected)
        for one, other in zip(played, expected, strict=True):
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)

    equal()


class Talker:
    """A policy without tokens that says which turn it is, and tells how many episodes it was in at once."""

    def __init__(self) -> None:
        self.turns: dict[int, int] = {}
        self.most = 0

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        self.turns[slot] = 0
        self.most = max(self.most, len(self.turns))
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        return [self._said(slot) for slot in slots]

    def _said(self, slot: int) -> Completion:
        self.turns[slot] += 1
        return Completion(f"{slot}: {self.turns[slot]}")

    def end(self, slot: int) -> None:
        self.turns.pop(slot, None)


class Awaited(Talker):
    """Its turns are coroutines, later ones of lower slots."""

    async def turn(self, slot: int) -> Completion:
        await asyncio.sleep(0.002 * (7 - slot % 7))
        return self._said(slot)


class Echo:
    """Three steps, each of which does what it was told before it answers."""

    suspends = True

    def __init__(self, before: Callable[[int, int], Any], steps: int = 3):
        self.before, self.length = before, steps

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.task, self.said = (options or {})["task"], 0
        return "", {}

    def step(self, action: str) -> Any:
        self.said += 1
        self.before(self.task, self.said)
        return "", float(self.task), self.said == self.length, False, {"outcome": "solved"}


class EchoAsync(Echo):
    """The same with coroutines; what is to be done before an answer is one too."""

    async def step_async(self, action: str) -> Any:
        self.said += 1
        await self.before(self.task, self.said)
        return "", float(self.task), self.said == self.length, False, {"outcome": "solved"}


def starts(count: int) -> list[Start]:
    return [Start(options={"task": task}) for task in range(count)]


@pytest.mark.parametrize("policy", [Talker, Awaited])
def test_a_step_that_takes_long_holds_up_nobody(policy: Any) -> None:
    """Episode 0's first step ends when all the other episodes have ended: any barrier would be a deadlock."""
    others, ended = threading.Event(), list[int]()

    def before(task: int, step: int) -> None:
        assert task or step > 1 or others.wait(60)

    def on_end(index: int, rollout: Rollout) -> None:
        ended.append(index)
        if len(ended) == 8:
            others.set()

    played = rollouts(policy(), [Echo(before) for _ in range(3)], starts(9), on_end=on_end)
    assert ended[-1] == 0
    assert [(episode.rewards, episode.outcome) for episode in played] == [([float(n)] * 3, "solved") for n in range(9)]


def test_coroutines_of_one_policy_and_its_environments_overlap() -> None:
    """All 40 episodes are in their first step before one of them answers, whatever the number of threads."""
    inside, all_there = list[int](), asyncio.Event()

    async def before(task: int, step: int) -> None:
        inside.append(task)
        if len(inside) >= 40:
            all_there.set()
        await all_there.wait()

    policy = Awaited()
    played = rollouts(policy, [EchoAsync(before) for _ in range(40)], starts(50))
    assert [episode.rewards for episode in played] == [[float(n)] * 3 for n in range(50)]
    assert policy.most == 40  # no more than there are environments
    assert not policy.turns


async def _deaf() -> None:
    """Does not listen to who cancels it, for a while."""
    for _ in range(20):
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue


@pytest.mark.parametrize("how", ["coroutine", "deaf coroutine", "thread"])
def test_a_step_that_hangs_ends_its_episode_alone(how: str) -> None:
    release = threading.Event()

    def hangs(task: int, step: int) -> Any:
        if (task, step) == (1, 2):
            return {"coroutine": lambda: asyncio.sleep(1e6), "deaf coroutine": _deaf, "thread": release.wait}[how]()
        return asyncio.sleep(0) if how != "thread" else None

    kind = Echo if how == "thread" else EchoAsync
    played = rollouts(Talker(), [kind(hangs) for _ in range(2)], starts(8), step_timeout_s=0.2)
    release.set()
    assert [episode.outcome for episode in played] == ["solved", "infra_error", *["solved"] * 6]
    assert played[1].rewards == [1.0, 0.0]
    assert played[1].error == "CallTimeoutError: a step had no answer within 0.2 s"


def test_environments_that_are_all_held_end_the_rest() -> None:
    release = threading.Event()
    envs = [Echo(lambda task, step: release.wait()) for _ in range(2)]
    played = rollouts(Talker(), envs, starts(5), step_timeout_s=0.05)
    release.set()
    assert [episode.outcome for episode in played] == ["infra_error"] * 5
    assert "all 2 environments are held by steps that do not stop" in played[4].error


def test_what_is_no_failure_of_the_infrastructure_ends_the_run() -> None:
    async def breaks(task: int, step: int) -> None:
        raise ZeroDivisionError("in a reward")

    with pytest.raises(ZeroDivisionError, match="in a reward"):
        rollouts(Talker(), [EchoAsync(breaks) for _ in range(2)], starts(3))
    with pytest.raises(ConfigError, match="step_timeout_s must be above 0, got 0"):
        rollouts(Talker(), [EchoAsync(breaks)], starts(3), step_timeout_s=0)


@pytest.mark.timeout(60)
def test_a_turn_that_is_no_coroutine_ends_the_run() -> None:
    class Plain(Talker):
        def turn(self, slot: int) -> Completion:
            return self._said(slot)

    class Raises(Talker):
        def turn(self, slot: int) -> Completion:
            raise ZeroDivisionError("in a policy")

    envs = [Echo(lambda task, step: None) for _ in range(2)]
    with pytest.raises(TypeError, match="but Completion: the method must be `async def`"):
        rollouts(Plain(), envs, starts(3))
    with pytest.raises(ZeroDivisionError, match="in a policy"):
        rollouts(Raises(), envs, starts(3))


def test_episodes_are_handed_over_as_they_end() -> None:
    """In the caller's thread, and none is kept."""
    seen: list[tuple[int, threading.Thread]] = []
    envs = [Echo(lambda task, step: None) for _ in range(2)]
    play_all(Talker(), envs, starts(5), lambda index, _: seen.append((index, threading.current_thread())))
    assert sorted(index for index, _ in seen) == [0, 1, 2, 3, 4]
    assert {thread for _, thread in seen} == {threading.current_thread()}


INTERRUPTED = """
import signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process may have been told to ignore it
from toolgym.agents.policies import OraclePolicy
from toolgym.agents.rollouts.rollout import Start, play_all
from toolgym.opening import open_env
from toolgym.trajectory import TrajectoryWriter

class Hanging:
    suspends = True

    def __init__(self, env):
        self.env = env

    unwrapped = property(lambda self: self.env)

    def reset(self, **given):
        self.task = given["options"]["task"]
        return self.env.reset(**given)

    def step(self, action):
        if self.task >= 6:
            threading.Event().wait()
        return self.env.step(action)

first = open_env("ToolGym/Airline-v0", size="small", prompt="short")
count = 0
with TrajectoryWriter(sys.argv[1]) as writer:
    def ended(index, rollout):
        global count
        count += 1
        writer.write(rollout.trajectory)
        if count == 6:
            print("all but those that hang", flush=True)

    starts = [Start(options={"task": task}) for task in range(10)]
    play_all(OraclePolicy(), [Hanging(first.spawn()) for _ in range(3)], starts, ended)
"""


def test_an_interrupt_ends_it_and_what_was_written_is_whole(tmp_path: Path) -> None:
    """Three steps hang in threads for ever: neither the interrupt nor the end of the process waits for them."""
    file = tmp_path / "episodes.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "all but those that hang\n"
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in error
    assert process.returncode != 0
    assert [trajectory.outcome for trajectory in read_trajectories(file)] == ["solved"] * 6


def test_an_interrupted_evaluation_does_not_wait_for_what_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    never, closed = threading.Event(), list[Any]()

    def close(env: ToolEnv) -> None:
        closed.append(env)
        never.wait()

    def interrupt(score: Any, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ToolEnv, "close", close)
    options = EvalOptions(episodes=3, env_options={"size": "small"})
    with pytest.raises(KeyboardInterrupt):
        evaluate(OraclePolicy(), options, on_episode=interrupt)
    never.set()
    assert closed


@pytest.mark.slow
def test_a_thousand_at_once_are_the_episodes_of_three() -> None:
    def report(concurrency: int) -> Any:
        agent = AgentOptions(concurrency=concurrency)
        options = EvalOptions(episodes=40, k=25, env_options={"size": "small", "prompt": "short"}, agent=agent)
        return evaluate(NoopPolicy(), options, agent="noop").to_json()

    assert report(1000) == report(3)
