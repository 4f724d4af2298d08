"""The worlds of a declared domain, for its server."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from toolgym.domain import Size
from toolgym.world import Base


def declared_worlds(path: str) -> Callable[[Any, Size, str], Base]:
    """What makes a world of (world key, size, dialect), for `DomainTools.build_base`.

    Args:
        path: `module:NAME` of the declaration. It is imported when a world is first needed: it knows the server itself.
    """

    def build(world_key: Any, size: Size, dialect: str) -> Base:
        from toolgym.composing.composer import worlds_of  # what serves needs no composer until then

        module, _, name = path.partition(":")
        return worlds_of(getattr(import_module(module), name), size, dialect)(world_key)

    return build
