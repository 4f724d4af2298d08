"""An episode as spans, in OpenTelemetry's semantic conventions for generative AI.

One trace an episode: an `invoke_agent` span; in it a `chat` for each turn of the model and an `execute_tool` for each
call, in their order. The names are those of https://github.com/open-telemetry/semantic-conventions-genai (in
development; as of 1.41); what they have no name for is named `toolgym.`. What is recorded as an object there is a JSON
text here, as the conventions allow and the readers of today expect.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from toolgym.messages import ToolCall
from toolgym.otel.history import History, call_id, cut, dumped
from toolgym.rewards.checklist import satisfied_by_step
from toolgym.tasks import JudgedCheck, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

__all__ = ["META", "Actor", "Played", "Span", "spans_of"]

META = "trace"
"""The key of `Trajectory.meta` under which an episode's `Played` is recorded, where it was traced."""
_LONGEST_NAME = 200
_MOST_INT = 2**63
_RESULT = "gen_ai.evaluation.result"

_Time = Annotated[int, Field(ge=0, lt=_MOST_INT)]


class Actor(BaseModel):
    """Who acted: what of an agent stands in its traces."""

    model_config = ConfigDict(frozen=True)

    name: str = "agent"
    provider: str = "toolgym"
    """As the conventions name it: `openai` for every endpoint that speaks OpenAI's API."""
    model: str = "unknown"
    temperature: float | None = None
    max_tokens: int | None = None
    address: str | None = None
    """The endpoint's host; None: the model runs in this process."""
    port: int | None = None


class Played(BaseModel):
    """What a trace has beside the episode's record."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{31}[1-9a-f]$")]
    """The trace's id: sent twice, an episode is the same trace."""
    actor: Actor = Actor()
    times_ns: list[_Time] = []
    """As in `toolgym.agents.rollouts.Rollout`: the reset's begin and end, then each turn's end and its step's."""
    timed: bool = True
    """Whether the times were measured; otherwise they only keep the order."""
    usage: list[tuple[_Time, _Time] | None] = []
    """Tokens that each turn read and wrote."""
    cut: list[int] = []
    """The steps (from 0) whose turn was cut before its end."""

    @classmethod
    def recorded(cls, trajectory: Trajectory, name: str, ended_ns: int) -> "Played":
        """What the record says, or where it was not traced: an id made of its content, and times of no length.

        Args:
            trajectory: the episode.
            name: tells episodes of equal content apart: a file, and the episode's number in it.
            ended_ns: when it ended at the latest.

        Raises:
            ValueError: the record says something else under `META`.
        """
        if META in trajectory.meta:
            return cls.model_validate(trajectory.meta[META])
        told = [trajectory.env_id, trajectory.task_id, trajectory.prompt, *(s.turn.text for s in trajectory.steps)]
        digest = hashlib.sha256("\0".join([name, *told]).encode("utf-8", "replace")).hexdigest()
        moments = 2 + 2 * len(trajectory.steps)
        begin = max(0, ended_ns - 1_000_000 * moments)
        times = [begin + 1_000_000 * moment for moment in range(moments)]
        return cls(id=digest[:31] + "1", times_ns=times, timed=False)


@dataclass(slots=True)
class Span:
    """One span. `parent` is the number of another one of the episode; None: this is the root."""

    name: str
    parent: int | None
    start_ns: int
    end_ns: int
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    """Name, nanoseconds, attributes."""
    kind: Literal["internal", "client"] = "internal"
    error: str | None = None
    """Why its status is an error."""


def spans_of(trajectory: Trajectory, played: Played, *, content: bool = True, task: Task | None = None) -> list[Span]:
    """An episode's spans; the first is the root, and each stands behind its parent.

    Args:
        trajectory: the episode.
        played: what its record does not hold.
        content: whether with what was asked, planned, said, called and answered.
        task: the episode's task, in its names: the checklist is told then.
    """
    return _Episode(trajectory, played, content, task).spans()


