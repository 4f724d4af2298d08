"""A car sharing club: shared cars, trips, kilometre packs and damage reports. A bakery: cakes and loaves to order."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

CAR_SHARER = Person(
    noun="car sharer",
    fields={
        "plan": Choice(("basic", "plus", "frequent"), label="driving plan"),
        "licence_checked": Day(-200, -1, label="last check of the licence"),
        "penalty_points": Number(0, 8, label="number of penalty points"),
    },
)
SHARED_CAR = Thing(
    noun="shared car",
    names=(
        "Nippy Nell", "Rusty Rufus", "Zippy Zack", "Lazy Lola", "Bouncy Bert", "Plucky Pam", "Speedy Sid",
        "Dusty Dora", "Chatty Chuck", "Humming Hal", "Merry Mabel", "Peppy Pete", "Quiet Quinn", "Sunny Sue",
        "Tiny Tom", "Wobbly Will", "Yodelling Yan", "Jolly Jess", "Grumpy Gus", "Frisky Fay",
    ),
    fields={
        "body": Choice(("hatchback", "estate", "van", "convertible"), label="body", told="with the {value} body"),
        "seats": Number(2, 9, label="number of seats", told="with {value} seats", extremes=("smallest", "roomiest")),
        "reach": Number(40, 480, 20, label="range left", unit="km", extremes=("emptiest", "fullest")),
        "parked": Choice(("station", "square", "hospital", "stadium"), label="parking bay", told="at the {value}"),
        "hourly": Money(4, 19, label="hourly rate", extremes=("cheapest", "dearest")),
        "inspected": Day(-300, -5, label="last inspection"),
    },
    stock="reach",
    fill=Verb(
        "charge", "charged",
        ("I have charged {it} for another {count} km.", "Please note {count} km more on the battery of {it}."),
        ("The battery of {it} holds {count} km more than before.",), ("recharge",),
    ),
    take=Verb(
        "run down", "run down",
        ("I have driven {count} km off the battery of {it}.", "Please deduct {count} km from the range of {it}."),
        ("My detour cost {it} {count} km; put that down.",), ("deduct range of",),
    ),
)  # fmt: skip
CAR_TRIP = Case(
    noun="car trip",
    of="shared car",
    fields={
        "leaves_on": Day(-4, 20, label="day of departure", told="on {value}", extremes=("earliest", "latest")),
        "leaves_at": Clock(5, 22, label="time of departure"),
        "hours": Number(2, 30, label="number of hours", extremes=("shortest", "longest"), total="number of hours"),
        "cover": Choice(("standard", "reduced", "zero"), label="excess cover", told="with {value} excess"),
        "child_seats": Number(2, 4, label="number of child seats"),
        "abroad": Flag(label="travel abroad"),
    },
    states=("planned", "unlocked", "parked", "billed"),
    moves=(
        Move(("planned", "parked"), "unlocked", Verb(
            "unlock", "unlocked",
            ("I am standing beside the car, so unlock {it}.", "Please open the doors for {it}."),
            ("It is raining on me: let me into the car for {it}.",), ("open",),
        )),
        Move(("unlocked",), "parked", Verb(
            "lock", "locked",
            ("I have parked in the bay; please lock {it}.", "Lock {it}, I am done driving for now."),
            ("The key is back in the glove box, so shut the car of {it}.",), ("secure",),
        )),
        Move(("parked",), "billed", Verb(
            "bill", "billed",
            ("Please bill {it} to my account.", "I shall not drive any more, so bill {it}."),
            ("Send me the invoice for {it}.",), ("charge for",),
        )),
    ),
    changes=(Change("cover"), Change("child_seats", Verb(
        "refit", "refitted",
        ("I need {to} child seats for {it}.", "Please make it {to} child seats on {it}."),
        ("Let {it} come with child seats for {to}.",), ("set seats of",),
    ))),
    make=Verb(
        "plan", "planned",
        ("I need {thing} on {leaves_on} at {leaves_at} for {hours} hours.",
         "Please keep {thing} for me: {leaves_on}, {leaves_at}, {hours} hours."),
        ("May I drive {thing} for {hours} hours, from {leaves_at} on {leaves_on}?",), ("reserve",),
    ),
    asked=("leaves_on", "leaves_at", "hours"),
    drop=Verb(
        "scrap", "scrapped",
        ("I shall take the train instead: scrap {it}.", "Please scrap {it}."),
        ("There is nowhere to go any more, so forget {it}.",), ("cancel",),
    ),
    relink=Verb(
        "swap", "swapped",
        ("My luggage needs more room: swap {it} to {thing}.", "Could I have {thing} for {it} instead?"),
        ("Let me drive {thing} on {it}.",), ("reassign",),
    ),
    slot=("leaves_on", "leaves_at"),
    shift=Verb(
        "retime", "retimed",
        ("I shall only leave on {day} at {time}; please retime {it}.", "Let {it} start on {day} at {time}."),
        ("My plans have moved, so {it} should begin on {day}, {time}.",), ("postpone",),
    ),
)  # fmt: skip
KILOMETRE_PACK = Case(
    noun="kilometre pack",
    fields={
        "kilometres": Number(
            50, 900, 10, label="kilometre balance", unit="km", extremes=("smallest", "largest"), total="distance"
        ),
        "runs_out": Day(5, 200, label="end date", told="that runs out on {value}"),
        "region": Choice(("city", "province", "country"), label="region", told="for the {value}"),
        "season": Choice(("summer", "winter"), label="season", told="for the {value} season"),
        "price": Money(15, 220, 5, label="price", extremes=("cheapest", "dearest"), total="price"),
    },
    states=("live", "paused", "shared"),
    moves=(
        Move(("live", "shared"), "paused", Verb(
            "pause", "paused",
            ("I shall not drive for a month: pause {it}.", "Please pause {it} for me."),
            ("Let {it} rest while I am abroad.",), ("hold",),
        )),
        Move(("paused",), "live", Verb(
            "restart", "restarted",
            ("I am driving again, so restart {it}.", "Please let {it} run again."),
            ("Wake {it} up, I need it.",), ("reactivate",),
        )),
        Move(("live",), "shared", Verb(
            "share", "shared",
            ("My household should drive on {it} too: share it.", "Please share {it} with my family."),
            ("Let the others at home use {it} as well.",), ("open up",),
        )),
    ),
    changes=(Change("region"), Change("season")),
    pot="kilometres",
    pour=Verb(
        "carry over", "carried over",
        ("Carry {amount} km over from {it} to {other}.", "Please take {amount} km from {it} and add them to {other}."),
        ("Let {other} gain what {it} loses: {amount} km.",), ("move kilometres of",),
    ),
)  # fmt: skip
DAMAGE_REPORT = Case(
    noun="damage report",
    of="shared car",
    fields={
        "part": Choice(("bumper", "mirror", "rim", "windscreen"), label="damaged part", told="about the {value}"),
        "noticed": Day(-40, 0, label="date of notice", told="of {value}", extremes=("oldest", "newest")),
        "repair": Money(40, 1500, 10, label="repair estimate", extremes=("cheapest", "dearest"), total="estimate"),
        "fault": Choice(("mine", "theirs", "unknown"), label="party at fault"),
        "pictures": Number(0, 9, label="number of pictures"),
    },
    states=("filed", "disputed", "settled"),
    moves=(
        Move(("filed",), "disputed", Verb(
            "dispute", "disputed",
            ("That scratch was there before me: I dispute {it}.", "Please note that I dispute {it}."),
            ("I do not accept what {it} says; put that on record.",), ("contest",),
        )),
        Move(("filed", "disputed"), "settled", Verb(
            "settle", "settled",
            ("I will pay my share, so settle {it}.", "Please settle {it} with the insurer."),
            ("Let us put {it} behind us, I will pay.",), ("resolve",),
        )),
    ),
    changes=(Change("fault"), Change("pictures"), Change("part")),
    sign=Verb(
        "sign off", "signed off",
        ("I have read it through; sign {it} off for me.", "Please put my signature under {it}."),
        ("You have my word that {it} is true, so take it as signed.",), ("attest",),
    ),
)  # fmt: skip
BREAD_REGULAR = Person(
    noun="bakery regular",
    fields={
        "allergy": Choice(("none", "nuts", "gluten", "milk"), label="allergy"),
        "stamps": Number(0, 9, label="number of stamps"),
        "account": Choice(("cash", "monthly"), label="way of paying"),
    },
)
CELEBRATION_CAKE = Thing(
    noun="celebration cake",
    names=(
        "Raspberry Cloud", "Hazelnut Crown", "Lemon Bonnet", "Marzipan Castle", "Cherry Waltz", "Toffee Drum",
        "Walnut Minuet", "Pistachio Veil", "Mocha Tower", "Apricot Halo", "Ginger Lantern", "Plum Sonata",
        "Caramel Carousel", "Blackberry Hat", "Almond Fan", "Chestnut Throne", "Poppy Seed Moon", "Rhubarb Ribbon",
    ),
    fields={
        "base": Choice(("sponge", "shortcrust", "meringue"), label="base", told="on a {value} base"),
        "portions": Number(
            6, 40, 2, label="number of portions", told="for {value} people", extremes=("smallest", "largest")
        ),
        "baked_by": Choice(("apprentice", "baker", "confectioner"), label="maker", told="made by the {value}"),
        "price": Money(18, 160, 2, label="price", told="for {value}", extremes=("cheapest", "dearest")),
        "notice": Number(1, 7, label="notice in days"),
        "bookable": Number(0, 6, label="number of free baking slots"),
    },
    scarce="bookable",
)  # fmt: skip
HEARTH_LOAF = Thing(
    noun="hearth loaf",
    plural="hearth loaves",
    names=(
        "Miller's Dark", "Village Rye", "Crusty Oskar", "Sourdough Sally", "Oat Farmer", "Spelt Braid", "Potato Round",
        "Caraway Block", "Linseed Brick", "Barley Bun", "Buttermilk Bloomer", "Onion Knot", "Sesame Wheel",
        "Sunflower Log", "Three Grain Stone", "Walnut Stick",
    ),
    fields={
        "flour": Choice(("rye", "wheat", "spelt", "oat"), label="flour", told="of {value} flour"),
        "grams": Number(400, 2000, 50, label="weight", unit="g", told="of {value}", extremes=("lightest", "heaviest")),
        "in_basket": Number(3, 40, label="number in the basket", extremes=("scarcest", "most plentiful")),
        "out_at": Clock(4, 9, label="oven time", told="out of the oven at {value}"),
        "costs": Money(3, 12, label="price"),
    },
    stock="in_basket",
    take=Verb(
        "sell", "sold",
        ("I will take {count} of {it}, please.", "Please wrap up {count} of {it} for me."),
        ("Make that {count} of {it} for my basket.",), ("hand over",),
    ),
)  # fmt: skip
CAKE_ORDER = Case(
    noun="cake order",
    of="celebration cake",
    fields={
        "wanted_on": Day(-3, 30, label="day of collection", told="for {value}", extremes=("earliest", "latest")),
        "fetch_at": Clock(7, 18, label="time of collection"),
        "icing": Choice(("white", "pink", "chocolate"), label="icing", told="with {value} icing"),
        "candles": Number(2, 90, label="number of candles"),
        "sum": Money(20, 180, 2, label="sum to pay", extremes=("cheapest", "dearest"), total="sum"),
        "boxed": Flag(label="gift box"),
    },
    states=("noted", "baking", "decorated", "fetched"),
    moves=(
        Move(("noted",), "baking", Verb(
            "bake", "baked",
            ("You can start: please bake {it}.", "The party is on, so bake {it}."),
            ("Have the oven heated for {it}.",), ("start",),
        )),
        Move(("baking",), "decorated", Verb(
            "decorate", "decorated",
            ("Please decorate {it} now.", "I should like {it} decorated this afternoon."),
            ("Get the piping bag out for {it}.",), ("ice",),
        )),
        Move(("baking", "decorated"), "fetched", Verb(
            "give out", "given out",
            ("My son is here to fetch {it}.", "Please give {it} out, I am in the shop."),
            ("I have brought a cool bag for {it}, so hand it over.",), ("collect",),
        )),
    ),
    changes=(
        Change("icing"), Change("fetch_at"),
        Change("candles", Verb(
            "set candles on", "changed",
            ("Please put {to} candles on {it}.", "There should be {to} candles on {it}."),
            ("I counted wrong: {to} candles belong on {it}.",), ("light",),
        )),
    ),
    make=Verb(
        "take down", "taken down",
        ("I would like to order {thing} for {wanted_on}, with {icing} icing.",
         "Please bake {thing} for {wanted_on}; the icing should be {icing}."),
        ("Can {thing} be ready on {wanted_on}, covered in {icing} icing?",), ("place", "order"),
    ),
    asked=("wanted_on", "icing"),
    drop=Verb(
        "strike out", "struck out",
        ("The party is off, so strike {it} out.", "Please strike {it} out."),
        ("My aunt is baking herself; nobody needs {it} now.",), ("cancel",),
    ),
    relink=Verb(
        "switch", "switched",
        ("I have been thinking: let {it} be for {thing} instead.", "Please switch {it} to {thing}."),
        ("The birthday child wants {thing}, so change {it}.",), ("change",),
    ),
)  # fmt: skip
BREAKFAST_ROUND = Case(
    noun="breakfast round",
    fields={
        "rolls": Number(6, 60, label="roll count", unit="rolls", extremes=("smallest", "largest"), total="roll count"),
        "drop_spot": Choice(("doorstep", "porch", "gate", "office"), label="drop-off spot", told="to the {value}"),
        "brought_by": Clock(5, 8, label="delivery time", told="at {value}"),
        "since": Day(-300, -3, label="starting day", extremes=("oldest", "newest")),
        "crust": Choice(("pale", "golden", "dark"), label="crust", told="with a {value} crust"),
    },
    states=("delivering", "halted", "overdue"),
    moves=(
        Move(("delivering", "overdue"), "halted", Verb(
            "halt", "halted",
            ("We are on holiday: halt {it}.", "Please halt {it} until I call again."),
            ("No bags on our step for a while, please; stop {it}.",), ("pause",),
        )),
        Move(("halted",), "delivering", Verb(
            "take up", "taken up",
            ("We are home again, so take {it} up.", "Please take {it} up again from tomorrow."),
            ("The freezer is empty; we want the bags of {it} back.",), ("resume",),
        )),
    ),
    changes=(Change("drop_spot"), Change("crust"), Change("brought_by", Verb(
        "reset", "reset",
        ("Please bring the bag of {it} at {to}.", "Could {it} come at {to} from now on?"),
        ("We get up at other hours now: {to} would do for {it}.",),
    ))),
    drop=Verb(
        "end", "ended",
        ("We have begun to bake ourselves: end {it}.", "Please end {it} for good."),
        ("Take us off the driver's list for {it}.",), ("terminate",),
    ),
    pot="rolls",
    pour=Verb(
        "divert", "diverted",
        ("Divert {amount} rolls from {it} to {other}.", "Please put {amount} rolls of {it} into {other}."),
        ("Send {amount} rolls fewer with {it} and as many more with {other}.",), ("redirect",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="car_sharing",
        title="Car sharing club",
        role="You are the assistant of a car sharing club. You serve one car sharer at a time.",
        person=CAR_SHARER,
        things=(SHARED_CAR,),
        cases=(CAR_TRIP, KILOMETRE_PACK, DAMAGE_REPORT),
        short="cars",
    ),
    Theme(
        name="bakery",
        title="Bakery",
        role="You are the assistant behind the counter of a bakery. You serve one bakery regular at a time.",
        person=BREAD_REGULAR,
        things=(CELEBRATION_CAKE, HEARTH_LOAF),
        cases=(CAKE_ORDER, BREAKFAST_ROUND),
    ),
)
