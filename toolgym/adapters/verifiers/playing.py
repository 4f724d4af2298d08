"""`ToolGym/Verifiers-v0`: a taskset of verifiers' as an environment, with its own rewards.

env = gymnasium.make("ToolGym/Verifiers-v0", taskset="gsm8k-v1", config={"agent": {"harness": {"id": "null"}}})
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from toolgym import _json
from toolgym.adapters.verifiers.session import TheirUser, VerifiersSession, ended
from toolgym.domain import Split
from toolgym.env_maker import GENERATED, PERTURBED, EnvMaker, field_names, parted
from toolgym.errors import ConfigError
from toolgym.options import EnvOptions
from toolgym.rewards.base import Reward
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

if TYPE_CHECKING:
    from toolgym.adapters.verifiers.engine import Engine

__all__ = ["VerifiersDomain", "VerifiersOptions", "known_options", "make_env", "make_vector_env", "verifiers_reward"]


@dataclass(frozen=True)
class VerifiersOptions:
    """What can be chosen about a taskset and its episodes, beside `EnvOptions`: keywords of `gymnasium.make`."""

    taskset: str = ""
    """The id of an installed taskset, as `vf-eval` takes it."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """verifiers' `env` block: `{"taskset": {...}, "agent": {"harness": {"id": "null"}}}`."""
    episodes: int = 1000
    """How many of its tasks, the first ones, at most."""
    solved_at: float = 1.0
    """The reward from which an episode counts as solved."""
    timeout_s: float = 600.0
    """Seconds until the next request of the episode's, or its end."""


@lru_cache(maxsize=16)
def _engine(process: int, taskset: str, config: bytes, episodes: int) -> "Engine":
    """Environments of equal options share the endpoint and what verifiers serves; a process made by fork does not."""
    from toolgym.adapters.verifiers.engine import Engine

    return Engine(taskset, _json.loads(config), episodes)


class VerifiersDomain:
    """A taskset's tasks, played by verifiers.

    Raises:
        ConfigError: an option cannot be used, the package is missing, or the taskset cannot be loaded.
    """

    name = "verifiers"

    def __init__(self, options: VerifiersOptions):
        if not options.taskset:
            raise ConfigError('ToolGym/Verifiers-v0 needs taskset=..., the id of an installed taskset: "gsm8k-v1"')
        if options.episodes < 1:
            raise ConfigError(f"episodes must be at least 1, got {options.episodes}")
        try:
            config = _json.dumps({name: options.config[name] for name in sorted(options.config)})
        except TypeError as error:
            raise ConfigError(f"config must hold values that JSON has: {error}") from error
        self.options = options
        self.engine = _engine(os.getpid(), options.taskset, config, options.episodes)
        self._episodes = TheirTasks(self)

    def policy(self) -> str:
        """There is none apart from what an episode begins with."""
        return ""

    def session(self) -> VerifiersSession:
        """A new session."""
        return VerifiersSession(self.engine, self.options.timeout_s)

    @staticmethod
    def world_key(task: Task) -> Any:
        """Which of the taskset's tasks it is."""
        return task.meta.get("world")

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> "TheirTasks":
        """The taskset's tasks, which are in every split.

        Raises:
            ConfigError: they cannot be chosen by depth or kind.
        """
        if depth is not None or kinds is not None:
            raise ConfigError("The tasks of a taskset of verifiers' cannot be chosen by depth or kind")
        return self._episodes


class TheirTasks:
    """The taskset's tasks in their order: `task-0`, `task-1`, ..."""

    def __init__(self, domain: VerifiersDomain):
        self._domain = domain

    def __len__(self) -> int:
        return len(self._domain.engine.tasks)

    def __getitem__(self, index: int, /) -> Task:
        if not 0 <= index < len(self):
            raise IndexError(index)
        data, options = self._domain.engine.tasks[index].data, self._domain.options
        return Task(
            id=f"task-{index}",
            domain=self._domain.name,
            kind=("verifiers",),
            request=data.prompt_text or data.description or data.name or "The episode says what is to be done.",
            verdict="verifiers",
            meta={"world": {"index": index}, "solved_at": options.solved_at, "id": data.id, "name": data.name},
        )

    def __iter__(self) -> Iterator[Task]:
        return (self[index] for index in range(len(self)))

    def by_id(self, task_id: str) -> Task:
        """The task of an id.

        Raises:
            ConfigError: there is none.
        """
        number = task_id.removeprefix("task-")
        if number == task_id or not (number.isascii() and number.isdigit()) or int(number) >= len(self):
            raise ConfigError(f"There is no task {task_id!r}: they are task-0 to task-{len(self) - 1}")
        return self[int(number)]


def verifiers_reward() -> Reward:
    """verifiers' own reward, all of it in the step with which the episode ended."""
    return Reward({"verifiers": _given}, {})


def _given(trajectory: Trajectory, task: Task) -> float:
    result = ended(trajectory.steps[-1])
    return 0.0 if result is None else result["reward"]


def fault(trajectory: Trajectory, task: Task) -> str | None:
    """Why the episode is not solved: its reward is below `solved_at`."""
    total = sum(result["reward"] for step in trajectory.steps if (result := ended(step)) is not None)
    wanted = task.meta.get("solved_at", 1.0)
    return None if total >= wanted else f"the taskset's reward is {total:g}, not {wanted:g}"


def _domain_of(settings: dict[str, Any], options: EnvOptions | None) -> tuple[VerifiersDomain, dict[str, Any]]:
    chosen, rest = parted(VerifiersOptions, settings)
    if options is None:  # there is no gold that our rewards could compare with
        rest.setdefault("reward", verifiers_reward())
    return VerifiersDomain(chosen), {**rest, "user": TheirUser()}


MAKER = EnvMaker(_domain_of, own=field_names(VerifiersOptions), without=(*GENERATED, *PERTURBED, "user"))
make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options
