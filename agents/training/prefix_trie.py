"""Rows that begin alike share their beginning in a forward pass: the rows of a micro-batch as a trie of tokens.

Rows are put in order (of their tokens, longest first), and each keeps only what the row before it does not have: its
*piece*. All pieces together are one sequence, in which a token attends to its ancestors and itself and has the position
that it has in its rows. A piece begins one token before its row leaves the others, so that every node has at most one
next token: a fork costs a token, and log-probabilities come from hidden states and labels as in any other pass.

    row 0: a b c d      sequence: a b c d | b e f     pieces (0, 4), (4, 7)
    row 1: a b e f      positions: 0 1 2 3 | 1 2 3     columns of row 1: 0 4 5 6

Every piece attends to the keys and values of its whole row, with a mask that is causal from the lower right: the work
of `attend` is that of the tokens that are kept, and no mask of all nodes by all nodes is held (`TrieMask`).

Shapes: B rows, L tokens of the longest one, N nodes, H heads, D their size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["Piece", "Trie", "TrieMask", "attend", "dense_mask", "lexicographic", "shared_prefixes"]


@dataclass(frozen=True)
class Piece:
    """What one row adds to the sequence."""

    start: int
    end: int
    before: int
    """How many tokens of its row come before it."""
    spans: tuple[tuple[int, int], ...]
    """The nodes of its row up to its end, the piece's own last, as ranges of the sequence."""


@dataclass(frozen=True)
class Trie:
    """Rows that share their beginnings."""

    nodes: torch.Tensor
    """Which element of the flattened rows each node is `(N,)`."""
    positions: torch.Tensor
    """The place of each node in its rows `(N,)`."""
    columns: torch.Tensor
    """The node of each row's token `(B, L)`; 0 where a row has ended."""
    pieces: tuple[Piece, ...]
    tokens: int
    """The tokens of all rows."""

    @property
    def longest(self) -> int:
        """The tokens of the longest row."""
        return self.columns.shape[1]

    @property
    def saved(self) -> float:
        """The share of the rows' tokens that need not be computed."""
        return 1.0 - len(self.nodes) / max(self.tokens, 1)


def shared_prefixes(ids_BL: torch.Tensor, lengths_B: torch.Tensor) -> Trie:
    """The trie of rows that begin at the left edge and have so many tokens; those after them do not matter.

    It is made on the CPU: one sort of the rows as strings of bytes, and one comparison of each with its neighbour.
    """
    lengths = lengths_B.cpu().numpy()
    longest = max(int(lengths.max(initial=0)), 1)
    ids = ids_BL[:, :longest].cpu().numpy()
    order = lexicographic(ids, lengths)
    lengths = lengths[order]
    common = _common(ids[order], lengths)
    # A row that the one before it has as a whole adds nothing; one that differs begins a token early.
    before = np.where(common == lengths, lengths, np.maximum(common - 1, 0))
    ends = (lengths - before).cumsum()
    starts = ends - (lengths - before)
    at = np.arange(longest)
    own = (at >= before[:, None]) & (at < lengths[:, None])
    holder = np.maximum.accumulate(np.where(at >= before[:, None], np.arange(len(order))[:, None], 0), axis=0)
    columns = (starts - before)[holder] + at
    columns[at >= lengths[:, None]] = 0
    pieces = tuple(
        Piece(int(start), int(end), int(skipped), _spans(row[:length]))
        for start, end, skipped, row, length in zip(starts, ends, before, columns, lengths, strict=True)
        if end > start
    )
    place, position = own.nonzero()
    back = np.empty_like(columns)
    back[order] = columns
    device = ids_BL.device
    return Trie(
        nodes=torch.from_numpy(order[place] * ids_BL.shape[1] + position).to(device),
        positions=torch.from_numpy(position).to(device),
        columns=torch.from_numpy(back).to(device),
        pieces=pieces,
        tokens=int(lengths.sum()),
    )


