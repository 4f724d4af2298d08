"""Two themes: a recycling centre with its skips and kerbside rounds, and a dental laboratory for dentists."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

HOUSEHOLDER = Person(
    noun="householder",
    fields={
        "permit": Choice(("resident", "trader", "landlord"), label="permit"),
        "trips_left": Number(0, 24, label="number of trips left"),
        "zone": Choice(("inner-ring", "outer-ring", "village"), label="zone"),
    },
)
SKIP = Thing(
    noun="drop-off skip",
    names=(
        "Green Glass", "Brown Glass", "Clear Glass", "Mixed Paper", "Corrugated Card", "Scrap Iron", "Copper Wire",
        "Drink Cans", "Hardcore", "Garden Clippings", "Clean Timber", "Painted Timber", "Plasterboard", "Old Carpets",
        "Rigid Plastic", "Soft Plastic", "Car Tyres",
    ),
    fields={
        "lane": Choice(("red", "blue", "yellow"), label="lane", told="in the {value} lane"),
        "load": Number(50, 4000, 50, "kg", label="load", extremes=("emptiest", "fullest")),
        "gate": Choice(("ramp", "ground"), label="access", told="at {value} level"),
        "rebate": Money(0, 30, label="rebate per tonne"),
        "emptied": Day(-21, -1, label="day of the last emptying"),
    },
    stock="load",
    fill=Verb(
        "weigh in",
        "weighed in",
        ("The weighbridge says {count} kg for {it}.", "Please weigh in {count} kg for {it}."),
        ("I have just thrown {count} kg into {it}.",),
        ("deposit",),
    ),
)  # fmt: skip
ROUND = Thing(
    noun="kerbside round",
    names=(
        "Alder Close", "Brickfield Way", "Canal Parade", "Dairy Lane", "Elmtree Crescent", "Foundry Street",
        "Gasworks Road", "Hop Garden Walk", "Ironbridge Row", "Jubilee Terrace", "Kiln Hill", "Laundry Yard",
        "Maltings Court", "Nailmakers Row", "Oast View", "Priory Gate", "Ropewalk",
    ),
    fields={
        "lorry": Choice(("electric", "side-loader", "rear-loader"), label="lorry", told="with the {value} lorry"),
        "passes_at": Clock(5, 11, label="passing time", told="that passes at {value}"),
        "stops": Number(60, 420, 10, label="number of stops", extremes=("shortest", "longest")),
        "stream": Choice(("organic", "dry-mixed", "residual"), label="stream", told="for {value} waste"),
        "missed": Number(0, 15, label="number of missed stops"),
    },
)  # fmt: skip
BULKY = Case(
    noun="bulky-waste pickup",
    of="kerbside round",
    fields={
        "put_out": Day(-4, 30, label="kerbside day", told="put out on {value}", extremes=("earliest", "latest")),
        "item": Choice(("sofa", "wardrobe", "freezer", "mattress"), label="main item", told="for the {value}"),
        "volume": Number(1, 12, label="volume", unit="m3", extremes=("smallest", "largest"), total="volume"),
        "charge": Money(
            10, 120, 5, label="charge", told="for {value}", extremes=("cheapest", "dearest"), total="charge"
        ),
        "floor": Number(0, 5, label="floor"),
        "keys": Choice(("bell", "porter", "open-gate"), label="way in"),
    },
    states=("registered", "on-round", "loaded", "refused"),
    moves=(
        Move(
            ("registered", "refused"),
            "on-round",
            Verb(
                "route",
                "routed",
                ("Please put {it} on the round.", "It all stands at the kerb, so put {it} on the round."),
                ("The crew may stop here for {it}.",),
                ("put on round",),
            ),
        ),
        Move(
            ("on-round",),
            "loaded",
            Verb(
                "load",
                "loaded",
                ("The crew has just taken everything: mark {it} as loaded.", "Please mark {it} as loaded."),
                ("Our pavement is empty again, so {it} is done.",),
            ),
        ),
        Move(
            ("registered", "on-round"),
            "refused",
            Verb(
                "turn down",
                "turned down",
                ("There was asbestos in it, so turn {it} down.", "Please turn {it} down; the load was wrong."),
                ("The driver shook his head at {it}: note it as refused.",),
                ("refuse",),
            ),
        ),
    ),
    changes=(Change("item"), Change("keys"), Change("floor")),
    make=Verb(
        "register",
        "registered",
        ("I want {thing} to take a {item} on {put_out}.", "Register a {item} with {thing} for {put_out}, please."),
        ("There will be a {item} at the kerb on {put_out}; can {thing} take it?",),
        ("log",),
    ),
    asked=("item", "put_out"),
    drop=Verb(
        "retract",
        "retracted",
        ("Please retract {it}.", "A neighbour wants our things, so retract {it}."),
        ("Nothing has to be fetched: forget {it}.",),
        ("remove",),
    ),
    relink=Verb(
        "reroute",
        "rerouted",
        ("Let {thing} take care of {it}.", "Please reroute {it} to {thing}."),
        ("Give {it} to the crew of {thing}.",),
        ("transfer",),
    ),
)
COMPOST_CARD = Case(
    noun="compost card",
    fields={
        "bags": Number(2, 40, label="number of bags", extremes=("smallest", "biggest"), total="number of bags"),
        "grade": Choice(("fine", "coarse", "mulch"), label="grade", told="for {value} compost"),
        "valid_until": Day(-5, 180, label="last day of validity", told="valid until {value}"),
        "bay": Choice(("north-bay", "south-bay"), label="bay"),
        "trailer": Flag(label="trailer flag"),
    },
    states=("active", "blocked", "used-up"),
    moves=(
        Move(
            ("active",),
            "blocked",
            Verb(
                "block",
                "blocked",
                ("I have lost {it}; please block it.", "Please block {it}."),
                ("Nobody must fetch compost on {it} for now.",),
                ("lock",),
            ),
        ),
        Move(
            ("blocked",),
            "active",
            Verb(
                "unblock",
                "unblocked",
                ("I have found {it} again, so unblock it.", "Unblock {it}, please."),
                ("Let {it} open the gate again.",),
                ("unlock",),
            ),
        ),
    ),
    changes=(
        Change("bay"),
        Change(
            "grade",
            Verb(
                "regrade",
                "regraded",
                ("I would rather have {to} compost on {it}.", "Switch {it} to {to} compost."),
                ("Only {to} compost is good enough for {it}.",),
            ),
        ),
    ),
    pot="bags",
    pour=Verb(
        "split",
        "split",
        ("Take {amount} bags off {it} and add them to {other}.", "Move {amount} bags from {it} to {other}."),
        ("I want {amount} bags of {it} to be on {other}.",),
    ),
)
DENTIST = Person(
    noun="referring dentist",
    fields={
        "practice": Choice(("solo", "group", "hospital"), label="kind of practice"),
        "credit_line": Money(500, 9000, 100, label="credit line"),
        "cases_open": Number(0, 30, label="number of open cases"),
        "scanner": Choice(("intraoral", "tray"), label="way of taking impressions"),
    },
)
MATERIAL = Thing(
    noun="ceramic blank",
    names=(
        "Bleach Zero", "Ivory Twelve", "Pearlcast", "Zirkora", "Lumident", "Cuspex", "Incisal Mist", "Molar Prime",
        "Opalite Dent", "Enamelor", "Gingivet", "Dentara Slim", "Caninum", "Bicuspa", "Veneerix", "Halocrown",
        "Sintera Multi",
    ),
    fields={
        "shade": Choice(("a1", "a2", "b1", "c3"), label="shade", told="of shade {value}"),
        "strength": Number(
            400, 1400, 50, "MPa", label="strength", told="of {value}", extremes=("weakest", "strongest")
        ),
        "discs": Number(4, 60, label="number of discs", extremes=("scarcest", "most plentiful")),
        "drawer": Choice(("top", "centre", "bottom"), label="drawer", told="in the {value} drawer"),
        "expires": Day(20, 700, label="expiry day"),
    },
    stock="discs",
    take=Verb(
        "mill",
        "milled from",
        ("Mill {count} discs of {it} for my patients.", "Please take {count} discs from {it}."),
        ("My next crowns will need {count} discs from {it}.",),
        ("consume",),
    ),
)  # fmt: skip
CERAMIST = Thing(
    noun="lab bench",
    plural="lab benches",
    names=(
        "Wax-up", "Articulator", "Plaster Trap", "Furnace Four", "Spatula", "Loupe Desk", "Micromotor", "Sandblast",
        "Stain and Glaze", "Die Saw", "Vibrator Table", "Milling Isle", "Polish Wheel", "Soldering Hood",
        "Model Shelf", "Scanner Cell",
    ),
    fields={
        "speciality": Choice(("crowns", "dentures", "implants"), label="speciality", told="for {value}"),
        "wing": Choice(("garden", "street"), label="wing", told="in the {value} wing"),
        "free_jobs": Number(0, 9, label="number of free jobs"),
        "turnaround": Number(
            2, 15, 1, "days", label="turnaround", told="with a turnaround of {value}", extremes=("fastest", "slowest")
        ),
        "audited": Day(-150, -3, label="day of the last audit"),
    },
    scarce="free_jobs",
)  # fmt: skip
PROSTHESIS = Case(
    noun="prosthesis job",
    of="lab bench",
    fields={
        "kind": Choice(("crown", "bridge", "veneer", "denture"), label="kind of work", told="for the {value}"),
        "seat_date": Day(-3, 35, label="seating day", told="to be seated on {value}", extremes=("earliest", "latest")),
        "units": Number(1, 14, label="number of units", extremes=("smallest", "largest"), total="number of units"),
        "fit": Choice(("tight", "regular", "loose"), label="contact", told="with {value} contacts"),
        "quote": Money(90, 4200, 30, label="quote", extremes=("cheapest", "dearest"), total="quote"),
    },
    states=("received", "designed", "fired", "sent-back"),
    moves=(
        Move(
            ("received", "sent-back"),
            "designed",
            Verb(
                "design",
                "designed",
                ("The scan is uploaded, so please design {it}.", "Please have {it} designed."),
                ("Your technician can draw {it} on the screen now.",),
            ),
        ),
        Move(
            ("designed",),
            "fired",
            Verb(
                "fire",
                "fired",
                ("The design is good: fire {it}.", "Please put {it} into the furnace."),
                ("Bake {it} as you drew it.",),
            ),
        ),
        Move(
            ("fired",),
            "sent-back",
            Verb(
                "send back",
                "sent back",
                ("The margin is open, so I send {it} back.", "Please take {it} back for a remake."),
                ("My patient cannot bite on {it}: make it anew.",),
                ("return",),
            ),
        ),
    ),
    changes=(Change("fit"), Change("seat_date"), Change("units")),
    make=Verb(
        "open",
        "opened",
        (
            "I need a {kind} from {thing}, to be seated on {seat_date}.",
            "Open a job at {thing}: a {kind} for {seat_date}.",
        ),
        ("Can {thing} make me a {kind} by {seat_date}?",),
        ("prescribe",),
    ),
    asked=("kind", "seat_date"),
    relink=Verb(
        "reassign",
        "reassigned",
        ("Give {it} to {thing}.", "I want {thing} to do {it}."),
        ("The hands at {thing} should make {it}.",),
    ),
    sign=Verb(
        "countersign",
        "countersigned",
        ("Here is my prescription: countersign {it}.", "Please countersign {it}."),
        ("My stamp is under {it} now.",),
        ("authorise",),
    ),
)
COURIER_TRAY = Case(
    noun="impression tray",
    fields={
        "jaw": Choice(("upper", "lower", "full"), label="jaw", told="of the {value} jaw"),
        "paste": Choice(("alginate", "silicone", "polyether"), label="paste", told="in {value}"),
        "fetched_on": Day(-5, 10, label="fetching day", told="fetched on {value}", extremes=("earliest", "latest")),
        "fetched_at": Clock(8, 18, label="fetching time"),
        "pours": Number(1, 6, label="number of casts", extremes=("smallest", "largest"), total="number of casts"),
    },
    states=("waiting", "disinfected", "poured"),
    moves=(
        Move(
            ("waiting",),
            "disinfected",
            Verb(
                "disinfect",
                "disinfected",
                ("Please disinfect {it} first.", "The patient had a cold, so disinfect {it}."),
                ("Give {it} its bath before anybody touches it.",),
                ("clean",),
            ),
        ),
        Move(
            ("disinfected",),
            "poured",
            Verb(
                "pour",
                "poured",
                ("Pour {it} in stone, please.", "You may pour {it} now."),
                ("Fill {it} with plaster.",),
                ("cast",),
            ),
        ),
    ),
    changes=(
        Change("fetched_at"),
        Change(
            "fetched_on",
            Verb(
                "set fetching of",
                "changed",
                ("Your driver should fetch {it} on {to}.", "Let {it} be fetched on {to} instead."),
                ("We open again on {to}; have {it} picked up then.",),
            ),
        ),
    ),
    drop=Verb(
        "discard",
        "discarded",
        ("The paste has torn: discard {it}.", "Please discard {it}; I shall take a new one."),
        ("Throw {it} in the bin.",),
        ("delete",),
    ),
    pot="pours",
    pour=Verb(
        "rebalance",
        "rebalanced",
        ("Make {amount} casts fewer of {it} and as many more of {other}.", "Move {amount} casts from {it} to {other}."),
        ("Let {other} have {amount} of the casts of {it}.",),
    ),
)
THEMES = (
    Theme(
        name="recycling_centre",
        title="Recycling centre",
        role="You are the assistant of a town's recycling centre. You serve one householder at a time.",
        person=HOUSEHOLDER,
        things=(SKIP, ROUND),
        cases=(BULKY, COMPOST_CARD),
        short="recycling",
    ),
    Theme(
        name="dental_lab",
        title="Dental laboratory",
        role="You are the assistant of a dental laboratory. You serve one referring dentist at a time.",
        person=DENTIST,
        things=(MATERIAL, CERAMIST),
        cases=(PROSTHESIS, COURIER_TRAY),
        short="dental",
    ),
)
