"""The customer's tools that do something: the phone's switches and settings, and paying a bill."""

from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.tool import HalfDoneError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.mcp_servers.telecom.dialects import refused
from toolgym.mcp_servers.telecom.phone import (
    DEFAULT_APN,
    MODES,
    device_of,
    edited,
    phone_key,
    search_network,
    status_bar,
    sync,
)
from toolgym.mcp_servers.telecom.phone_checks import on_off
from toolgym.mcp_servers.telecom.schema import AppName, NetworkMode, Permission
from toolgym.world import World

_VPN = {"server_address": "192.168.1.1", "protocol": "OpenVPN", "server_performance": "excellent"}


def _done(world: World, said: str) -> str:
    """What a tool says, and the status bar as it is then."""
    sync(world)
    return f"{said}\n{status_bar(device_of(world))}"


def _refused(world: World, said: str) -> str:
    """What a tool says that did nothing, and the status bar; raises where the dialect has such refusals."""
    return f"{refused(world, said)}\n{status_bar(device_of(world))}"


def _toggled(world: World, setting: str, name: str, searches: bool = False) -> str:
    phone = edited(world)
    phone["device"][setting] = not phone["device"][setting]
    if searches:
        search_network(phone)
    return _done(world, f"{name} is now {on_off(phone['device'][setting])}.")


def toggle_airplane_mode(world: World) -> str:
    """Switches airplane mode, which cuts all connections, on or off."""
    device = edited(world)["device"]
    if not device["airplane_mode"]:
        device.update(wifi_connected=False, wifi_ssid=None, wifi_signal_strength="none")
        device.update(vpn_connected=False, vpn_details=None)
    return _toggled(world, "airplane_mode", "Airplane Mode", searches=True)


def toggle_data(world: World) -> str:
    """Switches mobile data on or off."""
    return _toggled(world, "data_enabled", "Mobile Data", searches=True)


def toggle_roaming(world: World) -> str:
    """Switches data roaming, the use of mobile data abroad, on or off."""
    return _toggled(world, "roaming_enabled", "Data Roaming", searches=True)


def toggle_data_saver_mode(world: World) -> str:
    """Switches Data Saver, which slows mobile data down, on or off."""
    return _toggled(world, "data_saver_mode", "Data Saver Mode")


def toggle_wifi_calling(world: World) -> str:
    """Switches calls over Wi-Fi on or off."""
    return _toggled(world, "wifi_calling_enabled", "Wi-Fi Calling")


def toggle_wifi(world: World) -> str:
    """Switches Wi-Fi on or off."""
    if device_of(world)["airplane_mode"]:
        return _refused(world, "Cannot change Wi-Fi settings while Airplane Mode is ON.")
    device = edited(world)["device"]
    if device["wifi_enabled"]:
        device.update(wifi_connected=False, wifi_ssid=None, wifi_signal_strength="none")
    return _toggled(world, "wifi_enabled", "Wi-Fi")


def set_network_mode_preference(world: World, mode: NetworkMode) -> str:
    """Chooses which networks the phone may use."""
    if isinstance(mode, str) and mode not in MODES:
        return _refused(world, f"Failed to set network mode: '{mode}' is not one of {', '.join(MODES)}.")
    phone = edited(world)
    phone["device"]["network_mode_preference"] = mode
    search_network(phone)
    if not isinstance(mode, str):  # only where types are not enforced: as there, it is kept before it is stumbled over
        raise HalfDoneError(f"a network mode is a text, not {shown(mode)}")
    return _done(world, f"Preferred Network Mode set to: {mode}")


def reseat_sim_card(world: World) -> str:
    """Takes the SIM card out and puts it back in."""
    phone = edited(world)
    phone["device"]["sim_card_missing"] = False
    search_network(phone)
    return _done(world, "SIM card re-seated successfully.")


def set_apn_settings(
    world: World,
    apn_settings: Annotated[
        dict[str, Any],
        Field(description="The settings: apn_name, mms_apn, mmsc_url, mms_proxy and mms_port; others are the usual."),
    ],
) -> str:
    """Sets the access point (APN) by hand."""
    unknown = [name for name in apn_settings if name not in DEFAULT_APN]
    if unknown or not all(isinstance(value, str | int | None) for value in apn_settings.values()):
        return refused(world, f"APN settings are {', '.join(DEFAULT_APN)}, each a text.")
    phone = edited(world)
    phone["device"]["active_apn_settings"] = {**DEFAULT_APN, **apn_settings}
    search_network(phone)
    return _done(world, f"APN settings set to: {phone['device']['active_apn_settings']['apn_name']}")


def reset_apn_settings(world: World) -> str:
    """Sets the access point (APN) back to the operator's, from the next restart on."""
    phone = edited(world)
    phone["device"]["active_apn_settings"]["reset_at_reboot"] = True
    search_network(phone)
    return _done(world, "APN settings will reset at reboot.")


def connect_vpn(world: World) -> str:
    """Connects to the VPN."""
    if device_of(world)["vpn_connected"]:
        return _refused(world, "VPN already connected.")
    edited(world)["device"].update(vpn_connected=True, vpn_details=dict(_VPN))
    return _done(world, "VPN connected successfully.")


def disconnect_vpn(world: World) -> str:
    """Disconnects the VPN."""
    if not device_of(world)["vpn_connected"]:
        return _refused(world, "No active VPN connection to disconnect.")
    edited(world)["device"].update(vpn_connected=False, vpn_details=None)
    return _done(world, "VPN disconnected successfully.")


def grant_app_permission(world: World, app_name: AppName, permission: Permission) -> str:
    """Grants an app a permission."""
    app = device_of(world)["app_statuses"].get(app_name)
    if app is None:
        return _refused(world, f"Error. App '{app_name}' not found.")
    permission = permission.lower()
    if permission not in app["permissions"]:
        return _refused(world, f"Error. Permission '{permission}' not tracked for app '{app_name}'.")
    edited(world)["device"]["app_statuses"][app_name]["permissions"][permission] = True
    return _done(world, f"Success. Permission '{permission}' granted to app '{app_name}'.")


def reboot_device(world: World) -> str:
    """Restarts the phone, which lets new settings take effect."""
    phone = edited(world)
    said = ["Restarting network services..."]
    if phone["device"]["active_apn_settings"]["reset_at_reboot"]:
        phone["device"]["active_apn_settings"] = dict(DEFAULT_APN)
        said.insert(0, "Resetting APN settings...")
    search_network(phone)
    return _done(world, "\n".join(said))


def make_payment(world: World) -> str:
    """Pays the bill that the customer was asked to pay."""
    request = world.get("phones", phone_key(world))["surroundings"]["payment_request"]
    if request is None:
        return refused(world, "You do not have a payment request.")
    edited(world)["surroundings"]["payment_request"]["paid"] = True
    sync(world)
    return f"Payment of {request['amount_due']} USD has been made for bill {request['bill_id']}."
