"""The operator's records: customers, their devices, lines and bills, and the plans."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from toolgym.composing.fields import (
    TODAY,
    Choice,
    Code,
    Day,
    Draw,
    Field,
    Flag,
    Made,
    Money,
    Name,
    Number,
    Pattern,
    Ref,
    Refs,
    Words,
)
from toolgym.composing.names import draw_dob
from toolgym.composing.tables import Table

__all__ = ["BILLS", "CUSTOMERS", "DEVICES", "LINES", "PLANS"]


@dataclass(frozen=True)
class Gigabytes(Field):
    """Data used, to a tenth of a gigabyte: at most nine tenths of the line's plan."""

    def make(self, draw: Draw) -> float:
        limit = draw.tables["plans"][draw.record["plan_id"]]["data_limit_gb"]
        return draw.rng.randint(0, 9 * limit) / 10

    def show(self, value: Any) -> str:
        return f"{value} GB"


def _address(draw: Draw) -> dict[str, str]:
    street = Name(longest=7).make(draw)
    return {
        "street": f"{draw.rng.randint(1, 99)} {street} Street",
        "city": Name(longest=7).make(draw),
        "state": draw.rng.choice(("CA", "IL", "CO", "TX")),
        "zip_code": f"{draw.rng.randint(10000, 99999)}",
    }


def _payment_methods(draw: Draw) -> list[dict[str, str]]:
    kinds = draw.rng.sample(("Credit Card", "Debit Card", "PayPal"), draw.rng.randint(1, 2))
    return [
        {
            "method_type": kind,
            "account_number_last_4": f"{draw.rng.randint(0, 9999):04d}",
            "expiration_date": f"{draw.rng.randint(1, 12):02d}/{draw.rng.randint(2027, 2030)}",
        }
        for kind in kinds
    ]


def _maybe(first: int, last: int, share: float) -> Made:
    """A day, or nothing."""
    return Made(lambda draw: draw.day(first, last) if draw.rng.random() < share else None, kind="day")


def _device(draw: Draw) -> str | None:
    devices = (draw.parent or {})["device_ids"]
    return devices[draw.place] if draw.place < len(devices) else None


def _suspended_since(draw: Draw) -> str | None:
    return draw.day(-60, -1) if draw.record["status"] == "Suspended" else None


def _later(name: str, days: int) -> Made:
    """A day some days after another one of the record."""
    return Made(lambda draw: (date.fromisoformat(draw.record[name]) + timedelta(days=days)).isoformat(), kind="day")


def _items(draw: Draw) -> list[dict[str, Any]]:
    record = draw.record
    charge = {"amount": record["total_due"], "date": record["issue_date"], "item_type": "Plan Charge"}
    return [{"description": "Plans of all lines", **charge}]


def _bill_status(draw: Draw) -> str:
    """Not paid where it was due lately, mostly; overdue where that is past."""
    if draw.record["due_date"] >= TODAY.isoformat():
        return draw.rng.choice(("Issued", "Issued", "Issued", "Paid"))
    return draw.rng.choice(("Paid", "Paid", "Paid", "Overdue", "Disputed"))


PLANS = Table(
    "plans",
    "plan",
    "plan_id",
    {
        "plan_id": Code("P####"),
        "name": Words(
            (
                ("Basic", "Premium", "Family", "Travel", "Young", "Business", "Home", "Super"),
                ("Plan", "Share", "Plus", "Flex", "Max", "Light"),
            ),
            label="name",
            told="called {value}",
        ),
        "data_limit_gb": Number(2, 60, unit="GB", label="data limit", extremes=("smallest", "largest")),
        "price_per_month": Money(
            15, 120, label="price", told="for {value} a month", extremes=("cheapest", "most expensive")
        ),
        "data_refueling_price_per_gb": Money(1, 12, label="price of a further gigabyte"),
    },
    {"small": 6, "standard": 12, "large": 24},
)
CUSTOMERS = Table(
    "customers",
    "account",
    "customer_id",
    {
        "customer_id": Code("C######"),
        "full_name": Name(2, 7),
        "date_of_birth": Made(lambda draw: draw_dob(draw.rng), kind="birth"),
        "email": Pattern("{full_name}##@example.com", label="e-mail address"),
        "phone_number": Code("555-####-##", label="contact number", told="with the number {value}"),
        "account_status": Choice(("Active", "Active", "Active", "Active", "Suspended"), label="account status"),
        "created_at": Day(-2000, -200, label="start date"),
        "goodwill_credit_used_this_year": Money(0, 45, 5, label="goodwill credit of this year"),
        "last_extension_date": _maybe(-300, -20, 0.7),
        "payment_methods": Made(_payment_methods),
        "address": Made(_address),
        "device_ids": Refs("devices"),
        "line_ids": Refs("lines"),
        "bill_ids": Refs("bills"),
    },
    {"small": 12, "standard": 300, "large": 2000},
)
DEVICES = Table(
    "devices",
    "device",
    "device_id",
    {
        "device_id": Code("D######"),
        "customer_id": Ref("customers"),
        "device_type": Choice(("phone", "phone", "tablet", "watch"), label="type"),
        "model": Words(
            (
                ("Nova", "Orbit", "Pico", "Quanta", "Lumen", "Terra"),
                ("3", "4", "5", "6", "7"),
                ("Lite", "Pro", "Max", "Mini"),
            ),
            label="model",
        ),
        "imei": Pattern("3##############"),
        "is_esim_capable": Flag(0.7),
        "activated": Flag(0.9),
        "activation_date": Day(-900, -1, label="activation date"),
        "last_esim_transfer_date": _maybe(-300, -1, 0.3),
    },
    (2, 1, 3),
    per="customers",
)
LINES = Table(
    "lines",
    "line",
    "line_id",
    {
        "line_id": Code("L######"),
        "customer_id": Ref("customers"),
        "phone_number": Code("555-###-###", label="phone number", told="with the number {value}"),
        "status": Choice(("Active", "Active", "Suspended"), label="status"),
        "plan_id": Ref("plans", label="plan"),
        "device_id": Made(_device),
        "data_used_gb": Gigabytes(label="data usage", extremes=("least used", "most used")),
        "data_refueling_gb": Made(lambda draw: 0.0),
        "roaming_enabled": Flag(0.4),
        "contract_end_date": Day(-90, 600, label="contract end date"),
        "last_plan_change_date": Day(-300, -3, label="date of the last plan change"),
        "last_sim_replacement_date": _maybe(-200, -3, 0.6),
        "suspension_start_date": Made(_suspended_since),
    },
    (2, 3, 1, 2),
    per="customers",
)
BILLS = Table(
    "bills",
    "bill",
    "bill_id",
    {
        "bill_id": Code("B######"),
        "customer_id": Ref("customers"),
        "issue_date": Day(-120, -1, label="issue date", told="of {value}", extremes=("oldest", "latest")),
        "period_start": _later("issue_date", -30),
        "period_end": _later("issue_date", -1),
        "due_date": _later("issue_date", 21),
        "total_due": Money(
            25, 400, label="amount", told="for {value}", extremes=("smallest", "largest"), total="amount"
        ),
        "line_items": Made(_items),
        "status": Made(_bill_status, label="status"),
    },
    (3, 2, 4),
    per="customers",
)
