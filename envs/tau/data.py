"""tau-bench's data as it is published: the tasks, wikis and worlds of its two domains, in a folder of the user's.

    DIR/airline/{flights,reservations,users}.json     DIR/retail/{orders,products,users}.json
    DIR/DOMAIN/{wiki.md, tasks_test.py, ...}          or DIR/gold_DOMAIN.jsonl, recorded gold chains

DIR may be the benchmark's own checkout. Its tasks are Python source, which is parsed and never run.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from toolgym.data import data_folder
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.server import ToolServer
from toolgym.messages import ToolCall
from toolgym.world import Base, World

__all__ = ["DOMAINS", "PublicTask", "TauBenchmark", "load"]

DOMAINS = ("airline", "retail")
SPLITS = {"test": "test", "train": "train", "dev": "validation"}
"""Split as published -> as it is called here."""
_NESTED = (".", "tau_bench", "tau_bench/envs", "envs")
"""Where in a folder the domains' folders may be."""
_NO_CALLS = ("respond", "transfer_to_human_agents")
"""Gold actions that are not played: what is said, and what ends a conversation."""


@dataclass(frozen=True)
class PublicTask:
    """A published task."""

    id: str
    """Its split and its number in it: `test-9`."""
    split: str
    instruction: str
    """The user's scenario."""
    actions: tuple[tuple[str, Mapping[str, Any]], ...]
    """The gold chain: names and arguments."""
    outputs: tuple[str, ...]
    """What the user must be told."""


@dataclass(frozen=True, eq=False)
class TauBenchmark:
    """A domain's tasks and world."""

    domain: str
    source: Path
    """The folder that was given."""
    folder: Path
    """The domain's files."""
    tasks: Mapping[str, PublicTask]
    public: Base
    server: ToolServer
    """The domain's tools in dialect `tau_bench`."""
    _gold: dict[str, World] = field(default_factory=dict)

    def task(self, task_id: str) -> PublicTask:
        """The task of an id.

        Raises:
            ConfigError: there is none here.
        """
        if task_id not in self.tasks:
            raise ConfigError(did_you_mean(task_id, self.tasks, f"task of tau-bench's {self.domain}"))
        return self.tasks[task_id]

    def gold(self, task_id: str) -> World:
        """The world after a task's gold chain. It belongs to everybody: not for writing."""
        if task_id not in self._gold:
            session = self.server.session()
            for name, arguments in self.task(task_id).actions:
                if name not in _NO_CALLS:
                    session.call(ToolCall(name, dict(arguments)))
            self._gold[task_id] = session.world
        return self._gold[task_id]

    def policy(self) -> str | None:
        """The wiki, which is the agent's policy; None where it is not there."""
        path = self.folder / "wiki.md"
        return path.read_text(encoding="utf-8") if path.is_file() else None


def load(domain: str, data: str | Path | None = None) -> TauBenchmark:
    """A domain of tau-bench's, from a folder; read once a process.

    Raises:
        ConfigError: no such domain, or its files are not there or are not as published.
    """
    if domain not in DOMAINS:
        raise ConfigError(did_you_mean(domain, DOMAINS, "domain of tau-bench"))
    return _load(domain, data_folder("tau", data).resolve())


@lru_cache(maxsize=16)
def _load(domain: str, data: Path) -> TauBenchmark:
    module = import_module(f"toolgym.mcp_servers.{domain}")
    first = import_module(f"toolgym.mcp_servers.{domain}.public_world").FILES[0]
    places = [data / nested / domain for nested in _NESTED]
    folder = next((place for place in places if (place / first).is_file() or (place / "data" / first).is_file()), None)
    if folder is None:
        raise ConfigError(
            f"no world of tau-bench's {domain} in {data}: it must hold {domain}/{first}, or be a checkout of "
            "https://github.com/sierra-research/tau-bench"
        )
    tasks = {task.id: task for task in _tasks(domain, folder)}
    if not tasks:
        raise ConfigError(
            f"no tasks of tau-bench's {domain} in {folder}: give it tasks_test.py, tasks_train.py or tasks_dev.py; "
            f"or {folder.parent} gold_{domain}.jsonl"
        )
    world = folder if (folder / first).is_file() else folder / "data"
    server = module.build_server(data=world, dialect="tau_bench")
    return TauBenchmark(domain, data, folder, tasks, server.base(), server)


def _tasks(domain: str, folder: Path) -> Iterator[PublicTask]:
    for split in SPLITS:
        path = folder / f"tasks_{split}.py"
        if path.is_file():
            try:
                for index, told in enumerate(_calls_of(path, "Task")):
                    actions = tuple((one["name"], one.get("kwargs", {})) for one in told.get("actions", ()))
                    yield _task(split, index, told["instruction"], actions, told.get("outputs", ()))
            except (OSError, LookupError, RecursionError, SyntaxError, TypeError, ValueError) as error:
                raise ConfigError(f"cannot read tau-bench's {path}: {type(error).__name__}: {error}") from error
    for path in sorted(folder.parent.glob(f"gold_{domain}*.jsonl")):
        for row in map(json.loads, path.read_bytes().splitlines()):
            steps = tuple((step["name"], step["kwargs"]) for step in row["steps"])
            yield _task(row["task_split"], row["task_index"], row["instruction"], steps, row["outputs"])


def _task(split: str, index: int, instruction: str, actions: Any, outputs: Any) -> PublicTask:
    return PublicTask(f"{split}-{index}", SPLITS.get(split, "custom"), instruction, actions, tuple(outputs))


def _calls_of(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """The keywords of each call of a name in a file of Python, in order; what they hold is read as literals."""
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        for node in ast.walk(statement):
            if _is_call(node, name):
                yield _keywords(node)


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _keywords(call: Any) -> dict[str, Any]:
    return {keyword.arg: _literal(keyword.value) for keyword in call.keywords if keyword.arg is not None}


def _literal(node: ast.expr) -> Any:
    """A literal; a list may hold actions, which are their keywords."""
    if isinstance(node, ast.List):
        return [_literal(item) for item in node.elts]
    return _keywords(node) if _is_call(node, "Action") else ast.literal_eval(node)
