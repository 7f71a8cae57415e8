"""What a pattern must obey. Each function raises `TraceError` with the field that breaks its rule.

The rules are those of `traces.pattern`; how its parts are read from an op is in `traces.pattern_statement`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from tandemsim.traces.bands import Band, Reach, check_bands, check_span, is_integer
from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.pattern_parts import Blocks, Chunks, PatternParts

MAX_SEQ_LEN = 2**24  # assumed: sixteen million tokens, so that an array of that length stays affordable
MAX_SIZE = 2**31 - 1  # assumed: of chunks and blocks, which may be larger than the sequence
MAX_BLOCKS = 2**20  # assumed: of all rows together; about as many as a trace's document has room for


def check_parts(parts: PatternParts) -> None:
    """Raise `TraceError` for the first rule that the fields of a pattern break."""
    check_lengths(seq_len=parts.seq_len, q_len=parts.q_len)
    check_offset(parts.q_offset)
    check_flags(causal=parts.causal, clamped=parts.clamped)
    check_tokens("global_tokens", parts.global_tokens, parts.seq_len)
    check_tokens("sink_tokens", parts.sink_tokens, parts.seq_len)
    if parts.chunks is not None:
        check_chunks(parts.chunks)
    check_bands(parts.bands, parts.offsets)
    if parts.grid is not None or parts.window_2d is not None:
        check_grid(parts)
    elif parts.blocks is not None:
        check_left_out({"bands": bool(parts.bands), "clamped": parts.clamped}, "beside blocks")
        check_blocks(parts.blocks, parts.q_len, parts.seq_len)
    elif parts.clamped:
        check_clamped_band(parts.bands, parts.seq_len)
    elif not (parts.bands or parts.global_tokens or parts.sink_tokens):
        raise TraceError("must hold a band, or there must be a global token", field="bands")


def check_lengths(**lengths: int) -> None:
    """Check the type and the range of the number of keys, or of queries."""
    for name, length in lengths.items():
        if not is_integer(length) or not 1 <= length <= MAX_SEQ_LEN:
            raise violation(name, f"must be an integer in 1..{MAX_SEQ_LEN}", length)


def check_offset(q_offset: int) -> None:
    """Check where the queries stand: within a sequence length of the keys."""
    if not is_integer(q_offset) or abs(q_offset) > MAX_SEQ_LEN:
        raise violation("q_offset", f"must be an integer in -{MAX_SEQ_LEN}..{MAX_SEQ_LEN}", q_offset)


def check_positive(**sizes: int) -> None:
    """Check the arguments of a constructor."""
    for name, value in sizes.items():
        if not is_integer(value) or value < 1:
            raise violation(name, "must be a positive integer", value)


def check_tokens(field: str, tokens: Sequence[int], seq_len: int) -> None:
    """Check that the tokens of a `field` are distinct tokens of the sequence."""
    seen: set[int] = set()
    for token in tokens:
        if not is_integer(token) or not 0 <= token < seq_len:
            raise violation(field, f"must be indices in 0..{seq_len - 1}", token)
        if token in seen:
            raise TraceError(f"must name each token once, not {token} twice", field=field)
        seen.add(token)


def check_flags(**flags: bool) -> None:
    """Check what is true or false."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise violation(name, "must be true or false", flag)


def check_grid(parts: PatternParts) -> None:
    """Check a window on a grid: what comes with it, and that every token outside the grid is global."""
    seq_len, grid, window = parts.seq_len, parts.grid, parts.window_2d
    if grid is None or window is None or parts.bands:
        raise TraceError("must come with a 2-D window and without 1-D bands", field="grid")
    stated = {
        "q_len": parts.q_len != seq_len,
        "q_offset": parts.q_offset != 0,
        "causal": parts.causal,
        "chunks": parts.chunks is not None,
        "sink_tokens": bool(parts.sink_tokens),
        "blocks": parts.blocks is not None,
    }
    check_left_out(stated, "on a grid")
    height, width = grid
    if not all(is_integer(side) and side >= 1 for side in grid) or height * width > seq_len:
        raise violation("grid", f"must be [height, width] within the {seq_len} tokens", list(grid))
    for (low, high), length, unit in zip(window, grid, ("rows", "columns"), strict=True):
        check_span(low, high, Reach.of(length), unit)
    outside = seq_len - height * width
    covered = set(parts.global_tokens)
    missing = next((token for token in range(outside) if token not in covered), None)
    if missing is not None:
        rule = f"must hold each of the {outside} tokens outside the grid"
        raise TraceError(f"{rule}, and token {missing} is missing", field="global_tokens")
    if parts.clamped:
        check_clamped_box(window, grid)


