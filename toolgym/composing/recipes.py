"""Which tasks there are, level by level, and how often (AC-Planner section 3.1, Eq. 2 to 4).

An outline is one story: look-ups and acts in series. A recipe is one outline, or several in parallel. What only
`test_unseen` has: the outlines and pairs that a hash of their name holds out, and its own phrasings.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from itertools import permutations, product
from typing import Any, Final

from toolgym.composing.declaration import Act, Declaration, Pick, Reckoned, Rule, Speaker, always
from toolgym.composing.stories import Outline
from toolgym.composing.ways import From, Way, ways_to
from toolgym.domain import Split
from toolgym.errors import ConfigError

__all__ = ["DEPTHS", "Kitchen", "Together", "is_named"]

DEPTHS: Final[dict[int, float]] = {1: 0.14, 2: 0.22, 3: 0.22, 4: 0.16, 5: 0.12, 6: 0.08, 7: 0.06}
"""Share of each depth, in every split."""
_DEEPEST: Final = max(DEPTHS)
_SINGLE_SHARE: Final[dict[int, float]] = {1: 1.0, 2: 0.8, 3: 0.7, 4: 0.5, 5: 0.35, 6: 0.2, 7: 0.1}
"""Depth -> share of the tasks that are one story."""
_FORBIDDEN_SHARE: Final = 0.10
"""Of the single stories of a depth that has forbidden ones."""
_READING_SHARE: Final = 0.25
"""Of the single stories: nothing is changed, only asked."""
_HALF_REFUSED_SHARE: Final = 0.15
"""Of the parallel stories: one is forbidden, the others are done."""
_HELD_OUT_SHARE: Final = 0.35
"""Of the tasks of `test_unseen`."""
_TRIES: Final = 60
_SERIES: Final = 3
_WAYS: Final = 6
"""The most ways to one record that a single act is joined with; series take half as many, and so on."""


@dataclass(frozen=True, eq=False)
class Together:
    """A recipe: stories in parallel."""

    outlines: tuple[Outline, ...]
    held_out: bool = False

    @cached_property
    def name(self) -> str:
        return " || ".join(outline.name for outline in self.outlines)

    @cached_property
    def alike(self) -> str:
        """The same for recipes whose tasks may be asked for in the same words."""
        return " || ".join(outline.alike for outline in self.outlines)

    @property
    def composition(self) -> str:
        """The atomic kinds, composed."""
        if len(self.outlines) == 1:
            return self.outlines[0].composition
        parts = [outline.composition for outline in self.outlines]
        return "||".join(f"({part})" if ";" in part else part for part in parts)

    @property
    def depth(self) -> int:
        return sum(outline.depth for outline in self.outlines)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The atomic kinds in the composition's order."""
        return tuple(re.findall(r"[a-z_0-9]+", self.composition))

    @property
    def refused(self) -> bool:
        """Whether all that is asked for is forbidden."""
        return all(outline.forbidden is not None for outline in self.outlines)


def _hash(name: str) -> int:
    return blake2b(name.encode(), digest_size=2).digest()[0]


