"""A scenario: the declaration that is made of a number, and its tools.

scenario = scenario_of(17)
scenario.declaration        # a `toolgym.composing.Declaration`, as any other
scenario.tools              # typed functions, as any others
"""

import random
from dataclasses import dataclass
from functools import lru_cache

from toolgym.composing.declaration import Act, Declaration, Look
from toolgym.domain import Split
from toolgym.envs.planarena.acting import Actor
from toolgym.envs.planarena.numbers import digits_of, split_of, theme_of, tools_of
from toolgym.envs.planarena.parameters import Parameters, strictly
from toolgym.envs.planarena.reading import make_look
from toolgym.envs.planarena.ruling import draw_rules
from toolgym.envs.planarena.shapes import Shape, draw_shape
from toolgym.envs.planarena.sorts import Sorts, make_sorts
from toolgym.envs.planarena.style import a_noun, either_of
from toolgym.envs.planarena.tools import MadeTool
from toolgym.loading import load_named

__all__ = ["Scenario", "make_scenario", "scenario_of"]

_KEPT = 64
_SERVER = "toolgym.envs.planarena.domain:new_server"
"""What makes the server of a scenario: it stands on what makes its worlds, which needs the declaration."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """A scenario of a number."""

    number: int
    split: Split
    shape: Shape
    sorts: Sorts
    tools: tuple[MadeTool, ...]
    declaration: Declaration


def make_scenario(number: int) -> Scenario:
    """Makes the scenario of a number: the same in any process.

    Raises:
        ConfigError: the number is none.
    """
    split, (theme, variation) = split_of(number), theme_of(number)
    rng = random.Random(f"planarena {theme.name} {variation}")
    shape = draw_shape(theme, rng, tools_of(number))
    sorts = make_sorts(shape, rng, split)
    parameters = Parameters(shape.style, strictly(rng), str(digits_of(split)[variation % len(digits_of(split))]))
    tools: dict[str, MadeTool] = {}
    looks: list[Look] = []
    acts: list[Act] = []
    for part in shape.parts:
        if not part.writes:
            tool, look = make_look(shape, sorts, parameters, part)
            looks.append(look)
            tools[tool.name] = tool
    actor = Actor(shape, sorts, parameters, rng, tools)
    for part in shape.parts:
        if part.writes:
            tool, act = actor.make(part)
            acts.append(act)
            tools[tool.name] = tool
    names = list(tools)
    if rng.random() < 0.5:
        rng.shuffle(names)
    name = f"planarena_{number}"
    declaration = Declaration(
        name=name,
        title=theme.title,
        role=f"{theme.role} {_help(rng, shape)}",
        who=sorts.person.table.name,
        tables=sorts.tables,
        looks=tuple(looks),
        acts=tuple(acts),
        rules=draw_rules(shape, sorts, acts, rng),
        new_server=lambda size, dialect: load_named(_SERVER)(number, size),
        notes=_notes(shape, sorts, rng),
    )
    return Scenario(number, split, shape, sorts, tuple(tools[name] for name in names), declaration)


@lru_cache(maxsize=_KEPT)
def scenario_of(number: int) -> Scenario:
    """The scenario of a number; the latest ones are kept.

    Raises:
        ConfigError: the number is none.
    """
    return make_scenario(number)


def _help(rng: random.Random, shape: Shape) -> str:
    person = shape.theme.person.noun
    return rng.choice(
        (
            "Use the tools that you are given.",
            f"Do what the {person} asks for with your tools, as far as the rules allow it.",
            "Look things up before you change them.",
            f"The {person} cannot use the tools: you do.",
        )
    )


def _notes(shape: Shape, sorts: Sorts, rng: random.Random) -> dict[str, tuple[str, ...]]:
    """What a policy says besides its rules: how cases go on, what is counted."""
    out: dict[str, tuple[str, ...]] = {}
    for case in shape.cases:
        sort, said = sorts.cases[case.noun], []
        said.append(
            f"{a_noun(sort.noun)} is {either_of(case.states)}."[:1].upper()
            + f"{a_noun(sort.noun)} is {either_of(case.states)}."[1:]
        )
        if shape.signed.get(case.noun):
            said.append(f"Only an approved {sort.noun} can be {_past(shape, case.noun)}.")
        if case.of and sort.noun and any(thing.noun == case.of and thing.scarce for thing in shape.things):
            thing = next(thing for thing in shape.things if thing.noun == case.of)
            label = thing.fields[thing.scarce].label
            said.append(f"A new {sort.noun} takes one from the {label} of its {thing.noun}.")
        out[sort.nouns[:1].upper() + sort.nouns[1:]] = tuple(said)
    return out


def _past(shape: Shape, noun: str) -> str:
    case = next(case for case in shape.cases if case.noun == noun)
    return next(move.verb.past for move in case.moves if move.verb.name == shape.signed[noun])
