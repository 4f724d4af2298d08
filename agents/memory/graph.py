"""`ToolGraph`: which tool follows which, and where its arguments come from, counted in solved episodes.

AutoTool, "Efficient Tool Selection for Large Language Model Agents": nodes are tools, edges are transitions with their
probabilities, and parameter edges say which earlier value an argument took. SIT-Graph, "State Integrated Tool Graph
for Multi-Turn Agents": an edge is followed under the state that led to it; here the state is the request, and with
`similar=N` only the N cases with the most similar requests count. Deviations: a node is a turn, so several calls of one
tool over the elements of a list are one step; probabilities are plain counts over solved episodes, with no weights for
inertia, for use or for failure; what the confidence of a call means is therefore a product of observed shares.

    confidence = P(tool | the last `order` turns) * product over arguments of P(place | tool)
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from toolgym import _json
from toolgym.agents.memory.flow import EACH, Place, Seen, place_text
from toolgym.agents.memory.records import Case, CaseTurn, Memory
from toolgym.agents.memory.words import TextIndex
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall
from toolgym.world import canonical

__all__ = ["WORDS", "Edge", "GraphOptions", "Proposal", "ToolGraph", "node_of"]

WORDS = "(words)"
"""The node of a turn without calls."""
START = "(start)"
"""What stands before an episode's first turn."""


@dataclass(frozen=True)
class GraphOptions:
    """When a call is proposed."""

    threshold: float = 0.8
    """The least confidence, in (0, 1]."""
    support: int = 3
    """How often the last turns must have been seen; where they were seen less often, one turn fewer is looked at."""
    order: int = 2
    """How many of the last turns are looked at."""
    similar: int = 15
    """Only the solved cases with the most similar requests count, so many of them; 0: all."""
    writes: bool = False
    """Whether tools that change the world are proposed too."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ConfigError(f"threshold must be above 0 and at most 1, got {self.threshold}")
        if self.support < 1 or self.order < 1 or self.similar < 0:
            raise ConfigError(
                f"support and order must be at least 1 and similar at least 0, got support={self.support}, "
                f"order={self.order}, similar={self.similar}"
            )


@dataclass(frozen=True, slots=True)
class Proposal:
    """Calls of one tool for the next turn."""

    calls: tuple[ToolCall, ...]
    confidence: float
    flow: dict[str, str]
    """Argument -> where its value comes from."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition, as `toolgym memory show` prints it."""

    after: str
    then: str
    count: int
    total: int
    flow: dict[str, tuple[str, int]]
    """Argument -> the place that most often held its value, and how often."""


@dataclass(frozen=True, slots=True)
class _Next:
    """What followed, in one case."""

    case: int
    node: str
    turn: CaseTurn


def node_of(names: Sequence[str], *, failed: bool) -> str:
    """The node of a turn: its tools, each once and sorted, and whether a call of them failed."""
    return (" + ".join(sorted(set(names))) or WORDS) + ("!" if failed else "")


def _node(turn: CaseTurn) -> str:
    return node_of([call.name for call in turn.calls], failed=any(call.failed for call in turn.calls))


class ToolGraph:
    """The transitions of a memory's solved cases."""

    def __init__(self, memory: Memory, options: GraphOptions | None = None):
        self.options = options or GraphOptions()
        self._cases = [case for case in memory.cases if case.solved]
        self._after: dict[tuple[str, ...], list[_Next]] = {}
        for number, case in enumerate(self._cases):
            for before, turn in _walks(case, self.options.order):
                for length in range(1, len(before) + 1):
                    self._after.setdefault(before[-length:], []).append(_Next(number, _node(turn), turn))
        self._index = TextIndex([case.request for case in self._cases]) if self.options.similar else None

    def similar(self, request: str) -> frozenset[int] | None:
        """The cases that count for a request; None: all."""
        if self._index is None:
            return None
        return frozenset(place for place, _ in self._index.best(request, self.options.similar))

    def edges(self) -> list[Edge]:
        """The transitions from one turn to the next, the most frequent first."""
        out = []
        for before, all_next in self._after.items():
            if len(before) == 1:
                for node, count in Counter(each.node for each in all_next).items():
                    turns = [each.turn for each in all_next if each.node == node]
                    out.append(Edge(before[0], node, count, len(all_next), _usual(turns)))
        return sorted(out, key=lambda edge: (-edge.count, edge.after, edge.then))

    def propose(
        self,
        before: Sequence[str],
        seen: Seen,
        tools: Collection[str],
        cases: Collection[int] | None = None,
    ) -> Proposal | None:
        """The next turn's calls, where they are sure enough.

        Args:
            before: the nodes of the episode's turns so far, from `START` on.
            seen: what the episode has shown.
            tools: those that may be proposed.
            cases: those that count (`similar`); None: all.
        """
        for length in range(min(self.options.order, len(before)), 0, -1):
            known = self._after.get(tuple(before[-length:]), ())
            evidence = [each for each in known if cases is None or each.case in cases]
            if len(evidence) >= self.options.support:
                break
        else:
            return None
        node, count = min(Counter(each.node for each in evidence).items(), key=lambda item: (-item[1], item[0]))
        if node not in tools:
            return None
        proposal = _filled(node, [each.turn for each in evidence if each.node == node], seen)
        if proposal is None:
            return None
        confidence = proposal.confidence * count / len(evidence)
        enough = confidence >= self.options.threshold - 1e-12
        return Proposal(proposal.calls, confidence, proposal.flow) if enough else None


