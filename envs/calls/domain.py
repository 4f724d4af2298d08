"""`CallsDomain`: rows as a domain, each with a history and tools of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from toolgym.domain import Split
from toolgym.envs.calls.prompts import RowPrompt
from toolgym.envs.calls.rows import Example, Until
from toolgym.envs.calls.session import RowSession
from toolgym.envs.calls.sources import open_sources
from toolgym.envs.calls.store import KINDS, RowStore, RowTasks
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.simulated import SimulationOptions
from toolgym.options import EnvOptions
from toolgym.tasks import Task

__all__ = ["CallsDomain", "CallsOptions"]


@dataclass(frozen=True)
class CallsOptions:
    """What can be chosen about rows, beside `EnvOptions`: keywords of `gymnasium.make`."""

    data: Any = field(default=None, repr=False)
    """A file (.jsonl, .json, .parquet), a folder, a data set's name, a `datasets.Dataset`, or a list of rows."""
    until: Until = "turn"
    """When an episode ends: after one message of the assistant's, or at its first response."""
    test_share: float = 0.1
    """The share of rows without a split of their own that is held out for tests, and as many again for validation."""
    split_seed: int = 0
    """Seeds which rows those are."""
    skip_broken: bool = False
    """Whether rows that cannot be read are left out, and not an error."""
    simulate: Mapping[str, Any] | None = None
    """With `until="response"`: the model that answers calls of which nothing is recorded (`model`, `base_url`, …: the
    fields of `toolgym.mcp.simulated.SimulationOptions`)."""

    def __post_init__(self) -> None:
        if self.until not in ("turn", "response"):
            raise ConfigError(did_you_mean(str(self.until), ("turn", "response"), "until"))
        share = self.test_share
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 0.5:
            raise ConfigError(f"test_share is a share from 0 to below 0.5, not {share!r:.40}")
        if isinstance(self.split_seed, bool) or not isinstance(self.split_seed, int):
            raise ConfigError(f"split_seed is an int, not {self.split_seed!r:.40}")
        if not isinstance(self.skip_broken, bool):
            raise ConfigError(f"skip_broken is true or false, not {self.skip_broken!r:.40}")
        if self.simulate is not None and self.until == "turn":
            raise ConfigError("simulate is for until='response': in an episode of one message nothing is answered")
        self.simulation()

    def simulation(self) -> SimulationOptions | None:
        """The model that answers.

        Raises:
            ConfigError: an option of it that there is not, or no model.
        """
        if self.simulate is None:
            return None
        known = [option.name for option in fields(SimulationOptions)]
        for name in self.simulate:
            if name not in known:
                raise ConfigError(did_you_mean(name, known, "option of simulate"))
        if "model" not in self.simulate:
            raise ConfigError("simulate needs the name of a model: simulate={'model': ..., 'base_url': ...}")
        return SimulationOptions(**self.simulate)


class CallsDomain:
    """Rows.

    Raises:
        ConfigError: there is no such data, or nothing in it.
        TaskError: a row is broken.
    """

    name = "calls"
    title = "Rows of calls"
    kinds = dict.fromkeys(KINDS, "")

    def __init__(self, options: CallsOptions):
        self.options = options
        sources = open_sources(options.data)
        self.store = RowStore(
            sources, options.until, options.test_share, options.split_seed, skip_broken=options.skip_broken
        )

    def policy(self) -> str:
        """Nothing: each row has its own, where it has one."""
        return ""

    def session(self) -> RowSession:
        """A session that each reset gives the tools of its task's row."""
        return RowSession(self.options.until == "response", self.options.simulation())

    def world_key(self, task: Task) -> Example:
        """The row of a task."""
        return self.example_of(task)

    def prompt_of(self, task: Task, options: EnvOptions) -> RowPrompt:
        """What is shown at reset: the row's history and tools."""
        example = self.example_of(task)
        return RowPrompt(
            example.history,
            example.tools,
            options.format,
            user_answers=options.user != "none",
            full=options.prompt == "full",
            one_message=options.until == "turn",
            listed=options.prompt == "tools",
        )

    def example_of(self, task: Task) -> Example:
        """The example of a task of these rows.

        Raises:
            ConfigError: it is none of them.
        """
        place = self.store.place_of(task.id)
        if place is None:
            raise ConfigError(f"Task {task.id!r} is none of these rows: their tasks are made of their rows")
        return self.store.example(place)

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> RowTasks:
        """The tasks of a split that fit; `depth` is the number of gold calls, `kinds` are those of `KINDS`."""
        depths = None if depth is None else [depth] if isinstance(depth, int) else list(depth)
        return RowTasks(self.store, self.store.where(split, depths, kinds))
