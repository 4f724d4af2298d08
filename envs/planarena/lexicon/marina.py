"""A marina: berths and hoists, bookings of berths and jobs of the yard."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

SKIPPER = Person(
    noun="skipper",
    fields={
        "licence": Choice(("coastal", "inland", "offshore"), label="licence"),
        "insured_until": Day(-60, 300, label="end of insurance"),
        "boat_length": Number(5, 18, unit="m", label="boat length"),
    },
)
BERTH = Thing(
    noun="berth",
    names=(
        "Heron", "Curlew", "Petrel", "Kittiwake", "Gannet", "Oystercatcher", "Tern", "Sandpiper", "Fulmar", "Puffin",
        "Razorbill", "Cormorant", "Skua", "Plover", "Dunlin", "Avocet", "Guillemot", "Shearwater",
    ),
    fields={
        "pier": Choice(("north", "south", "west", "visitor"), label="pier", told="at the {value} pier"),
        "length": Number(6, 24, label="length", unit="m", told="of {value}", extremes=("shortest", "longest")),
        "fee": Money(12, 90, label="fee per night", extremes=("cheapest", "dearest")),
        "power": Choice(("16-amp", "32-amp", "no"), label="shore power", told="with {value} shore power"),
        "depth": Number(2, 6, label="depth", unit="m", extremes=("shallowest", "deepest")),
        "nights_left": Number(0, 9, label="number of free nights"),
    },
    scarce="nights_left",
)  # fmt: skip
FUEL = Thing(
    noun="fuel pump",
    names=(
        "Anchor Quay", "Breakwater", "Capstan", "Davit", "Ebb Tide", "Fairlead", "Gunwale", "Halyard", "Jib Sheet",
        "Keelson", "Lazarette", "Mizzen", "Outrigger", "Port Bow", "Quarterdeck", "Rudder Head",
    ),
    fields={
        "fuel": Choice(("diesel", "petrol", "biodiesel"), label="fuel", told="for {value}"),
        "litres": Number(200, 4000, 100, label="fill level", unit="litres", extremes=("emptiest", "fullest")),
        "opens": Clock(5, 9, label="opening time", told="that opens at {value}"),
        "price": Money(1, 4, label="price per litre"),
        "checked": Day(-90, -1, label="last inspection"),
    },
    stock="litres",
    fill=Verb(
        name="refill",
        past="refilled",
        ask=("The tanker is here: put {count} litres into {it}.", "Please top up {it} by {count} litres."),
        unseen=("Note that {count} litres went into {it}.",),
        tools=("top up", "replenish"),
    ),
    take=Verb(
        name="draw",
        past="drawn from",
        ask=("I am taking {count} litres from {it}.", "Please note that I draw {count} litres from {it}."),
        unseen=("Take {count} litres off {it} for me.",),
        tools=("tap",),
    ),
)  # fmt: skip
BOOKING = Case(
    noun="berth booking",
    of="berth",
    fields={
        "arrives": Day(-5, 40, label="day of arrival", told="from {value}", extremes=("earliest", "latest")),
        "at": Clock(7, 20, label="time of arrival"),
        "nights": Number(
            1, 14, label="number of nights", told="for {value} nights", extremes=("shortest", "longest"), total="nights"
        ),
        "side": Choice(("port", "starboard"), label="mooring side", told="on the {value} side"),
        "price": Money(40, 900, 10, label="price", told="for {value}", extremes=("cheapest", "dearest"), total="price"),
        "guests": Number(0, 6, label="number of guests aboard"),
    },
    states=("requested", "confirmed", "moored", "departed"),
    moves=(
        Move(
            before=("requested",),
            after="confirmed",
            verb=Verb(
                name="confirm",
                past="confirmed",
                ask=("Please confirm {it}.", "I will certainly come: confirm {it}.", "Can you confirm {it}?"),
                unseen=("It is settled, so make {it} firm.",),
            ),
        ),
        Move(
            before=("confirmed",),
            after="moored",
            verb=Verb(
                name="check in",
                past="checked in",
                ask=("We are tied up now, so check in {it}.", "Please check in {it}."),
                unseen=("The lines are ashore: register our arrival for {it}.",),
                tools=("moor",),
            ),
        ),
        Move(
            before=("moored",),
            after="departed",
            verb=Verb(
                name="check out",
                past="checked out",
                ask=("We cast off in an hour: check out {it}.", "Please check out {it}."),
                unseen=("We are leaving the harbour, so close {it} for us.",),
                tools=("sign out",),
            ),
        ),
    ),
    changes=(
        Change(field="side"),
        Change(field="guests"),
        Change(
            field="nights",
            verb=Verb(
                name="extend",
                past="changed",
                ask=("Let us stay {to} nights with {it}.", "Make {it} {to} nights in all, please."),
                unseen=("Now {it} should run to {to} nights.",),
                tools=("set nights",),
            ),
        ),
    ),
    make=Verb(
        name="book",
        past="booked",
        ask=(
            "Book {thing} for me from {arrives} for {nights} nights.",
            "I would like {thing} from {arrives}, {nights} nights.",
        ),
        unseen=("Could {thing} be mine for {nights} nights, starting on {arrives}?",),
        tools=("reserve",),
    ),
    asked=("arrives", "nights"),
    drop=Verb(
        name="cancel",
        past="cancelled",
        ask=("Cancel {it}, please.", "We are not coming: cancel {it}.", "I no longer need {it}."),
        unseen=("You may give {it} to somebody else.",),
        tools=("release",),
    ),
    relink=Verb(
        name="move",
        past="moved",
        ask=("Move {it} to {thing}.", "I would rather lie at {thing} with {it}."),
        unseen=("Put {it} on {thing} instead.",),
        tools=("reassign",),
    ),
    slot=("arrives", "at"),
    shift=Verb(
        name="reschedule",
        past="rescheduled",
        ask=("We arrive on {day} at {time} instead, with {it}.", "Please reschedule {it} to {day}, {time}."),
        unseen=("The wind is against us; expect us on {day} at {time} for {it}.",),
    ),
)
YARD_JOB = Case(
    noun="yard job",
    fields={
        "work": Choice(
            ("antifouling", "rigging", "engine", "polish", "sails"), label="kind of work", told="for the {value}"
        ),
        "hours": Number(
            1,
            40,
            label="number of hours",
            unit="hours",
            told="of {value}",
            extremes=("shortest", "longest"),
            total="hours",
        ),
        "estimate": Money(60, 4000, 20, label="estimate", extremes=("cheapest", "dearest"), total="estimate"),
        "ready_by": Day(-10, 50, label="completion date", told="due on {value}"),
        "hauled_out": Flag(label="haul-out flag"),
        "yard": Choice(("inner", "outer", "covered"), label="yard"),
    },
    states=("quoted", "ordered", "started", "finished"),
    moves=(
        Move(
            before=("quoted",),
            after="ordered",
            verb=Verb(
                name="order",
                past="ordered",
                ask=("Go ahead and order {it}.", "I accept the quote, so order {it}."),
                unseen=("The offer suits me; let the yard have {it}.",),
                tools=("accept",),
            ),
        ),
        Move(
            before=("ordered", "started"),
            after="quoted",
            verb=Verb(
                name="suspend",
                past="suspended",
                ask=("Please suspend {it} for now.", "Let the yard stop with {it} for the moment."),
                unseen=("Nothing more should be done about {it} until I say so.",),
                tools=("pause",),
            ),
        ),
    ),
    changes=(Change(field="yard"), Change(field="ready_by"), Change(field="work")),
    make=Verb(
        name="commission",
        past="commissioned",
        ask=(
            "I need the yard for {work}, to be ready by {ready_by}.",
            "Please commission a job for {work} that is done by {ready_by}.",
        ),
        unseen=("Have {work} seen to before {ready_by}.",),
        tools=("open",),
    ),
    asked=("work", "ready_by"),
    drop=Verb(
        name="withdraw",
        past="withdrawn",
        ask=("Withdraw {it}, please.", "I have changed my mind about {it}: withdraw it."),
        unseen=("Strike {it} off your list.",),
        tools=("scrap",),
    ),
    pot="hours",
    pour=Verb(
        name="shift",
        past="shifted",
        ask=("Take {amount} hours from {it} and use them for {other}.", "Shift {amount} hours from {it} to {other}."),
        unseen=("Let {other} have {amount} of the hours of {it}.",),
        tools=("reallocate",),
    ),
    sign=Verb(
        name="approve",
        past="approved",
        ask=("I approve {it}.", "The bill is fine: approve {it}."),
        unseen=("You have my signature for {it}.",),
        tools=("sign off",),
    ),
)
THEMES = (
    Theme(
        name="marina",
        title="Marina",
        role="You are the assistant of a marina's harbour office. You serve one skipper at a time.",
        person=SKIPPER,
        things=(BERTH, FUEL),
        cases=(BOOKING, YARD_JOB),
    ),
)
