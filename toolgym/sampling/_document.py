"""A whole JSON Schema: its references followed, which of its alternatives can end, and values checked by it.

Schemas come from servers that nobody vouches for: references to other documents are not fetched, and no check takes for
ever.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from toolgym.sampling._schemas import count, names, places, table
from toolgym.sampling._strings import expression

__all__ = ["Schemas"]

_CHECKS = 20_000
"""Values that are checked and references that are followed, for one sample."""
_DEEPEST_END = 12
_DEEPEST_REFERENCE = 64


class Schemas:
    """A schema and those in it: follows its references, and checks values.

    Args:
        root: the whole schema.
    """

    def __init__(self, root: Mapping[str, Any]):
        self.root = root
        self._ends: dict[tuple[int, int], bool] = {}
        self._checks = _CHECKS
        self._validator: Any = None
        self._nulls = False

    def target(self, reference: Any) -> Any:
        """What a `$ref` of this document names (`#`, `#/...`, `#anchor`), or {}."""
        return _target(self.root, reference)

    def plainest(self, branches: Sequence[Any]) -> Any:
        """The alternative that can end with the fewest levels of nesting, or else the last."""
        for levels in range(_DEEPEST_END):
            for branch in branches:
                if self._ends_within(branch, levels):
                    return branch
        return branches[-1]

    def _ends_within(self, schema: Any, levels: int) -> bool:
        if not isinstance(schema, dict):
            return schema is not False
        place = (id(schema), levels)
        if place not in self._ends:
            self._ends[place] = False  # while it is found out: what leads back to itself does not end
            self._ends[place] = levels >= 0 and self._found_to_end(schema, levels)
        return self._ends[place]

    def _found_to_end(self, schema: Mapping[str, Any], levels: int) -> bool:
        for reference in ("$ref", "$dynamicRef"):
            if reference in schema and not self._ends_within(self.target(schema[reference]), levels):
                return False
        for name in ("anyOf", "oneOf"):
            branches = schema.get(name)
            if isinstance(branches, list) and not any(self._ends_within(branch, levels) for branch in branches):
                return False
        every = schema.get("allOf")
        if isinstance(every, list) and not all(self._ends_within(part, levels) for part in every):
            return False
        properties = table(schema, "properties")
        inner = [properties[name] for name in names(schema) if name in properties]
        if count(schema, "minItems", 0):
            before, rest = places(schema)
            inner += [*before, rest]
        return all(self._ends_within(part, levels - 1) for part in inner)

    def problems(self, value: Any, schema: Any, size: int = 1) -> int:
        """How many things are wrong with a value by a schema of this document; 0 too where that cannot be told.

        Args:
            size: about how many values are in it: all checks together take a bounded time.
        """
        listed = schema.get("enum") if isinstance(schema, dict) else None
        self._checks -= size + (len(listed) // 4 if isinstance(listed, list) else 0)
        if self._checks < 0:
            return 0
        try:
            if self._validator is None:
                self._validator, self._nulls = _validator(json.dumps(self.root)), _has_nulls(self.root)
            validator = self._validator.evolve(schema=_without_nulls(schema) if self._nulls else schema)
            validator.format_checker.left, validator.format_checker.depth = self._checks, 0
            try:
                return sum(1 for _ in validator.iter_errors(value))
            finally:
                self._checks = validator.format_checker.left
        except Exception:  # whatever a schema that is none does to its validator
            return 0
        except BaseException as error:  # recursion without end, where it meets the Rust beneath jsonschema
            if type(error).__name__ != "PanicException":
                raise
            return 0


def _target(root: Mapping[str, Any], reference: Any) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#"):
        return {}
    fragment = unquote(reference[1:])
    if fragment and not fragment.startswith("/"):
        return _anchored(root, fragment) or {}
    found: Any = root
    for part in fragment.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            found = found.get(name, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict | bool) else {}


def _anchored(schema: Any, name: str) -> Any:
    """The schema that has that `$anchor` or `$dynamicAnchor`."""
    left = [schema]
    while left:
        found = left.pop()
        if isinstance(found, dict):
            if name in (found.get("$anchor"), found.get("$dynamicAnchor")):
                return found
            left += found.values()
        elif isinstance(found, list):
            left += found
    return None


def _has_nulls(schema: Any) -> bool:
    items = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return schema is None or any(_has_nulls(item) for item in items)


def _without_nulls(schema: Any) -> Any:
    """Without keywords whose value is null, which some servers write for keywords that they do not use."""
    if isinstance(schema, list):
        return [_without_nulls(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for name, value in schema.items():
        if name in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"):
            if isinstance(value, dict):  # here the keys are names, not keywords
                out[name] = {each: {} if part is None else _without_nulls(part) for each, part in value.items()}
        elif name in ("const", "enum", "default", "examples"):
            out[name] = value
        elif value is not None:
            out[name] = _without_nulls(value)
    return out


@lru_cache(maxsize=256)
def _validator(schema_json: str) -> Any:
    """A validator that fetches nothing and whose patterns take no longer than they may."""
    from jsonschema import Draft202012Validator  # not before it is needed: most samples are right by construction
    from jsonschema.validators import validator_for
    from referencing.jsonschema import EMPTY_REGISTRY

    schema = _without_nulls(json.loads(schema_json))
    kind = _bounded(validator_for(schema, default=Draft202012Validator), _has_slow_names(schema))
    return kind(schema, registry=EMPTY_REGISTRY, format_checker=_budget()(schema))


def _has_slow_names(schema: Any) -> bool:
    """Whether the pattern of some member's name may take for ever in Python's engine."""
    if isinstance(schema, list):
        return any(_has_slow_names(item) for item in schema)
    if not isinstance(schema, dict):
        return False
    patterns = table(schema, "patternProperties")
    return any(not expression(each).safe for each in patterns) or any(map(_has_slow_names, schema.values()))


@lru_cache(maxsize=1)
def _budget() -> Any:
    from jsonschema import FormatChecker

    class Budget(FormatChecker):
        """Rides along with a validator, which hands it on to those that it makes of itself."""

        def __init__(self, root: dict[str, Any]):
            super().__init__(())
            self.root, self.left, self.depth = root, _CHECKS, 0

        def conforms(self, instance: object, format: str) -> bool:
            return True  # formats say what is meant, and forbid nothing

        def check(self, instance: object, format: str) -> None:
            return

    return Budget


@lru_cache(maxsize=8)
def _bounded(kind: Any, slow_names: bool) -> Any:
    from jsonschema import ValidationError
    from jsonschema.validators import extend

    def pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, str) and not expression(wanted).matches(instance):
            yield ValidationError(f"{instance!r} does not match {wanted!r}")

    def pattern_properties(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, dict):
            for each, part in wanted.items():
                for name, value in instance.items():
                    if expression(each).matches(name):
                        yield from validator.descend(value, part, path=name, schema_path=each)

    def additional(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, dict):
            patterns = [expression(each) for each in table(schema, "patternProperties")]
            for name, value in instance.items():
                if name not in table(schema, "properties") and not any(one.matches(name) for one in patterns):
                    yield from validator.descend(value, wanted, path=name)

    def reference(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        budget = validator.format_checker
        budget.left, budget.depth = budget.left - 1, budget.depth + 1
        try:
            if budget.left < 0 or budget.depth > _DEEPEST_REFERENCE:
                raise RecursionError("too many references")
            yield from validator.descend(instance, _target(budget.root, wanted))
        finally:
            budget.depth -= 1

    ours: dict[str, Any] = {
        "pattern": pattern,
        "patternProperties": pattern_properties,
        "additionalProperties": additional,
    }
    if slow_names:
        ours["unevaluatedProperties"] = None  # matches names by Python's engine alone
    return extend(kind, ours | {"$ref": reference, "$dynamicRef": reference})
