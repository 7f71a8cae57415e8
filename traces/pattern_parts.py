"""The fields of a pattern, and those of them that are more than numbers: chunks and blocks.

Obeys the ``window_attention`` contract of ``tandem-trace/1``; bands are in `traces.bands`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tandemsim.traces.bands import Band, Reach
from tandemsim.traces.errors import violation

Span = tuple[int, int]


class Chunks(NamedTuple):
    """A sequence in chunks of `size` tokens: a query sees keys of its own chunk and of some around it.

    Token ``t`` lies in chunk ``(t + phase) // size``.
    """

    size: int
    before: int = 0  # chunks before its own that a query sees
    after: int = 0  # chunks after its own that a query sees
    phase: int = 0  # tokens by which the first chunk is short, 0..size - 1


class Blocks(NamedTuple):
    """For each block of queries, the blocks of keys that it sees. The last block of either may be short."""

    query: int  # queries of a block: row r holds the queries r * query ... of the op, without `q_offset`
    key: int  # keys of a block
    rows: tuple[tuple[int, ...], ...]  # blocks of keys, each once in a row, in any order


def as_chunks(parts: Iterable[int]) -> Chunks:
    """Return (size, before, after, phase) as chunks; what stands at the end may be left out."""
    sizes = list(parts)
    if not 1 <= len(sizes) <= len(Chunks._fields):
        raise violation("chunks", "must be (size, before, after, phase)", sizes)
    return Chunks(*sizes)


def as_blocks(blocks: Blocks | tuple[int, int, Iterable[Iterable[int]]]) -> Blocks:
    """Return (query, key, rows) as blocks, which can be hashed."""
    query, key, rows = blocks
    return Blocks(query, key, tuple(map(tuple, rows)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternParts:
    """The fields of a `traces.pattern.Pattern`, which says what they mean."""

    seq_len: int  # keys; tokens, those outside the grid included
    bands: tuple[Band, ...] = ()
    global_tokens: tuple[int, ...] = ()  # in the order of the model's global queries
    grid: Span | None = None  # height, width
    window_2d: tuple[Span, Span] | None = None  # (low_y, high_y), (low_x, high_x)
    q_len: int = 0  # queries; 0 becomes `seq_len`
    q_offset: int = 0  # token at which query 0 stands
    causal: bool = False  # no key after the query's token
    chunks: Chunks | None = None
    sink_tokens: tuple[int, ...] = ()  # keys that every query sees; as queries they are ordinary
    clamped: bool = False  # the window is moved inward at the borders, and not cut off
    blocks: Blocks | None = None

    @property
    def is_extended(self) -> bool:
        """Whether the pattern is more than bands or a box that are cut off at the ends, and global tokens.

        Such a pattern needs a machine that knows its fields from `q_len` on.
        """
        return (
            self.q_len != self.seq_len
            or self.q_offset != 0
            or self.causal
            or self.chunks is not None
            or bool(self.sink_tokens)
            or self.clamped
            or self.blocks is not None
        )

    @property
    def outside(self) -> int:
        """Number of tokens before the grid; 0 without a grid."""
        return self.seq_len - self.grid[0] * self.grid[1] if self.grid else 0

    @property
    def offsets(self) -> Reach:
        """Offsets that a key can have from the token of a query."""
        first = self.q_offset
        return Reach(-(first + self.q_len - 1), self.seq_len - 1 - first, self.seq_len)
