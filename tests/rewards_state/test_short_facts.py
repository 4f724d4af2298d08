"""A fact that is a word of any sentence ("no", "off") is said as an answer, not inside any sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgym.saying.answers import Answer, Telling, telling
from toolgym.saying.facts import says
from toolgym.saying.short_facts import LITTLE
from toolgym.saying.values import Grounds
from toolgym.tasks import SaidCheck

REQUEST = "What is the insurance of reservation AB12CD?"
GROUNDS = Grounds(lambda: [REQUEST], lambda: [])
OTHER = {"no": "yes", "yes": "no", "off": "on", "on": "off"}

FRAMES = (
    "The insurance is {}.",
    "{}.",
    "Insurance: {}",
    "{}, that is what I see.",
    "It is listed as {} in your record.".replace(" in your record", ""),
    "The answer is {} at the moment.",
    "| insurance | {} |",
    "I looked it up; it is currently {}, as you can see.",
    'The field reads "{}".',
)
"""Ways to answer with a word."""

IDLE = (
    "I have nothing to do.",
    "There is no need to do anything.",
    "I found no reservation AB12CD.",
    "No need to worry: I work on it in your name.",
    "I know nothing of it, none of us do, and all that I can do is look on.",
    "I have no reservation in front of me.",
    "On your behalf I looked up and down in the list for any note.",
    "Is there anything else, yes or so?",
    "Yesterday I noted the offer online.",
    "So far I am not in a position to say so out loud to any or both of you.",
)
"""Sentences that have such words in them and answer nothing."""


def say(text: str, fact: str, forbidden: tuple[str, ...] = ()) -> Telling:
    check = SaidCheck(facts=(fact,), forbidden=forbidden)
    return telling(text, Answer.of(check, REQUEST, (f"The insurance is {fact}.",)), GROUNDS)


@given(st.sampled_from(sorted(LITTLE)), st.sampled_from(FRAMES))
def test_a_little_word_given_as_an_answer_is_told(word: str, frame: str):
    assert say(frame.format(word), word) == "told"
    assert say(frame.format(word).capitalize(), word) == "told"


@given(st.sampled_from(sorted(LITTLE)), st.lists(st.sampled_from(IDLE), min_size=1, max_size=3))
def test_a_sentence_that_happens_to_have_the_word_tells_nothing(word: str, idle: list[str]):
    assert say(" ".join(idle), word) == "silent"


@given(
    st.sampled_from(sorted(LITTLE)),
    st.lists(
        st.sampled_from(["need", "to", "look", "your", "list", "work", "me", "please", "note", "offer"]), min_size=1
    ),
    st.lists(st.sampled_from(["need", "look", "list", "work", "me", "please", "note", "offer"]), min_size=1),
)
def test_between_other_words_it_tells_nothing(word: str, before: list[str], after: list[str]):
    assert say(f"I {' '.join(before)} {word} {' '.join(after)}.", word) == "silent"


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("No, reservation AB12CD is not insured.", "no"),
        ("No it isn't insured.", "no"),
        ("It is not insured: no.", "no"),
        ("Your reservation has no insurance.", "no"),
        ("Yes, it is on the reservation.", "yes"),
        ("The kitchen light is off, on the ground floor.", "off"),
        ("The light is turned on at the moment.", "on"),
        ("You have a plan; it is none.", "none"),
        ("The site is Northgate. You have no insurance plan.", "none"),
        ("Reservation AB12CD has no insurance at the moment.", "none"),
    ],
)
def test_answers_in_other_words(text: str, fact: str):
    forbidden = (OTHER[fact],) if fact in OTHER else ()
    assert say(text, fact, forbidden) == "told"


@given(st.sampled_from(sorted(OTHER)))
def test_the_other_answer_is_wrong(word: str):
    assert say(f"The insurance is {word}. The insurance is {OTHER[word]}.", word, (OTHER[word],)) == "false"
    assert say(f"The insurance is {OTHER[word]}.", word, (OTHER[word],)) == "false"


@pytest.mark.parametrize(
    "text",
    [
        "I have no insurance to show.",
        "It has no bags.",
        "No, it is not.",
        "The insurance is no.",
        "The insurance is Gold. There is no need for more.",
    ],
)
def test_a_no_of_something_else_says_no_none(text: str):
    assert say(text, "none") == "silent"


def test_a_no_that_says_nothing_excuses_no_wrong_answer():
    assert say("No need to worry. The insurance is Gold.", "none", ("Gold",)) == "false"
    assert say("No need to worry. The insurance is yes.", "no", ("yes",)) == "false"


def test_a_no_beside_another_value_is_none():
    assert say("The insurance is Gold. It has no insurance.", "none", ("Gold",)) == "false"


def test_a_code_is_said_as_it_is_written():
    assert say("It is in the state IN.", "IN") == "told"
    assert say("It is in the list.", "IN") == "silent"


@pytest.mark.parametrize(
    ("text", "fact", "expected"),
    [
        ("nothing", "no", False),
        ("a card", "car", False),
        ("two cars", "car", True),
        ("the car's wheel", "car", True),
        ("refunded", "refund", True),
    ],
)
def test_a_fact_of_a_few_letters_is_a_word_of_its_own(text: str, fact: str, expected: bool):
    assert says(text, fact) is expected
