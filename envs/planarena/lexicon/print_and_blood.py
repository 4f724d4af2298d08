"""A print shop: papers and presses, print runs and proofs. A blood bank: donation centres and drives, donations."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

PRINT_CLIENT = Person(
    noun="print client",
    fields={
        "trade": Choice(("publisher", "cafe", "school", "gallery"), label="trade"),
        "terms": Choice(("prepaid", "fortnight", "month"), label="payment terms"),
        "discount": Number(0, 20, 5, label="discount", unit="percent"),
    },
)
PRINTING_PAPER = Thing(
    noun="printing paper",
    names=(
        "Arctic Wove", "Bristol Vellum", "Chamois Laid", "Deckle Ivory", "Eggshell Cream", "Featherweight Book",
        "Gloss Opal", "Heritage Rag", "Icing White", "Kraft Natural", "Linen Press", "Mirror Cast", "Newsroom Grey",
        "Oyster Pearl", "Post Office Blue", "Recycled Oatmeal", "Silk Matt", "Tracing Mist",
    ),
    fields={
        "coating": Choice(("gloss", "matt", "uncoated"), label="coating", told="with {value} finish"),
        "grammage": Number(
            60, 400, 10, label="grammage", unit="gsm", told="of {value}", extremes=("thinnest", "thickest")
        ),
        "reams": Number(5, 160, label="number of reams", extremes=("scarcest", "most plentiful")),
        "grain": Choice(("long", "short"), label="grain", told="with {value} grain"),
        "ream_price": Money(5, 70, label="price per ream", extremes=("cheapest", "dearest")),
        "certified": Flag(label="forest certificate"),
    },
    stock="reams",
    fill=Verb(
        "stack", "stacked",
        ("The pallet is down: stack {count} reams of {it}.", "Please enter {count} reams more of {it}."),
        ("We are sending you {count} reams of {it} of our own.",), ("restock",),
    ),
    take=Verb(
        "use", "used",
        ("Please use {count} reams of {it} for our flyers.", "Charge us for {count} reams of {it}."),
        ("Our leaflets have eaten {count} reams of {it}; note that.",), ("cut",),
    ),
)  # fmt: skip
PRINTING_PRESS = Thing(
    noun="printing press",
    plural="printing presses",
    names=(
        "Gutenberg's Cousin", "Old Cylinder", "Rotary Rosa", "Platen Paula", "Riso Ruth", "Offset Otto", "Screen Ines",
        "Inkjet Iggy", "Foil Felix", "Letterpress Lou", "Web Wanda", "Plotter Pia", "Numbering Norm", "Creaser Cass",
        "Die Cut Dot", "Laser Leo", "Flexo Fern", "Gravure Gil",
    ),
    fields={
        "method": Choice(("offset", "digital", "letterpress", "screen"), label="method", told="for {value} printing"),
        "sheet": Choice(("small", "medium", "poster"), label="sheet size", told="for {value} sheets"),
        "per_hour": Number(
            200, 9000, 100, label="speed", unit="sheets an hour", extremes=("slowest", "fastest")
        ),
        "colours": Number(2, 8, label="number of inks", told="with {value} inks"),
        "greased": Day(-60, -1, label="day of the last greasing"),
        "runs_free": Number(0, 8, label="number of free runs"),
    },
    scarce="runs_free",
)  # fmt: skip
PRINT_RUN = Case(
    noun="print run",
    of="printing press",
    fields={
        "product": Choice(("flyers", "menus", "posters", "booklets"), label="product", told="of {value}"),
        "copies": Number(
            50, 5000, 50, label="number of copies", extremes=("smallest", "largest"), total="number of copies"
        ),
        "ship_on": Day(-3, 30, label="shipping day", told="shipped on {value}", extremes=("earliest", "latest")),
        "fold": Choice(("half", "letter", "zigzag", "none"), label="fold"),
        "trim": Choice(("bleed", "border"), label="trim", told="with {value} trim"),
        "quote": Money(30, 1900, 10, label="quote", extremes=("cheapest", "dearest"), total="quote"),
    },
    states=("quoted", "plated", "on-press", "bound", "stopped"),
    moves=(
        Move(("quoted",), "plated", Verb(
            "plate", "plated",
            ("The quote is fine: make the plates for {it}.", "Please plate {it} today."),
            ("We accept your figure, so get {it} ready for the press.",), ("accept",),
        )),
        Move(("plated", "stopped"), "on-press", Verb(
            "run", "run",
            ("You have our colours, so run {it}.", "Please run {it} tonight."),
            ("Let the ink flow for {it}.",), ("print",),
        )),
        Move(("on-press",), "bound", Verb(
            "bind", "bound",
            ("Please bind {it} as soon as it is dry.", "We want {it} bound now."),
            ("Take {it} over to the bindery.",), ("finish",),
        )),
        Move(("on-press", "plated"), "stopped", Verb(
            "stop", "stopped",
            ("There is a typo on the cover: stop {it}!", "Please stop {it} at once."),
            ("Not one more sheet of {it} until I have called back.",), ("halt",),
        )),
    ),
    changes=(Change("fold"), Change("trim"), Change("copies", Verb(
        "resize", "resized",
        ("We need {to} copies from {it}.", "Please make it {to} copies for {it}."),
        ("Our list has changed, and {it} should come to {to} copies.",), ("set copies of",),
    ))),
    make=Verb(
        "quote", "quoted",
        ("Please quote for {copies} {product} on {thing}.", "We need {copies} {product}, printed on {thing}."),
        ("What would {copies} {product} cost on {thing}? Open a job for that.",), ("open",),
    ),
    asked=("copies", "product"),
    relink=Verb(
        "shift", "shifted",
        ("We do not like the dots; shift {it} to {thing}.", "Could {it} go on {thing} instead?"),
        ("Print {it} with {thing}, it looks warmer.",), ("reassign",),
    ),
)  # fmt: skip
PROOF_SHEET = Case(
    noun="proof sheet",
    fields={
        "stage": Choice(("layout", "colour", "final"), label="stage", told="for the {value} stage"),
        "made_on": Day(-30, -1, label="date of the proof", told="of {value}", extremes=("oldest", "newest")),
        "marks": Number(0, 40, label="number of marks", extremes=("cleanest", "messiest")),
        "sent_as": Choice(("paper", "screen"), label="form of sending", told="on {value}"),
        "deadline": Clock(9, 18, label="deadline"),
    },
    states=("out-for-reading", "marked-up", "superseded"),
    moves=(
        Move(("out-for-reading",), "marked-up", Verb(
            "mark up", "marked up",
            ("We found some errors: please mark {it} up.", "Please mark {it} up with our corrections."),
            ("Put our corrections into {it}.",), ("correct",),
        )),
        Move(("marked-up", "out-for-reading"), "superseded", Verb(
            "supersede", "superseded",
            ("A newer one is on its way, so supersede {it}.", "Please supersede {it}."),
            ("Nobody should print from {it} any longer.",), ("retire",),
        )),
    ),
    changes=(Change("sent_as"), Change("deadline"), Change("stage")),
    drop=Verb(
        "bin", "binned",
        ("You can bin {it}.", "Please bin {it}; the job is dead."),
        ("Throw {it} out, it only confuses us.",), ("discard",),
    ),
    sign=Verb(
        "pass", "passed for press",
        ("All is right: pass {it} for press.", "I have read every line and pass {it} for press."),
        ("You may print from {it}, I put my name to it.",), ("approve",),
    ),
)  # fmt: skip
BLOOD_DONOR = Person(
    noun="blood donor",
    fields={
        "blood_group": Choice(("a", "b", "ab", "zero"), label="blood group"),
        "rhesus": Choice(("positive", "negative"), label="rhesus factor"),
        "donations": Number(0, 90, label="number of donations"),
        "last_gave": Day(-400, -30, label="day of the last donation"),
    },
)
DONATION_CENTRE = Thing(
    noun="donation centre",
    names=(
        "Red Drop House", "Plasma Plaza", "Lifeline Lodge", "Vein Street", "Platelet Place", "Heartbeat Hall",
        "Corpuscle Court", "Ruby Rooms", "Crimson Cross", "Scarlet Gate", "Pulse Point", "Transfusion Tower",
        "Hemlock Ward", "Giving Garden", "Ward Nine", "Ambulance Yard", "Nurses' Home", "Rolled Sleeve",
    ),
    fields={
        "gives": Choice(("whole-blood", "plasma", "platelets"), label="kind of donation", told="for {value}"),
        "couches": Number(4, 24, label="number of couches", told="with {value} couches",
                          extremes=("smallest", "largest")),
        "opens": Clock(7, 12, label="opening time", told="that opens at {value}"),
        "reached_by": Choice(("tram", "bus", "metro"), label="connection", told="reached by {value}"),
        "wait": Number(5, 60, 5, label="usual wait", unit="minutes", extremes=("quickest", "slowest")),
        "beds_open": Number(0, 7, label="number of open appointments"),
    },
    scarce="beds_open",
)  # fmt: skip
SNACK_TROLLEY = Thing(
    noun="snack trolley",
    names=(
        "Biscuit Barge", "Juice Junction", "Banana Buggy", "Pretzel Pram", "Raisin Rover", "Crisps Carriage",
        "Orange Squash Express", "Cocoa Cart", "Flapjack Ferry", "Shortbread Sled", "Muesli Mobile", "Ginger Ale Gig",
        "Custard Cream Coach", "Apple Slice Sleigh", "Cheese Twist Tram", "Oatcake Omnibus",
    ),
    fields={
        "flavour": Choice(("sweet", "salty", "fruity"), label="flavour", told="with {value} snacks"),
        "portions": Number(10, 150, 5, label="number of portions", extremes=("emptiest", "fullest")),
        "ward": Choice(("lounge", "corridor", "foyer"), label="place", told="in the {value}"),
        "iron": Number(1, 9, label="iron per portion", unit="mg", told="with {value} of iron"),
        "wiped": Day(-7, -1, label="day of the last wiping"),
    },
    stock="portions",
    fill=Verb(
        "load", "loaded",
        ("I have baked: please load {count} portions on {it}.", "{count} fresh portions are here for {it}."),
        ("Put my {count} portions of cake on {it} for the others.",), ("restock",),
    ),
    take=Verb(
        "serve from", "eaten from",
        ("We all feel faint; may we have {count} portions from {it}?", "I took {count} portions from {it}."),
        ("{count} portions have just gone from {it} to our couches.",), ("take from",),
    ),
)  # fmt: skip
DONATION_APPOINTMENT = Case(
    noun="donation appointment",
    of="donation centre",
    fields={
        "gives_on": Day(-5, 40, label="day of the donation", told="on {value}", extremes=("earliest", "latest")),
        "gives_at": Clock(7, 19, label="time of the donation"),
        "arm": Choice(("left", "right"), label="arm", told="for the {value} arm"),
        "volume": Number(
            300, 700, 50, label="volume", unit="ml", told="of {value}", extremes=("smallest", "largest"), total="volume"
        ),
        "needle": Choice(("fine", "normal"), label="needle", told="with a {value} needle"),
        "companion": Flag(label="companion pass"),
    },
    states=("expected", "screened", "given", "turned-away"),
    moves=(
        Move(("expected",), "screened", Verb(
            "screen", "screened",
            ("I have filled in the form, so screen me for {it}.", "Please do the screening for {it}."),
            ("My finger is ready to be pricked for {it}.",), ("check in",),
        )),
        Move(("screened",), "given", Verb(
            "complete", "completed",
            ("The bag is full: complete {it}.", "I have a plaster on my arm now, so complete {it}."),
            ("I am holding the cotton wool, so put {it} down as done.",), ("close",),
        )),
        Move(("expected", "screened"), "turned-away", Verb(
            "defer", "deferred",
            ("I have caught a cold; please defer me for {it}.", "My iron is low, so defer {it}."),
            ("I have had a tattoo done and may not give at {it}.",), ("turn away",),
        )),
    ),
    changes=(Change("arm"), Change("needle")),
    make=Verb(
        "sign up", "made",
        ("I would like to give at {thing} on {gives_on} at {gives_at}.",
         "Please sign me up with {thing} for {gives_on}, {gives_at}."),
        ("Is a couch free at {thing} on {gives_on}, {gives_at}? I will come.",), ("book",),
    ),
    asked=("gives_on", "gives_at"),
    drop=Verb(
        "cancel", "cancelled",
        ("I am flying to the tropics, so cancel {it}.", "Please cancel {it}."),
        ("I shall not be giving at {it}, sorry.",), ("remove",),
    ),
    slot=("gives_on", "gives_at"),
    shift=Verb(
        "reschedule", "rescheduled",
        ("My boss needs me; can {it} be on {day} at {time}?", "Please reschedule {it} to {day}, {time}."),
        ("I can only roll up my sleeve on {day} at {time}; let {it} be then.",), ("postpone",),
    ),
)  # fmt: skip
DONOR_PLEDGE = Case(
    noun="donor pledge",
    fields={
        "times": Number(2, 12, label="donation goal", unit="donations", extremes=("smallest", "largest"),
                        total="goal"),
        "kind": Choice(("plasma", "platelets", "marrow"), label="kind", told="for {value}"),
        "runs_to": Day(60, 700, label="last day", told="that runs to {value}", extremes=("shortest", "longest")),
        "reminder": Choice(("text", "call", "card"), label="reminder"),
        "calls_at": Clock(9, 20, label="time for calls"),
    },
    states=("standing", "resting", "honoured"),
    moves=(
        Move(("standing",), "resting", Verb(
            "rest", "rested",
            ("I am expecting a child: rest {it}.", "Please rest {it} for some months."),
            ("The doctor says that {it} must wait.",), ("pause",),
        )),
        Move(("resting",), "standing", Verb(
            "wake", "woken",
            ("I am fit again, so wake {it}.", "Please wake {it} up."),
            ("You can write to me about {it} again.",), ("resume",),
        )),
        Move(("standing",), "honoured", Verb(
            "honour", "honoured",
            ("I have done all that I promised: please honour {it}.", "Please mark {it} as honoured."),
            ("I kept my word on {it}; send me the pin.",), ("fulfil",),
        )),
    ),
    changes=(Change("reminder"), Change("calls_at"), Change("runs_to")),
    pot="times",
    pour=Verb(
        "count over", "counted over",
        ("Count {amount} donations of {it} towards {other}.", "Please move {amount} donations from {it} to {other}."),
        ("Let {amount} of the donations under {it} fall to {other}.",), ("transfer",),
    ),
    sign=Verb(
        "consent to", "consented to",
        ("I have read the leaflet and consent to {it}.", "Please note my consent to {it}."),
        ("You have my signature on the form for {it}.",), ("approve",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="print_shop",
        title="Print shop",
        role="You are the assistant of a print shop's order desk. You serve one print client at a time.",
        person=PRINT_CLIENT,
        things=(PRINTING_PAPER, PRINTING_PRESS),
        cases=(PRINT_RUN, PROOF_SHEET),
        short="print",
    ),
    Theme(
        name="blood_bank",
        title="Blood bank",
        role="You are the assistant of a blood bank's donor service. You serve one blood donor at a time.",
        person=BLOOD_DONOR,
        things=(DONATION_CENTRE, SNACK_TROLLEY),
        cases=(DONATION_APPOINTMENT, DONOR_PLEDGE),
        short="blood",
    ),
)
