"""A scenario as a `Domain`: its server, its policy, and tasks that are composed when they are asked for.

Each task has a small world of its own. How deep a task is follows from its index; then recipes of that depth are drawn
and tried until one suits the world, so that any task is made without those before it.
"""

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, cast, get_args

from toolgym.composing.composer import DeclaredComposer
from toolgym.composing.making import Composer, Recipe, Source, TaskMaker
from toolgym.composing.policy import render_policy
from toolgym.composing.recipes import DEPTHS
from toolgym.composing.worlds import WORLDS_PER_SPLIT, world_key
from toolgym.domain import Size, Split
from toolgym.envs.planarena.drawing import Sampler
from toolgym.envs.planarena.numbers import TASKS, Tier, check_number, depth_of, tier_of
from toolgym.envs.planarena.scenario import scenario_of
from toolgym.errors import ConfigError, TaskError, did_you_mean
from toolgym.mcp.server import ToolServer
from toolgym.mcp.session import ToolSession
from toolgym.tasks import Task

__all__ = ["ScenarioDomain", "composer_of", "indices_of", "named_domain", "new_server", "scenario_domain"]

_KEPT: Final = 64
"""Scenarios whose composers and domains are kept."""
_KEPT_WORLDS: Final = 8
"""Worlds that are kept of a scenario: each task has one of its own."""
_KEPT_TASKS: Final = 256
_STRIDE: Final = 1_000
"""Worlds that stand between those of one scenario and of the next."""
_DRAWS: Final = 120
_SPEAKERS: Final = 4
"""How many customers a recipe is tried with before another one is drawn."""


class _Composer(DeclaredComposer):
    """Keeps few worlds, and tries no recipe in other worlds than its task's."""

    def __init__(self, number: int):
        super().__init__(scenario_of(number).declaration)
        self.number = number
        self.kitchen = Sampler(self.declaration, self._works)
        self._bases = {size: lru_cache(maxsize=_KEPT_WORLDS)(self._base) for size in self._bases}


@lru_cache(maxsize=_KEPT)
def composer_of(number: int) -> _Composer:
    """What the tasks and worlds of a scenario are made by; the latest ones are kept."""
    return _Composer(number)


def new_server(number: int, size: Size = "small", default_world_key: int | None = None) -> ToolServer:
    """The server of a scenario's tools, on seeded worlds.

    Args:
        number: the scenario.
        size: how large its worlds are.
        default_world_key: the world of an episode that names none.
    """
    scenario = scenario_of(number)
    first = world_key(scenario.split, 0) if default_world_key is None else default_world_key
    server = ToolServer(
        scenario.declaration.name,
        lambda key: composer_of(number).base(key, size, "standard"),
        instructions=f"Tools of: {scenario.shape.theme.title}. They check that a change is consistent, not that the "
        "policy allows it: whoever calls them answers for that.",
        default_world_key=first,
        kept_worlds=_KEPT_WORLDS,
    )
    for tool in scenario.tools:
        try:
            server.tool(writes=tool.writes)(tool.call)
        except ConfigError as error:
            raise ConfigError(f"scenario {number}: {error}") from error
    return server


