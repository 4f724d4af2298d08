"""Chains with one wrong decision, at any place of a task's gold chain, played before they count.

    mistaker = Mistaker(make_domain("library", size="small"))
    mistake = mistaker.make(task, np.random.default_rng(0))
    mistake.kind, mistake.place     # ("wrong_argument", 1)
    mistake.actions                 # the gold chain up to there, the wrong decision, and what follows from it

A wrong chain goes on as if the decision had been right: what it names later, and what it answers, follows from what the
tools showed it. Values come from what was seen by then. The place of the decision is drawn first, from all alike. Every
chain is played in an environment: one that solves its task all the same is none, except where the decision was a call
that the tool refused and the chain then goes on right (`recovers`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from toolgym.composing.execution import value_of
from toolgym.domain import Domain
from toolgym.env import ToolEnv
from toolgym.errors import TaskError
from toolgym.mcp.session import ToolSpec
from toolgym.messages import Turn, render
from toolgym.tasks import GoldAction, GoldCall, RefusedCheck, SaidCheck, Task
from toolgym.trajectory import ToolResult

__all__ = ["KINDS", "Mistake", "Mistaker"]

_CLOSING_TURNS: Final = 4
_TRANSFER: Final = re.compile(r"transfer_to_human")
_SHORTEST_WORD, _SMALLEST_NUMBER = 3, 10
"""Shorter words and smaller numbers stand for many things."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A chain with one wrong decision."""

    actions: tuple[GoldAction, ...]
    kind: str
    place: int
    """The index of the first action that differs from the gold chain's."""
    recovers: bool = False
    """Whether the chain goes on right: a tool refused the wrong call."""


@dataclass(frozen=True, slots=True)
class _Wrong:
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


@dataclass(frozen=True, slots=True)
class _Played:
    """What the tools answered, one tuple an action, one result a call, and how it ended."""

    results: tuple[tuple[ToolResult, ...], ...]
    outcome: str


@dataclass(frozen=True)
class _Chain:
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
        return {leaf for results in self.results for leaf in _all_leaves(results) if _tells(leaf)}

    def seen(self, place: int) -> list[Any]:
        """The results before a place, as JSON."""
        return [value_of(result) for results in self.results[:place] for result in results]


class Mistaker:
    """Makes wrong chains of a domain's tasks.

    Args:
        domain: whose tasks; gold chains are played on sessions of its own.
    """

    def __init__(self, domain: Domain):
        self.domain = domain
        self._envs: dict[str, ToolEnv] = {}

    def make(self, task: Task, rng: np.random.Generator) -> Mistake | None:
        """The task's gold chain with one wrong decision in it; None where none was found that is wrong.

        Args:
            task: a task of the domain with a gold chain.
            rng: decides on place and kind.

        Raises:
            TaskError: the gold chain does not execute.
        """
        env = self._env(task)
        played = self._play(env, task, task.gold)
        if any(result.is_error for results in played.results for result in results):
            raise TaskError(f"the gold chain of {task.id} does not execute")
        chain = _Chain(task, played.results, {tool.name: tool for tool in env.tools}, rng)
        for place in rng.permutation(len(task.gold)).tolist():
            for kind in sorted(KINDS, key=lambda kind: -rng.exponential() * _WEIGHTS.get(kind, 1.0)):
                wrong = _KINDS[kind](chain, place)
                made = None if wrong is None else self._follow(env, chain, place, kind, wrong)
                if made is not None:
                    return made
        return None

    def maybe(self, task: Task, rng: np.random.Generator, rate: float = 0.55) -> tuple[GoldAction, ...]:
        """The gold chain, with probability `rate` in [0, 1] with a wrong decision in it."""
        if rng.random() >= rate:
            return task.gold
        mistake = self.make(task, rng)
        return task.gold if mistake is None else mistake.actions

    def close(self) -> None:
        """Closes its sessions."""
        for env in self._envs.values():
            env.close()
        self._envs.clear()

    def _env(self, task: Task) -> ToolEnv:
        user = "scripted" if task.user.actions else "none"  # one that acts is part of the world
        if user not in self._envs:
            self._envs[user] = ToolEnv(self.domain, user=user)
        return self._envs[user]

    def _play(self, env: ToolEnv, task: Task, actions: Sequence[GoldAction]) -> _Played:
        env.reset(options={"task": task})
        outcome = ""
        for action in actions:
            outcome = _step(env, action)
            if outcome:
                break
        return _Played(tuple(step.results for step in env.trajectory.steps), outcome or _closed(env))

    def _follow(self, env: ToolEnv, chain: _Chain, place: int, kind: str, wrong: _Wrong) -> Mistake | None:
        """Plays the gold chain up to the place, the wrong decision, and what follows from it. None: it is not wrong, or
        a tool refuses another call than the one that it is about."""
        actions = list(chain.actions[:place])
        self._play_open(env, chain.task, actions)
        told = chain.told
        ended = ""
        for number, action in enumerate(wrong.instead):
            if not (wrong.refused or wrong.invents or _knows(env, chain, told, action)):
                return None
            ended = ended or _step(env, action)
            actions.append(action)
            refused = any(result.is_error for result in env.trajectory.steps[-1].results)
            if refused != (wrong.refused and number == 0):
                return None
        if wrong.swaps is not None:
            swaps = dict(wrong.swaps)
            if not wrong.refused and wrong.skips == len(wrong.instead):
                for offset in range(wrong.skips):
                    shown = env.trajectory.steps[place + offset].results
                    _learn_all(swaps, chain.results[place + offset], shown)
            for at in range(place + wrong.skips, len(chain.actions)):
                if ended:
                    return None
                action = _exchanged(chain.actions[at], swaps)
                if not _knows(env, chain, told, action):
                    return None
                ended = _step(env, action)
                actions.append(action)
                results = env.trajectory.steps[-1].results
                if any(result.is_error for result in results):
                    return None
                _learn_all(swaps, chain.results[at], results)
        outcome = ended or _closed(env)
        recovers = wrong.refused and outcome == "solved"
        if tuple(actions) == chain.actions or (outcome == "solved" and not recovers):
            return None
        return Mistake(tuple(actions), kind, place, recovers)

    def _play_open(self, env: ToolEnv, task: Task, actions: Sequence[GoldAction]) -> None:
        env.reset(options={"task": task})
        for action in actions:
            _step(env, action)


