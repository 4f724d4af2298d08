"""What a customer's phone and line suffer from, how it shows, and how both sides mend it."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from toolgym.composing.faults import Asked, Call, Check, Fault, Goal, Tell
from toolgym.composing.fields import TODAY, Number
from toolgym.mcp_servers.telecom.phone import phone_key, sync
from toolgym.mcp_servers.telecom.situations import set_up
from toolgym.world import World

__all__ = ["CHECKS", "FAULTS", "GOALS"]

ALL = ("service", "data", "fast", "mms")
DATA = ("data", "fast", "mms")

GOALS = (
    Goal(
        "service",
        ("My phone is dead: no calls, nothing.", "I want to make calls again.", "I cannot call anybody any more."),
        ("Nobody can reach me on my phone.",),
        "Your phone is connected again.",
    ),
    Goal(
        "data",
        (
            "I want to go online with my phone again.",
            "My phone does not get onto the internet.",
        ),
        ("The internet is gone from my phone.",),
        "Mobile data works again.",
    ),
    Goal(
        "fast",
        ("I need a fast connection on my phone.", "I want my phone's internet to be as fast as it was."),
        ("Videos on my phone should play smoothly again.",),
        "Your connection is fast again.",
    ),
    Goal(
        "mms",
        ("I cannot send pictures from my phone.", "I want to send picture messages again."),
        ("My photos do not reach anybody.",),
        "You can send picture messages again.",
    ),
)

# Looks ---------------------------------------------------------------------------------------------------------------


def _line(known: Mapping[str, Any]) -> dict[str, Any]:
    """The ids by which the tools know the line."""
    return {"customer_id": known["see_line"]["customer_id"], "line_id": known["see_line"]["line_id"]}


CHECKS = (
    Check(
        Tell("ask_network", "check_network_status", "Please check the network status of your phone."),
        "No signal, or no internet: ask for the network status of the phone. It shows airplane mode, the SIM card, "
        "mobile data and data roaming.",
    ),
    Check(
        Tell("ask_saver", "check_data_restriction_status", "Please check whether Data Saver is on."),
        "Slow internet: ask whether Data Saver is on.",
    ),
    Check(
        Tell("ask_mode", "check_network_mode_preference", "Please check the network mode of your phone."),
        "Slow internet that was fast before, or an old network: ask for the network mode.",
    ),
    Check(
        Tell("ask_vpn", "check_vpn_status", "Please check the VPN status."),
        "Slow internet in apps of all kinds: ask for the VPN status.",
    ),
    Check(
        Tell("ask_calling", "check_wifi_calling_status", "Please check whether Wi-Fi calling is on."),
        "Pictures that fail while calls go over Wi-Fi: ask whether Wi-Fi calling is on.",
    ),
    Check(
        Tell("ask_permissions", "check_app_permissions", "Please check which permissions the messaging app has."),
        "Pictures that fail in the messaging app: ask for its permissions. It needs sms and storage.",
    ),
    Check(
        Call("see_line", "get_line_by_phone", lambda known: {"phone_number": known["subject"]}),
        "Where the network status shows nothing wrong, look at the line: its status, contract, and roaming.",
    ),
    Check(
        Call("see_usage", "get_data_usage", _line),
        "No internet, and the line is active: look at its data usage.",
    ),
    Check(
        Call(
            "see_bills", "get_bills_for_customer", lambda known: {"customer_id": known["see_line"]["customer_id"]}
        ),
        "A suspended line whose contract runs on: look at the customer's bills.",
    ),
    Check(
        Tell("ask_apn", "check_apn_settings", "Please check the APN settings."),
        "Still no signal, and the line is active; or pictures that fail while texts go out: ask for the APN settings.",
    ),
)  # fmt: skip

# Steps ---------------------------------------------------------------------------------------------------------------

RESTART = Tell("tell_restart", "reboot_device", "Please restart your phone.")
RESET_APN = Tell("tell_apn", "reset_apn_settings", "Please reset the APN settings.")
HAND_OVER = Call(
    "hand_over",
    "transfer_to_human_agents",
    lambda known: {"summary": "The customer's phone has no service, and nothing that I can do mends it."},
    required=True,
    free=True,
)


def _grant(permission: str) -> Tell:
    words = (
        f"Please give the messaging app the permission for {permission.upper() if permission == 'sms' else permission}."
    )
    return Tell(f"tell_{permission}", "grant_app_permission", words)


def _overdue(known: Mapping[str, Any]) -> list[str]:
    return [bill["bill_id"] for bill in known["see_bills"] if bill["status"] == "Overdue"]


def _occurs(name: str, **arguments: Any) -> Callable[[World, str], None]:
    return lambda world, line_id: set_up(world, name, arguments)


def _abroad(on_phone: bool | None, on_line: bool | None) -> Callable[[World, str], None]:
    """The customer is abroad; of the two sides, the one that is not said to be off was on, unless it is off already."""

    def occurs(world: World, line_id: str) -> None:
        around = world.get("phones", phone_key(world))["surroundings"]
        first = not around["is_abroad"]
        set_up(world, "set_user_location", {"abroad": True})
        if first or on_phone is False:
            set_up(world, f"turn_roaming_{'off' if on_phone is False else 'on'}", {})
        if first or on_line is False:
            world.edit("lines", line_id)["roaming_enabled"] = on_line is not False
            sync(world)

    return occurs


def _used_up(world: World, line_id: str) -> None:
    line = world.edit("lines", line_id)
    line["data_used_gb"] = world.get("plans", line["plan_id"])["data_limit_gb"] + 0.1
    sync(world)


def _suspend(contract_ended: bool) -> Callable[[World, str], None]:
    """The line is suspended: for its latest bill, or because its contract has ended."""

    def occurs(world: World, line_id: str) -> None:
        line = world.edit("lines", line_id)
        line.update(status="Suspended", suspension_start_date=date.fromordinal(TODAY.toordinal() - 5).isoformat())
        if contract_ended:
            line["contract_end_date"] = date.fromordinal(TODAY.toordinal() - 6).isoformat()
        else:
            bills = world.get("customers", line["customer_id"])["bill_ids"]
            bill = world.edit("bills", max(bills, key=lambda bill_id: world.get("bills", bill_id)["issue_date"]))
            bill.update(status="Overdue", due_date=date.fromordinal(TODAY.toordinal() - 9).isoformat())
        sync(world)
        set_up(world, "simulate_network_search", {})

    return occurs


# Faults --------------------------------------------------------------------------------------------------------------

_NO_SIGNAL = ("There are no bars at the top of my screen.", "It says that there is no signal.")
_NO_SIGNAL_UNSEEN = ("Where the bars should be there is nothing.",)
_NO_PAGES = ("No web page loads.", "Every app says that I am offline.")
_NO_PAGES_UNSEEN = ("The browser only shows an error.",)
_ABROAD = ("I am abroad, and no web page has loaded since I arrived.", "Since I crossed the border I am offline.")
_ABROAD_UNSEEN = ("I am on holiday in another country, and here I am offline.",)

FAULTS = (
    Fault(
        "airplane", ALL, _occurs("turn_airplane_mode_on"), _NO_SIGNAL,
        ("There is a little plane at the top of my screen.",), ("ask_network",),
        lambda known: "Airplane Mode: ON" in known["ask_network"],
        (Tell("tell_airplane", "toggle_airplane_mode", "Please turn off airplane mode."),),
        "Airplane mode is on (a little plane at the top of the screen): have the customer turn it off.",
        unseen=_NO_SIGNAL_UNSEEN, unseen_hints=("The symbol of a plane is on my screen.",),
    ),
    Fault(
        "sim_out", ALL, _occurs("unseat_sim_card"), _NO_SIGNAL,
        ("It says that there is no SIM card in it.",), ("ask_network",),
        lambda known: "SIM Card Status: missing" in known["ask_network"],
        (Tell("tell_sim", "reseat_sim_card", "Please re-insert the SIM card."),),
        "The SIM card is missing: have the customer re-insert it.",
        unseen=_NO_SIGNAL_UNSEEN, unseen_hints=("My screen complains about a missing SIM card.",),
    ),
    Fault(
        "sim_locked", ALL, _occurs("lock_sim_card", mode="pin"), _NO_SIGNAL,
        ("It asks for the PIN of the SIM card, and I have forgotten it.",), ("ask_network",),
        lambda known: "SIM Card Status: locked" in known["ask_network"], (HAND_OVER,),
        "The SIM card is locked by its PIN: hand the customer over to a human agent.",
        alone=True, done="A colleague of mine will take over from here, because your SIM card is locked.",
        unseen=_NO_SIGNAL_UNSEEN, unseen_hints=("It wants a PIN for the SIM card that I do not know.",),
    ),
    Fault(
        "data_off", DATA, _occurs("turn_data_off"), _NO_PAGES,
        ("I think I have switched mobile data off.",), ("ask_network",),
        lambda known: "Mobile Data Enabled: No" in known["ask_network"],
        (Tell("tell_data", "toggle_data", "Please turn on mobile data."),),
        "Mobile data is off: have the customer turn it on.",
        unseen=_NO_PAGES_UNSEEN, unseen_hints=("The switch for mobile data is grey.",),
    ),
    Fault(
        "roaming_off", DATA, _abroad(False, None), _ABROAD,
        ("I am abroad, and I never switched data roaming on.",), ("ask_network",),
        lambda known: "abroad" in known and "Data Roaming Enabled: No" in known["ask_network"],
        (Tell("tell_roaming", "toggle_roaming", "Please turn on data roaming."),),
        "The customer is abroad and data roaming is off on the phone: have the customer turn it on.",
        tells=("abroad",), unseen=_ABROAD_UNSEEN,
        unseen_hints=("I am in another country, and data roaming is off in my settings.",),
    ),
    Fault(
        "saver", ("fast",), _occurs("turn_data_saver_mode_on"), ("Everything loads slowly.",),
        ("I think Data Saver is on.",), ("ask_saver",),
        lambda known: "is ON" in known["ask_saver"],
        (Tell("tell_saver", "toggle_data_saver_mode", "Please turn off Data Saver."),),
        "Data Saver is on: have the customer turn it off.",
        unseen=("Pages come in bit by bit.",), unseen_hints=("Somebody must have switched Data Saver on.",),
    ),
    Fault(
        "old_network", ("fast", "mms"), _occurs("set_network_mode_preference", mode="2g_only"),
        ("It was fast before, and now it crawls.",), ("In the settings it says 2G alone, where it used to say 5G.",),
        ("ask_mode",),
        lambda known: "2g_only" in known["ask_mode"],
        (Tell("tell_mode", "set_network_mode_preference", "Please set the network mode to 5G."),),
        "The phone uses 2G alone: have the customer set the network mode to 5G.",
        unseen=("All of it used to be quicker by far.",), unseen_hints=("The settings have only 2G ticked.",),
    ),
    Fault(
        "vpn", ("fast",), _occurs("break_vpn"), ("All apps alike are slow.",),
        ("It has been slow since I connected the VPN.",), ("ask_vpn",),
        lambda known: "VPN is ON" in known["ask_vpn"],
        (Tell("tell_vpn", "disconnect_vpn", "Please disconnect the VPN."),),
        "A slow VPN is connected: have the customer disconnect it.",
        unseen=("Whatever I open is slow.",), unseen_hints=("With the VPN on, it is slow.",),
    ),
    Fault(
        "calling", ("mms",), _occurs("set_wifi_calling", enabled=True, mms_over_wifi=True),
        ("My calls seem to go over Wi-Fi.",), ("I have switched Wi-Fi calling on, and since then pictures fail.",),
        ("ask_calling",), lambda known: "turned ON" in known["ask_calling"],
        (Tell("tell_calling", "toggle_wifi_calling", "Please turn off Wi-Fi calling."),),
        "Wi-Fi calling is on while pictures fail: have the customer turn it off.",
        unseen=("I believe that I call over the Wi-Fi here.",), unseen_hints=("Wi-Fi calling is on.",),
    ),
    Fault(
        "sms", ("mms",), _occurs("remove_app_permission", app_name="messaging", permission="sms"),
        ("The messaging app refuses to send anything.",), ("The messaging app says that it may not use SMS.",),
        ("ask_permissions",), lambda known: "sms" not in known["ask_permissions"], (_grant("sms"),),
        "The messaging app lacks a permission: have the customer give it.",
        unseen=("The app for messages gives up at once.",), unseen_hints=("The app wants to be allowed SMS.",),
    ),
    Fault(
        "storage", ("mms",), _occurs("remove_app_permission", app_name="messaging", permission="storage"),
        ("The messaging app refuses to send anything.",),
        ("The messaging app says that it may not use the storage.",),
        ("ask_permissions",), lambda known: "storage" not in known["ask_permissions"], (_grant("storage"),),
        "", unseen=("The app for messages gives up at once.",),
        unseen_hints=("The app wants to be allowed to see the storage.",),
    ),
    Fault(
        "mmsc", ("mms",), _occurs("break_apn_mms_setting"), ("Texts go out, pictures do not.",),
        ("A friend looked and says that the MMSC in my APN settings is empty.",), ("ask_apn",),
        lambda known: "Not Set" in known["ask_apn"], (RESET_APN, RESTART),
        "The APN settings are wrong, or have no MMSC: have the customer reset them, and then restart the phone.",
        apart=("apn",), unseen=("Plain texts work, photos are stuck.",),
        unseen_hints=("The MMSC in the APN settings is blank.",),
    ),
    Fault(
        "apn", ALL, _occurs("break_apn_settings"), _NO_SIGNAL,
        ("I have tried things in the APN settings, and since then nothing works.",),
        ("ask_network", "see_line", "ask_apn"),
        lambda known: known["see_line"]["status"] == "Active" and "Name: broken" in known["ask_apn"],
        (RESET_APN, RESTART), "",
        apart=("mmsc", "suspended"), unseen=_NO_SIGNAL_UNSEEN, unseen_hints=("My son changed the APN settings.",),
    ),
    Fault(
        "suspended", ALL, _suspend(contract_ended=False), _NO_SIGNAL,
        ("A letter says that my line is suspended because of a bill.",), ("ask_network", "see_line", "see_bills"),
        lambda known: known["see_line"]["status"] == "Suspended" and bool(_overdue(known)),
        (
            Call(
                "ask_payment", "send_payment_request",
                lambda known: {"customer_id": known["see_line"]["customer_id"], "bill_id": _overdue(known)[0]},
                writes=True,
            ),
            Tell("tell_pay", "make_payment", "Please pay the bill that you find in your payment request."),
            Call("line_on", "resume_line", _line, writes=True),
            RESTART,
        ),
        "The line is suspended for an overdue bill: send a payment request for it, have the customer pay, resume the "
        "line, and have the customer restart the phone.",
        needs=("see_line", "see_bills"), unseen=_NO_SIGNAL_UNSEEN,
        unseen_hints=("You wrote that my line is suspended until a bill is paid.",),
    ),
    Fault(
        "line_roaming", DATA, _abroad(None, False), _ABROAD,
        ("A message from a foreign network says that my line is not allowed to roam.",), ("ask_network", "see_line"),
        lambda known: "abroad" in known and not known["see_line"]["roaming_enabled"],
        (Call("roaming_on", "enable_roaming", _line, writes=True),),
        "The customer is abroad and the line may not roam: enable roaming for the line.",
        needs=("see_line",), tells=("abroad",), unseen=_ABROAD_UNSEEN,
        unseen_hints=("I am in another country, where my line must not roam, says a message.",),
    ),
    Fault(
        "used_up", DATA, _used_up, _NO_PAGES, ("A message says that my data for this month is used up.",),
        ("ask_network", "see_line", "see_usage"),
        lambda known: known["see_usage"]["data_used_gb"]
        >= known["see_usage"]["data_limit_gb"] + known["see_usage"]["data_refueling_gb"],
        (
            Call("refuel", "refuel_data", lambda known: {**_line(known), "gb_amount": known["gb"]}, writes=True),
        ),
        "The data of the month is used up: add as much as the customer wants, at most 2 GB.",
        needs=("see_line",), asks="If it takes more data, {gb} will do.",
        wishes={"gb": Asked(Number(1, 2, unit="GB"), topic="amount of data", fact="{value} more will do.")},
        unseen=_NO_PAGES_UNSEEN, unseen_hints=("I was told that I have no data left this month.",),
    ),
    Fault(
        "contract_over", ALL, _suspend(contract_ended=True), _NO_SIGNAL,
        ("A letter says that my line is suspended since my contract is over.",), ("ask_network", "see_line"),
        lambda known: known["see_line"]["status"] == "Suspended"
        and known["see_line"]["contract_end_date"] < TODAY.isoformat(),
        (HAND_OVER,),
        "The line is suspended and its contract has ended: hand the customer over to a human agent.",
        alone=True,
        done="A colleague of mine will take over from here, because the contract of your line has ended.",
        unseen=_NO_SIGNAL_UNSEEN, unseen_hints=("You wrote that my contract is over and my line suspended.",),
    ),
)  # fmt: skip
