"""Multi-turn, token-exact rollouts: what was sampled is what is trained on.

A `Rollout` keeps every token of an episode with its owner: `env_mask` is 1 for tokens that the policy sampled and 0 for
the environment's, `spans` says which tokens are which step's action, `types` what each is for (AC-Planner §4.1).
Several episodes run at once, as many as there are environments, and none waits for another: a turn that ends is handed
to its environment, the model goes on with whoever is ready, and answers join as they come. What an episode is does not
depend on that: its slot is the number of its start, and what is random in it belongs to the slot.

Shapes: B rollouts, T tokens after the prompt, S steps.
"""

import math
import time
from asyncio import CancelledError
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

from toolgym.agents.policies.policy import Completion, Policy
from toolgym.agents.policies.tokenizer import token_ends
from toolgym.agents.rollouts.waiting import Arrival, Waiting, in_thread, suspends
from toolgym.errors import CallTimeoutError, ConfigError, InfraError, OpeningError
from toolgym.messages import CutMessage, TokenType, segments
from toolgym.trajectory import Outcome, Trajectory, Truncation

__all__ = ["Rollout", "Start", "play_all", "rollouts"]


Answer = tuple[Any, Any, bool, bool, dict[str, Any]]
"""What a step gives: observation, reward, terminated, truncated, info."""


class Episodic(Protocol):
    """What a rollout needs of an environment; `toolgym.env.ToolEnv` has it.

    One that says `suspends`, itself or inside a wrapper, may have to wait: its resets are in threads, and its steps are
    coroutines where it has `step_async`, or else in threads.
    """

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]: ...

    def step(self, action: str) -> Answer: ...


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
    entropies: list[float] = field(default_factory=list)
    """The entropy, in nats, that each sampled token was drawn with, one after another; fewer where it is not known."""
    update: int | None = None
    """The optimizer update of the weights that sampled, the same for all tokens; None: no training run played it."""
    times_ns: list[int] = field(default_factory=list, compare=False)
    """Nanoseconds since 1970, never falling: when the reset began and ended, then of each turn when it was written and
    when its step was answered. What did not happen is not there."""
    usage: list[tuple[int, int] | None] = field(default_factory=list)
    """Tokens that each turn read and wrote; None where they are not known (S)."""

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
        read, written = len(self.prompt_ids) + start, len(completion.token_ids)
        self.usage.append((read, written) if written else completion.usage)
        self.completion_ids += completion.token_ids
        self.logprobs += completion.logprobs
        self.entropies += completion.entropies
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
    step_timeout_s: float | None = None,
    skips: bool = False,
) -> list[Rollout]:
    """Plays one episode for each start and returns them in that order. Arguments and errors are those of `play_all`."""
    done: dict[int, Rollout] = {}

    def ended(index: int, rollout: Rollout) -> None:
        done[index] = rollout
        if on_end is not None:
            on_end(index, rollout)

    play_all(policy, envs, starts, ended, step_timeout_s=step_timeout_s, skips=skips)
    return [done[index] for index in range(len(done))]


def play_all(
    policy: Policy,
    envs: Sequence[Episodic],
    starts: Sequence[Start],
    on_end: Callable[[int, Rollout], None],
    *,
    step_timeout_s: float | None = None,
    skips: bool = False,
) -> None:
    """Plays one episode for each start; keeps no more of them than there are environments.

    Args:
        policy: who acts; the slot of an episode is the index of its start.
        envs: as many episodes run at once.
        starts: how each episode begins.
        on_end: called in this thread with (index of the start, rollout) as episodes end.
        step_timeout_s: a step that waits for longer ends its episode as `infra_error`. Steps that never wait (tools in
            this process) are not watched.
        skips: whether an episode whose opening fills the policy's whole context ends at once, as truncated.

    Raises:
        ConfigError: no environment, or a limit that is none.
        OpeningError: an opening fills the policy's whole context, and nothing is skipped.
    """
    if not envs:
        raise ConfigError("rollouts needs at least one environment")
    if step_timeout_s is not None and not step_timeout_s > 0:
        raise ConfigError(f"step_timeout_s must be above 0, got {step_timeout_s}")
    with Waiting() as away:
        _Engine(policy, envs, starts, on_end, step_timeout_s, skips, away).run()


_EPOCH_NS = time.time_ns() - time.monotonic_ns()


def _now_ns() -> int:
    """Nanoseconds since 1970, by a clock that is never set back."""
    return _EPOCH_NS + time.monotonic_ns()


