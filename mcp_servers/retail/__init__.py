"""The shop's MCP server: the public retail tool interface on a copy-on-write world.

server = build_server(seed=7, size="small")                                 # a world of our own
server = build_server(data=Path("tau_bench/retail"), dialect="tau_bench")   # the public world, as it was
server = build_server(base=Base({"users": …, "orders": …, "products": …}))  # a world of one's own
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolgym.domain import Size
from toolgym.mcp.server import ToolServer
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.tools import calculate, think, transfer_to_human_agents
from toolgym.mcp_servers.retail.addresses import modify_pending_order_address, modify_user_address
from toolgym.mcp_servers.retail.delivered import exchange_delivered_order_items, return_delivered_order_items
from toolgym.mcp_servers.retail.dialects import DIALECTS, DialectName
from toolgym.mcp_servers.retail.lookups import (
    find_user_id_by_email,
    find_user_id_by_name_zip,
    get_item_details,
    get_order_details,
    get_product_details,
    get_user_details,
    list_all_product_types,
)
from toolgym.mcp_servers.retail.pending import (
    cancel_pending_order,
    modify_pending_order_items,
    modify_pending_order_payment,
)
from toolgym.mcp_servers.retail.public_world import FILES, load_base
from toolgym.world import Base

__all__ = ["READS", "TOOLS", "WRITES", "build_server"]

READS: tuple[Callable[..., Any], ...] = (
    calculate,
    find_user_id_by_email,
    find_user_id_by_name_zip,
    get_order_details,
    get_product_details,
    get_user_details,
    list_all_product_types,
    think,
    transfer_to_human_agents,
)
WRITES: tuple[Callable[..., Any], ...] = (
    cancel_pending_order,
    exchange_delivered_order_items,
    modify_pending_order_address,
    modify_pending_order_items,
    modify_pending_order_payment,
    modify_user_address,
    return_delivered_order_items,
)


TOOLS = DomainTools(
    name="retail",
    owner="shop",
    instructions=(
        "Tools of an online shop's order system. They check that a request is consistent, not that the shop's policy "
        "allows it: whoever calls them answers for that."
    ),
    reads=(*READS, get_item_details),
    writes=WRITES,
    build_base=declared_worlds("toolgym.envs.retail:RETAIL"),
    load_base=load_base,
    files=FILES,
    dialects=DIALECTS,
    lacks={
        "standard": frozenset({get_item_details}),
        "tau_bench": frozenset({get_item_details}),
        "tau2": frozenset({think}),
    },
)


def build_server(
    *,
    data: Path | None = None,
    seed: int | None = None,
    size: Size = "small",
    dialect: DialectName = "standard",
    base: Base | None = None,
) -> ToolServer:
    """A new server for the shop.

    Args:
        data: a folder with `orders.json`, `products.json` and `users.json`, or with one `db.json` of the three tables:
            the one world of all episodes.
        seed: without `data`, the seed of the world of an episode that names none (0 by default). World keys are seeds.
        size: how large a seeded world is.
        dialect: `standard` is correct; `tau_bench` and `tau2` behave as the public references do, bugs included.
        base: a world that is there already, instead of `data` or `seed`; its meta must name the same dialect.

    Raises:
        ConfigError: the data cannot be read, more than one of `data`, `seed` and `base` is given, or the dialect is
            unknown or is not the base's.
    """
    return TOOLS.server(data=data, seed=seed, size=size, dialect=dialect, base=base)
