"""The parts of a pattern that are more than a number: chunks of a sequence, and lists of blocks.

Obeys the ``window_attention`` contract of ``tandem-trace/1``; bands are in `traces.bands`.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.traces.bands import is_integer
from tandemsim.traces.errors import TraceError, violation

MAX_BLOCKS = 2**20  # assumed: of all rows together; about as many as a trace's document has room for


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


def check_chunks(chunks: Chunks) -> None:
    """Raise `TraceError` for chunks that break a rule."""
    if not all(map(is_integer, chunks)):
        raise violation("chunks", "must hold integers", list(chunks))
    if chunks.size < 1:
        raise violation("chunks", "must have a positive size", list(chunks))
    if chunks.before < 0 or chunks.after < 0:
        raise violation("chunks", "must see 0 or more chunks before and after", list(chunks))
    if not 0 <= chunks.phase < chunks.size:
        raise violation("chunks", f"must have a phase in 0..{chunks.size - 1}", list(chunks))


def check_blocks(blocks: Blocks, q_len: int, seq_len: int) -> None:
    """Raise `TraceError` for blocks that break a rule: sizes, one row a block of queries, keys that exist."""
    for name in ("query", "key"):
        size = getattr(blocks, name)
        if not is_integer(size) or size < 1:
            raise violation(f"blocks.{name}", "must be a positive integer", size)
    rows, cols = -(-q_len // blocks.query), -(-seq_len // blocks.key)
    if len(blocks.rows) != rows:
        rule = f"must be {rows} rows, one for each {blocks.query} of {q_len} queries"
        raise violation("blocks.rows", rule, len(blocks.rows))
    count = sum(map(len, blocks.rows))
    if count > MAX_BLOCKS:
        raise violation("blocks.rows", f"must hold at most {MAX_BLOCKS} blocks in all", count)
    for position, row in enumerate(blocks.rows):
        wrong = next((block for block in row if not is_integer(block) or not 0 <= block < cols), None)
        if wrong is not None:
            raise violation(f"blocks.rows[{position}]", f"must be blocks in 0..{cols - 1}", wrong)
        if len(set(row)) < len(row):
            raise TraceError("must name each block once", field=f"blocks.rows[{position}]")
