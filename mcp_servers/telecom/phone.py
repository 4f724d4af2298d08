"""The customer's phone: which network it finds, what works on it then, and what it hears of its line.

A phone's record has a `device` (its settings and what it shows) and its `surroundings` (whose it is, where it is, and
what of its line and bills reaches it). A world has one phone at most: that of the customer who is on the line.
"""

from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.telecom.records import line_by_phone
from toolgym.world import World

MODES = {
    "4g_5g_preferred": ("5G", "4G"),
    "4g_only": ("4G",),
    "3g_only": ("3G",),
    "2g_only": ("2G",),
}
"""Network mode -> the technologies that are tried, in order."""
DEFAULT_APN = {
    "apn_name": "internet",
    "reset_at_reboot": False,
    "mms_apn": "mms",
    "mmsc_url": "http://mms.carrier.com/mms/wapenc",
    "mms_proxy": None,
    "mms_port": None,
}
BROKEN_APN = "broken"
_NO_MODE = ("4G",)
"""What is tried by a phone whose mode was set to something that is none."""
_SIGNAL = {
    "none": "📵 No Signal",
    "poor": "📶¹ Poor",
    "fair": "📶² Fair",
    "good": "📶³ Good",
    "excellent": "📶⁴ Excellent",
}
_MBPS = {"2G": (0.1, 0.4), "3G": (1.0, 5.0), "4G": (10.0, 100.0), "5G": (50.0, 500.0)}
"""Technology -> its slowest and fastest download."""
_STRENGTH = {"poor": 0.2, "fair": 0.5, "good": 0.8, "excellent": 1.0}
_SAVER, _SLOW_VPN = 0.2, 0.1
_SPEEDS = ((1, "Very Poor"), (5, "Poor"), (25, "Fair"), (100, "Good"))
"""Mbps below which a speed is called so; more is excellent."""


def phone_key(world: World) -> str:
    """The id of the phone in the customer's hand.

    Raises:
        ToolError: there is none in this world.
    """
    key = next(iter(world.keys("phones")), None)
    if key is None:
        raise ToolError("there is no phone at hand")
    return key


def device_of(world: World) -> dict[str, Any]:
    """The phone's settings, for reading only.

    Raises:
        ToolError: there is no phone.
    """
    return world.get("phones", phone_key(world))["device"]


def edited(world: World) -> dict[str, Any]:
    """The phone's record, for writing.

    Raises:
        ToolError: there is no phone.
    """
    return world.edit("phones", phone_key(world))


def search_network(phone: dict[str, Any]) -> None:
    """Looks for a network and connects to it, as a phone does after it was restarted or its radio was changed."""
    device, around = phone["device"], phone["surroundings"]
    found, strength = "none", "none"
    blocked = device["airplane_mode"] or device["sim_card_missing"] or device["sim_card_status"] != "active"
    if not blocked and around["line_active"] and device["active_apn_settings"]["apn_name"] != BROKEN_APN:
        mode = device["network_mode_preference"]
        for technology in MODES[mode] if isinstance(mode, str) else _NO_MODE:
            strength = around["signal_strength"].get(technology, "none")
            if strength != "none":
                found = technology
                break
    device["network_technology_connected"] = found
    device["network_signal_strength"] = strength
    device["network_connection_status"] = "no_service" if found == "none" else "connected"


def data_works(phone: dict[str, Any]) -> bool:
    """Whether mobile data works."""
    device, around = phone["device"], phone["surroundings"]
    if device["airplane_mode"] or not device["data_enabled"] or around["mobile_data_usage_exceeded"]:
        return False
    if device["network_signal_strength"] == "none" or device["network_connection_status"] == "no_service":
        return False
    return not around["is_abroad"] or (device["roaming_enabled"] and around["roaming_allowed"])


def download(phone: dict[str, Any]) -> tuple[float | None, str]:
    """The download speed in Mbps and what it is called; None where there is no connection."""
    if not data_works(phone):
        return None, "No Connection"
    device = phone["device"]
    slow_vpn = device["vpn_connected"] and (device["vpn_details"] or {}).get("server_performance") == "poor"
    factor = (_SLOW_VPN if slow_vpn else 1.0) * (_SAVER if device["data_saver_mode"] else 1.0)
    low, high = _MBPS[device["network_technology_connected"]]
    speed = round((low + high) / 2 * _STRENGTH[device["network_signal_strength"]] * factor, 2)
    return speed, next((word for limit, word in _SPEEDS if speed < limit), "Excellent")


