"""Tools for what a user has planned: an agenda, reminders and alarms.

An entry is found by its content or its time, whichever fits first among the user's own.
"""

from collections.abc import Callable
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.api_bank.accounts import user_of
from toolgym.mcp_servers.api_bank.times import strict
from toolgym.world import World


def next_key(world: World, table: str) -> str:
    """An id that no record of the table has: one more than the largest."""
    number = max((int(key) for key in world.keys(table)), default=-1) + 1
    return str(number)


def own(world: World, table: str, token: str, fits: Callable[[dict[str, Any]], bool]) -> str | None:
    """The id of the first of a user's records that fits."""
    user = user_of(world, token)
    return next((key for key, item in world.items(table) if item["username"] == user and fits(item)), None)


def _about(content: str, time: str) -> Callable[[dict[str, Any]], bool]:
    return lambda item: item["content"] == content or item["time"] == time


def _filled(text: str) -> None:
    if not text.strip():
        raise ToolError("Content should not be null")


def _missing(noun: str, content: str, time: str) -> ToolError:
    if content:
        return ToolError(f"You have no {noun} about {content}")
    return ToolError(f"You have no {noun} at time : {time}" if time else "Error")


def add_agenda(world: World, token: str, content: str, time: str, location: str) -> str:
    """Adds an entry to the user's agenda."""
    strict(time)
    _filled(content)
    record = {"username": user_of(world, token), "content": content, "time": time, "location": location}
    world.put("Agenda", next_key(world, "Agenda"), record)
    return "success"


def query_agenda(world: World, token: str, content: str, time: str, location: str) -> Any:
    """Gives the entry of the user's agenda with this content or at this time."""
    if time:
        strict(time)
    key = own(world, "Agenda", token, _about(content, time))
    if key is None:
        raise _missing("agenda", content, time)
    return world.get("Agenda", key)


def modify_agenda(world: World, token: str, content: str, time: str, location: str) -> str:
    """Changes the entry of the user's agenda with this content or at this time."""
    if time:
        strict(time)
    key = own(world, "Agenda", token, _about(content, time))
    if key is None:
        raise _missing("agenda", content, time)
    world.edit("Agenda", key).update(content=content, time=time, location=location)
    return "success"


def delete_agenda(world: World, token: str, content: str, time: str, location: str) -> str:
    """Deletes the entry of the user's agenda with this content or at this time."""
    if time:
        strict(time)
    key = own(world, "Agenda", token, _about(content, time))
    if key is not None:
        world.delete("Agenda", key)
    elif content or time:
        raise _missing("meeting", content, time)
    return "success"


def _reminder(world: World, token: str, content: str, time: str) -> str:
    strict(time)
    _filled(content)
    key = own(world, "Reminder", token, _about(content, time))
    if key is None:
        raise ToolError(f"You have no reminder about {content} or at time : {time}")
    return key


def add_reminder(world: World, token: str, content: str, time: str) -> str:
    """Adds a reminder."""
    strict(time)
    _filled(content)
    record = {"username": user_of(world, token), "content": content, "time": time}
    world.put("Reminder", next_key(world, "Reminder"), record)
    return "success"


def query_reminder(world: World, token: str, content: str, time: str) -> Any:
    """Gives the user's reminder with this content or at this time."""
    return world.get("Reminder", _reminder(world, token, content, time))


def modify_reminder(world: World, token: str, content: str, time: str) -> str:
    """Changes the user's reminder with this content or at this time."""
    world.edit("Reminder", _reminder(world, token, content, time)).update(content=content, time=time)
    return "success"


def delete_reminder(world: World, token: str, content: str, time: str) -> str:
    """Deletes the user's reminder with this content or at this time."""
    world.delete("Reminder", _reminder(world, token, content, time))
    return "success"


def _alarm(world: World, token: str, time: str, noun: str = "alarm clock") -> str:
    key = own(world, "Alarm", token, lambda item: item["time"] == time)
    if key is None:
        raise ToolError(f"You have no {noun} at time : {time}")
    return key


def add_alarm(world: World, token: str, time: str) -> str:
    """Sets an alarm."""
    strict(time)
    record = {"username": user_of(world, token), "time": time}
    world.put("Alarm", next_key(world, "Alarm"), record)
    return "success"


def query_alarm(world: World, token: str, time: str) -> Any:
    """Gives the user's alarm at this time."""
    strict(time)
    return world.get("Alarm", _alarm(world, token, time))


def modify_alarm(world: World, token: str, from_time: str, to_time: str) -> str:
    """Moves the user's alarm to another time."""
    strict(from_time)
    strict(to_time)
    world.edit("Alarm", _alarm(world, token, from_time, "agenda"))["time"] = to_time
    return "success"


def delete_alarm(world: World, token: str, time: str) -> str:
    """Deletes the user's alarm at this time."""
    strict(time)
    world.delete("Alarm", _alarm(world, token, time))
    return "success"
