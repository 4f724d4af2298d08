"""`Message`: the space of chat messages, whose samples are calls of tools."""

import json
import string
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NoReturn

import numpy as np
from gymnasium.error import CustomSpaceError
from gymnasium.spaces import Text
from gymnasium.vector.utils import create_shared_memory

from toolgym.mcp.session import ToolSpec
from toolgym.sampling import sample_arguments

__all__ = ["Message"]

_MAX_LENGTH = 2**31 - 1
_LETTERS = string.ascii_lowercase
_CHARSET = frozenset(string.printable)


class Message(Text):
    """Every `str` is in it, whatever its characters and length.

    Args:
        tools: where given, samples are messages that call one of these tools with arguments that fit its schema; where
            empty, samples are responses to the user.
        seed: seeds the samples.
    """

    def __init__(self, tools: Sequence[ToolSpec] = (), seed: int | np.random.Generator | None = None):
        super().__init__(_MAX_LENGTH, min_length=0, charset=_CHARSET, seed=seed)
        self.tools = tuple(tools)

    def fork(self) -> "Message":
        """The same space with a generator of its own, in the same state."""
        twin = object.__new__(Message)
        twin.__dict__.update(self.__dict__)
        if self._np_random is not None:
            twin._np_random = deepcopy(self._np_random)
        return twin

    def contains(self, x: Any) -> bool:
        """Whether `x` is a string."""
        return isinstance(x, str)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A well-formed message in the default format: a call of a tool, or, without tools, a response of a few words.

        Raises:
            ValueError: a mask or probability was given; messages have no fixed length or alphabet to mask.
        """
        if mask is not None or probability is not None:
            raise ValueError("Message.sample takes neither mask nor probability: build the string you need instead")
        if not self.tools:
            words = [_word(self.np_random) for _ in range(int(self.np_random.integers(1, 6)))]
            return f"<response>{' '.join(words)}</response>"
        tool = self.tools[int(self.np_random.integers(len(self.tools)))]
        call = {"name": tool.name, "arguments": sample_arguments(tool.input_schema, self.np_random)}
        return f"<tool_call>{json.dumps(call, ensure_ascii=False)}</tool_call>"

    @property
    def is_np_flattenable(self) -> bool:
        """False: messages have no bound on their length."""
        return False

    def __repr__(self) -> str:
        return f"Message({', '.join(tool.name for tool in self.tools)})"

    def __eq__(self, other: object, /) -> bool:
        return isinstance(other, Message) and self.tools == other.tools

    __hash__ = None  # type: ignore[assignment]


@create_shared_memory.register(Message)
def _no_shared_memory(space: Message, n: int = 1, ctx: Any = None) -> NoReturn:
    """Messages have no bound on their length, so Gymnasium's async environments must not reserve memory for them."""
    raise CustomSpaceError("Messages cannot be held in shared memory: pass vector_kwargs={'shared_memory': False}")


def _word(rng: np.random.Generator) -> str:
    return "".join(_LETTERS[index] for index in rng.integers(len(_LETTERS), size=int(rng.integers(3, 9))))
