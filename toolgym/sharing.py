"""Environments that are made of equal options share what takes long to make, while somebody asks for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

__all__ = ["shared", "sharing"]

T = TypeVar("T")

_MADE: ContextVar[list[tuple[Any, Any]] | None] = ContextVar("made", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Meanwhile `shared` makes one thing of equal options once.

    For who makes the same environment many times, such as the conformance suite: the servers of a domain and what its
    gold chains did are then had once, as by all episodes of one vector environment.
    """
    token = _MADE.set([] if _MADE.get() is None else _MADE.get())
    try:
        yield
    finally:
        _MADE.reset(token)


def shared(options: Any, make: Callable[[Any], T]) -> T:
    """`make(options)`; within `sharing` what it made of equal options before."""
    made = _MADE.get()
    if made is None:
        return make(options)
    for known, one in made:
        if type(known) is type(options) and known == options:
            return one
    made.append((options, make(options)))
    return made[-1][1]
