"""What the offline learners train on: a policy's own episodes on train tasks, and continuations of forks of them.

Shapes: K episodes a task.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from accelerate import PartialState
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from toolgym.agents.lm import LMPolicy, SamplingOptions
from toolgym.agents.options import check_ranges
from toolgym.agents.rollout import Rollout, Start, rollouts
from toolgym.agents.sft import SFTOptions
from toolgym.agents.sizing import BySize, settled
from toolgym.errors import ConfigError, InfraError

if TYPE_CHECKING:
    from toolgym.env import ToolEnv
    from toolgym.trajectory import Trajectory

__all__ = ["Branch", "ExploreOptions", "branches", "continuations", "episodes", "make_policy", "once", "tasks_at_once"]


@dataclass(frozen=True)
class ExploreOptions(SFTOptions):
    """Options of a run that plays before it trains. The numbers are StepTool's (§5.1.4)."""

    samples: Annotated[int, "the policy's own episodes on each of the --episodes tasks"] = 3
    temperature: Annotated[float, "of the sampling"] = 0.7
    max_new_tokens: Annotated[
        int | None, "the longest turn (default: 200; from 50M parameters on 1024, which a model that thinks needs)"
    ] = None
    context_tokens: Annotated[
        int | None, "the longest episode (default: 1536; for a full prompt or long turns at least 8192)"
    ] = None
    concurrency: Annotated[
        int | None, "episodes at once (default: 32; of a larger model on a GPU what its memory holds)"
    ] = None
    BY_SIZE: ClassVar[BySize] = replace(SFTOptions.BY_SIZE, at_once=32)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, above_0=("samples", "concurrency", "temperature"))


def make_policy(config: ExploreOptions, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> LMPolicy:
    """The policy that explores."""
    config = settled(config)
    sampling = SamplingOptions(
        temperature=config.temperature,
        max_new_tokens=cast(int, config.max_new_tokens),
        context_tokens=config.context_tokens,
    )
    return LMPolicy(model, tokenizer, sampling, seed=config.seed)


def episodes(policy: LMPolicy, envs: Sequence[Any], tasks: Sequence[int], samples: int) -> list[list[Rollout]]:
    """`samples` episodes of each task, by task."""
    starts = [Start(options={"task": task}) for task in tasks for _ in range(samples)]
    played = rollouts(policy, envs, starts)
    policy.release()
    return [played[at : at + samples] for at in range(0, len(played), samples)]


def tasks_at_once(config: ExploreOptions) -> int:
    """How many tasks a limited run plays at once: enough for `concurrency` episodes."""
    return math.ceil(cast(int, settled(config).concurrency) / config.samples)


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
        env.reset(options={"task": task})
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


def continuations(policy: LMPolicy, made: Sequence[Branch], samples: int, concurrency: int) -> list[list[Rollout]]:
    """`samples` episodes from each branch on, by branch; each one's `prompt_ids` is the branch's context."""
    envs = [_ForkedEnv(made) for _ in range(min(concurrency, max(1, len(made) * samples)))]
    try:
        return episodes(policy, envs, range(len(made)), samples)
    finally:
        for env in envs:
            env.close()


def once(path: Path, resume: bool, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What `make` returns, kept in a JSON Lines file: a resumed run reads what the interrupted one had made.

    Of several processes the first one makes it, and the others wait for the file.
    """
    state = PartialState()
    if state.is_main_process and not (resume and path.is_file()):
        path.unlink(missing_ok=True)
    state.wait_for_everyone()  # what is there from here on is of this run
    if state.is_main_process and not path.is_file():
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_suffix(".part")
        whole.write_text("".join(json.dumps(item) + "\n" for item in made), encoding="utf-8")
        whole.replace(path)
    while not path.is_file():  # playing may take longer than processes wait for each other
        time.sleep(0.2)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
