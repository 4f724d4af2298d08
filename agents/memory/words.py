"""Texts found by their words: BM25 (Robertson and Zaragoza 2009), as the package bm25s computes it."""

import re
from collections.abc import Collection, Sequence

import numpy as np

__all__ = ["TextIndex", "words"]

_K1, _B = 1.5, 0.75
"""BM25's usual constants."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
"""A run of letters; capitals within a word begin a new one. Digits are ids, dates and amounts: no two requests share
them."""


def words(text: str) -> list[str]:
    """The words of a text or an identifier, in small letters, in order."""
    return [found.lower() for found in _WORD.findall(text)]


class TextIndex:
    """An index over texts, each known by its place in the sequence."""

    def __init__(self, texts: Sequence[str]):
        import bm25s

        self._bm25 = None
        corpus = [words(text) for text in texts]
        if any(corpus):
            self._bm25 = bm25s.BM25(k1=_K1, b=_B, method="lucene")
            self._bm25.index(corpus, show_progress=False)

    def best(self, text: str, k: int, among: Collection[int] | None = None) -> list[tuple[int, float]]:
        """The (place, score) of the `k` texts most like a text, the best first, equal ones in their order; fewer where
        fewer share a word with it.

        Args:
            text: what is looked for.
            k: at most how many.
            among: only texts at these places.
        """
        asked = words(text)
        if self._bm25 is None or not asked:
            return []
        scores = self._bm25.get_scores(asked)
        places = np.flatnonzero(scores > 0)
        if among is not None:
            places = places[np.isin(places, np.fromiter(among, dtype=np.int64))]
        order = places[np.argsort(-scores[places], kind="stable")][:k]
        return [(int(place), float(scores[place])) for place in order]
