"""A hand-made operator, small enough to work results out on paper. Today is 2025-02-25.

    C1 Ann Reyes  L1 555-000-0001, P1, 4.0 of 5 GB used, no roaming   B1 paid, B2 overdue 45.50, B3 draft 0.00
                  L2 555-000-0002, P2, suspended                      D1 a phone
    C2 Bo Li      L3 555-000-0003, P2, 20 GB used of 15               B4 issued 65.00

    P1 Small  5 GB, 40.00 a month, 5.00 a further GB                  P2 Large  15 GB, 65.00 a month, 2.00

The phone at hand is that of L1.
"""

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolgym.mcp_servers.telecom import build_server
from toolgym.mcp_servers.telecom.dialects import DialectName
from toolgym.mcp_servers.telecom.phone import DEFAULT_APN
from toolgym.mcp_servers.telecom.public_world import SURROUNDINGS
from toolgym.messages import ToolCall
from toolgym.world import Base, World

# The comparison with recordings is a script of the checkout, not of the package.
sys.path.append(str(Path(__file__).resolve().parents[2]))


def _line(line_id: str, number: str, plan_id: str, used: float, status: str = "Active") -> dict[str, Any]:
    return {
        "line_id": line_id,
        "phone_number": number,
        "status": status,
        "plan_id": plan_id,
        "device_id": None,
        "data_used_gb": used,
        "data_refueling_gb": 0.0,
        "roaming_enabled": False,
        "contract_end_date": "2026-12-31",
        "last_plan_change_date": None,
        "last_sim_replacement_date": None,
        "suspension_start_date": "2025-02-01" if status == "Suspended" else None,
    }


def _bill(bill_id: str, customer_id: str, status: str, total: float, issued: str) -> dict[str, Any]:
    return {
        "bill_id": bill_id,
        "customer_id": customer_id,
        "period_start": issued,
        "period_end": issued,
        "issue_date": issued,
        "total_due": total,
        "due_date": issued,
        "line_items": [],
        "status": status,
    }


def _customer(customer_id: str, name: str, born: str, lines: list[str], bills: list[str]) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "full_name": name,
        "date_of_birth": born,
        "email": f"{name.split()[0].lower()}@example.com",
        "phone_number": f"555-999-000{customer_id[1]}",
        "account_status": "Active",
        "created_at": "2024-01-01 10:00:00",
        "goodwill_credit_used_this_year": 0.0,
        "last_extension_date": None,
        "line_ids": lines,
        "bill_ids": bills,
        "payment_methods": [],
        "address": {"street": "1 Elm St", "city": "Ada", "state": "OK", "zip_code": "74820"},
    }


def hand_made_tables() -> dict[str, dict[str, Any]]:
    plans = [("P1", "Small", 5.0, 40.0, 5.0), ("P2", "Large", 15.0, 65.0, 2.0)]
    names = ("plan_id", "name", "data_limit_gb", "price_per_month", "data_refueling_price_per_gb")
    device = {"device_id": "D1", "device_type": "phone", "model": "X", "imei": None, "is_esim_capable": True}
    lines = [
        _line("L1", "555-000-0001", "P1", 4.0),
        _line("L2", "555-000-0002", "P2", 0.0, "Suspended"),
        _line("L3", "555-000-0003", "P2", 20.0),
    ]
    bills = [
        _bill("B1", "C1", "Paid", 45.5, "2025-01-05"),
        _bill("B2", "C1", "Overdue", 45.5, "2025-02-05"),
        _bill("B3", "C1", "Draft", 0.0, "2025-03-01"),
        _bill("B4", "C2", "Issued", 65.0, "2025-02-05"),
    ]
    customers = [
        _customer("C1", "Ann Reyes", "1990-01-02", ["L1", "L2"], ["B1", "B2", "B3"]),
        _customer("C2", "Bo Li", "1985-05-06", ["L3"], ["B4"]),
    ]
    permissions = {"sms": True, "storage": True, "phone": True, "network": False}
    phone = {
        "sim_card_status": "active",
        "sim_card_missing": False,
        "airplane_mode": False,
        "network_signal_strength": "good",
        "network_technology_connected": "5G",
        "network_connection_status": "connected",
        "battery_level": 80,
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
        "app_statuses": {"messaging": {"app_name": "messaging", "permissions": permissions}},
    }
    around = {**SURROUNDINGS, "name": "Ann Reyes", "phone_number": "555-000-0001"}
    tables = {
        "plans": {plan[0]: dict(zip(names, plan, strict=True)) for plan in plans},
        "devices": {"D1": device},
        "lines": {line["line_id"]: line for line in lines},
        "customers": {customer["customer_id"]: customer for customer in customers},
        "bills": {bill["bill_id"]: bill for bill in bills},
        "phones": {"phone": {"device": phone, "surroundings": around}},
    }
    return copy.deepcopy(tables)


class Caller:
    """Calls tools of both sides on the hand-made world, and checks what must hold of every call."""

    def __init__(self, dialect: DialectName, phone: bool = True):
        tables = hand_made_tables()
        base = Base(
            {**tables, "phones": tables["phones"] if phone else {}},
            {"seed": 0, "dialect": dialect, "today": "2025-02-25"},
        )
        self.session = build_server(base=base, dialect=dialect).session()

    @property
    def world(self) -> World:
        return self.session.world

    def _call(self, side: str, name: str, arguments: dict[str, Any]) -> Any:
        make = self.session.call_as_user if side == "user" else self.session.call
        return make(ToolCall(name, arguments))

    def ok(self, name: str, side: str = "agent", **arguments: Any) -> Any:
        """The value of a call that must succeed."""
        result = self._call(side, name, arguments)
        assert not result.is_error, result.text
        structured = result.structured
        return structured["result"] if structured and structured.keys() == {"result"} else structured

    def phone(self, name: str, **arguments: Any) -> str:
        """What a tool of the customer's says."""
        return self.ok(name, "user", **arguments)

    def refused(self, name: str, side: str = "agent", **arguments: Any) -> str:
        """The error text of a call that must be refused and change nothing."""
        before = self.world.hash()
        result = self._call(side, name, arguments)
        assert result.is_error, result.text
        assert self.world.hash() == before
        return result.text

    def line(self, line_id: str = "L1") -> dict[str, Any]:
        """A line now."""
        return self.world.get("lines", line_id)

    def bill(self, bill_id: str) -> dict[str, Any]:
        """A bill now."""
        return self.world.get("bills", bill_id)

    @property
    def device(self) -> dict[str, Any]:
        """The phone's settings now."""
        return self.world.get("phones", "phone")["device"]

    @property
    def around(self) -> dict[str, Any]:
        """The phone's surroundings now."""
        return self.world.get("phones", "phone")["surroundings"]


@pytest.fixture
def make_caller() -> Callable[..., Caller]:
    """Makes a caller on a fresh hand-made world: `make_caller(dialect)`, with a phone or without."""
    return lambda dialect="standard", phone=True: Caller(dialect, phone)


@pytest.fixture
def standard(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller("standard")


@pytest.fixture
def tau2(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller("tau2")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items() if item is not None) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


@pytest.fixture
def world_folder(tmp_path: Path) -> Path:
    """The hand-made world as the two files of a public world."""
    tables = hand_made_tables()
    phone = tables.pop("phones")["phone"]["device"]
    rows = [f"{table} = {_toml(list(records.values()))}" for table, records in tables.items()]
    (tmp_path / "db.toml").write_text("\n".join(rows))
    (tmp_path / "user_db.toml").write_text(f"device = {_toml(phone)}")
    return tmp_path
