"""The episodes of a task as a tree of states: what leads to success, against what does not.

Chen et al. 2024, "Advancing tool-augmented LLMs: integrating insights from errors in inference trees" (TP-LLaMA), §3:
where a branch of the tree leads to success, its step is preferred to those of its failed siblings, so that the failed
branches are learnt from, too. Two steps that do the same (`toolgym.agents.search.tree.turn_key`) are one branch,
whatever words they were said in: of two equal calls that went on apart neither is to blame.

A state's value is the share of the sampled episodes through it that solved the task: what a critic is to predict. The
episodes are those of the search: of `best_of` plain samples of the policy, of a search that looks where it goes better
ones.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from toolgym.agents.search.tree import turn_key
from toolgym.messages import CutMessage, Turn
from toolgym.trajectory import Trajectory

__all__ = ["State", "StepPair", "distinct", "said_and_answered", "states_of", "step_pairs"]


@dataclass(eq=False, slots=True)
class State:
    """A state that episodes came by: what was done to reach it, and what was answered."""

    number: int
    """In the order in which they were reached; the opening is 0."""
    observation: str
    """What was answered to the turn; of the opening the prompt."""
    turn: Turn | None = None
    """None: the opening."""
    parent: "State | None" = None
    children: list["State"] = field(default_factory=list)
    visits: int = 0
    """How many of the episodes came by."""
    solved: int = 0
    """How many of these solved the task."""

    @property
    def value(self) -> float:
        """The share of them that did."""
        return self.solved / self.visits

    @property
    def whole(self) -> bool:
        """Whether its turn was written to its end."""
        return self.turn is None or not isinstance(self.turn.text, CutMessage)

    @property
    def before(self) -> list[Turn]:
        """The turns from the opening to here."""
        turns: list[Turn] = []
        state: State | None = self
        while state is not None and state.turn is not None:
            turns.append(state.turn)
            state = state.parent
        return turns[::-1]

    def walk(self) -> Iterator["State"]:
        """This state and all below it, parents first."""
        left = [self]
        while left:
            state = left.pop()
            yield state
            left += state.children[::-1]


@dataclass(frozen=True, slots=True)
class StepPair:
    """Two turns in one state: the task was solved after the one, and never after the other."""

    state: State
    chosen: State
    """What the one led to."""
    rejected: State


def states_of(prompt: str, episodes: Iterable[Trajectory]) -> State:
    """The opening, with all states below it that finished episodes of one task came by.

    Episodes are in one state as long as the same was said and answered.
    """
    root, made = State(0, prompt), 1
    for episode in episodes:
        state, solved = root, episode.outcome == "solved"
        state.visits, state.solved = state.visits + 1, state.solved + solved
        for step in episode.steps:
            at = next((each for each in state.children if _same(each, step.turn, step.observation)), None)
            if at is None:
                at = State(made, step.observation, step.turn, state)
                state.children.append(at)
                made += 1
            state = at
            state.visits, state.solved = state.visits + 1, state.solved + solved
    return root


def _same(state: State, turn: Turn, observation: str) -> bool:
    known = state.turn
    if known is None or state.observation != observation or known.text != turn.text:
        return False
    return isinstance(known.text, CutMessage) == isinstance(turn.text, CutMessage)


def step_pairs(root: State) -> list[StepPair]:
    """At each state the best turn after which the task was solved against each one after which it never was.

    The best is of the highest value, of equals the most visited, then the first. A turn that was cut at its limit is in
    no pair, and neither is what comes after one: it could not be said again.
    """
    out: list[StepPair] = []
    left = [root]
    while left:
        state = left.pop()
        whole = [child for child in state.children if child.whole]
        left += whole[::-1]
        branches: dict[bytes, list[State]] = {}
        for child in whole:
            branches.setdefault(turn_key(child.turn or Turn()), []).append(child)
        good = [child for child in whole if child.solved]
        if good:
            best = max(good, key=lambda child: (child.value, child.visits))
            lost = [same[0] for same in branches.values() if not any(child.solved for child in same)]
            out += [StepPair(state, best, worse) for worse in lost]
    return out


def distinct(episodes: Sequence[Trajectory]) -> list[Trajectory]:
    """The episodes, those in which the same was said and answered once."""
    seen: dict[tuple[tuple[str, str], ...], Trajectory] = {}
    for episode in episodes:
        seen.setdefault(said_and_answered(episode), episode)
    return list(seen.values())


def said_and_answered(episode: Trajectory) -> tuple[tuple[str, str], ...]:
    """What tells an episode from others of its task."""
    return tuple((step.turn.text, step.observation) for step in episode.steps)
