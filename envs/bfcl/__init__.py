"""The verdicts of the Berkeley Function Calling Leaderboard (BFCL) on single turns and on free-text answers."""

from toolgym.envs.bfcl.verdicts import Verdict, check, check_agentic

__all__ = ["Verdict", "check", "check_agentic"]
