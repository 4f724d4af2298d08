"""Runs the scripts of a task's stories on a real session: the execution filter (AC-Planner section 3.2).

Stories go in lock step, so that their calls of one turn are parallel calls. A candidate of which any call fails is
discarded. `needless` tells the calls that could be left out: it runs the scripts again on a session in the same world,
each time without one of the calls, whose result then breaks whatever script looks at it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from pydantic import TypeAdapter

from toolgym import _json
from toolgym.composing.story import Do, Done, PlannedCall, Run, Story, Told, UnfitError
from toolgym.mcp.session import ToolSession
from toolgym.messages import ToolCall, Turn
from toolgym.rewards.assertions import bound
from toolgym.tasks import GoldAction, Task
from toolgym.trajectory import Step, ToolResult
from toolgym.users.base import UserTools
from toolgym.users.scripted import ScriptedUser
from toolgym.world import Diff

__all__ = ["ExecutedCall", "Execution", "execute", "flaw", "is_given", "needless", "value_of"]

_ACTIONS: Final = TypeAdapter(tuple[GoldAction, ...])


@dataclass(frozen=True, slots=True)
class ExecutedCall:
    """A call that succeeded: of which story, in which turn."""

    planned: PlannedCall
    story: int
    turn: int


@dataclass(frozen=True, slots=True)
class Execution:
    """A gold chain that was executed."""

    calls: tuple[ExecutedCall, ...]
    endings: tuple[Done, ...]
    steps: tuple[Step, ...]
    """What the environment records of the chain, a step an action."""
    diff: Diff
    decisions: tuple[ExecutedCall | Told, ...]
    """The calls and what the customer was told to do, in order."""

    @property
    def actions(self) -> tuple[GoldAction, ...]:
        """The gold chain."""
        writes = iter([executed.planned.writes for executed in self.calls])
        return _ACTIONS.validate_python(
            [
                {
                    "plan": turn.plan,
                    "calls": [
                        {"name": call.name, "arguments": call.arguments, "writes": next(writes)} for call in turn.calls
                    ],
                    "response": turn.response,
                }
                for turn in (step.turn for step in self.steps)
            ]
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The atomic kinds of the decisions."""
        return tuple(made.kind if isinstance(made, Told) else made.planned.kind for made in self.decisions)


def value_of(result: ToolResult) -> Any:
    """What a tool returned, as JSON or text."""
    structured = result.structured
    if structured is not None:
        return structured["result"] if len(structured) == 1 and "result" in structured else structured
    try:
        return _json.loads(result.text)
    except ValueError:
        return result.text


class _Track:
    """One story's script and where it stands."""

    def __init__(self, run: Run):
        self.run = run
        self.ending: Done | None = None
        self.todo: Do | Told | None = None
        self.advance(None)

    def advance(self, results: list[Any] | None) -> None:
        try:
            self.todo = next(self.run) if results is None else self.run.send(results)
        except StopIteration as stop:
            self.todo, self.ending = None, stop.value


def _customer(session: ToolSession, stories: Sequence[Story]) -> ScriptedUser | None:
    """Who does what the stories tell the customer to do."""
    script = next((story.user for story in stories if story.user is not None), None)
    if script is None:
        return None
    user = ScriptedUser()
    user.tools = UserTools(session)
    user.start(Task(id="candidate", domain="", kind=(), request=stories[0].clause, user=script))
    return user


class _Left:
    """The result of a call that was left out: whoever looks at it fails."""

    def _looked_at(self, *_: Any, **__: Any) -> NoReturn:
        raise _MissingError

    __getitem__ = __iter__ = __len__ = __bool__ = __eq__ = __contains__ = __hash__ = __str__ = __format__ = _looked_at
    __lt__ = __gt__ = __le__ = __ge__ = __add__ = __int__ = __float__ = _looked_at

    def __getattr__(self, name: str) -> NoReturn:
        raise _MissingError


class _MissingError(Exception):
    """A script looked at what it was not shown."""


def execute(session: ToolSession, world_key: Any, stories: Sequence[Story], without: int = -1) -> Execution | None:
    """Executes the stories in a fresh world; None where a call fails, or a script meets what it was not made for.

    Args:
        session: is reset to the world.
        world_key: the world's key.
        stories: what is done, in parallel where there are several.
        without: the place of a call that is left out.
    """
    try:
        return _execute(session, world_key, stories, without)
    except UnfitError:
        return None


