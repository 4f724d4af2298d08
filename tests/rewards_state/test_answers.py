"""What an answer says: it commits to the facts, and a list of candidates is no answer."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.messages import ToolCall, Turn
from toolgym.rewards.checklist import satisfied
from toolgym.saying.answers import MAX_CHARS, Answer, Telling, telling
from toolgym.saying.values import Grounds
from toolgym.tasks import ChecklistItem, GoldAction, SaidCheck, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

REQUEST = "What is the cheapest direct flight from ABC to DEF on 2026-06-20 in economy?"
SHOWN = "HAT123 120 06:30 HAT456 150 09:00 HAT789 170 12:00 XYZ111 999"
FLIGHT = Answer.of(
    SaidCheck(facts=("HAT123", "$120"), forbidden=("HAT456", "HAT789", "$150", "$170")), REQUEST, ("HAT123 for $120.",)
)
SUM_REQUEST = "What do 4 tickets at $96 and 2 bags at $50 cost together?"
SUM = Answer.of(SaidCheck(facts=("$484",)), SUM_REQUEST, ("It comes to $484.",))

HONEST = [
    "Good news: HAT123 is the one you want, at $120 (vs. $150 on HAT456).",
    "HAT456 costs $150 and HAT789 costs $170, so HAT123 at $120 wins.",
    "There's HAT123 for $120 and HAT456 for $150; go with HAT123.",
    "HAT123 - $120. The runner-up, HAT456, is $150.",
    "Flights that day: HAT123 ($120), HAT456 ($150), HAT789 ($170). HAT123 is $30 cheaper.",
    "Of HAT123, HAT456 and HAT789, HAT123 is the cheapest at $120.",
    "HAT123 is cheaper than HAT456 and HAT789: it costs $120, they cost $150 and $170.",
    "While HAT456 costs $150, HAT123 is only $120.",
    "I found three flights: HAT123 at $120, HAT456 at $150, HAT789 at $170. The cheapest is HAT123 at $120.",
    "HAT123 at $120 is the cheapest. HAT456 leaves later and costs $150.",
    "The cheapest one is flight HAT123 for $120, ahead of HAT456 ($150) and HAT789 ($170).",
    "Unlike HAT456 and HAT789, flight HAT123 costs just $120.",
    "HAT123 ($120) beats HAT456 ($150).",
    "Between HAT123, HAT456, and HAT789, the lowest fare is $120 with HAT123.",
    "The cheapest direct flight in economy is HAT123, which costs $120 and departs at 06:30. The next "
    "cheapest is HAT456 at $150.",
    "The cheapest option would be HAT123 for $120. Second is HAT456 for $150, and HAT789 is the most "
    "expensive at $170.",
    "HAT123 it is: $120. (HAT789 would have been $170.)",
    "Fares: HAT123 $120; HAT456 $150; HAT789 $170. Cheapest: HAT123, $120.",
    "I'd recommend HAT123 for $120, since the alternatives HAT456 and HAT789 cost $150 and $170.",
    "Your cheapest flight is HAT123 at $120; HAT456 is $150.",
    "For $120 you can take HAT123. No other direct flight is cheaper.",
    "You can fly with HAT123 at $120. HAT456 would be $150 and HAT789 $170, both more expensive.",
    "The prices are $120 (HAT123), $150 (HAT456) and $170 (HAT789), making HAT123 the cheapest.",
    "Of the three direct flights, HAT123 has the lowest price ($120), followed by HAT456 ($150) and HAT789 ($170).",
    "HAT123 leaves at 06:30 and costs $120, HAT456 leaves at 09:00 and costs $150. The first one, "
    "HAT123, is the cheaper.",
    "HAT456 is sold out in economy, so that leaves HAT123 at $120.",
    "HAT789 and HAT456 are dearer ($170 and $150). HAT123 costs $120.",
    "The cheapest is HAT123 ($120), not HAT456.",
    "| flight | fare |\n|---|---|\n| HAT123 | $120 |\n| HAT456 | $150 |\n\nThe cheapest is HAT123 at $120.",
    "1. HAT123: $120\n2. HAT456: $150\n3. HAT789: $170\nThe cheapest is number 1, HAT123.",
    "It's HAT123 at $120, saving you $30 compared with HAT456.",
]
FALSE = [
    "HAT123 HAT456 HAT789 $120 $150 $170",
    "HAT123, HAT456, HAT789, $120, $150, $170",
    "HAT123 or HAT456 for $120 or $150",
    "The cheapest is HAT123, HAT456 or HAT789, at $120, $150 or $170.",
    "The cheapest is HAT123 at $120. The cheapest is HAT456 at $150.",
    "It is HAT123 at $120. It is HAT456 at $150.",
    "HAT456 $150. HAT123 $120. HAT789 $170.",
    "HAT123, unlike others, $120. HAT456, unlike others, $150.",
    "Others: HAT123 $120. Others: HAT456 $150.",
    "Other than that HAT123 HAT456 HAT789 $120 $150 $170.",
    "So HAT123 at $120. So HAT456 at $150.",
    "HAT123 $120 / HAT456 $150 / HAT789 $170",
    "HAT123 at $120; HAT456 at $150; HAT789 at $170",
    "Flights: HAT123 at $120, HAT456 at $150, HAT789 at $170.",
    "The cheapest is not HAT123 at $120.",
    "Is it HAT123 at $120?",
    "HAT123 for $120, HAT999 for $120.",
    "HAT123 for $121 or $120.",
    "The cheapest is HAT456 at $150; HAT123 costs $120.",
    "The cheapest is HAT456; HAT123 for $120 is not the cheapest.",
    "either HAT123 ($120), or HAT456 ($150)",
    "maybe HAT123 $120 maybe HAT456 $150 maybe HAT789 $170",
    "HAT123 costs $120. HAT456 costs $150. HAT789 costs $170.",
    "You could fly HAT123 for $120 and you could fly HAT456 for $150.",
    "Candidates: HAT123 $120 HAT456 $150",
    "So the answer is HAT456 for $150, and HAT123 is $120.",
    '{"flight_number": "HAT123", "price": 120}, {"flight_number": "HAT456", "price": 150}',
    "HAT123 $120 is full, take HAT456 at $150.",
    "bananas",
    "The cheapest is HAT123 at $120, the cheapest is HAT456 at $150, the cheapest is HAT789 at $170",
    "Your flight is HAT123 ($120). Your flight is HAT456 ($150).",
    "Not HAT456 $150, not HAT789 $170, not HAT123 $120.",
]


def say(text: str) -> Telling:
    return telling(text, FLIGHT, Grounds(lambda: [REQUEST, SHOWN], lambda: []))


def say_sum(text: str) -> Telling:
    return telling(text, SUM, Grounds(lambda: [SUM_REQUEST, "484.0"], lambda: ["4 * 96 + 2 * 50"]))


@pytest.mark.parametrize("text", HONEST)
def test_honest_answers_with_reasons_pass(text: str) -> None:
    assert say(text) == "told"


@pytest.mark.parametrize("text", FALSE)
def test_lists_wrong_claims_and_made_up_values_fail(text: str) -> None:
    assert say(text) != "told"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is $484.", "told"),
        ("4 x 96 = 384, 2 x 50 = 100, 384 + 100 = 484.", "told"),
        ("$484 (that is $121 per ticket, all in)", "told"),
        ("The sum of 384 and 100 is 484.", "told"),
        ("It comes to \uff14\uff18\uff14 dollars.", "told"),
        ("The sum of 484 is $106", "false"),  # 106 is not in the request, nor does it follow from it
        ("484 485", "false"),
        ("$484 or $534", "false"),
        ("384 100 484", "false"),
        (" ".join(map(str, range(5000))), "false"),
        (" ".join(map(str, range(480, 490))), "false"),
        ("four hundred", "silent"),
        ("bananas", "silent"),
    ],
)
def test_figures_that_led_to_a_sum_pass_and_other_numbers_do_not(text: str, expected: str) -> None:
    assert say_sum(text) == expected


@settings(max_examples=100, deadline=None)
@given(
    st.permutations(["HAT123", "HAT456", "HAT789"]),
    st.sampled_from([" ", ", ", " or ", " and ", "/", "; ", "\n", ". "]),
)
def test_no_order_and_no_separator_makes_a_list_an_answer(flights: list[str], separator: str) -> None:
    assert say(separator.join([*flights, "$120", "$150", "$170"])) != "told"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 5000), st.integers(1, 30))
def test_numbers_around_the_right_one_are_no_answer(start: int, count: int) -> None:
    numbers = range(min(start, 484), min(start, 484) + count)
    said = " ".join(map(str, numbers))
    assert (say_sum(said) == "told") == (list(numbers) == [484])


def test_an_answer_is_no_archive() -> None:
    right = "The cheapest is HAT123 at $120. "
    assert say(right + "It is a good one. " * 5) == "told"
    assert say(right + "It is a good one. " * MAX_CHARS) == "false"


def test_a_claim_once_made_stays_made() -> None:
    item = ChecklistItem(id="s", question="?", check=SaidCheck(facts=("gold",), forbidden=("silver",)), required=True)
    task = Task(id="t", domain="d", kind=("k",), request="Which level do I have?", checklist=(item,))

    def told(*texts: str) -> tuple[str, ...]:
        return satisfied(Trajectory("", "t", steps=[Step(Turn(response=text)) for text in texts]), task)

    assert told("You are a gold member, not silver.") == ("s",)
    assert told("Do you mean gold or silver?", "Your level is gold.") == ("s",)  # a question claims nothing
    assert told("You are a silver member.", "Your level is gold.") == ()
    assert told("Your level is not gold.") == ()


def test_ids_in_own_calls_and_in_errors_vouch_for_nothing() -> None:
    check = SaidCheck(facts=("A12",))
    task = Task(
        id="t", domain="d", kind=("k",), request="Which room?", gold=(GoldAction(response="A12"),),
        checklist=(ChecklistItem(id="s", question="?", check=check),),
    )  # fmt: skip
    call = Turn(calls=(ToolCall("look", {"room": "B77"}),))

    def told(result: ToolResult) -> bool:
        steps = [Step(call, (result,)), Step(Turn(response="Room A12 is free. The room B77 is not."))]
        return bool(satisfied(Trajectory("", "t", steps=steps), task))

    assert told(ToolResult("A12 free, B77 taken"))
    assert not told(ToolResult("There is no room B77", is_error=True, outcome="tool_error"))
    assert not told(ToolResult("nothing"))


NASTY = {
    "spaces": lambda n: "HAT123 120 HAT456 us" + " " * n + "x",
    "lists": lambda n: "HAT123 120 HAT456, " * (n // 20),
    "cues": lambda n: "HAT123 120 HAT456, " + "so, " * (n // 4),
    "turns": lambda n: "HAT123 120 " + "but HAT456 " * (n // 11),
    "negations": lambda n: "HAT123 120" + " not" * (n // 4) + " HAT123 120",
    "brackets": lambda n: "HAT123 120 HAT456" + "(" * n,
    "lines": lambda n: "HAT123 120 HAT456" + "\n" * n + "x",
    "sentences": lambda n: "HAT123 is 120. " * (n // 15),
}


@pytest.mark.parametrize("kind", NASTY)
def test_time_grows_no_faster_than_the_answer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgym.saying.answers.MAX_CHARS", 10**9)

    def cost(size: int) -> float:
        text = NASTY[kind](size)
        samples = []
        for _ in range(3):
            started = time.thread_time()
            say(text)
            samples.append(time.thread_time() - started)
        return min(samples)

    # Linear is 4, quadratic 16; both sizes are beyond what is kept in a cache.
    assert cost(40_000) < 10 * cost(10_000) + 0.02
