"""RFT and ETO: what is kept of the policy's own episodes, exact pairs from forks, and TRL's DPO on them."""

import copy
import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from toolgym.agents import eto, rft
from toolgym.agents.builtin.policy import save_checkpoint
from toolgym.agents.eto import ETOOptions, Pair, PairCollator, episode_pairs, explore_pairs, make_trainer, step_pairs
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.models import quiet
from toolgym.agents.rft import RFTOptions, distinct_successes, training_examples
from toolgym.agents.rollouts.branches import branches, continuations
from toolgym.agents.rollouts.demonstrations import demonstrate
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training.explore import once
from toolgym.errors import ConfigError, InfraError
from toolgym.opening import open_env

SMALL = {"size": "small", "prompt": "short", "threads": 1, "progress": False, "concurrency": 4, "max_new_tokens": 6}


def episode(ids: list[int], outcome: Any = "unsolved", prompt: list[int] | None = None) -> Rollout:
    """One step of 2 sampled tokens, 1 of the environment's, then the rest as a second step."""
    return Rollout(
        prompt or [1, 2],
        completion_ids=ids,
        env_mask=[1, 1, 0] + [1] * (len(ids) - 3),
        spans=[(0, 2), (3, len(ids))],
        outcome=outcome,
    )


def test_own_successes_are_kept_once() -> None:
    one, other = episode([5, 6, 0, 7], "solved"), episode([5, 9, 0, 7], "solved")
    again = episode([5, 6, 0, 7], "solved")
    elsewhere = episode([5, 6, 0, 7], "solved", prompt=[1, 3])
    # A task may be drawn twice; another's success with the same tokens is another.
    kept = distinct_successes([[one, episode([8, 8, 0, 8]), again, other], [again], [elsewhere]])
    assert [id(item) for item in kept] == [id(one), id(other), id(elsewhere)]


def test_an_episode_with_a_turn_that_never_ended_is_not_kept() -> None:
    whole, cut = episode([5, 6, 0, 7], "solved"), episode([5, 9, 0, 7], "solved")
    cut.cut = [1]
    assert distinct_successes([[cut, whole]]) == [whole]
    kept = rft._record([], [cut, whole])["solved"]
    assert [Rollout(**tokens).cut for tokens in kept] == [[1], []]  # a resumed run knows it too


def test_episode_pairs_by_hand() -> None:
    better = episode([5, 6, 0, 7], "solved")
    worse, broken = episode([5, 9, 0, 3, 4]), episode([4, 4, 0, 4], "infra_error")
    pairs = episode_pairs(better, [worse, better, broken, copy.deepcopy(worse)])
    assert pairs == [Pair([1, 2], [5, 6, 0, 7], [5, 9, 0, 3, 4], [1, 1, 0, 1], [1, 1, 0, 1, 1])]
    with pytest.raises(ConfigError, match="different openings"):
        episode_pairs(better, [episode([5, 9, 0, 3], prompt=[1, 3])])


def test_step_pairs_by_hand() -> None:
    # The failed branch's first step differs: a pair. The same first step, a success and a broken one: none.
    same, solved = episode([5, 6, 0, 9]), episode([8, 8, 0, 8], "solved")
    broken, failed = episode([7, 7, 0, 7], "infra_error"), episode([5, 9, 0, 3])
    pairs = step_pairs([1, 2, 3], [5, 6], [same, solved, broken, failed, copy.deepcopy(failed)])
    assert pairs == [Pair([1, 2, 3], [5, 6], [5, 9], [1, 1], [1, 1])]


