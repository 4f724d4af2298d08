"""The customer's tools: what each fault breaks on the phone, what shows it, and what mends it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.mcp_servers.telecom import USER_READS, USER_WRITES
from toolgym.mcp_servers.telecom.phone import data_works, download, mms_works
from toolgym.mcp_servers.telecom.situations import check, set_up
from toolgym.messages import ToolCall

FAULTS = {
    "airplane": (("turn_airplane_mode_on", {}), (("toggle_airplane_mode", {}),)),
    "sim out": (("unseat_sim_card", {}), (("reseat_sim_card", {}),)),
    "data off": (("turn_data_off", {}), (("toggle_data", {}),)),
    "apn": (("break_apn_settings", {}), (("reset_apn_settings", {}), ("reboot_device", {}))),
    "2g": (("set_network_mode_preference", {"mode": "2g_only"}),
           (("set_network_mode_preference", {"mode": "4g_only"}),)),
    "mmsc": (("break_apn_mms_setting", {}), (("reset_apn_settings", {}), ("reboot_device", {}))),
    "wifi calling": (("set_wifi_calling", {"enabled": True, "mms_over_wifi": True}), (("toggle_wifi_calling", {}),)),
    "sms": (("remove_app_permission", {"app_name": "messaging", "permission": "sms"}),
            (("grant_app_permission", {"app_name": "messaging", "permission": "sms"}),)),
}  # fmt: skip
"""Fault -> how it comes, and the calls that mend it. Each keeps picture messages from being sent."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_and_what_mends_it(standard, fault):
    (name, arguments), calls = FAULTS[fault]
    assert standard.phone("can_send_mms") == "Your messaging app can send MMS messages."
    set_up(standard.world, name, arguments)
    assert standard.phone("can_send_mms") == "Your messaging app cannot send MMS messages."
    for place, (tool, values) in enumerate(calls):
        assert not check(standard.world, "assert_can_send_mms", {"expected_status": True}), (fault, place)
        standard.phone(tool, **values)
    assert check(standard.world, "assert_can_send_mms", {"expected_status": True})


def test_a_locked_sim_card(standard):
    set_up(standard.world, "lock_sim_card", {"mode": "pin"})
    assert "No Signal" in standard.phone("check_status_bar")
    assert "PIN" in standard.phone("check_sim_status")
    for tool in ("reboot_device", "reseat_sim_card", "toggle_airplane_mode", "toggle_airplane_mode"):
        assert "connected" not in standard.phone(tool)
    assert check(standard.world, "assert_service_status", {"expected_status": "no_service"})


def test_speeds(standard):
    # 5G is 50 to 500 Mbps: 275 in the middle; 0.8 of it with a good signal, a fifth of that with Data Saver, and a
    # tenth with a slow VPN.
    def speed():
        return download(standard.world.get("phones", "phone"))

    assert speed() == (220.0, "Excellent")
    set_up(standard.world, "turn_data_saver_mode_on", {})
    assert speed() == (44.0, "Good")
    set_up(standard.world, "break_vpn", {})
    assert speed() == (4.4, "Poor")
    assert "44.00" not in standard.phone("run_speed_test")
    standard.phone("disconnect_vpn")
    standard.phone("toggle_data_saver_mode")
    standard.phone("reboot_device")  # a new search finds 5G at its best
    assert speed() == (275.0, "Excellent")
    set_up(standard.world, "set_network_mode_preference", {"mode": "2g_only"})
    assert speed() == (0.05, "Very Poor")  # 0.25 in the middle, a fifth with a poor signal
    standard.phone("toggle_data")
    assert speed() == (None, "No Connection")
    assert "No Connection" in standard.phone("run_speed_test")


def test_abroad_both_sides_must_allow_roaming(standard):
    set_up(standard.world, "set_user_location", {"abroad": True})
    phone = standard.world.get("phones", "phone")
    assert not data_works(phone)
    standard.phone("toggle_roaming")
    assert not data_works(standard.world.get("phones", "phone"))
    standard.ok("enable_roaming", customer_id="C1", line_id="L1")
    assert data_works(standard.world.get("phones", "phone"))


def test_used_up_data(standard):
    # 5 GB are the limit of P1: used up at 5.0, and not with 1 GB more.
    set_up(standard.world, "set_data_usage", {"customer_id": "C1", "line_id": "L1", "data_used_gb": 5.0})
    assert not data_works(standard.world.get("phones", "phone"))
    standard.ok("refuel_data", customer_id="C1", line_id="L1", gb_amount=1)
    assert data_works(standard.world.get("phones", "phone"))


