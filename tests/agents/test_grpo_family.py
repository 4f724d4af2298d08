"""The GRPO family: each paper's switch by numbers worked by hand, and what the presets put together."""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from toolgym.agents.builtin.policy import save_checkpoint
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
    step_advantages,
)
from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.policies.models import quiet
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import registry
from toolgym.agents.training.callbacks import MetricsFile
from toolgym.agents.training.options import parse_options
from toolgym.agents.training.running import grpo_args, run, task_order
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.agents.tree import fork_advantages
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


def test_an_episode_that_did_not_fit_loses_all_of_the_penalty() -> None:
    # 4 + 3 tokens are kept, but what the environment said next did not fit into the context of 10.
    batch = batch_of([[1.0, 1.0], [1.0, 0.0]], [[0, -1, 1, -1], [0, -1, -1, -1]], 2, [4, 4])
    full = replace(batch, overflowed_B=torch.tensor([True, False]))
    assert shorten(full, 10, 4).rewards_BS.tolist() == [[1.0, 0.0], [1.0, 0.0]]
    ended = Rollout([1] * 4, [5], [1], [0.0], ["resp"], [(0, 1)], [1.0], outcome="truncated", truncation="tokens")
    other = Rollout([1] * 4, [5], [1], [0.0], ["resp"], [(0, 1)], [1.0], outcome="truncated", truncation="turns")
    overflowed = EpisodeBatch.of([ended, other], 2).overflowed_B
    assert overflowed is not None
    assert overflowed.tolist() == [True, False]


@pytest.mark.parametrize(("reward", "size"), [(1.3, 8), (2.6, 7), (17.3, 6), (4.7, 8)])
def test_equal_rewards_give_exactly_0(reward: float, size: int) -> None:
    # The mean of eight times 1.3 is not 1.3 in floating point, and the deviation is 0.
    batch = batch_of([[reward]] * size, [[0, 0]] * size, size, [0] * size)
    for scale in (True, False):
        assert not grpo_advantages(batch, scale=scale).any()
        assert not step_advantages(batch, scale=scale).any()
    forks = fork_advantages(batch, torch.tensor([-1, 0] + [-1] * (size - 2)), torch.zeros(size, dtype=torch.long))
    assert not forks.any()


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
    with pytest.raises(ConfigError, match="overlong_cache between 0 and 1"):
        GRPOOptions(overlong=True, overlong_cache=1.0)
    with pytest.raises(ConfigError, match="save_steps must be multiples of iterations"):
        GRPOOptions(minibatches=4, steps=48, save_steps=50)
    with pytest.raises(ConfigError, match="got 50 and 48"):
        GRPOOptions(minibatches=4, steps=50, save_steps=48)
    # What a preset sets beside a switch goes with it, and what somebody gave does not.
    taken_out = parse_options(GRPOOptions, ["--no-overlong"], prog="x", description="x", defaults=preset("tapo"))
    assert (taken_out.overlong_cache, taken_out.attempts, taken_out.dynamic_sampling) == (0.2, 10, True)
    words = ["--no-dynamic-sampling", "--attempts", "3"]
    with pytest.raises(ConfigError, match="attempts=3 would have no effect without dynamic_sampling"):
        parse_options(GRPOOptions, words, prog="x", description="x", defaults=preset("tapo"))
    with pytest.raises(ConfigError, match="attempts=2 would have no effect without dynamic_sampling; leave it at 4"):
        GRPOOptions(attempts=2)
    with pytest.raises(ConfigError, match=r"overlong_cache=0\.3 would have no effect without overlong"):
        GRPOOptions(overlong_cache=0.3)
    with pytest.raises(ConfigError, match="gradient all the same"):
        GRPOOptions(level="step", dynamic_sampling=True)
    for changes, said in (
        ({"level": "steps"}, "level: .*Did you mean 'step'"),
        ({"baseline": "leave_out", "scale": False}, "baseline: .*Did you mean 'leave_one_out'"),
        ({"loss": "cispo"}, "loss: "),
    ):
        with pytest.raises(ConfigError, match=said):
            GRPOOptions(**changes)
    with pytest.raises(ConfigError, match="multiple of minibatches"):
        GRPOOptions(minibatches=3)


def trainer_of(
    config: GRPOOptions, model: Any, tokenizer: Any, envs: Any, kind: type[ToolTrainer] = ToolTrainer
) -> ToolTrainer:
    tasks: Any = list(range(20))
    return kind(
        model,
        tokenizer,
        grpo_args(config),
        envs=envs,
        tasks=tasks,
        order=task_order(20, config.steps * config.groups, config.seed),
        estimator=make_estimator(config),
        sampling=SamplingOptions(max_new_tokens=config.max_new_tokens, context_tokens=config.context_tokens),
        callbacks=[MetricsFile(config.output / "metrics.jsonl")],
    )


