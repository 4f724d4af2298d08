"""Solving it with fewer calls: OTC-GRPO's factor on what was earned, and HDPO's second advantage among the solved.

    toolgym train --algo otc_grpo --env ToolGym/Airline-v0 --steps 50 --output runs/otc
    toolgym train --algo hdpo --env ToolGym/Airline-v0 --steps 50 --output runs/hdpo
    python agents/efficiency.py --env ToolGym/Airline-v0 --steps 50 --output runs/otc

- `otc_grpo`: Wang et al. 2025, "OTC: Optimal Tool Calls via Reinforcement Learning" (later "Acting Less is Reasoning
  More", arXiv 2504.14870), §3. What an episode earned is multiplied by how its number of calls m compares with n, the
  fewest calls among the solved episodes of its group; then GRPO. `r = r_tool * r_phi` with

      f = 2 n m / (m + n),   r_tool = sin(f pi / (2 n));   for n = 0: cos(m pi / (2 m + c))

  `otc_ppo` is in `toolgym.agents.steptool`: there is no group, so n is not known, and the second form holds for all.
- `hdpo`: "Act Wisely" (2026, arXiv 2604.08545): two advantages that are normalised apart. Accuracy's is GRPO's over
  all episodes of a group; efficiency's is the same of `1 / (1 + m)` over its solved episodes alone, 0 for the others:

      A = A_accuracy + weight * A_efficiency

Of both papers the abstract is in the reading list; formulas are from accounts of their texts, so they are named by what
they say and not by number.

Deviations. OTC: a group without a solved episode has no n, and its factor is 1; of rewards that are no 0 or 1 the
positive ones are multiplied, for a factor on a loss would be a gain; the scale alpha is left out, for GRPO divides by
the deviation; n is the group's, not remembered from earlier batches. HDPO: the paper adds two clipped losses, here two
advantages are added before the clip, which has the same gradient while ratios are within it; the weight is ours.
Calls whose tool was unavailable do not count: they have to be made again.

Shapes: B sequences in groups of G, T tokens, S steps.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch

from toolgym.agents.rollouts.episodes import EpisodeBatch, Estimator
from toolgym.agents.training import grpo_options
from toolgym.agents.training.grpo_options import GRPOOptions
from toolgym.errors import ConfigError
from toolgym.rewards.efficiency import otc_factor, tool_productivity

__all__ = ["efficient", "fewest_calls", "figures", "hdpo_advantages", "main", "otc_batch", "otc_factors"]


def _calls(batch: EpisodeBatch) -> torch.Tensor:
    if batch.calls_B is None:
        raise ConfigError(
            "efficiency needs the number of calls of each episode, and the environment keeps no record of them: give "
            "it a `trajectory` (toolgym.trajectory.Trajectory), or leave efficiency at 'none'"
        )
    return batch.calls_B


def fewest_calls(batch: EpisodeBatch) -> list[int | None]:
    """OTC's n by episode: the fewest calls of a solved episode of its group, None where none is solved."""
    calls_B, right_B = _calls(batch), batch.solved_B & batch.usable_B
    out: list[int | None] = []
    for first in range(0, len(calls_B), batch.group_size):
        rows = slice(first, first + batch.group_size)
        solved = calls_B[rows][right_B[rows]]
        out += [int(solved.min()) if len(solved) else None] * batch.group_size
    return out


def otc_factors(batch: EpisodeBatch, max_calls: int = 10) -> torch.Tensor:
    """OTC's `r_tool` of each episode `(B,)`, in [0, 1]; 1 in a group without a solved episode.

    Args:
        batch: the episodes.
        max_calls: the constant c of the form for n = 0.
    """
    pairs = zip(_calls(batch).tolist(), fewest_calls(batch), strict=True)
    factors = [1.0 if fewest is None else otc_factor(made, fewest, max_calls) for made, fewest in pairs]
    return torch.tensor(factors, dtype=batch.rewards_BS.dtype)


def otc_batch(batch: EpisodeBatch, max_calls: int = 10) -> EpisodeBatch:
    """The batch with what was earned multiplied by `otc_factors`; what was lost stays."""
    factors_B1 = otc_factors(batch, max_calls)[:, None]
    return replace(batch, rewards_BS=torch.where(batch.rewards_BS > 0, factors_B1, 1.0) * batch.rewards_BS)


def hdpo_advantages(batch: EpisodeBatch, plain: Estimator, weight: float) -> torch.Tensor:
    """HDPO's `A_accuracy + weight * A_efficiency` on every sampled token `(B, T)`.

    Args:
        batch: the episodes.
        plain: the advantages of the return within a group, also taken of `1 / (1 + calls)` among the solved.
        weight: of efficiency's.
    """
    return plain(batch) + weight * plain(_channel(batch))


def _channel(batch: EpisodeBatch) -> EpisodeBatch:
    """The efficiency channel: the solved episodes alone count, and earn `1 / (1 + calls)`."""
    rewards_BS = torch.zeros_like(batch.rewards_BS)
    rewards_BS[:, 0] = 1.0 / (1.0 + _calls(batch).to(rewards_BS.dtype))
    return replace(batch, rewards_BS=rewards_BS, usable_B=batch.usable_B & batch.solved_B)


def efficient(config: GRPOOptions, plain: Estimator) -> Estimator:
    """The estimator of a run whose `efficiency` is "otc" or "hdpo", on that of its returns."""
    if config.efficiency == "otc":
        return lambda batch: plain(otc_batch(batch, config.max_calls))
    return partial(hdpo_advantages, plain=plain, weight=config.efficiency_weight)


def figures(batch: EpisodeBatch) -> dict[str, float]:
    """What is logged of a batch, whether anything can act on its numbers of calls among it.

    `calls/mean` and `calls/solved`: calls an episode, and a solved one (left out where none is); `calls/productivity`:
    solved episodes a call; `calls/correct_groups`: the share of groups with at least two solved episodes, among which
    calls are compared; `calls/acting_groups`: that of groups whose solved episodes made different numbers of calls.
    """
    calls_B, right_B = _calls(batch), batch.solved_B & batch.usable_B
    groups = zip(calls_B.split(batch.group_size), right_B.split(batch.group_size), strict=True)
    solved = [calls_G[right_G] for calls_G, right_G in groups]
    made = calls_B[batch.usable_B]
    out = {
        "calls/mean": float(made.double().mean()) if len(made) else 0.0,
        "calls/productivity": tool_productivity(right_B[batch.usable_B].tolist(), made.tolist()),
        "calls/correct_groups": sum(len(found) >= 2 for found in solved) / len(solved),
        "calls/acting_groups": sum(len(set(found.tolist())) >= 2 for found in solved) / len(solved),
    }
    if right_B.any():
        out["calls/solved"] = float(calls_B[right_B].double().mean())
    return out


def main(argv: Sequence[str] | None = None, algo: str = "otc_grpo") -> int:
    """The command line of `otc_grpo` or `hdpo`."""
    return grpo_options.main(argv, algo)


if __name__ == "__main__":
    raise SystemExit(main())
