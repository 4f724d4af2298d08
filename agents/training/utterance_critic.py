"""ArCHer's critic of turns: two Q and two V with Polyak targets, on a frozen model's view of the conversation.

Shapes: N turns, D features.
"""

import copy
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

__all__ = ["Encoder", "TurnCritic", "TurnTransition", "bellman_targets", "polyak_update"]

_ROWS = 16
"""Conversations that are encoded together."""


def bellman_targets(
    rewards_N: torch.Tensor, ends_N: torch.Tensor, next_values_N: torch.Tensor, gamma: float
) -> torch.Tensor:
    """`r + gamma V(s')`, and `r` where the episode ends, `(N,)`: what Q of a turn learns."""
    return rewards_N + gamma * torch.where(ends_N, 0.0, next_values_N)


@torch.no_grad()
def polyak_update(targets: torch.nn.Module, source: torch.nn.Module, share: float) -> None:
    """`target = (1 - share) target + share source`, of each weight."""
    for target, weight in zip(targets.parameters(), source.parameters(), strict=True):
        target.lerp_(weight, share)


@dataclass
class TurnTransition:
    """A turn of the buffer. Features are of the frozen encoder, so that they stay what they are."""

    context_ids: list[int]
    """The conversation before the turn."""
    state_D: torch.Tensor
    turn_D: torch.Tensor
    """Of the conversation up to the turn's end."""
    reward: float
    next_D: torch.Tensor
    """Of the state before the next turn; zeros where there is none."""
    ends: bool
    drawn_D: torch.Tensor
    """Of the conversation with the action that the policy drew last in this state: at first the turn itself."""


class Encoder:
    """The features of conversations: the last hidden state of a frozen copy of a causal LM's trunk, normalised."""

    def __init__(self, model: Any):
        self.trunk = copy.deepcopy(model.base_model).eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, conversations: Sequence[Sequence[int]], places: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """For each conversation the features after the tokens at its places `(len(places), D)`, on the CPU."""
        device, out = next(self.trunk.parameters()).device, []
        for first in range(0, len(conversations), _ROWS):
            rows, at = conversations[first : first + _ROWS], places[first : first + _ROWS]
            longest = max(map(len, rows))
            ids_BL = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=device)
            held_BL = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
            hidden_BLD = self.trunk(input_ids=ids_BL, attention_mask=held_BL).last_hidden_state.float()
            features_BLD = torch.nn.functional.layer_norm(hidden_BLD, hidden_BLD.shape[-1:])
            out += [features_BLD[row, list(own)].cpu() for row, own in enumerate(at)]
        return out


class TurnCritic:
    """Q1, Q2 of a turn and V1, V2 of the state before it, learnt from a buffer of turns by temporal differences.

    Args:
        width: D.
        gamma, polyak, rate: discount a turn; share that the targets take over an update; learning rate.
        size: how many turns the buffer holds.
        seed: of the first weights and of the draws.
    """

    def __init__(self, width: int, *, gamma: float, polyak: float, rate: float, size: int, seed: int):
        self.gamma, self.polyak, self.seed = gamma, polyak, seed
        self.buffer: deque[TurnTransition] = deque(maxlen=size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.nets = torch.nn.ModuleDict({name: _head(width) for name in ("q1", "q2", "v1", "v2")})
        self.targets = copy.deepcopy(self.nets).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.nets.parameters(), lr=rate)

    @torch.no_grad()
    def values(self, states_ND: torch.Tensor) -> torch.Tensor:
        """The smaller of V1 and V2 `(N,)`."""
        return torch.minimum(_of(self.nets, "v1", states_ND), _of(self.nets, "v2", states_ND))

    @torch.no_grad()
    def advantages(self, states_ND: torch.Tensor, turns_ND: torch.Tensor) -> torch.Tensor:
        """`min(Q1, Q2) - min(V1, V2)` of turns in their states `(N,)`."""
        smaller_N = torch.minimum(_of(self.nets, "q1", turns_ND), _of(self.nets, "q2", turns_ND))
        return smaller_N - self.values(states_ND)

    @torch.no_grad()
    def gap(self, turns_ND: torch.Tensor) -> float:
        """How far Q1 and Q2 are apart, on average."""
        return float((_of(self.nets, "q1", turns_ND) - _of(self.nets, "q2", turns_ND)).abs().mean())

    @torch.enable_grad()
    def learn(self, steps: int, size: int, number: int) -> float:
        """`steps` updates, each on `size` turns of the buffer, drawn by the batch's number; the mean loss.

        Each Q learns `bellman_targets` of its own V's target, each V the target of its own Q at the action that was
        drawn last.
        """
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(14, number)))
        total = 0.0
        for _ in range(steps):
            turns = [self.buffer[at] for at in rng.integers(len(self.buffer), size=size)]
            states_ND, turns_ND, next_ND, drawn_ND = (
                torch.stack([getattr(turn, name) for turn in turns])
                for name in ("state_D", "turn_D", "next_D", "drawn_D")
            )
            rewards_N, ends_N = torch.tensor([turn.reward for turn in turns]), torch.tensor([t.ends for t in turns])
            losses = []
            for place in "12":
                with torch.no_grad():
                    next_N = _of(self.targets, f"v{place}", next_ND)
                    q_N = bellman_targets(rewards_N, ends_N, next_N, self.gamma)
                    v_N = _of(self.targets, f"q{place}", drawn_ND)
                losses.append((_of(self.nets, f"q{place}", turns_ND) - q_N).square().mean())
                losses.append((_of(self.nets, f"v{place}", states_ND) - v_N).square().mean())
            loss = torch.stack(losses).sum()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            polyak_update(self.targets, self.nets, self.polyak)
            total += float(loss.detach())
        return total / steps

    def state(self) -> dict[str, Any]:
        """All of it, as tensors, numbers and lists."""
        return {
            "nets": self.nets.state_dict(),
            "targets": self.targets.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "buffer": [vars(turn) for turn in self.buffer],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Takes what `state` gave."""
        self.nets.load_state_dict(state["nets"])
        self.targets.load_state_dict(state["targets"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.buffer.extend(TurnTransition(**turn) for turn in state["buffer"])


def _head(width: int) -> torch.nn.Module:
    last = torch.nn.Linear(width, 1)
    torch.nn.init.zeros_(last.weight)  # 0 everywhere until it is learnt
    torch.nn.init.zeros_(last.bias)
    return torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.Tanh(), last)


def _of(nets: torch.nn.ModuleDict, name: str, features_ND: torch.Tensor) -> torch.Tensor:
    return nets[name](features_ND)[:, 0]
