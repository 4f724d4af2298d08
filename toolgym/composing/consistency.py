"""What is wrong with a declaration by itself: names that there are not, words that nothing fills, ids that run out.

`toolgym.composing.trials` tells what is wrong with it beside its server.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from string import Formatter
from typing import Any, Final

from toolgym.composing.declaration import Act, Declaration, Key, Look, Own, Pick, Reckoned, Rule, Speaker, Wish
from toolgym.composing.fields import Choice, Clock, Code, Day, Field, Flag, Number, Pattern, Ref, Refs, Words
from toolgym.composing.options import lone_texts, wrong_values
from toolgym.composing.tables import Table
from toolgym.composing.ways import inputs_of, ways_to
from toolgym.errors import did_you_mean

__all__ = ["placeholders", "problems"]

_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_SIZES: Final = ("small", "standard", "large")
_SEES: Final = ("speaker", "picked")
_SPARE: Final = 12
"""How many ids a key needs for each record: a split owns an eighth of them, and a third of these are to stay free."""
_MANY: Final = 10_000
"""How many values a field has at least whose values cannot be counted: names, what functions make."""


def problems(declaration: Declaration) -> list[str]:
    """A sentence for each wrong part; none where the declaration is right by itself."""
    # Each takes for granted what those before it found.
    for look_for in (lone_texts, _names, _tables, wrong_values, _references, _words, _ways):
        found = list(dict.fromkeys(look_for(declaration)))
        if found:
            return found
    return []


def placeholders(text: str) -> set[str]:
    """The names that a template is filled with.

    Raises:
        ValueError: its braces do not pair.
    """
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in Formatter().parse(text) if name is not None}


# Names ---------------------------------------------------------------------------------------------------------------


def _names(declaration: Declaration) -> Iterator[str]:
    """Names are words, and each stands for one thing."""
    kinds = [look.kind for look in declaration.looks] + [act.kind for act in declaration.acts]
    for what, several, names in (
        ("the name of the domain", "", [declaration.name]),
        ("the kind of a look or an act", "looks and acts are of the kind", kinds),
        ("the name of a rule", "rules are called", [rule.name for rule in declaration.rules]),
    ):
        for name in names:
            if not _WORD.fullmatch(name):
                yield f"{name!r}, {what}, is no word: take small letters, digits and _, a letter first"
        yield from (f"{count} {several} {name!r}: give each its own" for name, count in _twice(names))
    for name, count in _twice(table.name for table in declaration.tables):
        yield f"{count} tables are called {name!r}: give each its own name"


def _twice(names: Iterable[str]) -> list[tuple[str, int]]:
    return [(name, count) for name, count in Counter(names).items() if count > 1]


# Tables --------------------------------------------------------------------------------------------------------------


def _tables(declaration: Declaration) -> Iterator[str]:
    names = [table.name for table in declaration.tables]
    if declaration.who not in names:
        yield f"who: {did_you_mean(declaration.who, names, 'table')}"
    for place, table in enumerate(declaration.tables):
        where = f"Table {table.name!r}"
        if table.key not in table.fields:
            yield f"{where}: key: {did_you_mean(table.key, table.fields, 'field')}"
        yield from (f"{where}: {problem}" for problem in _rows(declaration, table, names[:place]))
        for position, (name, made) in enumerate(table.fields.items()):
            before = list(table.fields)[:position]
            for problem in _field(declaration, table, made, before, names[:place], names):
                yield f"{where}, field {name!r}: {problem}"
    if not any(True for table in declaration.tables if table.key not in table.fields):
        yield from _codes(declaration)


def _is_inner(declaration: Declaration, table: Table) -> bool:
    """Whether its records stand inside those of another table, a field of which holds it."""
    return any(getattr(made, "table", None) is table for other in declaration.tables for made in other.fields.values())


def _rows(declaration: Declaration, table: Table, before: list[str]) -> Iterator[str]:
    names = list(_all(declaration))
    if table.per and table.per not in names:
        yield f"per: {did_you_mean(table.per, names, 'table')}"
    elif table.per and table.per not in before:
        yield f"per: its records belong to those of {table.per!r}, which has to be declared before it"
    if _is_inner(declaration, table) or callable(table.rows):
        return
    if isinstance(table.rows, Mapping):
        missing = [size for size in _SIZES if size not in table.rows]
        if missing:
            yield f"rows has no number for {', '.join(missing)}"
    elif not table.per:
        yield "rows are counted by parent, and it has none: name the parents' table (per), or give a number a size"
    elif not table.rows:
        yield "rows is empty: give how many records the parents have, one after another"


def _field(
    declaration: Declaration, table: Table, made: Field, before: list[str], tables: list[str], names: list[str]
) -> Iterator[str]:
    if isinstance(made, Ref):
        if made.table not in names:
            yield did_you_mean(made.table, names, "table")
        elif made.table not in tables and getattr(made, "by", None) is None:
            yield f"it names a record of {made.table!r}, which has to be declared before {table.name!r}"
    elif isinstance(made, Refs):
        if made.table not in names:
            yield did_you_mean(made.table, names, "table")
        elif made.table in (*tables, table.name):
            yield f"it lists records of {made.table!r}, which has to be declared after {table.name!r}"
        elif not _table(declaration, made.table).refs(table.name):
            yield f"no field of {made.table!r} is a Ref({table.name!r}), so there is nothing to list"
    elif isinstance(made, Pattern):
        yield from _template("its pattern", made.pattern, before, "the fields that are made before it")
    if made.told:
        yield from _template("told", made.told, ["value"], "what it is told by")
        if "{value}" not in made.told:
            yield f"told={made.told!r} does not say the value: put {{value}} into it"
    if made.extremes is not None and (len(made.extremes) != 2 or not all(made.extremes)):
        yield f"extremes are two words, for the least and the most, not {made.extremes!r}"
    if isinstance(made, Choice) and not made.values:
        yield "there is nothing to choose from: give values"


def _codes(declaration: Declaration) -> Iterator[str]:
    """Keys whose pattern has too few ids for the largest world."""
    counts: dict[str, float] = {}
    for table in declaration.tables:
        if isinstance(table.rows, Mapping):
            counts[table.name] = max(table.rows.get(size, 0) for size in _SIZES)
        elif table.per and table.rows and not callable(table.rows):
            counts[table.name] = counts.get(table.per, 0) * sum(table.rows) / len(table.rows)
        made = table.fields[table.key]
        if not isinstance(made, Code) or type(made).make is not Code.make:
            continue
        ids, needed = _capacity(table, made), round(counts.get(table.name, 0) * _SPARE)
        if ids < needed:
            yield (
                f"Table {table.name!r}, field {table.key!r}: the pattern {made.pattern!r} has {ids:,} ids, and a "
                f"world of {needed // _SPARE:,} records needs {needed:,}, for a split owns an eighth of them: add a #"
            )


def _capacity(table: Table, made: Field) -> int:
    """How many values a field has."""
    if isinstance(made, Pattern):
        number = 10 ** made.pattern.count("#") * 24 ** made.pattern.count("?")
        for name in placeholders(made.pattern):
            number *= _capacity(table, table.fields[name])
        return number
    if isinstance(made, Choice):
        return len(set(made.values))
    if isinstance(made, Words):
        number = 1
        for part in made.parts:
            number *= len(set(part))
        return number
    if isinstance(made, Number):
        return max(1, len(range(made.low, made.high + 1, made.step)))
    if isinstance(made, Day):
        return made.last - made.first + 1
    if isinstance(made, Flag):
        return 2
    return 24 if isinstance(made, Clock) else _MANY


# What looks, acts and rules name -------------------------------------------------------------------------------------


def _references(declaration: Declaration) -> Iterator[str]:
    for look in declaration.looks:
        yield from (f"Look {look.kind!r}: {problem}" for problem in _look(declaration, look))
    for act in declaration.acts:
        yield from (f"Act {act.kind!r}: {problem}" for problem in _act(declaration, act))
    for rule in declaration.rules:
        yield from (f"Rule {rule.name!r}: {problem}" for problem in _rule(declaration, rule))
    topics = _topics(declaration)
    yield from (f"asked: {did_you_mean(topic, topics, 'topic')}" for topic in declaration.asked if topic not in topics)
    key = _table(declaration, declaration.who).key
    asks = [look for look in declaration.looks if _asked_by(declaration, look, declaration.who)]
    takes = [act for act in declaration.acts if any(isinstance(source, Speaker) for source in act.takes.values())]
    if not asks and not takes:
        yield (
            f"who: no look or act takes the {key} of those who speak, so nothing of theirs is found: add a look "
            f"that is asked by it (by={{'{key}': '{key}'}})"
        )


def _topics(declaration: Declaration) -> set[str]:
    """What customers can be asked for."""
    fields = [(name, made) for table in declaration.tables for name, made in table.fields.items()]
    found = {*(made.label or name for name, made in fields), *(table.noun for table in declaration.tables)}
    for act in declaration.acts:
        found |= {wish.topic or name.replace("_", " ") for name, wish in act.wishes().items()}
        found |= {pick.topic for pick in act.picks().values() if pick.topic}
    return found


def _asked_by(declaration: Declaration, look: Look, table: str) -> bool:
    """Whether the look takes the id of a record of the table."""
    given = _table(declaration, look.gives) if look.gives in _all(declaration) else None
    if given is None:
        return False
    fields = [(name, given.fields.get(name)) for name in look.by.values()]
    return any(
        (given.name == table and name == given.key) or (isinstance(made, Ref) and made.table == table)
        for name, made in fields
    )


def _look(declaration: Declaration, look: Look) -> Iterator[str]:
    if look.gives not in _all(declaration):
        yield f"gives: {did_you_mean(look.gives, _all(declaration), 'table')}"
        return
    fields = _table(declaration, look.gives).fields
    for parameter, name in look.by.items():
        if name not in fields:
            yield f"by, {parameter!r}: {did_you_mean(name, fields, f'field of {look.gives}')}"
    yield from (f"narrows: {did_you_mean(name, look.by, 'name in by')}" for name in look.narrows if name not in look.by)
    if look.narrows and look.opens is None:
        yield "narrows: the tool is not asked by it: say in opens which of the records that it shows are meant"
    for name in look.shows:
        if name not in fields:
            yield f"shows: {did_you_mean(name, fields, f'field of {look.gives}')}"


def _act(declaration: Declaration, act: Act) -> Iterator[str]:
    tables = _all(declaration)
    for option, name in (("on", act.on), ("gives", act.gives)):
        if name and name not in tables:
            yield f"{option}: {did_you_mean(name, tables, 'table')}"
    on = _table(declaration, act.on).fields if act.on in tables else {}
    for parameter, source in act.takes.items():
        where = f"takes, {parameter!r}"
        if isinstance(source, Key | Own) and not act.on:
            yield f"{where}: {type(source).__name__} is of the record that it is about, and `on` names no table"
        elif isinstance(source, Own) and act.on in tables and source.field not in on:
            yield f"{where}: {did_you_mean(source.field, on, f'field of {act.on}')}"
        elif isinstance(source, Wish):
            if source.differs and (act.on in tables or not act.on) and source.differs not in on:
                yield f"{where}: differs: {did_you_mean(source.differs, on, 'field of its record')}"
            for path in source.carried:
                yield from (f"{where}: carried: {problem}" for problem in _carried(declaration, path))
        elif isinstance(source, Pick):
            if source.table not in tables:
                yield f"{where}: {did_you_mean(source.table, tables, 'table')}"
            elif source.field and source.field not in tables[source.table].fields:
                yield f"{where}: {did_you_mean(source.field, tables[source.table].fields, f'field of {source.table}')}"
        elif isinstance(source, Reckoned):
            yield from (f"{where}: {problem}" for problem in _sees(declaration, source.sees, ("speaker",)))
    if not act.about or not act.past:
        yield "a refusal is told by its words: give beginnings of words for it (about) and participles (past)"


def _carried(declaration: Declaration, path: str) -> Iterator[str]:
    table, dot, name = path.partition(".")
    if not dot:
        yield f"{path!r} is no 'table.field'"
    elif table not in _all(declaration):
        yield did_you_mean(table, _all(declaration), "table")
    elif name not in _table(declaration, table).fields:
        yield did_you_mean(name, _table(declaration, table).fields, f"field of {table}")


def _rule(declaration: Declaration, rule: Rule) -> Iterator[str]:
    kinds = {act.kind: act for act in declaration.acts}
    for kind in rule.acts:
        if kind not in kinds:
            yield f"acts: {did_you_mean(kind, kinds, 'act')}"
    if not rule.acts:
        yield "it forbids nothing: name the acts that may break it"
    acts = [kinds[kind] for kind in rule.acts if kind in kinds]
    for name in rule.tempts:
        chosen = {wish for act in acts for wish in (*act.wishes(), *act.picks())}
        if name not in chosen:
            yield f"tempts: {did_you_mean(name, chosen, 'wish of its acts')}"
    yield from _sees(declaration, rule.sees, _SEES)
    if "picked" in rule.sees and acts and not any(act.picks() for act in acts):
        names = ", ".join(repr(act.kind) for act in acts)
        yield f"it sees what is picked, and nothing is by {names}: give a parameter a Pick"
    if not rule.text.strip() or not rule.why.strip():
        yield "the policy document and the refusal need its words: give text and why"


def _sees(declaration: Declaration, sees: Iterable[str], known: tuple[str, ...]) -> Iterator[str]:
    for name in sees:
        if name not in known:
            yield f"sees: {did_you_mean(name, known, 'thing to look at')}"
    who = _table(declaration, declaration.who)
    if "speaker" in sees and declaration.reads(who.name) is None:
        yield f"it sees the speaker, and no look reads a whole record of {who.name!r} by {who.key!r}: add one"


# Words ---------------------------------------------------------------------------------------------------------------


def _words(declaration: Declaration) -> Iterator[str]:
    for act in declaration.acts:
        yield from (f"Act {act.kind!r}: {problem}" for problem in _phrases(declaration, act))
        on = list(_table(declaration, act.on).fields) if act.on else []
        before = [*on, *act.wishes()]
        yield from _template(f"Act {act.kind!r}: plan", act.plan, before, "fields of its record, and wishes")
        for name, wish in act.wishes().items():
            yield from _template(f"Act {act.kind!r}: takes, {name!r}: fact", wish.fact, ["value"], "what is wanted")
    for rule in declaration.rules:
        for kind in rule.acts:
            act = declaration.act(kind)
            known = [*(_table(declaration, act.on).fields if act.on else ()), *act.wishes()]
            named = f"fields of the record that {kind!r} is about, and its wishes"
            yield from _template(f"Rule {rule.name!r}: why", rule.why, known, named)


def _phrases(declaration: Declaration, act: Act) -> Iterator[str]:
    if len(set(act.words)) < 2:
        yield "words: one way to ask for it is too few: give two or more"
    if not act.unseen:
        yield "unseen: test_unseen has words of its own: give one or more"
    for shared in sorted(set(act.words) & set(act.unseen)):
        yield f"unseen: {shared!r} is in words too, so test_unseen would not be unseen"
    chosen = [*act.wishes(), *act.picks()]
    must = [*(["it"] if act.on and act.on != declaration.who else []), *chosen]
    for option, phrases in (("words", act.words), ("unseen", act.unseen)):
        for phrase in phrases:
            where = f"{option}: {phrase!r}"
            wrong = list(_template(where, phrase, [*(["it"] if act.on else []), *chosen], "{it}, wishes and picks"))
            yield from wrong
            for name in must if not wrong else ():
                if name not in placeholders(phrase):
                    yield f"{where} does not say what only the customer knows: put {{{name}}} into it"


def _template(where: str, text: str, known: Iterable[str], named: str) -> Iterator[str]:
    """What is wrong with a text with placeholders."""
    try:
        names = placeholders(text)
    except ValueError as error:
        yield f"{where}: {error} in {text!r}"
        return
    for name in sorted(names - set(known)):
        yield f"{where}: nothing fills {{{name}}} ({named}). {did_you_mean(name, known, 'placeholder')}"


# Ways ----------------------------------------------------------------------------------------------------------------


def _ways(declaration: Declaration) -> Iterator[str]:
    for look in declaration.looks:
        table = _table(declaration, look.gives)
        for parameter, name in look.by.items():
            if not inputs_of(declaration, table, name):
                yield (
                    f"Look {look.kind!r}: nothing gives {parameter!r}: no customer tells the {name} of {table.nouns} "
                    f"and no look shows it. Give the field {name!r} of {table.name!r} words that tell it (told)"
                )
    for act in declaration.acts:
        if act.on and not ways_to(declaration, act.on):
            yield f"Act {act.kind!r}: on: {_unreached(declaration, act.on)}"
        for name, pick in act.picks().items():
            if not any(way.depth <= 2 for way in ways_to(declaration, pick.table, act.on)):
                yield f"Act {act.kind!r}: takes, {name!r}: {_unreached(declaration, pick.table)}"
    yield from _given_away(declaration)


def _unreached(declaration: Declaration, table: str) -> str:
    key = _table(declaration, table).key
    return f"no look leads to a whole record of {table!r}: add one that reads it (by={{'{key}': '{key}'}})"


def _given_away(declaration: Declaration) -> Iterator[str]:
    """Fields that tell a record by the id of another one, to which the record then is to lead."""
    for table in declaration.tables:
        for name, made in table.fields.items():
            if isinstance(made, Ref) and made.told and declaration.reads(made.table):
                yield (
                    f"Table {table.name!r}, field {name!r}: it is told, so a request names the {made.table} id that is "
                    "to be found by way of the record: leave told out, and give a field of its own that tells it"
                )


def _table(declaration: Declaration, name: str) -> Table:
    return _all(declaration)[name]


def _all(declaration: Declaration) -> dict[str, Any]:
    return {table.name: table for table in declaration.tables}
