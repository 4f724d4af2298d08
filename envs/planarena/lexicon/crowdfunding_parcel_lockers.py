"""Two themes: a crowdfunding site with its campaigns, and a network of lockers for parcels."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

BACKER = Person(
    noun="backer",
    fields={
        "wallet": Choice(("card", "transfer", "voucher"), label="way of paying"),
        "campaigns_backed": Number(0, 70, label="number of campaigns backed"),
        "since": Day(-2000, -10, label="first day as a backer"),
    },
)
CAMPAIGN = Thing(
    noun="funding campaign",
    names=(
        "Pocket Theremin", "Rewild the Weir", "Tin Robot Comic", "Solar Samovar", "Bamboo Ukulele", "Night Bus Zine",
        "Seed Bomb Club", "Foldable Kayak", "The Hushed Kettle", "Braille Dominoes", "Pedal Cinema", "Lamp for Levi",
        "Moss Wall Kit", "Cardboard Synth", "One-Hand Whisk", "Allotment Quartet", "Map of Smells",
    ),
    fields={
        "genre": Choice(("gadget", "music", "nature", "print"), label="section", told="in the {value} section"),
        "goal": Money(2000, 90000, 1000, label="goal", told="with a goal of {value}", extremes=("smallest", "largest")),
        "reached": Number(3, 160, unit="percent", label="share of the goal reached"),
        "closes": Day(-5, 45, label="closing day", told="closing on {value}", extremes=("earliest", "latest")),
        "early_birds": Number(0, 9, label="number of early-bird rewards left"),
        "stretch": Choice(("none", "colour", "sequel"), label="stretch goal", told="with stretch goal {value}"),
    },
    scarce="early_birds",
)  # fmt: skip
PLEDGE = Case(
    noun="pledge",
    of="funding campaign",
    fields={
        "tier": Choice(("supporter", "collector", "patron"), label="tier", told="in the {value} tier"),
        "points": Number(
            10, 240, 5, "points", label="number of points", extremes=("smallest", "largest"), total="number of points"
        ),
        "charged_on": Day(-8, 45, label="charging day", told="charged on {value}", extremes=("earliest", "latest")),
        "postage": Money(0, 28, label="postage", total="postage"),
        "credit_line": Choice(("anonymous", "initials", "full"), label="name in the credits"),
        "add_ons": Number(0, 5, label="number of add-ons"),
    },
    states=("promised", "charged", "withdrawn", "fulfilled"),
    moves=(
        Move(
            ("promised",),
            "charged",
            Verb(
                "charge",
                "charged",
                ("You may charge {it} now.", "I have money in my account again, so charge {it}."),
                ("Go on and debit me for {it}.",),
                ("debit",),
            ),
        ),
        Move(
            ("promised",),
            "withdrawn",
            Verb(
                "withdraw",
                "withdrawn",
                ("I have to withdraw {it}.", "Please withdraw {it}; money is tight."),
                ("I step back from {it}, with regret.",),
                ("revoke",),
            ),
        ),
        Move(
            ("charged",),
            "fulfilled",
            Verb(
                "acknowledge",
                "acknowledged",
                ("My reward has come: acknowledge {it}.", "Please acknowledge receipt for {it}."),
                ("The postman has brought what {it} was for.",),
            ),
        ),
    ),
    changes=(
        Change("credit_line"),
        Change(
            "tier",
            Verb(
                "upgrade",
                "changed",
                ("Put {it} into the {to} tier.", "I want the {to} tier for {it}."),
                ("Make me a {to} with {it}.",),
                ("retier",),
            ),
        ),
        Change("add_ons"),
    ),
    make=Verb(
        "pledge",
        "pledged",
        ("I want to back {thing} in the {tier} tier.", "Please pledge for me: {thing}, {tier} tier."),
        ("Count me among those in the {tier} tier of {thing}.",),
        ("back",),
    ),
    asked=("tier",),
    relink=Verb(
        "redirect",
        "redirected",
        ("Redirect {it} to {thing}.", "I would sooner support {thing}, so move {it} there."),
        ("Let {thing} have what I promised with {it}.",),
    ),
    pot="points",
    pour=Verb(
        "shift",
        "shifted",
        ("Shift {amount} points from {it} to {other}.", "Please take {amount} points off {it} for {other}."),
        ("Let {other} grow by {amount} points of {it}.",),
        ("rebalance",),
    ),
)
REWARD_POLL = Case(
    noun="reward survey",
    fields={
        "shirt": Choice(("small", "medium", "large"), label="shirt size", told="with a {value} shirt"),
        "answer_by": Day(1, 40, label="last day for answers", told="to be answered by {value}"),
        "questions": Number(
            3, 25, label="number of questions", extremes=("shortest", "longest"), total="number of questions"
        ),
        "finish": Choice(("matte", "gloss", "raw"), label="finish", told="for the {value} finish"),
        "engraving": Flag(label="engraving flag"),
    },
    states=("unanswered", "answered", "locked"),
    moves=(
        Move(
            ("unanswered",),
            "answered",
            Verb(
                "submit",
                "submitted",
                ("I have ticked everything: submit {it}.", "Please submit {it} as it stands."),
                ("Those are all my answers; send {it} to the makers.",),
            ),
        ),
        Move(
            ("answered",),
            "unanswered",
            Verb(
                "reopen",
                "reopened",
                ("I made a mistake; please reopen {it}.", "Can you reopen {it} for me?"),
                ("Let me have another go at {it}.",),
                ("unlock",),
            ),
        ),
    ),
    changes=(Change("shirt"), Change("finish")),
    drop=Verb(
        "dismiss",
        "dismissed",
        ("Please dismiss {it}.", "I do not care for the extras, so dismiss {it}."),
        ("Spare me {it}.",),
        ("ignore",),
    ),
    sign=Verb(
        "verify",
        "verified",
        ("My address is right: verify {it}.", "Please mark {it} as verified."),
        ("I stand by every word in {it}.",),
    ),
)
GIFT = Case(
    noun="gift pledge",
    fields={
        "receiver": Choice(("friend", "parent", "teacher"), label="receiver", told="for the {value}"),
        "revealed_on": Day(2, 80, label="day of the surprise", told="for {value}", extremes=("soonest", "latest")),
        "paper": Choice(("dotted", "striped", "plain"), label="wrapping", told="in {value} paper"),
        "lines": Number(1, 12, label="number of lines on the card", extremes=("briefest", "wordiest")),
        "secret": Flag(label="secrecy flag"),
    },
    states=("hidden", "revealed", "refused"),
    moves=(
        Move(
            ("hidden",),
            "revealed",
            Verb(
                "reveal",
                "revealed",
                ("It is the day: reveal {it}.", "Please reveal {it}."),
                ("Spill the beans on {it}.",),
            ),
        ),
        Move(
            ("hidden", "revealed"),
            "refused",
            Verb(
                "decline",
                "declined",
                ("It was kindly meant, but enter {it} as declined.", "Please decline {it}."),
                ("Nobody wants what {it} would bring.",),
            ),
        ),
    ),
    changes=(Change("paper"), Change("revealed_on"), Change("receiver")),
)
RECIPIENT = Person(
    noun="locker user",
    fields={
        "plan": Choice(("basic", "plus", "trade"), label="plan"),
        "pickups": Number(0, 150, label="number of pick-ups"),
        "pin_changed": Day(-300, -1, label="day of the last PIN change"),
    },
)
LOCKER_BANK = Thing(
    noun="locker wall",
    names=(
        "Tram Stop Ninepins", "Petrol Station Elsa", "Town Baths", "Corn Exchange", "Bus Depot Gate", "Old Fire House",
        "Castle Car Park", "Sixways Kiosk", "Garden Centre Till", "Mill Pond Bridge", "Platform Zero",
        "Launderette Blue", "Cinema Passage", "Tannery Steps", "Market Clock", "Ring Road Arch", "Fishmonger's Alley",
    ),
    fields={
        "cover": Choice(("indoor", "roofed", "outdoor"), label="kind of site", told="at the {value} site"),
        "columns": Number(3, 24, label="columns", told="of {value} columns", extremes=("smallest", "largest")),
        "free_boxes": Number(0, 9, label="number of free boxes"),
        "reader": Choice(("keypad", "phone", "card"), label="reader", told="with a {value} reader"),
        "cleared_at": Clock(5, 22, label="clearing time"),
    },
    scarce="free_boxes",
)  # fmt: skip
DEPOSIT = Case(
    noun="locker deposit",
    of="locker wall",
    fields={
        "box_size": Choice(("slim", "deep", "flat"), label="box size", told="in the {value} box"),
        "weight": Number(1, 25, label="weight", unit="kg", told="of {value}", extremes=("lightest", "heaviest")),
        "kept_until": Day(
            -2, 12, label="last day of storage", told="kept until {value}", extremes=("soonest", "latest")
        ),
        "opened_at": Clock(6, 22, label="opening time"),
        "hours": Number(4, 96, unit="hours", label="storage time", total="storage time"),
        "chilled": Flag(label="cooling flag"),
    },
    states=("announced", "stowed", "emptied", "expired"),
    moves=(
        Move(
            ("announced",),
            "stowed",
            Verb(
                "stow",
                "stowed",
                ("I have shut the door on it: mark {it} as stowed.", "Please enter {it} as stowed."),
                ("My things lie in the box now, for {it}.",),
            ),
        ),
        Move(
            ("stowed", "expired"),
            "emptied",
            Verb(
                "release",
                "released",
                ("I am standing in front of the wall; release {it}.", "Please open the box for {it}."),
                ("Let the little door spring open for {it}.",),
                ("open",),
            ),
        ),
        Move(
            ("expired",),
            "stowed",
            Verb(
                "renew",
                "renewed",
                ("I am late, so please renew {it}.", "Renew {it}, please."),
                ("Grant {it} a second life.",),
                ("revive",),
            ),
        ),
    ),
    changes=(
        Change("box_size"),
        Change(
            "kept_until",
            Verb(
                "keep",
                "kept",
                ("Please keep {it} until {to}.", "I cannot come before {to}; hold {it} until then."),
                ("Let {it} lie there up to {to}.",),
                ("extend",),
            ),
        ),
    ),
    make=Verb(
        "announce",
        "announced",
        (
            "I need a {box_size} box at {thing} until {kept_until}.",
            "Announce a {box_size} box at {thing}, until {kept_until}.",
        ),
        ("Is there a {box_size} box for me at {thing}, up to {kept_until}?",),
        ("claim",),
    ),
    asked=("box_size", "kept_until"),
    drop=Verb(
        "annul",
        "annulled",
        ("Please annul {it}.", "Nothing will be sent after all: annul {it}."),
        ("The box for {it} may go to another.",),
        ("void",),
    ),
    relink=Verb(
        "move",
        "moved",
        ("Please move {it} to {thing}.", "I pass by {thing} anyway, so have {it} there."),
        ("Let {it} wait for me at {thing}.",),
        ("relocate",),
    ),
)
PICKUP_PASS = Case(
    noun="proxy pass",
    plural="proxy passes",
    fields={
        "proxy": Choice(("neighbour", "colleague", "relative"), label="proxy", told="for the {value}"),
        "uses": Number(1, 15, label="number of uses", extremes=("smallest", "largest"), total="number of uses"),
        "ends": Day(-3, 90, label="last day", told="ending on {value}", extremes=("earliest", "latest")),
        "medium": Choice(("text", "print", "tag"), label="medium", told="sent as a {value}"),
        "photo_check": Flag(label="photo check flag"),
    },
    states=("valid", "paused", "revoked"),
    moves=(
        Move(
            ("valid",),
            "paused",
            Verb(
                "pause",
                "paused",
                ("I am at home this week, so pause {it}.", "Please pause {it}."),
                ("Let {it} sleep for a while.",),
                ("suspend",),
            ),
        ),
        Move(
            ("paused",),
            "valid",
            Verb(
                "reactivate",
                "reactivated",
                ("Please reactivate {it}.", "I need {it} again, so reactivate it."),
                ("Wake {it} up again.",),
                ("resume",),
            ),
        ),
        Move(
            ("valid", "paused"),
            "revoked",
            Verb(
                "revoke",
                "revoked",
                ("We have fallen out, so revoke {it}.", "Please revoke {it} for good."),
                ("Nobody should get at my things with {it} ever again.",),
            ),
        ),
    ),
    changes=(Change("medium"), Change("ends"), Change("proxy")),
    pot="uses",
    pour=Verb(
        "share out",
        "shared out",
        ("Give {amount} uses of {it} to {other}.", "Please move {amount} uses from {it} to {other}."),
        ("Let {other} have {amount} of the uses of {it}.",),
    ),
    sign=Verb(
        "certify",
        "certified",
        ("Please certify {it}.", "I have shown my identity card: certify {it}."),
        ("Put your stamp on {it}.",),
    ),
)
THEMES = (
    Theme(
        name="crowdfunding",
        title="Crowdfunding",
        role="You are the assistant of a crowdfunding site. You serve one backer at a time.",
        person=BACKER,
        things=(CAMPAIGN,),
        cases=(PLEDGE, REWARD_POLL, GIFT),
        short="fund",
    ),
    Theme(
        name="parcel_lockers",
        title="Parcel lockers",
        role="You are the assistant of a network of parcel lockers. You serve one locker user at a time.",
        person=RECIPIENT,
        things=(LOCKER_BANK,),
        cases=(DEPOSIT, PICKUP_PASS),
        short="locker",
    ),
)
