"""Two themes: an office that houses students, and a stadium with its stands and season tickets."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

STUDENT = Person(
    noun="student resident",
    fields={
        "year": Number(1, 6, label="year of study"),
        "income": Choice(("loan", "grant", "job", "parents"), label="income"),
        "guarantor_until": Day(-30, 500, label="end of the guarantee"),
    },
)
DORM = Thing(
    noun="residence hall",
    names=(
        "Abacus House", "Beaker Hall", "Compass Yard", "Doctoral Rise", "Elective", "Fresher Wharf", "Gown & Cap",
        "Hypotenuse", "Inkwell House", "Janitor's Rest", "Kettle Landing", "Lecture View", "Matriculation Mews",
        "Noticeboard", "Overdue House", "Pigeonhole", "Quad End", "Reading Week",
    ),
    fields={
        "kitchen": Choice(("shared", "private", "catered"), label="kitchen", told="with the {value} kitchen"),
        "walk": Number(2, 45, 1, "minutes", label="walk to campus", extremes=("nearest", "farthest")),
        "rent": Money(180, 760, 10, label="monthly rent", extremes=("cheapest", "dearest")),
        "rooms_free": Number(0, 7, label="number of free rooms"),
        "rule": Choice(("quiet", "mixed", "postgraduate"), label="house rule", told="for {value} living"),
        "laundry": Number(1, 9, label="number of washing machines"),
    },
    scarce="rooms_free",
)  # fmt: skip
TENANCY = Case(
    noun="room tenancy",
    plural="room tenancies",
    of="residence hall",
    fields={
        "moves_in": Day(-40, 90, label="moving-in day", told="from {value}", extremes=("earliest", "latest")),
        "term": Choice(("autumn", "spring", "full-year"), label="term", told="for the {value} term"),
        "level": Number(0, 9, label="floor", told="on floor {value}", extremes=("lowest", "highest")),
        "weekly": Money(60, 240, 5, label="weekly rent", total="weekly rent"),
        "bed": Choice(("single", "loft", "double"), label="bed"),
        "inventory_done": Flag(label="inventory flag"),
    },
    states=("offered", "taken", "on-notice", "vacated"),
    moves=(
        Move(
            ("offered",),
            "taken",
            Verb(
                "take up",
                "taken up",
                ("I take {it} up gladly.", "Please record that I take {it} up."),
                ("That room is just right: {it} is mine.",),
                ("accept",),
            ),
        ),
        Move(
            ("taken",),
            "on-notice",
            Verb(
                "give notice on",
                "put on notice",
                ("I hereby give notice on {it}.", "Please register my notice on {it}."),
                ("At the end of term I am gone; {it} may run out.",),
                ("serve notice",),
            ),
        ),
        Move(
            ("on-notice",),
            "vacated",
            Verb(
                "vacate",
                "vacated",
                ("The room is empty and clean: mark {it} as vacated.", "Please note that I have vacated {it}."),
                ("My keys are in your letterbox and {it} lies behind me.",),
            ),
        ),
        Move(
            ("on-notice",),
            "taken",
            Verb(
                "retain",
                "retained",
                ("I have passed my exams and stay: retain {it} for me.", "Please retain {it}."),
                ("Tear up my notice; I want to keep {it}.",),
            ),
        ),
    ),
    changes=(Change("bed"), Change("term")),
    relink=Verb(
        "transfer",
        "transferred",
        ("Transfer {it} to {thing}, please.", "My friends live in {thing}; can {it} be there?"),
        ("I cannot sleep here: let {it} be in {thing}.",),
        ("rehouse",),
    ),
    sign=Verb(
        "cosign",
        "cosigned",
        ("My father is ready to cosign {it}.", "Please have {it} cosigned."),
        ("There should be a second name under {it}.",),
        ("guarantee",),
    ),
)
REPAIR_NOTE = Case(
    noun="repair note",
    fields={
        "fault": Choice(("radiator", "drain", "socket", "mould"), label="fault", told="about the {value}"),
        "seen_on": Day(-12, -1, label="day of sighting", told="of {value}", extremes=("oldest", "newest")),
        "entry": Choice(("tenant", "master-key"), label="way of entry", told="with entry by {value}"),
        "wait": Number(2, 21, 1, "days", label="waiting time", extremes=("shortest", "longest"), total="waiting time"),
        "photos": Number(0, 5, label="number of photos"),
    },
    states=("noted", "sent-to-caretaker", "mended"),
    moves=(
        Move(
            ("noted",),
            "sent-to-caretaker",
            Verb(
                "forward",
                "forwarded",
                ("Please forward {it} to the caretaker.", "It still drips, so forward {it}."),
                ("The caretaker should know of {it}.",),
                ("escalate",),
            ),
        ),
        Move(
            ("sent-to-caretaker",),
            "mended",
            Verb(
                "tick off",
                "ticked off",
                ("It works again: tick {it} off.", "Please tick {it} off."),
                ("The caretaker was here with his tools, and {it} is settled.",),
                ("resolve",),
            ),
        ),
    ),
    changes=(
        Change("entry"),
        Change(
            "fault",
            Verb(
                "restate",
                "restated",
                ("It is really the {to}: correct {it}.", "Please change {it}; the trouble is the {to}."),
                ("I looked again, and {it} should speak of the {to}.",),
            ),
        ),
    ),
    make=Verb(
        "note",
        "noted",
        ("I saw on {seen_on} that there is trouble with the {fault}.", "Note a fault: the {fault}, seen on {seen_on}."),
        ("Since {seen_on} something is wrong with the {fault} in my room.",),
    ),
    asked=("fault", "seen_on"),
    drop=Verb(
        "dismiss",
        "dismissed",
        ("I have mended it myself, so dismiss {it}.", "Please dismiss {it}."),
        ("False alarm: throw {it} away.",),
        ("delete",),
    ),
)
SHED_KEY = Case(
    noun="bike-shed key",
    fields={
        "shed": Choice(("north-shed", "river-shed", "tram-shed"), label="shed", told="for the {value}"),
        "held_to": Day(-10, 200, label="last day", told="until {value}", extremes=("soonest", "latest")),
        "pledge": Money(10, 60, 5, label="key deposit", extremes=("cheapest", "dearest"), total="key deposit"),
        "tag": Choice(("red", "green", "silver"), label="tag", told="with the {value} tag"),
        "number": Number(1, 400, label="stamped number"),
    },
    states=("issued", "lost", "given-back"),
    moves=(
        Move(
            ("issued",),
            "lost",
            Verb(
                "report",
                "reported",
                ("I dropped it in the river: report {it} as lost.", "Please report {it} as lost."),
                ("There is a hole in my pocket where {it} used to be.",),
            ),
        ),
        Move(
            ("issued", "lost"),
            "given-back",
            Verb(
                "return", "returned", ("I return {it}.", "Please book {it} as returned."), ("Here you have {it} back.",)
            ),
        ),
    ),
    changes=(Change("shed"), Change("held_to"), Change("tag")),
)
FAN = Person(
    noun="season-ticket fan",
    fields={
        "fan_club": Choice(("ultras", "family", "none"), label="fan club"),
        "matches_seen": Number(0, 300, label="number of matches seen"),
        "card_until": Day(-30, 400, label="end of the fan card"),
    },
)
MATCH = Thing(
    noun="home match",
    plural="home matches",
    names=(
        "Rovers v Potters", "Rovers v Tanners", "Rovers v Weavers", "Rovers v Colliers", "Rovers v Glaziers",
        "Rovers v Cobblers", "Rovers v Fullers", "Rovers v Saddlers", "Rovers v Cutlers", "Rovers v Hatters",
        "Rovers v Millers", "Rovers v Coopers", "Rovers v Thatchers", "Rovers v Drovers", "Rovers v Chandlers",
        "Rovers v Masons", "Rovers v Dyers",
    ),
    fields={
        "contest": Choice(("league", "shield", "cup"), label="competition", told="in the {value}"),
        "played_on": Day(1, 90, label="match day", told="on {value}", extremes=("next", "last")),
        "kick_off": Clock(12, 21, label="kick-off"),
        "left": Number(0, 9, label="number of tickets left"),
        "risk": Choice(("low", "raised", "high"), label="risk", told="of {value} risk"),
        "expected": Number(4000, 38000, 500, label="expected crowd", extremes=("quietest", "fullest")),
    },
    scarce="left",
)  # fmt: skip
KIOSK = Thing(
    noun="terrace kiosk",
    names=(
        "Bovril Hatch", "Crossbar Chips", "Dugout Drinks", "Extra Time Ale", "Far Post Pies", "Goal-line Grill",
        "Half-time Oranges", "Injury Time", "Kop End Coffee", "Linesman's Larder", "Nutmeg Stand", "Offside Onions",
        "Penalty Spot", "Red Card Curry", "Throw-in Toast", "Whistle Stop",
    ),
    fields={
        "terrace": Choice(("kop", "away", "family"), label="terrace", told="on the {value} terrace"),
        "cups": Number(100, 3000, 50, label="number of cups", extremes=("emptiest", "fullest")),
        "serves": Choice(("beer", "soft-drinks", "tea"), label="drink", told="with {value}"),
        "tills": Number(1, 8, label="number of tills", extremes=("smallest", "largest")),
        "hatch_at": Clock(10, 18, label="time of the hatch", told="that opens at {value}"),
    },
    stock="cups",
    fill=Verb(
        "hand in",
        "handed in",
        ("Our fan club hands in {count} cups at {it}.", "Please count {count} clean cups in at {it}."),
        ("We collected {count} cups on the terrace and took them to {it}.",),
        ("return to",),
    ),
    take=Verb(
        "carry off",
        "carried off",
        ("We take {count} cups from {it} for the coach.", "Please let us have {count} cups from {it}."),
        ("On the coach we shall need {count} cups out of {it}.",),
        ("fetch from",),
    ),
)  # fmt: skip
TICKET = Case(
    noun="match ticket",
    of="home match",
    fields={
        "block": Choice(("b2", "c4", "d7"), label="block", told="in block {value}"),
        "row": Number(1, 42, label="row", told="in row {value}", extremes=("lowest", "highest")),
        "gate_at": Clock(11, 20, label="gate time"),
        "seats": Number(2, 6, label="number of seats", extremes=("smallest", "largest"), total="number of seats"),
        "sent_as": Choice(("code", "print", "card"), label="form", told="sent as a {value}"),
        "scarf": Flag(label="scarf flag"),
    },
    states=("bought", "on-exchange", "entered"),
    moves=(
        Move(
            ("bought",),
            "on-exchange",
            Verb(
                "resell",
                "offered for resale",
                ("I cannot go, so put {it} on the exchange.", "Please put {it} up for resale."),
                ("Another fan may buy {it} from me.",),
                ("put up",),
            ),
        ),
        Move(
            ("on-exchange",),
            "bought",
            Verb(
                "unlist",
                "taken off sale",
                ("I can go after all: take {it} off the exchange.", "Please take {it} off sale."),
                ("Nobody is to buy {it} now; I use it myself.",),
                ("take back",),
            ),
        ),
        Move(
            ("bought",),
            "entered",
            Verb(
                "validate",
                "validated",
                ("I am at the turnstile; validate {it}.", "Please validate {it}."),
                ("Open the turnstile for {it}.",),
                ("scan",),
            ),
        ),
    ),
    changes=(Change("sent_as"), Change("block"), Change("row")),
    make=Verb(
        "buy",
        "bought",
        ("I want {seats} seats for {thing} in block {block}.", "Buy me {seats} seats in block {block} for {thing}."),
        ("Are there {seats} seats together in block {block} at {thing}?",),
        ("issue",),
    ),
    asked=("seats", "block"),
    drop=Verb(
        "refund",
        "refunded",
        ("Please refund {it}.", "I broke my leg; can I have {it} refunded?"),
        ("Give me my money back for {it}.",),
        ("cancel",),
    ),
    pot="seats",
    pour=Verb(
        "reseat",
        "reseated",
        (
            "Move {amount} seats from {it} to {other}.",
            "My cousin wants to sit with us: take {amount} seats from {it} to {other}.",
        ),
        ("Let {other} have {amount} of the seats of {it}.",),
    ),
)
STAND_TOUR = Case(
    noun="tunnel tour",
    fields={
        "guide": Choice(("captain", "groundsman", "historian"), label="guide", told="with the {value}"),
        "tour_on": Day(-3, 60, label="day of the tour", told="on {value}", extremes=("earliest", "latest")),
        "kids": Number(
            0, 12, label="number of children", extremes=("calmest", "liveliest"), total="number of children"
        ),
        "language": Choice(("english", "polish", "punjabi"), label="language", told="in {value}"),
        "meet": Clock(9, 16, label="meeting time"),
    },
    states=("planned", "walked", "rained-off"),
    moves=(
        Move(
            ("planned",),
            "rained-off",
            Verb(
                "rain off",
                "rained off",
                ("The pitch is under water, so rain {it} off.", "Please enter {it} as rained off."),
                ("There are ducks on the pitch and no way to do {it}.",),
            ),
        ),
        Move(
            ("rained-off",),
            "planned",
            Verb(
                "replan",
                "replanned",
                ("The sun is back: replan {it}.", "Please replan {it}."),
                ("The ducks are gone, so {it} can take place.",),
                ("reinstate",),
            ),
        ),
    ),
    changes=(Change("guide"), Change("language"), Change("meet")),
)
THEMES = (
    Theme(
        name="student_housing",
        title="Student housing",
        role="You are the assistant of a student housing office. You serve one student resident at a time.",
        person=STUDENT,
        things=(DORM,),
        cases=(TENANCY, REPAIR_NOTE, SHED_KEY),
        short="dorm",
    ),
    Theme(
        name="stadium",
        title="Stadium",
        role="You are the assistant of a football stadium's ticket office. You serve one fan at a time.",
        person=FAN,
        things=(MATCH, KIOSK),
        cases=(TICKET, STAND_TOUR),
    ),
)
