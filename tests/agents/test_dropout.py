"""An on-policy update sees the model that sampled: whatever acts by chance in training mode is off."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.policies.decoding import SamplingOptions
from toolgym.agents.training.dropout import without_dropout
from toolgym.agents.training.running import RunConfig, grpo_args, lora
from toolgym.agents.training.trainer import ToolTrainer

LLAMA = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024}
GPT2_RATES = {"attn_pdrop": 0.5, "resid_pdrop": 0.5, "embd_pdrop": 0.5}
OPT = {"hidden_size": 32, "ffn_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "word_embed_proj_dim": 32}
EXPERTS = {**LLAMA, "num_local_experts": 4, "num_experts_per_tok": 2, "num_key_value_heads": 4}
KINDS = {
    "llama": {**LLAMA, "attention_dropout": 0.5},
    "gpt2": {**GPT2, **GPT2_RATES},
    "gptj": {**GPT2, **GPT2_RATES, "rotary_dim": 8},
    "opt": {**OPT, "dropout": 0.5, "attention_dropout": 0.5, "layerdrop": 0.9},
    "phi": {**LLAMA, "resid_pdrop": 0.5, "embd_pdrop": 0.5, "attention_dropout": 0.5},
    "gpt_neox": {**LLAMA, "hidden_dropout": 0.5, "attention_dropout": 0.5},
    "gpt_bigcode": {**GPT2, **GPT2_RATES},
    "falcon": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_dropout": 0.5}
    | {"attention_dropout": 0.5},
    "mixtral": {**EXPERTS, "router_jitter_noise": 0.5},
}


def tiny(kind: str, given: dict[str, Any], vocabulary: int = 64) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, vocab_size=vocabulary, pad_token_id=0, initializer_range=0.3, **given)
    return AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize(("kind", "given"), KINDS.items(), ids=KINDS.keys())
def test_nothing_is_left_to_chance(kind: str, given: dict[str, Any]) -> None:
    model, ids_1T = tiny(kind, given), torch.arange(1, 33)[None]
    with torch.no_grad():
        expected = model.eval()(ids_1T).logits
        assert not torch.allclose(model.train()(ids_1T).logits, expected, atol=1e-3)
        without_dropout(model)
        torch.testing.assert_close(model.train()(ids_1T).logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rank", [0, 4])
def test_the_update_sees_the_model_that_sampled(
    rank: int, shape: dict[str, Any], tokenizer: Any, toy_envs: Any, toy_tasks: Any, tmp_path: Path
) -> None:
    """With recomputed activations too, which evaluation mode would not have."""
    config = RunConfig(output=tmp_path, **{**shape, "lora_rank": rank, "gradient_checkpointing": True})
    adapter = lora(rank)
    if adapter is not None:
        adapter.lora_dropout = 0.5
    model = tiny("opt", KINDS["opt"], len(tokenizer))
    trainer = ToolTrainer(
        model,
        tokenizer,
        grpo_args(config),
        envs=toy_envs(8),
        tasks=toy_tasks,
        order=[0] * config.steps * config.groups,
        estimator=grpo_advantages,
        sampling=SamplingOptions(max_new_tokens=12, context_tokens=256),
        peft_config=adapter,
    )
    trained: Any = trainer.model
    ids_1T = torch.arange(1, 33, device=trained.device)[None]
    trained.train()
    before = trained(ids_1T).logits
    assert torch.equal(before, trained(ids_1T).logits)
    torch.testing.assert_close(before, trained.eval()(ids_1T).logits, rtol=1e-5, atol=1e-5)
