"""Words of a domain that the built-in tokenizer would spell: each becomes a token, and episodes are shorter.

What many episodes hold is of the domain: keys of arguments and results, tools, the words of requests and plans. What
few hold is a value (a name, a title, a place), and values are spelt in characters, in one way (see `vocabulary`).
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["domain_words"]

_PIECE = re.compile(r'[,{]?"[a-z_0-9]+": ?["\[{]?| ?[A-Za-z_]{4,}(?![a-z])')
"""A key with what stands around it, or a word of four letters or more."""


def domain_words(texts: Iterable[str], tokenizer: "PreTrainedTokenizerBase", share: float = 0.03) -> list[str]:
    """Keys and words that at least `share` of the texts hold and that are no token of `tokenizer` yet, sorted."""
    texts = list(texts)
    counts = Counter(piece for text in texts for piece in set(_PIECE.findall(text)))
    common = (piece for piece, count in counts.items() if count >= share * len(texts) and len(piece) >= 4)
    return sorted(piece for piece in common if len(tokenizer.encode(piece, add_special_tokens=False)) > 1)
