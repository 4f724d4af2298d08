"""Two themes: a translation agency, and a firm that puts solar panels on roofs."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

COMMISSIONER = Person(
    noun="text commissioner",
    fields={
        "branch": Choice(("law", "pharma", "gaming", "tourism"), label="branch"),
        "words_bought": Number(1000, 90000, 1000, label="number of words bought"),
        "contract_ends": Day(-20, 500, label="end of the contract"),
    },
)
GLOSSARY = Thing(
    noun="language team",
    names=(
        "Tilde", "Cedilla", "Umlaut", "Ampersand", "Circumflex", "Semicolon", "Interrobang", "Diaeresis", "Em Dash",
        "Ligature", "Guillemets", "Pilcrow", "Ogonek", "Schwa", "Macron", "Breve", "Hacek", "Asterism",
    ),
    fields={
        "source": Choice(("dutch", "korean", "portuguese", "arabic"), label="source language", told="from {value}"),
        "target": Choice(("finnish", "czech", "swahili", "welsh"), label="target language", told="into {value}"),
        "pace": Number(
            1200, 4200, 100, "words", label="words per day", told="at {value} a day", extremes=("slowest", "fastest")
        ),
        "desks_free": Number(0, 7, label="number of free desks"),
        "rate": Money(8, 40, label="rate per page", extremes=("cheapest", "dearest")),
        "reviewed": Day(-200, -4, label="day of the last review"),
    },
    scarce="desks_free",
)  # fmt: skip
TRANSLATION = Case(
    noun="translation job",
    of="language team",
    fields={
        "text_kind": Choice(("patent", "leaflet", "contract", "manual"), label="kind of text", told="of the {value}"),
        "pages": Number(2, 220, label="number of pages", extremes=("shortest", "longest"), total="number of pages"),
        "delivery": Day(-2, 45, label="delivery day", told="for delivery on {value}", extremes=("earliest", "latest")),
        "register": Choice(("plain", "formal", "legal"), label="register", told="in the {value} register"),
        "memory": Number(0, 90, 5, "percent", label="match with earlier texts"),
        "certified": Flag(label="certification flag"),
    },
    states=("briefed", "in-draft", "proofread", "delivered"),
    moves=(
        Move(
            ("briefed",),
            "in-draft",
            Verb(
                "launch",
                "launched",
                ("The brief is complete, so launch {it}.", "Please launch {it} today."),
                ("Your people may sit down to {it} now.",),
                ("start",),
            ),
        ),
        Move(
            ("in-draft",),
            "proofread",
            Verb(
                "proofread",
                "proofread",
                ("Have {it} proofread, please.", "I want a second pair of eyes: proofread {it}."),
                ("Look for slips in {it}.",),
                ("revise",),
            ),
        ),
        Move(
            ("proofread", "delivered"),
            "in-draft",
            Verb(
                "query",
                "queried",
                ("A term is wrong, so I query {it}.", "Please note that I query {it}; it must be redone."),
                ("My lawyer stumbles over a word in {it}: back to the desk with it.",),
                ("reject",),
            ),
        ),
        Move(
            ("proofread",),
            "delivered",
            Verb(
                "deliver",
                "delivered",
                ("Please deliver {it}.", "We are waiting for the text, so deliver {it}."),
                ("Put {it} into my inbox.",),
            ),
        ),
    ),
    changes=(Change("register"), Change("delivery")),
    make=Verb(
        "brief",
        "briefed",
        (
            "I have a {text_kind} for {thing}, due on {delivery}.",
            "Please brief {thing}: a {text_kind}, due on {delivery}.",
        ),
        ("Could {thing} turn a {text_kind} around by {delivery}?",),
        ("commission",),
    ),
    asked=("text_kind", "delivery"),
    relink=Verb(
        "hand over",
        "handed over",
        ("Let {thing} do {it}.", "Please hand {it} to {thing}."),
        ("I trust {thing} more with {it}.",),
        ("reassign",),
    ),
    sign=Verb(
        "notarise",
        "notarised",
        ("The court wants {it} notarised.", "Please have {it} notarised."),
        ("Get the sworn stamp for {it}.",),
        ("attest",),
    ),
)
INTERPRETING = Case(
    noun="interpreter call",
    fields={
        "setting": Choice(("hearing", "factory", "summit"), label="setting", told="for the {value}"),
        "held": Day(-5, 30, label="day of the call", told="on {value}", extremes=("earliest", "latest")),
        "minutes": Number(
            15, 240, 15, "minutes", label="length", told="of {value}", extremes=("shortest", "longest"), total="length"
        ),
        "mode": Choice(("whispered", "booth", "relay"), label="mode"),
        "voices": Number(2, 6, label="number of interpreters"),
        "starts_at": Clock(7, 20, label="starting time"),
    },
    states=("optioned", "staffed", "worked"),
    moves=(
        Move(
            ("optioned",),
            "staffed",
            Verb(
                "staff",
                "staffed",
                ("The date is firm: staff {it}.", "Please staff {it}."),
                ("Find people who will do {it}.",),
                ("assign",),
            ),
        ),
        Move(
            ("staffed",),
            "optioned",
            Verb(
                "release",
                "released",
                ("The summit is in doubt, so release the people of {it} for now.", "Please release the team of {it}."),
                ("Nobody need keep the day free for {it} yet.",),
            ),
        ),
    ),
    changes=(
        Change("mode"),
        Change("starts_at"),
        Change(
            "voices",
            Verb(
                "set voices of",
                "changed",
                ("We need {to} interpreters for {it}.", "Please send {to} interpreters to {it}."),
                ("Plan {it} with {to} interpreters.",),
            ),
        ),
    ),
    pot="minutes",
    pour=Verb(
        "carry",
        "carried over",
        ("Use {amount} minutes of {it} for {other}.", "Please carry {amount} minutes from {it} to {other}."),
        ("Let {other} run {amount} minutes longer, at the cost of {it}.",),
    ),
)
TERM_LIST = Case(
    noun="term list",
    fields={
        "field": Choice(("medicine", "shipping", "finance"), label="field", told="on {value}"),
        "entries": Number(
            40, 900, 10, label="number of entries", extremes=("shortest", "longest"), total="number of entries"
        ),
        "agreed_on": Day(-400, -5, label="day of agreement", told="of {value}", extremes=("oldest", "newest")),
        "tone": Choice(("strict", "loose"), label="tone", told="in the {value} tone"),
        "columns": Number(2, 6, label="number of columns"),
    },
    states=("open", "frozen"),
    moves=(
        Move(
            ("open",),
            "frozen",
            Verb(
                "freeze",
                "frozen",
                ("Please freeze {it}.", "We agree on every word: freeze {it}."),
                ("Let nobody touch {it}.",),
            ),
        ),
        Move(
            ("frozen",),
            "open",
            Verb(
                "unfreeze",
                "unfrozen",
                ("Please unfreeze {it}.", "We have new terms, so unfreeze {it}."),
                ("Let us edit {it}.",),
            ),
        ),
    ),
    changes=(Change("tone"), Change("field"), Change("columns")),
)
HOMEOWNER = Person(
    noun="roof owner",
    fields={
        "roof": Choice(("slate", "tile", "metal", "flat"), label="roof"),
        "usage": Number(1500, 9500, 100, "kWh", label="yearly usage"),
        "subsidy": Money(0, 4000, 200, label="subsidy"),
    },
)
PANEL = Thing(
    noun="solar panel",
    names=(
        "Helio Thin", "Noon Catcher", "Photon Slate", "Zenith Black", "Bifacial Bea", "Sunstack", "Ray Tile",
        "Equinox Pro", "Solstice Lite", "Meridian Half-cut", "Daybreak Flex", "Radiant Frame", "Highsun Duo",
        "Perovia", "Wattleaf", "Luxkern",
    ),
    fields={
        "peak": Number(320, 560, 10, "W", label="peak power", told="of {value}", extremes=("weakest", "strongest")),
        "frame": Choice(("silver", "black", "frameless"), label="frame", told="with the {value} frame"),
        "in_depot": Number(6, 160, label="number in the depot", extremes=("scarcest", "commonest")),
        "depot": Choice(("harbour", "motorway", "airfield"), label="depot", told="in the {value} depot"),
        "warranty": Number(10, 30, 5, "years", label="warranty"),
    },
    stock="in_depot",
    fill=Verb(
        "unload",
        "unloaded",
        ("The container brought {count} pieces of {it}.", "Please enter {count} more pieces of {it}."),
        ("We have {count} pieces of {it} more than yesterday.",),
        ("receive",),
    ),
)  # fmt: skip
CREW = Thing(
    noun="roofing crew",
    names=(
        "Ridge Cats", "Gable Six", "Dormer Lads", "Chimney Swifts", "Eaves Droppers", "Soffit Team", "Purlin Pair",
        "Truss & Sons", "Flashing Four", "Gutterers", "Rafter Girls", "Shingle Squad", "Skylight Trio", "Battens",
        "Valley Tilers", "Lead Apron",
    ),
    fields={
        "van": Choice(("long", "crane", "ladder"), label="van", told="with the {value} van"),
        "hands": Number(2, 7, label="number of hands", extremes=("smallest", "largest")),
        "region": Choice(("coast", "hills", "city"), label="region", told="for the {value}"),
        "roofs_done": Number(5, 320, 5, label="number of roofs done", told="with {value} roofs done"),
        "scaffold": Flag(label="scaffold flag"),
    },
)  # fmt: skip
INSTALLATION = Case(
    noun="roof installation",
    of="roofing crew",
    fields={
        "fits_on": Day(-8, 70, label="fitting day", told="on {value}", extremes=("earliest", "latest")),
        "arrival": Clock(7, 14, label="time of arrival"),
        "modules": Number(
            6, 40, label="number of modules", extremes=("smallest", "largest"), total="number of modules"
        ),
        "inverter": Choice(("string", "micro", "hybrid"), label="inverter", told="with the {value} inverter"),
        "pitch": Number(0, 45, 5, "degrees", label="roof pitch", told="at a pitch of {value}"),
        "battery": Flag(label="battery flag"),
    },
    states=("surveyed", "scaffolded", "mounted", "live"),
    moves=(
        Move(
            ("surveyed",),
            "scaffolded",
            Verb(
                "scaffold",
                "scaffolded",
                ("The poles are up: enter {it} as scaffolded.", "Please scaffold {it}."),
                ("My house stands in a cage of steel for {it}.",),
            ),
        ),
        Move(
            ("scaffolded",),
            "mounted",
            Verb(
                "mount",
                "mounted",
                ("The last module is on: mark {it} as mounted.", "Please note {it} as mounted."),
                ("Everything is screwed to the rafters for {it}.",),
            ),
        ),
        Move(
            ("mounted",),
            "live",
            Verb(
                "energise",
                "energised",
                ("Please energise {it}.", "The sun is out, so energise {it}."),
                ("Let the current of {it} flow.",),
                ("switch on",),
            ),
        ),
    ),
    changes=(Change("inverter"), Change("modules")),
    make=Verb(
        "plan",
        "planned",
        (
            "I want {thing} on my roof on {fits_on}, with a {inverter} inverter.",
            "Plan a roof for me with {thing}: {fits_on}, {inverter} inverter.",
        ),
        ("Would {thing} climb up to us on {fits_on} with a {inverter} inverter?",),
        ("order",),
    ),
    asked=("fits_on", "inverter"),
    slot=("fits_on", "arrival"),
    shift=Verb(
        "push back",
        "pushed back",
        ("Push {it} back to {day} at {time}.", "We are only at home on {day} at {time}; change {it}."),
        ("{day}, {time} is drier for {it}.",),
        ("reschedule",),
    ),
)
GRID_PAPER = Case(
    noun="feed-in contract",
    fields={
        "tariff": Number(
            4, 14, unit="cents", label="feed-in tariff", told="at {value}", extremes=("poorest", "richest")
        ),
        "meter": Choice(("smart", "two-way", "analogue"), label="meter", told="with the {value} meter"),
        "ready_on": Day(-15, 90, label="day of readiness", told="ready on {value}", extremes=("earliest", "latest")),
        "term": Number(5, 25, 5, "years", label="term"),
        "payout": Choice(("monthly", "quarterly", "yearly"), label="payout", told="with {value} payout"),
    },
    states=("drawn-up", "lodged", "in-force"),
    moves=(
        Move(
            ("drawn-up",),
            "lodged",
            Verb(
                "lodge",
                "lodged",
                ("Please lodge {it} with the grid.", "All papers are here: lodge {it}."),
                ("Let the grid people have {it}.",),
                ("submit",),
            ),
        ),
        Move(
            ("lodged",),
            "drawn-up",
            Verb(
                "recall",
                "recalled",
                ("I want to recall {it} and correct it.", "Please recall {it}."),
                ("There is a wrong figure in {it}; get it back from the grid.",),
            ),
        ),
    ),
    changes=(Change("payout"), Change("meter"), Change("ready_on")),
    drop=Verb(
        "terminate",
        "terminated",
        ("Please terminate {it}.", "We sell the house, so terminate {it}."),
        ("From now on I use all my current myself; {it} is over.",),
        ("cancel",),
    ),
    sign=Verb(
        "ratify",
        "ratified",
        ("We both ratify {it}.", "Please enter that I ratify {it}."),
        ("Both our names are under {it}.",),
        ("sign",),
    ),
)
THEMES = (
    Theme(
        name="translation_agency",
        title="Translation agency",
        role="You are the assistant of a translation agency. You serve one text commissioner at a time.",
        person=COMMISSIONER,
        things=(GLOSSARY,),
        cases=(TRANSLATION, INTERPRETING, TERM_LIST),
        short="texts",
    ),
    Theme(
        name="solar_installer",
        title="Solar installer",
        role="You are the assistant of a firm that puts solar panels on roofs. You serve one roof owner at a time.",
        person=HOMEOWNER,
        things=(PANEL, CREW),
        cases=(INSTALLATION, GRID_PAPER),
        short="solar",
    ),
)
