"""Tools for meetings. A meeting is found by its topic or its start, whichever fits first among the user's own."""

from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.api_bank.accounts import user_of
from toolgym.mcp_servers.api_bank.schedule import next_key, own
from toolgym.mcp_servers.api_bank.times import strict
from toolgym.world import World


def add_meeting(
    world: World,
    token: str,
    meeting_topic: str,
    start_time: str,
    end_time: str,
    location: str,
    attendees: list[str],
) -> str:
    """Enters a meeting."""
    strict(start_time)
    strict(end_time)
    if not meeting_topic.strip():
        raise ToolError("Meeting Topic should not be null")
    record = {
        "username": user_of(world, token),
        "meeting_topic": meeting_topic,
        "start_time": start_time,
        "end_time": end_time,
        "location": location,
        "attendees": attendees,
    }
    world.put("Meeting", next_key(world, "Meeting"), record)
    return "success"


def _found(world: World, token: str, topic: str, start: str, end: str) -> str | None:
    """The id of the meeting, or None where none is asked for either."""
    for time in (start, end):
        if time:
            strict(time)
    if not topic.strip() and not start:
        raise ToolError("Meeting Topic and start_time should not be null both")
    key = own(world, "Meeting", token, lambda item: item["meeting_topic"] == topic or item["start_time"] == start)
    if key is None and topic:
        raise ToolError(f"You have no meeting about {topic}")
    if key is None and start:
        raise ToolError(f"You have no meeting at time : {start}")
    return key


def query_meeting(
    world: World,
    token: str,
    meeting_topic: str,
    start_time: str,
    end_time: str,
    location: str,
    attendees: list[str],
) -> Any:
    """Gives the user's meeting with this topic or this start."""
    return world.get("Meeting", _found(world, token, meeting_topic, start_time, end_time) or "")


def modify_meeting(
    world: World,
    token: str,
    meeting_topic: str,
    start_time: str,
    end_time: str,
    location: str,
    attendees: list[str],
) -> str:
    """Changes topic and times of the user's meeting with this topic or this start."""
    key = _found(world, token, meeting_topic, start_time, end_time)
    if key is not None:
        meeting = world.edit("Meeting", key)
        if meeting_topic:
            meeting["meeting_topic"] = meeting_topic
        if start_time:
            meeting.update(start_time=start_time, end_time=end_time)
    return "success"


def delete_meeting(
    world: World,
    token: str,
    meeting_topic: str,
    start_time: str,
    end_time: str,
    location: str,
    attendees: list[str],
) -> str:
    """Deletes the user's meeting with this topic or this start."""
    key = _found(world, token, meeting_topic, start_time, end_time)
    if key is not None:
        world.delete("Meeting", key)
    return "success"
