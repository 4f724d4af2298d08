"""Two themes: a community kitchen that its members cook in, and a wind farm that neighbours own shares of."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

COOK = Person(
    noun="volunteer cook",
    fields={
        "hygiene_until": Day(-20, 200, label="end of the hygiene certificate"),
        "diet": Choice(("vegan", "halal", "anything"), label="diet"),
        "shifts_done": Number(0, 60, label="number of shifts done"),
    },
)
STOVE = Thing(
    noun="cooking station",
    names=(
        "Ladle Corner", "Big Wok", "Copper Pan", "Skillet Row", "Dumpling Bench", "Griddle End", "Simmer Side",
        "Stockpot", "Tandoor Nook", "Whisk and Bowl", "Rolling Pin", "Pressure Pot", "Flatbread Stone", "Mandoline",
        "Colander Bay", "Pestle Place", "Steamer Shelf",
    ),
    fields={
        "heat": Choice(("gas", "induction", "charcoal"), label="heat", told="with {value} heat"),
        "burners": Number(1, 8, label="number of burners", extremes=("smallest", "largest")),
        "room": Choice(("front", "cellar", "courtyard"), label="room", told="in the {value} room"),
        "portions": Number(20, 240, 10, label="portions per hour", told="for {value} portions per hour"),
        "scrubbed": Day(-14, -1, label="day of the last deep clean"),
    },
)  # fmt: skip
LARDER = Thing(
    noun="larder bin",
    names=(
        "Red Lentil", "Pearl Barley", "Basmati", "Buckwheat", "Chickpea", "Polenta", "Semolina", "Black Bean",
        "Rolled Oat", "Millet", "Bulgur", "Split Pea", "Cornflour", "Couscous", "Freekeh", "Mung Bean", "Tapioca",
    ),
    fields={
        "kilos": Number(4, 90, label="weight inside", unit="kg", extremes=("emptiest", "fullest")),
        "allergen": Choice(("gluten", "sesame", "none"), label="allergen", told="with allergen mark {value}"),
        "best_before": Day(5, 300, label="best-before day", told="best before {value}", extremes=("oldest", "newest")),
        "donor": Choice(("mosque", "farm", "school", "market"), label="donor", told="from the {value}"),
        "rack": Number(1, 12, label="rack number"),
    },
    stock="kilos",
    fill=Verb(
        "top up",
        "topped up",
        ("I have brought {count} kg for {it}.", "Please top {it} up by {count} kg."),
        ("A sack of {count} kg went into {it}; please note it.",),
        ("donate to",),
    ),
    take=Verb(
        "scoop",
        "scooped from",
        ("I need {count} kg from {it} for the soup.", "Please let me scoop {count} kg out of {it}."),
        ("My pot wants {count} kg of what is in {it}.",),
        ("use up",),
    ),
)  # fmt: skip
COOKING_SLOT = Case(
    noun="cooking slot",
    of="cooking station",
    fields={
        "cooks_on": Day(-4, 21, label="cooking day", told="on {value}", extremes=("earliest", "latest")),
        "from_time": Clock(7, 20, label="starting time"),
        "dish": Choice(("stew", "curry", "casserole", "soup"), label="dish", told="for the {value}"),
        "helpers": Number(2, 8, label="number of helpers", extremes=("quietest", "busiest"), total="number of helpers"),
        "music": Flag(label="music flag"),
    },
    states=("signed-up", "cooking", "cleaned", "skipped"),
    moves=(
        Move(
            ("signed-up",),
            "cooking",
            Verb(
                "start",
                "started",
                ("I am in my apron, so start {it}.", "Please mark {it} as started."),
                ("The pans are hot: {it} has begun.",),
                ("light",),
            ),
        ),
        Move(
            ("cooking",),
            "cleaned",
            Verb(
                "clean up",
                "cleaned up",
                ("Everything is wiped down after {it}; tick it off.", "Please note that I cleaned up after {it}."),
                ("You could eat off the floor now that {it} is over.",),
                ("wipe down",),
            ),
        ),
        Move(
            ("signed-up",),
            "skipped",
            Verb(
                "skip",
                "skipped",
                ("I have a cold; please skip {it}.", "Skip {it}, please."),
                ("Nobody should wait for me at {it}.",),
            ),
        ),
    ),
    changes=(
        Change("dish"),
        Change(
            "helpers",
            Verb(
                "set helpers for",
                "changed",
                ("I am bringing {to} helpers to {it}.", "Please put {to} helpers down for {it}."),
                ("There will be {to} helpers with me at {it}.",),
            ),
        ),
    ),
    make=Verb(
        "sign up for",
        "signed up for",
        (
            "I want to make a {dish} at {thing} on {cooks_on}.",
            "Sign me up at {thing} on {cooks_on}; it will be a {dish}.",
        ),
        ("Is {thing} mine on {cooks_on}? I would cook a {dish}.",),
        ("claim",),
    ),
    asked=("cooks_on", "dish"),
    slot=("cooks_on", "from_time"),
    shift=Verb(
        "swap",
        "swapped",
        ("Please put {it} on {day} at {time} instead.", "I can only cook on {day} at {time}; change {it}."),
        ("Could {it} wait until {day}, {time}?",),
        ("reschedule",),
    ),
)
MEAL_BOX = Case(
    noun="meal box",
    plural="meal boxes",
    fields={
        "household": Choice(("single", "couple", "family"), label="household", told="for a {value} household"),
        "meals": Number(2, 20, label="number of meals", extremes=("smallest", "biggest"), total="number of meals"),
        "pickup": Day(-2, 14, label="pick-up day", told="for {value}", extremes=("earliest", "latest")),
        "spice": Choice(("mild", "medium", "fiery"), label="spice level", told="with {value} spice"),
        "donation": Money(0, 40, 2, label="donation", total="donation"),
        "reusable": Flag(label="reusable container flag"),
    },
    states=("packed", "collected", "passed-on"),
    moves=(
        Move(
            ("packed",),
            "collected",
            Verb(
                "collect",
                "collected",
                ("I am at the hatch for {it}.", "Please hand {it} to me."),
                ("I would like to carry {it} home now.",),
                ("hand over",),
            ),
        ),
        Move(
            ("packed",),
            "passed-on",
            Verb(
                "pass on",
                "passed on",
                ("We are away, so pass {it} on to somebody else.", "Please pass {it} on."),
                ("Let another family eat {it}.",),
            ),
        ),
    ),
    changes=(Change("spice"), Change("pickup"), Change("household")),
    drop=Verb(
        "strike",
        "struck off",
        ("Please strike {it} off the list.", "We do not need {it}; take it off the list."),
        ("Do not even pack {it}.",),
        ("delete",),
    ),
    pot="meals",
    pour=Verb(
        "repack",
        "repacked",
        ("Take {amount} meals out of {it} and put them into {other}.", "Move {amount} meals from {it} to {other}."),
        ("Let {other} have {amount} of the meals in {it}.",),
    ),
)
SHAREHOLDER = Person(
    noun="wind shareholder",
    fields={
        "parish": Choice(("upper", "lower", "coastal"), label="parish"),
        "shares": Number(1, 80, label="number of shares"),
        "joined": Day(-3000, -20, label="joining day"),
        "tariff": Choice(("green", "night", "flat"), label="tariff"),
    },
)
TURBINE = Thing(
    noun="turbine",
    names=(
        "Mistral", "Sirocco", "Bora", "Zephyr", "Harmattan", "Tramontana", "Chinook", "Levanter", "Pampero", "Khamsin",
        "Etesian", "Williwaw", "Ostro", "Libeccio", "Gregale", "Foehn", "Diablo Breeze", "Shamal",
    ),
    fields={
        "ridge": Choice(("heath", "dune", "quarry"), label="site", told="at the {value} site"),
        "hub_height": Number(60, 160, 5, "m", label="hub height", told="of {value}", extremes=("lowest", "tallest")),
        "output": Number(800, 4200, 100, "kW", label="rated output", extremes=("weakest", "strongest")),
        "gearbox": Choice(("direct", "planetary"), label="gearbox", told="with the {value} gearbox"),
        "inspected": Day(-300, -5, label="day of the last blade inspection"),
        "noise_limit": Number(35, 55, unit="dB", label="noise limit"),
    },
)  # fmt: skip
SPARES = Thing(
    noun="spare rack",
    names=(
        "Nacelle Bolts", "Yaw Rings", "Pitch Motors", "Brake Pads A", "Rotor Bearings", "Slip Rings", "Hub Seals",
        "Blade Bolts", "Cooling Fans", "Anemometers", "Gear Oil Filters", "Generator Brushes", "Tower Lamps",
        "Lightning Rods", "Leading-edge Tape", "Hydraulic Hoses",
    ),
    fields={
        "pieces": Number(3, 70, label="number of pieces", extremes=("emptiest", "fullest")),
        "store": Choice(("container", "barn", "workshop"), label="store", told="in the {value}"),
        "unit_cost": Money(5, 600, 5, label="cost per piece", told="at {value} each", extremes=("cheapest", "dearest")),
        "wear": Choice(("fast", "slow"), label="rate of wear", told="for parts of {value} wear"),
        "reordered": Day(-120, -1, label="day of the last order"),
    },
    stock="pieces",
    take=Verb(
        "issue",
        "issued from",
        ("Our crew needs {count} pieces from {it}.", "Please issue {count} pieces from {it}."),
        ("The fitter is waiting for {count} pieces off {it}.",),
        ("withdraw",),
    ),
)  # fmt: skip
TOUR = Case(
    noun="turbine visit",
    of="turbine",
    fields={
        "visit_day": Day(-3, 60, label="visiting day", told="on {value}", extremes=("earliest", "latest")),
        "gate_time": Clock(9, 16, label="gate time"),
        "group": Choice(("class", "family", "council"), label="kind of group", told="for the {value}"),
        "visitors": Number(
            2, 24, label="number of visitors", extremes=("smallest", "largest"), total="number of visitors"
        ),
        "climb": Flag(label="climbing flag"),
        "helmets_in": Choice(("white", "yellow", "orange"), label="helmet colour", told="with {value} helmets"),
    },
    states=("asked-for", "agreed", "held", "windbound"),
    moves=(
        Move(
            ("asked-for", "windbound"),
            "agreed",
            Verb(
                "agree",
                "agreed",
                ("The date suits us; please agree {it}.", "We say yes to {it}: enter it as agreed."),
                ("You can count on our group for {it}.",),
                ("accept",),
            ),
        ),
        Move(
            ("agreed",),
            "windbound",
            Verb(
                "halt",
                "halted",
                ("A gale is forecast: put a halt to {it}.", "Please halt {it}; it is too windy."),
                ("Nobody should climb in this storm, so let {it} wait.",),
                ("suspend",),
            ),
        ),
    ),
    changes=(Change("visitors"), Change("helmets_in")),
    drop=Verb(
        "abandon",
        "abandoned",
        ("Please abandon {it} altogether.", "Our group has lost interest, so abandon {it}."),
        ("There is no need for {it} any more.",),
        ("cancel",),
    ),
    relink=Verb(
        "redirect",
        "redirected",
        ("Take us to {thing} with {it}.", "Please change {it} so that we see {thing}."),
        ("Our group would sooner stand under {thing}; adapt {it}.",),
    ),
    slot=("visit_day", "gate_time"),
    shift=Verb(
        "rearrange",
        "rearranged",
        ("Please rearrange {it} for {day} at {time}.", "We can only be at the gate on {day} at {time}; change {it}."),
        ("{day}, {time} would be the best moment for {it}.",),
    ),
)
LEASE = Case(
    noun="land-use claim",
    fields={
        "cause": Choice(("shadow", "ice-throw", "access-road", "noise"), label="cause", told="over {value}"),
        "acres": Number(1, 30, label="area", unit="acres", extremes=("smallest", "largest"), total="area"),
        "compensation": Money(100, 3000, 50, label="compensation", told="of {value}", total="compensation"),
        "crop": Choice(("barley", "pasture", "beet"), label="crop", told="for the {value} field"),
        "survey_on": Day(-10, 40, label="survey day", extremes=("earliest", "latest")),
    },
    states=("filed", "surveyed", "paid-out", "disputed"),
    moves=(
        Move(
            ("filed",),
            "surveyed",
            Verb(
                "survey",
                "surveyed",
                ("Your man has measured the field: mark {it} as surveyed.", "Please enter {it} as surveyed."),
                ("The pegs are in the ground for {it}.",),
            ),
        ),
        Move(
            ("surveyed", "disputed"),
            "paid-out",
            Verb(
                "pay out",
                "paid out",
                ("I want {it} paid out.", "Please pay {it} out."),
                ("Send me the money for {it}.",),
                ("remit",),
            ),
        ),
        Move(
            ("surveyed", "paid-out"),
            "disputed",
            Verb(
                "dispute",
                "disputed",
                ("That is far too little: I dispute {it}.", "Please enter that I dispute {it}."),
                ("I cannot agree to what you offer in {it}.",),
                ("contest",),
            ),
        ),
    ),
    changes=(Change("crop"), Change("survey_on"), Change("acres")),
    sign=Verb(
        "witness",
        "witnessed",
        ("Please have {it} witnessed.", "Our board should witness {it}."),
        ("Put the seal of the farm under {it}.",),
        ("endorse",),
    ),
)
THEMES = (
    Theme(
        name="community_kitchen",
        title="Community kitchen",
        role="You are the assistant of a community kitchen. You serve one volunteer cook at a time.",
        person=COOK,
        things=(STOVE, LARDER),
        cases=(COOKING_SLOT, MEAL_BOX),
        short="kitchen",
    ),
    Theme(
        name="wind_farm",
        title="Wind farm",
        role="You are the assistant of a wind farm that its neighbours own. You serve one wind shareholder at a time.",
        person=SHAREHOLDER,
        things=(TURBINE, SPARES),
        cases=(TOUR, LEASE),
        short="wind",
    ),
)
