"""Airline worlds from a seed: users, flights and reservations that fit together.

    base = build_base(0, "small")           # the first world of the train split
    base.tables["users"], base.tables["flights"], base.tables["reservations"]

A world is named by an int, the world key: `world_key(split, k, seed)`. The key tells the split, so a server that is
started with a key alone serves a world whose names belong to that split. Records have the shapes of the public airline
domain's world files. Record i of a table is a function of (key, i), so the `large` world is made lazily.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from toolgym.composing.worlds import check_key, split_of
from toolgym.domain import Size, Split
from toolgym.envs.airline.flights import FlightPlan, make_flights
from toolgym.envs.airline.people import People
from toolgym.envs.airline.rules import NOW
from toolgym.envs.airline.spec import SPECS, WorldSpec
from toolgym.errors import ConfigError, did_you_mean
from toolgym.world import Base

__all__ = ["LazyTable", "build_base", "user_count", "user_id_at"]

_KEPT: Final[dict[str, int]] = {"small": 256, "standard": 12, "large": 2}
"""Bases kept in memory, by size."""
_KEPT_RECORDS: Final = 4096


class LazyTable(Mapping[str, Any]):
    """A table whose records are made on demand from their index; the latest few thousand are kept.

    Args:
        size: the number of records.
        indices: the index of each record, in order.
        key_at: index -> record id.
        index_of: record id -> index, or None where there is no such record.
        make: index -> record.
    """

    __slots__ = ("_index_of", "_indices", "_make", "_size", "key_at")

    def __init__(
        self,
        size: int,
        indices: Callable[[], Iterator[int]],
        key_at: Callable[[int], str],
        index_of: Callable[[str], int | None],
        make: Callable[[int], Any],
    ):
        self._size, self._indices, self.key_at, self._index_of = size, indices, key_at, index_of
        self._make = lru_cache(maxsize=_KEPT_RECORDS)(make)

    def __getitem__(self, key: str) -> Any:
        index = self._index_of(key) if isinstance(key, str) else None
        if index is None:
            raise KeyError(key)
        return self._make(index)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._index_of(key) is not None

    def __iter__(self) -> Iterator[str]:
        return map(self.key_at, self._indices())

    def __len__(self) -> int:
        return self._size


@dataclass(frozen=True, slots=True)
class _World:
    """The makers of one world's three tables."""

    key: int
    split: Split
    spec: WorldSpec
    plan: FlightPlan
    people: People


def _make_world(key: int, spec: WorldSpec) -> _World:
    split = split_of(key)
    plan = make_flights(key, spec)
    return _World(key, split, spec, plan, People(key, split, spec, plan))


def _tables(world: _World, lazy: bool) -> dict[str, Mapping[str, Any]]:
    people = world.people
    users = LazyTable(
        world.spec.users, lambda: iter(range(world.spec.users)), people.user_id, people.user_index, people.user
    )
    reservations = LazyTable(
        people.reservation_count,
        people.reservation_indices,
        people.reservation_id,
        people.reservation_index,
        people.reservation,
    )
    if lazy:
        return {"users": users, "flights": world.plan.records, "reservations": reservations}
    return {
        "users": {people.user_id(index): people.user(index) for index in range(world.spec.users)},
        "flights": world.plan.records,
        "reservations": {
            people.reservation_id(index): people.reservation(index) for index in people.reservation_indices()
        },
    }


def _build(key: int, size: Size, dialect: str) -> Base:
    world = _make_world(key, SPECS[size])
    meta = {
        "today": NOW.isoformat(),
        "seed": key,
        "ids": "seeded",
        "airports": {code: city for code, city, _ in world.plan.airports},
        "dialect": dialect,
        "size": size,
        "split": world.split,
    }
    return Base(_tables(world, lazy=size == "large"), meta)


_BUILDERS: Final = {size: lru_cache(maxsize=kept)(_build) for size, kept in _KEPT.items()}


def build_base(key: int, size: Size = "standard", *, dialect: str = "standard") -> Base:
    """The base of the world named `key`: equal for equal arguments, in any process. The latest ones are kept.

    Args:
        key: a world key; see `world_key`.
        size: `small` (about a dozen users, short records), `standard` (500 users, 300 flights on 30 days, 2,000
            reservations) or `large` (a quarter of a million users and a million reservations, made lazily).
        dialect: what the server's tools are to be (kept in `meta`; the tables do not depend on it).

    Raises:
        ConfigError: a negative key, or an unknown size.
    """
    check_key(key)
    if size not in _BUILDERS:
        raise ConfigError(did_you_mean(str(size), _BUILDERS, "world size"))
    return _BUILDERS[size](key, size, dialect)


def user_count(base: Base) -> int:
    """The number of users of a world."""
    return len(base.tables["users"])


def user_id_at(base: Base, index: int) -> str:
    """The id of user `index`, in the table's order."""
    users = base.tables["users"]
    if isinstance(users, LazyTable):
        return users.key_at(index)
    ids: list[str] = base.index("airline.user_ids", lambda made: list(made.tables["users"]))
    return ids[index]
