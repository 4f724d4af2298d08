"""`ToolGym/All-v0`: a task of any domain, each episode with the tools, the policy and the server of its task's domain.

    gymnasium.make("ToolGym/All-v0", held_out=["library"])      # trains on all domains but one
    gymnasium.make("ToolGym/All-v0", domains=["library"])       # and is tested on that one

Task `i` is of a domain that a seeded rule tells: of any `D` tasks in a row from a multiple of `D` on, each of the `D`
domains has one, in an order of their own; where a domain has fewer tasks, the others go on without it.
"""

import random
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from math import gcd
from typing import Any, Final

from toolgym.composing.names import rng_for
from toolgym.domain import Domain, Split, TaskSet
from toolgym.env_maker import EnvMaker
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.session import ForkKind, ToolSpec, WrappedSession
from toolgym.options import EnvOptions
from toolgym.registration import domains as registered
from toolgym.registration import make_domain, needs_user, own_domains
from toolgym.tasks import Task

__all__ = ["MixedDomain", "MixedSession", "MixedTasks", "known_options", "make_env", "make_vector_env"]

_ORDER_KEY: Final = 11
_SHUFFLED: Final = 256
"""Domains whose order is shuffled; more take turns by steps."""
_WORSE: Final[tuple[ForkKind, ...]] = ("none", "replay", "copy")


class MixedDomain:
    """Several domains as one.

    Args:
        parts: the domains by name.
        seed: seeds the order of their tasks.
    """

    name = "all"
    title = "All domains"

    def __init__(self, parts: Mapping[str, Domain], seed: int = 0):
        self.parts, self.seed = dict(parts), seed

    @property
    def depths(self) -> tuple[int, ...]:
        """How many atomic tasks its tasks are composed of."""
        return tuple(sorted({depth for part in self.parts.values() for depth in getattr(part, "depths", ())}))

    @property
    def kinds(self) -> dict[str, str]:
        """The atomic kinds of all parts, and their tools."""
        return {kind: tool for part in self.parts.values() for kind, tool in getattr(part, "kinds", {}).items()}

    def policy(self) -> str:
        """All policy documents; an episode has that of its task's domain alone."""
        return "\n\n".join(part.policy() for part in self.parts.values())

    def session(self) -> "MixedSession":
        """A session that each reset puts on the server of the task's domain."""
        return MixedSession(self.parts)

    def part_of(self, task: Task) -> Domain:
        """The domain of a task.

        Raises:
            ConfigError: it is none of these.
        """
        if task.domain not in self.parts:
            raise ConfigError(f"Task {task.id!r}: {did_you_mean(task.domain, self.parts, 'domain')}")
        return self.parts[task.domain]

    def world_key(self, task: Task) -> tuple[str, Any]:
        """The task's domain, and its world there."""
        own = getattr(self.part_of(task), "world_key", None)
        return task.domain, task.world_seed if own is None else own(task)

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> "MixedTasks":
        """The tasks of a split, of all domains that have some that fit.

        Raises:
            ConfigError: an unknown split or kind, or nothing is left.
        """
        tell_kinds = all(hasattr(part, "kinds") for part in self.parts.values())  # a domain of one's own need not
        for kind in kinds or ():
            if kind not in self.kinds and tell_kinds:
                raise ConfigError(did_you_mean(kind, self.kinds, "atomic kind"))
        sets: dict[str, TaskSet] = {}
        refused = ""
        for name, part in self.parts.items():
            of_part = getattr(part, "kinds", None)
            known = kinds if kinds is None or of_part is None else [kind for kind in kinds if kind in of_part]
            if known is not None and not known:
                continue
            try:
                found = part.tasks(split, depth=depth, kinds=known)
            except ConfigError as error:  # no task of it fits
                refused = str(error)
                continue
            if len(found):
                sets[name] = found
        if not sets:
            raise ConfigError(refused or f"No task of {split!r} has depth {depth!r} and kinds {kinds!r}.")
        return MixedTasks(sets, self.seed)


