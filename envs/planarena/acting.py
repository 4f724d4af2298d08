"""The tools of a scenario that change something, and the acts that tell the kit what customers ask of them."""

import random
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from toolgym.composing.declaration import Act, Key, Pick, Speaker, Wish
from toolgym.composing.fields import Made, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Thing, Verb
from toolgym.envs.planarena.parameters import Parameters, checks_of
from toolgym.envs.planarena.shapes import Part, Shape
from toolgym.envs.planarena.sorts import Sort, Sorts
from toolgym.envs.planarena.style import a_noun, either_of, slug
from toolgym.envs.planarena.tools import MadeTool, make_tool
from toolgym.envs.planarena.wording import beginnings, changed, parted, usual_of, wish_of
from toolgym.mcp_servers.planarena import bodies

__all__ = ["Actor"]

_RECORD: Final = dict[str, Any]


class Actor:
    """Makes what acts.

    Args:
        shape: the scenario's.
        sorts: its records.
        parameters: makes parameters.
        rng: makes the choices that are left.
        taken: names of tools that there are already.
    """

    def __init__(
        self, shape: Shape, sorts: Sorts, parameters: Parameters, rng: random.Random, taken: Collection[str] = ()
    ):
        self.taken = taken
        self.shape, self.sorts, self.parameters, self.rng = shape, sorts, parameters, rng
        self.style = shape.style
        self.cases = {case.noun: case for case in shape.cases}
        self.things = {thing.noun: thing for thing in shape.things}

    def make(self, part: Part) -> tuple[MadeTool, Act]:
        """The tool of a part that writes, and its act."""
        if part.family in ("fill", "take"):
            return self._stock(part, self.things[part.noun])
        makers = {
            "make": self._make, "move": self._move, "change": self._change, "drop": self._drop,
            "relink": self._relink, "pour": self._pour, "shift": self._shift, "sign": self._sign,
        }  # fmt: skip
        return makers[part.family](part, self.cases[part.noun], self.sorts.cases[part.noun])

    # What all have -----------------------------------------------------------------------------------------------

    def _tool(
        self,
        verb: Verb,
        sort: Sort,
        rest: str,
        takes: Mapping[str, Any],
        body: Any,
        family: str,
        *data: Any,
        name: str = "",
        returns: Any = _RECORD,
    ) -> MadeTool:
        return make_tool(
            name or self._name(verb, sort),
            self.style.does(verb.name, rest),
            takes,
            body,
            returns,
            writes=True,
            effect=(family, sort.noun, sort.fields, *data),
        )

    def _name(self, verb: Verb, sort: Sort) -> str:
        """A name that no other tool has: one of the verb's, and what it is about."""
        said = [verb.name, verb.name, *verb.tools]
        self.rng.shuffle(said)
        names = [self.style.tool(one, sort.word, sort.nouns) for one in said]
        names.append(self.style.tool(f"{verb.name} {sort.noun}", sort.word, sort.nouns))
        return next((name for name in names if name not in self.taken), names[-1])

    def _act(
        self, verb: Verb, tool: MadeTool, sort: Sort, takes: Mapping[str, Any], places: Mapping[str, str], **more: Any
    ) -> Act:
        """An act.

        Args:
            verb: its words.
            tool: its tool.
            sort: what it is about.
            takes: what its parameters are filled with.
            places: placeholder of the theme's -> of the act's.
            more: what else it says.
        """
        shown = {"it": "{it}", **{name: f"{{{place}}}" for name, place in places.items()}}
        key = sort.kind.key
        given: dict[str, Any] = {
            "on": sort.table.name,
            "gives": sort.table.name,
            "done": f"{{{key}}} is {verb.past}.",
            "about": (verb.name, *beginnings(verb)),
            "past": (verb.past,),
        }
        return Act(
            kind=f"{slug(verb.name)}_{slug(sort.noun)}",
            tool=tool.name,
            takes=takes,
            words=tuple(parted(text).format_map(shown) for text in verb.ask),
            unseen=tuple(parted(text).format_map(shown) for text in verb.unseen),
            **{**given, **more},
        )

    # Families ----------------------------------------------------------------------------------------------------

    def _make(self, part: Part, case: Case, sort: Sort) -> tuple[MadeTool, Act]:
        assert case.make is not None
        verb, person = case.make, self.sorts.person
        owner = person.kind.key
        takes: dict[str, Any] = {owner: Speaker()}
        typed: dict[str, Any] = {owner: self.parameters.id(person)}
        places: dict[str, str] = {}
        link = self._link(case, sort)
        if link is not None:
            thing = self.sorts.things[case.of]
            takes[link.field] = Pick(thing.table.name, fits=_free(link.scarce))
            typed[link.field], places["thing"] = self.parameters.id(thing), link.field
        checks = []
        for name in case.asked:
            made, here = sort.field(name), sort.names[name]
            takes[here] = Wish(wish_of(made), topic=made.label)
            typed[here], places[name] = self.parameters.value(made), here
            checks.append(checks_of(here, made))
        usual = {name: usual_of(one) for name, one in sort.table.fields.items()}
        usual[sort.names["status"]] = case.states[0]
        mark = (sort.mark, self.parameters.ending)
        tool = self._tool(
            verb,
            sort,
            f"{a_noun(sort.noun)} for {a_noun(person.noun)}",
            typed,
            bodies.create(sort.kind, mark, (owner, person.kind), link, checks, usual),
            "make",
            case.of,
            link.scarce if link else "",
            list(case.asked),
        )
        done = f"{sort.noun[:1].upper()}{sort.noun[1:]} {{{sort.kind.key}}} is {verb.past}."
        return tool, self._act(verb, tool, sort, takes, places, on="", done=done)

    def _link(self, case: Case, sort: Sort) -> bodies.Link | None:
        if not case.of:
            return None
        thing, to = self.things[case.of], self.sorts.things[case.of]
        return bodies.Link(sort.names["thing"], to.kind, to.names.get(thing.scarce, ""))

    def _move(self, part: Part, case: Case, sort: Sort) -> tuple[MadeTool, Act]:
        step, status = case.moves[part.place], sort.names["status"]
        verb, key = step.verb, sort.kind.key
        needs = sort.names["approved"] if self.shape.signed.get(case.noun) == verb.name else ""
        rest = f"{a_noun(sort.noun)} that is {either_of(step.before)}" + (f" and {needs}" if needs else "")
        tool = self._tool(
            verb,
            sort,
            rest,
            {key: self.parameters.id(sort)},
            bodies.move(sort.kind, status, step.before, step.after, needs),
            "move",
            [list(step.before), step.after, needs],
        )

        def when(record: Mapping[str, Any]) -> bool:
            return record[status] in step.before and (not needs or record[needs])

        return tool, self._act(verb, tool, sort, {key: Key()}, {}, when=when)

    def _change(self, part: Part, case: Case, sort: Sort) -> tuple[MadeTool, Act]:
        change = case.changes[part.place]
        made, here, key = sort.field(change.field), sort.names[change.field], sort.kind.key
        said = change.field.replace("_", " ")
        verb = change.verb or changed(made)
        name = "" if change.verb else self.style.tool(self.style.change, sort.word, sort.nouns, said)
        rest = f"{a_noun(sort.noun)}: the {made.label}" if change.verb else f"the {made.label} of {a_noun(sort.noun)}"
        tool = self._tool(
            verb,
            sort,
            rest,
            {key: self.parameters.id(sort), here: self.parameters.value(made)},
            bodies.change(sort.kind, checks_of(here, made)),
            "change",
            change.field,
            name=name,
        )
        takes = {key: Key(), here: Wish(wish_of(made), topic=made.label, differs=here)}
        done = f"The {made.label} of {{{key}}} is now {{{here}}}."
        kind = (
            f"{slug(verb.name)}_{slug(sort.noun)}" if change.verb else f"change_{slug(change.field)}_{slug(sort.noun)}"
        )
        about = (verb.name, made.label)
        act = self._act(verb, tool, sort, takes, {"to": here}, done=done, about=about)
        return tool, replace(act, kind=kind)

    def _drop(self, part: Part, case: Case, sort: Sort) -> tuple[MadeTool, Act]:
        assert case.drop is not None
        verb, key, link = case.drop, sort.kind.key, self._link(case, sort)
        tool = self._tool(
            verb,
            sort,
            a_noun(sort.noun),
            {key: self.parameters.id(sort)},
            bodies.cancel(sort.kind, link),
            "drop",
            link.scarce if link else "",
            returns=str,
        )
        return tool, self._act(verb, tool, sort, {key: Key()}, {}, gives="")

    def _relink(self, part: Part, case: Case, sort: Sort) -> tuple[MadeTool, Act]:
        link = self._link(case, sort)
        assert case.relink is not None
        assert link is not None
        thing, key = self.sorts.things[case.of], sort.kind.key
        free, at, id = _free(link.scarce), link.field, thing.kind.key

        def fits(record: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
            return free(record, other) and (not record or record[at] != other[id])

        tool = self._tool(
            case.relink,
            sort,
            f"{a_noun(sort.noun)} to another {thing.noun}",
            {key: self.parameters.id(sort), at: self.parameters.id(thing, "new")},
            bodies.relink(sort.kind, link),
            "relink",
            case.of,
            link.scarce,
        )
        takes = {key: Key(), at: Pick(thing.table.name, fits=fits)}
        return tool, self._act(case.relink, tool, sort, takes, {"thing": at})

    def _pour(self, part: Part, case: Case, sort: Sort) -> tuple[MadeTool, Act]:
        assert case.pour is not None
        word, key, owner = self.style.word, sort.kind.key, sort.names["person"]
        pot, made = sort.names[case.pot], sort.field(case.pot)
        assert isinstance(made, Number)
        source, target, amount = word(f"from {sort.word} id"), word(f"to {sort.word} id"), word("amount")

        def fits(record: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
            return not record or (record[owner] == other[owner] and record[key] != other[key])

        def some(draw: Any) -> int:
            return draw.rng.randint(2, max(2, draw.record.get(pot, made.low)))

        tool = self._tool(
            case.pour,
            sort,
            f"some of the {made.label} of {a_noun(sort.noun)} to another one",
            {
                source: self.parameters.id(sort, "giving"),
                target: self.parameters.id(sort, "receiving"),
                amount: self.parameters.number(1, max(made.high, 2), "How many."),
            },
            bodies.pour(sort.kind, owner, pot),
            "pour",
            case.pot,
        )
        shown, unit = ("${value}", "") if isinstance(made, Money) else ("{value}", f" {made.unit}".rstrip())
        takes = {
            source: Key(),
            target: Pick(sort.table.name, fits=fits, topic=f"other {sort.noun}"),
            amount: Wish(Made(some, kind="amount", shown=shown)),
        }
        act = self._act(
            case.pour,
            tool,
            sort,
            takes,
            {"other": target, "amount": amount},
            when=lambda record: record[pot] > 1,
            done=f"{{{amount}}}{unit} of {{{source}}} went to {{{target}}}.",
        )
        return tool, act

    def _shift(self, part: Part, case: Case, sort: Sort) -> tuple[MadeTool, Act]:
        link = self._link(case, sort)
        assert case.shift is not None
        assert link is not None
        assert case.slot
        (day, at), key = case.slot, sort.kind.key
        to_day, to_time = self.style.word(f"new {day}".replace("_", " ")), self.style.word("new time")
        tool = self._tool(
            case.shift,
            sort,
            f"{a_noun(sort.noun)} to another day and time, where they are free",
            {
                key: self.parameters.id(sort),
                to_day: self.parameters.value(sort.field(day)),
                to_time: self.parameters.value(sort.field(at)),
            },
            bodies.shift(sort.kind, link, sort.names[day], sort.names[at]),
            "shift",
            [day, at],
        )
        takes = {
            key: Key(),
            to_day: Wish(wish_of(sort.field(day)), topic="day", differs=sort.names[day]),
            to_time: Wish(wish_of(sort.field(at)), topic="time"),
        }
        act = self._act(
            case.shift,
            tool,
            sort,
            takes,
            {"day": to_day, "time": to_time},
            done=f"{{{key}}} is {case.shift.past} to {{{to_day}}}, {{{to_time}}}.",
        )
        return tool, act

    def _sign(self, part: Part, case: Case, sort: Sort) -> tuple[MadeTool, Act]:
        assert case.sign is not None
        key, approved = sort.kind.key, sort.names["approved"]
        tool = self._tool(
            case.sign,
            sort,
            f"{a_noun(sort.noun)} that is not {approved} yet",
            {key: self.parameters.id(sort)},
            bodies.approve(sort.kind, approved),
            "sign",
        )
        return tool, self._act(case.sign, tool, sort, {key: Key()}, {}, when=lambda record: not record[approved])

    def _stock(self, part: Part, thing: Thing) -> tuple[MadeTool, Act]:
        verb = thing.fill if part.family == "fill" else thing.take
        assert verb is not None
        sort = self.sorts.things[thing.noun]
        key, stock, made = sort.kind.key, sort.names[thing.stock], sort.field(thing.stock)
        assert isinstance(made, Number)
        count = self.style.word("count")
        most = max(4, (made.high - made.low) // self.rng.choice((4, 6, 8, 10)))
        filling = part.family == "fill"
        limit = made.high + most * 3
        body = bodies.fill(sort.kind, stock, limit) if filling else bodies.take(sort.kind, stock)
        tool = self._tool(
            verb,
            sort,
            f"{a_noun(sort.noun)}: the {made.label}",
            {key: self.parameters.id(sort), count: self.parameters.number(1, most, "How many.")},
            body,
            part.family,
            [thing.stock, limit if filling else 0, most],
        )
        step = made.step if 1 < made.step < most else 1
        takes = {key: Key(), count: Wish(Number(max(step, 2), most, step), topic="how many")}
        done = f"The {made.label} of {{{key}}} is now {{{stock}}}."
        return tool, self._act(verb, tool, sort, takes, {"count": count}, done=done)


def _free(scarce: str) -> Any:
    """Whether there is one left of what is scarce."""
    return lambda record, other: not scarce or other[scarce] > 0
