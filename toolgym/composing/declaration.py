"""What a domain declares: tables, what its tools look up and do, the policy's rules, and words. The kit does the rest.

    Declaration(
        name="library", title="City library", role="You are the librarian's assistant.", who="members",
        tables=(MEMBERS, BOOKS, LOANS), server=build_server,
        looks=(Look("loan", "get_loan", "loans", {"loan_id": "loan_id"}), ...),
        acts=(Act("renew", "renew_loan", on="loans", takes={"loan_id": Key()}, words=("Please renew {it}.",), ...),),
        rules=(Rule("overdue", ("renew",), lambda seen: seen.subject["due"] < seen.today, "Overdue loans ..."),),
    )

Everything an agent needs to know is either told by the customer or given by a tool, and by their types the kit finds
the ways to it: an argument of type `Ref("books")` is told, or read from a loan, which is found in its owner's list.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from toolgym.composing.faults import Troubles
from toolgym.composing.fields import Field
from toolgym.composing.tables import Records, Table
from toolgym.domain import Size
from toolgym.mcp.server import ToolServer

__all__ = [
    "Act",
    "Declaration",
    "Fixed",
    "Key",
    "Look",
    "Own",
    "Pick",
    "Reckoned",
    "Rule",
    "Seen",
    "Speaker",
    "Wish",
    "always",
]


@dataclass(frozen=True, eq=False)
class Look:
    """A tool that shows records of a table.

    Args:
        kind: its atomic kind, a word.
        tool: the tool's name.
        gives: the table whose records it shows.
        by: parameter -> the field of those records that it must equal. By the key field it is a read of one record.
        many: whether it shows a list of records instead of one.
        shows: the fields that it shows, where those are not all; a bare id is the key alone.
        fixed: parameter -> a value that is always the same.
        opens: makes what it shows, and the call's arguments, into a record of the table (a list of them where it shows
            many), where the tool shows it in another shape; what an act gives is shown as the table's read shows it.
        told: how a customer who is found by several values tells them together ("I am {first} {last}.").
        narrows: names in `by` that are no parameters of the tool: of what it shows, `opens` gives the records that have
            the value.
    """

    kind: str
    tool: str
    gives: str
    by: Mapping[str, str]
    many: bool = False
    shows: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    opens: Callable[[Any, Mapping[str, Any]], Any] | None = None
    told: tuple[str, ...] = ()
    narrows: tuple[str, ...] = ()

    def asks(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the tool is called with."""
        return {name: value for name, value in arguments.items() if name not in self.narrows}

    def opened(self, result: Any, arguments: Mapping[str, Any]) -> Any:
        """What a call of the tool showed, as records of the table."""
        return result if self.opens is None else self.opens(result, arguments)


# What an act's parameter is filled with.


@dataclass(frozen=True)
class Key:
    """The id of the record that the act is about."""


@dataclass(frozen=True)
class Own:
    """A field of that record, as a tool showed it."""

    field: str


@dataclass(frozen=True)
class Speaker:
    """The id of the customer who speaks."""


@dataclass(frozen=True)
class Fixed:
    """Always the same."""

    value: Any


@dataclass(frozen=True, eq=False)
class Wish:
    """What the customer wants.

    Args:
        field: makes the value; the record in its `Draw` is the one that the act is about.
        topic: what an agent asks for it by; the parameter's name by default.
        differs: the field of the record that it must differ from.
        fact: how the customer answers when asked for it; "{value}." by default.
        carried: `table.field`s of the same type whose value can be wanted instead ("the same as ..."): an output of
            one atomic task becomes an input of another.
        optional: left out of the call where the value is None.
    """

    field: Field
    topic: str = ""
    differs: str = ""
    fact: str = "{value}."
    carried: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, eq=False)
class Pick:
    """The id of a record of another table, which is found as the customer describes it ("the cheapest room").

    Args:
        table: the other table.
        fits: whether a record of it makes sense for the subject (None where there is no subject).
        field: the field that is passed on; the key by default.
        topic: what an agent asks for it by; the table's noun by default.
        of: the pick before it that stands for the subject: "another variant of the item that was picked".
        like: whether what is looked for is as the subject is, wherever that can be: another flight of the same route.
    """

    table: str
    fits: Callable[[Mapping[str, Any] | None, Mapping[str, Any]], bool] | None = None
    field: str = ""
    topic: str = ""
    of: str = ""
    like: bool = False


