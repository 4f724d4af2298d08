"""Loads a public retail world: tau-bench's three files, or tau2's one."""

from pathlib import Path

from toolgym.errors import ConfigError
from toolgym.mcp_servers.common.domain_tools import read_records
from toolgym.world import Base

FILES = ("orders.json", "products.json", "users.json")
ONE_FILE = "db.json"


def load_base(folder: Path, dialect: str) -> Base:
    """The world in `orders.json`, `products.json` and `users.json` of a folder, or in its `db.json`.

    Raises:
        ConfigError: a file is missing or is no JSON object, or `db.json` has not the three tables.
    """
    names = [Path(name).stem for name in FILES]
    if (folder / ONE_FILE).is_file():
        tables = read_records(folder / ONE_FILE, "retail")
        if missing := [name for name in names if not isinstance(tables.get(name), dict)]:
            raise ConfigError(f"{folder / ONE_FILE} must hold the tables {', '.join(names)}; it lacks {missing}")
        tables = {name: tables[name] for name in names}
    else:
        tables = {name: read_records(folder / f"{name}.json", "retail") for name in names}
    return Base(tables, {"seed": 0, "dialect": dialect})
