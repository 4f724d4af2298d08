"""Episodes in Ray actors: environments that run on other cores, or on other machines of a Ray cluster.

    envs = ray_envs("ToolGym/Airline-v0", count=64, workers=8, options={"size": "small"})
    rollouts(policy, envs, starts)

A `RayEnv` has what rollouts need of a `ToolEnv`: reset, step, fork, trajectory, task and close. Each call is a call of
an actor, which costs a millisecond or two: it pays where steps are long (containers, servers, simulated users), not
where a tool is a function. Wherever an episode runs, the same task and actions give the same bytes.

Ray is joined where one runs (`RAY_ADDRESS`, or a cluster that was started on this machine), and started otherwise.
"""

import asyncio
import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import ray
from gymnasium.error import ResetNeeded
from ray.exceptions import GetTimeoutError, RayActorError

from toolgym.env import ToolEnv
from toolgym.episode import StepReturn
from toolgym.errors import ConfigError, InfraError
from toolgym.opening import bring_env, brought, open_env

if TYPE_CHECKING:
    from toolgym.domain import TaskSet
    from toolgym.tasks import Task
    from toolgym.trajectory import Trajectory

__all__ = ["RayEnv", "ray_envs"]

_AT_ONCE = 64
"""Calls that an actor has under way, at most: while one waits for a server, others go on."""
_START_S = 180.0
"""Seconds for all actors to start; a cluster may have to bring up machines first."""


def ray_envs(
    env_id: str, count: int, workers: int, options: dict[str, Any] | None = None, *, tasks: "TaskSet | None" = None
) -> list["RayEnv"]:
    """`count` environments, spread over as many actors as `workers` says. An actor ends with the last of its own.

    Args:
        env_id: as for `gymnasium.make`; one that is registered by a module of yours is `module:ID`.
        count: environments.
        workers: actors, each on a CPU of the Ray cluster.
        options: of the environment, as for `gymnasium.make`; they are sent to the actors.
        tasks: the tasks of such an environment, where the caller has made one already.

    Raises:
        ConfigError: an option that cannot be used, or fewer CPUs than workers.
        InfraError: the actors did not start.
    """
    if workers < 1 or count < 1:
        raise ConfigError(f"count and workers must be at least 1, got count={count}, workers={workers}")
    options = options or {}
    if tasks is None:
        first = open_env(env_id, **options)
        tasks = first.tasks
        first.close()
    if not ray.is_initialized():
        ray.init(logging_level=logging.WARNING)
    cpus = int(ray.cluster_resources().get("CPU", 0))
    workers = min(workers, count)
    if workers > cpus:
        raise ConfigError(f"{workers} workers need as many CPUs, but the Ray cluster has {cpus}: take fewer")
    remote: Any = ray.remote  # its type knows no options of actors
    actor = remote(num_cpus=1, max_restarts=-1, max_concurrency=_AT_ONCE)(_Worker)
    actors = [actor.remote(env_id, options, brought(env_id) is not None) for _ in range(workers)]
    try:
        perturbs = ray.get([made.ready.remote() for made in actors], timeout=_START_S)
    except GetTimeoutError as error:
        raise InfraError(
            f"{workers} Ray workers were not there within {_START_S} s: is a CPU free for each of them (`ray status`)?"
        ) from error
    return [RayEnv(actors[at % workers], tasks, _new_name(), perturbs[0]) for at in range(count)]


_numbers = itertools.count()


def _new_name() -> str:
    """A name that no other environment of this process has; an actor serves one process."""
    return f"env-{next(_numbers)}"


class _Worker:
    """The actor: environments by name. One that it does not know (it is new, or was restarted) is a fresh one."""

    def __init__(self, env_id: str, options: dict[str, Any], own: bool = False):
        if own:
            bring_env(env_id)
        self.first = open_env(env_id, **options)
        self.envs: dict[str, ToolEnv] = {}

    def ready(self) -> bool:
        """Answers once the actor is there: whether its environments' episodes are perturbed."""
        return self.first.perturbs

    def reset(self, name: str, seed: int | None, options: dict[str, Any] | None) -> tuple[str, dict[str, Any], "Task"]:
        env = self.envs.get(name)
        if env is None:
            env = self.envs[name] = self.first.spawn()
        return *env.reset(seed=seed, options=options), env.task

    def step(self, name: str, action: str) -> "tuple[StepReturn, Trajectory | None]":
        """The answer, and the whole episode once it is over."""
        env = self._env(name)
        answer = env.step(action)
        return answer, env.trajectory if answer[2] or answer[3] else None

    def trajectory(self, name: str) -> "Trajectory":
        return self._env(name).trajectory

    def fork(self, name: str, twin: str) -> None:
        self.envs[twin] = self._env(name).fork()

    def close(self, name: str) -> None:
        env = self.envs.pop(name, None)
        if env is not None:
            env.close()

    def _env(self, name: str) -> ToolEnv:
        if name not in self.envs:
            raise InfraError("the Ray worker was restarted: the episode is lost")
        return self.envs[name]


