"""What is wrong with a declaration beside its server: tools and parameters that there are not, results that lack what a
look is declared to show, tools that do not answer the same call twice alike.

Each look, act and rule is tried in a few small worlds.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from toolgym.composing.asking import wrong
from toolgym.composing.declaration import Declaration, Look, Wish
from toolgym.composing.execution import execute, value_of
from toolgym.composing.found import Found, Record
from toolgym.composing.scenes import Scene
from toolgym.composing.stories import Outline, make_story
from toolgym.composing.story import UnfitError
from toolgym.composing.ways import ways_by
from toolgym.errors import did_you_mean
from toolgym.mcp.session import ToolSession, ToolSpec, WrappedSession
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Base

__all__ = ["tool_problems", "try_out"]

_SPEAKERS: Final = 12
"""How many customers of a world a part is tried with."""
_ENOUGH: Final = 2
"""How often a part is tried with success."""

Worlds = Sequence[tuple[int, Base]]


def tool_problems(declaration: Declaration, tools: Sequence[ToolSpec]) -> list[str]:
    """A sentence for each look and act that does not fit its tool."""
    by_name = {tool.name: tool for tool in tools}
    out = []
    for look in declaration.looks:
        given = dict.fromkeys([*look.asks(look.by), *look.fixed], True)
        out += [f"Look {look.kind!r}: {problem}" for problem in _fits(by_name, look.tool, given, writes=False)]
    for act in declaration.acts:
        given = {name: not (isinstance(one, Wish) and one.optional) for name, one in act.takes.items()}
        found = _fits(by_name, act.tool, given, writes=not act.hands_over)
        out += [f"Act {act.kind!r}: {problem}" for problem in found]
    return out


def _fits(tools: Mapping[str, ToolSpec], name: str, given: Mapping[str, bool], *, writes: bool) -> Iterator[str]:
    """What is wrong with a tool for what it is given (parameter -> whether always)."""
    if name not in tools:
        yield f"tool: {did_you_mean(name, tools, 'tool of the server')}"
        return
    tool = tools[name]
    parameters = tool.input_schema.get("properties", {})
    for parameter in given:
        if parameter not in parameters:
            yield f"{name!r} takes no {parameter!r}. {did_you_mean(parameter, parameters, 'parameter')}"
    for parameter in tool.input_schema.get("required", ()):
        if parameter not in given:
            yield f"{name!r} needs {parameter!r}: say what it is filled with"
        elif not given[parameter]:
            yield f"{name!r} needs {parameter!r}, which is optional here"
    if tool.writes is not None and tool.writes != writes:
        does, is_a = ("only reads", "an act changes something") if writes else ("writes", "a look only shows")
        yield f"{name!r} {does}, and {is_a}: say writes={writes} where the server has it, or name another tool"


def try_out(declaration: Declaration, outlines: Sequence[Outline], session: ToolSession, worlds: Worlds) -> None:
    """Tries each look, act and rule in the worlds, in each with a few customers.

    What suits nobody in these worlds is passed over.

    Raises:
        DeclarationError: something that was tried is not as it is declared.
    """
    twice = _Twice(session)
    problems = [
        f"Look {look.kind!r}: {told}" for look in declaration.looks if (told := _look(declaration, look, twice, worlds))
    ]
    if problems:  # what follows builds on what looks show
        raise wrong(declaration, problems)
    for outline in _simplest(declaration, outlines):
        _act(declaration, outline, twice, worlds)
    for name, told in twice.differing.items():
        parts = [f"look {look.kind!r}" for look in declaration.looks if look.tool == name]
        parts += [f"act {act.kind!r}" for act in declaration.acts if act.tool == name]
        problems.append(f"Tool {name!r} ({', '.join(parts)}) is not deterministic: {told}")
    if problems:
        raise wrong(declaration, problems)


class _Twice(WrappedSession):
    """A session that makes each call on a fork too, and notes the tools that answer otherwise."""

    def __init__(self, inner: ToolSession):
        super().__init__(inner)
        self.differing: dict[str, str] = {}

    def call(self, call: ToolCall) -> ToolResult:
        fork = self.inner.fork()
        first, second = fork.call(call), self.inner.call(call)
        if first != second:
            self.differing[call.name] = f"the same call answers {first.text[:120]!r} and {second.text[:120]!r}"
        elif fork.diff() != self.inner.diff():
            self.differing[call.name] = "the same call changes the world in two ways"
        return second

    def fork(self) -> ToolSession:
        return self.inner.fork()


def _scenes(declaration: Declaration, worlds: Worlds) -> Iterator[tuple[int, Scene]]:
    for key, base in worlds:
        for place, speaker in enumerate(list(base.tables[declaration.who])[:_SPEAKERS]):
            yield key, Scene(declaration, base, speaker, "seen", random.Random(place))


def _look(declaration: Declaration, look: Look, session: ToolSession, worlds: Worlds) -> str:
    """What a look does not show, or why it never shows anything; "" where nothing is wrong."""
    shown, refused = 0, ""
    ways = [way for way in ways_by(declaration, look) if look is way.look and way.read is None][:4]
    for key, scene in _scenes(declaration, worlds):
        for way in ways:
            found = scene.find(way)
            if found is None:
                continue
            session.reset(key)
            record, told = _found(session, found, look)
            refused = refused or told
            if record is None:
                continue
            missing = [name for name in look.shows or declaration.table(look.gives).fields if name not in record]
            if missing:
                lacks = f"what {look.tool!r} shows has no {', '.join(map(repr, missing))}"
                return f"{lacks}: let the tool show it, or name what it shows in shows"
            shown += 1
            if shown >= _ENOUGH:
                return ""
    return refused if not shown else ""


def _found(session: ToolSession, found: Found, look: Look) -> tuple[Record | None, str]:
    """The record as the look shows it; or what the tool says instead."""
    script = found.run()
    try:
        todo = next(script)
        while True:
            results = []
            for planned in todo.calls:
                result = session.call(ToolCall(planned.tool, planned.arguments))
                if result.is_error:
                    mine = planned.tool == look.tool
                    return None, f"{look.tool!r} refuses {planned.arguments}: {result.text[:200]}" if mine else ""
                results.append(value_of(result))
            todo = script.send(results)
    except StopIteration as stop:
        record = stop.value
    except UnfitError as error:
        return None, f"{look.tool!r} shows other records than the world has: {error}"
    except (LookupError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        return None, f"what {look.tool!r} shows is no {'list of records' if look.many else 'record'} ({what})"
    if not isinstance(record, Mapping):
        return None, f"what {look.tool!r} shows is no record, but {type(record).__name__}"
    return record, ""


def _simplest(declaration: Declaration, outlines: Sequence[Outline]) -> list[Outline]:
    """For each act, and each rule that it may break, the outlines with the fewest calls."""
    found: dict[tuple[str, str, bool], Outline] = {}
    for outline in sorted(outlines, key=lambda one: (one.depth, one.name)):
        if len(outline.acts) == 1:
            rule = outline.forbidden.name if outline.forbidden else ""
            many = outline.way is not None and outline.way.many
            found.setdefault((outline.acts[0], rule, many), outline)
    return list(found.values())


def _act(declaration: Declaration, outline: Outline, session: ToolSession, worlds: Worlds) -> None:
    done = 0
    for key, scene in _scenes(declaration, worlds):
        story = make_story(scene, outline)
        if story is not None and execute(session, key, [story]) is not None:
            done += 1
            if done >= _ENOUGH:
                return
