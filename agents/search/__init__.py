"""Agents that search before they act: policies around a policy, on forks of the environment.

policy = SearchPolicy(LMPolicy.load("builtin:imperfect"), parse_search("best_of:n=8"))
"""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.agents.search.cost import SearchCost
    from toolgym.agents.search.options import SearchOptions, parse_search, searches
    from toolgym.agents.search.policy import SearchPolicy
    from toolgym.agents.search.tree import Ask, Node

__all__ = ["Ask", "Node", "SearchCost", "SearchOptions", "SearchPolicy", "parse_search", "searches"]

_HOME = {
    "Ask": "tree",
    "Node": "tree",
    "SearchCost": "cost",
    "SearchOptions": "options",
    "SearchPolicy": "policy",
    "parse_search": "options",
    "searches": "options",
}

__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)
