"""`ToolGym/MCP-v0`: an MCP server of your own as an environment.

env = gymnasium.make("ToolGym/MCP-v0", servers="mcp.json", tasks="tasks.yaml")
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from toolgym.custom import TaskList
from toolgym.domain import Split, TaskSet
from toolgym.env_maker import GENERATED, EnvMaker, field_names, parted
from toolgym.errors import ConfigError, TaskError
from toolgym.loading import load_named, names_object
from toolgym.mcp.connect import Connectable, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.session import ToolSession
from toolgym.mcp.state import StateTool, make_state_options
from toolgym.messages import ToolCall
from toolgym.options import EnvOptions
from toolgym.sampling import sample_arguments
from toolgym.sharing import shared
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.tasks._stored import fitting
from toolgym.tasks.files import TaskSource, read_tasks
from toolgym.tasks.freezing import freeze
from toolgym.users import listening
from toolgym.world import canonical

__all__ = ["McpDomain", "McpOptions", "known_options", "load_server", "make_env", "make_vector_env"]

_RANDOM_TASKS = 1000
_RANDOM_CALLS = 3
_TRIES = 30
_SPLITS: tuple[Split, ...] = ("train", "validation", "test", "test_unseen")


@dataclass(frozen=True)
class McpOptions:
    """What can be chosen about servers and tasks, beside `EnvOptions`: keywords of `gymnasium.make`."""

    servers: Any = field(default=None, repr=False)
    """An `mcp.json` (path or dict), a Python file, `FILE.py:NAME` or `module:NAME` (a server object, in process), a
    URL, `docker:IMAGE`, a command as a list, a `ToolServer`, a `FastMCP`, or a function that makes one."""
    tasks: TaskSource | None = None
    """See `toolgym.tasks.files`. Without: random calls that the server answers without an error."""
    policy: str | Path | None = None
    """The policy document: text, or the path of a .md or .txt file. By default the tasks file's."""
    name: str = "mcp"
    """The domain's name."""
    server: str | None = None
    """One server of an `mcp.json`; by default all of them."""
    token: str | None = field(default=None, repr=False)
    """A bearer token for a URL."""
    state_tools: Sequence[str | Mapping[str, Any] | StateTool] = ()
    """Reading tools whose answers are the state of a server that keeps no `World`."""
    hidden_tools: str | Sequence[str] = ()
    """Tools that the agent neither sees nor may call."""
    reset_tools: Mapping[str, str] | None = None
    """Names of the server's tools for `reset`, `snapshot` and `restore`, where they are not `toolgym_reset`, ..."""
    ignore: str | Sequence[str] = ()
    """Glob paths of what in the state does not count, such as `orders.*.created_at` (see `toolgym.mcp.ignore`)."""
    timeout_s: float = 60.0
    """Seconds that a call may take, with all that it needs (see `WireOptions.timeout_s`). It holds for servers on the
    wire, and in process for async tools; plain functions in process run to their end."""
    start_timeout_s: float = 60.0
    """Seconds that a server may take to start."""
    spares: int = 1
    """Servers that are started ahead, so that a reset by restart is quick."""
    max_answer_bytes: int = 4 * 2**20
    """A longer answer of a server on the wire is cut, and says so."""
    random_seed: int = 0
    """Seeds the random tasks."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ConfigError(f"name is a text, not {self.name!r:.100}")
        for name in ("timeout_s", "start_timeout_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not (isinstance(value, int | float) and value > 0):
                raise ConfigError(f"{name} is a number of seconds, greater than 0, not {value!r:.100}")
        for name, least in (("spares", 0), ("max_answer_bytes", 1), ("random_seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not (isinstance(value, int) and value >= least):
                raise ConfigError(f"{name} is a whole number, at least {least}, not {value!r:.100}")
        if not isinstance(self.reset_tools, Mapping | None):
            raise ConfigError(
                f"reset_tools is an object such as {{'reset': 'clear_all'}}, not {self.reset_tools!r:.100}"
            )

    def wire(self) -> WireOptions:
        """How connections behave."""
        return WireOptions(
            timeout_s=self.timeout_s,
            start_timeout_s=self.start_timeout_s,
            max_answer_bytes=self.max_answer_bytes,
            spares=self.spares,
            keeps_idle=False,
        )


class McpDomain:
    """A server's tools, and tasks for them. Servers that are started live as long as sessions on them are open.

    Raises:
        ConfigError: `servers` or an option is nothing that can be used.
        TaskError: the tasks are not as their schema says.
    """

    def __init__(self, options: McpOptions):
        if options.servers is None:
            raise ConfigError(
                "ToolGym/MCP-v0 needs servers=...: an mcp.json, a Python file, a URL, a command as a list, or a server "
                "object; and tasks=..., without which its tasks are random calls."
            )
        self.name, self.options = options.name, options
        state = make_state_options(options.state_tools, options.hidden_tools, options.reset_tools, options.ignore)
        target = load_server(options.servers)
        self._handle = connect(target, server=options.server, token=options.token, options=options.wire(), state=state)
        self._tasks, policy = (None, "") if options.tasks is None else read_tasks(options.tasks, options.name)
        self._policy = policy if options.policy is None else _policy_text(options.policy)
        self._frozen: dict[str, Task] = {}
        self._random: dict[Split, RandomTasks] = {}

    def policy(self) -> str:
        """The policy document."""
        return self._policy

    def session(self) -> ToolSession:
        """A new session."""
        return self._handle.session()

    @staticmethod
    def world_key(task: Task) -> Any:
        """The world that a task names."""
        return task.meta.get("world")

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> TaskSet:
        """The tasks of a split that fit; a task whose gold chain was not executed yet is so when it is asked for."""
        if self._tasks is None:
            if depth is not None or kinds is not None:
                raise ConfigError("Random tasks cannot be chosen by depth or kind; give tasks=...")
            return self._random.setdefault(split, RandomTasks(self, split))
        return _FrozenTasks(self, fitting(self._tasks, split, depth, kinds))

    def frozen(self, task: Task) -> Task:
        """The task with what its gold chain does.

        Raises:
            TaskError: the chain cannot be executed.
        """
        if "frozen" not in task.meta:
            return task  # made by a program, with its final state
        if task.id not in self._frozen:
            session = self.session()
            try:
                self._frozen[task.id] = freeze(task, session, listening)
            finally:
                session.close()
        return self._frozen[task.id]


class _FrozenTasks(TaskList):
    """Tasks that are frozen when they are asked for."""

    def __init__(self, domain: McpDomain, tasks: Sequence[Task]):
        super().__init__(tasks)
        self._domain = domain

    def __getitem__(self, index: int, /) -> Task:
        return self._domain.frozen(super().__getitem__(index))

    def __iter__(self) -> Iterator[Task]:
        return (self[index] for index in range(len(self)))

    def by_id(self, task_id: str) -> Task:
        return self._domain.frozen(super().by_id(task_id))


class RandomTasks:
    """Random valid calls as tasks: item `i` is one to three calls that the server answers without an error."""

    def __init__(self, domain: McpDomain, split: Split):
        self._domain, self._split = domain, split
        self._made: dict[int, Task] = {}

    def __len__(self) -> int:
        return _RANDOM_TASKS

    def __getitem__(self, index: int, /) -> Task:
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index not in self._made:
            session = self._domain.session()
            try:
                self._made[index] = freeze(self._drawn(index, session), session)
            finally:
                session.close()
        return self._made[index]

    def __iter__(self) -> Iterator[Task]:
        return (self[index] for index in range(len(self)))

    def by_id(self, task_id: str) -> Task:
        split, _, number = task_id.partition("-")
        if split != self._split or not number.isdecimal() or int(number) >= len(self):
            raise ConfigError(f"There is no random task {task_id!r}: they are {self._split}-0 to {self._split}-999.")
        return self[int(number)]

    def _drawn(self, index: int, session: ToolSession) -> Task:
        """A task of calls that succeed one after another.

        Raises:
            TaskError: no call that was tried did.
        """
        key = (_SPLITS.index(self._split) if self._split in _SPLITS else len(_SPLITS), index)
        rng = np.random.default_rng(np.random.SeedSequence(self._domain.options.random_seed, spawn_key=key))
        wanted = int(rng.integers(1, _RANDOM_CALLS + 1))
        calls: list[ToolCall] = []
        session.reset(None)
        for _ in range(_TRIES):
            if len(calls) == wanted or not session.tools:
                break
            tool = session.tools[int(rng.integers(len(session.tools)))]
            call = ToolCall(tool.name, sample_arguments(tool.input_schema, rng))
            if session.call(call).outcome == "ok":
                calls.append(call)
        if not calls:
            raise TaskError(f"None of {_TRIES} random calls of this server succeeded; give it tasks=...")
        words = "; then ".join(f"{call.name} with {canonical(call.arguments).decode()}" for call in calls)
        gold = tuple(GoldAction(calls=(GoldCall(name=call.name, arguments=call.arguments),)) for call in calls)
        return Task(
            id=f"{self._split}-{index}",
            domain=self._domain.name,
            kind=tuple(dict.fromkeys(call.name for call in calls)),
            split=cast(Any, self._split),
            request=f"Please call {words}.",
            gold=(*gold, GoldAction(response="Done.")),
            meta={"world": None, "frozen": None},
        )


def load_server(target: Any) -> Connectable:
    """What `connect` takes: `FILE.py:NAME` and `module:NAME` are loaded into this process, all else stays as it is.

    Raises:
        ConfigError: there is no such file, module or name.
    """
    if isinstance(target, str) and names_object(target) and not target.startswith("docker:"):
        return load_named(target)
    return cast(Connectable, target)


def _policy_text(policy: str | Path) -> str:
    if isinstance(policy, str) and not policy.endswith((".md", ".txt")):
        return policy
    try:
        return Path(policy).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"Cannot read the policy {str(policy)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"Cannot read the policy {str(policy)!r}: it is not UTF-8 ({error.reason}).") from error


def _domain_of(settings: dict[str, Any], options: EnvOptions | None) -> tuple[McpDomain, dict[str, Any]]:
    chosen, rest = parted(McpOptions, settings)
    return shared(chosen, McpDomain), rest


MAKER = EnvMaker(_domain_of, own=field_names(McpOptions), without=GENERATED)
make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options
