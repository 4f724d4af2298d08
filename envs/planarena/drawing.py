"""Recipes drawn one at a time: what `toolgym.composing.recipes` chooses from a list of all outlines is sampled here.

A scenario is new to the process more often than not, and most of its outlines are never played: making all of them
would take longer than all else. Here it is reckoned which series of acts and which ways have a depth together, and one
of them becomes an outline.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, permutations, product
from typing import Final

from toolgym.composing.declaration import Act, Declaration, Pick, Rule
from toolgym.composing.recipes import Kitchen, Together, is_named
from toolgym.composing.stories import Outline
from toolgym.composing.ways import Way, ways_to
from toolgym.domain import Split

__all__ = ["Sampler"]

_HALF_REFUSED: Final = 0.15
"""Of the parallel stories: one is forbidden, the others are done."""
_READING: Final = 0.25
"""Of the stories: nothing is changed, only asked."""
_ASKS: Final = 0.25
"""Of the series whose record can be asked about: how many are."""
_LENGTHS: Final = (0, 3, 2, 2)
"""How often one, two or three acts come one after another."""
_PICKABLE: Final = 3
"""How many ways to what is picked are thought of for an act."""
_THREE: Final = 0.3
"""Of the stories together: three, where the task is deep enough."""
_LEAST_OF_THREE: Final = 5
_TRIES: Final = 12
_APART: Final = 6
"""How often another story is looked for that goes with those that there are."""


@dataclass(frozen=True, slots=True)
class _Series:
    """Acts one after another, or one that breaks a rule, without the way to their record."""

    acts: tuple[Act, ...]
    picks: tuple[tuple[int, str, Way], ...]
    rule: Rule | None
    calls: int
    """How many calls there are behind the way, where the customer's own record was not read on it."""
    known_calls: int
    """How many there are where it was."""


