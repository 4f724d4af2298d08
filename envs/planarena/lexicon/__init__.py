"""The themes of PlanArena's scenarios: one file each, or a few a file, in a tuple `THEMES`. `theme` tells how."""

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from toolgym.composing.names import owner
from toolgym.domain import Split
from toolgym.envs.planarena.lexicon.theme import Theme

__all__ = ["split_of_theme", "themes", "themes_of"]

_NO_THEMES: Final = ("theme", "checking")
"""Modules here that hold no themes."""


@lru_cache(maxsize=1)
def themes() -> tuple[Theme, ...]:
    """All themes, by name."""
    names = [module.name for module in iter_modules(__path__) if module.name not in _NO_THEMES]
    found = [theme for name in names for theme in import_module(f"{__name__}.{name}").THEMES]
    return tuple(sorted(found, key=lambda theme: theme.name))


def split_of_theme(theme: Theme) -> Split:
    """The split that a theme belongs to: the one that its name belongs to, as names of people do."""
    return owner(theme.name)


@lru_cache(maxsize=4)
def themes_of(split: Split) -> tuple[Theme, ...]:
    """The themes of a split, by name."""
    return tuple(theme for theme in themes() if split_of_theme(theme) == split)
