"""The first error of an episode that is not solved: its kind and its turn, in the terms of the executed corpus.

What a chain of the corpus was made to do wrong is known (`toolgym.envs.planarena.corpus.errors`); here it is told from
the episode alone: its calls and what they gave, beside the gold chain. Calls are looked at in order; the first one of
which a line of this table holds is the error, in the table's order. *Left* is a call of the gold chain that was not
made by then (a call makes one as in `toolgym.agents.evaluation.plan`), *stood in for* one that is never made.
A value is *told* if the request, the user, a result or the gold chain has it.

| kind | what happened |
|---|---|
| `malformed` | a turn whose text holds neither a call nor a response |
| `over_budget` | a call that was not run, because the episode's budget was spent |
| `step_left_out` | a call of the gold chain, made or refused; one of an earlier turn is left, and never made. Where no
  response is wanted, also an end with a call left |
| `wrong_order` | a call of the gold chain, made or refused; one of an earlier turn is left, made later, and either
  writes, or nothing but the gold chain told an id by then |
| `handed_over` | a call that transfers to a human, which the gold chain does not make |
| `missing_argument` | a call without an argument that the gold chain's call of that tool has: refused, a write, or one
  that stood in for that call |
| `invented_value` | a refused call with an id, or a text that has a digit, that was not told |
| `wrong_tool` | a call of no tool, or refused by the check of its arguments and of no tool of the gold chain's |
| `wrong_argument` | a call of a tool of the gold chain's, refused by the check of its arguments |
| `refused_call` | any other call that the tool refused |
| `forbidden_act` | a write of what is to be refused: by its subject, or where the whole request is forbidden |
| `other_request` | a call of which no value was told: it succeeded, so that they are another one's |
| `wrong_argument` | a write by a tool of a call that is left; a reading call by the tool of one that it stood in for |
| `wrong_tool` | any other write; a reading call that stood in for one with the same arguments |
| `refused_permitted` | a response that refuses, while a call that writes is left |
| `premature_answer` | any other response while a call is left |
| `wrong_answer` | a response after all calls of the gold chain |
| `no_answer` | the episode ends without one |

Other calls that read, and the ones made again, are detours. A call whose tool was unavailable is no error; that it is
not made again may be one. `malformed`, `over_budget` and `no_answer` are none of the corpus's.

Hand-worked: the gold chain finds a customer by e-mail, lists the loans of "ann", renews L-1, and answers. Finding, then
renewing L-2, which a result showed: `wrong_argument` in turn 1, for "renew" is left (that the loans were never listed
is not reached). Finding, then renewing L-1: `step_left_out` in turn 1. Finding, listing, and answering that it is done:
`premature_answer` in turn 2; that it is not allowed: `refused_permitted`. Listing the loans of "bob", of whom nobody
spoke, and answering: `other_request` in turn 0.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from toolgym.envs.planarena.corpus.errors import ERROR_KINDS
from toolgym.messages import ToolCall
from toolgym.mistakes.values import leaves
from toolgym.saying.refusals import Refusal, refusing
from toolgym.tasks import GoldCall, RefusedCheck, Task
from toolgym.trajectory import ToolResult, Trajectory
from toolgym.world import canonical

__all__ = ["FIRST_ERRORS", "FirstError", "first_error"]

FIRST_ERRORS: Final = (*ERROR_KINDS, "malformed", "over_budget", "no_answer")
"""The kinds of first errors: those of the corpus, and three that only a policy's own episodes have."""
_REFUSES: Final = Refusal.of(RefusedCheck(), ())
_TRANSFER: Final = re.compile(r"transfer_?to_?human", re.IGNORECASE)
_ID_NAME: Final = re.compile(r"(?:^|_)id$|Id$|ID$")
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


@dataclass(frozen=True, slots=True)
class FirstError:
    """Where an episode first went wrong."""

    kind: str
    """One of `FIRST_ERRORS`."""
    turn: int
    """The step, from 0; the number of steps where the episode ends without an answer."""


def first_error(trajectory: Trajectory, task: Task, writing_tools: Collection[str] = ()) -> FirstError | None:
    """The first error of an episode; None where it is solved, the infrastructure failed, or there is no gold chain.

    Args:
        trajectory: a finished episode.
        task: with its gold chain.
        writing_tools: the tools that change the world.
    """
    if trajectory.outcome in ("solved", "infra_error") or not task.gold:
        return None
    return _Reading(trajectory, task, frozenset(writing_tools)).run()


