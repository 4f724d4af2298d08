"""A planetarium: dome shows and telescopes, seats and observing nights. A tailor: cloths, commissions and fittings."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

STARGAZER = Person(
    noun="stargazer",
    fields={
        "society": Choice(("none", "junior", "fellow"), label="society rank"),
        "induction": Day(-600, -5, label="day of the telescope induction"),
        "eyepieces": Number(0, 9, label="number of own eyepieces"),
    },
)
DOME_SHOW = Thing(
    noun="dome show",
    names=(
        "Rings of Saturn", "Moon Landing Live", "The Big Bang Bedtime", "Black Hole Blues", "Comet Chasers",
        "Pluto's Complaint", "Sunspots and Storms", "A Year on Mars", "Galileo's Notebook", "Dark Skies",
        "Constellation Tales", "Voyage of Halley", "Northern Lights Symphony", "The Expanding Raisin Loaf",
        "Nebula Lullaby", "Zodiac Explained", "Space Junk", "Life of a Star",
    ),
    fields={
        "audience": Choice(("toddlers", "schools", "adults"), label="audience", told="for {value}"),
        "minutes": Number(20, 90, 5, label="length", unit="minutes", extremes=("shortest", "longest")),
        "projector": Choice(("optical", "laser", "hybrid"), label="projector", told="with the {value} projector"),
        "begins": Clock(10, 21, label="starting time", told="that begins at {value}"),
        "music": Choice(("live", "recorded", "silent"), label="music", told="with {value} music"),
        "recliners": Number(0, 9, label="number of free recliners"),
    },
    scarce="recliners",
)  # fmt: skip
ROOF_TELESCOPE = Thing(
    noun="roof telescope",
    names=(
        "Great Refractor", "Tycho", "Herschel's Heir", "Cassiopeia Tube", "The Dobson Cannon", "Messier Finder",
        "Kepler Junior", "Lovell Light Bucket", "Cyclops", "Antares Mount", "Brass Betelgeuse", "Vega Astrograph",
        "Perseus Pair", "Solar Peephole", "Meridian Circle", "Little Hubble",
    ),
    fields={
        "optics": Choice(("mirror", "lens", "binocular"), label="optics", told="with {value} optics"),
        "aperture": Number(
            60, 600, 20, label="aperture", unit="mm", told="of {value}", extremes=("smallest", "largest")
        ),
        "mount": Choice(("fork", "dobson", "german"), label="mount", told="on a {value} mount"),
        "cleaned": Day(-200, -2, label="day of the last cleaning"),
        "power": Number(40, 500, 10, label="highest magnification", extremes=("weakest", "strongest")),
    },
)  # fmt: skip
DOME_TICKET = Case(
    noun="dome ticket",
    of="dome show",
    fields={
        "seen_on": Day(-5, 35, label="day of the show", told="on {value}", extremes=("earliest", "latest")),
        "sector": Choice(("east", "west", "centre"), label="sector", told="in the {value} sector"),
        "heads": Number(2, 30, label="number of heads", told="for {value} heads", extremes=("smallest", "largest"),
                        total="number of heads"),
        "headset": Choice(("none", "english", "signed"), label="headset"),
        "donation": Money(2, 60, label="added donation", total="donation"),
        "blanket": Flag(label="blanket loan"),
    },
    states=("kept", "stamped", "let-go"),
    moves=(
        Move(("kept",), "stamped", Verb(
            "stamp", "stamped",
            ("We are under the dome already: stamp {it}.", "Please stamp {it} at the entrance."),
            ("The lights are going down; quickly, let us in with {it}.",), ("admit",),
        )),
        Move(("kept",), "let-go", Verb(
            "let go", "let go",
            ("The class is ill, so let {it} go.", "Please let {it} go."),
            ("Other people can have our seats of {it}.",), ("release",),
        )),
        Move(("let-go",), "kept", Verb(
            "recover", "recovered",
            ("We are all well again: recover {it}.", "Please recover {it} if you can."),
            ("Give us back what we let go with {it}.",), ("reinstate",),
        )),
    ),
    changes=(Change("headset"), Change("heads", Verb(
        "resize", "resized",
        ("We shall be {to} heads on {it}.", "Please make it {to} heads for {it}."),
        ("Our group has changed to {to}, so alter {it}.",), ("set heads of",),
    ))),
    make=Verb(
        "keep", "kept",
        ("Please keep seats in the {sector} sector for {thing} on {seen_on}.",
         "We want to see {thing} on {seen_on}, from the {sector} sector."),
        ("Might we lean back for {thing} on {seen_on}, in the {sector} sector?",), ("reserve",),
    ),
    asked=("seen_on", "sector"),
    relink=Verb(
        "exchange", "exchanged",
        ("The children have seen that show; make {it} one for {thing}.", "Could {it} be for {thing} instead?"),
        ("Let us look at {thing} with {it}.",), ("switch",),
    ),
)  # fmt: skip
OBSERVING_NIGHT = Case(
    noun="observing night",
    of="roof telescope",
    fields={
        "night_of": Day(-4, 40, label="date of the night", told="on {value}", extremes=("earliest", "latest")),
        "from_hour": Clock(18, 23, label="first hour"),
        "target": Choice(("moon", "jupiter", "cluster", "comet"), label="target", told="aimed at the {value}"),
        "exposures": Number(10, 300, 10, label="number of exposures", total="number of exposures"),
        "filter": Choice(("red", "green", "infrared", "clear"), label="filter", told="with the {value} filter"),
        "heater": Flag(label="heated jacket"),
    },
    states=("awaiting-sky", "tracking", "clouded-out", "archived"),
    moves=(
        Move(("awaiting-sky", "clouded-out"), "tracking", Verb(
            "track", "tracked",
            ("The sky has cleared: start tracking for {it}.", "Please track for {it} now."),
            ("Point the tube and let the motor run for {it}.",), ("start",),
        )),
        Move(("tracking", "awaiting-sky"), "clouded-out", Verb(
            "cloud out", "clouded out",
            ("There is nothing but cloud; mark {it} as clouded out.", "The cloud will not part, so end {it}."),
            ("The fog has swallowed my target of {it}; note that.",), ("abort",),
        )),
        Move(("tracking",), "archived", Verb(
            "archive", "archived",
            ("All frames are in: archive {it}.", "Please archive {it} with the pictures."),
            ("Put {it} away with its frames, I am going to bed.",), ("close",),
        )),
    ),
    changes=(Change("target"), Change("filter"), Change("exposures")),
    drop=Verb(
        "cancel", "cancelled",
        ("It will be full moon, so cancel {it}.", "Please cancel {it}."),
        ("I shall sleep instead of going up for {it}.",), ("delete",),
    ),
    slot=("night_of", "from_hour"),
    shift=Verb(
        "reschedule", "rescheduled",
        ("The forecast is better for {day}, {time}; move {it} there.", "Could I have {it} on {day} at {time}?"),
        ("The comet is only up on {day} at {time}, so {it} should be then.",), ("postpone",),
    ),
    sign=Verb(
        "authorise", "authorised",
        ("The astronomer on duty should authorise {it}.", "Please have {it} authorised."),
        ("I need the word of the astronomer on duty for {it}.",), ("approve",),
    ),
)  # fmt: skip
TAILORING_CLIENT = Person(
    noun="tailoring client",
    fields={
        "chest": Number(82, 128, label="chest", unit="cm"),
        "posture": Choice(("upright", "stooping", "regular"), label="posture"),
        "pattern_kept": Choice(("paper", "digital", "none"), label="pattern on file"),
        "opened": Day(-3000, -10, label="day when the account was opened"),
    },
)
CLOTH_BOLT = Thing(
    noun="cloth bolt",
    names=(
        "Midnight Sharkskin", "Heather Herringbone", "Donegal Speckle", "Chalkstripe Banker", "Houndstooth Fog",
        "Birdseye Slate", "Cavalry Twill", "Glen Urquhart", "Barathea Black", "Fresco Sand", "Moleskin Moss",
        "Hopsack Navy", "Pinhead Claret", "Lovat Green", "Cheviot Peat", "Tropical Mohair", "Seersucker Sky",
        "Windowpane Rust",
    ),
    fields={
        "fibre": Choice(("wool", "cotton", "linen", "silk"), label="fibre", told="of {value}"),
        "metres": Number(6, 60, label="length on the bolt", extremes=("shortest", "longest")),
        "weight": Number(180, 620, 20, label="weight", unit="g", told="of {value}", extremes=("lightest", "heaviest")),
        "mill": Choice(("yorkshire", "biella", "borders"), label="mill", told="from {value}"),
        "per_metre": Money(20, 240, 5, label="price per metre", extremes=("cheapest", "dearest")),
        "unrolled": Day(-60, -1, label="day of the last unrolling"),
    },
    stock="metres",
    fill=Verb(
        "roll onto", "rolled up",
        ("The mill has sent {count} metres more for {it}.", "Please roll {count} metres onto {it}."),
        ("I did not need {count} metres of my cut; they go back onto {it}.",), ("add to",),
    ),
    take=Verb(
        "cut from", "cut from",
        ("Please cut {count} metres from {it} for me.", "I want {count} metres from {it} for a friend."),
        ("Let the shears take {count} metres from {it}.",), ("snip from",),
    ),
)  # fmt: skip
BESPOKE_COMMISSION = Case(
    noun="bespoke commission",
    of="cloth bolt",
    fields={
        "garment": Choice(("jacket", "kilt", "waistcoat", "overcoat"), label="garment", told="for the {value}"),
        "wanted_by": Day(5, 90, label="date of delivery", told="due by {value}", extremes=("earliest", "latest")),
        "lining": Choice(("plain", "striped", "paisley"), label="lining", told="with {value} lining"),
        "buttons": Choice(("horn", "corozo", "brass"), label="buttons"),
        "price": Money(150, 4200, 50, label="price", extremes=("cheapest", "dearest"), total="price"),
        "hand_hours": Number(8, 80, label="amount of handwork", unit="hours", total="handwork"),
        "monogram": Flag(label="monogram"),
    },
    states=("measured", "cut", "basted", "finished", "shelved"),
    moves=(
        Move(("measured",), "cut", Verb(
            "cut out", "cut out",
            ("The cloth is the right one, so cut {it} out.", "You may cut {it} out now."),
            ("Let the chalk and shears begin on {it}.",), ("start",),
        )),
        Move(("cut", "shelved"), "basted", Verb(
            "baste", "basted",
            ("Please baste {it} for a first try.", "I should like to see {it} basted."),
            ("Stitch {it} together loosely, so that I can slip in.",), ("tack",),
        )),
        Move(("basted",), "finished", Verb(
            "finish", "finished",
            ("It sits like a glove: finish {it}.", "Please finish {it} by hand."),
            ("Nothing pinches any more; sew {it} up for good.",), ("complete",),
        )),
        Move(("cut", "basted"), "shelved", Verb(
            "shelve", "shelved",
            ("I am slimming, so shelve {it} for now.", "Please shelve {it} until spring."),
            ("Hang {it} on the rail and leave it there.",), ("pause",),
        )),
    ),
    changes=(Change("lining"), Change("buttons"), Change("wanted_by")),
    make=Verb(
        "commission", "commissioned",
        ("Please sew my new {garment} from {thing} by {wanted_by}.",
         "I need my next {garment} by {wanted_by}, cut from {thing}."),
        ("My old {garment} is worn out; I want a new one from {thing} by {wanted_by}.",), ("order",),
    ),
    asked=("garment", "wanted_by"),
    relink=Verb(
        "recut", "changed",
        ("My wife likes {thing} better; make {it} of that.", "Please change {it} to {thing}."),
        ("Let {it} come from {thing}.",), ("switch cloth of",),
    ),
    sign=Verb(
        "chalk off", "chalked off",
        ("The master cutter should chalk {it} off.", "Please have {it} chalked off."),
        ("The cutter's mark belongs on {it}.",), ("approve",),
    ),
)  # fmt: skip
FITTING_HOUR = Case(
    noun="fitting hour",
    fields={
        "fits_on": Day(-5, 30, label="day of the fitting", told="on {value}", extremes=("earliest", "latest")),
        "fits_at": Clock(9, 18, label="time of the fitting"),
        "purpose": Choice(("measuring", "basting", "final"), label="purpose", told="for {value}"),
        "cubicle": Choice(("mirror", "corner", "window"), label="cubicle", told="in the {value} cubicle"),
        "shoes": Choice(("oxfords", "boots", "barefoot"), label="shoes"),
        "pins": Number(10, 120, 10, label="number of pins", extremes=("quickest", "slowest"), total="number of pins"),
    },
    states=("noted", "under-way", "over"),
    moves=(
        Move(("noted",), "under-way", Verb(
            "begin", "begun",
            ("I am in my socks in the cubicle: begin {it}.", "Please begin {it}."),
            ("The tape measure is out, so {it} may start.",), ("start",),
        )),
        Move(("under-way",), "over", Verb(
            "end", "ended",
            ("The last pin is in: end {it}.", "Please end {it}, I must run."),
            ("I am dressed again; put {it} down as over.",), ("close",),
        )),
    ),
    changes=(Change("cubicle"), Change("shoes"), Change("fits_at")),
    make=Verb(
        "jot down", "jotted down",
        ("Jot me down for a fitting on {fits_on} at {fits_at}.", "I should like to come on {fits_on}, {fits_at}."),
        ("Have you a free mirror on {fits_on} at {fits_at}? I will be there.",), ("book",),
    ),
    asked=("fits_on", "fits_at"),
    drop=Verb(
        "rub out", "rubbed out",
        ("I have put on weight and dare not come: rub {it} out.", "Please rub {it} out."),
        ("Do not lay out the pins for {it}.",), ("cancel",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="planetarium",
        title="Planetarium",
        role="You are the assistant of a planetarium with telescopes on its roof. You serve one stargazer at a time.",
        person=STARGAZER,
        things=(DOME_SHOW, ROOF_TELESCOPE),
        cases=(DOME_TICKET, OBSERVING_NIGHT),
        short="dome",
    ),
    Theme(
        name="tailor",
        title="Tailor",
        role="You are the assistant of a bespoke tailor. You serve one tailoring client at a time.",
        person=TAILORING_CLIENT,
        things=(CLOTH_BOLT,),
        cases=(BESPOKE_COMMISSION, FITTING_HOUR),
    ),
)