class RayEnv:
    """An environment in an actor, with a `ToolEnv`'s methods. `ray_envs` makes them."""

    suspends = True
    """A step has to be waited for."""

    def __init__(self, actor: Any, tasks: "TaskSet", name: str, perturbs: bool = False):
        self._actor, self._name = actor, name
        self.perturbs = perturbs
        """Whether anything is done to its episodes (`toolgym.perturbing`)."""
        self.tasks = tasks
        """The tasks that a reset picks from."""
        self._task: Task | None = None
        self._trajectory: Trajectory | None = None
        """Of an episode that is over."""
        self._interrupted = False
        """Whether a call has begun whose end was not seen; it may go on in the actor."""

    @property
    def unwrapped(self) -> "RayEnv":
        """Itself."""
        return self

    @property
    def task(self) -> "Task":
        """The current task, gold and all.

        Raises:
            ConfigError: there was no reset yet.
        """
        if self._task is None:
            raise ConfigError("Call env.reset() first: no episode was started")
        return self._task

    @property
    def trajectory(self) -> "Trajectory | None":
        """The episode so far; None before the first reset, in an interrupted step, and where its actor is gone."""
        if self._trajectory is None and self._task is not None and not self._interrupted:
            with suppress(RayActorError, InfraError):
                return ray.get(self._actor.trajectory.remote(self._name))
        return self._trajectory

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """As `ToolEnv.reset`.

        Raises:
            ConfigError: an unknown option or task.
            InfraError: the tools could not be started, or the actor is gone.
        """
        if self._interrupted:
            self._actor.close.remote(self._name)
            self._name = _new_name()
        try:
            with self._watched():
                observation, info, self._task = ray.get(self._actor.reset.remote(self._name, seed, options))
        except RayActorError as error:
            raise InfraError(f"the Ray worker is gone: {error}") from error
        self._trajectory = None
        return observation, info

    def step(self, action: str) -> StepReturn:
        """As `ToolEnv.step`. With its actor an episode is over: an `infra_error`, as when a server dies.

        Raises:
            ResetNeeded: the episode is over, or a step was interrupted.
        """
        self._check_whole()
        try:
            with self._watched():
                answer, self._trajectory = ray.get(self._actor.step.remote(self._name, action))
        except (RayActorError, InfraError) as error:
            return _lost(error)
        return answer

    async def step_async(self, action: str) -> StepReturn:
        """Like `step`; other episodes go on while the actor works, and no thread waits for it."""
        self._check_whole()
        try:
            with self._watched():
                called = self._actor.step.remote(self._name, action)
                answer, self._trajectory = await asyncio.wrap_future(called.future())
        except (RayActorError, InfraError) as error:
            return _lost(error)
        return answer

    def _check_whole(self) -> None:
        if self._interrupted:
            raise ResetNeeded("A step or a reset was interrupted, so nobody knows what it did: call env.reset()")

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Around a call of the actor: notices an interrupt."""
        self._interrupted = True
        try:
            yield
        except Exception:
            self._interrupted = False  # the actor's answer, or there is no actor
            raise
        self._interrupted = False

    def fork(self) -> "RayEnv":
        """An environment in the same state, in the same actor.

        Raises:
            ForkUnsupportedError: the session cannot fork.
            InfraError: the actor is gone.
        """
        twin = RayEnv(self._actor, self.tasks, _new_name(), self.perturbs)
        twin._task = self._task
        try:
            ray.get(self._actor.fork.remote(self._name, twin._name))
        except RayActorError as error:
            raise InfraError(f"the Ray worker is gone: {error}") from error
        return twin

    def close(self) -> None:
        """Closes the session; a later reset opens a new one."""
        if ray.is_initialized():
            self._actor.close.remote(self._name)


def _lost(error: Exception) -> StepReturn:
    """The answer of an episode that is over with its actor."""
    return "", 0.0, True, False, {"outcome": "infra_error", "error": f"{type(error).__name__}: {error}"}
