"""`ToolGym/PlanArena-v0`: generated scenarios; one of them, or tasks of all of a split's.

gymnasium.make("ToolGym/PlanArena-v0", scenario=17)              # one scenario, whose split its number tells
gymnasium.make("ToolGym/PlanArena-v0", split="test", tier="hard")  # each episode in another scenario
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, get_args

from toolgym.composing.names import SPLITS
from toolgym.domain import Domain, Size, Split, TaskSet
from toolgym.env_maker import EnvMaker
from toolgym.envs.planarena.domain import ScenarioDomain, indices_of, scenario_domain
from toolgym.envs.planarena.numbers import (
    SCENARIOS,
    Tier,
    check_number,
    number_of,
    scenarios_of,
    tools_of,
)
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mixed import MixedSession, MixedTasks
from toolgym.options import EnvOptions
from toolgym.tasks import Task

__all__ = ["ArenaDomain", "known_options", "make_env", "make_vector_env"]

_PREFIX: Final = "planarena_"
_KEPT_SESSIONS: Final = 16


class _Scenarios(Mapping[str, Domain]):
    """The scenarios by name, made when they are asked for."""

    def __init__(self, **options: Any):
        self._options = options

    def __getitem__(self, name: str) -> ScenarioDomain:
        number = name.removeprefix(_PREFIX)
        if not name.startswith(_PREFIX) or not (number.isascii() and number.isdigit()):
            raise KeyError(name)
        return scenario_domain(int(number), **self._options)

    def __iter__(self) -> Iterator[str]:
        return (f"{_PREFIX}{number}" for number in range(SCENARIOS))

    def __len__(self) -> int:
        return SCENARIOS


class _Tasks(TaskSet):
    """The tasks of one scenario that fit; the scenario is made when one of them is asked for."""

    __slots__ = ("_count", "_depth", "_name", "_parts", "_split")

    def __init__(self, parts: _Scenarios, name: str, split: Split, depth: Any, count: int):
        self._parts, self._name, self._depth, self._count = parts, name, depth, count
        self._split: Split = split

    def _made(self) -> TaskSet:
        return self._parts[self._name].tasks(self._split, depth=self._depth)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int, /) -> Task:
        return self._made()[index]

    def __iter__(self) -> Iterator[Task]:
        return iter(self._made())

    def by_id(self, task_id: str) -> Task:
        return self._made().by_id(task_id)


class ArenaDomain:
    """All scenarios as one domain.

    Args:
        size: how large their worlds are.
        dialect: `standard`.
        seed: other seeds give other worlds and tasks.
        tier: only tasks of this tier.

    Raises:
        ConfigError: an unknown size, dialect or tier, or a seed that is no int >= 0.
    """

    name = "planarena"
    title = "Scenarios; until a reset: number 0"
    depths = ScenarioDomain.depths

    def __init__(self, size: Size = "small", dialect: str = "standard", seed: int = 0, tier: Tier | None = None):
        self._parts = _Scenarios(size=size, dialect=dialect, seed=seed, tier=tier)
        self.size, self.seed = size, seed
        self.tier: Tier | None = tier
        self._first = self._parts[f"{_PREFIX}0"]
        self._tasks = lru_cache(maxsize=8)(self._all_tasks)

    def policy(self) -> str:
        """That of the first scenario; an episode has that of its task's."""
        return self._first.policy()

    def session(self) -> MixedSession:
        """A session that each reset puts on the server of the task's scenario; until then on the first one's."""
        return MixedSession(self._parts, [self._first.name], _KEPT_SESSIONS)

    def part_of(self, task: Task) -> ScenarioDomain:
        """The scenario of a task.

        Raises:
            ConfigError: it is none of these.
        """
        try:
            return self._parts[task.domain]
        except KeyError:
            raise ConfigError(f"Task {task.id!r} is of {task.domain!r}, which is no scenario") from None

    def world_key(self, task: Task) -> tuple[str, Any]:
        """The task's scenario, and its world there."""
        return task.domain, task.world_seed

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> MixedTasks:
        """The tasks of a split's scenarios, in turns.

        Raises:
            ConfigError: an unknown split, kinds (each scenario has its own), or nothing is left.
        """
        if split not in SPLITS:
            raise ConfigError(did_you_mean(str(split), SPLITS, "split"))
        if kinds:
            raise ConfigError("Each scenario has atomic kinds of its own: name one (scenario=17) to choose by kinds")
        return self._tasks(split, depth if depth is None or isinstance(depth, int) else tuple(depth))

    def _all_tasks(self, split: Split, depth: int | tuple[int, ...] | None) -> MixedTasks:
        counts: dict[int, int] = {}
        sets: dict[str, TaskSet] = {}
        for place in range(scenarios_of(split)):
            number = number_of(split, place)
            tools = 0 if self.tier is None else tools_of(number)
            if tools not in counts:  # of each number of tools, scenarios have equally many
                counts[tools] = len(indices_of(number, tools, depth, self.tier))
            if counts[tools]:
                name = f"{_PREFIX}{number}"
                sets[name] = _Tasks(self._parts, name, split, depth, counts[tools])
        if not sets:
            raise ConfigError(f"No task of {split!r} has depth {depth!r} and tier {self.tier!r}.")
        return MixedTasks(sets, self.seed)


def _domain_of(
    settings: dict[str, Any], options: EnvOptions | None
) -> tuple[ScenarioDomain | ArenaDomain, dict[str, Any]]:
    """The domain of a scenario, or of all; `tier` keeps those of its tasks."""
    number, tier = settings.pop("scenario", None), settings.pop("tier", None)
    if tier is not None and tier not in get_args(Tier):
        raise ConfigError(did_you_mean(str(tier), get_args(Tier), "tier"))
    given = {name: settings.pop(name, None) for name in ("size", "dialect", "domain_seed")}
    made = {name.removeprefix("domain_"): value for name, value in given.items() if value is not None}
    if number is None:
        return _arena(tier, tuple(made.items())), settings
    check_number(number)
    return scenario_domain(number, **made, tier=tier), settings


@lru_cache(maxsize=16)
def _arena(tier: Tier | None, made: tuple[tuple[str, Any], ...]) -> ArenaDomain:
    return ArenaDomain(**dict(made), tier=tier)


MAKER = EnvMaker(_domain_of, own=("scenario", "tier"))
make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options
