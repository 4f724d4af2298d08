"""An adapter's base: what the folders of its weights say of the model that they are for."""

import json
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from toolgym.agents.policies.models import BASE, adapter_base, lasting_name, load_model, model_path

__all__ = ["keep_base", "name_base"]

_CONFIG = "adapter_config.json"


def keep_base(model: Any, config: Any) -> str | None:
    """The name of the model that a run's new adapter is for, as it is found from anywhere; None without an adapter.

    Where the run began at another adapter, that is in the weights: they are written to the run's `base/`. Otherwise the
    new adapter would name the first one's base, and be loaded onto weights that it was not trained on.
    """
    if not hasattr(model, "peft_config"):
        return None
    if adapter_base(model_path(config.model)) is None:
        return lasting_name(config.model)
    folder: Path = (config.output / BASE).resolve()
    state = PartialState()
    if state.is_main_process and not (config.resume and (folder / "config.json").is_file()):
        start, tokenizer = load_model(config.model, device="cpu", dtype=getattr(torch, config.dtype))
        start.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    state.wait_for_everyone()
    return str(folder)


def name_base(folder: Path, name: str) -> None:
    """Writes into an adapter's folder which model it is for: peft writes the name as it was typed."""
    path = folder / _CONFIG
    written = json.loads(path.read_text(encoding="utf-8"))
    whole = path.with_suffix(".part")
    whole.write_text(json.dumps({**written, "base_model_name_or_path": name}, indent=2) + "\n", encoding="utf-8")
    whole.replace(path)
