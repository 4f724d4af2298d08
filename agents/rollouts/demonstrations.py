"""Expert episodes as tokens: a chain of turns is played in the environment and recorded as a `Rollout`.

The environment answers for real, so a demonstration's results, errors and rewards are those that a policy with the same
words would have met. Only the expert's tokens carry loss.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from transformers import PreTrainedTokenizerBase

from toolgym.agents.policies.chat import ChatFormat
from toolgym.agents.policies.policy import Completion
from toolgym.agents.policies.scripted import gold_turn
from toolgym.agents.policies.tokenizer import scalar_text
from toolgym.agents.rollouts.rollout import Rollout, Start, rollouts
from toolgym.domain import Domain
from toolgym.errors import ConfigError
from toolgym.formats.tagged import thought_end
from toolgym.messages import Turn, render
from toolgym.perturbing import Retrying
from toolgym.tasks import GoldAction, Task

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = [
    "Chain",
    "Example",
    "TeacherPolicy",
    "chain_of",
    "demonstrate",
    "examples",
    "gold_chain",
    "habitual_chain",
    "imperfect_chain",
]

Chain = Callable[[Task, Domain], Iterable[GoldAction | Turn]]
"""The turns to play for a task of a domain: its gold chain, one with mistakes, or turns in the words that somebody said
them in (`Turn.text`)."""


@dataclass(frozen=True, slots=True)
class Example:
    """One training sequence: T token ids, and 1 for those that carry loss."""

    ids: list[int]
    mask: list[int]


def gold_chain(task: Task, domain: Domain) -> Iterable[GoldAction]:
    """The task's own chain."""
    return task.gold


def imperfect_chain(seed: int, rate: float = 0.55) -> "Chain":
    """Gold chains about half of which (`rate`) hold one wrong decision (see `toolgym.mistakes`)."""
    from toolgym.mistakes import Mistaker

    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    mistaker = lru_cache(maxsize=None)(Mistaker)
    return lambda task, domain: mistaker(domain).maybe(task, rng, rate)


def chain_of(demonstrations: Literal["clean", "imperfect", "habits"], seed: int) -> "Chain":
    """The chains that go by this name; `seed` decides where mistakes are."""
    if demonstrations == "clean":
        return gold_chain
    return habitual_chain(seed) if demonstrations == "habits" else imperfect_chain(seed)


def habitual_chain(seed: int, rate: float = 0.6) -> "Chain":
    """Gold chains up to a habit, which is given in to with probability `rate` (see `toolgym.mistakes.habits`)."""
    from toolgym.mistakes import Habits, Mistaker

    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
    habits = lru_cache(maxsize=None)(lambda domain: Habits(Mistaker(domain)))
    return lambda task, domain: habits(domain).maybe(task, rng, rate)


class TeacherPolicy:
    """Plays chains of turns, as the token ids that a model would have to sample to say the same.

    Args:
        tokenizer: of the model that is to learn.
        chain: the turns for a task.
        format: how turns are written.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, chain: Chain = gold_chain, format: str = "toolgym"):
        self.tokenizer, self.chain, self.format = tokenizer, chain, format
        self.chat = ChatFormat(tokenizer)
        self._turns: dict[int, Retrying] = {}
        self._begins: dict[int, str] = {}
        self._last: dict[int, int] = {}

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Takes the chain of `env`'s task; returns the opening's ids.

        Raises:
            ConfigError: there is no `env` to look at.
        """
        if env is None:
            raise ConfigError("A teacher reads the task from the environment: pass `env` to `start`.")
        self._turns[slot] = Retrying(map(_turn, _played(self.chain, cast(Any, env.unwrapped))))
        ids = self.chat.opening(observation, info)
        self._begins[slot] = self.chat.begins(ids)
        return ids

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """The ids of the environment's answer; what was unavailable is called again."""
        self._turns[slot].hear(info)
        ids = self.chat.reply(observation, info, closed=True, by=self._last.get(slot))
        self._begins[slot] = self.chat.begins(ids)
        return ids

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """The next turn of each slot; a response that closes the episode once they are used up."""
        out = []
        for slot in slots:
            turn = next(self._turns[slot], Turn(response="Done."))
            text = scalar_text(turn.text or render(turn, self.format))
            begins = self._begins.get(slot, "")
            if begins and turn.text.startswith(begins):
                text = text[len(begins) :]
            elif begins:  # the template has opened a thought: the expert has none
                text = f"\n{thought_end(begins)}\n\n{text}"
            said, ids = self.chat.turn(text, calls=bool(turn.calls))
            self._last[slot] = ids[-1]
            out.append(Completion(begins + said, ids, [0.0] * len(ids), begins=begins))
        return out

    def end(self, slot: int) -> None:
        """Frees the slot."""
        self._turns.pop(slot, None)
        self._last.pop(slot, None)


def _turn(action: GoldAction | Turn) -> Turn:
    return action if isinstance(action, Turn) else gold_turn(action)


def _played(chain: Chain, env: "ToolEnv") -> Iterable[GoldAction | Turn]:
    """A chain for the environment's task, in its episode's names: chains are made in those of the domain.

    Raises:
        ConfigError: the names are new, and what was said in other ones cannot be said again.
    """
    perturbation = getattr(env, "perturbation", None)
    if perturbation is None or perturbation.names is None:
        return chain(env.task, env.domain)
    actions = list(chain(perturbation.original, env.domain))
    if any(isinstance(action, Turn) for action in actions):
        raise ConfigError("what was explored is said again as it was said: leave --set rename out")
    return [perturbation.names.action(cast(GoldAction, action)) for action in actions]


def demonstrate(
    env: "ToolEnv",
    tokenizer: PreTrainedTokenizerBase,
    tasks: Iterable[Task],
    chain: Chain = gold_chain,
    options: Mapping[str, Any] | None = None,
) -> list[Rollout]:
    """Plays each task's chain in `env` and returns the episodes, in order. `options` are more of their resets."""
    starts = [Start(options={"task": task, **(options or {})}) for task in tasks]
    return rollouts(TeacherPolicy(tokenizer, chain), [env], starts)


def examples(episodes: Iterable[Rollout], *, max_tokens: int | None = None) -> list[Example]:
    """Training sequences of episodes; those longer than `max_tokens`, or with a turn that was cut, are left out."""
    made = (
        Example(episode.prompt_ids + episode.completion_ids, [0] * len(episode.prompt_ids) + episode.env_mask)
        for episode in episodes
        if episode.usable and not episode.cut
    )
    return [example for example in made if max_tokens is None or len(example.ids) <= max_tokens]
