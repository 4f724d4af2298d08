"""Episodes played ahead by older weights: the figures are those of one process that kept the weights and took turns."""

import itertools
import os
import signal
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from toolgym.agents.dupo import DUPOOptions
from toolgym.agents.grpo import GRPOOptions, grpo_advantages
from toolgym.agents.policies.decoding import Decoder, SamplingOptions
from toolgym.agents.policies.lm import LMPolicy
from toolgym.agents.policies.models import quiet
from toolgym.agents.training.overlap import Overlap
from toolgym.agents.training.player import SharedWeights
from toolgym.agents.training.running import lora, prepare, run
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.errors import ConfigError, PlayerError
from toolgym.trajectory import read_trajectories


@pytest.fixture
def config(start: str, shape: dict[str, Any], tmp_path: Path) -> Callable[..., GRPOOptions]:
    """Makes options of a run of the tiny model on the airline, whose rewards differ by its messages' lengths."""
    reward = tmp_path / "lengths.py"
    reward.write_text("def lengths(trajectory, task):\n    return float(len(repr(trajectory.steps[-1].turn)) % 7)\n")
    where = {"model": start, "size": "small", "prompt": "short", "reward": f"{reward}:lengths", **shape}
    return lambda name, **changes: GRPOOptions(output=tmp_path / name, **where | changes)


class TakingTurns(ToolTrainer):
    """What `stale` is to give, without a second process: it keeps the weights of before, and plays by them."""

    behind: int
    kept: dict[int, dict[str, torch.Tensor]]

    def _begin_batch(self, rows: int) -> Any:
        now = super()._begin_batch(rows)
        model, args = self.accelerator.unwrap_model(self.model), self.args
        updates = self.num_iterations * args.steps_per_generation // args.gradient_accumulation_steps
        number = self.state.global_step // updates
        self.kept[number] = {name: value.clone() for name, value in model.state_dict().items()}
        with torch.random.fork_rng():  # its first weights are drawn; TRL draws the order of rows
            older = type(model)(model.config).eval()
        older.load_state_dict(self.kept[max(0, number - self.behind)])
        assert isinstance(self._policy, LMPolicy)
        assert isinstance(self._policy.decoder, Decoder)
        self._policy.use(older)
        self._policy.decoder.as_drawn, self._policy.exact = True, False
        return now


def taking_turns(config: GRPOOptions, behind: int) -> None:
    """Runs so."""
    trainer = prepare(config, grpo_advantages, trainer=TakingTurns)
    assert isinstance(trainer, TakingTurns)
    trainer.behind, trainer.kept = behind, {}
    trainer._told_far = True  # it is not said of weights that are known to be others
    run(trainer, config)


def without_age(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: line[name] for name in line if not name.startswith("stale/")} for line in lines]


class KillThePlayer(TrainerCallback):
    """Kills the process that plays, as the system would where memory is short."""

    trainer: ToolTrainer

    def __init__(self, step: int):
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            assert self.trainer.overlap is not None
            os.kill(self.trainer.overlap._process.pid, signal.SIGKILL)


def test_playing_ahead_is_playing_by_the_older_weights(config: Any, metrics: Any) -> None:
    late, alone = config("late", stale=1, temperature=0.8, record=True), config("alone", temperature=0.8)
    trainer = prepare(late, grpo_advantages)
    run(trainer, late)
    taking_turns(alone, 1)
    lines = metrics(late.output)
    assert without_age(lines) == metrics(alone.output)  # to the last digit
    assert [line["stale/updates_mean"] for line in lines] == [0, 1, 1, 1]
    assert [line["stale/updates_max"] for line in lines] == [0, 1, 1, 1]
    assert any(line["sampler/importance_weight"] != 1 for line in lines[1:])
    assert any(line["grad_norm"] > 0 for line in lines[1:])
    assert [rollout.update for rollout in trainer.latest] == [2] * 8
    told = [episode.meta for episode in read_trajectories(late.output / "episodes.jsonl")]
    assert [(meta["step"], meta["update"]) for meta in told] == [
        (step, max(0, step - 2)) for step in (1, 2, 3, 4) for _ in range(8)
    ]
    assert trainer.overlap is not None
    assert trainer.overlap._process is None  # it has ended


@pytest.mark.slow
def test_a_player_that_is_killed_ends_the_run_which_goes_on_as_if_it_had_not(config: Any, metrics: Any) -> None:
    """Two updates a batch and two batches behind: the checkpoint of batch 2 keeps the weights of batches 0 and 1."""
    shape = {"steps": 12, "minibatches": 2, "save_steps": 4}
    some, alone = config("run", stale=2, **shape), config("alone", **shape)
    kill = KillThePlayer(4)
    kill.trainer = prepare(some, grpo_advantages, callbacks=[kill])
    with pytest.raises(PlayerError, match=r"stale=2\) has ended by SIGKILL.*--resume"):
        run(kill.trainer, some)
    assert 4 <= len(metrics(some.output)) < 12
    again = replace(some, resume=True)
    run(prepare(again, grpo_advantages), again)
    taking_turns(alone, 2)
    lines = metrics(some.output)
    assert without_age(lines) == metrics(alone.output)
    for name in ("stale/updates_max", "stale/updates_mean"):  # said where a batch is begun
        assert [line.get(name) for line in lines] == [0, None, 2, *[None, 4] * 4, None]


