"""YAML, JSON and JSON Lines read as plain JSON values, with the line on which each of them stands."""

import io
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from toolgym import _strict_json
from toolgym._strict_json import MAX_DEPTH, JsonError
from toolgym.errors import TaskError

__all__ = ["Located", "dump_yaml", "lines_of", "read_json", "read_json_lines", "read_yaml"]

Path = tuple[str | int, ...]
_MAX_VALUES = 1_000_000
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_STR = "tag:yaml.org,2002:str"
_FLOATS = yaml.resolver.Resolver()
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


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if any(char in text for char in _NO_LINE_ENDS) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def read_yaml(text: str) -> Located:
    """One YAML document. Scalars are what JSON has: `no` is a string, and so is a date.

    Raises:
        TaskError: no YAML, a key that comes twice, a value that JSON does not have, or nesting without end; the message
            names the line.
    """
    stand_ins = _stand_ins(text)
    text = text.removeprefix("\ufeff").translate(stand_ins)
    try:
        return _Builder({ord(new): old for old, new in stand_ins.items()}).build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise TaskError(f"line {line}: {error.problem or 'not YAML'}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise TaskError(f"line {line}: not YAML: {error.reason}") from error
    except yaml.YAMLError as error:
        raise TaskError(f"not YAML: {error}") from error


def _stand_ins(text: str) -> dict[int, str]:
    """Characters of no meaning in place of those that PyYAML, which reads YAML 1.1, takes for line ends."""
    if not any(char in text for char in _NO_LINE_ENDS):
        return {}
    unused = (chr(code) for code in range(0xE000, 0xF900) if chr(code) not in text)
    return {ord(char): new for char, new in zip(_NO_LINE_ENDS, unused, strict=False)}


def read_json(text: str) -> Located:
    """One JSON document.

    Raises:
        TaskError: no JSON, or as in `read_yaml`; the message names the line.
    """
    text = text.removeprefix("\ufeff")
    try:
        value = _strict_json.loads(text)
    except JsonError as error:
        if error.line is None:
            _read_as_yaml(text)  # tells where, if it finds the same
        raise TaskError(f"line {error.line or 1}: {error}") from error
    try:
        return Located(value, _read_as_yaml(text).lines)
    except TaskError:
        return Located(value)


def _read_as_yaml(text: str) -> Located:
    """JSON is YAML, apart from tabs; its lines are found by reading it as such."""
    return read_yaml(text.replace("\t", " "))


def read_json_lines(lines: Iterable[bytes]) -> Iterator[Located]:
    """The values of JSON Lines, one at a time, each with its line.

    Raises:
        TaskError: a line is no JSON; the message names it.
    """
    try:
        for number, value in _strict_json.each_line(lines):
            yield Located(value, {(): number})
    except JsonError as error:
        raise TaskError(f"line {error.line}: {error}") from error


@dataclass(slots=True)
class _Open:
    """A list or an object that is being built."""

    value: list[Any] | dict[str, Any]
    path: Path
    anchor: str | None
    key: str | None = None
    """The key whose value comes next."""


class _Builder:
    """Makes values of YAML's events: without recursion, so that no nesting is too deep to be refused."""

    def __init__(self, restored: dict[int, int]) -> None:
        self._restored = restored
        self.located = Located(None)
        self._open: list[_Open] = []
        self._anchors: dict[str, Any] = {}
        self._left = _MAX_VALUES
        self._documents = 0

    def build(self, events: Iterable[yaml.Event]) -> Located:
        """The value of all events of one document."""
        for event in events:
            line = event.start_mark.line + 1
            if self._restored and isinstance(event, yaml.ScalarEvent):
                event.value = event.value.translate(self._restored)
            if isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise TaskError(f"line {line}: expected a single document, but found another one")
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                self._close()
            elif isinstance(event, yaml.NodeEvent):
                self._node(event, line)
        return self.located

    def _node(self, event: yaml.NodeEvent, line: int) -> None:
        around = self._open[-1] if self._open else None
        if around is not None and isinstance(around.value, dict) and around.key is None:
            self._key(event, line, around.value, around)
            return
        path = () if around is None else (*around.path, len(around.value) if around.key is None else around.key)
        self._count(path, line)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise TaskError(f"line {line}: *{event.anchor} stands for nothing before it that is complete")
            self._add(around, self._again(self._anchors[event.anchor], path, line))
        elif isinstance(event, yaml.ScalarEvent):
            value = _scalar(event, line)
            if event.anchor:
                self._anchors[event.anchor] = value
            self._add(around, value)
        else:
            value = [] if isinstance(event, yaml.SequenceStartEvent) else {}
            self._add(around, value)
            self._open.append(_Open(value, path, event.anchor))

    def _key(self, event: yaml.NodeEvent, line: int, value: dict[str, Any], around: _Open) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            raise TaskError(f"line {line}: a key must be a plain word")
        if event.value in value:
            raise TaskError(f"line {line}: the key {event.value!r} comes twice")
        self.located.lines[(*around.path, event.value)] = line
        around.key = event.value

    def _add(self, around: _Open | None, value: Any) -> None:
        if around is None:
            self.located.value = value
        elif isinstance(around.value, list):
            around.value.append(value)
        elif around.key is not None:
            around.value[around.key], around.key = value, None

    def _close(self) -> None:
        done = self._open.pop()
        if done.anchor:
            self._anchors[done.anchor] = done.value

    def _count(self, path: Path, line: int) -> None:
        self.located.lines.setdefault(path, line)
        self._left -= 1
        if self._left < 0:  # aliases of aliases multiply
            raise TaskError(f"line {line}: more than {_MAX_VALUES} values")
        if len(path) > MAX_DEPTH:
            raise TaskError(f"line {line}: nested deeper than {MAX_DEPTH} levels")

    def _again(self, value: Any, path: Path, line: int) -> Any:
        """A copy of what an alias stands for; its own place has been counted."""
        if not isinstance(value, list | dict):
            return value
        parts: list[Any] = []
        for name, item in enumerate(value) if isinstance(value, list) else value.items():
            self._count((*path, name), line)
            parts.append(self._again(item, (*path, name), line))
        return parts if isinstance(value, list) else dict(zip(value, parts, strict=True))


def _scalar(event: yaml.ScalarEvent, line: int) -> Any:
    text = event.value
    if event.style or event.tag == _STR:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        try:
            return int(text)
        except ValueError:
            _refuse(line, f"a number of {len(text)} digits is too long")
    if not _FLOAT.fullmatch(text) or _FLOATS.resolve(yaml.ScalarNode, text, (True, False)) == _STR:
        return text  # YAML 1.1 wants a sign in an exponent
    value = float(text)
    return value if math.isfinite(value) else _refuse(line, f"the number {text} is too large")


def _refuse(line: int, what: str) -> NoReturn:
    raise TaskError(f"line {line}: {what}")
