"""A pattern in words, short enough for a row of a table."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.traces.pattern import Band, Blocks, Chunks, Pattern

BANDS_SHOWN = 4  # beyond it, their number says enough
TOKENS_SHOWN = 4  # global tokens and sinks that are listed; beyond it, their number says enough


def describe(pattern: Pattern) -> str:
    """Return a pattern in words."""
    parts = [_size(pattern), *_queries(pattern), *_window(pattern)]
    if pattern.clamped:
        parts.append("clamped")
    if pattern.chunks is not None:
        parts.append(_chunks(pattern.chunks))
    parts += _tokens("sinks", pattern.sink_tokens) + _tokens("global", pattern.global_tokens)
    if pattern.causal and _causal_window(pattern) is None:
        parts.append("causal")
    return ", ".join(parts)


def _size(pattern: Pattern) -> str:
    if pattern.grid is not None:
        return f"{pattern.grid[0]}x{pattern.grid[1]} + {pattern.outside} tokens"
    return f"{pattern.seq_len} tokens"


def _queries(pattern: Pattern) -> list[str]:
    """Say where the queries stand, if not at all the tokens."""
    first, last = pattern.q_offset, pattern.q_offset + pattern.q_len - 1
    if (first, last) == (0, pattern.seq_len - 1):
        return []
    return [f"query at {first}" if first == last else f"queries at {first}..{last}"]


def _window(pattern: Pattern) -> list[str]:
    if pattern.window_2d is not None:
        (low_y, high_y), (low_x, high_x) = pattern.window_2d
        return [f"rows {low_y}..{high_y}", f"columns {low_x}..{high_x}"]
    if pattern.blocks is not None:
        return [_blocks(pattern.blocks)]
    return [_causal_window(pattern) or f"offsets {_bands(pattern.bands)}"]


def _causal_window(pattern: Pattern) -> str | None:
    """Name the window of a query and the keys right before it, None where it is another one."""
    if pattern.clamped or len(pattern.bands) != 1:
        return None
    low, high, dilation = pattern.bands[0]
    if (high, dilation) != (0, 1) or low == 0:
        return None
    return f"causal window of {1 - low} keys" if low > pattern.offsets.first else "causal, all keys"


def _bands(bands: Sequence[Band]) -> str:
    if not bands:
        return "none"
    more = len(bands) - BANDS_SHOWN
    return " and ".join(map(_offsets, bands[:BANDS_SHOWN])) + (f" and {more} bands more" if more > 0 else "")


def _offsets(band: Band) -> str:
    if band.low == band.high:
        return str(band.low)
    return f"{band.low}..{band.high}" + (f" step {band.dilation}" if band.dilation > 1 else "")


def _blocks(blocks: Blocks) -> str:
    return f"{sum(map(len, blocks.rows))} blocks of {blocks.query} x {blocks.key}"


def _chunks(chunks: Chunks) -> str:
    size, before, after, phase = chunks
    sides = ((before, "before"), (after, "after"))
    more = [f"{count} {side}" for count, side in sides if count]
    more += [f"the first {size - phase}"] if phase else []
    return f"chunks of {size}" + (f" ({', '.join(more)})" if more else "")


def _tokens(what: str, tokens: Sequence[int]) -> list[str]:
    if not tokens:
        return []
    few = " ".join(map(str, tokens)) if len(tokens) <= TOKENS_SHOWN else f"{len(tokens)} tokens"
    return [f"{what} {few}"]