def _walks(case: Case, order: int) -> list[tuple[tuple[str, ...], CaseTurn]]:
    """Each turn of a case with the nodes before it, at most `order`; words to the user begin anew."""
    out, nodes = [], [START]
    for turn in case.turns:
        out.append((tuple(nodes[-order:]), turn))
        nodes = [*nodes, _node(turn)] if turn.calls else [START]
    return out


def _rank(counted: tuple[Place, int]) -> tuple[Any, ...]:
    """The order of places: the most frequent first; of equals one value before each of a list, then the shortest."""
    place, count = counted
    return -count, EACH in place, len(place), str(place)


def _usual(turns: Sequence[CaseTurn]) -> dict[str, tuple[str, int]]:
    """Argument -> the place that most often held it, and how often."""
    out = {}
    for name in sorted({name for turn in turns for name in turn.flow}):
        places = Counter(tuple(place) for turn in turns for place in turn.flow.get(name, ()))
        if places:
            place, count = min(places.items(), key=_rank)
            out[name] = (place_text(place), count)
    return out


def _filled(tool: str, turns: Sequence[CaseTurn], seen: Seen) -> Proposal | None:
    """The calls of a tool with their arguments, given how it was called before; None: an argument is not to be had.

    Its confidence is that of the arguments alone.
    """
    alike = [turn for turn in turns if turn.flow or len(turn.calls) == 1]
    if not alike:
        return None
    shapes = Counter(tuple(sorted(turn.calls[0].arguments)) for turn in alike)
    names, count = min(shapes.items(), key=lambda item: (-item[1], item[0]))
    confidence = count / len(turns)
    same = [turn for turn in alike if tuple(sorted(turn.calls[0].arguments)) == names]
    values: dict[str, Any] = {}
    each: dict[str, list[Any]] = {}
    flow: dict[str, str] = {}
    for name in names:
        found = _source(name, same, seen)
        if found is None:
            return None
        place, value, share = found
        confidence *= share
        flow[name] = _json.dumps(value).decode() if place is None else place_text(place)
        (each if place is not None and EACH in place else values)[name] = value
    lengths = {len(given) for given in each.values()}
    if len(lengths) > 1 or 0 in lengths:
        return None
    calls = tuple(
        ToolCall(tool, {name: each[name][number] if name in each else values[name] for name in names})
        for number in range(lengths.pop() if lengths else 1)
    )
    return Proposal(calls, confidence, flow)


def _source(name: str, turns: Sequence[CaseTurn], seen: Seen) -> tuple[Place | None, Any, float] | None:
    """Where an argument most often came from among what is there now: the place (None: it is a constant), the value,
    and the share of the turns in which it was so."""
    counts: Counter[Place] = Counter()
    constants: Counter[bytes] = Counter()
    for turn in turns:
        counts.update({tuple(place) for place in turn.flow.get(name, ())})
        given = {canonical(call.arguments[name]) for call in turn.calls}
        if len(given) == 1:
            constants.update(given)
    for place, count in sorted(counts.items(), key=_rank):
        constant = constants.most_common(1)
        if constant and constant[0][1] > count:
            break
        try:
            return place, seen.at(place), count / len(turns)
        except LookupError:
            continue
    if not constants:
        return None
    text, count = min(constants.items(), key=lambda item: (-item[1], item[0]))
    return None, _json.loads(text), count / len(turns)
