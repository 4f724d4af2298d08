"""Dropout off: a policy's update must see the model that sampled."""

from typing import Any

from torch import nn

__all__ = ["without_dropout"]

_NAMES = ("drop", "jitter")
"""What is in the names of rates, of layers and of configurations, that make a model in training act by chance."""


def without_dropout(model: nn.Module) -> None:
    """Sets every dropout, layer drop and router noise of a model to 0, in its layers and its configuration.

    An episode is sampled without them; with them the update's log-probabilities would be another model's, and ratios
    differ from 1 before anything was learnt. Evaluation mode would switch them off too, but activations are recomputed
    (`--gradient-checkpointing`) in training mode only.
    """
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
        _to_zero(module)
        _to_zero(getattr(module, "config", None))  # some layers read their rates there


def _to_zero(owner: Any) -> None:
    """Sets the rates among an object's attributes to 0."""
    for name, value in dict(getattr(owner, "__dict__", {})).items():
        if isinstance(value, float) and value > 0 and any(part in name for part in _NAMES):
            setattr(owner, name, 0.0)
