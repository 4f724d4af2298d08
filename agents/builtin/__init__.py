"""The built-in policy: a small causal LM of our own, its shipped checkpoints, and the demo that trains it further."""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.agents.builtin.policy import ModelOptions, new_model
    from toolgym.agents.builtin.shipped import checkpoint_path
    from toolgym.agents.builtin.tokenizer import build_tokenizer

__all__ = ["ModelOptions", "build_tokenizer", "checkpoint_path", "new_model"]

_HOME = {"ModelOptions": "policy", "build_tokenizer": "tokenizer", "checkpoint_path": "shipped", "new_model": "policy"}

__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)
