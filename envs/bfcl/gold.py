"""The ground truths of BFCL as calls: of the right values the first; for Java and JavaScript as source text."""

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toolgym.errors import TaskError
from toolgym.tasks import GoldCall

__all__ = ["gold_calls", "gold_turns"]


def gold_calls(case: Mapping[str, Any], name_of: Callable[[str], str]) -> tuple[GoldCall, ...]:
    """The calls of a single-turn case; where any call is right, one without arguments.

    Args:
        case: the row.
        name_of: gives the name that the agent knows a function by.
    """
    if case["category"] == "live_relevance":
        return (GoldCall(name=name_of(case["function"][0]["name"])),)
    schemas = {function["name"]: function["parameters"] for function in case["function"]}
    source = _SOURCES.get(case["category"])
    calls = []
    for answer in case["ground_truth"]:
        ((name, values),) = answer.items()
        properties, required = schemas[name].get("properties", {}), schemas[name].get("required", [])
        arguments: dict[str, Any] = {}
        for key, options in values.items():
            value = "" if options == [""] and key in required else _first(options)
            if value is _LEFT_OUT or (key not in properties and "" in options):
                continue
            arguments[key] = value if source is None else source(value, properties.get(key, {}))
        calls.append(GoldCall(name=name_of(name), arguments=arguments))
    return tuple(calls)


def gold_turns(case: Mapping[str, Any], tools: Sequence[Mapping[str, Any]]) -> list[tuple[GoldCall, ...]]:
    """The calls of a multi-turn case, turn by turn.

    Args:
        case: the row.
        tools: its tools, whose parameters name the arguments that are given without a name.
    """
    names = {tool["name"]: list(tool["parameters"].get("properties", {})) for tool in tools}
    return [tuple(_call(text, names) for text in turn) for turn in case["ground_truth"]]


def _call(text: str, names: Mapping[str, Sequence[str]]) -> GoldCall:
    node = ast.parse(text.strip(), mode="eval").body
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise TaskError(f"the ground truth has {text!r}, which is no call")
    given = zip(names.get(node.func.id, ()), map(ast.literal_eval, node.args), strict=False)
    named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    return GoldCall(name=node.func.id, arguments={**dict(given), **named})


class _LeftOut:
    """Stands for a parameter that may be left out."""


_LEFT_OUT = _LeftOut()


def _first(options: Any) -> Any:
    """The first of the values that are right; an empty text says that the parameter may be left out."""
    if not isinstance(options, list):
        return options
    if "" in options and options != [""]:
        options = [option for option in options if option != ""]
    if not options or options == [""]:
        return _LEFT_OUT
    return _value(options[0])


def _value(value: Any) -> Any:
    """A value in which each field of an object lists the values that are right."""
    if isinstance(value, dict):
        fields = {key: _first(options) for key, options in value.items()}
        return {key: field for key, field in fields.items() if field is not _LEFT_OUT}
    if isinstance(value, list):
        return [_value(item) for item in value]
    return value


def _java(value: Any, schema: Mapping[str, Any]) -> str:
    kind, item_kind = schema.get("type"), (schema.get("items") or {}).get("type", "")
    if isinstance(value, list):
        items = ", ".join(_java_item(item, item_kind) for item in value)
        boxed = {"integer": "Integer", "long": "Long"}.get(item_kind, item_kind if item_kind == "String" else "Object")
        return f"new ArrayList<{boxed}>(Arrays.asList({items}))" if kind == "ArrayList" else f"new {boxed}[]{{{items}}}"
    if isinstance(value, dict):
        puts = " ".join(f'put("{key}", {_java_item(item, "")});' for key, item in value.items())
        return f"new HashMap<String, Object>() {{{{ {puts} }}}}"
    return _plain(value) + {"long": "L", "float": "f"}.get(str(kind), "") * (not isinstance(value, str))


def _java_item(value: Any, kind: str) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return _java(value, {"type": kind})


def _javascript(value: Any, schema: Mapping[str, Any]) -> str:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return _plain(value) + "n" * (schema.get("type") == "Bigint" and not isinstance(value, str))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_SOURCES = {"simple_java": _java, "simple_javascript": _javascript}
"""Category -> how a value is written in its language."""