class MixedTasks:
    """The tasks of several sets, in turns.

    Their ids are those that they have in their own sets, behind their domain's name where an id does not begin with it.

    Args:
        sets: by domain.
        seed: seeds the order.
    """

    def __init__(self, sets: Mapping[str, TaskSet], seed: int = 0):
        self._sets, self._seed = sets, seed
        lengths = sorted({len(found) for found in self._sets.values()})
        self._rounds = [0, *lengths]
        """Where a set ends, counted in rounds: rounds in which each set that goes on has one task."""
        self._active = [[name for name, found in self._sets.items() if len(found) > first] for first in self._rounds]
        self._starts = [0]
        for number, end in enumerate(lengths):
            self._starts.append(self._starts[-1] + (end - self._rounds[number]) * len(self._active[number]))
        self._order = lru_cache(maxsize=64)(self._ordered)

    def _ordered(self, phase: int, number: int) -> Sequence[str]:
        names, rng = self._active[phase], rng_for(self._seed, _ORDER_KEY, number)
        if len(names) > _SHUFFLED:  # a shuffle of thousands takes longer than a task
            return _Strided(names, rng)
        shuffled = list(names)
        rng.shuffle(shuffled)
        return shuffled

    def place(self, index: int) -> tuple[str, int]:
        """The domain of task `index`, and its index there.

        Raises:
            IndexError: there is no such task.
        """
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"there is no task {index} among {len(self)}")
        phase = bisect_right(self._starts, at) - 1
        number, seat = divmod(at - self._starts[phase], len(self._active[phase]))
        number += self._rounds[phase]
        return self._order(phase, number)[seat], number

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int, /) -> Task:
        name, at = self.place(index)
        return _named(self._sets[name][at], name)

    def __iter__(self) -> Iterator[Task]:
        for index in range(len(self)):
            yield self[index]

    def by_id(self, task_id: str) -> Task:
        """The task of that id.

        Raises:
            ConfigError: there is none.
        """
        refused = ""
        for name in sorted(self._sets, key=len, reverse=True):
            if not task_id.startswith(f"{name}-"):
                continue
            for own in (task_id, task_id[len(name) + 1 :]):
                try:
                    found = _named(self._sets[name].by_id(own), name)
                except ConfigError as error:
                    refused = refused or str(error)
                    continue
                if found.id == task_id:
                    return found
        names = ", ".join(sorted(self._sets))
        raise ConfigError(refused or f"No task {task_id!r}: an id begins with its domain's name, one of {names}.")


class _Strided(Sequence[str]):
    """The names in another order, by steps that meet each of them once."""

    def __init__(self, names: Sequence[str], rng: random.Random):
        count = len(names)
        self._names, self._first, self._step = names, rng.randrange(count), rng.randrange(1, count)
        while gcd(self._step, count) > 1:
            self._step = rng.randrange(1, count)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: Any, /) -> Any:
        return self._names[(self._first + self._step * index) % len(self._names)]


def _named(task: Task, domain: str) -> Task:
    """The task with an id that begins with its domain's name, by which it is found again."""
    if task.domain == domain and task.id.startswith(f"{domain}-"):
        return task
    id = task.id if task.id.startswith(f"{domain}-") else f"{domain}-{task.id}"
    return task.model_copy(update={"id": id, "domain": domain})