class _Playing(NamedTuple):
    """An episode that runs, and the number of its environment."""

    rollout: Rollout
    env: int


class _Errand(NamedTuple):
    """What was handed off for an episode."""

    what: Literal["reset", "turn", "step"]
    slot: int
    env: int


class _Engine:
    """Episodes that take turns without waiting for each other. All but what is handed off happens in one thread.

    An episode that runs is in one of three states: away (a reset, step or turn of it was handed off), ready (it has
    something to read), or drafting (its turn is half done).
    """

    def __init__(
        self,
        policy: Policy,
        envs: Sequence[Episodic],
        starts: Sequence[Start],
        on_end: Callable[[int, Rollout], None],
        step_timeout_s: float | None,
        skips: bool,
        away: Waiting,
    ):
        self.policy, self.envs, self.on_end, self.away = policy, envs, on_end, away
        self.limit_s, self.skips = step_timeout_s, skips
        self.tokenizer = getattr(policy, "tokenizer", None)
        self.waiting = deque(enumerate(starts))
        self.free = deque(range(len(envs)))
        self.held = 0
        """Environments in which a step that was late has not ended."""
        self.playing: dict[int, _Playing] = {}
        self.began_ns: dict[int, int] = {}
        self.ready: set[int] = set()
        self.drafting: set[int] = set()

    def run(self) -> None:
        """Plays until all episodes have ended."""
        while True:
            while (arrival := self.away.take()) is not None:
                self._receive(arrival)
            while self.waiting and self.free:
                self._begin(self.free.popleft(), *self.waiting.popleft())
            if self.ready or self.drafting:
                self._act()
            elif self.away.under_way:
                self._receive(self.away.take(wait_s=None))
            elif self.waiting:  # every environment is in use by a step that was told to stop
                self._receive(self.away.take(wait_s=self.limit_s))
            else:
                return

    # Beginning and ending ------------------------------------------------------------------------------------------

    def _begin(self, number: int, slot: int, start: Start) -> None:
        """Starts an episode in an environment."""
        env, options = self.envs[number], dict(start.options) if start.options else None
        self.began_ns[slot] = _now_ns()
        reset = partial(env.reset, seed=start.seed, options=options)
        if suspends(env):
            self.away.hand_off(_Errand("reset", slot, number), partial(in_thread, reset))
            return
        try:
            opening = reset()
        except InfraError as error:
            self._not_begun(slot, number, _lost(error))
        else:
            self._open(slot, number, *opening)

    def _open(self, slot: int, number: int, observation: Any, info: dict[str, Any]) -> None:
        try:
            ids = self.policy.start(slot, observation, info, env=self.envs[number])  # pyright: ignore[reportArgumentType]
        except OpeningError as error:
            if not self.skips:
                raise
            self._not_begun(slot, number, Rollout([], outcome="truncated", truncation="tokens", error=str(error)))
            return
        self.playing[slot] = _Playing(Rollout(ids, times_ns=[self.began_ns.pop(slot), _now_ns()]), number)
        self.ready.add(slot)

    def _not_begun(self, slot: int, number: int, rollout: Rollout) -> None:
        rollout.times_ns = [self.began_ns.pop(slot), _now_ns()]
        self.free.append(number)
        self.policy.end(slot)
        self.on_end(slot, rollout)

    def _end(self, slot: int, *, late: bool = False) -> None:
        """Hands the episode over; its environment takes the next one, unless a step that was late is still in it."""
        rollout, number = self.playing.pop(slot)
        rollout.close()
        env = self.envs[number]
        rollout.trajectory = getattr(getattr(env, "unwrapped", env), "trajectory", None)
        if not late:
            self.free.append(number)
        elif rollout.trajectory is not None:  # what the step may still do is no part of it
            rollout.trajectory = replace(rollout.trajectory, steps=list(rollout.trajectory.steps))
        self.policy.end(slot)
        self.on_end(slot, rollout)

    # Turns and steps -----------------------------------------------------------------------------------------------

    def _act(self) -> None:
        """The policy's next turns: those who are ready join the half-done ones."""
        turn = getattr(self.policy, "turn", None)
        if turn is not None:
            for slot in sorted(self.ready):
                self.away.hand_off(_Errand("turn", slot, self.playing[slot].env), partial(turn, slot))
            self.ready.clear()
            return
        self.drafting |= self.ready
        self.ready.clear()
        slots = sorted(self.drafting)
        some = getattr(self.policy, "generate_some", None)
        turns = zip(slots, self.policy.generate(slots), strict=True) if some is None else some(slots, self.away.arrived)
        for slot, completion in turns:
            self.drafting.discard(slot)
            self._take(slot, completion)

    def _take(self, slot: int, completion: Completion) -> None:
        """A turn has ended: its step begins."""
        rollout, number = self.playing[slot]
        rollout.times_ns.append(_now_ns())
        if not _record(rollout, completion, self.tokenizer, self.skips):
            self._end(slot)
            return
        env = self.envs[number]
        action = completion.text if completion.stop == "end_of_turn" else CutMessage(completion.text)
        if suspends(env):
            coroutine = getattr(env, "step_async", None)
            work = partial(in_thread, partial(env.step, action)) if coroutine is None else partial(coroutine, action)
            self.away.hand_off(_Errand("step", slot, number), work, self.limit_s)
            return
        try:
            answer = env.step(action)
        except InfraError as error:
            answer = _broken(error)
        self._answer(slot, answer)

    def _receive(self, arrival: Arrival | None) -> None:
        """What was handed off has come to something."""
        if arrival is None:
            self._give_up()
            return
        what, slot, number = arrival.key
        if arrival.how == "freed":
            self.held -= 1
            self.free.append(number)
        elif arrival.how == "late":
            self.held += 1
            self._answer(slot, _broken(CallTimeoutError(f"a step had no answer within {self.limit_s} s")), late=True)
        elif what == "turn" and arrival.how == "answer":
            self._take(slot, arrival.value)
        elif arrival.how == "error":
            error = arrival.value
            if what == "turn" or not isinstance(error, InfraError | CancelledError):
                raise error
            if what == "reset":
                self._not_begun(slot, number, _lost(error))
            else:
                self._answer(slot, _broken(error))
        elif what == "reset":
            self._open(slot, number, *arrival.value)
        else:
            self._answer(slot, arrival.value)

    def _answer(self, slot: int, answer: Answer, *, late: bool = False) -> None:
        """Records what the environment answered to the latest turn."""
        observation, reward, terminated, truncated, info = answer
        rollout = self.playing[slot].rollout
        rollout.times_ns.append(_now_ns())
        rollout.rewards.append(float(reward))
        rollout.components.append(dict(info.get("rewards") or {}))
        if terminated or truncated:
            rollout.outcome = info.get("outcome") or ("truncated" if truncated else "unsolved")
            rollout.truncation = info.get("truncation")
            rollout.error = str(info.get("error") or "")
            self._end(slot, late=late)
        else:
            rollout.add_context(self.policy.observe(slot, observation, info))
            self.ready.add(slot)

    def _give_up(self) -> None:
        """Ends what has not begun: steps that were late do not stop, and no environment is left."""
        error = f"CallTimeoutError: all {self.held} environments are held by steps that do not stop"
        while self.waiting:
            slot, _ = self.waiting.popleft()
            self.on_end(slot, Rollout([], outcome="infra_error", error=error))


