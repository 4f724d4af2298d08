"""The dialects of the airline tools: one body of code, and a few named differences.

`standard` is correct. `tau_bench` behaves as the public tau-bench reference does, bugs included, so that scores stay
comparable with published ones; `tau2` as its successor. One of their bugs is left out: `calculate` takes no powers,
with which it could be made to hang. Some failures change the state, as there: a booking that lists one certificate
twice loses it and then fails.
"""

from dataclasses import dataclass
from typing import Literal

from toolgym.mcp_servers.common.dialects import BaseDialect
from toolgym.world import World

DialectName = Literal["standard", "tau_bench", "tau2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(BaseDialect):
    """What differs between the dialects; the defaults are the standard one's."""

    takes_seats: bool = True
    """Bookings take seats."""
    moves_seats: bool = True
    """Changes take seats too, and cancellations and changes give them back."""
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
    finds_second_day: bool = True
    """The day after another is looked for by the calendar, not as a number that has lost its leading zero."""
    unlimited_ids: bool = True
    """The public world's ids go on after the third booking and the third certificate."""
    refuses_fourth: bool = False
    """Where they do not, a fourth booking or certificate is refused."""
    reads_records: bool = False
    """Records in arguments are read by their types: `"2"` bags are 2, and what a type does not have is left out."""
    null_is_any: bool = False
    """A search from or to null looks at all airports."""
    shows_every_field: bool = False
    """A user is shown with the id, and a reservation and a flight with a null for what they do not have."""


DIALECTS: dict[str, Dialect] = {
    "standard": Dialect(),
    "tau_bench": Dialect(
        checks_arguments=False,
        takes_seats=False,
        moves_seats=False,
        stores_cabin=False,
        refunds_balances=False,
        guards_cancelled=False,
        adds_up_charges=False,
        shows_second_day=False,
        finds_second_day=False,
        unlimited_ids=False,
    ),
    "tau2": Dialect(
        checks_arguments=False,
        moves_seats=False,
        refunds_balances=False,
        guards_cancelled=False,
        adds_up_charges=False,
        finds_second_day=False,
        unlimited_ids=False,
        refuses_fourth=True,
        reads_records=True,
        null_is_any=True,
        shows_every_field=True,
    ),
}


def dialect_of(world: World) -> Dialect:
    """The dialect that the world's base names; `standard` where it names none."""
    return DIALECTS[world.base.meta.get("dialect", "standard")]
