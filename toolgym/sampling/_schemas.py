"""JSON Schemas as sampling needs them: what stands under a keyword, two schemas as one, and what a schema forbids.

Schemas come from servers that nobody vouches for: a keyword whose value is not as JSON Schema has it (null, a list for
an object) counts as absent.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from toolgym.sampling._strings import expression

__all__ = [
    "PATTERNS",
    "TYPES",
    "both",
    "count",
    "is_one",
    "key",
    "kinds",
    "merge",
    "names",
    "negations",
    "number",
    "patterns_of",
    "places",
    "table",
]

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
Schema = Mapping[str, Any] | bool
_LEAST = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"}
_MOST = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"}
_BOTH = {"contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}
PATTERNS = "x-toolgym-patterns"
"""The keyword of a merged schema with several patterns."""
_ENDLESS = 1e300


# What stands under a keyword -----------------------------------------------------------------------------------------


def number(schema: Mapping[str, Any], name: str) -> float | None:
    """The number under a keyword."""
    value: Any = schema.get(name)
    return value if type(value) in (int, float) and -_ENDLESS < value < _ENDLESS else None


def count(schema: Mapping[str, Any], name: str, default: int) -> int:
    """The number of things under a keyword; never below 0."""
    value = number(schema, name)
    return default if value is None else max(0, int(value))


def names(schema: Mapping[str, Any], name: str = "required") -> list[str]:
    """The names under a keyword, each once."""
    value = schema.get(name)
    return list(dict.fromkeys(item for item in value if isinstance(item, str))) if isinstance(value, list) else []


def table(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under a keyword."""
    value = schema.get(name)
    return value if isinstance(value, dict) else {}


def kinds(schema: Mapping[str, Any]) -> list[str] | None:
    """The types that a schema names, or None where it names none."""
    value = schema.get("type")
    found = [kind for kind in (value if isinstance(value, list) else [value]) if kind in TYPES]
    return found or None


def is_one(value: Any, allowed: Sequence[str]) -> bool:
    """Whether a JSON value is of one of the types."""
    if isinstance(value, float):
        return "number" in allowed or ("integer" in allowed and value.is_integer())
    if type(value) is int:
        return "integer" in allowed or "number" in allowed
    known = {bool: "boolean", str: "string", list: "array", dict: "object", type(None): "null"}
    return known.get(type(value)) in allowed


