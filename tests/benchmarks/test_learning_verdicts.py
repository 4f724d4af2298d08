"""The learning benchmark's paired differences: by hand, and on simulated rows whose difference is known."""

import numpy as np
import pytest

from benchmarks.learning_verdicts import Difference, paired_difference, paired_interval, verdict_of


def test_an_interval_over_two_seeds_by_hand() -> None:
    # Seeds differ by 0.2 and 0.4 on every task: mean 0.3, effects -0.1 and 0.1, and tasks have none. Widened by
    # sqrt(2 / 1) * 12.7062 / 1.959964 = 9.168: two draws give -0.9168, 0, 0 or 0.9168, each as likely, so that the
    # outermost 2.5% at each end are the outermost values.
    low, high = paired_interval(np.array([[0.2] * 4, [0.4] * 4])) or (0, 0)
    assert low == pytest.approx(0.3 - 0.9168, abs=1e-4)
    assert high == pytest.approx(0.3 + 0.9168, abs=1e-4)
    assert paired_interval(np.array([[0.2, 0.4]])) is None


def test_an_interval_over_tasks_alone() -> None:
    # Seeds that agree, tasks of 0 or 1: 50 tasks have a standard error of 0.5 / sqrt(50) = 0.0707, more seeds on the
    # same tasks say no more of other tasks: 0.5 +- 1.96 * 0.0707 = 0.361 to 0.639.
    low, high = paired_interval(np.tile(np.arange(50) % 2, (5, 1)).astype(float)) or (0, 0)
    assert low == pytest.approx(0.361, abs=0.02)
    assert high == pytest.approx(0.639, abs=0.02)


def test_a_difference_pairs_seeds_and_tasks() -> None:
    # Seed 1 alone is both rows'; of its tasks c has no trial left in the other: a differs by 1 - 0.5, b by 0 - 0.5.
    row = {1: {"a": [True, True], "b": [False], "c": [True]}, 2: {"a": [True]}}
    other = {1: {"a": [True, False], "b": [True, False], "c": []}, 3: {"a": [False]}}
    assert paired_difference(row, other) == Difference(0.0, None, (1,), 2)
    assert paired_difference(row, {7: {"a": [True]}}) is None
    assert paired_difference({1: {"a": [True]}}, {1: {"b": [True]}}) is None


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.021, 0.05), "shown"),
        ((-0.05, 0.019), "refuted"),
        ((0.019, 0.021), "not told"),
        ((0.02, 0.05), "not told"),
        (None, "not told"),
    ],
)
def test_verdicts_of_a_claim_of_two_points(interval: tuple[float, float] | None, verdict: str) -> None:
    assert verdict_of(Difference(0.02, interval, (0, 1), 10), 0.02) == verdict
    assert verdict_of(None, 0.02) == "not told"


def simulated(rng: np.random.Generator, effect: float, seeds: int = 5, tasks: int = 60) -> np.ndarray:
    """The difference of two rows of 8 trials a task whose true one is `effect`; other tasks and seeds move both."""
    base_N = rng.uniform(0.25, 0.6, tasks)
    rows = []
    for shift in (effect, 0.0):
        share_RN = base_N + shift + rng.normal(0, 0.05, tasks) + rng.normal(0, 0.03, (seeds, 1))
        rows.append(rng.binomial(8, np.clip(share_RN, 0, 1)) / 8)
    return rows[0] - rows[1]


def verdicts(effect: float, threshold: float, count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    out = []
    for _ in range(count):
        interval = paired_interval(simulated(rng, effect), resamples=500)
        out.append(verdict_of(Difference(0.0, interval, (0, 1, 2, 3, 4), 60), threshold))
    return out


def test_no_effect_is_not_told_about_95_percent_of_the_time() -> None:
    found = verdicts(0.02, 0.02, 400, seed=0)
    # 0.95 of 400 is 380, with a standard error of 4.4: 367 to 393 are three of them.
    assert 367 <= found.count("not told") <= 396
    assert found.count("shown") <= 20
    assert found.count("refuted") <= 20


def test_an_effect_is_found_and_its_absence_too() -> None:
    assert verdicts(0.25, 0.02, 40, seed=1).count("shown") >= 36
    assert verdicts(-0.25, 0.02, 40, seed=2).count("refuted") >= 36
