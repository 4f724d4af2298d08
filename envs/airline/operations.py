"""All operations on a reservation, by name."""

from typing import Final

from toolgym.envs.airline.operation import Operation
from toolgym.envs.airline.operations_change import (
    bags,
    bags_refused,
    cabin,
    cabin_refused,
    flights,
    flights_refused,
    passengers,
    passengers_refused,
    rebook,
)
from toolgym.envs.airline.operations_other import (
    cancel,
    cancel_refused,
    compensation,
    compensation_refused,
    fact,
    total,
)

__all__ = ["OPERATIONS"]

OPERATIONS: Final[dict[str, Operation]] = {
    "fact": Operation(fact, ()),
    "total": Operation(total, ("calculate",)),
    "cancel": Operation(cancel, ("cancel",)),
    "cabin": Operation(cabin, ("cabin",)),
    "flights": Operation(flights, ("direct", "flights")),
    "bags": Operation(bags, ("bags",), needs_membership=True),
    "passengers": Operation(passengers, ("passengers",)),
    "compensation": Operation(compensation, ("certificate",), needs_membership=True),
    "rebook": Operation(rebook, ("direct", "book")),
    "cancel!": Operation(cancel_refused, (), refused=True),
    "cabin!": Operation(cabin_refused, (), refused=True),
    "flights!": Operation(flights_refused, (), refused=True),
    "bags!": Operation(bags_refused, (), refused=True),
    "passengers!": Operation(passengers_refused, (), refused=True),
    "compensation!": Operation(compensation_refused, (), needs_membership=True, refused=True),
}
"""Name -> operation; those with `!` are forbidden by the policy."""
