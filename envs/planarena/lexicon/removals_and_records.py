"""A moving company: lorries and packing material, removals and storage. An archive: holdings and desks, requests."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

REMOVAL_CLIENT = Person(
    noun="removal client",
    fields={
        "home": Choice(("flat", "house", "office"), label="kind of home"),
        "rooms": Number(1, 12, label="number of rooms"),
        "paid_by": Choice(("self", "employer", "council"), label="paying party"),
    },
)
REMOVAL_LORRY = Thing(
    noun="removal lorry",
    plural="removal lorries",
    names=(
        "Big Bertha", "Broad Shoulders", "Careful Carl", "Double Axle Dave", "Grand Piano Gus", "Heavy Henrietta",
        "Long Haul Lil", "Moving Molly", "No Scratch Ned", "Packhorse", "Sofa Sally", "Stairway Steve",
        "Tail Lift Ted", "Wardrobe Wilma", "Crate Escape", "Bubble Wrap Bill", "Blanket Barney", "Sixteen Tonner",
    ),
    fields={
        "space": Number(
            12, 90, 2, label="loading space", unit="cbm", told="of {value}", extremes=("smallest", "largest")
        ),
        "lift": Choice(("tail-lift", "ramp", "crane"), label="loading aid", told="with {value}"),
        "crew": Number(2, 7, label="size of the crew", told="with a crew of {value}"),
        "yard": Choice(("docks", "ring-road", "airport"), label="yard", told="from the {value} yard"),
        "km_rate": Money(2, 14, label="rate per km", extremes=("cheapest", "dearest")),
        "washed": Day(-21, -1, label="day of the last wash"),
        "days_open": Number(0, 6, label="number of open days"),
    },
    scarce="days_open",
)  # fmt: skip
PACKING_SUPPLY = Thing(
    noun="packing supply",
    plural="packing supplies",
    names=(
        "Book Box", "Wine Divider Box", "Hanging Wardrobe Carton", "Archive Carton", "Mirror Corner", "Quilted Blanket",
        "Brown Tape", "Mattress Bag", "Peanut Filler", "Tissue Ream", "Picture Crate", "Sofa Sleeve", "Ratchet Strap",
        "Fragile Sticker", "Bubble Roll", "Lamp Tube", "Crockery Barrel", "Stair Runner",
    ),
    fields={
        "purpose": Choice(("books", "glass", "clothes", "furniture"), label="purpose", told="for {value}"),
        "units": Number(10, 320, 10, label="number in the store", extremes=("scarcest", "most plentiful")),
        "carries": Number(
            2, 60, label="load", unit="kg", told="that carries {value}", extremes=("weakest", "strongest")
        ),
        "reused": Choice(("new", "second-hand"), label="condition", told="in {value} condition"),
        "unit_price": Money(1, 28, label="price each", extremes=("cheapest", "dearest")),
    },
    stock="units",
    fill=Verb(
        "take back", "taken back",
        ("We have unpacked; take back {count} of {it}.", "Please credit me for {count} of {it}, all still flat."),
        ("{count} of {it} are left over and stand in my hall for you.",), ("credit",),
    ),
    take=Verb(
        "supply", "supplied",
        ("I am packing myself and need {count} of {it}.", "Please supply {count} of {it}."),
        ("Drop {count} of {it} at my door beforehand.",), ("sell",),
    ),
)  # fmt: skip
HOUSE_REMOVAL = Case(
    noun="house removal",
    of="removal lorry",
    fields={
        "move_day": Day(-4, 60, label="moving day", told="on {value}", extremes=("earliest", "latest")),
        "crew_at": Clock(6, 15, label="arrival of the crew"),
        "volume": Number(6, 80, 2, label="volume", unit="cbm", extremes=("smallest", "largest"), total="volume"),
        "floor": Choice(("ground", "first", "third", "attic"), label="floor", told="from the {value} floor"),
        "packing": Choice(("self", "fragile", "complete"), label="packing service", told="with {value} packing"),
        "quote": Money(200, 4800, 50, label="quote", extremes=("cheapest", "dearest"), total="quote"),
        "piano": Flag(label="piano surcharge"),
    },
    states=("surveyed", "contracted", "on-the-move", "unloaded"),
    moves=(
        Move(("surveyed",), "contracted", Verb(
            "contract", "contracted",
            ("Your figure is fair: contract {it}.", "I have signed the lease, so please contract {it}."),
            ("We want you and nobody else to do {it}; make it binding.",), ("accept",),
        )),
        Move(("contracted",), "on-the-move", Verb(
            "start", "started",
            ("The last box is on board: let {it} set off.", "Please note that {it} is on the move."),
            ("I have locked the old door behind me, so let {it} roll.",), ("set off",),
        )),
        Move(("on-the-move",), "unloaded", Verb(
            "unload", "unloaded",
            ("The lift is free; unload {it}.", "Please unload {it} at the new address."),
            ("The new rooms are full of boxes; put {it} down as done.",), ("complete",),
        )),
    ),
    changes=(Change("packing"), Change("floor"), Change("volume")),
    make=Verb(
        "survey", "surveyed",
        ("We are moving on {move_day} and want {thing}, with {packing} packing.",
         "Please plan {thing} for our move on {move_day}, {packing} packing."),
        ("Could {thing} carry our home on {move_day}? We should like {packing} packing.",), ("open",),
    ),
    asked=("move_day", "packing"),
    drop=Verb(
        "call off", "called off",
        ("The sale has fallen through: call {it} off.", "Please call {it} off."),
        ("We are staying where we are and need no crew for {it}.",), ("cancel",),
    ),
    relink=Verb(
        "reload", "moved",
        ("There is more than we thought: put {it} on {thing}.", "Please change {it} to {thing}."),
        ("Let {thing} do the work of {it}.",), ("reassign",),
    ),
    slot=("move_day", "crew_at"),
    shift=Verb(
        "put off", "put off",
        ("We get the keys late: put {it} off to {day}, {time}.", "Could {it} be on {day} at {time}?"),
        ("The parking ban holds on {day} from {time}, so {it} had better be then.",), ("reschedule",),
    ),
    sign=Verb(
        "underwrite", "underwritten",
        ("The insurer should underwrite {it}.", "Please have {it} underwritten."),
        ("I want the breakage risk of {it} accepted in writing.",), ("approve",),
    ),
)  # fmt: skip
STORAGE_CONTAINER = Case(
    noun="storage container",
    fields={
        "weeks": Number(4, 60, label="paid time", unit="weeks", extremes=("shortest", "longest"), total="paid time"),
        "climate": Choice(("heated", "dry", "plain"), label="climate", told="in the {value} hall"),
        "size": Choice(("small", "medium", "large"), label="size", told="of {value} size"),
        "stored_on": Day(-400, -2, label="day of storing", told="stored on {value}"),
        "seal": Number(1000, 9999, label="seal number", told="with the seal {value}"),
        "rent": Money(8, 70, label="weekly rent", extremes=("cheapest", "dearest"), total="rent"),
    },
    states=("sealed", "opened", "cleared-out"),
    moves=(
        Move(("sealed",), "opened", Verb(
            "unseal", "unsealed",
            ("I need my winter coats: unseal {it}.", "Please unseal {it} for me tomorrow."),
            ("Break the wire on {it}, I want to look for a lamp.",), ("open",),
        )),
        Move(("opened",), "sealed", Verb(
            "reseal", "resealed",
            ("I have found it: reseal {it}.", "Please reseal {it}."),
            ("Put a new wire on {it}.",), ("close",),
        )),
        Move(("opened", "sealed"), "cleared-out", Verb(
            "clear out", "cleared out",
            ("Everything can go to the new house: clear {it} out.", "Please clear {it} out."),
            ("Bring us all that {it} holds.",), ("empty",),
        )),
    ),
    changes=(Change("climate"), Change("size")),
    pot="weeks",
    pour=Verb(
        "rebook", "rebooked",
        ("Rebook {amount} weeks from {it} to {other}.", "Please count {amount} weeks of {it} towards {other}."),
        ("I shall empty one early; let {other} have {amount} weeks of {it}.",), ("move weeks of",),
    ),
)  # fmt: skip
ARCHIVE_READER = Person(
    noun="archive reader",
    fields={
        "purpose": Choice(("genealogy", "thesis", "press", "court"), label="purpose"),
        "card_until": Day(-30, 700, label="end of the reader's card"),
        "gloves": Choice(("small", "medium", "large"), label="size of gloves"),
    },
)
ARCHIVE_HOLDING = Thing(
    noun="archive holding",
    names=(
        "Abbey of Saint Wendreda", "Borough Court Rolls", "Canal Company Minutes", "Drowned Mill Estate",
        "Eelbridge Parish Registers", "Foundling Hospital", "Guild of Glovers", "Harrowgate Maps", "Indenture Chests",
        "Justice Pembury", "Kelham Asylum", "Lace Workers' League", "Muster Books", "Nonconformist Chapel",
        "Orphan Ship Lists", "Poor Law Union", "Quarter Sessions", "Ropewalk Photographs", "Salt Tax Office",
        "Tollhouse Ledgers",
    ),
    fields={
        "script": Choice(("latin", "secretary", "printed", "typed"), label="script", told="in {value} hand"),
        "shelf_metres": Number(2, 160, label="extent", unit="m", told="of {value}", extremes=("smallest", "largest")),
        "from_year": Number(1290, 1960, label="first year", told="from {value} on", extremes=("oldest", "youngest")),
        "state": Choice(("sound", "fragile", "mouldy"), label="state of repair", told="in {value} condition"),
        "finding_aid": Choice(("online", "card", "printed"), label="finding aid", told="with the {value} index"),
        "aired": Day(-300, -5, label="day of the last airing"),
        "boxes_left": Number(0, 9, label="number of free boxes"),
    },
    scarce="boxes_left",
)  # fmt: skip
READING_DESK = Thing(
    noun="reading desk",
    names=(
        "Oak Carrel", "Foam Cradle", "Green Lamp", "Map Table", "Microfilm Nook", "North Skylight", "Snake Weights",
        "Ultraviolet Booth", "Globe Corner", "Silent Alcove", "Portrait Wall", "Invigilator's View", "Catalogue End",
        "Radiator Side", "Vellum Rest", "Column Seat", "Dictionary Stand", "Gallery Rail",
    ),
    fields={
        "light": Choice(("daylight", "lamp", "dim"), label="light", told="in {value}"),
        "width": Number(90, 260, 10, label="width", unit="cm", told="of {value}", extremes=("narrowest", "widest")),
        "aid": Choice(("magnifier", "cradle", "scanner"), label="reading aid", told="with the {value}"),
        "hushed": Flag(label="rule of silence"),
        "varnished": Day(-1500, -30, label="day of the last varnishing"),
    },
)  # fmt: skip
RECORD_REQUEST = Case(
    noun="record request",
    of="archive holding",
    fields={
        "box": Number(1, 400, label="box number", told="for box {value}"),
        "asked_on": Day(-30, 0, label="date of the request", told="of {value}", extremes=("oldest", "newest")),
        "format": Choice(("paper", "film", "screen"), label="format", told="on {value}"),
        "sheets": Number(5, 300, 5, label="sheet count", unit="sheets", extremes=("shortest", "longest"),
                         total="sheet count"),
        "usage": Choice(("private", "lecture", "print"), label="usage", told="for {value} use"),
        "handling": Money(0, 60, 5, label="handling charge", total="charge"),
    },
    states=("submitted", "fetched", "issued", "reshelved"),
    moves=(
        Move(("submitted",), "fetched", Verb(
            "fetch", "fetched",
            ("I am in the reading room, so fetch {it}.", "Please fetch {it} from the strongroom."),
            ("Have what {it} names brought up on the trolley.",), ("retrieve",),
        )),
        Move(("fetched",), "issued", Verb(
            "issue", "issued",
            ("My hands are washed: issue {it}.", "Please issue {it} to me."),
            ("May I open the box of {it} now?",), ("hand out",),
        )),
        Move(("issued", "fetched"), "reshelved", Verb(
            "reshelve", "reshelved",
            ("I have read enough: reshelve {it}.", "Please reshelve {it}."),
            ("The tape is tied again; take {it} back down.",), ("return",),
        )),
        Move(("reshelved",), "submitted", Verb(
            "reorder", "reordered",
            ("I forgot a date, so reorder {it}.", "Please reorder {it} for tomorrow."),
            ("I have to look at {it} once more; ask for that again.",), ("renew",),
        )),
    ),
    changes=(Change("format"), Change("usage"), Change("box")),
    make=Verb(
        "write", "written",
        ("I should like to see box {box} of {thing}, on {format}.",
         "Please write a slip for box {box} from {thing}; the format is {format}."),
        ("Somewhere in {thing} there is a box {box}; I want that on {format}.",), ("submit",),
    ),
    asked=("box", "format"),
    relink=Verb(
        "redirect", "redirected",
        ("I misread the catalogue; redirect {it} to {thing}.", "Please let {it} be for {thing}."),
        ("My great-aunt must be in {thing}, so {it} should be for that.",), ("correct",),
    ),
    pot="sheets",
    pour=Verb(
        "transfer", "transferred",
        ("Transfer {amount} sheets from {it} to {other}.", "Let {amount} sheets of {it} count for {other}."),
        ("I need {amount} sheets fewer with {it} and so many more with {other}.",), ("move sheets of",),
    ),
    sign=Verb(
        "clear", "cleared",
        ("The archivist has to clear {it} for publication.", "Please have {it} cleared."),
        ("I must have it in writing that I may print what {it} brings.",), ("approve",),
    ),
)  # fmt: skip
READING_DAY = Case(
    noun="reading day",
    of="reading desk",
    fields={
        "reads_on": Day(-6, 30, label="day", told="on {value}", extremes=("earliest", "latest")),
        "reads_at": Clock(9, 16, label="hour"),
        "hours": Number(2, 8, label="number of hours", told="of {value} hours", extremes=("shortest", "longest"),
                        total="number of hours"),
        "device": Choice(("pencil", "laptop", "camera"), label="writing device", told="with a {value}"),
        "locker": Number(1, 60, label="locker"),
    },
    states=("held", "present", "forgone"),
    moves=(
        Move(("held",), "present", Verb(
            "sign in", "signed in",
            ("My coat is in the locker: sign me in for {it}.", "Please sign me in for {it}."),
            ("I have sat down with my pencil; put me down as here for {it}.",), ("check in",),
        )),
        Move(("held",), "forgone", Verb(
            "forgo", "forgone",
            ("The trains are on strike, so I forgo {it}.", "Please note that I forgo {it}."),
            ("Another scholar may sit in my chair for {it}.",), ("cancel",),
        )),
    ),
    changes=(Change("device"), Change("hours")),
    slot=("reads_on", "reads_at"),
    shift=Verb(
        "defer", "deferred",
        ("My supervisor needs me: defer {it} to {day} at {time}.", "Could {it} be on {day}, {time}?"),
        ("I can sit over the boxes on {day} from {time}; let {it} be then.",), ("reschedule",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="moving_company",
        title="Moving company",
        role="You are the assistant of a moving company's planner. You serve one removal client at a time.",
        person=REMOVAL_CLIENT,
        things=(REMOVAL_LORRY, PACKING_SUPPLY),
        cases=(HOUSE_REMOVAL, STORAGE_CONTAINER),
        short="moving",
    ),
    Theme(
        name="archive",
        title="County archive",
        role="You are the assistant of a county archive's reading room. You serve one archive reader at a time.",
        person=ARCHIVE_READER,
        things=(ARCHIVE_HOLDING, READING_DESK),
        cases=(RECORD_REQUEST, READING_DAY),
    ),
)
