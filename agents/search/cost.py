"""What a search cost: counted as it is spent, told with the episode."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["META", "SearchCost"]

META = "search"
"""Where a trajectory's `meta` has its episode's cost."""


@dataclass(frozen=True, slots=True)
class SearchCost:
    """What was spent on one episode, in all of its searches. The turns that it plays are among the sampled ones."""

    tokens: int = 0
    """Tokens that the policy sampled (of an endpoint: as it counts them)."""
    turns: int = 0
    """Model queries: turns that the policy was asked for."""
    steps: int = 0
    """Environment steps in forks. Those of the real episode come on top, and so do steps repeated to reach a state."""
    calls: int = 0
    """Tool calls of these steps."""
    searches: int = 0
    """1, and one more for each time that the environment did not answer as its fork had."""
    oracle: bool = False
    """Whether the scorer knew the outcome: an upper bound, and nothing that an agent could do."""

    def __add__(self, other: "SearchCost") -> "SearchCost":
        """Both together."""
        return SearchCost(
            self.tokens + other.tokens,
            self.turns + other.turns,
            self.steps + other.steps,
            self.calls + other.calls,
            self.searches + other.searches,
            self.oracle or other.oracle,
        )

    def to_json(self) -> dict[str, Any]:
        """As a trajectory's `meta["search"]` has it."""
        return asdict(self)

    @classmethod
    def of_meta(cls, meta: Mapping[str, Any]) -> "SearchCost | None":
        """The cost that a trajectory's `meta` tells of; None of an episode that was played without a search."""
        told = meta.get(META)
        if not isinstance(told, Mapping) or set(told) != {each.name for each in fields(cls)}:
            return None
        return cls(**told) if all(isinstance(value, int) for value in told.values()) else None
