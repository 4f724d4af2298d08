"""`Names`: what tools and parameters are called in an episode, and everything said in the one way, in the other."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall
from toolgym.tasks import CallCheck, ChecklistItem, GoldAction, GoldCall, NoWriteCheck, Task
from toolgym.trajectory import Trajectory

__all__ = ["META", "Names", "as_played", "names_of"]

META = "perturbation"
"""The key of `Trajectory.meta` under which an episode's perturbations are recorded."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9]+(?:[_\-][A-Za-z0-9]+)*+")
_QUOTES = "`'\""
_ABOUT = re.compile(r"(Invalid arguments for )([^:\s]+)(?=:)")
_AT = re.compile(r"((?:: |; ))([A-Za-z0-9_\-]+)(?=[.:])")
_BRANCHES = ("allOf", "anyOf", "oneOf", "if", "then", "else")
"""Keywords whose schemas are of the same object."""


class Names:
    """A one-to-one map of names.

    A parameter has one new name, whichever tool takes it. The fields of records keep their names, in arguments and in
    results.

    Args:
        tools: the server's name -> the agent's.
        parameters: the same of parameters.
    """

    __slots__ = ("_known", "_old_parameters", "_old_tools", "parameters", "tools")

    def __init__(self, tools: Mapping[str, str], parameters: Mapping[str, str]):
        self.tools, self.parameters = dict(tools), dict(parameters)
        self._old_tools = {new: old for old, new in self.tools.items()}
        self._old_parameters = {new: old for old, new in self.parameters.items()}
        self._known = frozenset((*self.tools, *self.parameters))

    @classmethod
    def read(cls, data: Any) -> "Names":
        """The inverse of `written`.

        Raises:
            ConfigError: no such data.
        """
        if isinstance(data, dict) and set(data) == {"tools", "parameters"}:
            maps = [data["tools"], data["parameters"]]
            if all(map(_is_one_to_one, maps)):
                return cls(*maps)
        raise ConfigError(f"The names of an episode are maps 'tools' and 'parameters', one to one; got {data!r:.100}")

    def written(self) -> dict[str, dict[str, str]]:
        """As JSON, for a trajectory's `meta`."""
        return {"tools": self.tools, "parameters": self.parameters}

    def tool(self, name: str) -> str:
        """The agent's name of a tool."""
        return self.tools.get(name, name)

    # What is sent to the tools -----------------------------------------------------------------------------------

    def original(self, call: ToolCall) -> ToolCall | None:
        """The call in the server's names; None where the agent's names have no such tool."""
        name = self._old_tools.get(call.name)
        if name is None:
            return None
        return ToolCall(name, self.old_arguments(call.arguments))

    def old_arguments(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments under the server's names of the parameters."""
        old = self._old_parameters
        return {old.get(key, key): value for key, value in arguments.items()}

    def unknown_parameters(self, call: ToolCall) -> list[str]:
        """Keys of the arguments that are the server's names and not the agent's."""
        return [key for key in call.arguments if key in self.parameters and key not in self._old_parameters]

    # What is told to the agent -----------------------------------------------------------------------------------

    def call(self, call: ToolCall) -> ToolCall:
        """The call in the agent's names."""
        return ToolCall(self.tool(call.name), self._arguments(call.arguments))

    def _arguments(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {self.parameters.get(key, key): value for key, value in arguments.items()}

    def text(self, text: str) -> str:
        """The text with the names that it mentions.

        A name of several words is one wherever it stands; one that is a usual word only in quotation marks.
        """
        parts = _mentions(text, self._known)
        if len(parts) == 1:
            return text
        new = {**self.parameters, **self.tools}
        return "".join(new[part] if place % 2 else part for place, part in enumerate(parts))

    def error(self, text: str) -> str:
        """The text of an error, whose first words may be about a tool and its parameters."""
        text = _ABOUT.sub(lambda found: found[1] + self.tool(found[2]), text)
        if text.startswith("Invalid arguments for "):
            text = _AT.sub(lambda found: found[1] + self.parameters.get(found[2], found[2]), text)
        return self.text(text)

    def spec(self, tool: ToolSpec) -> ToolSpec:
        """The tool as it is shown."""
        schema = self._schema(tool.input_schema)
        return replace(tool, name=self.tool(tool.name), description=self.text(tool.description), input_schema=schema)

    def _schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The schema of a tool's arguments."""
        new, out = self.parameters, {}
        for key, value in schema.items():
            if key in ("properties", "dependentSchemas") and isinstance(value, dict):
                out[key] = {new.get(name, name): self._shown(each, name) for name, each in value.items()}
            elif key == "required" and isinstance(value, list):
                out[key] = [new.get(name, name) for name in value]
            elif key == "dependentRequired" and isinstance(value, dict):
                out[key] = {new.get(name, name): [new.get(n, n) for n in each] for name, each in value.items()}
            elif key in _BRANCHES:
                parts = [self._schema(part) for part in value] if isinstance(value, list) else None
                out[key] = self._schema(value) if isinstance(value, dict) else parts or value
            else:
                out[key] = self.text(value) if key == "description" and isinstance(value, str) else value
        return out

    def _shown(self, value: Any, name: str = "") -> Any:
        """A parameter's schema: its texts may mention names, and its title may be its name."""
        if isinstance(value, list):
            return [self._shown(item) for item in value]
        if not isinstance(value, dict):
            return value
        out = {}
        for key, item in value.items():
            if key == "description" and isinstance(item, str):
                out[key] = self.text(item)
            elif key == "title" and isinstance(item, str) and item.lower().replace(" ", "_") == name.lower():
                out[key] = self.parameters.get(name, name)
            else:
                out[key] = item if key in ("enum", "const", "default", "examples") else self._shown(item)
        return out

    # What is to be done ------------------------------------------------------------------------------------------

    def action(self, action: GoldAction) -> GoldAction:
        """An action of a gold chain, as the agent would have to say it."""
        calls = tuple(
            GoldCall(name=self.tool(gold.name), arguments=self._arguments(gold.arguments), writes=gold.writes)
            for gold in action.calls
        )
        plan = None if action.plan is None else self.text(action.plan)
        return GoldAction(plan=plan, calls=calls, response=action.response)

    def task(self, task: Task) -> Task:
        """The task with its gold chain and checklist in the agent's names."""
        gold = tuple(self.action(action) for action in task.gold)
        return task.model_copy(update={"gold": gold, "checklist": tuple(map(self._item, task.checklist))})

    def _item(self, item: ChecklistItem) -> ChecklistItem:
        match item.check:
            case CallCheck(name=name, arguments=arguments):
                check = CallCheck(name=self.tool(name), arguments=self._arguments(arguments))
            case NoWriteCheck(allow=allow):
                check = NoWriteCheck(allow=tuple(map(self.tool, allow)))
            case _:
                return item
        return item.model_copy(update={"check": check})


def _is_one_to_one(names: Any) -> bool:
    if not isinstance(names, dict) or not all(isinstance(new, str) for new in names.values()):
        return False
    return len(set(names.values())) == len(names)


@lru_cache(maxsize=4096)
def _mentions(text: str, names: frozenset[str]) -> tuple[str, ...]:
    """The text in parts, every second of which is a name that it mentions."""
    parts, last = [], 0
    for found in _IDENTIFIER.finditer(text):
        word, start, end = found[0], found.start(), found.end()
        if word not in names:
            continue
        plain = word.islower() and word.isalpha()
        if not plain or (text[start - 1 : start] in _QUOTES and start and text[end : end + 1] == text[start - 1]):
            parts += [text[last:start], word]
            last = end
    return (*parts, text[last:])


def names_of(trajectory: Trajectory) -> Names | None:
    """The names that a recorded episode had; None: those of the domain.

    Raises:
        ConfigError: the record of them cannot be read.
    """
    about = trajectory.meta.get(META)
    names = about.get("names") if isinstance(about, dict) else None
    return None if names is None else Names.read(names)


def as_played(task: Task, trajectory: Trajectory) -> Task:
    """The task in the names that a recorded episode had: what its rewards and outcome are about.

    Raises:
        ConfigError: the record of the names cannot be read.
    """
    names = names_of(trajectory)
    return task if names is None else names.task(task)
