"""A driving school: instructors' cars, lessons and packages. A recording studio: live rooms, microphones, sessions."""

from toolgym.composing.fields import Choice, Clock, Day, Flag, Money, Number
from toolgym.envs.planarena.lexicon.theme import Case, Change, Move, Person, Theme, Thing, Verb

__all__ = ["THEMES"]

LEARNER_DRIVER = Person(
    noun="learner driver",
    fields={
        "category": Choice(("car", "motorcycle", "lorry"), label="licence category"),
        "theory": Choice(("passed", "failed", "untried"), label="theory test"),
        "glasses": Choice(("worn", "not-worn"), label="entry on glasses"),
        "hours_driven": Number(0, 60, label="hours driven"),
    },
)
TUITION_CAR = Thing(
    noun="tuition car",
    names=(
        "Clutch Clara", "Gearbox Glenn", "Handbrake Hetty", "Indicator Ian", "Kerbside Kate", "Mirror Max",
        "Roundabout Rita", "Stall Stuart", "Three Point Theo", "Throttle Thea", "Dipswitch Dan", "Bonnet Bess",
        "Hazard Hugo", "Tailgate Tilda", "Biting Point Bob", "Crossing Cora", "Give Way Greta", "Junction Jude",
    ),
    fields={
        "gears": Choice(("manual", "automatic"), label="gearbox", told="with {value} gears"),
        "base": Choice(("station", "college", "market"), label="base", told="from the {value}"),
        "power": Number(45, 160, 5, label="power", unit="hp", told="of {value}", extremes=("weakest", "strongest")),
        "rate": Money(25, 75, label="rate per lesson", extremes=("cheapest", "dearest")),
        "dual_since": Day(-1200, -30, label="fitting day of the dual pedals"),
        "hours_free": Number(0, 9, label="number of free hours"),
    },
    scarce="hours_free",
)  # fmt: skip
THEORY_EVENING = Thing(
    noun="theory evening",
    names=(
        "Braking Distances", "Right of Way", "Road Signs A to Z", "Night and Fog", "Towing a Trailer",
        "Motorway Manners", "First Aid Kerb", "Alcohol and Fatigue", "Cyclists and Prams", "Level Crossings",
        "Ice and Aquaplaning", "Papers and Fines", "Loads and Lashings", "Overtaking Well", "Tyres and Oil",
        "Tunnels and Bridges",
    ),
    fields={
        "part": Choice(("basic", "extra", "refresher"), label="part", told="of the {value} part"),
        "slides": Number(20, 120, 5, label="number of slides", extremes=("shortest", "longest")),
        "handouts": Number(5, 60, label="number of handouts", extremes=("scarcest", "most plentiful")),
        "room": Choice(("blue", "corner", "upstairs"), label="room", told="in the {value} room"),
        "begins": Clock(17, 20, label="starting time", told="that begins at {value}"),
    },
    stock="handouts",
    take=Verb(
        "take handouts of", "handed out",
        ("My class mates want {count} handouts of {it}.", "May I take {count} handouts of {it}?"),
        ("Please count off {count} handouts of {it} for our bench.",), ("hand out",),
    ),
)  # fmt: skip
DRIVING_LESSON = Case(
    noun="driving lesson",
    of="tuition car",
    fields={
        "drive_on": Day(-6, 28, label="day of the lesson", told="on {value}", extremes=("earliest", "latest")),
        "drive_at": Clock(7, 21, label="starting time"),
        "route": Choice(("town", "motorway", "country", "night"), label="route", told="on the {value} route"),
        "pick_up": Choice(("home", "school", "work"), label="pick-up point"),
        "length": Number(45, 180, 15, label="length", unit="minutes", extremes=("shortest", "longest"), total="time"),
        "cost": Money(30, 190, 5, label="cost", extremes=("cheapest", "dearest"), total="cost"),
    },
    states=("fixed", "under-way", "driven", "forfeited"),
    moves=(
        Move(("fixed",), "under-way", Verb(
            "start", "started",
            ("The belt is on and the mirrors are set: start {it}.", "Please start {it} now."),
            ("We are pulling out, so let the clock of {it} run.",), ("begin",),
        )),
        Move(("under-way",), "driven", Verb(
            "log", "logged",
            ("We are back at the kerb; log {it} in my record.", "Please log {it} as driven."),
            ("Write {it} into my training book.",), ("record",),
        )),
        Move(("fixed",), "forfeited", Verb(
            "forfeit", "forfeited",
            ("I overslept and must forfeit {it}.", "It is too late to cancel, so I forfeit {it}."),
            ("Keep the money for {it}; I cannot get there.",), ("write off",),
        )),
    ),
    changes=(Change("pick_up"), Change("route", Verb(
        "reroute", "rerouted",
        ("I want to practise the {to} route during {it}.", "Please reroute {it}: the {to} one, this time."),
        ("Let us take the {to} route on {it}.",), ("set route of",),
    ))),
    make=Verb(
        "fix", "fixed",
        ("I would like a lesson in {thing} on {drive_on} at {drive_at}.",
         "Please fix a lesson for {drive_on}, {drive_at}, with {thing}."),
        ("Could I drive {thing} on {drive_on}, from {drive_at}?",), ("book",),
    ),
    asked=("drive_on", "drive_at"),
    slot=("drive_on", "drive_at"),
    shift=Verb(
        "reschedule", "rescheduled",
        ("My shift has changed; can {it} be on {day} at {time}?", "Please reschedule {it} to {day}, {time}."),
        ("I could drive on {day} at {time} instead, so let {it} be then.",), ("retime",),
    ),
    relink=Verb(
        "reassign", "reassigned",
        ("I want to try {thing} for {it}.", "Please reassign {it} to {thing}."),
        ("Let me sit at the wheel of {thing} for {it}.",), ("swap",),
    ),
)  # fmt: skip
LESSON_PACKAGE = Case(
    noun="lesson package",
    fields={
        "hours": Number(4, 40, label="hour balance", unit="hours", extremes=("smallest", "largest"), total="balance"),
        "level": Choice(("starter", "progress", "exam"), label="level", told="for the {value} level"),
        "bought": Day(-200, -2, label="day of purchase", told="bought on {value}", extremes=("oldest", "newest")),
        "instalments": Number(1, 6, label="number of instalments"),
        "tutor": Choice(("any", "female", "male"), label="preferred instructor"),
        "simulator": Flag(label="simulator access"),
    },
    states=("current", "stalled", "cashed-out"),
    moves=(
        Move(("current",), "stalled", Verb(
            "stall", "stalled",
            ("I am in hospital, so please stall {it}.", "Can you stall {it} for two months?"),
            ("There will be no driving in my plaster; stop the clock of {it}.",), ("pause",),
        )),
        Move(("stalled",), "current", Verb(
            "pick up", "picked up",
            ("I can drive again: pick {it} up.", "Please let me pick {it} up where I left off."),
            ("Get {it} going again, the doctor agrees.",), ("resume",),
        )),
        Move(("current", "stalled"), "cashed-out", Verb(
            "refund", "refunded",
            ("I am moving to another town: refund {it}, please.", "I should like my money back for {it}."),
            ("Please pay out what is left of {it}.",), ("reimburse",),
        )),
    ),
    changes=(Change("level"), Change("instalments"), Change("tutor")),
    pot="hours",
    pour=Verb(
        "carry over", "carried over",
        ("Carry {amount} hours over from {it} to {other}.", "Please use {amount} hours of {it} for {other}."),
        ("I have {amount} hours too many on {it}; let {other} have them.",), ("move hours of",),
    ),
    sign=Verb(
        "certify", "certified",
        ("The examiner wants {it} certified.", "Please have the head of the school certify {it}."),
        ("I need the stamp of the school for {it}.",), ("approve",),
    ),
)  # fmt: skip
RECORDING_ARTIST = Person(
    noun="recording artist",
    fields={
        "style": Choice(("folk", "jazz", "metal", "choral"), label="style"),
        "label_deal": Choice(("unsigned", "indie", "major"), label="record deal"),
        "credit": Money(0, 900, 20, label="studio credit"),
    },
)
LIVE_ROOM = Thing(
    noun="live room",
    names=(
        "Reverb Hall", "Dry Booth", "Analog Attic", "Tape Loop", "Woofer Den", "Tweeter Loft", "Feedback Forge",
        "Echo Chamber", "Fader Floor", "Patchbay Parlour", "Valve Vault", "Compressor Crypt", "Hi-Hat Hut",
        "Bassline Barn", "Vinyl Villa", "Metronome Mews", "Overdub Orangery", "Plate Room",
    ),
    fields={
        "size": Number(8, 140, 2, label="floor space", unit="sqm", told="of {value}", extremes=("smallest", "largest")),
        "acoustics": Choice(("dry", "bright", "warm"), label="acoustics", told="with {value} acoustics"),
        "desk": Choice(("analogue", "digital", "hybrid"), label="mixing desk", told="with the {value} desk"),
        "inputs": Number(8, 96, 8, label="number of inputs", told="with {value} inputs"),
        "hourly": Money(20, 180, 5, label="hourly rate", extremes=("cheapest", "dearest")),
        "tuned": Day(-90, -1, label="last tuning of the piano"),
        "daylight": Flag(label="daylight"),
    },
)  # fmt: skip
TAPE_SHELF = Thing(
    noun="tape shelf",
    plural="tape shelves",
    names=(
        "Ferric Gold", "Chrome Nine", "Quarter Inch Blue", "Half Inch Red", "Two Inch Black", "Basement Reel",
        "Longplay Silver", "Studio Mastering", "Broadcast Grade", "Splicing Leader", "Saturation Plus",
        "Quiet Hiss", "Lowprint Grey", "Vintage Acetate", "Test Tone", "Wow and Flutter",
    ),
    fields={
        "width": Choice(("quarter-inch", "half-inch", "two-inch"), label="tape width", told="for {value} tape"),
        "reels": Number(4, 70, label="number of reels", extremes=("emptiest", "fullest")),
        "speed": Choice(("slow", "standard", "fast"), label="tape speed", told="of {value} tape"),
        "reel_price": Money(20, 300, 5, label="price per reel", extremes=("cheapest", "dearest")),
        "baked": Day(-400, -10, label="day of the last baking"),
    },
    stock="reels",
    fill=Verb(
        "restack", "restacked",
        ("Please put {count} blank reels on {it}.", "{count} reels have come from the factory for {it}."),
        ("I have brought {count} reels of my own for {it}.",), ("restock",),
    ),
    take=Verb(
        "use up", "used from",
        ("We have recorded on {count} reels from {it}.", "Please charge us for {count} reels from {it}."),
        ("Take {count} reels from {it}, we need them now.",), ("consume",),
    ),
)  # fmt: skip
STUDIO_SESSION = Case(
    noun="studio session",
    of="live room",
    fields={
        "held_on": Day(-8, 45, label="day of the session", told="on {value}", extremes=("earliest", "latest")),
        "from_hour": Clock(9, 23, label="starting time"),
        "takes": Number(
            2, 60, label="number of takes", told="with {value} takes", extremes=("shortest", "longest"),
            total="number of takes"
        ),
        "instrument": Choice(("drums", "vocals", "strings", "brass"), label="instrument", told="for {value}"),
        "click": Choice(("plain", "accented", "none"), label="click track"),
        "engineer": Choice(("house", "own"), label="engineer", told="with the {value} engineer"),
    },
    states=("pencilled", "locked-in", "tracked", "mixed"),
    moves=(
        Move(("pencilled",), "locked-in", Verb(
            "lock in", "locked in",
            ("The band has said yes: lock {it} in.", "Please lock {it} in for us."),
            ("Write {it} in ink, we are coming.",), ("confirm",),
        )),
        Move(("locked-in",), "tracked", Verb(
            "wrap", "wrapped",
            ("That was the last take, so wrap {it}.", "Please wrap {it}; everything is on tape."),
            ("We have got it all in the can; put {it} down as done.",), ("finish",),
        )),
        Move(("tracked",), "mixed", Verb(
            "mix", "mixed",
            ("Send {it} to the mixing engineer.", "We like the raw takes; mix {it} now."),
            ("Somebody should sit down at the faders with {it}.",), ("mix down",),
        )),
        Move(("locked-in",), "pencilled", Verb(
            "pencil in", "pencilled in",
            ("The drummer is not sure yet, so only pencil {it} in.", "Please turn {it} back to pencilled."),
            ("We can no longer promise {it}; make it provisional.",), ("loosen",),
        )),
    ),
    changes=(Change("click"), Change("engineer"), Change("instrument")),
    drop=Verb(
        "scratch", "scratched",
        ("The singer has lost her voice: scratch {it}.", "Please scratch {it} from the calendar."),
        ("We have split up, so nobody will play at {it}.",), ("cancel",),
    ),
    slot=("held_on", "from_hour"),
    shift=Verb(
        "push", "pushed",
        ("Could you push {it} to {day} at {time}?", "We are on tour; move {it} to {day}, {time}."),
        ("Only {day} at {time} suits all of us for {it}.",), ("reschedule",),
    ),
    sign=Verb(
        "greenlight", "greenlit",
        ("Our manager wants {it} greenlit by the studio.", "Please have the producer greenlight {it}."),
        ("The producer must say yes to {it} in writing.",), ("approve",),
    ),
)  # fmt: skip
MASTERING_JOB = Case(
    noun="mastering job",
    fields={
        "format": Choice(("vinyl", "cassette", "stream", "disc"), label="format", told="for {value}"),
        "tracks": Number(2, 18, label="number of tracks", told="of {value} tracks", extremes=("shortest", "longest")),
        "due_on": Day(1, 60, label="due date", told="due on {value}", extremes=("most urgent", "least urgent")),
        "loudness": Choice(("gentle", "medium", "hot"), label="loudness"),
        "quote": Money(60, 1200, 20, label="quote", extremes=("cheapest", "dearest"), total="quote"),
    },
    states=("briefed", "cutting", "cleared"),
    moves=(
        Move(("briefed",), "cutting", Verb(
            "cut", "cut",
            ("The mixes are final: cut {it}.", "Please have {it} cut now."),
            ("Warm up the lathe for {it}.",), ("start",),
        )),
        Move(("cutting",), "briefed", Verb(
            "recall", "recalled",
            ("There is a click in the second song; recall {it}.", "Please recall {it} before it is too late."),
            ("We need to fix a mix, so stop the lathe on {it}.",), ("halt",),
        )),
        Move(("cutting",), "cleared", Verb(
            "pass", "passed",
            ("The test pressing sounds right, so pass {it}.", "We are happy: please pass {it}."),
            ("Leave {it} as it sounds and let it go out.",), ("clear",),
        )),
    ),
    changes=(Change("loudness"), Change("format"), Change("due_on")),
    make=Verb(
        "commission", "commissioned",
        ("Please master our mixes for {format} by {due_on}.", "I need a master for {format}, due on {due_on}."),
        ("Could our songs be ready for {format} on {due_on}?",), ("order",),
    ),
    asked=("format", "due_on"),
)  # fmt: skip
THEMES = (
    Theme(
        name="driving_school",
        title="Driving school",
        role="You are the assistant of a driving school's office. You serve one learner driver at a time.",
        person=LEARNER_DRIVER,
        things=(TUITION_CAR, THEORY_EVENING),
        cases=(DRIVING_LESSON, LESSON_PACKAGE),
        short="driving",
    ),
    Theme(
        name="recording_studio",
        title="Recording studio",
        role="You are the assistant of a recording studio's manager. You serve one recording artist at a time.",
        person=RECORDING_ARTIST,
        things=(LIVE_ROOM, TAPE_SHELF),
        cases=(STUDIO_SESSION, MASTERING_JOB),
        short="studio",
    ),
)
