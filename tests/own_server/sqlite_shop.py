"""A shop whose state is an SQLite file in its workspace: `python sqlite_shop.py FILE`."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from line_server import Tool, serve

SCHEMA = """
CREATE TABLE items (id TEXT PRIMARY KEY, name TEXT, stock INTEGER);
CREATE TABLE orders (number INTEGER PRIMARY KEY AUTOINCREMENT, item TEXT, count INTEGER);
CREATE TABLE log (what TEXT);
INSERT INTO items VALUES ('lamp', 'desk lamp', 5), ('rug', 'red rug', 1);
INSERT INTO orders VALUES (1, 'rug', 1);
"""


def make(file: Path) -> None:
    """The template's database."""
    with closing(sqlite3.connect(file)) as database:
        database.executescript(SCHEMA)


def tools(database: sqlite3.Connection) -> dict[str, Tool]:
    def order(item: str, count: int) -> str:
        """Orders an item."""
        with database:
            taken = database.execute(
                "UPDATE items SET stock = stock - ? WHERE id = ? AND stock >= ?", (count, item, count)
            )
            if taken.rowcount == 0:
                raise ValueError(f"there are not {count} of {item!r}")
            made = database.execute("INSERT INTO orders (item, count) VALUES (?, ?)", (item, count))
            database.execute("INSERT INTO log VALUES ('ordered')")
        return f"order {made.lastrowid}"

    def cancel(number: int) -> str:
        """Cancels an order."""
        with database:
            database.execute("DELETE FROM orders WHERE number = ?", (number,))
        return "cancelled"

    def begin(item: str) -> str:
        """Takes an item out of stock in a transaction that stays open."""
        database.execute("UPDATE items SET stock = 0 WHERE id = ?", (item,))
        return "begun"

    def stock() -> dict[str, int]:
        """How many there are of each item."""
        return dict(database.execute("SELECT id, stock FROM items").fetchall())

    ordered = {"item": "string", "count": "integer"}
    return {
        "order": Tool(order, ordered),
        "cancel": Tool(cancel, {"number": "integer"}),
        "begin": Tool(begin, {"item": "string"}),
        "stock": Tool(stock, reads=True),
    }


if __name__ == "__main__":
    if len(sys.argv) == 3:
        make(Path(sys.argv[1]))
    else:
        opened = sqlite3.connect(sys.argv[1])
        opened.execute("PRAGMA journal_mode = WAL")
        serve(tools(opened))
