"""A tool result's content of every kind: as text that a model can use, and as the blocks that are kept.

Blocks are taken as the server sent them (JSON), not as the protocol's models read them: a block of a kind that the
models do not know, or with fields that they leave out, is neither an error nor lost.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from toolgym import _json

__all__ = ["RAW_META", "Block", "content_text", "image_parts", "kept_content", "raw_answer", "with_raw_content"]

Block = dict[str, Any]
"""A content block as MCP sends it: `{"type": "text", "text": "…"}`."""

_WORD = re.compile(r"-?\d+(?:\.\d+)*|\w+|[^\w\s]")
"""A number with its sign and decimals, a word, or another character: "5" does not say -5, nor "42" "42%"."""

RAW_META = "toolgym/raw"
"""Key of an answer's `_meta` under which this process's client keeps the content as it came."""


def with_raw_content(answer: dict[str, Any]) -> dict[str, Any]:
    """A `tools/call` answer with its content and structured content moved to where no model looks at them."""
    content = answer.get("content")
    if content is None and answer.get("structuredContent") is not None:
        content = []
    meta = answer.get("_meta")
    if answer.get("resultType", "complete") != "complete":
        return answer
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        return answer  # no result as MCP defines it: the protocol's client says so
    rest = {key: value for key, value in answer.items() if key not in ("content", "structuredContent")}
    raw = {"content": content, "structured": answer.get("structuredContent")}
    return {**rest, "content": [], "_meta": {**(meta if isinstance(meta, Mapping) else {}), RAW_META: raw}}


def raw_answer(meta: Mapping[str, Any] | None) -> tuple[list[Block], Any]:
    """The blocks and the structured content that `with_raw_content` put into an answer's `_meta`."""
    raw = (meta or {}).get(RAW_META) or {}
    return raw.get("content", []), raw.get("structured")


def content_text(blocks: Sequence[Block], structured: Any = None) -> str:
    """All that a result says, as text: its blocks in order, and the structured content where no block says it."""
    parts = [_block_text(block) for block in blocks]
    if structured is not None and not _told(blocks, structured):
        parts.append(_written(structured))
    return "\n".join(parts)


def kept_content(blocks: Sequence[Block], text: str) -> tuple[Block, ...] | None:
    """The blocks, or None where they are no more than one block of that text."""
    if len(blocks) == 1 and blocks[0] == {"type": "text", "text": text}:
        return None
    return tuple(blocks)


def image_parts(content: Sequence[Block] | None) -> list[dict[str, Any]]:
    """The images among the blocks, as content parts of the chat API (data URLs)."""
    parts = []
    for block in content or ():
        held = block.get("resource") if block.get("type") == "resource" else block
        held = held if isinstance(held, Mapping) else {}
        data, kind = held.get("data", held.get("blob")), held.get("mimeType")
        if isinstance(data, str) and isinstance(kind, str) and kind.startswith("image/"):
            parts.append({"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}})
    return parts


def _block_text(block: Block) -> str:
    kind = block.get("type")
    if kind == "text" and isinstance(block.get("text"), str):
        return block["text"]
    if kind in ("image", "audio") and isinstance(block.get("data"), str):
        return _named(str(kind), block.get("mimeType"), _size(block["data"]))
    if kind == "resource_link":
        size = block.get("size")
        facts = [block.get("uri"), *_names(block), block.get("mimeType"), f"{size} bytes" if size is not None else ""]
        return _named("resource link", *facts, block.get("description"))
    resource = block.get("resource")
    if kind == "resource" and isinstance(resource, Mapping):
        facts = [resource.get("uri"), *_names(resource), resource.get("mimeType")]
        if isinstance(resource.get("text"), str):
            return f"{_named('resource', *facts)}\n{resource['text']}"
        if isinstance(resource.get("blob"), str):
            return _named("resource", *facts, _size(resource["blob"]))
    return _written(block)


def _names(resource: Mapping[str, Any]) -> list[Any]:
    """Name and title, each once."""
    return list(dict.fromkeys(str(resource[key]) for key in ("name", "title") if resource.get(key)))


def _named(kind: str, *facts: Any) -> str:
    told = ", ".join(str(fact) for fact in facts if fact)
    return f"[{kind} {told}]" if told else f"[{kind}]"


def _size(base64: str) -> str:
    """How many bytes a base64 text stands for."""
    held = base64.rstrip("=")
    return f"{len(held) * 3 // 4} bytes"


def _told(blocks: Sequence[Block], structured: Any) -> bool:
    """Whether the text blocks say the structured content: as JSON, or every value of it in words of their own."""
    texts = [block["text"] for block in blocks if block.get("type") == "text" and isinstance(block.get("text"), str)]
    if structured == {"result": None} and not "".join(texts):  # what a tool without a result gives
        return True
    if not texts:
        return False
    values = [structured]
    if isinstance(structured, dict) and len(structured) == 1:  # {"result": value}, {"content": text}
        values.extend(structured.values())
    if "\n".join(texts) in values:
        return True
    read = [_read(text) for text in texts]
    if read in values or texts in values or any(value in values for value in read):
        return True
    said: set[str] = set()
    for value in (*texts, *read):
        said |= _words(value, keys=True)
    return bool(said) and _words(structured, keys=False) <= said


def _words(value: Any, *, keys: bool) -> set[str]:
    """The words, numbers and signs of a value's leaves, and of its keys."""
    left, found = [value], set()
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(item.values())
            if keys:
                left.extend(item)
        elif isinstance(item, list):
            left.extend(item)
        elif item is not None:
            found.update(_WORD.findall(str(item).casefold()))
    return found


def _read(text: str) -> Any:
    try:
        return _json.loads(text)
    except ValueError:
        return text


def _written(value: Any) -> str:
    return _json.dumps(value).decode()
