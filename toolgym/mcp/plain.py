"""Plain signatures: the JSON Schemas and the validator of functions whose types are the simplest ones, made directly.

FastMCP and pydantic take about two milliseconds for what most tools are: texts, numbers, flags and choices, with a
description and bounds. Here that takes some microseconds and gives the very same schemas and the very same errors; any
other function is left to them.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo
from pydantic_core import SchemaValidator, core_schema

__all__ = ["PlainSignature", "plain_signature"]

_TYPES: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}
_CORE: Final[dict[Any, Callable[..., Any]]] = {
    str: core_schema.str_schema,
    int: core_schema.int_schema,
    float: core_schema.float_schema,
    bool: core_schema.bool_schema,
}
_OBJECT: Final = {"additionalProperties": True, "type": "object"}
_RESULTS: Final[list[tuple[Any, dict[str, Any]]]] = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (list[str], {"items": {"type": "string"}, "type": "array"}),
    (list[dict[str, Any]], {"items": _OBJECT, "type": "array"}),
]
"""What tools return that is no object -> its schema; on the wire it is wrapped."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PARAMETER: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_KNOWN: Final = {"annotation", "description", "ge", "le"}
"""What may be said of a field."""


@dataclass(frozen=True, slots=True)
class PlainSignature:
    """What is known of a function, as FastMCP would tell it."""

    parameters: dict[str, Any]
    """The JSON Schema of its arguments."""
    output: dict[str, Any] | None
    """The JSON Schema of its result."""
    core: core_schema.ArgumentsSchema
    """What pydantic checks arguments by."""

    def validator(self) -> Callable[[Any], Any]:
        """What makes (positional, named) arguments of a dict, or raises a `ValidationError`."""
        return SchemaValidator(self.core).validate_python


def plain_signature(fn: Callable[..., Any], name: str) -> PlainSignature | None:
    """The signature of a function whose types are resolved; None where it is not plain.

    Args:
        fn: the function.
        name: the tool's name.
    """
    doc = fn.__doc__
    if not doc or "\n" in doc or doc != doc.strip() or not _NAME.fullmatch(name):
        return None
    signature = inspect.signature(fn)
    properties: dict[str, Any] = {}
    required: list[str] = []
    core: list[Any] = []
    for parameter in signature.parameters.values():
        found = _parameter(parameter)
        if found is None:
            return None
        properties[parameter.name], made = found
        core.append(made)
        if parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
    output = _output(signature.return_annotation)
    if output is None:
        return None
    parameters = {"additionalProperties": False, "properties": properties}
    if required:
        parameters["required"] = required
    return PlainSignature({**parameters, "type": "object"}, output, core_schema.arguments_schema(core))


def _output(annotation: Any) -> dict[str, Any] | None:
    if annotation == dict[str, Any]:
        return dict(_OBJECT)
    for known, schema in _RESULTS:
        if annotation is known or annotation == known:
            wrapped = {"properties": {"result": schema}, "required": ["result"], "type": "object"}
            return {**wrapped, "x-fastmcp-wrap-result": True}
    return None


def _parameter(parameter: inspect.Parameter) -> tuple[dict[str, Any], Any] | None:
    if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD or not _PARAMETER.fullmatch(parameter.name):
        return None
    told: dict[str, Any] = {}
    bounds: dict[str, Any] = {}
    annotation = parameter.annotation
    if get_origin(annotation) is Annotated:
        annotation, *notes = get_args(annotation)
        if len(notes) != 1 or not isinstance(notes[0], FieldInfo):
            return None
        known = _noted(notes[0])
        if known is None:
            return None
        told, bounds = known
    made = _typed(annotation, bounds)
    if made is None:
        return None
    schema, core = made
    if told:
        schema["description"] = told["description"]
    if parameter.default is not inspect.Parameter.empty:
        if parameter.default is not None and type(parameter.default) not in _TYPES:
            return None
        schema["default"] = parameter.default
        core = core_schema.with_default_schema(core, default=parameter.default)
    ordered = {key: schema[key] for key in sorted(schema)}
    return ordered, core_schema.arguments_parameter(parameter.name, core, mode="positional_or_keyword")


def _noted(note: FieldInfo) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The description and the bounds of a field that says nothing else."""
    if not _KNOWN.issuperset(note._attributes_set):
        return None
    bounds: dict[str, Any] = {}
    for bound in note.metadata:
        if isinstance(bound, Ge) and type(bound.ge) is int:
            bounds["ge"] = bound.ge
        elif isinstance(bound, Le) and type(bound.le) is int:
            bounds["le"] = bound.le
        else:
            return None
    return ({} if note.description is None else {"description": note.description}), bounds


def _typed(annotation: Any, bounds: Mapping[str, Any]) -> tuple[dict[str, Any], Any] | None:
    """The JSON Schema of a type, and what checks it."""
    if annotation is int:
        names = {"ge": "minimum", "le": "maximum"}
        return {"type": "integer", **{names[key]: bounds[key] for key in bounds}}, core_schema.int_schema(**bounds)
    if bounds:
        return None
    if annotation in (str, float, bool):
        return {"type": _TYPES[annotation]}, _CORE[annotation]()
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal and len(parts) > 1 and all(type(part) is str for part in parts):
        return {"enum": list(parts), "type": "string"}, core_schema.literal_schema(list(parts))
    if origin in (Union, UnionType) and len(parts) == 2 and parts[1] is NoneType:
        inner = _typed(parts[0], {})
        if inner is not None:
            return {"anyOf": [inner[0], {"type": "null"}]}, core_schema.nullable_schema(inner[1])
    return None
