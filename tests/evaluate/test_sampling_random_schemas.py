"""Samples of random JSON Schemas validate. Each schema is made around a value that it allows, so it can be met."""

import json
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.sampling import sample_value

NAMES = ["a", "b", "c", "x1", "name"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-50, 50),
    st.sampled_from([0.5, -2.25, 7.5, 100.125]),
    st.sampled_from(["", "a", "abc", "x-1", "2024-05-01", "Red", "two words"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
PATTERNS = ["^[a-z]*$", "a", "^.{0,12}$", "^[A-Za-z0-9 -]*$", "^\\S", "(b|d|e)", "^[^A-Z]*$"]
DEEP = 3


def valid(value: Any, schema: Any) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    known = {int: "integer", float: "number", str: "string", list: "array", dict: "object", type(None): "null"}
    return known[type(value)]


@st.composite
def schemas(draw: Any, value: Any = None, depth: int = 0, any_value: bool = True) -> Any:
    """A schema that allows a value: `value`, or one that is drawn."""
    if any_value:
        value = draw(VALUES)
    kind = type_of(value)
    out: dict[str, Any] = {}
    if draw(st.integers(0, 3)):
        out["type"] = draw(st.sampled_from([kind, [kind], [kind, "null"], ["boolean", kind]]))
    if out.get("type") in (["null", "null"], ["boolean", "boolean"]):
        out["type"] = kind
    if kind in ("integer", "number") and draw(st.booleans()):
        out |= draw(number_keywords(value))
    elif kind == "string" and draw(st.booleans()):
        out |= draw(string_keywords(value))
    elif kind == "array" and draw(st.integers(0, 3)):
        out |= draw(array_keywords(value, depth))
    elif kind == "object" and draw(st.integers(0, 5)):
        out |= draw(object_keywords(value, depth))
    if depth < DEEP and draw(st.integers(0, 2)) == 0:
        out |= draw(combinations(value, depth))
    if draw(st.integers(0, 9)) == 0:
        others = draw(st.lists(SCALARS, max_size=3, unique_by=repr))
        out["enum"] = [*others, value]
    assert valid(value, out), (value, out)
    return out


@st.composite
def number_keywords(draw: Any, value: float) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, bound in (
        ("minimum", value - draw(st.integers(0, 3))),
        ("maximum", value + draw(st.integers(0, 3))),
        ("exclusiveMinimum", value - draw(st.sampled_from([0.25, 1, 5]))),
        ("exclusiveMaximum", value + draw(st.sampled_from([0.25, 1, 5]))),
        ("multipleOf", draw(st.sampled_from([1, 2, 5, 0.5, 0.25]))),
    ):
        if draw(st.booleans()) and valid(value, {name: bound}):
            out[name] = bound
    return out


@st.composite
def string_keywords(draw: Any, value: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if draw(st.booleans()):
        out["minLength"] = draw(st.integers(0, len(value)))
    if draw(st.booleans()):
        out["maxLength"] = len(value) + draw(st.integers(0, 5))
    patterns = [pattern for pattern in PATTERNS if valid(value, {"pattern": pattern})]
    if draw(st.booleans()):
        out["pattern"] = draw(st.sampled_from(patterns))
    return out


@st.composite
def array_keywords(draw: Any, value: list[Any], depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {}

    def within(item: Any) -> Any:
        return draw(schemas(item, depth + 1, any_value=False)) if depth < DEEP else {}

    before = draw(st.integers(0, len(value)))
    if before:
        out["prefixItems"] = [within(item) for item in value[:before]]
    rest = value[before:]
    if rest and draw(st.booleans()):
        out["items"] = {"anyOf": [within(item) for item in rest]} if len(rest) > 1 else within(rest[0])
    elif not rest and draw(st.booleans()):
        out["items"] = False
    if draw(st.booleans()):
        out["minItems"] = draw(st.integers(0, len(value)))
    if draw(st.booleans()):
        out["maxItems"] = len(value) + draw(st.integers(0, 2))
    if draw(st.booleans()) and valid(value, {"uniqueItems": True}):
        out["uniqueItems"] = True
    if value and draw(st.booleans()):
        out["contains"] = within(draw(st.sampled_from(value)))
        if draw(st.booleans()) and valid(value, {"contains": out["contains"], "maxContains": 1}):
            out["maxContains"] = 1
    return out


@st.composite
def object_keywords(draw: Any, value: dict[str, Any], depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {}

    def within(item: Any) -> Any:
        return draw(schemas(item, depth + 1, any_value=False)) if depth < DEEP else {}

    named = [name for name in value if draw(st.integers(0, 3))]
    absent = [name for name in NAMES if name not in value]
    out["properties"] = {name: within(value[name]) for name in named}
    for name in absent:
        if draw(st.integers(0, 3)) == 0:
            out["properties"][name] = draw(st.sampled_from([{"type": "integer"}, {}, {"const": 3}]))
    if draw(st.booleans()):
        out["required"] = [name for name in value if draw(st.booleans())]
    others = [name for name in value if name not in out["properties"]]
    choice = draw(st.integers(0, 3))
    if choice == 0 and not others:
        out["additionalProperties"] = False
    elif choice == 1 and others:
        out["additionalProperties"] = {"anyOf": [within(value[name]) for name in others]}
    elif choice == 2 and valid(value, {"patternProperties": {"^x": {"type": "string"}}}):
        out["patternProperties"] = {"^x": {"type": "string"}}
    elif choice == 3 and valid(value, {**out, "unevaluatedProperties": False}):
        out["unevaluatedProperties"] = False
    if draw(st.booleans()):
        out["minProperties"] = draw(st.integers(0, len(value)))
    if draw(st.booleans()):
        out["maxProperties"] = len(value) + draw(st.integers(0, 2))
    if draw(st.integers(0, 3)) == 0 and valid(value, {"propertyNames": {"maxLength": 2}}):
        out["propertyNames"] = {"maxLength": 2}
    if value and draw(st.booleans()):
        there = sorted(value)
        out["dependentRequired"] = {draw(st.sampled_from(NAMES)): [draw(st.sampled_from(there))]}
    if draw(st.integers(0, 3)) == 0:
        out["dependentSchemas"] = {draw(st.sampled_from(NAMES)): draw(schemas(value, depth + 1, any_value=False))}
    return out


@st.composite
def combinations(draw: Any, value: Any, depth: int) -> dict[str, Any]:
    """Keywords that combine schemas."""
    fits = schemas(value, depth + 1, any_value=False)
    other = schemas(depth=DEEP)
    choice = draw(st.integers(0, 5))
    if choice == 0:
        return {"allOf": [draw(fits), draw(fits)]}
    if choice == 1:
        return {"anyOf": draw(st.permutations([draw(fits), draw(other)]))}
    if choice == 2:
        branches = draw(st.permutations([draw(fits), draw(other)]))
        return {"oneOf" if valid(value, {"oneOf": branches}) else "anyOf": branches}
    if choice == 3:
        forbidden = draw(other)
        return {} if valid(value, forbidden) else {"not": forbidden}
    if choice == 4:
        condition = draw(other)
        if valid(value, condition):
            return {"if": condition, "then": draw(fits), "else": draw(other)}
        return {"if": condition, "then": draw(other), "else": draw(fits)}
    return {"const": value}


@pytest.mark.slow
@given(schemas(), st.integers(0, 2**32 - 1))
@settings(max_examples=150, derandomize=True, deadline=None)
def test_samples_of_random_schemas_validate(schema, seed):
    jsonschema.Draft202012Validator(schema).validate(sample_value(schema, np.random.default_rng(seed)))


@given(schemas(), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_sample_is_a_function_of_its_seed(schema, seed):
    once, again = (json.dumps(sample_value(schema, np.random.default_rng(seed))) for _ in range(2))
    assert once == again
