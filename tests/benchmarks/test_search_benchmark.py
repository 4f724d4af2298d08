"""`benchmarks/search.py`: what plain sampling would have reached, by hand, and what a search is held against."""

import pytest

from benchmarks.search import Kept, Played, Sampled, at_tokens, by_logprob, by_majority, by_outcome, compare, picked
from toolgym.errors import ConfigError


def pool(*episodes: tuple[float, str, bool]) -> list[Sampled]:
    """Episodes of ten tokens: score, ending, solved."""
    return [Sampled(10, score, key, True, solved) for score, key, solved in episodes]


ONE = pool((0.9, "x", False), (0.5, "y", True), (0.7, "y", True), (0.1, "z", False))
TWO = pool((0.2, "x", True), (0.3, "x", True), (0.4, "x", True), (0.5, "y", False))


def test_plain_sampling_by_hand():
    # One of four at random.
    assert picked([ONE, TWO], 1, by_logprob).tolist() == picked([ONE, TWO], 1, by_majority).tolist() == [0.5, 0.75]
    # Neighbours on a ring. ONE: 0.9 of (0.9, 0.5) fails, 0.7 of (0.5, 0.7) and of (0.7, 0.1) solve, 0.9 of (0.1, 0.9)
    # fails. TWO: 0.3, 0.4 solve, 0.5 twice fails.
    assert picked([ONE, TWO], 2, by_logprob).tolist() == [0.5, 0.5]
    # Of all four: 0.9 fails and y has two votes; 0.5 fails and x has three votes.
    assert picked([ONE, TWO], 4, by_logprob).tolist() == [0.0, 0.0]
    assert picked([ONE, TWO], 4, by_majority).tolist() == [1.0, 1.0]
    # Two neighbours without a solved one: only (z, x) of ONE.
    assert picked([ONE, TWO], 2, by_outcome).tolist() == [0.75, 1.0]


def test_as_many_tokens_are_interpolated():
    shares, count = at_tokens([ONE, TWO], 15.0, by_logprob)
    assert count == 1.5
    assert shares.tolist() == [0.5, 0.625]
    # Fewer than an episode's tokens are one episode, and more than the pool's are the pool.
    assert at_tokens([ONE, TWO], 1.0, by_logprob)[1] == 1.0
    assert at_tokens([ONE, TWO], 99.0, by_logprob)[1] == 4.0


@pytest.mark.parametrize(
    ("solved", "search", "said"),
    [
        (True, "mcts", "beats sampling and greedy"),
        (False, "mcts", "worse than sampling"),
        (True, "mcts:scorer=verified", "an upper bound: knows the outcome"),
    ],
)
def test_a_search_is_held_against_as_many_tokens(solved, search, said):
    pools = {f"task {at}": (ONE, TWO)[at % 2] for at in range(20)}
    played = {task: Played(solved, 20, 5, 6) for task in [*pools, "another"]}
    greedy = {task: Played(False, 9, 3, 3) for task in pools}
    row = compare(search, played, pools, greedy)
    assert (row.tokens, row.turns, row.steps, row.samples) == (20.0, 5.0, 6.0, 2.0)
    assert (row.best_of, row.over_best_of[0]) == (0.5, solved - 0.5)
    assert (row.over_greedy, row.verdict) == ((solved, (solved, solved)), said)
    # Where greedy solves it as well, nothing is won over it.
    if row.verdict == "beats sampling and greedy":
        assert compare(search, played, pools, played).verdict == "beats sampling, not greedy"


def test_what_was_played_is_kept(tmp_path):
    file = tmp_path / "runs" / "results.json"
    assert Kept(file, {"tasks": 2}).get("mcts", lambda: {"a": Played(True, 1, 2, 3)}) == {
        "a": {"solved": True, "tokens": 1, "turns": 2, "steps": 3}
    }
    again = Kept(file, {"tasks": 2})
    assert again.get("mcts", lambda: pytest.fail("it is there"))["a"]["tokens"] == 1
    with pytest.raises(ConfigError, match="give another --results"):
        Kept(file, {"tasks": 3})
