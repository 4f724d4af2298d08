"""Chains of an agent with habits: what it does wrong it does wrong in the same way, wherever the place comes.

    habits = Habits(Mistaker(make_domain("home", size="small")))
    habits.of("lock_door", writes=True)                     # ("refused_permitted", "premature_answer", …)
    habits.maybe(task, np.random.default_rng(0), rate=0.6)

Mistakes that are drawn anew each time (`Mistaker.maybe`) are noise: whoever learns from them still does right most
often, and needs only to become surer. A habit is what is done most often. Half of the tools have one; of the kinds that
it may be, the first that is possible at the place is done, with the same values each time.
"""

import zlib
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from toolgym.mistakes.kinds import Chain
from toolgym.mistakes.mistaker import Mistaker
from toolgym.tasks import GoldAction, Task

__all__ = ["Habits"]

_WRITES: Final = ("refused_permitted", "premature_answer", "step_left_out", "wrong_argument")
_READS: Final = ("handed_over", "premature_answer")


class Habits:
    """The habits of an agent in a domain: the same on every machine.

    Args:
        mistaker: makes wrong decisions of the domain's tasks.
    """

    def __init__(self, mistaker: Mistaker):
        self.mistaker = mistaker

    @staticmethod
    @cache
    def of(tool: str, writes: bool) -> tuple[str, ...]:
        """What is done in the place of a call of the tool, the first that can be; nothing for half of the tools."""
        if _number("habit", tool) % 2:
            return ()
        kinds = _WRITES if writes else _READS
        first = _number("kind", tool) % len(kinds)
        return kinds[first:] + kinds[:first]

    def maybe(self, task: Task, rng: np.random.Generator, rate: float = 0.6) -> tuple[GoldAction, ...]:
        """The gold chain, up to the first habit that is given in to.

        Args:
            task: a task of the domain with a gold chain.
            rng: decides where.
            rate: how probable that is at each call of a tool with a habit, in [0, 1].

        Raises:
            TaskError: the gold chain does not execute.
        """
        chain: Chain | None = None
        for place, action in enumerate(task.gold):
            for tool, writes in dict.fromkeys((call.name, call.writes) for call in action.calls):
                kinds = self.of(tool, writes)
                if not kinds or rng.random() >= rate:
                    continue
                chain = chain or self.mistaker.chain(task, rng)
                for kind in kinds:
                    same = replace(chain, rng=np.random.default_rng(_number("values", tool)))
                    mistake = self.mistaker.at(same, place, kind)
                    if mistake is not None:
                        return mistake.actions
        return task.gold


def _number(*words: str) -> int:
    return zlib.crc32(" ".join(words).encode())