def test_collated_pairs_mask_the_environments_tokens() -> None:
    row = {"prompt_ids": [1], "chosen_ids": [2, 3, 4], "chosen_mask": [1, 0, 1]}
    out = PairCollator(0)([{**row, "rejected_ids": [5], "rejected_mask": [1]}])
    assert out["input_ids"].tolist() == [[1, 2, 3, 4], [1, 5, 0, 0]]
    assert out["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert out["completion_mask"].tolist() == [[0, 1, 0, 1], [0, 1, 0, 0]]


def logps(model: Any, ids: list[int], mask: list[int]) -> torch.Tensor:
    """The log-probability of the tokens with mask 1."""
    logits = model(input_ids=torch.tensor([ids])).logits[0, :-1].float()
    each = torch.log_softmax(logits, -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    return (each * torch.tensor(mask[1:])).sum()


def test_the_loss_is_dpos_and_moves_both_ways(
    tokenizer: Any, tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # -log sigmoid(beta * ((chosen - reference chosen) - (rejected - reference rejected))), DPO Eq. 7, summed over the
    # actor's tokens; at the start both differences are 0, so the loss is log 2.
    pair = Pair([40, 41], [50, 51, 52], [60, 61], [1, 0, 1], [1, 1])
    config = ETOOptions(output=tmp_path, batch=1, micro_batch=1, steps=3, learning_rate=0.01, **SMALL)
    reference = copy.deepcopy(tiny_model)
    sides = {
        "chosen": ([40, 41, 50, 51, 52], [0, 0, 1, 0, 1]),
        "rejected": ([40, 41, 60, 61], [0, 0, 1, 1]),
    }
    seen: list[tuple[float, float]] = []

    class Compared(eto.PairTrainer):
        def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:
            with torch.no_grad():
                gain = {
                    side: logps(tiny_copy(model), *tokens) - logps(reference, *tokens) for side, tokens in sides.items()
                }
                expected = -torch.nn.functional.logsigmoid(0.1 * (gain["chosen"] - gain["rejected"]))
            out = super()._compute_loss(model, inputs, return_outputs)
            seen.append((float((out[0] if isinstance(out, tuple) else out).detach()), float(expected)))
            return out

    def tiny_copy(model: Any) -> Any:
        plain = type(reference)(reference.config)
        plain.load_state_dict(model.state_dict())
        return plain.eval()

    monkeypatch.setattr(eto, "PairTrainer", Compared)
    with warnings.catch_warnings():
        quiet()
        trainer = make_trainer(config, tiny_model, tokenizer, [pair])
        trainer.train()
    assert seen[0][0] == pytest.approx(0.693147, abs=1e-5)
    assert all(ours == pytest.approx(expected, abs=1e-4) for ours, expected in seen)
    assert seen[-1][0] < seen[0][0] - 0.01
    after = tiny_copy(trainer.accelerator.unwrap_model(trainer.model))
    with torch.no_grad():
        moved = {side: float(logps(after, *tokens) - logps(reference, *tokens)) for side, tokens in sides.items()}
    assert moved["chosen"] > moved["rejected"] + 0.1
    assert moved["rejected"] < 0


@pytest.fixture(scope="module")
def airline() -> Any:
    return open_env("ToolGym/Airline-v0", size="small", prompt="short")


def test_branches_are_the_states_of_the_episode(tokenizer: Any, tiny_model: Any, airline: Any) -> None:
    task = next(index for index in range(50) if len(airline.tasks[index].gold) >= 3)
    (expert,) = demonstrate(airline, tokenizer, [airline.tasks[task]])
    made = branches(airline, task, expert)
    assert len(made) == len(expert.spans) >= 3
    for step, branch in enumerate(made):
        assert len(branch.env.trajectory.steps) == step
        assert expert.prompt_ids + expert.completion_ids == [
            *branch.context_ids,
            *branch.action_ids,
            *expert.completion_ids[expert.spans[step][1] :],
        ]
    # To go on from the last state as the expert did solves the task; the branch itself stays as it was.
    last = made[-1].env.fork()
    assert expert.trajectory is not None
    assert last.step(expert.trajectory.steps[-1].turn.text)[4]["outcome"] == "solved"
    assert not made[-1].env.trajectory.done
    # The policy goes on from the branch's own tokens.
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=5, context_tokens=1000))
    tried = continuations(policy, made, 2, concurrency=3)
    assert [len(group) for group in tried] == [2] * len(made)
    for branch, group in zip(made, tried, strict=True):
        for rollout in group:
            assert rollout.prompt_ids == branch.context_ids
            assert rollout.spans[0][0] == 0
            assert len(rollout.logprobs) == len(rollout.completion_ids)
    with torch.no_grad():
        rollout = tried[-1][0]
        ids = rollout.prompt_ids + rollout.completion_ids
        out = torch.log_softmax(tiny_model(input_ids=torch.tensor([ids])).logits[0], -1)
        for at in range(*rollout.spans[0]):
            position = len(rollout.prompt_ids) + at
            assert rollout.logprobs[at] == pytest.approx(float(out[position - 1, ids[position]]), abs=1e-4)


@pytest.mark.parametrize("pairs", ["episode", "step"])
def test_pairs_of_the_airline(pairs: Any, tokenizer: Any, tiny_model: Any, tmp_path: Path) -> None:
    config = ETOOptions(output=tmp_path, pairs=pairs, episodes=2, samples=1, **SMALL)
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=6))
    found = explore_pairs(config, policy, tokenizer)
    assert found
    for pair in found:
        assert pair.chosen_ids != pair.rejected_ids
        assert len(pair.chosen_ids) == len(pair.chosen_mask)
        assert len(pair.rejected_ids) == len(pair.rejected_mask)
        if pairs == "step":
            assert all(pair.chosen_mask)
            assert all(pair.rejected_mask)
    policy.reseed(0)
    assert explore_pairs(config, policy, tokenizer) == found


