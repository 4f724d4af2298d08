"""Models of many architectures, tiny and random: each samples exactly as a full forward pass scores, or is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from toolgym.agents.policies.decoding import Decoder
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.probe import check_sampling
from toolgym.agents.policies.sizes import size_of
from toolgym.agents.policies.windows import reach_of
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.errors import ConfigError, DivergenceError

WINDOW = 24
BASE = {"vocab_size": 1400, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.3}
ROPE = {
    **BASE,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
GPT2 = {**BASE, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
HEAD = {"head_dim": 8}
SLIDING = {"sliding_window": WINDOW}
LONG = {"short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "rope_type": "longrope", "rope_theta": 10000.0}
LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8}
OPT = {**BASE, "hidden_size": 32, "ffn_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
OPT |= {"word_embed_proj_dim": 32, "max_position_embeddings": 256}
FALCON = {**BASE, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}

EXACT: dict[str, tuple[str, dict[str, Any], int]] = {
    # What is made of each, and the longest context that it may have.
    "llama": ("llama", ROPE, 256),
    "qwen2": ("qwen2", ROPE, 256),
    "qwen3": ("qwen3", {**ROPE, **HEAD}, 256),
    "qwen3 with windows": (
        "qwen3",
        {**ROPE, **HEAD, **SLIDING, "use_sliding_window": True, "max_window_layers": 1},
        24,
    ),
    "qwen3 with windows in no layer": (
        "qwen3",
        {**ROPE, **HEAD, **SLIDING, "use_sliding_window": True, "max_window_layers": 2},
        256,
    ),
    "qwen3_moe": ("qwen3_moe", {**ROPE, **HEAD, **EXPERTS}, 256),
    "qwen3_moe with windows": ("qwen3_moe", {**ROPE, **HEAD, **EXPERTS, **SLIDING, "use_sliding_window": True}, 24),
    "phi3": ("phi3", {**ROPE, **SLIDING}, 24),
    "phi3 without windows": ("phi3", {**ROPE, "sliding_window": None}, 256),
    "phi3 with long rope": (
        "phi3",
        {**ROPE, "sliding_window": None, "original_max_position_embeddings": 48, "rope_parameters": LONG},
        48,
    ),
    "mistral": ("mistral", {**ROPE, **SLIDING}, 24),
    "mixtral": ("mixtral", {**ROPE, **EXPERTS, **SLIDING}, 24),
    "starcoder2": ("starcoder2", {**ROPE, **SLIDING}, 24),
    "smollm3": ("smollm3", {**ROPE, **SLIDING, "use_sliding_window": False}, 256),
    "gemma": ("gemma", {**ROPE, **HEAD}, 256),
    "gemma2": ("gemma2", {**ROPE, **HEAD, **SLIDING}, 24),
    "gemma3": ("gemma3_text", {**ROPE, **HEAD, **SLIDING, "num_hidden_layers": 7}, 24),
    "llama4": (
        "llama4_text",
        {**ROPE, **HEAD, **EXPERTS, "attention_chunk_size": WINDOW, "intermediate_size_mlp": 32},
        24,
    ),
    "gpt_oss": ("gpt_oss", {**ROPE, **HEAD, **EXPERTS, **SLIDING}, 24),
    "olmo3": ("olmo3", {**ROPE, **SLIDING, "num_hidden_layers": 4}, 24),
    "cohere2": ("cohere2", {**ROPE, **SLIDING, "num_hidden_layers": 4}, 24),
    "deepseek_v3": (
        "deepseek_v3",
        {**ROPE, **LATENT, "num_key_value_heads": 4, "n_routed_experts": 4, "n_group": 1, "topk_group": 1}
        | {"num_experts_per_tok": 2, "moe_intermediate_size": 16, "first_k_dense_replace": 1},
        256,
    ),
    "glm4": ("glm4", {**ROPE, **HEAD}, 256),
    "gpt2": ("gpt2", GPT2, 256),
    "gptj": ("gptj", {**GPT2, "rotary_dim": 8}, 256),
    "gpt_neo": (
        "gpt_neo",
        {**BASE, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 256}
        | {"attention_types": [[["global", "local"], 1]], "window_size": WINDOW},
        24,
    ),
    "gpt_neo without local layers": (
        "gpt_neo",
        {**BASE, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 256}
        | {"attention_types": [[["global"], 2]], "window_size": WINDOW},
        256,
    ),
    "gpt_neox": ("gpt_neox", ROPE, 256),
    "opt": ("opt", OPT, 256),
    "falcon": ("falcon", {**FALCON, "max_position_embeddings": 256}, 256),
    "mpt": ("mpt", {**BASE, "d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 200}, 200),
}

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "bloom": ("bloom", {**BASE, "hidden_size": 32, "n_layer": 2, "n_head": 4}, r"BloomForCausalLM.*alibi"),
    "falcon with alibi": ("falcon", {**FALCON, "alibi": True}, r"FalconForCausalLM.*alibi"),
    "rwkv": ("rwkv", {**BASE, "hidden_size": 32, "num_hidden_layers": 2}, r"RwkvForCausalLM.*differ by [\d.]+ nats"),
    "mamba": ("mamba", {**BASE, "hidden_size": 32, "num_hidden_layers": 2}, "in every layer; this one has linear_att"),
    "jamba": ("jamba", {**ROPE, "num_experts": 4}, "in every layer; this one has linear_attention"),
    "qwen3_next": ("qwen3_next", {**ROPE, **HEAD, **EXPERTS}, "in every layer; this one has linear_attention"),
    "recurrent_gemma": ("recurrent_gemma", ROPE, "in every layer; this one has linear_attention"),
    "bert": ("bert", {**ROPE}, r"BertLMHeadModel.*differ by [\d.]+ nats"),
}


def tiny(kind: str, given: dict[str, Any]) -> Any:
    """A random model whose next token's distribution is not flat."""
    torch.manual_seed(0)
    text = type(AutoConfig.for_model(kind).get_text_config())
    model = AutoModelForCausalLM.from_config(text(**given)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2 and parameter.std() < 0.25:
                parameter.normal_(0, 0.3)
    return model


@pytest.mark.parametrize(("kind", "given", "longest"), EXACT.values(), ids=EXACT.keys())
def test_what_is_sampled_is_as_probable_as_it_is_scored(kind: str, given: dict[str, Any], longest: int) -> None:
    """Three sequences, up to the last token of the longest context, in turns of eight tokens."""
    model = tiny(kind, given)
    reach = reach_of(model.config.get_text_config())
    assert reach is not None
    assert reach.tokens == longest == size_of(model).context
    check_sampling(model, 0)
    rng = np.random.default_rng(0)
    decoder = Decoder(model, 0, (2,), SamplingOptions(max_new_tokens=8, context_tokens=None))
    contexts = {slot: rng.integers(1400, size=size).tolist() for slot, size in enumerate((longest - 9, 5, 11))}
    sampled: dict[int, list[tuple[int, float]]] = {slot: [] for slot in contexts}
    for slot, ids in contexts.items():
        decoder.open(slot, ids, np.random.default_rng(slot))
    for turn in range(3):
        for slot, (ids, logps) in decoder.turns(sorted(contexts, reverse=turn % 2 == 1), 3).items():
            sampled[slot] += [(len(contexts[slot]) + at, logp) for at, logp in enumerate(logps)]
            answer = rng.integers(1400, size=1).tolist()
            contexts[slot] += ids + (answer if decoder.stopped(slot) != "context" else [])
            decoder.feed(slot, answer)
    assert len(contexts[0]) == longest
    for slot, ids in contexts.items():
        with torch.no_grad():
            logps_TV = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].float(), dim=-1)
        assert len(sampled[slot]) >= 8
        for place, logp in sampled[slot]:
            assert logp == pytest.approx(float(logps_TV[place - 1, ids[place]]), abs=1e-4)


