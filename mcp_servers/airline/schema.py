"""The types of the airline tools' parameters: what a model is told of them, and what the standard dialect enforces."""

import datetime
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import AfterValidator, Field, SkipValidation
from typing_extensions import TypedDict

from toolgym.mcp.server import ToolError
from toolgym.world import World, copy_json

_MAX_PROBLEM = 100
"""Characters of a Python error that a refusal quotes; a KeyError repeats what was sent."""


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


def unenforced(tool: Callable[..., Any]) -> Callable[..., Any]:
    """The tool with its types advertised but not enforced, as an untyped implementation behaves.

    Whatever Python then stumbles over (a missing key, a wrong type) is a refusal.
    """
    hints = get_type_hints(tool, include_extras=True)
    signature = inspect.signature(tool)
    enforced = {"world", "return"}
    loose: dict[str, Any] = {name: hint if name in enforced else SkipValidation[hint] for name, hint in hints.items()}

    @functools.wraps(tool)
    def lenient(world: World, *args: Any, **kwargs: Any) -> Any:
        try:
            # Copied, because a value of the wrong type may be stored where a plain string or number is expected.
            return tool(world, *copy_json(list(args)), **copy_json(kwargs))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"[:_MAX_PROBLEM]
            raise ToolError(f"these arguments cannot be used ({problem})") from error

    del lenient.__wrapped__
    lenient.__annotations__ = loose
    lenient.__signature__ = signature.replace(  # pyright: ignore[reportAttributeAccessIssue]
        parameters=[parameter.replace(annotation=loose[name]) for name, parameter in signature.parameters.items()]
    )
    return lenient
