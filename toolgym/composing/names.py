"""Open vocabulary: names, ids and numbers drawn from generators, never from lists, and divided among the splits.

A name or id belongs to exactly one split, told by a stable hash of its letters, so worlds of different splits share no
first name, last name or id, however many worlds are made.
"""

import random
from hashlib import blake2b
from typing import Final

import numpy as np

from toolgym.domain import Split

__all__ = [
    "SPLITS",
    "draw_dob",
    "draw_name",
    "owner",
    "rng_for",
]

SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test", "test_unseen")

_SHARES: Final = 16
_SHARE_OF: Final[dict[Split, tuple[int, int]]] = {
    "train": (0, 10),
    "validation": (10, 12),
    "test": (12, 14),
    "test_unseen": (14, 16),
}
"""Split -> the half-open range of sixteenths that it owns."""

_SPLIT_OF_SHARE: Final[tuple[Split, ...]] = tuple(
    split for split in SPLITS for _ in range(_SHARE_OF[split][0], _SHARE_OF[split][1])
)

_ONSETS: Final = (
    *("b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "y", "z"),
    *("br", "ch", "cl", "cr", "dr", "fl", "fr", "gl", "gr", "kl", "kr", "pl", "pr"),
    *("sh", "sk", "sl", "st", "th", "tr", "vr", "zh"),
)
_VOWELS: Final = [*"aeiouaeio", "ai", "au", "ea", "ei", "ia", "io", "oa", "ou"]
_CODAS: Final = ["", "", "", "l", "m", "n", "r", "s", "t", "x", "nd", "rk", "lt", "sh"]
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def rng_for(seed: int, *spawn_key: int) -> random.Random:
    """A generator of its own for the thing that `spawn_key` names in the world or split of `seed`."""
    high, low = np.random.SeedSequence(seed, spawn_key=spawn_key).generate_state(2, np.uint64)
    return random.Random((int(high) << 64) | int(low))


def owner(text: str) -> Split:
    """The split that a name or number belongs to."""
    return _SPLIT_OF_SHARE[blake2b(text.lower().encode(), digest_size=1).digest()[0] % _SHARES]


def _invent(rng: random.Random, longest: int) -> str:
    """One candidate name of 3 to `longest` letters: pronounceable three times in four, else random letters."""
    if rng.random() < 0.25:
        return "".join(rng.choices(_LETTERS, k=rng.randint(3, min(longest, 7))))
    name = rng.choice(_ONSETS) + rng.choice(_VOWELS)
    while len(name) < longest - 2 and rng.random() < 0.7:
        name += rng.choice(_ONSETS) + rng.choice(_VOWELS)
    return name + rng.choice(_CODAS)


def draw_name(rng: random.Random, split: Split, longest: int = 9) -> str:
    """A first or last name of the split: ASCII letters, a capital first, 3 to `longest` letters."""
    while True:
        name = _invent(rng, longest)
        if 3 <= len(name) <= longest and owner(name) == split:
            return name.capitalize()


def draw_dob(rng: random.Random) -> str:
    """A date of birth of an adult, ISO form."""
    return f"{rng.randint(1950, 2005)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