def check_left_out(stated: Mapping[str, bool], where: str) -> None:
    """Check that none of some fields is stated; raise `TraceError` for the first that is."""
    for name, is_stated in stated.items():
        if is_stated:
            raise TraceError(f"must be left out {where}", field=name)


def check_clamped_band(bands: Sequence[Band], seq_len: int) -> None:
    """Check a window that is moved inward at both ends of a sequence: one band, no longer than it."""
    if len(bands) != 1:
        raise violation("bands", "must be one band where the border is clamped", len(bands))
    low, high, dilation = bands[0]
    if low % dilation:
        raise violation(
            "bands", "must hold multiples of the dilation where the border is clamped", [*bands[0]]
        )
    if bands[0].length * dilation > seq_len:
        rule = f"must hold at most {seq_len // dilation} keys, as the window is moved inward and not cut off"
        raise violation("bands", rule, [low, high, dilation])


def check_clamped_box(window: tuple[tuple[int, int], tuple[int, int]], grid: tuple[int, int]) -> None:
    """Check a box that is moved inward at the edges of a grid: no side is longer than the grid's."""
    for (low, high), length, unit in zip(window, grid, ("rows", "columns"), strict=True):
        if high - low >= length:
            rule = f"must hold at most {length} {unit}, as the window is moved inward and not cut off"
            raise violation("bands", rule, [low, high])


def check_chunks(chunks: Chunks) -> None:
    """Raise `TraceError` for chunks that break a rule."""
    if not all(map(is_integer, chunks)):
        raise violation("chunks", "must hold integers", list(chunks))
    if chunks.size < 1:
        raise violation("chunks", "must have a positive size", list(chunks))
    if chunks.before < 0 or chunks.after < 0:
        raise violation("chunks", "must see 0 or more chunks before and after", list(chunks))
    if max(chunks) > MAX_SIZE:
        raise violation("chunks", f"must hold numbers up to {MAX_SIZE}", list(chunks))
    if not 0 <= chunks.phase < chunks.size:
        raise violation("chunks", f"must have a phase in 0..{chunks.size - 1}", list(chunks))


def check_blocks(blocks: Blocks, q_len: int, seq_len: int) -> None:
    """Raise `TraceError` for blocks that break a rule: sizes, one row a block of queries, keys that exist."""
    for name in ("query", "key"):
        size = getattr(blocks, name)
        if not is_integer(size) or not 1 <= size <= MAX_SIZE:
            raise violation(f"blocks.{name}", f"must be an integer in 1..{MAX_SIZE}", size)
    count, last = -(-q_len // blocks.query), (seq_len - 1) // blocks.key
    if len(blocks.rows) != count:
        rule = f"must be {count} rows, one for each {blocks.query} of {q_len} queries"
        raise violation("blocks.rows", rule, len(blocks.rows))
    lengths = np.fromiter(map(len, blocks.rows), np.int64, count)
    listed = int(lengths.sum())
    if count + listed > MAX_BLOCKS:
        raise violation("blocks.rows", f"must be at most {MAX_BLOCKS} rows and blocks in all", count + listed)
    for place, block in enumerate(chain.from_iterable(blocks.rows)):
        if not is_integer(block) or not 0 <= block <= last:
            field = _row_field(int(np.searchsorted(np.cumsum(lengths), place, side="right")))
            raise violation(field, f"must be blocks in 0..{last}", block)
    every = np.fromiter(chain.from_iterable(blocks.rows), np.int64, listed)
    entries = np.sort(np.repeat(np.arange(count), lengths) * (last + 1) + every)
    twice = entries[1:][entries[1:] == entries[:-1]]
    if len(twice):
        raise TraceError("must name each block once", field=_row_field(int(twice[0]) // (last + 1)))


def _row_field(row: int) -> str:
    return f"blocks.rows[{row}]"