WINDOWED = [name for name, (_, given, longest) in EXACT.items() if longest < 100]


@pytest.mark.parametrize("name", WINDOWED)
def test_a_context_that_is_longer_than_a_window_is_refused(name: str, tokenizer: Any) -> None:
    kind, given, longest = EXACT[name]
    model = tiny(kind, given)
    with pytest.raises(ConfigError, match=f"set context_tokens={longest} or less"):
        LMPolicy(model, tokenizer, SamplingOptions(context_tokens=longest + 1))
    assert LMPolicy(model, tokenizer, SamplingOptions(context_tokens=longest)).decoder.limit(5) == longest


@pytest.mark.parametrize(("kind", "given", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_model_that_cannot_be_sampled_so_is_refused(
    kind: str, given: dict[str, Any], said: str, tokenizer: Any
) -> None:
    with pytest.raises(ConfigError, match=said):
        LMPolicy(tiny(kind, given), tokenizer)


def test_another_model_is_tried_too(tokenizer: Any) -> None:
    policy = LMPolicy(tiny("llama", ROPE), tokenizer, SamplingOptions(context_tokens=64))
    policy.use(tiny("gpt2", {**GPT2, "n_layer": 3}))  # as many layers in the cache as it has
    policy.start(0, "hi", {"messages": [{"role": "user", "content": "hi"}]})
    assert policy.generate([0])[0].token_ids
    with pytest.raises(ConfigError, match="BloomForCausalLM"):
        policy.use(tiny(*REFUSED["bloom"][:2]))
    with pytest.raises(ConfigError, match="set context_tokens=24 or less"):
        policy.use(tiny(*EXACT["mistral"][:2]))


def test_a_model_whose_positions_are_wrong_is_noticed() -> None:
    """A model that ignores the positions it is given, as one with an unknown cache would: nothing crashes."""
    model = tiny("gpt2", GPT2)
    check_sampling(model, 0)
    forward = model.forward
    model.forward = lambda **given: forward(**{**given, "position_ids": None})
    with pytest.raises(ConfigError, match=r"GPT2LMHeadModel.*differ by [\d.]+ nats on average"):
        check_sampling(model, 0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_coarser_types_are_no_fault(dtype: torch.dtype) -> None:
    check_sampling(tiny("qwen3", {**ROPE, **HEAD}).to(dtype), 0)


def test_trying_draws_nothing_and_leaves_the_model_as_it_was(tokenizer: Any) -> None:
    model = tiny("llama", ROPE).train()
    before = torch.get_rng_state()
    LMPolicy(model, tokenizer)
    assert model.training
    assert torch.equal(before, torch.get_rng_state())


# Weights that hold NaN ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_hold_no_numbers_are_refused(tokenizer: Any, value: float) -> None:
    model = tiny("llama", ROPE)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = value
    with pytest.raises(ConfigError, match="weights hold NaN or infinite numbers, or overflow in float32"):
        LMPolicy(model, tokenizer)


def test_weights_that_become_nan_while_they_are_trained_are_noticed(tokenizer: Any, toy_envs: Any) -> None:
    model = tiny("llama", ROPE)
    policy = LMPolicy(model, tokenizer, SamplingOptions(context_tokens=128))
    assert rollouts(policy, toy_envs(2), [Start(seed=seed) for seed in range(2)])
    with torch.no_grad():
        model.model.norm.weight[3] = float("nan")
    for temperature in (0.0, 1.0):
        policy.decoder.options = replace(policy.options, temperature=temperature)
        with pytest.raises(DivergenceError, match="gives NaN in place of probabilities"):
            rollouts(policy, toy_envs(2), [Start(seed=seed) for seed in range(2)])
