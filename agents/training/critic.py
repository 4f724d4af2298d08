"""A critic on the policy's own trunk: a value head that reads its last hidden state, and what a PPO loss needs besides.

Shapes: B sequences, T completion tokens, S steps, L prompt and completion, D hidden size.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch.distributed.tensor import DTensor, Partial, distribute_tensor
from transformers import PreTrainedModel

__all__ = [
    "PooledFit",
    "ValueHead",
    "clipped_value_loss",
    "explained_variance",
    "gae",
    "masked_sums",
    "step_gae",
    "token_weights",
    "whiten",
]

_FILE, _FIT = "value_head.safetensors", "value_fit.safetensors"
_ROUNDING = 1e-6
"""What values and advantages lose at most in single precision, as a share of their size."""


class ValueHead:
    """V(s), linear in the last hidden state of a causal LM (or of a PEFT model around one); 0 until it is fitted.

    The head becomes a part of the model, so that optimizer, gradient clipping and processes treat it alike, but is
    saved to a file of its own, so that the saved model is a plain one. Where the model is sharded over processes the
    head is, too (FSDP2): it is gathered where it is computed with, and all processes compute and set it together.
    """

    _root: Any = None
    """The model as a whole."""

    def __init__(self, model: Any):
        self._root = model
        base = cast(PreTrainedModel, model.get_base_model() if hasattr(model, "peft_config") else model)
        self.linear = torch.nn.Linear(base.config.get_text_config().hidden_size, 1).to(base.device)
        torch.nn.init.zeros_(self.linear.weight)
        torch.nn.init.zeros_(self.linear.bias)
        base.add_module("value_head", self.linear)
        names = {f"value_head.{name}" for name in self.linear.state_dict()}
        base._keys_to_ignore_on_save = {*(base._keys_to_ignore_on_save or ()), *names}
        self._hidden_BLD: torch.Tensor | None = None
        base.base_model.register_forward_hook(self._remember)

    def _remember(self, module: Any, args: Any, output: Any) -> None:
        self._hidden_BLD = output.last_hidden_state

    def spread(self, nodes_BL: torch.Tensor) -> None:
        """After a pass over rows that share their prefixes: gives each row's columns the states of its nodes."""
        self._hidden_BLD = cast(torch.Tensor, self._hidden_BLD)[0][nodes_BL]

    def _take(self, length: int) -> torch.Tensor:
        """The hidden states before each of the last `length` tokens `(B, T, D)`; they are not kept any longer."""
        hidden_BLD, self._hidden_BLD = cast(torch.Tensor, self._hidden_BLD), None
        return hidden_BLD[:, -length - 1 : -1]

    def values(self, length: int, *, keep: bool = False) -> torch.Tensor:
        """V before each of the last `length` tokens of the latest forward pass `(B, T)`, in float32.

        With `keep` the states stay for `moments`.
        """
        kept_BLD = self._hidden_BLD
        hidden_BTD = self._take(length)
        self._hidden_BLD = kept_BLD if keep else None
        weight, bias = _gathered(self.linear.weight), _gathered(self.linear.bias)
        with torch.autocast(hidden_BTD.device.type, enabled=False):
            return torch.nn.functional.linear(hidden_BTD.float(), weight, bias)[..., 0]

    def moments(self, length: int, returns_BT: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """What `fit` needs of the last `length` tokens of the latest forward pass: `X'X | X'y` `(D + 1, D + 2)`.

        X are the hidden states before the tokens of the mask, and a 1; y their returns.
        """
        hidden_BTD = self._take(length)
        on_BT = mask_BT.bool()
        hidden_ND, returns_N = hidden_BTD[on_BT].double(), returns_BT[on_BT].double()
        with_one = torch.cat([hidden_ND, torch.ones_like(returns_N)[:, None]], dim=1)
        return with_one.T @ torch.cat([with_one, returns_N[:, None]], dim=1)

    @torch.no_grad()
    def fit(self, moments: torch.Tensor, ridge: float = 0.01) -> bool:
        """Sets the head to the ridge regression of returns on hidden states, of the sum of `moments` over a batch.

        `ridge` is a share of the mean of the diagonal of `X'X`. False, and the head as it was, where there are no
        tokens.
        """
        squares, products = moments[:, :-1], moments[:, -1]
        scale = squares.diagonal().mean()
        if scale == 0:
            return False
        penalty = ridge * scale * torch.eye(len(squares), dtype=moments.dtype, device=moments.device)
        solved = torch.linalg.solve(squares + penalty, products)
        self.set(solved)
        return True

    @torch.no_grad()
    def set(self, solved: torch.Tensor) -> None:
        """Sets weights and bias `(D + 1,)`."""
        if hasattr(self._root, "reshard"):  # what a forward pass has gathered is dropped: the parts are what stays
            self._root.reshard()
        for held, value in ((self.linear.weight, solved[None, :-1]), (self.linear.bias, solved[-1:])):
            value = value.to(held.device, held.dtype)
            if isinstance(held, DTensor):
                value = distribute_tensor(value.contiguous(), held.device_mesh, held.placements)
            held.copy_(value)

    def save(self, folder: Path, whole: Mapping[str, torch.Tensor] | None = None) -> None:
        """Writes the head beside the model; `whole` are the weights of all of the model, where it is sharded."""
        state = {
            name: value if whole is None else next(whole[key] for key in whole if key.endswith(f"value_head.{name}"))
            for name, value in self.linear.state_dict().items()
        }
        save_file({name: value.contiguous() for name, value in state.items()}, folder / _FILE)

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote."""
        kept = load_file(folder / _FILE)
        self.set(torch.cat([kept["weight"][0], kept["bias"]]))


def _gathered(weight: torch.Tensor) -> torch.Tensor:
    """A weight as it is computed with: one that is sharded, whole; its gradient is then the mean of the processes'."""
    if not isinstance(weight, DTensor):
        return weight
    count = weight.device_mesh.size()
    whole = weight.full_tensor(grad_placements=[Partial()] * weight.device_mesh.ndim)
    if whole.requires_grad:
        whole.register_hook(lambda gradient: gradient / count)
    return whole


class PooledFit:
    """The ridge regression of returns on hidden states over many batches, as good as it has proved to be.

    What fits one batch of episodes may predict the next one worse than their mean does: the tokens of an episode share
    its return. So several strengths of the penalty are kept, each is judged by batches that it has not seen, and the
    best of them is taken; a constant, until one has beaten it. Older batches fade: the policy that they are of did.
    """

    def __init__(self, ridges: Sequence[float] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0), fade: float = 0.9):
        self.ridges, self.fade = tuple(ridges), fade
        self.moments: torch.Tensor | None = None
        """`X'X | X'y` `(D + 1, D + 2)`, of `ValueHead.moments`."""
        self._made: list[torch.Tensor] | None = None
        self.losses = torch.zeros(len(self.ridges) + 1, dtype=torch.float64)
        """How much of the variance of unseen batches each left unexplained, in all; the last is a constant's."""

    def add(self, moments: torch.Tensor) -> None:
        """Judges the candidates by a batch, and takes it in."""
        count = moments[-1, -2]
        if not count:
            return
        if self.moments is not None:
            _, cross_D, squares_DD = _centred(moments)
            losses = [w @ squares_DD @ w - 2 * w @ cross_D for w in (fitted[:-1] for fitted in self._candidates())]
            self.losses = self.fade * self.losses + torch.stack(losses).to(self.losses) * float(count)
            self.moments = self.fade * self.moments + moments
        else:
            self.moments = moments.clone()
        self._made = None

    def best(self) -> torch.Tensor | None:
        """Weights and bias `(D + 1,)` of the candidate that has proved best; None before the first batch."""
        if self.moments is None:
            return None
        # Of equals the one nearest to a constant.
        place = len(self.losses) - 1 - int(self.losses.flip(0).argmin())
        return self._candidates()[place]

    def _candidates(self) -> list[torch.Tensor]:
        """Each ridge regression, its bias without penalty, and the constant."""
        if self._made is not None:
            return self._made
        moments = cast(torch.Tensor, self.moments)
        count, total = moments[-1, -2], moments[-1, -1]
        mean_D, cross_D, squares_DD = _centred(moments)
        lengths_D, axes_DD = torch.linalg.eigh(squares_DD)
        scale, along_D = lengths_D.clamp(min=0).mean(), axes_DD.T @ cross_D
        out = []
        for ridge in self.ridges:
            shrunk_D = along_D / (lengths_D.clamp(min=0) + ridge * scale) if scale > 0 else torch.zeros_like(along_D)
            weight_D = axes_DD @ shrunk_D
            out.append(torch.cat([weight_D, (total / count - weight_D @ mean_D)[None]]))
        self._made = [*out, torch.cat([torch.zeros_like(mean_D), (total / count)[None]])]
        return self._made

    def save(self, folder: Path) -> None:
        """Writes it beside the model."""
        if self.moments is not None:
            save_file({"moments": self.moments.cpu().contiguous(), "losses": self.losses}, folder / _FIT)

    def load(self, folder: Path, device: torch.device) -> None:
        """Reads what `save` wrote; a checkpoint without begins anew."""
        if (folder / _FIT).is_file():
            kept = load_file(folder / _FIT)
            self.moments, self.losses = kept["moments"].to(device), kept["losses"]


