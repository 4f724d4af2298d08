"""Which tools feed which: whose outputs another tool's parameters are filled from."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolgym.mcp.session import ToolSpec
from toolgym.retrieval.words import fields_of, words

__all__ = ["Feeding"]

_IDENTIFIER = re.compile(
    r"(?:^|[^a-z])(?:ids?|numbers?|codes?|keys?|ref|reference)$|(?:Ids?|Number|Code|Key|Ref|Reference)$"
)
"""What the name of an identifier ends with."""
_GENERIC = frozenset(("code", "key", "name", "number", "reference"))
"""Words of identifiers that say nothing of whose identifier it is."""


class Feeding:
    """What may fill a parameter that is an identifier: a date, a city or an amount is the user's to say.

    A tool feeds a parameter that its output schema declares a field of the same words for, of a type that fits. Where
    no schema does, the tools feed it that only read and whose name or description speaks of what it identifies
    (`cyclistId`: of a cyclist).

    Of these, a *source* takes no parameter of the same words itself: it can be called before anybody knows the value.
    The others show more of what is known.

    Args:
        names: of the tools, sorted: a place is an index into these.
        tools: by name.
    """

    def __init__(self, names: Sequence[str], tools: Mapping[str, ToolSpec]):
        self._names, self._tools = names, tools
        declared: dict[tuple[str, ...], list[tuple[int, str]]] = {}
        mentions: dict[str, list[int]] = {}
        takers: dict[tuple[str, ...], list[int]] = {}
        for place, name in enumerate(names):
            tool = tools[name]
            for field, kind in fields_of(tool.output_schema).items():
                if key := words(field):
                    declared.setdefault(key, []).append((place, kind))
            for parameter in self.parameters(place):
                takers.setdefault(words(parameter), []).append(place)
            if tool.writes is not True:
                for word in {*words(name), *words(tool.description)}:
                    mentions.setdefault(word, []).append(place)
        self._declared, self._takers = declared, takers
        self._mentions = {word: np.array(places) for word, places in mentions.items()}
        self._known: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}

    def parameters(self, place: int) -> dict[str, str]:
        """A tool's own parameters and their types."""
        schema: Any = self._tools[self._names[place]].input_schema
        properties = schema.get("properties") if isinstance(schema, dict) else None
        return {name: _type(value) for name, value in properties.items()} if isinstance(properties, dict) else {}

    def of(self, parameter: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """The places of the tools that may fill a parameter of that name and type: the sources, and the others."""
        key = parameter, kind
        if key not in self._known:
            found, told = self._found(parameter, kind), words(parameter)
            takes = np.zeros(len(self._names), bool)  # not `np.isin`, whose first use imports numpy.ma: 12 ms
            takes[self._takers.get(told, [])] = True
            others = takes[found]
            self._known[key] = found[~others], found[others]
        return self._known[key]

    def _found(self, parameter: str, kind: str) -> np.ndarray:
        if not _IDENTIFIER.search(parameter):
            return np.array([], dtype=int)
        told = words(parameter)
        declared = {place for place, other in self._declared.get(told, ()) if not (kind and other and kind != other)}
        if declared:
            return np.array(sorted(declared))
        none = np.array([], dtype=int)
        sought = [self._mentions.get(word, none) for word in dict.fromkeys(told) if word not in _GENERIC]
        found = sought[0] if sought else none
        for places in sought[1:]:
            found = np.intersect1d(found, places, assume_unique=True)
        return found


def _type(schema: Any) -> str:
    """A schema's type; empty where it has none, or several."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    return kind if isinstance(kind, str) else ""
