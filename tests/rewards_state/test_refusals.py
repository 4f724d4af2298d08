"""What counts as a refusal: natural words for each of the airline's rules, and claims that are none."""

import time
from functools import cache
from typing import Any

import pytest

from toolgym.messages import Turn
from toolgym.registration import make_domain
from toolgym.rewards.checklist import satisfied
from toolgym.saying.refusals import Refusal, refusing
from toolgym.tasks import ChecklistItem, GoldAction, RefusedCheck, Task
from toolgym.trajectory import Step, Trajectory

REFUSALS = {
    "cancel": [
        "Sorry, WHSB2X cannot be cancelled: basic_economy, not insured, own wish.",
        "I'm sorry, but I can't cancel this reservation because one of its flights has already been flown.",
        "Unfortunately your trip isn't eligible for cancellation: it is in economy without insurance, and it "
        "was booked more than 24 hours ago.",
        "Our policy does not allow me to cancel WHSB2X. It was not booked within the last 24 hours, it is "
        "not in business, and we did not cancel any of its flights.",
        "I am unable to cancel this booking; changed plans are not a reason that insurance covers.",
        "This reservation can only be cancelled if it is insured and you are ill, which is not the case.",
        "A trip that has been flown cannot be cancelled any more.",
        "I have to decline: a change of mind is not covered by the insurance.",
        "Cancellation isn't possible for this booking since you have no insurance.",
        "Regrettably, I must refuse the cancellation of WHSB2X.",
        "You do not qualify for a cancellation, because the trip has no insurance and is in economy.",
        "I understand that your plans changed, but the rules do not permit a refund here.",
        "Reservation WHSB2X is non-refundable under our policy. Nothing has been changed.",
        "The reservation has to stay as it is: none of the four grounds for cancelling it applies.",
        "I looked at your reservation. Because it was flown on 2026-06-10, it may no longer be cancelled.",
    ],
    "compensate": [
        "Sorry, no compensation is due for 5F8R1E.",
        "I'm afraid you are not entitled to a certificate: you are a regular member without insurance, flying economy.",
        "Although your flight OI122 was cancelled, compensation is only for silver and gold members, insured "
        "customers, or business.",
        "Unfortunately I cannot offer compensation for the delay.",
        "Regular members without insurance do not get compensation unless they fly business.",
        "Your reservation isn't insured and you hold regular status, so you are not eligible for compensation.",
        "We cannot send you a certificate for this flight.",
        "I checked 5F8R1E. Nothing is due, since it is an uninsured economy trip of a regular member.",
        "I regret that flight OI122 was delayed. There is no compensation for uninsured regular members in economy.",
        "No certificate can be issued for this reservation under our policy.",
        "The policy excludes regular customers in economy without insurance from compensation.",
        "I must decline your request for compensation.",
    ],
    "cabin": [
        "Sorry, the cabin of YC4NZV cannot be changed: flown.",
        "I can't upgrade this trip because part of it has been flown already.",
        "The cabin of a reservation that was flown may not be changed.",
        "Your outbound flight has already departed, so a change of cabin isn't possible any more.",
        "Unfortunately it is too late to change the cabin: the trip began on 2026-06-12.",
        "Upgrades are only possible before the first flight. Yours was on 2026-06-11.",
        "I am not able to move you to business, as the reservation is flown.",
        "YC4NZV is flown, and the policy does not allow cabin changes on flown reservations.",
        "I'm sorry, the cabin has to remain economy; flown trips are final.",
        "We don't change cabins once a flight of the trip is in the past.",
    ],
    "flights": [
        "Sorry, the flights of YC4NZV cannot be changed: basic_economy.",
        "Your reservation is in basic economy, and basic economy flights can't be changed.",
        "I'm unable to move this trip to another date, because basic economy tickets do not permit changes of flights.",
        "Basic economy reservations keep their flights. I have changed nothing.",
        "Unfortunately, flight changes aren't allowed in basic_economy.",
        "I cannot put your trip on the latest flight of 2026-06-20: it is a basic economy reservation.",
        "The policy forbids changing the flights of basic_economy reservations.",
        "It is not possible to rebook YC4NZV. You could change the cabin instead, since that is allowed in "
        "basic economy.",
        "Flights in basic economy are fixed, so the date must stay.",
        "You asked for another flight. With a basic economy fare I may not do that.",
        "I won't be able to change the flights of this booking, as it's in basic economy.",
    ],
    "bags": [
        "Sorry, bags of VB0DNU cannot be removed.",
        "Bags can be added, but they cannot be removed.",
        "I'm afraid that checked bags can't be taken off a reservation.",
        "Our rules only allow adding bags, not removing them.",
        "Removing a bag is not possible; you simply need not bring it.",
        "I am not able to reduce the number of bags on VB0DNU.",
        "Unfortunately the policy does not permit fewer bags than were booked.",
        "No bag can be dropped from this trip, sorry.",
        "I can't do that: once added, bags stay on the reservation.",
        "Your two bags must stay on the booking; bags are never removed.",
    ],
    "add_passenger": [
        "Sorry, no passenger can be added to VPHZTL.",
        "The number of passengers on a reservation cannot be changed.",
        "I can't add a passenger to this booking. Your friend would need a booking of their own.",
        "Unfortunately we are unable to add Mia Silva to VPHZTL.",
        "Passengers can be replaced or corrected but not added.",
        "It isn't possible for another person to join this reservation.",
        "The passenger count is fixed once a trip is booked, so I have to refuse.",
        "I'm sorry: our policy doesn't allow more passengers than were booked.",
        "Adding people is against our policy.",
        "I can correct names, but not the number of travellers.",
    ],
}
OTHERS = {
    "cancel": [
        "bananas",
        "Done.",
        "All done, as you asked.",
        "WHSB2X is cancelled.",
        "I have cancelled your reservation.",
        "Your trip has been cancelled and $200 will be refunded.",
        "It is done.",
        "I cannot see why not: WHSB2X is cancelled.",
        "Your reservation was cancelled. I cannot do more.",
        "bananas cannot fly",
        "Sure, no problem, I've cancelled it.",
        "Unfortunately your trip is now cancelled.",
        "I have nothing to do.",
        "Could you tell me why you want to cancel?",
        "Nothing could be easier: it's cancelled.",
        "The cancellation is complete.",
        "You asked me to cancel WHSB2X.",
        "Sorry for the inconvenience!",
    ],
    "flights": [
        "It is done: you are on the latest flight",
        "Your trip is changed to OI451 on 2026-06-20.",
        "I moved it.",
        "You are now on the latest flight of 2026-06-20; the policy does not allow refunds.",
        "I've rebooked you. No fee applies.",
        "Your flights have been changed successfully. This cannot be undone.",
        "Everything is arranged.",
        "The latest flight is OI451.",
        "basic_economy",
    ],
    "compensate": [
        "A certificate of $100 is sent.",
        "I have issued a certificate of $50, although that is not allowed.",
        "You will get a certificate.",
        "Compensation was granted.",
        "Done, the voucher has been sent.",
        "Here is your certificate.",
    ],
    "cabin": [
        "YC4NZV is changed to business.",
        "You are upgraded. The policy does not allow this, but I made an exception.",
        "It is done.",
        "Your cabin is business now.",
    ],
    "bags": [
        "VB0DNU has 1 bags.",
        "One bag has been removed.",
        "I've removed the bag; it cannot be added again.",
        "Bag removed.",
    ],
    "add_passenger": [
        "VPHZTL is changed.",
        "Mia Silva is added. No further passenger can be added.",
        "I have added your friend to the booking.",
        "Your friend is now included.",
    ],
}


