"""DFSDT, ToolLLaMA's depth-first search-based decision tree (Qin et al. 2023), by which StepTool's Table 1 is played.

The policy goes on until it answers or gives up. Where it gives up, the search goes two levels back: not only the turn
that led nowhere is left, but the state that it was taken in. A state that is tried again is told what was tried there.
"""

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from toolgym.agents.search.options import SearchOptions
from toolgym.agents.search.talk import GIVE_UP
from toolgym.agents.search.tree import Ask, Node, Score, Search

__all__ = ["Dfsdt", "diversity_note"]

_BACK_AFTER_GIVING_UP = 2
"""Levels."""
_ALL = 1 << 30
"""More levels than any tree has."""

_MAY_GIVE_UP = (
    f'If the task cannot be solved from here, call the tool "{GIVE_UP}" without arguments: another way is then tried.'
)


@dataclass
class _Progress:
    queries: int
    """That are left."""
    deepest: Node
    """The first of the longest ways that were not given up: what is played where no answer is found."""
    answer: Node | None = None


@dataclass(frozen=True)
class Dfsdt(SearchOptions):
    """Goes on depth first until the policy answers; after giving up it goes back and tries something else."""

    name: ClassVar[str] = "dfsdt"
    width: int = 2
    """Turns tried in one state, at most."""
    depth: int = 12
    """Turns of one way, at most."""
    queries: int = 30
    """Turns asked of the policy in all."""
    prompts: bool = True
    """Whether the policy is told that it may give up, and what was tried before. A policy that was never trained on
    such words may do better without."""

    def __post_init__(self) -> None:
        self._at_least(1, "width", "depth", "queries")

    @property
    def samples(self) -> bool:
        return not self.prompts and self.width > 1

    def search(self, root: Node, score: Score) -> Search:
        """The first answer that is found, whatever it is."""
        progress = _Progress(self.queries, root)
        yield from self._below(root, root.depth, progress)
        return progress.answer or progress.deepest

    def _below(self, node: Node, top: int, progress: _Progress) -> Generator[list[Ask], list[list[Node]], int]:
        """Searches below a node that begins no deeper than the limit; how many levels to go back from it.

        Args:
            node: the node.
            top: the depth of the root.
            progress: of the whole search.
        """
        if node.answered:
            progress.answer = node
            return _ALL
        if node.gave_up:
            return _BACK_AFTER_GIVING_UP
        if node.depth > progress.deepest.depth:
            progress.deepest = node
        if node.over or node.depth - top >= self.depth:
            return 1
        tried: list[Node] = []
        for _ in range(self.width):
            if not progress.queries:
                return _ALL
            progress.queries -= 1
            note = "\n".join([_MAY_GIVE_UP, *diversity_note(tried)]) if self.prompts else ""
            (made,) = yield [Ask(node, note=note, may_give_up=self.prompts)]
            tried += made
            for child in made:  # none where the infrastructure failed
                back = yield from self._below(child, top, progress)
                child.close()
                if back > 1:
                    return back - 1
        return 1


def diversity_note(tried: Sequence[Node]) -> list[str]:
    """What the policy is told of the turns that were tried in a state before: nothing where there are none."""
    if not tried:
        return []
    shown = []
    for number, node in enumerate(tried, start=1):
        turn = node.played[-1]
        steps = node.trajectory.steps if node.trajectory is not None and turn.observation is not None else []
        did = steps[node.depth - 1].turn if len(steps) >= node.depth else None
        calls = [{"name": call.name, "arguments": call.arguments} for call in did.calls] if did is not None else []
        said = json.dumps(calls, ensure_ascii=False, sort_keys=True, default=str) if calls else turn.completion.text
        shown.append(f"{number}. {said}\n   It gave: {turn.observation or 'nothing: it was given up'}")
    return [
        "This is not the first time that you are in this state. What you did here before led to no solution:",
        *shown,
        "Do something that differs from all of it.",
    ]
