"""Model folders that cannot be loaded: a line that says why, and exit status 2, in `eval` and in `train`."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from toolgym.agents.policies.models import check_vocabulary, load_model
from toolgym.cli.app import main
from toolgym.errors import ConfigError

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"


def edit(name: str, **changes: Any) -> Callable[[Path], None]:
    """Changes values of a JSON file; None takes one out."""

    def change(folder: Path) -> None:
        values = json.loads((folder / name).read_text()) | changes
        kept = {key: value for key, value in values.items() if value is not None}
        (folder / name).write_text(json.dumps(kept))

    return change


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


def remove(*names: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return change


def weights(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        held = load_file(folder / WEIGHTS)
        change(held)
        save_file(held, folder / WEIGHTS, {"format": "pt"})

    return changed


def cut(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def index(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    names = {"model.norm.weight": "model-00001-of-00002.safetensors"}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))


def broken_index(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / f"{WEIGHTS}.index.json").write_bytes(b"{")


def pickle(content: bytes) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        (folder / WEIGHTS).unlink()
        (folder / "pytorch_model.bin").write_bytes(content)

    return changed


def nan(held: dict[str, torch.Tensor]) -> None:
    held["model.norm.weight"][0] = float("nan")


def other_shape(held: dict[str, torch.Tensor]) -> None:
    held["model.norm.weight"] = torch.ones(7)


def more_tokens(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["quite_another_word"])
    tokenizer.save_pretrained(folder)


def quantised(method: str, **more: Any) -> Callable[[Path], None]:
    return edit(CONFIG, quantization_config={"quant_method": method, **more})


def no_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    edit("tokenizer_config.json", chat_template=None)(folder)


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no weights": (remove(WEIGHTS), "model.safetensors"),
    "empty weights": (write(WEIGHTS, b""), "SafetensorError"),
    "cut weights": (cut, "SafetensorError"),
    "weights that are none": (write(WEIGHTS, b"x" * 1000), "SafetensorError"),
    "weights without tensors": (weights(lambda held: held.clear()), "have no weights"),
    "a weight that is missing": (weights(lambda held: held.__delitem__("model.norm.weight")), "model.norm.weight"),
    "a weight of another shape": (weights(other_shape), "shape|size"),
    "weights that are NaN": (weights(nan), "NaN"),
    "an empty pickle": (pickle(b""), "pytorch_model.bin|EOFError|Error"),
    "a broken pickle": (pickle(b"PK\x03\x04junk" * 10), "Error"),
    "an index of absent shards": (index, "model-00001-of-00002.safetensors"),
    "a broken index": (broken_index, ""),
    "no configuration": (remove(CONFIG), "config.json"),
    "an empty configuration": (write(CONFIG, b"{}"), "model_type"),
    "a broken configuration": (write(CONFIG, b"{"), "config.json|JSON"),
    "a configuration that is a list": (write(CONFIG, b"[]"), "Error|config"),
    "a configuration that is no text": (write(CONFIG, b"\xff\xfe\x00"), "config|decode"),
    "an unknown architecture": (edit(CONFIG, model_type="nonesuch", architectures=["None"]), "nonesuch"),
    "an encoder": (edit(CONFIG, model_type="clip", architectures=["CLIPModel"]), "clip|CLIP"),
    "a size that is none": (edit(CONFIG, hidden_size="many"), "hidden_size"),
    "sizes that do not fit": (edit(CONFIG, num_attention_heads=7), ""),
    "no tokenizer": (remove(TOKENIZER), "tokenizer"),
    "no tokenizer files at all": (remove(TOKENIZER, "tokenizer_config.json"), "tokenizer"),
    "a broken tokenizer": (write(TOKENIZER, b"{"), ""),
    "a tokenizer of another kind": (write(TOKENIZER, b'{"model": {"type": "None"}}'), ""),
    "a broken tokenizer configuration": (write("tokenizer_config.json", b"{"), "tokenizer_config.json|JSON|Expecting"),
    "a tokenizer that is larger": (more_tokens, "embeddings have none: quite_another_word"),
    "no chat template": (no_template, "no chat template"),
    "a template that is none": (write("chat_template.jinja", b"{% if %}"), "chat template"),
    "bitsandbytes": (quantised("bitsandbytes", load_in_8bit=True), "bitsandbytes"),
    "gptq": (quantised("gptq", bits=4, group_size=8), "gptq|optimum"),
    "awq": (quantised("awq", bits=4, group_size=8), "awq|gptqmodel"),
    "compressed tensors": (quantised("compressed-tensors", config_groups={}, format="pack-quantized"), "compressed"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("command", ["eval", "train"])
@pytest.mark.parametrize(("breaks", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_folder_that_cannot_be_loaded(
    breaks: Callable[[Path], None], said: str, command: str, start: str, tmp_path: Path, capsys: Any
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(start, folder)
    breaks(folder)
    given = ["eval", "--agent", f"hf:{folder}", "-n", "1", "--set", "size=small", "--set", "prompt=short"]
    if command == "train":
        given = ["train", "--algo", "grpo", "--model", str(folder), "--size", "small", "--prompt", "short"]
        given += ["--steps", "1", "--groups", "1", "--rollouts", "2", "--max-new-tokens", "4", "--threads", "1"]
        given += ["--no-progress", "--output", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert re.search(said, line), line
    assert len(line) < 900


def test_markers_that_no_text_can_hold_may_lie_behind_the_embeddings(start: str) -> None:
    """As an image's in the tokenizer of a text model; one that the chat template writes may not."""
    model, tokenizer = load_model(start)
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    check_vocabulary(model, tokenizer)
    tokenizer.chat_template = str(tokenizer.chat_template) + "<image>"
    with pytest.raises(ConfigError, match="embeddings have none: <image>; take the tokenizer"):
        check_vocabulary(model, tokenizer)


def test_a_folder_that_is_not_there_is_said() -> None:
    for name in ("/gone/final", "./gone", "runs/gone/final"):
        with pytest.raises(ConfigError, match=f"'{name}': there is no such folder.*builtin:clean"):
            load_model(name)
