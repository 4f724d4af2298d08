"""An adapter's base: what `final/` needs beside it where a run began at another adapter."""

from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers.utils.peft_utils import find_adapter_config_file

from toolgym.agents.builtin import checkpoint_path
from toolgym.agents.lm import load_model

__all__ = ["adapter_base", "keep_base"]


def adapter_base(path: str) -> str | None:
    """The name of the model that an adapter's folder is for; None where the path is no adapter's."""
    if find_adapter_config_file(path) is None:
        return None
    from peft import PeftConfig

    return PeftConfig.from_pretrained(path).base_model_name_or_path


def keep_base(model: Any, config: Any) -> None:
    """Writes the model that a new adapter is for to `base/`, where that is an adapter's own with it in its weights.

    Otherwise the new adapter would name the first one's base, and be loaded onto weights that it was not trained on.
    """
    if not hasattr(model, "peft_config") or adapter_base(checkpoint_path(config.model)) is None:
        return
    folder: Path = (config.output / "base").resolve()
    state = PartialState()
    if state.is_main_process and not (config.resume and (folder / "config.json").is_file()):
        start, _ = load_model(config.model, device="cpu", dtype=getattr(torch, config.dtype))
        start.save_pretrained(folder)
    state.wait_for_everyone()
    for adapter in model.peft_config.values():
        adapter.base_model_name_or_path = str(folder)
