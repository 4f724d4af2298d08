"""`ToolVectorEnv`: many episodes at once in one process, as Gymnasium's vector environment.

Episodes whose tools run in this process are stepped one after another, without an event loop. Where a step may wait
(tools over the wire, a user's model), all steps run as coroutines on one loop, and their waits overlap.
"""

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn, cast

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from toolgym.domain import Domain, Size
from toolgym.env import ToolEnv
from toolgym.episode import StepReturn
from toolgym.errors import ConfigError, CopyError, InfraError, did_you_mean
from toolgym.mcp.loop import serve
from toolgym.options import EnvOptions

__all__ = ["ToolVectorEnv", "batch_infos"]

VectorStepReturn = tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]
_RESET_OPTIONS = ("reset_mask", "task", "tasks")


class ToolVectorEnv(VectorEnv[tuple[str, ...], Sequence[str], np.ndarray]):
    """`num_envs` episodes of one domain: for equal seeds and actions equal to `gymnasium.vector.SyncVectorEnv`.

    Args:
        num_envs: the number of episodes.
        domain: a `Domain`, the name of a registered one, or a `ToolEnv` whose options all episodes are to have.
        autoreset_mode: when an episode that is over starts anew: at the next step, in the same step, or by the caller.
        options, size, dialect, domain_seed, render_mode, overrides: as for `ToolEnv`.

    Raises:
        ConfigError: an option that cannot be used.
    """

    def __init__(
        self,
        num_envs: int,
        domain: Domain | str | ToolEnv,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        options: EnvOptions | None = None,
        size: Size | None = None,
        dialect: str | None = None,
        domain_seed: int | None = None,
        render_mode: str | None = None,
        **overrides: Any,
    ):
        if num_envs < 1:
            raise ConfigError(f"num_envs must be at least 1, not {num_envs}")
        try:
            self.autoreset_mode = AutoresetMode(autoreset_mode)
        except ValueError:
            modes = [mode.value for mode in AutoresetMode]
            raise ConfigError(did_you_mean(str(autoreset_mode), modes, "autoreset mode")) from None
        choices = {"options": options, "size": size, "dialect": dialect, "domain_seed": domain_seed}
        if isinstance(domain, ToolEnv):
            given = [name for name, value in (choices | overrides).items() if value is not None]
            if given:
                raise ConfigError(f"{', '.join(given)} cannot be set for an environment that is made already")
            first, render_mode = domain.spawn(), domain.render_mode
        else:
            first = ToolEnv(domain, **choices, render_mode=render_mode, **overrides)
        self.envs: list[ToolEnv] = [first, *(first.spawn() for _ in range(num_envs - 1))]
        """The episodes' environments."""
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.metadata = {**first.metadata, "autoreset_mode": self.autoreset_mode}
        self.single_action_space, self.single_observation_space = first.action_space, first.observation_space
        self.action_space = batch_space(first.action_space, num_envs)
        self.observation_space = batch_space(first.observation_space, num_envs)
        self._observations: list[str] = [""] * num_envs
        self._over = np.zeros(num_envs, dtype=np.bool_)
        self._suspends = first.suspends
        self._failed: dict[int, str] = {}
        """Episodes that could not be started, and why: their next step ends them as `infra_error`."""
        self._loop: _Loop | None = None

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        """Refuses `copy.copy`, `copy.deepcopy` and `pickle`: sessions belong to their process.

        Raises:
            CopyError: always.
        """
        raise CopyError(
            "A vector environment cannot be copied or pickled. envs[i].fork() gives one episode in the same state; "
            "another process makes its own with gymnasium.make_vec()."
        )

    # The three verbs ---------------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Starts all episodes, or those of a mask.

        Args:
            seed: one seed (episode `i` gets `seed + i`, as in Gymnasium) or one an episode.
            options: `{"task": …}` for all, `{"tasks": […]}` with one an episode, `{"reset_mask": bool array}` for some.
        """
        seeds = self._seeds(seed)
        each, chosen = self._reset_options(options)
        self._over[chosen] = False

        infos = self._map(lambda index: self._start(index, seeds[index], each[index]), chosen)
        return tuple(self._observations), batch_infos(list(zip(chosen, infos, strict=True)), self.num_envs)

    def step(self, actions: Sequence[str]) -> VectorStepReturn:
        """One action an episode. In mode NEXT_STEP the action of an episode that is over is ignored: it starts anew.

        Raises:
            ResetNeeded: in mode DISABLED, an episode is over and was not reset; in any mode, a step was interrupted.
            ValueError: not one action an episode.
        """
        if len(actions) != self.num_envs:
            raise ValueError(f"{self.num_envs} episodes need as many actions, not {len(actions)}")
        try:
            if self._suspends:
                return self._step(actions)
            with _one_collection():
                return self._step(actions)
        except ResetNeeded:
            raise
        except BaseException:
            for env in self.envs:  # what some have done is told nobody
                env.abandon()
            raise

    def _step(self, actions: Sequence[str]) -> VectorStepReturn:
        restarted: list[int] = []
        if self._over.any():
            if self.autoreset_mode is AutoresetMode.DISABLED:
                over = np.flatnonzero(self._over).tolist()
                raise ResetNeeded(f"Episodes {over} are over: reset them with options={{'reset_mask': mask}}")
            if self.autoreset_mode is AutoresetMode.NEXT_STEP:
                restarted = np.flatnonzero(self._over).tolist()
        running = [index for index in range(self.num_envs) if not (restarted and self._over[index])]
        for index in running:
            if index not in self._failed:
                self.envs[index].episode.check_whole()
        outs = self._step_all(running, actions)
        rewards, terminated, truncated = (np.zeros(self.num_envs, dtype) for dtype in (np.float64, np.bool_, np.bool_))
        infos: dict[int, dict[str, Any]] = {}
        if outs:
            observations, rewards[running], terminated[running], truncated[running], stepped = zip(*outs, strict=True)
            infos = dict(zip(running, stepped, strict=True))
            for index, observation in zip(running, observations, strict=True):
                self._observations[index] = observation
        over = np.logical_or(terminated, truncated)
        finals: dict[int, dict[str, Any]] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            restarted = np.flatnonzero(over).tolist()
            finals = {i: {"final_obs": self._observations[i], "final_info": infos[i]} for i in restarted}
        for index, info in zip(restarted, self._map(self._restart, restarted), strict=True):
            infos[index] = info
        self._over = over
        entries = []
        for index in range(self.num_envs):
            if index in finals:
                entries.append((index, finals[index]))
            entries.append((index, infos[index]))
        return tuple(self._observations), rewards, terminated, truncated, batch_infos(entries, self.num_envs)

    def render(self) -> tuple[Any, ...]:
        """What each episode's `render` gives."""
        return tuple(env.render() for env in self.envs)

    def close(self, **kwargs: Any) -> None:
        """Closes what is open. A later reset opens new sessions, which are closed by closing once more."""
        self.close_extras(**kwargs)
        self.closed = True

    def close_extras(self, **kwargs: Any) -> None:
        """Closes the sessions and ends the event loop."""
        for env in self.envs:
            env.close()
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    @property
    def spec(self) -> EnvSpec | None:
        """What `gymnasium.make_vec` made this from; the episodes' trajectories are named after it."""
        return self.envs[0].spec

    @spec.setter
    def spec(self, value: EnvSpec | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        for env in self.envs:
            env.spec = value

    @property
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The episodes' generators."""
        return tuple(env.np_random for env in self.envs)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The episodes' seeds."""
        return tuple(env.np_random_seed for env in self.envs)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """A method's result (or an attribute's value) for each episode."""
        values = [getattr(env, name) for env in self.envs]
        return tuple(value(*args, **kwargs) if callable(value) else value for value in values)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute's value for each episode."""
        return tuple(getattr(env, name) for env in self.envs)

    # How episodes are run ----------------------------------------------------------------------------------------

    def _restart(self, index: int) -> dict[str, Any]:
        return self._start(index, None, None)

    def _start(self, index: int, seed: int | None, options: dict[str, Any] | None) -> dict[str, Any]:
        """Resets one environment; one whose server cannot be started does not stop the others."""
        self._failed.pop(index, None)
        try:
            self._observations[index], info = self.envs[index].reset(seed=seed, options=options)
        except InfraError as error:
            self._failed[index] = f"{type(error).__name__}: {error}"
            self._observations[index], info = "", {"error": self._failed[index]}
        return info

    def _step_all(self, indices: Sequence[int], actions: Sequence[str]) -> list[StepReturn]:
        if not self._suspends:
            return [self.envs[index].step(actions[index]) for index in indices]
        working = [index for index in indices if index not in self._failed]
        stepped = self._get_loop().run([partial(self.envs[index].step_async, actions[index]) for index in working])
        outs = dict(zip(working, stepped, strict=True))
        return [outs[index] if index in outs else self._end_failed(index) for index in indices]

    def _end_failed(self, index: int) -> StepReturn:
        """The only step of an episode that could not be started."""
        return "", 0.0, True, False, {"outcome": "infra_error", "error": self._failed.pop(index)}

    def _map(self, start: Any, indices: Sequence[int]) -> list[dict[str, Any]]:
        """`start` of each index; at once, in threads, where starting may wait for a server."""
        if len(indices) < 2 or not self._suspends:
            return [start(index) for index in indices]
        threads = [self._get_loop().threads.submit(start, index) for index in indices]
        try:
            return [thread.result() for thread in threads]
        except BaseException:
            for thread in threads:
                thread.cancel()
            wait(threads)  # an environment must not be used again while it is being reset
            raise

    def _get_loop(self) -> "_Loop":
        if self._loop is None:
            self._loop = _Loop(self.num_envs)
        return self._loop

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + index for index in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(f"{self.num_envs} episodes need as many seeds, not {len(seed)}")
        return list(seed)

    def _reset_options(self, options: Mapping[str, Any] | None) -> tuple[list[dict[str, Any]], list[int]]:
        """Each episode's reset options, and the indices of those to start."""
        options = options or {}
        for name in options:
            if name not in _RESET_OPTIONS:
                raise ConfigError(did_you_mean(name, _RESET_OPTIONS, "reset option"))
        tasks = options.get("tasks")
        if tasks is None:
            tasks = [options.get("task")] * self.num_envs
        if not isinstance(tasks, Sequence | np.ndarray) or isinstance(tasks, str):
            raise ConfigError(f"tasks is a list of tasks, one an episode; got {tasks!r:.100}")
        if len(tasks) != self.num_envs:
            raise ConfigError(f"{self.num_envs} episodes need as many tasks, not {len(tasks)}")
        mask = np.asarray(options.get("reset_mask", np.ones(self.num_envs, dtype=np.bool_)))
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ConfigError(f"reset_mask must be a bool array of shape ({self.num_envs},) with at least one True")
        return [{"task": task} for task in tasks], np.flatnonzero(mask).tolist()


@contextmanager
def _one_collection() -> Iterator[None]:
    """Puts garbage collection off until the end.

    The steps of many episodes allocate enough for several collections, which walk over all that is alive and find next
    to nothing: they took two fifths of the time. At the end, what the steps needed for themselves is gone.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Loop:
    """An event loop on a thread of its own, so that it works inside a running one (a notebook) too."""

    def __init__(self, width: int):
        self.threads = ThreadPoolExecutor(max_workers=min(width, 64), thread_name_prefix="toolgym-vector")
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(self.threads)
        self._thread = threading.Thread(target=serve, args=(self._loop,), name="toolgym-vector-loop", daemon=True)
        self._thread.start()

    def run(self, steps: Iterable[Callable[[], Coroutine[Any, Any, StepReturn]]]) -> list[StepReturn]:
        """All steps' answers, once all have ended; the first of their errors is raised."""

        async def together() -> list[StepReturn]:
            outs = await asyncio.gather(*(step() for step in steps), return_exceptions=True)
            for out in outs:
                if isinstance(out, BaseException):
                    raise out
            return cast(list[StepReturn], outs)

        future = asyncio.run_coroutine_threadsafe(together(), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            asyncio.run_coroutine_threadsafe(_others_ended(), self._loop).result()  # no step outlives an interrupt
            raise

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.threads.shutdown()


async def _others_ended() -> None:
    """Waits for all other tasks of this loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)


def batch_infos(entries: Sequence[tuple[int, Mapping[str, Any]]], num_envs: int) -> dict[str, Any]:
    """Episodes' infos in Gymnasium's vector form: an array of values a key, and under `_key` a mask of who has it.

    Args:
        entries: (episode's index, its info); an index may come more than once, the later one then counts.
        num_envs: the number of episodes.
    """
    out: dict[str, Any] = {}
    if not entries:
        return out
    indices, infos = (list(column) for column in zip(*entries, strict=True))
    keys = infos[0].keys()
    if all(info.keys() == keys for info in infos):  # the usual case, and several times faster
        for key in keys:
            _put(out, key, indices, [info[key] for info in infos], num_envs)
        return out
    for key in {key: None for info in infos for key in info}:
        having = [(index, info[key]) for index, info in entries if key in info]
        _put(out, key, [index for index, _ in having], [value for _, value in having], num_envs)
    return out


def _put(out: dict[str, Any], key: str, indices: list[int], values: list[Any], num_envs: int) -> None:
    """Adds one key's values, batched by the type of the first as Gymnasium does, and their mask."""
    first = values[0]
    scalar = type(first) in (int, float, bool) or isinstance(first, np.number)
    if isinstance(first, dict) and key != "final_obs":
        out[key] = batch_infos(list(zip(indices, values, strict=True)), num_envs)
    elif isinstance(first, np.ndarray):
        out[key] = np.zeros((num_envs, *first.shape), dtype=first.dtype)
        out[key][indices] = values
    else:
        # `fromiter` takes each value as it is, where an assignment would look into lists.
        found = np.fromiter(values, dtype=type(first) if scalar else object, count=len(values))
        if len(found) == num_envs and indices == list(range(num_envs)):
            out[key] = found
            out[f"_{key}"] = np.ones(num_envs, dtype=np.bool_)
            return
        out[key] = np.zeros(num_envs, dtype=found.dtype) if scalar else np.full(num_envs, None, dtype=object)
        out[key][indices] = found
    mask = np.zeros(num_envs, dtype=np.bool_)
    mask[indices] = True
    out[f"_{key}"] = mask
