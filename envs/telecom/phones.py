"""A customer's phone as it is when nothing is wrong with it, and the troubles that it may have."""

from collections.abc import Mapping
from typing import Any

from toolgym.composing.faults import Troubles
from toolgym.composing.fields import TODAY
from toolgym.envs.telecom.faults import CHECKS, FAULTS, GOALS
from toolgym.envs.telecom.phone_words import ACTIONS
from toolgym.mcp_servers.telecom.phone import DEFAULT_APN, service_of, sync
from toolgym.mcp_servers.telecom.public_world import SURROUNDINGS
from toolgym.world import Base, World

__all__ = ["TROUBLES"]


def _app(name: str, *granted: str) -> dict[str, Any]:
    return {"app_name": name, "permissions": {one: one in granted for one in ("sms", "storage", "phone", "network")}}


def _begin(world: World, line_id: str) -> None:
    """A phone in order, in the customer's hand."""
    line = world.get("lines", line_id)
    number, owner = line["phone_number"], world.get("customers", line["customer_id"])
    device = {
        "sim_card_status": "active",
        "sim_card_missing": False,
        "airplane_mode": False,
        "network_signal_strength": "excellent",
        "network_technology_connected": "5G",
        "network_connection_status": "connected",
        "battery_level": 40 + int(line_id[-2:]) % 60,
        "data_enabled": True,
        "roaming_enabled": False,
        "network_mode_preference": "4g_5g_preferred",
        "active_apn_settings": DEFAULT_APN,
        "wifi_enabled": False,
        "wifi_connected": False,
        "wifi_ssid": None,
        "wifi_signal_strength": "none",
        "wifi_calling_enabled": False,
        "wifi_calling_mms_over_wifi": False,
        "data_saver_mode": False,
        "vpn_enabled_setting": False,
        "vpn_connected": False,
        "vpn_details": None,
        "app_statuses": {
            "messaging": _app("messaging", "sms", "storage", "phone"),
            "browser": _app("browser", "storage", "network"),
        },
    }
    phone = {"device": device, "surroundings": {**SURROUNDINGS, "name": owner["full_name"], "phone_number": number}}
    world.put("phones", number, phone)
    world.put("service", number, service_of(phone))
    sync(world)


def _suits(base: Base, line: Mapping[str, Any]) -> bool:
    """An active line of a customer who owes nothing."""
    owner = base.tables["customers"][line["customer_id"]]
    owes = any(base.tables["bills"][key]["status"] in ("Overdue", "Awaiting Payment") for key in owner["bill_ids"])
    runs = line["status"] == "Active" and line["contract_end_date"] > TODAY.isoformat()
    return runs and owner["account_status"] == "Active" and not owes


TROUBLES = Troubles(
    goals=GOALS,
    checks=CHECKS,
    faults=FAULTS,
    actions=ACTIONS,
    about="lines",
    told="phone_number",
    topic="phone number",
    suits=_suits,
    begin=_begin,
    devices="phones",
    works="service",
    intro=("My number is {told}.", "I am calling about {told}.", "This is about my number {told}."),
    unseen_intro=("It is the phone with the number {told}.", "You can look me up by {told}."),
)
