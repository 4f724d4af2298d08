"""The benchmarks of rollouts: late tools change no token, and many episodes over HTTP all end."""

import pytest

from benchmarks.concurrency import CALLS, gymnasiums, ours
from benchmarks.rollout_latency import TOOLS, Clock, measure


@pytest.mark.slow
@pytest.mark.parametrize("cpu_time", [False, True])
def test_late_tools_change_no_token(cpu_time: bool) -> None:
    rows = measure(episodes=3, slots=2, rounds=1, mean_s=0.01, clock=Clock(cpu_time))
    assert [(row["tools"], row["same_tokens"]) for row in rows] == [(tools, 3) for tools in TOOLS]  # none of 3 hangs
    assert all(row["wall_s"] > 0 and row["ratio_from"] <= row["ratio"] <= row["ratio_to"] for row in rows)


def test_many_episodes_over_http_all_end() -> None:
    row = ours(count=20, episodes=30)
    assert row["outcomes"] == {"unsolved": 30}  # their calls answer nobody's request, and the goodbye ends them
    assert row["turns"] == 30 * (CALLS + 1)


@pytest.mark.slow
def test_gymnasiums_processes_take_as_many_turns() -> None:
    assert gymnasiums(2, 1)["turns"] == 2 * (CALLS + 1)
