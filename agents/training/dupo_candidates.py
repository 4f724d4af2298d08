"""Candidates of every token position of a gold episode, scored on prefixes: DUPO's own form (AC-Planner §4.2–4.3).

At each token a_i of a gold action, K candidates are drawn from the policy's next-token distribution after the gold
prefix a_<i (the context of Eq. 10, so that one forward pass serves all positions). The prefix with the candidate is
compared with the gold prefix a_1:i (Eq. 15–20, 23).

Decisions: a candidate that ends the turn is compared as a whole message, so that an end in the middle of a block is not
in the format. What two candidates of equal text earn is computed once.

Shapes: L tokens of an episode, C of them the expert's, K candidates.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from toolgym.agents.rollouts.rollout import Rollout
from toolgym.errors import ConfigError
from toolgym.messages import parse
from toolgym.rewards import Reward
from toolgym.rewards.ac_planner import ACPlannerTerm, decay, semantic, structure
from toolgym.rewards.semantic import Similarity, lexical

__all__ = ["Candidates", "PrefixScorer", "candidates_of", "draw_candidates", "score_candidates"]


@dataclass(frozen=True)
class PrefixScorer:
    """Eq. 15 for beginnings of actions."""

    weight: float = 0.5
    """lambda_sem."""
    kind: Literal["exponential", "linear", "discrete", "none"] = "exponential"
    """Of decay."""
    similarity: Similarity = lexical
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of the parts `name`, `param`, `format` and `semantic`; 1 each."""

    @classmethod
    def of(cls, reward: Reward) -> "PrefixScorer":
        """The scorer with the options and weights of a run's reward.

        Raises:
            ConfigError: it is not AC-Planner's.
        """
        terms = [term for term in reward.terms.values() if isinstance(term, ACPlannerTerm)]
        if not terms or len(terms) < len(reward.terms):
            raise ConfigError("Token candidates are scored by Eq. 15: leave the reward at ac_planner.")
        return cls(terms[0].weight, cast(Any, terms[0].kind), terms[0].similarity, reward.weights)

    def __call__(self, candidate: str, gold: str, *, ends: bool, index: int, total: int) -> float:
        """The reward of a beginning against the gold's, for action `index` (from 1) of `total`.

        `ends` says that the candidate ends its turn.
        """
        found = structure(candidate, gold)
        valid = float(not parse(candidate).problems) if ends else found.format
        alike = semantic(candidate, gold, weight=self.weight, similarity=self.similarity) if self.weight else 0.0
        parts = {"name": found.name, "param": found.param, "format": valid, "semantic": alike}
        value = sum(self.weights.get(name, 1.0) * part for name, part in parts.items())
        return value * decay(self.kind, index, total)


@dataclass(frozen=True)
class Candidates:
    """The candidates of one episode's expert tokens."""

    ids_CK: torch.Tensor
    logps_CK: torch.Tensor
    """Under the policy that drew them."""
    rewards_CK: torch.Tensor
    actions_C: torch.Tensor
    """Which action of the episode each position belongs to, from 0."""


def draw_candidates(
    logits_CV: torch.Tensor, count: int, temperature: float, seed: np.random.SeedSequence
) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` independent draws of each position's next token, with their log-probabilities: `(C, K)` each."""
    logps_CV = torch.log_softmax(logits_CV.float() / temperature, dim=-1)
    generator = torch.Generator(device=logits_CV.device).manual_seed(int(seed.generate_state(1, np.uint64)[0]))
    ids_CK = torch.multinomial(logps_CV.exp(), count, replacement=True, generator=generator)
    return ids_CK, logps_CV.gather(1, ids_CK)


def score_candidates(
    expert: Rollout,
    ids_CK: Sequence[Sequence[int]],
    tokenizer: PreTrainedTokenizerBase,
    stop_ids: Collection[int],
    scorer: PrefixScorer,
) -> torch.Tensor:
    """The rewards `(C, K)` of candidates in the places of an expert episode's own tokens, in order.

    `stop_ids` are the tokens that end a turn: none of them is a part of its text.
    """

    def text(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=False))

    rows: list[list[float]] = []
    for index, (start, end) in enumerate(expert.spans):
        action = expert.completion_ids[start:end]
        for place in range(len(action)):
            prefix = action[:place]
            gold = text(prefix if action[place] in stop_ids else action[: place + 1])
            known: dict[int, float] = {}
            for token in ids_CK[len(rows)]:
                if token not in known:
                    ends = token in stop_ids
                    known[token] = scorer(
                        text(prefix if ends else [*prefix, token]),
                        gold,
                        ends=ends,
                        index=index + 1,
                        total=len(expert.spans),
                    )
            rows.append([known[token] for token in ids_CK[len(rows)]])
    return torch.tensor(rows, dtype=torch.float64)


def candidates_of(
    model: Any,
    expert: Rollout,
    tokenizer: PreTrainedTokenizerBase,
    stop_ids: Collection[int],
    *,
    count: int,
    temperature: float,
    scorer: PrefixScorer,
    seed: np.random.SeedSequence,
) -> Candidates:
    """Draws and scores `count` candidates of each of an expert episode's own tokens, in one forward pass."""
    ids = torch.tensor([expert.prompt_ids + expert.completion_ids], device=model.device)
    own = torch.tensor(expert.env_mask, dtype=torch.bool, device=model.device)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits_LV = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
    model.train(was_training)
    # The token at l is drawn from the logits at l - 1.
    logits_CV = logits_LV[len(expert.prompt_ids) - 1 : -1][own]
    ids_CK, logps_CK = draw_candidates(logits_CV, count, temperature, seed)
    rewards_CK = score_candidates(expert, ids_CK.tolist(), tokenizer, stop_ids, scorer)
    actions = [index for index, (start, end) in enumerate(expert.spans) for _ in range(start, end)]
    return Candidates(ids_CK, logps_CK, rewards_CK.to(model.device), torch.tensor(actions, device=model.device))