class MixedSession(WrappedSession):
    """A session that a reset puts on the server of one of several domains; until then it lists the tools of all.

    Args:
        parts: the domains by name.
        opened: those that are opened at once, whose tools are listed until a reset; by default all.
        kept: how many servers' sessions stay open; the least recently used one is closed first.
    """

    def __init__(self, parts: Mapping[str, Domain], opened: Iterable[str] | None = None, kept: int | None = None):
        self._parts, self._kept = parts, kept
        names = parts if opened is None else opened
        self._open = OrderedDict((name, parts[name].session()) for name in names)
        sessions = list(self._open.values())
        super().__init__(sessions[0])
        self.fork_kind = next(kind for kind in _WORSE if any(session.fork_kind == kind for session in sessions))
        self.suspends = any(session.suspends for session in sessions)
        self._all: tuple[ToolSpec, ...] | None = _union(session.tools for session in sessions)

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self.inner.tools if self._all is None else self._all

    def reset(self, world_key: Any = None) -> None:
        """Starts a fresh episode of a domain.

        Args:
            world_key: the domain's name and the world (`MixedDomain.world_key`).
        """
        name, key = world_key
        if name not in self._open:
            self._open[name] = self._parts[name].session()
        self._open.move_to_end(name)
        while self._kept is not None and len(self._open) > self._kept:
            self._open.popitem(last=False)[1].close()
        self.inner, self._all = self._open[name], None
        self.inner.reset(key)

    def fork(self) -> "MixedSession":
        twin = object.__new__(MixedSession)
        twin.inner, twin.fork_kind, twin.suspends = self.inner.fork(), self.fork_kind, self.suspends
        twin._parts, twin._kept, twin._all = self._parts, self._kept, self._all
        twin._open = OrderedDict((name, twin.inner) for name, session in self._open.items() if session is self.inner)
        return twin

    def close(self) -> None:
        for session in self._open.values():
            session.close()


def _union(lists: Iterable[Sequence[ToolSpec]]) -> tuple[ToolSpec, ...]:
    """All tools; of several with one name the first."""
    found: dict[str, ToolSpec] = {}
    for tools in lists:
        for tool in tools:
            found.setdefault(tool.name, tool)
    return tuple(found.values())


def _domain_of(settings: dict[str, Any], options: EnvOptions | None) -> tuple[MixedDomain, dict[str, Any]]:
    """The domains that are chosen (`domains`: by default all of ToolGym's own whose tasks can be played with the user
    that is chosen; without those `held_out`), each with the size, dialect and seed.

    Raises:
        ConfigError: an unknown domain, or none is left.
    """
    user = settings.get("user", (options or EnvOptions()).user)
    chosen = _chosen(settings.pop("domains", None), settings.pop("held_out", None) or (), user)
    size, dialect, seed = (settings.pop(name, None) for name in ("size", "dialect", "domain_seed"))
    parts = {name: make_domain(name, size=size, dialect=dialect, seed=seed) for name in chosen}
    return MixedDomain(parts, seed or 0), settings


def _chosen(domains: Any, held_out: Any, user: Any) -> list[str]:
    """The names of the domains, each once.

    Raises:
        ConfigError: an unknown name, one whose tasks cannot be played without a user, or none is left.
    """
    out = _names("held_out", held_out)
    if domains is None:
        chosen = [name for name in own_domains() if user != "none" or not needs_user(name)]
    else:
        chosen = _names("domains", domains)
        for name in chosen:
            if user == "none" and name not in out and needs_user(name):
                raise ConfigError(f"The tasks of {name!r} cannot be played without a user: add user='scripted'")
    left = [name for name in chosen if name not in out]
    if not left:
        raise ConfigError(f"No domain is left of {chosen} without {out}: give domains= other names")
    return left


def _names(option: str, given: Any) -> list[str]:
    names: list[Any] = [None]
    if isinstance(given, str):
        names = [name.strip() for name in given.split(",")]
    elif isinstance(given, Iterable):
        names = list(given)  # once: an iterator has no second time
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{option} takes names of domains ({', '.join(registered())}), not {given!r:.100}")
    for name in names:
        if name not in registered():
            raise ConfigError(f"{option}: {did_you_mean(name, registered(), 'domain')}")
    return list(dict.fromkeys(sorted(names) if isinstance(given, Set) else names))  # a set has another order each time


MAKER = EnvMaker(_domain_of, own=("domains", "held_out"))
make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options
