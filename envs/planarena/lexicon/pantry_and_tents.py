"""A food bank: pantry shelves, parcels and vouchers. A campsite: pitches, stays and extras."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

PANTRY_GUEST = Person(
    noun="pantry guest",
    fields={
        "household": Number(1, 9, label="size of the household"),
        "referred_by": Choice(("school", "surgery", "council", "church"), label="referring body"),
        "cooker": Choice(("hob", "oven", "microwave", "none"), label="cooker"),
    },
)
FOOD_SHELF = Thing(
    noun="pantry shelf",
    plural="pantry shelves",
    names=(
        "Baked Beans", "Tinned Peaches", "Long Life Milk", "Pasta Twists", "Porridge Oats", "Rice Pudding",
        "Tomato Soup", "Sardine Tins", "Peanut Butter", "Instant Mash", "Chickpea Jars", "Sweetcorn Tins",
        "Breakfast Flakes", "Strawberry Jam", "Tuna Flakes", "Lentil Bags", "Sunflower Oil", "Teabag Boxes",
    ),
    fields={
        "aisle": Choice(("dry", "tinned", "breakfast", "household"), label="aisle", told="in the {value} aisle"),
        "items": Number(10, 240, 5, label="number of items", extremes=("emptiest", "fullest")),
        "best_before": Day(10, 500, label="nearest best-before date", told="good until {value}"),
        "limit": Number(2, 9, label="limit per household"),
        "donor": Choice(("bakery", "supermarket", "parish", "farm"), label="main donor", told="given by the {value}"),
        "halal": Flag(label="halal mark"),
    },
    stock="items",
    fill=Verb(
        "stock", "stocked",
        ("I have brought {count} items as a gift; please put them on {it}.", "Please stock {it} with {count} items."),
        ("{count} items can be spared at our house; they are for {it}.",), ("donate to",),
    ),
    take=Verb(
        "pick from", "picked from",
        ("May I have {count} items from {it}?", "Please put {count} items from {it} in my bag."),
        ("We could do with {count} items from {it} this week.",), ("collect from",),
    ),
)  # fmt: skip
COLLECTION_POINT = Thing(
    noun="collection point",
    names=(
        "Chapel Steps", "Corner Hatch", "Fire Station Yard", "Garage Twelve", "Gospel Hall", "Kiosk Nine",
        "Laundromat Lobby", "Library Basement", "Market Stall Six", "Old Post Room", "Playgroup Door",
        "Railway Arch", "Scout Hut", "Tram Depot", "Union House", "Youth Club", "Boiler Room", "Canteen Window",
    ),
    fields={
        "open_on": Choice(("tuesdays", "thursdays", "saturdays"), label="opening days", told="open on {value}"),
        "opens": Clock(9, 16, label="opening time", told="that opens at {value}"),
        "walk": Number(
            2, 40, label="walk from the bus stop", unit="minutes", extremes=("nearest", "farthest")
        ),
        "parcels_left": Number(0, 9, label="number of free parcels"),
        "entrance": Choice(("ramp", "stairs", "lift"), label="entrance", told="reached by {value}"),
    },
    scarce="parcels_left",
)  # fmt: skip
FOOD_PARCEL = Case(
    noun="food parcel",
    of="collection point",
    fields={
        "ready_on": Day(-4, 14, label="ready date", told="for {value}", extremes=("earliest", "latest")),
        "diet": Choice(("mixed", "vegetarian", "vegan", "gluten-free"), label="diet", told="for the {value} diet"),
        "days": Number(
            3, 7, label="number of days", told="for {value} days", extremes=("smallest", "largest"),
            total="number of days"
        ),
        "nappies": Choice(("none", "small", "large"), label="size of nappies"),
        "pet_food": Flag(label="pet food"),
        "weight": Number(4, 20, label="weight", unit="kg", extremes=("lightest", "heaviest"), total="weight"),
    },
    states=("asked-for", "packed", "handed-over", "uncollected"),
    moves=(
        Move(("asked-for",), "packed", Verb(
            "pack", "packed",
            ("I am on my way, so please pack {it}.", "Could you pack {it} this morning?"),
            ("Have the bags filled for {it}.",), ("prepare",),
        )),
        Move(("packed", "uncollected"), "handed-over", Verb(
            "hand over", "handed over",
            ("I am outside with my trolley; please hand {it} over.", "My neighbour has come to fetch {it}."),
            ("I have the bags in my arms, so put {it} down as given.",), ("release",),
        )),
        Move(("packed",), "uncollected", Verb(
            "put by", "put by",
            ("The bus did not come; please put {it} by for me.", "I cannot fetch {it} today, so put it by."),
            ("Keep {it} in the back room until I manage to come.",), ("keep",),
        )),
    ),
    changes=(Change("diet"), Change("nappies"), Change("days", Verb(
        "resize", "resized",
        ("We need {it} to last for {to} days.", "Please make {it} enough for {to} days."),
        ("Let {it} hold food for {to} days.",), ("set days of",),
    ))),
    make=Verb(
        "ask for", "asked for",
        ("I need food for {days} days, to be fetched at {thing} on {ready_on}.",
         "Please have a parcel for {days} days ready at {thing} on {ready_on}."),
        ("Could we pick up enough for {days} days on {ready_on}, at {thing}?",), ("request",),
    ),
    asked=("ready_on", "days"),
    relink=Verb(
        "reroute", "rerouted",
        ("I can walk to {thing} more easily; send {it} there.", "Please reroute {it} to {thing}."),
        ("Let me fetch {it} from {thing} instead.",), ("redirect",),
    ),
)  # fmt: skip
FUEL_VOUCHER = Case(
    noun="fuel voucher",
    fields={
        "worth": Number(10, 90, 5, label="unit balance", unit="units", extremes=("smallest", "largest"),
                        total="balance"),
        "meter": Choice(("gas", "electricity"), label="kind of meter", told="for the {value} meter"),
        "expires": Day(3, 90, label="expiry date", told="that expires on {value}"),
        "sent_by": Choice(("text", "letter", "mail"), label="way of sending"),
        "household_bills": Number(1, 6, label="number of bills shown"),
    },
    states=("granted", "redeemed", "withheld"),
    moves=(
        Move(("granted",), "redeemed", Verb(
            "redeem", "redeemed",
            ("The meter is down to nothing: redeem {it}.", "Please redeem {it} for me today."),
            ("Let the heating come on with {it}.",), ("cash in",),
        )),
        Move(("withheld",), "granted", Verb(
            "release", "released",
            ("I have shown you the bill now, so release {it}.", "Please release {it}."),
            ("My papers are complete: {it} should not be held back any more.",), ("grant",),
        )),
    ),
    changes=(Change("sent_by"), Change("meter")),
    drop=Verb(
        "decline", "declined",
        ("Others need it more, so I decline {it}.", "Please take {it} back; I have found work."),
        ("We manage without {it} now, so let others have it.",), ("give back",),
    ),
    pot="worth",
    pour=Verb(
        "shift", "shifted",
        ("Please shift {amount} units from {it} to {other}.", "Use {amount} units of {it} for {other}."),
        ("I can spare {amount} units of {it}; let {other} have them.",), ("move units of",),
    ),
    sign=Verb(
        "vouch for", "vouched for",
        ("My caseworker asks you to vouch for {it}.", "Please have a trustee vouch for {it}."),
        ("One of the trustees should put a name to {it}.",), ("approve",),
    ),
)  # fmt: skip
CAMPER = Person(
    noun="camper",
    fields={
        "shelter": Choice(("tent", "caravan", "campervan"), label="kind of shelter"),
        "camping_card": Choice(("none", "silver", "gold"), label="camping card"),
        "party": Number(1, 8, label="size of the party"),
    },
)
CAMP_PITCH = Thing(
    noun="camping pitch",
    plural="camping pitches",
    names=(
        "Squirrel Clearing", "Badger Sett", "Hedgehog Hollow", "Dormouse Dell", "Firefly Field", "Foxglove Fold",
        "Owl Roost", "Beaver Bend", "Toad Pond", "Pine Cone Knoll", "Mushroom Ring", "Bracken Nook", "Bramble Edge",
        "Cricket Meadow", "Dragonfly Bank", "Hare's Form", "Rookery View", "Campfire Green", "Stony Brook",
        "Windbreak Row",
    ),
    fields={
        "ground": Choice(("grass", "gravel", "sand"), label="ground", told="on {value}"),
        "area": Number(30, 160, 10, label="area", unit="sqm", told="of {value}", extremes=("smallest", "largest")),
        "hook_up": Choice(("six-amp", "ten-amp"), label="electric hook-up", told="with {value} hook-up"),
        "nightly": Money(9, 60, label="charge per night", extremes=("cheapest", "dearest")),
        "to_showers": Number(10, 400, 10, label="distance to the showers", unit="m", extremes=("nearest", "farthest")),
        "stays_left": Number(0, 7, label="number of free stays"),
    },
    scarce="stays_left",
)  # fmt: skip
CAMP_STAY = Case(
    noun="camping stay",
    of="camping pitch",
    fields={
        "from_day": Day(-6, 60, label="first night", told="from {value}", extremes=("earliest", "latest")),
        "nights": Number(
            2, 21, label="length of stay", unit="nights", extremes=("shortest", "longest"), total="length of stay"
        ),
        "vehicle": Choice(("car", "bicycle", "motorbike"), label="vehicle", told="by {value}"),
        "children": Number(2, 7, label="number of children"),
        "deposit": Money(20, 200, 10, label="deposit", extremes=("cheapest", "dearest"), total="deposit"),
        "dog": Flag(label="dog permission"),
        "gate_code": Number(1000, 9999, label="gate code"),
    },
    states=("reserved", "pitched", "packed-up", "missed"),
    moves=(
        Move(("reserved",), "pitched", Verb(
            "pitch", "pitched",
            ("The pegs are in the ground: check us in for {it}.", "We have arrived, so please check us in for {it}."),
            ("We have just rolled up: put us down as here for {it}.",), ("check in",),
        )),
        Move(("pitched",), "packed-up", Verb(
            "pack up", "packed up",
            ("We are packing {it} up.", "The tent is in the bag, so check us out of {it}."),
            ("Our grass is free again; put {it} down as over.",), ("check out",),
        )),
        Move(("missed",), "reserved", Verb(
            "revive", "revived",
            ("We broke down on the way; please revive {it}.", "Please revive {it}, we are coming after all."),
            ("Sorry for not turning up: give us {it} back.",), ("reinstate",),
        )),
    ),
    changes=(Change("vehicle"), Change("children", Verb(
        "recount", "recounted",
        ("There will be {to} children with us on {it}.", "Please put {to} children down for {it}."),
        ("Make room for {to} children on {it}.",), ("set children of",),
    ))),
    make=Verb(
        "reserve", "reserved",
        ("We should like {thing} from {from_day}; we travel by {vehicle}.",
         "Please reserve {thing} for us; we come by {vehicle} on {from_day}."),
        ("Is {thing} to be had from {from_day}? We shall come by {vehicle}.",), ("book",),
    ),
    asked=("from_day", "vehicle"),
    drop=Verb(
        "cancel", "cancelled",
        ("It will rain all week, so cancel {it}.", "Please cancel {it}."),
        ("We shall stay in a hotel and not need {it}.",), ("delete",),
    ),
    relink=Verb(
        "move", "moved",
        ("The neighbours are loud; move {it} to {thing}.", "Could we have {thing} for {it}?"),
        ("Let us put up the tent at {thing} for {it}.",), ("transfer",),
    ),
    pot="nights",
    pour=Verb(
        "lend nights of", "split",
        ("Take {amount} nights from {it} and add them to {other}.", "Move {amount} nights from {it} to {other}."),
        ("Let {other} be {amount} nights longer and {it} as many shorter.",), ("move nights of",),
    ),
)  # fmt: skip
CAMP_EXTRA = Case(
    noun="camping extra",
    fields={
        "item": Choice(("fridge", "grill", "kayak", "awning"), label="item", told="for the {value}"),
        "back_by": Day(1, 20, label="return date", told="due back on {value}", extremes=("earliest", "latest")),
        "charge": Money(4, 90, label="charge", extremes=("cheapest", "dearest"), total="charge"),
        "pick_up": Clock(8, 20, label="pick-up time"),
        "brought_to": Choice(("pitch", "reception", "jetty"), label="place of delivery", told="brought to the {value}"),
    },
    states=("wanted", "lent", "lost"),
    moves=(
        Move(("wanted",), "lent", Verb(
            "lend", "lent",
            ("I am at reception; lend me {it} now.", "Please note that {it} is in our hands."),
            ("Let us carry {it} off to our tent.",), ("hand out",),
        )),
        Move(("lent",), "lost", Verb(
            "report", "reported",
            ("It has drifted down the river: report {it} as lost.", "I must report {it} as lost."),
            ("We cannot find {it} anywhere; put that on record.",), ("write off",),
        )),
    ),
    changes=(Change("brought_to"), Change("pick_up"), Change("back_by")),
    sign=Verb(
        "receipt", "receipted",
        ("I need {it} receipted by the warden.", "Please have the warden receipt {it}."),
        ("The warden should sign for {it}.",), ("approve",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="food_bank",
        title="Food bank",
        role="You are the assistant of a food bank's volunteers. You serve one pantry guest at a time.",
        person=PANTRY_GUEST,
        things=(FOOD_SHELF, COLLECTION_POINT),
        cases=(FOOD_PARCEL, FUEL_VOUCHER),
        short="pantry",
    ),
    Theme(
        name="campsite",
        title="Campsite",
        role="You are the assistant at the reception of a campsite. You serve one camper at a time.",
        person=CAMPER,
        things=(CAMP_PITCH,),
        cases=(CAMP_STAY, CAMP_EXTRA),
        short="camp",
    ),
)
