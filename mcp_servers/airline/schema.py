"""The types of the airline tools' parameters: what a model is told of them, and what the standard dialect enforces."""

import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict


def whole(amount: float) -> float:
    """The amount, as an int where it is one: 100.0 and 100 are stored alike."""
    return int(amount) if amount.is_integer() else amount


def existing_day(date: str) -> str:
    """The date, where the calendar has it."""
    datetime.date.fromisoformat(date)
    return date


UserId = Annotated[str, Field(description="The user's id, such as 'ana_reyes_4821'.")]
ReservationId = Annotated[str, Field(description="The reservation's id: six letters and digits, such as 'K7Q2MX'.")]
PaymentId = Annotated[
    str, Field(description="The id of a gift card or credit card in the user's profile, such as 'gift_card_4421190'.")
]
AirportCode = Annotated[str, Field(description="The airport's three-letter code, such as 'SEA'.")]
Date = Annotated[
    str,
    Field(
        description="The day of departure as YYYY-MM-DD, such as '2024-05-20'.",
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    ),
    AfterValidator(existing_day),
]
Cabin = Annotated[
    Literal["basic_economy", "economy", "business"],
    Field(description="The cabin, the same for every flight of the reservation."),
]
FlightType = Annotated[Literal["one_way", "round_trip"], Field(description="Whether the trip returns to its origin.")]
Insurance = Annotated[Literal["yes", "no"], Field(description="Whether travel insurance is bought.")]
Amount = Annotated[
    float,
    Field(gt=0, le=1_000_000, allow_inf_nan=False, description="The amount in dollars."),
    AfterValidator(whole),
]
BagCount = Annotated[int, Field(ge=0, le=1000)]


class FlightChoice(TypedDict):
    """One flight of an itinerary."""

    flight_number: Annotated[str, Field(description="The flight's number, such as 'HAT021'.")]
    date: Date


class Passenger(TypedDict):
    """One traveller."""

    first_name: Annotated[str, Field(description="Given name.")]
    last_name: Annotated[str, Field(description="Family name.")]
    dob: Annotated[str, Field(description="Date of birth as YYYY-MM-DD.")]


class Payment(TypedDict):
    """A part of the price and what pays it."""

    payment_id: Annotated[str, Field(description="The id of a payment method in the user's profile.")]
    amount: Amount
