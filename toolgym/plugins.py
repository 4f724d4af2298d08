"""Plug-ins: domains, rewards and algorithms of other installed packages, by entry points.

Their names are read from the packages' metadata, once a process; a plug-in's code is imported when it is asked for. One
that cannot be used says so when it is used and in `toolgym list`, and is in nobody else's way.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from toolgym.errors import ConfigError

__all__ = ["GROUPS", "Plugin", "plugins", "warn_if_taken"]

GROUPS = {"domain": "toolgym.domains", "reward": "toolgym.rewards", "algorithm": "toolgym.algorithms"}
"""What a plug-in brings -> its group of entry points."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Plugin:
    """An entry point.

    Args:
        kind: a key of `GROUPS`.
        name: what users write.
        value: where its object is: `module:NAME`.
        package: the installed package and its version; several, where they claim one name.
        problem: why it cannot be used; empty where nothing is known against it.
        taken: whether the problem is that the name is ToolGym's own.
    """

    kind: str
    name: str
    value: str
    package: str
    problem: str = ""
    taken: bool = False

    def error(self, what: str) -> ConfigError:
        """The error that says what is wrong with it, and whose it is."""
        return ConfigError(f"The plug-in {self.kind} {self.name!r} of {self.package} ({self.value}) {what}")

    def load(self) -> Any:
        """Its object.

        Raises:
            ConfigError: it cannot be used, or its code cannot be imported.
        """
        if self.problem:
            raise self.error(f"cannot be used: {self.problem}")
        try:
            return EntryPoint(self.name, self.value, GROUPS[self.kind]).load()
        except (Exception, SystemExit) as error:  # whatever somebody's module does
            raise self.error(f"cannot be loaded: {type(error).__name__}: {error}") from error


def plugins(kind: str, is_own: Callable[[str], bool]) -> dict[str, Plugin]:
    """The plug-ins of a kind by name, in the names' order, those that cannot be used among them.

    Args:
        kind: a key of `GROUPS`.
        is_own: whether a name is ToolGym's own, which no plug-in replaces.
    """
    found: dict[str, Plugin] = {}
    for name, claims in sorted(_claims(kind).items()):
        problem, taken = "", is_own(name)
        if taken:
            problem = "the name is ToolGym's own; its package must choose another"
        elif not _NAME.fullmatch(name):
            problem = "a name consists of small letters, digits and _, and begins with a letter"
        elif len(claims) > 1:
            problem = "the name is claimed more than once; uninstall all but one"
        values, packages = (" and ".join(dict.fromkeys(texts)) for texts in zip(*claims, strict=True))
        found[name] = Plugin(kind, name, values, packages, problem, taken)
    return found


def warn_if_taken(kind: str, name: str) -> None:
    """Warns that a package claims one of ToolGym's own names, which goes on meaning ToolGym's own."""
    if name in _claims(kind):
        packages = " and ".join(package for _, package in _claims(kind)[name])
        warnings.warn(f"{name!r} is ToolGym's own {kind}; that of {packages} is not used", stacklevel=3)


@lru_cache(maxsize=len(GROUPS))
def _claims(kind: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """Name -> (value, package) of each entry point that has it."""
    found: dict[str, dict[tuple[str, str], None]] = {}
    for entry in _installed().select(group=GROUPS[kind]):
        found.setdefault(entry.name, {})[entry.value, _package(entry)] = None
    return {name: tuple(claims) for name, claims in found.items()}


@lru_cache(maxsize=1)
def _installed() -> Any:
    return entry_points()


def _package(entry: EntryPoint) -> str:
    try:
        return f"{entry.dist.name} {entry.dist.version}"  # pyright: ignore[reportOptionalMemberAccess]
    except Exception:  # a folder that lacks its metadata
        return "a package without a name"
