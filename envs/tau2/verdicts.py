"""tau2's rewards: what each part of an evaluation says, and which of them make up a task's reward.

A part is 1.0 or 0.0, and 1.0 where a task asks for nothing of its kind. A task names the parts that count, its reward
basis; its reward is their product. `NL_ASSERTION`, assertions in natural language, takes a model to judge.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

from toolgym.mcp_servers.telecom.situations import check
from toolgym.world import World

__all__ = [
    "NL",
    "action_matches",
    "basis_of",
    "communicated",
    "counts_assertions",
    "parts_of",
    "reward_of",
    "states_hold",
]

NL = "NL_ASSERTION"
_DEFAULT_BASIS = ("DB", "COMMUNICATE")

Call = tuple[Any, Any]
"""A call's name and arguments, whoever made it."""


def basis_of(criteria: Mapping[str, Any]) -> tuple[str, ...]:
    """The parts that make up a task's reward."""
    basis = criteria.get("reward_basis")
    return _DEFAULT_BASIS if basis is None else tuple(basis)


def counts_assertions(criteria: Mapping[str, Any]) -> bool:
    """Whether a task's reward takes a model to judge."""
    return NL in basis_of(criteria) and bool(criteria.get("nl_assertions"))


def action_matches(criteria: Mapping[str, Any], calls: Iterable[Call]) -> list[bool]:
    """For each gold action whether some call was it, whoever made the call and whatever came of it."""
    made = [call for call in calls if isinstance(call[1], dict)]
    return [any(_is_action(gold, *call) for call in made) for gold in criteria.get("actions") or ()]


def _is_action(gold: Mapping[str, Any], name: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether a call is a gold action: the arguments that count are equal.

    As in the reference, where the task does not say which count those of the call do, so that a call without any is
    every action of its tool.
    """
    if gold["name"] != name:
        return False
    counting = gold.get("compare_args")
    counting = arguments if counting is None else counting
    if not counting:
        return True
    wanted = gold["arguments"]
    return {key: arguments[key] for key in counting if key in arguments} == {
        key: wanted[key] for key in counting if key in wanted
    }


def communicated(criteria: Mapping[str, Any], texts: Sequence[str]) -> bool:
    """Whether each text that the user must be told is in one of the agent's messages, case and commas aside."""
    said = [text.lower().replace(",", "") for text in texts if text and text.strip()]
    return all(any(info.lower() in text for text in said) for info in criteria.get("communicate_info") or ())


def states_hold(criteria: Mapping[str, Any], world: World) -> bool:
    """Whether each assertion about the final world holds."""
    return all(
        check(world, one["func_name"], one["arguments"]) == one.get("assert_value", True)
        for one in criteria.get("env_assertions") or ()
    )


def parts_of(criteria: Mapping[str, Any], calls: Iterable[Call], texts: Sequence[str], world: World, db_match: bool):
    """The parts that need no model, by name."""
    return {
        "DB": float(db_match),
        "ENV_ASSERTION": float(states_hold(criteria, world)),
        "ACTION": float(all(action_matches(criteria, calls))),
        "COMMUNICATE": float(communicated(criteria, texts)),
    }


def reward_of(breakdown: Mapping[str, float]) -> float:
    """The product of the parts that count."""
    return float(prod(breakdown.values()))