def key(value: Any) -> str:
    """A text that equal JSON values share: 1 and 1.0 are equal, 1 and true are not."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def patterns_of(schema: Mapping[str, Any]) -> list[str]:
    """The patterns that a string must match."""
    pattern = schema.get("pattern")
    return names(schema, PATTERNS) or ([pattern] if isinstance(pattern, str) else [])


# Two schemas as one --------------------------------------------------------------------------------------------------


def both(first: Any, second: Any) -> Schema:
    """A schema of what two schemas allow; what is no schema allows everything."""
    if first is False or second is False:
        return False
    sides = [side for side in (first, second) if isinstance(side, dict) and side]
    if len(sides) < 2:
        return sides[0] if sides else {}
    parts = []
    for side in sides:
        parts += side["allOf"] if len(side) == 1 and isinstance(side.get("allOf"), list) else [side]
    return {"allOf": parts}


def merge(first: Schema, second: Schema) -> Schema:
    """The same as one level of keywords, where neither has any that combine (`allOf`, `anyOf`, ...).

    False where no type or no enumerated value is left.
    """
    if not isinstance(first, dict) or not isinstance(second, dict):
        return False if first is False or second is False else first if isinstance(first, dict) else second
    if not first or not second:
        return first or second
    out = dict(first)
    for name, value in second.items():
        if name not in out:
            out[name] = value
        elif name in _LEAST or name in _MOST:
            sides = [side for side in (number(first, name), number(second, name)) if side is not None]
            out[name] = (max if name in _LEAST else min)(sides, default=None)
        elif name in _BOTH:
            out[name] = both(first[name], value)
        elif name == "required":
            out[name] = list(dict.fromkeys([*names(first), *names(second)]))
        elif name == "uniqueItems":
            out[name] = first[name] is True or value is True
        elif name == "multipleOf":
            out[name] = _common_multiple(number(first, name), number(second, name))
        elif name == "dependentRequired":
            mine, other = table(first, name), table(second, name)
            out[name] = {each: [*names(mine, each), *names(other, each)] for each in [*mine, *other]}
    patterns = list(dict.fromkeys([*patterns_of(first), *patterns_of(second)]))
    if len(patterns) > 1:
        out[PATTERNS] = patterns
    for combine in (_members, _items):
        out |= combine(first, second)
    return _narrowed(out, first, second)


def _narrowed(out: dict[str, Any], first: Mapping[str, Any], second: Mapping[str, Any]) -> Schema:
    """With the types and the values that both allow."""
    mine, other = kinds(first), kinds(second)
    if mine is not None and other is not None:
        left = [kind for kind in mine if kind in other or (kind == "integer" and "number" in other)]
        left += [kind for kind in other if kind == "integer" and "number" in mine and kind not in left]
        if not left:
            return False
        out["type"] = left[0] if len(left) == 1 else left
    options = [side for side in (_options(first), _options(second)) if side is not None]
    if len(options) == 2:
        known = {key(option) for option in options[1]}
        shared = [option for option in options[0] if key(option) in known]
        if not shared:
            return False
        out.pop("const", None)
        out["enum"] = shared
    found, allowed = _options(out), kinds(out)
    if found is not None and allowed is not None and not any(is_one(option, allowed) for option in found):
        return False
    if kinds(out) == ["object"] and any(table(out, "properties").get(name) is False for name in names(out)):
        return False
    return out


def _options(schema: Mapping[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    value = schema.get("enum")
    return value if isinstance(value, list) and value else None


def _common_multiple(first: float | None, second: float | None) -> float | None:
    if not first or not second:
        return first or second
    one, two = Fraction(str(first)), Fraction(str(second))
    found = Fraction(math.lcm(one.numerator * two.denominator, two.numerator * one.denominator))
    found /= one.denominator * two.denominator
    return int(found) if found.denominator == 1 else float(found)


def _members(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that tell an object's members; what one side does not name is one of its additional ones."""

    def of(side: Mapping[str, Any], name: str) -> Any:
        if name in table(side, "properties"):
            return table(side, "properties")[name]
        named = any(expression(pattern).matches(name) for pattern in table(side, "patternProperties"))
        return {} if named else side.get("additionalProperties", {})

    every = dict.fromkeys([*table(first, "properties"), *table(second, "properties")])
    patterns: dict[str, Any] = {}
    for side, other in ((first, second), (second, first)):
        for pattern, schema in table(side, "patternProperties").items():
            beside = {} if pattern in table(other, "patternProperties") else other.get("additionalProperties", {})
            patterns[pattern] = both(patterns.get(pattern, {}), both(schema, beside))
    found: dict[str, Any] = {}
    if every:
        found["properties"] = {name: both(of(first, name), of(second, name)) for name in every}
    if patterns:
        found["patternProperties"] = patterns
    if "additionalProperties" in first or "additionalProperties" in second:
        found["additionalProperties"] = both(
            first.get("additionalProperties", {}), second.get("additionalProperties", {})
        )
    return found