def test_without_staleness_nobody_else_plays(config: Any, metrics: Any) -> None:
    now = config("now", stale=0)
    trainer = prepare(now, grpo_advantages)
    run(trainer, now)
    assert trainer.overlap is None
    assert not any(name.startswith(("stale/", "sampler/")) for line in metrics(now.output) for name in line)
    assert [rollout.update for rollout in trainer.latest] == [3] * 8


def test_weights_of_each_version_are_whole(fresh: Any) -> None:
    """An adapter's versions hold what it trains; what is frozen, and tied, is there once."""
    from peft import get_peft_model

    for adapter in (False, True):
        with warnings.catch_warnings():
            quiet()
            made, copy = (get_peft_model(fresh(), lora(2)) if adapter else fresh() for _ in range(2))
        shared, seen = SharedWeights(made, 3), []
        for version in range(5):
            with torch.no_grad():
                for value in made.parameters():
                    value.add_(0.25 * value.requires_grad)
            seen.append({name: value.clone() for name, value in made.state_dict().items()})
            shared.publish(version, made)
        with torch.no_grad():
            for value in copy.parameters():
                value.zero_()
        shared.give(copy, None)
        for version in (2, 3, 4, 2):
            shared.give(copy, version)
            state = copy.state_dict()
            assert all(torch.equal(state[name], value) for name, value in seen[version].items())
            assert copy.get_input_embeddings().weight.data_ptr() == copy.get_output_embeddings().weight.data_ptr()
        assert len(shared.version(4)) == sum(value.requires_grad for value in made.parameters())


def test_memory_that_is_too_small_is_told_before_it_kills(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small = os.statvfs_result((4096, 4096, 16, 16, 16, 0, 0, 0, 0, 255))  # sixteen blocks of 4 KiB
    monkeypatch.setattr(os, "statvfs", lambda path: small)
    with pytest.raises(ConfigError, match=r"stale needs 1 MB of shared memory .* /dev/shm has 0 MB.*--shm-size"):
        SharedWeights(fresh(), 2)


@pytest.mark.parametrize("behind", [1, 2, 5])
@pytest.mark.parametrize("batches", [1, 3, 8])
def test_no_version_is_overwritten_while_a_batch_is_played_by_it(behind: int, batches: int) -> None:
    """Batch k is asked for when version k is there; its own is k - N; of N + 1 places none is needed twice."""
    places = behind + 1
    for learnt in range(batches):  # version `learnt` is written while the batches from `learnt` on are under way
        needed = {max(0, number - behind) for number in range(learnt, min(learnt + behind + 1, batches))}
        for one, other in itertools.combinations(needed | {learnt}, 2):
            assert one % places != other % places


def test_what_cannot_be_is_told(config: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stale must be at least 0, got -1"):
        config("run", stale=-1)
    for given in ({"candidates": "token"}, {"data": tmp_path}):
        with pytest.raises(ConfigError, match=r"stale=1 would have no effect .*nothing is sampled"):
            DUPOOptions(stale=1, **given)  # type: ignore[arg-type]
    some = config("run", stale=1, save_steps=4)
    trainer = prepare(some, grpo_advantages)
    assert isinstance(trainer.overlap, Overlap)
    with pytest.raises(ConfigError, match="by the run's order of tasks, and this batch is about others"):
        trainer.overlap.batch(0, [3] * 8, trainer.whole_model())
    (tmp_path / "checkpoint-4").mkdir()
    with pytest.raises(ConfigError, match=r"lacks stale\.safetensors: it was not written with stale=1"):
        trainer.overlap.load(tmp_path / "checkpoint-4")
    monkeypatch.setattr(type(trainer), "played_with", lambda self: ("here",))
    trainer.here = lambda: None  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"a part of it cannot go there: .*What is defined inside a function"):
        trainer.overlap.batch(0, trainer.overlap.tasks(0), trainer.whole_model())


def test_log_probabilities_are_those_of_the_distribution_that_is_drawn_from(tiny_model: Any, tokenizer: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(temperature=0.5, max_new_tokens=4))
    assert isinstance(policy.decoder, Decoder)
    policy.decoder.as_drawn = True
    ids = policy.start(0, "hi", {"messages": [{"role": "user", "content": "hi"}], "tools": []})
    (turn,) = policy.generate([0])
    with torch.no_grad():
        logits_TV = tiny_model(torch.tensor([ids + turn.token_ids])).logits[0, len(ids) - 1 : -1]
    expected = torch.log_softmax(logits_TV / 0.5, -1).gather(1, torch.tensor(turn.token_ids)[:, None])[:, 0]
    assert turn.logprobs == pytest.approx(expected.tolist(), abs=1e-4)
