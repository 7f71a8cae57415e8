"""Sparse attention patterns as data: which keys each query of an attention sees.

Obeys the ``window_attention`` contract of ``tandem-trace/1``. The keys are the tokens 0 to ``seq_len`` - 1;
query ``i`` stands at token ``t = i + q_offset``. Each query has a *window*, which is one of three:

* **bands**: key ``j`` if ``j - t`` is an offset of some band ``[low, high, dilation]``, that is ``low,
  low + dilation, ..., high``, both ends included. What lies before the first or after the last key does not
  exist. A *clamped* band is moved inward at both ends instead, so that each query has as many keys (NATTEN);
  with a dilation, among the tokens of its residue;
* a **box** on a grid of height × width tokens, row by row: ``[[low_y, high_y], [low_x, high_x]]``, cut off at
  the edges of the image, or clamped. Tokens outside the grid come first in the sequence and must be global:
  grid token ``(y, x)`` has the index ``outside + y * width + x``;
* **blocks**: a list of blocks of keys for each block of queries.

`chunks` cut the window: a query sees keys of its own chunk and of some around it alone. Beside its window, a
query sees every `sink_tokens` and every `global_tokens`, and a query that stands at a global token sees every
key. `causal` cuts all of this: no key after ``t``. A pair counts once, however many rules admit it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tandemsim.traces.bands import Band, as_bands
from tandemsim.traces.cuts import Cuts
from tandemsim.traces.disjoint import disjoint
from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.pairs import count_pairs, find_empty
from tandemsim.traces.pattern_parts import Blocks, Chunks, PatternParts, as_blocks, as_chunks
from tandemsim.traces.pattern_rules import check_parts, check_positive
from tandemsim.traces.pattern_statement import Attrs, Dims, attrs_of, dims_of, stated_as, stated_fields
from tandemsim.traces.window_bands import BandWindow
from tandemsim.traces.window_blocks import BlockWindow
from tandemsim.traces.window_box import BoxWindow, Side
from tandemsim.traces.window_clamped import ClampedWindow
from tandemsim.traces.windows import Window

__all__ = ["Band", "Blocks", "Chunks", "Pattern"]

Ints = NDArray[np.int64]


class _WindowOp(Protocol):
    """What a pattern reads of an op."""

    @property
    def dims(self) -> Dims: ...
    @property
    def attrs(self) -> Attrs: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern(PatternParts):
    """The pairs (query, key) that an attention computes. Immutable and hashable.

    `grid` and `window_2d` come together, and without `bands`; so does `blocks`. Raises `TraceError` for what
    breaks a rule, and where one of the fields from `q_len` on is used and a query sees no key.
    """

    def __post_init__(self) -> None:
        # Rows of a list or a tuple are bands too: a pattern is hashable whatever it was made of.
        object.__setattr__(self, "bands", as_bands(self.bands))
        object.__setattr__(self, "global_tokens", tuple(self.global_tokens))
        object.__setattr__(self, "sink_tokens", tuple(self.sink_tokens))
        object.__setattr__(self, "q_len", self.q_len or self.seq_len)
        if self.chunks is not None:
            object.__setattr__(self, "chunks", as_chunks(self.chunks))
        if self.blocks is not None:
            object.__setattr__(self, "blocks", as_blocks(self.blocks))
        check_parts(self)
        if self.is_extended and len(empty := self.empty_queries(1)):
            field = "blocks" if self.blocks is not None else "bands"
            raise TraceError(f"must let each query see a key, and query {empty[0]} sees none", field=field)

    @classmethod
    def sliding(cls, seq_len: int, window: int) -> Pattern:
        """`window` keys around each query; of an even number, one more before it than after it."""
        return cls.dilated(seq_len, window, 1)

    @classmethod
    def dilated(cls, seq_len: int, window: int, dilation: int) -> Pattern:
        """`window` keys around each query, `dilation` tokens apart; of an even number, one more before it."""
        return cls(seq_len=seq_len, bands=(_centered(window, dilation),))

    @classmethod
    def longformer(cls, seq_len: int, window: int, global_tokens: Iterable[int] = (0,)) -> Pattern:
        """Longformer (arXiv 2004.05150): the query and `window` // 2 keys on each side (512: 513 keys)."""
        check_positive(window=window)
        band = Band(-(window // 2), window // 2, 1)
        return cls(seq_len=seq_len, bands=(band,), global_tokens=tuple(global_tokens))

    @classmethod
    def vil(cls, height: int, width: int, window: int, outside: int = 1) -> Pattern:
        """Vision Longformer (arXiv 2103.15358), exact: `window` × `window` patches around each query.

        `outside` global tokens stand before the `height` × `width` patches.
        """
        low, high, _ = _centered(window, 1)
        return cls(
            seq_len=outside + height * width,
            global_tokens=tuple(range(outside)),
            grid=(height, width),
            window_2d=((low, high), (low, high)),
        )

    @classmethod
    def star(cls, seq_len: int) -> Pattern:
        """Star-Transformer (arXiv 1902.09113): token 0 is the global relay, the others see both neighbors.

        They form a ring, which two bands of one offset each close between its first and its last token.
        """
        around = seq_len - 2
        closing = (Band(-around, -around, 1), Band(around, around, 1)) if around > 1 else ()
        return cls(seq_len=seq_len, bands=(Band(-1, 1, 1), *closing), global_tokens=(0,))

    @classmethod
    def strided_sparse(cls, seq_len: int, local: int, stride: int) -> Pattern:
        """Sparse Transformer, strided and causal (arXiv 1904.10509).

        A query sees itself, the `local` keys before it, and every `stride`-th key before it.
        """
        check_positive(seq_len=seq_len, local=local, stride=stride)
        furthest = (seq_len - 1) // stride * stride
        columns = Band(-furthest, 0, stride)
        return cls(seq_len=seq_len, bands=(Band(-min(local, seq_len - 1), 0, 1), columns))

    @classmethod
    def bigbird(cls, seq_len: int, window: int, global_tokens: int, random_keys: int = 0) -> Pattern:
        """BigBird (arXiv 2007.14062), by tokens: `longformer` with the first `global_tokens` tokens global.

        Its random keys are not a band: a `random_keys` other than 0 is an error.
        """
        if random_keys:
            raise violation("random_keys", "must be 0, as random keys are stated as blocks", random_keys)
        return cls.longformer(seq_len, window, range(global_tokens))

    @classmethod
    def dense(cls, seq_len: int) -> Pattern:
        """Every query attends every key: one full band."""
        return cls(seq_len=seq_len, bands=(Band(1 - seq_len, seq_len - 1, 1),))

    @classmethod
    def causal_window(
        cls, seq_len: int, window: int, sinks: int = 0, q_len: int = 0, q_offset: int = 0
    ) -> Pattern:
        """The query and the `window` - 1 keys before it, as in Mistral; `seq_len` of them are all before it.

        Every query sees the first `sinks` keys too, but none after it (StreamingLLM, arXiv 2309.17453). A
        decode step has `q_len` 1 and `q_offset` ``seq_len - 1``.
        """
        check_positive(window=window)
        return cls(
            seq_len=seq_len,
            bands=(Band(1 - window, 0, 1),),
            sink_tokens=tuple(range(sinks)),
            causal=sinks > 0,
            q_len=q_len,
            q_offset=q_offset,
        )

    @classmethod
    def chunked(cls, seq_len: int, size: int, causal: bool = True) -> Pattern:
        """Chunks of `size` tokens whose queries see their own chunk alone, up to themselves (Llama 4)."""
        check_positive(size=size)
        band = Band(1 - size, 0 if causal else size - 1, 1)
        return cls(seq_len=seq_len, bands=(band,), chunks=Chunks(size))

    @classmethod
    def neighborhood(cls, height: int, width: int, window: int) -> Pattern:
        """Neighborhood attention (NATTEN, arXiv 2204.07143): `window` × `window` tokens for every query.

        At the edges of the grid of `height` × `width` tokens, the window is moved inward.
        """
        low, high, _ = _centered(window, 1)
        return cls(
            seq_len=height * width, grid=(height, width), window_2d=((low, high), (low, high)), clamped=True
        )

    @classmethod
    def block_sparse(cls, seq_len: int, query: int, key: int, rows: Iterable[Iterable[int]]) -> Pattern:
        """For each block of `query` queries, the blocks of `key` keys that it sees, in `rows`."""
        return cls(seq_len=seq_len, blocks=Blocks(query, key, tuple(map(tuple, rows))))

    @classmethod
    def from_op(cls, op: _WindowOp) -> Pattern:
        """Return the pattern of a ``window_attention`` op. Errors name the op's field."""
        return cls.from_statement(op.dims, op.attrs)

    @classmethod
    def from_statement(cls, dims: Dims, attrs: Attrs) -> Pattern:
        """Return the pattern that the `dims` and `attrs` of a ``window_attention`` state."""
        try:
            return cls(**stated_fields(dims, attrs))
        except TraceError as error:
            raise stated_as(error) from None

    def dims(self) -> dict[str, int | tuple[int, ...]]:
        """Return what a ``window_attention`` op states of the pattern in its dims: lengths and grid."""
        return dims_of(self)

    def attrs(self) -> dict[str, Any]:
        """Return what a ``window_attention`` op states of the pattern in its attrs."""
        return attrs_of(self)

    @property
    def density(self) -> float:
        """Share of the full score matrix that is computed, 0..1."""
        return self.pairs() / (self.q_len * self.seq_len)

    @property
    def window(self) -> Window:
        """The window of each query, before `chunks` and `causal` cut it."""
        if self.grid is not None and self.window_2d is not None:
            (low_y, high_y), (low_x, high_x) = self.window_2d
            rows = Side(low_y, high_y, self.grid[0], self.clamped)
            return BoxWindow(rows, Side(low_x, high_x, self.grid[1], self.clamped), self.outside)
        if self.blocks is not None:
            return BlockWindow(self.blocks, self.seq_len, self.q_len, self.q_offset)
        if self.clamped:
            return ClampedWindow(self.bands[0], self.seq_len)
        return BandWindow(self.bands, self.seq_len, self.offsets)

    @property
    def cuts(self) -> Cuts:
        """What `chunks` and `causal` let each query see at most."""
        last = self.q_offset + self.q_len - 1
        return Cuts(self.seq_len, self.q_offset, last, self.chunks, self.causal)

    def _always(self) -> tuple[Ints, Ints]:
        """Return the query tokens that see every key, and the keys that every query sees, both sorted."""
        tokens = np.unique(np.array(self.global_tokens, np.int64))
        rows = tokens[(tokens >= self.q_offset) & (tokens < self.q_offset + self.q_len)]
        return rows, np.union1d(tokens, np.array(self.sink_tokens, np.int64))

    def disjoint_bands(self) -> tuple[Band, ...]:
        """Return bands without common offsets and with the same union, cut to the sequence.

        They are also cut to what `causal` and `chunks` let any query see; within this, chunks cut query by
        query. Offsets are from the query's token. See `traces.disjoint`. Raises `TraceError` for bands that
        overlap in too many ways, and where a window is not a set of offsets: on a grid, of blocks, clamped.
        """
        if self.grid is not None:
            raise TraceError("must be without a grid: a 2-D window is not a set of offsets", field="grid")
        if self.blocks is not None:
            raise TraceError("must be bands: blocks are not a set of offsets", field="blocks")
        if self.clamped:
            raise TraceError("must be cut off: a clamped window is not a set of offsets", field="clamped")
        return disjoint(self.bands, self.cuts.narrowed(self.offsets))

    def pairs(self) -> int:
        """Return the exact number of distinct (query, key) pairs, in time linear in `q_len` and `seq_len`.

        Raises `TraceError` for more bands and global tokens than can be counted, see `traces.pairs`.
        """
        return _pairs(self)

    def empty_queries(self, limit: int | None = None) -> Ints:
        """Return the queries that see no key, in their order; the first `limit` of them."""
        at_home = 0 <= self.q_offset <= self.seq_len - self.q_len  # where a query stands, there is a key
        if at_home and not self.clamped and any(band.clipped(0, 0) for band in self.bands):
            return np.empty(0, np.int64)  # each sees itself
        rows, cols = self._always()
        return find_empty(self.window, self.cuts, rows, cols, limit) - self.q_offset

    def mask(self, queries: ArrayLike, keys: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return bool [len(queries), len(keys)]: which keys each query attends, by the definition above.

        `keys` are all tokens unless some are given.
        """
        token = np.asarray(queries, np.int64)[:, None] + self.q_offset
        key = np.asarray(np.arange(self.seq_len) if keys is None else keys, np.int64)[None, :]
        attends = self.window.holds(token, key)
        if self.chunks is not None:
            size, before, after, phase = self.chunks
            apart = (key + phase) // size - (token + phase) // size
            attends &= (-before <= apart) & (apart <= after)
        everything = np.array(self.global_tokens, np.int64)
        attends |= np.isin(token, everything) | np.isin(key, everything)
        attends |= np.isin(key, np.array(self.sink_tokens, np.int64))
        return attends & (key <= token) if self.causal else attends

    def reach(self, queries: ArrayLike) -> Ints:
        """Return keys, sorted, among which are all that `queries` attend; few where the window is narrow."""
        token = np.asarray(queries, np.int64) + self.q_offset
        always = np.array(sorted({*self.global_tokens, *self.sink_tokens}), np.int64)
        if len(token) == 0:
            return always
        if np.isin(token, np.array(self.global_tokens, np.int64)).any():
            keys = np.arange(self.seq_len)
        else:
            first, last = self.cuts.keys(np.array([token.min(), token.max()]))
            near = self.window.near(token)
            keys = np.union1d(always, near[(near >= first[0]) & (near <= last[1])])
        return keys[keys <= token.max()] if self.causal else keys

    @property
    def overhang(self) -> int:
        """How far the window reaches beyond what two tokens, rows or columns can be apart; 0 if it does not.

        Such a window is valid: a model has one window for texts of every length.
        """
        if self.grid is not None and self.window_2d is not None:
            sides = zip(self.window_2d, self.grid, strict=True)
            return max(max(-low, high, length - 1) - (length - 1) for (low, high), length in sides)
        first, last, _ = self.offsets
        return max((max(first - band.low, band.high - last, 0) for band in self.bands), default=0)


@lru_cache(maxsize=256)
def _pairs(pattern: Pattern) -> int:
    return count_pairs(pattern.window, pattern.cuts, *pattern._always())


def _centered(window: int, dilation: int) -> Band:
    check_positive(window=window, dilation=dilation)
    before, after = window // 2, window - 1 - window // 2
    return Band(-before * dilation, after * dilation, dilation)
