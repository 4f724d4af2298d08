"""The kinds of wrong decisions: what an agent does at a place of a gold chain instead of what is right there."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from toolgym.composing.execution import value_of
from toolgym.mcp.session import ToolSpec
from toolgym.mistakes.values import alike, all_leaves, leaves, planned, swap, tells
from toolgym.tasks import GoldAction, GoldCall, RefusedCheck, SaidCheck, Task
from toolgym.trajectory import ToolResult

__all__ = ["DECISIONS", "WEIGHTS", "Chain", "Wrong"]

_TRANSFER: Final = re.compile(r"transfer_to_human")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong decision in place of an action: what is done instead, and whether the chain goes on behind it."""

    instead: tuple[GoldAction, ...]
    swaps: Mapping[Any, Any] | None = None
    """Values that are something else from here on; None: the chain ends here."""
    refused: bool = False
    """Whether a tool refuses it."""
    invents: bool = False
    """Whether it says what it cannot know."""
    skips: int = 1
    """How many actions of the gold chain `instead` stands for."""


@dataclass(frozen=True)
class Chain:
    """A task's gold chain, its results, the tools, and the dice."""

    task: Task
    results: tuple[tuple[ToolResult, ...], ...]
    tools: Mapping[str, ToolSpec]
    rng: np.random.Generator

    @property
    def actions(self) -> tuple[GoldAction, ...]:
        return self.task.gold

    def choose(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    @property
    def told(self) -> str:
        """All that the customer says, or would."""
        return " ".join([self.task.request, self.task.user.opening, *self.task.user.facts.values()])

    @cached_property
    def shown(self) -> set[Any]:
        """What the gold chain's results hold that stands for one thing."""
        return {leaf for results in self.results for leaf in all_leaves(results) if tells(leaf)}

    def seen(self, place: int) -> list[Any]:
        """The results before a place, as JSON."""
        return [value_of(result) for results in self.results[:place] for result in results]


def _with_call(action: GoldAction, at: int, call: GoldCall, plan: str | None) -> GoldAction:
    """The action with another call at a place."""
    calls = (*action.calls[:at], call, *action.calls[at + 1 :])
    return GoldAction(plan=plan, calls=calls, response=action.response)


def _call_at(chain: Chain, place: int) -> tuple[GoldAction, int, GoldCall] | None:
    """An action with calls, and one of them."""
    action = chain.actions[place]
    if not action.calls:
        return None
    at = int(chain.rng.integers(len(action.calls)))
    return action, at, action.calls[at]


def _again_or_not(chain: Chain, place: int, instead: GoldAction) -> Wrong:
    """What comes after a refused call: half of the time the right one, else an end."""
    if chain.rng.random() < 0.5:
        return Wrong((instead, chain.actions[place]), {}, refused=True)
    end = GoldAction(response="Sorry, that did not work, so I cannot help with it.")
    return Wrong((instead, end), refused=True)


# The kinds of wrong decisions.


def _wrong_argument(chain: Chain, place: int) -> Wrong | None:
    """Another value that a tool showed, or that the parameter may have; another number."""
    found = _call_at(chain, place)
    if found is None:
        return None
    action, at, call = found
    shown = list(leaves(chain.seen(place)))
    properties = chain.tools[call.name].input_schema.get("properties", {})
    options = []
    for name, value in leaves(call.arguments):
        others: list[Any] = [one for one in properties.get(name, {}).get("enum", ()) if alike(value, one)]
        fields = {key for key, leaf in shown if leaf == value and type(leaf) is type(value)}
        others += [leaf for key, leaf in shown if key in fields and alike(value, leaf)]
        if not others and isinstance(value, int) and not isinstance(value, bool):
            others = _near(value)
        if others:
            options.append((value, list(dict.fromkeys(others))))
    if not options:
        return None
    value, others = chain.choose(options)
    swaps = {value: chain.choose(others)}
    wrong = call.model_copy(update={"arguments": swap(call.arguments, swaps)})
    return Wrong((_with_call(action, at, wrong, planned(action.plan, swaps)),), swaps)


def _near(number: int) -> list[int]:
    """Numbers as round as this one: 150 gives 140 and 160."""
    unit = 1
    while number and number % (10 * unit) == 0:
        unit *= 10
    return [other for other in (number - unit, number + unit) if other > 0]


def _invented_value(chain: Chain, place: int) -> Wrong | None:
    """An id that nobody gave: a digit of it is another one."""
    found = _call_at(chain, place)
    if found is None:
        return None
    action, at, call = found
    options = [name for name, value in call.arguments.items() if isinstance(value, str) and re.search(r"\d", value)]
    if not options:
        return None
    name = chain.choose(options)
    value = call.arguments[name]
    places = [match.start() for match in re.finditer(r"\d", value)]
    where = chain.choose(places)
    digit = str((int(value[where]) + int(chain.rng.integers(1, 10))) % 10)
    other = value[:where] + digit + value[where + 1 :]
    wrong = call.model_copy(update={"arguments": {**call.arguments, name: other}})
    return _again_or_not(chain, place, _with_call(action, at, wrong, planned(action.plan, {value: other})))


def _missing_argument(chain: Chain, place: int) -> Wrong | None:
    """A call without one of the arguments that it must have."""
    found = _call_at(chain, place)
    if found is None:
        return None
    action, at, call = found
    needed = [name for name in chain.tools[call.name].input_schema.get("required", ()) if name in call.arguments]
    if not needed:
        return None
    left = chain.choose(needed)
    arguments = {name: value for name, value in call.arguments.items() if name != left}
    wrong = call.model_copy(update={"arguments": arguments})
    return _again_or_not(chain, place, _with_call(action, at, wrong, action.plan))


def _wrong_tool(chain: Chain, place: int) -> Wrong | None:
    """Another tool that takes what the right one takes: one that writes too, or one that reads too."""
    found = _call_at(chain, place)
    if found is None:
        return None
    action, at, call = found
    right = chain.tools[call.name]
    others = [
        tool.name
        for tool in chain.tools.values()
        if tool.name != call.name
        and tool.writes == right.writes
        and set(call.arguments) <= set(tool.input_schema.get("properties", {}))
        and set(tool.input_schema.get("required", ())) <= set(call.arguments)
    ]
    if not others or not call.arguments:
        return None
    wrong = GoldCall(name=chain.choose(others), arguments=call.arguments, writes=call.writes)
    plan = f"{wrong.name.replace('_', ' ')} {' '.join(map(str, call.arguments.values()))}."
    instead = _with_call(action, at, wrong, plan)
    if call.writes:
        return Wrong((instead,), {})
    return Wrong((instead, GoldAction(response="Sorry, I find nothing about that.")))


def _step_left_out(chain: Chain, place: int) -> Wrong | None:
    """An action is left out; what follows does not need what it would have shown."""
    return Wrong((), {}) if place < len(chain.actions) - 1 else None


def _wrong_order(chain: Chain, place: int) -> Wrong | None:
    """An action and the next one, which does not need its results, the other way round."""
    if place + 2 >= len(chain.actions) or not chain.actions[place + 1].calls:
        return None
    return Wrong((chain.actions[place + 1], chain.actions[place]), {}, skips=2)


def _premature_answer(chain: Chain, place: int) -> Wrong | None:
    """An answer before the calls that it needs."""
    if not chain.actions[place].calls:
        return None
    answer = _another_answer(chain, place) or GoldAction(response="That is done.")
    return Wrong((answer,), invents=True)


def _wrong_answer(chain: Chain, place: int) -> Wrong | None:
    """All the right calls, and something else is told than they show."""
    if place != len(chain.actions) - 1:
        return None
    answer = _another_answer(chain, place)
    return None if answer is None else Wrong((answer,), invents=True)


def _another_answer(chain: Chain, place: int) -> GoldAction | None:
    """The last response with another value in the place of one that was asked for; None: nothing was asked for."""
    ending = chain.actions[-1]
    response = ending.response or ""
    said = [item.check for item in chain.task.checklist if isinstance(item.check, SaidCheck)]
    facts = [(fact, check.forbidden) for check in said for fact in check.facts if fact in response]
    if not facts:
        return None
    fact, others = chain.choose(facts)
    shown = [other for other in others if other in {str(leaf) for _, leaf in leaves(chain.seen(place))}]
    if shown or others:
        other = chain.choose(shown or others)
    else:
        places = [match.start() for match in re.finditer(r"\d", fact)]
        if not places:
            return None
        where = chain.choose(places)
        other = fact[:where] + str((int(fact[where]) + int(chain.rng.integers(1, 10))) % 10) + fact[where + 1 :]
    plan = ending.plan if place == len(chain.actions) - 1 else None
    return GoldAction(plan=plan, response=response.replace(fact, other))


def _refused_permitted(chain: Chain, place: int) -> Wrong | None:
    """The policy allows it, and the agent refuses."""
    writes = [call for call in chain.actions[place].calls if call.writes]
    if not writes:
        return None
    words = chain.choose(writes).name.replace("_", " ")
    return Wrong((GoldAction(plan=f"{words}: not allowed, refuse.", response="Sorry, that is not allowed."),))


def _handed_over(chain: Chain, place: int) -> Wrong | None:
    """A human agent is to do what the agent should do, or refuse, itself."""
    transfer = next((tool for name, tool in chain.tools.items() if _TRANSFER.match(name)), None)
    used = {call.name for call in chain.task.gold_calls}
    decides = bool(chain.actions[place].calls) or chain.task.forbidden
    if transfer is None or transfer.name in used or not decides:
        return None
    needed = transfer.input_schema.get("required", ())
    call = GoldCall(name=transfer.name, arguments=dict.fromkeys(needed, "The customer's request."), writes=False)
    ending = GoldAction(response="You are transferred to a human agent.")
    return Wrong((GoldAction(plan="Not mine: transfer.", calls=(call,)), ending))


def _forbidden_act(chain: Chain, place: int) -> Wrong | None:
    """What is to be refused is done."""
    if place != len(chain.actions) - 1:
        return None
    checks = [item.check for item in chain.task.checklist if isinstance(item.check, RefusedCheck)]
    if not checks:
        return None
    check = chain.choose(checks)
    tools = [
        tool
        for tool in chain.tools.values()
        if tool.writes
        and any(word.lower() in tool.name.replace("_", " ") for about in check.about for word in about.split())
    ]
    made = [call for tool in tools if (call := _filled(chain, tool, check.subject)) is not None]
    if not made:
        return None
    call = chain.choose(made)
    act = f"{call.name.replace('_', ' ')} {' '.join(map(str, call.arguments.values()))}."
    ending = GoldAction(response=f"{check.subject} is done." if check.subject else "That is done.")
    return Wrong((GoldAction(plan=f"allowed: {act}", calls=(call,)), ending))


def _filled(chain: Chain, tool: ToolSpec, subject: str) -> GoldCall | None:
    """A call of the tool with what was seen of a record; None where a parameter's value is not known."""
    records = [
        record for record in _records(chain.seen(len(chain.actions))) if not subject or subject in record.values()
    ]
    arguments: dict[str, Any] = {}
    for name in tool.input_schema.get("required", ()):
        schema = tool.input_schema["properties"].get(name, {})
        value = next((record[name] for record in records if name in record), None)
        if value is None and "enum" in schema:
            value = chain.choose(schema["enum"])
        if value is None and schema.get("type") == "integer":
            numbers = [int(number) for number in re.findall(r"(?<![\w-])\d{1,6}(?![\w-])", chain.task.request)]
            value = chain.choose(numbers) if numbers else None
        if value is None or isinstance(value, dict | list):
            return None
        arguments[name] = value
    return GoldCall(name=tool.name, arguments=arguments, writes=True) if arguments else None


def _records(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        scalars = {key: item for key, item in value.items() if not isinstance(item, dict | list)}
        if scalars:
            yield scalars
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _records(item)


DECISIONS: Final[dict[str, Callable[[Chain, int], Wrong | None]]] = {
    "wrong_tool": _wrong_tool,
    "wrong_argument": _wrong_argument,
    "missing_argument": _missing_argument,
    "invented_value": _invented_value,
    "step_left_out": _step_left_out,
    "wrong_order": _wrong_order,
    "premature_answer": _premature_answer,
    "wrong_answer": _wrong_answer,
    "refused_permitted": _refused_permitted,
    "handed_over": _handed_over,
    "forbidden_act": _forbidden_act,
}
WEIGHTS: Final = {
    "wrong_argument": 6.0, "wrong_tool": 3.0, "forbidden_act": 6.0, "refused_permitted": 3.0, "step_left_out": 3.0,
    "wrong_order": 3.0, "handed_over": 0.4,
}  # fmt: skip
"""Those that few places give occasion for are tried before the others more often."""