def _execute(session: ToolSession, world_key: Any, stories: Sequence[Story], without: int) -> Execution | None:
    session.reset(world_key)
    user = _customer(session, stories)
    tracks = [_Track(story.run()) for story in stories]
    outline = " + ".join(story.outline for story in stories)
    executed: list[ExecutedCall] = []
    steps: list[Step] = []
    decisions: list[ExecutedCall | Told] = []
    diff: Diff | None = None
    version: int | None = None
    place = 0
    while any(track.todo for track in tracks):
        plan = " ".join(track.todo.plan for track in tracks if track.todo)
        plan = plan if steps else f"{outline}. {plan}"
        if isinstance(told := tracks[0].todo, Told):  # such a story is alone
            place += 1
            if place - 1 == without:
                tracks[0].advance([_Left()])
                continue
            assert user is not None
            reply = user.reply(told.words)
            decisions.append(told)
            turn = Turn(plan=plan, response=told.words)
            acts = () if user.tools is None else user.tools.taken()
            steps.append(Step(turn, user=reply.text, diff=session.diff(), user_acts=acts))
            if reply.done or not acts:
                return None
            tracks[0].advance([reply.text])
            continue
        calls: list[ToolCall] = []
        answers: list[ToolResult] = []
        writes = False
        for number, track in enumerate(tracks):
            if not isinstance(track.todo, Do):
                continue
            results = []
            for planned in track.todo.calls:
                place += 1
                if place - 1 == without:
                    results.append(_Left())
                    continue
                call = ToolCall(planned.tool, planned.arguments)
                result = session.call(call)
                if result.is_error:
                    return None
                answers.append(result)
                results.append(value_of(result))
                calls.append(call)
                writes = writes or planned.writes
                executed.append(ExecutedCall(planned, number, len(steps)))
                decisions.append(executed[-1])
            track.advance(results)
        if writes:
            diff, version = session.diff(), session.state_version()
        steps.append(Step(Turn(plan=plan, calls=tuple(calls)), tuple(answers), diff=diff if writes else None))
    endings = tuple(track.ending for track in tracks if track.ending is not None)
    if version is None or version != session.state_version():
        diff = session.diff()
    diff = diff or {}
    steps.append(Step(Turn(plan=_reasons(endings) or None, response=_response(endings)), (), diff=diff))
    return Execution(tuple(executed), endings, tuple(steps), diff, tuple(decisions))


def flaw(session: ToolSession, world_key: Any, stories: Sequence[Story], request: str, done: Execution) -> str:
    """Why an executed candidate is no good task; "" where it is one.

    `undone`: the calls of it or of one of its stories write, and nothing is different in the end, so that doing nothing
    would be right too. `missed`: the goal is not reached. `order`: its stories done the other way round end otherwise,
    and the request does not say which comes first. `given`: the request says what is asked for. `needless`: a decision
    could be left out.

    Args:
        session: is reset to the world.
        world_key: the world's key.
        stories: what was executed.
        request: what the customer says.
        done: the execution.
    """
    if not done.diff and any(executed.planned.writes for executed in done.calls):
        return "undone"
    if any(story.reached is not None and story.reached(done.diff) is None for story in stories):
        return "missed"
    if len(stories) > 1 and any(_undone(session, world_key, stories[one]) for one in _several_writes(done)):
        return "undone"
    if not _commute(session, world_key, stories, done):
        return "order"
    if is_given(request, done):
        return "given"
    return "" if next(needless(session, world_key, stories, done), None) is None else "needless"


def _commute(session: ToolSession, world_key: Any, stories: Sequence[Story], done: Execution) -> bool:
    """Whether the stories that write end alike, whichever of a turn's parallel calls comes first."""
    if len({executed.story for executed in done.calls if executed.planned.writes}) < 2:
        return True
    turned = execute(session, world_key, stories[::-1])
    return turned is not None and turned.diff == done.diff


def _several_writes(done: Execution) -> list[int]:
    """The stories that write more than once."""
    written = Counter(executed.story for executed in done.calls if executed.planned.writes)
    return [story for story, count in written.items() if count > 1]


