"""SPEAR: schedules, recalibration and the covariance cut by hand; replay moves what it replays, and survives a stop."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TrainerCallback

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.spear import (
    Kept,
    ReplayBuffer,
    SPEAROptions,
    SpearTrainer,
    covariance_keeps,
    falling,
    rising,
    shaped,
)
from toolgym.agents.training import registry
from toolgym.agents.training.callbacks import MetricsFile
from toolgym.agents.training.running import grpo_args, run, task_order
from toolgym.errors import ConfigError


def episode(value: float, token: int = 5, **changes: Any) -> Rollout:
    """One step of one token."""
    options: dict[str, Any] = {
        "completion_ids": [token],
        "env_mask": [1],
        "logprobs": [-1.0],
        "types": ["resp"],
        "spans": [(0, 1)],
        "rewards": [value],
        "outcome": "unsolved",
    }
    return Rollout([1], **options | changes)


def test_the_curriculum_by_hand() -> None:
    # Over 4 batches: (1 - cos(pi t / 4)) / 2 is 0, 0.14645, 1/2, 0.85355 and 1; the other is what is left of 1.
    assert [rising(t, 4) for t in range(6)] == pytest.approx([0, 0.14645, 0.5, 0.85355, 1, 1], abs=1e-5)
    assert [falling(t, 4) for t in range(6)] == pytest.approx([1, 0.85355, 0.5, 0.14645, 0, 0], abs=1e-5)


def test_calls_are_paid_once_an_episode_up_to_one() -> None:
    batch = EpisodeBatch.of([episode(0.5), episode(0.5), episode(0.5)], 3)
    # 0.8 * min(1, 0.1 calls) for 0, 3 and 15 calls: 0, 0.24 and 0.8.
    out = shaped(batch, torch.tensor([0.0, 3.0, 15.0]), 0.8)
    assert out.returns_B.tolist() == pytest.approx([0.5, 0.74, 1.3])
    assert shaped(batch, torch.tensor([0.0, 3.0, 15.0]), 0.0).returns_B.tolist() == [0.5] * 3


def test_what_is_kept_and_what_is_still_good_by_hand() -> None:
    buffer = ReplayBuffer(size=3, baselines=3)
    assert buffer.baseline == 0.0
    broken = episode(9, 6, outcome="infra_error")
    unscored = episode(math.nan, 7)
    buffer.add([episode(1.0), episode(0.2, 8), broken, unscored], [0.7, -0.7, 1.0, 1.0], 0)
    assert [kept.value for kept in buffer.episodes] == [1.0]
    buffer.means.extend([0.1, 0.9, 0.4])
    # The median is 0.4: 1.0 - 0.4 = 0.6 is what it is worth now.
    assert [(kept.value, worth) for kept, worth in buffer.still_good()] == [(1.0, pytest.approx(0.6))]
    # Three groups later a mean of 1 is common: nothing above the baseline, so nothing is replayed.
    buffer.means.extend([1.0, 1.0, 1.0])
    assert buffer.still_good() == []
    assert buffer.draw(4, np.random.default_rng(0)) == []
    # The same tokens again are kept once, as played in batch 2; the oldest of four make way.
    buffer.add([episode(2.0, 10), episode(1.0), episode(3.0, 11), episode(4.0, 12)], [1.0] * 4, 2)
    assert [(kept.value, kept.batch) for kept in buffer.episodes] == [(1.0, 2), (3.0, 2), (4.0, 2)]
    drawn = buffer.draw(2, np.random.default_rng(0))
    assert len({kept.value for kept, _ in drawn}) == 2
    assert all(worth == kept.value - 1.0 for kept, worth in drawn)


def test_what_is_better_by_rounding_alone_is_not_replayed() -> None:
    buffer = ReplayBuffer(size=3, baselines=3)
    buffer.add([episode(0.1 + 0.2)], [0.7], 0)  # 0.30000000000000004
    buffer.means.append(0.3)
    assert buffer.still_good() == []


def test_the_covariance_cut_by_hand() -> None:
    # Means: log p -1, A 1. Covariances (log p + 1)(A - 1): 1 * 1, 1 * -1, -1 * 1, -1 * -1, 0: 1, -1, -1, 1, 0.
    logps = torch.tensor([0.0, 0.0, -2.0, -2.0, -1.0])
    advantages = torch.tensor([2.0, 0.0, 2.0, 0.0, 1.0])
    # Of the highest two fifths (the first and the fourth token) one fifth of the five tokens is cut: one of them.
    cut = [
        (~covariance_keeps(logps, advantages, 0.4, 0.2, np.random.default_rng(seed))).nonzero().flatten().tolist()
        for seed in range(20)
    ]
    assert {tuple(one) for one in cut} == {(0,), (3,)}
    # All five may be cut, and two are to be: never one whose covariance is 0 or less.
    assert (~covariance_keeps(logps, advantages, 1.0, 1.0, np.random.default_rng(0))).nonzero().flatten().tolist() == [
        0,
        3,
    ]
    assert covariance_keeps(logps, torch.ones(5), 1.0, 1.0, np.random.default_rng(0)).all()


@given(
    st.lists(st.tuples(st.floats(-20, 0), st.floats(0, 5)), min_size=1, max_size=40),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.integers(0, 9),
)
def test_what_is_cut_has_covariance_and_is_no_more_than_was_asked_for(
    tokens: list[tuple[float, float]], top: float, share: float, seed: int
) -> None:
    logps, advantages = (torch.tensor(column, dtype=torch.float64) for column in zip(*tokens, strict=True))
    keeps = covariance_keeps(logps, advantages, top, share, np.random.default_rng(seed))
    covariance = (logps - logps.mean()) * (advantages - advantages.mean())
    assert (covariance[~keeps] > 0).all()
    assert int((~keeps).sum()) <= min(math.ceil(top * len(tokens)), round(share * len(tokens)))


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    buffer = ReplayBuffer(4, 4)
    buffer.add([episode(1 / 3, logprobs=[-0.1 - 0.2])], [0.5], 7)
    buffer.means.append(0.1)
    buffer.save(tmp_path / "it.json")
    other = ReplayBuffer(4, 4)
    other.load(tmp_path / "it.json")
    assert (list(other.episodes), list(other.means)) == (list(buffer.episodes), [0.1])
    with pytest.raises(ConfigError, match="no checkpoint of a SPEAR run"):
        other.load(tmp_path / "none.json")
    for text in ("{}", '{"episodes": [{"value": 1}], "means": []}', '{"episodes": [], "means": ["x"]}', "[1"):
        (tmp_path / "it.json").write_text(text)
        with pytest.raises(ConfigError, match="is damaged"):
            other.load(tmp_path / "it.json")


def test_options_that_have_no_effect_or_no_meaning_raise() -> None:
    for changes, said in (
        ({"replay": 0, "imitation": 0.5}, "imitation=0.5 would have no effect with replay=0"),
        ({"tool_reward": 0.0, "tool_decay": 3}, "tool_decay=3 would have no effect with tool_reward=0"),
        ({"covariance_clip": 0.0, "covariance_top": 0.5}, "covariance_top=0.5 would have no effect"),
        ({"covariance_clip": 0.3}, "covariance_clip is drawn from covariance_top"),
        ({"replay": 65}, "at most a batch's groups"),
        ({"buffer": 0}, "buffer must be above 0"),
    ):
        with pytest.raises(ConfigError, match=said):
            SPEAROptions(**changes)  # pyright: ignore[reportArgumentType]
    assert SPEAROptions(groups=3).replay_count == 3


class Watched(SpearTrainer):
    """Keeps what the replayed episodes add to each loss."""

    added: list[float]

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        loss = super()._compute_loss(model, inputs)
        weight, self.imitation = self.imitation, 0.0
        self.added.append(float((loss - super()._compute_loss(model, inputs)).detach()))
        self.imitation = weight
        return loss


def trainer_of(some: SPEAROptions, model: Any, tokenizer: Any, envs: Any, callbacks: Any = ()) -> Watched:
    tasks: Any = list(range(20))
    trainer = Watched(
        model,
        tokenizer,
        grpo_args(some),
        envs=envs,
        tasks=tasks,
        order=task_order(20, some.steps * some.groups, some.seed),
        estimator=grpo_advantages,
        sampling=SamplingOptions(max_new_tokens=8, context_tokens=some.context_tokens),
        callbacks=[MetricsFile(some.output / "metrics.jsonl"), *callbacks],
        options=some,
    )
    trainer.added = []
    return trainer


def logp_of(model: Any, kept: Kept) -> float:
    """The log-probability of an episode's own tokens."""
    ids = torch.tensor([kept.prompt_ids + kept.completion_ids])
    with torch.no_grad():
        logps = torch.log_softmax(model.eval()(input_ids=ids).logits.float(), dim=-1)[0, :-1]
    own = logps.gather(1, ids[0, 1:, None])[len(kept.prompt_ids) - 1 :, 0]
    return float((own * torch.tensor(kept.env_mask)).sum())


