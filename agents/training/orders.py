"""The order in which a run meets its tasks or its sequences: a function of its seed, whoever asks and however often.

An interrupted run goes on with exactly what it had not met yet, in any epoch, and nothing is held of steps to come.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

__all__ = ["EpochSampler", "GroupSampler", "TaskOrder", "task_order"]


class TaskOrder(Sequence[int]):
    """Passes over all tasks, each in a random order of its own, of which one pass is held.

    Args:
        tasks: how many tasks there are.
        places: which places of that endless order these are.
        seed: of the order.
    """

    def __init__(self, tasks: int, places: range, seed: int):
        self.tasks, self.places, self.seed = tasks, places, seed
        self._begin()

    def _begin(self) -> None:
        self._rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(7,)))
        self._number, self._pass = -1, np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> "TaskOrder": ...
    def __getitem__(self, index: int | slice) -> "int | TaskOrder":
        if isinstance(index, slice):
            return TaskOrder(self.tasks, self.places[index], self.seed)
        number, place = divmod(self.places[index], self.tasks)
        if number < self._number:
            self._begin()
        while self._number < number:
            self._number, self._pass = self._number + 1, self._rng.permutation(self.tasks)
        return int(self._pass[place])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaskOrder):
            return NotImplemented
        return (self.tasks, self.places, self.seed) == (other.tasks, other.places, other.seed)

    __hash__ = None  # pyright: ignore[reportAssignmentType]


def task_order(tasks: int, count: int, seed: int) -> TaskOrder:
    """`count` task indices: passes over all tasks, each in a random order of its own."""
    return TaskOrder(tasks, range(count), seed)


class GroupSampler(Sampler[int]):
    """What TRL's `RepeatSampler` gives without shuffling, for an order of tasks that is not held in memory.

    Args:
        order: the tasks; those that do not fill a batch at the end are left out.
        rollouts: how often each is repeated, one after another.
        batch: tasks of a batch of episodes.
        repeats: how often each batch is repeated.
    """

    def __init__(self, order: Sequence[int], *, rollouts: int, batch: int, repeats: int):
        self.order, self.rollouts, self.batch, self.repeats = order, rollouts, batch, repeats

    def __len__(self) -> int:
        return len(self.order) // self.batch * self.batch * self.rollouts * self.repeats

    def __iter__(self) -> Iterator[int]:
        for first in range(0, len(self.order) - self.batch + 1, self.batch):
            batch = [self.order[first + place] for place in range(self.batch)]
            for _ in range(self.repeats):
                for task in batch:
                    yield from [task] * self.rollouts


class EpochSampler(Sampler[int]):
    """All sequences of a data set once an epoch, in an order that only the seed and the epoch's number decide.

    Args:
        lengths: of the sequences; those of a batch are about as long, which saves padding. None: batches are mixed.
        count: how many sequences there are.
        batch: sequences of an optimizer step, of all processes together.
        seed: of the order.
        epoch: tells the number of the epoch that begins, from 0.
    """

    def __init__(self, lengths: Sequence[int] | None, count: int, batch: int, seed: int, epoch: Callable[[], int]):
        self.lengths, self.count, self.batch, self.seed, self.epoch = lengths, count, batch, seed, epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        key = np.random.SeedSequence(self.seed, spawn_key=(13, self.epoch()))
        generator = torch.Generator().manual_seed(int(key.generate_state(1, np.uint64)[0]))
        if self.lengths is None:
            return iter(torch.randperm(self.count, generator=generator).tolist())
        return iter(get_length_grouped_indices(list(self.lengths), self.batch, generator=generator))
