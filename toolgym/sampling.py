"""Random arguments that a tool's JSON Schema allows: for the random policy, samples of spaces, and random tasks.

Patterns, formats and multiples are not kept to. Odd schemas (references to nowhere, requirements without end) give
something in bounded time; they do not raise.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["sample_arguments", "sample_value"]

_MAX_DEPTH = 6
"""Beyond it only what is required is given, and alternatives end rather than nest."""
_DEEPEST = 24
"""What is required beyond it can never end: it is null."""
_MOST_VALUES = 10_000
"""What is required beyond so many values is null."""
_LONGEST_TEXT = 10_000
_LARGEST = 2.0**53
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def sample_arguments(schema: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str] = ()) -> dict[str, Any]:
    """Arguments for a tool with the input schema `schema`: every required one, each optional one half of the time.

    Strings without an enumeration are drawn from `words` (what the episode has shown so far) three times out of four:
    some calls then name things that exist.
    """
    sampler = _Sampler(schema, rng, words)
    return sampler.mapping(sampler.resolve(schema), 0)


def sample_value(schema: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str] = ()) -> Any:
    """A JSON value that `schema` allows (types, enumerations, bounds, items, alternatives, local references)."""
    return _Sampler(schema, rng, words).value(schema, 0)


class _Sampler:
    """One sample of a schema."""

    def __init__(self, root: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str]):
        self.root, self.rng, self.words = root, rng, words
        self.left = _MOST_VALUES

    def value(self, schema: Any, depth: int) -> Any:
        schema = self.resolve(schema)
        self.left -= 1
        if depth > _DEEPEST or self.left < 0:
            return None
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.one_of(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                branches = schema[key] if depth <= _MAX_DEPTH else [self.plainest(schema[key])]
                return self.value(self.one_of(branches), depth + 1)
        if schema.get("allOf"):
            merged: dict[str, Any] = {}
            for part in schema["allOf"]:
                merged |= self.resolve(part)
            return self.value(merged, depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = self.one_of(kind)
        match kind:
            case "object":
                return self.mapping(schema, depth)
            case "array":
                return self.array(schema, depth)
            case "integer":
                return _integer(schema, self.rng)
            case "number":
                return _number(schema, self.rng)
            case "boolean":
                return bool(self.rng.integers(2))
            case "null":
                return None
            case _:
                return self.text(schema)

    def one_of(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def plainest(self, branches: Sequence[Any]) -> Any:
        """An alternative that does not nest (null, where a value is optional), or else the last."""
        plain = ("null", "boolean", "integer", "number", "string")
        return next((branch for branch in branches if self.resolve(branch).get("type") in plain), branches[-1])

    def resolve(self, schema: Any) -> Mapping[str, Any]:
        """Follows `#` and `#/...` references, at most eight. What is no object (`true`, say) becomes `{}`."""
        for _ in range(8):
            reference = schema.get("$ref") if isinstance(schema, Mapping) else None
            if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
                break
            schema = self.root
            for part in reference.split("/")[1:]:
                name = part.replace("~1", "/").replace("~0", "~")
                schema = schema.get(name, {}) if isinstance(schema, Mapping) else {}
        return schema if isinstance(schema, Mapping) else {}

    def mapping(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        out = {}
        for name, field in schema.get("properties", {}).items():
            if name in required or (depth <= _MAX_DEPTH and self.rng.random() < 0.5):
                out[name] = self.value(field, depth + 1)
        return out

    def array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        fewest = min(int(schema.get("minItems", 0)), _MOST_VALUES)
        most = max(fewest, min(int(schema.get("maxItems", fewest + 3)), fewest + 3))
        length = fewest if depth > _MAX_DEPTH else int(self.rng.integers(fewest, most + 1))
        out = []
        while len(out) < length and self.left > 0:
            out.append(self.value(schema.get("items", {}), depth + 1))
        return out

    def text(self, schema: Mapping[str, Any]) -> str:
        shortest, longest = int(schema.get("minLength", 0)), int(schema.get("maxLength", 1000))
        fitting = [word for word in self.words if shortest <= len(word) <= longest]
        if fitting and self.rng.random() < 0.75:
            return self.one_of(fitting)
        length = min(max(shortest, 6), longest, _LONGEST_TEXT)
        return "".join(_LETTERS[int(i)] for i in self.rng.integers(len(_LETTERS), size=length))


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float]:
    """Least and most, ten apart where only one is said; exclusive bounds are among them."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        low = 0 if high is None or high > 0 else high - 10
    if high is None:
        high = low + 10
    return max(-_LARGEST, min(low, _LARGEST)), max(-_LARGEST, min(high, _LARGEST))


def _integer(schema: Mapping[str, Any], rng: np.random.Generator) -> int:
    least, most = _bounds(schema)
    low, high = math.ceil(least), math.floor(most)
    low += low == least and "exclusiveMinimum" in schema and "minimum" not in schema
    high -= high == most and "exclusiveMaximum" in schema and "maximum" not in schema
    return int(rng.integers(low, max(low, high) + 1))


def _number(schema: Mapping[str, Any], rng: np.random.Generator) -> float:
    low, high = map(float, _bounds(schema))
    value = round(float(rng.uniform(low, high)), 2) if high - low > 1 else low
    excluded = value in (schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum"))
    return value if low <= value <= high and not excluded else (low + high) / 2
