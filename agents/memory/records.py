"""The memory file: what was learnt from which episodes, as JSON that people can read.

    {"format": "toolgym memory", "version": 1, "cases": [{"env_id": …, "split": …, "task_id": …, "request": …,
     "outcome": …, "turns": [{"calls": [{"name": …, "arguments": {…}, "failed": false}], "flow": {…}}], …}],
     "ranker": null}

A case names its environment, its split and its task, so the file says of every episode that it was learnt from. The
file is written whole or not at all.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from toolgym import _strict_json
from toolgym._files import WriteLock, write_whole
from toolgym.agents.memory.ranking import FEATURES
from toolgym.errors import ConfigError
from toolgym.trajectory import Outcome

__all__ = ["Call", "Case", "CaseTurn", "Memory", "Ranker", "read_memory", "write_memory"]

FORMAT, VERSION = "toolgym memory", 1

_MAX_DEPTH = 250
"""Levels of nesting: those of a trajectory's calls, and what stands around them."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Call(_Model):
    """A call as it was made."""

    name: str
    arguments: dict[str, Any]
    failed: bool = False
    """Whether its result was an error."""


class CaseTurn(_Model):
    """An assistant's turn."""

    calls: list[Call]
    """Empty where it was words to the user."""
    flow: dict[str, list[list[str | int]]] = {}
    """Argument -> the places that already held what it was given (`toolgym.agents.memory.flow`); only where all calls
    of the turn are of one tool."""


class Case(_Model):
    """An episode, as far as it is remembered."""

    env_id: str
    split: str
    task_id: str
    request: str
    outcome: Outcome
    turns: list[CaseTurn]
    response: str = ""
    """The last words to the user, shortened."""

    @property
    def solved(self) -> bool:
        """Whether the episode solved its task."""
        return self.outcome == "solved"


class Ranker(_Model):
    """Which cases help, as learnt (`toolgym.agents.memory.ranking`)."""

    weights: list[float] = Field(min_length=len(FEATURES) + 1, max_length=len(FEATURES) + 1)
    """Of each of the `FEATURES`; the last is the intercept."""
    pairs: int = Field(ge=1)
    """How many (request, case) pairs it was learnt from."""


class Memory(_Model):
    """Everything that a memory file holds."""

    format: Literal["toolgym memory"] = FORMAT
    version: Literal[1] = VERSION
    cases: list[Case]
    ranker: Ranker | None = None

    @property
    def learnt_from(self) -> dict[tuple[str, str], list[str]]:
        """(Environment, split) -> the ids of the tasks that it was learnt from, sorted."""
        found: dict[tuple[str, str], set[str]] = {}
        for case in self.cases:
            found.setdefault((case.env_id, case.split), set()).add(case.task_id)
        return {key: sorted(found[key]) for key in sorted(found)}

    def check_unseen(self, env_id: str, split: str, task_ids: Collection[str]) -> None:
        """Raises where an evaluation would be of what was learnt from.

        Args:
            env_id: the environment that is evaluated.
            split: the split that is evaluated.
            task_ids: the ids of the tasks that would be played.

        Raises:
            ConfigError: something was learnt from that split, or from one of those tasks wherever it stood.
        """
        learnt = self.learnt_from
        if (env_id, split) in learnt:
            raise ConfigError(
                f"this memory was learnt from {len(learnt[env_id, split])} tasks of {env_id}'s split {split!r}, which "
                "is being evaluated: evaluate another split, or build a memory without it"
            )
        seen = sorted({case.task_id for case in self.cases}.intersection(task_ids))
        if seen:
            raise ConfigError(
                f"this memory was learnt from {len(seen)} of the tasks that are being evaluated ({seen[0]!r} is one): "
                "evaluate others, or build a memory without them"
            )


def read_memory(path: Path) -> Memory:
    """The memory of a file.

    Raises:
        ConfigError: there is no such file, it is no memory file, of another version, or damaged; the message says what
            is wrong and what to do.
    """
    build = "build one with `toolgym memory build`"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"Cannot read the memory file {path}: {error.strerror or error}; {build}") from error
    try:
        value = _strict_json.loads(data, depth=_MAX_DEPTH)
    except _strict_json.JsonError as error:
        where = "" if error.line is None else f" (line {error.line})"
        raise ConfigError(f"{path} is no memory file, or is damaged{where}: {error}; {build}") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ConfigError(f"{path} is no memory file: it has no format {FORMAT!r}; {build}")
    if value.get("version") != VERSION or type(value["version"]) is not int:
        raise ConfigError(
            f"{path} is a memory file of version {value.get('version')!r:.50}, and this ToolGym reads version "
            f"{VERSION}: build it anew from its episodes with `toolgym memory build`"
        )
    try:
        return Memory.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path} is damaged at {where}: {first['msg']}; {build}") from error


def write_memory(path: Path, memory: Memory) -> None:
    """Makes or replaces a memory file in one step: killed at any moment, it leaves the file as it was.

    Raises:
        LockedError: somebody else is writing it.
        OSError: it cannot be written, and is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _strict_json.dumps(memory.model_dump(mode="json"), indent=True, depth=_MAX_DEPTH).decode()
    with WriteLock(path):
        write_whole(path, text + "\n")