def mms_works(phone: dict[str, Any]) -> bool:
    """Whether a picture message can be sent."""
    device = phone["device"]
    if not data_works(phone) or device["network_technology_connected"] == "2G":
        return False
    if device["wifi_calling_enabled"] and device["wifi_calling_mms_over_wifi"]:
        return False
    allowed = device["app_statuses"].get("messaging", {}).get("permissions", {})
    has_centre = device["active_apn_settings"]["mmsc_url"] is not None
    return bool(has_centre and allowed.get("storage") and allowed.get("sms"))


def status_bar(device: dict[str, Any]) -> str:
    """The icons at the top of the phone's screen."""
    icons = []
    if device["airplane_mode"]:
        icons.append("✈️ Airplane Mode")
    else:
        icons.append(_SIGNAL[device["network_signal_strength"]])
        if device["network_technology_connected"] != "none":
            icons.append(device["network_technology_connected"])
        on = device["data_enabled"] and device["network_technology_connected"] != "none"
        icons.append("📱 Data Enabled" if on else "📵 Data Disabled")
        if on and device["data_saver_mode"]:
            icons.append("🔽 Data Saver")
    if device["wifi_enabled"]:
        joined = device["wifi_connected"] and device["wifi_ssid"]
        icons.append(f"📡 Connected to {device['wifi_ssid']}" if joined else "📡 Enabled")
    if device["vpn_connected"]:
        icons.append("🔒 VPN Connected")
    icons.append(f"🔋 {device['battery_level']}%")
    return f"Status Bar: {' | '.join(icons)}"


def sync(world: World) -> None:
    """Lets the phone know what became of its line and bills, and the account what was paid with it.

    Not in a world whose `syncs` is false, where each side keeps what it knew.
    """
    if not world.meta.get("syncs", True):
        return
    key = next(iter(world.keys("phones")), None)
    around = None if key is None else world.get("phones", key)["surroundings"]
    if key is None or around is None or around["phone_number"] is None:
        return
    line = line_by_phone(world, around["phone_number"])
    if line is None:
        raise ToolError("the phone's number is not one of this operator's")
    request = around["payment_request"]
    if request is not None and request["paid"]:
        world.edit("bills", request["bill_id"])["status"] = "Paid"
        request = None
    plan = world.get("plans", line["plan_id"])
    limit = plan["data_limit_gb"] + line["data_refueling_gb"]
    told = {
        "line_active": line["status"] == "Active",
        "roaming_allowed": line["roaming_enabled"],
        "mobile_data_usage_exceeded": line["data_used_gb"] >= limit,
        "payment_request": request or _request(world, line["line_id"]),
    }
    if any(around[name] != value for name, value in told.items()):
        world.edit("phones", key)["surroundings"].update(told)
    _note_service(world, key)


def _request(world: World, line_id: str) -> dict[str, Any] | None:
    """The payment that the customer is asked for."""
    owners: dict[str, str] = world.base.index(
        "telecom.owners",
        lambda base: {line: key for key, one in base.tables["customers"].items() for line in one["line_ids"]},
    )
    for bill_id in world.get("customers", owners[line_id])["bill_ids"]:
        bill = world.get("bills", bill_id)
        if bill["status"] == "Awaiting Payment":
            return {"bill_id": bill_id, "amount_due": bill["total_due"], "paid": False}
    return None


def service_of(phone: dict[str, Any]) -> dict[str, Any]:
    """What works on a phone: what its customer cares for."""
    speed = download(phone)[1]
    return {
        "service": phone["device"]["network_connection_status"] == "connected",
        "data": speed != "No Connection",
        "fast": speed == "Excellent",
        "mms": mms_works(phone),
    }


def _note_service(world: World, key: str) -> None:
    """Keeps what works on the phone as a record, where the world has one: what a task can ask for."""
    if "service" in world.base.tables and world.has("service", key):
        now = service_of(world.get("phones", key))
        if world.get("service", key) != now:
            world.put("service", key, now)
