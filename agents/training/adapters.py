"""An adapter's base: what `final/` needs beside it where a run began at another adapter."""

from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from toolgym.agents.policies.models import adapter_base, load_model, model_path

__all__ = ["keep_base"]


def keep_base(model: Any, config: Any) -> None:
    """Writes the model that a new adapter is for to `base/`, where that is an adapter's own with it in its weights.

    Otherwise the new adapter would name the first one's base, and be loaded onto weights that it was not trained on.
    """
    if not hasattr(model, "peft_config") or adapter_base(model_path(config.model)) is None:
        return
    folder: Path = (config.output / "base").resolve()
    state = PartialState()
    if state.is_main_process and not (config.resume and (folder / "config.json").is_file()):
        start, _ = load_model(config.model, device="cpu", dtype=getattr(torch, config.dtype))
        start.save_pretrained(folder)
    state.wait_for_everyone()
    for adapter in model.peft_config.values():
        adapter.base_model_name_or_path = str(folder)
