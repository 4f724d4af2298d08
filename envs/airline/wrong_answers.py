"""What would be wrong to say: other values of the field that a customer asks about, from the world and the results.

A list of candidates holds the right value and these, so that it is no answer (`toolgym.saying.answers`). What the
right answer itself says is taken out again where the checklist is made.
"""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any, Final

from toolgym.envs.airline.rules import CABINS
from toolgym.envs.airline.story import Scene
from toolgym.envs.airline.world import user_count, user_id_at

__all__ = [
    "MEMBERSHIPS",
    "cabins_but",
    "dates_but",
    "flights_but",
    "of_other_users",
    "offers_but",
    "others",
]

MEMBERSHIPS: Final = ("regular", "silver", "gold")
_MOST: Final = 40
_USERS: Final = 4
"""How many of the world's users other values are taken from."""


def others(values: Iterable[Any], *told: str) -> tuple[str, ...]:
    """The values as text, each once, without what is told."""
    out = dict.fromkeys(str(value) for value in values if value)
    return tuple(value for value in out if value not in told)[:_MOST]


def of_other_users(scene: Scene, value: Callable[[dict[str, Any]], Iterable[Any]], *told: str) -> tuple[str, ...]:
    """Values of a field in the profiles of the world's first users."""
    base = scene.base
    ids = [user_id_at(base, index) for index in range(min(_USERS, user_count(base)))]
    users = (base.tables["users"][user_id] for user_id in ids if user_id != scene.user_id)
    return others((item for user in users for item in value(user)), *told)


def flights_but(scene: Scene, seen: Iterable[str], *told: str) -> tuple[str, ...]:
    """Flight numbers that were seen, and two that the world has besides."""
    listed = iter(scene.base.tables["flights"])
    return others([*seen, *(number for _, number in zip(range(2 + len(told)), listed, strict=False))], *told)


def offers_but(
    scene: Scene, offers: Iterable[dict[str, Any]], best: dict[str, Any], cabin: str, *, prices: bool
) -> tuple[str, ...]:
    """The flights of a search but the best; with `prices` their fares too, and the best one's in other cabins."""
    offers = list(offers)
    numbers = flights_but(scene, (offer["flight_number"] for offer in offers), best["flight_number"])
    if not prices:
        return numbers
    fares = [offer["prices"][cabin] for offer in offers] + [best["prices"][other] for other in CABINS if other != cabin]
    return numbers + others((f"${fare}" for fare in fares), f"${best['prices'][cabin]}")


def cabins_but(cabin: str) -> tuple[str, ...]:
    """The other cabins. `basic` stands for basic_economy where economy, which is in that word too, is told."""
    if cabin == "economy":
        return ("basic", "business")
    return tuple(other for other in CABINS if other != cabin and other not in cabin)


def dates_but(seen: Iterable[str], told: str) -> tuple[str, ...]:
    """Dates that were seen, and the day after the one that is told."""
    return others([*seen, (date.fromisoformat(told) + timedelta(days=1)).isoformat()], told)
