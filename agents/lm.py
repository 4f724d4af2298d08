"""A causal language model as a `Policy`: any model that transformers loads, token ids in, token ids out.

What was sampled stays in the context as sampled: nothing is decoded and tokenised again. The key-value cache is kept
across turns, each slot at its own length; a turn costs the environment's new tokens and the sampled ones. A slot that
finishes its turn drops out of the batch at once.

Shapes: B slots generating, Q tokens of a chunk, T positions, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from toolgym.agents.cache import RowCache
from toolgym.agents.chat import ChatFormat
from toolgym.agents.policy import Completion, StopReason
from toolgym.errors import ConfigError

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["LMPolicy", "SamplingOptions", "fast_bf16", "load_model", "set_threads"]

_PREFILL_TOKENS = 16_384


@dataclass(frozen=True)
class SamplingOptions:
    """How turns are sampled."""

    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    """Only the most probable tokens that together hold this mass are sampled."""
    max_new_tokens: int = 256
    """The longest turn."""
    context_tokens: int = 2048
    """The longest episode; never more than the model's own limit."""

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1 or self.max_new_tokens < 1 or self.context_tokens < 2:
            raise ConfigError(
                f"temperature must be >= 0, top_p in (0, 1], max_new_tokens >= 1, context_tokens >= 2; got {self}"
            )


@dataclass(slots=True)
class _Slot:
    """One episode: how much of its context the cache holds, and what it does not hold yet."""

    row: int
    length: int = 0
    pending: list[int] = field(default_factory=list)
    stop: StopReason | None = None
    rng: np.random.Generator = field(default_factory=np.random.default_rng)


def set_threads(threads: int | None = None) -> int:
    """Sets torch's number of threads (by default the usable cores, at most 8) and returns it.

    Left to itself torch takes every core it sees, which on a shared machine is many times slower than one.
    """
    import os

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = threads or min(usable, 8)
    torch.set_num_threads(count)
    return count


def fast_bf16() -> bool:
    """Whether the machine computes in bfloat16 faster than in float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(check() for check in (getattr(torch.cpu, name, None) for name in checks) if check is not None)


def load_model(
    name: str | Path, *, device: str | None = None, dtype: torch.dtype = torch.float32
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A causal LM and its tokenizer: `builtin:clean`, `builtin:imperfect`, a folder or a hub id.

    Raises:
        ConfigError: no such model.
    """
    from toolgym.agents.builtin import checkpoint_path

    path = checkpoint_path(str(name))
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot load the model {str(name)!r}: {error}. Give builtin:clean, builtin:imperfect, the folder of a "
            "checkpoint, or a Hugging Face id"
        ) from error
    finally:
        if bars:
            logging.enable_progress_bar()
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    target = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return cast(PreTrainedModel, model.to(cast(Any, target))).eval(), tokenizer


