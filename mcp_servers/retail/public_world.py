"""Loads a public retail world: tau-bench's three files, or tau2's one."""

from pathlib import Path

from toolgym.mcp_servers.common.domain_tools import read_tables
from toolgym.world import Base

FILES = ("orders.json", "products.json", "users.json")
ONE_FILE = "db.json"


def load_base(folder: Path, dialect: str) -> Base:
    """The world in `orders.json`, `products.json` and `users.json` of a folder, or in its `db.json`.

    Raises:
        ConfigError: a file is missing or is no JSON object, or `db.json` has not the three tables.
    """
    return Base(read_tables(folder, FILES, ONE_FILE, "retail"), {"seed": 0, "dialect": dialect})