@dataclass(frozen=True, eq=False)
class Reckoned:
    """Follows from what is seen; `sees` names what else than the subject must be looked at (`speaker`)."""

    by: Callable[["Seen"], Any]
    sees: tuple[str, ...] = ()


Source = Key | Own | Speaker | Fixed | Wish | Pick | Reckoned


@dataclass
class Seen:
    """What the agent knows when it decides: records as tools showed them, and what the customer wants."""

    subject: Mapping[str, Any]
    """The record that the act is about; empty where there is none."""
    wishes: Mapping[str, Any] = field(default_factory=dict)
    """Parameter -> what the customer wants."""
    picked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Parameter -> the record that was picked for it."""
    speaker: Mapping[str, Any] | None = None
    """The customer's own record, where it was looked at."""
    today: str = ""


def always(seen: Seen) -> bool:
    """Of a rule that is broken whatever is seen: its acts are asked for only to be refused."""
    return True


@dataclass(frozen=True, eq=False)
class Rule:
    """A rule of the policy that forbids acts.

    Args:
        name: a word.
        acts: the kinds of the acts that it forbids where it is broken.
        broken: whether the act that is asked for breaks it: a function of what the agent sees.
        text: its sentence in the policy document.
        why: what the refusal says ("{due} is past"); fields of the subject and wishes can stand in it.
        sees: what it looks at besides subject and wishes: `speaker`, `picked`.
        tempts: parameter -> a field whose values (or a `Pick` whose records) break the rule, where usual ones do not.
    """

    name: str
    acts: tuple[str, ...]
    broken: Callable[[Seen], bool]
    text: str
    why: str
    sees: tuple[str, ...] = ()
    tempts: Mapping[str, Field | Pick] = field(default_factory=dict)

    @cached_property
    def _wishes(self) -> dict[str, Field]:
        return {name: one for name, one in self.tempts.items() if isinstance(one, Field)}

    @cached_property
    def _picks(self) -> dict[str, Pick]:
        return {name: one for name, one in self.tempts.items() if isinstance(one, Pick)}

    def wishes(self) -> Mapping[str, Field]:
        """The fields whose values break it."""
        return self._wishes

    def picks(self) -> Mapping[str, Pick]:
        """The picks whose records break it."""
        return self._picks


@dataclass(frozen=True, eq=False)
class Act:
    """A tool that changes something, as a thing that customers ask for.

    Args:
        kind: its atomic kind, a word.
        tool: the tool's name.
        on: the table of the record that it is about; "" where it needs none.
        takes: parameter -> what it is filled with.
        words: requests; `{it}` is the record as the customer names it, `{parameter}` a wish.
        unseen: requests of `test_unseen` alone.
        done: the answer; fields of the record afterwards and parameters can stand in it.
        gives: the table of the record that it answers with; "" where it answers with something else.
        when: whether it makes sense for the record (not whether the policy allows it).
        told: what the customer must be told afterwards: parts of `done` ("${fee}"). All its words ask for it, or a note
            of the policy says that it is told: who does what it was asked to and no more knows nothing of it.
        about: beginnings of words for it and its rules, for what a refusal must name.
        past: participles that would claim that it was done.
        plan: why it is done, in the agent's plan.
        weight: how often it occurs; 0: only after another one.
        follows: the kinds of the acts after which it can be asked for on the same record; None: all that give it.
        wants: name -> a `Wish` or `Pick` that is no parameter itself, but what `Reckoned` parameters follow from.
        known: fields of what it answers with that the customer knows then, and does not ask for.
        begins: whether it can be the first thing that is asked for, or only after one of `follows`.
        crowds: whether what it creates would be among the records that another request at the same time tells apart.
        hands_over: whether its tool changes nothing (a transfer to a human): that it is called counts, in any words.
    """

    kind: str
    tool: str
    on: str
    takes: Mapping[str, Source]
    words: tuple[str, ...]
    unseen: tuple[str, ...]
    done: str
    about: tuple[str, ...]
    past: tuple[str, ...]
    gives: str = ""
    when: Callable[[Mapping[str, Any]], bool] | None = None
    told: tuple[str, ...] = ()
    plan: str = ""
    weight: float = 1.0
    follows: tuple[str, ...] | None = None
    wants: Mapping[str, Wish | Pick] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    begins: bool = True
    crowds: bool = False
    hands_over: bool = False

    def news(self, table: Table) -> list[str]:
        """The fields of what it answers with that the customer can ask for then."""
        return [name for name, made in table.fields.items() if made.label and name not in self.known]

    @cached_property
    def _wishes(self) -> dict[str, Wish]:
        return {name: one for name, one in (*self.wants.items(), *self.takes.items()) if isinstance(one, Wish)}

    @cached_property
    def _picks(self) -> dict[str, Pick]:
        return {name: one for name, one in (*self.wants.items(), *self.takes.items()) if isinstance(one, Pick)}

    def wishes(self) -> Mapping[str, Wish]:
        """What the customer chooses."""
        return self._wishes

    def picks(self) -> Mapping[str, Pick]:
        """What is found."""
        return self._picks


