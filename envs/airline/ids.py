"""Reservation ids, divided among the splits by an invertible scramble: a lazy table turns an id back into its index."""

import random
from math import gcd
from typing import Final

from toolgym.composing.names import SHARE_OF, SHARES, SPLIT_OF_SHARE
from toolgym.domain import Split

__all__ = ["ReservationIds", "reservation_id_owner"]

_BASE36: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_ID_SPACE: Final = 36**6
_SCRAMBLE: Final = 1_597_334_677
"""Coprime to 36, about three quarters of the id space: neighbouring indices get ids that look unrelated."""
_UNSCRAMBLE: Final = pow(_SCRAMBLE, -1, _ID_SPACE)


def _encode(value: int) -> str:
    out = ""
    for _ in range(6):
        value, digit = divmod(value, 36)
        out = _BASE36[digit] + out
    return out


def _range_of(split: Split) -> tuple[int, int]:
    low, high = SHARE_OF[split]
    return low * _ID_SPACE // SHARES, high * _ID_SPACE // SHARES


def reservation_id_owner(reservation_id: str) -> Split:
    """The split that a six-character reservation id belongs to."""
    return SPLIT_OF_SHARE[int(reservation_id, 36) * _SCRAMBLE % _ID_SPACE * SHARES // _ID_SPACE]


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