class _Episode:
    def __init__(self, trajectory: Trajectory, played: Played, content: bool, task: Task | None):
        self.trajectory, self.played, self.content, self.task = trajectory, played, content, task
        self.times = _Times(played.times_ns)
        self.history = History(trajectory.prompt)
        self.steps: list[Step | None] = list(trajectory.steps)
        # A turn without a step: the model failed in it, or its step was given up.
        self.steps += [None] * (self.times.turns - len(self.steps))

    def spans(self) -> list[Span]:
        root = Span(f"invoke_agent {self.played.actor.name}"[:_LONGEST_NAME], None, *self.times.whole(len(self.steps)))
        out = [root]
        for number, step in enumerate(self.steps):
            out.append(self._chat(number, step))
            if step is not None:
                out += self._tools(number, step)
                self.history.take(number, step)
        self._fill(root)
        for span in out:
            span.name = _utf8(span.name)
            span.error = None if span.error is None else _utf8(span.error)
        return out

    # The root --------------------------------------------------------------------------------------------------------

    def _fill(self, root: Span) -> None:
        trajectory, meta = self.trajectory, self.trajectory.meta
        counts = [pair for pair in self.played.usage if pair is not None]
        total = float(sum(step.reward for step in trajectory.steps))
        found = {
            **self._common("invoke_agent"),
            "gen_ai.agent.name": self.played.actor.name,
            "gen_ai.usage.input_tokens": sum(pair[0] for pair in counts) if counts else None,
            "gen_ai.usage.output_tokens": sum(pair[1] for pair in counts) if counts else None,
            "toolgym.env": trajectory.env_id,
            "toolgym.task": trajectory.task_id,
            "toolgym.seed": trajectory.seed,
            "toolgym.split": meta.get("split"),
            "toolgym.kind": meta.get("kind"),
            "toolgym.depth": meta.get("depth"),
            "toolgym.training_step": meta.get("step"),
            "toolgym.steps": len(trajectory.steps),
            "toolgym.outcome": trajectory.outcome or "unfinished",
            "toolgym.truncation": trajectory.truncation,
            "toolgym.reward": total,
            "toolgym.timed": self.played.timed,
        }
        if self.content:
            found |= self.history.opening()
            said = [step.turn.response for step in trajectory.steps if step.turn.response is not None]
            if said:
                part = {"type": "text", "content": cut(said[-1])}
                found["gen_ai.output.messages"] = dumped(
                    [{"role": "assistant", "parts": [part], "finish_reason": "stop"}]
                )
        root.attributes = _plain(found)
        if trajectory.outcome == "infra_error":
            error = str(meta.get("error") or "")
            root.attributes["error.type"] = "infra_error"
            root.error = cut(error, 500) if error and self.content else "infra_error"
        solved = {"gen_ai.evaluation.score.label": root.attributes["toolgym.outcome"]}
        self._judge(root, "toolgym.outcome", float(trajectory.outcome == "solved"), solved)
        if math.isfinite(total):
            self._judge(root, "toolgym.reward", total)
        if self.task is not None:
            self._checklist(root, self.task)

    def _judge(
        self, root: Span, name: str, value: float, more: dict[str, Any] | None = None, at: int | None = None
    ) -> None:
        """Adds an evaluation's result; `at` is the step of which it tells."""
        when = root.end_ns if at is None else self.times.step(at)[2]
        result = {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": value}
        root.events.append((_RESULT, when, _plain({**result, **(more or {})})))

    def _checklist(self, root: Span, task: Task) -> None:
        """Each item with the step (from 1) since which it is met."""
        items = [item for item in task.checklist if not isinstance(item.check, JudgedCheck)]
        by_step = [set(met) for met in satisfied_by_step(self.trajectory, task, settled=True)]
        last = by_step[-1] if by_step else set()
        for item in items:
            is_met = item.id in last
            since = len(by_step)
            while is_met and since > 1 and item.id in by_step[since - 2]:
                since -= 1
            more = {
                "gen_ai.evaluation.score.label": "met" if is_met else "not met",
                "gen_ai.evaluation.explanation": cut(item.question, 500) if self.content and item.question else None,
                "toolgym.checklist.required": item.required,
                "toolgym.step": since if is_met else None,
            }
            name = f"toolgym.checklist.{item.id}"[:_LONGEST_NAME]
            self._judge(root, name, float(is_met), more, since - 1 if is_met else None)
        root.attributes["toolgym.checklist.items"] = len(items)
        root.attributes["toolgym.checklist.met"] = sum(item.id in last for item in items)

    # Turns and calls -------------------------------------------------------------------------------------------------

    def _common(self, operation: str) -> dict[str, Any]:
        actor = self.played.actor
        return {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": actor.provider,
            "gen_ai.request.model": actor.model,
            "gen_ai.request.temperature": actor.temperature,
            "gen_ai.request.max_tokens": actor.max_tokens,
            "gen_ai.conversation.id": self.played.id,
            "server.address": actor.address,
            "server.port": actor.port,
        }

    def _chat(self, number: int, step: Step | None) -> Span:
        asked, answered, _ = self.times.step(number)
        usage = self.played.usage[number] if number < len(self.played.usage) else None
        found: dict[str, Any] = {
            **self._common("chat"),
            "gen_ai.usage.input_tokens": usage[0] if usage else None,
            "gen_ai.usage.output_tokens": usage[1] if usage else None,
            "toolgym.step": number + 1,
        }
        if self.content:
            found |= self.history.so_far()
        name = f"chat {self.played.actor.model}"[:_LONGEST_NAME]
        span = Span(name, 0, asked, answered, kind="internal" if self.played.actor.address is None else "client")
        if step is None:
            kind = "context_full" if self.trajectory.truncation == "tokens" else "infra_error"
            found["error.type"] = span.error = kind
        else:
            turn = step.turn
            reason = "length" if number in self.played.cut else "tool_call" if turn.calls else "stop"
            found |= {
                "gen_ai.response.finish_reasons": [reason],
                "toolgym.problems": [problem.kind for problem in turn.problems] or None,
                "toolgym.reward": step.reward,
                **{f"toolgym.rewards.{name}"[:_LONGEST_NAME]: value for name, value in step.rewards.items()},
            }
            if self.content:
                found["gen_ai.output.messages"] = self.history.output(number, step, reason)
        span.attributes = _plain(found)
        return span

    def _tools(self, number: int, step: Step) -> Iterator[Span]:
        """The calls of a step, of both sides; they share its time, which is not known of each."""
        done = list(self._called(number, step))
        _, start, end = self.times.step(number)
        for index, (id, call, result, actor) in enumerate(done):
            moments = (start + (end - start) * each // len(done) for each in (index, index + 1))
            yield self._tool(id, call, result, actor, number, *moments)

    def _called(self, number: int, step: Step) -> Iterator[tuple[str, ToolCall, ToolResult | None, str]]:
        for index, (call, result) in enumerate(zip(step.turn.calls, step.results, strict=False)):
            yield call_id(number, index), call, result, "agent"
        missing = len(step.results)
        is_last = number == len(self.trajectory.steps) - 1
        if is_last and self.trajectory.outcome == "infra_error" and missing < len(step.turn.calls):
            yield call_id(number, missing), step.turn.calls[missing], None, "agent"
        for index, act in enumerate(step.user_acts):
            yield f"user_{number}_{index}", act.call, act.result, act.actor

    def _tool(
        self, id: str, call: ToolCall, result: ToolResult | None, actor: str, number: int, start: int, end: int
    ) -> Span:
        found: dict[str, Any] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.name[:_LONGEST_NAME],
            "gen_ai.tool.call.id": id,
            "gen_ai.tool.type": "function",
            "gen_ai.conversation.id": self.played.id,
            "toolgym.step": number + 1,
            "toolgym.actor": actor,
        }
        span = Span(f"execute_tool {call.name}"[:_LONGEST_NAME], 0, start, end)
        if self.content:
            found["gen_ai.tool.call.arguments"] = cut(dumped(call.arguments))
            if result is not None:
                told = result.text if result.structured is None else dumped(result.structured)
                found["gen_ai.tool.call.result"] = cut(told)
        if result is None or result.is_error:
            found["error.type"] = "infra_error" if result is None else result.outcome
            span.error = cut(result.text, 500) if result is not None and self.content else found["error.type"]
        span.attributes = _plain(found)
        return span


class _Times:
    """When things happened; what is not known happens with what is known before it."""

    def __init__(self, times_ns: Sequence[int]):
        latest, self._times = 0, list[int]()
        for time in times_ns:
            latest = max(latest, time)
            self._times.append(latest)
        self.turns = max(0, len(self._times) - 1) // 2
        """How many turns were written."""

    def _at(self, index: int) -> int:
        return self._times[min(index, len(self._times) - 1)] if self._times else 0

    def whole(self, steps: int) -> tuple[int, int]:
        """Begin and end of an episode."""
        return self._at(0), self._at(2 * steps + 1)

    def step(self, number: int) -> tuple[int, int, int]:
        """When a step's turn was asked for and written, and when the step was answered."""
        at = 2 * number + 1
        return self._at(at), self._at(at + 1), self._at(at + 2)


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """The attributes that there are, as OTLP takes them: numbers of 64 bits (longer ones as text), whole text, lists of
    texts."""
    out: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, str):
            out[_utf8(name)] = _utf8(value)
        elif isinstance(value, list | tuple):
            out[name] = [_utf8(str(each))[:_LONGEST_NAME] for each in value]
        elif isinstance(value, int):
            out[_utf8(name)] = value if -_MOST_INT <= value < _MOST_INT else str(value)
        elif isinstance(value, float) and math.isfinite(value):
            out[_utf8(name)] = value
    return out


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
