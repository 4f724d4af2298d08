"""What a customer does with the phone when it is told to in plain words, and what it says then."""

from typing import Any

from toolgym.tasks import DoneCheck, UserAction, UserCall

__all__ = ["ACTIONS"]


def _look(tool: str, *words: str, **values: dict[str, Any]) -> UserAction:
    return UserAction(words=words, calls=(UserCall(name=tool),), values=values)


def _do(tool: str, *words: str, done_if: tuple[str, str, str] | None = None, **values: dict[str, Any]) -> UserAction:
    """`done_if`: the tool that is looked at first, what it shows where nothing is to do, and what is said then."""
    check = None
    if done_if is not None:
        check = DoneCheck(call=UserCall(name=done_if[0]), shows=done_if[1], say=done_if[2])
    return UserAction(
        words=words, calls=(UserCall(name=tool),), values=values, report="Okay, I did that. {text}", done_if=check
    )


def _switch(tool: str, name: str, looks: str, shows: tuple[str, str], called: str) -> tuple[UserAction, UserAction]:
    """A toggle as two actions, on and off, each done once."""
    return tuple(
        _do(
            tool, f"turn|switch|toggle|put {word} {name}", f"{verb} {name}", done_if=(looks, shown, f"{called} {word}.")
        )
        for word, verb, shown in (("on", "enable|activate", shows[0]), ("off", "disable|deactivate", shows[1]))
    )  # type: ignore[return-value]


_APPS = {"messaging|message|messages": "messaging", "browser": "browser"}
_PERMISSIONS = {"sms": "sms", "storage|file|files": "storage", "phone": "phone", "network": "network"}
_MODES = {
    "4g 5g": "4g_5g_preferred",
    "5g": "4g_5g_preferred",
    "4g": "4g_5g_preferred",
    "only 4g": "4g_only",
    "3g": "3g_only",
    "2g": "2g_only",
}
_NETWORK = "check_network_status"

ACTIONS: tuple[UserAction, ...] = (
    *_switch(
        "toggle_airplane_mode", "airplane|flight mode", _NETWORK, ("Airplane Mode: ON", "Airplane Mode: OFF"),
        "Airplane mode is already",
    ),
    *_switch(
        "toggle_data", "mobile|cellular data", _NETWORK, ("Mobile Data Enabled: Yes", "Mobile Data Enabled: No"),
        "Mobile data is already",
    ),
    *_switch(
        "toggle_roaming", "roaming", _NETWORK, ("Data Roaming Enabled: Yes", "Data Roaming Enabled: No"),
        "Data roaming is already",
    ),
    *_switch(
        "toggle_data_saver_mode", "data saver", "check_data_restriction_status", ("mode is ON", "mode is OFF"),
        "Data Saver is already",
    ),
    *_switch("toggle_wifi", "wi-fi", _NETWORK, ("Wi-Fi Radio: ON", "Wi-Fi Radio: OFF"), "Wi-Fi is already"),
    *_switch(
        "toggle_wifi_calling", "wi-fi calling|calls", "check_wifi_calling_status", ("turned ON", "turned OFF"),
        "Wi-Fi calling is already",
    ),
    _do("connect_vpn", "connect vpn", "turn|switch on vpn", "enable vpn"),
    _do("disconnect_vpn", "disconnect vpn", "turn|switch off vpn", "disable|stop|leave vpn"),
    _do("reseat_sim_card", "reseat|re-seat|reinsert|re-insert sim", "take|pull|remove sim insert|put back|again"),
    _do("reset_apn_settings", "reset apn", "reset access point"),
    _do("reboot_device", "reboot", "restart phone|device", "turn|switch phone|device off on"),
    _do("set_network_mode_preference", "set|change|switch network mode", "set|change preferred network", mode=_MODES),
    _do(
        "grant_app_permission", "grant|give|allow app permission", "grant|give|allow messaging|browser permission",
        app_name=_APPS, permission=_PERMISSIONS,
    ),
    _do("make_payment", "pay bill|request", "make payment", "accept payment|request"),
    _look("check_status_bar", "status bar", "icon|icons top"),
    _look(_NETWORK, "network|connection status", "check network|connection", "signal strength"),
    _look("check_network_mode_preference", "network mode preference", "check|see|look|show network mode",
          "preferred network"),
    _look("run_speed_test", "speed test", "run|test|measure speed"),
    _look("check_sim_status", "sim status|state", "check|look sim"),
    _look("check_data_restriction_status", "check|look|see data saver", "data restriction"),
    _look("check_apn_settings", "check|look|see|show apn", "apn settings show", "check access point"),
    _look("check_wifi_status", "check|look|see wi-fi", "wi-fi status"),
    _look("check_wifi_calling_status", "check|look|see wi-fi calling|calls", "wi-fi calling status"),
    _look("check_vpn_status", "check|look|see vpn", "vpn status"),
    _look("check_installed_apps", "which|what|list apps", "installed apps"),
    _look("check_app_status", "check|look|see app status", app_name=_APPS),
    _look("check_app_permissions", "check|look|see|which|what app permissions",
          "check|look|which messaging|browser permissions", app_name=_APPS),
    _look("can_send_mms", "try|send picture|mms|photo", "can picture|mms"),
    _look("check_payment_request", "check|look|see payment|request", "received|got payment request"),
)  # fmt: skip
"""The customer's tools in plain words; setting an access point by hand is left to those who call tools themselves."""
