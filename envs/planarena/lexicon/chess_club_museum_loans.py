"""Two themes: a chess club with its tournaments and sets, and the loans office of a museum."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

CHESS_PLAYER = Person(
    noun="chess player",
    fields={
        "rating": Number(900, 2400, 10, label="rating"),
        "league": Choice(("juniors", "open", "veterans"), label="league"),
        "dues_until": Day(-40, 330, label="day until which dues are paid"),
    },
)
TOURNAMENT = Thing(
    noun="tournament",
    names=(
        "Sicilian Sunday", "Caro-Kann Cup", "Nimzo Nights", "Gruenfeld Open", "Zugzwang Trophy", "En Passant Rapid",
        "Fianchetto Fest", "Back Rank Blitz", "Scholar's Mate", "Poisoned Pawn", "Rook Endgame Rally",
        "Dragon Weekend", "Smothered Mate", "Knight Fork Classic", "Castling Long", "Stalemate Special",
        "King's Gambit Gala",
    ),
    fields={
        "pace": Choice(("blitz", "rapid", "classical"), label="pace", told="at the {value} pace"),
        "rounds": Number(5, 13, label="number of rounds", told="of {value} rounds", extremes=("shortest", "longest")),
        "boards_free": Number(0, 8, label="number of free boards"),
        "prize": Money(50, 900, 50, label="first prize", extremes=("poorest", "richest")),
        "section": Choice(("beginners", "masters", "mixed"), label="section", told="for {value}"),
        "first_move": Clock(9, 19, label="time of the first move"),
    },
    scarce="boards_free",
)  # fmt: skip
ENTRY = Case(
    noun="tournament entry",
    plural="tournament entries",
    of="tournament",
    fields={
        "plays_from": Day(-5, 40, label="first playing day", told="from {value}", extremes=("earliest", "latest")),
        "clock_start": Clock(9, 20, label="clock start"),
        "colour": Choice(("white", "black", "drawn"), label="first colour", told="with first colour {value}"),
        "byes": Number(0, 3, label="number of byes", extremes=("hardest", "easiest"), total="number of byes"),
        "stake": Money(5, 60, 5, label="stake", told="for {value}", total="stake"),
        "notation": Choice(("sheet", "tablet"), label="notation"),
    },
    states=("entered", "paired", "scored", "forfeited"),
    moves=(
        Move(
            ("entered",),
            "paired",
            Verb(
                "pair",
                "paired",
                ("Please pair {it}.", "I am ready to play, so pair {it}."),
                ("Find an opponent for {it}.",),
                ("match",),
            ),
        ),
        Move(
            ("paired",),
            "scored",
            Verb(
                "score",
                "scored",
                ("The result is on the board: score {it}.", "Please score {it}."),
                ("We have shaken hands, so {it} can go into the table.",),
            ),
        ),
        Move(
            ("entered", "paired"),
            "forfeited",
            Verb(
                "forfeit",
                "forfeited",
                ("I must forfeit {it}.", "I am ill in bed, so forfeit {it}."),
                ("My king falls over in {it}; I shall not come.",),
                ("resign",),
            ),
        ),
    ),
    changes=(
        Change("notation"),
        Change("colour"),
        Change(
            "byes",
            Verb(
                "set byes of",
                "changed",
                ("Please set the byes of {it} to {to}.", "I would like the number of byes in {it} to be {to}."),
                ("My train is late on Sundays: let {to} be the number of byes in {it}.",),
            ),
        ),
    ),
    make=Verb(
        "enter",
        "entered",
        ("Enter me for {thing} from {plays_from}, please.", "I want to play in {thing}, starting on {plays_from}."),
        ("Is there a board for me in {thing} from {plays_from}?",),
        ("register",),
    ),
    asked=("plays_from",),
    drop=Verb(
        "scratch",
        "scratched",
        ("Please scratch {it}.", "I have a wedding that day: scratch {it}."),
        ("Take {it} out of the draw.",),
        ("withdraw",),
    ),
    slot=("plays_from", "clock_start"),
    shift=Verb(
        "adjourn",
        "adjourned",
        ("Could {it} start on {day} at {time}?", "Please adjourn {it} to {day}, {time}."),
        ("{day} at {time} would give me time to travel for {it}.",),
        ("postpone",),
    ),
)
SET_LOAN = Case(
    noun="chess-set loan",
    fields={
        "wood": Choice(("boxwood", "rosewood", "plastic"), label="material", told="for the {value} set"),
        "king_height": Number(70, 105, 5, "mm", label="king height", extremes=("smallest", "tallest")),
        "back_by": Day(-6, 60, label="day of return", told="due back on {value}", extremes=("soonest", "latest")),
        "board": Choice(("folding", "roll-up", "table"), label="board", told="with the {value} board"),
        "clocks": Number(0, 6, label="number of clocks", total="number of clocks"),
    },
    states=("shelved", "lent"),
    moves=(
        Move(
            ("shelved",),
            "lent",
            Verb(
                "lend",
                "lent",
                ("I am here to pick {it} up.", "Please lend me the set of {it}; I am at the cupboard."),
                ("Let me take {it} home tonight.",),
                ("hand out",),
            ),
        ),
        Move(
            ("lent",),
            "shelved",
            Verb(
                "shelve",
                "shelved",
                ("All the men are back in the box: shelve {it}.", "Please shelve {it}."),
                ("I have brought back all of {it}.",),
                ("take back",),
            ),
        ),
    ),
    changes=(Change("board"), Change("back_by"), Change("clocks")),
    sign=Verb(
        "initial",
        "initialled",
        ("I want the treasurer to initial {it}.", "Please initial {it} for me."),
        ("Let the treasurer scribble two letters under {it}.",),
        ("approve",),
    ),
)
LESSON_CARD = Case(
    noun="coaching card",
    fields={
        "coach": Choice(("fide-master", "veteran", "student"), label="coach", told="with the {value}"),
        "lessons": Number(
            2, 24, label="number of lessons", extremes=("smallest", "largest"), total="number of lessons"
        ),
        "runs_out": Day(10, 200, label="last day", told="until {value}", extremes=("soonest", "latest")),
        "topic": Choice(("openings", "endgames", "tactics"), label="topic", told="for {value}"),
        "homework": Number(0, 9, label="number of exercises a week"),
    },
    states=("in-use", "paused"),
    moves=(
        Move(
            ("in-use",),
            "paused",
            Verb(
                "pause",
                "paused",
                ("Please pause {it}.", "I have exams, so pause {it}."),
                ("I shall not need {it} for a month.",),
            ),
        ),
        Move(
            ("paused",),
            "in-use",
            Verb(
                "resume",
                "resumed",
                ("Please resume {it}.", "My exams are over: resume {it}."),
                ("Let me learn on with {it}.",),
            ),
        ),
    ),
    changes=(Change("topic"), Change("coach"), Change("homework")),
    pot="lessons",
    pour=Verb(
        "pass over",
        "passed over",
        (
            "Take {amount} lessons off {it} and add them to {other}.",
            "Please move {amount} lessons from {it} to {other}.",
        ),
        ("Let {other} have {amount} of the lessons on {it}.",),
    ),
)
REGISTRAR = Person(
    noun="visiting registrar",
    fields={
        "museum": Choice(("municipal", "national", "private"), label="kind of museum"),
        "indemnity": Money(10000, 90000, 5000, label="indemnity"),
        "loans_closed": Number(0, 40, label="number of loans closed"),
    },
)
EXHIBIT = Thing(
    noun="collection object",
    names=(
        "Bronze Mirror of Ashby", "Gilded Reliquary", "Weaver's Ledger", "Ivory Sundial", "Faience Hedgehog",
        "Plague Doctor Mask", "Tapestry of the Hunt", "Marble Toe", "Ship's Biscuit of 1784", "Portrait in Sepia",
        "Clay Tablet Nine", "Lacquer Cabinet", "Saddle of a Courier", "Painted Fan", "Alchemist's Scale",
        "Lead Coffin Plate", "Carved Pew End", "Roman Ink Pot",
    ),
    fields={
        "gallery": Choice(("antiquity", "craft", "townscape"), label="gallery", told="from the {value} gallery"),
        "age": Number(80, 2600, 20, "years", label="age", told="that is {value} old", extremes=("youngest", "oldest")),
        "insured_for": Money(500, 80000, 500, label="insured value", extremes=("least valuable", "most valuable")),
        "handling": Choice(("gloves", "tray", "two-person"), label="handling", told="with handling mark {value}"),
        "max_light": Number(50, 300, 50, "lux", label="light limit"),
        "examined": Day(-500, -20, label="day of the last examination"),
    },
)  # fmt: skip
CRATE = Thing(
    noun="crating supply",
    plural="crating supplies",
    names=(
        "Ethafoam Wedge", "Tyvek Roll", "Silica Sachet", "Glassine Sheet", "Blotter Pad", "Corner Guard",
        "Acid-free Box", "Cotton Tape", "Museum Wax", "Plastazote", "Tissue Quire", "Bubble Sleeve", "Shock Logger",
        "Padded Strap", "Poplar Batten", "Brass Plate Screw",
    ),
    fields={
        "units": Number(5, 140, 5, label="number of units", extremes=("scarcest", "commonest")),
        "cabinet": Choice(("grey", "green", "glazed"), label="cabinet", told="in the {value} cabinet"),
        "grade": Choice(("archival", "standard"), label="grade", told="of {value} grade"),
        "weight_each": Number(20, 900, 20, "g", label="weight of a unit", extremes=("lightest", "heaviest")),
        "counted": Day(-90, -1, label="day of the last count"),
    },
    stock="units",
    fill=Verb(
        "restock",
        "restocked",
        ("The supplier has left {count} units of {it}.", "Please restock {it} by {count} units."),
        ("There are {count} units more of {it} on the shelf.",),
        ("receive",),
    ),
    take=Verb(
        "use up",
        "used up",
        ("We need {count} units of {it} for the crate.", "Please book out {count} units of {it}."),
        ("Our packer has put {count} units of {it} into the crate.",),
        ("consume",),
    ),
)  # fmt: skip
OUTGOING = Case(
    noun="outgoing loan",
    of="collection object",
    fields={
        "leaves": Day(-10, 90, label="day of departure", told="leaving on {value}", extremes=("earliest", "latest")),
        "truck_at": Clock(6, 16, label="time of the truck"),
        "show": Choice(("retrospective", "biennial", "touring"), label="kind of show", told="for the {value} show"),
        "weeks": Number(4, 40, label="number of weeks", told="for {value} weeks", extremes=("shortest", "longest")),
        "courier": Choice(("curator", "agent", "none"), label="courier"),
        "humidity": Number(40, 60, 1, "percent", label="humidity"),
    },
    states=("inquired", "condition-checked", "crated", "on-display"),
    moves=(
        Move(
            ("inquired",),
            "condition-checked",
            Verb(
                "examine",
                "examined",
                ("Please have {it} examined by the conservator.", "Could you examine {it} this week?"),
                ("Somebody with a lens should look over what {it} is about.",),
                ("inspect",),
            ),
        ),
        Move(
            ("condition-checked",),
            "crated",
            Verb(
                "crate",
                "crated",
                ("The report is fine, so crate {it}.", "Please crate {it}."),
                ("Nail the box shut for {it}.",),
                ("pack",),
            ),
        ),
        Move(
            ("crated",),
            "on-display",
            Verb(
                "install",
                "installed",
                ("We have put it behind glass: mark {it} as installed.", "Please note that {it} is installed."),
                ("Visitors of ours are already standing around what {it} brought.",),
            ),
        ),
    ),
    changes=(Change("courier"), Change("weeks"), Change("humidity")),
    relink=Verb(
        "substitute",
        "substituted",
        ("We would rather borrow {thing} with {it}.", "Please change {it} so that we get {thing}."),
        ("Let {it} bring us {thing}.",),
        ("exchange",),
    ),
    sign=Verb(
        "indemnify",
        "indemnified",
        ("The ministry will pay for damage: mark {it} as indemnified.", "Please indemnify {it}."),
        ("The state stands behind {it} now.",),
        ("guarantee",),
    ),
    slot=("leaves", "truck_at"),
    shift=Verb(
        "redate",
        "redated",
        ("Please redate {it} to {day}, {time}.", "Our truck can only come on {day} at {time} for {it}."),
        ("{day} at {time} is when our driver can be at your ramp for {it}.",),
        ("reschedule",),
    ),
)
FACILITY = Case(
    noun="image licence",
    fields={
        "use": Choice(("catalogue", "poster", "website"), label="use", told="for the {value}"),
        "print_run": Number(200, 6000, 100, label="print run", extremes=("smallest", "largest"), total="print run"),
        "expires": Day(30, 900, label="expiry day", told="that expires on {value}", extremes=("soonest", "latest")),
        "caption": Choice(("short", "full", "bilingual"), label="caption", told="with the {value} caption"),
        "cropping": Flag(label="cropping flag"),
    },
    states=("drafted", "granted", "lapsed"),
    moves=(
        Move(
            ("drafted",),
            "granted",
            Verb(
                "grant",
                "granted",
                ("Please grant {it}.", "We go to press tomorrow: can you grant {it}?"),
                ("May we print now, with {it} in hand?",),
            ),
        ),
        Move(
            ("granted",),
            "lapsed",
            Verb(
                "end",
                "ended",
                ("Our book is sold out; let {it} lapse.", "Please have {it} lapse."),
                ("There is nothing more to print under {it}.",),
                ("lapse",),
            ),
        ),
    ),
    changes=(
        Change("caption"),
        Change(
            "print_run",
            Verb(
                "set run of",
                "changed",
                ("We now print {to} copies under {it}.", "Please allow {to} copies with {it}."),
                ("It will be {to} copies for {it}.",),
            ),
        ),
    ),
)
THEMES = (
    Theme(
        name="chess_club",
        title="Chess club",
        role="You are the assistant of a chess club. You serve one chess player at a time.",
        person=CHESS_PLAYER,
        things=(TOURNAMENT,),
        cases=(ENTRY, SET_LOAN, LESSON_CARD),
        short="chess",
    ),
    Theme(
        name="museum_loans",
        title="Museum loans office",
        role="You are the assistant of a museum's loans office. You serve one visiting registrar at a time.",
        person=REGISTRAR,
        things=(EXHIBIT, CRATE),
        cases=(OUTGOING, FACILITY),
        short="loans",
    ),
)
