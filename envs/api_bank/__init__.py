"""API-Bank: its verdicts on calls (`check`)."""

from toolgym.envs.api_bank.verdicts import Verdict, check

__all__ = ["Verdict", "check"]