def _undone(session: ToolSession, world_key: Any, story: Story) -> bool:
    """Whether nothing is different in the end where the story is all that is done."""
    alone = execute(session, world_key, [story])
    return alone is not None and not alone.diff


def needless(session: ToolSession, world_key: Any, stories: Sequence[Story], done: Execution) -> Iterator[int]:
    """The places of decisions whose omission breaks nothing: the same end is reached, and the same is said.

    A call that only reads is needed where a script looks at its result. One that was made before with the same
    arguments, and nothing was written since, is not. The only one that writes is needed where something is to be
    different in the end.
    """
    seen: dict[tuple[str, str], int] = {}
    plain = all(story.user is None and story.reached is None for story in stories)
    changes_alone = plain and bool(done.diff) and sum(executed.planned.writes for executed in done.calls) == 1
    answers = [value_of(answer) for step in done.steps for answer in step.results]
    written = 0
    for place, decision in enumerate(done.decisions):
        if isinstance(decision, Told):
            written += 1
        else:
            planned = decision.planned
            key = (planned.tool, repr(planned.arguments))
            if not planned.writes and not planned.required and seen.get(key) == written:
                yield place
                continue
            seen[key] = written
            written += planned.writes
            if planned.required or (planned.writes and changes_alone):
                continue
        try:
            if plain:
                same = _same_without(session, world_key, stories, done, answers, place)
            else:
                other = execute(session, world_key, stories, without=place)
                same = other is not None and _same_end(stories, done, other)
        except (_MissingError, UnfitError):
            continue
        if same:
            yield place


def _same_without(
    session: ToolSession,
    world_key: Any,
    stories: Sequence[Story],
    done: Execution,
    answers: Sequence[Any],
    place: int,
) -> bool:
    """Whether the stories, in which the customer does nothing, end as they did where a call is left out.

    Until then all goes as it went: results are those of the execution (`answers`), and the session is asked only for
    what comes after.
    """
    tracks = [_Track(story.run()) for story in stories]
    begun, at = False, 0
    while any(track.todo for track in tracks):
        for track in tracks:
            if not isinstance(track.todo, Do):
                continue
            results: list[Any] = []
            for planned in track.todo.calls:
                if at > place and not begun:
                    begun = True
                    _begin(session, world_key, done, place)
                if at < place:
                    results.append(answers[at])
                elif at == place:
                    results.append(_Left())
                else:
                    answer = session.call(ToolCall(planned.tool, planned.arguments))
                    if answer.is_error:
                        return False
                    results.append(value_of(answer))
                at += 1
            track.advance(results)
    endings = [track.ending for track in tracks if track.ending is not None]
    last = done.steps[-1].turn
    if (_reasons(endings) or None, _response(endings)) != (last.plan, last.response):
        return False
    if not begun:
        _begin(session, world_key, done, place)
    return (session.diff() or {}) == done.diff


def _begin(session: ToolSession, world_key: Any, done: Execution, place: int) -> None:
    """Resets the session, and writes what is written before a place."""
    session.reset(world_key)
    for executed in done.calls[:place]:
        if executed.planned.writes:
            session.call(ToolCall(executed.planned.tool, executed.planned.arguments))


def _reasons(endings: Sequence[Done]) -> str:
    return " ".join(ending.plan for ending in endings if ending.plan)


def _response(endings: Sequence[Done]) -> str:
    return " ".join(ending.response for ending in endings)


def _same_end(stories: Sequence[Story], done: Execution, other: Execution) -> bool:
    """Whether another execution ends as well as the whole one."""
    goal = next((story for story in stories if story.reached is not None), None)
    if goal is None or goal.reached is None:
        return other.diff == done.diff and other.steps[-1].turn == done.steps[-1].turn
    return goal.reached(other.diff) is not None and bound(other.diff, goal.free) == bound(done.diff, goal.free)


def is_given(request: str, done: Execution) -> bool:
    """Whether the request itself holds what is to be told."""
    facts = (fact for end in done.endings for fact in end.said if fact in request)
    return any(re.search(rf"(?<!\w){re.escape(fact)}(?!\w)", request) for fact in facts)
