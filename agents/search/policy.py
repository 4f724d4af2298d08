"""A policy that searches: it wraps any policy, and is one.

For each episode it samples turns of the wrapped policy in forks of the environment, never in the environment itself;
then it plays the turns that the search chose. The searches of all episodes go on round by round together, so that the
wrapped policy's batches are full.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from toolgym.agents.policies.policy import Completion, Policy
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.agents.search.cost import SearchCost
from toolgym.agents.search.options import SearchOptions
from toolgym.agents.search.sampling import LANES, Sample, kept_info, sample_all
from toolgym.agents.search.scoring import scorer_of
from toolgym.agents.search.talk import talk_of
from toolgym.agents.search.tree import Ask, Node, PlayedTurn, Search
from toolgym.errors import ConfigError

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["SearchPolicy"]


@dataclass(eq=False, slots=True)
class _Episode:
    """An episode that is played, and the search that it waits for."""

    opening: Node
    made: list[PlayedTurn] = field(default_factory=list)
    """The turns that the environment itself was given, with its answers."""
    plan: deque[PlayedTurn] = field(default_factory=deque)
    """The chosen turns that are still to be played."""
    due: bool = True
    """Whether a search is to begin where the plan is used up; otherwise the policy goes on without one."""
    root: Node | None = None
    """Where the search that is under way began."""
    search: Search | None = None
    asks: list[Ask] = field(default_factory=list)
    """What the search waits for."""
    error: str = ""
    """Why the latest sample that failed did."""
    cost: SearchCost = field(default_factory=SearchCost)


class SearchPolicy:
    """Plays what a search chose.

    Where the chosen turns end before the episode does, the wrapped policy goes on without a search; where the
    environment does not answer as its fork had, the search begins anew from there.

    Args:
        policy: whose turns are sampled.
        options: the search (`toolgym.agents.search.parse_search`).
        concurrency: how many episodes are sampled at once, in all searches together.
        step_timeout_s: a step of a fork that waits for longer breaks its sample.
        on_tree: called as each search ends, before its forks are closed, with (slot, root, chosen node).

    Raises:
        ConfigError: the policy cannot be searched with, or the scorer cannot score its turns.
    """

    def __init__(
        self,
        policy: Policy,
        options: SearchOptions,
        *,
        concurrency: int = 16,
        step_timeout_s: float | None = None,
        on_tree: Callable[[int, Node, Node], None] | None = None,
    ):
        _check_policy(policy, options)
        self.policy, self.search_options, self.on_tree = policy, options, on_tree
        self.concurrency, self.step_timeout_s = concurrency, step_timeout_s
        self.score = scorer_of(options, policy)
        self.tokenizer: Any = getattr(policy, "tokenizer", None)
        self._talk = talk_of(policy)
        self._episodes: dict[int, _Episode] = {}
        self._costs: dict[int, SearchCost] = {}

    # A policy --------------------------------------------------------------------------------------------------------

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Opens a slot.

        Args:
            slot: the slot.
            observation: the environment's opening.
            info: its info.
            env: the episode's environment; it is forked, and only stepped by whoever plays the episode.

        Raises:
            ConfigError: the environment cannot be forked, or its opening leaves no room for a turn.
        """
        self.end(slot)
        env = _forkable(env)
        self._costs.pop(slot, None)
        ids = self.policy.start(slot * LANES, observation, info, env=env)
        self.policy.end(slot * LANES)
        opening = Node(env=env, observation=observation, info=kept_info(info), trajectory=env.trajectory)
        self._episodes[slot] = _Episode(opening)
        return ids

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Goes on along the chosen turns; where the answer is not the fork's, the rest of them is dropped."""
        episode = self._episodes[slot]
        expected = episode.made[-1]
        if expected.observation != observation:
            episode.plan.clear()
            episode.due = True
        episode.made[-1] = replace(expected, observation=observation, info=kept_info(info))
        return self._talk.reply(expected.completion, observation, info)

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """The next chosen turn of each slot; those that have none are searched for first."""
        made: dict[int, Completion] = {}
        while len(made) < len(slots):
            made |= dict(self.generate_some([slot for slot in slots if slot not in made]))
        return [made[slot] for slot in slots]

    def generate_some(
        self, slots: Sequence[int], pause: Callable[[], bool] | None = None
    ) -> list[tuple[int, Completion]]:
        """The next chosen turn of those that have one; where nobody has, one round of all searches, and then of those
        who have one by it: others may join between two rounds."""
        if not any(self._episodes[slot].plan for slot in slots):
            self._round(slots)
        return [(slot, self._next(slot)) for slot in slots if self._episodes[slot].plan]

    def end(self, slot: int) -> None:
        """Frees the slot; its cost stays until it is taken."""
        episode = self._episodes.pop(slot, None)
        if episode is not None:
            self._costs[slot] = episode.cost
            _abandon(episode)

    def close(self) -> None:
        """Frees every slot, and what the wrapped policy holds."""
        for slot in list(self._episodes):
            self.end(slot)
        close = getattr(self.policy, "close", None)
        if close is not None:
            close()

    def take_cost(self, slot: int) -> SearchCost:
        """What the slot's latest episode cost; it is kept no longer."""
        return self._costs.pop(slot, SearchCost(oracle=self.search_options.oracle))

    # Searching -------------------------------------------------------------------------------------------------------

    def _next(self, slot: int) -> Completion:
        episode = self._episodes[slot]
        turn = episode.plan.popleft()
        episode.made.append(turn)
        return turn.completion

    def _round(self, slots: Sequence[int]) -> None:
        """What all searches ask for, sampled together; then each goes on until it asks again, or ends."""
        for slot in slots:
            if self._episodes[slot].search is None:
                self._begin(slot)
        waiting = [slot for slot in slots if self._episodes[slot].search is not None]
        samples: list[tuple[int, Sample]] = []
        for slot in waiting:
            asks = [ask for ask in self._episodes[slot].asks for _ in range(ask.count)]
            samples += [(slot, Sample(ask, slot * LANES + lane)) for lane, ask in enumerate(asks)]
        sample_all(
            self.policy,
            self._talk,
            [sample for _, sample in samples],
            concurrency=self.concurrency,
            step_timeout_s=self.step_timeout_s,
        )
        given: dict[int, list[Sample]] = {slot: [] for slot in waiting}
        for slot, sample in samples:
            given[slot].append(sample)
        for slot in waiting:
            self._take(slot, given[slot])

    def _begin(self, slot: int) -> None:
        """A search from where the episode is, or a policy's going on without one."""
        episode = self._episodes[slot]
        root = episode.opening
        if episode.made:
            last = episode.made[-1]
            root = Node(root, list(episode.made), env=root.env, trajectory=root.trajectory)
            root.observation, root.info = last.observation or "", last.info
        episode.root = root
        if episode.due:
            episode.search = self.search_options.search(root, self.score)
            episode.cost += SearchCost(searches=1, oracle=self.search_options.oracle)
        else:
            episode.search = _go_on(root)
        self._advance(slot, None)

    def _take(self, slot: int, samples: Sequence[Sample]) -> None:
        """Gives a search what it asked for."""
        episode = self._episodes[slot]
        for sample in samples:
            episode.cost += sample.cost
            episode.error = sample.error or episode.error
        made = [[each.node for each in samples if each.ask is ask and each.node is not None] for ask in episode.asks]
        self._advance(slot, made)

    def _advance(self, slot: int, made: list[list[Node]] | None) -> None:
        """Lets a search go on until it asks or ends."""
        episode = self._episodes[slot]
        search, root = episode.search, episode.root
        if search is None or root is None:
            return
        try:
            episode.asks = next(search) if made is None else search.send(made)
        except StopIteration as end:
            chosen: Node = end.value
        else:
            return
        if episode.due and self.on_tree is not None:
            self.on_tree(slot, root, chosen)
        episode.plan = deque(chosen.turns[len(root.turns) :])
        searched, episode.due = episode.due, False
        _abandon(episode)
        if episode.plan:
            return
        if searched:
            self._begin(slot)
        else:
            episode.plan.append(PlayedTurn(Completion(episode.error or "no turn could be sampled", stop="error")))


