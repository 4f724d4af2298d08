"""Self-consistency over whole episodes (Wang et al. 2022): the ending that most of them come to is played."""

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from toolgym.agents.search.options import SearchOptions
from toolgym.agents.search.tree import Ask, Node, Score, Search

__all__ = ["Majority"]


@dataclass(frozen=True)
class Majority(SearchOptions):
    """Samples n episodes and plays the first of the largest group that ends alike, in state and answer."""

    name: ClassVar[str] = "majority"
    n: int = 8
    """Episodes."""

    def __post_init__(self) -> None:
        self._at_least(1, "n")

    def search(self, root: Node, score: Score) -> Search:
        """Of groups of one size the one that was seen first; episodes that a limit ended vote only among themselves."""
        (episodes,) = yield [Ask(root, self.n, whole=True)]
        voters = [each for each in episodes if each.answered] or episodes
        votes = Counter(each.key for each in voters)
        return max(voters, key=lambda each: votes[each.key], default=root)