def _items(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that tell a list's items, place by place."""
    (before, rest), (other_before, other_rest) = places(first), places(second)
    found: dict[str, Any] = {}
    longest = max(len(before), len(other_before))
    if longest:
        found["prefixItems"] = [
            both(before[at] if at < len(before) else rest, other_before[at] if at < len(other_before) else other_rest)
            for at in range(longest)
        ]
    if rest not in ({}, True) or other_rest not in ({}, True) or longest:
        found["items"] = both(rest, other_rest)
    return found


def places(schema: Mapping[str, Any]) -> tuple[Sequence[Any], Any]:
    """The schemas of a list's first items, and that of all others: in the form of today, or in that before 2020."""
    prefix, items = schema.get("prefixItems"), schema.get("items", {})
    if isinstance(items, list):
        return items, schema.get("additionalItems", {})
    return prefix if isinstance(prefix, list) else (), {} if items is None else items


# What a schema forbids -----------------------------------------------------------------------------------------------


def negations(schema: Any) -> list[Schema]:
    """Schemas of what a schema does not allow: each value of one breaks a keyword, where it can be said at all.

    For keywords whose opposite cannot be said (`const`, `pattern`, ...), the schema is one of the right type.
    """
    if not isinstance(schema, dict):
        return [] if schema is not False else [{}]
    return [found for name, value in schema.items() if value is not None for found in _negations(schema, name, value)]


def _negations(schema: Mapping[str, Any], name: str, value: Any) -> Iterator[Schema]:
    if name in _OPPOSITES:
        found = _OPPOSITES[name](value) if number(schema, name) is not None else None
        if found is not None:
            yield found
    elif name == "type":
        mine = kinds(schema) or list(TYPES)
        left = [kind for kind in TYPES if kind not in mine and not (kind == "integer" and "number" in mine)]
        left = [kind for kind in left if not (kind == "number" and "integer" in mine)]
        if left:
            yield {"type": left}
    elif name == "not":
        yield value if isinstance(value, dict | bool) else False
    elif name == "allOf" and isinstance(value, list):
        yield from ({"not": part} for part in value)
    elif name in ("anyOf", "oneOf") and isinstance(value, list):
        yield {"allOf": [{"not": part} for part in value]}
    elif name == "$ref":
        yield {"not": {"$ref": value}} if len(schema) > 1 else {}
    elif name == "required":
        yield from ({"type": "object", "properties": {each: False}} for each in names(schema))
    elif name == "properties":
        for each, part in table(schema, name).items():
            yield {"type": "object", "required": [each], "properties": {each: {"not": part}}}
    elif name == "items" and isinstance(value, dict | bool):
        before = len(places(schema)[0])
        yield {"type": "array", "minItems": before + 1, "prefixItems": [*[{}] * before, {"not": value}]}
    elif name == "prefixItems" and isinstance(value, list):
        for at, part in enumerate(value):
            yield {"type": "array", "minItems": at + 1, "prefixItems": [*[{}] * at, {"not": part}]}
    elif name == "contains":
        yield {"type": "array", "items": {"not": value}}
    elif name == "dependentRequired":
        for each in table(schema, name):
            for missing in names(table(schema, name), each):
                yield {"type": "object", "required": [each], "properties": {missing: False}}
    elif name in _TYPE_OF:
        yield {"type": _TYPE_OF[name]}
    elif name in ("const", "enum", "if", "dependentSchemas", "$dynamicRef"):
        yield {}


_OPPOSITES: Mapping[str, Callable[[Any], Schema | None]] = {
    "minimum": lambda value: {"type": "number", "exclusiveMaximum": value},
    "maximum": lambda value: {"type": "number", "exclusiveMinimum": value},
    "exclusiveMinimum": lambda value: {"type": "number", "maximum": value},
    "exclusiveMaximum": lambda value: {"type": "number", "minimum": value},
    "minLength": lambda value: {"type": "string", "maxLength": value - 1} if value > 0 else None,
    "maxLength": lambda value: {"type": "string", "minLength": value + 1},
    "minItems": lambda value: {"type": "array", "maxItems": value - 1} if value > 0 else None,
    "maxItems": lambda value: {"type": "array", "minItems": value + 1},
    "minProperties": lambda value: {"type": "object", "maxProperties": value - 1} if value > 0 else None,
    "maxProperties": lambda value: {"type": "object", "minProperties": value + 1},
}
_TYPE_OF = {
    "pattern": "string",
    "multipleOf": "number",
    "uniqueItems": "array",
    "additionalProperties": "object",
    "patternProperties": "object",
    "propertyNames": "object",
}
