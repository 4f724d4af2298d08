"""The clinic's MCP server: appointments, prescriptions, referrals, test results and bills on a copy-on-write world."""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Final

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import check_choice, shown
from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.records import find_id, find_record, new_id, records_by
from toolgym.world import World

__all__ = ["MODES", "PHARMACIES", "SPECIALITIES", "TOOLS"]

SPECIALITIES: Final = ("general practice", "dentistry", "dermatology", "cardiology", "orthopaedics", "eye care")
MODES: Final = ("on site", "by video", "by phone")
PHARMACIES: Final = ("Station Pharmacy", "Old Town Pharmacy", "Riverside Pharmacy", "Market Pharmacy", "Hill Pharmacy")
SUPPLY_DAYS: Final = 28
"""How long one refill lasts."""

PatientId = Annotated[str, Field(description="The patient's id, such as 'P-482133'.")]
DoctorId = Annotated[str, Field(description="The doctor's id, such as 'D-48213'.")]
SlotId = Annotated[str, Field(description="The open slot's id, such as 'S-482133'.")]
AppointmentId = Annotated[str, Field(description="The appointment's id, such as 'A-48213'.")]
PrescriptionId = Annotated[str, Field(description="The prescription's id, such as 'RX-48213'.")]
ReferralId = Annotated[str, Field(description="The referral's id, such as 'REF-48213'.")]
ResultId = Annotated[str, Field(description="The test result's id, such as 'T-48213'.")]
BillId = Annotated[str, Field(description="The bill's id, such as 'INV-48213'.")]
Mode = Annotated[str, Field(description="How it is held: on site, by video or by phone.")]
Pharmacy = Annotated[str, Field(description="The pharmacy's name, such as 'Hill Pharmacy'.")]
Speciality = Annotated[str, Field(description=f"One of: {', '.join(SPECIALITIES)}.")]

_TIME: Final = ("doctor_id", "speciality", "start", "minutes")
"""What an appointment takes from a slot."""
_LISTED: Final = ("appointment_id", "doctor_id", "start", "status")
_FOUND: Final = ("doctor_id", "name", "speciality", "site", "experience")


def _of_patient(world: World, table: str, patient_id: str) -> list[dict[str, Any]]:
    find_record(world, "patients", patient_id, "patient")
    return records_by(world, table, "patient_id", patient_id)


def _booked(world: World, appointment_id: str) -> dict[str, Any]:
    """The appointment, to be changed."""
    status = find_record(world, "appointments", appointment_id, "appointment")["status"]
    if status != "booked":
        raise ToolError(f"appointment {appointment_id} is {status}")
    return world.edit("appointments", appointment_id)


def _reopen(world: World, appointment: dict[str, Any]) -> None:
    """Makes the time of an appointment an open slot again."""
    slot_id = new_id(world, "slots", "S-", *(appointment[name] for name in _TIME))
    world.put("slots", slot_id, {"slot_id": slot_id, **{name: appointment[name] for name in _TIME}})


def get_patient(world: World, patient_id: PatientId) -> dict[str, Any]:
    """Shows a patient: name, phone number, insurance plan, family doctor, pharmacy and missed appointments."""
    return find_record(world, "patients", patient_id, "patient")


def find_patient(world: World, phone: Annotated[str, Field(description="The phone number on file.")]) -> str:
    """Finds the id of the patient with a phone number."""
    return find_id(world, "patients", "phone", phone, "patient", "phone number")


def find_doctors(world: World, speciality: Speciality) -> list[dict[str, Any]]:
    """Lists the doctors of a speciality: id, name, site and years of experience."""
    check_choice(speciality, SPECIALITIES, "speciality")
    doctors = records_by(world, "doctors", "speciality", speciality)
    return [{name: record[name] for name in _FOUND} for record in doctors]


def get_doctor(world: World, doctor_id: DoctorId) -> dict[str, Any]:
    """Shows a doctor: name, speciality, site and years of experience."""
    return find_record(world, "doctors", doctor_id, "doctor")


def list_slots(world: World, doctor_id: DoctorId) -> list[dict[str, Any]]:
    """Lists a doctor's open slots."""
    find_record(world, "doctors", doctor_id, "doctor")
    return records_by(world, "slots", "doctor_id", doctor_id)


