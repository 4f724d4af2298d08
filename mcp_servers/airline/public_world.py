"""Loads the public tau-bench airline world from its three files."""

from pathlib import Path

from toolgym import _json
from toolgym.errors import ConfigError
from toolgym.mcp_servers.airline.dialects import DialectName
from toolgym.world import Base

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


def load_base(folder: Path, dialect: DialectName) -> Base:
    """The world in `flights.json`, `reservations.json` and `users.json` of a folder.

    Raises:
        ConfigError: a file is missing or is no JSON object.
    """
    tables = {}
    for table in ("flights", "reservations", "users"):
        path = folder / f"{table}.json"
        try:
            tables[table] = _json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read the airline world's {path}: {error}") from error
        if not isinstance(tables[table], dict):
            raise ConfigError(f"{path} must hold an object of records by id, not {type(tables[table]).__name__}")
    return Base(tables, {"today": TODAY, "seed": 0, "ids": "public", "airports": AIRPORTS, "dialect": dialect})
