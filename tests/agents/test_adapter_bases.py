"""An adapter names its base so that it is found: from any folder, and where the run's folder was moved to."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from toolgym.agents.policies.models import adapter_base, load_model, load_tokenizer
from toolgym.agents.policies.sizes import named_size
from toolgym.agents.training import registry
from toolgym.errors import ConfigError

pytestmark = pytest.mark.slow


def named(folder: Path) -> str:
    return json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]


def words(model: str, output: Path) -> list[str]:
    out = ["--model", model, "--groups", "1", "--rollouts", "2", "--steps", "1", "--max-new-tokens", "5"]
    out += ["--size", "small", "--prompt", "short", "--threads", "1", "--no-progress", "--lora-rank", "2"]
    return [*out, "--output", str(output)]


def logits(folder: Path) -> torch.Tensor:
    with torch.no_grad():
        return load_model(folder)[0](input_ids=torch.tensor([[5, 6, 7]])).logits


def test_a_base_that_was_typed_from_elsewhere_is_found(
    start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert registry.main("grpo", words("start", Path("runs/one"))) == 0
    one = tmp_path / "runs" / "one"
    assert {named(folder) for folder in (one / "final", one / "checkpoint-1")} == {start}
    here = logits(one / "final")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert torch.equal(logits(one / "final"), here)
    # A run from an adapter keeps its base inside: the folder may be moved as a whole.
    assert registry.main("grpo", words("../runs/one/final", Path("two"))) == 0
    here = logits(Path("two/final"))
    shutil.move("two", tmp_path / "moved")
    monkeypatch.chdir("/")
    assert torch.equal(logits(tmp_path / "moved" / "final"), here)
    assert adapter_base(str(tmp_path / "moved" / "checkpoint-1")) == str(tmp_path / "moved" / "base")
    # Nor is the base of a run that lies now where it was before taken for its own.
    shutil.copytree(tmp_path / "moved", tmp_path / "elsewhere" / "two")
    assert adapter_base(str(tmp_path / "moved" / "final")) == str(tmp_path / "moved" / "base")
    # As seen from the adapter's folder.
    path = one / "final" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "base_model_name_or_path": "../../../start"}))
    assert Path(adapter_base(str(one / "final")) or "").samefile(start)


@pytest.mark.parametrize("algo", ["grpo", "sft"])
def test_a_shipped_base_is_named_as_it_was(algo: str, tmp_path: Path) -> None:
    out = words("builtin:imperfect", tmp_path)
    if algo == "sft":
        out = ["--model", "builtin:imperfect", "--episodes", "2", "--batch", "2", "--steps", "1", "--threads", "1"]
        out += ["--no-progress", "--lora-rank", "2", "--output", str(tmp_path)]
    assert registry.main(algo, out) == 0
    assert named(tmp_path / "final") == "builtin:imperfect"
    load_model(tmp_path / "final")


def test_a_base_that_is_gone_is_told(start: str, tmp_path: Path) -> None:
    assert registry.main("grpo", words(start, tmp_path / "run")) == 0
    shutil.rmtree(start)
    with pytest.raises(ConfigError, match=r"the adapter '.*final' is for the model in '.*start', which is not there"):
        load_model(tmp_path / "run" / "final")


@pytest.mark.parametrize("named", [None, "", 5, ".", "../itself"])
@pytest.mark.parametrize("read", [load_model, named_size])
def test_an_adapter_that_names_no_base_is_one_error(read: Any, named: Any, start: str, tmp_path: Path) -> None:
    folder = tmp_path / "itself"
    load_tokenizer(start).save_pretrained(folder)
    held = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": named}
    (folder / "adapter_config.json").write_text(json.dumps(held))
    with pytest.raises(ConfigError, match=r"the adapter '.*itself' (names itself|says of no model)"):
        read(str(folder))
