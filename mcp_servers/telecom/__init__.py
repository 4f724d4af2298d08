"""The mobile operator's MCP server: accounts for the agent, and the customer's phone for the customer, in one world.

server = build_server(data=Path("tau2/telecom"), dialect="tau2")   # the public world, as it was
session = server.session()
session.call(ToolCall("get_customer_by_phone", {"phone_number": "555-123-2002"}))
session.call_as_user(ToolCall("check_status_bar", {}))             # what only the customer sees
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolgym.domain import Size
from toolgym.mcp.server import ToolServer
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.tools import transfer_to_human_agents
from toolgym.mcp_servers.telecom import desk, phone_actions, phone_checks
from toolgym.mcp_servers.telecom.accounts import (
    disable_roaming,
    enable_roaming,
    refuel_data,
    resume_line,
    send_payment_request,
    suspend_line,
)
from toolgym.mcp_servers.telecom.dialects import DIALECTS, DialectName
from toolgym.mcp_servers.telecom.lookups import (
    get_bills_for_customer,
    get_customer_by_id,
    get_customer_by_name,
    get_customer_by_phone,
    get_data_usage,
    get_details_by_id,
)
from toolgym.mcp_servers.telecom.public_world import FILES, load_base
from toolgym.world import Base

__all__ = ["READS", "TOOLS", "USER_READS", "USER_WRITES", "WRITES", "build_server"]

READS: tuple[Callable[..., Any], ...] = (
    get_bills_for_customer,
    get_customer_by_id,
    get_customer_by_name,
    get_customer_by_phone,
    get_data_usage,
    get_details_by_id,
    transfer_to_human_agents,
)
WRITES: tuple[Callable[..., Any], ...] = (
    disable_roaming,
    enable_roaming,
    refuel_data,
    resume_line,
    send_payment_request,
    suspend_line,
)
USER_READS: tuple[Callable[..., Any], ...] = (
    phone_checks.can_send_mms,
    phone_checks.check_apn_settings,
    phone_checks.check_app_permissions,
    phone_checks.check_app_status,
    phone_checks.check_data_restriction_status,
    phone_checks.check_installed_apps,
    phone_checks.check_network_mode_preference,
    phone_checks.check_network_status,
    phone_checks.check_payment_request,
    phone_checks.check_sim_status,
    phone_checks.check_status_bar,
    phone_checks.check_vpn_status,
    phone_checks.check_wifi_calling_status,
    phone_checks.check_wifi_status,
    phone_checks.run_speed_test,
)
USER_WRITES: tuple[Callable[..., Any], ...] = (
    phone_actions.connect_vpn,
    phone_actions.disconnect_vpn,
    phone_actions.grant_app_permission,
    phone_actions.make_payment,
    phone_actions.reboot_device,
    phone_actions.reseat_sim_card,
    phone_actions.reset_apn_settings,
    phone_actions.set_apn_settings,
    phone_actions.set_network_mode_preference,
    phone_actions.toggle_airplane_mode,
    phone_actions.toggle_data,
    phone_actions.toggle_data_saver_mode,
    phone_actions.toggle_roaming,
    phone_actions.toggle_wifi,
    phone_actions.toggle_wifi_calling,
)


TOOLS = DomainTools(
    name="telecom",
    owner="operator",
    instructions=(
        "Tools of a mobile operator. They check that a change is consistent, not that the operator's policy allows "
        "it: whoever calls them answers for that. What is on the customer's phone only the customer can see and do."
    ),
    reads=READS + desk.READS,
    writes=WRITES + desk.WRITES,
    lacks={"tau2": frozenset(desk.READS + desk.WRITES)},
    user_reads=USER_READS,
    user_writes=USER_WRITES,
    build_base=declared_worlds("toolgym.envs.telecom:TELECOM"),
    load_base=load_base,
    files=FILES,
    dialects=DIALECTS,
)


def build_server(
    *,
    data: Path | None = None,
    seed: int | None = None,
    size: Size = "small",
    dialect: DialectName = "standard",
    base: Base | None = None,
) -> ToolServer:
    """A new server for the operator.

    Args:
        data: a folder with `db.toml` and `user_db.toml`: the one world of all episodes.
        seed: without `data`, the seed of the world of an episode that names none (0 by default). World keys are seeds.
        size: how large a seeded world is.
        dialect: `standard` is correct; `tau2` has and does what the public reference has and does.
        base: a world that is there already, instead of `data` or `seed`; its meta must name the same dialect.

    Raises:
        ConfigError: the data cannot be read, more than one of `data`, `seed` and `base` is given, or the dialect is
            unknown or is not the base's.
    """
    return TOOLS.server(data=data, seed=seed, size=size, dialect=dialect, base=base)
