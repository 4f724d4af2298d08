"""YAML, JSON and JSON Lines read as plain JSON values, with the line on which each of them stands."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, cast

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from toolgym.errors import TaskError

__all__ = ["Located", "read_json", "read_json_lines", "read_yaml"]

Path = tuple[str | int, ...]
_MAX_VALUES = 1_000_000
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "~": None, "": None}


@dataclass
class Located:
    """A value, and where its parts stand."""

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)
    """Path into the value -> line number, from 1."""

    def line(self, path: Path) -> int:
        """The line of the part at a path, or of the nearest part around it that is known."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str) -> Located:
    """One YAML document. Scalars are what JSON has: `no` is a string, and so is a date.

    Raises:
        TaskError: no YAML, a key that comes twice, or a value that JSON does not have; the message names the line.
    """
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise TaskError(f"line {line}: {error.problem or 'not YAML'}") from error
    except yaml.YAMLError as error:
        raise TaskError(f"not YAML: {error}") from error
    located = Located(None)
    if root is not None:
        located.value = _Builder(located.lines).build(root, ())
    return located


def read_json(text: str) -> Located:
    """One JSON document.

    Raises:
        TaskError: no JSON; the message names the line.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise TaskError(f"line {error.lineno}: {error.msg}") from error
    try:  # JSON is YAML, apart from tabs; its lines are found by reading it as such
        return Located(value, read_yaml(text.replace("\t", " ")).lines)
    except TaskError:
        return Located(value)


def read_json_lines(text: str) -> Located:
    """JSON Lines, as a list.

    Raises:
        TaskError: a line is no JSON; the message names it.
    """
    located = Located([])
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            located.value.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise TaskError(f"line {number}: {error.msg}") from error
        located.lines[(len(located.value) - 1,)] = number
    return located


class _Builder:
    """Makes values of YAML's nodes."""

    def __init__(self, lines: dict[Path, int]):
        self._lines = lines
        self._left = _MAX_VALUES

    def build(self, node: Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self._lines.setdefault(path, line)
        self._left -= 1
        if self._left < 0:  # aliases of aliases multiply
            raise TaskError(f"line {line}: more than {_MAX_VALUES} values")
        if len(path) > 100:
            raise TaskError(f"line {line}: nested deeper than 100 levels")
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        return _scalar(cast(ScalarNode, node))

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                raise TaskError(f"line {line}: a key must be a plain word")
            key = key_node.value
            if key in out:
                raise TaskError(f"line {line}: the key {key!r} comes twice")
            self._lines[(*path, key)] = line
            out[key] = self.build(value_node, (*path, key))
        return out


def _scalar(node: ScalarNode) -> Any:
    text = node.value
    if node.style in ("'", '"', "|", ">") or (node.tag == "tag:yaml.org,2002:str" and text not in _WORDS):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
