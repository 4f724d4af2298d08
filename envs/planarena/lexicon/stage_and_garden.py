"""A theatre: plays, tickets and subscriptions. An allotment society: plots and mulch, leases and working parties."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

THEATREGOER = Person(
    noun="theatregoer",
    fields={
        "circle": Choice(("guest", "friend", "patron"), label="supporters' circle"),
        "hearing_loop": Choice(("left", "right", "none"), label="hearing loop"),
        "evenings": Number(0, 40, label="number of evenings"),
    },
)
STAGE_PLAY = Thing(
    noun="stage play",
    names=(
        "The Borrowed Umbrella", "Four Doors Slamming", "The Miser's Niece", "A Letter for Leontes",
        "The Ghost of Gallery Row", "Tea with the Tyrant", "The Understudy's Revenge", "Three Sisters and a Goose",
        "Moonlight on the Prompter", "The Duchess of Dustbin Lane", "Waiting for Winifred", "An Enemy of the Mayor",
        "The Velvet Trapdoor", "Lady Macduff", "The Lighthouse Comedy", "No Applause Please", "The Clockmaker's Wig",
        "Curtain at Nine",
    ),
    fields={
        "genre": Choice(("comedy", "tragedy", "musical", "farce"), label="genre", told="billed as a {value}"),
        "house": Choice(("main", "studio", "cellar"), label="house", told="in the {value} house"),
        "acts": Number(2, 5, label="number of acts", told="in {value} acts"),
        "runs_for": Number(
            60, 210, 5, label="running time", unit="minutes", extremes=("shortest", "longest"), total="running time"
        ),
        "closes": Day(3, 90, label="last night", told="that closes on {value}"),
        "chairs": Number(0, 9, label="number of free chairs"),
    },
    scarce="chairs",
)  # fmt: skip
THEATRE_TICKET = Case(
    noun="theatre ticket",
    of="stage play",
    fields={
        "evening": Day(-5, 40, label="evening", told="for {value}", extremes=("earliest", "latest")),
        "curtain": Clock(14, 21, label="curtain time"),
        "tier": Choice(("stalls", "balcony", "gallery", "box"), label="tier", told="in the {value}"),
        "row": Number(1, 24, label="row", told="in row {value}"),
        "face_value": Money(12, 140, 2, label="face value", extremes=("cheapest", "dearest"), total="face value"),
        "programme": Flag(label="programme"),
        "interval_drink": Choice(("sherry", "cider", "cordial"), label="interval drink"),
    },
    states=("held", "issued", "torn", "returned"),
    moves=(
        Move(("held",), "issued", Verb(
            "issue", "issued",
            ("Please issue {it} so that I can print it.", "I have paid online, so issue {it}."),
            ("Let the box office print {it} for me.",), ("print",),
        )),
        Move(("held", "issued"), "returned", Verb(
            "return", "returned",
            ("My friend is ill and I must return {it}.", "Please take {it} for resale.", "May I return {it}?"),
            ("Somebody in the queue would be glad of {it}; put it back on sale.",), ("resell",),
        )),
        Move(("issued",), "torn", Verb(
            "tear", "torn",
            ("I am at the door: let me in with {it}.", "Please tear {it}, the bell has rung."),
            ("The usher should wave me through with {it}.",), ("scan",),
        )),
    ),
    changes=(Change("interval_drink"), Change("tier", Verb(
        "upgrade", "reseated",
        ("I would rather sit in the {to}, so change {it}.", "Please have {it} in the {to}."),
        ("My eyes want a seat in the {to} for {it}.",), ("reseat",),
    ))),
    make=Verb(
        "hold", "held",
        ("Hold a seat in the {tier} for {thing} on {evening}.",
         "I want to see {thing} on {evening}, from the {tier}."),
        ("Is there anything left in the {tier} on {evening} for {thing}? I will have it.",), ("reserve",),
    ),
    asked=("evening", "tier"),
    slot=("evening", "curtain"),
    shift=Verb(
        "exchange", "exchanged",
        ("Exchange {it} for {day} at {time}, please.", "I cannot come then; let {it} be for {day}, {time}."),
        ("The sitter is only free on {day} at {time}, so {it} should be for that night.",), ("rebook",),
    ),
)  # fmt: skip
SEASON_SUBSCRIPTION = Case(
    noun="season subscription",
    fields={
        "vouchers": Number(
            3, 24, label="voucher balance", unit="vouchers", extremes=("smallest", "largest"), total="balance"
        ),
        "series": Choice(("premiere", "weekend", "matinee", "youth"), label="series", told="of the {value} series"),
        "ends_on": Day(10, 300, label="end of the season", told="until {value}"),
        "seating": Choice(("stalls", "balcony", "gallery"), label="usual seating", told="in the {value}"),
        "dues": Money(60, 700, 10, label="dues", extremes=("cheapest", "dearest"), total="dues"),
    },
    states=("valid", "dormant", "terminated"),
    moves=(
        Move(("valid",), "dormant", Verb(
            "rest", "rested",
            ("I am abroad until spring, so rest {it}.", "Please let {it} sleep for a season."),
            ("Do not send anything for {it} until I am back.",), ("pause",),
        )),
        Move(("dormant",), "valid", Verb(
            "revive", "revived",
            ("I am back in town; revive {it}.", "Please make {it} valid again."),
            ("I have missed the stage, so start {it} once more.",), ("resume",),
        )),
        Move(("valid", "dormant"), "terminated", Verb(
            "terminate", "terminated",
            ("I shall not renew, so terminate {it}.", "Please take my notice and terminate {it}."),
            ("This season is to be the last of {it}.",), ("end",),
        )),
    ),
    changes=(Change("series"), Change("seating")),
    pot="vouchers",
    pour=Verb(
        "sign over", "signed over",
        ("Sign over {amount} vouchers from {it} to {other}.", "Please put {amount} vouchers of {it} on {other}."),
        ("I should like {other} to have {amount} of the vouchers on {it}.",), ("transfer",),
    ),
    sign=Verb(
        "endorse", "endorsed",
        ("The patrons' office should endorse {it}.", "Please have {it} endorsed."),
        ("See to it that {it} gets the stamp of the patrons' office.",), ("approve",),
    ),
)  # fmt: skip
PLOT_HOLDER = Person(
    noun="plot holder",
    fields={
        "joined": Day(-4000, -60, label="day of joining"),
        "duty_hours": Number(0, 20, label="hours of communal work"),
        "keys": Number(1, 3, label="number of gate keys"),
    },
)
GARDEN_PLOT = Thing(
    noun="garden plot",
    names=(
        "Bean Row", "Carrot Corner", "Gooseberry Gate", "Marrow Bend", "Parsnip Patch", "Radish Rise", "Nettle End",
        "Compost Hollow", "Water Butt", "Scarecrow Side", "Robin's Fence", "Dock Leaf", "Leek Bank", "Old Greenhouse",
        "Pumpkin Path", "Rhubarb Shade", "Sweet Pea Arch", "Cabbage White",
    ),
    fields={
        "area": Number(50, 300, 10, label="area", unit="sqm", told="of {value}", extremes=("smallest", "largest")),
        "soil": Choice(("clay", "loam", "sand", "chalk"), label="soil", told="on {value}"),
        "sun": Choice(("sunny", "shaded", "mixed"), label="light", told="in a {value} spot"),
        "fruit_trees": Number(0, 5, label="number of fruit trees"),
        "ground_rent": Money(20, 120, 2, label="ground rent", extremes=("cheapest", "dearest")),
        "dug": Day(-200, -5, label="day of the last digging"),
    },
)  # fmt: skip
MULCH_BAY = Thing(
    noun="mulch bay",
    names=(
        "Bark Heap", "Leaf Mould Pen", "Straw Stack", "Manure Mound", "Wood Chip Crib", "Grass Box", "Ash Pit",
        "Hop Waste Bin", "Seaweed Trough", "Spent Mushroom Bed", "Coffee Grounds Tub", "Bracken Pile",
        "Sheep Wool Sack", "Cocoa Shell Keg", "Pine Needle Pen", "Turf Loaf",
    ),
    fields={
        "barrows": Number(6, 80, label="number of barrowloads", extremes=("emptiest", "fullest")),
        "material": Choice(("bark", "manure", "leaves", "straw"), label="material", told="for {value}"),
        "by": Choice(("gate", "pond", "shed"), label="place", told="by the {value}"),
        "turned": Day(-60, -1, label="day of the last turning", told="turned on {value}"),
        "load_price": Money(1, 6, label="price per barrowload"),
    },
    stock="barrows",
    fill=Verb(
        "tip onto", "topped up",
        ("The lorry has tipped {count} barrowloads onto {it}.", "Please add {count} barrowloads to {it}."),
        ("{count} barrowloads have just been forked onto {it}.",), ("add to",),
    ),
    take=Verb(
        "cart off", "carted from",
        ("I am carting {count} barrowloads away from {it}.", "Please put me down for {count} barrowloads from {it}."),
        ("My beds need {count} barrowloads out of {it}.",), ("remove from",),
    ),
)  # fmt: skip
PLOT_LEASE = Case(
    noun="plot lease",
    of="garden plot",
    fields={
        "from_day": Day(-900, 20, label="first day", told="from {value}", extremes=("oldest", "newest")),
        "share": Choice(("full", "half", "quarter"), label="share", told="for a {value} share"),
        "yearly": Money(10, 120, 2, label="yearly charge", extremes=("cheapest", "dearest"), total="charge"),
        "watering": Choice(("tap", "butt", "pump"), label="water supply", told="with water from the {value}"),
        "hens": Number(2, 9, label="number of hens"),
        "bonfires": Flag(label="bonfire permit"),
    },
    states=("offered", "let", "warned", "surrendered"),
    moves=(
        Move(("offered",), "let", Verb(
            "accept", "accepted",
            ("We will take it: accept {it} for us.", "Please accept {it} in my name."),
            ("I have seen the ground and say yes to {it}.",), ("take up",),
        )),
        Move(("let", "warned"), "surrendered", Verb(
            "surrender", "surrendered",
            ("My back will not have it any more, so I surrender {it}.", "Please let me surrender {it}."),
            ("The next on the list may dig there: I give {it} back.",), ("give up",),
        )),
        Move(("warned",), "let", Verb(
            "clear", "cleared",
            ("The weeds are gone, so clear {it} of the warning.", "Please lift the warning on {it}."),
            ("Come and look, it is tidy now: take the warning from {it}.",), ("absolve",),
        )),
    ),
    changes=(
        Change("watering"), Change("share"),
        Change("hens", Verb(
            "restock", "changed",
            ("I should like to keep {to} hens under {it}.", "Please allow {to} hens on {it}."),
            ("Let there be {to} hens under {it}.",), ("set hens of",),
        )),
    ),
    relink=Verb(
        "move", "moved",
        ("I would rather dig {thing}; move {it} there.", "Please let {it} be for {thing} instead."),
        ("Now that {thing} is vacant, let {it} stand for that.",), ("reassign",),
    ),
    sign=Verb(
        "witness", "witnessed",
        ("The committee should witness {it}.", "Please have {it} witnessed."),
        ("Somebody of the committee must put a name to {it}.",), ("ratify",),
    ),
)  # fmt: skip
WORK_PARTY = Case(
    noun="working party",
    plural="working parties",
    fields={
        "task": Choice(("hedges", "paths", "pond", "fences"), label="task", told="for the {value}"),
        "meet_on": Day(-10, 40, label="meeting day", told="on {value}", extremes=("earliest", "latest")),
        "hours": Number(
            2, 12, label="working time", unit="hours", extremes=("shortest", "longest"), total="working time"
        ),
        "helpers": Number(2, 15, label="number of helpers"),
        "tool": Choice(("shears", "spades", "rakes"), label="kind of tool"),
    },
    states=("announced", "joined", "done"),
    moves=(
        Move(("announced",), "joined", Verb(
            "join", "joined",
            ("I have my boots on: I will join {it}.", "Put my name on the sheet for {it}."),
            ("Count me in for {it}, I shall bring my own gloves.",), ("attend",),
        )),
        Move(("joined",), "done", Verb(
            "tick off", "ticked off",
            ("All is raked and swept; tick {it} off.", "Please tick {it} off, we have finished."),
            ("We are home with muddy knees; put {it} down as done.",), ("complete",),
        )),
    ),
    changes=(Change("helpers"), Change("tool"), Change("meet_on")),
    make=Verb(
        "call", "called",
        ("Please call a party for the {task} on {meet_on}.", "Let us see to the {task} together on {meet_on}."),
        ("Gather some hands for the {task} on {meet_on}.",), ("announce",),
    ),
    asked=("task", "meet_on"),
    drop=Verb(
        "abandon", "abandoned",
        ("It will pour all day: abandon {it}.", "Please abandon {it}, nobody can come."),
        ("Take the notice of {it} off the board.",), ("cancel",),
    ),
    pot="hours",
    pour=Verb(
        "credit", "credited",
        ("Credit {amount} hours of {it} to {other}.", "Please move {amount} hours from {it} to {other}."),
        ("Let {amount} of the hours of {it} count for {other}.",), ("shift",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="theatre",
        title="Theatre",
        role="You are the assistant of a theatre's box office. You serve one theatregoer at a time.",
        person=THEATREGOER,
        things=(STAGE_PLAY,),
        cases=(THEATRE_TICKET, SEASON_SUBSCRIPTION),
        short="stage",
    ),
    Theme(
        name="allotments",
        title="Allotment society",
        role="You are the assistant of an allotment society's secretary. You serve one plot holder at a time.",
        person=PLOT_HOLDER,
        things=(GARDEN_PLOT, MULCH_BAY),
        cases=(PLOT_LEASE, WORK_PARTY),
        short="plots",
    ),
)
