"""A locksmith: key blanks and workshop vans, lock jobs, key orders and safe inspections."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

KEYHOLDER = Person(
    noun="keyholder",
    fields={
        "premises": Choice(("flat", "shop", "office", "villa"), label="premises"),
        "doors": Number(1, 60, label="number of doors"),
        "id_checked": Day(-400, -3, label="day of the identity check"),
    },
)
BLANK = Thing(
    noun="key blank",
    names=(
        "Warded Wren", "Skeleton Eight", "Tubular Tom", "Cruciform", "Dimple Nine", "Bit and Barrel", "Sidewinder",
        "Double Bitted", "Mortice Max", "Pin Tumbler", "Lever Lou", "Nightlatch", "Bow and Blade", "Sashlock",
        "Rimlock", "Paracentric", "Laser Cut",
    ),
    fields={
        "profile": Choice(("flat", "round", "cross"), label="profile", told="with the {value} profile"),
        "blanks": Number(5, 250, 5, label="number of blanks", extremes=("scarcest", "commonest")),
        "alloy": Choice(("brass", "nickel", "steel"), label="alloy", told="of {value}"),
        "shank": Number(18, 70, 2, "mm", label="shank length", told="of {value}", extremes=("shortest", "longest")),
        "hook": Number(1, 90, label="hook number"),
    },
    stock="blanks",
    fill=Verb(
        "rehang",
        "rehung",
        ("I bring {count} unused blanks back to {it}.", "Please rehang {count} blanks on {it}."),
        ("Here are {count} blanks that belong to {it}.",),
        ("return",),
    ),
    take=Verb(
        "cut from",
        "cut from",
        ("I need {count} keys cut from {it}.", "Please cut {count} keys from {it} for our staff."),
        ("Make me {count} spare keys out of {it}.",),
        ("use",),
    ),
)  # fmt: skip
VAN = Thing(
    noun="locksmith van",
    names=(
        "Pickwick", "Tension Wrench", "Rake and Hook", "Bump Key", "Cylinder Sid", "Escutcheon", "Keyway Kate",
        "Strike Plate", "Bolt Thrower", "Hasp and Staple", "Padlock Pat", "Deadbolt Dot", "Latchkey", "Shackle Shed",
        "Plug Spinner", "Letterbox Tool",
    ),
    fields={
        "district": Choice(("old-town", "docks", "suburbs"), label="district", told="for the {value}"),
        "reach": Number(
            10, 90, 5, "minutes", label="response time", told="within {value}", extremes=("fastest", "slowest")
        ),
        "calls_left": Number(0, 8, label="number of free calls"),
        "drill": Choice(("diamond", "carbide"), label="drill", told="with the {value} drill"),
        "stocked": Day(-20, -1, label="day of the last stocking"),
    },
    scarce="calls_left",
)  # fmt: skip
LOCK_JOB = Case(
    noun="lock job",
    of="locksmith van",
    fields={
        "trouble": Choice(("lockout", "burglary", "jam"), label="trouble", told="for the {value}"),
        "comes_on": Day(-3, 20, label="day of the call", told="on {value}", extremes=("earliest", "latest")),
        "comes_at": Clock(6, 22, label="time of the call"),
        "door_kind": Choice(("wooden", "steel", "glass"), label="door", told="at the {value} door"),
        "labour": Money(40, 480, 10, label="labour", extremes=("cheapest", "dearest"), total="labour"),
        "cylinders": Number(1, 14, label="number of cylinders", total="number of cylinders"),
    },
    states=("logged", "en-route", "opened", "called-off"),
    moves=(
        Move(
            ("logged",),
            "en-route",
            Verb(
                "send out",
                "sent out",
                ("I stand in the rain: send out the van for {it}.", "Please send out your fitter for {it}."),
                ("Let the van drive off for {it}.",),
                ("dispatch",),
            ),
        ),
        Move(
            ("en-route",),
            "opened",
            Verb(
                "sign off",
                "signed off",
                ("The door is open and I sign {it} off.", "Please sign {it} off."),
                ("I am in my warm kitchen again, thanks to {it}.",),
                ("complete",),
            ),
        ),
        Move(
            ("logged", "en-route"),
            "called-off",
            Verb(
                "call off",
                "called off",
                ("The key was in my pocket: call {it} off.", "Please call {it} off."),
                ("My sister has let me in, so your fitter can turn round from {it}.",),
                ("abort",),
            ),
        ),
    ),
    changes=(Change("door_kind"), Change("trouble"), Change("cylinders")),
    make=Verb(
        "log",
        "logged",
        ("I have a {trouble} here; send {thing} on {comes_on}.", "Log a {trouble} for me: {thing}, on {comes_on}."),
        ("Can {thing} see to a {trouble} on {comes_on}?",),
        ("request",),
    ),
    asked=("trouble", "comes_on"),
    slot=("comes_on", "comes_at"),
    shift=Verb(
        "rearrange",
        "rearranged",
        ("The caretaker is only here on {day} at {time}; rearrange {it}.", "Please rearrange {it} for {day}, {time}."),
        ("{day} at {time} is when somebody can let you in for {it}.",),
        ("reschedule",),
    ),
)
KEY_SUITE = Case(
    noun="master-key order",
    fields={
        "system": Choice(("single", "master", "grand-master"), label="system", told="for the {value} system"),
        "keys": Number(3, 90, label="number of keys", extremes=("smallest", "largest"), total="number of keys"),
        "ready": Day(1, 40, label="completion day", told="ready on {value}"),
        "engraved": Choice(("number", "initials", "blank"), label="engraving", told="with engraving {value}"),
        "card_needed": Flag(label="security card flag"),
    },
    states=("charted", "milled", "handed-out"),
    moves=(
        Move(
            ("charted",),
            "milled",
            Verb(
                "mill",
                "milled",
                ("The lock chart is right: mill {it}.", "Please mill {it}."),
                ("Let the machine bite into the brass for {it}.",),
                ("produce",),
            ),
        ),
        Move(
            ("milled",),
            "handed-out",
            Verb(
                "collect",
                "collected",
                ("I am at your counter to collect {it}.", "Please let my janitor collect {it}."),
                ("My janitor is on his way to you for {it}.",),
                ("hand out",),
            ),
        ),
    ),
    changes=(
        Change("engraved"),
        Change(
            "system",
            Verb(
                "rechart",
                "recharted",
                ("We want the {to} system in {it}.", "Please rechart {it} for the {to} system."),
                ("Only the {to} system will do for what {it} must open.",),
            ),
        ),
    ),
    pot="keys",
    pour=Verb(
        "regroup",
        "regrouped",
        (
            "Take {amount} keys out of {it} and add them to {other}.",
            "Please regroup {amount} keys from {it} to {other}.",
        ),
        ("Let {other} have {amount} of the keys of {it}.",),
    ),
    sign=Verb(
        "authorise",
        "authorised",
        ("Here is my security card: authorise {it}.", "Please authorise {it}."),
        ("The owner of the house agrees to {it}; note that down.",),
        ("approve",),
    ),
)
SAFE_CHECK = Case(
    noun="safe inspection",
    fields={
        "grade": Choice(("fire", "cash", "arms"), label="kind of safe", told="of the {value} safe"),
        "inspected_on": Day(-6, 60, label="inspection day", told="on {value}", extremes=("earliest", "latest")),
        "weight": Number(40, 1800, 20, "kg", label="weight of the safe", extremes=("lightest", "heaviest")),
        "dial": Choice(("combination", "keypad", "double-key"), label="lock", told="with the {value} lock"),
        "interval": Number(2, 6, label="interval", unit="years"),
    },
    states=("scheduled", "passed", "failed"),
    moves=(
        Move(
            ("scheduled", "failed"),
            "passed",
            Verb(
                "pass",
                "passed",
                ("Everything closes as it should: pass {it}.", "Please pass {it}."),
                ("Write down that all was well at {it}.",),
            ),
        ),
        Move(
            ("scheduled",),
            "failed",
            Verb(
                "fail",
                "failed",
                ("The hinge is sawn through, so fail {it}.", "Please fail {it}; the door will not shut."),
                ("Write down that all was far from well at {it}.",),
            ),
        ),
    ),
    changes=(Change("dial"), Change("inspected_on"), Change("interval")),
    drop=Verb(
        "cancel",
        "cancelled",
        ("We have sold the safe: cancel {it}.", "Please cancel {it}."),
        ("There is no safe any more, and no need for {it}.",),
        ("remove",),
    ),
)
THEMES = (
    Theme(
        name="locksmith",
        title="Locksmith",
        role="You are the assistant of a locksmith's shop. You serve one keyholder at a time.",
        person=KEYHOLDER,
        things=(BLANK, VAN),
        cases=(LOCK_JOB, KEY_SUITE, SAFE_CHECK),
    ),
)
