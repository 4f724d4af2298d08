"""Random arguments that a tool's JSON Schema allows: what the random policy calls tools with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["sample_arguments", "sample_value"]

_MAX_DEPTH = 6
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def sample_arguments(schema: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str] = ()) -> dict[str, Any]:
    """Arguments for a tool with the input schema `schema`: every required one, each optional one half of the time.

    Strings without an enumeration are drawn from `words` (what the episode has shown so far) three times out of four:
    some calls then name things that exist.
    """
    return _object(schema, schema, rng, words, 0)


def sample_value(schema: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str] = ()) -> Any:
    """A JSON value that `schema` allows (types, enumerations, bounds, items, alternatives, local references)."""
    return _value(schema, schema, rng, words, 0)


def _value(
    schema: Mapping[str, Any] | bool,
    root: Mapping[str, Any],
    rng: np.random.Generator,
    words: Sequence[str],
    depth: int,
) -> Any:
    schema = _resolve(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][int(rng.integers(len(schema["enum"])))]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            branches = schema[key]
            # Past the depth limit the last branch is taken: null, wherever pydantic writes an optional value.
            index = len(branches) - 1 if depth > _MAX_DEPTH else int(rng.integers(len(branches)))
            return _value(branches[index], root, rng, words, depth + 1)
    if schema.get("allOf"):
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            merged |= _resolve(part, root)
        return _value(merged, root, rng, words, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[int(rng.integers(len(kind)))]
    match kind:
        case "object":
            return _object(schema, root, rng, words, depth)
        case "array":
            return _array(schema, root, rng, words, depth)
        case "integer":
            return _integer(schema, rng)
        case "number":
            low, high = _bounds(schema)
            return round(float(rng.uniform(low, high)), 2) if high - low > 1 else float(low)
        case "boolean":
            return bool(rng.integers(2))
        case "null":
            return None
        case _:
            return _string(schema, rng, words)


def _resolve(schema: Mapping[str, Any] | bool, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follows `#/...` references (a chain of them at most eight long). `true` allows everything, so it becomes `{}`."""
    for _ in range(8):
        if isinstance(schema, bool):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        target: Any = root
        for part in reference[2:].split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {})
        schema = target
    return {} if isinstance(schema, bool) else schema


def _object(
    schema: Mapping[str, Any], root: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str], depth: int
) -> dict[str, Any]:
    required = set(schema.get("required", ()))
    out = {}
    for name, field in schema.get("properties", {}).items():
        if name in required or (depth <= _MAX_DEPTH and rng.random() < 0.5):
            out[name] = _value(field, root, rng, words, depth + 1)
    return out


def _array(
    schema: Mapping[str, Any], root: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str], depth: int
) -> list[Any]:
    fewest = int(schema.get("minItems", 0))
    most = max(fewest, min(int(schema.get("maxItems", fewest + 3)), fewest + 3))
    length = fewest if depth > _MAX_DEPTH else int(rng.integers(fewest, most + 1))
    return [_value(schema.get("items", {}), root, rng, words, depth + 1) for _ in range(length)]


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float]:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        low = 0 if high is None or high > 0 else high - 10
    if high is None:
        high = low + 10
    return float(low), float(high)


def _integer(schema: Mapping[str, Any], rng: np.random.Generator) -> int:
    low, high = (int(end) for end in _bounds(schema))
    low += "exclusiveMinimum" in schema and "minimum" not in schema
    high -= "exclusiveMaximum" in schema and "maximum" not in schema
    return int(rng.integers(low, max(low, high) + 1))


def _string(schema: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str]) -> str:
    shortest, longest = int(schema.get("minLength", 0)), int(schema.get("maxLength", 1000))
    fitting = [word for word in words if shortest <= len(word) <= longest]
    if fitting and rng.random() < 0.75:
        return fitting[int(rng.integers(len(fitting)))]
    length = min(max(shortest, 6), longest)
    return "".join(_LETTERS[int(i)] for i in rng.integers(len(_LETTERS), size=length))
