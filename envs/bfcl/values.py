"""How the Berkeley Function Calling Leaderboard compares one argument with its possible answers.

An answer list holds every value that is right; `""` in it says that the parameter may be left out. A value whose type
is that of the answers, and not the declared one, is a variable's name and is compared as it is. Each function here
gives the official error type, or None where the value is right.

JSON must be read with 5 and 5.0 apart: an integer is right for a float, and a float is wrong for an integer.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from toolgym.envs.bfcl.source import read_java, read_javascript

_INTEGERS = dict.fromkeys(("integer", "byte", "short", "long"), int)
_TEXTS = dict.fromkeys(("String", "any"), str)


@dataclass(frozen=True)
class Language:
    """The types that a language's function documents declare, and how its arguments are read.

    `read(text, type, item_type)` gives the value of an argument that is source text; None where arguments are values.
    """

    types: Mapping[str, type]
    nested: frozenset[str]
    unreadable: str = ""
    read: Callable[[str, str, str | None], Any] | None = None


PYTHON = Language(
    {
        **{"string": str, "integer": int, "float": float, "boolean": bool, "any": str},
        **{"array": list, "tuple": list, "dict": dict},
    },
    frozenset({"array", "tuple"}),
)
JAVA = Language(
    {
        **_INTEGERS,
        **_TEXTS,
        **{"float": float, "double": float, "boolean": bool, "char": str, "Set": set},
        **dict.fromkeys(("Array", "ArrayList", "Queue", "Stack"), list),
        **dict.fromkeys(("HashMap", "Hashtable"), dict),
    },
    frozenset({"Array", "ArrayList"}),
    "type_error:java",
    read_java,
)
OFFICIAL_JAVA = replace(JAVA, read=partial(read_java, official=True))
JAVASCRIPT = Language(
    {
        **_TEXTS,
        **{"integer": int, "Bigint": int, "float": float, "Boolean": bool, "dict": dict, "array": list},
    },
    frozenset({"array"}),
    "type_error:js",
    read_javascript,
)


def standardized(text: str) -> str:
    """`text` without spaces and `, . / - _ * ^`, in lower case, with double quotes for single ones."""
    return re.sub(r"[ ,./\-_*^]", "", text).lower().replace("'", '"')


def argument_error(value: Any, answers: list[Any], declared: Mapping[str, Any], language: Language) -> str | None:
    """Compares one argument with its possible answers; `declared` is its JSON schema."""
    name = declared.get("type") or ""
    items = declared.get("items")
    item_name = items.get("type") if name in language.nested and isinstance(items, Mapping) else None
    kind, item_kind = language.types.get(name), language.types.get(item_name or "")
    if language.read is None:
        value = _as_declared(value, name)
    elif not isinstance(value, str):
        return language.unreadable
    else:
        value = language.read(value, name, item_name)
    error, variable = _type_error(value, answers, kind, item_kind)
    if error is not None:
        return error
    if not variable:
        if kind is dict:
            return _dict_error(value, answers)
        if kind is list and item_kind is dict:
            return _dicts_error(value, answers)
        if kind is str:
            return None if standardized(value) in map(_standard, answers) else "value_error:string"
        if kind is list:
            return _list_error(value, answers)
    return None if value in answers else "value_error:others"


def _as_declared(value: Any, name: str) -> Any:
    if name == "tuple" and isinstance(value, tuple):
        return list(value)
    if name == "float" and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return value
    return value


def _standard(value: Any) -> Any:
    return standardized(value) if isinstance(value, str) else value


def _type_of(answers: list[Any]) -> type | None:
    """The type of the first answer that is a value."""
    return next((type(answer) for answer in answers if answer != ""), None)


def _type_error(
    value: Any, answers: list[Any], kind: type | None, item_kind: type | None = None
) -> tuple[str | None, bool]:
    """(the error or None, whether the value is a variable)."""
    expected = _type_of(answers)
    if type(value) is kind:
        variable = expected is not None and expected is not kind
        # An answer that is no list, as the "" of an optional parameter, asks nothing of the items.
        if item_kind is None or any(
            not isinstance(answer, list) or all(_type_error(item, answer, item_kind)[0] is None for item in value)
            for answer in answers
        ):
            return None, variable
        return "type_error:nested" if expected is kind else "type_error:simple", variable
    return (None if expected is not None and type(value) is expected else "type_error:simple"), True


def _list_error(value: list[Any], answers: list[Any]) -> str | None:
    """A list is right as a whole, in its order; an empty one also where the parameter may be left out."""
    given = list(map(_standard, value))
    choices = [list(map(_standard, answer)) for answer in answers if isinstance(answer, list | str)]
    return None if given in choices else "value_error:list/tuple"


def _dict_error(value: Mapping[str, Any], answers: list[Any]) -> str | None:
    """A dict is right if each of its keys has one of the values that one answer lists, and none is missing."""
    error: str | None = "dict_checker:unclear"
    for answer in answers:
        if isinstance(answer, Mapping):
            error = _one_dict_error(value, answer)
            if error is None:
                return None
    return error


def _one_dict_error(value: Mapping[str, Any], answer: Mapping[str, Any]) -> str | None:
    if any(key not in value and "" not in _choices(choices) for key, choices in answer.items()):
        return "value_error:dict_key"
    for key, given in value.items():
        if key not in answer:
            return "value_error:dict_key"
        if _standard(given) not in map(_standard, _choices(answer[key])):
            return "value_error:dict_value"
    return None


def _choices(answer: Any) -> list[Any]:
    """A key's possible values. Some Java rows have a bare string there, which no value equals: it is read by letter."""
    if isinstance(answer, str):
        return list(answer)
    return answer if isinstance(answer, list) else []


def _dicts_error(value: list[Any], answers: list[Any]) -> str | None:
    """A list of dicts is right if it is one answer, dict by dict, in its order."""
    error: str | None = "list_dict_checker:unclear"
    if not all(isinstance(item, Mapping) for item in value):
        return "type_error:nested"
    for answer in answers:
        if not isinstance(answer, list | str):
            continue
        if len(value) != len(answer):
            error = "value_error:list_dict_count"
            continue
        errors = (_dict_error(item, [choice]) for item, choice in zip(value, answer, strict=True))
        error = next((found for found in errors if found is not None), None)
        if error is None:
            return None
    return error
