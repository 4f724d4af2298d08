"""What an operation on a reservation is, and what the makers of operations share."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final

from toolgym.envs.airline.rules import TODAY
from toolgym.envs.airline.story import Do, Run, Scene, call
from toolgym.tasks import Assertion, RefusedCheck

__all__ = [
    "Known",
    "Operation",
    "Prepared",
    "ahead",
    "equals",
    "flight_choices",
    "payment_facts",
    "refusal",
    "status_of",
    "undisturbed",
]


@dataclass(slots=True)
class Known:
    """What the agent knows of the trip at some point of the script."""

    record: dict[str, Any]
    user: dict[str, Any] | None = None

    @property
    def rid(self) -> str:
        return self.record["reservation_id"]

    def membership(self) -> Generator[Do, list[Any], str]:
        """The owner's membership, looked up where it is not known yet."""
        user = self.user
        if user is None:
            user_id = self.record["user_id"]
            user = self.user = (yield Do(f"Membership of {user_id}.", (call("user", {"user_id": user_id}),)))[0]
        return user["membership"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation made for one trip."""

    topic: str
    values: dict[str, Any]
    outline: str
    run: Callable[[Known], Run]
    opening: str
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """How it is prepared (None: this trip does not suit), its calls, and whether the policy forbids it."""

    prepare: Callable[[Scene, dict[str, Any]], Prepared | None]
    kinds: tuple[str, ...]
    needs_membership: bool = False
    refused: bool = False
    """The agent looks, refuses and changes nothing."""

    @property
    def writes(self) -> bool:
        return not self.refused and self.kinds not in ((), ("calculate",))


def ahead(trip: dict[str, Any]) -> bool:
    """Whether all segments are after today."""
    return all(segment["date"] > TODAY.isoformat() for segment in trip["flights"])


def status_of(scene: Scene, segment: dict[str, Any]) -> str:
    """The status of a segment's flight on its date."""
    return scene.base.tables["flights"][segment["flight_number"]]["dates"][segment["date"]]["status"]


def undisturbed(scene: Scene, trip: dict[str, Any]) -> bool:
    """Whether all segments are still to come and can be booked."""
    return ahead(trip) and all(status_of(scene, segment) == "available" for segment in trip["flights"])


def equals(rid: str, path: str, value: Any) -> Assertion:
    """The reservation has the value at the path in the end."""
    return Assertion(table="reservations", key=rid, path=path, value=value)


_REFUSALS: Final[dict[str, tuple[str, str]]] = {
    "cancel": ("cancel refund flown insur", "cancelled canceled refunded voided"),
    "cabin": ("cabin upgrade class chang flown business economy", "changed upgraded moved switched updated rebooked"),
    "flights": ("flight chang mov date basic rebook reschedul", "changed moved rebooked switched updated rescheduled"),
    "bags": ("bag luggage remov suitcase", "removed taken deleted reduced dropped"),
    "passengers": ("passenger people person travel add number join seat", "added included booked joined"),
    "compensation": (
        "compensat certificate entitle eligib qualif due payment voucher insur",
        "sent issued granted credited compensated paid",
    ),
}
"""What is refused -> beginnings of the words for it and for its rule, verbs that would claim that it was done."""


def refusal(rid: str, what: str) -> tuple[RefusedCheck, ...]:
    """What a customer must be told who asks for something forbidden of this reservation."""
    about, done = _REFUSALS[what]
    unrelated = tuple(words.split()[0] for other, (words, _) in _REFUSALS.items() if other != what)
    return (RefusedCheck(about=tuple(about.split()), unrelated=unrelated, done=tuple(done.split()), subject=rid),)


def flight_choices(record: dict[str, Any]) -> list[dict[str, Any]]:
    """A reservation's flights as the tools take them."""
    return [{"flight_number": s["flight_number"], "date": s["date"]} for s in record["flights"]]


def payment_facts(pay: str, more: dict[str, str]) -> dict[str, str]:
    """What the customer can be asked about an operation that is paid for."""
    return {**more, "payment": f"Use {pay}."}
