"""The clinic: patients, doctors with open slots, appointments, prescriptions, referrals, test results and bills."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from toolgym.composing.declaration import Act, Declaration, Key, Look, Own, Pick, Reckoned, Rule, Seen, Wish
from toolgym.composing.fields import TODAY, Choice, Code, Day, Dollars, Draw, Made, Money, Name, Number, Pattern, Ref
from toolgym.composing.tables import Table
from toolgym.mcp_servers.clinic import MODES, PHARMACIES, SPECIALITIES, TOOLS

__all__ = ["CLINIC"]

OPEN_ACCESS: Final = ("general practice", "dentistry")
"""Specialities that need no referral."""
CONTROLLED: Final = ("zolpidem", "tramadol", "methylphenidate")
MEDICINES: Final = ("metformin", "lisinopril", "atorvastatin", "levothyroxine", "omeprazole", "salbutamol", *CONTROLLED)
TESTS: Final = ("cholesterol", "blood count", "blood sugar", "kidney values", "vitamin D", "thyroid values")
STATES: Final = (("completed", "completed", "missed"), ("booked", "booked", "booked", "cancelled"))
"""Of past appointments and of coming ones."""
LATE_FEE: Final = 20
TOMORROW, LATE, REFILL = ((TODAY + timedelta(days=days)).isoformat() for days in (1, 4, 7))
"""No change until then; a fee for what is cancelled before; refills for supplies that end by then."""
_PAST_EVERY: Final = 3
"""Of the appointments, one in so many is past, and only those are billed."""


def _start(draw: Draw, days: int) -> str:
    """A quarter of an hour in the office hours of the working day `days` from today or next after it."""
    day = TODAY + timedelta(days=days)
    day += timedelta(days=max(0, 8 - day.isoweekday()) if day.isoweekday() > 5 else 0)
    return f"{day.isoformat()} {draw.rng.randrange(8, 17):02d}:{draw.rng.choice((0, 15, 30, 45)):02d}"


def _appointed(draw: Draw) -> str:
    if draw.index % _PAST_EVERY == 0:
        return _start(draw, -draw.rng.randint(3, 90))
    return _start(draw, draw.rng.choice((1, 1, draw.rng.randint(2, 3), draw.rng.randint(4, 40))))


def _share(draw: Draw) -> int:
    """What the patient's insurer pays: nothing of what is charged for a missed appointment."""
    parent = draw.parent or {}
    plan = draw.tables["patients"][parent["patient_id"]]["plan"]
    percent = {"none": 0, "basic": 50, "plus": 80}[plan] if parent["status"] == "completed" else 0
    return draw.record["charge"] * percent // 100