def _step(env: ToolEnv, action: GoldAction) -> str:
    """Plays an action; the episode's outcome where it ends with it, else ""."""
    turn = Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)
    *_, terminated, truncated, info = env.step(render(turn))
    return info["outcome"] if terminated or truncated else ""


def _closed(env: ToolEnv) -> str:
    """The outcome, once the user has nothing more to say."""
    for _ in range(_CLOSING_TURNS):
        outcome = _step(env, GoldAction(response="Is there anything else?"))
        if outcome:
            return outcome
    return "unsolved"


# Values, and what they are exchanged for.


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The scalars of a JSON value, each with the name of the field that it stands in."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, name)
    elif value is not None:
        yield name, value


def _all_leaves(results: Sequence[ToolResult]) -> set[Any]:
    return {leaf for result in results for _, leaf in _leaves(value_of(result))}


def _knows(env: ToolEnv, chain: _Chain, told: str, action: GoldAction) -> bool:
    """Whether the action names nothing that only the gold chain was shown."""
    shown = {leaf for step in env.trajectory.steps for leaf in _all_leaves(step.results)}
    hidden = [leaf for leaf in chain.shown - shown if str(leaf) not in told]
    named = {leaf for call in action.calls for _, leaf in _leaves(call.arguments)}
    text = f"{action.plan} {action.response}"
    return not any(leaf in named or str(leaf) in text for leaf in hidden)


def _alike(value: Any, other: Any) -> bool:
    return type(value) is type(other) and value != other


def _learn_all(swaps: dict[Any, Any], gold: Sequence[ToolResult], shown: Sequence[ToolResult]) -> None:
    """Adds what tools showed in the place of what the gold chain was shown."""
    for right, wrong in zip(gold, shown, strict=False):
        _learn(swaps, value_of(right), value_of(wrong))


def _learn(swaps: dict[Any, Any], right: Any, wrong: Any) -> None:
    if isinstance(right, dict) and isinstance(wrong, dict):
        for key in right.keys() & wrong.keys():
            _learn(swaps, right[key], wrong[key])
    elif isinstance(right, list) and isinstance(wrong, list) and len(right) == len(wrong):
        for one, other in zip(right, wrong, strict=True):
            _learn(swaps, one, other)
    elif _alike(right, wrong) and _tells(right) and _tells(wrong):
        swaps.setdefault(right, wrong)


