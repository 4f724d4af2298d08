"""Evaluates a policy on a split: episodes in, a `Report` out. `toolgym eval` is this on the command line."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from toolgym.agents.evaluation.costs import META as COST
from toolgym.agents.evaluation.costs import played_cost
from toolgym.agents.evaluation.metrics import EpisodeScore, score_episode
from toolgym.agents.evaluation.report import Report, summarise
from toolgym.agents.policies.policy import Policy
from toolgym.agents.policies.scripted import NoopPolicy, OraclePolicy, RandomPolicy
from toolgym.agents.rollouts.environments import copies
from toolgym.agents.rollouts.rollout import Rollout, Start, play_all
from toolgym.agents.search.cost import META
from toolgym.env import ToolEnv
from toolgym.envs.planarena.numbers import tier_of_task
from toolgym.errors import ConfigError, did_you_mean
from toolgym.opening import WORLD_OPTIONS, open_env
from toolgym.perturbing.chance import number_of
from toolgym.perturbing.names import names_of
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory, TrajectoryWriter

if TYPE_CHECKING:
    from toolgym.agents.policies.vllm_servers import VLLMServers
    from toolgym.agents.search.options import SearchOptions
    from toolgym.agents.search.policy import SearchPolicy

__all__ = ["AGENTS", "DTYPES", "AgentOptions", "EvalOptions", "evaluate", "make_policy", "play", "report_of"]

AGENTS = (
    "oracle",
    "random",
    "noop",
    "builtin",
    "builtin:clean",
    "builtin:imperfect",
    "builtin:habits",
    "data:NAME",
    "hf:PATH",
    "api:MODEL",
)
"""What `make_policy` understands; PATH is a folder or a hub id, NAME a model of `toolgym data`."""
DTYPES = ("auto", "float32", "bfloat16", "float16")
"""What a local model's weights may be."""
_OF_WEIGHTS = ("dtype", "device", "threads", "base_url")
"""Options of agents that have their weights here, or of an endpoint."""
_INTERRUPT_S = 0.3
"""What an interrupt leaves for closing the environments."""


@dataclass(frozen=True)
class AgentOptions:
    """How an agent that is a model samples. The others take no notice."""

    temperature: float | None = None
    """0 is greedy. None: greedy (an API: its own default). Sampling (1.0, say) is what pass@k with k > 1 is about."""
    max_new_tokens: int | None = None
    """The longest turn. None: 256, of a model from 50M parameters on 1,024 (an API: its own limit)."""
    context_tokens: int | None = None
    """The longest episode of a local model. None: 8,192, or what a longer opening needs, up to the model's limit."""
    dtype: str = "auto"
    """Of a local model's weights: one of `DTYPES`. auto: float32, of a model from 50M parameters on bfloat16 where that
    is fast."""
    thinking: bool | None = None
    """Whether a local model thinks before it acts, where its chat template can switch that. None: the template's."""
    tool_role: str | None = None
    """The role of tools' results for a local model, `tool` or `user`. None: what its chat template takes, or notes."""
    device: str | None = None
    """Where a local model runs; default: CUDA where there is one."""
    threads: int | None = None
    """Torch threads of a local model. None: what is fastest here (`toolgym.agents.policies.machine.set_threads`)."""
    base_url: str | None = None
    """The endpoint of an `api:` agent; default: $OPENAI_BASE_URL."""
    vllm: tuple[str, ...] = ()
    """URLs of vLLM servers that serve a local model, and sample in its place: token ids there, token ids back."""
    concurrency: int = 16
    """How many episodes run at once."""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(did_you_mean(self.dtype, DTYPES, "dtype"))
        idle = [
            item.name for item in fields(self) if item.name in _OF_WEIGHTS and getattr(self, item.name) != item.default
        ]
        if self.vllm and idle:
            raise ConfigError(f"{idle[0]} would have no effect with vllm: the servers have the weights")


