"""Training a model that no device holds whole: FSDP2, through accelerate.

    accelerate launch --config_file $(python -m toolgym.agents.training.sharding) --no_python toolgym train …

Each process holds a part of every weight. A forward pass gathers a layer at a time, and all processes take part in it:
they cannot sample turns so, of which each has its own number. Once a batch the weights are gathered into a copy of the
model instead: on each process where it samples itself, on the first one where vLLM servers do.
"""

import copy
import os
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.utils.fsdp_utils import fsdp2_canonicalize_names
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.tensor import DTensor
from torch.nn import Module, Parameter

from toolgym.errors import ConfigError

__all__ = ["CONFIG", "WholeCopy", "check_sharded", "load_whole", "sharded_launch"]

CONFIG = Path(__file__).with_name("configs") / "fsdp2.yaml"
"""What `accelerate launch --config_file` takes."""


def sharded_launch() -> bool:
    """Whether this process was launched to hold a part of a model, as `accelerate launch` says it."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def check_sharded(plugin: Any, refusing: str | None = None) -> None:
    """Raises where a run that shards its model would go wrong in the end.

    Args:
        plugin: accelerate's of FSDP.
        refusing: the trainer, where it takes no sharded model.

    Raises:
        ConfigError: it says what to set.
    """
    if refusing is not None:
        raise ConfigError(f"{refusing} takes no model that is sharded: launch it without FSDP (--multi_gpu, say)")
    if plugin.fsdp_version != 2:
        raise ConfigError(f"fsdp_version must be 2, got {plugin.fsdp_version}: take {CONFIG}")
    if "FULL_STATE_DICT" not in str(plugin.state_dict_type):
        raise ConfigError(
            f"fsdp_state_dict_type must be FULL_STATE_DICT, got {plugin.state_dict_type}: checkpoints and final/ would "
            "hold no model that can be loaded"
        )


def load_whole(model: Module, weights: dict[str, Any]) -> None:
    """Gives a model, sharded or not, weights that are whole."""
    set_model_state_dict(model, weights, options=StateDictOptions(full_state_dict=True))


class WholeCopy:
    """A model that gets its weights from one that is sharded.

    Args:
        model: the model, before it is sharded; nothing of its weights is kept.
    """

    def __init__(self, model: Module):
        empty = {
            id(weight): Parameter(torch.empty_like(weight, device="meta"), requires_grad=False)
            for weight in model.parameters()
        }
        self.model = copy.deepcopy(model, cast(dict[int, Any], {**empty}))
        for module in self.model.modules():  # what trainers put in its place is bound to the model that is trained
            module.__dict__.pop("forward", None)
        names = {id(weight): name for name, weight in self.model.named_parameters()}
        self._places = [
            (module, name, names[id(weight)])
            for module in self.model.modules()
            for name, weight in module._parameters.items()
            if weight is not None
        ]
        """Where weights belong: module, its name for the weight, the weight's name; tied ones have several places."""
        self._empty = dict(self.model.named_parameters())

    @torch.no_grad()
    def gather(
        self,
        model: Module,
        device: torch.device,
        *,
        keep: bool = True,
        to: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> Module:
        """Fills the copy with the weights of the sharded model. All processes call it.

        Args:
            model: the sharded model.
            device: of this process: where weights are gathered.
            keep: whether this process wants them; otherwise its copy stays empty.
            to: the device of the copy; None: `device`.
            dtype: of the copy's floating-point weights; None: the model's.
        """
        gathered: dict[str, Parameter] = {}
        for name, part in fsdp2_canonicalize_names(dict(model.named_parameters())).items():
            whole = cast(DTensor, part.to(device)).full_tensor() if isinstance(part, DTensor) else part.detach()
            if keep:
                wanted = dtype if dtype is not None and whole.is_floating_point() else whole.dtype
                gathered[name] = Parameter(whole.to(to or device, wanted, copy=True), requires_grad=False)
        if keep:
            self._fill(gathered)
            for module in self.model.modules():
                for name, buffer in module._buffers.items():
                    module._buffers[name] = buffer.to(to or device) if buffer is not None else None
        return self.model

    def drop(self) -> None:
        """Lets go of the weights."""
        self._fill(self._empty)

    def _fill(self, weights: dict[str, Parameter]) -> None:
        for module, name, weight in self._places:
            module._parameters[name] = weights[weight]


if __name__ == "__main__":
    print(CONFIG)
