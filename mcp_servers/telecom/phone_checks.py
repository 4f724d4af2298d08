"""The customer's tools that look: what the phone shows."""

from toolgym.mcp_servers.telecom.dialects import refused
from toolgym.mcp_servers.telecom.phone import device_of, download, mms_works, phone_key, status_bar
from toolgym.mcp_servers.telecom.schema import AppName
from toolgym.world import World

_ADVICE = {
    "Very Poor": "Connection is very slow. Basic web browsing might be difficult.",
    "Poor": "Connection is slow. Web browsing may be sluggish, streaming difficult.",
    "Fair": "Connection is okay for web browsing and some standard definition streaming.",
    "Good": "Connection is good for most activities, including HD streaming.",
    "Excellent": "Connection is very fast.",
}
_SIM = {
    "active": "Your SIM card is active and working.",
    "missing": "No SIM card detected in the phone.",
    "locked_pin": "The SIM card is locked with a PIN code.",
    "locked_puk": "The SIM card is locked with a PUK code.",
}


def on_off(value: bool) -> str:
    """A switch, as the phone calls it."""
    return "ON" if value else "OFF"


def _yes_no(value: bool) -> str:
    return "Yes" if value else "No"


def sim_status(device: dict) -> str:
    """What the phone knows of its SIM card: active, missing, locked_pin or locked_puk."""
    return "missing" if device["sim_card_missing"] else device["sim_card_status"]


def check_status_bar(world: World) -> str:
    """Shows the icons at the top of the screen: signal, network, data, Wi-Fi, VPN and battery."""
    return status_bar(device_of(world))


def check_network_status(world: World) -> str:
    """Shows the connection to mobile networks and Wi-Fi: airplane mode, signal, network, mobile data and roaming."""
    device = device_of(world)
    lines = [
        f"Airplane Mode: {on_off(device['airplane_mode'])}",
        f"SIM Card Status: {sim_status(device)}",
        f"Cellular Connection: {device['network_connection_status']}",
        f"Cellular Signal: {device['network_signal_strength']}",
        f"Cellular Network Type: {device['network_technology_connected']}",
        f"Mobile Data Enabled: {_yes_no(device['data_enabled'])}",
        f"Data Roaming Enabled: {_yes_no(device['roaming_enabled'])}",
        f"Wi-Fi Radio: {on_off(device['wifi_enabled'])}",
        f"Wi-Fi Connected: {_yes_no(device['wifi_connected'])}",
    ]
    if device["wifi_connected"]:
        lines.append(f"Connected Wi-Fi Network: {device['wifi_ssid']}")
    return "\n".join(lines)


def check_network_mode_preference(world: World) -> str:
    """Shows which networks the phone prefers, such as 5G or 2G alone."""
    return f"Network Mode Preference: {device_of(world)['network_mode_preference']}"


def run_speed_test(world: World) -> str:
    """Measures the download speed of mobile data."""
    speed, word = download(world.get("phones", phone_key(world)))
    if speed is None:
        return "Speed test failed: No Connection."
    return f"Speed Test Result: {speed:.2f} Mbps ({word}). {_ADVICE[word]}"


def check_sim_status(world: World) -> str:
    """Shows whether the SIM card is active, missing or locked."""
    return _SIM[sim_status(device_of(world))]


def check_data_restriction_status(world: World) -> str:
    """Shows whether Data Saver limits mobile data."""
    saving = device_of(world)["data_saver_mode"]
    return "Data Saver mode is ON (limits data usage)." if saving else "Data Saver mode is OFF."


def check_apn_settings(world: World) -> str:
    """Shows the access point (APN) that the phone uses for mobile data, and its centre for picture messages."""
    apn = device_of(world)["active_apn_settings"]
    return (
        f"Current APN Name: {apn['apn_name']}\nMMSC URL (for picture messages): {apn['mmsc_url'] or 'Not Set'}\n"
        "(These are technical settings, usually best left unchanged.)"
    )


def check_wifi_status(world: World) -> str:
    """Shows whether Wi-Fi is on, and the network that it is connected to."""
    device = device_of(world)
    if not device["wifi_enabled"]:
        return "Wi-Fi is turned OFF."
    if not device["wifi_connected"]:
        return "Wi-Fi is ON but not connected to any network."
    return f"Wi-Fi is ON and connected to '{device['wifi_ssid']}'. Signal strength: {device['wifi_signal_strength']}."


def check_wifi_calling_status(world: World) -> str:
    """Shows whether calls go over Wi-Fi."""
    return f"Wi-Fi Calling is currently turned {on_off(device_of(world)['wifi_calling_enabled'])}."


def check_vpn_status(world: World) -> str:
    """Shows whether a VPN is connected, and how well it performs."""
    device = device_of(world)
    if device["vpn_connected"]:
        details = device["vpn_details"]
        told = "" if details is None else f" Details: {details}"
        return f"VPN is ON and connected.{told}"
    if device["vpn_enabled_setting"]:
        return "VPN is turned ON in settings, but currently not connected."
    return "VPN is turned OFF."


def check_installed_apps(world: World) -> str:
    """Lists the apps on the phone."""
    return f"The following apps are installed: {', '.join(device_of(world)['app_statuses'])}"


def check_app_status(world: World, app_name: AppName) -> str:
    """Shows an app's permissions, those that are granted and those that are not."""
    app = device_of(world)["app_statuses"].get(app_name)
    if app is None:
        return refused(world, f"App '{app_name}' not found.")
    told = [f"- {name}: {_yes_no(granted)}" for name, granted in app["permissions"].items()]
    return "\n".join([f"Status for App: {app_name}", "Permissions:", *told])


def check_app_permissions(world: World, app_name: AppName) -> str:
    """Lists the permissions that an app has."""
    app = device_of(world)["app_statuses"].get(app_name)
    if app is None:
        return refused(world, f"App '{app_name}' not found.")
    granted = [name for name, value in app["permissions"].items() if value]
    if not granted:
        return f"App '{app_name}' currently has no permissions granted."
    return f"App '{app_name}' has permission for: {', '.join(granted)}."


def can_send_mms(world: World) -> str:
    """Tries whether the messaging app can send a picture message."""
    able = mms_works(world.get("phones", phone_key(world)))
    return f"Your messaging app {'can' if able else 'cannot'} send MMS messages."


def check_payment_request(world: World) -> str:
    """Shows the bill that the customer was asked to pay."""
    request = world.get("phones", phone_key(world))["surroundings"]["payment_request"]
    if request is None:
        return "You do not have a payment request."
    return f"You have a payment request for bill {request['bill_id']} of {request['amount_due']} USD."