@dataclass(frozen=True)
class EvalOptions:
    """What is evaluated on what."""

    env_id: str = "ToolGym/Airline-v0"
    split: str = "test"
    episodes: int = 100
    """How many tasks: drawn without replacement by `seed`; all of the split where it has fewer."""
    k: int = 1
    """Trials a task."""
    seed: int = 0
    """Of the choice of tasks, the sampling and the bootstrap."""
    env_options: Mapping[str, Any] = field(default_factory=dict)
    """More keywords for `gymnasium.make`."""
    agent: AgentOptions = AgentOptions()
    output: Path | None = None
    """A JSON Lines file that gets every trajectory as its episode ends: it is added to what is there."""
    overwrite: bool = False
    """Whether what `output` holds makes way, with the first episode that ends."""
    env_workers: int = 0
    """Ray actors that the environments run in (`toolgym.ray_envs`); 0: in this process."""
    step_timeout_s: float | None = None
    """A step that waits for longer ends its episode as `infra_error`. None: its server's own limit."""
    search: "SearchOptions | None" = None
    """How the agent searches before it acts (`toolgym.agents.search`); None: it does not."""

    def __post_init__(self) -> None:
        if self.search is not None and self.env_workers:
            raise ConfigError("a search forks environments of this process: give search or env_workers, not both")
        if self.episodes < 1 or self.k < 1 or self.env_workers < 0:
            raise ConfigError(
                f"episodes and k must be at least 1 and env_workers at least 0, got episodes={self.episodes}, "
                f"k={self.k}, env_workers={self.env_workers}"
            )


class Tracing(Protocol):
    """Sends episodes somewhere else (`toolgym.agents.evaluation.tracing`); never waits and never raises."""

    def marked(self, trajectory: Trajectory, rollout: Rollout) -> Trajectory:
        """The episode's record with what its trace has beside it."""
        ...

    def send(self, trajectory: Trajectory, task: Task) -> None:
        """Takes an episode that was marked, and is written."""
        ...


def make_policy(name: str, options: AgentOptions | None = None, *, seed: int = 0) -> Policy:
    """The agent of that name: one of `AGENTS`.

    Raises:
        ConfigError: no such agent, model or API key.
    """
    options = options or AgentOptions()
    family, _, rest = name.partition(":")
    if options.vllm and family not in ("builtin", "data", "hf"):
        raise ConfigError(
            f"vllm is of a model whose tokens are known here (hf:PATH, builtin:NAME, data:NAME), not of {name!r}"
        )
    match family:
        case "oracle" if not rest:
            return OraclePolicy()
        case "noop" if not rest:
            return NoopPolicy()
        case "random" if not rest:
            return RandomPolicy(seed)
        case "builtin":
            return _language_model(f"builtin:{rest or 'clean'}", options, seed)
        case "data" if rest:
            return _language_model(name, options, seed)
        case "hf" if rest:
            return _language_model(rest, options, seed)
        case "api" if rest:
            from toolgym.agents.policies.api import ApiOptions, ApiPolicy

            return ApiPolicy(
                ApiOptions(
                    model=rest,
                    base_url=options.base_url,
                    temperature=options.temperature,
                    max_tokens=options.max_new_tokens,
                    concurrency=options.concurrency,
                )
            )
    raise ConfigError(did_you_mean(name, AGENTS, "agent"))


def _language_model(name: str, options: AgentOptions, seed: int) -> Policy:
    from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
    from toolgym.agents.policies.machine import set_threads
    from toolgym.agents.policies.sizes import acting_dtype, named_size

    size = named_size(name)
    if not options.vllm:
        set_threads(options.threads, small=size.small, say=True)
    sampling = SamplingOptions(
        temperature=options.temperature or 0.0,
        max_new_tokens=options.max_new_tokens or (256 if size.small else 1024),
        context_tokens=options.context_tokens,
    )
    template = {"thinking": options.thinking, "tool_role": options.tool_role}
    if options.vllm:
        return LMPolicy.served(name, _servers_of(name, options.vllm), sampling, seed=seed, **template)
    dtype = acting_dtype(options.dtype, size)
    return LMPolicy.load(name, sampling, seed=seed, device=options.device, dtype=dtype, **template)


