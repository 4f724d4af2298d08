"""SCRIBE: skill-conditioned rewards between the outcome and the single call (Jiang & Ferraro 2026, "SCRIBE").

    toolgym train --algo scribe --env ToolGym/Airline-v0 --steps 50 --output runs/scribe
    python agents/scribe.py --env ToolGym/Airline-v0 --steps 50 --output runs/scribe

Each step is routed to a skill prototype and scored by its rubric (`toolgym.rewards.scribe`). Its advantage is that of
the episode's outcome, and how much better it met its rubric than the group's other steps of the same skill:

    A(step k) = A_outcome + w (s_k - mean of s over the group's steps of the skill of k)

Like is compared with like: an episode gains nothing by taking more steps, or by steps of a skill that is easy.

Deviations: the abstract of the reading list gives no formulas. The paper adds its mid-level reward to the episode's;
the difference from the skill's mean is ours, for a sum of scores pays for length. Router and rubrics are programs.
A_outcome is GRPO's (DeepSeekMath §4.1.2), and so is the loss.

Shapes: B sequences in groups of G, T tokens, S steps.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.episodes import EpisodeBatch, all_equal
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import scribe_options
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.scribe_options import SCRIBEOptions
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.errors import ConfigError
from toolgym.rewards.scribe import LIBRARY, SKILL

__all__ = ["SCRIBEOptions", "ScribeTrainer", "main", "make_trainer", "rubric_advantages", "rubric_scores", "train"]

_NUMBERS = {f"{SKILL}{skill.name}": number for number, skill in enumerate(LIBRARY)}


def rubric_scores(rollouts: Sequence[Rollout], steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The number of each step's skill in the library, and the rubric's score of it, both `(B, S)`; -1 and 0 for none.

    Raises:
        ConfigError: the environment's reward has no components of skills.
    """
    skill_BS = torch.full((len(rollouts), steps), -1)
    score_BS = torch.zeros(len(rollouts), steps, dtype=torch.float64)
    for row, rollout in enumerate(rollouts):
        for step, components in enumerate(rollout.components):
            for name in components.keys() & _NUMBERS.keys():
                skill_BS[row, step], score_BS[row, step] = _NUMBERS[name], components[name]
    played = any(rollout.usable and rollout.rewards for rollout in rollouts)
    if played and not (skill_BS >= 0).any():
        raise ConfigError('SCRIBE reads the components of skills, and this reward has none: train with reward="scribe"')
    return skill_BS, score_BS


def rubric_advantages(
    skill_BS: torch.Tensor, score_BS: torch.Tensor, usable_B: torch.Tensor, group_size: int
) -> torch.Tensor:
    """Each step's score less the mean of the group's steps of the same skill `(B, S)`.

    0 for steps of episodes that are not usable, and where all steps of a skill score the same.
    """
    out_BS = torch.zeros_like(score_BS)
    for first in range(0, len(skill_BS), group_size):
        rows = slice(first, first + group_size)
        for number in range(len(LIBRARY)):
            own_GS = (skill_BS[rows] == number) & usable_B[rows, None]
            scores = score_BS[rows][own_GS]
            if len(scores) < 2 or all_equal(scores):
                continue
            out_BS[rows] = torch.where(own_GS, score_BS[rows] - scores.mean(), out_BS[rows])
    return out_BS


class ScribeTrainer(ToolTrainer):
    """The shared trainer with rubrics beside the outcome's advantage, which the estimator gives."""

    def __init__(self, *args: Any, options: SCRIBEOptions, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.options = options

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """The sum of both advantages. Logs how often each skill is met, and how well."""
        skill_BS, score_BS = rubric_scores(self.latest, batch.rewards_BS.shape[1])
        rubric_BS = rubric_advantages(skill_BS, score_BS, batch.usable_B, batch.group_size)
        outcome_BT = self.estimator(batch)
        rubric_BT = rubric_BS.float().gather(1, batch.step_BT.clamp(min=0)) * batch.sampled_BT
        self._log_skills(skill_BS[batch.usable_B], score_BS[batch.usable_B])
        spoken_N, told_N = (
            (values != 0).any(dim=1).view(-1, batch.group_size).any(dim=1) for values in (rubric_BS, outcome_BT)
        )
        self._record("scribe/by_rubric_alone", float((spoken_N & ~told_N).double().mean()))
        return {"advantages": (outcome_BT + self.options.rubric_weight * rubric_BT) * batch.usable_B[:, None]}

    def _log_skills(self, skill_BS: torch.Tensor, score_BS: torch.Tensor) -> None:
        routed = int((skill_BS >= 0).sum())
        by_name: dict[str, list[float]] = defaultdict(list)
        for number, score in zip(skill_BS.flatten().tolist(), score_BS.flatten().tolist(), strict=True):
            if number >= 0:
                by_name[LIBRARY[number].name].append(score)
        for skill in LIBRARY:
            scores = by_name[skill.name]
            self._record(f"scribe/{skill.name}", len(scores) / max(routed, 1))
            if scores:
                self._record(f"scribe/{skill.name}_score", sum(scores) / len(scores))


def make_trainer(
    config: SCRIBEOptions,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> ToolTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    estimator, kind = partial(grpo_advantages, scale=config.scale), partial(ScribeTrainer, options=config)
    return prepare(config, estimator, trainer=kind, model=model, tokenizer=tokenizer, callbacks=callbacks)


def train(config: SCRIBEOptions) -> Path:
    """Runs SCRIBE and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return scribe_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
