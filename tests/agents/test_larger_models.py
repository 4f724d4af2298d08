"""What larger models need: room for the whole policy text, memory that grows with need, weights in their own type."""

from typing import Any

import pytest
import torch

from toolgym.agents.cache import RowCache, enough_columns
from toolgym.agents.decoding import roomy_context
from toolgym.agents.lm import LMPolicy, SamplingOptions
from toolgym.agents.rollout import Start, rollouts
from toolgym.errors import ConfigError

# Contexts and their memory -------------------------------------------------------------------------------------------


def test_a_context_without_a_limit_of_its_own_follows_from_the_opening() -> None:
    assert roomy_context(100, 256) == 8192  # as it has always been in an evaluation
    assert roomy_context(3712, 1024) == 8192  # 3,712 + 4,096 = 7,808
    assert roomy_context(6000, 1024) == 10240  # 10,096, in whole 1,024
    assert roomy_context(3712, 2048) == 12288  # 3,712 + 4 * 2,048 = 11,904


def test_each_episode_has_the_context_that_its_opening_asks_for(tokenizer: Any, tiny_model: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(context_tokens=None))
    assert policy.decoder.limit(100) == 1024  # the tiny model's own
    tiny_model.config.max_position_embeddings = 20_000
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(context_tokens=None))
    assert [policy.decoder.limit(opening) for opening in (100, 5000)] == [8192, 9216]


def test_an_opening_that_does_not_fit_is_told_before_the_model_runs(
    tokenizer: Any, tiny_model: Any, toy_envs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_model, "forward", None)  # calling it would fail
    short = LMPolicy(tiny_model, tokenizer, SamplingOptions(context_tokens=4))
    assert len(short.chat.opening("please 0", {})) == 6
    with pytest.raises(ConfigError, match=r"has 6 tokens, but the context has 4; raise context_tokens.*1024, say"):
        rollouts(short, toy_envs(1), [Start(options={"task": 0})])
    tiny_model.config.max_position_embeddings = 3
    with pytest.raises(ConfigError, match=r"has 6 tokens.*itself takes 3: take a model with a longer context"):
        rollouts(LMPolicy(tiny_model, tokenizer), toy_envs(1), [Start(options={"task": 0})])


def test_the_cache_grows_by_a_quarter_once_it_is_large() -> None:
    held, sizes = 0, []
    for used in (60, 257, 900, 1025, 3700, 3841, 4865):
        held = enough_columns(held, used)
        sizes.append(held)
        assert held >= used
    assert sizes == [256, 512, 1024, 1280, 3840, 4864, 6144]


def test_the_cache_holds_no_rows_that_no_episode_has(tokenizer: Any, tiny_model: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=2))
    for slot in range(5):  # room for rows is made in steps: 1, 2, 4, 8
        policy.start(slot, "hello", {})
    policy.generate(range(5))
    cache = policy.decoder._cache
    assert isinstance(cache, RowCache)
    assert cache.rows == 5
    keys = cache._keys_RHCD[0]
    assert isinstance(keys, torch.Tensor)
    assert keys.shape[:3] == (5, 1, 257)
