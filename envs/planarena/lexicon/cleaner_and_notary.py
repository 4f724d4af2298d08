"""A dry cleaner: counters and treatments, garments and pick-ups. A notary's office: signing rooms, deeds and copies."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

GARMENT_OWNER = Person(
    noun="garment owner",
    fields={
        "starch": Choice(("none", "light", "heavy"), label="usual starch"),
        "hangers_out": Number(0, 40, label="number of hangers at home"),
        "house_account": Choice(("weekly", "monthly", "none"), label="house account"),
    },
)
CLEANING_COUNTER = Thing(
    noun="cleaning counter",
    names=(
        "Hanger and Hem", "Pressed Pleat", "Spotless Sam", "Crease Street", "Collar Corner", "Cuff Close",
        "Lapel Lane", "Silk Square", "Tweed Terrace", "Velvet Alley", "Linen Passage", "Satin Steps",
        "Gabardine Gate", "Cashmere Cross", "Flannel Wharf", "Poplin Parade", "Chiffon Bridge", "Corduroy Court",
    ),
    fields={
        "opens": Clock(6, 10, label="opening time", told="that opens at {value}"),
        "solvent": Choice(("classic", "green", "wet"), label="cleaning method", told="with the {value} method"),
        "turnaround": Number(1, 6, label="turnaround in days", extremes=("fastest", "slowest")),
        "parking": Choice(("kerb", "yard", "garage"), label="parking", told="with parking in the {value}"),
        "bags": Number(10, 150, 5, label="number of garment bags"),
    },
    stock="bags",
    take=Verb(
        "take bags from", "given out from",
        ("I am taking {count} garment bags from {it}.", "May I have {count} garment bags from {it}?"),
        ("My wardrobe needs {count} garment bags; let them come from {it}.",), ("issue bags from",),
    ),
)  # fmt: skip
CLEANING_TICKET = Case(
    noun="cleaning ticket",
    of="cleaning counter",
    fields={
        "garment": Choice(("suit", "coat", "gown", "blouse", "duvet"), label="garment", told="for the {value}"),
        "ready_by": Day(-5, 12, label="ready date", told="ready on {value}", extremes=("earliest", "latest")),
        "stain": Choice(("none", "wine", "ink", "grease", "grass"), label="stain"),
        "pieces": Number(1, 9, label="number of pieces", extremes=("smallest", "largest"), total="number of pieces"),
        "finish": Choice(("hung", "folded", "boxed"), label="finish", told="to be {value}"),
        "bill": Money(6, 120, label="bill", extremes=("cheapest", "dearest"), total="bill"),
        "delicate": Flag(label="delicate mark"),
    },
    states=("dropped-off", "in-cleaning", "pressed", "collected"),
    moves=(
        Move(("dropped-off",), "in-cleaning", Verb(
            "clean", "under way",
            ("You may go ahead and clean {it}.", "I accept the risk with the buttons, so clean {it}."),
            ("Start the machine for {it} now.",), ("process",),
        )),
        Move(("in-cleaning",), "pressed", Verb(
            "press", "pressed",
            ("I need {it} pressed by tonight.", "Please press {it} next."),
            ("Have the iron heated for {it}.",), ("iron",),
        )),
        Move(("pressed",), "collected", Verb(
            "give out", "given out",
            ("I have come to collect {it}.", "My driver is there: give {it} out to him."),
            ("I am at the hatch, so let me have {it}.",), ("collect",),
        )),
        Move(("pressed", "collected"), "dropped-off", Verb(
            "redo", "taken in again",
            ("The mark is still there, so redo {it}.", "Please redo {it} free of charge."),
            ("I am not content with {it}; it must be done again.",), ("clean again",),
        )),
    ),
    changes=(Change("finish"), Change("stain"), Change("ready_by", Verb(
        "hurry", "rescheduled",
        ("Could {it} be ready on {to}?", "I need {it} on {to}, please."),
        ("I must wear something on {to}, so let {it} be done then.",), ("reschedule",),
    ))),
    make=Verb(
        "take in", "taken in",
        ("I am leaving my {garment} at {thing}; it should be ready on {ready_by}.",
         "Please clean my {garment} at {thing} by {ready_by}."),
        ("Could {thing} see to my {garment} by {ready_by}?",), ("accept",),
    ),
    asked=("garment", "ready_by"),
    relink=Verb(
        "forward", "forwarded",
        ("I would rather fetch {it} from {thing}.", "Please forward {it} to {thing}."),
        ("My office is near {thing}, so send {it} there.",), ("transfer",),
    ),
)  # fmt: skip
SHIRT_CARD = Case(
    noun="shirt card",
    fields={
        "shirts": Number(
            5, 60, label="shirt balance", unit="shirts", extremes=("smallest", "largest"), total="balance"
        ),
        "folding": Choice(("hanger", "board", "travel"), label="folding", told="with {value} folding"),
        "collar": Choice(("soft", "firm", "wing"), label="collar", told="for {value} collars"),
        "sold_on": Day(-150, -1, label="day of sale", told="sold on {value}", extremes=("oldest", "newest")),
        "price": Money(15, 150, 5, label="price", extremes=("cheapest", "dearest"), total="price"),
    },
    states=("usable", "lost", "cashed"),
    moves=(
        Move(("usable",), "lost", Verb(
            "report", "reported lost",
            ("I left {it} in a taxi; please mark it as lost.", "I must report the loss of {it}."),
            ("Turn away anybody who comes in with {it}, somebody stole it.",), ("block",),
        )),
        Move(("lost",), "usable", Verb(
            "restore", "restored",
            ("I found it in my waistcoat: restore {it}.", "Please restore {it}."),
            ("Accept {it} again, it has turned up.",), ("unblock",),
        )),
        Move(("usable",), "cashed", Verb(
            "cash up", "cashed up",
            ("I wear jumpers now, so cash {it} up.", "Please pay me out what is left on {it}."),
            ("I should like my money for {it}.",), ("refund",),
        )),
    ),
    changes=(Change("folding"), Change("collar")),
    drop=Verb(
        "destroy", "destroyed",
        ("Please destroy {it}, I do not want it.", "Cut {it} up for me."),
        ("There is no need to keep {it} on your books.",), ("delete",),
    ),
    pot="shirts",
    pour=Verb(
        "rebook", "rebooked",
        ("Rebook {amount} shirts from {it} to {other}.", "Please put {amount} shirts of {it} on {other}."),
        ("My husband needs {amount} shirts of {it} on {other}.",), ("move shirts of",),
    ),
)  # fmt: skip
HOME_PICKUP = Case(
    noun="doorstep pick-up",
    of="cleaning counter",
    fields={
        "comes_on": Day(-3, 20, label="day of the pick-up", told="on {value}", extremes=("earliest", "latest")),
        "comes_at": Clock(7, 19, label="time of the pick-up"),
        "load": Choice(("curtains", "carpets", "costumes", "uniforms"), label="load", told="for the {value}"),
        "sacks": Number(1, 8, label="number of sacks", extremes=("smallest", "largest"), total="number of sacks"),
        "floor": Number(0, 9, label="floor"),
        "ring": Choice(("bell", "knock", "call"), label="way of ringing"),
    },
    states=("planned", "on-the-road", "loaded"),
    moves=(
        Move(("planned",), "on-the-road", Verb(
            "dispatch", "dispatched",
            ("We are at home now, so dispatch {it}.", "Please dispatch the van for {it}."),
            ("The sacks stand in the hall; let the van set out for {it}.",), ("send out",),
        )),
        Move(("on-the-road",), "loaded", Verb(
            "load", "loaded",
            ("The driver has got it all: mark {it} as loaded.", "Please note that {it} is on the van."),
            ("Everything of {it} has just left my house; note that.",), ("confirm",),
        )),
    ),
    changes=(Change("ring"), Change("sacks")),
    slot=("comes_on", "comes_at"),
    shift=Verb(
        "retime", "retimed",
        ("Nobody is in before {day}, {time}; let {it} be then.", "Could the van come on {day} at {time} for {it}?"),
        ("Make it {day} at {time} for {it}, when the porter is on duty.",), ("reschedule",),
    ),
)  # fmt: skip
NOTARY_CLIENT = Person(
    noun="notary client",
    fields={
        "identified_by": Choice(("passport", "id-card", "witness"), label="proof of identity"),
        "marital": Choice(("single", "married", "widowed", "divorced"), label="marital state"),
        "interpreter": Choice(("none", "spanish", "polish", "turkish"), label="interpreter"),
    },
)
SIGNING_ROOM = Thing(
    noun="signing room",
    names=(
        "Quill", "Inkwell", "Blotter", "Sealing Wax", "Parchment", "Signet", "Red Tape", "Green Baize", "Codicil",
        "Ribbon and Stamp", "Fountain Pen", "Ledger", "Gilt Frame", "Walnut Desk", "Brass Lamp", "Wax Jack",
        "Letter Knife", "Roll Top",
    ),
    fields={
        "wing": Choice(("front", "garden", "annexe"), label="wing", told="in the {value} wing"),
        "chairs": Number(2, 14, label="number of chairs", told="with {value} chairs", extremes=("smallest", "largest")),
        "camera": Choice(("fixed", "mobile"), label="camera", told="with a {value} camera"),
        "repainted": Day(-900, -20, label="day of the last painting"),
        "door_width": Number(70, 120, 5, label="door width", unit="cm", extremes=("narrowest", "widest")),
    },
)  # fmt: skip
DEED_FORM = Thing(
    noun="deed form",
    names=(
        "Sale of a House", "Gift of Land", "Founding of a Company", "Marriage Contract", "Mutual Will",
        "Power of Attorney", "Living Will", "Land Charge", "Right of Residence", "Usufruct", "Adoption Petition",
        "Waiver of Inheritance", "Division of Estate", "Loan Bond", "Easement of Passage", "Transfer of Shares",
        "Statement on Oath", "Lease for Life",
    ),
    fields={
        "law": Choice(("family", "land", "company", "inheritance"), label="branch of law", told="in {value} law"),
        "pages": Number(2, 40, label="number of pages", told="of {value} pages", extremes=("shortest", "longest")),
        "blanks": Number(10, 90, 5, label="number of blank copies", extremes=("scarcest", "most plentiful")),
        "revised": Day(-700, -10, label="day of revision", told="revised on {value}"),
        "fee": Money(40, 900, 10, label="minimum fee", extremes=("cheapest", "dearest")),
    },
    stock="blanks",
    fill=Verb(
        "reprint", "reprinted",
        ("The printer has run off {count} blank copies of {it}.", "Please enter {count} new blank copies of {it}."),
        ("{count} blank copies of {it} have come up from the print room.",), ("restock",),
    ),
)  # fmt: skip
SIGNING_DATE = Case(
    noun="signing date",
    of="signing room",
    fields={
        "signed_on": Day(-5, 40, label="day of signing", told="on {value}", extremes=("earliest", "latest")),
        "signed_at": Clock(8, 17, label="time of signing"),
        "parties": Number(2, 9, label="number of parties", told="for {value} parties"),
        "language": Choice(("english", "french", "arabic", "dutch"), label="language", told="in {value}"),
        "reading": Choice(("aloud", "silent"), label="manner of reading"),
        "minutes": Number(15, 120, 15, label="length", unit="minutes", extremes=("shortest", "longest"), total="time"),
    },
    states=("proposed", "summoned", "held", "adjourned"),
    moves=(
        Move(("proposed", "adjourned"), "summoned", Verb(
            "summon", "summoned",
            ("All of us can come: send out the summons for {it}.", "Please summon the parties for {it}."),
            ("Invite the other side to {it} in writing.",), ("call",),
        )),
        Move(("summoned",), "held", Verb(
            "open", "opened",
            ("We are all seated: please open {it}.", "The notary may open {it} now."),
            ("We are ready for the reading, so let {it} begin.",), ("start",),
        )),
        Move(("summoned",), "adjourned", Verb(
            "adjourn", "adjourned",
            ("The bank has not released the money; adjourn {it}.", "Please adjourn {it}, a paper is missing."),
            ("We are not ready yet, so leave {it} in the air for now.",), ("defer",),
        )),
    ),
    changes=(Change("language"), Change("reading"), Change("parties", Verb(
        "extend", "extended",
        ("There will be {to} parties at {it}.", "Please put {to} parties down for {it}."),
        ("Now {to} of us must sign at {it}.",), ("set parties of",),
    ))),
    make=Verb(
        "propose", "proposed",
        ("We propose {signed_on} at {signed_at}, in {thing}.", "Can we sign in {thing} on {signed_on} at {signed_at}?"),
        ("Our papers could be read in {thing} on {signed_on} at {signed_at}; note that down.",), ("schedule",),
    ),
    asked=("signed_on", "signed_at"),
    slot=("signed_on", "signed_at"),
    shift=Verb(
        "reset", "reset",
        ("The seller is away: reset {it} to {day} at {time}.", "Could {it} be on {day}, {time}?"),
        ("All parties agree on {day} at {time}, so let {it} be then.",), ("reschedule",),
    ),
)  # fmt: skip
DEED_DRAFT = Case(
    noun="deed draft",
    of="deed form",
    fields={
        "drawn_up": Day(-90, -1, label="date of the draft", told="of {value}", extremes=("oldest", "newest")),
        "value": Money(1000, 90000, 500, label="value of the matter", extremes=("smallest", "largest"), total="value"),
        "clause": Choice(("strict", "usual", "lenient"), label="liability clause", told="with the {value} clause"),
        "copies": Number(1, 6, label="number of certified copies"),
        "binding": Choice(("thread", "eyelet", "cover"), label="binding"),
        "register": Choice(("land", "trade", "central"), label="register", told="for the {value} register"),
    },
    states=("in-preparation", "sent-out", "agreed"),
    moves=(
        Move(("in-preparation",), "sent-out", Verb(
            "send out", "sent out",
            ("Please send {it} out so that we can read it.", "I should like to see {it}; send it to us."),
            ("Let all parties have {it} in their letter box.",), ("circulate",),
        )),
        Move(("sent-out",), "agreed", Verb(
            "agree to", "agreed to",
            ("We have read every page and agree to {it}.", "I agree to {it} as it stands."),
            ("There is nothing that we would change; say yes to {it} for us.",), ("accept",),
        )),
        Move(("sent-out", "agreed"), "in-preparation", Verb(
            "take back", "taken back",
            ("There is a wrong name in it, so take {it} back.", "Please take {it} back for correction."),
            ("My brother has second thoughts about {it}; work on it again.",), ("withdraw",),
        )),
    ),
    changes=(Change("clause"), Change("copies"), Change("register")),
    drop=Verb(
        "shred", "shredded",
        ("The sale has fallen through: shred {it}.", "Please shred {it}."),
        ("We have been reconciled and need {it} no more.",), ("discard",),
    ),
    relink=Verb(
        "rewrite", "rewritten",
        ("Our adviser prefers {thing}; rewrite {it} as that.", "Please base {it} on {thing} instead."),
        ("Turn {it} into one after {thing}.",), ("convert",),
    ),
    sign=Verb(
        "seal", "sealed",
        ("The notary may put the seal on {it}.", "Please seal {it}."),
        ("The red wax should go on {it} today.",), ("authenticate",),
    ),
)  # fmt: skip
THEMES = (
    Theme(
        name="dry_cleaner",
        title="Dry cleaner",
        role="You are the assistant of a dry cleaner with several counters. You serve one garment owner at a time.",
        person=GARMENT_OWNER,
        things=(CLEANING_COUNTER,),
        cases=(CLEANING_TICKET, SHIRT_CARD, HOME_PICKUP),
        short="cleaner",
    ),
    Theme(
        name="notary_office",
        title="Notary's office",
        role="You are the assistant of a notary's office. You serve one notary client at a time.",
        person=NOTARY_CLIENT,
        things=(SIGNING_ROOM, DEED_FORM),
        cases=(SIGNING_DATE, DEED_DRAFT),
        short="notary",
    ),
)