def get_slot(world: World, slot_id: SlotId) -> dict[str, Any]:
    """Shows an open slot: doctor, speciality, start and minutes."""
    return find_record(world, "slots", slot_id, "open slot")


def list_appointments(world: World, patient_id: PatientId) -> list[dict[str, Any]]:
    """Lists a patient's appointments, past ones too: id, doctor, start and status."""
    return [{name: record[name] for name in _LISTED} for record in _of_patient(world, "appointments", patient_id)]


def get_appointment(world: World, appointment_id: AppointmentId) -> dict[str, Any]:
    """Shows an appointment: doctor, speciality, start, minutes, how it is held, and status."""
    return find_record(world, "appointments", appointment_id, "appointment")


def list_prescriptions(world: World, patient_id: PatientId) -> list[dict[str, Any]]:
    """Lists a patient's prescriptions."""
    return _of_patient(world, "prescriptions", patient_id)


def list_referrals(world: World, patient_id: PatientId) -> list[dict[str, Any]]:
    """Lists a patient's referrals."""
    return _of_patient(world, "referrals", patient_id)


def list_results(world: World, patient_id: PatientId) -> list[dict[str, Any]]:
    """Lists a patient's test results, without their findings."""
    return _of_patient(world, "results", patient_id)


def list_bills(world: World, patient_id: PatientId) -> list[dict[str, Any]]:
    """Lists a patient's bills: the charge, the insurer's share and what is due."""
    return _of_patient(world, "bills", patient_id)


def book_appointment(
    world: World,
    patient_id: PatientId,
    slot_id: SlotId,
    mode: Mode,
    referral_id: Annotated[str | None, Field(description="The referral that it is booked on.")] = None,
) -> dict[str, Any]:
    """Books an open slot; a referral is used up by it."""
    find_record(world, "patients", patient_id, "patient")
    slot = find_record(world, "slots", slot_id, "open slot")
    check_choice(mode, MODES, "way to hold it")
    if referral_id is not None:
        referral = find_record(world, "referrals", referral_id, "referral")
        if referral["patient_id"] != patient_id:
            raise ToolError(f"referral {referral_id} is another patient's")
        if referral["status"] != "approved":
            raise ToolError(f"referral {referral_id} is {referral['status']}")
        world.edit("referrals", referral_id)["status"] = "used"
    appointment_id = new_id(world, "appointments", "A-", patient_id, slot_id, mode)
    booked = {"appointment_id": appointment_id, "patient_id": patient_id, "mode": mode, "status": "booked"}
    booked.update({name: slot[name] for name in _TIME})
    world.put("appointments", appointment_id, booked)
    world.delete("slots", slot_id)
    return booked


def move_appointment(world: World, appointment_id: AppointmentId, slot_id: SlotId) -> dict[str, Any]:
    """Moves an appointment to an open slot; its old time is open again."""
    appointment = _booked(world, appointment_id)
    slot = find_record(world, "slots", slot_id, "open slot")
    _reopen(world, appointment)
    appointment.update({name: slot[name] for name in _TIME})
    world.delete("slots", slot_id)
    return appointment


def cancel_appointment(
    world: World,
    appointment_id: AppointmentId,
    fee: Annotated[int, Field(ge=0, le=500, description="The cancellation fee in dollars; 0 where there is none.")],
) -> dict[str, Any]:
    """Cancels an appointment; its time is open again, and a fee is billed."""
    appointment = _booked(world, appointment_id)
    _reopen(world, appointment)
    appointment["status"] = "cancelled"
    if fee:
        bill_id = new_id(world, "bills", "INV-", appointment_id)
        bill = {"bill_id": bill_id, "patient_id": appointment["patient_id"], "appointment_id": appointment_id}
        bill.update(charge=fee, insurer_share=0, due=fee, status="open")
        world.put("bills", bill_id, bill)
    return appointment


def refill_prescription(world: World, prescription_id: PrescriptionId) -> dict[str, Any]:
    """Sends a refill to the prescription's pharmacy; the supply lasts 28 days longer."""
    found = find_record(world, "prescriptions", prescription_id, "prescription")
    if found["status"] != "active":
        raise ToolError(f"prescription {prescription_id} is {found['status']}")
    prescription = world.edit("prescriptions", prescription_id)
    prescription["refills"] = max(0, found["refills"] - 1)
    until = date.fromisoformat(found["supply_until"]) + timedelta(days=SUPPLY_DAYS)
    prescription["supply_until"] = until.isoformat()
    return prescription


