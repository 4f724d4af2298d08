"""`ToolGym/Tau2Airline-v0`, `Tau2Retail-v0` and `Tau2Telecom-v0`: tau2's public tasks in its public worlds.

gymnasium.make("ToolGym/Tau2Retail-v0", data=DIR, split="test", user="llm:MODEL")
gymnasium.make("ToolGym/Tau2Telecom-v0", data=DIR, split="test", solo=True)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from toolgym.custom import TaskList
from toolgym.domain import Split
from toolgym.env_maker import GENERATED, EnvMaker, field_names
from toolgym.envs.tau2.data import Benchmark, load
from toolgym.envs.tau2.judging import backend_of
from toolgym.envs.tau2.making import prepared
from toolgym.envs.tau2.rewards import REWARD
from toolgym.envs.tau2.tasks import make_task
from toolgym.envs.tau2.verdicts import counts_assertions
from toolgym.errors import ConfigError
from toolgym.mcp.server import ToolServer
from toolgym.mcp.session import ToolSession
from toolgym.options import EnvOptions
from toolgym.tasks import Task
from toolgym.tasks._stored import fitting

__all__ = ["Tau2Domain", "Tau2Options", "known_options", "make_env", "make_vector_env"]


@dataclass(frozen=True)
class Tau2Options:
    """What can be chosen beside `EnvOptions`."""

    data: str | Path | None = None
    """The folder of the benchmark's data (see `toolgym.envs.tau2.data`); default: that of `toolgym data get tau2`."""
    solo: bool = False
    """Telecom: no user, but a ticket; the agent has the user's tools too."""
    judge: Any = None
    """Who tells assertions in natural language: a model behind an OpenAI-compatible endpoint, or a `Backend`. Without,
    they do not count."""

    def __post_init__(self) -> None:
        if not isinstance(self.solo, bool):
            raise ConfigError(f"solo is true or false, not {self.solo!r:.40}")
        if self.judge is not None and not (isinstance(self.judge, str) or hasattr(self.judge, "complete")):
            raise ConfigError(f"judge is a model's name or a backend, not {self.judge!r:.40}")


class Tau2Domain:
    """A domain of tau2's.

    The splits `train` and `test` are the published ones; `custom` is all tasks of the published `base`, or all that are
    there where none of those is.

    Raises:
        ConfigError: the data is not there, or `solo` is wanted of a domain that has no tickets.
    """

    def __init__(self, domain: str, options: Tau2Options):
        self.benchmark: Benchmark = load(domain, options.data)
        if options.solo and domain != "telecom":
            raise ConfigError(f"tau2's {domain} has no solo mode: its tasks have no tickets; telecom's have")
        self.name, self.title = f"tau2_{domain}", f"tau2: {domain}"
        self._options = options
        self._judge = None if options.judge is None else backend_of(options.judge)
        self._tasks: dict[str, list[Task]] = {}

    def policy(self) -> str:
        """The policy document."""
        return self.benchmark.policy(self._options.solo)

    def session(self) -> ToolSession:
        """A new session on the domain's tools."""
        return self._server.session()

    @cached_property
    def _server(self) -> ToolServer:
        return self.benchmark.solo_server() if self._options.solo else self.benchmark.server

    def world_key(self, task: Task) -> str | None:
        """The world of a task."""
        return self.benchmark.world_key(task.id)

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> TaskList:
        """The tasks of a split.

        Raises:
            ConfigError: the data has none of them.
        """
        if split not in self._tasks:
            self._tasks[split] = [self._task(task_id, split) for task_id in self._ids(split)]
        return TaskList(fitting(self._tasks[split], split, depth, kinds))

    def _task(self, task_id: str, split: Split) -> Task:
        meta = {"data": str(self.benchmark.source), "judge": self._judge}
        return make_task(self.benchmark, task_id, split, solo=self._options.solo, meta=meta)

    def doubts(self, split: Split) -> list[str]:
        """What is doubtful about scores on a split."""
        wanted, out = self.benchmark.splits.get("base" if split == "custom" else split, ()), []
        if missing := sum(task_id not in self.benchmark.tasks for task_id in wanted):
            out.append(f"{missing} of the {len(wanted)} published tasks of split {split!r} are not in the data")
        judged = sum(counts_assertions(self.benchmark.criteria(task_id)) for task_id in self._ids(split))
        if judged and self._judge is None:
            out.append(f"{judged} tasks count assertions in natural language, which are left out without judge=MODEL")
        return out

    def _ids(self, split: Split) -> list[str]:
        """The tasks of a split that are there.

        Raises:
            ConfigError: none is; it says what is there.
        """
        known, splits = self.benchmark.tasks, self.benchmark.splits
        wanted = splits.get("base" if split == "custom" else split)
        found = [task_id for task_id in wanted or () if task_id in known]
        if split == "custom":
            return found or list(known)
        if wanted and not found:
            raise ConfigError(
                f"{self.benchmark.folder} has none of the {len(wanted)} tasks of split {split!r}, but {len(known)} "
                "others: add the benchmark's tasks.json, or take those by split='custom'"
            )
        return found


def _domain_of(settings: dict[str, Any], options: EnvOptions | None) -> tuple[Tau2Domain, dict[str, Any]]:
    name = settings.pop("name")
    chosen, overrides = prepared(Tau2Options, settings, options, REWARD)
    return Tau2Domain(name, chosen), overrides


MAKER = EnvMaker(_domain_of, own=field_names(Tau2Options), without=GENERATED, fixed=("name",))
"""Of `airline`, `retail` and `telecom`, by name."""
make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options
