"""What could have been done instead at a decision point: actions to be executed on forks.

A decision point is a state before an action. Its alternatives are drawn from the kinds of wrong decisions of
`toolgym.mistakes` at the place of the gold chain that the episode has come to, and from the scenario's other tools,
whose parameters are filled with values that were seen. Where the episode's own action is not one that the gold chain
makes next, the right one (`right`) is among them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from toolgym.composing.execution import value_of
from toolgym.envs.planarena.corpus.playing import State, last_words
from toolgym.mcp.session import ToolSpec
from toolgym.mistakes import DECISIONS, Chain
from toolgym.mistakes.values import leaves
from toolgym.sampling import sample_arguments
from toolgym.tasks import GoldAction, GoldCall

__all__ = ["ALTERNATIVE_KINDS", "Alternative", "alternatives_at"]

_FROM_MISTAKES: Final = (
    *("wrong_tool", "wrong_argument", "missing_argument", "invented_value", "premature_answer"),
    *("wrong_answer", "refused_permitted", "forbidden_act"),
)
ALTERNATIVE_KINDS: Final = ("right", *_FROM_MISTAKES, "wrong_order", "other_tool")
"""`wrong_order`: the gold chain's action after the next one; `other_tool`: a call of any other tool."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """An action that could have been taken, and what sort of decision it is."""

    kind: str
    action: GoldAction


def alternatives_at(state: State, own: GoldAction, count: int, rng: np.random.Generator) -> list[Alternative]:
    """Up to `count` alternatives to an action, all different from it and from each other.

    Args:
        state: before the action.
        own: the action.
        count: how many, the right one not counted.
        rng: draws kinds and values.
    """
    chain, place = _chain(state, rng), _place(state)
    out: list[Alternative] = []
    taken = [_calls_or_words(own)]
    right = _right(state, place)
    if _calls_or_words(right) not in taken:
        out.append(Alternative("right", right))
        taken.append(_calls_or_words(right))
    for kind in rng.permutation([*_FROM_MISTAKES, "wrong_order", "other_tool", "other_tool"]).tolist():
        if sum(made.kind != "right" for made in out) >= count:
            break
        action = _draw(kind, chain, place)
        if action is not None and _calls_or_words(action) not in taken:
            out.append(Alternative(kind, action))
            taken.append(_calls_or_words(action))
    return out


def _calls_or_words(action: GoldAction) -> Any:
    """What tells two actions apart: plans do not."""
    return [(call.name, call.arguments) for call in action.calls] or action.response


def _place(state: State) -> int:
    """The first action of the gold chain with a call that is still to be made; its last one where there is none."""
    left = [call for _, call in state.left]
    for place, action in enumerate(state.task.gold):
        if any(call in left for call in action.calls):
            return place
    return len(state.task.gold) - 1


def _right(state: State, place: int) -> GoldAction:
    """What the gold chain does next: those calls of its action that are still to be made, or its last response."""
    gold = state.task.gold[place]
    left = [call for _, call in state.left]
    calls = tuple(call for call in gold.calls if call in left)
    if not calls:
        return GoldAction(plan=gold.plan, response=last_words(state.task))
    return GoldAction(plan=gold.plan, calls=calls)


def _chain(state: State, rng: np.random.Generator) -> Chain:
    """The gold chain with the results that were shown in place of its own."""
    shown = tuple(result for step in state.env.trajectory.steps for result in step.results)
    return Chain(state.task, (shown,), {tool.name: tool for tool in state.env.tools}, rng)


def _draw(kind: str, chain: Chain, place: int) -> GoldAction | None:
    if kind == "wrong_order":
        later = chain.actions[place + 1] if place + 1 < len(chain.actions) else None
        return later if later is not None and later.calls else None
    if kind == "other_tool":
        return _other_tool(chain, place)
    wrong = DECISIONS[kind](chain, place)
    return wrong.instead[0] if wrong is not None and wrong.instead else None


def _other_tool(chain: Chain, place: int) -> GoldAction | None:
    """A call of another tool than the next ones, with values that were seen; None where they fit none."""
    wanted = {call.name for call in chain.actions[place].calls}
    others = [tool for name, tool in chain.tools.items() if name not in wanted]
    seen: dict[str, list[Any]] = {}
    for name, value in _known(chain):
        seen.setdefault(name, []).append(value)
    for number in chain.rng.permutation(len(others)).tolist():
        arguments = _filled(others[number], seen, chain)
        if arguments is not None:
            name = others[number].name
            plan = " ".join([name.replace("_", " "), *map(str, arguments.values())])
            call = GoldCall(name=name, arguments=arguments, writes=bool(others[number].writes))
            return GoldAction(plan=f"{plan}.", calls=(call,))
    return None


def _filled(tool: ToolSpec, seen: Mapping[str, list[Any]], chain: Chain) -> dict[str, Any] | None:
    """The arguments that a tool must have: values that were seen under their names, words of a choice, numbers."""
    properties, needed = tool.input_schema.get("properties", {}), tool.input_schema.get("required", ())
    if not all(name in seen or _drawable(properties.get(name, {})) for name in needed):
        return None
    drawn = sample_arguments({**tool.input_schema, "properties": {n: properties.get(n, {}) for n in needed}}, chain.rng)
    return {name: chain.choose(seen[name]) if name in seen else drawn[name] for name in needed}


def _drawable(schema: Mapping[str, Any]) -> bool:
    return "enum" in schema or schema.get("type") in ("integer", "number", "boolean")


def _known(chain: Chain) -> Iterator[tuple[str, Any]]:
    """Values by name: of what the tools showed, and of the first calls, whose values the customer told."""
    yield from leaves([value_of(result) for results in chain.results for result in results])
    for call in chain.actions[0].calls:
        yield from leaves(call.arguments)
