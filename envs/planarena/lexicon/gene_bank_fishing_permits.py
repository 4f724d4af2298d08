"""Two themes: a gene bank that keeps seeds of crops, and an angling authority that grants permits for its waters."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

BREEDER = Person(
    noun="plant breeder",
    fields={
        "affiliation": Choice(("institute", "cooperative", "farm"), label="affiliation"),
        "treaty_until": Day(-50, 800, label="end of the treaty paper"),
        "trials": Number(0, 25, label="number of field trials"),
    },
)
ACCESSION = Thing(
    noun="seed accession",
    names=(
        "Emmer Zagros", "Einkorn Taurus", "Teff Gondar", "Sorghum Kassala", "Cowpea Kano", "Lablab Mysore",
        "Fonio Kedougou", "Quinoa Puno", "Amaranth Oaxaca", "Tepary Sonora", "Oca Cusco", "Ulluco Huaraz",
        "Lupin Alentejo", "Rye Kainuu", "Spelt Asturias", "Grass Pea Shewa", "Kodo Bastar", "Durum Apulia",
    ),
    fields={
        "grams": Number(20, 900, 10, "g", label="seed in store", extremes=("scarcest", "most plentiful")),
        "climate": Choice(("arid", "alpine", "humid"), label="climate", told="from the {value} zone"),
        "sprouting": Number(
            40, 99, unit="percent", label="germination", extremes=("weakest", "strongest")
        ),
        "vault": Choice(("minus-18", "minus-70", "nitrogen"), label="vault", told="in vault {value}"),
        "collected": Number(
            1931, 2019, label="collecting year", told="collected in {value}", extremes=("oldest", "youngest")
        ),
        "grown_out": Day(-900, -60, label="day of the last regrowth"),
    },
    stock="grams",
    fill=Verb(
        "take in",
        "taken in",
        ("Our harvest gives {count} g back to {it}.", "Please take in {count} g of fresh seed for {it}."),
        ("We have multiplied {it} and return {count} g.",),
        ("deposit",),
    ),
    take=Verb(
        "sample",
        "sampled",
        ("We need {count} g of {it} for our field.", "Please sample {count} g from {it}."),
        ("A bag of {count} g of {it} would be enough to sow.",),
        ("withdraw",),
    ),
)  # fmt: skip
SEED_REQUEST = Case(
    noun="seed request",
    of="seed accession",
    fields={
        "trait": Choice(("drought", "rust", "frost", "salt"), label="trait", told="for {value} tolerance"),
        "sow_by": Day(3, 150, label="last sowing day", told="to be sown by {value}", extremes=("soonest", "latest")),
        "packets": Number(
            2, 40, label="number of packets", extremes=("smallest", "largest"), total="number of packets"
        ),
        "treatment": Choice(("bare", "dressed", "pelleted"), label="seed treatment", told="with {value} seed"),
        "plots": Number(1, 30, label="number of plots"),
        "organic": Flag(label="organic flag"),
    },
    states=("drafted", "screened", "shipped", "quarantined"),
    moves=(
        Move(
            ("drafted",),
            "screened",
            Verb(
                "screen",
                "screened",
                ("Please have {it} screened for disease.", "We fear ergot, so screen {it}."),
                ("A plant doctor ought to look at the seed of {it}.",),
                ("test",),
            ),
        ),
        Move(
            ("screened",),
            "shipped",
            Verb(
                "ship",
                "shipped",
                ("The sowing time is near: ship {it}.", "Please ship {it}."),
                ("Hand {it} to the post.",),
                ("dispatch",),
            ),
        ),
        Move(
            ("screened", "drafted"),
            "quarantined",
            Verb(
                "quarantine",
                "quarantined",
                ("There is a beetle in the bag: quarantine {it}.", "Please quarantine {it}."),
                ("Keep {it} behind glass until the beetle has a name.",),
                ("isolate",),
            ),
        ),
    ),
    changes=(Change("treatment"), Change("plots"), Change("sow_by")),
    make=Verb(
        "draft",
        "drafted",
        (
            "I need seed of {thing}, with {trait} in mind, to sow by {sow_by}.",
            "Draft a request: {thing}, for {trait}, sown by {sow_by}.",
        ),
        ("Could {thing} help us against {trait}? We sow by {sow_by}.",),
        ("order",),
    ),
    asked=("trait", "sow_by"),
    relink=Verb(
        "substitute",
        "substituted",
        ("Please send {thing} with {it} instead.", "We would rather grow {thing}, so change {it}."),
        ("Let {it} be about {thing}.",),
        ("replace",),
    ),
    sign=Verb(
        "license",
        "licensed",
        ("Our ministry asks you to license {it}.", "Please license {it} under the treaty."),
        ("The treaty paper of {it} still lacks your seal.",),
        ("approve",),
    ),
)
REGROWTH = Case(
    noun="regrowth trial",
    fields={
        "house": Choice(("glasshouse", "polytunnel", "field"), label="growing place", told="in the {value}"),
        "plants": Number(
            10, 240, 10, label="number of plants", extremes=("smallest", "largest"), total="number of plants"
        ),
        "sown": Day(-80, 20, label="sowing day", told="sown on {value}", extremes=("oldest", "newest")),
        "pollination": Choice(("selfed", "bagged", "open"), label="pollination", told="with {value} flowers"),
        "germination": Number(30, 100, 5, "percent", label="germination"),
    },
    states=("sown", "flowering", "threshed"),
    moves=(
        Move(
            ("sown",),
            "flowering",
            Verb(
                "record flowering of",
                "recorded",
                ("The first flower is out: record that for {it}.", "Please record that {it} is in flower."),
                ("There are petals everywhere in {it}.",),
                ("observe",),
            ),
        ),
        Move(
            ("flowering",),
            "threshed",
            Verb(
                "thresh",
                "threshed",
                ("The heads are dry, so thresh {it}.", "Please thresh {it}."),
                ("Beat the grain out of {it}.",),
                ("harvest",),
            ),
        ),
    ),
    changes=(
        Change("house"),
        Change(
            "pollination",
            Verb(
                "set flowers of",
                "changed",
                ("I want the flowers of {it} to be {to}.", "Please see to it that the flowers of {it} are {to}."),
                ("Bees are about, so {to} flowers are right for {it}.",),
            ),
        ),
    ),
    pot="plants",
    pour=Verb(
        "replant",
        "replanted",
        ("Move {amount} plants from {it} to {other}.", "Please replant {amount} plants of {it} in {other}."),
        ("I want {amount} plants dug up from {it} and put into {other}.",),
    ),
)
ANGLER = Person(
    noun="angler",
    fields={
        "exam": Choice(("passed", "exempt", "junior"), label="angling exam"),
        "rods": Number(1, 9, label="number of rods"),
        "last_catch": Day(-200, -1, label="day of the last catch"),
    },
)
WATER = Thing(
    noun="angling water",
    names=(
        "Alderfly Beck", "Bulrush Broad", "Caddis Brook", "Duckweed Pool", "Eelgrass Mere", "Floodgate Pit",
        "Gudgeon Run", "Hatchery Pond", "Iris Backwater", "Kingcup Ditch", "Lily Lagoon", "Mayfly Stream",
        "Otter Reach", "Pikehole", "Rushy Weir", "Stickleback Cut", "Tench Hollow", "Watercress Bourne",
    ),
    fields={
        "fish": Choice(("trout", "carp", "pike", "perch"), label="main fish", told="for {value}"),
        "bank": Number(
            80, 5200, 20, "m", label="length of the bank", told="with {value} of bank", extremes=("shortest", "longest")
        ),
        "permits_left": Number(0, 9, label="number of permits left"),
        "bait": Choice(("fly", "worm", "bread"), label="bait", told="with {value} only"),
        "day_fee": Money(4, 48, 2, label="day fee", extremes=("cheapest", "dearest")),
        "closed_from": Day(5, 160, label="start of the close season"),
    },
    scarce="permits_left",
)  # fmt: skip
FRY_TANK = Thing(
    noun="fry tank",
    names=(
        "Fingerling", "Parr", "Smolt", "Alevin", "Roe Tray", "Milt Jar", "Spawn Mat", "Gill Net Tub", "Redd Gravel",
        "Oxygen Stone", "Brine Shrimp", "Swim-up", "Lateral Line", "Adipose", "Otolith", "Leader Tank", "Swivel",
    ),
    fields={
        "fry": Number(200, 9000, 100, label="number of fry", extremes=("emptiest", "fullest")),
        "kin": Choice(("brown-trout", "grayling", "barbel"), label="kind of fry", told="of {value} fry"),
        "degrees": Number(
            6, 18, 1, "degrees", label="water temperature", told="at {value}", extremes=("coldest", "warmest")
        ),
        "feed": Choice(("flakes", "krill"), label="feed", told="fed with {value}"),
        "cleaned": Day(-9, -1, label="day of the last cleaning"),
    },
    stock="fry",
    take=Verb(
        "net",
        "netted from",
        ("Our club wants to net {count} fry from {it}.", "Please net {count} fry out of {it} for our brook."),
        ("Our buckets are ready for {count} fry from {it}.",),
        ("release",),
    ),
)  # fmt: skip
PERMIT = Case(
    noun="angling permit",
    of="angling water",
    fields={
        "fishes_on": Day(-10, 90, label="fishing day", told="for {value}", extremes=("earliest", "latest")),
        "sort": Choice(("day", "night", "weekend"), label="sort of permit", told="of the {value} sort"),
        "bag": Number(2, 24, label="bag limit", extremes=("smallest", "largest"), total="bag limit"),
        "tackle": Choice(("spinning", "float", "feeder"), label="tackle", told="with {value} tackle"),
        "keepnet": Flag(label="keepnet flag"),
        "charge": Money(5, 95, 5, label="charge", total="charge"),
    },
    states=("issued", "reported", "suspended"),
    moves=(
        Move(
            ("issued",),
            "reported",
            Verb(
                "report catch on",
                "reported",
                ("I want to report my catch on {it}.", "Please take down my catch on {it}."),
                ("Nothing more bites; enter what I caught on {it}.",),
                ("log catch",),
            ),
        ),
        Move(
            ("issued",),
            "suspended",
            Verb(
                "suspend",
                "suspended",
                ("The river is in flood: suspend {it}.", "Please suspend {it} until the water falls."),
                ("The river stands over the path, and {it} is no use to me today.",),
                ("freeze",),
            ),
        ),
        Move(
            ("suspended",),
            "issued",
            Verb(
                "reinstate",
                "reinstated",
                ("The water is clear again, so reinstate {it}.", "Please reinstate {it}."),
                ("The path is dry, and {it} may count once more.",),
                ("unfreeze",),
            ),
        ),
    ),
    changes=(
        Change("tackle"),
        Change(
            "sort",
            Verb(
                "convert",
                "converted",
                ("Turn {it} into one of the {to} sort.", "I want {it} to be of the {to} sort."),
                ("My plans have changed, so {it} should be of the {to} sort.",),
                ("turn",),
            ),
        ),
        Change("fishes_on"),
    ),
    make=Verb(
        "issue",
        "issued",
        (
            "I want to fish in {thing} on {fishes_on} with {tackle} tackle.",
            "Issue me a permit: {thing}, {fishes_on}, {tackle} tackle.",
        ),
        ("May I cast my line into {thing} on {fishes_on}, with {tackle} tackle?",),
        ("buy",),
    ),
    asked=("fishes_on", "tackle"),
    drop=Verb(
        "surrender",
        "surrendered",
        ("I surrender {it}.", "My waders leak, so I surrender {it}."),
        ("Another angler may have the place of {it}.",),
        ("void",),
    ),
    pot="bag",
    pour=Verb(
        "lend",
        "lent",
        ("Lend {amount} fish of the limit of {it} to {other}.", "Please move {amount} fish from {it} to {other}."),
        ("Let {other} allow {amount} fish more and {it} so many less.",),
    ),
)
BOAT_HIRE = Case(
    noun="rowing-boat hire",
    fields={
        "hull": Choice(("punt", "dinghy", "float-tube"), label="hull", told="for the {value}"),
        "afloat_on": Day(-2, 40, label="day afloat", told="on {value}", extremes=("earliest", "latest")),
        "oars": Number(2, 6, 2, label="number of oars", total="number of oars"),
        "jacket": Choice(("child", "slim", "broad"), label="life jacket", told="with the {value} jacket"),
        "from_hour": Clock(5, 18, label="first hour", told="at {value}"),
    },
    states=("moored", "afloat", "back"),
    moves=(
        Move(
            ("moored",),
            "afloat",
            Verb(
                "push off",
                "pushed off",
                ("We sit in the boat: push {it} off.", "Please enter {it} as afloat."),
                ("There is water under us now, so {it} has begun.",),
            ),
        ),
        Move(
            ("afloat",),
            "back",
            Verb(
                "tie up",
                "tied up",
                ("The boat is at the jetty again: tie {it} up.", "Please tie {it} up; we are back."),
                ("We have dry ground under our boots, and {it} is over.",),
                ("return",),
            ),
        ),
    ),
    changes=(Change("hull"), Change("jacket"), Change("from_hour")),
)
THEMES = (
    Theme(
        name="gene_bank",
        title="Gene bank",
        role="You are the assistant of a gene bank that keeps seeds of crops. You serve one plant breeder at a time.",
        person=BREEDER,
        things=(ACCESSION,),
        cases=(SEED_REQUEST, REGROWTH),
        short="seed",
    ),
    Theme(
        name="fishing_permits",
        title="Fishing permits",
        role="You are the assistant of an angling authority. You serve one angler at a time.",
        person=ANGLER,
        things=(WATER, FRY_TANK),
        cases=(PERMIT, BOAT_HIRE),
        short="angling",
    ),
)
