"""Single-stage mixtures of expert episodes and own rollouts that ToolUPT is compared with (ToolUPT §4.3).

    LUFFY  Yan et al. 2025, "Learning to Reason under Off-Policy Guidance", mixed groups and policy shaping (§3.2)
    SRFT   Fu et al. 2025, "Supervised Reinforcement Fine-Tuning", entropy-aware weights (§4)
    CHORD  Zhang et al. 2025, "On-Policy RL Meets Off-Policy Experts", token-weighted SFT with a constant weight mu
           (CHORD-phi), or plain SFT with a mu that falls (CHORD-mu: 0.9 to 0.05)

Each is its paper's form, in one function; what is the same everywhere (clip, token mean) is not here.
Deviations: one expert episode a group; the expert's behaviour probability is 1, as LUFFY and SRFT have it; SRFT's
rewards of 1 and -1 are the signs of the advantages; entropies are means over all own, or all expert tokens of a batch
of episodes, under the policy that sampled it, without gradient.

Shapes: B rollouts in groups of G, N groups with an expert episode each, T and L tokens.
"""

import torch

from toolgym.agents.rollouts.episodes import all_equal

__all__ = ["chord_expert_loss", "luffy_expert_loss", "mixed_advantages", "srft_expert_loss", "srft_self_loss"]

_EPS = 1e-4
_SHAPING = 0.1


def mixed_advantages(
    returns_B: torch.Tensor,
    usable_B: torch.Tensor,
    expert_N: torch.Tensor,
    group_size: int,
    sizes_B: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """GRPO's advantages of groups that the expert's episode belongs to: `(B,)` of rollouts, `(N,)` of experts.

    `(R - mean) / (std + 1e-4)` over the usable rollouts and the expert (LUFFY Eq. 4); all 0 for equal returns. A NaN in
    `expert_N` says that the group has no expert. `sizes_B`: as `all_equal` takes them.
    """
    rollouts_B, experts_N = torch.zeros(len(returns_B)), torch.zeros(len(expert_N))
    sizes_B = returns_B.abs() if sizes_B is None else sizes_B
    for group, first in enumerate(range(0, len(returns_B), group_size)):
        rows = slice(first, first + group_size)
        usable_G, has_expert = usable_B[rows], not bool(expert_N[group].isnan())
        expert = expert_N[group : group + 1][:has_expert]
        members = torch.cat([returns_B[rows][usable_G], expert])
        if len(members) < 2 or all_equal(members, torch.cat([sizes_B[rows][usable_G], expert])):
            continue
        members = members.double()
        mean, scale = members.mean(), members.std() + _EPS
        rollouts_B[rows] = torch.where(usable_G, (returns_B[rows] - mean) / scale, 0.0).float()
        if has_expert:
            experts_N[group] = (expert_N[group] - mean) / scale
    return rollouts_B, experts_N


def luffy_expert_loss(logps_NL: torch.Tensor, advantages_N: torch.Tensor) -> torch.Tensor:
    """LUFFY's loss of each expert token `(N, L)`: `-f(p) A` with the shaping `f(p) = p / (p + 0.1)`, not clipped."""
    probabilities_NL = logps_NL.exp()
    return -(probabilities_NL / (probabilities_NL + _SHAPING)) * advantages_N[:, None]


def srft_expert_loss(logps_NL: torch.Tensor, advantages_N: torch.Tensor, entropy: torch.Tensor) -> torch.Tensor:
    """SRFT's loss of each expert token `(N, L)`: `0.5 exp(-H) (-log p)` plus the unclipped `-p A`; H is the entropy."""
    return -0.5 * torch.exp(-entropy.detach()) * logps_NL - logps_NL.exp() * advantages_N[:, None]


def srft_self_loss(logps_BT: torch.Tensor, advantages_BT: torch.Tensor, entropy: torch.Tensor) -> torch.Tensor:
    """SRFT's loss of each own token `(B, T)`: `-0.1 exp(H) log p` where the advantage is positive, `log p` where it is
    negative, 0 where there is none.
    """
    weight = 0.1 * torch.exp(entropy.detach())
    return -torch.where(advantages_BT > 0, weight, -(advantages_BT < 0).to(logps_BT.dtype)) * logps_BT


def chord_expert_loss(logps_NL: torch.Tensor) -> torch.Tensor:
    """CHORD-phi's loss of each expert token `(N, L)`: `-p (1 - p) log p`, the weight without gradient."""
    probabilities_NL = logps_NL.detach().exp()
    return -probabilities_NL * (1 - probabilities_NL) * logps_NL
