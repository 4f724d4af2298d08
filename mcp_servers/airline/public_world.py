"""Loads a public airline world: tau-bench's three files, or tau2's one."""

from pathlib import Path

from toolgym.mcp_servers.common.domain_tools import read_tables
from toolgym.world import Base

FILES = ("flights.json", "reservations.json", "users.json")
ONE_FILE = "db.json"

TODAY = "2024-05-15T15:00:00"
"""The public world's clock, which never moves."""

AIRPORTS = {
    "SFO": "San Francisco",
    "JFK": "New York",
    "LAX": "Los Angeles",
    "ORD": "Chicago",
    "DFW": "Dallas",
    "DEN": "Denver",
    "SEA": "Seattle",
    "ATL": "Atlanta",
    "MIA": "Miami",
    "BOS": "Boston",
    "PHX": "Phoenix",
    "IAH": "Houston",
    "LAS": "Las Vegas",
    "MCO": "Orlando",
    "EWR": "Newark",
    "CLT": "Charlotte",
    "MSP": "Minneapolis",
    "DTW": "Detroit",
    "PHL": "Philadelphia",
    "LGA": "LaGuardia",
}


def load_base(folder: Path, dialect: str) -> Base:
    """The world in `flights.json`, `reservations.json` and `users.json` of a folder, or in its `db.json`.

    Raises:
        ConfigError: a file is missing or is no JSON object, or `db.json` has not the three tables.
    """
    tables = read_tables(folder, FILES, ONE_FILE, "airline")
    return Base(tables, {"today": TODAY, "seed": 0, "ids": "public", "airports": AIRPORTS, "dialect": dialect})
