"""`ToolIndex`: tools by what they say of themselves, found by words, by meaning, or by both."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
import orjson

from toolgym.mcp.session import ToolSpec
from toolgym.retrieval.feeding import Feeding
from toolgym.retrieval.words import tool_words, words

__all__ = ["Changes", "Encoder", "Query", "ToolIndex", "definition"]

Encoder = Callable[[Sequence[str]], np.ndarray]
"""Texts -> their vectors of length 1, (number of texts, dimensions)."""

_K1, _B = 1.5, 0.75
"""BM25's usual constants."""
_RRF = 60
"""Reciprocal rank fusion's constant (Cormack and others, 2009)."""
_DEPTH = 200
"""How far down a ranking counts in a fusion."""


@dataclass(frozen=True, slots=True)
class Query:
    """One thing that is looked for, and how much its ranking counts beside others'."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Changes:
    """What a synchronisation did: names, sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def definition(tool: ToolSpec) -> bytes:
    """A digest of what a model is told of a tool: equal as long as that is."""
    told = [tool.name, tool.description, tool.input_schema, tool.output_schema]
    return blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


class ToolIndex:
    """An index over tools, each known by its name.

    The ranking of a query is BM25's over the words of names, descriptions and parameters, beside that by cosine where
    there is an encoder; rankings are fused by their reciprocal ranks. Equal scores stand in the order of names, so that
    nothing depends on the order in which tools came.

    Args:
        tools: the first ones.
        encoder: embeds texts; None: words alone.
        by_words: whether words count; an index has them or an encoder, or both.
        vectors: what the encoder made of tools, by name, where it is known.
    """

    def __init__(
        self,
        tools: Iterable[ToolSpec] = (),
        encoder: Encoder | None = None,
        by_words: bool = True,
        vectors: Mapping[str, np.ndarray] | None = None,
    ):
        self._encoder, self._by_words = encoder, by_words
        self._tools: dict[str, ToolSpec] = {}
        self._definitions: dict[str, bytes] = {}
        self._words: dict[str, list[str]] = {}
        self._vectors = dict(vectors or {})
        self._built: _Built | None = None
        self.sync(tools)

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    @property
    def tools(self) -> dict[str, ToolSpec]:
        """The tools by name, which nobody changes."""
        return self._tools

    @property
    def vectors(self) -> dict[str, np.ndarray]:
        """The vectors of the tools that have been embedded, by name, which nobody changes."""
        return self._vectors

    def prepare(self) -> None:
        """Builds what searches need, which the first search does otherwise."""
        self._ready()

    def copy(self) -> "ToolIndex":
        """An index of the same tools that is synchronised by itself; what was made of unchanged tools is shared."""
        twin = ToolIndex((), self._encoder, self._by_words)
        twin._tools, twin._definitions = self._tools.copy(), self._definitions.copy()
        twin._words, twin._vectors, twin._built = self._words.copy(), self._vectors.copy(), self._built
        return twin

    def sync(self, tools: Iterable[ToolSpec]) -> Changes:
        """Makes the index one of exactly these tools; of two with one name the first counts.

        Only what has another definition than before is read anew (ScaleMCP's synchronisation by hashes).
        """
        listed: dict[str, ToolSpec] = {}
        for tool in tools:
            listed.setdefault(tool.name, tool)
        digests = {
            name: self._definitions[name] if self._tools.get(name) is tool else definition(tool)
            for name, tool in listed.items()
        }
        changes = Changes(
            tuple(sorted(digests.keys() - self._definitions.keys())),
            tuple(sorted(name for name in digests if self._definitions.get(name, digests[name]) != digests[name])),
            tuple(sorted(self._definitions.keys() - digests.keys())),
        )
        self._tools, self._definitions = listed, digests
        if changes:
            for name in (*changes.changed, *changes.removed):
                del self._words[name]
                self._vectors.pop(name, None)
            for name in (*changes.added, *changes.changed):
                self._words[name] = tool_words(listed[name])
            self._built = None
        return changes

    def search(
        self,
        queries: Sequence[Query],
        k: int,
        among: Collection[str] | None = None,
        feeders: bool | Literal["extra"] = True,
        beside: Sequence[Query] = (),
    ) -> list[str]:
        """The names of the best tools for all the queries together, the best first.

        The rankings of the queries are fused: a tool's score is the sum of weight / (60 + rank).

        Args:
            queries: what is looked for.
            k: at most how many; fewer where fewer share a word.
            among: only tools of these names.
            feeders: whether each tool is followed by those that feed it (`Feeding`): for each of its parameters the one
                that shows more, the source, and the sources of that; always the one that is most like the tool that it
                feeds, and the queries. They count among the `k`; `extra`: they come behind them.
            beside: what is known besides: tools that share a word with a query get these ones' scores too, times their
                weights.
        """
        built = self._ready()
        allowed = (
            None if among is None else np.fromiter((name in among for name in built.names), bool, len(built.names))
        )
        fused, direct = np.zeros(len(built.names)), np.zeros(len(built.names))
        more = [(query.weight, built.scores(words(query.text))) for query in beside]
        for query in queries:
            for scores in self._scores(built, query.text, direct, query.weight, more):
                order = _best(scores if allowed is None else np.where(allowed, scores, 0.0), _DEPTH)
                fused[order] += query.weight / (_RRF + 1 + np.arange(len(order)))
        feeding = _Feeders(built, self._words, direct, allowed)
        best = [int(place) for place in _best(fused, k)]
        if feeders == "extra":
            found = dict.fromkeys([*best, *(other for place in best for other in feeding.of(place))])
            return [built.names[place] for place in found]
        found = {}
        for place in best:
            if len(found) >= k:
                break
            found.setdefault(place)
            if feeders:
                found |= dict.fromkeys(feeding.of(place))
        return [built.names[place] for place in list(found)[:k]]

    def _scores(
        self,
        built: "_Built",
        text: str,
        direct: np.ndarray,
        weight: float,
        more: Sequence[tuple[float, np.ndarray | None]],
    ) -> list[np.ndarray]:
        """A query's scores of all tools, by words and by meaning: above 0 they count. The former go to `direct` too."""
        out: list[np.ndarray] = []
        scores = built.scores(words(text)) if self._by_words else None
        if scores is not None:
            matched = scores > 0
            for share, others in more:
                scores = scores if others is None else scores + share * others
            out.append(np.where(matched, scores, 0.0))
            direct += weight * out[0]
        if self._encoder is not None and len(built.names):
            out.append(built.vectors @ self._encoder([text])[0])
        return out

    def _ready(self) -> "_Built":
        if self._built is None:
            names = sorted(self._tools)
            self._built = _Built(names, self._tools, self._words, self._embedded(names))
        return self._built

    def _embedded(self, names: Sequence[str]) -> np.ndarray:
        if self._encoder is None or not names:
            return np.zeros((0, 0))
        new = [name for name in names if name not in self._vectors]
        if new:
            texts = [f"{' '.join(words(name))}: {self._tools[name].description}" for name in new]
            self._vectors.update(zip(new, self._encoder(texts), strict=True))
        return np.stack([self._vectors[name] for name in names])


