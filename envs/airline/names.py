"""Open vocabulary: names, ids and numbers drawn from generators, never from lists, and divided among the splits.

A name belongs to exactly one split, told by a stable hash of its letters, so worlds of different splits share no first
name, last name, user id, e-mail or payment id, however many worlds are made. Reservation ids are divided by an
invertible scramble instead of a hash, so that a lazy table can turn an id back into its index.
"""

import random
from hashlib import blake2b
from math import gcd
from typing import Final

import numpy as np

from toolgym.domain import Split

__all__ = [
    "SPLITS",
    "ReservationIds",
    "draw_digits",
    "draw_dob",
    "draw_name",
    "owner",
    "reservation_id_owner",
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
_BASE36: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_ID_SPACE: Final = 36**6
_SCRAMBLE: Final = 1_597_334_677
"""Coprime to 36, about three quarters of the id space: neighbouring indices get ids that look unrelated."""
_UNSCRAMBLE: Final = pow(_SCRAMBLE, -1, _ID_SPACE)


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


def draw_digits(rng: random.Random, split: Split, count: int) -> str:
    """A number of `count` digits of the split, for payment ids; no leading zero."""
    while True:
        digits = str(rng.randrange(10 ** (count - 1), 10**count))
        if owner(digits) == split:
            return digits


def draw_dob(rng: random.Random) -> str:
    """A date of birth of an adult, ISO form."""
    return f"{rng.randint(1950, 2005)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _encode(value: int) -> str:
    out = ""
    for _ in range(6):
        value, digit = divmod(value, 36)
        out = _BASE36[digit] + out
    return out


def _range_of(split: Split) -> tuple[int, int]:
    low, high = _SHARE_OF[split]
    return low * _ID_SPACE // _SHARES, high * _ID_SPACE // _SHARES


def reservation_id_owner(reservation_id: str) -> Split:
    """The split that a six-character reservation id belongs to."""
    return _SPLIT_OF_SHARE[int(reservation_id, 36) * _SCRAMBLE % _ID_SPACE * _SHARES // _ID_SPACE]


class ReservationIds:
    """A world's reservation ids: index -> id and back, all of the world's split, all different."""

    __slots__ = ("_low", "_offset", "_size", "_step", "_unstep")

    def __init__(self, rng: random.Random, split: Split):
        self._low, high = _range_of(split)
        self._size = high - self._low
        self._offset = rng.randrange(self._size)
        step = rng.randrange(self._size // 3, self._size) | 1
        while gcd(step, self._size) != 1:
            step += 2
        self._step, self._unstep = step, pow(step, -1, self._size)

    def id_of(self, index: int) -> str:
        """The id of reservation `index`."""
        place = self._low + (self._offset + index * self._step) % self._size
        return _encode(place * _UNSCRAMBLE % _ID_SPACE)

    def index_of(self, reservation_id: str) -> int | None:
        """The index of an id, or None where it cannot be one of this world's split."""
        if len(reservation_id) != 6 or any(letter not in _BASE36 for letter in reservation_id):
            return None
        place = int(reservation_id, 36) * _SCRAMBLE % _ID_SPACE - self._low
        if not 0 <= place < self._size:
            return None
        return (place - self._offset) * self._unstep % self._size
