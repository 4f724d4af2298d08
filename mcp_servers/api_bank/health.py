"""Tools for appointments with doctors, health data and symptoms."""

from datetime import datetime
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.api_bank.accounts import number_of
from toolgym.mcp_servers.api_bank.times import DAY, TIME, lenient
from toolgym.world import World


def _day_of(record: dict[str, Any]) -> str | None:
    try:
        return lenient(record["date"], DAY)
    except ValueError:
        return None


def appointment_registration(world: World, patient_name: str, date: str, doctor_name: str) -> str:
    """Registers an appointment and gives its id."""
    patient_name, doctor_name = patient_name.strip(), doctor_name.strip()
    if not patient_name or not doctor_name:
        raise ToolError("Patient name or doctor name cannot be empty.")
    date = lenient(date, DAY)
    for _, record in world.items("Appointments"):
        if record["patient_name"] == patient_name and _day_of(record) == date:
            if record["doctor_name"] == doctor_name:
                raise ToolError("This appointment has already been registered.")
            raise ToolError("This patient has already been registered in this day.")
    tries = 0
    while world.has("Appointments", key := number_of(patient_name, date, doctor_name, tries)):
        tries += 1
    world.put("Appointments", key, {"patient_name": patient_name, "date": date, "doctor_name": doctor_name})
    return key


def cancel_registration(world: World, appointment_id: str) -> str:
    """Cancels an appointment."""
    appointment_id = appointment_id.strip()
    if not world.has("Appointments", appointment_id):
        raise ToolError("The appointment ID is incorrect.")
    world.delete("Appointments", appointment_id)
    return "success"


def modify_registration(
    world: World,
    appointment_id: str,
    new_appointment_date: str | None = None,
    new_appointment_doctor: str | None = None,
) -> str:
    """Gives an appointment another day, another doctor or both."""
    key = appointment_id.strip()
    record = world.get("Appointments", key)
    if record is None:
        raise ToolError("The appointment ID does not exist.")
    doctor = None if new_appointment_doctor is None else new_appointment_doctor.strip()
    if doctor == "":
        raise ToolError("Fail because the doctor name is empty.")
    date = None if new_appointment_date is None else lenient(new_appointment_date, DAY)
    same_date, same_doctor = date == record["date"], doctor == record["doctor_name"]
    if (date is None and doctor is None) or (same_date and same_doctor):
        raise ToolError("Fail because no modification is made.")
    if same_date:
        raise ToolError("Fail because date is not changed.")
    if same_doctor:
        raise ToolError("Fail because doctor is not changed.")
    changed = world.edit("Appointments", key)
    if date is not None:
        changed["date"] = date
    if doctor is not None:
        changed["doctor_name"] = doctor
    return "success"


def query_registration(world: World, patient_name: str, date: str) -> Any:
    """Gives the appointments of a patient on a day."""
    patient_name, date = patient_name.strip(), lenient(date, DAY)
    found = {
        key: record
        for key, record in world.items("Appointments")
        if record["patient_name"] == patient_name and _day_of(record) == date
    }
    if not found:
        raise ToolError("No appointments found.")
    return found


def query_health_data(world: World, user_id: str, start_time: str, end_time: str) -> Any:
    """Gives what was recorded of a user's health in a span of time."""
    user_id = user_id.upper().strip()
    if not user_id:
        raise ToolError("The user id cannot be empty.")
    start_time, end_time = lenient(start_time, TIME), lenient(end_time, TIME)
    if start_time > end_time:
        raise ToolError("The start time cannot be later than the end time.")
    if not world.has("HealthData", user_id):
        raise ToolError("The user id does not exist.")
    records = world.get("HealthData", user_id)
    span = [item for item in records if start_time <= datetime.strptime(item["time"], TIME).isoformat(" ") <= end_time]
    if not span:
        raise ToolError("There is no health data in the given time span.")
    return span


def record_health_data(world: World, user_id: str, time: str, health_data: list[dict[str, Any]] | None = None) -> str:
    """Records health data of a user, each a name and a value."""
    user_id = user_id.upper().strip()
    if not user_id:
        raise ToolError("The user id cannot be empty.")
    time = lenient(time, TIME)
    if not health_data:
        raise ToolError("The health data cannot be empty.")
    names: list[Any] = []
    for item in health_data:
        if "name" not in item:
            raise ToolError("The health data has invalid format.")
        if item["name"] in names:
            raise ToolError("The health data cannot contain duplicate items.")
        names.append(item["name"])
    values = {item["name"]: item["value"] for item in health_data}
    if not world.has("HealthData", user_id):
        world.put("HealthData", user_id, [])
    records = world.edit("HealthData", user_id)
    there = next((item for item in reversed(records) if item["time"] == time), None)
    if there is None:
        records.append({"time": time, **values})
    else:
        there.update(values)
    return "success"


def _illnesses(world: World, symptom: str) -> list[dict[str, Any]]:
    symptom = symptom.strip().lower()
    if not symptom:
        raise ToolError("The symptom cannot be empty.")
    if not world.has("Symptom", symptom):
        raise ToolError("The symptom does not exist.")
    return world.get("Symptom", symptom)


def symptom_search(world: World, symptom: str) -> Any:
    """Tells which illnesses have a symptom."""
    return [{"name": item["name"], "description": item["description"]} for item in _illnesses(world, symptom)]


def emergency_knowledge(world: World, symptom: str) -> Any:
    """Tells what helps at first with the illnesses that have a symptom."""
    return [{"name": item["name"], "aid": item["aid"]} for item in _illnesses(world, symptom)]
