"""Multi-turn, token-exact rollouts: what was sampled is what is trained on.

A `Rollout` keeps every token of an episode with its owner: `env_mask` is 1 for tokens that the policy sampled and 0 for
the environment's, `spans` says which tokens are which step's action, `types` what each is for (AC-Planner §4.1).
Several episodes run at once, one a slot; a slot whose episode ends takes the next start.

Shapes: B rollouts, T tokens after the prompt, S steps.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from toolgym.agents.policies.policy import Completion, Policy
from toolgym.agents.policies.tokenizer import token_ends
from toolgym.errors import ConfigError, InfraError, OpeningError
from toolgym.messages import CutMessage, TokenType, segments
from toolgym.trajectory import Outcome, Trajectory, Truncation

__all__ = ["Rollout", "Start", "rollouts"]


class Episodic(Protocol):
    """What a rollout needs of an environment; `toolgym.env.ToolEnv` has it."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]: ...

    def step(self, action: str) -> tuple[Any, Any, bool, bool, dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Start:
    """How an episode begins: what `env.reset` gets."""

    seed: int | None = None
    options: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Rollout:
    """One episode as tokens."""

    prompt_ids: list[int]
    """The opening, up to where the policy first writes."""
    completion_ids: list[int] = field(default_factory=list)
    """Everything after it (T): sampled turns and, between them, the environment's answers."""
    env_mask: list[int] = field(default_factory=list)
    """1 where the policy sampled the token, 0 where the environment wrote it (T)."""
    logprobs: list[float] = field(default_factory=list)
    """The sampling policy's log-probability of each sampled token, 0 for the environment's (T)."""
    types: list[TokenType] = field(default_factory=list)
    """What each token is for (T)."""
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Which tokens `[start, end)` of the completion are step s's action (S)."""
    rewards: list[float] = field(default_factory=list)
    """Each step's reward; NaN: it has no score (S)."""
    components: list[dict[str, float]] = field(default_factory=list)
    """Each step's reward components (S)."""
    outcome: Outcome | None = None
    """How it ended; None while it runs."""
    truncation: Truncation | None = None
    error: str = ""
    """Why the infrastructure failed, where it did."""
    trajectory: Trajectory | None = None
    cut: list[int] = field(default_factory=list)
    """The steps whose turn was cut before its end."""

    @property
    def total_reward(self) -> float:
        """The episode's return, undiscounted; NaN where a step has no score."""
        return float(sum(self.rewards))

    @property
    def scored(self) -> bool:
        """Whether every step has a score: a reward that is NaN says that there is none."""
        return not any(map(math.isnan, self.rewards))

    @property
    def solved(self) -> bool:
        return self.outcome == "solved"

    @property
    def usable(self) -> bool:
        """Whether it may be trained on: the infrastructure's failures are nobody's action."""
        return self.outcome != "infra_error"

    def add_turn(self, completion: Completion, types: Sequence[TokenType]) -> None:
        """Appends a sampled turn as the next step's action."""
        start = len(self.completion_ids)
        if completion.stop != "end_of_turn":
            self.cut.append(len(self.spans))
        self.completion_ids += completion.token_ids
        self.logprobs += completion.logprobs
        self.env_mask += [1] * len(completion.token_ids)
        self.types += types
        self.spans.append((start, len(self.completion_ids)))

    def add_context(self, ids: Sequence[int]) -> None:
        """Appends what the environment said."""
        self.completion_ids += ids
        self.logprobs += [0.0] * len(ids)
        self.env_mask += [0] * len(ids)
        self.types.extend("env" for _ in ids)

    def close(self) -> None:
        """Drops context after the last sampled token: nothing was sampled from it."""
        end = self.spans[-1][1] if self.spans else 0
        for tokens in (self.completion_ids, self.logprobs, self.env_mask, self.types):
            del tokens[end:]


def token_types(tokenizer: Any, completion: Completion) -> list[TokenType]:
    """The type of each token of a turn: that of the character it begins at; the end of turn belongs to what it ends."""
    if not completion.token_ids:
        return []
    _, ends = token_ends(tokenizer, completion.token_ids)
    spans = segments(completion.text)
    out: list[TokenType] = []
    at, before = 0, len(completion.begins)
    begin = before
    for end in ends:
        while at + 1 < len(spans) and spans[at].end <= begin:
            at += 1
        out.append(spans[at].type if spans else "resp")
        begin = before + end
    return out


def rollouts(
    policy: Policy,
    envs: Sequence[Episodic],
    starts: Sequence[Start],
    *,
    on_end: Callable[[int, Rollout], None] | None = None,
    skips: bool = False,
) -> list[Rollout]:
    """Runs one episode for each start and returns them in that order.

    Args:
        policy: who acts; slot i plays in `envs[i]`.
        envs: as many episodes run at once.
        starts: how each episode begins.
        on_end: called with (index of the start, rollout) as episodes end.
        skips: whether an episode whose opening fills the policy's whole context ends at once, as truncated.

    Raises:
        ConfigError: no environment.
        OpeningError: an opening fills the policy's whole context, and nothing is skipped.
    """
    if not envs:
        raise ConfigError("rollouts needs at least one environment")
    waiting = iter(enumerate(starts))
    done: dict[int, Rollout] = {}
    running: dict[int, tuple[int, Rollout]] = {}
    tokenizer = getattr(policy, "tokenizer", None)

    def finish(slot: int, index: int, rollout: Rollout) -> None:
        rollout.close()
        if slot in running:  # an episode that could not be started has none; the environment's is of another one
            rollout.trajectory = getattr(getattr(envs[slot], "unwrapped", envs[slot]), "trajectory", None)
        done[index] = rollout
        running.pop(slot, None)
        policy.end(slot)
        if on_end is not None:
            on_end(index, rollout)

    for slot in range(len(envs)):
        _begin(policy, envs[slot], slot, waiting, running, finish, skips)
    with _Stepper(envs) as stepper:
        while running:
            turns = _turns(policy, sorted(running))
            acting: list[tuple[int, str]] = []
            for slot, completion in turns:
                if _take(running[slot][1], completion, tokenizer, skips):
                    whole = completion.stop == "end_of_turn"
                    acting.append((slot, completion.text if whole else CutMessage(completion.text)))
            for (slot, _), answer in zip(acting, stepper.step(acting), strict=True):
                _answer(policy, slot, running[slot][1], answer)
            for slot, _ in turns:
                index, rollout = running[slot]
                if rollout.outcome is not None:
                    finish(slot, index, rollout)
                    _begin(policy, envs[slot], slot, waiting, running, finish, skips)
    return [done[index] for index in range(len(done))]


def _turns(policy: Policy, slots: Sequence[int]) -> Sequence[tuple[int, Completion]]:
    """The next turns: of all slots or, where the policy can go on with the others later, of those that end first."""
    some = getattr(policy, "generate_some", None)
    return some(slots) if some is not None else list(zip(slots, policy.generate(slots), strict=True))


class _Stepper:
    """Steps several environments: one after another, or at once in threads where a step may wait for a server."""

    def __init__(self, envs: Sequence[Episodic]):
        self.envs = envs
        waits = len(envs) > 1 and any(getattr(env, "suspends", False) for env in envs)
        self._threads = ThreadPoolExecutor(min(len(envs), 64), "toolgym-rollout") if waits else None

    def __enter__(self) -> "_Stepper":
        return self

    def __exit__(self, *_: object) -> None:
        if self._threads is not None:
            self._threads.shutdown()

    def step(self, acting: Sequence[tuple[int, str]]) -> list[tuple[Any, Any, bool, bool, dict[str, Any]]]:
        """Each (slot, action)'s answer, in order."""
        if self._threads is None:
            return [self.envs[slot].step(action) for slot, action in acting]
        return list(self._threads.map(lambda pair: self.envs[pair[0]].step(pair[1]), acting))


def _begin(
    policy: Policy,
    env: Episodic,
    slot: int,
    waiting: Iterator[tuple[int, Start]],
    running: dict[int, tuple[int, Rollout]],
    finish: Callable[[int, int, Rollout], None],
    skips: bool,
) -> None:
    """Opens the next waiting episode in a slot; episodes whose reset fails end at once."""
    for index, start in waiting:
        try:
            observation, info = env.reset(seed=start.seed, options=dict(start.options) if start.options else None)
        except InfraError as error:
            finish(slot, index, Rollout([], outcome="infra_error", error=f"{type(error).__name__}: {error}"))
            continue
        try:
            opened = policy.start(slot, observation, info, env=env)  # pyright: ignore[reportArgumentType]
        except OpeningError as error:
            if not skips:
                raise
            finish(slot, index, Rollout([], outcome="truncated", truncation="tokens", error=str(error)))
            continue
        running[slot] = index, Rollout(opened)
        return


def _take(rollout: Rollout, completion: Completion, tokenizer: Any, skips: bool) -> bool:
    """Records a sampled turn; whether there is an action to take. Otherwise the episode is over."""
    if completion.stop == "error":
        rollout.outcome, rollout.error = "infra_error", completion.text
        return False
    if completion.stop == "context" and not completion.token_ids:
        if not rollout.spans and not skips:
            raise OpeningError(
                f"the opening of {len(rollout.prompt_ids)} tokens fills the policy's context; raise context_tokens or "
                'shorten the observation (prompt="short")'
            )
        rollout.outcome, rollout.truncation = "truncated", "tokens"
        return False
    rollout.add_turn(completion, token_types(tokenizer, completion) if tokenizer is not None else [])
    return True


def _answer(policy: Policy, slot: int, rollout: Rollout, answer: tuple[Any, Any, bool, bool, dict[str, Any]]) -> None:
    """Records what the environment answered to the latest turn."""
    observation, reward, terminated, truncated, info = answer
    rollout.rewards.append(float(reward))
    rollout.components.append(dict(info.get("rewards") or {}))
    if terminated or truncated:
        rollout.outcome = info.get("outcome") or ("truncated" if truncated else "unsolved")
        rollout.truncation = info.get("truncation")
        rollout.error = str(info.get("error") or "")
    else:
        rollout.add_context(policy.observe(slot, observation, info))