class Sampler(Kitchen):
    """Draws recipes without making those that it does not draw. What was reckoned once is kept."""

    def __init__(self, declaration: Declaration, works: Callable[[Together], bool]):
        super().__init__(declaration, works)
        self._shared: dict[int, tuple[list[tuple[int, ...]], list[tuple[int, ...]]]] = {}
        """Depth -> how two stories, and how three, share it."""
        self._voiced: dict[tuple[int, int, bool], Outline | None] = {}
        """(series, way, whether it asks), by identity -> the story."""
        self._facts: dict[Way, tuple[frozenset[str], frozenset[str], frozenset[str]]] = {}
        """Way -> the tables that it lists, those with told records, the looks by the speaker that it begins with."""
        self._made: dict[tuple[int, bool], dict[int, list[tuple[_Series, list[Way]]]]] = {}
        """(depth, whether a rule is broken) -> as `_of_depth` gives it."""
        self._picks: dict[tuple[str, str], list[Way]] = {}
        """(table of the act, table of the pick) -> ways to what is picked."""
        self._found: dict[str, dict[tuple[int, bool], list[Way]]] = {}
        """Table -> as `_ways` gives it."""

    def works(self, recipe: Together) -> bool:
        """Always: a recipe is tried in its task's own world alone."""
        return True

    def draw(self, rng: random.Random, split: Split, depth: int | None = None) -> Together:
        """A recipe for a task. No recipe is held out for `test_unseen`: whole themes are."""
        return super().draw(rng, "train", depth)

    def is_held_out(self, outline: Outline) -> bool:
        """Never."""
        return False

    def _one(self, rng: random.Random, depth: int, sort: str, held_out: bool) -> Outline | None:
        return self._another(rng, depth, sort, ())

    def _another(self, rng: random.Random, depth: int, sort: str, others: Sequence[Outline]) -> Outline | None:
        """A story that goes with others; None where chance finds none."""
        for _ in range(_TRIES if not others else _APART):
            if sort == "reads":
                outline = self._asked_for(rng, depth)
            else:
                outline = self._acted(rng, depth, sort == "refused", others)
            if outline is not None and outline.depth == depth and all(_apart(outline, other) for other in others):
                return outline
        return None

    def _several(self, rng: random.Random, depth: int, held_out: bool) -> Together | None:
        """Two or three stories together, each looked for until it goes with those before it."""
        two, three = self._shares(depth)
        shares = three if three and (not two or rng.random() < _THREE) else two
        if not shares:
            return None
        depths = rng.choice(shares)
        outlines: list[Outline] = []
        half_refused = rng.random() < _HALF_REFUSED
        for place, part in enumerate(depths):
            refused = half_refused and place == 0
            sort = "refused" if refused else "reads" if rng.random() < _READING else "writes"
            outline = self._another(rng, part, sort, outlines)
            if outline is None and not refused:
                outline = self._another(rng, part, "reads" if sort == "writes" else "writes", outlines)
            if outline is None:
                return None
            outlines.append(outline)
        rng.shuffle(outlines)
        return Together(tuple(outlines))

    def _shares(self, depth: int) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """How two or three stories can share a depth, deep ones first, which have the least choice."""
        if depth not in self._shared:
            able = [one for one in range(1, depth) if self._of_depth(one, False) or one in self._questions_by_depth]
            found = [
                [tuple(parts) for parts in product(able, repeat=count) if sum(parts) == depth and _falls(parts)]
                for count in ((2, 3) if depth >= _LEAST_OF_THREE else (2,))
            ]
            self._shared[depth] = (found[0], found[1] if len(found) > 1 else [])
        return self._shared[depth]

    # Questions ---------------------------------------------------------------------------------------------------

    @cached_property
    def _questions_by_depth(self) -> dict[int, tuple[list[Outline], list[float]]]:
        found: dict[int, tuple[list[Outline], list[float]]] = {}
        for outline in filter(None, map(self._with_speaker, self._questions())):
            outlines, weights = found.setdefault(outline.depth, ([], []))
            outlines.append(outline)
            weights.append(outline.weight)
        return found

    def _asked_for(self, rng: random.Random, depth: int) -> Outline | None:
        outlines, weights = self._questions_by_depth.get(depth, ([], []))
        return rng.choices(outlines, weights)[0] if outlines else None

    # Acts --------------------------------------------------------------------------------------------------------

    def _acted(self, rng: random.Random, depth: int, refused: bool, others: Sequence[Outline]) -> Outline | None:
        """A series of acts and a way that have the depth together; None where there are none, or no way is free."""
        by_length = self._of_depth(depth, refused)
        if not by_length:
            return None
        lengths = list(by_length)
        length = rng.choices(lengths, [_LENGTHS[one] for one in lengths])[0]
        series, ways = rng.choice(by_length[length])
        way: Way | None = None
        if ways:
            able = [one for one in ways if all(self._free(one, other) for other in others)] if others else ways
            if not able:
                return None
            way = rng.choice(able)
        asks = series.rule is None and bool(series.acts[-1].gives) and rng.random() < _ASKS
        key = id(series), id(way), asks  # both are kept as long as this is
        if key not in self._voiced:
            made = self._outline(series.acts, way, series.picks, (), series.rule, asks=asks)
            self._voiced[key] = self._with_speaker(made)
        return self._voiced[key]

    def _free(self, way: Way, other: Outline) -> bool:
        """Whether a way looks nothing up that another story looks up too."""
        if way not in self._facts:
            listed = frozenset(link.table for link in way.links() if link.many)
            named = frozenset(
                link.table for link in way.links() if not link.many and any(one == "told" for _, one in link.inputs)
            )
            first = frozenset(
                link.look.kind for link in way.links() if [source for _, source in link.inputs] == ["speaker"]
            )
            self._facts[way] = listed, named, first
        listed, named, first = self._facts[way]
        return listed.isdisjoint(other.named) and named.isdisjoint(other.listed) and first.isdisjoint(other.first)

    def _of_depth(self, depth: int, refused: bool) -> dict[int, list[tuple[_Series, list[Way]]]]:
        """Number of acts -> the series of that many that have the depth with some ways, and those ways."""
        key = depth, refused
        if key not in self._made:
            found: dict[int, list[tuple[_Series, list[Way]]]] = {}
            for series in self._refusals if refused else self._series:
                on = series.acts[0].on
                ways: list[Way] = []
                if on:
                    calls = ((depth - series.calls, False), (depth - series.known_calls, True))
                    ways = [way for one in calls for way in self._ways(on).get(one, ())]
                if ways or (not on and series.calls == depth):
                    found.setdefault(len(series.acts), []).append((series, ways))
            self._made[key] = found
        return self._made[key]

    @cached_property
    def _series(self) -> list[_Series]:
        """Up to three acts one after another."""
        found: list[_Series] = []
        followers = {act.kind: [one for one in self._followers(act) if one is not act] for act in self.declaration.acts}
        for act in self.declaration.acts:
            found += self._with_picks((act,), None)
            for then in followers[act.kind]:
                found += self._with_picks((act, then), None)[:2]
                for third in followers[then.kind]:
                    if third is not act:
                        found += self._with_picks((act, then, third), None)[:1]
        return found

    @cached_property
    def _refusals(self) -> list[_Series]:
        """Acts that break a rule."""
        declaration = self.declaration
        return [
            series
            for rule in declaration.rules
            for kind in rule.acts
            for series in self._with_picks((declaration.act(kind),), rule)
        ]

    def _with_picks(self, acts: tuple[Act, ...], rule: Rule | None) -> list[_Series]:
        """A series with each choice of ways to what is picked."""
        choices: list[list[tuple[int, str, Way]]] = []
        for place, act in enumerate(acts):
            for name, pick in act.picks().items():
                pick = pick if rule is None else rule.picks().get(name, pick)
                ways = self._pickable(act, pick)
                if rule is not None and "picked" not in rule.sees:  # nobody looks: it is told
                    ways = sorted(ways, key=lambda way: way.uses("subject"))[:1]
                choices.append([(place, name, way) for way in ways])
        return [
            _Series(acts, picks, rule, self._calls(acts, picks, rule, False), self._calls(acts, picks, rule, True))
            for picks in product(*choices)
        ]

    def _calls(
        self, acts: tuple[Act, ...], picks: tuple[tuple[int, str, Way], ...], rule: Rule | None, knows: bool
    ) -> int:
        """How many calls the series takes; whether the customer's own record is read already."""
        calls = 0
        for place, act in enumerate(acts):
            if not knows and self._looks_at_speaker(act, rule):
                calls, knows = calls + 1, True
            if rule is None or "picked" in rule.sees:
                calls += sum(way.depth for at, _, way in picks if at == place)
            calls += rule is None
        return calls

    def _pickable(self, act: Act, pick: Pick) -> list[Way]:
        key = act.on, pick.table
        if key not in self._picks:
            self._picks[key] = self._ways_to_pick(act, pick)[:_PICKABLE]
        return self._picks[key]

    def _ways(self, table: str) -> dict[tuple[int, bool], list[Way]]:
        """(depth, whether the customer's own record is read) -> the ways to a record of a table."""
        if table not in self._found:
            found: dict[tuple[int, bool], list[Way]] = {}
            for way in ways_to(self.declaration, table):
                if is_named(way):
                    found.setdefault((way.depth, self._reads_speaker(way)), []).append(way)
            self._found[table] = found
        return self._found[table]


def _falls(parts: Sequence[int]) -> bool:
    """Whether none is greater than the one before it."""
    return all(one >= other for one, other in pairwise(parts))


def _apart(one: Outline, other: Outline) -> bool:
    """Whether two stories can be told together: nothing is looked up twice, nothing is asked for twice."""
    if one.name == other.name or (one.acts and one.acts == other.acts):
        return False
    if one.speaks and other.speaks and one.speaks != other.speaks:
        return False
    return all(a.first.isdisjoint(b.first) and a.listed.isdisjoint(b.named) for a, b in permutations((one, other)))
