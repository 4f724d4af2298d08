"""A policy that searches: it wraps any policy, and is one.

For each episode it samples turns of the wrapped policy in forks of the environment, never in the environment itself;
then it plays the turns that the search chose.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from toolgym.agents.policies.policy import Completion, Policy
from toolgym.agents.search.cost import SearchCost
from toolgym.agents.search.options import SearchOptions
from toolgym.agents.search.tree import Node

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["SearchPolicy"]


class SearchPolicy:
    """Plays what a search chose.

    Args:
        policy: whose turns are sampled.
        options: the search (`toolgym.agents.search.parse_search`).
        concurrency: how many episodes are sampled at once, in all searches together.
        step_timeout_s: a step of a fork that waits for longer breaks its sample.
        on_tree: called as each search ends, before its forks are closed, with (slot, root, chosen node).
    """

    def __init__(
        self,
        policy: Policy,
        options: SearchOptions,
        *,
        concurrency: int = 16,
        step_timeout_s: float | None = None,
        on_tree: Callable[[int, Node, Node], None] | None = None,
    ):
        raise NotImplementedError

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Opens a slot. `env` is the episode's environment, which is forked."""
        raise NotImplementedError

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Goes on along the chosen turns; where the answer is not the fork's, the rest of them is dropped."""
        raise NotImplementedError

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """The next chosen turn of each slot; those that have none are searched for first."""
        raise NotImplementedError

    def end(self, slot: int) -> None:
        """Frees the slot; its cost stays until it is taken."""
        raise NotImplementedError

    def take_cost(self, slot: int) -> SearchCost:
        """What the slot's latest episode cost; it is kept no longer."""
        raise NotImplementedError
