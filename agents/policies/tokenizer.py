"""Text and tokens of any tokenizer: what it can take, and where each token's characters end."""

import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["scalar_text", "token_ends"]

_SURROGATE = re.compile("[\ud800-\udfff]")

_BROKEN = "\ufffd"


def scalar_text(text: str) -> str:
    """The text with lone surrogates (which no UTF-8 tokenizer takes) replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text) if _SURROGATE.search(text) else text


def token_ends(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> tuple[str, list[int]]:
    """The decoded text of `ids`, special tokens included, and for each token where its characters end in it.

    Decodes a short window a token, as one token alone may be a part of a character: such a token ends where the one
    before it did, and the token that completes the character ends after it.
    """

    def decode(some: list[int]) -> str:
        return cast(str, tokenizer.decode(some, skip_special_tokens=False))

    whole, ends = decode(ids), []
    length, first, known = 0, 0, 0
    for index in range(len(ids)):
        piece = decode(ids[first : index + 1])
        if piece.endswith(_BROKEN) and index + 1 - first < 8:
            ends.append(min(length, len(whole)))
            continue
        length += max(len(piece) - known, 0)
        ends.append(min(length, len(whole)))
        # One token of context stays in the window, for tokenizers that decode the first token differently.
        last = decode(ids[index : index + 1])
        first, known = (index + 1, 0) if last.endswith(_BROKEN) else (index, len(last))
    if ends:
        ends[-1] = len(whole)
    return whole, ends
