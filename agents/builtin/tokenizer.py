"""The built-in policy's tokenizer: characters, and single tokens for tags, JSON boilerplate and tool names.

Why characters: a tool-using policy mostly *copies* ids, names and dates, and copying breaks where one value has several
tokenisations (` li` and `li`). Here every value has one: a space, a digit and a capital are tokens of their own, and no
multi-character token is likely inside a free value. Characters outside the alphabet fall back to their UTF-8 bytes, so
that `decode(encode(text)) == text` for every string of Unicode scalar values.

    python -m toolgym.agents.builtin.tokenizer --output DIR      # writes tokenizer.json and its configuration

The vocabulary comes from the fixed lists of `toolgym.agents.builtin.vocabulary`: the same file on every machine.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolgym.agents.builtin.vocabulary import END, PAD, ROLES, SPECIAL, vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["build_tokenizer"]

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' -}}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- message['content'] + '<|end|>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def build_tokenizer(words: Sequence[str] = ()) -> "PreTrainedTokenizerFast":
    """A new tokenizer from the fixed lists, and `words`; pad and end-of-turn differ, padding is on the left."""
    from tokenizers import AddedToken, Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    base, multi = vocabulary()
    ids = {token: index for index, token in enumerate([*SPECIAL, *base])}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[], byte_fallback=True))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in (*multi, *words)])
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])  # pyright: ignore[reportAttributeAccessIssue]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=list(ROLES),
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the tokenizer's files."""
    parser = argparse.ArgumentParser(
        prog="python -m toolgym.agents.builtin.tokenizer", description="Write the tokenizer."
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the files")
    options = parser.parse_args(argv)
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(options.output)
    print(json.dumps({"output": str(options.output), "tokens": len(tokenizer)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
