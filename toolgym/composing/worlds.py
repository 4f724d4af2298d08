"""World keys: ints that name a world and tell its split, so that whoever has one knows whose names are in it."""

from typing import Final

from toolgym.composing.names import SPLITS
from toolgym.domain import Split
from toolgym.errors import ConfigError

__all__ = ["check_key", "split_of", "world_key"]

WORLDS_PER_SPLIT: Final = 100_000_000


def world_key(split: Split, k: int, seed: int = 0) -> int:
    """The key of world `k` of a split, for a domain made with `seed`."""
    return (seed * len(SPLITS) + SPLITS.index(split)) * WORLDS_PER_SPLIT + k


def split_of(key: int) -> Split:
    """The split whose names a world uses."""
    return SPLITS[key // WORLDS_PER_SPLIT % len(SPLITS)]


def check_key(key: object) -> None:
    """Refuses what names no world.

    Raises:
        ConfigError: not an int, or a negative one.
    """
    if isinstance(key, bool) or not isinstance(key, int) or key < 0:
        raise ConfigError(f"A world key is an int >= 0; given {key!r}.")
