"""The dialects of the retail tools: one body of code, and a few named differences.

`standard` is correct. `tau_bench` behaves as the public tau-bench reference does, bugs included, so that scores stay
comparable with published ones; `tau2` as its successor. One of their bugs is left out: `calculate` takes no powers,
with which it could be made to hang.
"""

from dataclasses import dataclass
from typing import Literal

from toolgym.mcp_servers.common.dialects import BaseDialect
from toolgym.world import World

DialectName = Literal["standard", "tau_bench", "tau2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(BaseDialect):
    """What differs between the dialects; the defaults are the standard one's."""

    follows_payments: bool = True
    """Money goes back to what paid in the end: a payment that was moved to another method is given back once."""
    keeps_cents: bool = True
    """A difference in price is a whole number of cents, and no payment where it is zero."""
    settles_items_first: bool = True
    """Which items are replaced is settled before the first of them is."""
    prices_each_item: bool = True
    """Each replaced item gets its own price and options, not those of the last one."""
    types_addresses: bool = True
    """An address is made of strings."""
    changes_modified_orders: bool = False
    """An order whose items were modified still takes a new address or payment method."""
    refuses_same_item: bool = False
    """A pending order's item cannot be replaced by itself."""
    shows_every_field: bool = False
    """A user is shown with the id, and an order with a null for each field that it does not have."""


DIALECTS: dict[str, Dialect] = {
    "standard": Dialect(),
    "tau_bench": Dialect(
        checks_arguments=False,
        follows_payments=False,
        keeps_cents=False,
        settles_items_first=False,
        types_addresses=False,
    ),
    "tau2": Dialect(
        checks_arguments=False,
        follows_payments=False,
        keeps_cents=False,
        settles_items_first=False,
        prices_each_item=False,
        changes_modified_orders=True,
        refuses_same_item=True,
        shows_every_field=True,
    ),
}


def dialect_of(world: World) -> Dialect:
    """The dialect that the world's base names; `standard` where it names none."""
    return DIALECTS[world.base.meta.get("dialect", "standard")]
