"""What a theme is: an organisation, who speaks to it, its things and its cases, with their words.

A theme is data. `toolgym.envs.planarena` makes many scenarios of each: it chooses which of its things and cases there
are, which of their fields, which tools of which families, which rules, and a house style for names.

    Theme(
        name="marina", title="Marina", role="You are the assistant of a marina's harbour office.",
        person=Person(noun="berth holder", fields={...}),
        things=(Thing(noun="berth", names=("Lark Pier", ...), fields={...}, scarce="free_nights", ...), ...),
        cases=(Case(noun="berth booking", of="berth", fields={...}, moves=(...), ...), ...),
    )

How to write one:

- Take an organisation that really exists, and the words that people say there. British or American spelling, but one.
- `person` is who speaks: a noun that no other theme has ("berth holder", not "customer").
- One to three `things` that belong to nobody and are looked up, chosen and used up: berths, courses, cakes. Each has a
  pool of 16 to 30 proper names that no other theme has.
- Two or three `cases` that belong to a person: bookings, orders, requests. The customer changes them.
- Nouns are lower case, countable, and unique among all themes: prefer two words ("cake order") to one that others may
  want ("order"). `plural` only where it is not noun + "s".
- Fields are those of `toolgym.composing.fields`: `Choice` (a few lower-case words without blanks or capitals; a hyphen
  is fine), `Number` (whole, with its unit), `Money`, `Day` (days from today), `Clock`, `Flag`. Give five to eight to
  each thing and case, and two to four to the person. Every field has a `label`, a noun that follows "the": "length",
  "due date". Where a record can be told by it, `told` ("of {value}", "due on {value}", "in {value}"); it follows the
  noun: "the berth of 12 m". Where records can be put in order, `extremes`: adjectives that stand before the noun, for
  the least and the most ("shortest", "longest"). Where a sum over several makes sense, `total`, a noun.
- Each thing and case has at least: two fields with `told`, one of them a `Choice`; one with `extremes`. Every `Choice`
  of a thing has `told`.
- A `Verb` is what a customer wants done. `ask` has two or more ways to ask for it, `unseen` one or more others. They
  hold `{it}` for the record, and the placeholders that the part's docstring names. The record may be named by any noun
  phrase ("my berth booking BB-1042", "the longest berth", "it"): words before and after must fit them all. Ask like a
  person who writes to a service desk: polite or plain, never in the words of a manual. A sentence begins with a
  capital letter (or with `{count}`, `{amount}`, `{day}`), not with the record.
- `Verb.name` is one verb in its plain form, `past` its participle: "Sorry, I cannot cancel BB-1042.", "BB-1042 is
  cancelled." Different verbs of one theme have different names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from toolgym.composing.fields import Field

__all__ = ["Case", "Change", "Move", "Person", "Theme", "Thing", "Verb"]


@dataclass(frozen=True)
class Verb:
    """What a customer wants done, in words.

    Args:
        name: one verb, or verb and particle, in small letters: "cancel", "call off".
        past: its participle.
        ask: two or more sentences that ask for it.
        unseen: one or more others, for `test_unseen` alone.
        tools: other verbs by which a tool that does it may be called ("revoke").
    """

    name: str
    past: str
    ask: tuple[str, ...]
    unseen: tuple[str, ...]
    tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """A field of a case whose value the customer may change.

    Args:
        field: the field's name: a `Choice`, `Number`, `Day` or `Clock`.
        verb: with `{it}` and `{to}`, the new value as the field shows it; by default "Please change the LABEL of {it}
            to {to}." and the like.
    """

    field: str
    verb: Verb | None = None


@dataclass(frozen=True)
class Move:
    """A step of a case's states.

    Args:
        before: the states in which it can be done.
        after: the state afterwards.
        verb: with `{it}`.
    """

    before: tuple[str, ...]
    after: str
    verb: Verb


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who speaks.

    Args:
        noun: "berth holder".
        fields: two to four: how the organisation sees them ("membership", "paid until").
        plural: where it is not noun + "s".
    """

    noun: str
    fields: Mapping[str, Field]
    plural: str = ""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """What belongs to nobody: it is looked up, chosen and used up.

    Args:
        noun: "berth".
        names: 16 to 30 proper names that no other theme has.
        fields: five to eight.
        plural: where it is not noun + "s".
        scarce: a `Number` field of which every new case that refers to the thing takes one, and gives it back when it
            is dropped: free places, copies, rooms.
        stock: a `Number` field that can be filled up and taken from; other than `scarce`.
        fill: with `{it}` and `{count}`: fills it up by so many. Needs `stock`.
        take: with `{it}` and `{count}`: takes so many. Needs `stock`.
    """

    noun: str
    names: tuple[str, ...]
    fields: Mapping[str, Field]
    plural: str = ""
    scarce: str = ""
    stock: str = ""
    fill: Verb | None = None
    take: Verb | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """What belongs to a person, and is changed at its wish.

    Args:
        noun: "berth booking".
        of: the noun of the thing that each refers to; "" where they refer to none.
        fields: five to eight, without those for id, person, thing and state.
        plural: where it is not noun + "s".
        states: its states, the usual first one first; single lower-case words (a hyphen is fine).
        moves: steps from state to state, two to five, each another verb.
        make: makes a new one: its fields in `asked` as placeholders, and `{thing}` where it refers to one.
        asked: one to three fields whose values the customer chooses for a new one.
        drop: gives it up, so that there is no such record any more; with `{it}`.
        changes: fields whose values can be changed, two or more.
        relink: has it refer to another thing; with `{it}` and `{thing}`.
        pot: a `Number` or `Money` field of which some can be moved to another case of the same person.
        pour: moves some of the pot; with `{it}`, `{other}` and `{amount}`. Needs `pot`.
        slot: a `Day` and a `Clock` field: no two cases of one thing have both alike.
        shift: gives it another slot; with `{it}`, `{day}` and `{time}`. Needs `slot` and `of`.
        sign: approves it; with `{it}`. What is signed off once stays so.
    """

    noun: str
    fields: Mapping[str, Field]
    states: tuple[str, ...]
    moves: tuple[Move, ...]
    changes: tuple[Change, ...]
    of: str = ""
    plural: str = ""
    make: Verb | None = None
    asked: tuple[str, ...] = ()
    drop: Verb | None = None
    relink: Verb | None = None
    pot: str = ""
    pour: Verb | None = None
    slot: tuple[str, str] | tuple[()] = ()
    shift: Verb | None = None
    sign: Verb | None = None


@dataclass(frozen=True, kw_only=True)
class Theme:
    """An organisation, and what is spoken of there.

    Args:
        name: one word of small letters (and `_`), unique; it tells the split that the theme belongs to.
        title: "Marina".
        role: who the agent is, a sentence: "You are the assistant of a marina's harbour office."
        person: who speaks.
        things: one to three.
        cases: two or three.
        short: one short word that may stand before all tools' names ("marina_get_berth"); the name by default.
    """

    name: str
    title: str
    role: str
    person: Person
    things: tuple[Thing, ...]
    cases: tuple[Case, ...]
    short: str = field(default="")