def _lost(error: BaseException) -> Rollout:
    """An episode that the infrastructure did not let begin."""
    return Rollout([], outcome="infra_error", error=f"{type(error).__name__}: {error}")


def _broken(error: BaseException) -> Answer:
    """The answer of a step that the infrastructure failed."""
    return "", 0.0, True, False, {"outcome": "infra_error", "error": f"{type(error).__name__}: {error}"}


def _record(rollout: Rollout, completion: Completion, tokenizer: Any, skips: bool) -> bool:
    """Records a sampled turn; whether there is an action to take. Otherwise the episode is over."""
    if completion.stop == "error":
        rollout.outcome, rollout.error = "infra_error", completion.text
        return False
    if completion.stop == "context" and not completion.token_ids:
        if not rollout.spans and not skips:
            opening, advice = f"the opening of {len(rollout.prompt_ids)} tokens", "raise context_tokens"
            if not rollout.prompt_ids:  # of an endpoint's tokens and its context nothing is known here
                opening, advice = "the opening", "have its server give it a longer context, ask for fewer tokens a turn"
            raise OpeningError(
                f'{opening} fills the policy\'s context; {advice} or shorten the observation (prompt="short")'
            )
        rollout.outcome, rollout.truncation = "truncated", "tokens"
        return False
    rollout.add_turn(completion, token_types(tokenizer, completion) if tokenizer is not None else [])
    return True