PATIENTS = Table(
    "patients", "patient file", "patient_id",
    {
        "patient_id": Code("P-######"),
        "first": Name(longest=7),
        "last": Name(longest=8),
        "phone": Pattern("0###-######", label="phone number", told="with phone number {value}"),
        "plan": Choice(("none", "basic", "plus"), label="insurance plan"),
        "gp_id": Ref(
            "doctors", label="family doctor",
            by=lambda draw: draw.rng.choice(draw.ids("doctors")[:: len(SPECIALITIES)]),
        ),
        "pharmacy": Choice(PHARMACIES, label="usual pharmacy"),
        "missed": Choice((0, 0, 1, 1, 2, 3, 4), label="number of missed appointments"),
    },
    {"small": 12, "standard": 300, "large": 2000},
)  # fmt: skip
DOCTORS = Table(
    "doctors", "doctor", "doctor_id",
    {
        "doctor_id": Code("D-#####"),
        "name": Name(2, 7, label="name", told="called {value}"),
        "speciality": Made(
            lambda draw: SPECIALITIES[draw.index % len(SPECIALITIES)], kind="choice", label="speciality",
            told="in {value}",
        ),
        "site": Choice(("Northgate", "Harbour House", "Park Lane"), label="site", told="at {value}"),
        "experience": Number(
            1, 35, unit="years", label="work experience", extremes=("least experienced", "most experienced"),
        ),
    },
    {"small": 18, "standard": 36, "large": 60},
)  # fmt: skip
SLOTS = Table(
    "slots", "slot", "slot_id",
    {
        "slot_id": Code("S-######"),
        "doctor_id": Ref("doctors"),
        "speciality": Made(lambda draw: (draw.parent or {})["speciality"], label="speciality", kind="choice"),
        "start": Made(
            lambda draw: _start(draw, draw.rng.randint(2, 40)), kind="moment", label="start", told="on {value}",
            extremes=("earliest", "latest"),
        ),
        "minutes": Number(
            10, 60, 5, unit="minutes", label="length", told="of {value}", extremes=("shortest", "longest"),
        ),
    },
    (4, 3, 5, 2), per="doctors",
)  # fmt: skip
APPOINTMENTS = Table(
    "appointments", "appointment", "appointment_id",
    {
        "appointment_id": Code("A-#####"),
        "patient_id": Ref("patients"),
        "doctor_id": Ref("doctors"),
        "speciality": Made(
            lambda draw: draw.tables["doctors"][draw.record["doctor_id"]]["speciality"], kind="choice",
            label="speciality",
        ),
        "start": Made(_appointed, kind="moment", label="start", told="on {value}", extremes=("earliest", "latest")),
        "minutes": Number(10, 60, 5, unit="minutes", label="length", extremes=("shortest", "longest")),
        "mode": Choice(MODES, label="mode"),
        "status": Made(
            lambda draw: draw.rng.choice(STATES[draw.index % _PAST_EVERY > 0]), kind="choice", label="status",
        ),
    },
    (3, 4, 5, 2), per="patients",
)  # fmt: skip
PRESCRIPTIONS = Table(
    "prescriptions", "prescription", "prescription_id",
    {
        "prescription_id": Code("RX-#####"),
        "patient_id": Ref("patients"),
        "doctor_id": Ref("doctors"),
        "medicine": Choice(MEDICINES, label="medicine", told="for {value}"),
        "controlled": Made(lambda draw: draw.record["medicine"] in CONTROLLED, kind="flag"),
        "refills": Number(0, 4, label="number of refills left", total="number of refills left"),
        "supply_until": Day(
            -6, 16, label="end of supply", told="lasting until {value}", extremes=("first ending", "last ending"),
        ),
        "pharmacy": Choice(PHARMACIES, label="pharmacy", told="at {value}"),
        "status": Choice(("active", "active", "active", "stopped"), label="status"),
    },
    (2, 3, 1, 4), per="patients",
)  # fmt: skip
REFERRALS = Table(
    "referrals", "referral", "referral_id",
    {
        "referral_id": Code("REF-#####"),
        "patient_id": Ref("patients"),
        "speciality": Choice(SPECIALITIES[2:], label="speciality", told="to {value}"),
        "priority": Choice(("routine", "routine", "soon", "urgent"), label="priority"),
        "valid_until": Day(
            -5, 60, label="end of validity", told="valid until {value}", extremes=("first ending", "last ending"),
        ),
        "status": Choice(("approved", "approved", "approved", "requested", "used"), label="status"),
    },
    (1, 2, 3), per="patients",
)  # fmt: skip
RESULTS = Table(
    "results", "test result", "result_id",
    {
        "result_id": Code("T-#####"),
        "patient_id": Ref("patients"),
        "doctor_id": Ref("doctors"),
        "test": Choice(TESTS, label="kind", told="for {value}"),
        "taken": Day(-60, -1, label="sampling date", told="taken on {value}", extremes=("oldest", "newest")),
        "status": Choice(("reviewed", "reviewed", "awaiting review"), label="status"),
        "sent_to": Made(lambda draw: [], kind="ids"),
    },
    (2, 1, 3), per="patients",
)  # fmt: skip
BILLS = Table(
    "bills", "bill", "bill_id",
    {
        "bill_id": Code("INV-#####"),
        "patient_id": Ref("patients", by=lambda draw: (draw.parent or {})["patient_id"]),
        "appointment_id": Ref("appointments"),
        "charge": Money(40, 600, 10, label="charge", total="charge"),
        "insurer_share": Dollars(_share, label="insurer's share"),
        "due": Dollars(
            lambda draw: draw.record["charge"] - draw.record["insurer_share"], label="amount due",
            told="of {value}", extremes=("smallest", "largest"), total="amount due",
        ),
        "status": Choice(("open", "open", "open", "with the insurer", "paid"), label="status"),
    },
    (1, 0, 0), per="appointments",
)  # fmt: skip