def papers_loss(name: str, inputs: dict[str, Any], logps_BT: torch.Tensor, config: GRPOOptions) -> torch.Tensor:
    """Each paper's objective, negated, written down row by row."""
    mask_BT = inputs["completion_mask"] * inputs["tool_mask"]
    old_BT = inputs.get("old_per_token_logps")
    old_BT = logps_BT.detach() if old_BT is None else old_BT
    low, high = 1 - config.epsilon, 1 + (config.epsilon_high or config.epsilon)
    rows = []
    for row in range(len(mask_BT)):
        kept = mask_BT[row].bool()
        difference, advantage = (logps_BT - old_BT)[row][kept], inputs["advantages"][row][kept]
        ratio = difference.mean().exp().expand_as(difference) if name == "gspo" else difference.exp()
        rows.append(torch.minimum(ratio * advantage, ratio.clamp(low, high) * advantage))
    if name in ("dr_grpo", "rloo"):
        return -torch.stack([row.sum() / config.context_tokens for row in rows]).mean()
    if name == "dapo":
        # The batch's tokens; a minibatch is taken to hold its share of them.
        return -torch.cat(rows).sum() / (inputs["num_items_in_batch"] / config.minibatches)
    return -torch.stack([row.mean() if len(row) else row.sum() for row in rows]).mean()


class Compared(ToolTrainer):
    """Compares each loss and its gradient with the paper's objective."""

    name: str
    options: GRPOOptions
    seen: list[tuple[float, float, float]]

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        loss = super()._compute_loss(model, inputs)
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
        attention = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        logits = model(input_ids=ids, attention_mask=attention).logits[:, inputs["prompt_ids"].shape[1] - 1 : -1]
        logps_BT = torch.log_softmax(logits, -1).gather(2, inputs["completion_ids"][..., None])[..., 0]
        expected = papers_loss(self.name, inputs, logps_BT, self.options)
        parameters = [p for p in model.parameters() if p.requires_grad]
        ours = torch.autograd.grad(loss, parameters, retain_graph=True)
        theirs = torch.autograd.grad(expected, parameters, retain_graph=True)
        apart = max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))
        size = max(float(b.abs().max()) for b in theirs)
        self.seen.append((float((loss - expected).detach()), apart, size))
        return loss


@pytest.mark.parametrize("name", ["grpo", "dr_grpo", "dapo", "gspo", "rloo"])
def test_the_loss_is_the_papers(name: str, tiny_model: Any, tokenizer: Any, toy_envs: Any, tmp_path: Path) -> None:
    # One pass a batch and an optimizer step; the second has moved away from the policy that sampled, so that ratios
    # differ from 1 and clip.
    changes = {"minibatches": 2, "micro_batch": 8, "groups": 4, "rollouts": 4, "steps": 2, "save_steps": 2, **TINY}
    config = GRPOOptions(**{**preset(name), **changes, "output": tmp_path, "learning_rate": 0.02})
    trainer: Any = trainer_of(config, tiny_model, tokenizer, toy_envs(16), Compared)
    trainer.name, trainer.options, trainer.seen = name, config, []
    with warnings.catch_warnings():
        quiet()
        trainer.train()
    assert len(trainer.seen) == 2
    for value, apart, size in trainer.seen:
        assert abs(value) < 1e-6
        assert apart < 1e-5 + 1e-4 * size
    assert max(size for _, _, size in trainer.seen) > 1e-4


def test_one_step_makes_what_was_better_more_likely(
    tiny_model: Any, tokenizer: Any, toy_envs: Any, tmp_path: Path
) -> None:
    config = GRPOOptions(**{**preset("rloo"), **TINY, "output": tmp_path, "steps": 1, "groups": 1, "micro_batch": 8})
    trainer = trainer_of(config, tiny_model, tokenizer, toy_envs(8, limit=1))

    def favour(batch: EpisodeBatch) -> torch.Tensor:
        signs = torch.tensor([1.0, -1.0] * 4)
        return signs[:, None] * batch.sampled_BT

    trainer.estimator = favour
    with warnings.catch_warnings():
        quiet()
        trainer.train()
    moved = [0.0, 0.0]
    for row, rollout in enumerate(trainer.latest):
        ids = torch.tensor([rollout.prompt_ids + rollout.completion_ids])
        with torch.no_grad():
            logps = torch.log_softmax(tiny_model(input_ids=ids).logits[0, len(rollout.prompt_ids) - 1 : -1], -1)
        now = logps.gather(1, torch.tensor(rollout.completion_ids)[:, None])[:, 0]
        moved[row % 2] += float(now.sum()) - sum(rollout.logprobs)
    assert moved[0] > 0.01
    assert moved[1] < -0.01


class Counter:
    """Rewards by task and by how often the task was opened: which groups are flat is known beforehand."""

    def __init__(self, flat_tasks: int):
        self.flat_tasks, self.trajectory = flat_tasks, None
        self.opened: list[int] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.task = int((options or {})["task"])
        self.opened.append(self.task)
        return "go", {"messages": [{"role": "user", "content": "go"}], "tools": []}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        reward = 0.5 if self.task < self.flat_tasks else len(action) + action.count("a") / 100 + hash_of(action)
        return "", reward, True, False, {"outcome": "unsolved", "rewards": {}}