def test_rft_adds_what_the_policy_solved(
    tokenizer: Any, tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RFTOptions(output=tmp_path, episodes=3, samples=2, **SMALL)
    assert len(training_examples(config, tiny_model, tokenizer)) == 3  # random weights solve nothing
    with pytest.raises(ConfigError, match="no own episode solved"):
        training_examples(replace(config, experts=False), tiny_model, tokenizer)

    # A policy that solves: the expert's own episodes in place of samples.
    def solved(policy: Any, envs: Any, tasks: Any, samples: int, **_: Any) -> list[list[Rollout]]:
        return [[rollout] * samples for rollout in demonstrate(envs[0], tokenizer, [envs[0].tasks[i] for i in tasks])]

    monkeypatch.setattr(rft, "episodes", solved)
    own = training_examples(replace(config, experts=False), tiny_model, tokenizer)
    assert len(own) == 3
    assert training_examples(config, tiny_model, tokenizer) == own + own


class _Watched:
    """An environment that says when it is closed."""

    def __init__(self, env: Any, closed: list[Any]):
        self.env, self.list = env, closed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env, name)

    def close(self) -> None:
        self.list.append(self)
        self.env.close()


class Counted:
    """An environment that keeps its forks; the infrastructure fails at the n-th one."""

    def __init__(self, env: Any, fails_at: int = -1):
        self.env, self.fails_at, self.tried = env, fails_at, 0
        self.made: list[Any] = []
        self.closed: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env, name)

    def fork(self) -> Any:
        self.tried += 1
        if self.tried - 1 == self.fails_at:
            raise InfraError("no room for another server")
        made = _Watched(self.env.fork(), self.closed)
        self.made.append(made)
        return made


@pytest.mark.parametrize("fails_at", [-1, 0, 1])
def test_forks_of_an_episode_are_closed(
    fails_at: int, tokenizer: Any, tiny_model: Any, tmp_path: Path, airline: Any
) -> None:
    env = Counted(airline, fails_at)
    config = ETOOptions(output=tmp_path, pairs="step", episodes=2, samples=1, **SMALL)
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=6))
    made = eto._explore(config, policy, tokenizer, [cast(Any, env)], [0, 1])
    assert len(env.made) >= 2
    assert env.closed == env.made
    assert bool(made[0][1]) == (fails_at < 0)
    assert made[1][1]  # the next task is played all the same


@pytest.mark.slow
def test_a_run_that_was_stopped_after_playing_trains_on_what_it_played(tmp_path: Path, start: str) -> None:
    words = ["--model", start, "--episodes", "3", "--samples", "1", "--steps", "1", "--batch", "2", "--no-progress"]
    words += ["--micro-batch", "2", "--size", "small", "--prompt", "short", "--max-new-tokens", "6", "--threads", "1"]
    for algo, kept in ((rft, "examples.jsonl"), (eto, "pairs.jsonl")):
        output = tmp_path / kept
        with pytest.raises(ConfigError, match="nothing to resume"):
            algo.main([*words, "--output", str(output), "--resume"])
        algo.main([*words, "--output", str(output)])
        for checkpoint in output.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)
        lines = (output / kept).read_text().splitlines()[:2]
        (output / kept).write_text("\n".join(lines) + "\n")
        algo.main([*words, "--output", str(output), "--resume"])
        assert (output / kept).read_text().splitlines() == lines
        assert (output / "final" / "model.safetensors").is_file()


def test_once_makes_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def make() -> list[dict[str, Any]]:
        calls.append(1)
        return [{"ids": [1, 2], "mask": [0, 1]}]

    path = tmp_path / "deep" / "examples.jsonl"
    assert once(path, True, make) == once(path, True, make) == [{"ids": [1, 2], "mask": [0, 1]}]
    assert len(calls) == 1
    once(path, False, make)
    assert len(calls) == 2


def losses(output: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (output / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("algo", ["rft", "eto"])
def test_from_the_command_line_and_resumed(algo: str, tokenizer: Any, tiny_model: Any, tmp_path: Path) -> None:
    save_checkpoint(tiny_model, tokenizer, tmp_path / "model")
    options = ["--model", str(tmp_path / "model"), "--size", "small", "--prompt", "short", "--threads", "1"]
    options += ["--episodes", "3", "--samples", "1", "--max-new-tokens", "5", "--concurrency", "2", "--no-progress"]
    options += ["--batch", "2", "--micro-batch", "1", "--save-steps", "1"]
    main = {"rft": rft.main, "eto": eto.main}[algo]
    whole, half = tmp_path / "whole", tmp_path / "half"
    # The same length of run, for the learning rate falls over it; the second is cut back to its first checkpoint.
    assert main([*options, "--steps", "2", "--output", str(whole)]) == 0
    assert main([*options, "--steps", "2", "--output", str(half)]) == 0
    shutil.rmtree(half / "checkpoint-2")
    assert main([*options, "--steps", "2", "--output", str(half), "--resume"]) == 0
    assert losses(half) == pytest.approx(losses(whole), abs=1e-6)
    assert len(losses(half)) == 2
    assert (half / "final" / "model.safetensors").is_file()


def test_a_beta_that_turns_the_preference_round_is_refused() -> None:
    with pytest.raises(ConfigError, match="beta must be above 0"):
        ETOOptions(beta=-1.0)