LOOKS = (
    Look("patient", "get_patient", "patients", {"patient_id": "patient_id"}),
    Look("patient_by_phone", "find_patient", "patients", {"phone": "phone"}, shows=("patient_id",)),
    Look("doctor", "get_doctor", "doctors", {"doctor_id": "doctor_id"}),
    Look(
        "doctors", "find_doctors", "doctors", {"speciality": "speciality"}, many=True,
        shows=("doctor_id", "name", "speciality", "site", "experience"),
    ),
    Look("slot", "get_slot", "slots", {"slot_id": "slot_id"}),
    Look("slots", "list_slots", "slots", {"doctor_id": "doctor_id"}, many=True),
    Look("appointment", "get_appointment", "appointments", {"appointment_id": "appointment_id"}),
    Look(
        "appointments", "list_appointments", "appointments", {"patient_id": "patient_id"}, many=True,
        shows=("appointment_id", "doctor_id", "start", "status"),
    ),
    Look("prescriptions", "list_prescriptions", "prescriptions", {"patient_id": "patient_id"}, many=True),
    Look("referrals", "list_referrals", "referrals", {"patient_id": "patient_id"}, many=True),
    Look("results", "list_results", "results", {"patient_id": "patient_id"}, many=True),
    Look("bills", "list_bills", "bills", {"patient_id": "patient_id"}, many=True),
)  # fmt: skip


