"""`Episode`: one episode's state, and the order of a step.

`Episode.steps` is a generator: it yields what a step needs (a call's result, the user's reply, the world's diff, the
step's score) and is sent the answers, or gets them itself. So the same code runs one episode synchronously (`ToolEnv`)
and many at once (`ToolVectorEnv`, rollouts), without input or output of its own.
"""

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, cast

from gymnasium.error import ResetNeeded

from toolgym.budget import Budget, Spending
from toolgym.errors import InfraError
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.messages import ParseProblem, ToolCall, Turn, parse
from toolgym.observations import (
    added_tools,
    chat_messages,
    format_notice,
    format_step,
    openai_tools,
    tagged_notice,
)
from toolgym.options import EnvOptions
from toolgym.rewards.base import Reward
from toolgym.rewards.state import solved
from toolgym.tasks import Task
from toolgym.trajectory import Act, Outcome, Step, ToolResult, Trajectory, Truncation
from toolgym.users import User, UserReply
from toolgym.world import Diff

__all__ = ["Answer", "DiffRequest", "Episode", "Request", "Said", "ScoreRequest", "StepReturn"]

StepReturn = tuple[str, float, bool, bool, dict[str, Any]]
"""Observation, reward, terminated, truncated, info."""

_INFRA_NOTICE = "The tools failed, through no fault of yours; the task is over."
_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Said:
    """The step waits for the user's reply to this response."""

    response: str


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """The step waits for the world's diff."""


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """The step waits for its score."""


Score = tuple[float, dict[str, float]]
"""A step's reward and its components."""
Request = ToolCall | Said | DiffRequest | ScoreRequest
Answer = ToolResult | UserReply | Diff | Score | None
_DIFF, _SCORE = DiffRequest(), ScoreRequest()


@dataclass(slots=True)
class _Doings:
    """What came of a turn."""

    results: list[ToolResult]
    reply: UserReply | None = None
    diff: Diff | None = None
    agent_changed: bool = False
    truncation: Truncation | None = None
    failure: InfraError | None = None
    tools: tuple[ToolSpec, ...] | None = None
    """The tools, where there are others than before."""


