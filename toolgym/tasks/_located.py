"""YAML, JSON and JSON Lines read as plain JSON values, with the line on which each of them stands."""

import io
import json
import re
from dataclasses import dataclass, field
from typing import Any, cast

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from toolgym.errors import TaskError

__all__ = ["Located", "dump_yaml", "lines_of", "read_json", "read_json_lines", "read_yaml"]

Path = tuple[str | int, ...]
_MAX_VALUES = 1_000_000
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_NO_LINE_ENDS = "\u0085\u2028\u2029"
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


def lines_of(text: str) -> list[str]:
    """The lines of a file, with their ends. U+0085, U+2028 and U+2029 end none, in YAML 1.2 as in JSON Lines."""
    return list(io.StringIO(text, newline=""))


def dump_yaml(value: Any, sort_keys: bool = False) -> str:
    """YAML that reads back as it was: characters that YAML 1.1 takes for line ends are escaped."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=sort_keys, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    pass


def _represent_text(dumper: _Dumper, text: str) -> ScalarNode:
    style = '"' if any(char in text for char in _NO_LINE_ENDS) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def read_yaml(text: str) -> Located:
    """One YAML document. Scalars are what JSON has: `no` is a string, and so is a date.

    Raises:
        TaskError: no YAML, a key that comes twice, or a value that JSON does not have; the message names the line.
    """
    stand_ins = _stand_ins(text)
    text = text.removeprefix("\ufeff").translate(stand_ins)
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise TaskError(f"line {line}: {error.problem or 'not YAML'}") from error
    except yaml.YAMLError as error:
        raise TaskError(f"not YAML: {error}") from error
    located = Located(None)
    if root is not None:
        located.value = _Builder(located.lines, {ord(new): old for old, new in stand_ins.items()}).build(root, ())
    return located


def _stand_ins(text: str) -> dict[int, str]:
    """Characters of no meaning in place of those that PyYAML, which reads YAML 1.1, takes for line ends."""
    if not any(char in text for char in _NO_LINE_ENDS):
        return {}
    unused = (chr(code) for code in range(0xE000, 0xF900) if chr(code) not in text)
    return {ord(char): new for char, new in zip(_NO_LINE_ENDS, unused, strict=False)}


def read_json(text: str) -> Located:
    """One JSON document.

    Raises:
        TaskError: no JSON; the message names the line.
    """
    text = text.removeprefix("\ufeff")
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
    for number, line in enumerate(lines_of(text.removeprefix("\ufeff")), start=1):
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

    def __init__(self, lines: dict[Path, int], restored: dict[int, int]):
        self._lines, self._restored = lines, restored
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
        return self._text(_scalar(cast(ScalarNode, node)))

    def _text(self, value: Any) -> Any:
        return value.translate(self._restored) if self._restored and isinstance(value, str) else value

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                raise TaskError(f"line {line}: a key must be a plain word")
            key = self._text(key_node.value)
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
