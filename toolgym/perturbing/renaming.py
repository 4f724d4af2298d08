"""`rename`: tools and parameters go by other plausible names."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from toolgym.mcp.arguments import unknown_tool
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall
from toolgym.perturbing.chance import Chance
from toolgym.perturbing.lexicon import FILLERS, NOUNS, VERBS
from toolgym.perturbing.names import Names
from toolgym.perturbing.session import Layer, Tools
from toolgym.trajectory import ToolResult

__all__ = ["Renaming", "new_names"]

_LONGEST = 64
"""Characters of a tool's name that chat endpoints take."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W_0-9A-Za-z]+")
_NOUN_FIRST = 0.25
"""The share of episodes in which what a tool is about stands before what it does."""

_JOINING = ("from", "to")
"""Words that are a name only by themselves."""

_Words = tuple[str, ...]


def new_names(tools: Sequence[ToolSpec], chance: Chance) -> Names:
    """Names of the tools and their parameters for one episode.

    A word is exchanged for the same other one wherever it stands, and all names are written in one style, snake_case or
    camelCase. No new name is an old one, and no two tools, or two parameters, have the same.
    """
    style = _camel if chance.share("style") < 0.5 else _snake
    tool_names = [tool.name for tool in tools]
    parameters = sorted({name for tool in tools for name in _parameters(tool)})
    noun_first = chance.share("order") < _NOUN_FIRST

    def for_tool(name: str) -> Iterator[_Words]:
        for part in range(4):
            words = _exchanged(name, chance, part, verb=True)
            yield (*words[1:], words[0]) if noun_first and len(words) > 1 else words
        yield _filled(name, "tool", chance)

    def for_parameter(name: str) -> Iterator[_Words]:
        for part in range(4):
            yield _exchanged(name, chance, part, verb=False)
        yield _filled(name, "parameter", chance)

    return Names(_map(tool_names, for_tool, style), _map(parameters, for_parameter, style))


def _parameters(tool: ToolSpec) -> Iterable[str]:
    properties = tool.input_schema.get("properties")
    return properties if isinstance(properties, dict) else ()


def _map(
    names: Sequence[str], candidates: Callable[[str], Iterator[_Words]], style: Callable[[_Words], str]
) -> dict[str, str]:
    """New names, each the first of its candidates that neither is an old name nor was given to another."""
    taken = {_folded(name) for name in names}
    out: dict[str, str] = {}
    for name in names:
        chosen = next((new for new in map(style, _endless(name, candidates)) if _fits(new, taken)), None)
        assert chosen is not None
        out[name] = chosen
        taken.add(_folded(chosen))
    return out


def _endless(name: str, candidates: Callable[[str], Iterator[_Words]]) -> Iterator[_Words]:
    """The candidates; then the last one numbered, and in the end a number alone."""
    last: _Words = ("name",)
    for last in candidates(name):
        yield last
    for number in range(2, 1000):
        yield (*last, str(number))
    number = 1
    while True:
        yield ("function", str(number))
        number += 1


def _fits(name: str, taken: set[str]) -> bool:
    return name[:1].isalpha() and len(name) <= _LONGEST and _folded(name) not in taken


@lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    """Names that differ only in style are the same: an agent could not tell which is which."""
    return re.sub(r"[^a-z0-9]", "", name.lower()) or name


@lru_cache(maxsize=4096)
def _split(name: str) -> _Words:
    return tuple(word.lower() for word in _WORD.findall(name) if word.isascii())


def _exchanged(name: str, chance: Chance, part: int, *, verb: bool) -> _Words:
    """The words of a name, each in the place of which there are others exchanged; `part` is the try."""
    out: list[str] = []
    words = _split(name)
    for place, word in enumerate(words):
        others = VERBS.get(word) if verb and place == 0 else NOUNS.get(word)
        if word in _JOINING and len(words) > 1:
            others = None
        if others:
            start = chance.rank("word", "verb" if verb and place == 0 else "noun", word)
            word = others[(start + part) % len(others)]
        out += word.split("_")
    return tuple(out)


def _filled(name: str, kind: str, chance: Chance) -> _Words:
    """The name with a word before it that says nothing."""
    return (chance.pick(FILLERS[kind], "filler", kind), *_split(name))


def _snake(words: _Words) -> str:
    return "_".join(words)


def _camel(words: _Words) -> str:
    return words[0] + "".join(word.capitalize() for word in words[1:]) if words else ""


class Renaming(Layer):
    """Lists the tools under the episode's names, and takes calls by these alone: the old names are unknown.

    A tool that the server adds during the episode keeps its own name.

    Args:
        names: of the episode.
    """

    __slots__ = ("_added", "names")

    def __init__(self, names: Names):
        self.names = names
        self._added: frozenset[str] = frozenset()

    def listed(self, tools: Tools) -> Tools:
        self._added = frozenset(tool.name for tool in tools if tool.name not in self.names.tools)
        return tuple(map(self.names.spec, tools))

    def sent(self, call: ToolCall) -> ToolCall | ToolResult:
        if call.name in self._added:
            return replace(call, arguments=self.names.old_arguments(call.arguments))
        found = self.names.original(call)
        if found is None:
            return unknown_tool(call.name)
        unknown = self.names.unknown_parameters(call)
        if unknown:
            problems = "; ".join(f"{name}: Unexpected keyword argument" for name in unknown)
            return ToolResult(f"Invalid arguments for {call.name}: {problems}.", None, True, "invalid_arguments")
        return found

    def heard(self, call: ToolCall, result: ToolResult) -> ToolResult:
        if not result.is_error:
            return result
        content = result.content and tuple(
            {**block, "text": self.names.error(block["text"])} if isinstance(block.get("text"), str) else block
            for block in result.content
        )
        return replace(result, text=self.names.error(result.text), content=content or None)

    def fork(self) -> "Renaming":
        twin = Renaming(self.names)
        twin._added = self._added
        return twin