def _is(*states: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda record: record["status"] in states


def _fee(seen: Seen) -> int:
    return LATE_FEE if seen.subject["start"] < LATE else 0


def _near(record: Mapping[str, Any] | None, slot: Mapping[str, Any]) -> bool:
    """Whether the slot is in the record's speciality or in one that could be mistaken for it."""
    wanted = (record or slot)["speciality"]
    return SPECIALITIES.index(slot["speciality"]) - SPECIALITIES.index(wanted) in (0, -1)


ACTS = (
    Act(
        "book", "book_appointment", "patients",
        {"patient_id": Key(), "slot_id": Pick("slots"), "mode": Wish(Choice(MODES), fact="{value}, please.")},
        (
            "Please book {slot_id} for me, {mode}.", "I would like to see someone {mode}: book {slot_id} for me.",
            "Can I have {slot_id}, {mode}?",
        ),
        ("I would come for {slot_id}, {mode}, if you put me down for it.",),
        "{appointment_id} is booked for {start}, {mode}.",
        about=("book for", "book", "appointment", "missed", "referral"), past=("booked", "scheduled"),
        gives="appointments", weight=1.5,
    ),
    Act(
        "book_referred", "book_appointment", "referrals",
        {
            "patient_id": Own("patient_id"), "slot_id": Pick("slots", _near),
            "mode": Wish(Choice(MODES), fact="{value}, please."), "referral_id": Key(),
        },
        (
            "Use {it} to book {slot_id} for me, {mode}.", "I want to redeem {it}: book {slot_id}, {mode}.",
            "Please book {slot_id} {mode} with {it}.",
        ),
        ("There is {it} to be used; put me down for {slot_id}, {mode}.",),
        "{appointment_id} is booked for {start}, {mode}.", about=("book on", "book", "referral"),
        past=("booked", "scheduled"), gives="appointments", when=_is("approved"), follows=(), weight=1.5,
    ),
    Act(
        "move", "move_appointment", "appointments", {"appointment_id": Key(), "slot_id": Pick("slots", _near)},
        (
            "Move {it} to {slot_id}.", "I cannot make {it}; please reschedule it to {slot_id}.",
            "Could you change {it} to {slot_id}?",
        ),
        ("Something came up: let {it} take place in {slot_id}.",), "{appointment_id} is moved to {start}.",
        about=("move", "reschedule", "change", "doctor"), past=("moved", "rescheduled"), gives="appointments",
        when=_is("booked"), follows=(), weight=1.5,
    ),
    Act(
        "cancel", "cancel_appointment", "appointments", {"appointment_id": Key(), "fee": Reckoned(_fee)},
        (
            "Cancel {it}, please, and tell me the fee.",
            "I will not come to {it}. Cancel it and tell me what that costs.",
            "Please call off {it}. What do I owe for that?",
        ),
        ("Strike {it} from the calendar and let me know the charge for that.",),
        "{appointment_id} is cancelled; the fee is ${fee}.", about=("cancel", "call off"),
        past=("cancelled", "called off"), when=_is("booked"), told=("${fee}",), follows=(), plan="start {start}:",
    ),
    Act(
        "refill", "refill_prescription", "prescriptions", {"prescription_id": Key()},
        (
            "Please order a refill of {it} and tell me how long it will last.",
            "I am running low: renew {it} and tell me until when I am supplied.",
            "Can you renew {it}? When will it run out then?",
        ),
        ("My pills are nearly gone. Have {it} filled again and name the day when that supply ends.",),
        "The refill of {prescription_id} goes to {pharmacy}; the supply lasts until {supply_until}.",
        about=("refill", "renew", "supply"), past=("refilled", "renewed", "ordered"), gives="prescriptions",
        when=_is("active"), told=("{supply_until}",), plan="{refills} refills left, supply until {supply_until}:",
        weight=1.5,
    ),
    Act(
        "refer", "request_referral", "patients",
        {
            "patient_id": Key(), "doctor_id": Own("gp_id"),
            "speciality": Wish(Choice(SPECIALITIES[2:]), fact="For {value}."),
            "priority": Wish(Choice(("routine", "soon")), fact="Its priority is {value}."),
        },
        (
            "Please ask my family doctor for a referral to {speciality}, priority {priority}.",
            "I need a referral to {speciality}; mark it as {priority}.",
            "Could you request a referral to {speciality} for me? The priority is {priority}.",
        ),
        ("My doctor and I spoke of {speciality}: put in for that referral with priority {priority}.",),
        "{referral_id} to {speciality} is requested.", about=("request a referral for", "request", "referral"),
        past=("requested",), gives="referrals",
    ),
    Act(
        "send_result", "send_result", "results", {"result_id": Key(), "doctor_id": Pick("doctors")},
        (
            "Send {it} to {doctor_id}.", "Please forward {it} to {doctor_id}.",
            "I would like {doctor_id} to get a copy of {it}.",
        ),
        ("See to it that {doctor_id} receives {it}.",), "{result_id} is sent to {doctor_id}.",
        about=("send", "forward", "result", "review"), past=("sent", "forwarded"), gives="results",
    ),
    Act(
        "pay", "pay_bill", "bills", {"bill_id": Key(), "amount": Own("due")},
        (
            "I want to pay {it}. How much is that?", "Please settle {it} with my card on file and tell me the amount.",
            "Let me pay {it} in full, and tell me what you charged.",
        ),
        ("Take what is due for {it} from my card, and name the sum.",), "{bill_id} is paid: {due}.",
        about=("pay", "settle", "bill", "insurer"), past=("paid", "settled"), gives="bills",
        when=_is("open", "with the insurer"), told=("{due}",),
    ),
    Act(
        "phone", "update_patient", "patients",
        {"patient_id": Key(), "phone": Wish(Pattern("0###-######"), topic="new phone number")},
        (
            "My new phone number is {phone}; please change it.", "Please update my phone number to {phone}.",
            "I can be reached at {phone} from now on: put that down as my phone number.",
        ),
        ("My old number is gone. Note {phone} as the one to call.",), "The phone number is now {phone}.",
        about=("update", "phone number"), past=("updated",), gives="patients",
    ),
    Act(
        "pharmacy", "update_patient", "patients",
        {
            "patient_id": Key(),
            "pharmacy": Wish(Choice(PHARMACIES), differs="pharmacy", carried=("prescriptions.pharmacy",)),
        },
        (
            "Make {pharmacy} my usual pharmacy.", "I have moved: please set my usual pharmacy to {pharmacy}.",
            "From now on my usual pharmacy is {pharmacy}; please change that.",
        ),
        ("For the future, put me down with {pharmacy}.",), "The usual pharmacy is now {pharmacy}.",
        about=("set", "usual pharmacy"), past=("set",), gives="patients",
    ),
)  # fmt: skip


RULES = (
    Rule(
        "urgent", ("refer",), lambda seen: seen.wishes["priority"] == "urgent",
        "An urgent referral cannot be requested here: the doctor who sees the patient writes it.",
        "the priority is {priority}", tempts={"priority": Choice(("urgent",))},
    ),
    Rule(
        "missed", ("book",), lambda seen: seen.subject["missed"] >= 3,
        "Who has missed three appointments or more cannot book without a referral.",
        "you missed {missed} appointments",
    ),
    Rule(
        "needs_referral", ("book",), lambda seen: seen.picked["slot_id"]["speciality"] not in OPEN_ACCESS,
        "Without a referral, only general practice and dentistry can be booked.", "that slot needs a referral",
        sees=("picked",),
    ),
    Rule(
        "wrong_speciality", ("book_referred",),
        lambda seen: seen.picked["slot_id"]["speciality"] != seen.subject["speciality"],
        "A referral cannot be used for another speciality than its own.", "the referral is to {speciality} alone",
        sees=("picked",),
    ),
    Rule(
        "referral_over", ("book_referred",),
        lambda seen: seen.picked["slot_id"]["start"][:10] > seen.subject["valid_until"],
        "A referral cannot be used for a slot after the day until which it is valid.",
        "the referral is valid until {valid_until}, and the slot is later", sees=("picked",),
    ),
    Rule(
        "other_doctor", ("move",), lambda seen: seen.picked["slot_id"]["doctor_id"] != seen.subject["doctor_id"],
        "An appointment cannot be moved to another doctor, not even one of the same speciality.",
        "that slot is with another doctor", sees=("picked",),
    ),
    Rule(
        "short_notice", ("move", "cancel"), lambda seen: seen.subject["start"][:10] <= TOMORROW,
        "An appointment of today or tomorrow can be neither moved nor cancelled.", "it starts on {start}",
    ),
    Rule(
        "controlled", ("refill",), lambda seen: seen.subject["controlled"],
        "A prescription of a controlled medicine cannot be refilled without a visit to the doctor.",
        "{medicine} is a controlled medicine",
    ),
    Rule(
        "none_left", ("refill",), lambda seen: seen.subject["refills"] == 0,
        "A prescription with no refills left cannot be refilled.", "no refills are left",
    ),
    Rule(
        "too_early", ("refill",), lambda seen: seen.subject["supply_until"] > REFILL,
        "A prescription whose supply lasts for more than another seven days cannot be refilled yet.",
        "the supply lasts until {supply_until}",
    ),
    Rule(
        "not_reviewed", ("send_result",), lambda seen: seen.subject["status"] != "reviewed",
        "A test result that awaits review cannot be sent to anybody.", "it awaits review",
    ),
    Rule(
        "with_insurer", ("pay",), lambda seen: seen.subject["status"] == "with the insurer",
        "A bill that is with the insurer cannot be paid yet, because the amount may change.", "it is with the insurer",
    ),
)  # fmt: skip

CLINIC = Declaration(
    name="clinic", title="Clinic", who="patients",
    role="You are the front desk of a clinic. You serve one patient at a time with tools, and give no medical advice.",
    tables=(DOCTORS, PATIENTS, SLOTS, APPOINTMENTS, PRESCRIPTIONS, REFERRALS, RESULTS, BILLS),
    looks=LOOKS, acts=ACTS, rules=RULES, new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes={
        "Appointments": (
            "Where no doctor is named, a slot to be booked is one of the patient's family doctor, and one to move an "
            "appointment to is one of the same doctor.",
            f"An appointment that is cancelled less than four days ahead costs a fee of ${LATE_FEE}; earlier, 0.",
        ),
        "Prescriptions": ("One refill lasts 28 days, and goes to the prescription's pharmacy.",),
        "Bills": ("A bill is paid in full: what is due after the insurer's share.",),
    },
)  # fmt: skip
