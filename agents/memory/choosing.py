"""A memory by its name and options, as `--memory` gives them, around a policy."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from toolgym.agents.memory.cases import CasesOptions, CasesPolicy
from toolgym.agents.memory.graph import GraphOptions
from toolgym.agents.memory.graph_policy import GraphPolicy
from toolgym.agents.memory.mem_tool import ToolMemoryOptions, ToolMemoryPolicy
from toolgym.agents.memory.records import read_memory
from toolgym.agents.memory.worn import Worn
from toolgym.agents.policies.policy import Policy
from toolgym.errors import ConfigError, did_you_mean
from toolgym.options import parse_value

__all__ = ["MEMORIES", "wear"]

_OPTIONS = {"cases": CasesOptions, "graph": GraphOptions, "mem_tool": ToolMemoryOptions}

MEMORIES = tuple(sorted(_OPTIONS))
"""What `wear` knows."""


def wear(policy: Policy, spec: str, file: Path | None = None) -> Worn:
    """The policy with a memory around it.

    Args:
        policy: who acts.
        spec: `NAME`, or `NAME:option=value,option=value`.
        file: the memory file; `cases` and `graph` need one.

    Raises:
        ConfigError: no such memory or option, or a value that it cannot have; a file that is missing, idle or no memory
            file.
    """
    name, _, rest = spec.partition(":")
    if name not in _OPTIONS:
        raise ConfigError(did_you_mean(name, _OPTIONS, "memory"))
    options = _parsed(_OPTIONS[name], name, rest)
    if name == "mem_tool":
        if file is not None:
            raise ConfigError("--memory mem_tool remembers nothing from other episodes: leave out --memory-file")
        return ToolMemoryPolicy(policy, options)
    if file is None:
        raise ConfigError(f"--memory {name} needs a --memory-file: build one with `toolgym memory build`")
    memory = read_memory(file)
    return CasesPolicy(policy, memory, options) if name == "cases" else GraphPolicy(policy, memory, options)


def _parsed(kind: type[Any], name: str, text: str) -> Any:
    """The options of a memory, from `option=value,option=value`.

    Raises:
        ConfigError: one that it does not have, or a value of another type.
    """
    types = {item.name: type(item.default) for item in fields(kind)}
    given: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ConfigError(f"{part!r} is no option=value; write --memory {name}:option=value,option=value")
        if key not in types:
            raise ConfigError(did_you_mean(key, types, f"option of the memory {name}"))
        if key in given:
            raise ConfigError(f"the option {key} is given twice")
        parsed = parse_value(value)
        if types[key] is float and type(parsed) is int:
            parsed = float(parsed)
        if types[key] is str:
            parsed = value
        if type(parsed) is not types[key]:
            raise ConfigError(f"{key} must be {_KINDS[types[key]]}, got {value!r}")
        given[key] = parsed
    return kind(**given)


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
