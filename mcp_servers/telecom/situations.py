"""What is wrong in a world when a customer calls, and what works when the call is over.

`SITUATIONS` are the functions by which tau2's tasks are set up, and `CHECKS` those by which they are told to be
solved; both by their public names.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from toolgym.errors import TaskError, did_you_mean
from toolgym.mcp_servers.telecom import accounts
from toolgym.mcp_servers.telecom.phone import (
    BROKEN_APN,
    MODES,
    data_works,
    download,
    edited,
    mms_works,
    phone_key,
    search_network,
    sync,
)
from toolgym.mcp_servers.telecom.records import find_customer, month_end, month_start, today
from toolgym.world import World

__all__ = ["CHECKS", "SITUATIONS", "check", "set_up"]


def set_up(world: World, name: str, arguments: Mapping[str, Any]) -> None:
    """Puts one thing into a world, before anybody speaks.

    Raises:
        TaskError: there is no such situation.
    """
    if name not in SITUATIONS:
        raise TaskError(did_you_mean(name, SITUATIONS, "situation"))
    SITUATIONS[name](world, **arguments)
    sync(world)


def check(world: World, name: str, arguments: Mapping[str, Any]) -> bool:
    """Whether something holds of a world now.

    Raises:
        TaskError: there is no such check.
    """
    if name not in CHECKS:
        raise TaskError(did_you_mean(name, CHECKS, "check"))
    return CHECKS[name](world, **arguments)


def _setting(**values: Any) -> Callable[[World], None]:
    """Settings of the phone, which then looks for a network."""

    def put(world: World) -> None:
        phone = edited(world)
        phone["device"].update(values)
        search_network(phone)

    return put


def _plain_setting(**values: Any) -> Callable[[World], None]:
    """Settings that have nothing to do with the network."""
    return lambda world: edited(world)["device"].update(values)


def set_user_info(world: World, name: str, phone_number: str) -> None:
    """Whose phone it is."""
    edited(world)["surroundings"].update(name=name, phone_number=phone_number)


def set_user_location(world: World, abroad: bool) -> None:
    """Where the customer is."""
    edited(world)["surroundings"]["is_abroad"] = abroad


def set_network_mode_preference(world: World, mode: str) -> None:
    """The networks that the phone may use."""
    if mode in MODES:
        _setting(network_mode_preference=mode)(world)


def lock_sim_card(world: World, mode: str) -> None:
    """The SIM card is locked by a `pin` or `puk`."""
    _setting(sim_card_status=f"locked_{mode}")(world)


def break_apn_settings(world: World) -> None:
    """The access point is wrong."""
    device = edited(world)["device"]
    device["active_apn_settings"]["apn_name"] = BROKEN_APN
    _setting()(world)


def break_apn_mms_setting(world: World) -> None:
    """The access point has no centre for picture messages."""
    edited(world)["device"]["active_apn_settings"]["mmsc_url"] = None


def break_vpn(world: World) -> None:
    """A slow VPN is connected."""
    details = {"server_address": "192.168.1.1", "protocol": "OpenVPN", "server_performance": "poor"}
    edited(world)["device"].update(vpn_connected=True, vpn_details=details)


def remove_app_permission(world: World, app_name: str, permission: str) -> None:
    """An app lacks a permission."""
    edited(world)["device"]["app_statuses"][app_name]["permissions"][permission] = False


def set_wifi_calling(world: World, enabled: bool, mms_over_wifi: bool | None = None) -> None:
    """Calls, and picture messages too, go over Wi-Fi."""
    device = edited(world)["device"]
    device["wifi_calling_enabled"] = enabled
    if mms_over_wifi is not None:
        device["wifi_calling_mms_over_wifi"] = mms_over_wifi


def set_data_usage(world: World, customer_id: str, line_id: str, data_used_gb: float) -> None:
    """How much data a line has used."""
    world.edit("lines", line_id)["data_used_gb"] = data_used_gb


def suspend_line_for_overdue_bill(
    world: World, customer_id: str, line_id: str, new_bill_id: str, contract_ended: bool
) -> None:
    """A line is suspended for last month's bill, which is overdue; and its contract may have ended."""
    start = month_start(date.fromisoformat(today(world)), -1)
    end = month_end(start)
    line = world.edit("lines", line_id)
    price = world.get("plans", line["plan_id"])["price_per_month"]
    bill = {
        "bill_id": new_bill_id,
        "customer_id": customer_id,
        "period_start": start.isoformat(),
        "period_end": end.isoformat(),
        "issue_date": start.isoformat(),
        "total_due": price,
        "due_date": start.replace(day=15).isoformat(),
        "line_items": [
            {
                "description": f"Charge for line {line_id}",
                "amount": price,
                "date": today(world),
                "item_type": "Charge",
            }
        ],
        "status": "Overdue",
    }
    world.put("bills", new_bill_id, bill)
    world.edit("customers", customer_id)["bill_ids"].append(new_bill_id)
    line.update(status="Suspended", suspension_start_date=today(world))
    if contract_ended:
        line["contract_end_date"] = end.isoformat()


SITUATIONS: dict[str, Callable[..., object]] = {
    "set_user_info": set_user_info,
    "set_user_location": set_user_location,
    "set_network_mode_preference": set_network_mode_preference,
    "set_wifi_calling": set_wifi_calling,
    "set_data_usage": set_data_usage,
    "suspend_line_for_overdue_bill": suspend_line_for_overdue_bill,
    "lock_sim_card": lock_sim_card,
    "break_apn_settings": break_apn_settings,
    "break_apn_mms_setting": break_apn_mms_setting,
    "break_vpn": break_vpn,
    "remove_app_permission": remove_app_permission,
    "simulate_network_search": _setting(),
    "turn_airplane_mode_on": _setting(airplane_mode=True),
    "unseat_sim_card": _setting(sim_card_missing=True),
    "turn_data_off": _setting(data_enabled=False),
    "turn_roaming_on": _setting(roaming_enabled=True),
    "turn_roaming_off": _setting(roaming_enabled=False),
    "turn_data_saver_mode_on": _plain_setting(data_saver_mode=True),
    "enable_roaming": accounts.enable_roaming,
    "disable_roaming": accounts.disable_roaming,
}


def _speed(world: World, expected_speed: float, expected_desc: str | None = None) -> bool:
    speed, word = download(world.get("phones", phone_key(world)))
    fast = speed is not None and speed >= expected_speed
    return fast and (expected_desc is None or word.lower() == expected_desc.lower())


def _phone(holds: Callable[[dict[str, Any]], Any]) -> Callable[..., bool]:
    return lambda world, expected_status: holds(world.get("phones", phone_key(world))) == expected_status


def _no_overdue_bill(world: World, overdue_bill_id: str) -> bool:
    bill = world.get("bills", overdue_bill_id)
    return bill is None or bill["status"] == "Paid"


def _refueled(world: World, customer_id: str, line_id: str, expected_amount: float) -> bool:
    found = line_id in find_customer(world, customer_id)["line_ids"]
    return found and world.get("lines", line_id)["data_refueling_gb"] == expected_amount


CHECKS: dict[str, Callable[..., bool]] = {
    "assert_mobile_data_status": _phone(data_works),
    "assert_service_status": _phone(lambda phone: phone["device"]["network_connection_status"]),
    "assert_can_send_mms": _phone(mms_works),
    "assert_internet_speed": _speed,
    "assert_no_overdue_bill": _no_overdue_bill,
    "assert_data_refueling_amount": _refueled,
}
