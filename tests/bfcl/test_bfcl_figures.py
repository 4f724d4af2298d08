"""The leaderboard's scores, worked out by hand."""

import pytest

from toolgym.benchmark import Share
from toolgym.envs.bfcl.benchmark import BFCL, figures
from toolgym.envs.bfcl.cases import CATEGORIES

SHARES = {
    "simple_python": Share(0.9, 400),
    "simple_java": Share(0.6, 100),
    "simple_javascript": Share(0.75, 50),
    "multiple": Share(0.8, 200),
    "parallel": Share(0.7, 200),
    "parallel_multiple": Share(0.65, 200),
    "irrelevance": Share(0.5, 240),
    "live_simple": Share(0.5, 258),
    "live_multiple": Share(0.6, 1053),
    "live_parallel": Share(0.25, 16),
    "live_parallel_multiple": Share(0.75, 24),
    "live_irrelevance": Share(0.7, 884),
    "live_relevance": Share(0.875, 16),
    "multi_turn_base": Share(0.4, 200),
    "multi_turn_miss_func": Share(0.3, 200),
    "multi_turn_miss_param": Share(0.2, 200),
    "multi_turn_long_context": Share(0.1, 200),
}


def test_by_hand():
    found = figures(SHARES)
    # simple: (0.9 + 0.6 + 0.75) / 3 = 0.75; with multiple, parallel, both: (0.75 + 0.8 + 0.7 + 0.65) / 4 = 2.9 / 4
    assert found["non-live AST"] == pytest.approx(0.725)
    # (129 + 631.8 + 4 + 18) / (258 + 1053 + 16 + 24) = 782.8 / 1351
    assert found["live AST"] == pytest.approx(782.8 / 1351)
    assert found["multi-turn"] == pytest.approx(0.25)  # 1.0 / 4
    assert found["relevance"] == 0.875
    assert found["irrelevance"] == pytest.approx(0.6)  # (0.5 + 0.7) / 2, whatever their sizes
    # v3: non-live with irrelevance (2.9 + 0.5) / 5 = 0.68; live of all 2,251 cases: 782.8 + 618.8 + 14 = 1415.6;
    # multi-turn 0.25: a third each.
    assert found["overall v3"] == pytest.approx((0.68 + 1415.6 / 2251 + 0.25) / 3)
    # v4: (10 * 0.725 + 10 * 782.8 / 1351 + 10 * 0.6 + 30 * 0.25) / 60
    assert found["overall v4 without agentic"] == pytest.approx((7.25 + 7828 / 1351 + 6.0 + 7.5) / 60)
    # (3 * 0.25 + 782.8 / 1351 + 0.725 + 0.6) / 6
    assert found["overall ToolUPT"] == pytest.approx((0.75 + 782.8 / 1351 + 1.325) / 6)


@pytest.mark.parametrize(
    ("missing", "gone"),
    [
        ("simple_java", {"non-live AST", "overall v3", "overall v4 without agentic", "overall ToolUPT"}),
        ("live_parallel", {"live AST", "overall v3", "overall v4 without agentic", "overall ToolUPT"}),
        ("live_relevance", {"relevance", "overall v3"}),
        ("multi_turn_base", {"multi-turn", "overall v3", "overall v4 without agentic", "overall ToolUPT"}),
        ("irrelevance", {"irrelevance", "overall v3", "overall v4 without agentic", "overall ToolUPT"}),
    ],
)
def test_a_figure_without_all_of_its_parts_is_none(missing, gone):
    found = figures({name: share for name, share in SHARES.items() if name != missing})
    assert {name for name, value in found.items() if value is None} == gone


def test_its_parts_are_the_categories():
    assert [part.name for part in BFCL.parts(None)] == list(CATEGORIES) == list(SHARES)
    assert [part.options for part in BFCL.parts(["live_simple", "multiple"])] == [
        {"category": "multiple"},
        {"category": "live_simple"},
    ]
