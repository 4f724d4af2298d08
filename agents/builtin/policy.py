"""The built-in policy's architecture: a small causal LM, trained from nothing by `python -m toolgym.agents.builtin`.

It is Qwen3's (transformers), with the character-level tokenizer of `toolgym.agents.builtin.tokenizer`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Qwen3ForCausalLM

__all__ = ["ModelOptions", "new_model", "save_checkpoint", "with_tokenizer"]

_PER_TOKEN = ("embed_tokens.weight", "lm_head.weight")


@dataclass(frozen=True)
class ModelOptions:
    """The architecture: 3.6 million parameters as it stands."""

    hidden_size: int = 256
    intermediate_size: int = 768
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    max_tokens: int = 4096


def new_model(
    tokenizer: "PreTrainedTokenizerBase", options: ModelOptions | None = None, *, seed: int = 0
) -> "Qwen3ForCausalLM":
    """A model with random weights for a tokenizer."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    options = options or ModelOptions()
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=options.hidden_size,
        intermediate_size=options.intermediate_size,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        num_key_value_heads=options.kv_heads,
        head_dim=options.hidden_size // options.heads,
        max_position_embeddings=options.max_tokens,
        tie_word_embeddings=True,
        pad_token_id=cast(int, tokenizer.pad_token_id),
        eos_token_id=cast(int, tokenizer.eos_token_id),
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    return model


def with_tokenizer(
    model: "PreTrainedModel", old: "PreTrainedTokenizerBase", new: "PreTrainedTokenizerBase"
) -> "PreTrainedModel":
    """The model with the vocabulary of `new`: tokens of both keep their embedding, others get their spelling's mean."""
    import torch

    if old.get_vocab() == new.get_vocab():
        return model
    config = type(model.config).from_dict({**model.config.to_dict(), "vocab_size": len(new)})
    out = type(model)(config)
    kept = {name: value for name, value in model.state_dict().items() if not name.endswith(_PER_TOKEN)}
    out.load_state_dict(kept, strict=False)
    known = old.get_vocab()
    with torch.no_grad():
        before = cast(torch.nn.Module, model.get_input_embeddings()).weight
        after = cast(torch.nn.Module, out.get_input_embeddings()).weight
        for token, index in new.get_vocab().items():
            spelt = [known[token]] if token in known else old.encode(token, add_special_tokens=False)
            after[index] = before[spelt].mean(dim=0)  # pyright: ignore[reportIndexIssue, reportCallIssue]
    out.generation_config = model.generation_config
    return out


def save_checkpoint(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", output: Path) -> None:
    """Writes weights (float16 safetensors), configuration and tokenizer; `model` keeps its precision."""
    import copy

    import torch

    copy.deepcopy(model).to(torch.float16).save_pretrained(output)  # pyright: ignore[reportArgumentType]
    tokenizer.save_pretrained(output)