def test_a_suspended_line_needs_a_restart_of_the_phone(standard):
    arguments = {"customer_id": "C1", "line_id": "L1", "new_bill_id": "B8", "contract_ended": False}
    set_up(standard.world, "suspend_line_for_overdue_bill", arguments)
    set_up(standard.world, "simulate_network_search", {})
    assert "No Signal" in standard.phone("check_status_bar")
    assert standard.bill("B8")["total_due"] == 40.0
    standard.ok("send_payment_request", customer_id="C1", bill_id="B8")
    standard.phone("make_payment")
    standard.ok("resume_line", customer_id="C1", line_id="L1")
    assert "No Signal" in standard.phone("check_status_bar")
    assert "Excellent" in standard.phone("reboot_device")
    assert check(standard.world, "assert_no_overdue_bill", {"overdue_bill_id": "B8"})


def test_the_status_bar(standard):
    assert standard.phone("check_status_bar") == "Status Bar: 📶³ Good | 5G | 📱 Data Enabled | 🔋 80%"
    said = standard.phone("toggle_airplane_mode")
    assert said == "Airplane Mode is now ON.\nStatus Bar: ✈️ Airplane Mode | 🔋 80%"
    standard.phone("toggle_airplane_mode")
    standard.phone("toggle_wifi")
    standard.phone("connect_vpn")
    standard.phone("toggle_data_saver_mode")
    assert standard.phone("check_status_bar") == (
        "Status Bar: 📶⁴ Excellent | 5G | 📱 Data Enabled | 🔽 Data Saver | 📡 Enabled | 🔒 VPN Connected | 🔋 80%"
    )


def test_airplane_mode_cuts_wifi_and_vpn(standard):
    standard.phone("connect_vpn")
    standard.phone("toggle_airplane_mode")
    assert not standard.device["vpn_connected"]
    assert "Airplane Mode is ON" in standard.refused("toggle_wifi", "user")


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("disconnect_vpn", {}, "No active VPN"),
        ("make_payment", {}, "do not have a payment request"),
        ("grant_app_permission", {"app_name": "maps", "permission": "sms"}, "'maps' not found"),
        ("grant_app_permission", {"app_name": "messaging", "permission": "camera"}, "'camera' not tracked"),
        ("check_app_status", {"app_name": "maps"}, "'maps' not found"),
        ("check_app_permissions", {"app_name": "maps"}, "'maps' not found"),
        ("set_apn_settings", {"apn_settings": {"speed": "high"}}, "APN settings are apn_name"),
    ],
)
def test_what_the_phone_cannot_do(standard, tau2, tool, arguments, says):
    """It is an error, and in `tau2` an ordinary result; either way nothing changes."""
    assert says in standard.refused(tool, "user", **arguments)
    before = tau2.world.hash()
    assert says in tau2.phone(tool, **arguments)
    assert tau2.world.hash() == before


def test_an_unknown_mode(standard, tau2):
    standard.refused("set_network_mode_preference", "user", mode="6g")
    assert "Failed to set" in tau2.phone("set_network_mode_preference", mode="6g")


def test_neither_side_has_the_other_sides_tools(standard):
    assert "toggle_data" not in [tool.name for tool in standard.session.tools]
    assert standard.session.call(ToolCall("toggle_data", {})).outcome == "unknown_tool"
    assert standard.session.call_as_user(ToolCall("resume_line", {})).outcome == "unknown_tool"
    assert len(standard.session.user_tools) == len(USER_READS + USER_WRITES) == 30


def test_without_a_phone(make_caller):
    caller = make_caller(phone=False)
    assert "no phone at hand" in caller.refused("check_status_bar", "user")
    assert "no phone at hand" in caller.refused("toggle_data", "user")
    caller.ok("enable_roaming", customer_id="C1", line_id="L1")


SWITCHES = [tool.__name__ for tool in USER_WRITES if tool.__name__.startswith("toggle_")]


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.sampled_from(SWITCHES), max_size=8))
def test_looking_changes_nothing_and_what_works_follows_from_what_is_set(make_caller, calls):
    caller = make_caller()
    for name in calls:
        caller.session.call_as_user(ToolCall(name, {}))
        before = caller.world.hash()
        for tool in USER_READS:
            if tool.__name__ not in ("check_app_status", "check_app_permissions"):
                caller.phone(tool.__name__)
        assert caller.world.hash() == before
        phone = caller.world.get("phones", "phone")
        assert data_works(phone) == (phone["device"]["data_enabled"] and not phone["device"]["airplane_mode"])
        assert data_works(phone) or not mms_works(phone)