def _servers_of(name: str, urls: Sequence[str]) -> "VLLMServers":
    """The vLLM servers of a model by name. Those that say that they serve another are warned of, on stderr."""
    from toolgym.agents.policies.models import model_path
    from toolgym.agents.policies.vllm_servers import VLLMServers

    servers = VLLMServers(urls, None)
    path = model_path(name)
    own = {name, path, str(Path(path).resolve())}
    for url, names in servers.served.items():
        if own.isdisjoint(names):
            said = " from ".join(dict.fromkeys(names))
            print(f"Warning: the vLLM server at {url} serves {said}: it is taken to be {name}", file=sys.stderr)
    return servers


def evaluate(
    policy: Policy,
    options: EvalOptions,
    *,
    agent: str = "",
    on_episode: Callable[[EpisodeScore, int], None] | None = None,
    on_open: Callable[[ToolEnv], None] | None = None,
    traces: Tracing | None = None,
) -> Report:
    """Runs `k` episodes on each of the tasks and reports.

    Args:
        policy: who acts.
        options: what to run.
        agent: the agent's name, for the report.
        on_episode: called as each episode ends, with its score and the number of episodes in all.
        on_open: called once, with the environment, before anything is played.
        traces: sends each episode as it ends.

    Raises:
        ConfigError: the environment or its options do not exist.
    """
    scores = play(policy, options, on_episode=on_episode, on_open=on_open, traces=traces)
    return report_of(scores, options, agent=agent)


def play(
    policy: Policy,
    options: EvalOptions,
    *,
    part: tuple[int, int] = (0, 1),
    on_episode: Callable[[EpisodeScore, int], None] | None = None,
    on_open: Callable[[ToolEnv], None] | None = None,
    traces: Tracing | None = None,
) -> dict[int, EpisodeScore]:
    """The scores of an evaluation's episodes, by the episode's number.

    Args:
        policy: who acts.
        options: what to run.
        part: (i, n): only every n-th episode from the i-th on, for one of n processes that share an evaluation.
        on_episode: as in `evaluate`.
        on_open: as in `evaluate`.
        traces: as in `evaluate`.

    Raises:
        ConfigError: the environment or its options do not exist.
    """
    env_options = {"split": options.split, **options.env_options}
    first = open_env(options.env_id, **env_options)
    if on_open is not None:
        on_open(first)
    admit, notes = getattr(policy, "admit", None), getattr(policy, "notes", None)
    writing_of = _writing_tools(first)
    count = min(options.episodes, len(first.tasks))
    order = np.random.default_rng(np.random.SeedSequence(options.seed)).permutation(len(first.tasks))[:count]
    if admit is not None:
        admit(first, [first.tasks[int(index)].id for index in order])
    # All first trials, then all second ones: an evaluation that is stopped early has seen as many tasks as it could.
    every = [(int(index), trial) for trial in range(options.k) for index in order]
    numbers = range(part[0], len(every), part[1])
    at_once = min(options.agent.concurrency, len(numbers))
    envs = copies(first, at_once, options.env_id, env_options, workers=options.env_workers)
    scores: dict[int, EpisodeScore] = {}
    searching = _searching(policy, options)

    def ended(index: int, rollout: Rollout) -> None:
        number = numbers[index]
        task_index, trial = every[number]
        task = first.tasks[task_index]
        trajectory = _finished(rollout, options, task.id, notes(index) if notes is not None else {})
        if searching is not None:
            trajectory = replace(trajectory, meta={**trajectory.meta, META: searching.take_cost(index).to_json()})
        names = names_of(trajectory)
        writing = writing_of(task)
        played, tools = (names.task(task), map(names.tool, writing)) if names else (task, writing)
        score = score_episode(trajectory, played, trial=trial, writing_tools=tools, tier=tier_of_task(task))
        scores[number] = replace(score, error=rollout.error)
        if traces is not None:
            trajectory = traces.marked(trajectory, rollout)
        if writer is not None:
            writer.write(trajectory)
        if traces is not None:
            traces.send(trajectory, played)
        if on_episode is not None:
            on_episode(scores[number], len(numbers))

    starts = [Start(options=_start(first, options.seed, *every[number])) for number in numbers]
    output = options.output
    with (
        _closing(envs),
        nullcontext() if output is None else TrajectoryWriter(output, anew=options.overwrite) as writer,
    ):
        play_all(searching or policy, envs, starts, ended, step_timeout_s=options.step_timeout_s)
    return scores


