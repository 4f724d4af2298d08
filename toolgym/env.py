"""`ToolEnv`: an agent talks to a user and calls the tools of an MCP server, as a Gymnasium environment."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn, cast

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from toolgym.budget import Budget
from toolgym.custom import ChosenTasks, picked
from toolgym.domain import Domain, Size
from toolgym.episode import Episode, StepReturn
from toolgym.errors import ConfigError, CopyError, InfraError, did_you_mean
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.observations import Prompt, notice_message, tagged_notice
from toolgym.options import EnvOptions, check_options, env_options
from toolgym.perturbing import Perturbation, PerturbedSession, Perturber
from toolgym.perturbing.chance import number_of
from toolgym.registration import make_domain
from toolgym.rendering import print_trajectory, trajectory_text
from toolgym.spaces import Message
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory
from toolgym.users import User, UserTools, make_user

if TYPE_CHECKING:
    from toolgym.composing.declaration import Declaration

__all__ = ["ToolEnv"]

_KEPT_OPENINGS = 64
"""Of how many domains, of an environment of several, the latest openings are kept."""


@dataclass(frozen=True, slots=True)
class _Opening:
    """What all episodes of one domain begin with, prepared once."""

    policy: str
    prompt: Prompt
    perturber: Perturber | None
    tools: tuple[ToolSpec, ...]
    """What the prompt lists, where nothing is perturbed."""


class ToolEnv(gymnasium.Env[str, str]):
    """Tool use, one episode at a time.

    ## Action space
    `toolgym.spaces.Message`: any string, read as one assistant message (`toolgym.messages`): a plan, tool calls, a
    response to the user. No string raises; what could not be understood is told in the next observation.

    ## Observation space
    `toolgym.spaces.Message`: everything new since the last action (`toolgym.observations`). `info["messages"]` has the
    same as chat messages, `info["tools"]` at reset the tools in OpenAI's function form.

    ## Rewards
    A float a step, `Reward.score(trajectory, task)`; its unweighted terms are in `info["rewards"]`. NaN where a term
    has no score; `info["unscored"]` then names it.

    ## Starting state
    A task of the split (drawn from `np_random`, or `options={"task": id, index or Task}`) in its world.

    ## Episode end
    `terminated` when the conversation is over (with `user="none"`: at the first response) or the infrastructure failed;
    `truncated` at a limit, which `info["truncation"]` names. `info["outcome"]` then says how it ended.

    Args:
        domain: a `Domain` or a `Declaration`, or the name of a registered one. Where all its tasks are of one split,
            that is the default.
        options: how tasks are picked, how the episode talks, ends and scores.
        size: the world's size, where `domain` is a name.
        dialect: the dialect of the domain's tools, where `domain` is a name.
        domain_seed: seeds the domain's worlds and tasks, where `domain` is a name.
        render_mode: `ansi`, `human` or None.
        overrides: single fields of `EnvOptions`, so that `gymnasium.make(id, split="test")` works.

    Raises:
        ConfigError: an option that cannot be used, or no task fits.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "human"], "render_fps": 4}  # noqa: RUF012 (gymnasium's form)

    def __init__(
        self,
        domain: "Domain | Declaration | str",
        options: EnvOptions | None = None,
        *,
        size: Size | None = None,
        dialect: str | None = None,
        domain_seed: int | None = None,
        render_mode: str | None = None,
        **overrides: Any,
    ):
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ConfigError(did_you_mean(render_mode, self.metadata["render_modes"], "render mode"))
        check_options(overrides, env_options())
        self.options = (options or EnvOptions()).override(overrides)
        self.render_mode = render_mode
        self.domain = make_domain(domain, size=size, dialect=dialect, seed=domain_seed)
        own = getattr(self.domain, "split", None)
        if own is not None and self.options.split == "train":  # what is chosen where nothing is
            self.options = self.options.override({"split": own})
        self.tasks = self.domain.tasks(self.options.split, depth=self.options.depth, kinds=self.options.kinds)
        """The tasks that a reset picks from."""
        if len(self.tasks) == 0:
            raise ConfigError(
                f"No task of {self.domain.name!r} fits: split={self.options.split!r}, depth={self.options.depth!r}, "
                f"kinds={self.options.kinds!r}"
            )
        if self.options.task is not None:
            self.tasks = ChosenTasks(self.tasks, self.options.task)
        self.reward = self.options.make_reward()
        self._user: User = make_user(self.options.user)
        self._session: ToolSession | None = self._new_session()
        self._part_of: Callable[[Task], Domain] | None = getattr(self.domain, "part_of", None)
        self._prompt_of: Callable[[Task, EnvOptions], Prompt] | None = getattr(self.domain, "prompt_of", None)
        if self._prompt_of is not None and self.options.perturbs:
            raise ConfigError(f"The tools of {self.domain.name!r} differ from task to task; they cannot be perturbed")
        self._openings = {"": self._opening_of(self.domain, perturbed=self._part_of is None)}
        self._opening = self._openings[""]
        self._perturbation: Perturbation | None = None
        self._seeded: tuple[int | None, int] = (None, 0)  # the last seed, and the resets since
        self.action_space = Message(self._session.tools)
        self.observation_space = Message()
        self._episode: Episode | None = None
        self._rng_state: Any = None

    # What there is to look at ------------------------------------------------------------------------------------

    @property
    def episode(self) -> Episode:
        """The episode that is running, or the one that ended last.

        Raises:
            ResetNeeded: there was no reset yet.
        """
        if self._episode is None:
            raise ResetNeeded("Call env.reset() first: no episode was started")
        return self._episode

    @property
    def task(self) -> Task:
        """The current task, gold and all: for experts, rewards and tests, never for the agent.

        Where tools are renamed, its calls are in the agent's names; `perturbation.original` has the others.
        """
        return self.episode.task

    @property
    def perturbation(self) -> Perturbation | None:
        """What was done to the current episode (`toolgym.perturbing`); None where nothing was."""
        return self._perturbation

    @property
    def policy(self) -> str:
        """The policy document, in the current episode's names."""
        return self._opening.policy if self._perturbation is None else self._perturbation.policy

    @property
    def trajectory(self) -> Trajectory:
        """The episode so far. Its steps are never changed once they are in it."""
        return self.episode.trajectory

    @property
    def session(self) -> ToolSession:
        """The connection to the tools."""
        if self._session is None:
            self._session = self._new_session()
        return self._session

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """The tools that the agent may call."""
        return self.session.tools

    @property
    def suspends(self) -> bool:
        """Whether a step may have to wait for a server or a user's model."""
        return self._user.suspends or self.session.suspends

    @property
    def perturbs(self) -> bool:
        """Whether anything is done to its episodes (`toolgym.perturbing`)."""
        return self.options.perturbs

    @property
    def np_random(self) -> np.random.Generator:
        """The generator that picks tasks."""
        if self._np_random is None and self._rng_state is not None:
            # A fork holds its parent's generator as a state until it needs one: making generators is slow.
            bits = np.random.PCG64(0)
            bits.state = self._rng_state
            self._np_random = np.random.Generator(bits)
        return super().np_random

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self._np_random, self._np_random_seed = value, -1

    # What there is to do -----------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: seeds the choice of tasks, for this and the following resets.
            options: `{"task": …}`: an id or index in the split, or a `Task`; `{"perturbation": number}`: what the
                episode's perturbations are drawn by, with the task's id (by default: the last seed and the number of
                resets since).

        Raises:
            ConfigError: an unknown option or task.
            InfraError: the tools could not be started, twice.
        """
        super().reset(seed=seed)
        options = dict(options or {})
        number = options.pop("perturbation", None)
        task = self._pick(options)
        self._start_session(task)
        if self._part_of is not None:
            self._enter(task.domain, self._part_of(task))
        if self._prompt_of is None and self._own_tools != self._opening.tools:  # the server has changed them
            tools = self._own_tools
            self._opening = replace(self._opening, prompt=self._make_prompt(self._opening.policy, tools), tools=tools)
        prompt = self._opening.prompt
        meta: dict[str, Any] = {"split": self.options.split, "kind": list(task.kind), "depth": task.depth}
        if number is not None or self._opening.perturber is not None:
            task, prompt = self._perturb(task, seed, number)
            meta |= cast(Perturbation, self._perturbation).meta
        if self._prompt_of is not None:
            prompt = self._prompt_of(task, self.options)
        if self._part_of is not None or self._prompt_of is not None:
            cast(Message, self.action_space).tools = self.session.tools
        self._user.tools = UserTools(self.session) if self.session.user_tools else None
        request = self._user.start(task)
        if self._opening.perturber is not None and self._opening.perturber.listens:
            prompt = self._listen(request)
        text = prompt.text(request)
        info: dict[str, Any] = {"messages": prompt.messages(request), "tools": prompt.tools()}
        budget = cast("Budget | None", self.options.budget)
        if budget is not None:
            notice = budget.notice(budget.given)
            if notice:
                text = f"{text}\n{tagged_notice(notice)}"
                info["messages"].append(notice_message(notice))
            info["budget"] = budget.given
            meta |= {"budget": budget.given, "budget_left": budget.given}
        trajectory = Trajectory(
            env_id=self.spec.id if self.spec else self.domain.name,
            task_id=task.id,
            seed=seed,
            prompt=text,
            meta=meta,
        )
        self._episode = Episode(self.session, self._user, task, trajectory, self.options, self.reward, prompt.tell)
        info |= {"task_id": task.id, "split": self.options.split}
        if self.options.reveal_gold:
            info["task"] = task
        if self.render_mode == "human":
            print_trajectory(trajectory, latest=True)
        return trajectory.prompt, info

    def step(self, action: str) -> StepReturn:
        """Takes one assistant message: any string.

        Raises:
            ResetNeeded: the episode is over, none was started, or a step was interrupted.
            TypeError: the action is no string.
        """
        episode = self._episode or self.episode
        out = episode.step(action)
        if self.render_mode == "human":
            print_trajectory(episode.trajectory, latest=True)
        return out

    async def step_async(self, action: str) -> StepReturn:
        """Like `step`; other episodes go on while this one waits."""
        out = await self.episode.step_async(action)
        if self.render_mode == "human":
            print_trajectory(self.trajectory, latest=True)
        return out

    def fork(self) -> "ToolEnv":
        """An environment in the same state that shares nothing mutable with this one.

        Costs microseconds where `session.fork_kind` is `copy`; `replay` runs the episode's calls again.

        Raises:
            ForkUnsupportedError: the session cannot fork.
            ResetNeeded: a step was interrupted.
        """
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        if self._episode is not None:
            twin._episode = self._episode.fork()
            twin._session, twin._user = twin._episode.session, twin._episode.user
        else:
            twin._session, twin._user = None, self._user.fork()
        if self._np_random is not None:
            twin._rng_state, twin._np_random = self._np_random.bit_generator.state, None
        twin.action_space = cast(Message, self.action_space).fork()
        twin.observation_space = cast(Message, self.observation_space).fork()
        return twin

    def abandon(self) -> None:
        """Gives the running episode up: a step then asks for a reset, and the reset starts afresh."""
        if self._episode is not None:
            self._episode.interrupted = True

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        """Refuses `copy.copy`, `copy.deepcopy` and `pickle`: a session belongs to its process.

        Raises:
            CopyError: always.
        """
        raise CopyError(
            "An environment cannot be copied or pickled. In this process fork() gives one in the same state (if it is "
            "wrapped: env.unwrapped.fork()); another process makes its own with gymnasium.make()."
        )

    def spawn(self) -> "ToolEnv":
        """A fresh environment with the same domain, options and prompt, not yet reset."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._session, twin._user, twin._episode = self._new_session(), make_user(self.options.user), None
        twin._perturbation, twin._seeded, twin._opening = None, (None, 0), self._openings[""]
        twin._np_random = twin._np_random_seed = twin._rng_state = None
        twin.action_space, twin.observation_space = Message(twin.tools), Message()
        return twin

    def render(self) -> str | None:  # type: ignore[override]
        """The episode so far: as text (`ansi`), or printed (`human`).

        Raises:
            ResetNeeded: there was no reset yet.
        """
        if self.render_mode == "ansi":
            return trajectory_text(self.trajectory)
        if self.render_mode == "human":
            print_trajectory(self.trajectory)
        return None

    def close(self) -> None:
        """Closes the session; the trajectory stays. A later reset opens a new session."""
        self._drop_session()

    # Starting an episode -----------------------------------------------------------------------------------------

    def _pick(self, options: dict[str, Any] | None) -> Task:
        chosen = None
        for name, value in (options or {}).items():
            if name != "task":
                raise ConfigError(did_you_mean(name, ("task", "perturbation"), "reset option"))
            chosen = value
        if chosen is None:
            return self.tasks[int(self.np_random.integers(len(self.tasks)))]
        return picked(self.tasks, chosen)

    def _new_session(self) -> ToolSession:
        session = self.domain.session()
        if not self.options.perturbs:
            return session
        perturbed = PerturbedSession(session)
        perturbed.suspends |= bool(self.options.make_tools)  # it waits for the sandbox
        return perturbed

    def _opening_of(self, domain: Domain, perturbed: bool = True) -> "_Opening":
        """What the episodes of a domain, whose tools the session lists, begin with."""
        policy, session = domain.policy(), self.session
        perturbs = self.options.perturbs and perturbed
        title = getattr(domain, "title", "")
        perturber = Perturber(self.options, domain.name, policy, session, title) if perturbs else None
        tools = self._own_tools
        return _Opening(policy, self._make_prompt(policy, tools), perturber, tools)

    @property
    def _own_tools(self) -> tuple[ToolSpec, ...]:
        """The agent's tools as the server lists them."""
        session = self.session
        return session.inner.tools if isinstance(session, PerturbedSession) else session.tools

    def _enter(self, name: str, domain: Domain) -> None:
        """Goes on in one domain of several, whose task the session is in."""
        opening = self._openings.pop(name, None)
        self._opening = self._openings[name] = self._opening_of(domain) if opening is None else opening
        if len(self._openings) > _KEPT_OPENINGS:  # the first one, of all domains, stays
            del self._openings[next(islice(self._openings, 1, None))]

    def _make_prompt(self, policy: str, tools: tuple[ToolSpec, ...]) -> Prompt:
        shown = self.options.prompt
        return Prompt(
            policy,
            tools,
            self.options.format,
            user_answers=self.options.user != "none",
            full=shown == "full",
            one_message=self.options.until == "turn",
            listed=shown == "tools",
        )

    def _perturb(self, task: Task, seed: int | None, number: Any) -> tuple[Task, Prompt]:
        """Puts the episode's perturbations around its session: its task and its opening, in the agent's names.

        Raises:
            ConfigError: a number that is none, or no perturbation is on.
        """
        perturber = self._opening.perturber
        if perturber is None:
            raise ConfigError(
                "The reset option 'perturbation' is for environments with distractors, rename, flaky, reorder, "
                "tools or make_tools"
            )
        last, count = (seed, 0) if seed is not None else self._seeded
        self._seeded = (last, count + 1)
        if number is None:
            number = number_of(last, count)
        elif isinstance(number, bool) or not (isinstance(number, int) and 0 <= number < 2**63):
            raise ConfigError(f"The reset option 'perturbation' is an int from 0 to 2**63 - 1, not {number!r:.100}")
        session = cast(PerturbedSession, self.session)
        made = self._perturbation = perturber.begin(session, task, number)
        if not perturber.shows:
            return made.task, self._opening.prompt
        cast(Message, self.action_space).tools = session.tools
        return made.task, self._make_prompt(made.policy, session.tools)

    def _listen(self, request: str) -> Prompt:
        """The opening with the tools that are found for the request."""
        session, made = cast(PerturbedSession, self.session), cast(Perturbation, self._perturbation)
        session.hear(request)
        cast(Message, self.action_space).tools = session.tools
        return self._make_prompt(made.policy, session.tools)

    def _start_session(self, task: Task) -> None:
        """Puts the session into the task's world; one whose server failed or was interrupted is replaced, once."""
        world_key = getattr(self.domain, "world_key", None)
        key = task.world_seed if world_key is None else world_key(task)
        last = self._episode
        if last is not None:
            if last.interrupted or last.trajectory.outcome == "infra_error":
                self._drop_session()
            last.interrupted = True  # it is over, whatever becomes of this reset
        try:
            self.session.reset(key)
        except InfraError:
            self._drop_session()
            self.session.reset(key)

    def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            try:
                session.close()
            except InfraError:
                return  # its server is gone already
