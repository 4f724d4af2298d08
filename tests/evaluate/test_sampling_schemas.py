"""Sampled arguments validate whatever keywords of JSON Schema a foreign server uses, and nothing it writes raises."""

import json
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema.validators import validator_for

from toolgym.mcp.session import ToolSpec
from toolgym.sampling import sample_arguments, sample_value
from toolgym.spaces import Message


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
OBJECT = {"type": "object"}
TREE = {
    "oneOf": [
        {
            "type": "object",
            "properties": {"op": {"enum": ["+", "*"]}, "left": {"$ref": "#"}, "right": {"$ref": "#"}},
            "required": ["op", "left", "right"],
            "additionalProperties": False,
        },
        {"type": "object", "properties": {"value": WHOLE}, "required": ["value"], "additionalProperties": False},
    ]
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "a tuple": {"type": "array", "prefixItems": [TEXT, WHOLE], "items": False, "minItems": 2},
    "a tuple of old": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "array",
        "items": [TEXT, WHOLE],
        "additionalItems": False,
        "minItems": 2,
    },
    "several names of an open pattern": {
        **OBJECT,
        "patternProperties": {"^x-": WHOLE},
        "additionalProperties": False,
        "minProperties": 3,
    },
    "anyOf beside properties": {
        **OBJECT,
        "properties": {"a": TEXT, "b": WHOLE},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "required alternatives": {**OBJECT, "anyOf": [{"required": ["x"]}, {"required": ["y", "z"]}]},
    "one of two keys": {
        **OBJECT,
        "properties": {"a": TEXT, "b": WHOLE},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "allOf": {
        "allOf": [
            {**OBJECT, "properties": {"a": WHOLE}, "required": ["a"]},
            {"properties": {"a": {"minimum": 40}, "b": TEXT}, "required": ["b"]},
        ]
    },
    "a map": {**OBJECT, "additionalProperties": WHOLE, "minProperties": 2},
    "a map by pattern": {
        **OBJECT,
        "patternProperties": {"^x-[a-z]+$": WHOLE},
        "additionalProperties": False,
        "minProperties": 1,
    },
    "a map by name": {**OBJECT, "propertyNames": {"pattern": "^[A-Z]{3}$"}, "minProperties": 3, "maxProperties": 3},
    "unique": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 3},
    "contains": {"type": "array", "items": WHOLE, "contains": {"minimum": 50}, "minContains": 2, "maxContains": 2},
    "dependentRequired": {
        **OBJECT,
        "properties": {"card": TEXT, "address": TEXT},
        "dependentRequired": {"card": ["address", "city"]},
    },
    "dependentSchemas": {
        **OBJECT,
        "properties": {"card": TEXT},
        "required": ["card"],
        "dependentSchemas": {"card": {"properties": {"address": {"minLength": 9}}, "required": ["address"]}},
    },
    "if": {
        **OBJECT,
        "properties": {"kind": {"enum": ["car", "boat"]}, "wheels": WHOLE},
        "required": ["kind"],
        "if": {"properties": {"kind": {"const": "car"}}},
        "then": {"required": ["wheels"]},
        "else": {"properties": {"wheels": False}},
    },
    "not a type": {"not": {"type": ["string", "object"]}},
    "not a value": {"enum": ["a", "b", "c"], "not": {"enum": ["a", "b"]}},
    "not required": {**OBJECT, "properties": {"a": TEXT}, "not": {"required": ["a"]}},
    "not a member's value": {**OBJECT, "not": {"properties": {"a": {"type": "integer"}}}},
    "const": {"const": {"a": [1, None]}},
    "enum beside a type": {"type": "string", "enum": [1, None, "only"]},
    "enum beside bounds": {"enum": [1, 5, 9], "minimum": 4, "maximum": 6},
    "a tree": TREE,
    "an anchor": {"$defs": {"n": {"$anchor": "n", **WHOLE}}, "type": "array", "items": {"$ref": "#n"}, "minItems": 1},
    "a reference and more": {"$defs": {"n": WHOLE}, "$ref": "#/$defs/n", "minimum": 70, "maximum": 70},
    "a pointer with escapes": {"$defs": {"a/b c": WHOLE}, "$ref": "#/$defs/a~1b%20c"},
    "whole multiples": {"type": "integer", "multipleOf": 7, "minimum": 20, "maximum": 30},
    "decimal multiples": {"type": "number", "multipleOf": 0.05, "minimum": 0.1, "maximum": 0.4},
    "multiples of two": {"allOf": [{"type": "integer", "multipleOf": 4}, {"multipleOf": 6}, {"minimum": 1}]},
    "both bounds": {"type": "integer", "minimum": 3, "exclusiveMinimum": 3, "maximum": 5, "exclusiveMaximum": 5},
    "large bounds": {"type": "number", "minimum": -1.7e308, "maximum": 1.7e308},
    "above 2^53": {"type": "integer", "minimum": 2**60, "maximum": 2**60 + 1},
    "a pattern": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
    "a pattern and lengths": {"type": "string", "pattern": "^[a-z]+(-[a-z]+)*$", "minLength": 15, "maxLength": 15},
    "two patterns": {"type": "string", "allOf": [{"pattern": "^[a-z0-9]{1,8}$"}, {"pattern": "[0-9]"}]},
    "a pattern that looks ahead": {"type": "string", "pattern": "^(?=.*[A-Z])(?=.*[0-9]).{8,}$"},
    "unevaluated": {
        "allOf": [{**OBJECT, "properties": {"a": WHOLE}}],
        "properties": {"b": TEXT},
        "unevaluatedProperties": False,
        "minProperties": 2,
    },
    "no further items": {"type": "array", "prefixItems": [WHOLE], "unevaluatedItems": False, "minItems": 1},
    "types": {"type": ["array", "null", "object"], "minItems": 1, "minProperties": 1},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_samples_validate_whatever_the_keyword(name):
    schema = SCHEMAS[name]
    validator = validator_for(schema, default=jsonschema.Draft202012Validator)(schema)
    for seed in range(40):
        validator.validate(sample_value(schema, rng(seed)))


@pytest.mark.parametrize("keyword", ["properties", "required", "additionalProperties", "enum", "anyOf", "minLength"])
def test_a_keyword_that_is_null_is_none(keyword):
    field = {"type": "object", "properties": {"a": TEXT}, "required": ["a"], keyword: None}
    assert isinstance(sample_value(field, rng(0)), dict)
    assert isinstance(sample_arguments(field, rng(0)), dict)
    nulls = {"type": "object", "properties": {"x": {"not": WHOLE, keyword: None}}, "required": ["x"]}
    assert not isinstance(sample_arguments(nulls, rng(0))["x"], int)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.sampled_from(["a", "#", "#/a", "("]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "type", "not", "$ref"]), inner),
    max_leaves=5,
)
KEYWORDS = sorted(
    {name for schema in SCHEMAS.values() for name in schema} | {"exclusiveMaximum", "format", "$dynamicRef"}
)


