"""Records in arguments as the tau2 reference reads them: by their types, leniently."""

from typing import Any, Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict


class _Flight(TypedDict):
    flight_number: str
    date: str


class _Passenger(TypedDict):
    first_name: str
    last_name: str
    dob: str


class _Payment(TypedDict):
    payment_id: str
    amount: int


class _Booking(TypedDict):
    user_id: str
    origin: str
    destination: str
    flight_type: Literal["one_way", "round_trip"]
    cabin: Literal["basic_economy", "economy", "business"]
    passengers: list[_Passenger]
    payment_history: list[_Payment]
    total_baggages: int
    nonfree_baggages: int
    insurance: Literal["yes", "no"]


FLIGHT: TypeAdapter[Any] = TypeAdapter(_Flight)
PASSENGER: TypeAdapter[Any] = TypeAdapter(_Passenger)
BOOKING: TypeAdapter[Any] = TypeAdapter(_Booking)
AMOUNT: TypeAdapter[float] = TypeAdapter(float)


def read_each(record: TypeAdapter[Any], values: Any) -> Any:
    """The records of a list of objects; a list that has anything else stays as it is.

    Raises:
        ValueError: an object lacks a field, or one has another type.
        TypeError: it is no list, or anything else that can be gone through.
    """
    if all(isinstance(value, dict) for value in values):
        return [record.validate_python(value) for value in values]
    return values
