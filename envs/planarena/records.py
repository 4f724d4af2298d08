"""The fields that the program gives records itself: ids, names of people and things, what was chosen before."""

from dataclasses import dataclass
from typing import Any
from zlib import crc32

from toolgym.composing.fields import Draw, Field, Number
from toolgym.composing.worlds import WORLDS_PER_SPLIT
from toolgym.envs.planarena.numbers import digits_of
from toolgym.envs.planarena.people import names_of

__all__ = ["Counted", "FirstName", "LastName", "Mark", "ProperName"]

_ROWS, _NUMBERS, _STRIDE = 48, 10_000, 7919


@dataclass(frozen=True)
class Mark(Field):
    """An id: a pattern of fields made before, and five digits, the last of which tells the split.

    No two records of a world share one, and no two of the scenario's small worlds: the number follows from the world
    and from the record's place in it. No two splits share one.

    Args:
        pattern: what stands before the number; `{field}` is a field made before.
    """

    pattern: str

    def make(self, draw: Draw) -> str:
        record = draw.record
        before = self.pattern.format_map({name: str(value).lower() for name, value in record.items()})
        place = draw.world % WORLDS_PER_SPLIT * _ROWS + draw.index
        number = (place * _STRIDE + crc32(self.pattern.encode())) % _NUMBERS
        digits = digits_of(draw.split)
        return f"{before}{number:04d}{digits[place % len(digits)]}"

    @property
    def type(self) -> str:
        return f"mark {self.pattern}"


@dataclass(frozen=True)
class Counted(Number):
    """A number of units, of which one is shown in the singular."""

    def show(self, value: Any) -> str:
        return f"{value} {self.unit[:-1]}" if value == 1 else f"{value} {self.unit}"


@dataclass(frozen=True)
class FirstName(Field):
    """A first name of the split."""

    def make(self, draw: Draw) -> str:
        return draw.rng.choice(names_of(draw.split)[0])


@dataclass(frozen=True)
class LastName(Field):
    """A last name of the split."""

    def make(self, draw: Draw) -> str:
        return draw.rng.choice(names_of(draw.split)[1])


@dataclass(frozen=True)
class ProperName(Field):
    """A proper name: each of a world's first records has another one.

    Args:
        pool: the names.
    """

    pool: tuple[str, ...]

    def make(self, draw: Draw) -> str:
        name = self.pool[(draw.world * 5 + draw.index) % len(self.pool)]
        return name if draw.index < len(self.pool) else f"{name} {draw.index // len(self.pool) + 1}"
