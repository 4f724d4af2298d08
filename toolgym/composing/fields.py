"""The typed fields of a table's records: how a value is made, shown, asked for, and what tells a record by it.

A field that has a `label` can be asked for; one that has `told` tells its record apart ("the one {value}"); one with
`extremes` orders the records ("the cheapest"). A `Ref` names a record of another table, and by that type the kit joins
what one tool gives to what another needs.
"""

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import date, timedelta
from functools import cached_property
from string import Formatter
from typing import Any, Final

from toolgym.composing.names import draw_name, owner
from toolgym.domain import Split
from toolgym.errors import DeclarationError

__all__ = [
    "TODAY",
    "Choice",
    "Clock",
    "Code",
    "Day",
    "Dollars",
    "Draw",
    "Field",
    "Flag",
    "Given",
    "Id",
    "Made",
    "Money",
    "Name",
    "Number",
    "Pattern",
    "Ref",
    "Refs",
    "Words",
]

TODAY: Final = date(2026, 6, 15)
"""The present of every generated world."""
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_DRAWN: Final = {"#": "0123456789", "?": _LETTERS}
"""What the letters of a pattern stand for."""
_TRIES: Final = 400


@dataclass(slots=True)
class Draw:
    """What a value may depend on while its record is made."""

    rng: random.Random
    split: Split
    index: int = 0
    record: dict[str, Any] = field(default_factory=dict)
    """The fields made so far."""
    parent: Mapping[str, Any] | None = None
    """The record that this one belongs to (`Table.per`); of what a customer wants, the customer."""
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The tables made before this one."""
    used: set[str] = field(default_factory=set)
    """Ids that the table has already."""
    place: int = 0
    """Which of its parent's children this is."""
    siblings: Sequence[Mapping[str, Any]] = ()
    """The records before this one of the list that it stands in (`toolgym.composing.tables.Records`)."""
    inner: "dict[str, Draw]" = field(default_factory=dict)
    """Inner table -> what its records are drawn with."""
    world: int = 0
    """The key of the world that is made."""

    keys: dict[str, list[str]] = field(default_factory=dict)
    groups: dict[tuple[str, str], dict[Any, list[str]]] = field(default_factory=dict)

    def ids(self, table: str) -> list[str]:
        """The ids of a table made before."""
        if table not in self.keys:
            self.keys[table] = list(self.tables[table])
        return self.keys[table]

    def pick(self, table: str) -> dict[str, Any]:
        """A random record of a table made before."""
        return self.tables[table][self.rng.choice(self.ids(table))]

    def related(self, table: str, name: str, value: Any) -> list[str]:
        """The ids of the records of a table made before whose field has the value."""
        if (table, name) not in self.groups:
            groups = self.groups[table, name] = {}
            for key, record in self.tables[table].items():
                groups.setdefault(record[name], []).append(key)
        return self.groups[table, name].get(value, [])

    def day(self, first: int, last: int) -> str:
        """A date from `first` to `last` days from today, ISO form."""
        return (TODAY + timedelta(days=self.rng.randint(first, last))).isoformat()


