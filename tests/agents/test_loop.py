"""LOOP: its ratios and its objective by hand, and which way a step moves what was sampled."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.loop import LoopOptions, LoopTrainer, unit_objective, units
from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.policies.models import quiet
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.training.callbacks import MetricsFile
from toolgym.agents.training.running import grpo_args, task_order
from toolgym.errors import ConfigError

STEPS = torch.tensor([[0, 0, -1, 1], [0, -1, -1, -1]])
"""Two turns of two and one token, with one of the environment's between; a turn of one token."""


def test_units_by_hand() -> None:
    assert units(STEPS, "token").tolist() == [[0, 1, -1, 3], [0, -1, -1, -1]]
    assert units(STEPS, "turn").tolist() == STEPS.tolist()
    assert units(STEPS, "trajectory").tolist() == [[0, 0, -1, 0], [0, -1, -1, -1]]


# Ratios of row one's tokens: 1.5, 1/2 and 2 (the environment's 99 is none), A = 1; of row two: 1/2, A = -1.
RATIOS = torch.tensor([[1.5, 0.5, 99.0, 2.0], [0.5, 7.0, 7.0, 7.0]])
ADVANTAGES = torch.tensor([[1.0, 1.0, 0.0, 1.0], [-1.0, 0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("unit", "first", "cut"),
    [
        # Clip at 0.2: tokens give min(1.5, 1.2), min(0.5, 0.8) and min(2, 1.2): 2.9 / 3. Cut off: the first, the last,
        # and row two's: 0.5 is below 0.8 with a negative advantage. Three of four.
        ("token", (1.2 + 0.5 + 1.2) / 3, 3 / 4),
        # Turns: 1.5 * 0.5 = 0.75 gives min(0.75, 0.8); 2 gives 1.2. Cut off: the second and row two's. Two of three.
        ("turn", (0.75 + 1.2) / 2, 2 / 3),
        # The trajectory: 1.5 gives 1.2. Both are cut off.
        ("trajectory", 1.2, 1.0),
    ],
)
def test_the_objective_by_hand(unit: Any, first: float, cut: float) -> None:
    found = unit_objective(torch.log(RATIOS), torch.zeros(2, 4), ADVANTAGES, units(STEPS, unit), 0.2, 0.2)
    # Row two in each form: min(0.5 * -1, 0.8 * -1).
    assert found.mean_B.tolist() == pytest.approx([first, -0.8])
    assert float(found.cut / found.acting) == pytest.approx(cut)


def test_a_unit_that_ran_away_has_a_finite_gradient() -> None:
    far = torch.full((2, 3), 400.0).requires_grad_()
    steps = torch.zeros(2, 3, dtype=torch.long)
    signs = torch.tensor([[1.0] * 3, [-1.0] * 3])
    found = unit_objective(far, torch.zeros(2, 3), signs, units(steps, "trajectory"), 0.2, 0.2)
    found.mean_B.sum().backward()
    assert far.grad is not None
    assert torch.isfinite(far.grad).all()
    assert torch.isfinite(found.mean_B).all()


def test_an_episode_without_tokens_is_worth_nothing() -> None:
    none = torch.full((1, 2), -1)
    found = unit_objective(torch.ones(1, 2), torch.zeros(1, 2), torch.ones(1, 2), none, 0.2, 0.2)
    assert (found.mean_B.tolist(), int(found.cut), int(found.acting)) == ([0.0], 0, 0)


def trainer_of(config: LoopOptions, model: Any, tokenizer: Any, envs: Any, kind: Any = LoopTrainer) -> Any:
    tasks: Any = list(range(20))
    return kind(
        model,
        tokenizer,
        grpo_args(config),
        envs=envs,
        tasks=tasks,
        order=task_order(20, config.steps * config.groups, config.seed),
        estimator=grpo_advantages,
        sampling=SamplingOptions(max_new_tokens=config.max_new_tokens, context_tokens=config.context_tokens),
        callbacks=[MetricsFile(config.output / "metrics.jsonl")],
        options=config,
    )


def train(trainer: Any) -> None:
    with warnings.catch_warnings():
        quiet()
        trainer.train()


@pytest.mark.parametrize("unit", ["token", "turn", "trajectory"])
def test_a_step_raises_what_was_better_and_lowers_what_was_worse(
    unit: Any, tiny_model: Any, tokenizer: Any, toy_envs: Any, shape: dict[str, Any], tmp_path: Path, metrics: Any
) -> None:
    changes = {"steps": 2, "save_steps": 2, "minibatches": 2, "learning_rate": 5e-3}
    config = LoopOptions(output=tmp_path, unit=unit, **shape | changes)
    trainer = trainer_of(config, tiny_model, tokenizer, toy_envs(8))

    def favour(batch: EpisodeBatch) -> torch.Tensor:
        return torch.tensor([1.0, -1.0] * 4)[:, None] * batch.sampled_BT

    trainer.estimator = favour
    train(trainer)
    moved = [0.0, 0.0]
    for row, rollout in enumerate(trainer.latest):
        ids = torch.tensor([rollout.prompt_ids + rollout.completion_ids])
        with torch.no_grad():
            logps = torch.log_softmax(tiny_model(input_ids=ids).logits[0, len(rollout.prompt_ids) - 1 : -1], -1)
        now = logps.gather(1, torch.tensor(rollout.completion_ids)[:, None])[:, 0] * torch.tensor(rollout.env_mask)
        moved[row % 2] += float(now.sum()) - sum(rollout.logprobs)
    assert moved[0] > 0.01
    assert moved[1] < -0.01
    first, second = metrics(tmp_path)
    assert first["loop/clipped"] == 0.0  # the first step of a batch: every ratio is 1
    assert second["loop/clipped"] > 0.0


def test_the_share_that_is_clipped_is_the_same_whatever_a_forward_pass_holds(
    fresh: Any, tokenizer: Any, toy_envs: Any, shape: dict[str, Any], tmp_path: Path, metrics: Any
) -> None:
    shares = []
    for rows in (8, 2):
        changes = {"steps": 2, "save_steps": 2, "iterations": 2, "minibatches": 1, "micro_batch": rows}
        config = LoopOptions(output=tmp_path / str(rows), **shape | changes | {"learning_rate": 5e-3})
        trainer = trainer_of(config, fresh(), tokenizer, toy_envs(8))
        trainer.estimator = lambda batch: torch.tensor([1.0, -1.0] + [0.0] * 6)[:, None] * batch.sampled_BT
        train(trainer)
        shares.append([line["loop/clipped"] for line in metrics(config.output)])
    assert shares[0][1] > 0.0
    assert shares[1] == pytest.approx(shares[0])  # most passes have no episode that is learnt from


def test_on_one_step_the_token_form_is_grpos_loss(
    fresh: Any, tokenizer: Any, toy_envs: Any, shape: dict[str, Any], tmp_path: Path
) -> None:
    """The same gradient as TRL's loss, ratios that have left 1 included."""
    config = LoopOptions(output=tmp_path, **(shape | {"minibatches": 2, "learning_rate": 0.02}))
    apart = []

    class Compared(LoopTrainer):
        def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
            ours = super()._compute_loss(model, inputs)
            theirs = super(LoopTrainer, self)._compute_loss(model, {k: v for k, v in inputs.items() if k != "unit_BT"})
            parameters = [p for p in model.parameters() if p.requires_grad]
            pairs = zip(
                torch.autograd.grad(ours, parameters, retain_graph=True),
                torch.autograd.grad(theirs, parameters),
                strict=True,
            )
            apart.append(max(float((a - b).abs().max()) for a, b in pairs))
            return ours

    train(trainer_of(config, fresh(), tokenizer, toy_envs(8), Compared))
    assert len(apart) == 4
    assert max(apart) < 1e-5


def test_options_without_effect_raise() -> None:
    for changes in ({"loss": "dapo"}, {"beta": 0.1}, {"importance_sampling_level": "sequence"}):
        with pytest.raises(ConfigError, match="would have no effect on LOOP's loss"):
            LoopOptions(**changes)
    with pytest.raises(ConfigError, match="Did you mean 'turn'"):
        LoopOptions(unit="turns")  # type: ignore[arg-type]
