"""How good a policy is: episodes of a split, their scores, and the report with its intervals."""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, evaluate, make_policy
    from toolgym.agents.evaluation.metrics import EpisodeScore
    from toolgym.agents.evaluation.report import Report, summarise

__all__ = ["AgentOptions", "EpisodeScore", "EvalOptions", "Report", "evaluate", "make_policy", "summarise"]

_HOME = {
    "AgentOptions": "evaluation",
    "EpisodeScore": "metrics",
    "EvalOptions": "evaluation",
    "Report": "report",
    "evaluate": "evaluation",
    "make_policy": "evaluation",
    "summarise": "report",
}

__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)
