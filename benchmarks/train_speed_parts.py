"""What the training-speed benchmark is made of: a clock, timed environments, and models that say what a script says.

Shapes: B rows, V vocabulary.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import torch
from transformers import LogitsProcessor, TrainerCallback

from benchmarks.rollout_latency import Clock as TimeSource
from toolgym.agents.policies import LMPolicy
from toolgym.agents.policies.decoding import Decoder
from toolgym.agents.rollouts import Rollout
from toolgym.agents.training import ToolTrainer
from toolgym.agents.training.player import Opened
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.messages import parse
from toolgym.opening import open_env

__all__ = [
    "Clock",
    "Lap",
    "Script",
    "ScriptedPolicy",
    "ScriptedTokens",
    "ScriptedTrainer",
    "TimeSource",
    "TimedEnv",
    "opened",
    "pipelined",
]


@dataclass
class Clock:
    """Seconds by part of a step."""

    source: TimeSource = field(default_factory=lambda: TimeSource(cpu_time=False))
    seconds: dict[str, float] = field(default_factory=dict)
    tokens: int = 0
    """Sampled tokens."""
    laps: list[float] = field(default_factory=list)
    """Of each step that counts."""
    playing: list[float] = field(default_factory=list)
    """Of each batch that a second process has played, by its own clock."""

    def now(self) -> float:
        """The time."""
        return self.source.now()

    def wait(self, seconds: float) -> None:
        """Waits by this clock; one of CPU time is put forward instead."""
        if self.source.cpu_time:
            self.source.put_forward(seconds)
        else:
            time.sleep(seconds)

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        """Adds what the block takes."""
        started = self.now()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + self.now() - started


@dataclass(frozen=True)
class Script:
    """An expert's episode: what each task's tokens are."""

    task: int
    ids: list[int]
    """Opening and completion."""
    opening: int
    """How many of them are the opening."""
    sampled: list[int]
    """The expert's tokens alone."""


class TimedReward:
    """A reward whose scores are timed."""

    def __init__(self, reward: Any, clock: Clock):
        self.reward, self.clock = reward, clock

    def score(self, trajectory: Any, task: Any) -> Any:
        """The reward's own score."""
        with self.clock.time("reward"):
            return self.reward.score(trajectory, task)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reward, name)


class TimedEnv:
    """An environment whose resets and steps are timed, the reward apart. Its calls answer after `latency_s`."""

    def __init__(self, env: ToolEnv, clock: Clock, latency_s: float = 0.0):
        env.reward = cast(Any, TimedReward(env.reward, clock))
        self.env, self.clock, self.latency_s = env, clock, latency_s
        self.suspends = latency_s > 0

    @property
    def trajectory(self) -> Any:
        return self.env.trajectory

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """The environment's own reset."""
        with self.clock.time("environment"):
            return self.env.reset(seed=seed, options=options)

    def step(self, action: str) -> Any:
        """The environment's own step."""
        with self.clock.time("environment"):
            return self.env.step(action)

    async def step_async(self, action: str) -> Any:
        """The same, late where tools are called."""
        if parse(action).calls:
            await self.clock.source.sleep(self.latency_s)
        return self.step(action)

    def close(self) -> None:
        """The environment's own."""
        self.env.close()


class ScriptedPolicy:
    """A policy that computes every step, and samples the script's token."""

    def __init__(self, policy: LMPolicy, scripts: Sequence[Script], clock: Clock):
        self.policy, self.clock = policy, clock
        self.scripts = {tuple(script.ids[: script.opening]): script for script in scripts}
        self._left: dict[int, Iterator[int]] = {}
        decoder = cast(Decoder, policy.decoder)
        self._draw, decoder.sample = decoder.sample, self._sample

    def __getattr__(self, name: str) -> Any:
        return getattr(self.policy, name)

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        """The policy's own; the slot's script begins."""
        ids = self.policy.start(slot, observation, info, env)
        self._left[slot] = iter(self.scripts[tuple(ids)].sampled)
        return ids

    def generate_some(self, slots: Sequence[int], pause: Callable[[], bool] | None = None) -> list[tuple[int, Any]]:
        """The policy's own, timed."""
        with self.clock.time("generation"):
            return self.policy.generate_some(slots, pause)

    def _sample(self, logits_BV: torch.Tensor, slots: Sequence[int]) -> tuple[list[int], list[float]]:
        self._draw(logits_BV, slots)  # what sampling costs
        tokens = [next(self._left[slot]) for slot in slots]
        self.clock.tokens += len(tokens)
        chosen_B = torch.log_softmax(logits_BV, -1).gather(1, torch.tensor(tokens, device=logits_BV.device)[:, None])
        return tokens, chosen_B[:, 0].tolist()


