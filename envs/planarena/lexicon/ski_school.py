"""A ski school: courses and rental sets, enrolments and rentals."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

SKIER = Person(
    noun="skier",
    fields={
        "ability": Choice(("beginner", "improver", "expert"), label="ability"),
        "pass_until": Day(-20, 60, label="end of the lift pass"),
        "credit": Money(0, 400, 10, label="credit"),
    },
)
COURSE = Thing(
    noun="ski course",
    names=(
        "Edelweiss", "Gentian", "Snow Bunny", "Black Diamond", "First Tracks", "Powder Dawn", "Marmot", "Chamois",
        "Ibex", "Glacier Rose", "Silver Fir", "Steep Start", "Slalom Crew", "Alpenglow", "Avalanche", "Cornice",
        "Piste Pioneers", "Larch Lane",
    ),
    fields={
        "discipline": Choice(
            ("alpine", "telemark", "snowboard", "cross-country"), label="discipline", told="in {value}"
        ),
        "days": Number(1, 6, label="number of days", told="over {value} days", extremes=("shortest", "longest")),
        "fee": Money(60, 600, 10, label="fee", told="for {value}", extremes=("cheapest", "dearest")),
        "meets_at": Clock(8, 14, label="meeting time"),
        "lift": Choice(("village", "summit", "valley"), label="meeting lift", told="at the {value} lift"),
        "seats": Number(0, 8, label="number of free seats"),
    },
    scarce="seats",
)  # fmt: skip
RENTAL_SET = Thing(
    noun="rental set",
    names=(
        "Blizzard Blue", "Crystal Ridge", "Dolomite", "Eiger Line", "Firn", "Graupel", "Hoarfrost", "Icefall",
        "Jungfrau", "Kandahar", "Lauberhorn", "Matterhorn", "Neve", "Ortler", "Pulverschnee", "Rimefrost",
    ),
    fields={
        "gear": Choice(("skis", "snowboard", "snowshoes"), label="gear", told="with {value}"),
        "length": Number(
            120, 190, 5, label="length", unit="cm", told="of {value}", extremes=("shortest", "longest")
        ),
        "day_rate": Money(10, 60, label="rate per day", extremes=("cheapest", "dearest")),
        "in_store": Number(0, 30, label="number in store", extremes=("scarcest", "commonest")),
        "serviced": Day(-40, -1, label="last service"),
    },
    stock="in_store",
    fill=Verb(
        name="stock up",
        past="stocked up",
        ask=("{count} more of {it} have come in; please enter them.", "Please add {count} pieces to {it}."),
        unseen=("Raise what we hold of {it} by {count}.",),
        tools=("receive",),
    ),
    take=Verb(
        name="write off",
        past="written off",
        ask=("{count} of {it} are broken: write them off.", "Please write off {count} pieces of {it}."),
        unseen=("Take {count} off what we hold of {it}.",),
        tools=("discard",),
    ),
)  # fmt: skip
ENROLMENT = Case(
    noun="enrolment",
    of="ski course",
    fields={
        "starts": Day(-6, 30, label="first day", told="from {value}", extremes=("earliest", "latest")),
        "begins": Clock(9, 15, label="starting time"),
        "group": Choice(("private", "family", "large"), label="group", told="in a {value} group"),
        "fee": Money(60, 600, 10, label="fee", told="for {value}", extremes=("cheapest", "dearest"), total="fee"),
        "helmets": Number(0, 4, label="number of helmets"),
        "lunch": Flag(label="lunch option"),
    },
    states=("pending", "paid", "attended", "deferred"),
    moves=(
        Move(
            before=("pending", "deferred"),
            after="paid",
            verb=Verb(
                name="pay for",
                past="paid for",
                ask=("I want to pay for {it}.", "Charge my card for {it}.", "Please take the payment for {it}."),
                unseen=("Here is the money for {it}.",),
                tools=("settle",),
            ),
        ),
        Move(
            before=("pending", "paid"),
            after="deferred",
            verb=Verb(
                name="defer",
                past="deferred",
                ask=("My knee hurts; please defer {it}.", "Can you defer {it} for me?"),
                unseen=("I shall need more time before {it} can begin.",),
                tools=("postpone",),
            ),
        ),
    ),
    changes=(
        Change(field="group"),
        Change(
            field="helmets",
            verb=Verb(
                name="set helmets for",
                past="changed",
                ask=("We need {to} helmets with {it}.", "Please make it {to} helmets for {it}."),
                unseen=("Let {it} come with {to} helmets.",),
            ),
        ),
    ),
    make=Verb(
        name="enrol",
        past="made",
        ask=(
            "Put me down for {thing} from {starts}, in a {group} group.",
            "I want to join {thing} on {starts}; make it a {group} group.",
        ),
        unseen=("May I ski with {thing} from {starts}, in a {group} group?",),
        tools=("sign up", "register"),
    ),
    asked=("starts", "group"),
    drop=Verb(
        name="cancel",
        past="cancelled",
        ask=("Please cancel {it}.", "I cannot come after all, so cancel {it}."),
        unseen=("There will be no skiing for me: drop {it}.",),
        tools=("drop",),
    ),
    relink=Verb(
        name="switch",
        past="switched",
        ask=("Switch {it} to {thing}.", "I would rather go to {thing}; change {it}."),
        unseen=("Let {it} be for {thing} instead.",),
        tools=("transfer",),
    ),
    slot=("starts", "begins"),
    shift=Verb(
        name="move",
        past="moved",
        ask=("Move {it} to {day} at {time}.", "Could {it} be on {day} at {time} instead?"),
        unseen=("{day}, {time} would suit me better for {it}.",),
        tools=("reschedule",),
    ),
)
RENTAL = Case(
    noun="gear rental",
    of="rental set",
    fields={
        "until": Day(-4, 14, label="return date", told="until {value}", extremes=("earliest", "latest")),
        "deposit": Money(
            20,
            200,
            10,
            label="deposit",
            told="with a deposit of {value}",
            extremes=("smallest", "largest"),
            total="deposit",
        ),
        "boot": Number(34, 48, label="boot size"),
        "binding": Choice(("soft", "medium", "hard"), label="binding setting", told="with {value} bindings"),
        "days": Number(1, 12, label="number of days", unit="days", extremes=("shortest", "longest"), total="days"),
    },
    states=("reserved", "handed-out", "returned"),
    moves=(
        Move(
            before=("reserved",),
            after="handed-out",
            verb=Verb(
                name="hand out",
                past="handed out",
                ask=("I am at the counter; please hand out {it}.", "Hand out {it} to me, please."),
                unseen=("I am here to collect {it}.",),
                tools=("collect",),
            ),
        ),
        Move(
            before=("handed-out",),
            after="returned",
            verb=Verb(
                name="take back",
                past="taken back",
                ask=("I am bringing {it} back.", "Please take back {it}."),
                unseen=("My holiday is over and here is {it}.",),
                tools=("return",),
            ),
        ),
    ),
    changes=(Change(field="binding"), Change(field="boot"), Change(field="until")),
    make=Verb(
        name="rent",
        past="made",
        ask=(
            "I want to rent {thing} until {until}, boots in size {boot}.",
            "Rent me {thing} until {until}, size {boot}.",
        ),
        unseen=("Lend me {thing} until {until}; my boot size is {boot}.",),
        tools=("hire",),
    ),
    asked=("until", "boot"),
    drop=Verb(
        name="give up",
        past="given up",
        ask=("I do not need {it} any more.", "Please delete {it}; I have my own gear."),
        unseen=("Let others have {it}.",),
        tools=("remove",),
    ),
    pot="days",
    pour=Verb(
        name="carry over",
        past="carried over",
        ask=("Move {amount} days from {it} to {other}.", "Carry {amount} days of {it} over to {other}."),
        unseen=("Let {other} have {amount} days of {it}.",),
    ),
    sign=Verb(
        name="insure",
        past="insured",
        ask=("Please insure {it} against breakage.", "I want {it} insured."),
        unseen=("Add the breakage cover to {it}.",),
        tools=("cover",),
    ),
)
THEMES = (
    Theme(
        name="ski_school",
        title="Ski school",
        role="You are the assistant of a ski school in the mountains. You serve one skier at a time.",
        person=SKIER,
        things=(COURSE, RENTAL_SET),
        cases=(ENROLMENT, RENTAL),
        short="ski",
    ),
)
