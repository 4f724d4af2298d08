"""Two themes: a society of beekeepers with its apiaries and honey house, and a water utility."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

BEEKEEPER = Person(
    noun="beekeeper",
    fields={
        "hives_owned": Number(1, 40, label="number of hives owned"),
        "trained": Choice(("novice", "certified", "master"), label="training"),
        "health_check": Day(-200, -3, label="day of the last health check"),
    },
)
APIARY = Thing(
    noun="apiary",
    plural="apiaries",
    names=(
        "Borage Bank", "Clover Rise", "Dandelion Dip", "Fireweed Edge", "Goldenrod Gap", "Heather Loft",
        "Ivy Wall End", "Knapweed Down", "Linden Walk", "Melilot Field", "Phacelia Strip", "Rosebay Cutting",
        "Sainfoin Slope", "Teasel Patch", "Vetch Hollow", "Willowherb Nook", "Yarrow Ledge",
    ),
    fields={
        "forage": Choice(("woodland", "moor", "rapeseed"), label="forage", told="near {value}"),
        "altitude": Number(20, 900, 10, "m", label="altitude", told="at {value}", extremes=("lowest", "highest")),
        "free_stands": Number(0, 8, label="number of free stands"),
        "fence": Choice(("electric", "hedge", "wire"), label="fence", told="behind the {value} fence"),
        "mown": Day(-40, -1, label="day of the last mowing"),
    },
    scarce="free_stands",
)  # fmt: skip
HONEY_VAT = Thing(
    noun="honey vat",
    names=(
        "Golden Queen", "Waggle Dance", "Propolis Pride", "Royal Jelly", "Smoker's Rest", "Swarm Song", "Nectar Flow",
        "Brood Nest", "Skep and Straw", "Wax Moth Foe", "Veil and Glove", "Hexagon", "Pollen Basket", "Frame Spinner",
        "Queen Excluder", "Honeydew Dark",
    ),
    fields={
        "nectar": Choice(("acacia", "chestnut", "buckwheat", "lime"), label="kind of honey", told="of {value} honey"),
        "content": Number(15, 400, 5, "kg", label="content", extremes=("emptiest", "fullest")),
        "moisture": Number(14, 20, unit="percent", label="moisture", told="at {value} moisture"),
        "texture": Choice(("runny", "creamed", "set"), label="texture", told="with the {value} texture"),
        "spun": Day(-120, -2, label="spinning day", extremes=("oldest", "freshest")),
    },
    stock="content",
    fill=Verb(
        "pour into",
        "filled up",
        ("I have spun {count} kg for {it}.", "Please add my {count} kg to {it}."),
        ("My supers gave {count} kg, and they are in {it} now.",),
        ("deliver",),
    ),
    take=Verb(
        "bottle",
        "bottled from",
        ("I want to bottle {count} kg from {it}.", "Please bottle {count} kg of what is in {it}."),
        ("My jars can take {count} kg out of {it}.",),
        ("jar",),
    ),
)  # fmt: skip
STAND = Case(
    noun="hive stand",
    of="apiary",
    fields={
        "from_day": Day(-10, 30, label="first day", told="from {value}", extremes=("earliest", "latest")),
        "colonies": Number(
            2, 9, label="number of colonies", extremes=("smallest", "largest"), total="number of colonies"
        ),
        "hive_type": Choice(("langstroth", "warre", "national"), label="kind of hive", told="for {value} hives"),
        "entrance": Choice(("south", "east", "west"), label="entrance", told="with the {value} entrance"),
        "ground_rent": Money(0, 60, 5, label="ground rent", extremes=("cheapest", "dearest"), total="ground rent"),
    },
    states=("allotted", "occupied", "wintering"),
    moves=(
        Move(
            ("allotted", "wintering"),
            "occupied",
            Verb(
                "occupy",
                "occupied",
                ("My hives are in place, so mark {it} as occupied.", "Please note that {it} is occupied."),
                ("The bees are flying at {it}.",),
                ("settle",),
            ),
        ),
        Move(
            ("occupied",),
            "wintering",
            Verb(
                "winterise",
                "winterised",
                ("I have fed and wrapped the hives: winterise {it}.", "Please winterise {it}."),
                ("The cold comes, so put {it} to sleep.",),
            ),
        ),
    ),
    changes=(
        Change("entrance"),
        Change("hive_type"),
        Change(
            "colonies",
            Verb(
                "set colonies of",
                "changed",
                ("I shall have {to} colonies on {it}.", "Please count {to} colonies on {it}."),
                ("After the split, {to} colonies live on {it}.",),
            ),
        ),
    ),
    make=Verb(
        "allot",
        "allotted",
        (
            "I would like to set up {hive_type} hives at {thing} from {from_day}.",
            "Allot me a stand at {thing} from {from_day} for {hive_type} hives.",
        ),
        ("Is there ground for my {hive_type} hives at {thing} from {from_day}?",),
        ("assign",),
    ),
    asked=("hive_type", "from_day"),
    drop=Verb(
        "give up",
        "given up",
        ("I give {it} up.", "My bees have gone to a friend, so I give {it} up."),
        ("Others may put their hives on {it}.",),
        ("vacate",),
    ),
    relink=Verb(
        "migrate",
        "migrated",
        ("I want to take {it} to {thing}.", "Please migrate {it} to {thing}."),
        ("The flowers are better at {thing}; let {it} go there.",),
        ("relocate",),
    ),
)
EXTRACTOR_TURN = Case(
    noun="honey-house turn",
    fields={
        "spins_on": Day(-3, 20, label="spinning day", told="on {value}", extremes=("earliest", "latest")),
        "key_at": Clock(7, 19, label="time for the key"),
        "frames": Number(
            8, 120, 4, label="number of frames", extremes=("shortest", "longest"), total="number of frames"
        ),
        "extractor": Choice(("radial", "tangential"), label="extractor", told="with the {value} extractor"),
        "heater": Flag(label="heater flag"),
    },
    states=("listed", "spinning", "swept"),
    moves=(
        Move(
            ("listed",),
            "spinning",
            Verb(
                "begin",
                "begun",
                ("I have got the key: begin {it}.", "Please enter that {it} has begun."),
                ("The drum is turning for {it}.",),
                ("start",),
            ),
        ),
        Move(
            ("spinning",),
            "swept",
            Verb(
                "sweep",
                "swept",
                ("The floor is mopped after {it}; note it as swept.", "Please mark {it} as swept."),
                ("Not a sticky spot is left after {it}.",),
                ("finish",),
            ),
        ),
    ),
    changes=(Change("extractor"), Change("key_at"), Change("spins_on")),
    pot="frames",
    pour=Verb(
        "regroup",
        "regrouped",
        ("Spin {amount} frames of {it} with {other} instead.", "Move {amount} frames from {it} to {other}."),
        ("Let {other} take {amount} frames off {it}.",),
    ),
    sign=Verb(
        "seal",
        "sealed",
        ("Please have {it} sealed by the inspector.", "The residue test is fine, so seal {it}."),
        ("Let the honey of {it} carry the society's seal.",),
    ),
)
RATEPAYER = Person(
    noun="water ratepayer",
    fields={
        "billing": Choice(("quarterly", "yearly", "prepaid"), label="billing"),
        "arrears": Money(0, 300, 10, label="arrears"),
        "people_in_home": Number(1, 8, label="number of people at home"),
    },
)
HYDRANT = Thing(
    noun="standpipe",
    names=(
        "Aqueduct Lane", "Boilerhouse Spur", "Cistern Court", "Drainwell", "Estuary Drive", "Ferrule Street",
        "Gravity Main", "Headworks Hill", "Inlet Place", "Lock Keeper", "Meterbox Mews", "Outfall Road", "Penstock",
        "Reservoir Rise", "Sluice Bend", "Tank Farm Corner", "Weir Cottage",
    ),
    fields={
        "main": Choice(("trunk", "branch", "loop"), label="main", told="on the {value} main"),
        "bore": Number(50, 300, 25, "mm", label="bore", told="of {value}", extremes=("narrowest", "widest")),
        "allowance": Number(100, 2000, 50, "m3", label="allowance", extremes=("stingiest", "amplest")),
        "key": Choice(("square", "false-spindle", "magnetic"), label="key", told="with the {value} key"),
        "flushed": Day(-180, -5, label="day of the last flushing"),
    },
    stock="allowance",
    fill=Verb(
        "replenish",
        "replenished",
        ("We have paid for {count} m3 more at {it}.", "Please replenish {it} by {count} m3."),
        ("Allow {count} m3 more at {it}.",),
    ),
    take=Verb(
        "draw off",
        "drawn off",
        ("Our site will draw {count} m3 from {it}.", "Please book off {count} m3 at {it}."),
        ("A tanker of ours has taken {count} m3 from {it}.",),
        ("tap",),
    ),
)  # fmt: skip
SUPPLY_ZONE = Thing(
    noun="supply zone",
    names=(
        "Upper Springs", "Lower Springs", "Chalk Borehole", "Moorland Dam", "Twin Reservoirs", "Greensand Wells",
        "Riverbank Filter", "Valley Treatment", "Limestone Adit", "Peaty Burn", "Old Pumphouse", "Hilltop Tank",
        "Marsh Intake", "Artesian Field", "Desalter West", "Blending Chamber",
    ),
    fields={
        "hardness": Choice(("soft", "moderate", "hard"), label="hardness", told="with {value} water"),
        "head": Number(15, 90, 5, "m", label="pressure head", extremes=("weakest", "strongest")),
        "homes": Number(300, 9000, 100, label="number of homes", extremes=("smallest", "largest")),
        "dosing": Choice(("chlorine", "ozone", "uv"), label="disinfection", told="treated with {value}"),
        "sampled": Day(-20, -1, label="day of the last sample"),
    },
)  # fmt: skip
METER_VISIT = Case(
    noun="meter visit",
    of="supply zone",
    fields={
        "fitter_on": Day(-4, 28, label="day of the visit", told="on {value}", extremes=("earliest", "latest")),
        "fitter_at": Clock(8, 17, label="time of the visit"),
        "reason": Choice(("leak", "exchange", "reading", "frost"), label="reason", told="for the {value}"),
        "cellar": Choice(("locked", "open"), label="cellar", told="with the {value} cellar"),
        "old_reading": Number(100, 4000, label="old reading", unit="m3"),
    },
    states=("booked-in", "attended", "unattended"),
    moves=(
        Move(
            ("booked-in",),
            "attended",
            Verb(
                "close",
                "closed",
                ("The fitter has been here: close {it}.", "Please close {it}; all is done."),
                ("Your man has done his work for {it}.",),
                ("complete",),
            ),
        ),
        Move(
            ("booked-in",),
            "unattended",
            Verb(
                "miss",
                "missed",
                ("I was out when he rang: enter {it} as missed.", "Please put {it} down as missed."),
                ("Nobody could open the door for {it}.",),
            ),
        ),
        Move(
            ("unattended",),
            "booked-in",
            Verb(
                "rebook",
                "rebooked",
                ("Please rebook {it}; I am at home now.", "I would like to rebook {it}."),
                ("Give {it} a second chance.",),
                ("revive",),
            ),
        ),
    ),
    changes=(Change("reason"), Change("cellar")),
    make=Verb(
        "arrange",
        "arranged",
        (
            "Send somebody from {thing} on {fitter_on}; it is about the {reason}.",
            "I live in {thing}: arrange a visit on {fitter_on} for the {reason}.",
        ),
        ("May a fitter from {thing} come on {fitter_on} because of the {reason}?",),
        ("dispatch",),
    ),
    asked=("fitter_on", "reason"),
    slot=("fitter_on", "fitter_at"),
    shift=Verb(
        "retime",
        "retimed",
        ("I am only in on {day} at {time}; retime {it}.", "Please retime {it} to {day} at {time}."),
        ("{day} at {time} is when I can open the door for {it}.",),
        ("reschedule",),
    ),
)
INSTALMENT = Case(
    noun="instalment plan",
    fields={
        "monthly": Money(10, 90, 5, label="monthly sum", told="of {value} a month", extremes=("lowest", "highest")),
        "months": Number(
            3, 24, label="number of months", unit="months", extremes=("shortest", "longest"), total="number of months"
        ),
        "begins": Day(-20, 40, label="first paying day", told="beginning on {value}"),
        "method": Choice(("debit", "giro", "cheque"), label="method", told="paid by {value}"),
        "paperless": Flag(label="paperless flag"),
    },
    states=("offered", "running", "lapsed"),
    moves=(
        Move(
            ("offered", "lapsed"),
            "running",
            Verb(
                "take up",
                "taken up",
                ("I take {it} up with thanks.", "Please enter that I take {it} up."),
                ("Let me start to pay on {it}.",),
                ("accept",),
            ),
        ),
        Move(
            ("running",),
            "lapsed",
            Verb(
                "stop",
                "stopped",
                ("I have lost my job; please stop {it}.", "Please stop {it} for the moment."),
                ("Do not debit me for {it} any more.",),
                ("halt",),
            ),
        ),
    ),
    changes=(
        Change("method"),
        Change("begins"),
        Change(
            "monthly",
            Verb(
                "set rate of",
                "changed",
                ("I can only pay {to} a month on {it}.", "Please make it {to} a month for {it}."),
                ("Let {it} cost me {to} each month.",),
            ),
        ),
    ),
    drop=Verb(
        "cancel",
        "cancelled",
        ("I have paid the whole bill, so cancel {it}.", "Please cancel {it}."),
        ("Tear {it} up.",),
        ("delete",),
    ),
)
THEMES = (
    Theme(
        name="beekeepers",
        title="Beekeepers' society",
        role="You are the assistant of a society of beekeepers. You serve one beekeeper at a time.",
        person=BEEKEEPER,
        things=(APIARY, HONEY_VAT),
        cases=(STAND, EXTRACTOR_TURN),
        short="bees",
    ),
    Theme(
        name="water_utility",
        title="Water utility",
        role="You are the assistant of a town's water utility. You serve one water ratepayer at a time.",
        person=RATEPAYER,
        things=(HYDRANT, SUPPLY_ZONE),
        cases=(METER_VISIT, INSTALMENT),
        short="water",
    ),
)