@dataclass(frozen=True, kw_only=True)
class Field(ABC):
    """A typed field; subclasses make its values.

    Args:
        label: what a customer calls it ("due date"); without one nobody asks for it.
        told: how a customer tells a record by it ("to {value}"); without it nobody does.
        extremes: words for the records with the least and the most of it ("cheapest", "most expensive").
        total: what a sum over several records is called ("cost"); without it nobody asks for one.
        names: whether `told` is a name for the record ("the {value}") instead of a mark ("the order {value}").
    """

    label: str = ""
    told: str = ""
    extremes: tuple[str, str] | None = None
    total: str = ""
    names: bool = False

    @abstractmethod
    def make(self, draw: Draw) -> Any:
        """A value for the record being made."""

    def show(self, value: Any) -> str:
        """The value in an answer or request."""
        return str(value)

    @property
    def type(self) -> str:
        """Values of equal types can stand for each other."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Made(Field):
    """Made by a function of the `Draw`; `kind` is its type, and `shown` how it is said ("${value}")."""

    by: Callable[[Draw], Any]
    kind: str = "made"
    shown: str = "{value}"

    def make(self, draw: Draw) -> Any:
        return self.by(draw)

    def show(self, value: Any) -> str:
        return self.shown.format(value=value)

    @property
    def type(self) -> str:
        return self.kind


@dataclass(frozen=True)
class Dollars(Made):
    """Whole dollars that follow from the fields before; drawn ones are `Money`."""

    kind: str = "money"
    shown: str = "${value}"


def _never(draw: Draw) -> Any:
    raise DeclarationError("A field that follows from other records is never made: give the table's rows as a function")


@dataclass(frozen=True)
class Given(Made):
    """A field of records that follow from others (`Table.rows` is a function)."""

    by: Callable[[Draw], Any] = _never


@dataclass(frozen=True)
class Name(Field):
    """An invented name of the split; of `words` parts."""

    words: int = 1
    longest: int = 8

    def make(self, draw: Draw) -> str:
        return " ".join(draw_name(draw.rng, draw.split, self.longest) for _ in range(self.words))


@dataclass(frozen=True)
class Choice(Field):
    """One of a few values; repeat one to make it likelier."""

    values: tuple[Any, ...]

    def make(self, draw: Draw) -> Any:
        return draw.rng.choice(self.values)

    @property
    def type(self) -> str:
        return "choice"


@dataclass(frozen=True)
class Words(Field):
    """Words from parts: one of each of the lists, joined by a blank ("red" "bicycle")."""

    parts: tuple[Sequence[str], ...]

    def make(self, draw: Draw) -> str:
        return " ".join(draw.rng.choice(part) for part in self.parts)


@dataclass(frozen=True)
class Number(Field):
    """A whole number from `low` to `high` in steps of `step`, with a unit behind it when shown."""

    low: int
    high: int
    step: int = 1
    unit: str = ""

    def make(self, draw: Draw) -> int:
        return draw.rng.randrange(self.low, self.high + 1, self.step)

    def show(self, value: Any) -> str:
        return f"{value} {self.unit}" if self.unit else str(value)

    @property
    def type(self) -> str:
        return f"number {self.unit}"


@dataclass(frozen=True)
class Money(Number):
    """Whole dollars."""

    def show(self, value: Any) -> str:
        return f"${value}"

    @property
    def type(self) -> str:
        return "money"


@dataclass(frozen=True)
class Day(Field):
    """A date from `first` to `last` days from today, ISO form."""

    first: int
    last: int

    def make(self, draw: Draw) -> str:
        return draw.day(self.first, self.last)


@dataclass(frozen=True)
class Clock(Field):
    """A time of day from `first` to `last` (hours) in steps of `step` minutes, `HH:MM`."""

    first: int = 8
    last: int = 18
    step: int = 30

    def make(self, draw: Draw) -> str:
        minutes = draw.rng.randrange(self.first * 60, self.last * 60 + 1, self.step)
        return f"{minutes // 60:02d}:{minutes % 60:02d}"


@dataclass(frozen=True)
class Flag(Field):
    """True with a probability."""

    probability: float = 0.5

    def make(self, draw: Draw) -> bool:
        return draw.rng.random() < self.probability

    def show(self, value: Any) -> str:
        return "yes" if value else "no"


@dataclass(frozen=True)
class Pattern(Field):
    """Text in which `#` is a digit, `?` a letter, and `{field}` a field made before, in small letters, no blanks."""

    pattern: str

    @cached_property
    def _named(self) -> tuple[str, ...]:
        names = (name for _, name, _, _ in Formatter().parse(self.pattern) if name)
        return tuple(re.split(r"[.\[]", name)[0] for name in names)

    def make(self, draw: Draw) -> str:
        return _fill(draw.rng, self._text(draw))

    def _text(self, draw: Draw) -> str:
        """The pattern with its fields."""
        record = draw.record
        values = {name: str(record[name]).lower().replace(" ", "_") for name in self._named}
        return self.pattern.format_map(values)

    @property
    def type(self) -> str:
        return f"text {self.pattern}"


def _fill(rng: random.Random, text: str) -> str:
    choice = rng.choice
    return "".join([choice(_DRAWN[letter]) if letter in _DRAWN else letter for letter in text])


@dataclass(frozen=True)
class Code(Pattern):
    """An id of the split, like a `Pattern`: no two records and no two splits share one. A table's key is one."""

    def make(self, draw: Draw) -> str:
        text = self._text(draw)
        for _ in range(_TRIES):
            code = _fill(draw.rng, text)
            if code not in draw.used and owner(code) == draw.split:
                return code
        raise DeclarationError(
            f"The pattern {self.pattern!r} has too few ids for {len(draw.used) + 1} records: add a #"
        )


@dataclass(frozen=True)
class Id(Code):
    """An id of the split: the pattern's fields and letters as they are, and digits behind them."""

    digits: int = 7

    def make(self, draw: Draw) -> str:
        prefix, low = self.pattern.format_map(draw.record), 10 ** (self.digits - 1)
        while True:
            made = f"{prefix}{draw.rng.randrange(low, 10 * low)}"
            if owner(made) == draw.split and made not in draw.used:
                return made


@dataclass(frozen=True)
class Ref(Field):
    """The id of a record of another table: what `by` chooses, or the parent's where it is the parent's table, else a
    random one. `by` may give None: it names none.
    """

    table: str
    _: KW_ONLY
    by: Callable[[Draw], str | None] | None = None

    def make(self, draw: Draw) -> str | None:
        if self.by is not None:
            return self.by(draw)
        if draw.parent is not None and self.table == draw.parent.get("_table"):
            return draw.parent["_key"]
        return draw.rng.choice(draw.ids(self.table))

    @property
    def type(self) -> str:
        return f"ref {self.table}"


@dataclass(frozen=True)
class Refs(Field):
    """The ids of the records of a table made later that name this one: filled in when that table is made."""

    table: str

    def make(self, draw: Draw) -> list[str]:
        return []

    @property
    def type(self) -> str:
        return f"refs {self.table}"
