"""What a benchmark's run will cost at an endpoint: estimated by the openings and gold chains of some of its tasks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolgym.benchmark import Part
from toolgym.opening import open_env

__all__ = ["Cost", "estimate"]

_SAMPLED = 5
"""Tasks of each part that are looked at."""
_CHARS_PER_TOKEN = 4
_TURN_TOKENS = 150
"""Tokens that a turn adds: what the model writes, and what comes back."""
_WRITTEN_TOKENS = 80
"""Those of them that the model writes; one that thinks writes many more."""


@dataclass(frozen=True)
class Cost:
    """Tokens of all requests of a run."""

    read: int
    written: int

    def dollars(self, prices: tuple[float, float]) -> float:
        """What that costs at so many dollars a million tokens that are read, and that are written."""
        return (self.read * prices[0] + self.written * prices[1]) / 1e6

    def __str__(self) -> str:
        return f"about {self.read / 1e6:.2f}M tokens read, {self.written / 1e6:.2f}M written"


def estimate(left: Sequence[tuple[Part, Sequence[str]]], settings: Mapping[str, Any]) -> Cost:
    """The tokens that the tasks of these parts take, each request with all that was said before.

    Args:
        left: the parts, and the ids of the tasks that are still to be played, one for each trial.
        settings: more keywords for `gymnasium.make`.
    """
    read = written = 0.0
    for part, ids in left:
        env = open_env(part.env_id, **{"split": "test", **settings, **part.options})
        try:
            some = ids[:: max(1, len(ids) // _SAMPLED)][:_SAMPLED]
            told = []
            for id in some:
                _, info = env.reset(options={"task": id})
                opening = len(json.dumps([info["messages"], info["tools"]])) / _CHARS_PER_TOKEN
                turns = max(1, len(env.task.gold))
                # Turn i reads the opening and the i turns before it.
                told.append((turns * opening + _TURN_TOKENS * turns * (turns - 1) / 2, turns * _WRITTEN_TOKENS))
        finally:
            env.close()
        read += len(ids) * sum(one for one, _ in told) / len(told)
        written += len(ids) * sum(one for _, one in told) / len(told)
    return Cost(round(read), round(written))