def _searching(policy: Policy, options: EvalOptions) -> "SearchPolicy | None":
    """The policy with its search, where there is one.

    Raises:
        ConfigError: the policy cannot be searched with.
    """
    if options.search is None:
        return None
    from toolgym.agents.search.policy import SearchPolicy

    at_once, limit_s = options.agent.concurrency, options.step_timeout_s
    return SearchPolicy(policy, options.search, concurrency=at_once, step_timeout_s=limit_s)


def _writing_tools(env: ToolEnv) -> Callable[[Task], frozenset[str]]:
    """Which tools change the world in a task's episode: where tasks are of several domains, each has its own."""
    own = {tool.name: tool.writes is not False for tool in env.tools}
    part_of = getattr(env.domain, "part_of", None)
    known: dict[str, frozenset[str]] = {}

    def of(task: Task) -> frozenset[str]:
        if task.domain not in known:
            writes = dict(own)
            if part_of is not None:
                session = part_of(task).session()
                try:
                    writes |= {tool.name: tool.writes is not False for tool in session.tools}
                finally:
                    session.close()
            known[task.domain] = frozenset(name for name, does in writes.items() if does)
        return known[task.domain]

    return of


def _start(env: ToolEnv, seed: int, task: int, trial: int) -> dict[str, Any]:
    """An episode's reset options: its perturbations depend on the evaluation's seed and the trial, not on its slot."""
    return {"task": task, "perturbation": number_of(seed, trial)} if env.options.perturbs else {"task": task}


def report_of(scores: Mapping[int, EpisodeScore], options: EvalOptions, *, agent: str = "") -> Report:
    """The report of episodes that `play` played."""
    settings = {
        "env": options.env_id,
        "split": options.split,
        "agent": agent,
        "seed": options.seed,
        "env_options": {name: options.env_options[name] for name in sorted(options.env_options)},
    }
    if options.search is not None:
        settings["search"] = options.search.described()
    return summarise([scores[number] for number in sorted(scores)], options.k, settings, options.seed)


def _finished(rollout: Rollout, options: EvalOptions, task_id: str, notes: Mapping[str, Any]) -> Trajectory:
    """The episode's record with its outcome, which the policy's side may have decided (a full context, a dead API), and
    with what the policy notes of it."""
    started = rollout.trajectory is not None and rollout.trajectory.task_id == task_id and rollout.spans
    trajectory = cast(Trajectory, rollout.trajectory) if started else Trajectory(options.env_id, task_id)
    # `toolgym show` makes the world once more.
    world = {name: options.env_options[name] for name in WORLD_OPTIONS if name in options.env_options}
    cost = {COST: played_cost(rollout, trajectory)}
    meta = {**trajectory.meta, **cost, **notes, **({"world": world} if world else {})}
    return replace(trajectory, outcome=rollout.outcome, truncation=rollout.truncation, meta=meta)


@contextmanager
def _closing(envs: list[ToolEnv]) -> Iterator[None]:
    """Closes the environments at the end. An interrupt does not wait for servers that take their time over it."""

    def close() -> None:
        for env in envs:
            env.close()

    try:
        yield
    except KeyboardInterrupt:
        closer = threading.Thread(target=close, daemon=True)
        closer.start()
        closer.join(_INTERRUPT_S)
        raise
    except BaseException:
        close()
        raise
    close()
