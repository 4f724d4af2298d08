"""A wine merchant: wines and tastings, cellared cases. A ferry line: sailings, crossings and booklets."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

WINE_BUYER = Person(
    noun="wine buyer",
    fields={
        "palate": Choice(("dry", "sweet", "bold"), label="palate"),
        "cellar_rent": Money(0, 240, 10, label="cellar rent"),
        "allocation": Number(0, 48, 6, label="yearly allocation", unit="bottles"),
    },
)
ESTATE_WINE = Thing(
    noun="estate wine",
    names=(
        "Chateau Lambrusque", "Domaine du Vieux Coq", "Quinta da Pedra Azul", "Weingut Rebstock", "Tenuta Tre Gatti",
        "Bodega Sombra Larga", "Clos des Abeilles", "Schloss Traubenfels", "Casa do Sobreiro", "Podere Lucciola",
        "Mas de la Cigale", "Finca Dos Olmos", "Kellerberg Ried", "Cave des Hirondelles", "Villa Mosto",
        "Vigna del Rospo", "Cuvee Eglantine", "Marques de Salobre",
    ),
    fields={
        "colour": Choice(("red", "white", "rose", "orange"), label="colour", told="in {value}"),
        "vintage": Number(1998, 2024, label="vintage", told="of {value}", extremes=("oldest", "youngest")),
        "closure": Choice(("cork", "screw-cap", "glass"), label="closure", told="under {value}"),
        "bottle_price": Money(8, 180, label="price per bottle", extremes=("cheapest", "dearest")),
        "bottles": Number(6, 240, 2, label="number of bottles", extremes=("scarcest", "most plentiful")),
        "drink_by": Day(200, 6000, label="drinking deadline"),
        "organic": Flag(label="organic mark"),
    },
    stock="bottles",
    fill=Verb(
        "lay down", "laid down",
        ("The estate has sent {count} bottles of {it}; lay them down.", "Please lay down {count} bottles of {it}."),
        ("{count} bottles of {it} go from my own rack back to yours.",), ("restock",),
    ),
    take=Verb(
        "draw", "drawn",
        ("I will carry home {count} bottles of {it}.", "Please draw {count} bottles of {it} for my dinner."),
        ("Let {count} bottles of {it} come up from below for me.",), ("sell",),
    ),
)  # fmt: skip
WINE_TASTING = Thing(
    noun="wine tasting",
    names=(
        "Swirl and Sniff", "Blind Man's Glass", "Bubbles at Dusk", "Corked or Not", "Cheese and Claret",
        "Port After Dark", "Ten Rieslings", "Young Vines", "Old Bottles Night", "Oyster and Chablis",
        "Natural and Cloudy", "Legs and Tears", "The Decanter Hour", "Volcano Whites", "Pinot Walk",
        "Sherry and Almonds", "Cold Climate Reds", "Barrel Room Supper",
    ),
    fields={
        "region": Choice(("loire", "rioja", "mosel", "douro"), label="region", told="about the {value}"),
        "pours": Number(4, 14, label="number of pours", told="of {value} pours", extremes=("shortest", "longest")),
        "room": Choice(("vault", "arcade", "terrace"), label="room", told="in the {value}"),
        "begins": Clock(16, 21, label="starting time"),
        "ticket": Money(15, 140, 5, label="ticket price", extremes=("cheapest", "dearest")),
        "stools": Number(0, 8, label="number of free stools"),
    },
    scarce="stools",
)  # fmt: skip
CELLARED_CASE = Case(
    noun="cellared case",
    of="estate wine",
    fields={
        "bottles": Number(
            4, 36, label="bottle count", unit="bottles", extremes=("smallest", "largest"), total="bottle count"
        ),
        "crate": Choice(("wood", "carton", "straw"), label="crate", told="in {value}"),
        "bay": Number(1, 60, label="cellar bay", told="in bay {value}"),
        "laid_on": Day(-2500, -30, label="day of laying down", extremes=("oldest", "newest")),
        "insured_for": Money(60, 2400, 20, label="insured value", extremes=("cheapest", "dearest"), total="value"),
        "duty": Choice(("paid", "in-bond"), label="duty", told="with duty {value}"),
    },
    states=("resting", "called-up", "delivered", "disputed"),
    moves=(
        Move(("resting",), "called-up", Verb(
            "call up", "called up",
            ("We are giving a dinner: call {it} up.", "Please call {it} up from the cellar."),
            ("Have {it} brought up the stairs, dust and all.",), ("retrieve",),
        )),
        Move(("called-up",), "delivered", Verb(
            "deliver", "delivered",
            ("Your man has just set it down: mark {it} as delivered.", "Please deliver {it} to my door."),
            ("Bring {it} round to my house.",), ("hand over",),
        )),
        Move(("called-up",), "resting", Verb(
            "bring down", "brought down",
            ("The dinner is off, so put {it} down again.", "Please let {it} go back to the cellar."),
            ("Let {it} sleep on in the dark for some years more.",), ("return",),
        )),
        Move(("delivered",), "disputed", Verb(
            "dispute", "disputed",
            ("Three bottles are corked: I dispute {it}.", "Please note that I dispute {it}."),
            ("What came with {it} smells of wet cardboard, and I complain about that.",), ("contest",),
        )),
    ),
    changes=(Change("crate"), Change("bay"), Change("duty")),
    make=Verb(
        "cellar", "cellared",
        ("Please cellar a case of {thing} for me, in {crate}.", "I am buying {thing} to keep; pack it in {crate}."),
        ("Let a case of {thing} grow old for me, packed in {crate}.",), ("store",),
    ),
    asked=("crate",),
    relink=Verb(
        "trade", "traded",
        ("Trade {it} for one of {thing}.", "I should prefer {thing}; please trade {it}."),
        ("Let {it} hold {thing} instead.",), ("exchange",),
    ),
    pot="bottles",
    pour=Verb(
        "repack", "repacked",
        ("Take {amount} bottles out of {it} and add them to {other}.", "Repack {amount} bottles of {it} into {other}."),
        ("Let {it} hold {amount} bottles fewer and {other} as many more.",), ("move bottles of",),
    ),
)  # fmt: skip
TASTING_SEAT = Case(
    noun="tasting seat",
    of="wine tasting",
    fields={
        "tasted_on": Day(-6, 40, label="evening", told="on {value}", extremes=("earliest", "latest")),
        "tasted_at": Clock(16, 21, label="hour"),
        "table": Choice(("long", "round", "barrel"), label="table", told="at the {value} table"),
        "bread": Choice(("rye", "baguette", "cracker"), label="bread"),
        "spittoon": Flag(label="spittoon"),
        "paid": Money(15, 140, 5, label="amount paid", extremes=("cheapest", "dearest"), total="amount"),
    },
    states=("wished", "promised", "seated"),
    moves=(
        Move(("wished",), "promised", Verb(
            "promise", "promised",
            ("May I count on {it}? Please promise it to me.", "Please promise me {it}."),
            ("I have arranged a lift home, so make {it} certain.",), ("confirm",),
        )),
        Move(("promised",), "seated", Verb(
            "seat", "seated",
            ("I am down in the vault: seat me for {it}.", "Please show me to {it}."),
            ("My glass is polished and I have come for {it}.",), ("check in",),
        )),
    ),
    changes=(Change("table"), Change("bread")),
    make=Verb(
        "wish for", "noted",
        ("I should like to taste at {thing} on {tasted_on}, at the {table} table.",
         "Please keep a seat at the {table} table for {thing} on {tasted_on}."),
        ("Could I sniff along at {thing} on {tasted_on}, sitting at the {table} table?",), ("request",),
    ),
    asked=("tasted_on", "table"),
    drop=Verb(
        "hand back", "handed back",
        ("I am on antibiotics, so I hand {it} back.", "Please hand {it} back to the shop."),
        ("Somebody else may drink in my place at {it}.",), ("cancel",),
    ),
    slot=("tasted_on", "tasted_at"),
    shift=Verb(
        "rebook", "rebooked",
        ("I have a cold in the nose: rebook {it} for {day}, {time}.", "Can {it} be on {day} at {time}?"),
        ("{day} at {time} would suit my guests better for {it}.",), ("reschedule",),
    ),
)  # fmt: skip
FERRY_PASSENGER = Person(
    noun="ferry passenger",
    fields={
        "residence": Choice(("island", "mainland", "abroad"), label="residence"),
        "plate": Choice(("done", "due"), label="check of the number plate"),
        "points": Number(0, 900, 10, label="number of crossing points"),
    },
)
FERRY_SAILING = Thing(
    noun="ferry sailing",
    names=(
        "Morning Packet", "Skerry Hopper", "Milk Run", "Sound Shuttle", "Northern Loop", "Twilight Return",
        "Cattle Boat", "Bell Buoy Link", "Strait Express", "Outer Isles Circuit", "Mail and Bread", "Lighthouse Run",
        "Fjord Crawler", "Pilgrim's Passage", "Low Tide Special", "Regatta Relief", "Foghorn Night Boat",
        "Causeway Alternative",
    ),
    fields={
        "harbour": Choice(("oldport", "eastness", "kelpwick"), label="destination", told="to {value}"),
        "departs": Clock(5, 22, label="departure", told="that departs at {value}"),
        "minutes": Number(20, 420, 10, label="crossing time", unit="minutes", extremes=("shortest", "longest")),
        "vessel": Choice(("catamaran", "ro-ro", "hydrofoil"), label="vessel", told="by {value}"),
        "adult_fare": Money(6, 95, label="adult fare", extremes=("cheapest", "dearest")),
        "spaces_left": Number(0, 9, label="number of free car spaces"),
    },
    scarce="spaces_left",
)  # fmt: skip
FERRY_CROSSING = Case(
    noun="ferry crossing",
    of="ferry sailing",
    fields={
        "sails_on": Day(-5, 50, label="day of sailing", told="on {value}", extremes=("earliest", "latest")),
        "sails_at": Clock(5, 22, label="time of sailing"),
        "deck": Choice(("car", "saloon", "sun"), label="deck", told="on the {value} deck"),
        "car_length": Number(3, 14, label="length of the vehicle", unit="m", extremes=("shortest", "longest")),
        "fare": Money(8, 320, 2, label="fare", told="for {value}", extremes=("cheapest", "dearest"), total="fare"),
        "cabin": Choice(("none", "inside", "outside"), label="cabin"),
        "meals": Number(2, 8, label="number of meals"),
        "wheelchair": Flag(label="wheelchair space"),
    },
    states=("wait-listed", "ticketed", "boarded", "ashore"),
    moves=(
        Move(("wait-listed",), "ticketed", Verb(
            "ticket", "ticketed",
            ("I see there is room now: ticket {it}.", "Please turn {it} from the waiting list into a ticket."),
            ("Print the boarding card for {it}.",), ("issue",),
        )),
        Move(("ticketed",), "boarded", Verb(
            "board", "boarded",
            ("We are in lane four, so board us for {it}.", "Please let us board for {it}."),
            ("The ramp is down; wave us on for {it}.",), ("embark",),
        )),
        Move(("boarded",), "ashore", Verb(
            "land", "landed",
            ("We have driven off the ship: land {it}.", "Please note that we are ashore from {it}."),
            ("We have solid ground under us again; put {it} down as over.",), ("close",),
        )),
    ),
    changes=(Change("cabin"), Change("meals", Verb(
        "cater", "catered for",
        ("We want {to} meals on board with {it}.", "Please put {to} meals on {it}."),
        ("There are hungry children: let {it} come with {to} meals.",), ("set meals of",),
    )), Change("deck")),
    make=Verb(
        "list", "listed",
        ("Please put us on {thing} on {sails_on}, on the {deck} deck.",
         "We want to cross with {thing} on {sails_on}; the {deck} deck, please."),
        ("Is there space on the {deck} deck of {thing} on {sails_on}? Take us down for that.",), ("book",),
    ),
    asked=("sails_on", "deck"),
    drop=Verb(
        "cancel", "cancelled",
        ("There is a gale warning, so cancel {it}.", "Please cancel {it} and send my money back."),
        ("We shall take the bridge instead of {it}.",), ("refund",),
    ),
    relink=Verb(
        "rebook", "rebooked",
        ("We shall be late at the quay; rebook {it} on {thing}.", "Could {it} be on {thing} instead?"),
        ("Put us aboard {thing} with {it}.",), ("transfer",),
    ),
    slot=("sails_on", "sails_at"),
    shift=Verb(
        "put off", "put off",
        ("My car is still in the garage: put {it} off to {day} at {time}.", "Please put {it} off to {day}, {time}."),
        ("We can only sail on {day} at {time}; change {it} to that.",), ("reschedule",),
    ),
)  # fmt: skip
TRIP_BOOKLET = Case(
    noun="trip booklet",
    fields={
        "coupons": Number(4, 60, label="coupon balance", unit="coupons", extremes=("thinnest", "thickest"),
                          total="balance"),
        "route": Choice(("inner", "outer", "all"), label="route", told="for the {value} route"),
        "lapses": Day(5, 400, label="last valid day", told="valid to {value}"),
        "holder": Choice(("bearer", "named", "firm"), label="kind of holder"),
        "price": Money(30, 480, 10, label="price", extremes=("cheapest", "dearest"), total="price"),
    },
    states=("in-use", "suspended", "given-in"),
    moves=(
        Move(("in-use",), "suspended", Verb(
            "suspend", "suspended",
            ("It fell overboard: suspend {it}.", "Please suspend {it} until I have found it."),
            ("Nobody should be let on the boat with {it} for now.",), ("block",),
        )),
        Move(("suspended",), "in-use", Verb(
            "reinstate", "reinstated",
            ("It has dried out nicely; reinstate {it}.", "Please reinstate {it}."),
            ("Accept the coupons of {it} again.",), ("unblock",),
        )),
        Move(("in-use", "suspended"), "given-in", Verb(
            "give in", "given in",
            ("We are leaving the island, so I give {it} in.", "Please take {it} back against cash."),
            ("Pay me for the coupons that {it} still has.",), ("redeem",),
        )),
    ),
    changes=(Change("route"), Change("holder")),
    pot="coupons",
    pour=Verb(
        "move", "moved",
        ("Move {amount} coupons from {it} to {other}.", "Please count {amount} coupons of {it} as part of {other}."),
        ("My wife needs {amount} coupons of {it} in {other}.",), ("transfer coupons of",),
    ),
    sign=Verb(
        "stamp", "stamped",
        ("The purser should stamp {it}.", "Please have {it} stamped."),
        ("I need the purser's stamp inside {it}.",), ("validate",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="wine_cellar",
        title="Wine merchant",
        role="You are the assistant of a wine merchant with a cellar. You serve one wine buyer at a time.",
        person=WINE_BUYER,
        things=(ESTATE_WINE, WINE_TASTING),
        cases=(CELLARED_CASE, TASTING_SEAT),
        short="wine",
    ),
    Theme(
        name="ferry_line",
        title="Ferry line",
        role="You are the assistant of a ferry line's ticket office. You serve one ferry passenger at a time.",
        person=FERRY_PASSENGER,
        things=(FERRY_SAILING,),
        cases=(FERRY_CROSSING, TRIP_BOOKLET),
        short="ferry",
    ),
)