def lexicographic(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The order of rows `(B, L)` of so many tokens by their tokens, falling: a row before those that it begins with."""
    keys = [row.tobytes() for row in _padded(ids, lengths)]  # big-endian, so that bytes are in the order of tokens
    return np.array(sorted(range(len(keys)), key=keys.__getitem__, reverse=True), dtype=np.int64)


def _padded(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The rows with 0 after their ends, which no token is."""
    return np.where(np.arange(ids.shape[1]) < lengths[:, None], ids + 1, 0).astype(">u4")


def _common(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """How many tokens each row has in common with the one before it."""
    padded = _padded(ids, lengths)
    differs = padded[1:] != padded[:-1]
    first = np.where(differs.any(axis=1), differs.argmax(axis=1), ids.shape[1])
    return np.concatenate([[0], np.minimum(first, np.minimum(lengths[1:], lengths[:-1]))])


def _spans(nodes: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Nodes as ranges of neighbours."""
    breaks = np.flatnonzero(np.diff(nodes) != 1) + 1
    edges = [0, *breaks.tolist(), len(nodes)]
    return tuple((int(nodes[first]), int(nodes[last - 1]) + 1) for first, last in pairwise(edges))


# Attention -----------------------------------------------------------------------------------------------------------


class _Rows(torch.autograd.Function):
    """Ranges of the nodes (N, H, D), one after the other; gradients of a node that several have are added up."""

    @staticmethod
    def forward(ctx: Any, values_NHD: torch.Tensor, spans: Sequence[tuple[int, int]]) -> torch.Tensor:
        ctx.spans, ctx.shape = spans, values_NHD.shape
        return torch.cat([values_NHD[start:end] for start, end in spans])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        out, at = grads[0].new_zeros(ctx.shape), 0
        for start, end in ctx.spans:
            out[start:end] += grads[0][at : at + end - start]
            at += end - start
        return out, None


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    pieces: Sequence[Piece],
    bias: Callable[[torch.Tensor, int, int], torch.Tensor],
    **options: Any,
) -> torch.Tensor:
    """Attention of nodes `(1, H, N, D)` to their ancestors and themselves.

    `bias` gives the mask of the last tokens of a row of so many, of the query's type: causal from the lower right.
    """
    spans = [span for piece in pieces for span in piece.spans]
    lengths = [piece.before + piece.end - piece.start for piece in pieces]
    keys, values = (_Rows.apply(x[0].transpose(0, 1), spans).split(lengths) for x in (key, value))
    out = [
        scaled_dot_product_attention(
            query[:, :, piece.start : piece.end],
            keys[at].transpose(0, 1)[None],
            values[at].transpose(0, 1)[None],
            attn_mask=bias(query, piece.before, lengths[at]) if piece.before else None,
            is_causal=piece.before == 0,
            **options,
        )
        for at, piece in enumerate(pieces)
    ]
    return torch.cat(out, dim=2)


class TrieMask(torch.Tensor):
    """A mask of nodes by nodes `(1, 1, N, N)` that holds no such numbers: `scaled_dot_product_attention` does `attend`.

    Whatever else is done with it sees a mask of ones.
    """

    pieces: tuple[Piece, ...]
    longest: int
    _triangles: dict[torch.dtype, torch.Tensor]

    @staticmethod
    def of(trie: Trie) -> "TrieMask":
        """The mask of a trie."""
        count = len(trie.nodes)
        ones = torch.ones((), dtype=torch.bool, device=trie.nodes.device).expand(1, 1, count, count)
        out = ones.as_subclass(TrieMask)
        out.pieces, out.longest, out._triangles = trie.pieces, trie.longest, {}
        return out

    def bias(self, query: torch.Tensor, before: int, length: int) -> torch.Tensor:
        """See `attend`. All masks of a pass are parts of one triangle: what is kept for gradients is that one.

        On a GPU no mask is held at all: its kernels know this one.
        """
        if query.is_cuda:
            return causal_lower_right(length - before, length)
        if query.dtype not in self._triangles:
            whole = torch.full((self.longest, self.longest), -torch.inf, dtype=query.dtype, device=query.device)
            self._triangles[query.dtype] = whole.triu_(1)
        return self._triangles[query.dtype][before:length, :length]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        mask = kwargs.get("attn_mask")
        if func is scaled_dot_product_attention and isinstance(mask, TrieMask):
            del kwargs["attn_mask"]
            kwargs.pop("is_causal", None)
            query, key, value = args
            return attend(query, key, value, mask.pieces, mask.bias, **kwargs)
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)


def dense_mask(trie: Trie, dtype: torch.dtype) -> torch.Tensor:
    """The same mask in numbers, to be added to scores `(1, 1, N, N)`: 0 or the lowest."""
    count, device = len(trie.nodes), trie.nodes.device
    out = torch.full((count, count), torch.finfo(dtype).min, dtype=dtype, device=device)
    for piece in trie.pieces:
        own = torch.arange(piece.end - piece.start, device=device)
        rows = out[piece.start : piece.end]
        for start, end in piece.spans[:-1]:
            rows[:, start:end] = 0.0
        first = piece.spans[-1][0]  # it may begin with nodes of others, which are all ancestors
        rows[:, first : piece.start] = 0.0
        rows[:, piece.start : piece.end].masked_fill_(own <= own[:, None], 0.0)
    return out[None, None]
