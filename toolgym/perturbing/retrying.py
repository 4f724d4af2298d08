"""`Retrying`: turns known beforehand, said by somebody who makes a call again when its tool was unavailable."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from toolgym.messages import Turn

__all__ = ["Retrying"]


class Retrying(Iterator[Turn]):
    """The turns, one after another; before the next comes what was unavailable in the last.

    Where a call was unavailable, calls of its turn that failed after it are made again too: they may have needed it.

    Args:
        turns: what is to be said.
    """

    def __init__(self, turns: Iterable[Turn]):
        self._turns = iter(turns)
        self._last: Turn | None = None
        self._again: Turn | None = None

    def __next__(self) -> Turn:
        turn, self._again = self._again or next(self._turns), None
        self._last = turn
        return turn

    def hear(self, info: Mapping[str, Any]) -> None:
        """Takes the `info` of the step that the last turn was."""
        outcomes = [did["outcome"] for did in info.get("calls") or ()]
        if self._last is None or "unavailable" not in outcomes:
            return
        first = outcomes.index("unavailable")
        calls = tuple(
            call
            for place, (call, outcome) in enumerate(zip(self._last.calls, outcomes, strict=False))
            if place >= first and outcome != "ok"
        )
        self._again = Turn(plan=self._last.plan, calls=calls, response=self._last.response)
