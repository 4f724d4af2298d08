"""Episodes as tokens: played, forked, demonstrated, batched for the estimators."""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.agents.rollouts.demonstrations import demonstrate
    from toolgym.agents.rollouts.episodes import EpisodeBatch, Estimator, all_equal
    from toolgym.agents.rollouts.rollout import Rollout, Start, rollouts

__all__ = ["EpisodeBatch", "Estimator", "Rollout", "Start", "all_equal", "demonstrate", "rollouts"]

_HOME = {
    "EpisodeBatch": "episodes",
    "Estimator": "episodes",
    "Rollout": "rollout",
    "Start": "rollout",
    "all_equal": "episodes",
    "demonstrate": "demonstrations",
    "rollouts": "rollout",
}

__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)
