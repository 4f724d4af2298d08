"""Two themes: a boarding house for pets, and a firm whose messengers ride cargo bikes."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

PET_KEEPER = Person(
    noun="pet keeper",
    fields={
        "animal": Choice(("dog", "cat", "rabbit", "parrot"), label="animal"),
        "vaccinated_until": Day(-30, 360, label="end of the vaccination"),
        "deposit": Money(50, 300, 25, label="deposit"),
        "stays": Number(0, 20, label="number of earlier stays"),
    },
)
KENNEL = Thing(
    noun="boarding suite",
    names=(
        "Biscuit Barn", "Catnip Loft", "Chew Toy", "Drowsy Paws", "Fetch Meadow", "Hay Nest", "Mouse Hole",
        "Muddy Mat", "Nap Cushion", "Purr Palace", "Rubber Bone", "Scratch Post", "Squeaker", "Tail Wag", "Treat Jar",
        "Warm Basket", "Whisker Window",
    ),
    fields={
        "ground": Choice(("straw", "tiles", "carpet"), label="ground", told="with {value} on the floor"),
        "area": Number(3, 24, label="area", unit="m2", told="of {value}", extremes=("smallest", "roomiest")),
        "view": Choice(("paddock", "pond", "hallway"), label="view", told="with a view of the {value}"),
        "rate": Money(14, 75, label="rate per night", extremes=("cheapest", "dearest")),
        "beds": Number(0, 6, label="number of free beds"),
    },
    scarce="beds",
)  # fmt: skip
PET_STAY = Case(
    noun="pet stay",
    of="boarding suite",
    fields={
        "comes": Day(-6, 50, label="day of arrival", told="from {value}", extremes=("earliest", "latest")),
        "nights": Number(2, 20, label="number of nights", told="for {value} nights", total="number of nights"),
        "diet": Choice(("dry", "tinned", "raw"), label="diet", told="with {value} food"),
        "walks": Number(0, 5, label="walks per day", extremes=("laziest", "liveliest")),
        "bill": Money(30, 900, 10, label="bill", extremes=("cheapest", "dearest"), total="bill"),
        "medicine": Flag(label="medicine flag"),
    },
    states=("on-request", "accepted", "boarding", "gone-home"),
    moves=(
        Move(
            ("on-request",),
            "accepted",
            Verb(
                "accept",
                "accepted",
                ("The papers are with you, so please accept {it}.", "Can you accept {it} now?"),
                ("We would be glad of your yes to {it}.",),
                ("confirm",),
            ),
        ),
        Move(
            ("accepted",),
            "boarding",
            Verb(
                "admit",
                "admitted",
                ("We are at your gate with the basket: admit our pet for {it}.", "Please admit our pet for {it}."),
                ("The lead is in your hand now, so {it} has begun.",),
                ("check in",),
            ),
        ),
        Move(
            ("boarding",),
            "gone-home",
            Verb(
                "discharge",
                "discharged",
                ("I take my pet home today, so discharge {it}.", "Please close the visit: discharge {it}."),
                ("The car is packed and the basket is on the back seat; {it} is over.",),
                ("check out",),
            ),
        ),
    ),
    changes=(
        Change("diet"),
        Change("walks"),
        Change(
            "nights",
            Verb(
                "set nights of",
                "changed",
                ("We stay away for {to} nights, so change {it}.", "Please make it {to} nights for {it}."),
                ("Our holiday is now {to} nights; let {it} last as long.",),
            ),
        ),
    ),
    make=Verb(
        "request",
        "requested",
        (
            "Could our pet have {thing} from {comes} for {nights} nights?",
            "Request {thing} for us: {nights} nights from {comes}.",
        ),
        ("We go away on {comes} for {nights} nights; is {thing} free for our pet?",),
        ("reserve",),
    ),
    asked=("comes", "nights"),
    drop=Verb(
        "call off",
        "called off",
        ("Grandmother will take the pet, so call {it} off.", "Please call {it} off."),
        ("We stay at home, so you need not keep {it}.",),
        ("cancel",),
    ),
    relink=Verb(
        "rehouse",
        "rehoused",
        ("Please rehouse our pet in {thing} for {it}.", "I would prefer {thing} for {it}."),
        ("Our pet sleeps better in {thing}; change {it}.",),
        ("move",),
    ),
)
GROOMING = Case(
    noun="grooming plan",
    fields={
        "cut": Choice(("summer", "show", "hygienic"), label="cut", told="for the {value} cut"),
        "baths": Number(1, 12, label="number of baths", extremes=("smallest", "biggest"), total="number of baths"),
        "next_date": Day(-3, 40, label="next date", told="next due on {value}", extremes=("earliest", "latest")),
        "shampoo": Choice(("oat", "tea-tree", "neutral"), label="shampoo", told="with {value} shampoo"),
        "muzzle": Flag(label="muzzle flag"),
    },
    states=("ongoing", "resting", "fulfilled"),
    moves=(
        Move(
            ("ongoing",),
            "resting",
            Verb(
                "rest",
                "rested",
                ("The coat has to grow, so rest {it} for now.", "Please rest {it} until I call."),
                ("No scissors for a while: {it} must wait.",),
                ("pause",),
            ),
        ),
        Move(
            ("resting",),
            "ongoing",
            Verb(
                "resume",
                "resumed",
                ("Please resume {it}.", "There is hair all over my sofa, so resume {it}."),
                ("Get out the scissors for {it} again.",),
            ),
        ),
    ),
    changes=(Change("cut"), Change("shampoo"), Change("next_date")),
    pot="baths",
    pour=Verb(
        "reassign",
        "reassigned",
        (
            "Take {amount} baths off {it} and add them to {other}.",
            "Please reassign {amount} baths from {it} to {other}.",
        ),
        ("Let {other} have {amount} of the baths in {it}.",),
    ),
)
VET_FORM = Case(
    noun="emergency vet form",
    fields={
        "hospital": Choice(("riverside", "night-clinic", "horse-clinic"), label="hospital", told="for the {value}"),
        "ceiling": Money(100, 2000, 100, label="cost ceiling", told="up to {value}", extremes=("lowest", "highest")),
        "good_until": Day(10, 300, label="last day", told="until {value}", extremes=("soonest", "latest")),
        "call_first": Choice(("keeper", "friend", "nobody"), label="first call", told="with first call to {value}"),
        "allergies": Number(0, 4, label="number of allergies"),
    },
    states=("blank", "filed"),
    moves=(
        Move(
            ("blank",),
            "filed",
            Verb(
                "file", "filed", ("Please file {it}.", "It is all filled in: file {it}."), ("Put {it} in my folder.",)
            ),
        ),
        Move(
            ("filed",),
            "blank",
            Verb(
                "wipe",
                "wiped",
                ("Please wipe {it}.", "We have a new pet, so wipe {it}."),
                ("Let me start {it} anew.",),
            ),
        ),
    ),
    changes=(Change("call_first"), Change("hospital"), Change("ceiling")),
    sign=Verb(
        "countersign",
        "countersigned",
        ("Please have {it} countersigned.", "Our vet should countersign {it}."),
        ("Our vet has to put a name under {it}.",),
    ),
)
SHIPPER = Person(
    noun="courier account holder",
    fields={
        "sector": Choice(("florist", "lab", "print-shop", "law-firm"), label="line of business"),
        "rides_a_month": Number(2, 120, label="rides per month"),
        "billed_on": Day(-30, -1, label="day of the last bill"),
    },
)
CARGO_BIKE = Thing(
    noun="cargo bike",
    names=(
        "Long John", "Bullitt Bess", "Rickety", "Chainring", "Derailleur Dan", "Freewheel", "Kickstand", "Mudguard",
        "Pannier Pete", "Quick Release", "Sprocket", "Spoke Song", "Tandem Tess", "Velo Vera", "Cobblestone",
        "Crankshaft Kit", "Saddlebag Sue",
    ),
    fields={
        "box": Choice(("front-box", "rear-rack", "trailer"), label="carrier", told="with the {value}"),
        "payload": Number(20, 180, 10, "kg", label="payload", told="for {value}", extremes=("weakest", "strongest")),
        "charge": Number(5, 100, 5, "percent", label="battery charge", extremes=("emptiest", "fullest")),
        "hub": Choice(("station", "arsenal", "brewery"), label="hub", told="at the {value} hub"),
        "brakes_done": Day(-90, -1, label="day of the last brake service"),
        "range_km": Number(30, 110, 5, "km", label="range"),
    },
)  # fmt: skip
TUBE_BOX = Thing(
    noun="returnable crate",
    names=(
        "Orange Lid", "Grey Lid", "Violet Lid", "Dry Ice Tub", "Document Roll", "Bouquet Tower", "Cake Dome",
        "Sample Shuttle", "Bottle Honeycomb", "Archive Flatpack", "Tall Vase Box", "Plan Chest", "Padded Cube",
        "Chiller Sleeve", "Locking Satchel", "Pizza Slab",
    ),
    fields={
        "volume": Number(10, 140, 10, "litres", label="volume", told="of {value}", extremes=("smallest", "largest")),
        "stock_now": Number(3, 60, label="number on the shelf", extremes=("scarcest", "commonest")),
        "lining": Choice(("felt", "foam", "foil"), label="lining", told="with {value} lining"),
        "fee_lost": Money(5, 50, 5, label="fee for a lost one"),
        "washed": Day(-15, -1, label="day of the last wash"),
    },
    stock="stock_now",
    fill=Verb(
        "hand back",
        "handed back",
        ("Your rider has just taken {count} of {it} with him.", "Please book in {count} empties of {it}."),
        ("There are {count} empty ones of {it} here that go back to you.",),
        ("return",),
    ),
    take=Verb(
        "hand out",
        "handed out",
        ("We need {count} of {it} for tomorrow.", "Please send us {count} empties of {it}."),
        ("Our packing table could do with {count} of {it}.",),
        ("lend",),
    ),
)  # fmt: skip
RIDE = Case(
    noun="courier ride",
    of="cargo bike",
    fields={
        "ride_day": Day(-4, 14, label="day of the ride", told="on {value}", extremes=("earliest", "latest")),
        "door_at": Clock(7, 20, label="time at the door"),
        "distance": Number(2, 34, label="distance", unit="km", extremes=("shortest", "longest"), total="distance"),
        "pace": Choice(("relaxed", "express", "overnight"), label="pace", told="at the {value} pace"),
        "proof": Choice(("photo", "signature", "code"), label="proof", told="with proof by {value}"),
        "fare": Money(6, 70, label="fare", total="fare"),
    },
    states=("called-in", "rolling", "handed-over", "punctured"),
    moves=(
        Move(
            ("called-in", "punctured"),
            "rolling",
            Verb(
                "send off",
                "sent off",
                ("The envelope is sealed, so send {it} off.", "Please get {it} rolling."),
                ("Tell the rider to pedal off with {it}.",),
                ("roll",),
            ),
        ),
        Move(
            ("rolling",),
            "handed-over",
            Verb(
                "sign for",
                "signed for",
                ("I have it in my hands and sign for {it}.", "Please sign for {it} in my name."),
                ("The rider is on my doormat with {it}, and all is there.",),
                ("complete",),
            ),
        ),
        Move(
            ("rolling",),
            "punctured",
            Verb(
                "report",
                "reported",
                ("The rider has a flat tyre, so report {it}.", "Please report {it}; the rider is stuck."),
                ("There is a nail in the wheel and {it} stands still.",),
            ),
        ),
    ),
    changes=(Change("proof"), Change("pace")),
    make=Verb(
        "call in",
        "called in",
        (
            "I need {thing} at my door on {ride_day}, at the {pace} pace.",
            "Call in {thing} for {ride_day}, {pace} pace.",
        ),
        ("On {ride_day} I could use {thing}; the pace may be {pace}.",),
        ("dispatch",),
    ),
    asked=("ride_day", "pace"),
    slot=("ride_day", "door_at"),
    shift=Verb(
        "reschedule",
        "rescheduled",
        ("Be at my door on {day} at {time} instead, for {it}.", "Please reschedule {it} to {day}, {time}."),
        ("Our shop opens late: {day} at {time} is right for {it}.",),
    ),
    sign=Verb(
        "underwrite",
        "underwritten",
        ("The parcel is dear, so underwrite {it}.", "Please have {it} underwritten."),
        ("If what goes with {it} breaks, somebody must pay; see to that.",),
        ("insure",),
    ),
)
STANDING_ROUND = Case(
    noun="weekly circuit",
    fields={
        "weekday": Choice(("monday", "wednesday", "friday"), label="weekday", told="on {value}s"),
        "drops": Number(3, 28, label="number of drops", extremes=("shortest", "longest"), total="number of drops"),
        "runs_until": Day(5, 150, label="last day", told="until {value}", extremes=("earliest", "latest")),
        "starts_at": Clock(6, 12, label="starting time"),
        "cooler": Choice(("ice", "gel", "fan"), label="cooling", told="with cooling by {value}"),
    },
    states=("riding", "on-hold"),
    moves=(
        Move(
            ("riding",),
            "on-hold",
            Verb(
                "hold",
                "put on hold",
                ("We are shut in August, so put {it} on hold.", "Please hold {it} for now."),
                ("Nobody has to ride {it} while we paint the shop.",),
                ("suspend",),
            ),
        ),
        Move(
            ("on-hold",),
            "riding",
            Verb(
                "restart",
                "restarted",
                ("The shop is open again: restart {it}.", "Please restart {it}."),
                ("Back into the saddle with {it}.",),
                ("resume",),
            ),
        ),
    ),
    changes=(
        Change("weekday"),
        Change("starts_at"),
        Change(
            "runs_until",
            Verb(
                "prolong",
                "prolonged",
                ("Let {it} go on until {to}.", "Please make {to} the last day of {it}."),
                ("We shall want {it} up to {to}.",),
            ),
        ),
    ),
)
THEMES = (
    Theme(
        name="pet_boarding",
        title="Pet boarding",
        role="You are the assistant of a boarding house for pets. You serve one pet keeper at a time.",
        person=PET_KEEPER,
        things=(KENNEL,),
        cases=(PET_STAY, GROOMING, VET_FORM),
        short="pets",
    ),
    Theme(
        name="courier_bikes",
        title="Courier bikes",
        role="You are the dispatcher's assistant of a bicycle courier firm. You serve one account holder at a time.",
        person=SHIPPER,
        things=(CARGO_BIKE, TUBE_BOX),
        cases=(RIDE, STANDING_ROUND),
        short="bikes",
    ),
)
