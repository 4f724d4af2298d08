"""What a server may send: lines of bounded size that are JSON-RPC messages. Anything else becomes a typed answer.

A server that floods, answers garbage or nests too deep must neither exhaust memory nor leave a call waiting: a line
that is too long is read to its end and thrown away but for its beginning, from which a shortened result is made; a line
that is no message but names a request's id is answered with an error in that request's place; all else is dropped.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from mcp_types import ErrorData, JSONRPCError, JSONRPCMessage, jsonrpc_message_adapter

__all__ = [
    "BAD_ANSWER",
    "CUT_META",
    "REFUSED_STATUS",
    "SESSION_LOST",
    "BoundedLines",
    "LongLine",
    "cut_result",
    "read_message",
]

BAD_ANSWER = -32052
"""JSON-RPC error code that stands for an answer which could not be read."""

SESSION_LOST = -32053
"""JSON-RPC error code that stands for an answer of a server which has forgotten the client's session."""

REFUSED_STATUS = -32054
"""JSON-RPC error code that stands for an HTTP status which says that there is no answer."""

CUT_META = "toolgym/cut"
"""Key of a shortened result's `_meta`: how many bytes the whole answer had."""

_HEAD_BYTES = 65_536
_TAIL_BYTES = 2_048
_ID = re.compile(rb'"id"\s*:\s*(\d{1,18})\b')
_TEXT = re.compile(rb'"text"\s*:\s*"((?:[^"\\]|\\.)*)')
_FAILED = re.compile(rb'"isError"\s*:\s*true')
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line that was longer than allowed: its beginning, its end and its length in bytes."""

    head: bytes
    tail: bytes
    size: int


class BoundedLines:
    """Splits a byte stream into lines, holding no more than `limit` bytes of one.

    Args:
        limit: bytes that a line may have.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._head, self._tail = b"", b""

    def feed(self, chunk: bytes) -> list[bytes | LongLine]:
        """The lines that end within `chunk`, without their line ends."""
        *ended, rest = chunk.split(b"\n")
        lines = []
        for part in ended:
            self._add(part)
            lines.append(self.end())
        self._add(rest)
        return lines

    def end(self) -> bytes | LongLine:
        """What is left at the end of the stream (or of a line)."""
        size, parts, head, tail = self._size, self._parts, self._head, self._tail
        self._size, self._parts, self._head, self._tail = 0, [], b"", b""
        return b"".join(parts) if size <= self._limit else LongLine(head, tail, size)

    def _add(self, part: bytes) -> None:
        before, self._size = self._size, self._size + len(part)
        if self._size <= self._limit:
            self._parts.append(part)
            return
        if before <= self._limit:  # it has just become too long: keep the beginning alone
            held = b"".join(self._parts)
            self._head, self._tail = (held + part[:_HEAD_BYTES])[:_HEAD_BYTES], held[-_TAIL_BYTES:]
            self._parts = []
        self._tail = (self._tail + part[-_TAIL_BYTES:])[-_TAIL_BYTES:]


def read_message(line: bytes | LongLine, request_id: Any = None) -> JSONRPCMessage | None:
    """The message of a line; an error in a request's place where it cannot be read; None where nobody waits for it.

    Args:
        line: one line, or the whole body of an HTTP answer.
        request_id: the request that it answers, where the transport knows that.
    """
    if isinstance(line, LongLine):
        return _shortened(line, request_id)
    try:
        return jsonrpc_message_adapter.validate_json(line.decode(errors="replace"), by_name=False)
    except ValueError:
        request_id = _id_in(line) if request_id is None else request_id
    if request_id is None:
        return None
    shown = line[:_SHOWN].decode(errors="replace")
    return _unreadable(request_id, f"it is no JSON-RPC message: {shown!r}{' …' if len(line) > _SHOWN else ''}")


def cut_result(head: bytes, size: int, failed: bool) -> dict[str, Any]:
    """A tool result (as JSON) that holds the beginning of one which was too long, and says so."""
    found = _TEXT.search(head)
    text = _decoded(found[1]) if found is not None else ""
    note = f"[The result was cut here: the whole answer has {size} bytes.]"
    content = [{"type": "text", "text": f"{text}\n{note}" if text else note}]
    # Since its revision 2026-07-28 the protocol takes no result that does not say of which type it is.
    return {"resultType": "complete", "content": content, "isError": failed, "_meta": {CUT_META: size}}


def _shortened(line: LongLine, request_id: Any) -> JSONRPCMessage | None:
    if request_id is None:
        request_id = _id_in(line.head[:_TAIL_BYTES])
        request_id = _id_in(line.tail) if request_id is None else request_id
    if request_id is None:
        return None
    if b'"content"' not in line.head:
        return _unreadable(request_id, f"it has {line.size} bytes")
    before = line.head[: line.head.index(b'"content"')]
    failed = _FAILED.search(before) is not None or _FAILED.search(line.tail) is not None
    result = cut_result(line.head, line.size, failed)
    return jsonrpc_message_adapter.validate_python({"jsonrpc": "2.0", "id": request_id, "result": result})


def _unreadable(request_id: Any, why: str) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=BAD_ANSWER, message=why))


def _id_in(data: bytes) -> int | None:
    """The id that a broken message names; a request or notification of the server's own is nobody's answer."""
    if b'"method"' in data[:_SHOWN]:
        return None
    found = _ID.search(data)
    return None if found is None else int(found[1])


def _decoded(escaped: bytes) -> str:
    """The text of a JSON string's beginning, which may end within an escape or a character."""
    text = escaped.decode(errors="ignore")
    for end in range(len(text), max(len(text) - 13, -1), -1):
        try:
            return json.loads(f'"{text[:end]}"', strict=False).encode(errors="replace").decode()
        except ValueError:
            continue
    return ""
