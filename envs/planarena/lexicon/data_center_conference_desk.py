"""Two themes: a machine room whose racks are let to tenants, and the registration desk of a conference."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

TENANT = Person(
    noun="rack tenant",
    fields={
        "clearance": Choice(("escorted", "badge", "biometric"), label="clearance"),
        "power_used": Number(2, 90, label="power used", unit="kW"),
        "lease_until": Day(20, 900, label="end of the lease"),
    },
)
CAGE = Thing(
    noun="server cage",
    names=(
        "Ohm", "Ampere", "Volta", "Faraday", "Joule", "Kelvin", "Henry", "Tesla Coil", "Siemens Corner", "Weber",
        "Hertz", "Coulomb", "Maxwell Row", "Lorentz", "Planck", "Boltzmann", "Fermi", "Curie Aisle",
    ),
    fields={
        "aisle": Choice(("hot", "cold", "sealed"), label="aisle", told="in the {value} aisle"),
        "supply": Number(4, 40, 2, "kW", label="power supply", told="with {value}", extremes=("weakest", "strongest")),
        "slots_free": Number(0, 9, label="number of free racks"),
        "cooling": Choice(("air", "water", "immersion"), label="cooling", told="cooled by {value}"),
        "humidity": Number(35, 60, unit="percent", label="humidity", extremes=("driest", "dampest")),
        "swept": Day(-60, -1, label="day of the last sweep"),
    },
    scarce="slots_free",
)  # fmt: skip
DIESEL = Thing(
    noun="generator tank",
    names=(
        "Backup Alpha", "Backup Bravo", "Backup Delta", "Backup Echo", "Backup Foxtrot", "Backup Golf", "Backup Hotel",
        "Backup India", "Backup Juliett", "Backup Kilo", "Backup Lima", "Backup Oscar", "Backup Papa", "Backup Quebec",
        "Backup Romeo", "Backup Sierra",
    ),
    fields={
        "fuel": Number(300, 9000, 100, "litres", label="fuel level", extremes=("emptiest", "fullest")),
        "yard": Choice(("front-yard", "back-yard", "rooftop"), label="place", told="on the {value}"),
        "runtime": Number(6, 96, 6, "hours", label="runtime", told="for {value}", extremes=("shortest", "longest")),
        "starter": Choice(("battery", "compressed-air"), label="starter", told="with the {value} starter"),
        "trial_run": Day(-45, -1, label="day of the last trial run"),
    },
    stock="fuel",
    take=Verb(
        "burn",
        "drained a bit",
        ("Our load test will burn {count} litres of {it}.", "Please book {count} litres off {it} for our test."),
        ("Last night's outage took {count} litres out of {it}.",),
        ("consume",),
    ),
)  # fmt: skip
RACK = Case(
    noun="rack lease",
    of="server cage",
    fields={
        "height": Number(6, 48, 6, "units", label="height", told="of {value}", extremes=("lowest", "tallest")),
        "feed": Choice(("single", "double", "metered"), label="power feed", told="with the {value} feed"),
        "budget": Number(1, 18, unit="kW", label="power budget", extremes=("leanest", "fattest"), total="power budget"),
        "racked_on": Day(-20, 60, label="day of racking", told="from {value}", extremes=("earliest", "latest")),
        "lock": Choice(("key", "code", "palm"), label="lock", told="with the {value} lock"),
        "rent": Money(200, 2400, 50, label="rent", total="rent"),
    },
    states=("reserved", "powered", "dark"),
    moves=(
        Move(
            ("reserved", "dark"),
            "powered",
            Verb(
                "power up",
                "powered up",
                ("Our boxes are screwed in, so power {it} up.", "Please power {it} up."),
                ("Push the breaker of {it} back in.",),
                ("energise",),
            ),
        ),
        Move(
            ("powered",),
            "dark",
            Verb(
                "power down",
                "powered down",
                ("We swap hardware tonight: power {it} down.", "Please power {it} down."),
                ("Pull the breaker of {it}.",),
                ("cut off",),
            ),
        ),
    ),
    changes=(
        Change("lock"),
        Change(
            "feed",
            Verb(
                "set feed of",
                "changed",
                ("We want the {to} feed for {it}.", "Please give {it} the {to} feed."),
                ("Only the {to} feed will do for {it}.",),
            ),
        ),
    ),
    make=Verb(
        "allocate",
        "allocated",
        (
            "We want a rack in {thing} from {racked_on}, on the {feed} feed.",
            "Allocate us a rack in {thing} from {racked_on}: {feed} feed.",
        ),
        ("Is there floor for us in {thing} from {racked_on}, with the {feed} feed?",),
        ("let",),
    ),
    asked=("racked_on", "feed"),
    relink=Verb(
        "migrate",
        "migrated",
        ("Please migrate {it} to {thing}.", "We are moving house: have {it} in {thing}."),
        ("Wheel {it} over to {thing}.",),
        ("relocate",),
    ),
    pot="budget",
    pour=Verb(
        "rebalance",
        "rebalanced",
        ("Take {amount} kW from {it} and give them to {other}.", "Please rebalance {amount} kW from {it} to {other}."),
        ("We need {amount} kW less on {it} and as much more on {other}.",),
        ("shift",),
    ),
)
HANDS = Case(
    noun="remote-hands task",
    fields={
        "job": Choice(("cabling", "reseating", "labelling", "unboxing"), label="job", told="for the {value}"),
        "minutes": Number(
            10, 180, 10, "minutes", label="time estimate", extremes=("shortest", "longest"), total="time estimate"
        ),
        "window": Choice(("daytime", "evening", "night"), label="window", told="in the {value} window"),
        "due": Day(-2, 20, label="due day", told="due on {value}"),
        "tools_needed": Number(0, 6, label="number of tools needed"),
    },
    states=("briefed", "under-way", "witnessed", "aborted"),
    moves=(
        Move(
            ("briefed", "aborted"),
            "under-way",
            Verb(
                "begin",
                "begun",
                ("The window is open: begin {it}.", "Please begin {it} now."),
                ("Your technician may pick up the screwdriver for {it}.",),
                ("start",),
            ),
        ),
        Move(
            ("under-way",),
            "aborted",
            Verb(
                "abort",
                "aborted",
                ("Our alarms go off, so abort {it} at once.", "Please abort {it}."),
                ("Hands off the cables: stop {it} this minute.",),
            ),
        ),
        Move(
            ("under-way",),
            "witnessed",
            Verb(
                "witness",
                "witnessed",
                ("We have watched it on camera and witness {it}.", "Please mark {it} as witnessed by us."),
                ("Our own eyes have seen {it} done.",),
                ("verify",),
            ),
        ),
    ),
    changes=(Change("window"), Change("due"), Change("tools_needed")),
    drop=Verb(
        "scrap",
        "scrapped",
        ("Please scrap {it}.", "We have done it ourselves, so scrap {it}."),
        ("There is no more need for anybody to do {it}.",),
        ("remove",),
    ),
)
DELEGATE = Person(
    noun="delegate",
    fields={
        "badge": Choice(("speaker", "student", "press", "regular"), label="badge"),
        "country_code": Choice(("fi", "br", "ke", "jp"), label="country"),
        "arrives_on": Day(-2, 25, label="day of arrival"),
    },
)
WORKSHOP_SESSION = Thing(
    noun="workshop session",
    names=(
        "Abstracts That Bite", "Poster in an Hour", "Lightning Drafts", "Peer Review Lab", "Citing with Care",
        "Panel Without Panic", "Plots for People", "Grants from Zero", "Ethics Roundtable", "Reproduce It Live",
        "Open Slides", "Hallway Track", "First Keynote", "Proofs over Coffee", "Mentor Speed Talk", "Field Notes",
        "Negative Results", "Data Sonification",
    ),
    fields={
        "hall": Choice(("aula", "foyer", "library", "annex"), label="hall", told="in the {value}"),
        "length": Number(30, 240, 30, "minutes", label="length", told="of {value}", extremes=("shortest", "longest")),
        "chairs": Number(0, 9, label="number of free chairs"),
        "level": Choice(("introductory", "advanced"), label="level", told="at {value} level"),
        "begins_at": Clock(8, 18, label="beginning"),
        "recorded": Flag(label="recording flag"),
    },
    scarce="chairs",
)  # fmt: skip
SEAT = Case(
    noun="session seat",
    of="workshop session",
    fields={
        "taken_on": Day(-3, 12, label="session day", told="on {value}", extremes=("earliest", "latest")),
        "door_opens": Clock(8, 18, label="door time"),
        "row": Number(1, 14, label="row", told="in row {value}", extremes=("frontmost", "rearmost")),
        "headset": Choice(("french", "signing", "none"), label="interpretation", told="with interpretation {value}"),
        "handout": Choice(("paper", "link", "braille"), label="handout"),
        "lunch": Flag(label="lunch flag"),
    },
    states=("claimed", "scanned", "waitlisted", "released"),
    moves=(
        Move(
            ("claimed",),
            "scanned",
            Verb(
                "scan",
                "scanned",
                ("I am at the door with my badge: scan {it}.", "Please scan {it}."),
                ("Here I am, so beep {it} through.",),
                ("admit",),
            ),
        ),
        Move(
            ("waitlisted",),
            "claimed",
            Verb(
                "promote",
                "promoted",
                ("Somebody has left, so promote {it} from the waiting list.", "Can you promote {it}?"),
                ("Get {it} off the waiting list for me.",),
            ),
        ),
        Move(
            ("claimed", "waitlisted"),
            "released",
            Verb(
                "release",
                "released",
                ("My talk is at that hour, so release {it}.", "Please release {it}."),
                ("I shall stand outside with a coffee; {it} is not for me.",),
                ("yield",),
            ),
        ),
    ),
    changes=(Change("headset"), Change("handout"), Change("row")),
    make=Verb(
        "claim",
        "claimed",
        ("I want to sit in {thing} on {taken_on}.", "Claim a seat for me in {thing} on {taken_on}."),
        ("On {taken_on} I should like to listen to {thing}.",),
        ("book",),
    ),
    asked=("taken_on",),
    relink=Verb(
        "swap",
        "swapped",
        ("Please swap {it} for one in {thing}.", "I have heard that before: put {it} into {thing}."),
        ("I am more curious about {thing}; change {it}.",),
    ),
    slot=("taken_on", "door_opens"),
    shift=Verb(
        "retime",
        "retimed",
        ("Is there a repeat on {day} at {time}? Put {it} there.", "Please retime {it} to {day}, {time}."),
        ("{day} at {time} does not clash with my own talk; let {it} be then.",),
        ("reschedule",),
    ),
)
VISA_LETTER = Case(
    noun="invitation letter",
    fields={
        "embassy": Choice(("finnish", "kenyan", "brazilian"), label="embassy", told="to the {value} embassy"),
        "days_covered": Number(3, 30, label="number of days", extremes=("shortest", "longest"), total="number of days"),
        "sent_by": Day(1, 30, label="last posting day", told="to be sent by {value}", extremes=("soonest", "latest")),
        "form": Choice(("scan", "paper", "sealed"), label="form", told="as a {value} copy"),
        "dependants": Number(2, 6, label="number of companions"),
    },
    states=("composed", "stamped", "posted"),
    moves=(
        Move(
            ("composed",),
            "stamped",
            Verb(
                "stamp",
                "stamped",
                ("The wording is right, so stamp {it}.", "Please stamp {it}."),
                ("Put the round seal on {it}.",),
            ),
        ),
        Move(
            ("stamped",),
            "posted",
            Verb(
                "post",
                "posted",
                ("Please post {it} today.", "My visa date is near: post {it}."),
                ("Let the embassy have {it}.",),
                ("send",),
            ),
        ),
    ),
    changes=(
        Change("form"),
        Change(
            "dependants",
            Verb(
                "set companions of",
                "changed",
                ("My family comes too: write {to} companions into {it}.", "Please name {to} companions in {it}."),
                ("There are {to} people with me; {it} must say so.",),
            ),
        ),
    ),
    sign=Verb(
        "endorse",
        "endorsed",
        ("I want the chair to endorse {it}.", "Please have {it} endorsed."),
        ("The chair's name should stand under {it}.",),
    ),
)
DINNER = Case(
    noun="banquet ticket",
    fields={
        "menu": Choice(("fish", "vegan", "game"), label="menu", told="for the {value} menu"),
        "dines_on": Day(-1, 12, label="day of the banquet", told="on {value}", extremes=("earliest", "latest")),
        "table": Number(1, 40, label="table", told="at table {value}", extremes=("foremost", "hindmost")),
        "drinks": Choice(("wine", "juice", "water"), label="drinks"),
        "speech": Flag(label="speech flag"),
    },
    states=("unused", "given-away", "redeemed"),
    moves=(
        Move(
            ("unused",),
            "given-away",
            Verb(
                "give away",
                "given away",
                ("I fly home early, so give {it} away.", "Please give {it} away to a student."),
                ("Let a student eat in my stead with {it}.",),
            ),
        ),
        Move(
            ("unused",),
            "redeemed",
            Verb(
                "redeem",
                "redeemed",
                ("I am at table: redeem {it}.", "Please redeem {it}."),
                ("Take {it} from me at the door.",),
            ),
        ),
    ),
    changes=(Change("menu"), Change("drinks"), Change("table")),
)
THEMES = (
    Theme(
        name="data_center",
        title="Data center",
        role="You are the assistant of a machine room that lets racks. You serve one rack tenant at a time.",
        person=TENANT,
        things=(CAGE, DIESEL),
        cases=(RACK, HANDS),
        short="colo",
    ),
    Theme(
        name="conference_desk",
        title="Conference desk",
        role="You are the assistant at the registration desk of a conference. You serve one delegate at a time.",
        person=DELEGATE,
        things=(WORKSHOP_SESSION,),
        cases=(SEAT, VISA_LETTER, DINNER),
        short="conf",
    ),
)
