"""What the `tau2` dialect leaves behind and says where nothing comes of a call, as the public reference does."""

import pytest

from toolgym.mcp_servers.telecom.situations import set_up
from toolgym.messages import ToolCall


def test_a_vpn_leaves_no_setting_behind(tau2):
    set_up(tau2.world, "break_vpn", {})
    assert tau2.device["vpn_details"]["server_performance"] == "poor"
    tau2.phone("disconnect_vpn")
    assert not tau2.device["vpn_connected"]
    assert not tau2.device["vpn_enabled_setting"]
    tau2.phone("connect_vpn")
    assert not tau2.device["vpn_enabled_setting"]
    assert tau2.phone("check_vpn_status").startswith("VPN is ON")


def test_resetting_the_access_point_looks_for_a_network(tau2):
    assert tau2.device["network_signal_strength"] == "good"
    assert "Excellent" in tau2.phone("reset_apn_settings")  # what the phone finds on 5G
    assert tau2.device["network_signal_strength"] == "excellent"


def test_permissions_in_capitals(tau2):
    set_up(tau2.world, "remove_app_permission", {"app_name": "messaging", "permission": "sms"})
    assert tau2.phone("grant_app_permission", app_name="messaging", permission="SMS").startswith("Success.")
    assert tau2.device["app_statuses"]["messaging"]["permissions"]["sms"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("disconnect_vpn", {}),
        ("grant_app_permission", {"app_name": "mail", "permission": "sms"}),
        ("grant_app_permission", {"app_name": "messaging", "permission": "fax"}),
        ("set_network_mode_preference", {"mode": "6g"}),
    ],
)
def test_what_does_nothing_shows_the_status_bar(standard, tau2, name, arguments):
    before = tau2.world.hash()
    assert "\nStatus Bar: " in tau2.phone(name, **arguments)
    assert tau2.world.hash() == before
    assert "Status Bar" not in standard.refused(name, "user", **arguments)


def test_an_overdue_bill_was_charged_today(tau2):
    arguments = {"customer_id": "C1", "line_id": "L1", "new_bill_id": "B9", "contract_ended": False}
    set_up(tau2.world, "suspend_line_for_overdue_bill", arguments)
    bill = tau2.bill("B9")
    assert (bill["issue_date"], bill["line_items"][0]["date"]) == ("2025-01-01", "2025-02-25")


@pytest.mark.parametrize("mode", [None, 3, ["2g_only"], True])
def test_a_mode_that_is_no_text_is_kept_and_stumbled_over(standard, tau2, mode):
    result = tau2.session.call_as_user(ToolCall("set_network_mode_preference", {"mode": mode}))
    assert result.is_error
    assert tau2.device["network_mode_preference"] == mode
    assert tau2.device["network_technology_connected"] == "4G"
    assert tau2.phone("check_status_bar")
    before = standard.world.hash()
    assert standard.refused("set_network_mode_preference", "user", mode=mode)
    assert standard.world.hash() == before
