"""A laundry service: linen, wash loads and plans. A parish hall: rooms and tableware, hirings and stalls."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

LAUNDRY_SUBSCRIBER = Person(
    noun="laundry subscriber",
    fields={
        "business": Choice(("household", "hotel", "salon", "clinic"), label="kind of business"),
        "scent": Choice(("lavender", "pine", "unscented"), label="scent"),
        "sacks_held": Number(0, 20, label="number of sacks held"),
    },
)
RENTAL_LINEN = Thing(
    noun="rental linen",
    plural="rental linens",
    names=(
        "Hotel Percale", "Spa Waffle", "Bistro Check", "Chef's Apron", "Barber Cape", "Banquet Damask", "Surgical Teal",
        "Barista Black", "Guesthouse Stripe", "Crisp Oxford Sheet", "Honeycomb Towel", "Jacquard Napkin",
        "Terry Bath Sheet", "Tea Room Doily", "Massage Fleece", "Yacht Towel", "Duvet Snow", "Butcher Stripe",
    ),
    fields={
        "item": Choice(("sheets", "towels", "napkins", "aprons"), label="item", told="for {value}"),
        "in_stock": Number(20, 400, 10, label="number in stock", extremes=("scarcest", "most plentiful")),
        "washes": Number(5, 180, 5, label="number of washes so far", extremes=("newest", "most worn")),
        "shade": Choice(("white", "ecru", "grey"), label="shade", told="in {value}"),
        "per_piece": Money(1, 14, label="price per piece"),
        "woven": Day(-1500, -60, label="date of weaving"),
    },
    stock="in_stock",
    fill=Verb(
        "return", "returned",
        ("The driver has {count} pieces of {it} from us; enter them as returned.", "We return {count} pieces of {it}."),
        ("{count} pieces of {it} are on their way back to you in the cage.",), ("receive",),
    ),
    take=Verb(
        "send out", "sent out",
        ("We have a full house and need {count} pieces of {it}.", "Please send out {count} pieces of {it} to us."),
        ("Put {count} pieces of {it} on the next van.",), ("issue",),
    ),
)  # fmt: skip
WASH_LOAD = Case(
    noun="wash load",
    fields={
        "heat": Choice(("cold", "warm", "hot"), label="wash temperature", told="to be washed {value}"),
        "back_on": Day(-3, 10, label="day of return", told="back on {value}", extremes=("earliest", "latest")),
        "kilos": Number(3, 60, label="weight", unit="kg", told="of {value}", extremes=("lightest", "heaviest"),
                        total="weight"),
        "drying": Choice(("tumble", "line", "flat"), label="way of drying", told="with {value} drying"),
        "van_at": Clock(6, 19, label="time of the van"),
        "softener": Flag(label="softener"),
    },
    states=("bagged", "washing", "folded", "returned", "queried"),
    moves=(
        Move(("bagged",), "washing", Verb(
            "wash", "washed",
            ("Nothing is left in the pockets: wash {it}.", "Please wash {it} right away."),
            ("Put {it} in the drum with plenty of suds.",), ("start",),
        )),
        Move(("washing",), "folded", Verb(
            "fold", "folded",
            ("We need {it} folded by hand.", "Please fold {it} as soon as it is dry."),
            ("Lay {it} in neat piles for us.",), ("stack",),
        )),
        Move(("folded",), "returned", Verb(
            "bring home", "brought home",
            ("We are in all day: bring home {it}.", "Please bring {it} home today."),
            ("The beds are bare, so let the van come with {it}.",), ("deliver",),
        )),
        Move(("returned", "folded"), "queried", Verb(
            "query", "queried",
            ("Two socks are missing: I must query {it}.", "Please query {it}, a towel is not ours."),
            ("Not everything has come out of {it}; look into that.",), ("complain about",),
        )),
    ),
    changes=(Change("heat"), Change("drying"), Change("van_at")),
    make=Verb(
        "bag", "bagged",
        ("There is another bag on the step; it should be washed {heat}, with {drying} drying.",
         "Please fetch a new bag from us, {heat} wash and {drying} drying."),
        ("We have filled a bag for you: {heat} water and {drying} drying, please.",), ("add",),
    ),
    asked=("heat", "drying"),
    drop=Verb(
        "take off", "taken off",
        ("The bag was last week's, so take {it} off my list.", "Please take {it} off; we washed at home."),
        ("Leave the bag of {it} where it is, we have a machine again.",), ("cancel",),
    ),
)  # fmt: skip
LINEN_PLAN = Case(
    noun="linen plan",
    of="rental linen",
    fields={
        "changes_left": Number(4, 80, label="balance", unit="changes", extremes=("smallest", "largest"),
                               total="balance"),
        "weekday": Choice(("monday", "thursday", "saturday"), label="weekday", told="on {value}"),
        "until": Day(20, 400, label="last day", told="until {value}", extremes=("shortest", "longest")),
        "fold_style": Choice(("flat", "rolled", "fan"), label="style of folding", told="with {value} folding"),
        "monthly": Money(20, 380, 10, label="monthly charge", total="charge"),
        "spare_sets": Number(1, 9, label="number of spare sets"),
    },
    states=("tried-out", "in-force", "held-up"),
    moves=(
        Move(("tried-out",), "in-force", Verb(
            "start", "started",
            ("The trial was fine, so start {it} for us.", "Please start {it} properly."),
            ("Our guests slept well; let {it} begin in earnest.",), ("launch",),
        )),
        Move(("in-force", "tried-out"), "held-up", Verb(
            "hold up", "held up",
            ("We close for the winter: hold {it} up.", "Please hold {it} up until we open."),
            ("There are no guests, so no vans for {it}, please.",), ("pause",),
        )),
        Move(("held-up",), "in-force", Verb(
            "continue", "continued",
            ("We open again on Monday: continue {it}.", "Please continue {it}."),
            ("The rooms are filling up; let {it} run on.",), ("resume",),
        )),
    ),
    changes=(Change("weekday"), Change("fold_style"), Change("spare_sets")),
    relink=Verb(
        "refit", "changed",
        ("Our guests like {thing} better; change {it} to that.", "Please change {it} to {thing}."),
        ("Let the van bring {thing} under {it}.",), ("switch linen of",),
    ),
    pot="changes_left",
    pour=Verb(
        "shift", "shifted",
        ("Shift {amount} changes from {it} to {other}.", "Please use {amount} changes of {it} for {other}."),
        ("{amount} changes of {it} are too many; they are wanted in {other}.",), ("move changes of",),
    ),
    sign=Verb(
        "countersign", "countersigned",
        ("Our housekeeper wants {it} countersigned.", "Please have your manager countersign {it}."),
        ("Both names must stand under {it}; yours is missing.",), ("approve",),
    ),
)  # fmt: skip
HALL_USER = Person(
    noun="hall user",
    fields={
        "group_kind": Choice(("charity", "private", "council"), label="kind of group"),
        "keyholder": Choice(("self", "verger", "caretaker"), label="keyholder"),
        "bond": Money(0, 300, 25, label="bond"),
    },
)
PARISH_ROOM = Thing(
    noun="parish room",
    names=(
        "Saint Olave's Upper", "Saint Olave's Lower", "The Undercroft", "Bell Ringers' Loft", "Canon Pym Lounge",
        "Harvest Room", "Jumble Room", "Lych Gate Lodge", "Mothers' Union Parlour", "Old Vestry", "Choir Stall Hall",
        "Refectory", "Sexton's Shed", "Sunday School", "Tea Urn Kitchen", "Tithe Barn", "Whist Drive Room",
        "Candlemas Hall",
    ),
    fields={
        "floor": Choice(("boards", "tiles", "carpet"), label="floor", told="with {value} on the floor"),
        "holds": Number(10, 220, 10, label="capacity", told="for {value} people", extremes=("smallest", "largest")),
        "kitchen": Choice(("full", "hatch", "kettle"), label="kitchen", told="with the {value} kitchen"),
        "hourly": Money(6, 48, 2, label="hourly charge", extremes=("cheapest", "dearest")),
        "swept": Day(-14, -1, label="day of the last sweeping"),
        "piano": Flag(label="piano"),
    },
)  # fmt: skip
TEA_SERVICE = Thing(
    noun="tea service",
    names=(
        "Willow Pattern", "Jubilee Mugs", "Rosebud China", "Coronation Cups", "Green Beryl Ware", "Bone White Set",
        "Brown Betty Pots", "Bunting Plates", "Enamel Picnic", "Gold Rim Saucers", "Cornish Stripe", "Vicar's Best",
        "Church Fete Tumblers", "Hunting Scene", "Ivy Leaf Tureens", "Soup Lunch Bowls",
    ),
    fields={
        "kind": Choice(("cups", "plates", "bowls", "glasses"), label="kind", told="with {value}"),
        "pieces": Number(20, 240, 10, label="number of pieces", extremes=("smallest", "largest")),
        "cupboard": Choice(("stage", "kitchen", "stairs"), label="cupboard", told="in the {value} cupboard"),
        "chipped": Number(0, 25, label="number of chipped pieces"),
        "breakage": Money(1, 9, label="charge per breakage"),
    },
    stock="pieces",
    fill=Verb(
        "put back", "put back",
        ("We have washed up and put back {count} pieces of {it}.", "Please enter {count} pieces of {it} as put back."),
        ("{count} pieces of {it} are dry and in their cupboard again.",), ("restore",),
    ),
    take=Verb(
        "lay out", "laid out",
        ("We need {count} pieces of {it} on the tables.", "Please let us lay out {count} pieces of {it}."),
        ("For the christening tea we take {count} pieces of {it}.",), ("lend",),
    ),
)  # fmt: skip
HALL_HIRING = Case(
    noun="hall hiring",
    of="parish room",
    fields={
        "hired_for": Day(-8, 60, label="day of hire", told="on {value}", extremes=("earliest", "latest")),
        "from_time": Clock(8, 21, label="starting time"),
        "purpose": Choice(("wedding", "choir", "dancing", "playgroup"), label="purpose", told="for the {value}"),
        "hours": Number(2, 14, label="number of hours", told="of {value} hours", extremes=("shortest", "longest"),
                        total="number of hours"),
        "layout": Choice(("rows", "circle", "tables"), label="layout", told="laid out in {value}"),
        "chairs": Number(10, 200, 10, label="number of chairs"),
        "bar": Flag(label="bar licence"),
    },
    states=("asked-for", "agreed", "in-use", "swept-up"),
    moves=(
        Move(("asked-for",), "agreed", Verb(
            "settle", "settled",
            ("The committee has said yes, so settle {it}.", "Please settle {it} with the warden."),
            ("We have paid the bond, so let {it} stand.",), ("confirm",),
        )),
        Move(("agreed",), "in-use", Verb(
            "unlock", "unlocked",
            ("We are on the doorstep with the cake: unlock for {it}.", "Please unlock the doors for {it}."),
            ("Could the caretaker come with the key for {it}?",), ("open",),
        )),
        Move(("in-use",), "swept-up", Verb(
            "lock up", "locked up",
            ("The chairs are stacked; lock up after {it}.", "Please lock up after {it}, we have gone home."),
            ("The floor is swept; turn the key after {it}.",), ("close",),
        )),
    ),
    changes=(Change("layout"), Change("chairs"), Change("purpose")),
    make=Verb(
        "enquire after", "entered",
        ("We should like {thing} on {hired_for} for the {purpose}.",
         "Please put our {purpose} in {thing} on {hired_for}."),
        ("Our {purpose} needs a roof on {hired_for}; let it be {thing}.",), ("request",),
    ),
    asked=("hired_for", "purpose"),
    drop=Verb(
        "call off", "called off",
        ("The couple has quarrelled: call {it} off.", "Please call {it} off."),
        ("Give the key to somebody else, we shall not hold {it}.",), ("cancel",),
    ),
    relink=Verb(
        "move", "moved",
        ("More guests are coming, so move {it} to {thing}.", "Please move {it} to {thing}."),
        ("Let us dance in {thing} for {it}.",), ("reassign",),
    ),
    slot=("hired_for", "from_time"),
    shift=Verb(
        "rearrange", "rearranged",
        ("The vicar is away; rearrange {it} for {day}, {time}.", "Could {it} be on {day} at {time}?"),
        ("We had better meet on {day} at {time} for {it}.",), ("reschedule",),
    ),
)  # fmt: skip
FETE_STALL = Case(
    noun="fete stall",
    fields={
        "wares": Choice(("cakes", "books", "plants", "raffle"), label="wares", told="for {value}"),
        "trestles": Number(
            1, 5, label="number of trestles", extremes=("smallest", "largest"), total="number of trestles"
        ),
        "spot": Choice(("lawn", "porch", "cloister"), label="spot", told="in the {value}"),
        "sets_up": Clock(7, 11, label="setting-up time"),
        "rent": Money(5, 60, label="stall rent", extremes=("cheapest", "dearest"), total="rent"),
        "held": Day(3, 90, label="day of the fete", told="on {value}"),
    },
    states=("applied-for", "allotted", "packed-away"),
    moves=(
        Move(("applied-for",), "allotted", Verb(
            "allot", "allotted",
            ("May we have a firm place for {it}? Please allot it.", "Please allot {it} to us."),
            ("We have baked already, so give {it} a number.",), ("assign",),
        )),
        Move(("allotted",), "packed-away", Verb(
            "pack away", "packed away",
            ("Everything is sold: pack {it} away.", "Please note that we packed {it} away."),
            ("It is raining on the sponge cake; take {it} down.",), ("close",),
        )),
    ),
    changes=(Change("spot"), Change("trestles"), Change("sets_up")),
    sign=Verb(
        "bless", "blessed",
        ("The churchwarden has to bless {it}.", "Please have {it} blessed by the churchwarden."),
        ("We need the churchwarden's nod for {it}.",), ("approve",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="laundry_service",
        title="Laundry service",
        role="You are the assistant of a laundry service. You serve one laundry subscriber at a time.",
        person=LAUNDRY_SUBSCRIBER,
        things=(RENTAL_LINEN,),
        cases=(WASH_LOAD, LINEN_PLAN),
        short="laundry",
    ),
    Theme(
        name="parish_hall",
        title="Parish hall",
        role="You are the assistant of a parish hall's bookings secretary. You serve one hall user at a time.",
        person=HALL_USER,
        things=(PARISH_ROOM, TEA_SERVICE),
        cases=(HALL_HIRING, FETE_STALL),
        short="hall",
    ),
)
