"""`NAME:option=value,...`: what is read, what is refused, and what is said then."""

import pytest

from toolgym.agents.search import SearchCost, parse_search, searches
from toolgym.agents.search.best_of import BestOf
from toolgym.errors import ConfigError


def test_a_search_is_read_and_written_alike():
    assert set(searches()) == {"best_of", "majority", "beam", "dfsdt", "astar", "mcts"}
    for name, made in searches().items():
        assert parse_search(name) == parse_search(f"{name}:") == made()
        assert str(made()) == name
    assert parse_search(" best_of : n = 4 , scorer = consistency ") == BestOf(n=4, scorer="consistency")
    for text in ("mcts:simulations=3,explore=0.5", "dfsdt:prompts=false", "best_of:scorer=judge,judge=a:b/c=d"):
        assert parse_search(str(parse_search(text))) == parse_search(text)
    assert parse_search("best_of:scorer=judge,judge=a:b/c=d").judge == "a:b/c=d"  # type: ignore[attr-defined]


def test_an_oracle_is_called_one():
    assert [name for name in searches() if parse_search(name).oracle] == []
    assert "oracle" in parse_search("mcts:scorer=verified").described()
    assert parse_search("mcts").described() == "mcts"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bestof", r"Unknown search 'bestof'\. Did you mean 'best_of'\? Known: astar, beam, best_of, dfsdt, majority"),
        ("", "Unknown search ''. Known: astar"),
        ("best_of:m=3", r"Unknown option of best_of 'm'.*Known: critic, judge, n, scorer"),
        ("majority:scorer=logprob", r"Unknown option of majority 'scorer'.*Known: n"),
        ("best_of:n", "best_of: write n=VALUE, got 'n'"),
        ("best_of:n=", "best_of: write n=VALUE"),
        ("best_of:n=two", "best_of: n is a whole number, got 'two'"),
        ("best_of:n=1.5", "best_of: n is a whole number"),
        ("mcts:explore=much", "mcts: explore is a number, got 'much'"),
        ("dfsdt:prompts=perhaps", "dfsdt: prompts is true or false, got 'perhaps'"),
        ("best_of:n=2,n=3", "best_of: n is given twice"),
        ("best_of:n=0", "best_of: n must be at least 1, got 0"),
        ("mcts:explore=-1", "mcts: explore must be at least 0"),
        ("mcts:explore=nan", "mcts: explore must be at least 0, got nan"),
        ("beam:scorer=logprobs", r"Unknown scorer 'logprobs'. Did you mean 'logprob'\?"),
        ("beam:scorer=judge", "beam: scorer=judge needs judge=, a model's name"),
        ("beam:scorer=value", "beam: scorer=value needs critic=, a checkpoint folder"),
        ("beam:judge=x", "beam: judge= is of scorer=judge"),
        ("beam:scorer=judge,judge=x,critic=y", "beam: critic= is of scorer=value"),
        ("astar:alpha=2,memory=f", "astar: alpha must be from 0 to 1, got 2.0"),
        ("astar:alpha=0.1", r"astar: alpha= and beta= are of memory=FILE"),
    ],
)
def test_what_cannot_be_read_is_said(text, said):
    with pytest.raises(ConfigError, match=said):
        parse_search(text)


def test_a_cost_survives_a_file():
    spent = SearchCost(5, 4, 3, 2, 1, True) + SearchCost(tokens=1, searches=1)
    assert spent == SearchCost(6, 4, 3, 2, 2, True)
    assert SearchCost.of_meta({"search": spent.to_json()}) == spent
    for damaged in ({}, {"search": 3}, {"search": {"tokens": 1}}, {"search": {**spent.to_json(), "turns": "4"}}):
        assert SearchCost.of_meta(damaged) is None
