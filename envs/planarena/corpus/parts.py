"""What each file of rows holds: a function of the corpus's manifest alone, whoever makes it and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

from toolgym.domain import Split
from toolgym.envs.planarena.corpus.format import Manifest
from toolgym.envs.planarena.corpus.scenarios import tasks_in
from toolgym.errors import ConfigError

__all__ = ["Pairs", "Part", "check_enough", "parts_of"]

_TRIES: Final = 8
"""Scenarios that a pair is looked for in."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of one split: `count` of them, dealt out over its scenarios in order."""

    split: str
    scenarios: tuple[str, ...]
    count: int

    @property
    def stride(self) -> int:
        """The most pairs that one scenario has."""
        return -(-self.count // len(self.scenarios))

    def place(self, pair: int) -> tuple[int, int]:
        """Pair -> the index of its scenario, and its number there."""
        at = pair * len(self.scenarios) // self.count
        first = -(-at * self.count // len(self.scenarios))
        return at, pair - first

    def tries(self, pair: int) -> Iterator[tuple[str, int]]:
        """Where a pair is looked for: its own scenario, then others, there behind the tasks that are theirs."""
        at, number = self.place(pair)
        yield self.scenarios[at], number
        for step in range(1, _TRIES):
            yield self.scenarios[(at + step) % len(self.scenarios)], self.stride + pair


@dataclass(frozen=True, slots=True)
class Part:
    """A file of rows: those of the pairs `first` to `last` (not included) of a split."""

    name: str
    pairs: Pairs
    first: int
    last: int
    number: int
    """Of its first row in the corpus."""
    rows: int


def parts_of(manifest: Manifest) -> list[Part]:
    """The files of a corpus, in order."""
    out: list[Part] = []
    number, left, scenarios_left = 0, manifest.trajectories, len(manifest.scenarios)
    for split in sorted({split for _, split in manifest.scenarios}):
        names = tuple(name for name, own in manifest.scenarios if own == split)
        # Each split has rows by the number of its scenarios; what is left over at the end is the last one's.
        share = left * len(names) // scenarios_left
        rows = share if len(names) == scenarios_left else share - share % 2
        left, scenarios_left = left - rows, scenarios_left - len(names)
        pairs = Pairs(split, names, -(-rows // 2))
        step = max(1, manifest.part_rows // 2)
        for index, first in enumerate(range(0, pairs.count, step)):
            last = min(first + step, pairs.count)
            count = min(2 * (last - first), rows - 2 * first)
            out.append(Part(f"{split}-{index:05d}", pairs, first, last, number, count))
            number += count
    return out


def check_enough(manifest: Manifest) -> None:
    """Raises where the scenarios have fewer tasks than are asked for.

    Raises:
        ConfigError: it says how many rows there can be.
    """
    for pairs in {part.pairs for part in parts_of(manifest)}:
        tasks = min(tasks_in(name, cast(Split, pairs.split)) for name in pairs.scenarios)
        if pairs.stride > tasks // 2:
            raise ConfigError(
                f"{manifest.trajectories} trajectories of {len(manifest.scenarios)} scenarios need {pairs.stride} "
                f"tasks of split {pairs.split!r} from each; half of the {tasks} there are is kept in reserve. Give "
                f"more --domains, or at most {tasks * len(pairs.scenarios)} --trajectories"
            )