def request_referral(
    world: World,
    patient_id: PatientId,
    doctor_id: Annotated[str, Field(description="The id of the patient's family doctor, who is asked.")],
    speciality: Speciality,
    priority: Annotated[str, Field(description="routine, soon or urgent.")],
) -> dict[str, Any]:
    """Asks a patient's family doctor for a referral; it waits for the doctor's approval."""
    patient = find_record(world, "patients", patient_id, "patient")
    if patient["gp_id"] != doctor_id:
        raise ToolError(f"doctor {shown(doctor_id)} is not the family doctor of patient {patient_id}")
    check_choice(speciality, SPECIALITIES, "speciality")
    check_choice(priority, ("routine", "soon", "urgent"), "priority")
    referral_id = new_id(world, "referrals", "REF-", patient_id, doctor_id, speciality, priority)
    until = (date.fromisoformat(world.meta["today"]) + timedelta(days=90)).isoformat()
    referral = {"referral_id": referral_id, "patient_id": patient_id, "speciality": speciality, "priority": priority}
    referral.update(valid_until=until, status="requested")
    world.put("referrals", referral_id, referral)
    return referral


def send_result(world: World, result_id: ResultId, doctor_id: DoctorId) -> dict[str, Any]:
    """Sends a copy of a test result to a doctor."""
    found = find_record(world, "results", result_id, "test result")
    find_record(world, "doctors", doctor_id, "doctor")
    if doctor_id in found["sent_to"]:
        raise ToolError(f"doctor {doctor_id} has test result {result_id} already")
    result = world.edit("results", result_id)
    result["sent_to"].append(doctor_id)
    return result


def pay_bill(
    world: World, bill_id: BillId, amount: Annotated[int, Field(ge=1, description="Dollars.")]
) -> dict[str, Any]:
    """Pays what is due of a bill, in full."""
    found = find_record(world, "bills", bill_id, "bill")
    if found["status"] == "paid":
        raise ToolError(f"bill {bill_id} is paid")
    if amount != found["due"]:
        raise ToolError(f"of bill {bill_id}, ${found['due']} are due")
    bill = world.edit("bills", bill_id)
    bill["status"] = "paid"
    return bill


def update_patient(
    world: World,
    patient_id: PatientId,
    phone: Annotated[str | None, Field(description="The new phone number, such as '0482-113355'.")] = None,
    pharmacy: Annotated[str | None, Field(description="The new usual pharmacy.")] = None,
) -> dict[str, Any]:
    """Changes a patient's phone number or usual pharmacy."""
    find_record(world, "patients", patient_id, "patient")
    if phone is None and pharmacy is None:
        raise ToolError("nothing to change: give a phone number or a pharmacy")
    if phone is not None and not re.fullmatch(r"\d{4}-\d{6}", phone, re.ASCII):
        raise ToolError(f"{shown(phone)} is no phone number: four digits, a hyphen, six digits")
    if pharmacy is not None:
        check_choice(pharmacy, PHARMACIES, "pharmacy")
    patient = world.edit("patients", patient_id)
    patient.update({name: value for name, value in (("phone", phone), ("pharmacy", pharmacy)) if value is not None})
    return patient


READS = (
    get_patient, find_patient, find_doctors, get_doctor, list_slots, get_slot, list_appointments, get_appointment,
    list_prescriptions, list_referrals, list_results, list_bills,
)  # fmt: skip
WRITES = (
    book_appointment, move_appointment, cancel_appointment, refill_prescription, request_referral, send_result,
    pay_bill, update_patient,
)  # fmt: skip

TOOLS = DomainTools(
    name="clinic",
    owner="clinic",
    instructions="Tools of a clinic's front desk. They check that changes are consistent, not that policy allows them.",
    reads=READS,
    writes=WRITES,
    build_base=declared_worlds("toolgym.envs.clinic:CLINIC"),
)

if __name__ == "__main__":
    command(TOOLS)()
