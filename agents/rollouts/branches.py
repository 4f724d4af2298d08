"""Several episodes of one start: of a task, or of a state in the middle of an episode.

Shapes: K episodes a start.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgym.agents.policies.lm import LMPolicy
from toolgym.agents.rollouts.rollout import Rollout, Start, rollouts
from toolgym.errors import ConfigError, InfraError
from toolgym.perturbing.names import META

if TYPE_CHECKING:
    from toolgym.env import ToolEnv
    from toolgym.trajectory import Trajectory

__all__ = ["Branch", "branches", "continuations", "episodes", "steps_of"]


def episodes(
    policy: LMPolicy,
    envs: Sequence[Any],
    tasks: Sequence[int],
    samples: int,
    *,
    options: Mapping[str, Any] | None = None,
    on_end: Callable[[int, Rollout], None] | None = None,
    step_timeout_s: float | None = None,
) -> list[list[Rollout]]:
    """`samples` episodes of each task, by task. `options` are more of their resets; what follows is of `rollouts`."""
    starts = [Start(options={"task": task, **(options or {})}) for task in tasks for _ in range(samples)]
    played = rollouts(policy, envs, starts, on_end=on_end, step_timeout_s=step_timeout_s)
    policy.release()
    return [played[at : at + samples] for at in range(0, len(played), samples)]


def steps_of(played: Iterable[Rollout]) -> int:
    """The environment steps of episodes."""
    return sum(len(episode.rewards) for episode in played)


@dataclass(frozen=True)
class Branch:
    """A state in the middle of an episode, from which others may go on."""

    env: "ToolEnv"
    """The environment in that state; it is forked, never stepped."""
    context_ids: list[int]
    """The conversation up to there, as the tokens that were sampled and read."""
    action_ids: list[int]
    """What the episode did next."""


def branches(env: "ToolEnv", task: int, episode: Rollout) -> list[Branch]:
    """The states of a finished episode, one a step, by playing its actions again in `env`.

    No state where the infrastructure failed on the way. Their environments are the caller's to close.

    Raises:
        ConfigError: the rollout has no trajectory to replay.
    """
    if episode.trajectory is None or len(episode.trajectory.steps) != len(episode.spans):
        raise ConfigError("branches needs an episode with its trajectory: all of its steps, and no other's")
    out: list[Branch] = []
    try:
        about = episode.trajectory.meta.get(META)  # the same names and failures once more
        again = {} if about is None else {"perturbation": about["number"]}
        env.reset(options={"task": task, **again})
        for step, (start, end) in zip(episode.trajectory.steps, episode.spans, strict=True):
            context = episode.prompt_ids + episode.completion_ids[:start]
            out.append(Branch(env.fork(), context, episode.completion_ids[start:end]))
            env.step(step.turn.text)
    except InfraError:
        for made in out:
            made.env.close()
        return []
    return out


class _ForkedEnv:
    """Episodes that begin at branches: task i is the i-th branch."""

    def __init__(self, made: Sequence[Branch]):
        self.made = made
        self.env: ToolEnv | None = None

    @property
    def trajectory(self) -> "Trajectory | None":
        return self.env.trajectory if self.env is not None else None

    @property
    def suspends(self) -> bool:
        """Whether a step may have to wait for a server."""
        return any(getattr(branch.env, "suspends", False) for branch in self.made[:1])

    def close(self) -> None:
        """Closes the fork that was played in."""
        if self.env is not None:
            self.env.close()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        branch = self.made[(options or {})["task"]]
        self.close()
        self.env = branch.env.fork()
        return "", {"context_ids": branch.context_ids}

    def step(self, action: str) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        if self.env is None:
            raise ConfigError("step before reset")
        return self.env.step(action)

    @property
    def step_async(self) -> Any:
        """The environment's: a step that can be told to stop."""
        return getattr(self.env, "step_async", None)


def continuations(
    policy: LMPolicy,
    made: Sequence[Branch],
    samples: int,
    concurrency: int,
    *,
    on_end: Callable[[int, Rollout], None] | None = None,
    step_timeout_s: float | None = None,
) -> list[list[Rollout]]:
    """`samples` episodes from each branch on, by branch; each one's `prompt_ids` is the branch's context.

    `on_end` and `step_timeout_s` are those of `rollouts`.
    """
    envs = [_ForkedEnv(made) for _ in range(min(concurrency, max(1, len(made) * samples)))]
    try:
        return episodes(policy, envs, range(len(made)), samples, on_end=on_end, step_timeout_s=step_timeout_s)
    finally:
        for env in envs:
            env.close()
