"""How API-Bank compares what a call gave with what the gold call gave, tool by tool."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from toolgym.mcp_servers.api_bank.calling import Response
from toolgym.mcp_servers.api_bank.times import DAY, TIME, day_of_year, lenient

Norm = Callable[[Any], Any]
"""What of a value counts."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What must be equal, beside the exception's text.

    A parameter in words must have more than half of its words in common with the gold's, of all words in either.
    """

    fields: Mapping[str, Norm] | None = None
    """Parameters whose value counts, and how; None: the whole input as it is, but for `words`."""
    words: str | None = None
    lower: bool = False
    """Whether the case of words does not count."""
    output: str = "equal"
    """`equal`; `there` (none where the gold has none); `any`; `success` (see `_deleted`); `sorted`; `tools`: with the
    same names."""
    input: bool = True
    """Whether the input counts at all."""

    def same(self, response: Response, gold: Response) -> bool:
        """Whether a response is right.

        Raises:
            KeyError: as the official comparison does.
            Exception: what a value that cannot be compared raises, as there.
        """
        if self.output == "success":
            return _deleted(response, gold, self.fields)
        if self.output == "tools" and response.input == gold.input:
            return True  # the tool searches by a model, and finds the same for the same words
        return (
            self._same_words(response.input, gold.input)
            and self._same_input(response.input, gold.input)
            and _same_output(self.output, response.output, gold.output)
            and (self.output == "any" or response.exception == gold.exception)
        )

    def _same_words(self, given: Any, gold: Any) -> bool:
        if self.words is None:
            return True
        texts = (side[self.words] for side in (given, gold))
        ours, theirs = (set((text.lower() if self.lower else text).split(" ")) for text in texts)
        return len(ours & theirs) / len(ours | theirs) > 0.5

    def _same_input(self, given: Any, gold: Any) -> bool:
        if not self.input:
            return True
        if self.fields is not None:
            return all(_same(norm, given[name], gold[name]) for name, norm in self.fields.items())
        return _rest(self.words, given) == _rest(self.words, gold)


def _rest(words: str | None, given: Any) -> Any:
    """The input without the parameter in words."""
    return {name: value for name, value in given.items() if name != words} if words else given


def _same(norm: Norm, ours: Any, theirs: Any) -> bool:
    """Equal once normalised; a day or time that is none is not even equal to itself."""
    try:
        return norm(ours) == norm(theirs)
    except ValueError:
        return False


def _same_output(how: str, ours: Any, theirs: Any) -> bool:
    if how == "any":
        return ours is not None
    if how == "there":
        return theirs is not None or ours is None
    if how == "sorted" and isinstance(ours, list) and isinstance(theirs, list):
        return sorted(map(_page, ours)) == sorted(map(_page, theirs))
    if how == "tools" and ours and theirs:
        return _names(ours) == _names(theirs)
    return ours == theirs


def _names(found: Any) -> list[str]:
    return [tool["name"] for tool in (found if isinstance(found, list) else [found])]


def _page(item: Any) -> str:
    return repr(sorted(item.items()))


def _deleted(response: Response, gold: Response, fields: Mapping[str, Norm] | None) -> bool:
    """Of two that succeeded the times count alone; what failed is compared whole, but for its input."""
    if response.output == "success" == gold.output:
        return all(response.input[name] == gold.input[name] for name in fields or ())  # type: ignore[index]
    return response.output == gold.output and response.exception == gold.exception


def _as_is(value: Any) -> Any:
    return value


def _stripped(value: Any) -> Any:
    return value.strip()


def _low(value: Any) -> Any:
    return value.strip().lower()


def _high(value: Any) -> Any:
    return str(value).upper().strip()


def _text(value: Any) -> Any:
    return str(value).strip()


def _optional(norm: Norm) -> Norm:
    return lambda value: None if value is None else norm(value)


def _day(value: Any) -> str:
    return lenient(value, DAY)


def _time(value: Any) -> str:
    return lenient(value, TIME)


def _unspaced(value: Any) -> str:
    return value.replace(" ", "")


def _symptom(value: Any) -> str:
    if not value.strip():
        raise TypeError("the official comparison fails on no symptom")
    return _low(value)


def _devices(value: Any) -> Any:
    tidy = [{**item, "name": _low(item["name"]), "description": _stripped(item["description"])} for item in value]
    return sorted(tidy, key=lambda item: item["name"])


_AGENDA = Comparison({"time": _as_is, "location": _as_is}, words="content")
_REMINDER = Comparison({"time": _as_is}, words="content", lower=True)
_MEETING = Comparison(words="meeting_topic")
_WHOLE = Comparison()
_OUTPUT = Comparison(input=False)

COMPARISONS: dict[str, Comparison] = {
    "AddAgenda": _AGENDA,
    "AddMeeting": _MEETING,
    "AddReminder": _REMINDER,
    "AddScene": Comparison({"name": _low, "devices": _devices}, output="there"),
    "AppointmentRegistration": Comparison(
        {"patient_name": _stripped, "date": _day, "doctor_name": _stripped}, output="there"
    ),
    "Calculator": Comparison({"formula": _unspaced}),
    "CancelRegistration": Comparison({"appointment_id": _stripped}),
    "CancelTimedSwitch": Comparison({"name": _low, "time": _time}),
    "DeleteAgenda": Comparison({"time": _as_is}, output="success"),
    "DeleteMeeting": Comparison({"time": _as_is}, output="success"),  # its input has no `time`: a KeyError, as there
    "DeleteReminder": Comparison({"time": _as_is}, output="success"),
    "DeleteScene": Comparison({"name": _low}),
    "Dictionary": _OUTPUT,
    "DocumentQA": Comparison({"url": _stripped, "question": _stripped}),
    "EmergencyKnowledge": Comparison({"symptom": _symptom}),
    "GetToday": Comparison(input=False, output="any"),
    "ModifyAgenda": _AGENDA,
    "ModifyMeeting": _MEETING,
    "ModifyRegistration": Comparison(
        {
            "appointment_id": _text,
            "new_appointment_date": _optional(_day),
            "new_appointment_doctor": _optional(_stripped),
        }
    ),
    "ModifyReminder": _REMINDER,
    "ModifyScene": Comparison({"name": _low, "devices": _devices}),
    "PlayMusic": _OUTPUT,
    "QueryAgenda": _AGENDA,
    "QueryBalance": Comparison({"token": _stripped}),
    "QueryHealthData": Comparison({"user_id": _high, "start_time": _time, "end_time": _time}),
    "QueryHistoryToday": Comparison({"date": day_of_year}),
    "QueryMeeting": _MEETING,
    "QueryRegistration": Comparison({"patient_name": _stripped, "date": _day}),
    "QueryReminder": _REMINDER,
    "QueryScene": Comparison({"name": _low}),
    "QueryStock": Comparison({"stock_code": _high, "date": _day}),
    "RecordHealthData": Comparison({"user_id": _high, "time": _time}),
    "RegisterUser": Comparison(output="there"),
    "SearchEngine": Comparison(input=False, output="sorted"),
    "SendEmail": Comparison({"receiver": _low, "subject": _stripped, "content": _stripped}),
    "SymptomSearch": Comparison({"symptom": _symptom}),
    "TimedSwitch": Comparison({"name": _low, "time": _time, "on": _as_is}),
    "ToolSearcher": Comparison(input=False, output="tools"),
    "Translate": Comparison({"src": _as_is}),
    "Wiki": _OUTPUT,
}
"""How the tools compare; all others compare their whole input, output and exception (`_WHOLE`)."""


def comparison_of(name: str) -> Comparison:
    """How a tool compares."""
    return COMPARISONS.get(name, _WHOLE)
