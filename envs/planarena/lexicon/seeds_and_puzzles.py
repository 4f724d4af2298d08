"""A seed exchange: heirloom seeds and growers' circles, swaps. An escape room house: rooms, games, vouchers."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

SEED_SAVER = Person(
    noun="seed saver",
    fields={
        "climate": Choice(("coast", "plain", "upland"), label="climate"),
        "packets_given": Number(0, 80, label="number of packets given"),
        "standing": Choice(("newcomer", "trusted", "steward"), label="standing"),
    },
)
HEIRLOOM_SEED = Thing(
    noun="heirloom seed",
    names=(
        "Aunt Ruby's Tomato", "Bishop's Bean", "Crimson Orach", "Dragon Tongue", "Egyptian Walking Onion",
        "Fat Hen Lettuce", "Good King Henry", "Hutterite Soup", "Ironbark Squash", "Jericho Cos",
        "Kentucky Wonder", "Long Blood Beet", "Mortgage Lifter", "Nun's Belly Button", "Ox Heart Carrot",
        "Purple Podded Pea", "Queen Anne's Kale", "Red Russian", "Sutton's Champion", "Turk's Turban",
    ),
    fields={
        "family": Choice(
            ("legume", "nightshade", "brassica", "gourd"), label="plant family", told="of the {value} family"
        ),
        "packets": Number(3, 50, label="number of packets", extremes=("rarest", "most plentiful")),
        "germination": Number(40, 98, label="germination rate", unit="percent", told="with {value} germination",
                              extremes=("weakest", "strongest")),
        "sow_in": Choice(("march", "april", "may", "september"), label="sowing month", told="to be sown in {value}"),
        "harvested": Day(-900, -60, label="day of harvest"),
        "isolation": Number(5, 800, 5, label="isolation distance", unit="m"),
    },
    stock="packets",
    fill=Verb(
        "donate", "donated",
        ("I have threshed and dried it all: here are {count} packets of {it}.", "I donate {count} packets of {it}."),
        ("{count} packets of {it} lie in my envelope for you.",), ("deposit",),
    ),
    take=Verb(
        "request", "sent",
        ("Please send me {count} packets of {it}.", "I would like to grow {count} packets of {it}."),
        ("My windowsill has room for {count} packets of {it}.",), ("send",),
    ),
)  # fmt: skip
GROWER_CIRCLE = Thing(
    noun="grower circle",
    names=(
        "Back Lane Diggers", "Balcony Brigade", "Clay Soil Sufferers", "Damp Valley Growers", "First Frost Club",
        "Hedgebottom Folk", "Kitchen Window Crew", "Late Sowers", "Northfacing Few", "Old Orchard Hands",
        "Polytunnel Pals", "Raised Bed Rebels", "Slug Watch", "Three Sisters Table", "Tilth and Tea", "Wormery West",
        "Dibber Society", "Cold Frame Union",
    ),
    fields={
        "meets": Choice(("weekly", "monthly", "yearly"), label="rhythm", told="that meets {value}"),
        "altitude": Number(5, 900, 5, label="altitude", unit="m", told="at {value}", extremes=("lowest", "highest")),
        "gardens": Number(3, 60, label="number of gardens", extremes=("smallest", "largest")),
        "focus": Choice(("beans", "tomatoes", "grains", "herbs"), label="focus", told="for {value}"),
        "openings": Number(0, 8, label="number of openings"),
    },
    scarce="openings",
)  # fmt: skip
SEED_SWAP = Case(
    noun="seed swap",
    of="heirloom seed",
    fields={
        "seeds": Number(10, 200, 5, label="seed count", unit="seeds", extremes=("smallest", "largest"),
                        total="seed count"),
        "posted_by": Day(-4, 30, label="posting date", told="to be posted by {value}"),
        "wrapping": Choice(("envelope", "jar", "tin"), label="wrapping", told="in the {value}"),
        "purity": Choice(("pure", "crossed", "unsure"), label="purity", told="of {value} strain"),
        "grown_years": Number(2, 25, label="growing time", unit="years", extremes=("youngest", "oldest")),
        "story": Flag(label="story card"),
    },
    states=("offered", "matched", "posted", "sprouted"),
    moves=(
        Move(("offered",), "matched", Verb(
            "match", "matched",
            ("I have found a partner: match {it}.", "Please match {it} with somebody."),
            ("There must be a grower who wants {it}; bring us together.",), ("pair",),
        )),
        Move(("matched",), "posted", Verb(
            "post", "posted",
            ("I have licked the stamp: mark {it} as posted.", "Please post {it} for me."),
            ("Drop {it} in the letter box for me.",), ("send off",),
        )),
        Move(("posted",), "sprouted", Verb(
            "report", "reported",
            ("I can see green tips: report {it} as sprouted.", "Please note that {it} has sprouted."),
            ("There are two leaves already on what came with {it}; put that on record.",), ("confirm",),
        )),
        Move(("matched",), "offered", Verb(
            "unmatch", "unmatched",
            ("My partner never answered, so unmatch {it}.", "Please unmatch {it}."),
            ("Look for somebody else for {it}.",), ("reopen",),
        )),
    ),
    changes=(Change("wrapping"), Change("purity"), Change("posted_by")),
    make=Verb(
        "offer", "offered",
        ("I offer {thing} for swapping, packed in the usual {wrapping}; I shall post it by {posted_by}.",
         "Please list {thing} for me, in my {wrapping}, posted by {posted_by}."),
        ("Who wants {thing} from my garden? It comes in my {wrapping} by {posted_by}; list that.",), ("list",),
    ),
    asked=("wrapping", "posted_by"),
    pot="seeds",
    pour=Verb(
        "decant", "decanted",
        ("Decant {amount} seeds from {it} into {other}.", "Please count {amount} seeds out of {it} into {other}."),
        ("I would like {amount} seeds of {it} to go with {other}.",), ("move seeds of",),
    ),
)  # fmt: skip
GROW_OUT_TRIAL = Case(
    noun="grow-out trial",
    of="grower circle",
    fields={
        "rows": Number(2, 30, label="number of rows", told="of {value} rows", extremes=("smallest", "largest"),
                       total="number of rows"),
        "bed": Choice(("soil", "pots", "troughs"), label="kind of bed", told="in {value}"),
        "sown_on": Day(-60, 20, label="sowing date", told="sown on {value}", extremes=("oldest", "newest")),
        "report_at": Clock(8, 20, label="time of the report"),
        "cover": Choice(("fleece", "net", "none"), label="cover"),
    },
    states=("sown", "in-flower", "failed"),
    moves=(
        Move(("sown",), "in-flower", Verb(
            "log", "logged",
            ("The first flower has opened: log it for {it}.", "Please log the bloom of {it}."),
            ("Bees are at work on the rows of {it}; note the first flower.",), ("flower",),
        )),
        Move(("sown", "in-flower"), "failed", Verb(
            "give up", "given up",
            ("The slugs had the lot, so I give {it} up.", "Please mark {it} as failed."),
            ("The hail has taken all; put {it} down as lost.",), ("fail",),
        )),
        Move(("failed",), "sown", Verb(
            "resow", "resown",
            ("I have sown afresh; resow {it} in your list.", "Please resow {it}."),
            ("I am trying {it} a second time.",), ("restart",),
        )),
    ),
    changes=(Change("cover"), Change("rows", Verb(
        "widen", "changed",
        ("I can spare the ground for {it} to have {to} rows.", "Please make it {to} rows for {it}."),
        ("Let {it} be {to} rows now.",), ("set rows of",),
    ))),
    drop=Verb(
        "plough in", "ploughed in",
        ("I am losing the garden: plough {it} in.", "Please strike {it}, I must plough it in."),
        ("There is to be no more talk of {it}; take it off the list.",), ("remove",),
    ),
    relink=Verb(
        "replant", "replanted",
        ("I have moved house and grow with {thing} now; take {it} there.", "Please let {it} belong to {thing}."),
        ("From now on {thing} should watch over {it}.",), ("transfer",),
    ),
    sign=Verb(
        "attest", "attested",
        ("A steward should attest {it}.", "Please have {it} attested."),
        ("I need a steward's word that {it} was true to type.",), ("approve",),
    ),
)  # fmt: skip
ESCAPE_PLAYER = Person(
    noun="escape player",
    fields={
        "nerve": Choice(("timid", "steady", "fearless"), label="nerve"),
        "escapes": Number(0, 60, label="number of escapes"),
        "best_left": Number(0, 29, label="best time left", unit="minutes"),
        "waiver": Choice(("signed", "missing"), label="waiver"),
    },
)
ESCAPE_ROOM = Thing(
    noun="escape room",
    names=(
        "The Alchemist's Debt", "Bunker Seventeen", "Crypt of Whispers", "Doctor Nightshade", "Eleven Locks",
        "The Forger's Studio", "Ghost Train Terminus", "Heist at Noon", "The Inventor's Nursery", "Jailbird",
        "Kraken Below", "Laboratory Leak", "The Mummy's Ledger", "Nautilus Trapped", "Orient Compartment",
        "Poltergeist Pantry", "Quarantine Zone", "Runaway Submarine",
    ),
    fields={
        "mood": Choice(("spooky", "funny", "tense"), label="mood", told="in a {value} mood"),
        "puzzles": Number(8, 30, label="number of puzzles", extremes=("easiest", "hardest")),
        "players": Number(3, 10, label="most players", told="for up to {value} players"),
        "success": Number(10, 80, 5, label="success rate", unit="percent"),
        "era": Choice(("victorian", "future", "medieval"), label="era", told="set in {value} times"),
        "rate": Money(60, 240, 10, label="price per team", extremes=("cheapest", "dearest")),
        "games_left": Number(0, 7, label="number of free games"),
    },
    scarce="games_left",
)  # fmt: skip
ESCAPE_GAME = Case(
    noun="escape game",
    of="escape room",
    fields={
        "played_on": Day(-6, 30, label="day of the game", told="on {value}", extremes=("earliest", "latest")),
        "played_at": Clock(10, 22, label="time of the game"),
        "team": Number(2, 9, label="size of the team", told="for {value} players", extremes=("smallest", "largest")),
        "hints": Choice(("few", "normal", "many"), label="number of hints", told="with {value} hints"),
        "master": Choice(("robot", "butler", "warden"), label="game master", told="led by the {value}"),
        "price": Money(40, 260, 10, label="price", extremes=("cheapest", "dearest"), total="price"),
        "photo": Flag(label="team photo"),
    },
    states=("booked", "briefed", "escaped", "out-of-time"),
    moves=(
        Move(("booked",), "briefed", Verb(
            "brief", "briefed",
            ("We are all in the lobby: brief us for {it}.", "Please brief us for {it}."),
            ("Our phones are locked away, so read us the rules of {it}.",), ("check in",),
        )),
        Move(("briefed",), "escaped", Verb(
            "score", "scored",
            ("We got out with a minute left: score {it} as escaped.", "Please score {it} for us, we made it."),
            ("The last door has sprung open, so put {it} down as won.",), ("win",),
        )),
        Move(("briefed",), "out-of-time", Verb(
            "time out", "timed out",
            ("We never found the key; time {it} out.", "The buzzer went, so time {it} out."),
            ("Come and let us out; put {it} down as lost.",), ("lose",),
        )),
    ),
    changes=(Change("hints"), Change("master"), Change("team", Verb(
        "regroup", "regrouped",
        ("There will be {to} of us for {it}.", "Please change {it} to a team of {to}."),
        ("Our numbers have changed: we play {it} as a team of {to}.",), ("set team of",),
    ))),
    make=Verb(
        "book", "booked",
        ("Lock us in! We want {thing} on {played_on} at {played_at}.",
         "Please book {thing} for {played_on}, {played_at}."),
        ("Dare we try {thing} on {played_on} at {played_at}? Yes, put us down.",), ("reserve",),
    ),
    asked=("played_on", "played_at"),
    drop=Verb(
        "cancel", "cancelled",
        ("We have lost our nerve: cancel {it}.", "Please cancel {it}, two of us are ill."),
        ("No riddles for us, thank you; forget {it}.",), ("call off",),
    ),
    slot=("played_on", "played_at"),
    shift=Verb(
        "delay", "delayed",
        ("Could we delay {it} to {day} at {time}?", "Please delay {it}: {day}, {time} would be perfect."),
        ("All of us are free on {day} at {time}; let us play {it} then.",), ("reschedule",),
    ),
    relink=Verb(
        "swap", "swapped",
        ("We hear that one is too easy: swap {it} to {thing}.", "Let us play {thing} in {it} instead."),
        ("Rather lock us into {thing} for {it}.",), ("switch",),
    ),
)  # fmt: skip
PUZZLE_VOUCHER = Case(
    noun="puzzle voucher",
    fields={
        "minutes": Number(30, 300, 15, label="time balance", unit="minutes", extremes=("smallest", "largest"),
                          total="balance"),
        "motif": Choice(("padlock", "maze", "skull"), label="motif", told="with the {value}"),
        "good_until": Day(10, 500, label="last valid day", told="good until {value}"),
        "envelope": Choice(("plain", "wax", "cipher"), label="envelope"),
        "cost": Money(20, 260, 10, label="cost", extremes=("cheapest", "dearest"), total="cost"),
    },
    states=("sealed", "cracked", "voided"),
    moves=(
        Move(("sealed",), "cracked", Verb(
            "crack", "cracked",
            ("I want to use it now: crack {it}.", "Please crack {it} for our next game."),
            ("We have solved the riddle on {it}, so let it count.",), ("activate",),
        )),
        Move(("sealed", "cracked"), "voided", Verb(
            "void", "voided",
            ("Somebody has copied it; void {it}.", "Please void {it}."),
            ("Nobody shall ever play on {it}.",), ("invalidate",),
        )),
    ),
    changes=(Change("envelope"), Change("motif"), Change("good_until")),
    pot="minutes",
    pour=Verb(
        "pool", "pooled",
        ("Pool {amount} minutes of {it} with {other}.", "Please move {amount} minutes from {it} to {other}."),
        ("Make {other} richer by {amount} minutes of {it}.",), ("move minutes of",),
    ),
    sign=Verb(
        "dedicate", "dedicated",
        ("It is a present, so please have {it} dedicated by the house.", "I should like the house to dedicate {it}."),
        ("The owner should write a line on {it} by hand.",), ("inscribe",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="seed_exchange",
        title="Seed exchange",
        role="You are the assistant of a seed exchange among gardeners. You serve one seed saver at a time.",
        person=SEED_SAVER,
        things=(HEIRLOOM_SEED, GROWER_CIRCLE),
        cases=(SEED_SWAP, GROW_OUT_TRIAL),
        short="seeds",
    ),
    Theme(
        name="escape_rooms",
        title="Escape room house",
        role="You are the assistant of a house of escape rooms. You serve one escape player at a time.",
        person=ESCAPE_PLAYER,
        things=(ESCAPE_ROOM,),
        cases=(ESCAPE_GAME, PUZZLE_VOUCHER),
        short="escape",
    ),
)
