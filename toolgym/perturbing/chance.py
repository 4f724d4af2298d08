"""`Chance`: all choices of an episode's perturbations, as a function of one number and the task's id.

There is no generator whose state could differ between processes, forks or the order of questions: a choice is a hash of
what it is about.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

__all__ = ["Chance", "number_of"]

T = TypeVar("T")
_REMEMBERED = 2000
"""Ranks that are kept: the names of parameters and keys come again and again, those that are data do not."""


def number_of(seed: int | None, *count: int) -> int:
    """The number of the episode that began `count` resets after the one with this seed (None: there was none).

    Whoever tells its episodes apart by more than one number gives them all.
    """
    return int(np.random.SeedSequence(seed or 0, spawn_key=count).generate_state(1)[0])


class Chance:
    """The choices of one episode.

    Args:
        number: the episode's (`number_of`).
        task_id: its task's.
    """

    __slots__ = ("_key", "_ranks")

    def __init__(self, number: int, task_id: str):
        told = f"{number}\0{task_id}".encode(errors="surrogatepass")
        self._key = hashlib.blake2b(told, digest_size=32).digest()
        self._ranks: dict[tuple[str, ...], int] = {}

    def rank(self, *about: str) -> int:
        """An integer in [0, 2^64), evenly spread."""
        told = "\0".join(about).encode(errors="surrogatepass")
        return int.from_bytes(hashlib.blake2b(told, key=self._key, digest_size=8).digest())

    def share(self, *about: str) -> float:
        """A number in [0, 1), evenly spread."""
        return (self.rank(*about) >> 11) / 2**53

    def pick(self, options: Sequence[T], *about: str) -> T:
        """One of the options."""
        return options[self.rank(*about) % len(options)]

    def shuffled(self, names: Iterable[str], *about: str) -> list[str]:
        """The names in an order that does not depend on the one they come in."""
        ranks = self._ranks

        def place(name: str) -> tuple[int, str]:
            key = (*about, name)
            rank = ranks.get(key)
            if rank is None:
                rank = self.rank(*key)
                if len(ranks) < _REMEMBERED:
                    ranks[key] = rank
            return rank, name

        return sorted(names, key=place)