def _tells(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) >= _SHORTEST_WORD
    return not isinstance(value, bool) and isinstance(value, int | float) and abs(value) >= _SMALLEST_NUMBER


def _swap(value: Any, swaps: Mapping[Any, Any]) -> Any:
    """The JSON value with whole values exchanged."""
    if isinstance(value, dict):
        return {key: _swap(item, swaps) for key, item in value.items()}
    if isinstance(value, list):
        return [_swap(item, swaps) for item in value]
    if isinstance(value, bool):
        return value
    return swaps.get(value, value)


def _said(text: str | None, swaps: Mapping[Any, Any]) -> str | None:
    """The text with values exchanged, all at once, longest first; small numbers only behind a dollar sign."""
    if text is None or not swaps:
        return text
    shown: dict[str, str] = {}
    for old, new in swaps.items():
        for mark in ("", "$"):
            if mark or _tells(old):
                shown[f"{mark}{old}"] = f"{mark}{new}"
    pattern = "|".join(re.escape(old) for old in sorted(shown, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", lambda found: shown[found[0]], text)


_COMPARED: Final = re.compile(r".*?, .*?: ")
"""What a plan compares, up to the decision: "A $20, B 08:30: "."""


def _planned(plan: str | None, swaps: Mapping[Any, Any]) -> str | None:
    """The plan with values exchanged behind what it compares ("A $20, B $30: A. stop A")."""
    if plan is None:
        return None
    compared = _COMPARED.match(plan)
    at = compared.end() if compared else 0
    return f"{plan[:at]}{_said(plan[at:], swaps)}"


def _exchanged(action: GoldAction, swaps: Mapping[Any, Any]) -> GoldAction:
    """The action with values exchanged."""
    calls = tuple(call.model_copy(update={"arguments": _swap(call.arguments, swaps)}) for call in action.calls)
    return GoldAction(plan=_planned(action.plan, swaps), calls=calls, response=_said(action.response, swaps))


def _with_call(action: GoldAction, at: int, call: GoldCall, plan: str | None) -> GoldAction:
    """The action with another call at a place."""
    calls = (*action.calls[:at], call, *action.calls[at + 1 :])
    return GoldAction(plan=plan, calls=calls, response=action.response)


def _call_at(chain: _Chain, place: int) -> tuple[GoldAction, int, GoldCall] | None:
    """An action with calls, and one of them."""
    action = chain.actions[place]
    if not action.calls:
        return None
    at = int(chain.rng.integers(len(action.calls)))
    return action, at, action.calls[at]


def _again_or_not(chain: _Chain, place: int, instead: GoldAction) -> _Wrong:
    """What comes after a refused call: half of the time the right one, else an end."""
    if chain.rng.random() < 0.5:
        return _Wrong((instead, chain.actions[place]), {}, refused=True)
    end = GoldAction(response="Sorry, that did not work, so I cannot help with it.")
    return _Wrong((instead, end), refused=True)


# The kinds of wrong decisions.


def _wrong_argument(chain: _Chain, place: int) -> _Wrong | None:
    """Another value that a tool showed, or that the parameter may have; another number."""
    found = _call_at(chain, place)
    if found is None:
        return None
    action, at, call = found
    shown = list(_leaves(chain.seen(place)))
    properties = chain.tools[call.name].input_schema.get("properties", {})
    options = []
    for name, value in _leaves(call.arguments):
        others: list[Any] = [one for one in properties.get(name, {}).get("enum", ()) if _alike(value, one)]
        fields = {key for key, leaf in shown if leaf == value and type(leaf) is type(value)}
        others += [leaf for key, leaf in shown if key in fields and _alike(value, leaf)]
        if not others and isinstance(value, int) and not isinstance(value, bool):
            others = _near(value)
        if others:
            options.append((value, list(dict.fromkeys(others))))
    if not options:
        return None
    value, others = chain.choose(options)
    swaps = {value: chain.choose(others)}
    wrong = call.model_copy(update={"arguments": _swap(call.arguments, swaps)})
    return _Wrong((_with_call(action, at, wrong, _planned(action.plan, swaps)),), swaps)


def _near(number: int) -> list[int]:
    """Numbers as round as this one: 150 gives 140 and 160."""
    unit = 1
    while number and number % (10 * unit) == 0:
        unit *= 10
    return [other for other in (number - unit, number + unit) if other > 0]


def _invented_value(chain: _Chain, place: int) -> _Wrong | None:
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
    return _again_or_not(chain, place, _with_call(action, at, wrong, _planned(action.plan, {value: other})))


def _missing_argument(chain: _Chain, place: int) -> _Wrong | None:
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


def _wrong_tool(chain: _Chain, place: int) -> _Wrong | None:
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
        return _Wrong((instead,), {})
    return _Wrong((instead, GoldAction(response="Sorry, I find nothing about that.")))


def _step_left_out(chain: _Chain, place: int) -> _Wrong | None:
    """An action is left out; what follows does not need what it would have shown."""
    return _Wrong((), {}) if place < len(chain.actions) - 1 else None


def _wrong_order(chain: _Chain, place: int) -> _Wrong | None:
    """An action and the next one, which does not need its results, the other way round."""
    if place + 2 >= len(chain.actions) or not chain.actions[place + 1].calls:
        return None
    return _Wrong((chain.actions[place + 1], chain.actions[place]), {}, skips=2)


def _premature_answer(chain: _Chain, place: int) -> _Wrong | None:
    """An answer before the calls that it needs."""
    if not chain.actions[place].calls:
        return None
    answer = _another_answer(chain, place) or GoldAction(response="That is done.")
    return _Wrong((answer,), invents=True)


def _wrong_answer(chain: _Chain, place: int) -> _Wrong | None:
    """All the right calls, and something else is told than they show."""
    if place != len(chain.actions) - 1:
        return None
    answer = _another_answer(chain, place)
    return None if answer is None else _Wrong((answer,), invents=True)


def _another_answer(chain: _Chain, place: int) -> GoldAction | None:
    """The last response with another value in the place of one that was asked for; None: nothing was asked for."""
    ending = chain.actions[-1]
    response = ending.response or ""
    said = [item.check for item in chain.task.checklist if isinstance(item.check, SaidCheck)]
    facts = [(fact, check.forbidden) for check in said for fact in check.facts if fact in response]
    if not facts:
        return None
    fact, others = chain.choose(facts)
    shown = [other for other in others if other in {str(leaf) for _, leaf in _leaves(chain.seen(place))}]
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


def _refused_permitted(chain: _Chain, place: int) -> _Wrong | None:
    """The policy allows it, and the agent refuses."""
    writes = [call for call in chain.actions[place].calls if call.writes]
    if not writes:
        return None
    words = chain.choose(writes).name.replace("_", " ")
    return _Wrong((GoldAction(plan=f"{words}: not allowed, refuse.", response="Sorry, that is not allowed."),))


def _handed_over(chain: _Chain, place: int) -> _Wrong | None:
    """A human agent is to do what the agent should do, or refuse, itself."""
    transfer = next((tool for name, tool in chain.tools.items() if _TRANSFER.match(name)), None)
    used = {call.name for call in chain.task.gold_calls}
    decides = bool(chain.actions[place].calls) or chain.task.forbidden
    if transfer is None or transfer.name in used or not decides:
        return None
    needed = transfer.input_schema.get("required", ())
    call = GoldCall(name=transfer.name, arguments=dict.fromkeys(needed, "The customer's request."), writes=False)
    ending = GoldAction(response="You are transferred to a human agent.")
    return _Wrong((GoldAction(plan="Not mine: transfer.", calls=(call,)), ending))


def _forbidden_act(chain: _Chain, place: int) -> _Wrong | None:
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
    return _Wrong((GoldAction(plan=f"allowed: {act}", calls=(call,)), ending))


def _filled(chain: _Chain, tool: ToolSpec, subject: str) -> GoldCall | None:
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


_KINDS: Final[dict[str, Callable[[_Chain, int], _Wrong | None]]] = {
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
_WEIGHTS: Final = {
    "wrong_argument": 6.0, "wrong_tool": 3.0, "forbidden_act": 6.0, "refused_permitted": 3.0, "step_left_out": 3.0,
    "wrong_order": 3.0, "handed_over": 0.4,
}  # fmt: skip
"""Those that few places give occasion for are tried before the others more often."""
KINDS: Final = tuple(_KINDS)
"""The kinds of wrong decisions."""
