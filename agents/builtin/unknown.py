"""Requests with words that a policy cannot know: some of the words that carry little are others, dropped or joined.

A policy that has seen a few hundred words of requests takes every other one for a sign. `with_unknown_words` shows it
many others in training, so that it looks for what counts: ids, names, dates, fields, what is compared.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from toolgym.agents.rollouts.demonstrations import Example

__all__ = ["LITTLE", "with_unknown_words"]

LITTLE = """
    a about Afterwards after After also Also am and And are at be besides Besides Book book by can Can could do from
    for Get has have Hello here Hi I if in is it Kindly kindly like look looking make me mine my need Next of on or
    Please please Put put should talk talking tell Tell than that the Then then there this This to up use Use want what
    What when When which Which while will with would you
"""
"""Words of requests that others could stand for."""

_WORD = re.compile(r"(?<![\w|-])[A-Za-z]+(?![\w|-])")
"""A whole word: no part of an id, and no role."""
_LETTERS = "aaabcddeeeefghiiiklmnnooprrssttuvw"


def _word(rng: np.random.Generator) -> str:
    return "".join(_LETTERS[i] for i in rng.integers(0, len(_LETTERS), int(rng.integers(2, 9))))


def with_unknown_words(
    examples: Sequence["Example"],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    seed: int,
    share: float = 0.4,
    rate: float = 0.3,
) -> list["Example"]:
    """The sequences; in `share` of them, `rate` of the request's words that carry little are others.

    Of four such words one gets a neighbour that is no word, one is dropped, one is another of them, one is no word. The
    request is the part before the policy's first token, which carries no loss.
    """
    from toolgym.agents.rollouts.demonstrations import Example

    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    words = sorted(set(LITTLE.split()))

    def other(match: re.Match[str]) -> str:
        if match[0] not in words or rng.random() >= rate:
            return match[0]
        kind = rng.integers(4)
        if kind == 0:
            return f"{match[0]} {_word(rng)}"
        return "" if kind == 1 else words[rng.integers(len(words))] if kind == 2 else _word(rng)

    made = []
    for example in examples:
        if rng.random() >= share:
            made.append(example)
            continue
        first = example.mask.index(1)
        request = str(tokenizer.decode(example.ids[:first]))
        ids = tokenizer.encode(_WORD.sub(other, request).replace("  ", " "), add_special_tokens=False)
        made.append(Example(ids + example.ids[first:], [0] * len(ids) + example.mask[first:]))
    return made