def _centred(moments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean of the hidden states `(D,)`, their covariance with the returns `(D,)` and with each other `(D, D)`."""
    count = moments[-1, -2]
    mean_D, products = moments[:-1, -2] / count, moments[:-1, -1] / count
    cross_D = products - mean_D * (moments[-1, -1] / count)
    return mean_D, cross_D, moments[:-1, :-2] / count - mean_D[:, None] * mean_D


def clipped_value_loss(
    values_BT: torch.Tensor, old_values_BT: torch.Tensor, returns_BT: torch.Tensor, clip: float
) -> torch.Tensor:
    """The value's loss by token `(B, T)`: the larger of the squared errors of V and of V kept near the old one, halved.

    `max((V - R)^2, (V_clip - R)^2) / 2`, `V_clip = V_old + clip(V - V_old, -clip, clip)` (PPO's reference form).
    """
    near_BT = old_values_BT + (values_BT - old_values_BT).clamp(-clip, clip)
    return 0.5 * torch.max((values_BT - returns_BT) ** 2, (near_BT - returns_BT) ** 2)


def gae(
    rewards_BT: torch.Tensor,
    values_BT: torch.Tensor,
    sampled_BT: torch.Tensor,
    *,
    gamma: float,
    lam: float,
    ends_BT: torch.Tensor | None = None,
) -> torch.Tensor:
    """Generalised advantage estimation (StepTool, Eq. 7) over the generated tokens `(B, T)`; 0 on the others.

    `delta_t = r_t + gamma * V(s_t+1) - V(s_t)`, `A_t = delta_t + gamma * lam * A_t+1`, where t + 1 is the next
    generated token, whatever the environment wrote between them. Beyond the last one, and beyond a token of `ends_BT`
    (the last of a sub-trajectory), value and advantage are 0.
    """
    advantages_BT = torch.zeros_like(values_BT)
    next_value_B = next_advantage_B = values_BT.new_zeros(len(values_BT))
    for t in reversed(range(values_BT.shape[1])):
        on_B = sampled_BT[:, t].bool()
        flows_B = 1.0 if ends_BT is None else 1.0 - ends_BT[:, t].to(values_BT.dtype)
        delta_B = rewards_BT[:, t] + gamma * flows_B * next_value_B - values_BT[:, t]
        advantage_B = delta_B + gamma * lam * flows_B * next_advantage_B
        advantages_BT[:, t] = advantage_B * on_B
        next_advantage_B = torch.where(on_B, advantage_B, next_advantage_B)
        next_value_B = torch.where(on_B, values_BT[:, t], next_value_B)
    return advantages_BT


def step_gae(
    rewards_BT: torch.Tensor,
    values_BT: torch.Tensor,
    step_BT: torch.Tensor,
    *,
    gamma: float,
    lam: float,
    apart: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """GAE with a time step a *step* (StepTool, Eq. 4, 5, 7): the advantage of a step's action, on all of its tokens.

    A step's reward is the sum over its tokens, its value that of the state before its first token.

    Args:
        rewards_BT: rewards by token, penalties included.
        values_BT: values by token; only those at first tokens are read.
        step_BT: which step generated the token, -1 for the environment's.
        gamma: discount a step.
        lam: GAE's lambda.
        apart: each step is a trajectory of its own.

    Returns:
        Advantages `(B, T)`, and which tokens are the first of their step `(B, T)`: those have a value to learn.
    """
    previous_BT = torch.cat([step_BT.new_full((len(step_BT), 1), -1), step_BT[:, :-1]], dim=1)
    sampled_BT = step_BT >= 0
    first_BT = sampled_BT & (previous_BT != step_BT)
    count = int(step_BT.max().clamp(min=0)) + 1
    index_BT = step_BT.clamp(min=0)
    empty_BS = rewards_BT.new_zeros(len(step_BT), count)
    rewards_BS = empty_BS.scatter_add(1, index_BT, rewards_BT * sampled_BT)
    values_BS = empty_BS.scatter_add(1, index_BT, values_BT * first_BT)
    taken_BS = empty_BS.scatter_add(1, index_BT, first_BT.to(rewards_BT.dtype)) > 0
    ends_BS = taken_BS if apart else None
    advantages_BS = gae(rewards_BS, values_BS, taken_BS, gamma=gamma, lam=lam, ends_BT=ends_BS)
    return advantages_BS.gather(1, index_BT) * sampled_BT, first_BT


def whiten(values_BT: torch.Tensor, mask_BT: torch.Tensor, sums: torch.Tensor | None = None) -> torch.Tensor:
    """`(x - mean) / sqrt(variance + 1e-8)` over the masked entries; 0 elsewhere.

    `sums` are (sum, sum of squares, count) of all processes, where there is more than this one. One entry, or entries
    that are equal but for rounding, which is relative to their size, give 0.
    """
    total, squares, count = (masked_sums(values_BT, mask_BT) if sums is None else sums.double()).unbind()
    mean = total / count.clamp(min=1)
    square = squares / count.clamp(min=1)
    variance = square - mean**2
    if variance <= _ROUNDING**2 * square:
        return torch.zeros_like(values_BT)
    return ((values_BT - mean) * torch.rsqrt(variance + 1e-8)).to(values_BT.dtype) * mask_BT


def explained_variance(values_N: torch.Tensor, returns_N: torch.Tensor) -> float | None:
    """`1 - var(G - V) / var(G)`, at most 1; None where the returns are equal, or fewer than two."""
    if len(returns_N) < 2 or float(returns_N.var()) <= 1e-12:
        return None
    return 1 - float((returns_N - values_N).var()) / float(returns_N.var())


def masked_sums(values_BT: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    """Sum, sum of squares and count of the masked entries `(3,)`, in double precision."""
    kept = values_BT.double() * mask_BT
    return torch.stack([kept.sum(), (kept**2).sum(), mask_BT.double().sum()])


def token_weights(mask_BT: torch.Tensor, kind: str, *, items: torch.Tensor, longest: int) -> torch.Tensor:
    """Weights `(B, T)` whose sum with a loss by token is its mean, as TRL's `loss_type` defines it.

    `grpo`: over each sequence, then sequences; `bnpo`: over the micro-batch's tokens; `dr_grpo`: over sequences of
    `longest` tokens; `dapo`: over the `items` tokens of the whole batch.
    """
    mask_BT = mask_BT.float()
    if kind == "grpo":
        return mask_BT / mask_BT.sum(dim=1, keepdim=True).clamp(min=1) / len(mask_BT)
    if kind == "bnpo":
        return mask_BT / mask_BT.sum().clamp(min=1)
    if kind == "dr_grpo":
        return mask_BT / (len(mask_BT) * longest)
    return mask_BT / items.clamp(min=1)
