"""How long a context may be before a model treats it otherwise: what its configuration says of windows."""

import re
from typing import Any, NamedTuple

__all__ = ["Reach", "attends_everywhere", "reach_of"]

_WINDOW = re.compile(
    r"(sliding_|attention_|attn_|local_|local_attention_|keep_)?window(_size|_len|_length)?"
    r"|(attention_|attn_|local_attn_)chunk_(size|length)|local_attention|index_topk"
)
"""Names under which configurations keep how far a layer looks back."""
_EVERYWHERE = ("full_attention", "attention", "global")
_WINDOWED = ("sliding_attention", "chunked_attention", "local")
_BY_LAYER = ("sliding_window", "attention_chunk_size", "window_size")
"""What matters to the layers alone whose kind is a windowed one, where a configuration says each layer's kind."""
_OWN = ("max_position_embeddings", "max_seq_len")
"""Names under which configurations keep the longest context of all."""
_CHANGING = ("longrope",)
"""Kinds of rotary positions that are others for all tokens once a context is long."""


class Reach(NamedTuple):
    """Up to where a context is treated alike."""

    tokens: int
    said: str
    """What in the configuration says so."""
    own: bool = False
    """Whether the model takes no longer context at all."""


def attends_everywhere(config: Any) -> list[str]:
    """The kinds of layers that have no keys and values of every token, or none that a context of any length keeps."""
    return sorted({kind for kind in _kinds(config) if kind not in (*_EVERYWHERE, *_WINDOWED)})


def reach_of(config: Any) -> Reach | None:
    """The longest context in which every token sees all tokens before it, at positions that stay; None: any.

    Beyond it a model attends through windows or with other positions, which tokens that are sampled from a cache do not
    show. The model's own limit (`max_position_embeddings`) is one such length.

    Args:
        config: of the text model.
    """
    found = [Reach(tokens, f"{name}={tokens}") for name, tokens in _windows(config)]
    found += [Reach(tokens, f"original_max_position_embeddings={tokens} ({kind})") for kind, tokens in _ropes(config)]
    own = ((name, getattr(config, name, None)) for name in _OWN)
    found += [Reach(tokens, f"{name}={tokens}", own=True) for name, tokens in own if tokens]
    return min(found, default=None, key=lambda reach: (reach.tokens, not reach.own))


def _kinds(config: Any) -> list[str]:
    """The kind of each layer, where the configuration says it (GPT-Neo calls them `attention_layers`)."""
    return list(getattr(config, "layer_types", None) or getattr(config, "attention_layers", None) or [])


def _windows(config: Any) -> list[tuple[str, int]]:
    kinds = _kinds(config)
    out: list[tuple[str, int]] = []
    for name, value in config.to_dict().items():
        idle = name in _BY_LAYER and kinds and not any(kind in _WINDOWED for kind in kinds)
        switched_off = name.startswith("sliding_window") and getattr(config, "use_sliding_window", True) is False
        if not _WINDOW.fullmatch(name) or idle or switched_off:
            continue
        values = value if isinstance(value, list | tuple) else [value]
        out += [(name, number) for number in values if isinstance(number, int) and number > 0]
    return out


def _ropes(config: Any) -> list[tuple[str, int]]:
    """Kind of rotary positions, and the length beyond which they are others."""
    given = getattr(config, "rope_parameters", None) or {}
    each = [given, *(value for value in given.values() if isinstance(value, dict))]
    out = []
    for rope in each:
        first = rope.get("original_max_position_embeddings") or getattr(config, "original_max_position_embeddings", 0)
        if rope.get("rope_type") in _CHANGING and first:
            out.append((rope["rope_type"], first))
    return out