class _Maker(TaskMaker):
    """Makes the tasks of a scenario, each alone."""

    def make(self, index: int) -> Task:
        """Task `index`: of the depth that it should have, or the next lower one that the scenario has.

        Some scenarios of four tools have not all depths (2647 has none above 5).

        Raises:
            TaskError: no recipe of any of these depths suits its worlds.
        """
        number = cast(_Composer, self.composer).number
        rng, wanted = self._rng("task", index), depth_of(number, index)
        for depth in range(wanted, 0, -1):
            for world in range(index, _STRIDE, TASKS):
                key = world_key(self.source.split, (number * _STRIDE + world) % WORLDS_PER_SPLIT, self.source.seed)
                task = self._in_world(index, depth, key, rng)
                if task is not None:
                    return task
        raise TaskError(f"no recipe of depth {wanted} or less suits task {index} of scenario {number}")

    def recipe(self, index: int) -> Recipe:
        """The kind of task that `index` is: of the task that is made."""
        if index not in self._recipes:
            self.make(index)
        return self._recipes[index]

    def _in_world(self, index: int, depth: int, key: int, rng: random.Random) -> Task | None:
        """The task in a world; None where no recipe that is drawn suits it."""
        source, composer = self.source, cast(_Composer, self.composer)
        base = composer.base(key, source.size, source.dialect)
        speakers = composer.speakers(base)
        for _ in range(_DRAWS):
            recipe = composer.kitchen.draw(rng, source.split, depth)
            first = rng.randrange(speakers)
            for attempt in range(min(speakers, _SPEAKERS) if recipe.depth == depth else 0):
                place = (first + attempt) % speakers
                task = self.attempt(index, cast(Recipe, recipe), key, base, place, rng)
                if task is not None:
                    self._recipes[index] = cast(Recipe, recipe)
                    return task
        return None

    def _rng(self, purpose: str, index: int) -> random.Random:
        source, number = self.source, cast(_Composer, self.composer).number
        return random.Random(f"planarena {number} {source.seed} {source.size} {purpose} {index}")


class ScenarioTasks:
    """The tasks of a scenario, made on demand; the latest ones are kept.

    Args:
        maker: makes them.
        indices: which of them.
    """

    def __init__(self, maker: _Maker, indices: Sequence[int]):
        self._maker, self._indices = maker, indices
        self._task = lru_cache(maxsize=_KEPT_TASKS)(maker.make)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int, /) -> Task:
        return self._task(self._indices[index])

    def __iter__(self) -> Iterator[Task]:
        for index in range(len(self)):
            yield self[index]

    def by_id(self, task_id: str) -> Task:
        """The task of that id.

        Raises:
            ConfigError: there is none among these.
        """
        tail = task_id.rpartition("-")[2]
        index = int(tail) if tail.isascii() and tail.isdigit() and len(tail) < 10 else -1
        near = self._id(index) if index in self._indices else self._id(self._indices[0])
        if near == task_id:
            return self._task(index)
        raise ConfigError(f"No task {task_id!r} among these {len(self)}. Did you mean {near!r}?")

    def _id(self, index: int) -> str:
        return self._maker.source.task_id(index, self._maker.composer.name)


