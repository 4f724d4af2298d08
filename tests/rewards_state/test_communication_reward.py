"""What counts as told, and the communication term."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.messages import Turn
from toolgym.rewards.communication import communication_term
from toolgym.saying.facts import Fact, normalise, says
from toolgym.tasks import ChecklistItem, SaidCheck, Task
from toolgym.trajectory import Step, Trajectory


@pytest.mark.parametrize(
    ("text", "fact", "told"),
    [
        ("We refunded $1,250.00.", "1250", True),
        ("USD 1,250 it is", "$1250", True),
        ("That is 50 dollars in all", "$50", True),
        ("It costs 50.50 euros", "50.5", True),
        ("Your new total is $50.", "50", True),
        ("150", "50", False),
        ("50.5", "50", False),
        ("1 250", "1250", False),
        ("on 2024-05-16", "16", False),
        ("at 10:30", "30", False),
        ("seat HAT050", "50", False),
        ("Your code is ABC 123.", "abc123", True),
        ("to NEW   YORK", "New York", True),
        ("You are ineligible", "eligible", False),
        ("It was refunded", "refund", True),
        ("anything", "", True),
        ("", "50", False),
        ("rates: 5%", "5%", True),
    ],
)
def test_facts(text: str, fact: str, told: bool) -> None:
    assert says(text, fact) is told


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**7), st.sampled_from(["{}", "${}", "{}.00", "{} dollars", "USD {}"]), st.booleans())
def test_an_amount_is_told_in_any_usual_form(amount: int, form: str, commas: bool) -> None:
    written = form.format(f"{amount:,}" if commas else str(amount))
    assert says(f"The refund is {written}, as agreed.", str(amount))
    assert not says(f"The refund is {written}, as agreed.", str(amount + 1))


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=40), st.text(max_size=12))
def test_any_strings_can_be_asked_about(text: str, fact: str) -> None:
    assert says(text, fact) in (True, False)
    assert normalise(normalise(text)) is not None


def test_the_term_counts_facts_once() -> None:
    # Three required facts (each 1/3), two forbidden ones (each -1/2). Step 1 tells two: 2/3. Step 2 repeats one,
    # and tells a forbidden one: -1/2. Step 3 tells the third: 1/3.
    checks = (SaidCheck(facts=("10", "20"), forbidden=("99",)), SaidCheck(facts=("30",), forbidden=("98",)))
    task = Task(
        id="t",
        domain="d",
        kind=("k",),
        request="",
        checklist=tuple(ChecklistItem(id=str(i), question="?", check=c) for i, c in enumerate(checks)),
    )
    steps = [Step(Turn(response=text)) for text in ("10 and 20", "10, not 99", "30")]
    values = [communication_term(Trajectory("", "t", steps=steps[:n]), task) for n in (1, 2, 3)]
    assert values == pytest.approx([2 / 3, -1 / 2, 1 / 3])
    assert communication_term(Trajectory("", "t", steps=[Step(Turn(plan="10"))]), task) == 0.0


_TEXTS = st.lists(st.sampled_from(["gold", "50", "1,250", "$", "_", "-", ".", " ", "HAT050", "é", "old"]), max_size=6)


@given(_TEXTS.map("".join), _TEXTS.map("".join))
@settings(max_examples=300, deadline=None)
def test_a_fact_is_found_where_its_pattern_is(fact: str, text: str) -> None:
    made, said = Fact.of(fact), normalise(f"the {text} of {fact[1:]}")
    assert made.found(said) == (made.pattern.search(said) is not None)
    assert made.found(normalise(f"so {fact}")) == (made.pattern.search(normalise(f"so {fact}")) is not None)
