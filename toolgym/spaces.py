"""`Message`: the space of chat messages, and valid samples from a tool's JSON Schema."""

import json
import string
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, NoReturn

import numpy as np
from gymnasium.error import CustomSpaceError
from gymnasium.spaces import Text
from gymnasium.vector.utils import create_shared_memory

from toolgym.mcp.session import ToolSpec

__all__ = ["Message", "sample_arguments", "sample_value"]

_MAX_LENGTH = 2**31 - 1
_LETTERS = string.ascii_lowercase
_CHARSET = frozenset(string.printable)
_MAX_DEPTH = 4


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


def sample_arguments(schema: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Arguments that fit a tool's input schema: every required one, each optional one half of the time."""
    value = sample_value({**schema, "type": "object"}, rng, root=schema)
    return value if isinstance(value, dict) else {}


def sample_value(
    schema: Mapping[str, Any], rng: np.random.Generator, *, root: Mapping[str, Any] | None = None, depth: int = 0
) -> Any:
    """A JSON value that fits `schema`: types, `enum`, `const`, `default`, `anyOf`, bounds, and `$ref` into `root`."""
    root = schema if root is None else root
    if "$ref" in schema:
        return sample_value(_resolve(schema["$ref"], root), rng, root=root, depth=depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][int(rng.integers(len(schema["enum"])))]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return sample_value(schema[key][int(rng.integers(len(schema[key])))], rng, root=root, depth=depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[int(rng.integers(len(kind)))]
    match kind:
        case "object":
            return _sample_object(schema, rng, root, depth)
        case "array":
            return _sample_array(schema, rng, root, depth)
        case "integer":
            return _sample_integer(schema, rng)
        case "number":
            return float(_sample_integer(schema, rng))
        case "boolean":
            return bool(rng.integers(2))
        case "null":
            return None
        case _:
            text = _word(rng)
            text = text.ljust(int(schema.get("minLength", 0)), "a")
            return text[: int(schema["maxLength"])] if "maxLength" in schema else text


def _sample_object(schema: Mapping[str, Any], rng: np.random.Generator, root: Mapping[str, Any], depth: int) -> dict:
    required = set(schema.get("required", ()))
    out = {}
    for name, part in schema.get("properties", {}).items():
        wanted = name in required or (depth < _MAX_DEPTH and bool(rng.integers(2)))
        if wanted:
            out[name] = sample_value(part, rng, root=root, depth=depth + 1)
    return out


def _sample_array(schema: Mapping[str, Any], rng: np.random.Generator, root: Mapping[str, Any], depth: int) -> list:
    low = int(schema.get("minItems", 0))
    high = min(int(schema.get("maxItems", low + 2)), low + 2)
    count = low if depth >= _MAX_DEPTH else int(rng.integers(low, max(high, low) + 1))
    item = schema.get("items")
    return [
        sample_value(item if isinstance(item, Mapping) else {}, rng, root=root, depth=depth + 1) for _ in range(count)
    ]


def _sample_integer(schema: Mapping[str, Any], rng: np.random.Generator) -> int:
    low = int(np.ceil(schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)))
    high = int(np.floor(schema.get("maximum", schema.get("exclusiveMaximum", max(low, 0) + 101) - 1)))
    return int(rng.integers(low, max(low, high) + 1))


def _word(rng: np.random.Generator) -> str:
    return "".join(_LETTERS[index] for index in rng.integers(len(_LETTERS), size=int(rng.integers(3, 9))))


def _resolve(ref: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of `root` that a local `#/a/b` reference names, or the schema that allows anything."""
    part: Any = root
    for key in ref.removeprefix("#/").split("/"):
        part = part.get(key.replace("~1", "/").replace("~0", "~"), {}) if isinstance(part, Mapping) else {}
    return part if isinstance(part, Mapping) else {}
