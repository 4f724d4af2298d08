"""Replays recorded retail calls and says how far a dialect agrees with its public reference.

    python -m benchmarks.recorded_retail --data ../shared/data/tau_bench
    python -m benchmarks.recorded_retail --data ../shared/data/tau2 --dialect tau2

`benchmarks/recorded.py` says what the folder holds.
"""

import hashlib
import json
from typing import Any

from benchmarks.recorded import run
from toolgym.mcp_servers.retail import TOOLS
from toolgym.mcp_servers.retail.records import OPTIONAL_FIELDS
from toolgym.world import World

_MONEY = {"amount", "balance", "exchange_price_difference", "price"}


def tau2_hash(world: World) -> str:
    """The hash that tau2 gives a retail world: of its JSON, with every optional field, and amounts as floats."""
    tables: dict[str, dict[str, Any]] = {name: dict(world.items(name)) for name in ("orders", "products", "users")}
    absent = dict.fromkeys(OPTIONAL_FIELDS)
    tables["orders"] = {order_id: {**absent, **order} for order_id, order in tables["orders"].items()}
    return hashlib.sha256(json.dumps(_floats(tables), sort_keys=True).encode()).hexdigest()


def _floats(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _floats(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_floats(inner) for inner in value]
    return float(value) if key in _MONEY and value is not None else value


if __name__ == "__main__":
    run(TOOLS, tau2_hash)
