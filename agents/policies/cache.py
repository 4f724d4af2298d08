"""A preallocated key-value cache in which every row has its own length.

The transformers caches hold one length for the whole batch, so a row that waits for its environment would have to be
padded. Here each row is written at its own positions, rows that are not generating cost nothing, and two rows can be
swapped, which keeps the rows that are generating together at the front: no copy a step.

Shapes: R rows, H key-value heads, C columns (positions), D head size, Q tokens of a chunk, T columns in use.
"""

from typing import Any

import torch
from transformers.cache_utils import Cache

from toolgym.errors import ConfigError

__all__ = ["RowCache", "enough_columns"]

_FIRST_COLUMNS = 256
_DOUBLE_UP_TO = 1024


def enough_columns(held: int, used: int) -> int:
    """The columns to hold next, where `held` are not enough for `used`."""
    columns = max(_FIRST_COLUMNS, held)
    while columns < min(used, _DOUBLE_UP_TO):
        columns *= 2
    grown = max(used, held + held // 4) if used > columns else columns
    return -(-grown // _FIRST_COLUMNS) * _FIRST_COLUMNS


class RowCache(Cache):
    """Keys and values of `rows` independent sequences, at most `limit` positions each.

    Before a forward pass, `aim` says which rows it is for and which positions its tokens take; the model's layers then
    write and read through `update`. Columns are allocated as they are needed: doubling while they are few, then by a
    quarter, for the cache of long contexts is the larger part of a rollout's memory.
    """

    def __init__(self, layers: int, rows: int, limit: int):
        super().__init__(layers=[])
        self.rows, self.limit, self.columns = rows, limit, 0
        self._keys_RHCD: list[torch.Tensor | None] = [None] * layers
        self._values_RHCD: list[torch.Tensor | None] = [None] * layers
        self._low, self._high, self._used = 0, 0, 0
        self._rows_B1 = torch.zeros(0, 1, dtype=torch.long)
        self._positions_BQ = torch.zeros(0, 0, dtype=torch.long)

    def aim(self, low: int, high: int, positions_BQ: torch.Tensor, used: int) -> None:
        """The next pass is for rows `[low, high)`; its tokens go to `positions_BQ`; it reads columns `[0, used)`.

        A negative position is padding: its keys go to a column that nothing reads.
        """
        if used > self.limit:
            raise ConfigError(f"the cache holds {self.limit} positions a row, {used} were asked for")
        self._grow(used)
        self._low, self._high, self._used = low, high, used
        self._rows_B1 = torch.arange(low, high, device=positions_BQ.device)[:, None]
        self._positions_BQ = torch.where(positions_BQ < 0, self.columns, positions_BQ)

    def _grow(self, used: int) -> None:
        if used <= self.columns:
            return
        columns = min(enough_columns(self.columns, used), self.limit)
        for tensors in (self._keys_RHCD, self._values_RHCD):
            for layer, old in enumerate(tensors):
                if old is not None:
                    new = old.new_zeros(old.shape[0], old.shape[1], columns + 1, old.shape[3])
                    new[:, :, : self.columns] = old[:, :, : self.columns]
                    tensors[layer] = new
        self.columns = columns

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes a chunk's keys and values `(B, H, Q, D)` and returns the rows' `(B, H, T, D)` (views)."""
        out = []
        for tensors, new_BHQD in ((self._keys_RHCD, key_states), (self._values_RHCD, value_states)):
            held = tensors[layer_idx]
            if held is None:
                # One column more than positions: padding is written there.
                shape = (self.rows, new_BHQD.shape[1], self.columns + 1, new_BHQD.shape[3])
                held = tensors[layer_idx] = new_BHQD.new_zeros(shape)
            held.transpose(1, 2)[self._rows_B1, self._positions_BQ] = new_BHQD.transpose(1, 2)
            out.append(held[self._low : self._high, :, : self._used])
        return out[0], out[1]

    def add_rows(self, count: int) -> None:
        """Makes room for `count` more sequences."""
        self.rows += count
        for tensors in (self._keys_RHCD, self._values_RHCD):
            for layer, old in enumerate(tensors):
                if old is not None:
                    tensors[layer] = torch.cat([old, old.new_zeros(count, *old.shape[1:])])

    def swap(self, first: int, second: int, used: int) -> None:
        """Exchanges two rows, as far as column `used`."""
        if first == second:
            return
        for held in (*self._keys_RHCD, *self._values_RHCD):
            if held is not None:
                kept = held[first, :, :used].clone()
                held[first, :, :used] = held[second, :, :used]
                held[second, :, :used] = kept

    def copy(self, source: int, target: int, used: int) -> None:
        """Makes row `target` equal to row `source`, as far as column `used`."""
        for held in (*self._keys_RHCD, *self._values_RHCD):
            if held is not None:
                held[target, :, :used] = held[source, :, :used]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Columns read by the pass that `aim` announced."""
        return self._used

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """(columns, offset), for models that build masks of their own."""
        return self._used, 0