class ScenarioDomain:
    """One scenario.

    Args:
        number: which.
        size: `small`, `standard` or `large`.
        dialect: `standard`; scenarios have no other.
        seed: other seeds give other worlds and tasks.
        tier: only tasks of this tier.

    Raises:
        ConfigError: an unknown number, size, dialect or tier, or a seed that is no int >= 0.
    """

    depths = tuple(DEPTHS)

    def __init__(
        self,
        number: int,
        size: Size = "small",
        dialect: str = "standard",
        seed: int = 0,
        tier: Tier | None = None,
    ):
        if tier is not None and tier not in get_args(Tier):
            raise ConfigError(did_you_mean(str(tier), get_args(Tier), "tier"))
        self.scenario = scenario_of(number)
        self.declaration = self.scenario.declaration
        sizes = self.declaration.tasks_per_world
        if size not in sizes:
            raise ConfigError(did_you_mean(str(size), sizes, "world size"))
        if dialect != "standard":
            raise ConfigError(f"Scenarios have the dialect 'standard' alone, not {dialect!r:.100}.")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ConfigError(f"The domain's seed is an int >= 0; given {seed!r}.")
        self.name, self.title = self.declaration.name, self.declaration.title
        self.number, self.dialect, self.seed = number, dialect, seed
        self.split: Split = self.scenario.split
        self.size: Size = size
        self.kinds = {look.kind: look.tool for look in self.declaration.looks}
        self.kinds |= {act.kind: act.tool for act in self.declaration.acts}
        self.server: ToolServer = new_server(number, size, world_key(self.split, number * _STRIDE % WORLDS_PER_SPLIT))
        self._policy = ""
        self._maker = self.new_maker(self.split)
        self.tier: Tier | None = tier
        self._all = ScenarioTasks(self._maker, range(TASKS))

    def policy(self) -> str:
        """The policy document."""
        self._policy = self._policy or render_policy(self.declaration)
        return self._policy

    def session(self) -> ToolSession:
        """A new in-process session; `reset(world_key(task))` puts it into a task's world."""
        return self.server.session()

    def world_key(self, task: Task) -> Any:
        """The key of a task's world."""
        return task.world_seed

    def new_maker(self, split: Split) -> "_Maker":
        """A maker of the scenario's tasks that counts what it throws away.

        Raises:
            ConfigError: another split than the scenario's.
        """
        self._check_split(split)
        source = Source(self.split, self.size, self.dialect, self.seed)
        return _Maker(source, cast(Composer, composer_of(self.number)), self.server.session)

    def thrown_away(self, split: Split, first: int | None = None) -> dict[str, int]:
        """How many candidates were thrown away for each reason (`toolgym.composing.making.REASONS`).

        Args:
            split: the scenario's.
            first: of so many of the first tasks, which are made anew; by default of those that were made so far.

        Raises:
            ConfigError: another split than the scenario's.
        """
        if first is None:
            self._check_split(split)
            return dict(self._maker.thrown_away)
        maker = self.new_maker(split)
        for index in range(min(first, TASKS)):
            maker.make(index)
        return dict(maker.thrown_away)

    def _check_split(self, split: Split) -> None:
        if split != self.split:
            raise ConfigError(
                f"Scenario {self.number} has tasks of the split {self.split!r} alone, and none of {split!r}: "
                "the last digit of its number tells it"
            )

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> ScenarioTasks:
        """The tasks of the scenario's split.

        Args:
            split: the scenario's; it has tasks of no other.
            depth: only tasks of this number (or these numbers) of atomic tasks.
            kinds: only tasks all of whose atomic kinds are among these; all tasks are made for this.

        Raises:
            ConfigError: another split, an unknown kind, or nothing is left.
        """
        self._check_split(split)
        for kind in kinds or ():
            if kind not in self.kinds:
                raise ConfigError(did_you_mean(kind, self.kinds, "atomic kind"))
        if depth is None and kinds is None and self.tier is None:
            return self._all
        indices = indices_of(self.number, len(self.scenario.tools), depth, self.tier)
        if kinds is not None:
            indices = [index for index in indices if set(self._all[index].kind) <= set(kinds)]
        if not indices:
            raise ConfigError(
                f"No task of scenario {self.number} has depth {depth!r}, kinds {kinds!r} and tier {self.tier!r}."
            )
        return ScenarioTasks(self._maker, indices)


def indices_of(number: int, tools: int, depth: int | Sequence[int] | None, tier: Tier | None) -> list[int]:
    """The tasks of a scenario that have one of some depths and are of a tier.

    Args:
        number: the scenario.
        tools: how many tools it has.
        depth: the depths; None: all.
        tier: the tier; None: all.
    """
    depths = set(DEPTHS) if depth is None else {depth} if isinstance(depth, int) else set(depth)
    if tier is not None:
        depths = {one for one in depths if tier_of(one, tools) == tier}
    return [index for index in range(TASKS) if depth_of(number, index) in depths]


def scenario_domain(
    number: int, size: Size = "small", dialect: str = "standard", seed: int = 0, tier: Tier | None = None
) -> ScenarioDomain:
    """The domain of a scenario; the latest ones are kept."""
    return _kept(number, size, dialect, seed, tier)


_kept = lru_cache(maxsize=_KEPT)(ScenarioDomain)


def named_domain(number: str, **options: Any) -> ScenarioDomain:
    """The domain of `planarena:NUMBER`.

    Raises:
        ConfigError: that is no number of a scenario, or an option is wrong.
    """
    if not (number.isascii() and number.isdigit() and len(number) <= 10):
        raise ConfigError(f"A scenario is named by its number, as in planarena:17; given planarena:{number[:40]}")
    return scenario_domain(check_number(int(number)), **options)
