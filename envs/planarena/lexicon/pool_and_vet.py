"""A public pool: swim courses and kit racks, enrolments and cards. A veterinary practice: clinics and remedies."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

SWIMMER = Person(
    noun="swimmer",
    fields={
        "badge": Choice(("bronze", "silver", "gold"), label="swimming badge"),
        "born": Number(1950, 2016, label="year of birth"),
        "form_until": Day(-40, 300, label="end of the health form"),
    },
)
SWIM_COURSE = Thing(
    noun="swim course",
    names=(
        "Tadpole Splash", "Flutter Kick", "Butterfly Basics", "Deep End Dash", "Pool Noodles", "Duck and Dive",
        "Water Babies", "Dolphin Kick", "Tumble Turn", "Cannonball Kids", "Steady Strokes", "Aqua Jog", "Goggle Gang",
        "Treading Tuesdays", "Early Lengths", "Brave Ducklings", "Breathe and Glide", "Masters Mile",
    ),
    fields={
        "stroke": Choice(("crawl", "breaststroke", "backstroke"), label="stroke", told="for {value}"),
        "basin": Choice(("learner", "sports", "outdoor"), label="basin", told="in the {value} basin"),
        "lessons": Number(4, 16, label="number of lessons", extremes=("shortest", "longest")),
        "starts_at": Clock(6, 20, label="starting time", told="that starts at {value}"),
        "water": Number(24, 33, label="water temperature", unit="degrees", extremes=("coldest", "warmest")),
        "spaces": Number(0, 8, label="number of free spaces"),
    },
    scarce="spaces",
)  # fmt: skip
KIT_RACK = Thing(
    noun="kit rack",
    names=(
        "Shallow Steps", "Diving Pit", "Lane One Wall", "Lane Eight Wall", "Splash Deck", "Whirlpool Nook",
        "Footbath Arch", "Sauna Door", "Lifeguard Chair", "Slide Tower", "Steam Corner", "Shower Row", "Tiled Bench",
        "Plunge Side", "Starting Blocks", "Wave Gate",
    ),
    fields={
        "kit": Choice(("kickboards", "fins", "paddles", "noodles"), label="kind of kit", told="with {value}"),
        "pieces": Number(12, 80, label="number of pieces", extremes=("emptiest", "fullest")),
        "size": Choice(("child", "adult"), label="size", told="in {value} size"),
        "rinsed": Day(-20, -1, label="day of the last rinse"),
        "deposit": Money(2, 20, label="deposit", extremes=("cheapest", "dearest")),
    },
    stock="pieces",
    fill=Verb(
        "bring back to", "refilled",
        ("I am bringing {count} pieces back to {it}.", "Please put {count} pieces back on {it}."),
        ("{count} pieces are dry again and go home to {it}.",), ("restore",),
    ),
    take=Verb(
        "borrow from", "lent from",
        ("I would like to borrow {count} pieces from {it}.", "May I have {count} pieces from {it}?"),
        ("My group needs {count} pieces from {it}, please.",), ("lend from",),
    ),
)  # fmt: skip
SWIM_ENROLMENT = Case(
    noun="swim enrolment",
    of="swim course",
    fields={
        "first_lesson": Day(-5, 30, label="first lesson", told="from {value}", extremes=("earliest", "latest")),
        "group": Choice(("red", "yellow", "green"), label="group", told="in the {value} group"),
        "fee": Money(30, 240, 10, label="fee", told="for {value}", extremes=("cheapest", "dearest"), total="fee"),
        "cap": Choice(("latex", "silicone", "fabric"), label="swimming cap"),
        "armbands": Flag(label="armbands option"),
    },
    states=("applied", "placed", "completed", "lapsed"),
    moves=(
        Move(("applied", "lapsed"), "placed", Verb(
            "place", "placed",
            ("I am sure now, so please place {it}.", "Can you make {it} definite?"),
            ("You can count on me to turn up for {it}.",), ("admit",),
        )),
        Move(("placed",), "completed", Verb(
            "complete", "completed",
            ("I have swum every lesson, so please complete {it}.", "The last length is done: mark {it} as completed."),
            ("My certificate is due, so tick {it} off.",), ("finish",),
        )),
        Move(("applied", "placed"), "lapsed", Verb(
            "suspend", "suspended",
            ("An ear infection keeps me out of the water; suspend {it}.", "Please let {it} rest for now."),
            ("No swimming for me this season, so park {it}.",), ("park",),
        )),
    ),
    changes=(Change("group"), Change("cap")),
    make=Verb(
        "enrol", "made",
        ("Please enrol me in {thing} from {first_lesson}.", "I want to start in {thing} on {first_lesson}."),
        ("Is there room in {thing} for me from {first_lesson}?",), ("sign up",),
    ),
    asked=("first_lesson",),
    relink=Verb(
        "transfer", "transferred",
        ("Please transfer {it} to {thing}.", "The times of {thing} suit me better, so move {it} there."),
        ("I would rather swim with {thing}; let {it} count for that.",), ("switch",),
    ),
)  # fmt: skip
SWIM_CARD = Case(
    noun="swim card",
    fields={
        "swims": Number(5, 50, label="swim balance", unit="swims", extremes=("smallest", "largest"), total="balance"),
        "zone": Choice(("pool", "sauna", "slides"), label="zone", told="for the {value}"),
        "valid_until": Day(-10, 300, label="last valid day", told="valid until {value}"),
        "paid": Money(20, 180, 5, label="amount paid", extremes=("cheapest", "dearest"), total="amount"),
        "tariff": Choice(("child", "adult", "senior", "family"), label="tariff", told="at the {value} tariff"),
    },
    states=("active", "blocked", "worn-out"),
    moves=(
        Move(("active",), "blocked", Verb(
            "block", "blocked",
            ("I have lost {it}; please block it.", "Block {it} before somebody else swims with it."),
            ("Nobody should get in with {it} until I find it.",), ("lock",),
        )),
        Move(("blocked",), "active", Verb(
            "unblock", "unblocked",
            ("I found it in my bathrobe, so unblock {it}.", "Please unblock {it}."),
            ("Let me in with {it} again.",), ("unlock",),
        )),
    ),
    changes=(
        Change("tariff"), Change("zone"),
        Change("valid_until", Verb(
            "renew", "renewed",
            ("Please renew {it} until {to}.", "I want to swim with {it} until {to}."),
            ("Let {to} be the last day of {it}.",), ("extend",),
        )),
    ),
    drop=Verb(
        "hand in", "handed in",
        ("I am moving away and want to hand {it} in.", "Please take {it} off my account."),
        ("Shred {it}, I have swum enough.",), ("delete",),
    ),
    pot="swims",
    pour=Verb(
        "load over", "loaded over",
        ("Move {amount} swims from {it} to {other}.", "Please load {amount} swims of {it} onto {other}."),
        ("Let {other} have {amount} of the swims on {it}.",), ("transfer swims of",),
    ),
)  # fmt: skip
PET_OWNER = Person(
    noun="pet owner",
    fields={
        "pets": Number(1, 6, label="number of pets"),
        "insurance": Choice(("none", "basic", "full"), label="pet insurance"),
        "reminders": Choice(("post", "text", "mail"), label="way of reminding"),
    },
)
VET_CLINIC = Thing(
    noun="vet clinic",
    names=(
        "Wet Nose", "Nine Lives", "Floppy Ear", "Paw and Tail", "Muzzle and Mane", "Curly Tail", "Velvet Paw",
        "Whisker Row", "Happy Hooves", "Feather and Fin", "Tabby Lane", "Spaniel Court", "Lop Ear Cottage",
        "Hamster Wheel", "Terrier Bank", "Purring Corner", "Bark and Meow", "Guinea Hill",
    ),
    fields={
        "species": Choice(("cats", "dogs", "birds", "rodents"), label="species", told="for {value}"),
        "opens": Clock(7, 10, label="opening time", told="that opens at {value}"),
        "tables": Number(1, 6, label="number of examination tables", extremes=("smallest", "largest")),
        "call_out": Money(20, 120, 5, label="call-out charge", extremes=("cheapest", "dearest")),
        "x_ray": Choice(("digital", "film"), label="X-ray machine", told="with {value} X-ray"),
    },
)  # fmt: skip
PET_REMEDY = Thing(
    noun="pet remedy",
    plural="pet remedies",
    names=(
        "Wormaway", "Flea-Be-Gone", "Calmipaw", "Tickstop", "Furbalm", "Vetadol", "Eardropin", "Coatshine",
        "Jointeze", "Gutsoothe", "Purrazole", "Barkicillin", "Lickease", "Mitexol", "Hoofguard", "Beaktonic",
        "Dermapet", "Dentachew",
    ),
    fields={
        "form": Choice(("tablets", "drops", "ointment", "paste"), label="form", told="in the form of {value}"),
        "packs": Number(4, 60, label="number of packs", extremes=("scarcest", "most plentiful")),
        "strength": Number(
            5, 200, 5, label="strength", unit="mg", told="of {value}", extremes=("mildest", "strongest")
        ),
        "best_before": Day(20, 400, label="best-before date"),
        "cold": Flag(label="cold storage"),
    },
    stock="packs",
    fill=Verb(
        "book in", "booked in",
        ("The wholesaler brought {count} packs of {it}; please book them in.", "Enter {count} new packs of {it}."),
        ("Our cupboard has gained {count} packs of {it}.",), ("receive",),
    ),
)  # fmt: skip
VET_VISIT = Case(
    noun="vet visit",
    of="vet clinic",
    fields={
        "seen_on": Day(-6, 25, label="day of the visit", told="on {value}", extremes=("earliest", "latest")),
        "seen_at": Clock(8, 18, label="time of the visit"),
        "reason": Choice(
            ("check-up", "vaccination", "limping", "dental"), label="reason", told="because of {value}"
        ),
        "minutes": Number(10, 60, 5, label="length", unit="minutes", extremes=("shortest", "longest"), total="time"),
        "carrier": Choice(("basket", "box", "lead"), label="means of transport"),
        "sedated": Flag(label="sedation"),
    },
    states=("booked", "waiting", "treated", "missed"),
    moves=(
        Move(("booked",), "waiting", Verb(
            "announce", "announced",
            ("We are sitting in the waiting room: announce {it}.", "Please tell the vet we are here for {it}."),
            ("My cat and I have just come in; say that we are here for {it}.",), ("check in",),
        )),
        Move(("booked",), "missed", Verb(
            "write off", "written off",
            ("The dog hid under the bed, so write {it} off.", "We did not make it to {it}; please write it off."),
            ("None of us came to {it}, I am afraid; put that on record.",),
        )),
        Move(("missed",), "booked", Verb(
            "rebook", "rebooked",
            ("Can you rebook {it}? The dog is out again.", "Please rebook {it} for us."),
            ("Give us a second chance with {it}.",), ("reinstate",),
        )),
    ),
    changes=(Change("reason"), Change("carrier"), Change("minutes")),
    make=Verb(
        "book", "booked",
        ("I need to bring my pet to {thing} on {seen_on} at {seen_at}.",
         "Please book us in with {thing} for {seen_on}, {seen_at}."),
        ("Could somebody at {thing} look at my rabbit on {seen_on} at {seen_at}?",), ("arrange",),
    ),
    asked=("seen_on", "seen_at"),
    drop=Verb(
        "call off", "called off",
        ("The cat is well again: call {it} off.", "Please call {it} off."),
        ("We shall not be needing {it} after all.",), ("cancel",),
    ),
    slot=("seen_on", "seen_at"),
    shift=Verb(
        "put off", "put off",
        ("Could you put {it} off to {day} at {time}?", "We can only come on {day} at {time}; please change {it}."),
        ("Let {it} be on {day}, {time}, when I have the car.",), ("reschedule",),
    ),
)  # fmt: skip
PET_PRESCRIPTION = Case(
    noun="pet prescription",
    of="pet remedy",
    fields={
        "doses": Number(4, 40, label="dose count", unit="doses", extremes=("shortest", "longest"), total="dose count"),
        "issued": Day(-60, -1, label="date of issue", told="issued on {value}", extremes=("oldest", "newest")),
        "patient": Choice(("cat", "dog", "parrot", "ferret"), label="patient", told="for the {value}"),
        "intake": Choice(("morning", "noon", "evening"), label="time of intake", told="to be given in the {value}"),
        "charge": Money(8, 140, label="charge", extremes=("cheapest", "dearest"), total="charge"),
    },
    states=("written", "dispensed", "used-up"),
    moves=(
        Move(("written",), "dispensed", Verb(
            "dispense", "dispensed",
            ("I have come for the medicine: please dispense {it}.", "Can you dispense {it} today?"),
            ("Pack up what {it} says, I am at the counter.",), ("give out",),
        )),
        Move(("dispensed",), "used-up", Verb(
            "close", "closed",
            ("The last dose is down, so close {it}.", "Please close {it}; nothing is left."),
            ("The pack is empty, so put an end to {it}.",), ("finish",),
        )),
    ),
    changes=(Change("patient"), Change("intake", Verb(
        "retime", "retimed",
        ("Please have {it} given in the {to} from now on.", "I would rather follow {it} in the {to}."),
        ("Our day has changed, so {to} it is for {it}.",),
    ))),
    relink=Verb(
        "replace", "replaced",
        ("My pet spits it out; please change {it} to {thing}.", "Can {it} be for {thing} instead?"),
        ("We got on better with {thing}, so let {it} be for that.",), ("substitute",),
    ),
    pot="doses",
    pour=Verb(
        "share out", "shared out",
        ("Move {amount} doses from {it} to {other}.", "Please count {amount} doses of {it} towards {other}."),
        ("Let {other} have {amount} doses of {it}.",), ("split",),
    ),
    sign=Verb(
        "countersign", "countersigned",
        ("The insurer wants {it} countersigned.", "Please have the vet countersign {it}."),
        ("There should be a vet's signature under {it}.",), ("certify",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="public_pool",
        title="Public pool",
        role="You are the assistant at the till of a public swimming pool. You serve one swimmer at a time.",
        person=SWIMMER,
        things=(SWIM_COURSE, KIT_RACK),
        cases=(SWIM_ENROLMENT, SWIM_CARD),
        short="pool",
    ),
    Theme(
        name="veterinary_practice",
        title="Veterinary practice",
        role="You are the assistant at the reception of a veterinary practice. You serve one pet owner at a time.",
        person=PET_OWNER,
        things=(VET_CLINIC, PET_REMEDY),
        cases=(VET_VISIT, PET_PRESCRIPTION),
        short="vet",
    ),
)
