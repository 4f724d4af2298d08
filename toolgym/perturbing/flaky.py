"""`flaky`: a call may fail for the moment, and passes when it is made again."""

from typing import Final

from toolgym.messages import ToolCall
from toolgym.perturbing.chance import Chance
from toolgym.perturbing.session import Layer, Tools
from toolgym.trajectory import ToolResult
from toolgym.world import canonical

__all__ = ["Flaky"]

_WORDS: Final = "The tool '{}' is temporarily unavailable and did nothing. Try the same call again."


class Flaky(Layer):
    """Each call fails with a probability, before it has done anything; the same call then passes when it next comes.

    The failure says what it is, in words and as the outcome `unavailable`. What tools there are is never hidden by it:
    a call of one that does not exist is answered as ever.

    Args:
        chance: the episode's choices.
        probability: in [0, 1].
    """

    __slots__ = ("_chance", "_due", "_made", "_names", "probability")

    def __init__(self, chance: Chance, probability: float):
        self._chance, self.probability = chance, probability
        self._names: frozenset[str] = frozenset()
        self._made = 0
        self._due: frozenset[bytes] = frozenset()
        """Calls that failed and were not made again yet."""

    def listed(self, tools: Tools) -> Tools:
        self._names = frozenset(tool.name for tool in tools)
        return tools

    def sent(self, call: ToolCall) -> ToolCall | ToolResult:
        if call.name not in self._names:
            return call
        self._made += 1
        fails = self._chance.share("flaky", str(self._made)) < self.probability
        if not (fails or self._due):
            return call
        same = canonical([call.name, call.arguments])
        if same in self._due:
            self._due -= {same}
            return call
        if not fails:
            return call
        self._due |= {same}
        return ToolResult(_WORDS.format(call.name), None, True, "unavailable")

    def fork(self) -> "Flaky":
        twin = Flaky(self._chance, self.probability)
        twin._names, twin._made, twin._due = self._names, self._made, self._due
        return twin
