"""The smallest world in which a gold call gives what is recorded of it: for verdicts without API-Bank's databases.

What the row does not show is not in it: any other user, token, id, symptom or page is unknown there. So a verdict is
the official one wherever the row tells, that is for all calls but those that are right by another record of the real
database; with `data=DIR` the real one is used.
"""

from collections.abc import Callable
from typing import Any

from toolgym.mcp_servers.api_bank.home import tidy_devices
from toolgym.mcp_servers.api_bank.public_world import make_base
from toolgym.mcp_servers.api_bank.times import DAY, day_of_year, lenient
from toolgym.world import Base

_USER = "user"
_NOWHEN = ""
"""The time of an agenda's entry: those of the databases are days, which no time that is asked for equals."""


def witness(name: str, given: dict[str, Any], output: Any, tools: dict[str, Any]) -> Base:
    """The world.

    Args:
        name: the gold call's tool.
        given: its parameters as the recorded result repeats them.
        output: its recorded output.
        tools: what the tools are said to be, for the one that searches them.
    """
    files: dict[str, Any] = {}
    if "token" in given:
        user = output.get("username", _USER) if isinstance(output, dict) else _USER
        password = given.get("old_password", "")
        files["Account"] = {user: {"password": password, "token": given["token"], "email": ""}}
    if output is not None and name in _RECORDS:
        files |= _RECORDS[name](given, output)
    return make_base(files, tools)


def _entry(**fields: Any) -> dict[str, Any]:
    return {"0": {"username": _USER, **fields}}


def _events(told: Any) -> list[dict[str, str]]:
    events = []
    for line in told:
        title, _, rest = line.removeprefix("Title: ").partition(", Date: ")
        date, _, what = rest.partition(", Description: ")
        events.append({"Title": title, "Date": date, "Description": what})
    return events


def _low(text: str) -> str:
    return text.strip().lower()


def _appointment(given: dict[str, Any], output: Any) -> dict[str, Any]:
    record = {"patient_name": "", "date": "", "doctor_name": ""}
    return {"Appointments": _kept({given["appointment_id"].strip(): record})}


def _kept(appointments: dict[str, Any]) -> dict[str, Any]:
    """The appointments of a fresh world: their ids are runs of digits (34567890), and any other was drawn by a call
    before the recorded one, so that a fresh world does not have it.
    """
    return {key: record for key, record in appointments.items() if key in _RUN}


_RUN = "1234567890" * 2


def _illness(given: dict[str, Any], output: Any) -> dict[str, Any]:
    return {"Symptom": {_low(given["symptom"]): [{"description": "", "aid": "", **item} for item in output]}}


_Records = Callable[[dict[str, Any], Any], dict[str, Any]]
_RECORDS: dict[str, _Records] = {
    "BookHotel": lambda given, output: {
        "Hotel": {str(n): {"hotel_name": ""} for n in range(1, int(output) if str(output).isdigit() else 1)}
    },
    "CancelRegistration": _appointment,
    "CancelTimedSwitch": lambda given, output: {
        "TimeSwitch": {_low(given["name"]): [{"time": given["time"].strip(), "on": True}]}
    },
    "CheckToken": lambda given, output: {},
    "DeleteAgenda": lambda given, output: {"Agenda": _entry(content=given["content"], time=_NOWHEN)},
    "DeleteAlarm": lambda given, output: {"Alarm": _entry(time=given["time"])},
    "DeleteMeeting": lambda given, output: {
        "Meeting": _entry(meeting_topic=given["meeting_topic"], start_time=given["start_time"])
    },
    "DeleteReminder": lambda given, output: {"Reminder": _entry(content=given["content"], time=given["time"])},
    "DeleteScene": lambda given, output: {"Scenes": {_low(given["name"]): []}},
    "Dictionary": lambda given, output: {"Dictionary": {_low(given["keyword"].replace("_", " ")): output}},
    "DocumentQA": lambda given, output: {
        "QuestionAnswering": {given["url"].strip(): {given["question"].strip(): output}}
    },
    "EmergencyKnowledge": _illness,
    "ForgotPassword": lambda given, output: {
        "Account": {given.get("username", _USER): {"password": "", "token": "", "email": given.get("email", "")}}
    },
    "GetUserToken": lambda given, output: {
        "Account": {given["username"]: {"password": given["password"], "token": output["token"], "email": ""}}
    },
    "ImageCaption": lambda given, output: {"ImageCaptioning": [{"url": given["url"].strip(), "caption": output}]},
    "ModifyAgenda": lambda given, output: {"Agenda": _entry(content=given["content"], time=_NOWHEN)},
    "ModifyAlarm": lambda given, output: {"Alarm": _entry(time=given["from_time"])},
    "ModifyMeeting": lambda given, output: {
        "Meeting": _entry(meeting_topic=given["meeting_topic"], start_time=given["start_time"])
    },
    "ModifyRegistration": _appointment,
    "ModifyReminder": lambda given, output: {"Reminder": _entry(content=given["content"], time=given["time"])},
    "ModifyScene": lambda given, output: {"Scenes": {_low(given["name"]): []}},
    "QueryAgenda": lambda given, output: {"Agenda": {"0": output}},
    "QueryAlarm": lambda given, output: {"Alarm": {"0": output}},
    "QueryBalance": lambda given, output: {"Bank": {_USER: {"balance": output}}},
    "QueryHealthData": lambda given, output: {"HealthData": {given["user_id"].upper().strip(): output}},
    "QueryHistoryToday": lambda given, output: {"History": {day_of_year(given["date"]): _events(output)}},
    "QueryMeeting": lambda given, output: {"Meeting": {"0": output}},
    "QueryRegistration": lambda given, output: {"Appointments": _kept(output)},
    "QueryReminder": lambda given, output: {"Reminder": {"0": output}},
    # A scene is kept tidy, so one that was recorded otherwise is not what the tool gives.
    "QueryScene": lambda given, output: {"Scenes": {_low(given["name"]): tidy_devices(output)}},
    "QueryStock": lambda given, output: {
        "Stock": {given["stock_code"].upper().strip(): {lenient(given["date"], DAY): output}}
    },
    "SearchEngine": lambda given, output: {
        "SearchEngine": {"raw_documents": output, "tokenized_documents": [_low(given["keyword"]).split()] * len(output)}
    },
    "SpeechRecognition": lambda given, output: {"SpeechRecognition": {given["url"].strip(): output}},
    "SymptomSearch": _illness,
    "Translate": lambda given, output: {"Translation": {given["src"]: output}},
    "Wiki": lambda given, output: {"Wiki": {_low(given["keyword"].replace("_", " ")): output}},
}