def _go_on(root: Node) -> Search:
    """The rest of an episode as the policy plays it."""
    (rest,) = yield [Ask(root, whole=True)]
    return rest[0] if rest else root


def _abandon(episode: _Episode) -> None:
    """Closes the forks of an episode's search."""
    search, root, episode.search, episode.root, episode.asks = episode.search, episode.root, None, None, []
    if search is not None:
        search.close()
    if root is not None:
        for node in root.walk():
            if node is not root:  # whose environment is the episode's own
                node.close()
        root.children.clear()


def _forkable(env: Any) -> "ToolEnv":
    """The environment of an episode.

    Raises:
        ConfigError: it is not there, or there is no way to try something out in it.
    """
    env = getattr(env, "unwrapped", env)
    if env is None or not hasattr(env, "fork"):
        raise ConfigError("a search needs the environment: pass `env` to `start`, one of ToolGym's")
    session = getattr(env, "session", None)
    if session is None:
        raise ConfigError("a search forks environments of this process: leave out --env-workers")
    if session.fork_kind == "none":
        raise ConfigError(
            "a search tries out what it may not keep, and nothing can be undone here: the tools write to a server that "
            "runs elsewhere, which can neither be copied nor started anew. Give a command that starts the server, "
            "serve it as a ToolServer, mark its reading tools with readOnlyHint if it has no others, or leave out "
            "--search"
        )
    return env


def _check_policy(policy: Policy, options: SearchOptions) -> None:
    """Raises where a search makes no sense with a policy.

    Raises:
        ConfigError: it says why.
    """
    if isinstance(policy, OraclePolicy):
        raise ConfigError("a search needs an agent that samples (--agent builtin, hf:PATH, api:MODEL), not the oracle")
    temperature = getattr(getattr(policy, "options", None), "temperature", None)
    if options.samples and temperature == 0:
        raise ConfigError(
            f"{options.name} draws several turns from one state, which at temperature 0 are all the same: set "
            "--temperature (1.0, say)"
        )
