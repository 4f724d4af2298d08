"""Two themes: an observatory that gives telescope time, and a distributor that lends films to cinemas and clubs."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

OBSERVER = Person(
    noun="guest observer",
    fields={
        "institute": Choice(("university", "society", "agency"), label="institute"),
        "grant_until": Day(-30, 400, label="end of the grant"),
        "nights_used": Number(0, 25, label="number of nights used"),
    },
)
TELESCOPE = Thing(
    noun="telescope",
    names=(
        "Aldebaran", "Bellatrix", "Capella", "Deneb", "Elnath", "Fomalhaut", "Gacrux", "Hamal", "Izar", "Kochab",
        "Lesath", "Mirfak", "Nashira", "Porrima", "Rasalhague", "Sadalsuud", "Thuban", "Zubeneschamali",
    ),
    fields={
        "mount": Choice(("altazimuth", "equatorial", "dobsonian"), label="mount", told="on the {value} mount"),
        "aperture": Number(
            40, 420, 5, "cm", label="aperture", told="with an aperture of {value}", extremes=("smallest", "largest")
        ),
        "band": Choice(("optical", "infrared", "radio"), label="band", told="for the {value} band"),
        "mirror_coated": Day(-900, -10, label="day of the last mirror coating"),
        "nights_open": Number(0, 9, label="number of open nights"),
    },
    scarce="nights_open",
)  # fmt: skip
DEWAR = Thing(
    noun="coolant dewar",
    names=(
        "Bullialdus", "Copernicus", "Plato Rim", "Clavius", "Eratosthenes", "Aristarchus", "Gassendi", "Langrenus",
        "Ptolemaeus", "Theophilus", "Hipparchus", "Grimaldi", "Schickard", "Posidonius", "Fracastorius", "Messier A",
    ),
    fields={
        "coolant": Choice(("nitrogen", "helium", "argon"), label="coolant", told="of liquid {value}"),
        "level": Number(20, 240, 5, "litres", label="level", extremes=("emptiest", "fullest")),
        "dome": Choice(("east", "west", "ridge"), label="dome", told="in the {value} dome"),
        "pressure": Number(1, 9, unit="bar", label="pressure", told="at {value}", extremes=("slackest", "tightest")),
        "tested": Day(-200, -2, label="day of the last pressure test"),
    },
    stock="level",
    fill=Verb(
        "charge",
        "charged",
        ("The lorry brought {count} litres for {it}; enter them.", "Please charge {it} with {count} litres."),
        ("{count} litres more are now in {it}.",),
        ("refill",),
    ),
    take=Verb(
        "decant",
        "decanted from",
        ("I need {count} litres from {it} for my camera.", "Please decant {count} litres from {it}."),
        ("My detector is warm: let me have {count} litres out of {it}.",),
        ("tap",),
    ),
)  # fmt: skip
RUN = Case(
    noun="observing run",
    of="telescope",
    fields={
        "night": Day(-6, 45, label="night", told="in the night of {value}", extremes=("earliest", "latest")),
        "opens": Clock(18, 23, label="dome opening time"),
        "exposure": Number(
            10, 600, 10, "minutes", label="exposure", extremes=("shortest", "longest"), total="exposure"
        ),
        "target": Choice(("comet", "nebula", "quasar", "planet"), label="target", told="for the {value}"),
        "moon": Choice(("dark", "grey", "bright"), label="moonlight", told="under a {value} moon"),
        "remote": Flag(label="remote flag"),
    },
    states=("proposed", "scheduled", "observed", "clouded-out"),
    moves=(
        Move(
            ("proposed", "clouded-out"),
            "scheduled",
            Verb(
                "schedule",
                "scheduled",
                ("Please schedule {it}.", "The committee said yes, so schedule {it}."),
                ("Give {it} a firm place in the night plan.",),
                ("plan",),
            ),
        ),
        Move(
            ("scheduled",),
            "observed",
            Verb(
                "log",
                "logged as observed",
                ("We got all the frames: log {it} as observed.", "Please log {it} as done."),
                ("The sky was clear and the data are in, so {it} is complete.",),
            ),
        ),
        Move(
            ("scheduled",),
            "clouded-out",
            Verb(
                "cloud out",
                "clouded out",
                (
                    "The sky was closed all night: mark {it} as clouded out.",
                    "We lost {it} to clouds; please note that.",
                ),
                ("Not one star came through during {it}.",),
                ("report weather for",),
            ),
        ),
    ),
    changes=(
        Change("target"),
        Change("moon"),
        Change(
            "exposure",
            Verb(
                "set exposure of",
                "changed",
                ("I need {to} of exposure in {it}.", "Please expose for {to} in {it}."),
                ("Let the shutter stay open for {to} in {it}.",),
            ),
        ),
    ),
    make=Verb(
        "propose",
        "proposed",
        (
            "I want {thing} in the night of {night} for a {target}.",
            "Propose a run for me: {thing}, {night}, a {target}.",
        ),
        ("Could I point {thing} at a {target} in the night of {night}?",),
        ("request",),
    ),
    asked=("night", "target"),
    relink=Verb(
        "move",
        "moved",
        ("Move {it} to {thing}.", "I would rather use {thing} for {it}."),
        ("Let {it} take place at {thing} instead.",),
        ("reassign",),
    ),
    slot=("night", "opens"),
    shift=Verb(
        "reslot",
        "moved",
        ("Can {it} start on {day} at {time} instead?", "Please move {it} to {day}, {time}."),
        ("{day} at {time} is better for the seeing; put {it} there.",),
        ("reschedule",),
    ),
)
ARCHIVE_REQUEST = Case(
    noun="archive request",
    fields={
        "survey": Choice(("halo", "ecliptic", "transient"), label="survey", told="from the {value} survey"),
        "frames": Number(
            50, 900, 10, label="number of frames", extremes=("smallest", "largest"), total="number of frames"
        ),
        "needed_by": Day(2, 60, label="deadline", told="needed by {value}"),
        "calibration": Choice(("raw", "flat-fielded", "stacked"), label="calibration", told="with {value} frames"),
        "quota": Number(2, 90, label="quota", unit="GB", extremes=("leanest", "richest"), total="quota"),
        "public": Flag(label="public flag"),
    },
    states=("queued", "staged", "embargoed"),
    moves=(
        Move(
            ("queued",),
            "staged",
            Verb(
                "stage",
                "staged",
                ("Please stage {it} for download.", "I am ready to download, so stage {it}."),
                ("Bring {it} from the tapes onto the disk.",),
            ),
        ),
        Move(
            ("queued", "staged"),
            "embargoed",
            Verb(
                "embargo",
                "embargoed",
                ("Keep {it} under embargo until my paper is out.", "Please embargo {it}."),
                ("Nobody else may look at {it} before I publish.",),
            ),
        ),
    ),
    changes=(Change("calibration"), Change("needed_by"), Change("frames")),
    pot="quota",
    pour=Verb(
        "transfer",
        "transferred",
        ("Transfer {amount} GB from {it} to {other}.", "Please take {amount} GB of {it} and give them to {other}."),
        ("Let {other} have {amount} GB of {it}.",),
    ),
)
FILM_BOOKER = Person(
    noun="film booker",
    fields={
        "venue": Choice(("cinema", "film-club", "open-air", "school"), label="venue"),
        "seats_licensed": Number(40, 600, 10, label="number of licensed seats"),
        "surety": Money(100, 900, 50, label="surety"),
    },
)
FEATURE = Thing(
    noun="feature print",
    names=(
        "Harbour of Glass", "The Ninth Lantern", "Midnight Tramway", "A Coat for Winter", "Salt and Ashes",
        "Paper Moons over Lodz", "The Clockmaker's Alibi", "Seven Quiet Rooms", "Dust on the Reel", "Goodbye, Isobar",
        "The Last Usherette", "Crows in Technicolor", "Tomorrow We Whistle", "Blue Gasoline", "The Understudy's Hat",
        "Nobody Waltzes Here", "Fog over Reel Two", "Letters to the Projectionist",
    ),
    fields={
        "genre": Choice(("drama", "western", "musical", "thriller"), label="genre", told="in the {value} section"),
        "running_time": Number(
            68, 214, 1, "minutes", label="running time", told="of {value}", extremes=("shortest", "longest")
        ),
        "gauge": Choice(("35mm", "70mm", "digital"), label="gauge", told="on {value}"),
        "guarantee": Money(60, 480, 20, label="minimum guarantee", extremes=("cheapest", "dearest")),
        "copies": Number(0, 6, label="number of free copies"),
        "restored": Flag(label="restoration flag"),
    },
    scarce="copies",
)  # fmt: skip
SCREENING = Case(
    noun="screening licence",
    of="feature print",
    fields={
        "screened_on": Day(-4, 50, label="screening day", told="for {value}", extremes=("earliest", "latest")),
        "audience": Choice(("members", "public", "pupils"), label="audience", told="for an audience of {value}"),
        "shows": Number(2, 8, label="number of shows", told="for {value} shows", total="number of shows"),
        "share": Number(20, 60, 5, "percent", label="share of the takings"),
        "subtitles": Choice(("none", "english", "spanish"), label="subtitles"),
    },
    states=("pencilled", "dispatched", "screened", "settled"),
    moves=(
        Move(
            ("pencilled",),
            "dispatched",
            Verb(
                "dispatch",
                "dispatched",
                ("Our projector is ready, so dispatch the film for {it}.", "Please dispatch the film for {it}."),
                ("The cans for {it} may go on the van.",),
                ("ship",),
            ),
        ),
        Move(
            ("dispatched",),
            "screened",
            Verb(
                "report",
                "reported as screened",
                ("We have shown the film; report {it} as screened.", "Please report {it} as screened."),
                ("The lights are up again after {it}.",),
            ),
        ),
        Move(
            ("screened",),
            "settled",
            Verb(
                "settle",
                "settled",
                ("Here are the takings: please settle {it}.", "I want to settle {it}."),
                ("The box office is counted; square the account of {it}.",),
                ("pay",),
            ),
        ),
    ),
    changes=(Change("subtitles"), Change("audience")),
    make=Verb(
        "license",
        "licensed",
        (
            "We would like to show {thing} on {screened_on}, {shows} times.",
            "License {thing} for {shows} shows from {screened_on}.",
        ),
        ("May our house run {thing} {shows} times, beginning on {screened_on}?",),
        ("book",),
    ),
    asked=("screened_on", "shows"),
    drop=Verb(
        "call off",
        "called off",
        ("Please call {it} off.", "Our hall is flooded, so call {it} off."),
        ("The curtain will stay down: we give {it} up.",),
        ("cancel",),
    ),
    pot="shows",
    pour=Verb(
        "reallot",
        "reallotted",
        ("Shift {amount} shows from {it} to {other}.", "Please use {amount} shows of {it} for {other}."),
        ("Let {other} have {amount} of the shows of {it}.",),
    ),
)
PRESS_KIT = Case(
    noun="publicity pack",
    fields={
        "posters": Number(
            5, 80, 5, label="number of posters", extremes=("thinnest", "thickest"), total="number of posters"
        ),
        "size": Choice(("one-sheet", "quad", "lobby-card"), label="poster size", told="in {value} size"),
        "trailer": Choice(("teaser", "full", "silent"), label="trailer", told="with the {value} trailer"),
        "posted": Day(-3, 20, label="posting day", told="posted on {value}", extremes=("earliest", "latest")),
        "stills": Number(2, 24, label="number of stills"),
    },
    states=("drafted", "printed", "sent-out"),
    moves=(
        Move(
            ("drafted",),
            "printed",
            Verb(
                "print",
                "printed",
                ("Please have {it} printed.", "The layout is fine: print {it}."),
                ("Let the press roll for {it}.",),
            ),
        ),
        Move(
            ("printed",),
            "sent-out",
            Verb(
                "send out", "sent out", ("Please send {it} out.", "Can you send {it} out today?"), ("Post {it} to us.",)
            ),
        ),
        Move(
            ("printed",),
            "drafted",
            Verb(
                "pulp",
                "pulped",
                ("There is a misprint, so pulp {it} and start again.", "Please pulp {it}; we need a new draft."),
                ("Our name is spelt wrongly: {it} must go back to the drawing board.",),
            ),
        ),
    ),
    changes=(
        Change("size"),
        Change("trailer"),
        Change(
            "posters",
            Verb(
                "set posters in",
                "changed",
                ("We need {to} posters in {it}.", "Make it {to} posters for {it}, please."),
                ("Let {it} hold {to} posters.",),
            ),
        ),
    ),
    sign=Verb(
        "clear",
        "cleared",
        ("The artwork is fine: clear {it}.", "Please clear {it} for us."),
        ("You have our word that {it} is as we want it.",),
        ("approve",),
    ),
)
THEMES = (
    Theme(
        name="observatory",
        title="Observatory",
        role="You are the assistant of an observatory's time office. You serve one guest observer at a time.",
        person=OBSERVER,
        things=(TELESCOPE, DEWAR),
        cases=(RUN, ARCHIVE_REQUEST),
    ),
    Theme(
        name="film_rental",
        title="Film rental",
        role="You are the assistant of a film distributor that lends to cinemas. You serve one film booker at a time.",
        person=FILM_BOOKER,
        things=(FEATURE,),
        cases=(SCREENING, PRESS_KIT),
        short="film",
    ),
)