class Episode:
    """One episode: who takes part in it, what happened, and what is left of its limits.

    Args:
        session: the tools, in the task's world.
        user: the user, started.
        task: the task.
        trajectory: the record, empty but for the prompt.
        options: the limits and the message format.
        reward: scores each step.
        tell: how results are told, where not as messages of their own (`Prompt.tell`).
    """

    __slots__ = (
        "_calls",
        "_spending",
        "_started_s",
        "_tell",
        "_tokens",
        "_tools",
        "_version",
        "interrupted",
        "options",
        "reward",
        "session",
        "task",
        "trajectory",
        "user",
    )

    def __init__(
        self,
        session: ToolSession,
        user: User,
        task: Task,
        trajectory: Trajectory,
        options: EnvOptions,
        reward: Reward,
        tell: Callable[[Turn, Sequence[ToolResult]], str] | None = None,
    ):
        self.session, self.user, self.task, self.trajectory = session, user, task, trajectory
        self.options, self.reward = options, reward
        self._calls = 0
        self._tokens = 0 if options.max_tokens is None else self._count(trajectory.prompt)
        self._spending = None if options.budget is None else Spending(cast(Budget, options.budget))
        self._started_s = 0.0 if options.max_seconds is None else time.monotonic()
        self._tools, self._tell = session.tools, tell
        # What the user did before its request shows in the first step's diff.
        self._version = None if user.tools is not None and user.tools.acted else session.state_version()
        self.interrupted = False
        """Whether a step has begun whose end was not seen: what it did is not known, and the episode cannot go on."""

    def check_whole(self) -> None:
        """Refuses an episode that was interrupted.

        Raises:
            ResetNeeded: it was.
        """
        if self.interrupted:
            raise ResetNeeded(
                "A step or a reset of this episode was interrupted (Ctrl-C, a cancelled task, an error of a reward or "
                "user), so nobody knows what it did: call env.reset() to start afresh"
            )

    def fork(self) -> "Episode":
        """An episode in the same state.

        Raises:
            ResetNeeded: a step was interrupted.
        """
        self.check_whole()
        twin = object.__new__(Episode)
        twin.session, twin.user, twin.task = self.session.fork(), self.user.fork(), self.task
        if self.user.tools is not None:
            if twin.user is self.user:
                twin.user = copy(self.user)
            twin.user.tools = self.user.tools.bound_to(twin.session)
        twin.trajectory = self.trajectory.fork()
        twin.options, twin.reward = self.options, self.reward
        twin._calls, twin._tokens, twin._started_s = self._calls, self._tokens, self._started_s
        twin._spending = None if self._spending is None else replace(self._spending)
        twin._tools, twin._tell = self._tools, self._tell
        twin._version = None if self._version is None else twin.session.state_version()
        twin.interrupted = False
        return twin

    # Driving -----------------------------------------------------------------------------------------------------

    def step(self, action: str) -> StepReturn:
        """One step, waiting for whatever it needs."""
        try:
            next(self.steps(action, at_once=True))
        except StopIteration as stop:
            return stop.value
        raise AssertionError("a step that waits for nobody ends at once")

    async def step_async(self, action: str) -> StepReturn:
        """One step; other episodes go on while it waits."""
        steps = self.steps(action)
        try:
            request = next(steps)
            while True:
                try:
                    answer = await self._answer_async(request)
                except InfraError as error:
                    request = steps.throw(error)
                else:
                    request = steps.send(answer)
        except StopIteration as stop:
            return stop.value

    async def _answer_async(self, request: Request) -> Answer:
        if isinstance(request, ToolCall):
            return await self.session.call_async(request)
        if isinstance(request, Said):
            return await self.user.reply_async(request.response)
        answer = self._score if request is _SCORE else self.session.diff
        if not (self.session.suspends or self.user.suspends):
            return answer()
        # A reward may ask a judge: other episodes do not wait for it.
        return await asyncio.to_thread(answer)

    def _score(self) -> Score:
        return self.reward.score(self.trajectory, self.task)

    # The order of a step -----------------------------------------------------------------------------------------

    def steps(self, action: str, at_once: bool = False) -> Generator[Request, Any, StepReturn]:
        """One step: read, call, ask the user, look at the world, tell, score.

        An `InfraError` thrown in ends the episode with outcome `infra_error` and reward 0.

        Args:
            action: the assistant's message.
            at_once: whether what the step needs is got here, in the caller's time, and nothing is asked for.

        Raises:
            ResetNeeded: the episode is over, or a step was interrupted.
            TypeError: the action is no string.
        """
        if self.interrupted:
            self.check_whole()
        trajectory = self.trajectory
        if trajectory.outcome is not None:
            raise ResetNeeded(f"The episode is over ({trajectory.outcome}): call env.reset() before env.step()")
        turn = self._read(action)
        self.interrupted = True  # until its end is seen
        did = _Doings([])
        try:
            yield from self._act(turn, did, at_once)
        except InfraError as error:
            did.failure = error
        finished, said = (False, None) if did.reply is None else (did.reply.done, did.reply.text)
        if self.task.single_turn or self.options.until == "turn":
            finished = did.failure is None and did.truncation is None
        results = tuple(did.results)
        added = "" if did.tools is None else self._added(did.tools)
        observation = format_step(turn, results, said, "", added)
        notice = self._notice(action, observation, did, finished)
        if notice:
            observation = format_step(turn, results, said, notice, added)
        step = Step(turn, results, observation, said, did.diff)
        if self.user.tools is not None:
            step.user_acts = self.user.tools.taken()
            step.agent_changed = did.agent_changed and bool(step.user_acts)
        trajectory.steps.append(step)
        self._close_if_over(did, finished)
        if did.failure is None:
            step.reward, step.rewards = self._score() if at_once else (yield _SCORE)
        else:
            step.rewards = dict.fromkeys(self.reward.terms, 0.0)
        told = "" if self._tell is None or not results else self._tell(turn, results)
        info = self._info(step, did, chat_messages(turn, results, said, notice, added, told))
        self.interrupted = False
        return observation, step.reward, finished or did.failure is not None, did.truncation is not None, info

    def _act(self, turn: Turn, did: _Doings, at_once: bool) -> Generator[Request, Any, None]:
        """The calls in order, then the user's reply, then the diff where the state may have changed.

        Where the user may change it too, the diff is looked at in between, so that it is known who did what.
        """
        tools, results, spending = self.user.tools, did.results, self._spending
        if tools is not None and tools.acted and self._may_have_changed():  # before its request
            did.diff = self.session.diff() if at_once else (yield _DIFF)
        for call in turn.calls:
            refusal = None if spending is None else spending.refusal()
            if refusal is not None:
                results.append(refusal)
                continue
            if self._calls >= self.options.max_calls:
                did.truncation = "calls"
                break
            self._calls += 1
            if spending is not None:
                spending.calls += 1
            results.append(self.session.call(call) if at_once else (yield call))
        self._look_for_tools(did)
        if tools is not None and results:
            before = self.trajectory.diff if did.diff is None else did.diff
            if self._may_have_changed():
                did.diff = self.session.diff() if at_once else (yield _DIFF)
            did.agent_changed = did.diff is not None and did.diff != before
        if turn.response is not None and did.truncation is None:
            did.reply = self.user.reply(turn.response) if at_once else (yield Said(turn.response))
            assert did.reply is not None
            if not did.reply.done:
                self.session.user_spoke(did.reply.text or "")
                self._look_for_tools(did)
        if (results or (tools is not None and tools.acted)) and self._may_have_changed():
            did.diff = self.session.diff() if at_once else (yield _DIFF)

    def _look_for_tools(self, did: _Doings) -> None:
        """The tools, where a call or the user's words have changed them."""
        tools = self.session.tools
        if tools is not self._tools and tools != self._tools:
            did.tools = tools

    def _added(self, tools: tuple[ToolSpec, ...]) -> str:
        """What is said of the tools that are there since this step, or are other than before."""
        known, self._tools = {tool.name: tool for tool in self._tools}, tools
        return added_tools([tool for tool in tools if known.get(tool.name) != tool])

    def _may_have_changed(self) -> bool:
        """Whether the state may have changed since the last look; it is looked at now."""
        version = self.session.state_version()
        if version is not None and version == self._version:
            return False
        self._version = version
        return True

    def _read(self, action: str) -> Turn:
        if not isinstance(action, str):
            raise TypeError(f"An action is a str (one assistant message), not {type(action).__name__}")
        limit = self.options.max_message_chars
        if len(action) > limit:
            problem = f"Your message has {len(action)} characters and was not read; the limit is {limit}."
            return Turn(problems=(ParseProblem("too_long", problem, 0, len(action)),), text=action)
        return parse(action, self.options.format)

    def _notice(self, action: str, observation: str, did: _Doings, finished: bool) -> str:
        """What the environment says for itself after a step: why the episode is over, or what is left of its budget."""
        told, spending = "", self._spending
        if spending is not None:
            spending.turns += 1
            if spending.budget.tokens is not None:
                spending.tokens += self._count(action) + self._count(observation)
            self.trajectory.meta["budget_left"] = spending.left
            told = spending.notice
        if not (finished or did.failure or did.truncation):
            did.truncation = self._limit_reached(action, observation, told)
        if did.failure is not None:
            return _INFRA_NOTICE
        if did.truncation is not None:
            return format_notice(did.truncation)
        return "" if finished else told

    def _limit_reached(self, action: str, observation: str, told: str) -> Truncation | None:
        """Which limit ends the episode with this step."""
        options = self.options
        if options.max_tokens is not None:
            said = f"{observation}\n{tagged_notice(told)}" if told else observation
            self._tokens += self._count(action) + self._count(said)
        if len(self.trajectory.steps) + 1 >= options.max_turns:
            return "turns"
        if options.max_tokens is not None and self._tokens >= options.max_tokens:
            return "tokens"
        if options.max_seconds is not None and time.monotonic() - self._started_s >= options.max_seconds:
            return "time"
        return None

    def _count(self, text: str) -> int:
        """Tokens of a text."""
        if self.options.count_tokens is not None:
            return self.options.count_tokens(text)
        return -(-len(text) // _CHARS_PER_TOKEN)

    def _close_if_over(self, did: _Doings, finished: bool) -> None:
        """Sets the outcome before the last step is scored: its terms look at it."""
        trajectory = self.trajectory
        if did.failure is not None:
            trajectory.outcome = "infra_error"
            trajectory.meta["error"] = f"{type(did.failure).__name__}: {did.failure}"
        elif did.truncation is not None:
            trajectory.outcome, trajectory.truncation = "truncated", did.truncation
        elif finished:
            trajectory.outcome = "solved" if solved(trajectory, self.task) else _why_unsolved(trajectory)

    def _info(self, step: Step, did: _Doings, messages: list[dict[str, Any]]) -> dict[str, Any]:
        calls = [
            {"name": call.name, "outcome": result.outcome}
            for call, result in zip(step.turn.calls, did.results, strict=False)
        ]
        info: dict[str, Any] = {"messages": messages, "calls": calls, "rewards": step.rewards.copy()}
        if len(step.rewards) < len(self.reward.terms):
            info["unscored"] = [name for name in self.reward.terms if name not in step.rewards]
        if did.tools is not None:
            info["tools"] = openai_tools(did.tools)
        if self._spending is not None:
            info["budget"] = self._spending.left
        if self.trajectory.outcome is not None:
            info["outcome"] = self.trajectory.outcome
        if did.truncation is not None:
            info["truncation"] = did.truncation
        if step.user_acts and self.options.reveal_gold:
            info["user_calls"] = [_told(act) for act in step.user_acts]
        if did.failure is not None:
            info["error"] = self.trajectory.meta["error"]
        return info


def _told(act: Act) -> dict[str, Any]:
    call, result = act.call, act.result
    return {"name": call.name, "arguments": call.arguments, "outcome": result.outcome, "text": result.text}


def _why_unsolved(trajectory: Trajectory) -> Outcome:
    """Whose the last fault was that no call which went well came after: the policy's, or a tool that refused.

    That a tool was unavailable is nobody's.
    """
    for step in reversed(trajectory.steps):
        if step.turn.problems:
            return "policy_error"
        for result in reversed(step.results):
            if result.outcome == "unavailable":
                continue
            if result.outcome == "ok":
                return "unsolved"
            return "tool_error" if result.outcome == "tool_error" else "policy_error"
    return "unsolved"
