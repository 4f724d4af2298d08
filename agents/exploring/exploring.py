"""Searches the tasks of a split and writes what was found: `toolgym explore` is this on the command line."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from toolgym.agents.evaluation.evaluation import AgentOptions
from toolgym.agents.exploring.folder import MANIFEST, Folder
from toolgym.agents.exploring.states import distinct, said_and_answered, states_of, step_pairs
from toolgym.agents.policies.policy import Completion, Policy
from toolgym.agents.rollouts.rollout import Rollout, Start, play_all
from toolgym.agents.search.cost import META
from toolgym.agents.search.options import SearchOptions, parse_search
from toolgym.agents.search.policy import SearchPolicy
from toolgym.agents.search.tree import Node
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.opening import WORLD_OPTIONS, open_env
from toolgym.perturbing.chance import number_of
from toolgym.trajectory import Trajectory

__all__ = ["ExploringOptions", "Totals", "explore", "told_the_outcome"]

_EVALUATED = ("test", "test_unseen")


@dataclass(frozen=True)
class ExploringOptions:
    """What is explored, and how."""

    output: Path
    """The folder (`toolgym.agents.exploring.folder`)."""
    search: SearchOptions
    """How each task is searched."""
    env_id: str = "ToolGym/Airline-v0"
    split: str = "train"
    allow_test: bool = False
    """Whether the split may be one that agents are evaluated on."""
    episodes: int = 100
    """How many tasks: drawn without replacement by `seed`; all of the split where it has fewer."""
    seed: int = 0
    """Of the choice of tasks and the sampling."""
    env_options: Mapping[str, Any] = field(default_factory=dict)
    """More keywords for `gymnasium.make`."""
    agent_name: str = ""
    agent: AgentOptions = field(default_factory=AgentOptions)
    step_timeout_s: float | None = None
    """A step that waits for longer breaks its sample. None: its server's own limit."""

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ConfigError(f"episodes must be at least 1, got {self.episodes}")

    def settings(self) -> dict[str, Any]:
        """What a folder's other tasks must have been explored with: all but how many, how fast and where.

        Raises:
            ConfigError: an option is neither JSON nor goes by a name.
        """
        sampling = ("temperature", "max_new_tokens", "context_tokens", "thinking", "tool_role")
        return {
            "env": self.env_id,
            "split": self.split,
            "env_options": {name: _written(name, self.env_options[name]) for name in sorted(self.env_options)},
            "agent": self.agent_name,
            "search": str(self.search),
            "seed": self.seed,
            **{name: getattr(self.agent, name) for name in sampling},
        }


