"""Best of n: whole episodes are sampled, and the one that the scorer likes best is played."""

from dataclasses import dataclass
from typing import ClassVar

from toolgym.agents.search.options import Scored
from toolgym.agents.search.tree import Ask, Node, Score, Search, best

__all__ = ["BestOf"]


@dataclass(frozen=True)
class BestOf(Scored):
    """Samples n episodes and plays the one of the highest score; with n=1 that is plain sampling."""

    name: ClassVar[str] = "best_of"
    n: int = 8
    """Episodes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(1, "n")

    @property
    def samples(self) -> bool:
        return self.n > 1

    def search(self, root: Node, score: Score) -> Search:
        """Of equal scores the first."""
        (episodes,) = yield [Ask(root, self.n, whole=True)]
        return best(episodes, score) or root
