"""Monte Carlo tree search over turns: UCT with the policy's probabilities as prior (Silver et al. 2017's form).

A simulation goes down by UCT to a state that was not gone on from, samples turns there, follows the likeliest of them
to the episode's end in a fork, and gives every state on its way the value of that end.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from toolgym.agents.search.options import Scored
from toolgym.agents.search.scoring import turn_logprob
from toolgym.agents.search.tree import Ask, Node, Score, Search, best, distinct

__all__ = ["Mcts", "uct"]


@dataclass(frozen=True)
class Mcts(Scored):
    """Simulates where the upper confidence bound is highest, and plays the best end below the most simulated turn."""

    name: ClassVar[str] = "mcts"
    simulations: int = 8
    """Ways down the tree."""
    branch: int = 3
    """Turns sampled from a state when it is first gone on from; those that do the same become one."""
    explore: float = 1.0
    """How much the prior counts against the values: c of UCT."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(1, "simulations", "branch")
        self._at_least(0, "explore")

    def search(self, root: Node, score: Score) -> Search:
        """With a learnt value the state itself is valued, and no episode is sampled to its end."""
        below: dict[Node, list[Node]] = {}
        for _ in range(self.simulations):
            node = root
            while below.get(node):
                node = max(below[node], key=lambda child, at=node: uct(at, child, self.explore))
            end = yield from self._simulate(node, below, score)
            if end is None:  # nothing could be sampled there
                break
            for each in _way(root, end):
                each.visits += 1
                each.total += end.score
        return _chosen(root, below)

    def _simulate(
        self, node: Node, below: dict[Node, list[Node]], score: Score
    ) -> Generator[list[Ask], list[list[Node]], Node | None]:
        """Goes on from a node that was not gone on from: the end that was reached, with its score."""
        if not node.over:
            (made,) = yield [Ask(node, self.branch)]
            below[node] = distinct(made)
            if not below[node]:
                return None
            _set_priors(below[node])
            node = max(below[node], key=lambda child: child.prior)
        if not math.isnan(node.score):  # an end that was reached before
            return node
        ends = [node]
        if not node.over and self.scorer != "value":
            (ends,) = yield [Ask(node, whole=True)]
        return best(ends, score)


def uct(node: Node, child: Node, explore: float) -> float:
    """The upper confidence bound: `Q + c * P * sqrt(N) / (1 + n)`.

    Q is the mean value of the child's simulations, of a child without any that of its parent's; N and n are how often
    parent and child were simulated, P is the child's prior.
    """
    seen = child if child.visits else node
    mean = seen.total / seen.visits if seen.visits else 0.0
    return mean + explore * child.prior * math.sqrt(node.visits) / (1 + child.visits)


def _set_priors(children: list[Node]) -> None:
    """The policy's probabilities of the sampled turns, as shares of their sum; without log-probabilities, how often
    each was sampled."""
    if all(turn.completion.logprobs for child in children for turn in child.played):
        logps = [turn_logprob(child) for child in children]
        weights = [math.exp(logp - max(logps)) for logp in logps]
    else:
        weights = [child.share for child in children]
    for child, weight in zip(children, weights, strict=True):
        child.prior = weight / sum(weights)


def _way(root: Node, end: Node) -> list[Node]:
    """The nodes from the root to an end."""
    path = end.path
    return path[path.index(root) :]


def _chosen(root: Node, below: dict[Node, list[Node]]) -> Node:
    """The best end below the most simulated turn of the root's, of equals the one of the higher mean, then the first.

    Where no episode came to an end there, the most simulated state is followed down.
    """
    node = root
    while below.get(node):
        node = max(below[node], key=lambda child: (child.visits, child.total / child.visits if child.visits else 0.0))
        ends = [each for each in node.walk() if each.over and each.visits]
        if ends:
            return max(ends, key=lambda each: (each.answered, each.score))
    return node