@dataclass(frozen=True, eq=False)
class Declaration:
    """A domain.

    Args:
        name: one word, small letters; the server's name too.
        title: the policy document's heading.
        role: who the agent is and whom it serves, in the policy document.
        who: the table of those who speak.
        tables: each after those that its records name, inner ones too.
        looks: what tools show.
        acts: what tools do.
        rules: what the policy forbids.
        new_server: `(size, dialect) -> ToolServer` on seeded worlds.
        notes: further sentences of the policy document, by heading.
        meta: facts of every world that tools may read.
        shared: a table of which each of them names one record (a home): what belongs to that is theirs.
        tasks_per_world: how many tasks share a world of each size.
        shape: makes the tables that the tools work on of those that are declared, where they have another shape.
        asked: topic (of a wish or pick, a field's label, a table's noun) -> further words that ask for it.
        facts: facts of a world that tools may read and that follow from its tables.
        troubles: what the customers' own devices suffer from, where they have some.
        echoes: a task of `train` -> an earlier one of another world that it would ask the same as in the same words,
            for two worlds can draw one id: it is made otherwise. `benchmarks.domains --distinct` tells where there are
            some.
    """

    name: str
    title: str
    role: str
    who: str
    tables: Sequence[Table]
    looks: Sequence[Look]
    acts: Sequence[Act]
    rules: Sequence[Rule]
    new_server: Callable[[Size, str], ToolServer]
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    shared: str = ""
    tasks_per_world: Mapping[Size, int] = field(
        default_factory=lambda: {"small": 20, "standard": 1_000, "large": 5_000}
    )
    shape: Callable[[Mapping[str, Mapping[str, Any]]], Mapping[str, Mapping[str, Any]]] | None = None
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Callable[[Mapping[str, Mapping[str, Any]]], Mapping[str, Any]] | None = None
    troubles: Troubles | None = None
    echoes: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def _by_name(self) -> dict[str, Table]:
        return {table.name: table for table in self.tables}

    @cached_property
    def _by_kind(self) -> dict[str, Act]:
        return {act.kind: act for act in self.acts}

    @cached_property
    def _rules(self) -> dict[str, list[Rule]]:
        return {act.kind: [rule for rule in self.rules if act.kind in rule.acts] for act in self.acts}

    def table(self, name: str) -> Table:
        """The table of that name."""
        return self._by_name[name]

    @cached_property
    def _holders(self) -> dict[str, tuple[Table, str]]:
        return {
            made.table.name: (table, name)
            for table in self.tables
            for name, made in table.fields.items()
            if isinstance(made, Records)
        }

    def holder(self, name: str) -> tuple[Table, str] | None:
        """The table, and its field, inside which the records of an inner table stand; None where it is no inner one."""
        return self._holders.get(name)

    def act(self, kind: str) -> Act:
        """The act of that kind."""
        return self._by_kind[kind]

    def rules_of(self, act: Act) -> list[Rule]:
        """The rules that an act may break."""
        return self._rules[act.kind]

    def reads(self, table: str) -> Look | None:
        """What reads a whole record of the table by its id; None where nothing does."""
        return self._reads[table]

    @cached_property
    def _reads(self) -> dict[str, Look | None]:
        whole = [look for look in self.looks if not look.many and not look.shows]
        return {
            table.name: next(
                (look for look in whole if look.gives == table.name and list(look.by.values()) == [table.key]), None
            )
            for table in self.tables
        }
