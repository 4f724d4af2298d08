"""Supervised training: only the expert's tokens carry loss, and a model learns what it is shown."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from toolgym.agents.builtin.__main__ import generate_examples, tokenizer_for
from toolgym.agents.builtin.__main__ import main as builtin_main
from toolgym.agents.builtin.policy import ModelOptions, new_model, save_checkpoint, with_tokenizer
from toolgym.agents.builtin.pretrain import PretrainOptions, batches, masked_losses, optimizers, pretrain
from toolgym.agents.builtin.shipped import checkpoint_path
from toolgym.agents.builtin.tokenizer import build_tokenizer
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.models import load_model
from toolgym.agents.rollouts.demonstrations import Example, imperfect_chain
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.agents.sft import SFTOptions, expert_examples, main, to_dataset
from toolgym.errors import ConfigError, DivergenceError
from toolgym.opening import open_env

TINY = ModelOptions(hidden_size=32, intermediate_size=48, layers=2, heads=2, kv_heads=1, max_tokens=1024)


def test_labels_leave_out_what_carries_no_loss() -> None:
    data = to_dataset([Example([5, 6, 7], [0, 1, 1]), Example([8], [0])])
    assert data["labels"] == [[-100, 6, 7], [-100]]
    assert data["input_ids"] == [[5, 6, 7], [8]]


def test_losses_are_means_over_the_experts_and_the_environments_tokens(tokenizer: Any, tiny_model: Any) -> None:
    ids, mask = torch.tensor([[4, 5, 6, 7], [9, 10, 0, 0]]), torch.tensor([[0, 1, 0, 1], [0, 1, 0, 0]])
    lengths = torch.tensor([4, 2])
    with torch.no_grad():
        logps = torch.log_softmax(tiny_model(input_ids=ids).logits.float(), dim=-1)
        own, other = masked_losses(tiny_model, ids, mask, lengths, context=True)
        alone, nothing = masked_losses(tiny_model, ids, mask, lengths, context=False)
    # Tokens 5 and 7 of row one and 10 of row two are the expert's, 6 of row one the environment's; the rest is padding.
    # Each is predicted at the position before it.
    expected = -(logps[0, 0, 5] + logps[0, 2, 7] + logps[1, 0, 10]) / 3
    assert float(own) == pytest.approx(float(expected), abs=1e-5)
    assert float(other) == pytest.approx(float(-logps[0, 1, 6]), abs=1e-5)
    assert float(alone) == pytest.approx(float(expected), abs=1e-5)
    assert float(nothing) == 0.0


def test_batches_see_every_sequence_once_within_the_budget(rng: np.random.Generator) -> None:
    lengths = rng.integers(5, 200, size=60).tolist()
    made = list(batches(lengths, rng, 400))
    assert sorted(index for batch in made for index in batch) == list(range(60))
    assert all(max(lengths[i] for i in batch) * len(batch) <= 400 for batch in made)
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in made)
    assert padded < 1.3 * sum(lengths)


def test_every_parameter_has_one_optimizer(tiny_model: Any) -> None:
    muon, adamw = optimizers(tiny_model, PretrainOptions())
    held = [id(p) for optimizer in (muon, adamw) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(parameter) for parameter in tiny_model.parameters())
    assert all(parameter.ndim == 2 for group in muon.param_groups for parameter in group["params"])


def test_a_model_from_nothing_learns_what_it_is_shown(tokenizer: Any) -> None:
    model = new_model(tokenizer, TINY, seed=0)
    ids = tokenizer("abcabcabcabd")["input_ids"]
    data = [Example(ids, [0, *[1] * (len(ids) - 1)])] * 40
    losses: list[float] = []
    options = PretrainOptions(epochs=25, batch_tokens=96, bf16=False, warmup_steps=2)
    steps = pretrain(model, data, options, on_step=lambda step, done, loss: losses.append(loss))
    assert steps == len(losses)
    assert losses[0] > 6 > 0.5 > losses[-1]


def test_pretraining_repeats_and_guards(tokenizer: Any) -> None:
    def once() -> list[float]:
        losses: list[float] = []
        model = new_model(tokenizer, TINY, seed=0)
        data = [Example(list(range(5, 5 + n)), [1] * n) for n in range(10, 40)]
        options = PretrainOptions(epochs=1, batch_tokens=200, bf16=False)
        pretrain(model, data, options, on_step=lambda step, done, loss: losses.append(loss))
        return losses

    assert once() == once()
    model = new_model(tokenizer, TINY)
    with torch.no_grad():
        model.model.norm.weight.fill_(math.nan)
    with pytest.raises(DivergenceError, match="loss is nan at step 0"):
        pretrain(model, [Example([1, 2], [0, 1])])
    with pytest.raises(ConfigError, match="nothing to train on"):
        pretrain(model, [])


def test_new_models_repeat_and_leave_the_global_generator_alone(tokenizer: Any) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    one, other = new_model(tokenizer, TINY, seed=3), new_model(tokenizer, TINY, seed=3)
    assert torch.rand(1) == expected
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_model_keeps_what_it_knows_with_another_vocabulary(tokenizer: Any, tiny_model: Any) -> None:
    other = build_tokenizer()
    other.add_tokens(["zq"])
    moved = with_tokenizer(tiny_model, tokenizer, other)
    ids = tokenizer("hello <plan>")["input_ids"]
    with torch.no_grad():
        before = tiny_model(input_ids=torch.tensor([ids])).logits
        after = moved(input_ids=torch.tensor([ids])).logits
    assert after.shape[-1] == len(tokenizer) + 1
    assert torch.allclose(after[..., : len(tokenizer)], before, atol=1e-5)
    z, q = tokenizer("z")["input_ids"][0], tokenizer("q")["input_ids"][0]
    table = tiny_model.get_input_embeddings().weight
    assert torch.allclose(moved.get_input_embeddings().weight[-1], (table[z] + table[q]) / 2)
    assert with_tokenizer(tiny_model, tokenizer, build_tokenizer()) is tiny_model


def test_imperfect_demonstrations_are_wrong_about_half_the_time(tokenizer: Any) -> None:
    env = open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short")
    chain, tasks = imperfect_chain(0), [env.tasks[index] for index in range(60)]
    wrong = sum(tuple(chain(task, env.domain)) != task.gold for task in tasks)
    # 0.55 of 60 is 33; three standard deviations of the binomial are 11.6.
    assert 33 - 12 <= wrong <= 33 + 12
    clean = generate_examples("clean", 5, tokenizer, seed=1)
    assert clean == generate_examples("clean", 5, tokenizer, seed=1)
    assert generate_examples("imperfect", 5, tokenizer, seed=1) == generate_examples("imperfect", 5, tokenizer, seed=1)


@pytest.mark.slow
def test_a_checkpoint_made_by_the_command_loads_and_plays(tmp_path: Path) -> None:
    # The architecture is the real one, so this takes a few seconds; two steps teach nothing.
    common = ["--episodes", "6", "--epochs", "0.5", "--threads", "1"]
    assert builtin_main(["--demonstrations", "clean", "--output", str(tmp_path / "clean"), *common]) == 0
    start = ["--start", str(tmp_path / "clean"), "--rate", "0.5"]
    out = tmp_path / "imperfect"
    assert builtin_main(["--demonstrations", "imperfect", "--output", str(out), *start, *common]) == 0
    assert json.loads((out / "training.json").read_text())["demonstrations"] == "imperfect"
    assert (out / "model.safetensors").stat().st_size < 7.5e6  # three of them within 23 MB
    model, tokenizer = load_model(out)
    assert model.dtype == torch.float32
    policy = LMPolicy(model, tokenizer, SamplingOptions(max_new_tokens=5))
    env = open_env("ToolGym/Airline-v0", split="test", size="small", prompt="short")
    (rollout,) = rollouts(policy, [env], [Start(options={"task": 0})])
    assert rollout.usable


def test_another_domains_words_become_tokens_and_its_values_do_not(tokenizer: Any) -> None:
    at_home = tokenizer_for("ToolGym/Home-v0")
    words = set(at_home.get_vocab()) - set(tokenizer.get_vocab())
    assert 100 <= len(words) <= 400
    assert {" appliance", ',"appliance_id":"', '"appliance_id": "', "get_appliance"} <= words
    plain = generate_examples("clean", 20, tokenizer, env_id="ToolGym/Home-v0", depth=(1, 2))
    short = generate_examples("clean", 20, at_home, env_id="ToolGym/Home-v0", depth=(1, 2))
    for one, other in zip(plain, short, strict=True):
        assert tokenizer.decode(one.ids) == at_home.decode(other.ids)
    assert sum(len(one.ids) for one in short) < 0.75 * sum(len(one.ids) for one in plain)
    assert len(tokenizer_for("ToolGym/Airline-v0")) == len(tokenizer)


def test_a_start_learns_another_domain_with_habits(tmp_path: Path) -> None:
    at_home = ["--env", "ToolGym/Library-v0", "--depth", "1", "--episodes", "4", "--epochs", "0.5", "--threads", "1"]
    out = tmp_path / "habits"
    assert builtin_main(["--demonstrations", "habits", "--start", "builtin:clean", "--output", str(out), *at_home]) == 0
    made = json.loads((out / "training.json").read_text())
    assert (made["env"], made["depth"], made["demonstrations"]) == ("ToolGym/Library-v0", [1], "habits")
    model, tokenizer = load_model(out)
    assert model.config.vocab_size == len(tokenizer) > len(build_tokenizer())


@pytest.mark.slow
def test_sft_from_the_command_line(tokenizer: Any, tiny_model: Any, tmp_path: Path) -> None:
    save_checkpoint(tiny_model, tokenizer, tmp_path / "model")
    options = ["--model", str(tmp_path / "model"), "--size", "small", "--prompt", "short", "--threads", "1"]
    shape = ["--episodes", "16", "--batch", "4", "--micro-batch", "2", "--epochs", "3", "--learning-rate", "1e-2"]
    output = tmp_path / "run"
    assert main([*options, *shape, "--no-progress", "--output", str(output)]) == 0
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert lines[-1]["loss"] < lines[0]["loss"] - 0.5
    assert (output / "final" / "model.safetensors").is_file()


def test_sft_says_what_is_wrong(tokenizer: Any) -> None:
    assert SFTOptions(batch=6, micro_batch=4).rows == 3
    with pytest.raises(ConfigError, match="micro_batch must be above 0, got 0"):
        SFTOptions(micro_batch=0)
    with pytest.raises(ConfigError, match="epochs must be above 0, got 0"):
        SFTOptions(epochs=0)
    with pytest.raises(ConfigError, match="the longest has"):
        expert_examples(SFTOptions(size="small", prompt="short", episodes=2, max_tokens=10), tokenizer)


def test_names_of_checkpoints() -> None:
    assert checkpoint_path("Qwen/Qwen3-0.6B") == "Qwen/Qwen3-0.6B"
    with pytest.raises(ConfigError, match="Did you mean 'imperfect'"):
        checkpoint_path("builtin:imperfct")
