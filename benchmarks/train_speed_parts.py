"""What the training-speed benchmark is made of: a clock, timed environments, and models that say what a script says.

Shapes: B rows, V vocabulary.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from transformers import LogitsProcessor, TrainerCallback

from toolgym.agents.policies import LMPolicy
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError

__all__ = ["Clock", "Lap", "Script", "ScriptedPolicy", "ScriptedTokens", "TimedEnv"]


@dataclass
class Clock:
    """Seconds by part of a step."""

    now: Callable[[], float] = time.perf_counter
    seconds: dict[str, float] = field(default_factory=dict)
    tokens: int = 0
    """Sampled tokens."""

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
    """An environment whose resets and steps are timed, the reward apart."""

    def __init__(self, env: ToolEnv, clock: Clock):
        env.reward = cast(Any, TimedReward(env.reward, clock))
        self.env, self.clock = env, clock

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


class ScriptedPolicy(LMPolicy):
    """Computes every step and samples the script's token."""

    clock: Clock
    scripts: dict[tuple[int, ...], Script]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._draw, self.decoder.sample = self.decoder.sample, self._sample

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        ids = super().start(slot, observation, info, env)
        self._left = getattr(self, "_left", {})
        self._left[slot] = iter(self.scripts[tuple(ids)].sampled)
        return ids

    def generate_some(self, slots: Sequence[int], pause: Callable[[], bool] | None = None) -> list[tuple[int, Any]]:
        with self.clock.time("generation"):
            return super().generate_some(slots, pause)

    def _sample(self, logits_BV: torch.Tensor, slots: Sequence[int]) -> tuple[list[int], list[float]]:
        self._draw(logits_BV, slots)  # what sampling costs
        tokens = [next(self._left[slot]) for slot in slots]
        self.clock.tokens += len(tokens)
        chosen_B = torch.log_softmax(logits_BV, -1).gather(1, torch.tensor(tokens, device=logits_BV.device)[:, None])
        return tokens, chosen_B[:, 0].tolist()


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
    """Starts the clock anew after the first step, which warms up."""

    def __init__(self, clock: Clock):
        self.clock, self.started = clock, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """One step is done."""
        if state.global_step == 1:
            self.clock.seconds.clear()
            self.clock.tokens = 0
            self.started = self.clock.now()
        else:
            self.clock.seconds["step"] = self.clock.now() - self.started
