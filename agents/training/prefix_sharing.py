"""Which rows of the loss share their prefixes, and their forward pass (`toolgym.agents.training.prefix_trie`).

Sharing changes no figure but for rounding. Models that cannot share are found before the first pass: by what their
configuration says, and by the log-probabilities of a few rows, shared and apart.

Shapes: B rows, L tokens of the longest one, N nodes of the trie.
"""

import inspect
import os
import sys
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from toolgym.agents.policies.windows import attends_everywhere, reach_of
from toolgym.agents.training.prefix_trie import Trie, TrieMask, dense_mask, lexicographic, shared_prefixes

__all__ = ["PrefixSharing", "Scores", "at_left"]

_WORTH = 0.9
"""Shared where the nodes are at most so many of the columns that rows apart would have, padding included."""
_SHAPES = ((5, 0), (4, 3), (6, 2), (3, 5))
"""Of the rows that are tried: how many tokens each has in common with the one before it, and how many of its own."""
_EXACT, _COARSE = 1e-4, 0.05
"""Mean differences of log-probabilities, in nats, that are rounding: in float32, and in types that are less exact."""


@dataclass(frozen=True)
class Scores:
    """Of rows: what a pass over each of them would give for their labels `(B, L - 1)`; 0 where there is none."""

    log_probs: torch.Tensor
    entropy: torch.Tensor | None


