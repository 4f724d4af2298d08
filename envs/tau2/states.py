"""When two worlds are the same to tau2: its hashes of the operator's side and of the user's, and what they leave out.

The reference hashes the JSON of its records' types, where an amount is a float and a field that is not there is null.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from toolgym.mcp_servers.retail.records import OPTIONAL_FIELDS
from toolgym.world import Base, World

__all__ = ["database_hash", "same_state", "user_hash"]

_USER_TABLE = "phones"
_FLOATS = {"amount", "balance", "exchange_price_difference", "price"}


def _airline(table: str, key: str, record: Any) -> Any:
    if table == "reservations":
        return {"status": None, **record}
    if table != "users":
        return record
    return {**record, "user_id": key, "payment_methods": _floats(record["payment_methods"])}


def _retail(table: str, key: str, record: Any) -> Any:
    return _floats({**dict.fromkeys(OPTIONAL_FIELDS), **record} if table == "orders" else record)


def _floats(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _floats(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_floats(inner) for inner in value]
    return float(value) if key in _FLOATS and isinstance(value, int) else value


_TOLD: Mapping[str, Callable[[str, str, Any], Any]] = {
    "airline": _airline,
    "retail": _retail,
}
"""Domain -> a record (its table, its id, itself) as the reference's types tell it; of others they tell it as it is."""


def _text(domain: str, table: str, key: str, record: Any) -> str:
    told = _TOLD[domain](table, key, record) if domain in _TOLD else record
    return json.dumps(told, sort_keys=True)


def _texts(domain: str, world: World) -> Iterator[tuple[str, dict[str, str]]]:
    """Each table of the operator's, by name, with the JSON of its records; a world changes few of them."""

    def build(base: Base) -> dict[str, dict[str, str]]:
        return {
            table: {key: _text(domain, table, key, record) for key, record in records.items()}
            for table, records in base.tables.items()
        }

    texts, diff = world.base.index("tau2.texts", build), world.diff()
    for table in sorted(texts):
        if table != _USER_TABLE:
            changed = diff.get(table, {})
            texts_now = {**texts[table], **{key: _text(domain, table, key, one) for key, one in changed.items()}}
            yield table, {key: text for key, text in texts_now.items() if changed.get(key, text) is not None}


def database_hash(domain: str, world: World) -> str:
    """The hash that tau2 gives the operator's side of a world."""
    tables = []
    for table, texts in _texts(domain, world):
        if domain == "telecom":
            records = f"[{', '.join(texts.values())}]"
        else:
            records = f"{{{', '.join(f'{json.dumps(key)}: {texts[key]}' for key in sorted(texts))}}}"
        tables.append(f'"{table}": {records}')
    return hashlib.sha256(f"{{{', '.join(tables)}}}".encode()).hexdigest()


def user_hash(world: World) -> str | None:
    """The hash that tau2 gives the user's side: of the phone's JSON; None where the user has no side."""
    if _USER_TABLE not in world.base.tables:
        return None
    phone = next(phone for _, phone in world.items(_USER_TABLE))
    return hashlib.sha256(json.dumps(phone, sort_keys=True).encode()).hexdigest()


def same_state(domain: str, ours: World, theirs: World) -> bool:
    """Whether two worlds of one base have the same hashes: what either changed is compared."""
    one, other = ours.diff(), theirs.diff()
    for table in {*one, *other}:
        for key in {*one.get(table, ()), *other.get(table, ())}:
            records = (ours.get(table, key), theirs.get(table, key))
            if None in records:
                if records != (None, None):
                    return False
            elif _text(domain, table, key, records[0]) != _text(domain, table, key, records[1]):
                return False
    return True
