"""`reorder`: the same tools, schemas and results in another order."""

import json
from dataclasses import replace
from typing import Any

from toolgym import _json
from toolgym.messages import ToolCall
from toolgym.perturbing.chance import Chance
from toolgym.perturbing.session import Layer, Tools
from toolgym.trajectory import ToolResult

__all__ = ["Reordering"]

_NESTED = (dict, list)


class Reordering(Layer):
    """Changes the order of tools, of the parameters and enum values of their schemas, and of the keys of results.

    Lists keep their order: it may mean something. A key has the same place beside the same other keys throughout an
    episode. A result is written anew only where nothing but the order of its keys changes by that.

    Args:
        chance: the episode's choices.
    """

    __slots__ = ("_chance", "_orders")

    def __init__(self, chance: Chance):
        self._chance = chance
        self._orders: dict[tuple[str, ...], tuple[str, ...]] = {}
        """Keys as they came -> as they are shown. Shared by forks: it holds nothing that they could tell apart."""

    def listed(self, tools: Tools) -> Tools:
        by_name = {tool.name: tool for tool in tools}
        return tuple(
            replace(by_name[name], input_schema=self._schema(by_name[name].input_schema))
            for name in self._chance.shuffled(by_name, "tool")
        )

    def heard(self, call: ToolCall, result: ToolResult) -> ToolResult:
        if result.is_error or result.content is not None or result.text[:1] not in ("{", "["):
            return result
        value = result.structured
        if type(value) is dict and "result" in value and len(value) == 1 and result.text[:10] != '{"result":':
            value = value["result"]
        write = _writer(value, result.text) if value is not None else None
        if write is None:  # the text is something else than the structured content
            try:
                value = _json.loads(result.text)
            except ValueError:
                return result
            write = _writer(value, result.text)
        if write is None:
            return result
        try:
            shown = self._keys(value)
            structured = shown if value is result.structured else self._keys(result.structured)
            return ToolResult(write(shown), structured, False, result.outcome)
        except RecursionError:  # nobody reads what is nested so deep
            return result

    def _keys(self, value: Any) -> Any:
        """The value with the keys of its objects in the episode's order."""
        keys_of = self._keys
        if type(value) is dict:
            keys = tuple(value)
            out = {}
            for key in self._orders.get(keys) or self._order(keys):
                item = value[key]
                out[key] = keys_of(item) if type(item) in _NESTED else item
            return out
        if type(value) is list:
            return [keys_of(item) if type(item) in _NESTED else item for item in value]
        return value

    def _order(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        order = tuple(self._chance.shuffled(keys, "key"))
        if len(self._orders) < 1000:  # objects whose keys are data would fill it without end
            self._orders[keys] = order
        return order

    def _schema(self, schema: Any, names: bool = False) -> Any:
        """A schema with its parameters and enum values in the episode's order; `names`: its keys are names."""
        if isinstance(schema, list):
            return [self._schema(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        keys = self._chance.shuffled(schema, "parameter") if names else schema
        out: dict[str, Any] = {}
        for key in keys:
            value = schema[key]
            if names:
                out[key] = self._schema(value)
            elif key in ("properties", "patternProperties", "$defs", "definitions"):
                out[key] = self._schema(value, names=True)
            elif key in ("enum", "required") and isinstance(value, list):
                out[key] = self._values(value)
            else:
                out[key] = value if key in ("const", "default", "examples") else self._schema(value)
        return out

    def _values(self, values: list[Any]) -> list[Any]:
        written = {_json.dumps(value).decode(): value for value in values}
        return [written[text] for text in self._chance.shuffled(written, "value")]


def _compact(value: Any) -> str:
    return _json.dumps(value).decode()


def _spaced(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _escaped(value: Any) -> str:
    return json.dumps(value)


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _writer(value: Any, text: str) -> Any:
    """What writes the value as the server did; None where none of the usual forms gives the same text."""
    try:
        return next((write for write in (_compact, _spaced, _escaped, _indented) if write(value) == text), None)
    except (ValueError, TypeError, RecursionError):
        return None
