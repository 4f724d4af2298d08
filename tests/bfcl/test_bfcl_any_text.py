"""Whatever a model writes: a call's text always shows a text, and a message in the prompting form means a turn."""

import keyword
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.envs.bfcl import check_multi_turn, replay
from toolgym.envs.bfcl.text_format import FORMAT, parse, render, segments
from toolgym.messages import ToolCall, Turn

CASE = {
    "id": "multi_turn_base_9",
    "involved_classes": ["GorillaFileSystem", "MathAPI"],
    "initial_config": {"GorillaFileSystem": {"root": {"old.txt": "old"}}},
    "ground_truth": [["ls()"]],
}
PIECES = st.sampled_from(
    [*"()[]{},='\"*+-./:;#\\ \n", "ls", "cd", "echo", "mean", "content", "lambda", "f'", "1", "1e9", "None", "x", "**"]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join))
slowly = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

NAMES = st.text(string.ascii_letters, min_size=1, max_size=8).filter(lambda name: not keyword.iskeyword(name))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
CALLS = st.builds(ToolCall, NAMES, st.dictionaries(NAMES, VALUES, max_size=3))


@slowly
@given(texts=st.lists(TEXTS, min_size=1, max_size=30))
def test_any_text_shows_a_text_and_has_a_verdict(made_up_bfcl, texts):
    shown, _ = replay(CASE, [[texts]], data=made_up_bfcl)
    assert len(shown[0][0]) == len(texts)
    assert all(isinstance(text, str) for text in shown[0][0])
    assert check_multi_turn(
        CASE,
        [
            [texts],
        ],
        data=made_up_bfcl,
    ) == check_multi_turn(CASE, [[texts]], data=made_up_bfcl)


@slowly
@given(calls=st.lists(CALLS, min_size=1, max_size=3))
def test_calls_mean_themselves(calls):
    turn = Turn(calls=tuple(calls), format=FORMAT)
    text = render(turn)
    read = parse(text)
    if read.format == FORMAT:  # a text that holds a tag of ours is read as such
        assert read.calls == turn.calls
        assert read.response is None


@slowly
@given(text=TEXTS)
def test_any_message_means_a_turn_and_its_parts_cover_it(text):
    turn = parse(text)
    assert turn.text == text
    spans = segments(text)
    assert "".join(text[span.start : span.end] for span in spans) == text
