"""The parameters of tools: their types, bounds and descriptions, as a house style states them."""

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field as Told

from toolgym.composing.fields import Choice, Clock, Day, Field, Money, Number
from toolgym.envs.planarena.sorts import Sort
from toolgym.envs.planarena.style import Style, either_of
from toolgym.mcp_servers.planarena.bodies import Checks

__all__ = ["Parameters", "checks_of", "choices_of", "strictly"]


def choices_of(made: Choice) -> tuple[str, ...]:
    """The values, each once."""
    return tuple(dict.fromkeys(made.values))


@lru_cache(maxsize=8192)
def _text(description: str) -> Any:
    return Annotated[str, Told(description=description)]


@lru_cache(maxsize=8192)
def _number(low: int, high: int, description: str | None) -> Any:
    if description is None:
        return Annotated[int, Told(ge=low, le=high)]
    return Annotated[int, Told(ge=low, le=high, description=description)]


@dataclass(frozen=True)
class Parameters:
    """Makes parameters.

    Args:
        style: the house style.
        strict: whether schemas tell choices as enums.
        ending: the last digit of ids of the scenario's split.
    """

    style: Style
    strict: bool
    ending: str

    def text(self, description: str) -> Any:
        """A text."""
        return str if self.style.describes == "none" else _text(description)

    def id(self, sort: Sort, which: str = "") -> Any:
        """The id of a record."""
        what = f"The {which} {sort.noun}'s id" if which else f"The {sort.noun}'s id"
        if self.style.describes == "example" and sort.mark:
            return self.text(f"{what}, such as '{sort.mark}2041{self.ending}'.")
        return self.text(f"{what}.")

    def number(self, low: int, high: int, description: str) -> Any:
        """A whole number within bounds."""
        return _number(low, high, None if self.style.describes == "none" else description)

    def value(self, made: Field) -> Any:
        """A value of a field."""
        label = f"The {made.label}"
        if isinstance(made, Choice):
            choices = choices_of(made)
            if self.strict:
                kind = Literal[choices]
                return kind if self.style.describes == "none" else Annotated[kind, Told(description=f"{label}.")]
            return _text(f"{label}: {either_of(choices)}.")
        if isinstance(made, Number):
            unit = " in dollars" if isinstance(made, Money) else f" in {made.unit}" if made.unit else ""
            return self.number(made.low, made.high, f"{label}{unit}.")
        if isinstance(made, Day):
            return _text(f"{label} (YYYY-MM-DD).")
        if isinstance(made, Clock):
            return _text(f"{label} (HH:MM).")
        return self.text(f"{label}.")


def checks_of(name: str, made: Field) -> Checks:
    """What a tool checks of a field's values."""
    if isinstance(made, Choice):
        return Checks(name, choices=choices_of(made))
    if isinstance(made, Number):
        return Checks(name, low=made.low, high=made.high)
    return Checks(name, day=isinstance(made, Day), clock=isinstance(made, Clock))


def strictly(rng: random.Random) -> bool:
    """Whether a scenario's schemas tell choices as enums."""
    return rng.random() < 0.7
