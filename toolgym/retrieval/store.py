"""An index in a file: written whole or not at all, versioned, checked, and kept equal to what servers list."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from toolgym._files import write_whole
from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSpec
from toolgym.retrieval.index import Encoder, ToolIndex
from toolgym.retrieval.options import Shown

__all__ = ["KeptIndex", "load_index", "save_index"]

_FORMAT, _VERSION = "toolgym-tool-index", 1


def save_index(index: ToolIndex, file: str | Path, model: str | None = None) -> None:
    """Writes an index: a line that says what the file is, and a line of JSON.

    Args:
        index: what is written: the tools, and their vectors where they have some.
        file: made or replaced in one step.
        model: what embedded the tools.

    Raises:
        ConfigError: it cannot be written.
    """
    vectors = {
        name: base64.b64encode(np.asarray(each, "<f4").tobytes()).decode() for name, each in index.vectors.items()
    }
    body = orjson.dumps({"tools": [asdict(tool) for tool in index.tools.values()], "vectors": vectors}).decode()
    head = {"format": _FORMAT, "version": _VERSION, "model": model, "tools": len(index), "check": _check(body)}
    try:
        write_whole(Path(file), [orjson.dumps(head).decode(), "\n", body, "\n"])
    except OSError as error:
        raise ConfigError(f"The tool index {str(file)!r} cannot be written: {error.strerror}") from error


def load_index(
    file: str | Path, encoder: Encoder | None = None, model: str | None = None, by_words: bool = True
) -> ToolIndex:
    """The index of a file; vectors of another model are made anew.

    Raises:
        ConfigError: it cannot be read, is no index, is of another version, or is damaged; it is left as it is.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The tool index {str(file)!r} cannot be read: {error}") from error
    first, _, body = text.partition("\n")
    head = _head(first)
    if head is None:
        raise ConfigError(f"{str(file)!r} is no tool index; give store= another file")
    if head.get("version") != _VERSION:
        raise ConfigError(
            f"The tool index {str(file)!r} is of version {head.get('version')!r}, this ToolGym reads {_VERSION}: "
            "delete it, and it is built anew"
        )
    body = body.removesuffix("\n")
    if head.get("check") != _check(body):
        raise ConfigError(f"The tool index {str(file)!r} is damaged: delete it, and it is built anew")
    told = orjson.loads(body)
    vectors = {}
    if encoder is not None and head.get("model") == model:
        vectors = {name: np.frombuffer(base64.b64decode(each), "<f4") for name, each in told["vectors"].items()}
    return ToolIndex([ToolSpec(**each) for each in told["tools"]], encoder, by_words, vectors)


def _head(line: str) -> dict[str, Any] | None:
    """The first line of an index; None of any other file."""
    try:
        head = orjson.loads(line)
    except ValueError:
        return None
    return head if isinstance(head, dict) and head.get("format") == _FORMAT else None


def _check(body: str) -> str:
    return blake2b(body.encode(), digest_size=16).hexdigest()


class KeptIndex:
    """The index that an environment searches, over what is listed now.

    Args:
        options: how is searched, and the file that keeps the index.
    """

    def __init__(self, options: Shown):
        self._options = options
        self._tools: Sequence[ToolSpec] = ()
        self._index: ToolIndex | None = None

    def of(self, tools: Sequence[ToolSpec]) -> ToolIndex:
        """An index over these tools. One that was given before goes on as it was: episodes may be searching it.

        Raises:
            ConfigError: the file cannot be read or written, or the model not be loaded.
        """
        if self._index is None:
            self._index = self._opened()
        same = len(tools) == len(self._tools) and all(map(_is, tools, self._tools))
        if not same:
            changed = self._index.copy()
            if changed.sync(tools) and self._options.store is not None:
                changed.prepare()
                save_index(changed, self._options.store, self._options.model)
            self._index, self._tools = changed, tuple(tools)
        return self._index

    def _opened(self) -> ToolIndex:
        options = self._options
        encoder, by_words = None, options.by != "meaning"
        if options.by != "words":
            from toolgym.rewards.semantic import sentence_encoder

            encoder = sentence_encoder(options.model)
        if options.store is not None and Path(options.store).exists():
            return load_index(options.store, encoder, options.model, by_words)
        return ToolIndex((), encoder, by_words)


def _is(one: ToolSpec, other: ToolSpec) -> bool:
    return one is other
