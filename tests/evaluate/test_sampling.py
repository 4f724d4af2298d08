"""Sampled arguments satisfy the schema they were sampled from."""

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from toolgym.agents.sampling import sample_arguments, sample_value


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


def test_words_are_used_and_samples_repeat():
    schema = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    drawn = [sample_arguments(schema, np.random.default_rng(seed), ["Q7K2MZ"])["id"] for seed in range(40)]
    assert 20 <= drawn.count("Q7K2MZ") < 40
    assert drawn[5] == sample_arguments(schema, np.random.default_rng(5), ["Q7K2MZ"])["id"]


@pytest.mark.parametrize("schema", [{"$ref": "#/$defs/Missing"}, {"type": "string", "maxLength": 2}])
def test_odd_schemas_give_something(schema):
    jsonschema.validate(
        sample_value(schema, np.random.default_rng(0)), {k: v for k, v in schema.items() if k != "$ref"}
    )
