"""One round of sampling: the turns that any number of searches ask for, played in forks together.

It is an ordinary rollout (`toolgym.agents.rollouts.rollout.play_all`) whose episodes begin at nodes and end after a
turn, or with the episode: decoding is batched over nodes and episodes, and tools' waits overlap.
"""

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolgym.agents.policies.policy import Completion, Policy
from toolgym.agents.rollouts.rollout import Answer, Rollout, Start, play_all
from toolgym.agents.search.cost import SearchCost
from toolgym.agents.search.talk import GIVE_UP, Talk
from toolgym.agents.search.tree import Ask, Node, PlayedTurn, ending_key, turn_key
from toolgym.errors import ForkUnsupportedError, InfraError
from toolgym.messages import CutMessage, parse

if TYPE_CHECKING:
    from toolgym.env import ToolEnv
    from toolgym.trajectory import Trajectory

__all__ = ["LANES", "Sample", "kept_info", "reach", "sample_all"]

LANES = 65_536
"""Slots of the wrapped policy for each slot of the search's: which of them a sample gets does not depend on others."""


@dataclass(eq=False, slots=True)
class Sample:
    """A turn, or the rest of an episode, that is sampled: what is wanted, and what came of it."""

    ask: Ask
    slot: int
    """Of the wrapped policy."""
    completions: list[Completion] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    gave_up: bool = False
    node: Node | None = None
    """What it led to; None where the infrastructure failed."""
    error: str = ""
    """Why it failed."""
    cost: SearchCost = field(default_factory=SearchCost)


def reach(node: Node) -> "ToolEnv":
    """A fork in the node's state: of its environment, or of that nearest above it with the turns repeated.

    Raises:
        InfraError: the environment does not answer as it did.
    """
    missing: list[Node] = []
    above = node
    while above.env is None and above.parent is not None:
        missing.append(above)
        above = above.parent
    if above.env is None:
        raise InfraError("the environment of this search is closed")
    try:
        env = above.env.fork()
    except ForkUnsupportedError as error:
        raise InfraError(str(error)) from error
    try:
        for turn in (turn for each in reversed(missing) for turn in each.played):
            if env.step(_action(turn.completion))[0] != turn.observation:
                raise InfraError(
                    "a turn that was repeated to come back to a state got another answer: a search needs an "
                    "environment that answers the same, or one that forks by copy"
                )
    except BaseException:
        env.close()
        raise
    return env


def sample_all(
    policy: Policy, talk: Talk, samples: Sequence[Sample], *, concurrency: int, step_timeout_s: float | None
) -> None:
    """Plays samples, `concurrency` at once, and notes on each what came of it, with its node linked to its parent."""
    if not samples:
        return
    forks = [_Fork(samples, talk) for _ in range(min(concurrency, len(samples)))]
    lanes = _Lanes(policy, samples)

    def ended(index: int, rollout: Rollout) -> None:
        fork = next((each for each in forks if each.at == index), None)
        _finish(samples[index], fork, rollout)

    starts = [Start(options={"task": index}) for index in range(len(samples))]
    try:
        play_all(lanes, forks, starts, ended, step_timeout_s=step_timeout_s, skips=True)
    finally:
        for fork in forks:
            fork.close()
    asked: dict[int, list[Node]] = {}
    for sample in samples:
        if sample.node is not None:
            sample.ask.node.children.append(sample.node)
            asked.setdefault(id(sample.ask), []).append(sample.node)
    for nodes in asked.values():
        votes = Counter(node.key for node in nodes)
        for node in nodes:
            node.share = votes[node.key] / len(nodes)


class _Fork:
    """Episodes that begin at nodes: task i is the i-th sample."""

    def __init__(self, samples: Sequence[Sample], talk: Talk):
        self.samples, self.talk = samples, talk
        self.at = -1
        """Which sample is played."""
        self.env: ToolEnv | None = None
        self.calls = 0
        self.suspends = any(getattr(sample.ask.node.path[0].env, "suspends", False) for sample in samples)

    @property
    def sample(self) -> Sample:
        return self.samples[self.at]

    @property
    def trajectory(self) -> "Trajectory | None":
        return None if self.env is None else self.env.trajectory

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.close()
        self.at = (options or {})["task"]
        self.env = reach(self.sample.ask.node)
        self.calls = len(self.env.trajectory.calls)
        return self.talk.at(self.sample.ask, f"{self.env.task.id} {self.sample.slot}")

    def step(self, action: str) -> Answer:
        return self._given_up(action) or self._answered(self._env().step(action))

    @property
    def step_async(self) -> Callable[[str], Coroutine[Any, Any, Answer]]:
        """A step that can be told to stop."""
        return self._step_async

    async def _step_async(self, action: str) -> Answer:
        return self._given_up(action) or self._answered(await self._env().step_async(action))

    def _env(self) -> "ToolEnv":
        if self.env is None:
            raise InfraError("this fork is closed")
        return self.env

    def _given_up(self, action: str) -> Answer | None:
        if not self.sample.ask.may_give_up or isinstance(action, CutMessage):
            return None
        turn = parse(action, self._env().options.format)
        if not any(call.name == GIVE_UP for call in turn.calls):
            return None
        self.sample.gave_up = True
        return "", 0.0, False, True, {}

    def _answered(self, answer: Answer) -> Answer:
        self.sample.answers.append(answer)
        if self.sample.ask.whole:
            return answer
        observation, reward, terminated, _, info = answer
        return observation, reward, terminated, True, info  # one turn is all that was asked for

    def close(self) -> None:
        """Closes the fork that was played in, unless a node has taken it."""
        env, self.env = self.env, None
        if env is not None:
            env.close()


