"""Two themes: a newspaper house with its subscribers, and a ceramics workshop with its wheels and kilns."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

READER = Person(
    noun="newspaper reader",
    fields={
        "reads": Choice(("print", "screen", "both"), label="way of reading"),
        "loyal_since": Day(-6000, -30, label="first day as a reader"),
        "bonus_points": Number(0, 900, 10, label="number of bonus points"),
    },
)
EDITION = Thing(
    noun="paper edition",
    names=(
        "Morning Clarion", "Evening Bugle", "Weekend Herald", "Harbour Gazette", "County Courant", "Sunday Broadsheet",
        "Farmers' Post", "Racing Tribune", "Crossword Weekly", "Market Ledger", "Valley Dispatch",
        "City Intelligencer", "Border Argus", "Dockside Mercury", "Schoolday Examiner", "Northern Chronicle",
        "Election Extra",
    ),
    fields={
        "rhythm": Choice(("daily", "weekly", "monthly"), label="rhythm", told="with {value} issues"),
        "pages": Number(8, 120, 4, label="number of pages", told="of {value} pages", extremes=("thinnest", "thickest")),
        "copy_price": Money(1, 9, label="price of a copy", extremes=("cheapest", "dearest")),
        "format": Choice(("broadsheet", "tabloid", "berliner"), label="format", told="in {value} format"),
        "gifts_left": Number(0, 9, label="number of welcome gifts left"),
        "press_time": Clock(0, 6, label="press time"),
    },
    scarce="gifts_left",
)  # fmt: skip
SUBSCRIPTION = Case(
    noun="paper subscription",
    of="paper edition",
    fields={
        "runs_from": Day(-200, 30, label="first issue", told="from {value}", extremes=("oldest", "newest")),
        "issues": Number(
            6, 120, 2, label="number of issues", extremes=("shortest", "longest"), total="number of issues"
        ),
        "drop_point": Choice(("letterbox", "porch", "kiosk"), label="drop point", told="brought to the {value}"),
        "paid_how": Choice(("yearly", "quarterly", "monthly"), label="way of payment", told="paid {value}"),
        "puzzle": Flag(label="puzzle supplement flag"),
        "copies": Number(1, 5, label="number of copies"),
    },
    states=("delivered", "on-holiday", "in-arrears"),
    moves=(
        Move(
            ("delivered",),
            "on-holiday",
            Verb(
                "stop",
                "stopped",
                ("We are off to the sea: stop {it}.", "Please stop {it} while we are away."),
                ("No paper on our mat, please, until I say so; I mean {it}.",),
                ("pause",),
            ),
        ),
        Move(
            ("on-holiday",),
            "delivered",
            Verb(
                "restart",
                "restarted",
                ("We are home again, so restart {it}.", "Please restart {it}."),
                ("I miss my paper at breakfast: get {it} going.",),
                ("resume",),
            ),
        ),
        Move(
            ("in-arrears",),
            "delivered",
            Verb(
                "settle",
                "settled",
                ("Here is what I owe you: settle {it}.", "Please settle {it} from my account."),
                ("Book my money against {it} and let the paper come.",),
                ("pay",),
            ),
        ),
    ),
    changes=(
        Change("paid_how"),
        Change(
            "drop_point",
            Verb(
                "set drop of",
                "changed",
                ("Please leave the paper at the {to} for {it}.", "I want the paper of {it} brought to the {to}."),
                ("The dog eats it otherwise, so use the {to} for {it}.",),
            ),
        ),
    ),
    make=Verb(
        "subscribe to",
        "made",
        (
            "I want to read {thing} from {runs_from}, brought to the {drop_point}.",
            "Start {thing} for me on {runs_from}; use the {drop_point}.",
        ),
        ("Could {thing} wait for me at the {drop_point} from {runs_from}?",),
        ("start",),
    ),
    asked=("runs_from", "drop_point"),
    relink=Verb(
        "switch",
        "switched",
        ("Switch {it} to {thing}.", "I would rather read {thing}; change {it}."),
        ("From the next issue on I want {thing} under {it}.",),
    ),
    pot="issues",
    pour=Verb(
        "credit",
        "credited",
        (
            "Take {amount} issues off {it} and credit {other} with them.",
            "Please move {amount} issues from {it} to {other}.",
        ),
        ("Let {other} run {amount} issues longer, and {it} so many less.",),
    ),
)
SMALL_AD = Case(
    noun="classified ad",
    fields={
        "column": Choice(("flats", "motors", "hearts", "jobs"), label="column", told="in the {value} column"),
        "lines": Number(2, 20, label="number of lines", extremes=("shortest", "longest"), total="number of lines"),
        "printed_on": Day(-3, 25, label="printing day", told="for {value}", extremes=("earliest", "latest")),
        "box_number": Number(100, 999, label="box number"),
        "weight": Choice(("plain", "bold", "framed"), label="type", told="in {value} type"),
    },
    states=("proofed", "set", "withdrawn"),
    moves=(
        Move(
            ("proofed",),
            "set",
            Verb(
                "typeset",
                "typeset",
                ("The proof is faultless, so typeset {it}.", "Please typeset {it}."),
                ("Off to the printers with {it}.",),
                ("print",),
            ),
        ),
        Move(
            ("proofed", "set"),
            "withdrawn",
            Verb(
                "withdraw",
                "withdrawn",
                ("The car is sold: withdraw {it}.", "Please withdraw {it}."),
                ("The telephone will not stop ringing: no more of {it}.",),
                ("pull",),
            ),
        ),
    ),
    changes=(Change("column"), Change("weight"), Change("printed_on")),
    drop=Verb(
        "erase",
        "erased",
        ("Please erase {it} from your books.", "I never placed it, so erase {it}."),
        ("There should be no trace of {it}.",),
        ("delete",),
    ),
)
PHOTO_PRINT = Case(
    noun="press photo print",
    fields={
        "motif": Choice(("derby", "flood", "carnival"), label="motif", told="of the {value}"),
        "width": Number(20, 90, 10, "cm", label="width", told="of {value}", extremes=("smallest", "largest")),
        "framing": Choice(("oak", "walnut", "black"), label="frame", told="with the {value} frame"),
        "ready_on": Day(-2, 20, label="completion day", extremes=("earliest", "latest")),
        "cost": Money(10, 140, 5, label="cost", total="cost"),
    },
    states=("in-darkroom", "ready", "fetched"),
    moves=(
        Move(
            ("in-darkroom",),
            "ready",
            Verb(
                "finish", "finished", ("Please finish {it}.", "I wait for {it}; finish it."), ("Hurry up with {it}.",)
            ),
        ),
        Move(
            ("ready",),
            "fetched",
            Verb(
                "fetch",
                "fetched",
                ("I am here to fetch {it}.", "Please note that I fetch {it}."),
                ("I take {it} home now.",),
            ),
        ),
    ),
    changes=(Change("framing"), Change("width")),
)
POTTER = Person(
    noun="hobby potter",
    fields={
        "skill": Choice(("pinching", "throwing", "glazing"), label="skill"),
        "apron": Choice(("own", "lent"), label="apron"),
        "clay_debt": Number(0, 40, label="clay to pay for", unit="kg"),
    },
)
WHEEL_COURSE = Thing(
    noun="pottery evening",
    names=(
        "Slipware Tuesdays", "Raku Revels", "Coil by Candle", "Mug and Jug", "Teapot Trials", "Bowls before Bed",
        "Sgraffito Club", "Salt Glaze Circle", "Handles at Last", "Tile Makers", "Wonky Plates", "Agate Adventure",
        "Slab House", "Burnish and Chat", "Majolica Moods", "Celadon Sessions", "Lids that Fit",
    ),
    fields={
        "method": Choice(("wheel", "coil", "slab", "mould"), label="method", told="for {value} pots"),
        "sessions": Number(
            3, 12, label="number of sessions", told="of {value} sessions", extremes=("shortest", "longest")
        ),
        "fee": Money(40, 320, 10, label="course fee", extremes=("cheapest", "dearest")),
        "wheels_free": Number(0, 6, label="number of free wheels"),
        "studio": Choice(("stable", "attic", "dairy"), label="studio", told="in the {value}"),
        "starts_at": Clock(16, 20, label="starting time"),
    },
    scarce="wheels_free",
)  # fmt: skip
CLAY = Thing(
    noun="clay bin",
    names=(
        "Grogged Buff", "Toasted Terracotta", "Snow Porcelain", "Black Manganese", "Speckled Stone", "Toffee Body",
        "Paper Clay", "Vulcan Mix", "Crank Coarse", "Ivory Slip", "Red Earthenware", "Ball Clay Blue",
        "Recycled Sludge", "Bone China", "Smooth Textured", "Royale Casting",
    ),
    fields={
        "clay_kg": Number(5, 200, 5, "kg", label="clay inside", extremes=("emptiest", "fullest")),
        "cone": Number(1, 12, label="firing cone", told="for cone {value}", extremes=("softest", "hardest")),
        "feel": Choice(("gritty", "smooth", "plastic"), label="feel", told="that feels {value}"),
        "colour": Choice(("white", "red", "black", "buff"), label="fired colour", told="that fires {value}"),
        "wetted": Day(-25, -1, label="day of the last wetting"),
    },
    stock="clay_kg",
    fill=Verb(
        "reclaim",
        "filled up",
        ("I bring {count} kg of scraps back for {it}.", "Please weigh {count} kg of my scraps into {it}."),
        ("My failed pots gave {count} kg, all soaked and put into {it}.",),
        ("return",),
    ),
    take=Verb(
        "cut",
        "cut from",
        ("Please cut {count} kg off {it} for me.", "I need {count} kg from {it} for my plates."),
        ("A lump of {count} kg out of {it} will do for tonight.",),
        ("wedge",),
    ),
)  # fmt: skip
WHEEL_SEAT = Case(
    noun="wheel place",
    of="pottery evening",
    fields={
        "meets_on": Day(-3, 28, label="evening", told="on {value}", extremes=("earliest", "latest")),
        "sits_at": Clock(16, 21, label="time at the wheel"),
        "wheel": Choice(("kick", "electric", "banding"), label="wheel", told="at the {value} wheel"),
        "towels": Number(0, 4, label="number of towels"),
        "cost": Money(15, 90, 5, label="cost", told="for {value}", extremes=("cheapest", "dearest"), total="cost"),
        "left_handed": Flag(label="left-hand flag"),
    },
    states=("kept", "started", "missed"),
    moves=(
        Move(
            ("kept",),
            "started",
            Verb(
                "start",
                "started",
                ("My hands are wet: start {it}.", "Please mark {it} as started."),
                ("The wheel is turning for {it}.",),
                ("check in",),
            ),
        ),
        Move(
            ("kept",),
            "missed",
            Verb(
                "miss",
                "missed",
                ("I burnt my thumb and shall miss {it}.", "Please put {it} down as missed."),
                ("Keep the wheel still at the time of {it}; I am not there.",),
            ),
        ),
        Move(
            ("missed",),
            "kept",
            Verb(
                "make up for",
                "made up for",
                ("I would like to make up for {it}.", "Please let me make up for {it} next week."),
                ("Let me have the evening of {it} after all.",),
                ("reinstate",),
            ),
        ),
    ),
    changes=(Change("wheel"), Change("towels")),
    make=Verb(
        "keep",
        "kept",
        ("Keep a wheel for me in {thing} on {meets_on}.", "I want to come to {thing} on {meets_on}."),
        ("May I get muddy with {thing} on {meets_on}?",),
        ("book",),
    ),
    asked=("meets_on",),
    slot=("meets_on", "sits_at"),
    shift=Verb(
        "reset",
        "reset",
        ("Please reset {it} to {day} at {time}.", "I can only throw on {day} at {time}; change {it}."),
        ("{day} at {time} is when I get a babysitter for {it}.",),
        ("reschedule",),
    ),
)
FIRING = Case(
    noun="kiln shelf",
    plural="kiln shelves",
    fields={
        "firing": Choice(("bisque", "glaze", "lustre"), label="firing", told="for the {value} firing"),
        "pieces": Number(1, 30, label="number of pieces", extremes=("smallest", "largest"), total="number of pieces"),
        "peak": Number(900, 1300, 10, "degrees", label="peak temperature", extremes=("coolest", "hottest")),
        "opens_on": Day(-2, 21, label="day of unloading", told="unloaded on {value}"),
        "glaze": Choice(("ash", "tenmoku", "tin", "clear"), label="glaze", told="with the {value} glaze"),
    },
    states=("drying", "loaded", "cracked"),
    moves=(
        Move(
            ("drying",),
            "loaded",
            Verb(
                "load",
                "loaded",
                ("All is bone dry: load {it}.", "Please load {it} into the kiln."),
                ("The kiln door may close on {it}.",),
                ("stack",),
            ),
        ),
        Move(
            ("drying", "loaded"),
            "cracked",
            Verb(
                "write off",
                "written off",
                ("There was a bang in the kiln, so write {it} off.", "Please write {it} off; all is in shards."),
                ("Sweep up what is left of {it}.",),
                ("scrap",),
            ),
        ),
    ),
    changes=(
        Change("glaze"),
        Change("firing"),
        Change(
            "peak",
            Verb(
                "set peak of",
                "changed",
                ("Fire {it} at {to}, please.", "My glaze wants {to}; set {it} to that."),
                ("Let {it} get as hot as {to}.",),
            ),
        ),
    ),
    drop=Verb(
        "clear",
        "cleared",
        ("I have taken my pots home: clear {it}.", "Please clear {it} for somebody else."),
        ("Let another potter have the room of {it}.",),
        ("vacate",),
    ),
)
THEMES = (
    Theme(
        name="newspaper_subscriptions",
        title="Newspaper subscriptions",
        role="You are the assistant of a newspaper house's readers' desk. You serve one newspaper reader at a time.",
        person=READER,
        things=(EDITION,),
        cases=(SUBSCRIPTION, SMALL_AD, PHOTO_PRINT),
        short="paper",
    ),
    Theme(
        name="ceramics_workshop",
        title="Ceramics workshop",
        role="You are the assistant of a ceramics workshop. You serve one hobby potter at a time.",
        person=POTTER,
        things=(WHEEL_COURSE, CLAY),
        cases=(WHEEL_SEAT, FIRING),
        short="clay",
    ),
)
