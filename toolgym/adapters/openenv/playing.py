"""`ToolGym/OpenEnv-v0`: an OpenEnv server as an environment, with its own rewards or ours.

env = gymnasium.make("ToolGym/OpenEnv-v0", url="http://localhost:8000", episodes=100)
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolgym.adapters.openenv.session import OpenEnvSession, reported
from toolgym.domain import Split
from toolgym.env_maker import GENERATED, PERTURBED, EnvMaker, field_names, parted
from toolgym.errors import ConfigError
from toolgym.options import EnvOptions
from toolgym.rewards.base import Reward
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["OpenEnvDomain", "OpenEnvOptions", "known_options", "make_env", "make_vector_env", "openenv_reward"]

_TEXTS = ("text", "prompt", "question", "instruction", "task", "message", "content")
"""Fields of a first observation that say what is to be done, the likeliest first."""
_ASK = "Do what the environment asks for, with its tools."


@dataclass(frozen=True)
class OpenEnvOptions:
    """What can be chosen about a server and its episodes, beside `EnvOptions`: keywords of `gymnasium.make`."""

    url: str = ""
    """Where the server listens, as OpenEnv's clients take it."""
    episodes: int = 1000
    """How many of the server's episodes are tasks: those of the seeds 0 to `episodes - 1`."""
    request: str | None = None
    """What the agent is asked for, in place of what the server says at reset."""
    solved_at: float = 1.0
    """The sum of the server's rewards from which an episode counts as solved."""
    policy: str = ""
    """The policy document."""
    timeout_s: float = 60.0
    """Seconds that an action may take."""
    start_timeout_s: float = 10.0
    """Seconds that a connection may take."""


class OpenEnvDomain:
    """A server's tools and episodes.

    Raises:
        ConfigError: an option cannot be used.
    """

    name = "openenv"

    def __init__(self, options: OpenEnvOptions):
        if not options.url:
            raise ConfigError('ToolGym/OpenEnv-v0 needs url=..., where the server listens: "http://localhost:8000"')
        if options.episodes < 1:
            raise ConfigError(f"episodes must be at least 1, got {options.episodes}")
        self.options = options
        self._episodes = ServerEpisodes(self)

    def policy(self) -> str:
        """The policy document."""
        return self.options.policy

    def session(self) -> OpenEnvSession:
        """A new session.

        Raises:
            ServerStartError: no server answers.
        """
        return OpenEnvSession(self.options.url, self.options.timeout_s, self.options.start_timeout_s)

    @staticmethod
    def world_key(task: Task) -> Any:
        """What the server's reset gets."""
        return task.meta.get("world")

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> "ServerEpisodes":
        """The server's episodes, which are in every split.

        Raises:
            ConfigError: they cannot be chosen by depth or kind.
        """
        if depth is not None or kinds is not None:
            raise ConfigError("The episodes of an OpenEnv server cannot be chosen by depth or kind")
        return self._episodes


class ServerEpisodes:
    """The server's own episodes as tasks: item `i` is the one of seed `i`, and asks for what the server says."""

    def __init__(self, domain: OpenEnvDomain):
        self._domain = domain
        self._made: dict[int, Task] = {}

    def __len__(self) -> int:
        return self._domain.options.episodes

    def __getitem__(self, index: int, /) -> Task:
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index not in self._made:
            options = self._domain.options
            self._made[index] = Task(
                id=f"seed-{index}",
                domain=self._domain.name,
                kind=("openenv",),
                request=options.request or self._said(index),
                verdict="openenv",
                meta={"world": {"seed": index}, "solved_at": options.solved_at},
            )
        return self._made[index]

    def __iter__(self) -> Iterator[Task]:
        return (self[index] for index in range(len(self)))

    def by_id(self, task_id: str) -> Task:
        """The task of an id.

        Raises:
            ConfigError: there is none.
        """
        number = task_id.removeprefix("seed-")
        if number == task_id or not number.isdigit() or int(number) >= len(self):
            raise ConfigError(f"There is no task {task_id!r}: they are seed-0 to seed-{len(self) - 1}")
        return self[int(number)]

    def _said(self, seed: int) -> str:
        """What the server says at the reset of a seed."""
        session = self._domain.session()
        try:
            session.reset({"seed": seed})
            return asked_for(session.opening)
        finally:
            session.close()


def asked_for(observation: Mapping[str, Any]) -> str:
    """What a first observation asks for: its likeliest text, or all that it says."""
    for name in _TEXTS:
        if isinstance(observation.get(name), str) and observation[name].strip():
            return observation[name]
    said = {name: value for name, value in observation.items() if value not in (None, "", [], {})}
    return f"{_ASK}\n{json.dumps(said, ensure_ascii=False)}" if said else _ASK


def _given(trajectory: Trajectory, first: int = 0) -> list[float]:
    """The server's rewards for the actions of the steps from `first` on."""
    found = [reported(result)[0] for step in trajectory.steps[first:] for result in step.results]
    return [reward for reward in found if reward is not None]


def openenv_reward() -> Reward:
    """The server's own reward: what it gave for the latest step's actions, added up."""
    return Reward({"openenv": lambda trajectory, task: sum(_given(trajectory, len(trajectory.steps) - 1), 0.0)}, {})


def fault(trajectory: Trajectory, task: Task) -> str | None:
    """Why the server's episode is not solved: its rewards do not add up to `solved_at`."""
    total = sum(_given(trajectory))
    wanted = task.meta.get("solved_at", 1.0)
    return None if total >= wanted else f"the server's rewards add up to {total:g}, not to {wanted:g}"


def _domain_of(settings: dict[str, Any], options: EnvOptions | None) -> tuple[OpenEnvDomain, dict[str, Any]]:
    chosen, rest = parted(OpenEnvOptions, settings)
    if options is None:  # there is no gold that our rewards could compare with
        rest.setdefault("reward", openenv_reward())
    return OpenEnvDomain(chosen), rest


MAKER = EnvMaker(_domain_of, own=field_names(OpenEnvOptions), without=(*GENERATED, *PERTURBED))
make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options
