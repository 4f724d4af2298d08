"""One normal form for text, wherever rewards compare it, in linear time."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.rewards.assertions import states_equal
from toolgym.rewards.checklist import includes
from toolgym.rewards.matching import PreparedCall, same_value
from toolgym.saying.facts import normalise, says
from toolgym.saying.text_form import plain, same_text
from toolgym.tasks.linting import _INJECTION, _repeats_a_repetition


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("on 2024\u201105\u201101", "2024-05-01"),
        ("on 2024\u201305\u201301", "2024-05-01"),
        ("Jose\u0301 flies", "Jos\xe9"),
        ("Jos\xe9 flies", "Jose\u0301"),
        ("it\u2019s open", "it's open"),
        ("\u201cgold\u201d", '"gold"'),
        ("at \u22125 degrees", "-5"),
        ("1\u202f234 in all", "1234"),
        ("1\u00a0234\u00a0567", "1234567"),
        ("1\u2009234.50", "$1,234.5"),
        ("1\u2019250 francs", "1250"),
        ("\uff11\uff12\uff13", "123"),
        ("\u0663\u0664", "34"),
        ("HAT\u200b123", "HAT123"),
        ("New\u00a0York", "new york"),
        ("the cabin is basic economy", "basic_economy"),
    ],
)
def test_what_looks_the_same_is_told(text: str, fact: str) -> None:
    assert says(text, fact)


@pytest.mark.parametrize(
    ("text", "fact"), [("at \u22125 degrees", "5"), ("5\u00b2", "52"), ("1 250", "1250"), ("Jose", "Jos\xe9")]
)
def test_what_looks_different_is_not(text: str, fact: str) -> None:
    assert not says(text, fact)


def test_arguments_and_states_compare_in_the_normal_form() -> None:
    decomposed, composed = (
        {"name": "Jose\u0301", "day": "2024\u201105\u201101"},
        {"name": "Jos\xe9", "day": "2024-05-01"},
    )
    assert includes(decomposed, composed)
    assert same_value(decomposed, composed)
    assert PreparedCall.of("f", composed).similarity(decomposed) == 1.0
    assert PreparedCall.of("f", {"people": [composed]}).similarity({"people": [decomposed]}) == 1.0
    assert states_equal({"t": {"k": decomposed}}, {"t": {"k": composed}})
    assert not same_value({"name": "Jose"}, composed)
    assert not states_equal({"t": {"k": {"name": "JOS\xc9"}}}, {"t": {"k": {"name": "jos\xe9"}}})


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=30))
def test_the_normal_form_of_any_text_is_stable(text: str) -> None:
    assert same_text(text, text)
    assert isinstance(normalise(text), str)
    if text.isascii() and "'" not in text:
        assert plain(text) == text


PIECES = [
    "us",
    " ",
    "1.",
    "1,",
    "1 ",
    "\u0301\u0316",
    "\u093c\u094d",
    "\u00a01",
    "$",
    "\n",
    "1 usd",
    "a_",
    "\u2014",
    "'1",
]


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
@pytest.mark.parametrize("start", ["us", "e", "1."])
def test_any_message_is_searched_in_linear_time(start: str, piece: str) -> None:
    """`us` and 30,000 spaces took seconds; the growth from n to 4n tells (linear 4, quadratic 16)."""

    def cost(times: int) -> float:
        text = start + piece * times + "x"
        samples = []
        for _ in range(3):
            begun = time.thread_time()
            says(text, "HAT123")
            samples.append(time.thread_time() - begun)
        return min(samples)

    assert cost(40_000) < 10 * cost(10_000) + 0.02


def test_long_texts_are_not_kept() -> None:
    from toolgym.saying import facts

    before = facts._kept.cache_info().currsize
    for number in range(100):
        normalise(f"{number} " + "x" * 5_000)
    assert facts._kept.cache_info().currsize == before
    assert (facts._kept.cache_info().maxsize or 0) * facts._KEPT_CHARS < 1_000_000


@pytest.mark.parametrize(
    ("pattern", "slow"),
    [("(a+)*", True), ("(a*b)+", True), ("(ab)*", False), ("a+(b)", False), ("(a+)b(c)*", False), ("((a+)+)", True)],
)
def test_repeated_repetitions_are_found(pattern: str, slow: bool) -> None:
    assert _repeats_a_repetition(pattern) is slow


def test_a_server_s_text_is_searched_in_linear_time() -> None:
    def cost(run: object, text: str) -> float:
        samples = []
        for _ in range(3):
            begun = time.thread_time()
            run(text)  # type: ignore[operator]
            samples.append(time.thread_time() - begun)
        return min(samples)

    for piece in ("\n", " ", "ignore ", "user "):
        assert cost(_INJECTION.search, piece * 40_000) < 10 * cost(_INJECTION.search, piece * 10_000) + 0.02, piece
    for piece in ("(", "(+", "+", ")("):
        small, large = cost(_repeats_a_repetition, piece * 10_000), cost(_repeats_a_repetition, piece * 40_000)
        assert large < 10 * small + 0.02, piece
