"""Where an argument's value comes from: AutoTool's parameter dependencies, read off by equality of values.

A *place* is a path into what has happened: the tool, `arguments` or `result`, then keys and positions; -1 stands for
each element of a list. `["get_user_details", "result", "reservations", -1]` are the reservations of the user that was
looked up last, and a turn that looks each of them up has that place as the flow of `reservation_id`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from toolgym import _strict_json
from toolgym.messages import ToolCall
from toolgym.world import canonical

__all__ = ["EACH", "Place", "Seen", "flow_of", "place_text"]

Place = tuple[str | int, ...]

EACH = -1
"""In a place: each element of a list, one a call."""
_MOST_PLACES = 2_000
"""Of one result: a list of thousands of flights is no place to guess from."""


def place_text(place: Iterable[str | int]) -> str:
    """A place as people write it: `get_user_details.result.reservations[each]`."""
    parts = [("[each]" if at == EACH else f"[{at}]") if isinstance(at, int) else f".{at}" for at in place]
    return "".join(parts).removeprefix(".")


class Seen:
    """What an episode has shown so far: of each tool its latest call's arguments and result."""

    def __init__(self) -> None:
        self._latest: dict[str, dict[str, Any]] = {}

    def add(self, call: ToolCall, result: str) -> None:
        """Adds a call that succeeded; a result that is JSON is read as such."""
        try:
            value = _strict_json.loads(result, half_characters=True)
        except ValueError:
            value = result
        # The latest call is the last thing that was shown.
        self._latest.pop(call.name, None)
        self._latest[call.name] = {"arguments": call.arguments, "result": value}

    def at(self, place: Sequence[str | int]) -> Any:
        """What stands at a place: a value, or for a place with `EACH` the list of values.

        Raises:
            LookupError: nothing does.
        """
        return _at(self._latest, place)

    def places(self) -> Iterator[tuple[Place, Any]]:
        """Every place and what stands there; places with `EACH` have the list."""
        for tool, shown in self._latest.items():
            yield from islice(_walk(shown, (tool,)), _MOST_PLACES)


def _at(value: Any, place: Sequence[str | int]) -> Any:
    for step, key in enumerate(place):
        if isinstance(key, str):
            if not isinstance(value, dict) or key not in value:
                raise LookupError(place)
            value = value[key]
        elif not isinstance(value, list) or key >= len(value):
            raise LookupError(place)
        elif key == EACH:
            return [_at(each, place[step + 1 :]) for each in value]
        else:
            value = value[key]
    return value


def _walk(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """The places below a place, itself included; `EACH` stands once in a place, over what every element has."""
    yield place, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*place, str(key)))
    elif isinstance(value, list) and value:
        if EACH not in place:
            for below, _ in _walk(value[0], (*place, EACH)):
                try:
                    yield below, [_at(each, below[len(place) + 1 :]) for each in value]
                except LookupError:
                    continue
        for number, item in enumerate(value):
            yield from _walk(item, (*place, number))


def flow_of(calls: Sequence[ToolCall], seen: Seen) -> dict[str, list[Place]]:
    """Argument -> the places that held what a turn's calls gave it, in the order in which they were shown; empty unless
    all calls are of one tool and give the same arguments.

    A place with `EACH` must hold exactly the calls' values in order, any other one the value that all calls gave.
    """
    first = calls[0]
    if any(call.name != first.name or call.arguments.keys() != first.arguments.keys() for call in calls):
        return {}
    wanted = {name: [canonical(call.arguments[name]) for call in calls] for name in first.arguments}
    found: dict[str, list[Place]] = {name: [] for name in wanted}
    for place, value in seen.places():
        try:
            each = [canonical(item) for item in value] if EACH in place else [canonical(value)] * len(calls)
        except (TypeError, ValueError):  # half a surrogate pair, nesting without end
            continue
        for name, given in wanted.items():
            if each == given:
                found[name].append(place)
    return found
