"""How much of an update a clip cuts off, counted where the policy had a choice.

Most tokens of a trained policy are certain (what is copied, what the format asks for): no clip can act on them, and a
share of all tokens says more of how many there are than of the clip.
"""

import math

import torch

__all__ = ["clipped_choices", "sequence_ratios"]

_CERTAIN = math.log(0.99)


def clipped_choices(
    logps_BT: torch.Tensor,
    old_logps_BT: torch.Tensor,
    advantages_BT: torch.Tensor,
    low: torch.Tensor | float,
    high: torch.Tensor | float,
    mask_BT: torch.Tensor,
) -> float:
    """Of the tokens that had a choice the share whose gradient is cut off, in [0, 1]; 0 where none had one.

    A token had a choice where it was sampled (`mask_BT`) with a probability below 0.99. Its gradient is cut off where
    `min(r A, clip(r, 1 - low, 1 + high) A)` has none: r above with a positive advantage, below with a negative one.
    """
    choice_BT = (mask_BT > 0) & (old_logps_BT < _CERTAIN)
    ratio_BT = torch.exp(logps_BT.detach() - old_logps_BT)
    cut_BT = ((ratio_BT < 1 - low) & (advantages_BT < 0)) | ((ratio_BT > 1 + high) & (advantages_BT > 0))
    return float((cut_BT & choice_BT).sum() / choice_BT.sum().clamp(min=1))


def sequence_ratios(log_ratios_BT: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    """The logarithm of each sequence's ratio (GSPO Eq. 7), the mean of its sampled tokens', at every token `(B, T)`."""
    of_each_B1 = (log_ratios_BT * mask_BT).sum(1, keepdim=True) / mask_BT.sum(1, keepdim=True).clamp(min=1)
    return of_each_B1.expand_as(log_ratios_BT)
