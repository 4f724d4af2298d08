"""The MCP server of API-Bank's levels 1 and 2: its tools, written anew, on the user's own copy of its databases.

server = build_server(data=Path("api-bank"))
session = server.session()

A tool answers as the official one does, its mistakes included where a score depends on them: an agenda's entry is
deleted where its content or its time fits, and the calculator knows one level of parentheses. It differs where the
official one draws at random (ids and tokens follow from what they are about), asks the network (`Dictionary`,
`Translate`), needs a model (`ToolSearcher` compares words) or would never end.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from toolgym.mcp.server import ToolError, ToolServer
from toolgym.mcp_servers.api_bank import accounts, health, home, lookups, meetings, schedule
from toolgym.mcp_servers.api_bank.public_world import load_base, make_base
from toolgym.world import Base

__all__ = ["READS", "TOOLS", "WRITES", "build_server", "spec_of"]

READS: dict[str, Callable[..., Any]] = {
    "Calculator": lookups.calculator,
    "CheckToken": accounts.check_token,
    "Dictionary": lookups.dictionary,
    "DocumentQA": lookups.document_qa,
    "EmergencyKnowledge": health.emergency_knowledge,
    "GetToday": lookups.get_today,
    "GetUserToken": accounts.get_user_token,
    "ImageCaption": lookups.image_caption,
    "PlayMusic": lookups.play_music,
    "QueryAgenda": schedule.query_agenda,
    "QueryAlarm": schedule.query_alarm,
    "QueryBalance": accounts.query_balance,
    "QueryHealthData": health.query_health_data,
    "QueryHistoryToday": lookups.query_history_today,
    "QueryMeeting": meetings.query_meeting,
    "QueryRegistration": health.query_registration,
    "QueryReminder": schedule.query_reminder,
    "QueryScene": home.query_scene,
    "QueryStock": lookups.query_stock,
    "SearchEngine": lookups.search_engine,
    "SendEmail": lookups.send_email,
    "SpeechRecognition": lookups.speech_recognition,
    "SymptomSearch": health.symptom_search,
    "ToolSearcher": lookups.tool_searcher,
    "Translate": lookups.translate,
    "Wiki": lookups.wiki,
}
WRITES: dict[str, Callable[..., Any]] = {
    "AddAgenda": schedule.add_agenda,
    "AddAlarm": schedule.add_alarm,
    "AddMeeting": meetings.add_meeting,
    "AddReminder": schedule.add_reminder,
    "AddScene": home.add_scene,
    "AppointmentRegistration": health.appointment_registration,
    "BookHotel": lookups.book_hotel,
    "CancelRegistration": health.cancel_registration,
    "CancelTimedSwitch": home.cancel_timed_switch,
    "DeleteAccount": accounts.delete_account,
    "DeleteAgenda": schedule.delete_agenda,
    "DeleteAlarm": schedule.delete_alarm,
    "DeleteMeeting": meetings.delete_meeting,
    "DeleteReminder": schedule.delete_reminder,
    "DeleteScene": home.delete_scene,
    "ForgotPassword": accounts.forgot_password,
    "ModifyAgenda": schedule.modify_agenda,
    "ModifyAlarm": schedule.modify_alarm,
    "ModifyMeeting": meetings.modify_meeting,
    "ModifyPassword": accounts.modify_password,
    "ModifyRegistration": health.modify_registration,
    "ModifyReminder": schedule.modify_reminder,
    "ModifyScene": home.modify_scene,
    "OpenBankAccount": accounts.open_bank_account,
    "RecordHealthData": health.record_health_data,
    "RegisterUser": accounts.register_user,
    "TimedSwitch": home.timed_switch,
}
TOOLS: dict[str, Callable[..., Any]] = dict(sorted({**READS, **WRITES}.items()))
"""API-Bank's name of each tool -> the function."""


def build_server(*, data: Path | None = None, base: Base | None = None) -> ToolServer:
    """A new server.

    Args:
        data: a copy of API-Bank (see `public_world.find_folder`).
        base: a world that is there already; without either all tables are empty.

    Raises:
        ConfigError: the data cannot be read.
    """
    if base is None:
        base = load_base(data) if data is not None else make_base({}, {})
    if not base.meta["tools"]:
        base = Base(base.tables, {**base.meta, "tools": {name: spec_of(name) for name in TOOLS}})
    server = ToolServer("api_bank", base=base, instructions="The tools of API-Bank's levels 1 and 2.")
    for name, function in TOOLS.items():
        server.tool(writes=name in WRITES, name=name)(_answering(function))
    return server


def _answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """The tool, whose exceptions are its answers whatever they are, as those of the official tools."""

    @wraps(function)
    def tool(*args: Any, **given: Any) -> Any:
        try:
            return function(*args, **given)
        except ToolError:
            raise
        except Exception as error:
            raise ToolError(str(error)) from error

    return tool


def spec_of(name: str, said: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """What a tool is said to be: as API-Bank says it where its words are at hand (`read_tools`), else in ours."""
    if said and name in said:
        return dict(said[name])
    function = TOOLS[name]
    parameters = {
        parameter: {"type": _KINDS.get(str(getattr(hint, "__name__", hint)), "str"), "description": ""}
        for parameter, hint in function.__annotations__.items()
        if parameter not in ("world", "return")
    }
    description = (function.__doc__ or "").strip()
    return {"name": name, "description": description, "input_parameters": parameters, "output_parameters": {}}


_KINDS = {"int": "int", "int | None": "int", "bool": "bool", "list": "list"}