class PrefixSharing:
    """Passes over rows that share their prefixes, where the model takes them and they save something.

    Args:
        mode: `auto`: where it saves a tenth of the work; `on`: wherever rows have more than a token in common; `off`.
    """

    def __init__(self, mode: Literal["auto", "on", "off"] = "auto"):
        self.mode: Literal["auto", "on", "off"] = mode
        self.why_not: str | None = None
        """Why rows of this model are apart, once that is known; also where it is so for the longest of them alone."""
        self.refused = False
        """Whether the model cannot share at all."""
        self._tried = False

    def trie(self, model: Any, ids_BL: torch.Tensor, lengths_B: torch.Tensor) -> Trie | None:
        """The trie of rows at the left edge that one pass is to take; None: each row is apart.

        The first call makes a few passes of its own: all processes make it at once.
        """
        if self.mode == "off" or not self._takes(model):
            return None
        trie = shared_prefixes(ids_BL, lengths_B)
        return trie if self._pays(trie, _base(model)) else None

    def scores(self, model: Any, trie: Trie, ids_BL: torch.Tensor, labels_BL: torch.Tensor) -> Scores:
        """What `model(input_ids=ids_BL, labels=labels_BL, fused_lm_head=True)` gives, by one pass over the trie."""
        after_BL = labels_BL[:, 1:]
        scored_BL = after_BL != -100
        nodes_BL = torch.nn.functional.pad(trie.columns, (0, after_BL.shape[1] - trie.longest))  # or one column less
        labels_N = torch.full_like(trie.nodes, -100)
        labels_N[nodes_BL[scored_BL]] = after_BL[scored_BL]
        base = _base(model)
        outputs = model(
            input_ids=ids_BL.flatten()[trie.nodes][None],
            position_ids=trie.positions[None],
            attention_mask=TrieMask.of(trie) if _kind(base) == "sdpa" else dense_mask(trie, base.dtype),
            shift_labels=labels_N[None],
            fused_lm_head=True,
        )

        def by_row(values_1N: torch.Tensor) -> torch.Tensor:
            return values_1N[0][nodes_BL].masked_fill(~scored_BL, 0.0)

        return Scores(by_row(outputs.log_probs), None if outputs.entropy is None else by_row(outputs.entropy))

    def in_order(
        self, model: Any, batches: list[dict[str, Any]], otherwise: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The micro-batches of one optimizer step with rows that begin alike together, those without advantages last.

        As `toolgym.agents.training.trainer.by_length`, it changes no gradient. Where this order has no fewer tokens to
        compute than `otherwise`, an order of the same rows, that one is returned.
        """
        if self.mode == "off" or not self._takes(model):
            return otherwise
        per_row = [name for name, value in batches[0].items() if torch.is_tensor(value) and value.dim() > 0]
        whole = {name: torch.cat([batch[name] for batch in batches]) for name in per_row}
        ids_BL, lengths_B = _rows_of(whole)
        order = torch.from_numpy(lexicographic(ids_BL.cpu().numpy(), lengths_B.cpu().numpy())).to(ids_BL.device)
        order = order[_idle(whole)[order].long().argsort(stable=True)]
        rows = batches[0]["completion_ids"].shape[0]
        out = [
            {**batch, **{name: whole[name][order[at * rows : (at + 1) * rows]] for name in per_row}}
            for at, batch in enumerate(batches)
        ]
        work, other = (sum(self._work(batch, _base(model)) for batch in each) for each in (out, otherwise))
        return out if work < other else otherwise

    def _work(self, batch: dict[str, Any], base: Any) -> int:
        """The tokens that a micro-batch costs; rows without advantages are left out of it."""
        busy = ~_idle(batch)
        if not busy.any():
            return 0
        ids_BL, lengths_B = _rows_of(batch)
        trie = shared_prefixes(ids_BL[busy], lengths_B[busy])
        return len(trie.nodes) if self._pays(trie, base) else int(busy.sum()) * trie.longest

    def _pays(self, trie: Trie, base: Any) -> bool:
        nodes, longest = len(trie.nodes), trie.longest
        rows = trie.columns.shape[0]
        if trie.saved <= 0 or (self.mode == "auto" and nodes > _WORTH * rows * longest):
            return False
        reach = reach_of(base.config.get_text_config())
        if reach is not None and longest > reach.tokens:
            return self._not(f"rows of {longest} tokens are longer than the model's {reach.said}")
        if _kind(base) == "sdpa":
            return True
        # A mask in numbers is for all nodes by all nodes; some models look up in tables by their index, not position.
        return nodes**2 <= rows * longest**2 and (reach is None or nodes <= reach.tokens)

    def _takes(self, model: Any) -> bool:
        """Whether the model scores a trie as it scores rows; says once why not."""
        if not self._tried:
            self._tried = True
            reason = _reason(_base(model))
            try:
                reason = reason or self._difference(model)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # whatever a model's code raises that is given a mask that it does not know
                reason = f"it does not take the mask ({type(error).__name__}: {' '.join(str(error).split())[:160]})"
            self.refused = reason is not None and not self._not(reason)
        return not self.refused

    def _not(self, reason: str) -> bool:
        """Says why rows are apart, the first time, to stderr; False."""
        if self.why_not is None and int(os.environ.get("RANK", "0")) == 0:
            print(f"Prefixes are not shared in the loss: {reason}", file=sys.stderr)
        self.why_not = self.why_not or reason
        return False

    @torch.no_grad()
    def _difference(self, model: Any) -> str | None:
        """Scores a few rows, shared and apart; what is said where they differ."""
        base = _base(model)
        rng = np.random.default_rng(0)
        words = base.config.get_text_config().vocab_size
        rows: list[list[int]] = []
        for own, common in _SHAPES:
            rows.append([*(rows[-1][:common] if rows else ()), *rng.integers(words, size=own).tolist()])
        lengths = torch.tensor([len(row) for row in rows], device=base.device)
        ids = torch.tensor([row + [0] * (int(lengths.max()) - len(row)) for row in rows], device=base.device)
        labels = ids.masked_fill(torch.arange(ids.shape[1], device=base.device) >= lengths[:, None], -100)
        shared = self.scores(model, shared_prefixes(ids, lengths), ids, labels).log_probs
        differences = [
            model(input_ids=row[None, :length], labels=row[None, :length], fused_lm_head=True).log_probs[0].float()
            - one[: length - 1].float()
            for row, one, length in zip(ids, shared, lengths.tolist(), strict=True)
        ]
        found = float(torch.cat(differences).abs().mean())
        exact = base.dtype in (torch.float32, torch.float64) and torch.get_float32_matmul_precision() == "highest"
        coarse = not exact or torch.is_autocast_enabled(base.device.type)
        if found <= (_COARSE if coarse else _EXACT):
            return None
        return f"log-probabilities of shared rows differ by {found:.2g} nats on average from those of rows apart"


def _base(model: Any) -> Any:
    """The causal LM that is in wrappers of processes and adapters."""
    while hasattr(model, "module"):
        model = model.module
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _kind(base: Any) -> str:
    """How the model attends."""
    text = base.config.get_text_config()
    return getattr(text, "_attn_implementation", None) or getattr(base.config, "_attn_implementation", None) or "eager"


def _reason(base: Any) -> str | None:
    """Why a model cannot share prefixes, as far as its configuration and its code say so."""
    config = base.config.get_text_config()
    if _kind(base) not in ("sdpa", "eager"):
        return f"its attention ({_kind(base)}) takes no mask of ancestors; sdpa and eager do"
    if kinds := attends_everywhere(config):
        return f"it has layers of the kind {', '.join(kinds)}, which see tokens in their order"
    takes = inspect.signature(type(base.base_model).forward).parameters
    if getattr(config, "alibi", False) or "position_ids" not in takes:
        return "its positions are those in the sequence, and cannot be given"
    return None


# Rows of a micro-batch ---------------------------------------------------------------------------------------------


def at_left(ids_BL: torch.Tensor, mask_BL: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows without the padding before them, their lengths `(B,)`, and how many columns each was moved `(B, 1)`."""
    columns = torch.arange(ids_BL.shape[1], device=ids_BL.device)
    shift_B1 = mask_BL.long().argmax(dim=1, keepdim=True)
    lengths_B = (mask_BL.long() * (columns + 1)).amax(dim=1) - shift_B1[:, 0]
    return ids_BL.gather(1, (columns + shift_B1) % ids_BL.shape[1]), lengths_B.clamp(min=0), shift_B1


def _rows_of(batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """A micro-batch's rows at the left edge, and their lengths."""
    ids_BL = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    mask_BL = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
    return at_left(ids_BL, mask_BL)[:2]


def _idle(batch: dict[str, Any]) -> torch.Tensor:
    """Which rows have no advantage at all `(B,)`."""
    advantages = batch["advantages"]
    return advantages.reshape(len(advantages), -1).abs().sum(dim=1) == 0
