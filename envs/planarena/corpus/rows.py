"""A pair of rows: a positive and a negative trajectory of one task, made from a seed.

Pair `k` of a scenario is about its task `k`; where no chain of that task fails, about the task `k + stride`, and so on.
What it holds follows from the corpus's seed, the scenario and `k` alone.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from toolgym.composing.making import REASONS
from toolgym.domain import Domain, Split
from toolgym.envs.planarena.corpus.alternatives import Alternative, alternatives_at
from toolgym.envs.planarena.corpus.annotating import annotate, json_text
from toolgym.envs.planarena.corpus.errors import Failing, failing_chain
from toolgym.envs.planarena.corpus.format import VERSION
from toolgym.envs.planarena.corpus.playing import SearchLimitError, State, new_env, start
from toolgym.envs.planarena.corpus.scenarios import new_maker
from toolgym.errors import TaskError
from toolgym.mistakes import Mistaker
from toolgym.observations import openai_tools
from toolgym.tasks import GoldAction, Task

__all__ = ["WHY_THROWN_AWAY", "RowMaker"]

WHY_THROWN_AWAY: Final[dict[str, str]] = {
    **REASONS,
    "no_task": "no task could be made",
    "user_acts": "a customer acts in it: its chain is not the agent's alone",
    "gold_fails": "its gold chain does not execute, or does not solve it",
    "solves": "a chain with a wrong decision solves its task all the same",
    "not_recovering": "a chain that was to recover does not",
    "no_error": "no chain of the task fails",
    "search": "whether the task can still be solved was not found within the search's bound",
}
"""Why a candidate for a task, a task or a chain is thrown away."""
_TRIES: Final = 12
_OTHERS_TRIED: Final = 24


class _Tasks:
    """The tasks of a domain, with what is thrown away on the way to them; and others of the same worlds."""

    def __init__(self, domain: Domain, split: Split):
        self.maker, self._others = new_maker(domain, split), new_maker(domain, split)
        self._length = len(domain.tasks(split))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int, /) -> Task:
        return self.maker.make(index)

    def another(self, task: Task, rng: np.random.Generator) -> Task | None:
        """A task of the same world with another gold chain; None where none is found soon."""
        composer, source = self._others.composer, self._others.source
        base, dice = (
            composer.base(task.world_seed, source.size, source.dialect),
            random.Random(int(rng.integers(2**62))),
        )
        for _ in range(_OTHERS_TRIED):
            recipe, place = composer.draw(dice, source.split), dice.randrange(composer.speakers(base))
            other = self._others.attempt(0, recipe, task.world_seed, base, place, dice)
            if other is not None and other.gold != task.gold and "world" not in other.meta:
                return other
        return None


class RowMaker:
    """Makes the rows of one scenario.

    Args:
        domain: the scenario's.
        scenario: its name.
        split: which of its tasks.
        size: of its worlds.
        alternatives: of each decision point, at most; the right one not counted.
        seed: the corpus's.
    """

    def __init__(self, domain: Domain, scenario: str, split: Split, size: str, alternatives: int, seed: int):
        self.scenario, self.split, self.size = scenario, split, size
        self.alternatives, self.seed = alternatives, seed
        self.tasks = _Tasks(domain, split)
        self._thrown_away: Counter[str] = Counter()
        self._env, self._mistaker = new_env(domain), Mistaker(domain)
        self._policy, self._tools = domain.policy(), json_text(openai_tools(self._env.tools))

    def pair(self, number: int, stride: int) -> Iterator[dict[str, Any]]:
        """A positive and a negative row of one task; nothing where no task within reach has both."""
        rng = np.random.default_rng(
            np.random.SeedSequence(self.seed, spawn_key=(*self.scenario.encode(), *self.split.encode(), number))
        )
        for index in range(number, min(len(self.tasks), number + _TRIES * stride), stride):
            try:
                task = self.tasks[index]
            except TaskError:
                self._thrown_away["no_task"] += 1
                continue
            try:
                made = self._rows(task, rng)
            except SearchLimitError:
                self._thrown_away["search"] += 1
                continue
            if made:
                yield from made
                return

    def _rows(self, task: Task, rng: np.random.Generator) -> list[dict[str, Any]]:
        if task.user.actions:
            self._thrown_away["user_acts"] += 1
            return []
        failing = failing_chain(self._mistaker, self._env, task, self.tasks.another, rng, self._throw)
        if failing is None:
            self._thrown_away["no_error"] += 1
            return []
        positive = self._row(task, task.gold, rng)
        if positive["label"] != "positive":
            self._thrown_away["gold_fails"] += 1
            return []
        negative = self._row(task, failing.actions, rng)
        negative["error"] = _error(failing, task, negative["steps"])
        return [positive, negative]

    def _throw(self, reason: str) -> None:
        self._thrown_away[reason] += 1

    def _row(self, task: Task, actions: Sequence[GoldAction], rng: np.random.Generator) -> dict[str, Any]:
        def choose(state: State, own: GoldAction, turn: int) -> list[Alternative]:
            return alternatives_at(state, own, self.alternatives, rng)

        body = annotate(start(self._env, task), actions, choose)
        return {
            "version": VERSION,
            "id": "",
            "label": "positive" if body["outcome"] == "solved" else "negative",
            "scenario": self.scenario,
            "size": self.size,
            "split": self.split,
            "task": task.id,
            "request": task.request,
            "policy": self._policy,
            "tools": self._tools,
            "composition": task.composition,
            "plan": list(task.kind),
            "depth": task.depth,
            "difficulty": len(task.gold_calls),
            "forbidden": task.forbidden,
            **body,
            "error": None,
        }

    @property
    def thrown_away(self) -> Counter[str]:
        """How many were thrown away, by reason."""
        return self._thrown_away + self.tasks.maker.thrown_away

    def close(self) -> None:
        """Closes the environments."""
        self._env.close()
        self._mistaker.close()


def _error(failing: Failing, task: Task, steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    lost = next((step["turn"] for step in steps if not step["solvable"]), -1)
    return {
        "kind": failing.kind,
        "turn": failing.turn,
        "place": round(failing.turn / len(task.gold), 4),
        "lost": lost,
        "recovers": failing.recovers,
        "then": failing.then,
    }