class ScriptedTrainer(ToolTrainer):
    """Our trainer, whose policy says what the scripts say; in a second process with a clock of that."""

    scripts: Sequence[Script]
    clock: Clock | None = None
    cpu_time: bool = False

    def played_with(self) -> tuple[str, ...]:
        """The scripts too."""
        return (*super().played_with(), "scripts", "cpu_time")

    def play(self, tasks: Sequence[int], attempt: int = 0) -> list[Rollout]:
        """The shared trainer's, with the seconds that it took."""
        apart = self.clock is None
        if apart:
            self.clock = Clock(TimeSource(self.cpu_time))
            for env in cast(Any, self.envs):
                env.clock = self.clock
        clock = cast(Clock, self.clock)
        if not isinstance(self._policy, ScriptedPolicy):
            self._policy = cast(Any, ScriptedPolicy(cast(LMPolicy, self._policy), self.scripts, clock))
        began = clock.now()
        with clock.source.watching():
            played = super().play(tasks, attempt)
        self._record("player/seconds", clock.now() - began)
        return played


def opened(episodes: int, latency_s: float) -> Opened:
    """What our trainer's second process plays in; it sets the clock."""
    env = open_env("ToolGym/Airline-v0", size="small", prompt="short")
    return Opened([TimedEnv(env.spawn(), Clock(), latency_s) for _ in range(episodes)], env.tasks)


def pipelined(learning: Sequence[float], playing: Sequence[float]) -> list[float]:
    """Seconds between the ends of steps where learning and playing one batch ahead have a core each.

    Batch k is learnt from once it is played and batch k - 1 is learnt from; batch k + 1 is played once batch k is, and
    once batch k - 1 is learnt from.
    """
    learnt = played = 0.0
    ends: list[float] = []
    for number, (learn_s, play_s) in enumerate(zip(learning, playing, strict=True)):
        before = ends[number - 2] if number > 1 else 0.0
        played = max(played, before) + play_s
        learnt = max(learnt, played) + learn_s
        ends.append(learnt)
    return [after - before for before, after in pairwise(ends)]


class ScriptedTokens(LogitsProcessor):
    """Makes `generate` sample the scripts' tokens: the row's context says which script, and where in it."""

    def __init__(self, scripts: Sequence[Script], pad_id: int, clock: Clock):
        self.scripts, self.pad_id, self.clock = scripts, pad_id, clock
        self.rows: list[tuple[list[int], int]] | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores that leave one token a row `(B, V)`."""
        width = input_ids.shape[1]
        if self.rows is None:
            self.rows = [self._place(row, width) for row in input_ids.tolist()]
        tokens = [ids[offset + width] if offset + width < len(ids) else self.pad_id for ids, offset in self.rows]
        out = torch.full_like(scores, -torch.inf)
        out[torch.arange(len(tokens)), torch.tensor(tokens, device=scores.device)] = 0.0
        return out

    def _place(self, row: list[int], width: int) -> tuple[list[int], int]:
        ids = row[next(at for at, token in enumerate(row) if token != self.pad_id) :]
        for script in self.scripts:
            if script.ids[: len(ids)] == ids:
                return script.ids, len(ids) - width
        raise ConfigError("TRL's loop came to a context that no expert's episode has")


class Lap(TrainerCallback):
    """Notes what each step takes; the clock starts anew after the first one, which warms up."""

    def __init__(self, clock: Clock):
        self.clock, self.last = clock, clock.now()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """One step is done."""
        now = self.clock.now()
        if state.global_step == 1:
            self.clock.seconds.clear()
            self.clock.tokens = 0
        else:
            self.clock.laps.append(now - self.last)
            self.clock.seconds["step"] = sum(self.clock.laps)
        self.last = now

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Keeps what the playing took."""
        if logs and "player/seconds" in logs:
            self.clock.playing.append(logs["player/seconds"])
