"""Two themes: a quarry that sells stone to builders, and the dispatch office of a taxi firm."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

STONE_BUYER = Person(
    noun="stone buyer",
    fields={
        "trade": Choice(("roads", "gardens", "masonry"), label="trade"),
        "credit_limit": Money(1000, 20000, 500, label="credit limit"),
        "own_lorries": Number(0, 9, label="number of own lorries"),
    },
)
HEAP = Thing(
    noun="stone heap",
    names=(
        "Scree Slope", "Benchmark Pile", "Drill Core", "Overburden", "Plug and Feather", "Rubble Ridge", "Shotfire",
        "Spoil Tip", "Talus", "Dragline", "Jaw Crusher", "Cone Crusher", "Screen Deck", "Rip-rap", "Ballast Bank",
        "Hoggin", "Type One", "Crusher Run",
    ),
    fields={
        "rock": Choice(("limestone", "gritstone", "dolerite"), label="rock", told="of {value}"),
        "size": Number(2, 90, 2, "mm", label="grain size", told="of {value}", extremes=("finest", "coarsest")),
        "tonnes": Number(40, 6000, 20, "tonnes", label="tonnage", extremes=("lowest", "highest")),
        "ton_price": Money(4, 48, label="price per tonne", extremes=("cheapest", "dearest")),
        "bench": Choice(("upper", "middle", "floor"), label="bench", told="on the {value} bench"),
        "blasted": Day(-150, -2, label="day of the blast"),
    },
    stock="tonnes",
    fill=Verb(
        "tip",
        "tipped onto",
        ("We bring back {count} tonnes for {it}.", "Please let us tip {count} tonnes onto {it}."),
        ("Our lorry has {count} tonnes too many, and they can lie on {it}.",),
        ("return to",),
    ),
    take=Verb(
        "load up",
        "loaded from",
        ("Our lorry is here for {count} tonnes of {it}.", "Please load up {count} tonnes from {it}."),
        ("Let your shovel drop {count} tonnes of {it} into our lorry.",),
        ("weigh out",),
    ),
)  # fmt: skip
LORRY_LOAD = Case(
    noun="stone order",
    of="stone heap",
    fields={
        "amount_t": Number(2, 60, label="load", unit="tonnes", extremes=("smallest", "largest"), total="load"),
        "site": Choice(("bypass", "sea-wall", "churchyard"), label="site", told="for the {value}"),
        "by_day": Day(-3, 35, label="delivery day", told="due on {value}", extremes=("earliest", "latest")),
        "washed": Choice(("washed", "unwashed"), label="finish", told="in {value} stone"),
        "haulage": Money(30, 700, 10, label="haulage", extremes=("cheapest", "dearest"), total="haulage"),
        "tail_lift": Flag(label="tail-lift flag"),
    },
    states=("quoted", "weighed", "tipped", "queried"),
    moves=(
        Move(
            ("quoted",),
            "weighed",
            Verb(
                "weigh",
                "weighed",
                ("The price is right: weigh {it}.", "Please send {it} over the weighbridge."),
                ("Get the ticket of the weighbridge for {it}.",),
            ),
        ),
        Move(
            ("weighed", "queried"),
            "tipped",
            Verb(
                "sign off",
                "signed off",
                ("It lies on our ground now: sign {it} off.", "Please sign {it} off; the load is here."),
                ("The driver has emptied {it} in front of our foreman.",),
                ("complete",),
            ),
        ),
        Move(
            ("weighed", "tipped"),
            "queried",
            Verb(
                "query",
                "queried",
                ("There was clay among the stone, so we query {it}.", "Please note that we query {it}."),
                ("Our foreman shakes his head over what came with {it}.",),
                ("contest",),
            ),
        ),
    ),
    changes=(Change("site"), Change("washed"), Change("by_day")),
    make=Verb(
        "order",
        "ordered",
        (
            "We need a load of {thing} for the {site} by {by_day}.",
            "Order a load of {thing}: for the {site}, due on {by_day}.",
        ),
        ("Our men at the {site} wait for a load of {thing}; can it come by {by_day}?",),
        ("place",),
    ),
    asked=("site", "by_day"),
    pot="amount_t",
    pour=Verb(
        "reload",
        "reloaded",
        ("Move {amount} tonnes from {it} to {other}.", "Please put {amount} tonnes of {it} onto {other}."),
        ("We want {amount} tonnes less with {it} and as much more with {other}.",),
    ),
)
BLOCK_CUT = Case(
    noun="block reservation",
    fields={
        "face": Choice(("east", "west", "old"), label="quarry face", told="from the {value} face"),
        "volume": Number(
            1, 18, unit="m3", label="volume", told="of {value}", extremes=("smallest", "largest"), total="volume"
        ),
        "sawn": Choice(("rough", "sawn", "split"), label="surface", told="with the {value} surface"),
        "held_until": Day(-4, 90, label="last day on hold", extremes=("soonest", "latest")),
        "retainer": Money(50, 1500, 50, label="retainer", total="retainer"),
    },
    states=("chalked", "sawn-out", "let-go"),
    moves=(
        Move(
            ("chalked",),
            "sawn-out",
            Verb(
                "saw out",
                "sawn out",
                ("Our sculptor has chosen: saw {it} out.", "Please saw {it} out."),
                ("Set the wire saw to the rock for {it}.",),
                ("cut",),
            ),
        ),
        Move(
            ("chalked",),
            "let-go",
            Verb(
                "let go",
                "let go",
                ("There is a crack in it, so we let {it} go.", "Please let {it} go."),
                ("Wipe our chalk mark off {it}.",),
                ("free",),
            ),
        ),
    ),
    changes=(
        Change("sawn"),
        Change(
            "held_until",
            Verb(
                "keep back",
                "kept back",
                ("Please keep {it} back until {to}.", "We need {it} kept until {to}."),
                ("Do not sell {it} to anybody before {to}.",),
                ("extend",),
            ),
        ),
    ),
    sign=Verb(
        "warrant",
        "warranted",
        ("The architect wants you to warrant {it}.", "Please warrant {it} as sound."),
        ("Your geologist should give his word that {it} has no flaw.",),
        ("certify",),
    ),
)
HAUL_PASS = Case(
    noun="haul-road pass",
    plural="haul-road passes",
    fields={
        "lorry": Choice(("tipper", "flatbed", "mixer"), label="lorry", told="for the {value}"),
        "axles": Number(2, 6, label="number of axles", told="for {value} axles", extremes=("lightest", "heaviest")),
        "lasts_to": Day(5, 300, label="last day", told="until {value}", extremes=("soonest", "latest")),
        "gate": Choice(("top-gate", "rail-gate"), label="gate"),
        "opens_at": Clock(5, 8, label="first hour"),
    },
    states=("good", "withheld"),
    moves=(
        Move(
            ("good",),
            "withheld",
            Verb(
                "withhold",
                "withheld",
                ("Our driver speeds, so withhold {it}.", "Please withhold {it} for now."),
                ("Keep the barrier down for {it}.",),
            ),
        ),
        Move(
            ("withheld",),
            "good",
            Verb(
                "restore",
                "restored",
                ("Please restore {it}.", "We have a new driver: restore {it}."),
                ("Lift the barrier for {it}.",),
            ),
        ),
    ),
    changes=(Change("lorry"), Change("gate"), Change("opens_at")),
)
FARE = Person(
    noun="taxi rider",
    fields={
        "account": Choice(("cash", "company", "voucher"), label="account"),
        "trips": Number(0, 400, label="number of trips"),
        "stars": Number(1, 5, label="stars from drivers"),
    },
)
CAB = Thing(
    noun="taxi cab",
    names=(
        "Lamplighter", "Rainy Monday", "Red Umbrella", "Last Train Home", "Theatreland", "Boulevardier", "Red Eye",
        "Meter Maid", "The Knowledge", "Scenic Detour", "Shortcut", "U-turn", "Green Wave", "Backseat Bard",
        "Fast Lane", "Hackney Belle", "Roundabout",
    ),
    fields={
        "body": Choice(("saloon", "estate", "minibus"), label="body", told="with the {value} body"),
        "drive": Choice(("hybrid", "battery", "diesel"), label="drive", told="on {value}"),
        "passengers": Number(
            3, 8, label="number of seats", told="with {value} seats", extremes=("smallest", "largest")
        ),
        "bookable": Number(0, 7, label="number of trips left"),
        "per_km": Money(1, 6, label="fare per kilometre", extremes=("cheapest", "dearest")),
        "radio": Flag(label="radio flag"),
    },
    scarce="bookable",
)  # fmt: skip
TRIP = Case(
    noun="taxi trip",
    of="taxi cab",
    fields={
        "from_where": Choice(
            ("airport", "hospital", "theatre", "museum"), label="place of pick-up", told="from the {value}"
        ),
        "leaves_on": Day(-2, 14, label="day of the trip", told="on {value}", extremes=("earliest", "latest")),
        "leaves_at": Clock(4, 23, label="time of pick-up"),
        "kilometres": Number(2, 70, 1, "km", label="distance", extremes=("shortest", "longest"), total="distance"),
        "ride_with": Choice(("pram", "wheelchair", "dog", "nothing"), label="extra", told="with {value} aboard"),
        "flat_fare": Money(8, 150, label="flat fare", told="for {value}", total="flat fare"),
    },
    states=("hailed", "under-way", "dropped", "missed"),
    moves=(
        Move(
            ("hailed",),
            "under-way",
            Verb(
                "send",
                "sent",
                ("I have my coat on: send the driver for {it}.", "Please send the driver for {it}."),
                ("The driver may turn the key for {it}.",),
                ("dispatch",),
            ),
        ),
        Move(
            ("under-way",),
            "dropped",
            Verb(
                "drop off",
                "dropped off",
                ("We have arrived; enter {it} as dropped off.", "Please mark {it} as dropped off."),
                ("The driver has just set me down after {it}.",),
                ("end",),
            ),
        ),
        Move(
            ("hailed", "under-way"),
            "missed",
            Verb(
                "miss",
                "missed",
                ("I have overslept and missed {it}.", "Please note that I missed {it}; I shall pay."),
                ("The driver rang and rang, but I slept through {it}.",),
            ),
        ),
    ),
    changes=(
        Change("ride_with"),
        Change(
            "from_where",
            Verb(
                "repoint",
                "changed",
                ("Please pick me up at the {to} for {it}.", "I shall be at the {to} when {it} is due; change that."),
                ("Look for me at the {to} for {it}.",),
                ("set pickup",),
            ),
        ),
    ),
    make=Verb(
        "hail",
        "hailed",
        (
            "Hail {thing} for me on {leaves_on}, from the {from_where}.",
            "I need {thing} at the {from_where} on {leaves_on}.",
        ),
        ("Could {thing} pick me up from the {from_where} on {leaves_on}?",),
        ("order",),
    ),
    asked=("leaves_on", "from_where"),
    drop=Verb(
        "wave off",
        "waved off",
        ("A friend drives me, so wave {it} off.", "Please wave {it} off."),
        ("I shall walk; {it} is not needed.",),
        ("cancel",),
    ),
    relink=Verb(
        "reassign",
        "reassigned",
        ("I would like {thing} for {it}.", "We have more luggage: use {thing} for {it}."),
        ("Let {thing} come for {it}.",),
        ("recab",),
    ),
    slot=("leaves_on", "leaves_at"),
    shift=Verb(
        "reschedule",
        "rescheduled",
        ("My train comes later: pick me up on {day} at {time} for {it}.", "Please reschedule {it} to {day}, {time}."),
        ("{day} at {time} is when I step out of the door for {it}.",),
    ),
)
LOST_THING = Case(
    noun="lost-item report",
    fields={
        "object": Choice(("umbrella", "phone", "glove", "violin"), label="object", told="about the {value}"),
        "lost_on": Day(-20, -1, label="day of the loss", told="of {value}", extremes=("oldest", "newest")),
        "seat": Choice(("front-seat", "back-seat", "boot"), label="place in the cab", told="for the {value}"),
        "reward": Money(0, 100, 5, label="reward", extremes=("poorest", "richest"), total="reward"),
        "calls": Number(0, 8, label="number of calls"),
    },
    states=("searching", "found", "given-up"),
    moves=(
        Move(
            ("searching",),
            "found",
            Verb(
                "close",
                "closed",
                ("It was in my other bag: close {it}.", "The driver has brought it back, so close {it}."),
                ("I have got my things again and {it} is settled.",),
                ("settle",),
            ),
        ),
        Move(
            ("searching",),
            "given-up",
            Verb(
                "abandon",
                "abandoned",
                ("I have bought a new one; abandon {it}.", "Please abandon {it}."),
                ("There is no hope left for {it}.",),
                ("give up",),
            ),
        ),
        Move(
            ("given-up",),
            "searching",
            Verb(
                "reopen",
                "reopened",
                ("Please reopen {it}.", "Somebody saw it in a cab, so reopen {it}."),
                ("Look once more because of {it}.",),
            ),
        ),
    ),
    changes=(Change("seat"), Change("object"), Change("reward")),
)
THEMES = (
    Theme(
        name="quarry",
        title="Quarry",
        role="You are the assistant at the weighbridge office of a quarry. You serve one stone buyer at a time.",
        person=STONE_BUYER,
        things=(HEAP,),
        cases=(LORRY_LOAD, BLOCK_CUT, HAUL_PASS),
    ),
    Theme(
        name="taxi_dispatch",
        title="Taxi dispatch",
        role="You are the assistant of a taxi firm's dispatch office. You serve one taxi rider at a time.",
        person=FARE,
        things=(CAB,),
        cases=(TRIP, LOST_THING),
        short="taxi",
    ),
)
