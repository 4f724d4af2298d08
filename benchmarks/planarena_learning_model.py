"""The learner's attention: half of the heads look for what stood *before* a token.

To copy a name is to find where what was just written stood before, and to write what came after it. A transformer needs
two layers for that, and most of a short training until the first has learnt to tell the second what came before each
token. Here the keys of half of the heads are moved on by one position: a token is found by the one before it, from the
first step on. Nothing else differs from the built-in policy's architecture, and there is no parameter more.

Source of the idea: "smeared keys" (Olsson et al. 2022, "In-context learning and induction heads").
"""

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

__all__ = ["with_shifted_keys"]

_NAME = "toolgym_shifted_keys"


def _attend(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, **kwargs: Any
) -> tuple[torch.Tensor, None]:
    """Attention, the first half of the key-value heads with keys moved on by one position.

    Shapes: query (B, heads, Q, D), key and value (B, key-value heads, T, D).
    """
    half = key.shape[1] // 2
    moved = torch.cat([key[:, :half, :1], key[:, :half, :-1]], dim=2)
    return sdpa_attention_forward(module, query, torch.cat([moved, key[:, half:]], dim=1), value, mask, **kwargs)


def with_shifted_keys(model: PreTrainedModel) -> PreTrainedModel:
    """The model with that attention."""
    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    model.set_attn_implementation(_NAME)
    return model
