"""Two themes: an orchard that rents out its trees and presses, and a laboratory that shares its microscopes."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

TREE_SPONSOR = Person(
    noun="tree sponsor",
    fields={
        "basket": Choice(("small", "bushel", "crate"), label="basket"),
        "sponsor_since": Day(-2500, -30, label="first day as a sponsor"),
        "trees": Number(1, 12, label="number of trees"),
    },
)
PLOT = Thing(
    noun="orchard row",
    names=(
        "Bramley", "Cox Orange", "Discovery", "Egremont Russet", "Fuji", "Gala", "Howgate Wonder", "Idared",
        "Jonagold", "Katy", "Laxton Superb", "Mirabelle", "Newton Wonder", "Opal Plum", "Pitmaston", "Quince Vranja",
        "Reinette", "Spartan",
    ),
    fields={
        "fruit": Choice(("apple", "plum", "quince", "pear"), label="fruit", told="of {value} trees"),
        "rootstock": Choice(("dwarf", "half-standard", "standard"), label="rootstock", told="on {value} stock"),
        "planted": Number(1958, 2021, label="planting year", extremes=("oldest", "youngest")),
        "yield_kg": Number(8, 120, 2, "kg", label="yield per tree", extremes=("poorest", "richest")),
        "pruned": Day(-200, -20, label="day of the last pruning"),
    },
)  # fmt: skip
CIDER_CASK = Thing(
    noun="cider cask",
    names=(
        "Wassail", "Scrumpy Joe", "Pomace", "Windfall", "Tannin", "Bittersharp", "Ploughman", "Hedge Cider",
        "Apple Howler", "Cheese Press", "Wild Yeast", "Costrel", "Tumbledown", "Old Mother", "Rusty Hoop",
        "Brandysnap",
    ),
    fields={
        "litres": Number(10, 300, 5, "litres", label="content", extremes=("emptiest", "fullest")),
        "taste": Choice(("dry", "medium", "sweet"), label="taste", told="with the {value} taste"),
        "strength": Number(4, 9, unit="percent", label="strength", extremes=("mildest", "strongest")),
        "wood": Choice(("oak", "cherry", "chestnut"), label="wood", told="of {value} wood"),
        "racked": Day(-100, -5, label="day of the last racking"),
    },
    stock="litres",
    fill=Verb(
        "press into",
        "filled up",
        ("My apples gave {count} litres for {it}.", "Please press {count} litres into {it}."),
        ("We squeezed out {count} litres, and they run into {it}.",),
        ("fill",),
    ),
    take=Verb(
        "draw",
        "drawn from",
        ("I would like to draw {count} litres from {it}.", "Please draw {count} litres from {it} for me."),
        ("My jugs hold {count} litres of what is in {it}.",),
        ("tap",),
    ),
)  # fmt: skip
TREE_LEASE = Case(
    noun="tree lease",
    of="orchard row",
    fields={
        "position": Number(1, 48, label="position", told="at position {value}", extremes=("foremost", "hindmost")),
        "plate": Choice(("slate", "brass", "copper"), label="name plate", told="with the {value} plate"),
        "picks_on": Day(-5, 80, label="picking day", told="picked on {value}", extremes=("earliest", "latest")),
        "picks_at": Clock(7, 18, label="picking time"),
        "harvest": Choice(("picked", "pressed", "crated"), label="harvest", told="with harvest {value}"),
        "ladder": Flag(label="ladder flag"),
    },
    states=("blooming", "netted", "harvested"),
    moves=(
        Move(
            ("blooming",),
            "netted",
            Verb(
                "net",
                "netted",
                ("The starlings come: please net the tree of {it}.", "Please have a net put up for {it}."),
                ("Birds eat my cherries; cover the crown for {it}.",),
                ("cover",),
            ),
        ),
        Move(
            ("blooming", "netted"),
            "harvested",
            Verb(
                "harvest",
                "harvested",
                ("All the fruit is down, so mark {it} as harvested.", "Please enter {it} as harvested."),
                ("Not an apple is left up there for {it}.",),
                ("pick",),
            ),
        ),
    ),
    changes=(
        Change("plate"),
        Change(
            "harvest",
            Verb(
                "set harvest of",
                "changed",
                ("I want the fruit of {it} {to}.", "Please have the fruit of {it} {to} for me."),
                ("This year the fruit of {it} should be {to}.",),
            ),
        ),
    ),
    make=Verb(
        "sponsor",
        "sponsored",
        (
            "I want to sponsor a tree in {thing} with a {plate} plate.",
            "Sponsor a tree for me in {thing}; the plate in {plate}.",
        ),
        ("May my name hang on {plate} from a tree in {thing}?",),
        ("lease",),
    ),
    asked=("plate",),
    slot=("picks_on", "picks_at"),
    shift=Verb(
        "put off",
        "put off",
        ("It rains too hard: put {it} off to {day}, {time}.", "Please put {it} off until {day} at {time}."),
        ("{day} at {time} looks drier for picking with {it}.",),
        ("reschedule",),
    ),
)
JUICE_PRESS = Case(
    noun="pressing order",
    fields={
        "crates": Number(2, 36, label="number of crates", extremes=("smallest", "largest"), total="number of crates"),
        "package": Choice(("bottle", "pouch", "keg"), label="package", told="in the {value}"),
        "press_on": Day(-4, 25, label="pressing day", told="for {value}", extremes=("earliest", "latest")),
        "blend": Choice(("pure", "beet", "ginger"), label="blend", told="with the {value} blend"),
        "pomace_back": Flag(label="pomace flag"),
        "press_fee": Money(6, 180, 2, label="pressing fee", total="pressing fee"),
    },
    states=("dropped-off", "washed", "bottled"),
    moves=(
        Move(
            ("dropped-off",),
            "washed",
            Verb(
                "wash",
                "washed",
                ("The apples are muddy: wash {it} first.", "Please wash {it}."),
                ("Give the fruit of {it} a bath.",),
            ),
        ),
        Move(
            ("washed",),
            "bottled",
            Verb(
                "bottle",
                "bottled",
                ("You may bottle {it} now.", "Please bottle {it} while it is fresh."),
                ("Let the juice of {it} run into glass.",),
                ("fill off",),
            ),
        ),
    ),
    changes=(Change("package"), Change("blend"), Change("press_on")),
    pot="crates",
    pour=Verb(
        "divert",
        "diverted",
        ("Divert {amount} crates from {it} to {other}.", "Please press {amount} crates of {it} with {other}."),
        ("Let {other} have {amount} crates out of {it}.",),
    ),
)
MICROSCOPIST = Person(
    noun="microscope user",
    fields={
        "trained_for": Choice(("widefield", "confocal", "electron"), label="training"),
        "hours_logged": Number(0, 400, label="number of hours logged"),
        "cost_centre": Choice(("zoology", "materials", "pathology"), label="cost centre"),
        "safety_until": Day(-40, 300, label="end of the safety briefing"),
    },
)
SCOPE = Thing(
    noun="microscope",
    names=(
        "Diatom", "Paramecium", "Tardigrade", "Volvox", "Stentor", "Hydra", "Euglena", "Vorticella", "Amoeba",
        "Desmid", "Radiolaria", "Copepod", "Spirogyra", "Foraminifer", "Planarian", "Daphnia",
    ),
    fields={
        "method": Choice(("confocal", "light-sheet", "scanning"), label="method", told="for {value} imaging"),
        "resolution": Number(2, 400, 2, "nm", label="resolution", extremes=("sharpest", "coarsest")),
        "lab": Choice(("basement", "attic", "cleanroom"), label="lab", told="in the {value}"),
        "hourly": Money(8, 140, 2, label="hourly rate", extremes=("cheapest", "dearest")),
        "aligned": Day(-60, -1, label="day of the last alignment", told="aligned on {value}"),
    },
)  # fmt: skip
REAGENT = Thing(
    noun="staining kit",
    names=(
        "Hoechst Blue", "Phalloidin Red", "Nile Crimson", "Congo Ruby", "Acridine Glow", "Eosin Pink", "Giemsa Mix",
        "Toluidine Drop", "Safranin Set", "Carmine Fix", "Calcofluor", "Lugol Brown", "Sudan Three", "Osmium Dusk",
        "Fast Verde", "Methyl Violet",
    ),
    fields={
        "doses": Number(5, 120, 5, label="number of doses", extremes=("scarcest", "commonest")),
        "tissue": Choice(("plant", "nerve", "bone"), label="tissue", told="for {value} tissue"),
        "fridge": Choice(("top-fridge", "cold-room", "dark-box"), label="place", told="in the {value}"),
        "wavelength": Number(360, 720, 5, "nm", label="wavelength", told="at {value}", extremes=("bluest", "reddest")),
        "spoils": Day(3, 200, label="spoiling day"),
    },
    stock="doses",
    take=Verb(
        "dispense",
        "dispensed",
        ("My slides need {count} doses of {it}.", "Please dispense {count} doses of {it}."),
        ("Put aside {count} doses of {it} for my bench.",),
        ("withdraw",),
    ),
)  # fmt: skip
BEAM_SLOT = Case(
    noun="imaging session",
    of="microscope",
    fields={
        "images_on": Day(-4, 24, label="imaging day", told="on {value}", extremes=("earliest", "latest")),
        "beam_on": Clock(7, 22, label="beam time"),
        "specimen": Choice(("section", "culture", "mineral"), label="specimen", told="for the {value}"),
        "help": Choice(("none", "first-hour", "full"), label="help", told="with help {value}"),
        "duration": Number(2, 12, unit="hours", label="duration", extremes=("shortest", "longest"), total="duration"),
        "live_cells": Flag(label="live cell flag"),
    },
    states=("pencilled-in", "warming-up", "imaged", "faulted"),
    moves=(
        Move(
            ("pencilled-in",),
            "warming-up",
            Verb(
                "warm up",
                "warmed up",
                ("I come in half an hour: warm up the lamp for {it}.", "Please get the lamp warm for {it}."),
                ("Let the laser settle before {it}.",),
                ("prepare",),
            ),
        ),
        Move(
            ("warming-up",),
            "imaged",
            Verb(
                "wrap up",
                "wrapped up",
                ("I have all my stacks, so wrap {it} up.", "Please wrap {it} up."),
                ("The lamp may cool down; {it} gave me what I wanted.",),
                ("finish",),
            ),
        ),
        Move(
            ("pencilled-in", "warming-up"),
            "faulted",
            Verb(
                "fault",
                "faulted",
                ("The stage is stuck: mark {it} as faulted.", "Please enter {it} as faulted; the camera is dead."),
                ("There is smoke from the lamp house and no use in going on with {it}.",),
                ("fail",),
            ),
        ),
    ),
    changes=(
        Change("help"),
        Change("specimen"),
        Change(
            "duration",
            Verb(
                "set duration of",
                "changed",
                ("I need {to} for {it}.", "Please make {it} last {to}."),
                ("My sample is large, so let {it} take {to}.",),
            ),
        ),
    ),
    make=Verb(
        "pencil in",
        "pencilled in",
        (
            "Pencil me in at {thing} on {images_on} with a {specimen}.",
            "I want {thing} on {images_on} for a {specimen}.",
        ),
        ("Could I look at a {specimen} with {thing} on {images_on}?",),
        ("book",),
    ),
    asked=("images_on", "specimen"),
    relink=Verb(
        "switch",
        "switched",
        ("Please switch {it} to {thing}.", "I need sharper images, so do {it} on {thing}."),
        ("Let {it} take place at {thing}.",),
        ("reassign",),
    ),
    slot=("images_on", "beam_on"),
    shift=Verb(
        "defer",
        "deferred",
        ("My cells are not ready: defer {it} to {day}, {time}.", "Please defer {it} until {day} at {time}."),
        ("{day} at {time} the culture will be ripe for {it}.",),
        ("reschedule",),
    ),
)
DATA_HOLD = Case(
    noun="image archive",
    fields={
        "stacks": Number(4, 200, label="number of stacks", extremes=("smallest", "largest"), total="number of stacks"),
        "codec": Choice(("lossless", "tiled", "raw"), label="format", told="in the {value} format"),
        "kept_to": Day(20, 900, label="end of storage", told="kept to {value}", extremes=("soonest", "latest")),
        "access": Choice(("group", "institute", "world"), label="access", told="open to the {value}"),
        "gigabytes": Number(5, 800, 5, "GB", label="size", total="size"),
    },
    states=("hot", "cold", "purged"),
    moves=(
        Move(
            ("hot",),
            "cold",
            Verb(
                "chill",
                "moved to tape",
                ("Nobody looks at it any more: chill {it} to tape.", "Please put {it} on tape."),
                ("Clear the fast disk of {it}, but keep it.",),
                ("archive",),
            ),
        ),
        Move(
            ("cold",),
            "hot",
            Verb(
                "thaw",
                "brought back",
                ("I need the images again: thaw {it}.", "Please thaw {it} from tape."),
                ("Get {it} back onto the fast disk.",),
                ("restore",),
            ),
        ),
    ),
    changes=(Change("access"), Change("kept_to"), Change("codec")),
    sign=Verb(
        "attest",
        "attested",
        ("My supervisor wants {it} attested.", "Please have {it} attested."),
        ("Somebody must vouch that nothing in {it} was touched up.",),
        ("certify",),
    ),
)
THEMES = (
    Theme(
        name="orchard",
        title="Orchard",
        role="You are the assistant of an orchard whose trees have sponsors. You serve one tree sponsor at a time.",
        person=TREE_SPONSOR,
        things=(PLOT, CIDER_CASK),
        cases=(TREE_LEASE, JUICE_PRESS),
    ),
    Theme(
        name="microscopy_lab",
        title="Microscopy laboratory",
        role="You are the assistant of a laboratory that shares its microscopes. You serve one user at a time.",
        person=MICROSCOPIST,
        things=(SCOPE, REAGENT),
        cases=(BEAM_SLOT, DATA_HOLD),
        short="scope",
    ),
)
