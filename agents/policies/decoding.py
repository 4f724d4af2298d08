"""Sampling many sequences at once from one key-value cache, each at its own length.

A sequence that ends its turn leaves the batch at once, and one that has something new to read joins it; the others go
on where they are. That keeps multi-turn generation fast, where turns differ in length and wait for tools.

Shapes: B sequences in the batch, Q tokens of a chunk, T positions, V vocabulary.
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
from transformers import PreTrainedModel

from toolgym.agents.policies.cache import RowCache
from toolgym.agents.policies.policy import StopReason
from toolgym.agents.policies.windows import attends_everywhere, reach_of
from toolgym.errors import ConfigError, DivergenceError

__all__ = ["Decoder", "SamplingOptions", "check_slots", "draw", "roomy_context"]

_PREFILL_TOKENS = 16_384
_COLUMN_BLOCK = 32
_COLDEST = 1e-6


@dataclass(frozen=True)
class SamplingOptions:
    """How turns are sampled."""

    temperature: float = 1.0
    """0 is greedy, and so is what is next to it: less than 1e-6 becomes 0."""
    top_p: float = 1.0
    """Only the most probable tokens that together hold this mass are sampled."""
    max_new_tokens: int = 256
    """The longest turn."""
    context_tokens: int | None = 2048
    """The longest episode; never more than the model's own limit. None: by its opening (`roomy_context`)."""

    def __post_init__(self) -> None:
        context = self.context_tokens
        if (
            not 0 <= self.temperature < math.inf  # which a NaN is not
            or not 0 < self.top_p <= 1
            or self.max_new_tokens < 1
            or (context is not None and context < 2)
        ):
            raise ConfigError(
                "temperature must be >= 0 and finite, top_p in (0, 1], max_new_tokens >= 1, context_tokens >= 2; got "
                f"{self}"
            )
        if self.temperature < _COLDEST:  # logits divided by it may overflow
            object.__setattr__(self, "temperature", 0.0)

    def context(self, opening: int, own_limit: int) -> int:
        """The longest context of an episode whose opening has so many tokens, for a model with such a limit."""
        return min(self.context_tokens or roomy_context(opening, self.max_new_tokens), own_limit)


