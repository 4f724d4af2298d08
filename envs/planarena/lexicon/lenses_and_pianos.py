"""An optician: frames and contact lenses, eye tests and spectacles. A piano tuner: vans and parts, calls, contracts."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

SPECTACLE_WEARER = Person(
    noun="spectacle wearer",
    fields={
        "sight": Choice(("short", "long", "mixed"), label="kind of sight"),
        "pupil_distance": Number(54, 72, label="pupil distance", unit="mm"),
        "optical_plan": Choice(("none", "school", "works", "pension"), label="optical plan"),
    },
)
SPECTACLE_FRAME = Thing(
    noun="spectacle frame",
    names=(
        "Ada Roundeye", "Bureau Tortoise", "Cato Browline", "Dune Aviator", "Elba Cat Eye", "Fjord Rimless",
        "Gallerist Bold", "Highrise Oval", "Iris Panto", "Jury Square", "Kiosk Clear", "Librarian Chain",
        "Monocle Modern", "Newsreader", "Opera Lorgnette", "Pilot Junior", "Quay Wraparound", "Retro Hexagon",
    ),
    fields={
        "material": Choice(("acetate", "titanium", "horn"), label="material", told="of {value}"),
        "bridge": Number(14, 24, label="bridge width", unit="mm", told="with a bridge of {value}",
                         extremes=("narrowest", "widest")),
        "tint": Choice(("amber", "smoke", "crystal"), label="tint", told="in {value}"),
        "grams": Number(9, 42, label="weight", unit="g", extremes=("lightest", "heaviest")),
        "price": Money(40, 560, 10, label="price", extremes=("cheapest", "dearest")),
        "on_tray": Number(0, 6, label="number on the tray"),
    },
    scarce="on_tray",
)  # fmt: skip
CONTACT_LENS = Thing(
    noun="contact lens",
    plural="contact lenses",
    names=(
        "Aquaview Daily", "Blinkease", "Clearwink Toric", "Dewdrop Silicone", "Eyeglide", "Freshlid Monthly",
        "Gazelight", "Hydrablink", "Irisoft", "Keenpane", "Lucidisc", "Moistura Sphere", "Nightlens Ortho",
        "Oculex Air", "Pupilla", "Softsee Weekly", "Tearfilm Plus", "Visiflow",
    ),
    fields={
        "worn_for": Choice(("day", "fortnight", "month"), label="wearing time", told="for one {value}"),
        "boxes": Number(6, 120, 2, label="number of boxes", extremes=("scarcest", "most plentiful")),
        "water": Number(24, 74, 2, label="water content", unit="percent", told="with {value} water",
                        extremes=("driest", "wettest")),
        "shape": Choice(("spheric", "toric", "multifocal"), label="shape", told="of {value} shape"),
        "box_price": Money(9, 72, label="price per box", extremes=("cheapest", "dearest")),
        "expires": Day(60, 900, label="expiry date"),
    },
    stock="boxes",
    take=Verb(
        "dispense", "dispensed",
        ("I am running out: {count} boxes of {it}, please.", "Please dispense {count} boxes of {it} to me."),
        ("{count} boxes of {it} would see me through the summer.",), ("sell",),
    ),
)  # fmt: skip
EYE_TEST = Case(
    noun="eye test",
    fields={
        "tested_on": Day(-5, 30, label="day of the test", told="on {value}", extremes=("earliest", "latest")),
        "tested_at": Clock(9, 18, label="time of the test"),
        "chart": Choice(("letters", "rings", "pictures"), label="chart", told="with the {value} chart"),
        "drops": Choice(("with-drops", "without-drops"), label="pupil drops"),
        "minutes": Number(15, 75, 5, label="length", unit="minutes", extremes=("shortest", "longest"), total="time"),
        "scan": Flag(label="retina scan"),
    },
    states=("due", "fixed", "measured", "skipped"),
    moves=(
        Move(("due", "skipped"), "fixed", Verb(
            "fix", "fixed",
            ("I can come then, so fix {it}.", "Please fix {it} in your diary."),
            ("My eyes and I shall be there for {it}; write it in.",), ("confirm",),
        )),
        Move(("fixed",), "measured", Verb(
            "measure", "measured",
            ("I have read all the letters: mark {it} as measured.", "Please measure my eyes for {it} now."),
            ("My chin is on the rest, so let {it} go ahead.",), ("carry out",),
        )),
        Move(("due", "fixed"), "skipped", Verb(
            "skip", "skipped",
            ("I have the flu and must skip {it}.", "Please skip {it} this time."),
            ("Nothing has changed with my sight; I do without {it}.",), ("pass over",),
        )),
    ),
    changes=(Change("chart"), Change("drops"), Change("tested_at")),
    make=Verb(
        "request", "requested",
        ("I see badly at night and want a test on {tested_on} at {tested_at}.",
         "Please test my eyes on {tested_on}, {tested_at}."),
        ("Could you look into my eyes on {tested_on} at {tested_at}?",), ("schedule",),
    ),
    asked=("tested_on", "tested_at"),
    drop=Verb(
        "strike", "struck",
        ("I have been to the hospital instead: strike {it}.", "Please strike {it} from your diary."),
        ("You can let somebody else read the letters at {it}.",), ("cancel",),
    ),
)  # fmt: skip
SPECTACLE_ORDER = Case(
    noun="spectacle order",
    of="spectacle frame",
    fields={
        "lens_kind": Choice(("reading", "distance", "varifocal"), label="kind of lens", told="for {value}"),
        "coating": Choice(("plain", "anti-glare", "blue-cut"), label="coating", told="with {value} coating"),
        "ready_on": Day(-4, 21, label="ready date", told="ready on {value}", extremes=("earliest", "latest")),
        "sum_due": Money(70, 990, 10, label="amount", extremes=("cheapest", "dearest"), total="amount"),
        "case_colour": Choice(("navy", "tan", "plum"), label="colour of the case"),
        "thickness": Number(1, 9, label="lens thickness", unit="mm", extremes=("thinnest", "thickest")),
    },
    states=("tried-on", "grinding", "glazed", "worn"),
    moves=(
        Move(("tried-on",), "grinding", Verb(
            "grind", "sent for grinding",
            ("These are the ones: grind the lenses for {it}.", "Please have the lenses of {it} ground."),
            ("I look well in them, so let the wheel turn for {it}.",), ("start",),
        )),
        Move(("grinding",), "glazed", Verb(
            "glaze", "glazed",
            ("Please glaze {it} today.", "The lenses are here, so glaze {it}."),
            ("Press the glass of {it} home, please.",), ("assemble",),
        )),
        Move(("glazed",), "worn", Verb(
            "fit", "fitted",
            ("Please fit {it} on my nose.", "I am here to be fitted with {it}."),
            ("Bend the arms of {it} round my ears and let me go.",), ("hand over",),
        )),
        Move(("glazed", "worn"), "grinding", Verb(
            "regrind", "sent for regrinding",
            ("I feel seasick with them: regrind {it}.", "Please regrind {it}, I cannot read the screen."),
            ("The left glass of {it} is not right; make it anew.",), ("remake",),
        )),
    ),
    changes=(Change("coating"), Change("case_colour"), Change("lens_kind")),
    make=Verb(
        "order", "ordered",
        ("I would like {thing} with {coating} coating, for {lens_kind}.",
         "Please order {thing} for me: {lens_kind}, {coating} coating."),
        ("Let me have {thing} for {lens_kind}, and {coating} coating with that.",), ("place",),
    ),
    asked=("lens_kind", "coating"),
    relink=Verb(
        "reframe", "reframed",
        ("My daughter says {thing} suits me better; reframe {it}.", "Please reframe {it} with {thing}."),
        ("Put the lenses of {it} into {thing}.",), ("exchange",),
    ),
    sign=Verb(
        "endorse", "endorsed",
        ("My health fund wants {it} endorsed.", "Please have the optometrist endorse {it}."),
        ("The optometrist's name should stand on {it}.",), ("certify",),
    ),
)  # fmt: skip
PIANO_OWNER = Person(
    noun="piano owner",
    fields={
        "instrument": Choice(("upright", "grand", "square"), label="instrument"),
        "built": Number(1870, 2022, label="year of building"),
        "humidity": Number(25, 75, label="humidity of the room", unit="percent"),
    },
)
TUNING_VAN = Thing(
    noun="tuning van",
    names=(
        "Allegro", "Bechstein Bus", "Cantabile", "Dolce Van", "Espressivo", "Fortissimo", "Glissando", "Hammerklavier",
        "Impromptu", "Jeu Perle", "Klavier Kombi", "Legato", "Mezzo Mover", "Nocturne Wagon", "Ostinato", "Pianissimo",
        "Quaver Caravan", "Rubato",
    ),
    fields={
        "ear": Choice(("fork", "meter", "pure-ear"), label="way of tuning", told="with the {value} method"),
        "district": Choice(("riverside", "hillside", "old-town"), label="district", told="for the {value}"),
        "mileage": Number(10, 190, 5, label="mileage", unit="thousand miles", extremes=("newest", "oldest")),
        "call_fee": Money(60, 190, 5, label="call-out fee", extremes=("cheapest", "dearest")),
        "sets_off": Clock(7, 10, label="time of setting off", told="that sets off at {value}"),
        "calls_free": Number(0, 7, label="number of free calls"),
    },
    scarce="calls_free",
)  # fmt: skip
PIANO_PART = Thing(
    noun="piano part",
    names=(
        "Abel Hammer Felt", "Bass Bridge Pin", "Copper Wound String", "Damper Wick", "Ebony Sharp", "Front Punching",
        "Ivory Key Top", "Jack Spring", "Knuckle Leather", "Let-Off Button", "Maple Wippen", "Pedal Trapwork",
        "Repetition Lever", "Sostenuto Rod", "Treble Wire Coil", "Una Corda Shim", "Agraffe Brass", "Backcheck Skin",
    ),
    fields={
        "section": Choice(("action", "strings", "keyboard", "pedals"), label="section", told="for the {value}"),
        "drawer": Number(1, 48, label="drawer", told="in drawer {value}"),
        "pieces": Number(8, 230, label="number of pieces", extremes=("scarcest", "most plentiful")),
        "era": Choice(("antique", "modern"), label="era", told="for {value} pianos"),
        "each": Money(1, 38, label="price each", extremes=("cheapest", "dearest")),
    },
    stock="pieces",
    fill=Verb(
        "stow", "stowed",
        ("The foundry parcel has come: stow {count} pieces of {it}.", "Please stow {count} pieces of {it}."),
        ("I took {count} pieces of {it} out of an old upright; keep them.",), ("restock",),
    ),
    take=Verb(
        "fit", "fitted",
        ("Mine are worn: fit {count} pieces of {it}.", "Please have {count} pieces of {it} fitted in my piano."),
        ("The moths have left me short of {count} pieces of {it}; put them on my bill.",), ("use",),
    ),
)  # fmt: skip
TUNING_CALL = Case(
    noun="tuning call",
    of="tuning van",
    fields={
        "called_for": Day(-7, 45, label="day of the call", told="on {value}", extremes=("earliest", "latest")),
        "rings_at": Clock(8, 18, label="time of the call"),
        "pitch": Choice(("concert", "baroque", "cabaret"), label="pitch", told="at {value} pitch"),
        "cents_flat": Number(2, 90, label="flatness", unit="cents", extremes=("truest", "flattest")),
        "access": Choice(("street", "stairs", "stage-door"), label="access"),
        "fee": Money(70, 290, 5, label="fee", told="for {value}", extremes=("cheapest", "dearest"), total="fee"),
        "voicing": Flag(label="voicing"),
    },
    states=("requested", "on-the-round", "in-tune", "drifted"),
    moves=(
        Move(("requested",), "on-the-round", Verb(
            "take on", "taken on",
            ("We are home that day: take {it} on the round.", "Please take {it} on."),
            ("The lid is open for you; let the van stop for {it}.",), ("accept",),
        )),
        Move(("on-the-round",), "in-tune", Verb(
            "tune", "tuned",
            ("The scales are sweet again: note {it} as tuned.", "Please mark {it} as tuned."),
            ("Every octave rings true; put {it} down as done.",), ("complete",),
        )),
        Move(("in-tune",), "drifted", Verb(
            "complain of", "complained of",
            ("The top notes are sour already; I complain of {it}.", "Please note my complaint of {it}."),
            ("My Chopin sounds like a bar after {it}; put that on record.",), ("report",),
        )),
        Move(("drifted",), "on-the-round", Verb(
            "touch up", "touched up",
            ("Please come and touch {it} up.", "Touch {it} up free of charge, please."),
            ("Send somebody with a lever to put {it} right.",), ("redo",),
        )),
    ),
    changes=(Change("pitch"), Change("access")),
    make=Verb(
        "request", "requested",
        ("Please send {thing} on {called_for} at {rings_at}.", "I need {thing} here on {called_for}, {rings_at}."),
        ("We have a concert at home; might {thing} come by on {called_for} at {rings_at}?",), ("call in",),
    ),
    asked=("called_for", "rings_at"),
    slot=("called_for", "rings_at"),
    shift=Verb(
        "transpose", "transposed",
        ("There is a lesson at that hour; transpose {it} to {day}, {time}.", "Could {it} be on {day} at {time}?"),
        ("The neighbours are out on {day} at {time}, so let {it} be then.",), ("reschedule",),
    ),
    relink=Verb(
        "hand on", "handed on",
        ("I know {thing} from last time; hand {it} on to that van.", "Please hand {it} on to {thing}."),
        ("I want {thing} to do {it}.",), ("reassign",),
    ),
)  # fmt: skip
TUNING_CONTRACT = Case(
    noun="tuning contract",
    fields={
        "tunings": Number(2, 16, label="tuning balance", unit="tunings", extremes=("shortest", "longest"),
                          total="balance"),
        "rhythm": Choice(("yearly", "quarterly", "monthly"), label="rhythm", told="in the {value} rhythm"),
        "renewal": Day(5, 700, label="renewal day", told="to be renewed on {value}"),
        "place": Choice(("parlour", "church", "school", "club"), label="place", told="for the {value}"),
        "moth_checks": Number(0, 4, label="number of moth checks"),
    },
    states=("signed-up", "muted", "run-out"),
    moves=(
        Move(("signed-up",), "muted", Verb(
            "mute", "muted",
            ("The piano is in store: mute {it}.", "Please mute {it} for half a year."),
            ("We are rebuilding and nobody plays, so let {it} be silent.",), ("pause",),
        )),
        Move(("muted", "run-out"), "signed-up", Verb(
            "renew", "renewed",
            ("We play again: renew {it}.", "Please renew {it} on the same terms."),
            ("Let {it} sound once more.",), ("resume",),
        )),
    ),
    changes=(Change("rhythm"), Change("place"), Change("moth_checks")),
    drop=Verb(
        "dissolve", "dissolved",
        ("I have sold the instrument: dissolve {it}.", "Please dissolve {it}."),
        ("There is no piano here any more, and so no need of {it}.",), ("terminate",),
    ),
    pot="tunings",
    pour=Verb(
        "lend", "lent",
        ("Lend {amount} tunings of {it} to {other}.", "Please move {amount} tunings from {it} to {other}."),
        ("The church is out of tune: let {other} have {amount} tunings of {it}.",), ("move tunings of",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="optician",
        title="Optician",
        role="You are the assistant of an optician's shop. You serve one spectacle wearer at a time.",
        person=SPECTACLE_WEARER,
        things=(SPECTACLE_FRAME, CONTACT_LENS),
        cases=(EYE_TEST, SPECTACLE_ORDER),
    ),
    Theme(
        name="piano_tuner",
        title="Piano tuner",
        role="You are the assistant of a piano tuner's workshop. You serve one piano owner at a time.",
        person=PIANO_OWNER,
        things=(TUNING_VAN, PIANO_PART),
        cases=(TUNING_CALL, TUNING_CONTRACT),
        short="piano",
    ),
)
