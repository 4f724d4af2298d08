"""Random arguments that a tool's JSON Schema allows: for the random policy, samples of spaces, and random tasks.

Every keyword of JSON Schema 2020-12 that says what is valid is kept to (of `format`, the names that are standard). What
cannot be had by construction, such as `not` or one of several alternatives, is drawn again until it fits. Odd schemas
(references to nowhere, requirements without end, that contradict themselves) give the try that came closest, in bounded
time; they do not raise.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolgym.sampling._document import Schemas
from toolgym.sampling._numbers import sample_integer, sample_number
from toolgym.sampling._schemas import (
    PATTERNS,
    TYPES,
    Schema,
    both,
    count,
    is_one,
    key,
    kinds,
    merge,
    names,
    negations,
    patterns_of,
    places,
    table,
)
from toolgym.sampling._strings import FORMATS, Expression, expression

__all__ = ["sample_arguments", "sample_value"]

_MAX_DEPTH = 6
"""Beyond it only what is required is given, and alternatives end rather than nest."""
_DEEPEST = 24
"""What is required beyond it can never end: it is null."""
_MOST_VALUES = 10_000
"""What is required beyond so many values is null."""
_TRIES = 40
"""How often a value is drawn that may not fit."""
_MOST_TRIES = 400
"""The same, for all values of a sample together."""
_COMBINED = 40
"""Levels of keywords that combine schemas."""
_LONGEST_TEXT = 10_000
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_COMBINING = frozenset({"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas"})
_TRIED = frozenset({"allOf", "oneOf", "not", "if", "contains", "propertyNames", "maxContains"}) | {
    "dependentSchemas",
    "dependentRequired",
    "uniqueItems",
    "unevaluatedItems",
    "unevaluatedProperties",
    "patternProperties",
    "minProperties",
    "maxProperties",
}
_NOTES = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"})
_SAYS_TYPE = {
    "object": frozenset({"properties", "required", "additionalProperties", "patternProperties", "propertyNames"})
    | {"minProperties", "maxProperties", "dependentRequired", "unevaluatedProperties"},
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "unevaluatedItems"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
}


def sample_arguments(schema: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str] = ()) -> dict[str, Any]:
    """Arguments for a tool with the input schema `schema`: every required one, each optional one half of the time.

    Strings without an enumeration are drawn from `words` (what the episode has shown so far) three times out of four:
    some calls then name things that exist.
    """
    found = _Sampler(schema, rng, words).whole({"type": "object"})
    return found if isinstance(found, dict) else {}


def sample_value(schema: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str] = ()) -> Any:
    """A JSON value that `schema` allows."""
    return _Sampler(schema, rng, words).whole({})


class _Sampler:
    """One sample of a schema."""

    def __init__(self, root: Mapping[str, Any], rng: np.random.Generator, words: Sequence[str]):
        self.root: Schema = dict(root) if isinstance(root, Mapping) else root is not False
        self.rng, self.words = rng, words
        self.schemas = Schemas(self.root if isinstance(self.root, dict) else {})
        self.left, self.tries = _MOST_VALUES, _MOST_TRIES
        self.deep = _MAX_DEPTH
        self.doubt = False
        """Whether something was drawn that may not fit."""

    def whole(self, beside: Mapping[str, Any]) -> Any:
        """A sample of the root and of a second schema: the first that fits, or else the closest."""
        known = isinstance(self.root, dict) and all(self.root.get(name) == value for name, value in beside.items())
        schema = self.root if known else both(beside, self.root)
        best, least = None, math.inf
        for attempt in range(_MAX_DEPTH + 1):
            self.left, self.tries, self.doubt = _MOST_VALUES, _MOST_TRIES, False
            self.deep = _MAX_DEPTH - attempt  # what was too large may fit with less in it
            value = self.value(schema, 0)
            if not self.doubt:
                return value
            wrong = self.schemas.problems(value, schema, _MOST_VALUES - self.left)
            if wrong < least:
                best, least = value, wrong
            if least == 0 or self.left < 0:
                break
        return best

    def value(self, schema: Any, depth: int) -> Any:
        """A sample of one of the schemas in the root."""
        self.left -= 1
        if depth > _DEEPEST or self.left < 0:
            self.doubt = True
            return None
        before, flat = self.left, self.flat(schema, depth)
        value = self.drawn(flat, depth)
        if not self.may_miss(schema, flat):
            return value
        self.doubt = True
        best, least, attempt = value, self.schemas.problems(value, schema, before - self.left), 0
        while least and attempt < _TRIES and self.tries > 0 and self.left > 0:
            attempt, self.tries, before = attempt + 1, self.tries - 1, self.left
            value = self.drawn(self.flat(schema, depth), depth, any_type=attempt % 2 == 1)
            wrong = self.schemas.problems(value, schema, before - self.left)
            if wrong < least:
                best, least = value, wrong
        return best

    @staticmethod
    def may_miss(schema: Any, flat: Schema) -> bool:
        """Whether a sample need not fit the schema."""
        if not isinstance(schema, dict) or not isinstance(flat, dict):
            return flat is False
        if "anyOf" in schema and len(schema.keys() - _NOTES) > 1:
            return True
        return not _TRIED.isdisjoint(schema) or not _TRIED.isdisjoint(flat) or PATTERNS in flat

    def one_of(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    # Combining -------------------------------------------------------------------------------------------------------

    def flat(self, schema: Any, depth: int, left: int = _COMBINED) -> Schema:
        """The schema without keywords that combine others: alternatives are drawn. False: nothing is left."""
        if not isinstance(schema, dict):
            return schema is not False and {}
        if _COMBINING.isdisjoint(schema) or self.left < 0:
            return schema
        if left <= 0:
            self.doubt = True
            return {}
        out: Schema = {name: value for name, value in schema.items() if name not in _COMBINING}
        for name in ("$ref", "$dynamicRef"):
            if name in schema:
                out = self.merged(out, self.flat(self.schemas.target(schema[name]), depth, left - 1))
        for part in _parts(schema, "allOf"):
            out = self.merged(out, self.flat(part, depth, left - 1))
        for branches in self.alternatives(schema):
            if depth > self.deep and branches:
                branches = [self.schemas.plainest(branches)]
            out = self.with_one(out, branches, depth, left - 1)
        return out

    def merged(self, first: Schema, second: Schema) -> Schema:
        """Both as one; where a sample has taken too long already, the first alone."""
        for side in (first, second):
            self.left -= 1 + (len(table(side, "properties")) if isinstance(side, dict) else 0)
        if self.left < 0:
            self.doubt = True
            return first
        return merge(first, second)

    def alternatives(self, schema: Mapping[str, Any]) -> list[list[Any]]:
        """Lists of schemas, of each of which one must hold."""
        found = [_parts(schema, name) for name in ("anyOf", "oneOf") if _parts(schema, name)]
        condition = schema.get("if")
        if isinstance(condition, dict | bool):
            kept = both(condition, schema.get("then", {}))
            broken = both({"not": condition}, schema.get("else", {}))
            found.append([kept, broken])
        for name, part in table(schema, "dependentSchemas").items():
            there = {"required": [name]} if name in names(schema) else {}
            found.append([both({"properties": {name: False}}, there), both({"required": [name]}, part)])
        if isinstance(schema.get("not"), dict | bool):
            forbidden = schema["not"]
            if isinstance(forbidden, dict) and "$ref" in forbidden and len(forbidden) == 1:
                forbidden = self.schemas.target(forbidden["$ref"])
            found.append(negations(forbidden))
        return found

    def with_one(self, out: Schema, branches: Sequence[Any], depth: int, left: int) -> Schema:
        """A schema and one of several, as it is drawn; where they contradict each other, the first that does not."""
        if not branches:
            return False
        first = int(self.rng.integers(len(branches)))
        for step in range(len(branches)):
            found = self.merged(out, self.flat(branches[(first + step) % len(branches)], depth, left))
            if found is not False:
                return found
        return False

    # Drawing ---------------------------------------------------------------------------------------------------------

    def drawn(self, schema: Schema, depth: int, any_type: bool = False) -> Any:
        """A sample of a schema without keywords that combine others.

        Args:
            any_type: whether one that names no type may be of any, not only of the likeliest.
        """
        if not isinstance(schema, dict):
            if schema is False:
                self.doubt = True
            schema = {}
        if "const" in schema:
            return schema["const"]
        options = schema.get("enum")
        if isinstance(options, list) and options:
            return self.option(schema, options)
        named = kinds(schema)
        if named is None:
            likely = next((kind for kind, said in _SAYS_TYPE.items() if not said.isdisjoint(schema)), "string")
            named = TYPES if any_type else [likely]
        elif len(named) > 1 and depth > self.deep:
            named = [kind for kind in named if kind not in ("object", "array")] or named
        kind = named[0] if isinstance(schema.get("type"), str) or len(named) == 1 else self.one_of(named)
        match kind:
            case "object":
                return self.mapping(schema, depth)
            case "array":
                return self.array(schema, depth)
            case "integer":
                return sample_integer(schema, self.rng)
            case "number":
                value, fits = sample_number(schema, self.rng)
                self.doubt = self.doubt or not fits
                return value
            case "boolean":
                return bool(self.rng.integers(2))
            case "null":
                return None
            case _:
                return self.text(schema)

    def option(self, schema: Mapping[str, Any], options: list[Any]) -> Any:
        named = kinds(schema)
        fitting = options if named is None else [option for option in options if is_one(option, named)]
        beside = {name: value for name, value in schema.items() if name not in _NOTES and name not in ("enum", "type")}
        if beside and len(fitting) <= _MOST_TRIES:
            fitting = [option for option in fitting if not self.schemas.problems(option, beside)]
        self.doubt = self.doubt or not fitting or len(fitting) > _MOST_TRIES
        return self.one_of(fitting or options)

    def mapping(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = names(schema)
        fewest, most = count(schema, "minProperties", 0), count(schema, "maxProperties", _MOST_VALUES)
        properties, dependents = table(schema, "properties"), table(schema, "dependentRequired")
        out: dict[str, Any] = {}

        def add(name: str) -> None:
            out[name] = self.value(self.member(schema, name), depth + 1)

        for name in properties:
            if name in required or (depth <= self.deep and self.rng.random() < 0.5 and self.fits(schema, name, out)):
                add(name)
        for name in required:
            if name not in out:
                add(name)
        for name in properties:
            if len(out) < fewest and name not in out and properties[name] is not False:
                add(name)
        for name in (waiting := list(out)):
            for needed in names(dependents, name):
                if needed not in out:
                    add(needed)
                    waiting.append(needed)
        wanted = fewest - len(out)
        if depth <= self.deep and self.is_map(schema):
            wanted = max(wanted, min(int(self.rng.integers(0, 4)), most - len(out)))
        if wanted > 0:
            self.add_others(schema, depth, out, min(wanted, _MOST_VALUES))
        return out

    def fits(self, schema: Mapping[str, Any], name: str, out: Mapping[str, Any]) -> bool:
        """Whether an optional member may be added to an object."""
        if table(schema, "properties")[name] is False:
            return False
        missing = sum(other not in out for other in names(schema))
        return len(out) + missing < count(schema, "maxProperties", _MOST_VALUES)

    @staticmethod
    def is_map(schema: Mapping[str, Any]) -> bool:
        """Whether an object's members have names that are not said beforehand."""
        rest = schema.get("additionalProperties")
        return bool(table(schema, "patternProperties")) or (isinstance(rest, dict) and bool(rest))

    def member(self, schema: Mapping[str, Any], name: str) -> Any:
        """The schema of a member by its name."""
        known = table(schema, "properties")
        patterns = table(schema, "patternProperties")
        parts = [known[name]] if name in known else []
        parts += [part for pattern, part in patterns.items() if expression(pattern).matches(name)]
        if not parts:
            parts = [schema.get("additionalProperties", {}), schema.get("unevaluatedProperties", {})]
        found = parts[0]
        for part in parts[1:]:
            found = both(found, part)
        return found

    def add_others(self, schema: Mapping[str, Any], depth: int, out: dict[str, Any], wanted: int) -> None:
        """Adds members whose names the schema does not say."""
        patterns = list(table(schema, "patternProperties"))
        rest = both(schema.get("additionalProperties", {}), schema.get("unevaluatedProperties", {}))
        ways = [*patterns, *([None] if rest is not False else [])]
        for _ in range(wanted if ways else 0):
            for attempt in range(_TRIES):  # a pattern's shortest names may all be there
                name = self.name(schema, self.one_of(ways), 1 + attempt // 2)
                if name not in out and self.member(schema, name) is not False:
                    out[name] = self.value(self.member(schema, name), depth + 1)
                    break
            if self.left < 0:
                return

    def name(self, schema: Mapping[str, Any], pattern: str | None, shortest: int) -> str:
        wanted = {"type": "string", "minLength": shortest} | ({} if pattern is None else {"pattern": pattern})
        rule = schema.get("propertyNames")
        found = self.value(wanted if rule in (None, True, {}) else both(wanted, rule), 0)
        return found if isinstance(found, str) else ""

    def array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        before, rest = places(schema)
        fewest, limit = min(count(schema, "minItems", 0), _MOST_VALUES), count(schema, "maxItems", _MOST_VALUES)
        if rest is False or (before and schema.get("unevaluatedItems") is False):
            limit = min(limit, len(before))
        most = max(fewest, min(limit, max(fewest + 3, len(before))))
        length = fewest if depth > self.deep else int(self.rng.integers(fewest, most + 1))
        contained, needed = schema.get("contains", {}), 0
        if "contains" in schema:
            needed = min(count(schema, "minContains", 1), _MOST_VALUES)
            length = max(length, min(needed, limit))
        out: list[Any] = []
        while len(out) < length and self.left > 0:
            place = before[len(out)] if len(out) < len(before) else both(rest, schema.get("unevaluatedItems", {}))
            if len(out) >= length - needed:
                place = both(place, contained)
            elif "maxContains" in schema:
                place = both(place, {"not": contained})
            item = (
                self.another(place, depth, out) if schema.get("uniqueItems") is True else [self.value(place, depth + 1)]
            )
            if not item:
                break
            out += item
        return out

    def another(self, schema: Any, depth: int, there: list[Any]) -> list[Any]:
        """An item that is not there yet, or none."""
        known = {key(item) for item in there}
        for attempt in range(_TRIES):
            if isinstance(schema, dict) and attempt:
                self.tries -= 1
            item = self.value(schema, depth + 1)
            if key(item) not in known:
                return [item]
            if self.tries < 0:
                break
        return []

    # Plain values ----------------------------------------------------------------------------------------------------

    def text(self, schema: Mapping[str, Any]) -> str:
        shortest, longest = count(schema, "minLength", 0), count(schema, "maxLength", 1000)
        longest = max(shortest, longest)
        rules = [expression(each) for each in patterns_of(schema)]
        format = schema.get("format")
        if isinstance(format, str) and format in FORMATS:
            rules.append(expression(FORMATS[format]))
        fitting = [
            word
            for word in self.words
            if shortest <= len(word) <= longest and (not rules or all(rule.matches(word) for rule in rules))
        ]
        if fitting and self.rng.random() < 0.75:
            return self.one_of(fitting)
        if rules:
            return self.ruled(rules, shortest, longest)
        length = min(max(shortest, 6), longest, _LONGEST_TEXT)
        return "".join(_LETTERS[int(i)] for i in self.rng.integers(len(_LETTERS), size=length))

    def ruled(self, rules: Sequence[Expression], shortest: int, longest: int) -> str:
        """A text that all expressions match, where one of them gives such a text."""
        found = ""
        for attempt in range(_TRIES if len(rules) > 1 else 1):
            self.left -= shortest // 2  # long texts take long
            given = rules[attempt % len(rules)].sample(self.rng, shortest, min(longest, _LONGEST_TEXT))
            if given is not None:
                found = given
                if all(rule.matches(given) for rule in rules):
                    return given
        self.doubt = True
        return found or "".join(self.one_of(_LETTERS) for _ in range(min(max(shortest, 6), longest, _LONGEST_TEXT)))


def _parts(schema: Mapping[str, Any], name: str) -> list[Any]:
    value = schema.get(name)
    return value if isinstance(value, list) else []
