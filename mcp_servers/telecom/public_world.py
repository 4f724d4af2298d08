"""Loads a public telecom world: the operator's tables and the phone, in tau2's two files."""

import tomllib
from pathlib import Path
from typing import Any

from toolgym.errors import ConfigError
from toolgym.mcp_servers.telecom.phone import DEFAULT_APN
from toolgym.world import Base

FILES = ("db.toml", "user_db.toml")
KEYS = {
    "plans": "plan_id",
    "devices": "device_id",
    "lines": "line_id",
    "customers": "customer_id",
    "bills": "bill_id",
}
"""Table -> the field of its records' ids."""
TODAY = "2025-02-25"
"""The present of the public world."""
_TIMES = ("activation_date", "created_at", "last_esim_transfer_date")
_OPTIONAL = {
    "devices": ("imei", "activation_date", "last_esim_transfer_date"),
    "lines": ("device_id", "contract_end_date", "last_plan_change_date", "last_sim_replacement_date",
              "suspension_start_date"),
    "customers": ("last_extension_date",),
}  # fmt: skip
SURROUNDINGS: dict[str, Any] = {
    "name": None,
    "phone_number": None,
    "is_abroad": False,
    "roaming_allowed": False,
    "signal_strength": {"2G": "poor", "3G": "fair", "4G": "good", "5G": "excellent"},
    "mobile_data_usage_exceeded": False,
    "line_active": True,
    "payment_request": None,
}
"""Those of a phone that nobody has told whose it is."""


def load_base(folder: Path, dialect: str) -> Base:
    """The world in `db.toml` and `user_db.toml` of a folder.

    Raises:
        ConfigError: a file is missing or is no TOML, or a table is missing.
    """
    read, phone = (_read(folder / name) for name in FILES)
    if missing := [name for name in KEYS if not isinstance(read.get(name), list)]:
        raise ConfigError(f"{folder / FILES[0]} must hold the tables {', '.join(KEYS)}; it lacks {missing}")
    tables: dict[str, Any] = {}
    try:
        for name, key in KEYS.items():
            tables[name] = {record[key]: _whole(record, _OPTIONAL.get(name, ())) for record in read[name]}
        device = {"wifi_ssid": None, "vpn_details": None, **phone["device"]}
        device["active_apn_settings"] = {**DEFAULT_APN, **device["active_apn_settings"]}
    except (KeyError, TypeError) as error:
        raise ConfigError(f"a record of {folder} lacks {error}") from error
    tables["phones"] = {"phone": {"device": device, "surroundings": {**SURROUNDINGS, **phone.get("surroundings", {})}}}
    return Base(tables, {"seed": 0, "dialect": dialect, "today": TODAY})


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the telecom world's {path}: {error}") from error


def _whole(record: dict[str, Any], optional: tuple[str, ...]) -> dict[str, Any]:
    """The record with a null for each field that it does not have; times as the results show them."""
    times = {name: record[name].replace("T", " ") for name in _TIMES if record.get(name)}
    return {**record, **{name: record.get(name) for name in optional}, **times}
