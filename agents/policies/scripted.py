"""Policies without a model: the oracle (the gold chain), noop (says nothing useful) and random valid calls.

They bound what a score means: the oracle must solve every task, noop only those where doing nothing is right, random
calls about none. All are deterministic.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from toolgym.agents.policies.policy import Completion
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn, render
from toolgym.perturbing import Retrying
from toolgym.sampling import sample_arguments
from toolgym.tasks import GoldAction, Task

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["NoopPolicy", "OraclePolicy", "RandomPolicy", "gold_turn", "gold_turns"]

_NOTHING = "I have nothing to do."
_GOODBYE = "Is there anything else?"


def gold_turn(action: GoldAction) -> Turn:
    """One action of a gold chain as a turn."""
    return Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)


def gold_turns(task: Task) -> Iterator[Turn]:
    """The task's gold chain as turns; ends with a response even where the chain does not."""
    turn = None
    for turn in map(gold_turn, task.gold):
        yield turn
    if turn is None or turn.response is None:
        yield Turn(response=_NOTHING if turn is None else "Done.")


class OraclePolicy:
    """Follows the gold chain of the environment's task; of what it is told it heeds that a tool was unavailable."""

    def __init__(self, format: str = "toolgym"):
        self.format = format
        self._turns: dict[int, Retrying] = {}

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Takes the gold chain of `env`'s task.

        Raises:
            ConfigError: there is no `env` to look at.
        """
        if env is None:
            raise ConfigError("The oracle reads the gold chain from the environment: pass `env` to `start`.")
        self._turns[slot] = Retrying(gold_turns(cast("ToolEnv", env.unwrapped).task))
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Notes what was unavailable, to call it again."""
        self._turns[slot].hear(info)
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """The next gold turn of each slot; a closing remark once they are used up."""
        return [Completion(render(next(self._turns[slot], Turn(response=_GOODBYE)), self.format)) for slot in slots]

    def end(self, slot: int) -> None:
        """Frees the slot."""
        self._turns.pop(slot, None)


class NoopPolicy:
    """Answers at once, says nothing of use and calls nothing."""

    def __init__(self, format: str = "toolgym"):
        self._completion = Completion(render(Turn(response=_NOTHING), format))

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Takes no notice."""
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Takes no notice."""
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """The same empty response for every slot."""
        return [self._completion] * len(slots)

    def end(self, slot: int) -> None:
        """Nothing to free."""


@dataclass
class _RandomEpisode:
    rng: np.random.Generator
    tools: list[tuple[str, Mapping[str, Any]]]
    words: dict[str, None] = field(default_factory=dict)
    """Names and ids the episode has shown, in order of appearance (a dict, so that the order is kept)."""


class RandomPolicy:
    """Calls random tools with random arguments that the tools' schemas allow, and now and then ends with a response.

    An episode's calls depend on `seed`, the task's id and how often the task was started before; not on the slot or on
    other episodes.

    Args:
        seed: entropy of the `numpy.random.SeedSequence`.
        stop_probability: the chance of a response instead of a call, at each turn.
        format: how the turns are rendered.
    """

    def __init__(self, seed: int = 0, stop_probability: float = 0.1, format: str = "toolgym"):
        self.stop_probability = stop_probability
        self.format = format
        self._episodes: dict[int, _RandomEpisode] = {}
        self.reseed(seed)

    def reseed(self, *key: int) -> None:
        """Begins anew, with `SeedSequence(key[0], (…, task, start))` for a start of a task."""
        self.seed, self._key = key[0], key[1:]
        self._starts: dict[str, int] = {}

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Opens a slot with the tools of `info["tools"]`."""
        task_id = str(info.get("task_id", ""))
        trial = self._starts.get(task_id, 0)
        self._starts[task_id] = trial + 1
        key = int.from_bytes(hashlib.blake2b(task_id.encode(errors="surrogatepass"), digest_size=4).digest())
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(*self._key, key, trial)))
        self._episodes[slot] = _RandomEpisode(rng, _tools(info.get("tools") or ()))
        _remember(self._episodes[slot], observation)
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Remembers the names and ids in the observation."""
        _remember(self._episodes[slot], observation)
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """A random call or, with `stop_probability`, a response."""
        return [Completion(render(self._turn(self._episodes[slot]), self.format)) for slot in slots]

    def _turn(self, episode: _RandomEpisode) -> Turn:
        if not episode.tools or episode.rng.random() < self.stop_probability:
            return Turn(response=_NOTHING)
        name, schema = episode.tools[int(episode.rng.integers(len(episode.tools)))]
        return Turn(calls=(ToolCall(name, sample_arguments(schema, episode.rng, tuple(episode.words))),))

    def end(self, slot: int) -> None:
        """Frees the slot."""
        self._episodes.pop(slot, None)


def _tools(tools: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """(name, input schema) of tools in OpenAI's function form."""
    functions = [tool.get("function", tool) for tool in tools]
    return [(function["name"], function.get("parameters") or {}) for function in functions]


_PIECE = re.compile(r"[A-Za-z0-9_\-]++")
_NAME_OR_ID = re.compile(r"[0-9A-Z_]")


def _remember(episode: _RandomEpisode, observation: str, limit: int = 400) -> None:
    for word in _PIECE.findall(observation[-20_000:]):
        if len(episode.words) >= limit:
            return
        if _NAME_OR_ID.search(word):
            episode.words[word] = None
