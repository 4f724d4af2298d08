"""When the scripted user's conversation ends: by what a response says, not by a word in it."""

import runpy
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.tasks import Task, UserScript
from toolgym.users import ScriptedUser
from toolgym.users.closing import closes

CORPUS = runpy.run_path(str(Path(__file__).with_name("closing_corpus.py")))
SCRIPT = UserScript(opening="I want to cancel my trip.", facts={"reservation id": "It is K7Q2MX."})
TASK = Task(id="t", domain="d", kind=("cancel",), request="Cancel K7Q2MX.", user=SCRIPT)


def ends(response: str) -> bool:
    user = ScriptedUser()
    user.start(TASK)
    return user.reply(response).done


@pytest.mark.parametrize("response", CORPUS["CLOSING"])
def test_what_closes_a_conversation_ends_it(response: str) -> None:
    assert ends(response)


@pytest.mark.parametrize("response", CORPUS["OPEN"])
def test_what_leaves_something_open_does_not(response: str) -> None:
    assert not ends(response)


VERBS = st.sampled_from(
    [
        "cancelled",
        "booked",
        "updated",
        "changed",
        "refunded",
        "exchanged",
        "returned",
        "upgraded",
        "modified",
        "removed",
    ]
)
THINGS = st.sampled_from(["Your trip", "The order", "Reservation K7Q2MX", "Your second bag", "The payment of $12.50"])
DONE = ["{thing} has been {verb}.", "{thing} is now {verb}.", "{thing} has just been {verb}, as you wished."]
NOT_DONE = [
    "{thing} has not been {verb} yet.",
    "{thing} hasn't been {verb}.",
    "{thing} was {verb} last week.",
    "{thing} was {verb} by the airline.",
    "{thing} can be {verb}.",
    "{thing} would have been {verb}.",
    "{thing} will be {verb} once you agree.",
    "Once {thing} is {verb}, I can go on.",
    "If {thing} is {verb}, there is a fee.",
    "Has {thing} been {verb}?",
    "I will make sure that {thing} is {verb}.",
    "{thing} needs to be {verb}.",
    "{thing} has been {verb}. Please tell me your date of birth.",
    "{thing} has been {verb}. Next, I will look at the other one.",
    "It seems that {thing} has been {verb}.",
]
AROUND = st.sampled_from(["", "Thank you for waiting.", "I looked at your account.", "The fare is $120.50."])


@settings(max_examples=150)
@given(template=st.sampled_from(DONE), verb=VERBS, thing=THINGS, before=AROUND)
def test_what_is_done_ends_it_whatever_stands_before(template: str, verb: str, thing: str, before: str) -> None:
    assert ends(f"{before} {template.format(thing=thing, verb=verb)}".strip())


@settings(max_examples=150)
@given(template=st.sampled_from(NOT_DONE), verb=VERBS, thing=THINGS, before=AROUND)
def test_the_same_words_unsaid_do_not(template: str, verb: str, thing: str, before: str) -> None:
    assert not ends(f"{before} {template.format(thing=thing, verb=verb)}".strip())


@pytest.mark.parametrize(
    "piece", ["is done yet ", "if it is done, ", "sorry ", "has been now ", "was booked and ", "x: "]
)
def test_reading_a_long_response_is_bounded(piece: str) -> None:
    """Only its end is looked at: ten times the text takes no longer."""

    def seconds(count: int) -> float:
        best = float("inf")
        for _ in range(3):
            begin = time.process_time()
            closes(piece * count)
            best = min(best, time.process_time() - begin)
        return best

    assert seconds(30_000) < 4 * seconds(3_000) + 0.01
