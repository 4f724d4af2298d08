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
from toolgym.options import parse_named

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
    kind: Any = _OPTIONS[name]
    options = kind(**parse_named(rest, {item.name: type(item.default) for item in fields(kind)}, name))
    if name == "mem_tool":
        if file is not None:
            raise ConfigError("--memory mem_tool remembers nothing from other episodes: leave out --memory-file")
        return ToolMemoryPolicy(policy, options)
    if file is None:
        raise ConfigError(f"--memory {name} needs a --memory-file: build one with `toolgym memory build`")
    memory = read_memory(file)
    return CasesPolicy(policy, memory, options) if name == "cases" else GraphPolicy(policy, memory, options)
