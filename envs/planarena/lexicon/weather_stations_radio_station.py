"""Two themes: a network of weather stations with its volunteers, and a community radio station."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

WEATHER_WATCHER = Person(
    noun="weather watcher",
    fields={
        "rank": Choice(("trainee", "reader", "senior"), label="rank"),
        "readings_sent": Number(0, 5000, 10, label="number of readings sent"),
        "garden_height": Number(2, 1400, unit="m", label="height of the garden"),
    },
)
STATION = Thing(
    noun="weather station",
    names=(
        "Altocumulus", "Barograph Hill", "Cirrus Point", "Dewpond", "Easterly Knoll", "Fogbank", "Gust Corner",
        "Hail Barn", "Isobar Ridge", "Jetstream Field", "Katabatic", "Lapse Rate", "Mackerel Sky", "Nimbus Top",
        "Occluded Front", "Parhelion", "Rain Shadow", "Squall Line",
    ),
    fields={
        "terrain": Choice(("coast", "plateau", "forest", "roof"), label="terrain", told="on the {value}"),
        "elevation": Number(3, 1900, unit="m", label="elevation", told="at {value}", extremes=("lowest", "highest")),
        "sensors": Number(2, 14, label="number of sensors", extremes=("simplest", "best-equipped")),
        "link": Choice(("satellite", "radio", "cable"), label="data link", told="with the {value} link"),
        "wind_max": Number(20, 190, unit="km/h", label="strongest gust", extremes=("calmest", "windiest")),
        "calibrated": Day(-400, -10, label="day of the last calibration"),
    },
)  # fmt: skip
BALLOON_STORE = Thing(
    noun="balloon store",
    names=(
        "Loft One Sonde", "Helium Hut", "Latex Cabinet", "Tether Shed", "Radiosonde Room", "Parachute Press",
        "Burst Height", "Ascent Barn", "Chalk Cliff Depot", "Polar Box", "Tropopause", "Stratus Cellar", "Ozone Chest",
        "Dropsonde Den", "Gas Bottle Bay", "Train and Reel",
    ),
    fields={
        "balloons": Number(2, 90, label="number of balloons", extremes=("emptiest", "fullest")),
        "gas": Choice(("helium", "hydrogen"), label="gas", told="for {value} balloons"),
        "grams": Number(100, 1200, 100, "g", label="balloon weight", extremes=("lightest", "heaviest")),
        "sonde": Choice(("digital", "ozone", "training"), label="sonde", told="with the {value} sonde"),
        "aired": Day(-30, -1, label="day of the last airing"),
    },
    stock="balloons",
    fill=Verb(
        "resupply",
        "resupplied",
        ("A parcel with {count} balloons came for {it}.", "Please resupply {it} with {count} balloons."),
        ("I have laid {count} new balloons into {it}.",),
        ("add to",),
    ),
    take=Verb(
        "let fly",
        "let fly from",
        ("I let {count} balloons fly from {it}; book them out.", "Please book out {count} balloons of {it}."),
        ("For the storm watch I need {count} balloons from {it}.",),
        ("launch",),
    ),
)  # fmt: skip
DUTY = Case(
    noun="observer duty",
    plural="observer duties",
    of="weather station",
    fields={
        "from_day": Day(-9, 40, label="first day", told="from {value}", extremes=("earliest", "latest")),
        "readings": Number(
            4, 60, label="number of readings", extremes=("lightest", "heaviest"), total="number of readings"
        ),
        "element": Choice(("rainfall", "sunshine", "cloud", "wind"), label="element", told="for {value}"),
        "hour": Choice(("dawn", "noon", "dusk"), label="reading hour", told="at {value}"),
        "allowance": Money(5, 90, 5, label="travel allowance", total="travel allowance"),
        "snow_rod": Flag(label="snow rod flag"),
    },
    states=("rostered", "on-watch", "reported", "stood-down"),
    moves=(
        Move(
            ("rostered",),
            "on-watch",
            Verb(
                "start",
                "started",
                ("I have unlocked the hut: let {it} start.", "Please mark {it} as started; I am on watch."),
                ("My eyes are on the rain gauge now, for {it}.",),
                ("begin",),
            ),
        ),
        Move(
            ("on-watch",),
            "reported",
            Verb(
                "report",
                "reported",
                ("All figures are in the book: report {it}.", "Please report {it} to the centre."),
                ("Pass on what I wrote down during {it}.",),
                ("file",),
            ),
        ),
        Move(
            ("rostered", "on-watch"),
            "stood-down",
            Verb(
                "stand down from",
                "stood down",
                ("The road is snowed in, so I stand down from {it}.", "Please let me stand down from {it}."),
                ("I cannot get up there for {it}; do without me.",),
                ("quit",),
            ),
        ),
    ),
    changes=(
        Change("element"),
        Change(
            "hour",
            Verb(
                "set hour of",
                "changed",
                ("I would rather read at {to} in {it}.", "Please put {it} at {to}."),
                ("My bus suggests {to} for {it}.",),
            ),
        ),
    ),
    relink=Verb(
        "post",
        "posted",
        ("Please post me to {thing} for {it}.", "I have moved house: let {it} be at {thing}."),
        ("The path to {thing} is shorter for me, so have {it} there.",),
        ("reassign",),
    ),
    pot="readings",
    pour=Verb(
        "spread",
        "spread",
        (
            "Take {amount} readings off {it} and do them in {other}.",
            "Please spread {amount} readings from {it} to {other}.",
        ),
        ("I want {amount} readings fewer in {it} and as many more in {other}.",),
    ),
)
RECORD_CLAIM = Case(
    noun="weather record",
    fields={
        "kind": Choice(("heat", "frost", "downpour", "gale"), label="kind of record", told="of {value}"),
        "happened": Day(-300, -2, label="day of the event", told="of {value}", extremes=("oldest", "newest")),
        "tenths": Number(10, 990, 1, "tenths", label="measured value", extremes=("mildest", "wildest")),
        "evidence": Choice(("chart", "photo", "witness"), label="evidence", told="with evidence by {value}"),
        "doubts": Number(0, 6, label="number of doubts"),
    },
    states=("submitted", "checked", "struck-out"),
    moves=(
        Move(
            ("submitted",),
            "checked",
            Verb(
                "check",
                "checked",
                ("Please have {it} checked.", "I am sure of my figures, so check {it}."),
                ("Compare {it} with the neighbouring gauges.",),
                ("vet",),
            ),
        ),
        Move(
            ("submitted", "checked"),
            "struck-out",
            Verb(
                "strike out",
                "struck out",
                ("My gauge was crooked: strike {it} out.", "Please strike {it} out."),
                ("I blush to say that {it} was a misreading; it must not stand.",),
                ("void",),
            ),
        ),
        Move(
            ("struck-out",),
            "submitted",
            Verb(
                "resubmit",
                "resubmitted",
                ("I have found the old chart and resubmit {it}.", "Please let me resubmit {it}."),
                ("Look at {it} once more, with the chart that I found.",),
            ),
        ),
    ),
    changes=(Change("evidence"), Change("kind")),
    sign=Verb(
        "ratify",
        "ratified",
        ("The committee may ratify {it}.", "Please put {it} before the committee to ratify it."),
        ("Let {it} enter the book of extremes.",),
        ("authenticate",),
    ),
)
PRESENTER = Person(
    noun="volunteer presenter",
    fields={
        "voice_test": Choice(("passed", "pending", "waived"), label="voice test"),
        "hours_on_air": Number(0, 900, label="number of hours on air"),
        "desk_trained": Day(-900, -10, label="day of the desk training"),
    },
)
STUDIO = Thing(
    noun="broadcast studio",
    names=(
        "Faders Up", "Dead Air", "Pop Shield", "Reel to Reel", "Talkback", "Foldback", "Cue Light", "Jingle Cellar",
        "Carrier Wave", "Long Wave", "Static Room", "Gramophone", "Patchbay", "Sibilance", "Tape Echo", "Needle Drop",
        "Sound Lock",
    ),
    fields={
        "desk": Choice(("analogue", "digital", "portable"), label="desk", told="with the {value} desk"),
        "mics": Number(1, 9, label="number of microphones", extremes=("smallest", "largest")),
        "storey": Choice(("cellar", "ground", "loft"), label="storey", told="on the {value} level"),
        "slots": Number(0, 8, label="number of free slots"),
        "echo": Number(90, 700, 10, "ms", label="reverberation", extremes=("driest", "liveliest")),
        "phone_in": Flag(label="phone-in flag"),
    },
    scarce="slots",
)  # fmt: skip
SHOW = Case(
    noun="radio show",
    of="broadcast studio",
    fields={
        "airs_on": Day(-3, 30, label="day on air", told="on {value}", extremes=("earliest", "latest")),
        "airs_at": Clock(6, 23, label="time on air"),
        "style": Choice(("jazz", "talk", "folk", "news"), label="style", told="with {value}"),
        "airtime": Number(20, 180, 5, "minutes", label="airtime", extremes=("shortest", "longest"), total="airtime"),
        "delivery": Choice(("live", "taped"), label="way of delivery", told="that is {value}"),
        "guests": Number(0, 5, label="number of studio guests"),
    },
    states=("pitched", "in-schedule", "aired", "pulled"),
    moves=(
        Move(
            ("pitched",),
            "in-schedule",
            Verb(
                "slate",
                "slated",
                ("The editor likes it, so slate {it}.", "Please slate {it}."),
                ("Print {it} in the programme guide.",),
                ("programme",),
            ),
        ),
        Move(
            ("in-schedule",),
            "aired",
            Verb(
                "air",
                "aired",
                ("The red light is on: mark {it} as aired.", "Please log {it} as aired."),
                ("The last record of {it} has faded out.",),
                ("log",),
            ),
        ),
        Move(
            ("pitched", "in-schedule"),
            "pulled",
            Verb(
                "pull",
                "pulled",
                ("My guest has backed out: pull {it}.", "Please pull {it}."),
                ("Play music in the place of {it}.",),
                ("axe",),
            ),
        ),
    ),
    changes=(Change("delivery"), Change("guests")),
    make=Verb(
        "pitch",
        "pitched",
        (
            "I want to do {style} from {thing} on {airs_on}.",
            "Pitch a show for me: {style}, from {thing}, on {airs_on}.",
        ),
        ("Would the editor let me loose in {thing} on {airs_on}, with {style}?",),
        ("propose",),
    ),
    asked=("style", "airs_on"),
    relink=Verb(
        "rewire",
        "rewired",
        ("Do {it} from {thing}, please.", "I need more microphones, so rewire {it} to {thing}."),
        ("I shall sit in {thing} for {it}.",),
        ("relocate",),
    ),
    slot=("airs_on", "airs_at"),
    shift=Verb(
        "bump",
        "bumped",
        ("Please bump {it} to {day} at {time}.", "The match runs late; let {it} go out on {day} at {time}."),
        ("More people listen on {day} at {time}; air {it} then.",),
        ("reschedule",),
    ),
    pot="airtime",
    pour=Verb(
        "cede",
        "ceded",
        (
            "Cede {amount} minutes of {it} to {other}.",
            "Please cut {amount} minutes from {it} and give them to {other}.",
        ),
        ("Let {other} run {amount} minutes longer and {it} end so much sooner.",),
    ),
)
SPOT = Case(
    noun="sponsor spot",
    fields={
        "seconds": Number(
            10, 60, 5, "seconds", label="length", told="of {value}", extremes=("shortest", "longest"), total="length"
        ),
        "voiced_by": Choice(("house", "actor", "sponsor"), label="voice", told="with the {value} voice"),
        "plays": Number(5, 90, 5, label="number of plays", total="number of plays"),
        "until": Day(4, 100, label="last day on air", told="until {value}"),
        "bed": Choice(("piano", "drums", "none"), label="music bed", told="with music bed {value}"),
    },
    states=("scripted", "recorded", "rotating"),
    moves=(
        Move(
            ("scripted",),
            "recorded",
            Verb(
                "record",
                "recorded",
                ("The words are fine: record {it}.", "Please record {it} this week."),
                ("Get somebody in front of a microphone for {it}.",),
                ("tape",),
            ),
        ),
        Move(
            ("recorded",),
            "rotating",
            Verb(
                "rotate",
                "put into rotation",
                ("Put {it} into rotation, please.", "The sponsor has paid, so rotate {it}."),
                ("Let our listeners hear {it}.",),
                ("activate",),
            ),
        ),
    ),
    changes=(Change("bed"), Change("voiced_by"), Change("until"), Change("plays")),
)
THEMES = (
    Theme(
        name="weather_stations",
        title="Weather stations",
        role="You are the assistant of a network of weather stations. You serve one weather watcher at a time.",
        person=WEATHER_WATCHER,
        things=(STATION, BALLOON_STORE),
        cases=(DUTY, RECORD_CLAIM),
        short="weather",
    ),
    Theme(
        name="radio_station",
        title="Radio station",
        role="You are the assistant of a community radio station. You serve one volunteer presenter at a time.",
        person=PRESENTER,
        things=(STUDIO,),
        cases=(SHOW, SPOT),
        short="radio",
    ),
)
