"""Training a small model from nothing on demonstrations: Muon for matrices, AdamW for the rest, short sequences first.

TRL's `SFTTrainer` (see `toolgym.agents.sft`) is for models that can already write; this loop is for the built-in
policy, which starts from random weights and has minutes, not hours.

Shapes: B sequences, T tokens, D hidden size, N tokens with loss, V vocabulary.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from toolgym.agents.rollouts.demonstrations import Example
from toolgym.errors import ConfigError, DivergenceError

__all__ = ["PretrainOptions", "batches", "learn", "optimizers", "pretrain"]


@dataclass(frozen=True)
class PretrainOptions:
    """How the loop runs. The defaults are what worked for the built-in policy on two cores."""

    seconds: float | None = None
    """Stop in time: the schedule is laid over this many seconds of wall clock instead of over `epochs`."""
    epochs: float = 1.0
    """Passes over the data, where `seconds` is not given."""
    batch_tokens: int = 3072
    """Tokens of one step, padding included."""
    muon_lr: float = 0.015
    adamw_lr: float = 3e-3
    short_first: float = 0.12
    """The share of the run in which only the shorter half of the sequences is seen."""
    constant: float = 0.5
    """The share of the run before the learning rate falls linearly to 0."""
    warmup_steps: int = 20
    context_weight: float = 0.2
    """Weight of the loss on what the environment wrote: results repeat ids and names, which teaches to copy."""
    max_grad_norm: float = 1.0
    bf16: bool = False
    """Autocast to bfloat16: with AMX twice as fast, with AVX-512 alone a third slower at the built-in policy's size."""
    seed: int = 0


def batches(lengths: Sequence[int], rng: np.random.Generator, batch_tokens: int) -> Iterator[list[int]]:
    """One pass over the data: batches of about equal lengths, at most `batch_tokens` with padding, in random order."""
    order = sorted(rng.permutation(len(lengths)).tolist(), key=lambda i: lengths[i] + rng.random() * 16)
    made: list[list[int]] = []
    batch: list[int] = []
    for index in order:
        if batch and lengths[index] * (len(batch) + 1) > batch_tokens:
            made.append(batch)
            batch = []
        batch.append(index)
    if batch:
        made.append(batch)
    for at in rng.permutation(len(made)).tolist():
        yield made[at]


def masked_losses(
    model: PreTrainedModel, ids_BT: torch.Tensor, mask_BT: torch.Tensor, lengths_B: torch.Tensor, *, context: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean cross-entropy of the tokens with mask 1 and, with `context`, of the others (else 0).

    Each token is predicted from those before it. Positions that are not asked for do not go through the output layer.
    """
    hidden_BTD = model.base_model(input_ids=ids_BT, use_cache=False).last_hidden_state[:, :-1]
    own_BT = mask_BT[:, 1:].bool()
    real_BT = torch.arange(1, ids_BT.shape[1], device=ids_BT.device) < lengths_B[:, None]
    asked_BT = real_BT if context else own_BT
    logits_NV = cast(torch.nn.Module, model.get_output_embeddings())(hidden_BTD[asked_BT])
    losses_N = cross_entropy(logits_NV.float(), ids_BT[:, 1:][asked_BT], reduction="none")
    own_N = own_BT[asked_BT]
    other = losses_N[~own_N].mean() if context and not own_N.all() else losses_N.new_zeros(())
    return losses_N[own_N].mean(), other


def optimizers(model: PreTrainedModel, options: PretrainOptions) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for embeddings, norms and biases."""
    embeddings = {id(parameter) for parameter in model.get_input_embeddings().parameters()}
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim == 2 and id(p) not in embeddings]
    chosen = {id(parameter) for parameter in matrices}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in chosen]
    made = [
        torch.optim.Muon(matrices, lr=options.muon_lr, weight_decay=0.0, momentum=0.95),
        torch.optim.AdamW(others, lr=options.adamw_lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    for group in (group for optimizer in made for group in optimizer.param_groups):
        group["initial_lr"] = group["lr"]
    return made


def _rate(progress: float, step: int, options: PretrainOptions) -> float:
    """The learning rate's factor: a short warm-up, constant, then down to 0 in a line."""
    falling = (1 - progress) / max(1 - options.constant, 1e-9)
    return min(1.0, (step + 1) / options.warmup_steps, max(falling, 0.0))


def _pad(chosen: Sequence[Example], device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    width = max(len(example.ids) for example in chosen)
    ids = np.zeros((len(chosen), width), dtype=np.int64)
    mask = np.zeros((len(chosen), width), dtype=np.int64)
    for row, example in enumerate(chosen):
        ids[row, : len(example.ids)] = example.ids
        mask[row, : len(example.mask)] = example.mask
    lengths = torch.tensor([len(example.ids) for example in chosen], device=device)
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device), lengths


def learn(
    model: PreTrainedModel,
    steps: Sequence[torch.optim.Optimizer],
    chosen: Sequence[Example],
    options: PretrainOptions,
    *,
    step: int,
    progress: float,
) -> float:
    """One step on a batch of sequences, the `step`-th when the share `progress` of the run is done; its loss.

    Raises:
        DivergenceError: the loss is not finite.
    """
    ids_BT, mask_BT, lengths_B = _pad(chosen, model.device)
    with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=options.bf16):
        loss, other = masked_losses(model, ids_BT, mask_BT, lengths_B, context=options.context_weight > 0)
    if not torch.isfinite(loss):
        raise DivergenceError(f"the loss is {loss.item()} at step {step}; lower muon_lr and adamw_lr")
    (loss + options.context_weight * other).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), options.max_grad_norm)
    factor = _rate(progress, step, options)
    for optimizer in steps:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return loss.item()


def pretrain(
    model: PreTrainedModel,
    data: Sequence[Example],
    options: PretrainOptions | None = None,
    *,
    on_step: Callable[[int, float, float], None] | None = None,
) -> int:
    """Trains `model` in place and returns the number of steps.

    Args:
        model: any causal LM; padding is on the right, so causal attention alone keeps it out.
        data: the sequences.
        options: how.
        on_step: called with (step, share of the run done, loss).

    Raises:
        DivergenceError: the loss is not finite.
    """
    options = options or PretrainOptions()
    if not data:
        raise ConfigError("there is nothing to train on: no demonstration was given")
    rng = np.random.default_rng(np.random.SeedSequence(options.seed))
    steps = optimizers(model, options)
    lengths = np.array([len(example.ids) for example in data])
    short = np.flatnonzero(lengths <= np.median(lengths)).tolist()
    total, seen, step = options.epochs * float(lengths.sum()), 0, 0
    started, progress = time.perf_counter(), 0.0
    model.train()
    while progress < 1:
        pool = short if progress < options.short_first else list(range(len(data)))
        for batch in batches([int(lengths[i]) for i in pool], rng, options.batch_tokens):
            chosen = [data[pool[i]] for i in batch]
            loss = learn(model, steps, chosen, options, step=step, progress=progress)
            step += 1
            seen += sum(len(example.ids) for example in chosen)
            elapsed = time.perf_counter() - started
            progress = elapsed / options.seconds if options.seconds else seen / total
            if on_step is not None:
                on_step(step, min(progress, 1.0), loss)
            if progress >= 1 or (pool is short and progress >= options.short_first):
                break
    model.eval()
    return step