@cache
def checks() -> dict[str, RefusedCheck]:
    """Act -> what the first training task has that asks for nothing else, and is refused."""
    domain: Any = make_domain("airline", size="small")
    maker, found = domain.new_maker("train"), {}
    for index in range(2000):
        recipe = maker.recipe(index)
        if recipe.refused and len(recipe.outlines) == 1 and (act := recipe.outlines[0].acts[-1]) not in found:
            task = domain.tasks("train")[index]
            (found[act],) = (item.check for item in task.checklist if isinstance(item.check, RefusedCheck))
    return found


def refusal(subject: str, act: str) -> RefusedCheck:
    return checks()[act].model_copy(update={"subject": subject})


def of(act: str) -> Refusal:
    return Refusal.of(refusal("X1", act), ("Sorry, that cannot be done.",))


def cases(corpus: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(rule, text) for rule, texts in corpus.items() for text in texts]


def test_the_corpus_is_large_enough() -> None:
    assert len(cases(REFUSALS)) >= 60
    assert REFUSALS.keys() == OTHERS.keys()


@pytest.mark.parametrize(("rule", "text"), cases(REFUSALS))
def test_natural_refusals_count(rule: str, text: str) -> None:
    assert refusing(text, of(rule)) == "told"


@pytest.mark.parametrize(("rule", "text"), cases(OTHERS))
def test_claims_and_other_sentences_do_not(rule: str, text: str) -> None:
    assert refusing(text, of(rule)) != "told"


def test_one_part_is_refused_and_another_done() -> None:
    """Where the right answer says that something else was done, only claims about the refused thing spoil it."""
    item = ChecklistItem(id="r", question="?", check=refusal("Q7K2MZ", "cabin"))
    gold = GoldAction(response="Sorry, the cabin of Q7K2MZ cannot be changed: flown. WHSB2X is changed to economy.")
    task = Task(id="t", domain="d", kind=("k",), request="", gold=(gold,), checklist=(item,))

    def told(text: str) -> bool:
        return bool(satisfied(Trajectory("", "t", steps=[Step(Turn(response=text))]), task))

    assert told(gold.response or "")
    assert told("I have changed WHSB2X to economy, but Q7K2MZ is flown. Its cabin cannot be changed.")
    assert not told("The cabin of a flown trip cannot be changed. Q7K2MZ is changed to business.")
    assert not told("WHSB2X is changed to economy.")


def test_time_grows_no_faster_than_the_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgym.saying.refusals.MAX_CHARS", 10**9)
    prepared = Refusal.of(RefusedCheck(), ())

    def cost(text: str) -> float:
        samples = []
        for _ in range(3):
            started = time.thread_time()
            refusing(text, prepared)
            samples.append(time.thread_time() - started)
        return min(samples)

    for piece in ("it is now ", "against our ", "cannot ", "all ", "\n", "(", "you are now all "):
        assert cost(piece * 8_000) < 10 * cost(piece * 2_000) + 0.02, piece