class _Lanes:
    """The wrapped policy, in the slots that the samples have."""

    def __init__(self, policy: Policy, samples: Sequence[Sample]):
        self.policy, self.samples = policy, samples
        if hasattr(policy, "generate_some"):
            self.generate_some = self._some

    @property
    def turn(self) -> Callable[[int], Coroutine[Any, Any, Completion]] | None:
        """Where the policy asks a server: one slot's turn."""
        ask = getattr(self.policy, "turn", None)
        if ask is None:
            return None

        async def turn(slot: int) -> Completion:
            return self._noted(slot, await ask(self.samples[slot].slot))

        return turn

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        return self.policy.start(self.samples[slot].slot, observation, info, env=None)

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        return self.policy.observe(self.samples[slot].slot, observation, info)

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        made = self.policy.generate([self.samples[slot].slot for slot in slots])
        return [self._noted(slot, completion) for slot, completion in zip(slots, made, strict=True)]

    def _some(self, slots: Sequence[int], pause: Callable[[], bool]) -> list[tuple[int, Completion]]:
        places = {self.samples[slot].slot: slot for slot in slots}
        made = self.policy.generate_some(list(places), pause)  # pyright: ignore[reportAttributeAccessIssue]
        return [(places[own], self._noted(places[own], completion)) for own, completion in made]

    def end(self, slot: int) -> None:
        self.policy.end(self.samples[slot].slot)

    def _noted(self, slot: int, completion: Completion) -> Completion:
        self.samples[slot].completions.append(completion)
        return completion


def _action(completion: Completion) -> str:
    """What the environment was given."""
    return completion.text if completion.stop == "end_of_turn" else CutMessage(completion.text)


def _finish(sample: Sample, fork: _Fork | None, rollout: Rollout) -> None:
    """Makes the node that a sample led to."""
    env = None if fork is None else fork.env
    made = len(env.trajectory.calls) - fork.calls if fork is not None and env is not None else 0
    turns = [each for each in sample.completions if each.stop != "error"]
    sample.cost = SearchCost(sum(map(_written, turns)), len(turns), len(sample.answers), made)
    if rollout.outcome == "infra_error" or fork is None or env is None:
        sample.error = rollout.error
        return
    ask, answers = sample.ask, sample.answers
    played = [
        PlayedTurn(turn, answer[0], kept_info(answer[4]), float(answer[1]))
        for turn, answer in zip(sample.completions, answers, strict=False)
    ]
    played += [PlayedTurn(turn) for turn in sample.completions[len(answers) :]]
    trajectory = env.trajectory
    node = Node(ask.node, played, trajectory=trajectory, gave_up=sample.gave_up)
    cut = len(sample.completions) > len(answers) and not sample.gave_up
    node.over = trajectory.done or cut or sample.gave_up
    node.outcome = "truncated" if cut else trajectory.outcome
    if answers:
        node.observation, node.info = played[len(answers) - 1].observation or "", played[len(answers) - 1].info
    node.key = _key(node, env, whole=ask.whole, steps=len(answers))
    if not node.over and env.session.fork_kind == "copy":
        node.env, fork.env = env, None
    sample.node = node


def _key(node: Node, env: "ToolEnv", *, whole: bool, steps: int) -> bytes:
    """What tells the node from its siblings."""
    if whole:
        writing = frozenset(tool.name for tool in env.tools if tool.writes is not False)
        return ending_key(env.trajectory, writing, cut=node.outcome == "truncated")
    if node.gave_up or not steps:
        return b"gave up" if node.gave_up else b"cut"
    return turn_key(env.trajectory.steps[-1].turn)


def kept_info(info: dict[str, Any]) -> dict[str, Any]:
    """What the policy reads of a step's info."""
    return {name: info[name] for name in ("messages", "tools") if name in info}


def _written(completion: Completion) -> int:
    """Tokens of a turn."""
    if completion.token_ids or completion.usage is None:
        return len(completion.token_ids)
    return completion.usage[1]