@pytest.mark.parametrize("micro_batch", [8, 2])
def test_what_a_replayed_episode_adds_and_where_it_moves(
    micro_batch: int, fresh: Any, tokenizer: Any, toy_envs: Any, shape: dict[str, Any], tmp_path: Path
) -> None:
    ids = tokenizer("please book the flight")["input_ids"]
    prompt, said = ids[:2], ids[2:] * 3
    moved = {}
    for imitation in (1.0, 0.0):
        options: dict[str, Any] = shape | {"steps": 2, "micro_batch": micro_batch, "learning_rate": 3e-3}
        options |= {"imitation": imitation, "imitation_warmup": 1, "covariance_clip": 0.0, "covariance_top": 0.2}
        some = SPEAROptions(output=tmp_path / str(imitation), tool_reward=0.0, **options)
        model = fresh()
        # As the model has it, except that the last token was sampled at twice its probability.
        start = logp_of(model, kept := Kept(prompt, said, [1] * len(said), [0.0] * len(said), 5.0, 0))
        all_ids = torch.tensor([prompt + said])
        logps = torch.log_softmax(model(input_ids=all_ids).logits.float(), dim=-1)[0, :-1]
        old = logps.gather(1, all_ids[0, 1:, None])[len(prompt) - 1 :, 0].tolist()
        old[-1] += math.log(2)
        kept = Kept(prompt, said, [1] * len(said), old, 5.0, 0)
        trainer = trainer_of(some, model, tokenizer, toy_envs(8))
        trainer.replayed.episodes.append(kept)
        trainer.replayed.means.extend([1.0] * 99)
        run(trainer, some)
        moved[imitation] = logp_of(trainer.model, kept) - start
        steps = [trainer.added[: 8 // micro_batch], trainer.added[8 // micro_batch :]]
        assert sum(steps[0]) == 0.0  # the first batch: (1 - cos 0) / 2
        if imitation:
            # A' = 5 - 1 = 4 (the baseline's median stays 1), at a weight of 1 from the second batch on.
            assert sum(steps[1]) < -0.5
        else:
            assert sum(steps[1]) == 0.0
    assert moved[1.0] > moved[0.0] + 0.05


class Stop(TrainerCallback):
    """Ends a run after its first step."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_training_stop = True


@pytest.mark.parametrize("micro_batch", [8, 1])
def test_the_self_imitation_loss_by_hand(
    micro_batch: int, fresh: Any, tokenizer: Any, toy_envs: Any, shape: dict[str, Any], tmp_path: Path
) -> None:
    ids = tokenizer("please book the flight")["input_ids"]
    options: dict[str, Any] = shape | {"steps": 1, "save_steps": 1, "covariance_clip": 0.0, "tool_reward": 0.0}
    options["micro_batch"] = micro_batch
    some = SPEAROptions(output=tmp_path, replay=1, imitation_warmup=1, **options)
    model = fresh()
    prompt, said = ids[:1], ids[1:4]
    all_ids = torch.tensor([prompt + said])
    logps = torch.log_softmax(model(input_ids=all_ids).logits.float(), dim=-1)[0, :-1]
    now = logps.gather(1, all_ids[0, 1:, None])[:, 0].tolist()
    # Sampled at 1, 2 and 1/2 times the present probability, the middle token by the environment: ratios 1 and 2, of
    # which the latter is clipped to 1.2. A' = 5 - 1 = 4: -(4 * 1 + 4 * 1.2) / 2 = -4.4.
    kept = Kept(prompt, said, [1, 0, 1], [now[0], 0.0, now[2] - math.log(2)], 5.0, 0)
    trainer = trainer_of(some, model, tokenizer, toy_envs(8), [Stop()])
    trainer.replayed.episodes.append(kept)
    trainer.replayed.means.extend([1.0] * 99)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("toolgym.agents.spear.rising", lambda t, over: 1.0)
        run(trainer, some)
    assert sum(trainer.added) == pytest.approx(-4.4, abs=1e-4)


def test_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    assert registry.main("spear", [*airline_arguments, "--output", str(tmp_path / "run")]) == 0
    (line,) = metrics(tmp_path / "run")
    assert (line["spear/replayed"], line["spear/imitation"], line["spear/tool_reward"]) == (0.0, 0.0, 1.0)
