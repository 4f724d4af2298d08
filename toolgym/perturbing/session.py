"""`PerturbedSession`: a session with layers around it, on the agent's side of every transport."""

import asyncio
from collections.abc import Sequence

from toolgym.mcp.arguments import refuse
from toolgym.mcp.session import ToolSession, ToolSpec, WrappedSession
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult

__all__ = ["Layer", "PerturbedSession"]

Tools = tuple[ToolSpec, ...]


class Layer:
    """One perturbation of one episode: what stands between the agent and its tools. This one changes nothing."""

    relists = False
    """Whether `listed` may give others after `hear`, or after a `sent` that answered itself."""

    blocks = False
    """Whether `sent` may wait for something."""

    def listed(self, tools: Tools) -> Tools:
        """The tools as they are shown further out."""
        return tools

    def sent(self, call: ToolCall) -> ToolCall | ToolResult:
        """The call as it is sent further in, or its result, where it is not sent on."""
        return call

    def heard(self, call: ToolCall, result: ToolResult) -> ToolResult:
        """The result as it is shown further out. `call` is what `sent` was given."""
        return result

    def hear(self, text: str) -> None:
        """Takes in what the user says: the request, and each reply."""
        return

    def fork(self) -> "Layer":
        """A layer in the same state that shares nothing mutable: of one without state, itself."""
        return self

    def close(self) -> None:
        """Ends what the layer has started; it starts again where it is needed. Twice is harmless."""
        return


class PerturbedSession(WrappedSession):
    """A session whose calls pass through layers; the user's do not: its tools are not the agent's.

    Args:
        inner: the session on the tools.
        layers: the perturbations, the one nearest to the agent first. None: nothing is changed.
    """

    def __init__(self, inner: ToolSession, layers: Sequence[Layer] = ()):
        super().__init__(inner)
        self._owns = True
        self.perturb(layers)

    def perturb(self, layers: Sequence[Layer]) -> None:
        """Puts the layers of a new episode in place of those of the last."""
        self._layers = tuple(layers)
        self._blocks = any(layer.blocks for layer in self._layers)
        self._inputs = [self.inner.tools] * (len(self._layers) + 1)
        self._list(len(self._layers))

    def _list(self, end: int) -> None:
        """Lists the tools anew, as the layers before `end` show them."""
        inputs = self._inputs = self._inputs.copy()
        for place in range(end, 0, -1):
            inputs[place - 1] = self._layers[place - 1].listed(inputs[place])
        self._tools = inputs[0]

    def _follow(self) -> None:
        """Lists the tools anew where the session has others than before."""
        tools = self.inner.tools
        before = self._inputs[-1]
        if tools is before:
            return
        self._inputs = [*self._inputs[:-1], tools]
        if tools != before:
            self._list(len(self._layers))

    def hear(self, text: str) -> None:
        """Tells the layers what the user says; the tools are then what they show."""
        self._follow()
        for place, layer in enumerate(self._layers, 1):
            if layer.relists:
                layer.hear(text)
                self._list(place)

    @property
    def tools(self) -> Tools:
        self._follow()
        return self._tools

    def call(self, call: ToolCall) -> ToolResult:
        passed: list[tuple[Layer, ToolCall]] = []
        sent = self._sent(call, passed)
        return _heard(sent if type(sent) is ToolResult else self.inner.call(sent), passed)  # type: ignore[arg-type]

    async def call_async(self, call: ToolCall) -> ToolResult:
        passed: list[tuple[Layer, ToolCall]] = []
        sent = await asyncio.to_thread(self._sent, call, passed) if self._blocks else self._sent(call, passed)
        result = sent if isinstance(sent, ToolResult) else await self.inner.call_async(sent)
        return _heard(result, passed)

    def _sent(self, call: ToolCall, passed: list[tuple[Layer, ToolCall]]) -> ToolCall | ToolResult:
        """Takes a call inwards, and notes each layer that it has passed."""
        refused = refuse(call)
        if refused is not None:
            return refused
        self._follow()
        for layer in self._layers:
            sent = layer.sent(call)
            if type(sent) is ToolResult:
                if layer.relists:
                    self._list(self._layers.index(layer) + 1)
                return sent
            passed.append((layer, call))
            call = sent  # type: ignore[assignment]
        return call

    def user_spoke(self, text: str) -> None:
        self.inner.user_spoke(text)
        self.hear(text)

    def close(self) -> None:
        self.inner.close()
        for layer in self._layers if self._owns else ():
            layer.close()

    def fork(self) -> "PerturbedSession":
        twin = object.__new__(PerturbedSession)
        twin.inner, twin.fork_kind, twin.suspends = self.inner.fork(), self.fork_kind, self.suspends
        twin._layers = tuple([layer.fork() for layer in self._layers])
        twin._owns = False
        twin._blocks, twin._inputs, twin._tools = self._blocks, self._inputs, self._tools
        return twin


def _heard(result: ToolResult, passed: list[tuple[Layer, ToolCall]]) -> ToolResult:
    """Takes a result outwards, through the layers that its call has passed."""
    for layer, call in reversed(passed):
        result = layer.heard(call, result)
    return result
