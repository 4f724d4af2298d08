"""The two dialects of the airline tools: one body of code, and a few named differences.

`standard` is correct. `tau_bench` behaves as the public tau-bench reference does, bugs included, so that scores stay
comparable with published ones. One of its bugs is left out: `calculate` takes no powers, with which it could be made
to hang. One failure changes the state, as there: a booking that lists one certificate twice loses it and then fails.
"""

from dataclasses import dataclass
from typing import Literal

from toolgym.mcp_servers.common.dialects import BaseDialect
from toolgym.world import World

DialectName = Literal["standard", "tau_bench"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(BaseDialect):
    """What differs between the dialects; the defaults are the standard one's."""

    moves_seats: bool = True
    """Bookings and changes take seats; cancellations and changes give them back."""
    stores_cabin: bool = True
    """A change of cabin is stored in the reservation, not only charged."""
    refunds_balances: bool = True
    """Cancelling gives the money back to gift cards and certificates, beside noting it in the payment history."""
    guards_cancelled: bool = True
    """A cancelled reservation can be neither cancelled again nor changed."""
    adds_up_charges: bool = True
    """Several charges to one gift card count together against its balance, and a certificate pays once."""
    shows_second_day: bool = True
    """A one-stop search shows the second leg as it is on the day it flies."""
    unlimited_ids: bool = True
    """The public world's ids go on after the third booking and the third certificate."""


DIALECTS: dict[str, Dialect] = {
    "standard": Dialect(),
    "tau_bench": Dialect(
        checks_arguments=False,
        moves_seats=False,
        stores_cabin=False,
        refunds_balances=False,
        guards_cancelled=False,
        adds_up_charges=False,
        shows_second_day=False,
        unlimited_ids=False,
    ),
}


def dialect_of(world: World) -> Dialect:
    """The dialect that the world's base names; `standard` where it names none."""
    return DIALECTS[world.base.meta.get("dialect", "standard")]
