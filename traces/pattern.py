"""Sparse attention patterns as data: bands, global tokens and, for images, a window on a grid.

Obeys the ``window_attention`` contract of ``tandem-trace/1``. Query ``i`` attends key ``j`` if ``j - i`` is
an offset of some band ``[low, high, dilation]`` (that is ``low, low + dilation, ..., high``, both ends
included), or if ``i`` or ``j`` is a global token. With a grid of height × width tokens, row by row, the
window is a box instead: ``[[low_y, high_y], [low_x, high_x]]``, cut off at the edges of the image. Tokens
outside the grid come first in the sequence and must be global: grid token ``(y, x)`` has the index ``outside
+ y * width + x``. A pair counts once, however many rules admit it; keys before the first and after the last
token do not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tandemsim.traces.bands import Band, as_bands, check_bands, merged
from tandemsim.traces.disjoint import disjoint
from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.pairs import grid_pairs, sequence_pairs
from tandemsim.traces.pattern_rules import (
    check_attrs,
    check_global_tokens,
    check_grid,
    check_positive,
    check_seq_len,
    read_integer,
    read_integers,
    read_rows,
)

__all__ = ["Band", "Pattern"]

Span = tuple[int, int]
Dims = Mapping[str, int | tuple[int, ...]]
Attrs = Mapping[str, Any]

#: Where an op states the parts of a pattern.
PLACES = {"seq_len": "dims.seq_len", "grid": "dims.grid", "bands": "attrs.bands"}
PLACES["global_tokens"] = "attrs.global_tokens"


class _WindowOp(Protocol):
    """What a pattern reads of an op."""

    @property
    def dims(self) -> Dims: ...
    @property
    def attrs(self) -> Attrs: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """The pairs (query, key) that an attention computes. Immutable and hashable.

    `grid` and `window_2d` come together, and without `bands`. Raises `TraceError` for what breaks a rule.
    """

    seq_len: int  # tokens, those outside the grid included
    bands: tuple[Band, ...] = ()
    global_tokens: tuple[int, ...] = ()  # in the order of the model's global queries
    grid: Span | None = None  # height, width
    window_2d: tuple[Span, Span] | None = None  # (low_y, high_y), (low_x, high_x)

    def __post_init__(self) -> None:
        # Rows of a list or a tuple are bands too: a pattern is hashable whatever it was made of.
        object.__setattr__(self, "bands", as_bands(self.bands))
        object.__setattr__(self, "global_tokens", tuple(self.global_tokens))
        check_seq_len(self.seq_len)
        check_global_tokens(self.global_tokens, self.seq_len)
        check_bands(self.bands, self.seq_len)
        if self.grid is not None or self.window_2d is not None:
            check_grid(self.seq_len, self.grid, self.window_2d, bool(self.bands), self.global_tokens)
        elif not (self.bands or self.global_tokens):
            raise TraceError("must hold a band, or there must be a global token", field="bands")

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
            raise violation("random_keys", "must be 0, as random keys are not supported", random_keys)
        return cls.longformer(seq_len, window, range(global_tokens))

    @classmethod
    def dense(cls, seq_len: int) -> Pattern:
        """Every query attends every key: one full band."""
        return cls(seq_len=seq_len, bands=(Band(1 - seq_len, seq_len - 1, 1),))

    @classmethod
    def from_op(cls, op: _WindowOp) -> Pattern:
        """Return the pattern of a ``window_attention`` op. Errors name the op's field."""
        return cls.from_statement(op.dims, op.attrs)

    @classmethod
    def from_statement(cls, dims: Dims, attrs: Attrs) -> Pattern:
        """Return the pattern that the `dims` and `attrs` of a ``window_attention`` state."""
        try:
            return cls(**_stated(dims, attrs))
        except TraceError as error:
            raise stated_as(error) from None

    def attrs(self) -> dict[str, Any]:
        """Return ``bands`` and ``global_tokens`` as a ``window_attention`` op states them."""
        bands: Sequence[Sequence[int]] = self.window_2d if self.window_2d is not None else self.bands
        return {"bands": [list(band) for band in bands], "global_tokens": list(self.global_tokens)}

    @property
    def outside(self) -> int:
        """Number of tokens before the grid; 0 without a grid."""
        return self.seq_len - self.grid[0] * self.grid[1] if self.grid else 0

    @property
    def density(self) -> float:
        """Share of the full score matrix that is computed, 0..1."""
        return self.pairs() / self.seq_len**2

    def disjoint_bands(self) -> tuple[Band, ...]:
        """Return bands without common offsets and with the same union, cut to the sequence.

        See `traces.disjoint`. Raises `TraceError` for bands that overlap in too many ways, and on a grid,
        where a window is not a set of offsets.
        """
        if self.grid is not None:
            raise TraceError("must be without a grid: a 2-D window is not a set of offsets", field="grid")
        return disjoint(self.bands, self.seq_len)

    def pairs(self) -> int:
        """Return the exact number of distinct (query, key) pairs, in time linear in `seq_len`.

        Raises `TraceError` for more bands and global tokens than can be counted, see `traces.pairs`.
        """
        return _pairs(self)

    def mask(self, queries: ArrayLike, keys: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return bool [len(queries), len(keys)]: which keys each query attends, by the definition above.

        `keys` are all tokens unless some are given.
        """
        query = np.asarray(queries, np.int64)[:, None]
        key = np.asarray(np.arange(self.seq_len) if keys is None else keys, np.int64)[None, :]
        tokens = np.array(self.global_tokens, np.int64)
        attends: NDArray[np.bool_] = np.isin(query, tokens) | np.isin(key, tokens)
        for low, high, dilation in merged(self.bands, self.seq_len):
            offset = key - query
            attends |= (low <= offset) & (offset <= high) & ((offset - low) % dilation == 0)
        if self.grid is not None and self.window_2d is not None:
            query, key = query - self.outside, key - self.outside
            attends |= _in_box(query, key, self.grid, self.window_2d)  # what is outside is global
        return attends

    def reach(self, queries: ArrayLike) -> NDArray[np.int64]:
        """Return keys, sorted, among which are all that `queries` attend; few where the window is narrow."""
        query = np.asarray(queries, np.int64)
        tokens = np.array(sorted(self.global_tokens), np.int64)
        if len(query) == 0:
            return tokens
        if np.isin(query, tokens).any():
            return np.arange(self.seq_len)
        first, last = int(query.min()), int(query.max())
        if self.grid is not None and self.window_2d is not None:
            spans = [_rows_in_reach(first - self.outside, last - self.outside, self.grid, self.window_2d[0])]
            spans = [(low + self.outside, high + self.outside) for low, high in spans]
        else:
            spans = [(first + band.low, last + band.high) for band in merged(self.bands, self.seq_len)]
        near = [np.arange(max(low, 0), min(high, self.seq_len - 1) + 1) for low, high in spans]
        return np.unique(np.concatenate([tokens, *near]))

    @property
    def overhang(self) -> int:
        """How far the window reaches beyond what two tokens, rows or columns can be apart; 0 if it does not.

        Such a window is valid: a model has one window for texts of every length.
        """
        if self.grid is not None and self.window_2d is not None:
            sides = zip(self.window_2d, self.grid, strict=True)
            return max(max(-low, high, length - 1) - (length - 1) for (low, high), length in sides)
        apart = self.seq_len - 1
        return max((max(-band.low, band.high, apart) - apart for band in self.bands), default=0)


def stated_as(error: TraceError) -> TraceError:
    """Return an error of a pattern as one of the op that states it."""
    return TraceError(error.message, field=PLACES.get(error.field, error.field))


def _in_box(
    query: NDArray[np.int64], key: NDArray[np.int64], grid: Span, window: tuple[Span, Span]
) -> NDArray[np.bool_]:
    height, width = grid
    (low_y, high_y), (low_x, high_x) = _clipped(window[0], height), _clipped(window[1], width)
    dy, dx = key // width - query // width, key % width - query % width
    inside: NDArray[np.bool_] = (low_y <= dy) & (dy <= high_y) & (low_x <= dx) & (dx <= high_x)
    return inside


def _clipped(span: Span, length: int) -> Span:
    """Return the offsets of a window that two places of a side can have: all fit an int64."""
    return max(span[0], 1 - length), min(span[1], length - 1)


def _rows_in_reach(first: int, last: int, grid: Span, window: Span) -> Span:
    """Return the first and the last place, row by row, of the rows that places `first` to `last` meet."""
    height, width = grid
    low, high = _clipped(window, height)
    return max(first // width + low, 0) * width, (min(last // width + high, height - 1) + 1) * width - 1


@lru_cache(maxsize=256)
def _pairs(pattern: Pattern) -> int:
    if pattern.grid is None or pattern.window_2d is None:
        return sequence_pairs(pattern.seq_len, pattern.bands, pattern.global_tokens)
    rows, cols = (Band(low, high, 1) for low, high in pattern.window_2d)
    return grid_pairs(pattern.seq_len, pattern.grid, (rows, cols), pattern.global_tokens)


def _centered(window: int, dilation: int) -> Band:
    check_positive(window=window, dilation=dilation)
    before, after = window // 2, window - 1 - window // 2
    return Band(-before * dilation, after * dilation, dilation)


def _stated(dims: Dims, attrs: Attrs) -> dict[str, Any]:
    """Return the fields of a `Pattern` from an op."""
    check_attrs(attrs)
    fields: dict[str, Any] = {"global_tokens": read_integers(attrs, "global_tokens", "[index, ...]")}
    if "grid" not in dims:
        rows = read_rows(attrs, "bands", "[[low, high, dilation], ...]", 3)
        return fields | {"seq_len": read_integer(dims, "seq_len"), "bands": tuple(Band(*row) for row in rows)}
    height, width = grid = read_integers(dims, "grid", "[height, width]", 2)
    window = read_rows(attrs, "bands", "[[low_y, high_y], [low_x, high_x]] on a grid", 2, count=2)
    seq_len = read_integer({"seq_len": height * width, **dims}, "seq_len")
    return fields | {"seq_len": seq_len, "grid": grid, "window_2d": window}
