"""The Berkeley Function Calling Leaderboard (BFCL): its verdicts, and its cases as an environment."""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.envs.bfcl.multi_turn import check_multi_turn, replay
    from toolgym.envs.bfcl.verdicts import Verdict, check, check_agentic

__all__ = ["Verdict", "check", "check_agentic", "check_multi_turn", "replay"]

_HOME = {
    "Verdict": "verdicts",
    "check": "verdicts",
    "check_agentic": "verdicts",
    "check_multi_turn": "multi_turn",
    "replay": "multi_turn",
}

__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)
