"""Tools of rows as `ToolSpec`s: OpenAI's form, MCP's, and the flat one of xLAM, whose types are Python's."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from toolgym import _json
from toolgym.envs.calls.errors import RowError
from toolgym.mcp.session import ToolSpec

_TYPES = {
    "any": None,
    "array": "array",
    "bool": "boolean",
    "boolean": "boolean",
    "dict": "object",
    "double": "number",
    "float": "number",
    "hashmap": "object",
    "int": "integer",
    "integer": "integer",
    "list": "array",
    "long": "integer",
    "null": "null",
    "number": "number",
    "object": "object",
    "set": "array",
    "str": "string",
    "string": "string",
    "tuple": "array",
}
_SCHEMA_KEYS = ("parameters", "inputSchema", "input_schema", "arguments")
_OPTIONAL = re.compile(r",?\s*optional\b.*$", re.IGNORECASE | re.DOTALL)
_DEEPEST = 32
_KEPT = 4096
"""Tools that are kept read."""


def read_tools(value: Any) -> tuple[ToolSpec, ...]:
    """The tools of a row; of several with one name the first.

    Raises:
        RowError: they are no list of tools.
    """
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list | tuple):
        raise RowError(f"`tools` is a list of tools, not {value!r:.80}")
    found: dict[str, ToolSpec] = {}
    for item in value:
        try:
            data = _json.dumps(item)
        except TypeError as error:
            raise RowError(f"a tool is no JSON: {error}") from error
        spec = _tool(data)
        found.setdefault(spec.name, spec)
    return tuple(found.values())


@lru_cache(maxsize=_KEPT)
def _tool(data: bytes) -> ToolSpec:
    """The tool of its JSON: rows of one data set have tools in common."""
    item = _json.loads(data)
    form = item.get("function", item) if isinstance(item, Mapping) else None
    if not isinstance(form, Mapping) or not isinstance(form.get("name"), str) or not form["name"]:
        raise RowError(f"a tool has a `name` and `parameters`, which {item!r:.120} has not")
    schema = next((form[key] for key in _SCHEMA_KEYS if form.get(key) is not None), {})
    if not isinstance(schema, Mapping):
        raise RowError(f"the parameters of the tool {form['name']!r} are no object: {schema!r:.80}")
    description = form.get("description")
    schema = _as_schema(schema, 0) if _is_schema(schema) else _of_flat(schema)
    return ToolSpec(form["name"], description if isinstance(description, str) else "", schema)


def _is_schema(schema: Mapping[str, Any]) -> bool:
    """Whether it is a JSON Schema of the parameters, and not the parameters themselves."""
    return not schema or isinstance(schema.get("type"), str) or ("properties" in schema and "type" not in schema)


def _of_flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`{parameter: {"type": "str, optional", "description": …, "default": …}}` as a JSON Schema."""
    properties, required = {}, []
    for name, said in parameters.items():
        if not isinstance(said, Mapping):
            raise RowError(f"the parameter {name!r} is no object: {said!r:.80}")
        kind = said.get("type")
        spared = "default" in said or said.get("required") is False
        if not spared and not (isinstance(kind, str) and _OPTIONAL.search(kind)):
            required.append(name)
        schema = _as_schema({key: value for key, value in said.items() if key != "required"}, 0)
        properties[name] = schema
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _as_schema(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """A JSON Schema whose types may be Python's (`dict`, `float`, `List[int]`)."""
    if depth > _DEEPEST:
        raise RowError("a tool's parameters are nested too deep")
    out: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, str):
            out |= _typed(value)
        elif key == "properties" and isinstance(value, Mapping):
            inner = {name: item for name, item in value.items() if isinstance(item, Mapping)}
            out[key] = {name: _as_schema(item, depth + 1) for name, item in inner.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, Mapping):
            out[key] = _as_schema(value, depth + 1)
        elif key == "required":
            if isinstance(value, list | tuple):
                out[key] = [name for name in value if isinstance(name, str)]
        else:
            out[key] = value
    return out


def _typed(text: str) -> dict[str, Any]:
    """The schema of a type's name; empty where any value will do."""
    text = _OPTIONAL.sub("", text).strip()
    outer, bracket, inner = text.partition("[")
    name = outer.strip().lower()
    if name == "optional" and bracket:
        return _typed(inner.removesuffix("]"))
    kind = _TYPES.get(name)
    if kind is None:
        return {}
    if kind == "array" and bracket and "," not in inner:
        return {"type": kind, "items": _typed(inner.removesuffix("]"))}
    return {"type": kind}
