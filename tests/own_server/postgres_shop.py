"""A shop whose state is the PostgreSQL database that DATABASE_URL names."""

import os
import sys

import psycopg
from line_server import Tool, serve

URL = os.environ["DATABASE_URL"]
connection = psycopg.connect(URL, autocommit=True)


def order(item: str, count: int) -> str:
    """Orders an item."""
    with connection.transaction():
        taken = connection.execute(
            "UPDATE items SET stock = stock - %s WHERE id = %s AND stock >= %s", (count, item, count)
        )
        if taken.rowcount == 0:
            raise ValueError(f"there are not {count} of {item!r}")
        made = connection.execute("INSERT INTO orders (item, count) VALUES (%s, %s) RETURNING number", (item, count))
        return f"order {made.fetchall()[0][0]}"


def run(sql: str) -> str:
    """Runs SQL."""
    connection.execute(sql)  # pyright: ignore
    return "done"


def stock() -> dict[str, int]:
    """How many there are of each item."""
    return dict(connection.execute("SELECT id, stock FROM items ORDER BY id").fetchall())


def tell() -> str:
    """Tells what nobody should know."""
    (name,) = connection.execute("SELECT current_database()").fetchall()[0]
    return f"{name} of {URL}"


def fail() -> str:
    """Fails with what nobody should know."""
    raise ValueError(tell())


def die() -> str:
    """Dies of it."""
    print(tell(), file=sys.stderr, flush=True)
    os._exit(1)


tell.__doc__ = f"Tells {URL}."
serve({
    "order": Tool(order, {"item": "string", "count": "integer"}),
    "run": Tool(run, {"sql": "string"}),
    "stock": Tool(stock, reads=True),
    "tell": Tool(tell, reads=True),
    "fail": Tool(fail, reads=True),
    "die": Tool(die),
})  # fmt: skip