def hash_of(text: str) -> float:
    """A number that tells texts apart, the same in every process."""
    return sum((at + 1) * ord(char) for at, char in enumerate(text)) / 1e4


def test_dynamic_sampling_replaces_groups_without_a_gradient(tiny_model: Any, tokenizer: Any, tmp_path: Path) -> None:
    # Tasks below 10 of 20 always pay the same. Four groups a step, sixteen attempts: nearly none may stay flat.
    envs: Any = [Counter(10) for _ in range(8)]
    options = {**TINY, "groups": 4, "rollouts": 2, "micro_batch": 8, "steps": 3, "save_steps": 10}
    config = GRPOOptions(**options, output=tmp_path, dynamic_sampling=True, attempts=16)
    trainer: Any = trainer_of(config, tiny_model, tokenizer, envs, DynamicTrainer)
    trainer.attempts = config.attempts
    with warnings.catch_warnings():
        quiet()
        trainer.train()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert sum(line["dynamic/flat_groups"] for line in lines) > 0
    assert all(line["dynamic/flat_groups_left"] == 0 for line in lines)
    # Every episode is one step: what was thrown away counts as played.
    assert sum(line["env_steps"] for line in lines) == sum(len(env.opened) for env in envs) > 24
    rollouts = trainer.latest
    assert all(differ(rollouts[at : at + 2]) for at in range(0, 8, 2))


def test_a_broken_episode_makes_no_difference_in_a_group() -> None:
    def episode(reward: float, outcome: Any = "unsolved") -> Rollout:
        return Rollout([1], rewards=[reward], outcome=outcome)

    assert differ([episode(1.0), episode(0.5)])
    assert not differ([episode(0.5), episode(0.5), episode(1.0, "infra_error")])
    assert not differ([episode(0.5), episode(1.0, "infra_error")])


def test_minibatches_resume_at_a_batchs_end(tiny_model: Any, tokenizer: Any, toy_envs: Any, tmp_path: Path) -> None:
    state = {name: value.clone() for name, value in tiny_model.state_dict().items()}

    def fresh() -> Any:
        model = type(tiny_model)(tiny_model.config)
        model.load_state_dict(state)
        return model

    options = {**TINY, "groups": 2, "rollouts": 4, "micro_batch": 4, "minibatches": 2, "steps": 6, "save_steps": 2}
    whole = GRPOOptions(**options, output=tmp_path / "whole")
    run(trainer_of(whole, fresh(), tokenizer, toy_envs(8)), whole)
    half = replace(whole, output=tmp_path / "half")
    run(trainer_of(replace(half, steps=4), fresh(), tokenizer, toy_envs(8)), half)
    run(trainer_of(half, fresh(), tokenizer, toy_envs(8)), replace(half, resume=True))
    one, other = (
        [json.loads(line) for line in (config.output / "metrics.jsonl").read_text().splitlines()]
        for config in (whole, half)
    )
    assert [line["step"] for line in other] == [1, 2, 3, 4, 5, 6]
    for left, right in zip(one, other, strict=True):
        assert left.keys() == right.keys()
        for name in {"loss", "grad_norm", "reward"} & left.keys():
            assert left[name] == pytest.approx(right[name], abs=1e-6), name


def test_dapo_from_the_command_line(tokenizer: Any, tiny_model: Any, tmp_path: Path) -> None:
    save_checkpoint(tiny_model, tokenizer, tmp_path / "model")
    output = tmp_path / "run"
    options = ["--model", str(tmp_path / "model"), "--size", "small", "--prompt", "short", "--threads", "1"]
    shape = ["--groups", "2", "--rollouts", "2", "--micro-batch", "4", "--max-new-tokens", "6", "--no-progress"]
    assert main([*options, *shape, "--steps", "2", "--attempts", "2", "--output", str(output)], "dapo") == 0
    written = json.loads((output / "config.json").read_text())
    assert (written["epsilon_high"], written["loss"], written["dynamic_sampling"]) == (0.28, "dapo", True)
    assert (output / "final" / "model.safetensors").is_file()


def test_the_kind_of_trainer_follows_the_options(tokenizer: Any, tiny_model: Any, tmp_path: Path) -> None:
    usual = GRPOOptions(**TINY, output=tmp_path, size="small", prompt="short", groups=1, rollouts=2, micro_batch=2)
    made = make_trainer(usual, model=tiny_model, tokenizer=tokenizer)
    assert type(made) is ToolTrainer
    dynamic = make_trainer(replace(usual, dynamic_sampling=True, attempts=7), model=tiny_model, tokenizer=tokenizer)
    assert isinstance(dynamic, DynamicTrainer)
    assert dynamic.attempts == 7