def roomy_context(opening: int, longest_turn: int) -> int:
    """A context for an episode whose opening has so many tokens: at least 8,192, and room for four longest turns.

    Turns and answers have at least 4,096 tokens after the opening; rounded up to whole 1,024.
    """
    return max(8192, -(-(opening + max(4096, 4 * longest_turn)) // 1024) * 1024)


def check_slots(slots: Sequence[int]) -> None:
    """Raises where a slot is named twice.

    Raises:
        ConfigError: it is.
    """
    if len(set(slots)) != len(slots):
        raise ConfigError(f"generate was asked for a slot twice: {list(slots)}")


@dataclass(slots=True)
class _Sequence:
    """One context: how much of it the cache holds, what it does not hold yet, and the turn that is being sampled."""

    row: int
    limit: int
    """The most tokens that it may have."""
    length: int = 0
    pending: list[int] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    ids: list[int] = field(default_factory=list)
    logps: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    stop: StopReason | None = None
    """Why the latest turn ended; None while one is being sampled, and before the first."""


class Decoder:
    """Contexts by slot, and the turns that a model continues them with.

    Args:
        model: the model, on its device; `use` exchanges it.
        pad_id: the padding token.
        stop_ids: tokens that end a turn.
        options: how to sample.
    """

    def __init__(self, model: PreTrainedModel, pad_id: int, stop_ids: Sequence[int], options: SamplingOptions):
        self.model, self.pad_id, self.stop_ids, self.options = model, pad_id, frozenset(stop_ids), options
        self._config = model.config.get_text_config()
        self.own_limit = self._own_limit()
        """The longest context that the model itself can have."""
        self.with_entropy = False
        """Whether `entropies` are kept: a pass more over the vocabulary for each token."""
        self.as_drawn = False
        """Whether log-probabilities are at the sampling temperature, as tokens are drawn, and not at 1."""
        self._entropies: dict[int, list[float]] = {}
        self._open: dict[int, _Sequence] = {}
        self._at_row: list[int | None] = []
        self._cache: RowCache | None = None

    def _own_limit(self) -> int:
        if others := attends_everywhere(self._config):
            raise ConfigError(f"LMPolicy needs a model with attention in every layer; this one has {', '.join(others)}")
        given, reach = self.options.context_tokens, reach_of(self._config)
        if reach is None:
            return given or sys.maxsize
        if given is not None and reach.tokens < given and not reach.own:
            raise ConfigError(
                f"context_tokens={given} is longer than the {reach.tokens} tokens up to which this model "
                f"attends to all tokens alike ({reach.said}): beyond them it would not sample as it is scored; set "
                f"context_tokens={reach.tokens} or less"
            )
        return reach.tokens

    def limit(self, opening: int) -> int:
        """The longest context of an episode whose opening has so many tokens."""
        return self.options.context(opening, self.own_limit)

    def use(self, model: PreTrainedModel) -> None:
        """Exchanges the model, or its weights; every context is dropped."""
        self.clear()
        self.model, self._config = model, model.config.get_text_config()
        self.own_limit = self._own_limit()

    # Contexts ------------------------------------------------------------------------------------------------------

    def open(self, slot: int, ids: Sequence[int], rng: np.random.Generator, opening: int | None = None) -> None:
        """Begins a context in a slot, which samples with `rng`; what the slot held before is dropped.

        `opening` says how many of the ids are the episode's opening; default: all.
        """
        self.close(slot)
        limit = self.limit(len(ids) if opening is None else opening)
        self._open[slot] = _Sequence(self._take_row(slot), limit, pending=list(ids), rng=rng)

    def feed(self, slot: int, ids: Sequence[int]) -> None:
        """Appends to a slot's context."""
        self._open[slot].pending += ids

    def stopped(self, slot: int) -> StopReason | None:
        """Why the slot's latest turn ended."""
        return self._open[slot].stop

    def close(self, slot: int) -> None:
        """Frees the slot; unknown slots are ignored."""
        sequence = self._open.pop(slot, None)
        if sequence is not None:
            self._at_row[sequence.row] = None

    def clear(self) -> None:
        """Drops every context and the cache."""
        self._open.clear()
        self._at_row = []
        self._cache = None

    def _take_row(self, slot: int) -> int:
        if None not in self._at_row:
            more = max(1, len(self._at_row))
            self._at_row += [None] * more
            if self._cache is not None:
                self._cache.add_rows(more)
        row = self._at_row.index(None)
        self._at_row[row] = slot
        return row

    # Turns ---------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def turns(
        self, slots: Sequence[int], enough: int, pause: Callable[[], bool] | None = None
    ) -> dict[int, tuple[list[int], list[float]]]:
        """Samples until `enough` of the slots have ended a turn: slot -> (ids, log-probabilities at temperature 1).

        The others' turns are half done, and go on at the next call; so they do where `pause()`, asked before each token
        but the first, says that others want to join. A slot whose context is full ends at once, without
        a token (`stopped` says `context`).
        """
        check_slots(slots)
        ended: list[int] = []
        drafting: list[int] = []
        fresh: list[int] = []
        for slot in slots:
            sequence = self._open[slot]
            if sequence.ids:
                drafting.append(slot)
            elif sequence.length + len(sequence.pending) >= sequence.limit:
                sequence.stop = "context"
                ended.append(slot)
            else:
                fresh.append(slot)
        was_training = self.model.training
        if was_training:
            self.model.eval()
        try:
            self._run(drafting, fresh, ended, enough, pause)
        finally:
            if was_training:
                self.model.train()
        out = {}
        for slot in ended:
            sequence = self._open[slot]
            out[slot] = sequence.ids, sequence.logps
            self._entropies[slot] = sequence.entropies
            sequence.ids, sequence.logps, sequence.entropies = [], [], []
        return out

    def entropies(self, slot: int) -> list[float]:
        """The entropy, in nats, of the distribution that each token of the slot's latest turn was drawn from; empty
        unless `with_entropy`.
        """
        return self._entropies.get(slot, [])

    def _run(
        self,
        drafting: list[int],
        fresh: list[int],
        ended: list[int],
        enough: int,
        pause: Callable[[], bool] | None,
    ) -> None:
        """Prefills the fresh slots, then samples with all; `ended` grows."""
        if not drafting and not fresh:
            return
        order = self._gather(drafting, fresh)
        if fresh:
            self._append(order[len(drafting) :], self._prefill(order[len(drafting) :], len(drafting)))
        sampled = bool(fresh)
        while True:
            for row in reversed(range(len(order))):
                if self._open[order[row]].stop is not None:
                    ended.append(order[row])
                    self._swap(row, len(order) - 1)
                    order[row] = order[-1]
                    order.pop()
            if not order or len(ended) >= enough or (sampled and pause is not None and pause()):
                return
            self._append(order, self._forward(order, 0))
            sampled = True

    def _append(self, order: list[int], logits_BV: torch.Tensor) -> None:
        """Samples a token for each slot, and notes whose turn it ended."""
        tokens, logps = self.sample(logits_BV, order)
        if self.with_entropy:
            probs_BV = torch.softmax(logits_BV / (self.options.temperature or 1.0), dim=-1)
            for slot, entropy in zip(order, torch.special.entr(probs_BV).sum(-1).tolist(), strict=True):
                self._open[slot].entropies.append(entropy)
        for slot, token, logp in zip(order, tokens, logps, strict=True):
            sequence = self._open[slot]
            sequence.ids.append(token)
            sequence.logps.append(logp)
            # The token just sampled is not in the cache yet: it goes in with the next chunk.
            sequence.pending = [token]
            if token in self.stop_ids:
                sequence.stop = "end_of_turn"
            elif len(sequence.ids) >= self.options.max_new_tokens:
                sequence.stop = "length"
            elif sequence.length + 1 >= sequence.limit:
                sequence.stop = "context"
            else:
                sequence.stop = None

    def sample(self, logits_BV: torch.Tensor, slots: Sequence[int]) -> tuple[list[int], list[float]]:
        """One token a slot, and its log-probability at temperature 1 (see `as_drawn`).

        Raises:
            DivergenceError: the logits are no numbers.
        """
        scaled_BV = logits_BV / self.options.temperature if self.as_drawn else logits_BV
        logps_BV = torch.log_softmax(scaled_BV, dim=-1)
        if self.options.temperature == 0:
            tokens_B = logps_BV.argmax(dim=-1)
        else:
            draws = np.array([self._open[slot].rng.random() for slot in slots], dtype=np.float64)
            tokens_B = draw(logits_BV, torch.from_numpy(draws).to(logits_BV.device), self.options)
        chosen = logps_BV.gather(1, tokens_B[:, None])[:, 0].tolist()
        if any(math.isnan(logp) for logp in chosen):
            raise DivergenceError(
                f"the model gives NaN in place of probabilities: its weights hold NaN or infinite numbers, or overflow "
                f"in {str(self.model.dtype).removeprefix('torch.')}; take an earlier checkpoint (trained with a lower "
                "learning rate), or --dtype float32"
            )
        return tokens_B.tolist(), chosen

    # Rows of the cache ---------------------------------------------------------------------------------------------

    def _gather(self, drafting: Sequence[int], fresh: Sequence[int]) -> list[int]:
        """Moves the slots' rows to the front of the cache, the fresh ones behind; returns the slots in row order."""
        if self._cache is None:
            while self._at_row[-1] is None:  # rows were made room for in steps
                self._at_row.pop()
            limit = min(self.options.context_tokens or self.own_limit, self.own_limit)
            self._cache = RowCache(self._config.num_hidden_layers, len(self._at_row), limit)
        first, count = set(drafting), len(drafting) + len(fresh)
        both = first | set(fresh)
        ordered = []
        for row in range(count):
            wanted = first if row < len(first) else both
            if self._at_row[row] not in wanted:
                self._swap(row, next(r for r in range(row + 1, len(self._at_row)) if self._at_row[r] in wanted))
            ordered.append(cast(int, self._at_row[row]))
        return ordered

    def _swap(self, first: int, second: int) -> None:
        held = [self._at_row[first], self._at_row[second]]
        used = max((self._open[slot].length for slot in held if slot is not None), default=0)
        cast(RowCache, self._cache).swap(first, second, used)
        self._at_row[first], self._at_row[second] = held[1], held[0]
        for slot, row in ((held[0], second), (held[1], first)):
            if slot is not None:
                self._open[slot].row = row

    # Forward passes ------------------------------------------------------------------------------------------------

    def _prefill(self, order: list[int], low: int) -> torch.Tensor:
        """Feeds the pending tokens of the slots in rows `low`, `low + 1`, …; the next token's logits `(B, V)`.

        Slots that open with the same tokens (the rollouts of one group) are computed once and copied.
        """
        first_place: dict[tuple[int, ...], int] = {}
        source = []
        for place, slot in enumerate(order):
            sequence = self._open[slot]
            key = tuple(sequence.pending) if sequence.length == 0 else (-1, place)
            source.append(first_place.setdefault(key, place))
        logits_BV = self._prefill_some(order, [at for at in range(len(order)) if source[at] == at], low)
        for place, origin in enumerate(source):
            if origin != place:
                sequence = self._open[order[place]]
                sequence.length, sequence.pending = len(sequence.pending), []
                cast(RowCache, self._cache).copy(low + origin, low + place, sequence.length)
                logits_BV[place] = logits_BV[origin]
        return logits_BV

    def _prefill_some(self, order: list[int], places: list[int], low: int) -> torch.Tensor:
        """Feeds some places of `order`, adjacent ones together, in passes of bounded size; logits `(B, V)`.

        The logits of the other places are empty.
        """
        logits_BV: torch.Tensor | None = None
        at = 0
        while at < len(places):
            end, longest = at, 0
            while end < len(places) and places[end] - places[at] == end - at:
                longest = max(longest, len(self._open[order[places[end]]].pending))
                if end > at and longest * (end + 1 - at) > _PREFILL_TOKENS:
                    break
                end += 1
            part = self._forward([order[place] for place in places[at:end]], low + places[at])
            if logits_BV is None:
                logits_BV = part.new_empty(len(order), part.shape[-1])
            logits_BV[places[at] : places[at] + len(part)] = part
            at = end
        return cast(torch.Tensor, logits_BV)

    def _forward(self, order: list[int], low: int) -> torch.Tensor:
        """One pass over the pending tokens of the slots in rows `low`, `low + 1`, …; logits `(B, V)` after the last.

        Whole blocks of columns are read, and a row that is alone gets a second, empty token: a sum's last digits depend
        on how many numbers are added and by which routine, and so on who else is there.
        """
        sequences = [self._open[slot] for slot in order]
        fewest = 2 if len(sequences) == 1 else 1
        width = max(fewest, *(len(sequence.pending) for sequence in sequences))
        used = max(sequence.length + len(sequence.pending) for sequence in sequences)
        used = max(used, min(-(-used // _COLUMN_BLOCK) * _COLUMN_BLOCK, cast(RowCache, self._cache).limit))
        ids = np.full((len(sequences), width), self.pad_id, dtype=np.int64)
        positions = np.full((len(sequences), width), -1, dtype=np.int64)
        for row, sequence in enumerate(sequences):
            count = len(sequence.pending)
            ids[row, width - count :] = sequence.pending
            positions[row, width - count :] = np.arange(sequence.length, sequence.length + count)
            sequence.length += count
            sequence.pending = []
        device = self.model.device
        ids_BQ = torch.from_numpy(ids).to(device)
        positions_BQ = torch.from_numpy(positions).to(device)
        cache = cast(RowCache, self._cache)
        cache.aim(low, low + len(sequences), positions_BQ, used)
        positions_BQ = positions_BQ.clamp(min=0)
        seen_BQT = torch.arange(used, device=device) <= positions_BQ[:, :, None]
        logits = self.model(
            input_ids=ids_BQ,
            attention_mask=self._additive(seen_BQT[:, None]),
            position_ids=positions_BQ,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=fewest,
        ).logits
        return logits[:, -1].float()

    def _additive(self, seen_B1QT: torch.Tensor) -> torch.Tensor:
        """The mask as numbers to add, made once a pass: SDPA would turn a boolean one into that in every layer."""
        dtype = self.model.dtype
        return torch.zeros(seen_B1QT.shape, dtype=dtype, device=seen_B1QT.device).masked_fill(
            ~seen_B1QT, torch.finfo(dtype).min
        )


def draw(logits_BV: torch.Tensor, uniform_B: torch.Tensor, options: SamplingOptions) -> torch.Tensor:
    """Tokens `(B,)` by inverting the cumulative distribution at `uniform_B` in [0, 1).

    One uniform number a row decides, so a row's token does not depend on the rows beside it.
    """
    probs_BV = torch.softmax(logits_BV / options.temperature, dim=-1).double()
    if options.top_p < 1:
        sorted_BV, index_BV = probs_BV.sort(dim=-1, descending=True, stable=True)
        # A token stays while the mass before it is below top_p: the first always does.
        sorted_BV = sorted_BV * (sorted_BV.cumsum(-1) - sorted_BV < options.top_p)
        probs_BV = torch.zeros_like(probs_BV).scatter(1, index_BV, sorted_BV)
    cumulative_BV = probs_BV.cumsum(dim=-1)
    target_B1 = (uniform_B.to(cumulative_BV.dtype) * cumulative_BV[:, -1])[:, None]
    return (cumulative_BV <= target_B1).sum(dim=-1).clamp(max=logits_BV.shape[-1] - 1)
