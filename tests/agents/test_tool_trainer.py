"""The shared trainer: TRL's loss on our episodes, resumable to the same numbers, with guards."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback
from trl.trainer.grpo_config import GRPOConfig

from toolgym.agents.builtin.policy import ModelOptions, new_model
from toolgym.agents.grpo import GRPOOptions, grpo_advantages, main
from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.policies.models import quiet
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.training.callbacks import MetricsFile
from toolgym.agents.training.run_folder import latest_checkpoint
from toolgym.agents.training.running import grpo_args, prepare, run, task_order
from toolgym.agents.training.trainer import ToolTrainer, by_length, check_args
from toolgym.errors import ConfigError, DivergenceError


@pytest.fixture
def config(shape: dict[str, Any]) -> Any:
    """Makes options."""
    return lambda output, **changes: GRPOOptions(output=output, **shape | changes)


class Tasks(list):
    """A task set whose tasks are numbers."""


def trainer_of(
    config: GRPOOptions,
    model: Any,
    tokenizer: Any,
    envs: Sequence[Any],
    *,
    kind: type[ToolTrainer] = ToolTrainer,
    estimator: Any = grpo_advantages,
    callbacks: Sequence[TrainerCallback] = (),
) -> ToolTrainer:
    tasks: Any = Tasks(range(20))
    return kind(
        model,
        tokenizer,
        grpo_args(config),
        envs=envs,
        tasks=tasks,
        order=task_order(20, config.steps * config.groups, config.seed),
        estimator=estimator,
        sampling=SamplingOptions(max_new_tokens=config.max_new_tokens, context_tokens=config.context_tokens),
        callbacks=[MetricsFile(config.output / "metrics.jsonl"), *callbacks],
    )


def test_interrupted_and_resumed_equals_uninterrupted(
    fresh: Any, tokenizer: Any, toy_envs: Any, tmp_path: Path, config: Any, resumes: Any
) -> None:
    def make(some: GRPOOptions, callbacks: Sequence[TrainerCallback]) -> ToolTrainer:
        return trainer_of(some, fresh(), tokenizer, toy_envs(8), callbacks=callbacks)

    # Step 3 comes after the checkpoint of step 2: it is taken again.
    _, resumed = resumes(config(tmp_path), make, stop=3)
    output = Path(resumed.args.output_dir)
    assert (output / "checkpoint-4" / "model.safetensors").is_file()
    assert (output / "final" / "model.safetensors").is_file()


def test_training_moves_towards_what_is_rewarded(
    tokenizer: Any, toy_envs: Any, tmp_path: Path, config: Any, metrics: Any
) -> None:
    # The reward is the share of "a" in a message of three tokens: about 0.06 by chance.
    shape = {"groups": 2, "rollouts": 16, "micro_batch": 32, "max_new_tokens": 3}
    some = config(tmp_path, steps=30, learning_rate=3e-2, save_steps=100, **shape)
    model = new_model(tokenizer, ModelOptions(32, 48, 2, 2, 1, 1024), seed=1)
    run(trainer_of(some, model, tokenizer, toy_envs(32, limit=1)), some)
    returns = [line["reward"] for line in metrics(tmp_path)]
    assert sum(returns[:5]) / 5 < 0.1
    assert sum(returns[-5:]) / 5 > 0.2


class Recorder(ToolTrainer):
    """Keeps the loss of each micro-batch, with and without the rows that have nothing to say."""

    losses: list[tuple[float, float]]

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        short = super()._compute_loss(model, inputs)
        parameters = [p for p in model.parameters() if p.requires_grad]
        gradient = torch.autograd.grad(short, parameters, retain_graph=True, allow_unused=True)
        full = super(ToolTrainer, self)._compute_loss(model, inputs)
        other = torch.autograd.grad(full, parameters, allow_unused=True)
        apart = max(
            float((a - b).abs().max()) for a, b in zip(gradient, other, strict=True) if a is not None and b is not None
        )
        self.losses.append((float((short - full).detach()), apart))
        return short


def mixed(batch: EpisodeBatch) -> torch.Tensor:
    """Advantages that are 0 in every other row, and differ by token elsewhere."""
    rows = torch.arange(len(batch.steps_B)) % 2
    return batch.sampled_BT * rows[:, None] * (1.0 + torch.arange(batch.step_BT.shape[1]) / 10)


@pytest.mark.parametrize("loss", ["grpo", "dapo", "dr_grpo"])
def test_leaving_out_idle_rows_changes_no_gradient(
    loss: str, tokenizer: Any, tiny_model: Any, toy_envs: Any, tmp_path: Path, config: Any
) -> None:
    some = config(tmp_path, steps=2, loss=loss)
    trainer = trainer_of(some, tiny_model, tokenizer, toy_envs(8), kind=Recorder, estimator=mixed)
    trainer.losses = []  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        quiet()
        trainer.train()
    losses = trainer.losses  # type: ignore[attr-defined]
    assert len(losses) == 4
    assert all(abs(value) < 1e-6 and apart < 1e-5 for value, apart in losses)


def test_the_loss_is_trls_own_with_the_same_advantages(
    fresh: Any, tokenizer: Any, toy_envs: Any, tmp_path: Path, config: Any, metrics: Any
) -> None:
    # TRL's advantage of a row is (return - mean) / (std + 1e-4): ours, on every token, is the same number.
    class TRLs(ToolTrainer):
        def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
            return {}

    ours, trls = config(tmp_path / "ours"), config(tmp_path / "trls")
    run(trainer_of(ours, fresh(), tokenizer, toy_envs(8)), ours)
    run(trainer_of(trls, fresh(), tokenizer, toy_envs(8), kind=TRLs), trls)
    for left, right in zip(metrics(ours.output), metrics(trls.output), strict=True):
        for name in ("loss", "grad_norm", "reward", "solved"):
            assert left[name] == pytest.approx(right[name], abs=1e-5), name


def test_rows_are_sorted_by_length_with_idle_ones_last() -> None:
    # Lengths 5, 3, 4, 2; the second has nothing to say. Two micro-batches of two rows.
    def batch(rows: list[tuple[int, int, float]]) -> dict[str, Any]:
        return {
            "completion_ids": torch.tensor([[name] * 5 for name, _, _ in rows]),
            "prompt_mask": torch.ones(len(rows), 0, dtype=torch.long),
            "completion_mask": torch.tensor([[1] * length + [0] * (5 - length) for _, length, _ in rows]),
            "advantages": torch.tensor([[value] * 5 for _, _, value in rows]),
            "num_items_in_batch": torch.tensor(7),
        }

    made = by_length([batch([(10, 5, 1.0), (11, 3, 0.0)]), batch([(12, 4, 1.0), (13, 2, -1.0)])])
    assert [one["completion_ids"][:, 0].tolist() for one in made] == [[13, 12], [10, 11]]
    assert [one["advantages"][:, 0].tolist() for one in made] == [[-1.0, 1.0], [1.0, 0.0]]
    assert all(one["num_items_in_batch"] == 7 for one in made)


def test_environment_tokens_and_broken_episodes_carry_no_loss(
    tokenizer: Any, tiny_model: Any, toy_envs: Any, tmp_path: Path, config: Any, metrics: Any, caplog: Any
) -> None:
    class Keeper(ToolTrainer):
        def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
            kept.append({name: value for name, value in inputs.items() if torch.is_tensor(value)})
            return super()._compute_loss(model, inputs)

    kept: list[dict[str, torch.Tensor]] = []
    envs = [*toy_envs(4), *toy_envs(4, fails_at=2)]
    some = config(tmp_path, steps=1, micro_batch=8)
    trainer = trainer_of(some, tiny_model, tokenizer, envs, kind=Keeper, estimator=lambda batch: batch.sampled_BT * 1.0)
    with warnings.catch_warnings():
        quiet()
        trainer.train()
    (inputs,) = kept
    broken = [not rollout.usable for rollout in trainer.latest]
    assert sum(broken) == 4
    # TRL shuffles rows: count instead of comparing in order.
    masked = inputs["tool_mask"] * inputs["completion_mask"]
    assert sorted(masked.sum(1).tolist()) == sorted(
        sum(rollout.env_mask) if rollout.usable else 0 for rollout in trainer.latest
    )
    assert ((inputs["advantages"] != 0) == (masked != 0)).all()
    (line,) = metrics(tmp_path)
    assert line["infra_errors"] == 0.5
    assert "reward function" not in caplog.text  # what TRL would say to the author of a reward


def test_what_is_not_finite_stops_the_run(
    fresh: Any, tokenizer: Any, toy_envs: Any, tmp_path: Path, config: Any
) -> None:
    def infinite(batch: EpisodeBatch) -> torch.Tensor:
        return batch.sampled_BT / 0.0

    with pytest.raises(DivergenceError, match="advantages"):
        run(trainer_of(config(tmp_path), fresh(), tokenizer, toy_envs(8), estimator=infinite), config(tmp_path))

    class Broken(ToolTrainer):
        def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
            return super()._compute_loss(model, inputs) * float("nan")

    with pytest.raises(DivergenceError, match="the loss is nan at step 0"):
        run(trainer_of(config(tmp_path), fresh(), tokenizer, toy_envs(8), kind=Broken), config(tmp_path))


def test_options_that_would_be_ignored_raise(
    tmp_path: Path, tokenizer: Any, tiny_model: Any, toy_envs: Any, config: Any
) -> None:
    for changes in ({"top_p": 0.9}, {"scale_rewards": "batch"}, {"generation_kwargs": {"num_beams": 2}}):
        args: Any = GRPOConfig(
            output_dir=str(tmp_path),
            use_cpu=True,
            bf16=False,
            activation_checkpointing=False,
            report_to="none",
            **changes,
        )
        with pytest.raises(ConfigError, match=f"{next(iter(changes))}=.*no effect"):
            check_args(args)
    with pytest.raises(ConfigError, match=r"sampling\.temperature=1\.0"):
        trainer_of(config(tmp_path, temperature=0.7), tiny_model, tokenizer, toy_envs(8))
    for changes in (
        {"learning_rate": -1.0},
        {"temperature": 0.0},
        {"lora_rank": -1},
        {"epsilon": -0.1},
        {"threads": 0},
        {"seed": -1},
        {"seed": 2**32},
    ):
        (name,) = changes
        with pytest.raises(ConfigError, match=f"{name} must be"):
            config(tmp_path, **changes)
    with pytest.raises(ConfigError, match="nothing to resume"):
        run(
            trainer_of(config(tmp_path), tiny_model, tokenizer, toy_envs(8)),
            config(tmp_path / "nowhere", resume=True),
        )


@pytest.mark.parametrize(
    ("groups", "rollouts", "minibatches", "micro_batch", "rows"),
    [(8, 8, 1, 16, 16), (1, 2, 1, 16, 2), (6, 4, 1, 5, 4), (2, 6, 2, 4, 3), (1, 7, 1, 6, 1)],
)
def test_a_forward_pass_takes_what_divides_the_batch(
    groups: int, rollouts: int, minibatches: int, micro_batch: int, rows: int
) -> None:
    config = GRPOOptions(
        groups=groups, rollouts=rollouts, minibatches=minibatches, micro_batch=micro_batch, steps=4, save_steps=4
    )
    assert config.rows == rows
    args = grpo_args(config)
    assert args.per_device_train_batch_size == rows
    assert args.gradient_accumulation_steps * rows * minibatches == groups * rollouts


def test_the_order_of_tasks_is_passes_over_all_of_them() -> None:
    order = task_order(5, 12, seed=3)
    assert len(order) == 12
    assert sorted(order[:5]) == sorted(order[5:10]) == [0, 1, 2, 3, 4]
    assert task_order(5, 12, seed=3) == order
    assert task_order(5, 12, seed=4) != order


def test_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    output = tmp_path / "run"
    assert main([*airline_arguments, "--steps", "2", "--output", str(output), "--report-to", "tensorboard"]) == 0
    assert [line["step"] for line in metrics(output)] == [1, 2]
    assert json.loads((output / "config.json").read_text())["steps"] == 2
    assert (output / "final" / "tokenizer.json").is_file()
    assert list(output.rglob("events.out.tfevents*"))


def test_a_lora_adapter_trains_and_the_base_stays(
    tokenizer: Any, tiny_model: Any, toy_envs: Any, tmp_path: Path, config: Any
) -> None:
    from toolgym.agents.training.running import lora

    some = config(tmp_path, steps=2, save_steps=10)
    before = {name: value.clone() for name, value in tiny_model.state_dict().items()}
    trainer = ToolTrainer(
        tiny_model,
        tokenizer,
        grpo_args(some),
        envs=toy_envs(8),
        tasks=Tasks(range(20)),  # type: ignore[arg-type]
        order=task_order(20, 4, 0),
        estimator=lambda batch: batch.sampled_BT * 1.0,
        sampling=SamplingOptions(max_new_tokens=8, context_tokens=256),
        peft_config=lora(4),
    )
    with warnings.catch_warnings():
        quiet()
        trainer.train()
    after = trainer.accelerator.unwrap_model(trainer.model).state_dict()
    base = {name.replace("base_model.model.", "").replace(".base_layer", ""): value for name, value in after.items()}
    assert all(torch.equal(base[name], value) for name, value in before.items() if name in base)
    assert any("lora_B" in name and value.abs().sum() > 0 for name, value in after.items())


def test_scores_of_moved_rows_are_trls(
    tokenizer: Any, tiny_model: Any, toy_envs: Any, tmp_path: Path, config: Any
) -> None:
    # Prompts padded on the left, completions on the right, a row that is full and one with a single token.
    trainer = trainer_of(config(tmp_path), tiny_model, tokenizer, toy_envs(8))
    torch.manual_seed(0)
    ids = torch.randint(10, 500, (4, 12))
    mask = torch.ones(4, 12, dtype=torch.long)
    mask[0, :3] = mask[1, :4] = 0
    mask[1, 9:] = mask[2, 6:] = 0
    with torch.no_grad():
        ours = trainer._get_per_token_logps_and_entropies(tiny_model, ids, mask, 7, compute_entropy=True, batch_size=3)
        theirs = super(ToolTrainer, trainer)._get_per_token_logps_and_entropies(
            tiny_model, ids, mask, 7, compute_entropy=True
        )
    real = mask[:, -7:] > 0
    for one, other in zip(ours[:2], theirs[:2], strict=True):
        assert one is not None
        assert other is not None
        assert one.shape == (4, 7)
        assert torch.allclose(one[real], other[real], atol=1e-5)
        assert (one[~real] == 0).all()


def test_the_latest_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    for step, state in ((9, "{}"), (20, '{"global_step": 20}'), (100, '{"global'), (120, None)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-best").mkdir()
    # A kill while 120 was written came before its state, one while 100 was in the middle of it.
    assert latest_checkpoint(tmp_path) == str(tmp_path / "checkpoint-20")


def full_entropy(model: Any, rollouts: Any) -> float:
    """The mean entropy of all sampled tokens, by a forward pass over each episode."""
    total, count = 0.0, 0
    for rollout in rollouts:
        ids = torch.tensor([rollout.prompt_ids + rollout.completion_ids])
        with torch.no_grad():
            logps = torch.log_softmax(model(ids).logits[0].double(), -1)
        for at, mine in enumerate(rollout.env_mask):
            if mine:
                row = logps[len(rollout.prompt_ids) + at - 1]
                total, count = total - float((row.exp() * row).sum()), count + 1
    return total / count


@pytest.mark.parametrize("flat", [False, True])
def test_entropy_is_over_all_sampled_tokens(
    flat: bool, fresh: Any, tokenizer: Any, config: Any, tmp_path: Path, metrics: Any
) -> None:
    # Only the first episode has an advantage, or none has: the figure is the same, that of the sampling policy.
    def estimator(batch: EpisodeBatch) -> torch.Tensor:
        first = torch.zeros(len(batch.returns_B), 1)
        first[0] = 0.0 if flat else 1.0
        return first * batch.sampled_BT

    some = config(tmp_path / "run", steps=1, save_steps=1)
    before, trainer = fresh().eval(), prepare(some, estimator, model=fresh(), tokenizer=tokenizer)
    run(trainer, some)
    (line,) = metrics(some.output)
    assert line["entropy"] == pytest.approx(full_entropy(before, trainer.latest), abs=1e-4)
