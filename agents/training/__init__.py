"""What the algorithms share: the trainer on TRL, options, run folders, callbacks, schedules."""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.agents.training.common_options import RunConfig
    from toolgym.agents.training.expert import ExpertTrainer
    from toolgym.agents.training.options import learner_main
    from toolgym.agents.training.registry import algorithms
    from toolgym.agents.training.running import prepare, run
    from toolgym.agents.training.trainer import ToolTrainer

__all__ = ["ExpertTrainer", "RunConfig", "ToolTrainer", "algorithms", "learner_main", "prepare", "run"]

_HOME = {
    "ExpertTrainer": "expert",
    "RunConfig": "common_options",
    "ToolTrainer": "trainer",
    "algorithms": "registry",
    "learner_main": "options",
    "prepare": "running",
    "run": "running",
}

__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)