def _written(option: str, value: Any) -> Any:
    """An environment's option as JSON: paths as text, functions and classes by their names.

    Raises:
        ConfigError: there is no way to write it.
    """

    def named(item: Any) -> str:
        if isinstance(item, Path):
            return str(item)
        if not hasattr(item, "__qualname__"):
            raise TypeError
        return f"{item.__module__}:{item.__qualname__}"

    try:
        return json.loads(json.dumps(value, default=named))
    except (TypeError, ValueError):
        raise ConfigError(
            f"{option}={value!r:.200} cannot be written into {MANIFEST}, which says what was explored: give it as a "
            "name, a path or a function"
        ) from None


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of explored tasks, added up."""

    tasks: int
    solved: int
    """Tasks that an episode solved."""
    lost: int
    """Tasks of which the infrastructure left no episode."""
    episodes: int
    """Distinct ones."""
    pairs: int
    states: int
    tokens: int
    """That the agent wrote."""
    env_steps: int
    """In forks, and those of the episodes that were played in the end."""
    calls: int

    @classmethod
    def of(cls, done: Sequence[Mapping[str, Any]]) -> "Totals":
        """Of a folder's progress."""
        names = ("episodes", "pairs", "states", "tokens", "env_steps", "calls")
        return cls(
            tasks=len(done),
            solved=sum(each["solved"] for each in done),
            lost=sum(not each["episodes"] for each in done),
            **{name: sum(each[name] for each in done) for name in names},
        )

    def __add__(self, other: "Totals") -> "Totals":
        """Both together."""
        return Totals(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def to_json(self) -> dict[str, int]:
        """As `toolgym explore --json` prints it."""
        return asdict(self)


def told_the_outcome(search: str) -> SearchOptions:
    """The search that a text names, ranking by the outcome where it names no scorer: on tasks to learn from it may.

    Raises:
        ConfigError: no such search or option.
    """
    return parse_search(search, scorer="verified")


def explore(
    policy: Policy,
    options: ExploringOptions,
    *,
    on_task: Callable[[Totals, int], None] | None = None,
    on_open: Callable[[ToolEnv], None] | None = None,
) -> Totals:
    """Explores the tasks that the folder does not have yet, and those that were lost; gives the figures of all.

    What comes of a task depends on nothing but the settings and its number: not on where another call stopped, nor on
    what is explored at the same time.

    Args:
        policy: whose turns are sampled.
        options: what is explored, and how.
        on_task: called as tasks are written, with the figures so far and the number of tasks in all.
        on_open: called once, with the environment, before anything is played.

    Raises:
        ConfigError: an option that cannot be used, a split that agents are evaluated on, or a folder of something else.
        LockedError: somebody else is writing there.
    """
    settings, env_options = options.settings(), {"split": options.split, **options.env_options}
    first = open_env(options.env_id, **env_options)
    envs = [first]
    with _closing(envs):
        _check_env(first, options)
        if on_open is not None:
            on_open(first)
        count = min(options.episodes, len(first.tasks))
        order = np.random.default_rng(np.random.SeedSequence(options.seed)).permutation(len(first.tasks))[:count]
        at_once = min(options.agent.concurrency, count)
        envs += [first.spawn() for _ in range(at_once - 1)]
        explorer = _Explorer(policy, options, envs)
        with closing(Folder(options.output, settings)) as folder:
            done = folder.done  # the task of number i is the i-th
            again = [number for number, each in enumerate(done[:count]) if not each["episodes"]]
            todo = [*again, *range(len(done), count)]
            totals = Totals.of([each for number, each in enumerate(done) if number not in again])
            if on_task is not None:
                on_task(totals, count)
            for at in range(0, len(todo), at_once):
                tasks = {number: int(order[number]) for number in todo[at : at + at_once]}
                for number, found in explorer.explore(tasks).items():
                    totals += Totals.of([_write(folder, options, first.tasks[tasks[number]].id, found)])
                    if on_task is not None:
                        on_task(totals, count)
            return totals


def _check_env(env: ToolEnv, options: ExploringOptions) -> None:
    """Raises where what is found could not be learnt from.

    Raises:
        ConfigError: it says why.
    """
    if env.options.split in _EVALUATED and not options.allow_test:
        raise ConfigError(
            f"The split {env.options.split!r} is for evaluations: what is learnt from its tasks cannot be evaluated on "
            "them. Explore --split train; or say --allow-test, and evaluate on something else"
        )
    for name in ("rename", "flaky"):
        if getattr(env.options, name):
            raise ConfigError(
                f"{name} differs from episode to episode, so that a training run could not say again what was "
                f"explored: leave --set {name} out"
            )


@dataclass(slots=True)
class _Found:
    """What came of a task."""

    episodes: list[Trajectory] = field(default_factory=list)
    """The finished episodes of its search, in the order in which they were sampled."""
    played: Trajectory | None = None
    """The one that was played in the end, with the search's cost."""


class _Explorer:
    """Searches tasks, some at once."""

    def __init__(self, policy: Policy, options: ExploringOptions, envs: Sequence[ToolEnv]):
        self.options, self.envs = options, envs
        self.found: dict[int, _Found] = {}
        """By the number of the task."""
        self.searching = SearchPolicy(
            policy,
            options.search,
            concurrency=options.agent.concurrency,
            step_timeout_s=options.step_timeout_s,
            on_tree=self._keep,
        )

    def explore(self, tasks: Mapping[int, int]) -> dict[int, _Found]:
        """What comes of some tasks, by their numbers among all that are explored."""
        self.found = {number: _Found() for number in tasks}
        numbers = list(tasks)
        perturbed = {"perturbation": number_of(self.options.seed, 0)} if self.envs[0].options.perturbs else {}
        starts = [Start(options={"task": task, **perturbed}) for task in tasks.values()]
        play_all(
            _Numbered(self.searching, numbers),
            self.envs[: len(tasks)],
            starts,
            lambda at, rollout: self._end(numbers[at], self.envs[0].tasks[tasks[numbers[at]]].id, rollout),
            step_timeout_s=self.options.step_timeout_s,
        )
        return self.found

    def _keep(self, slot: int, root: Node, chosen: Node) -> None:
        """The episodes of a search's tree."""
        self.found[slot].episodes += [_ended(node) for node in root.walk() if node.over and node.trajectory is not None]

    def _end(self, slot: int, task: str, rollout: Rollout) -> None:
        cost, played = self.searching.take_cost(slot), rollout.trajectory
        if played is None or played.task_id != task:  # it could not begin, and the environment has an earlier one
            played = Trajectory(self.options.env_id, task)
        meta = {**played.meta, META: cost.to_json()}
        outcome = rollout.outcome or "truncated"
        self.found[slot].played = replace(played, outcome=outcome, truncation=rollout.truncation, meta=meta)


def _ended(node: Node) -> Trajectory:
    """The episode of a node that is over: giving up and a full context end one without a step."""
    trajectory = cast(Trajectory, node.trajectory)
    outcome, truncation = trajectory.outcome, trajectory.truncation
    if outcome is None:
        outcome, truncation = ("unsolved", None) if node.gave_up else ("truncated", "tokens")
    steps, meta = list(trajectory.steps), dict(trajectory.meta)
    return replace(trajectory, outcome=outcome, truncation=truncation, steps=steps, meta=meta)


def _write(folder: Folder, options: ExploringOptions, task: str, found: _Found) -> dict[str, Any]:
    """Writes a task; gives its figures."""
    played, episodes = cast(Trajectory, found.played), list(found.episodes)
    known = set(map(said_and_answered, episodes))
    if played.outcome != "infra_error" and said_and_answered(played) not in known:
        episodes.append(played)  # the policy went on where the search had ended
    kept = distinct([played, *episodes] if played.outcome != "infra_error" else episodes)
    world = {name: options.env_options[name] for name in WORLD_OPTIONS if name in options.env_options}
    told = [replace(each, meta={**each.meta, "world": world}) for each in kept] if world else kept
    root = states_of(told[0].prompt, episodes) if told else None
    pairs = [] if root is None else step_pairs(root)
    cost = played.meta[META]
    figures = {
        "task": task,
        "solved": root is not None and root.solved > 0,
        "episodes": len(told),
        "pairs": len(pairs),
        "states": 0 if root is None else sum(1 for _ in root.walk()),
        "tokens": cost["tokens"],
        "env_steps": cost["steps"] + len(played.steps),
        "calls": cost["calls"] + len(played.calls),
    }
    folder.add(figures, told, pairs, root)
    return figures


class _Numbered:
    """A policy whose slots have numbers of their own: what is random in an episode belongs to its slot."""

    def __init__(self, policy: SearchPolicy, numbers: Sequence[int]):
        self.policy, self.numbers = policy, numbers
        self.tokenizer = policy.tokenizer

    def start(self, slot: int, observation: str, info: dict[str, Any], env: ToolEnv | None = None) -> list[int]:
        return self.policy.start(self.numbers[slot], observation, info, env=env)

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        return self.policy.observe(self.numbers[slot], observation, info)

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        return self.policy.generate([self.numbers[slot] for slot in slots])

    def generate_some(
        self, slots: Sequence[int], pause: Callable[[], bool] | None = None
    ) -> list[tuple[int, Completion]]:
        places = {self.numbers[slot]: slot for slot in slots}
        return [(places[number], completion) for number, completion in self.policy.generate_some(list(places), pause)]

    def end(self, slot: int) -> None:
        self.policy.end(self.numbers[slot])


@contextmanager
def _closing(envs: list[ToolEnv]) -> Iterator[None]:
    """Closes the environments at the end."""
    try:
        yield
    finally:
        for env in envs:
            env.close()
