"""The tree of a search: nodes are states of an episode, edges what the policy did there."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolgym.agents.policies.policy import Completion
from toolgym.messages import Turn
from toolgym.saying.facts import normalise
from toolgym.saying.values import form_of, values_in
from toolgym.trajectory import Outcome, Trajectory
from toolgym.world import canonical

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["Ask", "Node", "PlayedTurn", "Score", "Search", "best", "distinct", "ending_key", "turn_key"]


@dataclass(frozen=True, slots=True)
class PlayedTurn:
    """A turn of the policy's in a fork, and what the environment answered."""

    completion: Completion
    observation: str | None = None
    """None: there was no step, because the context was full or the turn gave up."""
    info: dict[str, Any] = field(default_factory=dict)
    reward: float = 0.0


@dataclass(eq=False, slots=True)
class Node:
    """A state of an episode. The root of a search is the episode's opening, or a later state with the opening above."""

    parent: "Node | None" = None
    played: list[PlayedTurn] = field(default_factory=list)
    """The turns that led here from the parent: one, or several. Empty at the episode's opening."""
    env: "ToolEnv | None" = None
    """The environment in this state, which is forked and never stepped; None where it is reached by repeating turns."""
    trajectory: Trajectory | None = None
    """The episode up to here."""
    over: bool = False
    """Whether the episode ended here, however it did; a node that gave up is over, too."""
    outcome: Outcome | None = None
    """How it ended: for the oracle scorer and for making data, never for another."""
    gave_up: bool = False
    key: bytes = b""
    """What was done on the way from the parent: equal for nodes that differ in words alone."""
    share: float = 1.0
    """How many of the samples drawn together with this one have its key, as a share of them."""
    children: list["Node"] = field(default_factory=list)
    score: float = float("nan")
    """What the scorer gave; NaN where it was not asked."""
    visits: int = 0
    """How often a simulation of `mcts` passed through."""
    total: float = 0.0
    """The sum of the values of these simulations."""
    prior: float = 0.0
    """The policy's probability of this child among its siblings."""
    context: Any = field(default=None, repr=False)
    """The conversation up to here as the policy takes it, once it was needed."""
    observation: str = ""
    """What the policy reads next: the environment's latest answer."""
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """Turns since the opening."""
        return sum(len(node.played) for node in self.path)

    @property
    def path(self) -> list["Node"]:
        """The nodes from the opening to this one."""
        out: list[Node] = []
        node: Node | None = self
        while node is not None:
            out.append(node)
            node = node.parent
        return out[::-1]

    @property
    def turns(self) -> list[PlayedTurn]:
        """The turns from the opening to here."""
        return [turn for node in self.path for turn in node.played]

    @property
    def answered(self) -> bool:
        """Whether the episode came to its end: not by a limit, and not by giving up."""
        return self.over and not self.gave_up and self.outcome != "truncated"

    def walk(self) -> Iterator["Node"]:
        """This node and all below it, parents first."""
        left = [self]
        while left:
            node = left.pop()
            yield node
            left += node.children[::-1]

    def close(self) -> None:
        """Closes this node's environment."""
        env, self.env = self.env, None
        if env is not None:
            env.close()


@dataclass(frozen=True, slots=True)
class Ask:
    """What a search wants sampled."""

    node: Node
    count: int = 1
    whole: bool = False
    """Whether to go on to the episode's end; otherwise it is one turn."""
    note: str = ""
    """Something that the policy is told behind the conversation, for this turn alone."""
    may_give_up: bool = False
    """Whether the policy may call `give_up` in place of going on."""


Search = Generator[list[Ask], list[list[Node]], Node]
"""Asks, gets the children that were made for each ask (fewer where the infrastructure failed), gives the node whose
turns are to be played."""

Score = Callable[[Sequence[Node]], list[float]]
"""How good nodes are: higher is better."""


def best(nodes: Sequence[Node], score: Score) -> Node | None:
    """The node of the highest score, the first of equals; None of none. Scores are noted on the nodes."""
    for node, value in zip(nodes, score(nodes), strict=True):
        node.score = value
    return max(nodes, key=lambda node: node.score, default=None)


def distinct(nodes: Sequence[Node]) -> list[Node]:
    """The first node of each key; the environments of the others are closed."""
    seen: dict[bytes, Node] = {}
    for node in nodes:
        if seen.setdefault(node.key, node) is not node:
            node.close()
    return list(seen.values())


def turn_key(turn: Turn) -> bytes:
    """What a turn does: its calls, and the values that its response tells. Plans and other words are left out."""
    return _bytes([[[call.name, call.arguments] for call in turn.calls], _said(turn.response), bool(turn.problems)])


def ending_key(trajectory: Trajectory, writing: frozenset[str], *, cut: bool) -> bytes:
    """How an episode ends: the world's diff, the calls that may have changed what no diff shows, the last answer.

    Args:
        trajectory: the episode.
        writing: the tools that may write.
        cut: whether a limit ended it.
    """
    diff = trajectory.diff
    made = [[call.name, call.arguments] for call, result in trajectory.calls if not result.is_error]
    wrote = [] if diff else sorted(_bytes(call) for call in made if call[0] in writing)
    last = trajectory.steps[-1].turn.response if trajectory.steps else None
    return _bytes([diff, [each.decode(errors="replace") for each in wrote], _said(last), cut])


def _said(response: str | None) -> list[str] | None:
    """The ids and amounts of an answer; where it has none, whether it says no."""
    if response is None:
        return None
    text = normalise(response)
    values = sorted({value for value in values_in(text) if "_" in value or form_of(value)})
    return values or [word for word in ("yes", "no", "not", "cannot") if word in text.split()]


def _bytes(value: Any) -> bytes:
    """Canonical bytes; of what JSON cannot carry, its text."""
    try:
        return canonical(value)
    except (TypeError, ValueError, RecursionError):
        return repr(value).encode(errors="replace")