@dataclass
class _Reading:
    """One episode, read from its beginning."""

    trajectory: Trajectory
    task: Task
    writing: frozenset[str]
    gold: list[tuple[int, GoldCall]] = field(init=False)
    """The gold chain's calls, with their turns."""
    made: list[int | None] = field(init=False)
    """Of each, the number of the call that makes it."""

    def __post_init__(self) -> None:
        self.gold = [(turn, call) for turn, action in enumerate(self.task.gold) for call in action.calls]
        self.made = [None] * len(self.gold)
        keys = [_key(call.name, call.arguments) for _, call in self.gold]
        for number, (call, result) in enumerate(self.trajectory.calls):
            key = None if result.is_error else _key(call.name, call.arguments)
            at = next((at for at, one in enumerate(keys) if one == key and self.made[at] is None), None)
            if at is not None:
                self.made[at] = number
        self.shown = [self.task.request]
        self.chain = [_text(call.arguments) for _, call in self.gold]

    def run(self) -> FirstError | None:
        number = 0
        for turn, step in enumerate(self.trajectory.steps):
            if not step.turn.calls and step.turn.response is None:
                return FirstError("malformed", turn)
            for call, result in zip(step.turn.calls, step.results, strict=False):
                kind = self._of_call(number, call, result)
                if kind:
                    return FirstError(kind, turn)
                number += 1
            self.shown += [result.text for result in step.results]
            if step.user:
                self.shown.append(step.user)
        last = len(self.trajectory.steps) - 1
        response = self.trajectory.steps[last].turn.response if last >= 0 else None
        if response is None:
            # Of a gold chain that is a message of calls no response is wanted: what is left was left out.
            calls_alone = self.task.gold[-1].response is None and self.trajectory.outcome == "unsolved"
            return FirstError("step_left_out", last) if calls_alone else FirstError("no_answer", last + 1)
        left = [call for (_, call), at in zip(self.gold, self.made, strict=True) if at is None]
        if not left:
            return FirstError("wrong_answer", last)
        refuses = any(call.writes for call in left) and refusing(response, _REFUSES) == "told"
        return FirstError("refused_permitted" if refuses else "premature_answer", last)

    def _of_call(self, number: int, call: ToolCall, result: ToolResult) -> str:
        """The kind of error that a call is, or ""."""
        if result.outcome == "over_budget":
            return result.outcome
        if result.outcome == "unavailable":
            return ""
        if number in self.made:
            return self._out_of_order(number, self.made.index(number))
        same = [one.arguments for _, one in self.gold if one.name == call.name]
        if _TRANSFER.match(call.name) and not same:
            return "handed_over"
        if result.is_error:
            return self._refused(number, call, result, same)
        return self._astray(number, call)

    def _out_of_order(self, number: int, at: int) -> str:
        """Of a call that is number `at` of the gold chain's."""
        turn, call = self.gold[at]
        skipped = [
            (one, when)
            for (other, one), when in zip(self.gold, self.made, strict=True)
            if other < turn and (when is None or when > number)
        ]
        if any(when is None for _, when in skipped):
            return "step_left_out"
        guessed = any(not _holds(self.shown, value) for value in _ids(call.arguments))
        early = guessed or any(call.writes or one.writes for one, _ in skipped)
        return "wrong_order" if skipped and early else ""

    def _refused(self, number: int, call: ToolCall, result: ToolResult, same: Sequence[Mapping[str, Any]]) -> str:
        key = _key(call.name, call.arguments)
        at = next((at for at, (_, one) in enumerate(self.gold) if _key(one.name, one.arguments) == key), None)
        early = self._out_of_order(number, at) if at is not None else ""
        if early:
            return early
        if same and all(set(arguments) - set(call.arguments) for arguments in same):
            return "missing_argument"
        if any(not self._was_told(value) for value in _ids(call.arguments)):
            return "invented_value"
        if result.outcome == "tool_error":
            return "refused_call"
        return "wrong_argument" if same and result.outcome == "invalid_arguments" else "wrong_tool"

    def _astray(self, number: int, call: ToolCall) -> str:
        """Of a call that succeeded and is none of the gold chain's, or one made again."""
        writes = call.name in self.writing
        key = _key(call.name, call.arguments)
        again = not writes and any(_key(one.name, one.arguments) == key for _, one in self.gold)
        if writes and self._forbidden(call):
            return "forbidden_act"
        values = [value for value in _values(call) if isinstance(value, str | int)]
        if values and not any(map(self._was_told, values)):
            return "other_request"
        never = [one for (_, one), when in zip(self.gold, self.made, strict=True) if when is None]
        left = [one for (_, one), when in zip(self.gold, self.made, strict=True) if when is None or when > number]
        lacking = [one for one in (left if writes else never) if one.name == call.name]
        if lacking and not again:
            missing = all(set(one.arguments) - set(call.arguments) for one in lacking)
            return "missing_argument" if missing else "wrong_argument"
        if writes or any(_text(one.arguments) == _text(call.arguments) for one in never):
            return "wrong_tool"
        return ""

    def _forbidden(self, call: ToolCall) -> bool:
        """Whether the call does what an item of the task's checklist wants to be refused."""
        if self.task.forbidden:
            return True
        checks = [item.check for item in self.task.checklist if isinstance(item.check, RefusedCheck)]
        words = " ".join(_WORDS.findall(call.name)).lower()
        values = list(_values(call))
        return any(
            check.subject in values if check.subject else any(about.lower() in words for about in check.about)
            for check in checks
        )

    def _was_told(self, value: Any) -> bool:
        return _holds(self.shown, value) or _holds(self.chain, value)


def _values(call: ToolCall) -> Iterator[Any]:
    return (value for _, value in leaves(dict(call.arguments)))


def _ids(arguments: Mapping[str, Any]) -> Iterator[str]:
    """The values that one cannot think of: ids, by the parameter's name, and texts with a digit."""
    for name, value in leaves(dict(arguments)):
        if isinstance(value, str) and (_ID_NAME.search(name) or re.search(r"\d", value)):
            yield value


def _holds(texts: Sequence[str], value: Any) -> bool:
    return any(str(value).lower() in text.lower() for text in texts)


def _text(arguments: Mapping[str, Any]) -> str:
    return " ".join(str(value) for _, value in leaves(dict(arguments)))


def _key(name: str, arguments: object) -> tuple[str, bytes]:
    """What tells whether two calls are the same; what JSON cannot carry equals no gold call."""
    try:
        return name, canonical(arguments)
    except (TypeError, ValueError, RecursionError):
        return name, b"\0"