@given(st.dictionaries(st.sampled_from(KEYWORDS), JSON, max_size=4), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_no_schema_makes_a_sample_raise(schema, seed):
    """Keywords with values of every wrong type."""
    json.dumps(sample_value(schema, rng(seed)))
    space = Message([ToolSpec("tool", "", schema)], seed=seed)
    assert space.sample().startswith("<tool_call>")


LINKS = 30
CHAIN = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(LINKS)} | {f"d{LINKS}": TEXT}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": CHAIN, "$ref": "#/$defs/d0"},  # 2^30 references
        {"$defs": CHAIN, "not": {"$ref": "#/$defs/d0"}},
        {"allOf": [{"not": {"$ref": "#"}}]},
        {"oneOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"type": "array", "items": {"not": {}}, "minItems": 1000},
        {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "minItems": 3},
        {"type": "integer", "minimum": 5, "maximum": 3},
        {"type": "integer", "minimum": 10**400},
        {"type": "number", "multipleOf": 5e-324},
        {"type": "string", "pattern": "^(a+)+$", "minLength": 5000, "not": {"pattern": "^(a+)+$"}},
        {"type": "string", "pattern": "((((){99}){99}){99}){99}b"},
        {
            "type": "object",
            "patternProperties": {"^(a|a)*$": TEXT},
            "unevaluatedProperties": False,
            "required": ["a" * 60 + "!"],
        },
        {"enum": [], "type": "string"},
        {"$ref": "http://127.0.0.1:9/schema.json", "minProperties": 1},
    ],
)
def test_what_cannot_be_met_gives_the_closest_try_in_bounded_time(schema):
    sample_value(schema, rng(0))
    assert isinstance(sample_arguments(schema, rng(0)), dict)


def test_formats_are_kept_to_and_words_that_fit_are_used():
    checker = jsonschema.FormatChecker()
    for name in ("date", "email", "ipv4", "ipv6", "uuid", "regex", "idn-email"):
        for seed in range(20):
            checker.check(sample_value({"type": "string", "format": name}, rng(seed), ["no date", "x"]), name)
    dates = [sample_value({"type": "string", "format": "date"}, rng(seed), ["ann", "2024-05-01"]) for seed in range(40)]
    assert 20 <= dates.count("2024-05-01") < 40
    assert "ann" not in dates