class LMPolicy:
    """A causal LM that acts in many episodes at once.

    Args:
        model: the model, on its device; full attention (sliding windows only beyond `context_tokens`).
        tokenizer: its tokenizer; it needs a chat template.
        options: how to sample.
        seed: of the sampling; every episode of every slot has a stream of its own.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        options: SamplingOptions | None = None,
        *,
        seed: int = 0,
    ):
        self.model, self.tokenizer = model, tokenizer
        self.options = options or SamplingOptions()
        self.chat = ChatFormat(tokenizer)
        self.stop_ids = self.chat.stop_ids(model)
        self._config = model.config.get_text_config()
        own_limit = getattr(self._config, "max_position_embeddings", None) or self.options.context_tokens
        self.context_tokens = min(self.options.context_tokens, own_limit)
        self._check_attention()
        self._slots: dict[int, _Slot] = {}
        self._at_row: list[int | None] = []
        self._cache: RowCache | None = None
        self.reseed(seed)

    @classmethod
    def load(
        cls,
        name: str | Path,
        options: SamplingOptions | None = None,
        *,
        seed: int = 0,
        device: str | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> "LMPolicy":
        """The policy of a model by name (see `load_model`)."""
        model, tokenizer = load_model(name, device=device, dtype=dtype)
        return cls(model, tokenizer, options, seed=seed)

    def _check_attention(self) -> None:
        kinds = sorted(set(getattr(self._config, "layer_types", None) or ["full_attention"]))
        window = getattr(self._config, "sliding_window", None) or self.context_tokens
        if any(kind not in ("full_attention", "sliding_attention") for kind in kinds):
            raise ConfigError(f"LMPolicy needs a model with attention in every layer; this one has {', '.join(kinds)}")
        if "sliding_attention" in kinds and window < self.context_tokens:
            raise ConfigError(
                f"context_tokens={self.context_tokens} is longer than the model's sliding window of {window}; "
                f"set context_tokens={window} or less"
            )

    def reseed(self, *key: int, first_slot: int = 0) -> None:
        """Restarts the sampling streams: the n-th episode of a slot draws from `SeedSequence(key[0], (…, slot, n))`.

        `first_slot` is added to the slots' numbers: for a process that plays the later part of a batch.
        """
        self._seed, self._key, self._first_slot = key[0], key[1:], first_slot
        self._episodes: dict[int, int] = {}

    def release(self) -> None:
        """Drops every open episode and the cache: for a trainer, whose next step makes the cached keys old."""
        self._slots.clear()
        self._at_row = []
        self._cache = None

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Opens a slot with the conversation in `info` (or the observation as one user message).

        `info["context_ids"]`, where given, is the conversation as tokens already: that of a fork.
        """
        self.end(slot)
        nth = self._episodes.get(slot, 0)
        self._episodes[slot] = nth + 1
        seed = np.random.SeedSequence(self._seed, spawn_key=(*self._key, self._first_slot + slot, nth))
        ids = list(info["context_ids"]) if "context_ids" in info else self.chat.opening(observation, info)
        self._slots[slot] = _Slot(self._take_row(slot), pending=list(ids), rng=np.random.default_rng(seed))
        return ids

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Appends what the environment said, framed as the chat format has it."""
        state = self._slots[slot]
        ids = self.chat.reply(observation, info, closed=state.stop == "end_of_turn")
        state.pending += ids
        return ids

    def end(self, slot: int) -> None:
        """Frees the slot; unknown slots are ignored."""
        state = self._slots.pop(slot, None)
        if state is not None:
            self._at_row[state.row] = None

    def _take_row(self, slot: int) -> int:
        if None not in self._at_row:
            more = max(1, len(self._at_row))
            self._at_row += [None] * more
            if self._cache is not None:
                self._cache.add_rows(more)
        row = self._at_row.index(None)
        self._at_row[row] = slot
        return row

    @torch.no_grad()
    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """Samples one turn for each slot. A slot whose context is full gets an empty turn with `stop="context"`."""
        if len(set(slots)) != len(slots):
            raise ConfigError(f"generate was asked for a slot twice: {list(slots)}")
        sampled: dict[int, tuple[list[int], list[float]]] = {slot: ([], []) for slot in slots}
        live = []
        for slot in slots:
            state = self._slots[slot]
            if state.length + len(state.pending) >= self.context_tokens:
                state.stop = "context"
            else:
                live.append(slot)
        was_training = self.model.training
        self.model.eval()
        try:
            if live:
                self._decode(self._gather(live), sampled)
        finally:
            self.model.train(was_training)
        out = []
        for slot in slots:
            ids, logps = sampled[slot]
            text = cast(str, self.tokenizer.decode(self._content(ids), skip_special_tokens=False)) if ids else ""
            out.append(Completion(text, ids, logps, self._slots[slot].stop or "length"))
        return out

    def _content(self, ids: list[int]) -> list[int]:
        return ids[:-1] if ids and ids[-1] in self.stop_ids else ids

    def _gather(self, live: Sequence[int]) -> list[int]:
        """Moves the slots' rows to the front of the cache; returns the slots in row order."""
        if self._cache is None:
            layers = self._config.num_hidden_layers
            self._cache = RowCache(layers, len(self._at_row), self.context_tokens)
        wanted = set(live)
        ordered = []
        for row in range(len(live)):
            if self._at_row[row] not in wanted:
                other = next(r for r in range(row + 1, len(self._at_row)) if self._at_row[r] in wanted)
                self._swap(row, other)
            ordered.append(cast(int, self._at_row[row]))
        return ordered

    def _swap(self, first: int, second: int) -> None:
        held = [self._at_row[first], self._at_row[second]]
        used = max((self._slots[slot].length for slot in held if slot is not None), default=0)
        cast(RowCache, self._cache).swap(first, second, used)
        self._at_row[first], self._at_row[second] = held[1], held[0]
        for slot, row in ((held[0], second), (held[1], first)):
            if slot is not None:
                self._slots[slot].row = row

    def _decode(self, order: list[int], sampled: dict[int, tuple[list[int], list[float]]]) -> None:
        """Prefills what is pending, then samples token by token; `order` is slots in row order, rows 0, 1, …"""
        order = list(order)
        logits_BV = self._prefill(order)
        while order:
            tokens, logps = self._sample(logits_BV, order)
            for slot, token, logp in zip(order, tokens, logps, strict=True):
                ids, scores = sampled[slot]
                ids.append(token)
                scores.append(logp)
                state = self._slots[slot]
                # The token just sampled is not in the cache yet: it goes in with the next chunk.
                state.pending = [token]
                if token in self.stop_ids:
                    state.stop = "end_of_turn"
                elif len(ids) >= self.options.max_new_tokens:
                    state.stop = "length"
                elif state.length + 1 >= self.context_tokens:
                    state.stop = "context"
                else:
                    state.stop = None
            for row in reversed(range(len(order))):
                if self._slots[order[row]].stop is not None:
                    self._swap(row, len(order) - 1)
                    order[row] = order[-1]
                    order.pop()
            if order:
                logits_BV = self._forward(order, 0)

    def _prefill(self, order: list[int]) -> torch.Tensor:
        """Feeds the pending tokens of rows 0, 1, …; the next token's logits `(B, V)`.

        Slots that open with the same tokens (the rollouts of one group) are computed once and copied.
        """
        first_row: dict[tuple[int, ...], int] = {}
        source = []
        for row, slot in enumerate(order):
            state = self._slots[slot]
            key = tuple(state.pending) if state.length == 0 else (-1, row)
            source.append(first_row.setdefault(key, row))
        logits_BV = self._prefill_rows(order, [row for row in range(len(order)) if source[row] == row])
        for row, origin in enumerate(source):
            if origin != row:
                state = self._slots[order[row]]
                state.length, state.pending = len(state.pending), []
                cast(RowCache, self._cache).copy(origin, row, state.length)
                logits_BV[row] = logits_BV[origin]
        return logits_BV

    def _prefill_rows(self, order: list[int], rows: list[int]) -> torch.Tensor:
        """Feeds some rows, contiguous ones together, in passes of bounded size; logits `(B, V)`, the others' empty."""
        logits_BV: torch.Tensor | None = None
        at = 0
        while at < len(rows):
            end, longest = at, 0
            while end < len(rows) and rows[end] - rows[at] == end - at:
                longest = max(longest, len(self._slots[order[rows[end]]].pending))
                if end > at and longest * (end + 1 - at) > _PREFILL_TOKENS:
                    break
                end += 1
            part = self._forward([order[row] for row in rows[at:end]], rows[at])
            if logits_BV is None:
                logits_BV = part.new_empty(len(order), part.shape[-1])
            logits_BV[rows[at] : rows[at] + len(part)] = part
            at = end
        return cast(torch.Tensor, logits_BV)

    def _forward(self, order: list[int], low: int) -> torch.Tensor:
        """One pass over the pending tokens of the slots in rows `low`, `low + 1`, …; logits `(B, V)` after the last."""
        states = [self._slots[slot] for slot in order]
        width = max(len(state.pending) for state in states)
        used = max(state.length + len(state.pending) for state in states)
        pad = cast(int, self.tokenizer.pad_token_id)
        ids = np.full((len(states), width), pad, dtype=np.int64)
        positions = np.full((len(states), width), -1, dtype=np.int64)
        for row, state in enumerate(states):
            count = len(state.pending)
            ids[row, width - count :] = state.pending
            positions[row, width - count :] = np.arange(state.length, state.length + count)
            state.length += count
            state.pending = []
        device = self.model.device
        ids_BQ = torch.from_numpy(ids).to(device)
        positions_BQ = torch.from_numpy(positions).to(device)
        cache = cast(RowCache, self._cache)
        cache.aim(low, low + len(states), positions_BQ, used)
        positions_BQ = positions_BQ.clamp(min=0)
        seen_BQT = torch.arange(used, device=device) <= positions_BQ[:, :, None]
        logits = self.model(
            input_ids=ids_BQ,
            attention_mask=self._additive(seen_BQT[:, None]),
            position_ids=positions_BQ,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        return logits[:, -1].float()

    def _additive(self, seen_B1QT: torch.Tensor) -> torch.Tensor:
        """The mask as numbers to add, made once a pass: SDPA would turn a boolean one into that in every layer."""
        dtype = self.model.dtype
        return torch.zeros(seen_B1QT.shape, dtype=dtype, device=seen_B1QT.device).masked_fill(
            ~seen_B1QT, torch.finfo(dtype).min
        )

    def _sample(self, logits_BV: torch.Tensor, order: list[int]) -> tuple[list[int], list[float]]:
        """One token a slot, and its log-probability at temperature 1."""
        logps_BV = torch.log_softmax(logits_BV, dim=-1)
        if self.options.temperature == 0:
            tokens_B = logps_BV.argmax(dim=-1)
        else:
            draws = np.array([self._slots[slot].rng.random() for slot in order], dtype=np.float64)
            tokens_B = draw(logits_BV, torch.from_numpy(draws).to(logits_BV.device), self.options)
        chosen_B = logps_BV.gather(1, tokens_B[:, None])[:, 0]
        return tokens_B.tolist(), chosen_B.tolist()


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