class Kitchen:
    """The outlines of a domain and the drawing of recipes.

    Args:
        declaration: the domain.
        works: whether a recipe can be made in the worlds that are looked at for this; others are never drawn.
    """

    def __init__(self, declaration: Declaration, works: Callable[[Together], bool]):
        self.declaration = declaration
        self._tried: dict[str, bool] = {}
        self._try = works
        self._pools: dict[Any, tuple[list[Outline], list[float]]] = {}

    @cached_property
    def outlines(self) -> tuple[Outline, ...]:
        """All stories of depth 1 to 7.

        Raises:
            ConfigError: two have one name, or an input of an act has no way.
        """
        made = [self._with_speaker(outline) for outline in (*self._questions(), *self._acts())]
        unique = {outline.name: outline for outline in made if outline and 1 <= outline.depth <= _DEEPEST}
        return tuple(unique.values())

    def _with_speaker(self, outline: Outline) -> Outline | None:
        """The outline, with how the customer says who it is, and what is looked up by that alone; None where the
        customer would say it in two ways.
        """
        ways = [
            way
            for way in (outline.way, *(one[2] for one in outline.picks), *(one[2] for one in outline.carried))
            if way
        ]
        speaks, first, listed, named = set[str](), set[str](), set[str](), set[str]()
        for way in ways:
            for link in way.links():
                sources = [source for _, source in link.inputs]
                if link.many or link.fan:
                    listed.add(link.table)
                elif sources == ["told"] and link.table != self.declaration.who:
                    named.add(link.table)
                if link.table == self.declaration.who and "told" in sources:
                    speaks.add(link.look.kind)
                    first |= {link.look.kind, *([link.read.kind] if link.read else [])}
                elif sources == ["speaker"]:
                    speaks.add("id")
                    first.add(link.look.kind)
                elif sources == ["subject"] and link.table == self.declaration.who:
                    first.add(link.look.kind)
        acts = [self.declaration.act(kind) for kind in outline.acts]
        if len(speaks) > 1:
            return None
        if any(isinstance(source, Speaker) for act in acts for source in act.takes.values()):
            speaks = speaks or {"id"}
        read = self.declaration.reads(self.declaration.who)
        if read is not None and any(self._looks_at_speaker(act, outline.forbidden) for act in acts):
            first.add(read.kind)
        said = next(iter(speaks), "")
        return replace(outline, speaks=said, first=frozenset(first), listed=frozenset(listed), named=frozenset(named))

    # Outlines ------------------------------------------------------------------------------------------------------

    def _questions(self) -> Iterator[Outline]:
        for table in self.declaration.tables:
            fields = table.fields.values()
            for way in filter(is_named, ways_to(self.declaration, table.name)):
                if any(made.label for made in fields):
                    yield Outline(f"fact {way.name}", way.composition, way.depth, way, question="fact")
                if way.pick == "told" and way.read is None:
                    yield from self._overviews(way)
                plain = way.depth == 1 and way.pick == "one" and all(source == "told" for _, source in way.inputs)
                if plain and any(made.total and made.label for made in fields):
                    both = f"{way.composition}||{way.composition}"
                    yield Outline(f"difference {way.name}", both, 2, way, question="difference")

    def _overviews(self, way: Way) -> Iterator[Outline]:
        table = self.declaration.table(way.table)
        shows = [made for name, made in table.fields.items() if not way.look.shows or name in way.look.shows]
        if way.fan == 0 and self._mine(way):
            yield Outline(f"count {way.name}", way.composition, way.depth, way, question="count", weight=0.4)
        if any(made.total for made in shows) and self._mine(way):
            yield Outline(f"total {way.name}", way.composition, way.depth, way, question="total")
        if any(made.extremes for made in shows) and self._mine(way):
            yield Outline(f"which {way.name}", way.composition, way.depth, way, question="which")

    def _mine(self, way: Way) -> bool:
        """Whether the way leads over all of the customer's records, and no others."""
        sources = [source for _, source in way.inputs]
        who = self.declaration.who
        return sources == ["speaker"] or (
            len(sources) == 1 and isinstance(sources[0], From) and sources[0].way.table == who
        )

    def _acts(self) -> Iterator[Outline]:
        declaration = self.declaration
        for act in declaration.acts:
            if not act.begins:
                continue
            named = filter(is_named, ways_to(declaration, act.on)) if act.on else ()
            ways: list[Way | None] = [*list(named)[: 2 * _WAYS]] if act.on else [None]
            if not ways:
                raise ConfigError(
                    f"{declaration.name}: nothing leads to a record of {act.on!r}, which {act.kind!r} needs"
                )
            rules = declaration.rules_of(act)
            for way in ways:
                if not any(rule.broken is always for rule in rules):
                    yield from self._variants((act,), way, _WAYS)
                for rule in rules:
                    yield from self._variants((act,), way, 2, rule)
            for then in self._followers(act):
                for way in ways[:_WAYS]:
                    yield from self._variants((act, then), way, 2)
                for third in self._followers(then):
                    if third is not act and _hash(f"{act.kind} {then.kind} {third.kind}") < 64:
                        for way in ways[:2]:
                            yield from self._variants((act, then, third), way, 1)

    def _followers(self, act: Act) -> list[Act]:
        """The acts that can be done with what the act answers with, or those that say so with what it is about."""
        others = [other for other in self.declaration.acts if other is not act and other.on == (act.gives or act.on)]
        named = [other for other in others if other.on and other.follows is not None and act.kind in other.follows]
        return named if not act.gives else [other for other in others if other.follows is None or other in named]

    def _variants(
        self, acts: tuple[Act, ...], way: Way | None, most: int, rule: Rule | None = None
    ) -> Iterator[Outline]:
        """The outlines of acts in series, one for each choice of ways to what they pick and carry."""
        choices: list[list[tuple[int, str, Way]]] = []
        for place, act in enumerate(acts):
            for name, pick in act.picks().items():
                if rule is not None and place == len(acts) - 1:
                    pick = rule.picks().get(name, pick)
                found = self._ways_to_pick(act, pick)
                if rule is not None and "picked" not in rule.sees and place == len(acts) - 1:
                    found = sorted(found, key=lambda way: way.uses("subject"))[:1]  # nobody looks: it is told
                choices.append([(place, name, one) for one in found[: max(2, most)]])
                if not choices[-1]:
                    raise ConfigError(
                        f"{self.declaration.name}: no way leads to a record of {pick.table!r}, which {act.kind!r} "
                        f"needs as {name!r}"
                    )
        for picks in product(*choices):
            yield self._outline(acts, way, picks, (), rule)
            if rule is None and len(acts) == 1:
                yield from (self._outline(acts, way, picks, (carried,), None) for carried in self._carried(acts[0]))
        if rule is None and acts[-1].gives and acts[-1].news(self.declaration.table(acts[-1].gives)):
            for picks in list(product(*choices))[:1]:
                yield self._outline(acts, way, picks, (), None, asks=True)

    def _ways_to_pick(self, act: Act, pick: Pick) -> list[Way]:
        """The ways to what is picked, shorter ones first; of equal ones what the record names itself, often the very
        thing that is to be changed, comes last. An inner record is picked where the known one leads."""
        start = act.picks()[pick.of].table if pick.of else act.on
        ways = [way for way in ways_to(self.declaration, pick.table, start) if way.depth <= 2]
        if start and self.declaration.holder(pick.table):
            return [way for way in ways if way.uses("subject")] or ways
        if pick.like:
            most = max((len(way.likenesses) for way in ways), default=0)
            ways = [way for way in ways if len(way.likenesses) == most]
        return sorted(ways, key=lambda way: (way.depth, way.uses("subject")))

    def _carried(self, act: Act) -> Iterator[tuple[int, str, Way, str]]:
        for name, wish in act.wishes().items():
            for path in wish.carried:
                table, _, field_name = path.partition(".")
                for way in ways_to(self.declaration, table)[:3]:
                    yield 0, name, way, field_name

    def _outline(
        self,
        acts: tuple[Act, ...],
        way: Way | None,
        picks: tuple[tuple[int, str, Way], ...],
        carried: tuple[tuple[int, str, Way, str], ...],
        rule: Rule | None,
        asks: bool = False,
    ) -> Outline:
        parts = [way.composition] if way is not None else []
        depth = way.depth if way is not None else 0
        knows = way is not None and self._reads_speaker(way)
        names = [way.name] if way is not None else []
        for place, act in enumerate(acts):
            last_refused = rule is not None and place == len(acts) - 1
            for at, _, found, _ in carried:
                if at == place:
                    if not (knows and found.table == self.declaration.who):
                        parts.append(found.composition)
                        depth += found.depth
                    knows = knows or self._reads_speaker(found)
            if not knows and self._looks_at_speaker(act, rule if last_refused else None):
                read = self.declaration.reads(self.declaration.who)
                parts.append(read.kind if read else "?")
                depth += 1
                knows = True
            chosen = [found for at, _, found in picks if at == place]
            if not last_refused or (rule is not None and "picked" in rule.sees):
                for found in chosen:
                    if found.depth and not (knows and found.inside_of(self.declaration.who)):
                        parts.append(found.composition)
                        depth += found.depth
                    knows = knows or self._reads_speaker(found)
            if not last_refused:
                parts.append(act.kind)
                depth += 1
        names += [act.kind for act in acts]
        if rule is not None:
            names[-1] += f"!{rule.name}"
        names += [f"{name}={found.name}" for _, name, found in picks]
        names += [f"{name}={found.name}.{wanted}" for _, name, found, wanted in carried]
        if asks:
            names.append("?")
        weight = acts[0].weight / (1 + 0.5 * (len(acts) - 1))
        return Outline(
            " ".join(names),
            ";".join(parts),
            depth,
            way,
            tuple(act.kind for act in acts),
            rule,
            picks,
            carried,
            "fact" if asks else None,
            weight,
        )

    def _reads_speaker(self, way: Way) -> bool:
        """Whether the customer's own record is read on the way."""
        read = self.declaration.reads(self.declaration.who)
        return read is not None and any(read in (link.look, link.read) for link in way.links())

    def _looks_at_speaker(self, act: Act, rule: Rule | None) -> bool:
        """Whether the agent must look at the customer's own record before it acts (or refuses by the rule)."""
        rules = self.declaration.rules_of(act)
        if rule is not None and not rule.sees:
            return False
        if any("speaker" in one.sees for one in rules):
            return True
        return rule is None and any(isinstance(one, Reckoned) and "speaker" in one.sees for one in act.takes.values())

    # Drawing -------------------------------------------------------------------------------------------------------

    def draw(self, rng: random.Random, split: Split, depth: int | None = None) -> Together:
        """A recipe for a task of the split, by the shares above.

        Args:
            rng: makes the choices.
            split: whose tasks.
            depth: how deep it is; by default as the shares have it.
        """
        for recipe in self.candidates(rng, split, depth):
            if self.works(recipe):
                return recipe
        return self._single(rng, 1, False) or Together(self.outlines[:1])

    def candidates(self, rng: random.Random, split: Split, depth: int | None = None) -> Iterator[Together]:
        """The recipes that `draw` tries one after the other, each drawn when it is asked for."""
        unseen = split == "test_unseen"
        depth = depth or rng.choices(tuple(DEPTHS), tuple(DEPTHS.values()))[0]
        for _ in range(_TRIES):
            held_out = unseen and rng.random() < _HELD_OUT_SHARE
            single = rng.random() < _SINGLE_SHARE[depth]
            recipe = self._single(rng, depth, held_out) if single else self._several(rng, depth, held_out)
            if recipe is not None:
                yield recipe

    def known(self, recipe: Together) -> bool | None:
        """Whether the recipe can be made; None where its stories were not tried together yet. Single ones are few."""
        return self.works(recipe) if len(recipe.outlines) == 1 else self._tried.get(recipe.name)

    def works(self, recipe: Together) -> bool:
        """Whether the recipe can be made."""
        if recipe.name not in self._tried:
            alone = [Together((outline,)) for outline in recipe.outlines if len(recipe.outlines) > 1]
            self._tried[recipe.name] = all(map(self.works, alone)) and self._try(recipe)
        return self._tried[recipe.name]

    def _sort(self, outline: Outline) -> str:
        if outline.forbidden is not None:
            return "refused"
        over = all(self.declaration.act(kind).hands_over for kind in outline.acts)
        return "reads" if over else "writes"

    def _single(self, rng: random.Random, depth: int, held_out: bool) -> Together | None:
        draw = rng.random()
        sort = (
            "refused" if draw < _FORBIDDEN_SHARE else "reads" if draw < _FORBIDDEN_SHARE + _READING_SHARE else "writes"
        )
        outline = self._one(rng, depth, sort, held_out)
        return None if outline is None else Together((outline,), held_out)

    def _several(self, rng: random.Random, depth: int, held_out: bool) -> Together | None:
        """Two or three stories of `depth` calls together; None where chance finds none that go together."""
        count = 3 if depth >= 5 and rng.random() < 0.3 else 2
        cuts = sorted(rng.sample(range(1, depth), count - 1)) if depth > count - 1 else []
        depths = [b - a for a, b in zip([0, *cuts], [*cuts, depth], strict=True)]
        half_refused = rng.random() < _HALF_REFUSED_SHARE
        outlines: list[Outline] = []
        for place, part in enumerate(depths):
            sort = "refused" if half_refused and place == 0 else "reads" if rng.random() < _READING_SHARE else "writes"
            outline = self._one(rng, part, sort, False)
            if outline is None:
                return None
            outlines.append(outline)
        if len({outline.speaks for outline in outlines if outline.speaks}) > 1:
            return None  # one who tells its id need not be found
        for one, two in permutations(outlines, 2):
            if not (one.first.isdisjoint(two.first) and one.listed.isdisjoint(two.named)):
                return None  # what was shown already need not be looked up again
            if any(act.crowds and act.gives in two.listed for act in map(self.declaration.act, one.acts)):
                return None  # what is told apart would depend on which comes first
        names = [outline.name for outline in outlines]
        acts = [outline.acts for outline in outlines if outline.acts]
        if len(set(names)) < len(names) or len(set(acts)) < len(acts):
            return None
        if (_hash(" || ".join(sorted(names))) < 32) != held_out:
            return None
        return Together(tuple(outlines), held_out)

    def _one(self, rng: random.Random, depth: int, sort: str, held_out: bool) -> Outline | None:
        outlines, weights = self._pool(depth, sort, held_out)
        return rng.choices(outlines, weights)[0] if outlines else None

    def _pool(self, depth: int, sort: str, held_out: bool) -> tuple[list[Outline], list[float]]:
        key = (depth, sort, held_out)
        if key not in self._pools:
            found = [
                outline
                for outline in self.outlines
                if outline.depth == depth
                and self._sort(outline) == sort
                and self.is_held_out(outline) == held_out
                and outline.weight
            ]
            share: dict[str, int] = {}
            for outline in found:
                share[_about(outline)] = share.get(_about(outline), 0) + 1
            self._pools[key] = found, [outline.weight / share[_about(outline)] ** 0.5 for outline in found]
        return self._pools[key]

    def is_held_out(self, outline: Outline) -> bool:
        """Whether only `test_unseen` has it: series of acts, and ways of several calls, one in eight."""
        plain = len(outline.acts) < 2 and outline.depth < 3
        return not plain and _hash(outline.name) < 32


def is_named(way: Way) -> bool:
    """Whether its words name something: "the cheapest tariff" of all there are is the same request in any world."""
    return way.uses("told") or way.uses("speaker") or any(link.pick == "told" for link in way.links())


def _about(outline: Outline) -> str:
    """Outlines about the same share their weight."""
    return " ".join(outline.acts) or f"{outline.question} {outline.way.table if outline.way else ''}"
