"""Beam search over turns: at each depth the best few states are kept."""

from dataclasses import dataclass
from typing import ClassVar

from toolgym.agents.search.options import Scored
from toolgym.agents.search.tree import Ask, Node, Score, Search, best, distinct

__all__ = ["Beam"]


@dataclass(frozen=True)
class Beam(Scored):
    """Keeps the `width` best states at each depth, and samples `branch` turns from each."""

    name: ClassVar[str] = "beam"
    width: int = 3
    """States that survive."""
    branch: int = 3
    """Turns sampled from each; those that do the same count as one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(1, "width", "branch")

    @property
    def samples(self) -> bool:
        return self.branch > 1

    def search(self, root: Node, score: Score) -> Search:
        """Episodes that have ended compete with those that go on, until none goes on; of equals the first survives.

        Of the survivors the best one that came to an end of its own is chosen, before those that a limit ended.
        """
        beam = [root]
        while going_on := [node for node in beam if not node.over]:
            grown = yield [Ask(node, self.branch) for node in going_on]
            found = [node for node in beam if node.over] + [node for nodes in grown for node in distinct(nodes)]
            if not found:
                return root
            best(found, score)
            kept = sorted(found, key=lambda node: -node.score)[: self.width]  # stable: of equals the first
            for node in (*going_on, *found):
                if node not in kept and node is not root:
                    node.close()
            beam = kept
        return max(beam, key=lambda node: (node.answered, node.score))
