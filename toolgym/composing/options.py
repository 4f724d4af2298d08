"""What is wrong with the values of a declaration's options: one text where several are wanted, ranges with nothing in
them, counts of nothing, frequencies below zero.

`toolgym.composing.consistency` tells what is wrong with its names.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from toolgym.composing.declaration import Declaration, Reckoned
from toolgym.composing.fields import TODAY, Choice, Clock, Day, Field, Flag, Money, Name, Number, Pattern, Words
from toolgym.composing.tables import Table

__all__ = ["lone_texts", "wrong_values"]

_OWN_FACTS: Final = ("seed", "size", "split", "dialect")
"""Facts of a world that the kit tells."""
_SHARED: Final = (Pattern, Name, Choice, Words, Number, Money, Day, Clock, Flag)
"""Fields two of whose values may be one; what a field of one's own makes is its own business."""

# One text where several are wanted ------------------------------------------------------------------------------------


def lone_texts(declaration: Declaration) -> Iterator[str]:
    """Options that take several texts and were given one, whose letters would be taken: `("stop")` is no tuple."""
    for where, option, value in _several(declaration):
        if isinstance(value, str):
            yield f"{where}: {option} takes several texts, and {value!r} is one: write ({value!r},)"


def _several(declaration: Declaration) -> Iterator[tuple[str, str, Any]]:
    """Where, option and value of each that takes several texts."""
    for table in declaration.tables:
        for name, made in table.fields.items():
            yield from _of_field(f"Table {table.name!r}, field {name!r}", made)
    for look in declaration.looks:
        yield from _options(f"Look {look.kind!r}", look, "shows", "told", "narrows")
    for act in declaration.acts:
        where = f"Act {act.kind!r}"
        yield from _options(where, act, "words", "unseen", "about", "past", "told", "follows", "known")
        for name, wish in act.wishes().items():
            yield f"{where}: takes, {name!r}", "carried", wish.carried
            yield from _of_field(f"{where}: takes, {name!r}", wish.field)
        for name, source in act.takes.items():
            if isinstance(source, Reckoned):
                yield f"{where}: takes, {name!r}", "sees", source.sees
    for rule in declaration.rules:
        yield from _options(f"Rule {rule.name!r}", rule, "acts", "sees")
        for name, made in rule.wishes().items():
            yield from _of_field(f"Rule {rule.name!r}: tempts, {name!r}", made)
    for option, of in (("notes", declaration.notes), ("asked", declaration.asked)):
        yield from ((f"{option}: {name!r}", "it", value) for name, value in of.items())


def _options(where: str, part: Any, *options: str) -> Iterator[tuple[str, str, Any]]:
    return ((where, option, getattr(part, option)) for option in options)


def _of_field(where: str, made: Field) -> Iterator[tuple[str, str, Any]]:
    yield where, "extremes", made.extremes
    if isinstance(made, Choice):
        yield where, "values", made.values
    if isinstance(made, Words):
        yield where, "parts", made.parts
        yield from ((where, f"part {place} of parts", part) for place, part in enumerate(made.parts, 1))


# Ranges, counts and frequencies ---------------------------------------------------------------------------------------


def wrong_values(declaration: Declaration) -> Iterator[str]:
    """Values that no world or task can be made of."""
    inner = {getattr(made, "table", None) for table in declaration.tables for made in table.fields.values()}
    for table in declaration.tables:
        where = f"Table {table.name!r}"
        yield from (f"{where}: {problem}" for problem in _counts(table, table.name == declaration.who))
        for name, made in table.fields.items():
            yield from (f"{where}, field {name!r}: {problem}" for problem in _ranges(made))
        key = table.fields[table.key]
        if type(key) in _SHARED and table not in inner and not table.common:
            yield (
                f"{where}, field {table.key!r}: two records, or two splits, may draw one {type(key).__name__}, and the "
                "later takes the place of the earlier: a key is a Code"
            )
    for act in declaration.acts:
        if act.weight < 0:
            yield f"Act {act.kind!r}: weight is how often it occurs, 0 or more, not {act.weight:g}"
        for name, wish in act.wishes().items():
            yield from (f"Act {act.kind!r}: takes, {name!r}: {problem}" for problem in _ranges(wish.field))
    for rule in declaration.rules:
        for name, made in rule.wishes().items():
            yield from (f"Rule {rule.name!r}: tempts, {name!r}: {problem}" for problem in _ranges(made))
    yield from _settings(declaration)


def _counts(table: Table, speaks: bool) -> Iterator[str]:
    if callable(table.rows):
        return
    of_sizes = isinstance(table.rows, Mapping)
    counts = dict(table.rows) if isinstance(table.rows, Mapping) else dict(enumerate(table.rows))
    least = 1 if speaks and of_sizes else 0
    for size, count in counts.items():
        if count < least:
            what = "a world has one who speaks at least" if least else "a number of records is 0 or more"
            yield f"rows: {f'{size}: ' if of_sizes else ''}{what}, not {count}"


def _ranges(made: Field) -> Iterator[str]:
    """What is wrong with a field that nothing can be drawn from."""
    if isinstance(made, Number) and (made.step < 1 or made.low > made.high):
        yield f"there is no number from {made.low} to {made.high} in steps of {made.step}"
    elif isinstance(made, Day) and made.first > made.last:
        yield f"there is no day from {made.first} to {made.last} days from today"
    elif isinstance(made, Clock) and (made.step < 1 or not 0 <= made.first <= made.last < 24):
        yield f"there is no time of day from {made.first} to {made.last} o'clock in steps of {made.step} minutes"
    elif isinstance(made, Words) and not all(made.parts):
        yield "there is nothing to choose from: each of its parts is some words"
    elif isinstance(made, Flag) and not 0 <= made.probability <= 1:
        yield f"a probability is from 0 to 1, not {made.probability:g}"


def _settings(declaration: Declaration) -> Iterator[str]:
    for size, count in declaration.tasks_per_world.items():
        if count < 1:
            yield f"tasks_per_world: {size}: a world has one task at least, not {count}"
    for later, earlier in declaration.echoes.items():
        if not 0 <= earlier < later:
            yield f"echoes: task {later} is made otherwise than an earlier one, which {earlier} is not"
    for name in _OWN_FACTS:
        if name in declaration.meta:
            yield f"meta: {name!r} is a fact that each world has of its own: take another name"
    today = str(declaration.meta.get("today", TODAY))
    if not today.startswith(TODAY.isoformat()):
        yield f"meta: today is {TODAY.isoformat()} in all worlds and policies, at whatever time, not {today}"
