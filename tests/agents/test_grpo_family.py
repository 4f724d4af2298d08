"""The GRPO family: each paper's switch by numbers worked by hand, and what the presets put together."""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from toolgym.agents import registry
from toolgym.agents.builtin import save_checkpoint
from toolgym.agents.episodes import EpisodeBatch
from toolgym.agents.grpo import (
    PRESETS,
    DynamicTrainer,
    GRPOOptions,
    differ,
    grpo_advantages,
    main,
    make_estimator,
    make_trainer,
    overlong_penalty,
    preset,
    shorten,
)
from toolgym.agents.lm import SamplingOptions
from toolgym.agents.rollout import Rollout
from toolgym.agents.running import MetricsFile, grpo_args, quiet, run, task_order
from toolgym.agents.trainer import ToolTrainer
from toolgym.errors import ConfigError

TINY = {"threads": 1, "progress": False, "max_new_tokens": 8, "context_tokens": 256, "learning_rate": 1e-3}


def batch_of(rewards: list[list[float]], steps: list[list[int]], group_size: int, prompts: list[int]) -> EpisodeBatch:
    rewards_BS, step_BT = torch.tensor(rewards), torch.tensor(steps)
    return EpisodeBatch(
        rewards_BS=rewards_BS,
        steps_B=step_BT.max(dim=1).values + 1,
        step_BT=step_BT,
        types_BT=torch.where(step_BT >= 0, 1, 0),
        logprobs_BT=torch.zeros(step_BT.shape),
        solved_B=torch.zeros(len(rewards), dtype=torch.bool),
        usable_B=torch.ones(len(rewards), dtype=torch.bool),
        group_size=group_size,
        prompts_B=torch.tensor(prompts),
    )


def test_leave_one_out_by_hand() -> None:
    # Returns 1, 2, 6. The others' means: 4, 3.5, 1.5. Differences: -3, -1.5, 4.5.
    batch = batch_of([[1.0], [2.0], [6.0]], [[0, 0]] * 3, 3, [0] * 3)
    assert grpo_advantages(batch, scale=False, leave_one_out=True)[:, 0].tolist() == pytest.approx([-3.0, -1.5, 4.5])


def test_overlong_penalty_by_hand() -> None:
    # Limit 10, cache 4: nothing up to 6; at 8 half of it: (10 - 4 - 8) / 4 = -0.5; at 10 and beyond -1.
    assert overlong_penalty(torch.tensor([0, 6, 7, 8, 10, 99]), 10, 4).tolist() == [0, 0, -0.25, -0.5, -1, -1]


def test_a_long_episode_loses_reward_at_its_last_step() -> None:
    # The opening's 4 tokens count, and the environment's (-1) in between. Row one: the last sampled token is the third
    # of the completion: 7 tokens, a quarter of the loss at its second step. Row two: 4 + 1 = 5 tokens, none.
    batch = batch_of([[1.0, 1.0], [1.0, 0.0]], [[0, -1, 1, -1], [0, -1, -1, -1]], 2, [4, 4])
    assert shorten(batch, 10, 4).rewards_BS.tolist() == [[1.0, 0.75], [1.0, 0.0]]
    # Without the switch the group's returns are 2 and 1; with it 1.75 and 1.
    plain = make_estimator(GRPOOptions(scale=False))(batch)
    shaped = make_estimator(GRPOOptions(scale=False, overlong=True, overlong_cache=0.4, context_tokens=10))(batch)
    assert plain[:, 0].tolist() == pytest.approx([0.5, -0.5])
    assert shaped[:, 0].tolist() == pytest.approx([0.375, -0.375])


def test_presets_are_what_the_papers_say() -> None:
    made = {name: GRPOOptions(**preset(name)) for name in PRESETS}
    assert (made["dr_grpo"].scale, made["dr_grpo"].loss) == (False, "dr_grpo")
    dapo = made["dapo"]
    assert (dapo.epsilon, dapo.epsilon_high, dapo.loss, dapo.dynamic_sampling, dapo.overlong) == (
        0.2,
        0.28,
        "dapo",
        True,
        True,
    )
    gspo = made["gspo"]
    assert (gspo.importance_sampling_level, gspo.epsilon, gspo.epsilon_high) == ("sequence", 3e-4, 4e-4)
    args = grpo_args(gspo)
    # 64 episodes in passes of 16: four optimizer steps of one pass each.
    assert (args.gradient_accumulation_steps, args.steps_per_generation) == (1, 4)
    assert args.importance_sampling_level == "sequence"
    assert (made["rloo"].baseline, made["rloo"].scale) == ("leave_one_out", False)
    assert made["toolrl"].reward == "toolrl"
    with pytest.raises(ConfigError, match="Did you mean 'dapo'"):
        preset("dappo")
    assert set(PRESETS) <= set(registry.algorithms())


def test_options_without_effect_raise() -> None:
    with pytest.raises(ConfigError, match="scale=True"):
        GRPOOptions(baseline="leave_one_out")
    with pytest.raises(ConfigError, match="level='step'"):
        GRPOOptions(baseline="leave_one_out", scale=False, level="step")
    with pytest.raises(ConfigError, match="overlong_cache"):
        GRPOOptions(overlong_cache=1.0)
    with pytest.raises(ConfigError, match="save_steps must be a multiple of iterations"):
        GRPOOptions(minibatches=4, save_steps=50)
    with pytest.raises(ConfigError, match="multiple of micro_batch"):
        GRPOOptions(minibatches=3)


class Tables:
    """A model whose only parameters are the logits of each position `(T, V)`: gradients can be worked out by hand."""

    def __init__(self, logits_BTV: torch.Tensor):
        self.logits_BTV = logits_BTV.requires_grad_()
        self.training = True


def family_loss(
    logits_BTV: torch.Tensor, ids_BT: torch.Tensor, advantages_BT: torch.Tensor, old_BT: torch.Tensor, **options: Any
) -> torch.Tensor:
    """TRL's loss, on a table of logits: the code that a run of the family calls."""

    def logps(*_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor, None]:
        out_BT = torch.log_softmax(logits_BTV, -1).gather(2, ids_BT[..., None])[..., 0]
        return out_BT, torch.zeros_like(out_BT), None

    config = GRPOOptions(**options)
    single = SimpleNamespace(gather=lambda x: x, reduce=lambda x, reduction: x, num_processes=1, sync_gradients=True)
    trainer: Any = SimpleNamespace(
        _get_per_token_logps_and_entropies=logps,
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        importance_sampling_level=config.importance_sampling_level,
        beta=0.0,
        loss_type=config.loss,
        epsilon_low=config.epsilon,
        epsilon_high=config.epsilon_high or config.epsilon,
        args=SimpleNamespace(delta=None, steps_per_generation=1),
        use_vllm=False,
        model=SimpleNamespace(training=True),
        current_gradient_accumulation_steps=1,
        max_completion_length=config.context_tokens,
        accelerator=single,
        _entropy_bonus_enabled=False,
        _metrics={"train": __import__("collections").defaultdict(list)},
    )
    mask_BT = (ids_BT >= 0).long()
    inputs = {
        "prompt_ids": torch.zeros(len(ids_BT), 1, dtype=torch.long),
        "prompt_mask": torch.ones(len(ids_BT), 1, dtype=torch.long),
        "completion_ids": ids_BT,
        "completion_mask": mask_BT,
        "advantages": advantages_BT,
        "old_per_token_logps": old_BT,
        "num_items_in_batch": mask_BT.sum(),
    }
    return super(ToolTrainer, ToolTrainer)._compute_loss(trainer, None, inputs)  # type: ignore[misc]
