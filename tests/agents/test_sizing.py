"""Defaults that follow from a model's size: a small model's are those it always had."""

from typing import Any

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from toolgym.agents import eto, sft
from toolgym.agents.policies import sizes
from toolgym.agents.policies.models import load_model
from toolgym.agents.training import sizing
from toolgym.agents.training.running import RunConfig
from toolgym.errors import ConfigError

SMALL = sizes.ModelSize(3_575_040, 4096, 1024)
QWEN3_06B = sizes.ModelSize(596_049_920, 40_960, 2 * 28 * 8 * 128)


def test_a_small_model_is_trained_as_it_has_always_been() -> None:
    chosen = sizing.settled(RunConfig(), SMALL, opening=176)
    assert (chosen.learning_rate, chosen.max_new_tokens, chosen.context_tokens) == (2e-4, 256, 1536)
    assert (chosen.micro_batch, chosen.concurrency, chosen.dtype) == (16, 64, "float32")
    assert (chosen.bf16, chosen.gradient_checkpointing) == (False, False)
    assert chosen == sizing.settled(RunConfig())
    taught = sizing.settled(sft.SFTOptions(), SMALL, opening=176)
    assert (taught.learning_rate, taught.max_tokens, taught.micro_batch) == (3e-4, 4096, 4)
    explored = sizing.settled(eto.ETOOptions(), SMALL, opening=176)
    assert (explored.learning_rate, explored.concurrency, explored.context_tokens) == (5e-5, 32, 1536)
    adapter = sizing.settled(RunConfig(lora_rank=4), SMALL)
    assert (adapter.learning_rate, adapter.dtype) == (2e-4, "float32")


@pytest.mark.parametrize(
    ("options", "rates"),
    [(RunConfig, (1e-6, 1e-5)), (sft.SFTOptions, (1e-5, 1e-4)), (eto.ETOOptions, (1e-6, 1e-5))],
)
def test_a_larger_model_has_rates_of_its_own(options: Any, rates: tuple[float, float]) -> None:
    for rank, rate in zip((0, 16), rates, strict=True):
        chosen = sizing.settled(options(lora_rank=rank), QWEN3_06B, opening=3712)
        assert chosen.learning_rate == rate
    assert sizing.settled(options(learning_rate=3e-5), QWEN3_06B).learning_rate == 3e-5


def test_what_is_given_is_left_alone() -> None:
    given = RunConfig(
        learning_rate=1e-3,
        max_new_tokens=9,
        context_tokens=99,
        micro_batch=3,
        concurrency=1,
        dtype="float32",
        bf16=True,
        gradient_checkpointing=False,
    )
    assert sizing.unset(given) == []
    assert sizing.settled(given, QWEN3_06B, opening=5000) == given


def test_the_size_of_a_model_is_known_from_its_configuration() -> None:
    assert sizes.named_size("builtin:clean") == sizes.size_of(load_model("builtin:clean")[0]) == SMALL
    config = Qwen3Config(
        vocab_size=151_936,
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        max_position_embeddings=40_960,
        tie_word_embeddings=True,
    )
    with torch.device("meta"):
        assert sizes.size_of(Qwen3ForCausalLM(config)) == QWEN3_06B
    with pytest.raises(ConfigError, match="cannot load the model '/no/such/folder'"):
        sizes.named_size("/no/such/folder")


def test_episodes_at_once_are_what_the_memory_of_a_gpu_holds() -> None:
    # Keys and values of a token of Qwen3-0.6B: 57,344 numbers. In float32, of 8,192 tokens: 1.879 GB. Weights,
    # gradients and two averages: 9.537 GB.
    full = sizing.weight_bytes(QWEN3_06B, 4, frozen=False)
    assert full == 9_536_798_720
    shape: dict[str, Any] = {"context": 8192, "number_bytes": 4}
    assert sizing.episodes_at_once(80 * 10**9, full, QWEN3_06B, **shape) == 24  # 2/3 of 70.46 = 46.98
    assert sizing.episodes_at_once(24 * 10**9, full, QWEN3_06B, **shape) == 5  # 2/3 of 14.46 = 9.64
    with_reference = sizing.weight_bytes(QWEN3_06B, 4, frozen=False, reference=True)
    assert sizing.episodes_at_once(24 * 10**9, with_reference, QWEN3_06B, **shape) == 4  # 2/3 of 12.08 = 8.05
    frozen, half = sizing.weight_bytes(QWEN3_06B, 2, frozen=True), {"context": 8192, "number_bytes": 2}
    assert sizing.episodes_at_once(24 * 10**9, frozen, QWEN3_06B, **half) == 16  # 2/3 of 22.81 = 15.2, each 0.94
    assert sizing.episodes_at_once(2 * 10**9, frozen, QWEN3_06B, **half) == 1
    with pytest.raises(ConfigError, match=r"take 10 GB, but the GPU has 8 GB; train an adapter"):
        sizing.episodes_at_once(8 * 10**9, full, QWEN3_06B, **shape)


@pytest.mark.parametrize(
    ("parameters", "sft_rates", "rl_rates"),
    [
        (134_515_008, (5e-4, 1e-3), (1e-5, 2e-5)),
        (596_049_920, (1e-5, 1e-4), (1e-6, 1e-5)),
        (4_022_468_096, (1e-5, 1e-4), (1e-6, 1e-5)),
        (8_190_735_360, (5e-6, 1e-4), (1e-6, 1e-5)),
    ],
)
def test_rates_follow_the_size(parameters: int, sft_rates: Any, rl_rates: Any) -> None:
    size = sizes.ModelSize(parameters, 40_960, 1024)
    for options, rates in ((sft.SFTOptions, sft_rates), (RunConfig, rl_rates), (eto.ETOOptions, rl_rates)):
        for rank, rate in zip((0, 16), rates, strict=True):
            assert sizing.settled(options(lora_rank=rank), size).learning_rate == rate


@pytest.mark.parametrize("fast", [True, False])
def test_bfloat16_where_it_pays(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgym.agents.policies.machine.fast_bf16", lambda: fast)
    assert sizing.settled(RunConfig(), QWEN3_06B).bf16 == fast
    assert not sizing.settled(RunConfig(), SMALL).bf16
