"""Sampled arguments satisfy the schema they were sampled from."""

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from toolgym.sampling import sample_arguments, sample_value


class Passenger(BaseModel):
    name: str
    age: int = Field(ge=1, le=120)


class Booking(BaseModel):
    """The constructs that pydantic writes for a tool's arguments: nesting, references, alternatives, bounds."""

    cabin: str = Field(pattern=None, json_schema_extra={"enum": ["economy", "business"]})
    passengers: list[Passenger] = Field(min_length=1, max_length=4)
    note: str | None = None
    price: float = Field(gt=0, le=500)
    bags: int = Field(gt=0, lt=3)
    confirmed: bool = False
    code: str = Field(min_length=3, max_length=5)


SCHEMAS = [
    Booking.model_json_schema(),
    {"type": "object", "properties": {"a": {"const": 3}, "b": {"type": ["integer", "null"]}}, "required": ["a", "b"]},
    {"type": "object", "properties": {"x": {"allOf": [{"type": "integer"}, {"minimum": 5, "maximum": 6}]}}},
    {"type": "object", "properties": {"x": {"type": "integer", "maximum": -3}, "y": {"type": "number", "minimum": 7}}},
    {"type": "object", "properties": {"free": True, "more": {}}, "required": ["free", "more"]},
]


@given(st.sampled_from(SCHEMAS), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_samples_satisfy_the_schema(schema, seed):
    arguments = sample_arguments(schema, np.random.default_rng(seed), ["ABC123", "ann", "x"])
    jsonschema.validate(arguments, schema)


def test_a_schema_that_contains_itself_ends():
    tree = {
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {"child": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}},
                "required": ["child"],
            }
        },
        "$ref": "#/$defs/Node",
    }
    for seed in range(30):
        jsonschema.validate(sample_value(tree, np.random.default_rng(seed)), tree)


@pytest.mark.parametrize("optional", ["null first", "null last"])
def test_where_null_stands_does_not_matter(optional):
    node = {"type": "object", "properties": {"child": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}
    if optional == "null first":
        node["properties"]["child"]["anyOf"].reverse()
    node["required"] = ["child"]
    for seed in range(30):
        jsonschema.validate(sample_value(node, np.random.default_rng(seed)), node)


@pytest.mark.parametrize(
    "endless",
    [
        {"type": "object", "properties": {"child": {"$ref": "#"}}, "required": ["child"]},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
        {"allOf": [{"$ref": "#"}]},
        {"anyOf": [{"$ref": "#"}]},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 1000},
        {"type": "array", "minItems": 10**12},
        {"type": "string", "minLength": 10**12},
    ],
)
@pytest.mark.timeout(120)
def test_what_can_never_end_is_cut(endless):
    sample_value(endless, np.random.default_rng(0))


def test_words_are_used_and_samples_repeat():
    schema = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    drawn = [sample_arguments(schema, np.random.default_rng(seed), ["Q7K2MZ"])["id"] for seed in range(40)]
    assert 20 <= drawn.count("Q7K2MZ") < 40
    assert drawn[5] == sample_arguments(schema, np.random.default_rng(5), ["Q7K2MZ"])["id"]


@pytest.mark.parametrize(
    ("bounds", "type_"),
    [
        ({"exclusiveMinimum": 0, "maximum": 1}, "number"),
        ({"exclusiveMaximum": 1, "minimum": 1 - 1e-9}, "number"),
        ({"minimum": 0.124, "maximum": 1.126}, "number"),
        ({"minimum": 0.5, "maximum": 1.5}, "integer"),
        ({"exclusiveMinimum": 0.5, "exclusiveMaximum": 2}, "integer"),
        ({"minimum": -(10**30)}, "integer"),
        ({"maximum": 10**30}, "integer"),
    ],
)
def test_bounds_are_kept_to(bounds, type_):
    schema = {"type": type_, **bounds}
    for seed in range(50):
        jsonschema.validate(sample_value(schema, np.random.default_rng(seed)), schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/Missing"},
        {"$ref": "#/type/a"},
        {"type": "string", "maxLength": 2},
        {"type": "array", "items": False, "maxItems": 0},
    ],
)
def test_odd_schemas_give_something(schema):
    jsonschema.validate(
        sample_value(schema, np.random.default_rng(0)), {k: v for k, v in schema.items() if k != "$ref"}
    )
