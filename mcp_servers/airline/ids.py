"""Ids of new reservations and certificates.

In the public world they come in the reference's order. In seeded worlds they are a hash of what is written, so that two
independent writes get the same ids in either order.
"""

import hashlib
import itertools
import string
from collections.abc import Container, Iterator
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.airline.dialects import Dialect
from toolgym.world import World, canonical

_ALPHABET = string.digits + string.ascii_uppercase
_FIRST_RESERVATION = int("HATHAT", 36)
_FIRST_CERTIFICATE = 3221322
_REFERENCE_IDS = 3
"""How many ids of each sort the reference has."""


def _base36(number: int, length: int = 6) -> str:
    """The number's last `length` digits in base 36."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 36)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _hashes(world: World, content: Any) -> Iterator[int]:
    """Numbers derived from the world's seed and the content: the first, then one for each collision."""
    for collisions in itertools.count():
        key = canonical([world.base.meta["seed"], content, collisions])
        yield int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")


def _is_seeded(world: World) -> bool:
    return world.base.meta.get("ids") == "seeded"


def new_reservation_id(world: World, dialect: Dialect, content: Any) -> str:
    """The id of a new reservation of this content: six characters of A-Z and 0-9.

    In some dialects the public world has three, and the third is given out again and again.

    Raises:
        ToolError: no more than three are given out.
    """
    if _is_seeded(world):
        ids = (_base36(number) for number in _hashes(world, content))
    else:
        count = itertools.count() if dialect.unlimited_ids else range(_REFERENCE_IDS)
        ids = (_base36(_FIRST_RESERVATION + i) for i in count)
    last = _base36(_FIRST_RESERVATION + _REFERENCE_IDS - 1)
    found = next((new for new in ids if not world.has("reservations", new)), None)
    if found is None and dialect.refuses_fourth:
        raise ToolError("no more reservations can be made")
    return found or last


def new_certificate_id(world: World, dialect: Dialect, content: Any, owned: Container[str]) -> str | None:
    """The id of a new certificate of this content, other than those `owned`.

    In some dialects the public world has three for each user, and then None.

    Raises:
        ToolError: no more than three are given out.
    """
    if _is_seeded(world):
        numbers = (1_000_000 + number % 9_000_000 for number in _hashes(world, content))
    else:
        numbers = itertools.count() if dialect.unlimited_ids else range(_REFERENCE_IDS)
        numbers = (_FIRST_CERTIFICATE + i for i in numbers)
    found = next((new for number in numbers if (new := f"certificate_{number}") not in owned), None)
    if found is None and dialect.refuses_fourth:
        raise ToolError("no more certificates can be given")
    return found
