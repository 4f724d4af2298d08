"""Budgets: how many tool calls, turns and tokens an episode may use, told to the agent as they are used up.

The Budget Tracker of Liu et al. 2025, "Budget-aware tool-use enables effective agent scaling" (BATS, arXiv 2511.17006):
after every turn the agent reads what is left; with `told=false` it does not, for comparison. Here a budget is of the
whole episode, whichever tools are called, and what is spent refuses calls: the agent may still respond, and answers
with what it knows.

- `calls`: calls that the tools were asked to run, whatever they gave. Parallel calls count each. A malformed call is
  none, and one that was refused for the budget is not counted.
- `turns`: messages of the agent's, whatever is in them.
- `tokens`: of what the agent wrote and what was answered since the opening, without these notices
  (`EnvOptions.count_tokens`).

A call is run where something of each was left before it: of turns and tokens, before its turn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolgym.errors import ConfigError, did_you_mean
from toolgym.trajectory import ToolResult

__all__ = ["Budget", "Spending"]

_WORDS = {"calls": "tool calls", "turns": "turns", "tokens": "tokens"}
_EXAMPLE = "An example: calls=20,turns=8"


@dataclass(frozen=True, slots=True)
class Budget:
    """What an episode may use; None is not limited.

    Raises:
        ConfigError: nothing is limited, or by what is no whole number from 1 on.
    """

    calls: int | None = None
    turns: int | None = None
    tokens: int | None = None
    told: bool = True
    """Whether the agent is told what is left; otherwise it meets the refusals alone."""

    def __post_init__(self) -> None:
        if not self.given:
            raise ConfigError(f"A budget limits {', '.join(_WORDS)}, or some of them, and this one nothing. {_EXAMPLE}")
        for name, value in self.given.items():
            if isinstance(value, bool) or not (isinstance(value, int) and value > 0):
                raise ConfigError(f"A budget of {name} is a whole number from 1 on, not {value!r:.100}. {_EXAMPLE}")
        if not isinstance(self.told, bool):
            raise ConfigError(f"A budget's told is true or false, not {self.told!r:.100}")

    @classmethod
    def of(cls, spec: Any) -> "Budget":
        """The budget that `calls=20,turns=8`, or the same as a mapping, describes; a `Budget` is itself.

        Raises:
            ConfigError: it is none.
        """
        if isinstance(spec, Budget):
            return spec
        given = _parsed(spec) if isinstance(spec, str) else spec
        if not isinstance(given, Mapping):
            raise ConfigError(f"A budget is given as NAME=NUMBER or as a mapping, not as {spec!r:.100}. {_EXAMPLE}")
        for name in given:
            if name not in (*_WORDS, "told"):
                raise ConfigError(did_you_mean(str(name), (*_WORDS, "told"), "budget"))
        return cls(**given)

    @property
    def given(self) -> dict[str, int]:
        """What is limited, by name."""
        values = {name: getattr(self, name) for name in _WORDS}
        return {name: value for name, value in values.items() if value is not None}

    def notice(self, left: Mapping[str, int]) -> str:
        """What the agent is told: what is left of each, and, where something is spent, what follows; empty where it is
        told nothing."""
        if not self.told:
            return ""
        parts = [f"{left[name]} of {value} {_WORDS[name]}" for name, value in self.given.items()]
        said = f"Left of your budget: {', '.join(parts)}."
        return said if all(left.values()) else f"{said} No call is run any more: respond with what you know."


@dataclass(slots=True)
class Spending:
    """What an episode has used of its budget."""

    budget: Budget
    calls: int = 0
    turns: int = 0
    tokens: int = 0

    @property
    def left(self) -> dict[str, int]:
        """What is left, by name: never less than 0."""
        return {name: max(0, value - getattr(self, name)) for name, value in self.budget.given.items()}

    @property
    def notice(self) -> str:
        """What the agent is told of it."""
        return self.budget.notice(self.left)

    def refusal(self) -> ToolResult | None:
        """The answer to a call that is not run; None where it may be."""
        spent = [_WORDS[name] for name, value in self.left.items() if value == 0]
        if not spent:
            return None
        text = f"This call was not run: the budget of {' and '.join(spent)} is spent."
        return ToolResult(text, None, True, "over_budget")


def _parsed(spec: str) -> dict[str, Any]:
    """`calls=20,turns=8` as a mapping.

    Raises:
        ConfigError: a part is no NAME=NUMBER, or a name stands there twice.
    """
    out: dict[str, Any] = {}
    for part in spec.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        said = {"true": True, "false": False}.get(value) if name == "told" else None
        if said is None and not (equals and value.isascii() and value.isdigit()):
            raise ConfigError(f"A budget is NAME=NUMBER, of {', '.join(_WORDS)}; got {part!r:.100}. {_EXAMPLE}")
        if name in out:
            raise ConfigError(f"The budget of {name} is given twice: {spec!r:.100}")
        out[name] = int(value) if said is None else said
    return out
