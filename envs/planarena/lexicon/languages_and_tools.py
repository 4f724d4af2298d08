"""A language school: courses and readers, enrolments and tandems. A tool hire: machines and depots, hires and sales."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

LANGUAGE_LEARNER = Person(
    noun="language learner",
    fields={
        "mother_tongue": Choice(("english", "hindi", "swahili", "korean"), label="mother tongue"),
        "aim": Choice(("work", "travel", "exam", "family"), label="aim"),
        "words_known": Number(0, 6000, 50, label="number of words known"),
    },
)
CONVERSATION_CLASS = Thing(
    noun="conversation class",
    plural="conversation classes",
    names=(
        "Buenas Tardes", "Bonjour Tout Le Monde", "Guten Appetit", "Ciao Bella", "Dobry Den", "Konnichiwa Club",
        "Hola Vecinos", "Goede Morgen", "Tervetuloa", "Merhaba Market", "Obrigado Hour", "Kalimera Kitchen",
        "Shukran Circle", "Annyeong Evening", "Hej Hej", "Xin Chao Chat", "Namaste Table", "Szia Salon",
    ),
    fields={
        "level": Choice(("a1", "a2", "b1", "b2", "c1"), label="level", told="at level {value}"),
        "evening": Choice(("monday", "wednesday", "friday"), label="evening", told="on {value} evenings"),
        "weeks": Number(6, 30, 2, label="number of weeks", told="over {value} weeks", extremes=("shortest", "longest")),
        "tuition": Money(80, 620, 20, label="tuition", extremes=("cheapest", "dearest")),
        "begins": Clock(16, 20, label="starting time"),
        "desks": Number(0, 9, label="number of free desks"),
    },
    scarce="desks",
)  # fmt: skip
GRADED_READER = Thing(
    noun="graded reader",
    names=(
        "The Lost Suitcase", "Two Tickets to Lisbon", "Grandmother's Recipe", "A Dog Called Verb", "The Silent Letter",
        "Murder at the Grammar School", "Nine Cases in Helsinki", "Postcards from Porto", "The Red Pencil",
        "Missing the Night Bus", "Subjunctive Summer", "Coffee with a Stranger", "The Accent Thief",
        "Umlaut and Sons", "Lost in Declension", "The Irregular Visitor",
    ),
    fields={
        "tongue": Choice(("spanish", "german", "finnish", "arabic"), label="language", told="in {value}"),
        "copies": Number(4, 50, label="number of copies", extremes=("rarest", "commonest")),
        "headwords": Number(
            300, 3000, 100, label="number of headwords", told="of {value} headwords", extremes=("easiest", "hardest")
        ),
        "recording": Choice(("disc", "download"), label="recording", told="with the {value} recording"),
        "chapters": Number(5, 24, label="number of chapters"),
    },
    stock="copies",
    take=Verb(
        "lend", "lent",
        ("Our table needs {count} copies of {it}.", "Please lend us {count} copies of {it}."),
        ("Put {count} copies of {it} on my card until the end of term.",), ("check out",),
    ),
    fill=Verb(
        "take back", "taken back",
        ("I am bringing back {count} copies of {it}.", "Please take back {count} copies of {it}."),
        ("We have finished, and {count} copies of {it} lie on your desk.",), ("check in",),
    ),
)  # fmt: skip
CLASS_REGISTRATION = Case(
    noun="class registration",
    of="conversation class",
    fields={
        "joins_on": Day(-6, 30, label="first evening", told="from {value}", extremes=("earliest", "latest")),
        "seat": Choice(("window", "door", "front"), label="seat", told="by the {value}"),
        "homework": Choice(("little", "normal", "plenty"), label="amount of homework"),
        "to_pay": Money(60, 640, 20, label="amount to pay", extremes=("cheapest", "dearest"), total="amount"),
        "sessions": Number(6, 40, label="session balance", unit="sessions", total="balance"),
        "exam": Flag(label="exam entry"),
    },
    states=("on-trial", "enrolled", "certified", "deregistered"),
    moves=(
        Move(("on-trial",), "enrolled", Verb(
            "keep", "kept",
            ("I liked the trial evening and want to keep {it}.", "Please turn {it} into a proper one."),
            ("That was fun; let me go on with {it}.",), ("confirm",),
        )),
        Move(("enrolled",), "certified", Verb(
            "certify", "certified",
            ("I passed the last test, so certify {it}.", "My employer wants {it} certified."),
            ("I need it in writing that I have completed {it}.",), ("complete",),
        )),
        Move(("on-trial", "enrolled"), "deregistered", Verb(
            "deregister", "deregistered",
            ("It is too hard for me: deregister {it}.", "Please deregister {it}."),
            ("I am not coming to the evenings of {it} any more; take me off.",), ("withdraw",),
        )),
    ),
    changes=(Change("seat"), Change("homework")),
    make=Verb(
        "register", "made",
        ("Please register me for {thing} from {joins_on}.", "I want to learn with {thing}, from {joins_on} on."),
        ("May I sit in on {thing} from {joins_on}?",), ("enrol",),
    ),
    asked=("joins_on",),
    relink=Verb(
        "regroup", "regrouped",
        ("The others are too fast; move {it} to {thing}.", "Please regroup {it} into {thing}."),
        ("I belong in {thing}, so let {it} be for that.",), ("transfer",),
    ),
    pot="sessions",
    pour=Verb(
        "carry over", "carried over",
        ("Carry {amount} sessions over from {it} to {other}.", "Please use {amount} sessions of {it} for {other}."),
        ("I missed some evenings; let {other} have {amount} sessions of {it}.",), ("move sessions of",),
    ),
)  # fmt: skip
TANDEM_MEETING = Case(
    noun="tandem meeting",
    fields={
        "teaches": Choice(("english", "french", "tamil"), label="language taught", told="for {value}"),
        "meets_on": Day(-8, 25, label="meeting day", told="on {value}", extremes=("earliest", "latest")),
        "meets_at": Clock(9, 21, label="meeting time"),
        "spot": Choice(("cafe", "park", "library"), label="meeting place", told="in the {value}"),
        "minutes": Number(30, 150, 15, label="length", unit="minutes", extremes=("shortest", "longest"), total="time"),
    },
    states=("suggested", "arranged", "held"),
    moves=(
        Move(("suggested",), "arranged", Verb(
            "accept", "accepted",
            ("My partner and I agree: accept {it}.", "Please accept {it} for me."),
            ("I should love to go to {it}; say yes for me.",), ("arrange",),
        )),
        Move(("arranged",), "held", Verb(
            "tick off", "ticked off",
            ("We chatted for hours; tick {it} off.", "Please tick {it} off, it has taken place."),
            ("Our tongues are tired; put {it} down as done.",), ("complete",),
        )),
        Move(("arranged",), "suggested", Verb(
            "reopen", "reopened",
            ("My partner is not sure yet, so reopen {it}.", "Please reopen {it} for a new suggestion."),
            ("We should talk about {it} once more before it stands.",), ("unsettle",),
        )),
    ),
    changes=(Change("spot"), Change("minutes"), Change("meets_at")),
    make=Verb(
        "suggest", "suggested",
        ("I want to meet a tandem who teaches {teaches} on {meets_on}.",
         "Please find me a tandem partner for {teaches} on {meets_on}."),
        ("Is there somebody who would teach me {teaches} on {meets_on}?",), ("propose",),
    ),
    asked=("meets_on", "teaches"),
    drop=Verb(
        "call off", "called off",
        ("I have lost my voice: call {it} off.", "Please call {it} off."),
        ("Tell my partner not to wait for me at {it}.",), ("cancel",),
    ),
)  # fmt: skip
TOOL_HIRER = Person(
    noun="tool hirer",
    fields={
        "account_kind": Choice(("private", "tradesman", "club"), label="kind of account"),
        "trained_until": Day(-90, 500, label="end of the chainsaw permit"),
        "deposit_held": Money(0, 500, 25, label="deposit held"),
    },
)
HIRE_MACHINE = Thing(
    noun="hire machine",
    names=(
        "Bulldog Breaker", "Jolt Hammer", "Badger Digger", "Gravelguts Mixer", "Woodpecker Nailer", "Termite Chipper",
        "Giraffe Sander", "Rhino Roller", "Mole Trencher", "Beetle Stripper", "Mammoth Dumper", "Hornet Saw",
        "Crocodile Cutter", "Kangaroo Rammer", "Walrus Pump", "Dustdevil Vac", "Spider Hoist", "Gecko Tiler",
    ),
    fields={
        "drive": Choice(("petrol", "electric", "pneumatic"), label="drive", told="with {value} drive"),
        "heft": Number(6, 1400, 2, label="weight", unit="kg", told="of {value}", extremes=("lightest", "heaviest")),
        "trailer": Choice(("needed", "optional"), label="trailer", told="with the trailer {value}"),
        "day_rate": Money(12, 240, 2, label="rate per day", extremes=("cheapest", "dearest")),
        "loudness": Number(60, 118, label="loudness", unit="dB", extremes=("quietest", "loudest")),
        "tested": Day(-360, -3, label="day of the last safety test"),
        "slots_free": Number(0, 6, label="number of free hire days"),
    },
    scarce="slots_free",
)  # fmt: skip
WEAR_PART = Thing(
    noun="wear part",
    names=(
        "Gritstar Disc", "Masonry Bit Eleven", "Tungsten Tip", "Sandpaper Roll Forty", "Diamond Rim", "Chisel Point",
        "Bronze Brush", "Core Sleeve", "Chain Oil Litre", "Dust Bag Triple", "Brad Nail Strip", "Plaster Paddle",
        "Scraper Blade", "Spark Plug Trio", "Router Cutter", "Hose Coupling", "Ear Muff Pad", "Laser Target",
    ),
    fields={
        "fits": Choice(("breakers", "saws", "sanders", "drills"), label="kind of machine", told="for {value}"),
        "hooks": Number(1, 60, label="hook number", told="on hook {value}"),
        "pieces": Number(6, 150, label="number of pieces", extremes=("scarcest", "most plentiful")),
        "grade": Choice(("coarse", "medium", "fine"), label="grade", told="in the {value} grade"),
        "costs": Money(2, 75, label="price", extremes=("cheapest", "dearest")),
    },
    stock="pieces",
    take=Verb(
        "sell", "sold",
        ("I shall wear out {count} of {it}; sell me those.", "Please ring up {count} of {it}."),
        ("Drop {count} of {it} into my crate.",), ("ring up",),
    ),
)  # fmt: skip
MACHINE_HIRE = Case(
    noun="machine hire",
    of="hire machine",
    fields={
        "out_on": Day(-6, 25, label="first day of hire", told="from {value}", extremes=("earliest", "latest")),
        "out_at": Clock(6, 17, label="collection time"),
        "days": Number(2, 14, label="number of days", told="for {value} days", extremes=("shortest", "longest"),
                       total="number of days"),
        "waiver": Choice(("none", "partial", "full"), label="damage waiver"),
        "site": Choice(("cellar", "roof", "garden", "road"), label="building site", told="for the {value}"),
        "goggles": Number(0, 6, label="goggles count"),
        "charge": Money(20, 900, 10, label="hire charge", extremes=("cheapest", "dearest"), total="charge"),
    },
    states=("reserved", "on-site", "broken-down", "checked-back"),
    moves=(
        Move(("reserved",), "on-site", Verb(
            "load up", "loaded up",
            ("My van is at the ramp: load {it} up.", "Please load {it} up now."),
            ("I have signed for it all; let me drive off with {it}.",), ("hand out",),
        )),
        Move(("on-site",), "broken-down", Verb(
            "report", "reported",
            ("There is smoke coming out: report {it} as broken down.", "I must report a breakdown with {it}."),
            ("Something went bang during {it}; put the fault on record.",), ("log fault of",),
        )),
        Move(("on-site", "broken-down"), "checked-back", Verb(
            "check back", "checked back",
            ("I have hosed it down; check {it} back.", "Please check {it} back, it stands in the yard."),
            ("We are done digging; let {it} end here.",), ("return",),
        )),
    ),
    changes=(Change("waiver"), Change("goggles"), Change("days", Verb(
        "extend", "changed",
        ("The concrete is harder than I thought: make {it} {to} days.", "Please let {it} run for {to} days."),
        ("I need {to} days in all for {it}.",), ("set days of",),
    ))),
    make=Verb(
        "reserve", "reserved",
        ("Reserve {thing} for {days} days from {out_on}, please.", "I need {thing} on {out_on}, for {days} days."),
        ("Is {thing} in your yard on {out_on}? I want to work with that for {days} days.",), ("hire",),
    ),
    asked=("out_on", "days"),
    drop=Verb(
        "release", "released",
        ("My brother-in-law has one; release {it}.", "Please release {it}, the job is off."),
        ("The client has gone bust, so I do not want {it}.",), ("cancel",),
    ),
    slot=("out_on", "out_at"),
    shift=Verb(
        "put back", "put back",
        ("The ground is frozen; put {it} back to {day} at {time}.", "Could {it} start on {day}, {time}?"),
        ("The skip only comes on {day} at {time}, so let {it} begin then.",), ("reschedule",),
    ),
    relink=Verb(
        "swap", "swapped",
        ("That one is too weak: swap {it} to {thing}.", "I would rather have {thing} for {it}."),
        ("Give me {thing} on {it}.",), ("exchange",),
    ),
)  # fmt: skip
SITE_DELIVERY = Case(
    noun="site delivery",
    plural="site deliveries",
    fields={
        "lorry": Choice(("flatbed", "tipper", "crane"), label="kind of lorry", told="by {value}"),
        "gate": Choice(("front", "rear", "alley"), label="gate", told="at the {value} gate"),
        "drop_day": Day(-2, 20, label="delivery day", told="on {value}", extremes=("earliest", "latest")),
        "load": Number(20, 1800, 10, label="load", unit="kg", extremes=("lightest", "heaviest"), total="load"),
        "key_safe": Number(100, 999, label="key safe code"),
        "toll": Money(10, 160, 5, label="toll", total="toll"),
    },
    states=("listed", "rolling", "unloaded"),
    moves=(
        Move(("listed",), "rolling", Verb(
            "send off", "sent off",
            ("The road is clear: send {it} off.", "Please send {it} off this morning."),
            ("We have moved the cars, so {it} may set out.",), ("dispatch",),
        )),
        Move(("rolling",), "unloaded", Verb(
            "unload", "unloaded",
            ("It is all on the grass now: mark {it} as unloaded.", "Please note that we unloaded {it}."),
            ("The lorry is empty and has gone; put {it} down as done.",), ("complete",),
        )),
    ),
    changes=(Change("gate"), Change("lorry"), Change("drop_day")),
    sign=Verb(
        "countersign", "countersigned",
        ("The site foreman countersigns {it}; please note that.", "Please have {it} countersigned."),
        ("A second name is wanted under {it}.",), ("approve",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="language_school",
        title="Language school",
        role="You are the assistant of a language school's office. You serve one language learner at a time.",
        person=LANGUAGE_LEARNER,
        things=(CONVERSATION_CLASS, GRADED_READER),
        cases=(CLASS_REGISTRATION, TANDEM_MEETING),
        short="lingua",
    ),
    Theme(
        name="tool_hire",
        title="Tool hire",
        role="You are the assistant of a tool hire's depot. You serve one tool hirer at a time.",
        person=TOOL_HIRER,
        things=(HIRE_MACHINE, WEAR_PART),
        cases=(MACHINE_HIRE, SITE_DELIVERY),
        short="tools",
    ),
)
