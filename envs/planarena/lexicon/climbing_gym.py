"""A climbing gym: classes and route sectors, class places and lockers."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

CLIMBER = Person(
    noun="climber",
    fields={
        "ticket": Choice(("day", "monthly", "yearly"), label="ticket"),
        "waiver_until": Day(-30, 200, label="end of the waiver"),
        "visits": Number(0, 90, label="number of visits"),
    },
)
LESSON = Thing(
    noun="climbing class",
    plural="climbing classes",
    names=(
        "Crimp Lab", "Dyno Night", "Sloper Sunday", "Heel Hook", "First Ascent", "Gecko Kids", "Lead Ready", "Top Out",
        "Campus Board", "Chalk Talk", "Fall Practice", "Finger Power", "Mantle Club", "Overhang Hour", "Rope Craft",
        "Vertical Yoga", "Belay Basics",
    ),
    fields={
        "style": Choice(("bouldering", "toprope", "lead"), label="style", told="in {value}"),
        "grade": Number(3, 8, label="grade", told="of grade {value}", extremes=("easiest", "hardest")),
        "fee": Money(8, 60, label="fee", told="for {value}", extremes=("cheapest", "dearest")),
        "hall": Choice(("cave", "tower", "attic"), label="hall", told="in the {value}"),
        "places": Number(0, 7, label="number of free places"),
        "starts_at": Clock(9, 21, label="starting time"),
    },
    scarce="places",
)  # fmt: skip
SECTOR = Thing(
    noun="hold crate",
    names=(
        "Amber", "Basalt", "Cobalt", "Dusk", "Ember", "Flint", "Granite", "Harlequin", "Indigo", "Jade", "Khaki",
        "Lava", "Magenta", "Nacre", "Ochre", "Pumice", "Quartz",
    ),
    fields={
        "shape": Choice(("jugs", "pinches", "volumes", "pockets"), label="shape", told="with {value}"),
        "holds": Number(10, 200, 5, label="number of holds", extremes=("emptiest", "fullest")),
        "weight": Number(4, 60, label="weight", unit="kg", told="of {value}", extremes=("lightest", "heaviest")),
        "shelf": Choice(("upper", "middle", "lower"), label="shelf", told="on the {value} shelf"),
        "washed": Day(-50, -1, label="day of the last wash"),
    },
    stock="holds",
    fill=Verb(
        name="refill",
        past="refilled",
        ask=("Put {count} holds back into {it}.", "Please add {count} holds to {it}."),
        unseen=("{count} holds have come home to {it}; count them in.",),
        tools=("restock",),
    ),
    take=Verb(
        name="take from",
        past="emptied a bit",
        ask=("I am taking {count} holds out of {it}.", "Please give me {count} holds from {it}."),
        unseen=("Let {count} holds of {it} go on the wall.",),
        tools=("withdraw",),
    ),
)  # fmt: skip
PLACE = Case(
    noun="class place",
    of="climbing class",
    fields={
        "held_on": Day(-5, 25, label="day", told="on {value}", extremes=("earliest", "latest")),
        "at": Clock(9, 21, label="time"),
        "shoes": Choice(("own", "rented"), label="kind of shoes", told="with {value} shoes"),
        "paid": Money(5, 60, label="amount paid", told="for {value}", extremes=("cheapest", "dearest"), total="amount"),
        "harness": Choice(("small", "medium", "large"), label="harness size"),
        "photos": Flag(label="photo permission"),
    },
    states=("open", "waiting", "attended", "excused"),
    moves=(
        Move(
            before=("open", "waiting"),
            after="excused",
            verb=Verb(
                name="excuse",
                past="excused",
                ask=("I have pulled a finger; please excuse me from {it}.", "Excuse me from {it}, please."),
                unseen=("Do not expect me at {it}.",),
            ),
        ),
        Move(
            before=("open",),
            after="attended",
            verb=Verb(
                name="check in",
                past="checked in",
                ask=("I am here: check in {it}.", "Please check in {it}."),
                unseen=("I have just arrived for {it}.",),
                tools=("tick off",),
            ),
        ),
        Move(
            before=("waiting", "excused"),
            after="open",
            verb=Verb(
                name="reinstate",
                past="reinstated",
                ask=("I can climb after all; please reinstate {it}.", "Please make {it} valid again."),
                unseen=("Bring {it} back to life for me.",),
                tools=("reopen",),
            ),
        ),
    ),
    changes=(Change(field="shoes"), Change(field="harness")),
    make=Verb(
        name="join",
        past="made",
        ask=("Save me a place in {thing} on {held_on}.", "I want to join {thing} on {held_on}, please."),
        unseen=("Count me in for {thing}, on {held_on}.",),
        tools=("add", "book"),
    ),
    asked=("held_on",),
    drop=Verb(
        name="drop",
        past="dropped",
        ask=("Please drop {it}.", "I do not want {it} any longer."),
        unseen=("Somebody else may climb in my stead: free {it}.",),
        tools=("free",),
    ),
    relink=Verb(
        name="swap",
        past="swapped",
        ask=("Swap {it} for one in {thing}.", "I would rather be in {thing}, so move {it} there."),
        unseen=("Let {it} count for {thing} from now on.",),
        tools=("transfer",),
    ),
    slot=("held_on", "at"),
    shift=Verb(
        name="postpone",
        past="postponed",
        ask=("Can {it} be on {day} at {time} instead?", "Please postpone {it} to {day}, {time}."),
        unseen=("I am only free on {day} at {time}; see that {it} is then.",),
        tools=("reschedule",),
    ),
)
LOCKER = Case(
    noun="locker lease",
    fields={
        "zone": Choice(("foyer", "basement", "changing-room"), label="zone", told="in the {value}"),
        "until": Day(-3, 120, label="end of the lease", told="until {value}", extremes=("earliest", "latest")),
        "months": Number(
            1, 12, label="number of months", unit="months", extremes=("shortest", "longest"), total="months"
        ),
        "rent": Money(5, 90, label="rent", told="for {value}", extremes=("cheapest", "dearest"), total="rent"),
        "lock": Choice(("key", "code", "card"), label="kind of lock"),
    },
    states=("running", "frozen", "overdue"),
    moves=(
        Move(
            before=("running",),
            after="frozen",
            verb=Verb(
                name="freeze",
                past="frozen",
                ask=("Freeze {it}, I am travelling.", "Please freeze {it} for now."),
                unseen=("I shall be gone for a while; put {it} on ice.",),
                tools=("pause",),
            ),
        ),
        Move(
            before=("frozen", "overdue"),
            after="running",
            verb=Verb(
                name="resume",
                past="resumed",
                ask=("I am back, so resume {it}.", "Please resume {it}."),
                unseen=("Let {it} run again.",),
                tools=("unfreeze",),
            ),
        ),
    ),
    changes=(
        Change(field="lock"),
        Change(field="zone"),
        Change(
            field="until",
            verb=Verb(
                name="prolong",
                past="changed",
                ask=("I want to keep {it} until {to}.", "Let {it} end on {to} instead."),
                unseen=("Let {to} be the end of {it}.",),
                tools=("extend",),
            ),
        ),
    ),
    make=Verb(
        name="lease",
        past="signed",
        ask=("I need a locker in the {zone} until {until}.", "Please lease me a locker until {until}, in the {zone}."),
        unseen=("May I keep my things in the {zone} until {until}?",),
        tools=("open",),
    ),
    asked=("zone", "until"),
    drop=Verb(
        name="end",
        past="ended",
        ask=("Please end {it}.", "I have cleared my locker: end {it}."),
        unseen=("The key of {it} is on your desk, so I am done with it.",),
        tools=("terminate",),
    ),
    pot="months",
    pour=Verb(
        name="hand over",
        past="handed over",
        ask=("Move {amount} months from {it} to {other}.", "Please give {amount} months of {it} to {other}."),
        unseen=("Let {other} have {amount} months of {it}.",),
        tools=("shift",),
    ),
    sign=Verb(
        name="countersign",
        past="countersigned",
        ask=("Please have {it} countersigned.", "Countersign {it}, please."),
        unseen=("Your manager should put a name under {it}.",),
        tools=("approve",),
    ),
)
THEMES = (
    Theme(
        name="climbing_gym",
        title="Climbing gym",
        role="You are the assistant at the front desk of a climbing gym. You serve one climber at a time.",
        person=CLIMBER,
        things=(LESSON, SECTOR),
        cases=(PLACE, LOCKER),
        short="gym",
    ),
)
