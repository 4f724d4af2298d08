"""A bike repair shop: work stands and spare parts, repairs and loans. A zoo: animals and talks, passes, godparents."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

CYCLIST = Person(
    noun="cyclist",
    fields={
        "rides": Choice(("daily", "weekends", "races"), label="riding habit"),
        "inside_leg": Number(65, 95, label="inside leg", unit="cm"),
        "club": Choice(("none", "touring", "racing"), label="cycling club"),
    },
)
SPARE_PART = Thing(
    noun="spare part",
    names=(
        "Larkin Chain", "Brembridge Pad", "Sprocketeer Nine", "Tubeline Inner", "Spokesmith Set", "Pedalux Pair",
        "Dynaglow Lamp", "Saddlecomb", "Cablerun Bowden", "Hubmeister", "Cranksworth", "Derailo Seven",
        "Gripwell Tape", "Rimtec Band", "Forkstone", "Headsetter", "Mudwing Guard", "Bellring Brass",
    ),
    fields={
        "system": Choice(("brakes", "drive", "wheels", "lights"), label="system", told="for the {value}"),
        "pieces": Number(3, 60, label="number of pieces", extremes=("scarcest", "most plentiful")),
        "grams": Number(20, 900, 10, label="weight", unit="g", told="of {value}", extremes=("lightest", "heaviest")),
        "drawer": Choice(("red", "blue", "yellow"), label="drawer", told="in the {value} drawer"),
        "costs": Money(3, 140, label="price", extremes=("cheapest", "dearest")),
    },
    stock="pieces",
    fill=Verb(
        "shelve", "shelved",
        ("The parcel is open: shelve {count} pieces of {it}.", "Please enter {count} new pieces of {it}."),
        ("{count} pieces of {it} lay in the box from the wholesaler.",), ("restock",),
    ),
    take=Verb(
        "buy", "bought",
        ("I will mend it myself, so sell me {count} pieces of {it}.", "I want to buy {count} pieces of {it}."),
        ("Put {count} pieces of {it} in my saddlebag and on my bill.",), ("sell",),
    ),
)  # fmt: skip
LOAN_BIKE = Thing(
    noun="loan bike",
    names=(
        "Clattering Claude", "Squeaky Simone", "Penny Farthing", "Butcher's Boy", "Blue Velociped", "Gravel Gertie",
        "Ding Dong", "Basket Betty", "Ratatouille", "Old Fixie", "Tandem Twins", "Boneshaker", "Freewheel Fritz",
        "Kickstand Kurt", "Puncture Polly", "Mudguard Moll", "Cobble Hopper", "Downhill Dolly",
    ),
    fields={
        "frame": Choice(("diamond", "step-through", "folding"), label="frame", told="with a {value} frame"),
        "size": Number(46, 62, 2, label="frame size", unit="cm", told="of {value}", extremes=("smallest", "largest")),
        "speeds": Number(3, 24, label="number of speeds", told="with {value} speeds"),
        "tyres": Choice(("slick", "studded", "knobbly"), label="tyres", told="on {value} tyres"),
        "serviced": Day(-120, -1, label="last service", extremes=("most worn", "freshest")),
        "days_free": Number(0, 8, label="number of free days"),
    },
    scarce="days_free",
)  # fmt: skip
BIKE_REPAIR = Case(
    noun="bike repair",
    fields={
        "trouble": Choice(("brakes", "gears", "puncture", "buckle"), label="trouble", told="for the {value}"),
        "promised": Day(-2, 14, label="promised day", told="promised for {value}", extremes=("earliest", "latest")),
        "ceiling": Money(20, 320, 10, label="price ceiling", extremes=("cheapest", "dearest"), total="ceiling"),
        "minutes": Number(20, 240, 10, label="bench time", unit="minutes", total="bench time"),
        "urgency": Choice(("calm", "soon", "commute"), label="urgency"),
        "wash": Flag(label="wash option"),
    },
    states=("brought-in", "on-the-stand", "test-ridden", "picked-up"),
    moves=(
        Move(("brought-in",), "on-the-stand", Verb(
            "clamp", "clamped",
            ("You have my go-ahead: put {it} on the stand.", "Please get {it} into the clamp."),
            ("Let the mechanic start on {it}.",), ("start",),
        )),
        Move(("on-the-stand",), "test-ridden", Verb(
            "test ride", "test ridden",
            ("Please have {it} test ridden before I come.", "I want {it} test ridden, the brakes were bad."),
            ("Somebody should go round the block with {it}.",), ("try out",),
        )),
        Move(("test-ridden",), "picked-up", Verb(
            "wheel out", "wheeled out",
            ("I am here to ride home: wheel {it} out.", "Please wheel {it} out for me."),
            ("My helmet is on; I have come for {it}.",), ("collect",),
        )),
        Move(("on-the-stand", "test-ridden"), "brought-in", Verb(
            "unclamp", "unclamped",
            ("That gets too dear; take {it} off the stand.", "Please stop and unclamp {it}."),
            ("I must think it over, so let {it} wait by the wall.",), ("halt",),
        )),
    ),
    changes=(Change("urgency"), Change("trouble"), Change("promised", Verb(
        "promise", "promised",
        ("I cannot come before {to}, so promise {it} for then.", "Let {it} be ready on {to}."),
        ("There is no hurry with {it}: {to} will do.",),
    ))),
    make=Verb(
        "write up", "written up",
        ("Please see to my {trouble} by {promised}.", "My bike comes in for the {trouble}; I need it on {promised}."),
        ("Something is wrong with the {trouble}; can it be mended by {promised}?",), ("open",),
    ),
    asked=("trouble", "promised"),
    drop=Verb(
        "wave off", "waved off",
        ("I managed it with a spoon, so wave {it} off.", "Please tear up the slip for {it}."),
        ("The frame is cracked; forget about {it}.",), ("cancel",),
    ),
    pot="minutes",
    pour=Verb(
        "shift", "shifted",
        ("Take {amount} minutes from {it} and spend them on {other}.", "Move {amount} minutes of {it} to {other}."),
        ("I would sooner see {amount} minutes of {it} go into {other}.",), ("shift minutes of",),
    ),
)  # fmt: skip
BIKE_LOAN = Case(
    noun="bike loan",
    of="loan bike",
    fields={
        "home_by": Day(1, 20, label="return day", told="until {value}", extremes=("earliest", "latest")),
        "lock": Choice(("chain", "ring", "folding"), label="lock", told="with a {value} lock"),
        "pledge": Money(20, 150, 10, label="pledge", extremes=("cheapest", "dearest"), total="pledge"),
        "lamp": Choice(("clip-on", "fixed", "none"), label="lamp"),
        "panniers": Number(0, 2, label="number of panniers"),
    },
    states=("put-aside", "ridden", "back"),
    moves=(
        Move(("put-aside",), "ridden", Verb(
            "hand out", "handed out",
            ("I am riding off on {it} now.", "Please give me the key: I am riding off on {it}."),
            ("The saddle fits, so let me ride off with {it}.",), ("ride off",),
        )),
        Move(("ridden",), "back", Verb(
            "take back", "taken back",
            ("The bike leans on your wall again: {it} is over.", "I am back with {it}; please note that."),
            ("Nothing is broken; please take {it} back.",), ("receive",),
        )),
    ),
    changes=(Change("lock"), Change("lamp"), Change("home_by")),
    relink=Verb(
        "trade", "traded",
        ("My knees hurt; trade {it} for one of {thing}.", "I would sooner ride {thing}, so change {it}."),
        ("Let me have {thing} under {it}.",), ("swap",),
    ),
    sign=Verb(
        "initial", "initialled",
        ("The chief mechanic should initial {it}.", "Please have {it} initialled."),
        ("I need the chief's letters at the foot of {it}.",), ("approve",),
    ),
)  # fmt: skip
ZOO_FRIEND = Person(
    noun="zoo friend",
    fields={
        "badge_colour": Choice(("green", "silver", "gold"), label="colour of the badge"),
        "children": Number(0, 5, label="number of children"),
        "newsletter": Choice(("paper", "mail", "none"), label="newsletter"),
    },
)
ZOO_ANIMAL = Thing(
    noun="zoo animal",
    names=(
        "Tamba", "Ozzy", "Mirabel", "Kofi", "Snuffles", "Duchess", "Pontus", "Lulu Belle", "Big Arnold", "Nimbus",
        "Sheba", "Olga Two", "Rasmus", "Tinker Toes", "Zuri", "Bandit", "Moonface", "Percival", "Waldo", "Queenie",
    ),
    fields={
        "species": Choice(
            ("giraffe", "tapir", "penguin", "lemur", "otter"), label="species", told="of the {value} kind"
        ),
        "house": Choice(("savannah", "tropics", "polar", "nocturnal"), label="house", told="in the {value} house"),
        "born": Day(-9000, -60, label="date of birth", extremes=("oldest", "youngest")),
        "weighs": Number(2, 900, label="weight", unit="kg", told="of {value}", extremes=("lightest", "heaviest")),
        "fed_at": Clock(9, 17, label="feeding time"),
        "sponsors_wanted": Number(0, 7, label="number of sponsors wanted"),
    },
    scarce="sponsors_wanted",
)  # fmt: skip
KEEPER_TALK = Thing(
    noun="keeper talk",
    names=(
        "Breakfast with Stripes", "Who Lives in the Mud", "Long Necks Up Close", "Night Eyes", "Beaks and Bills",
        "Scales and Tails", "The Poo Detective", "Bath Time for Trunks", "Claws for Thought", "Nose to the Glass",
        "Spots or Stripes", "Hatching Day", "Ant Street", "Fins at Four", "Quills and Spines", "The Lazy Sloth Hour",
        "Web Masters", "Flamingo Pink",
    ),
    fields={
        "corner": Choice(("aquarium", "aviary", "farmyard", "reptiles"), label="corner", told="in the {value} corner"),
        "minutes": Number(15, 75, 5, label="length", unit="minutes", extremes=("shortest", "longest")),
        "begins": Clock(10, 17, label="starting time", told="that begins at {value}"),
        "age_from": Number(3, 14, label="minimum age", told="from {value} years"),
        "speech": Choice(("english", "welsh", "french"), label="language", told="in {value}"),
    },
)  # fmt: skip
ANIMAL_SPONSORSHIP = Case(
    noun="animal sponsorship",
    of="zoo animal",
    fields={
        "gift": Money(20, 900, 10, label="yearly gift", extremes=("cheapest", "dearest"), total="gift"),
        "renews": Day(-20, 340, label="renewal day", told="renewed on {value}", extremes=("earliest", "latest")),
        "plaque": Choice(("brass", "oak", "slate"), label="plaque", told="with a {value} plaque"),
        "visits": Number(2, 9, label="visit balance", unit="visits", total="balance"),
        "surprise": Flag(label="surprise for somebody"),
        "certificate": Choice(("framed", "rolled", "digital"), label="certificate", told="with a {value} certificate"),
    },
    states=("pledged", "paid-up", "asleep"),
    moves=(
        Move(("pledged",), "paid-up", Verb(
            "pay up", "paid up",
            ("Here is my gift: please mark {it} as paid up.", "I want to pay {it} up by card."),
            ("The money is on its way, so put {it} down as paid.",), ("settle",),
        )),
        Move(("paid-up", "pledged"), "asleep", Verb(
            "pause", "paused",
            ("I have lost my job, so pause {it}.", "Please pause {it} for this year."),
            ("I cannot give anything at the moment; let {it} rest.",), ("hold",),
        )),
        Move(("asleep",), "pledged", Verb(
            "awaken", "awakened",
            ("I can give again: awaken {it}.", "Please awaken {it}."),
            ("My purse has recovered, so let {it} go on.",), ("resume",),
        )),
    ),
    changes=(Change("certificate"), Change("plaque")),
    make=Verb(
        "pledge", "pledged",
        ("I want to sponsor {thing} with {gift} a year, and a {certificate} certificate.",
         "Please note my pledge for {thing}: {gift}, {certificate} certificate."),
        ("My heart belongs to {thing}; take {gift} a year and send a {certificate} certificate.",), ("add",),
    ),
    asked=("gift", "certificate"),
    relink=Verb(
        "pass on", "passed on",
        ("My daughter prefers {thing}; pass {it} on to that one.", "Please let {it} be for {thing}."),
        ("Give the good of {it} to {thing} instead.",), ("reassign",),
    ),
    pot="visits",
    pour=Verb(
        "give visits of", "shared",
        ("Move {amount} visits from {it} to {other}.", "Please let {other} have {amount} visits of {it}."),
        ("{amount} visits of {it} should count for {other}.",), ("share",),
    ),
)  # fmt: skip
TALK_SEAT = Case(
    noun="talk seat",
    of="keeper talk",
    fields={
        "heard_on": Day(-4, 25, label="day of the talk", told="on {value}", extremes=("earliest", "latest")),
        "heard_at": Clock(10, 17, label="time of the talk"),
        "row": Choice(("front", "middle", "back"), label="row", told="in the {value} row"),
        "pushchairs": Number(0, 3, label="number of pushchairs"),
        "snack": Choice(("popcorn", "fruit", "pretzel"), label="snack"),
    },
    states=("kept", "taken", "vacated"),
    moves=(
        Move(("kept",), "taken", Verb(
            "take", "taken",
            ("We are at the rope, so let us take {it}.", "Please note that we take {it} now."),
            ("The children are sitting down already; put {it} down as used.",), ("check in",),
        )),
        Move(("kept",), "vacated", Verb(
            "vacate", "vacated",
            ("The little one has a fever; we vacate {it}.", "Please vacate {it} for others."),
            ("Let another child have {it}.",), ("free",),
        )),
    ),
    changes=(Change("row"), Change("pushchairs"), Change("snack")),
    slot=("heard_on", "heard_at"),
    shift=Verb(
        "put back", "put back",
        ("We missed the train; put {it} back to {day}, {time}.", "Could {it} be on {day} at {time}?"),
        ("We shall only be at the gate on {day} at {time}; let {it} be then.",), ("reschedule",),
    ),
    sign=Verb(
        "stamp", "stamped",
        ("The school wants {it} stamped.", "Please have a keeper stamp {it}."),
        ("A paw print of the keeper should go on {it}.",), ("approve",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="bike_repair",
        title="Bike repair shop",
        role="You are the assistant of a bike repair shop. You serve one cyclist at a time.",
        person=CYCLIST,
        things=(SPARE_PART, LOAN_BIKE),
        cases=(BIKE_REPAIR, BIKE_LOAN),
        short="bike",
    ),
    Theme(
        name="zoo",
        title="Zoo",
        role="You are the assistant of a zoo's visitor centre. You serve one zoo friend at a time.",
        person=ZOO_FRIEND,
        things=(ZOO_ANIMAL, KEEPER_TALK),
        cases=(ANIMAL_SPONSORSHIP, TALK_SEAT),
    ),
)
