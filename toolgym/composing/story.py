"""A story: one thing that a customer wants, the words for it, and the script of the agent that does it right.

The script is a generator: it yields `Do` (a turn's plan and calls) and is sent their results, so what it plans and
answers follows from the request and the results so far, never from the world behind them. A task runs one script, or
several in lock step as parallel calls.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from toolgym.tasks import Assertion, RefusedCheck, UserScript
from toolgym.world import Diff

__all__ = ["Do", "Done", "PlannedCall", "Run", "Story", "Style", "Told", "UnfitError", "after", "together"]

Style = Literal["seen", "unseen"]
"""Whose phrasings: those of `train`, `validation` and `test`, or those of `test_unseen` alone."""


class UnfitError(Exception):
    """A script meets what it was not made for: the candidate is discarded."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call of a script and its atomic kind (AC-Planner's Gamma_1)."""

    kind: str
    tool: str
    arguments: dict[str, Any]
    writes: bool = False
    """Whether it changes the world."""
    free: bool = False
    """Whether an argument can be worded in many ways, so that only the call itself is checked."""
    required: bool = False
    """Whether the task counts as solved only with this very call, though it changes nothing."""

    @property
    def checked(self) -> dict[str, Any]:
        """The arguments that a checklist asks for."""
        return {} if self.free else self.arguments


@dataclass(frozen=True, slots=True)
class Do:
    """A turn with calls: parallel where there are several."""

    plan: str
    calls: tuple[PlannedCall, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A turn in which the customer is told to do something with its own tools; its reply is the one result."""

    plan: str
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Done:
    """How a script ends."""

    response: str
    plan: str = ""
    """Why, where a decision was taken last."""
    said: tuple[str, ...] = ()
    """What the customer asked to be told."""
    unsaid: tuple[str, ...] = ()
    """What would be wrong to say."""
    refusals: tuple[RefusedCheck, ...] = ()
    """What is refused; `subject` is the id of the record that it is about."""
    looks: tuple[str, ...] = ()
    """Ids in the calls that show what a refusal's rule depends on: of the customer, where membership decides; none
    where the request alone does.
    """
    assertions: tuple[Assertion, ...] = ()


Run = Generator[Do | Told, list[Any], Done]


@dataclass(frozen=True, slots=True)
class Story:
    """One thing that the customer of a task wants."""

    clause: str
    opening: str
    """How a customer who does not tell everything at once begins."""
    outline: str
    run: Callable[[], Run]
    facts: dict[str, str] = field(default_factory=dict)
    """Topic -> the sentence that answers it."""
    intro: dict[str, str] = field(default_factory=dict)
    """Topic -> a sentence that the request begins with; those of several stories are said once."""
    user: UserScript | None = None
    """The customer, where it does something itself; such a story is a task of its own."""
    world: Any = None
    """The key of the story's world, where that is not its task's."""
    reached: Callable[[Diff], Assertion | None] | None = None
    """What holds once the end is reached (None: it is not), where more than one final state will do."""
    free: tuple[str, ...] = ()
    """The tables that may then differ."""


def after(words: str, script: Run) -> Run:
    """The script with `words` before its first plan."""
    try:
        todo = next(script)
    except StopIteration as stop:
        return replace(stop.value, plan=f"{words} {stop.value.plan}".rstrip())
    todo = replace(todo, plan=f"{words} {todo.plan}")
    while True:
        results = yield todo
        try:
            todo = script.send(results)
        except StopIteration as stop:
            return stop.value


def together(endings: Sequence[Done]) -> Done:
    """One ending of several."""
    return Done(
        response=" ".join(ending.response for ending in endings),
        plan=" ".join(ending.plan for ending in endings if ending.plan),
        said=tuple(fact for ending in endings for fact in ending.said),
        unsaid=tuple(fact for ending in endings for fact in ending.unsaid),
        refusals=tuple(refusal for ending in endings for refusal in ending.refusals),
        looks=tuple(look for ending in endings for look in ending.looks),
        assertions=tuple(assertion for ending in endings for assertion in ending.assertions),
    )