class _Built:
    """What is searched: made anew where a tool changed, because a word's weight depends on all tools.

    Args:
        names: of the tools, sorted.
        tools: by name.
        texts: their words, by name.
        vectors: theirs in the order of `names`, where there are any.
    """

    def __init__(
        self,
        names: list[str],
        tools: Mapping[str, ToolSpec],
        texts: Mapping[str, Sequence[str]],
        vectors: np.ndarray,
    ):
        import bm25s  # takes half a second

        self.names, self.vectors = names, vectors
        self.feeding = Feeding(names, tools)
        self._ids: dict[str, int] = {}
        known = self._ids
        rows = [[known.setdefault(word, len(known)) for word in texts[name]] for name in names]
        self._bm25: Any = bm25s.BM25(k1=_K1, b=_B, method="lucene", dtype="float64", csc_backend="numpy")
        if known:
            self._bm25.index((rows, known), create_empty_token=False, show_progress=False)

    def scores(self, told: Iterable[str]) -> np.ndarray | None:
        """BM25's scores of all tools for some words, each of which counts once; None where no tool has any of them."""
        ids = sorted({self._ids[word] for word in told if word in self._ids})
        return self._bm25.get_scores_from_ids(ids) if ids else None


class _Feeders:
    """What feeds tools, in one search.

    Args:
        built: what is searched.
        texts: the words of all tools, by name.
        direct: the queries' scores of all tools.
        allowed: which tools may be found; None: all.
    """

    def __init__(
        self, built: _Built, texts: Mapping[str, Sequence[str]], direct: np.ndarray, allowed: np.ndarray | None
    ):
        self._built, self._texts, self._direct, self._allowed = built, texts, direct, allowed
        self._alike: dict[int, np.ndarray] = {}

    def of(self, place: int) -> list[int]:
        """What shows more of what a tool is about, the sources of its parameters, and the sources of theirs."""
        found = self._fillers(place, sources=False)
        for source in self._fillers(place, sources=True):
            found += [source, *self._fillers(source, sources=True)]
        return found

    def _fillers(self, place: int, sources: bool) -> list[int]:
        """For each parameter of a tool the best that fills it: a source, or one that is none."""
        found: list[int] = []
        for name, kind in self._built.feeding.parameters(place).items():
            places = self._built.feeding.of(name, kind)[0 if sources else 1]
            places = places[places != place]
            if self._allowed is not None:
                places = places[self._allowed[places]]
            if len(places):
                found.append(int(places[np.argmax(self._like(place)[places])]))
        return found

    def _like(self, place: int) -> np.ndarray:
        """How much all tools are like one, and what is looked for."""
        if place not in self._alike:
            own = self._built.scores(self._texts[self._built.names[place]])
            self._alike[place] = self._direct if own is None else np.add(own, self._direct, out=own)
        return self._alike[place]


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    """The places of the `k` highest scores above 0, the highest first, equal ones in their order."""
    places = np.flatnonzero(scores > 0)
    if len(places) > k:
        least = np.partition(scores[places], len(places) - k)[len(places) - k]
        places = places[scores[places] >= least]
    return places[np.argsort(-scores[places], kind="stable")][:k]
