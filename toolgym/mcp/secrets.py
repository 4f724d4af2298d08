"""What of a server's address may be a secret, kept out of messages: a query, a user and password, a token, headers."""

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

from mcp.shared.exceptions import MCPError

__all__ = ["hide_in_logs", "is_url", "redact", "redacted", "secrets_of", "shown_url"]

_HIDDEN = "***"
_SHORTEST = 4
"""Characters. Shorter values stand everywhere, and hide nothing."""
_IN_URL = re.compile(r"(\bhttps?://)(?:[^/\s@?#\"']*@)?([^?#\s\"']*)(?:[?#][^\s\"']*)?")
_LOGGERS = ("httpx2", "mcp.client.streamable_http", "mcp.client.sse")


def is_url(url: str) -> bool:
    """Whether a text is a URL of a server: http or https, a host, a port that exists, no white space or control."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = url.isprintable() and " " not in url
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0


def shown_url(url: str) -> str:
    """A URL without its query, fragment, user and password."""
    return _IN_URL.sub(r"\1\2", url)


def secrets_of(url: str, headers: Mapping[str, str], token: str | None) -> tuple[str, ...]:
    """Texts that no message may hold, longest first."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    found = {parts.query, parts.fragment, user, token or ""}
    found |= {value for _, value in parse_qsl(parts.query)} | {unquote(part) for part in user.split(":")}
    for value in headers.values():
        found |= {value, *value.split()[1:]}
    return tuple(sorted((text for text in found if len(text) >= _SHORTEST), key=lambda text: (-len(text), text)))


def redacted(text: str, secrets: tuple[str, ...]) -> str:
    """A text without those secrets, and with no URL's query, fragment or user."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return shown_url(text)


def redact(error: BaseException, secrets: tuple[str, ...]) -> None:
    """Takes secrets out of an exception's text, and out of those of all that led to it."""
    left, seen = [error], set()
    while secrets and left:
        found = left.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        found.args = tuple(redacted(each, secrets) if isinstance(each, str) else each for each in found.args)
        if isinstance(found, MCPError):
            found.error.message = redacted(found.error.message, secrets)
        left += [each for each in (found.__cause__, found.__context__) if each is not None]
        left += getattr(found, "exceptions", ())


@lru_cache(maxsize=1)
def hide_in_logs() -> None:
    """Has the HTTP client, which logs every request's URL, log it without query and user."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_hidden)


def _hidden(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    shown = shown_url(message)
    if shown != message:
        record.msg, record.args = shown, ()
    return True
