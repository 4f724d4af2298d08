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
from toolgym.world import Base, World

_MONEY = {"amount", "balance", "exchange_price_difference", "price"}


def tau2_hash(world: World) -> str:
    """The hash that tau2 gives a retail world: of its JSON, with every optional field, and amounts as floats."""
    texts = world.base.index("recorded_retail.texts", _build_texts)
    tables = []
    for table in sorted(texts):
        changed = world.diff().get(table, {})
        told = {**texts[table], **{key: _text(table, record) for key, record in changed.items()}}
        tables.append(f'"{table}": {{{", ".join(f"{json.dumps(key)}: {told[key]}" for key in sorted(told))}}}')
    return hashlib.sha256(f"{{{', '.join(tables)}}}".encode()).hexdigest()


def _build_texts(base: Base) -> dict[str, dict[str, str]]:
    """The JSON of every record; a world changes few of them."""
    return {
        table: {key: _text(table, record) for key, record in records.items()} for table, records in base.tables.items()
    }


def _text(table: str, record: Any) -> str:
    absent = dict.fromkeys(OPTIONAL_FIELDS) if table == "orders" else {}
    return json.dumps(_floats({**absent, **record}), sort_keys=True)


def _floats(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _floats(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_floats(inner) for inner in value]
    return float(value) if key in _MONEY and value is not None else value


if __name__ == "__main__":
    run(TOOLS, tau2_hash)
