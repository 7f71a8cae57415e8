"""The pairs of an attention under the limits of a mask function: all of them, causal, or a sparse pattern."""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.bands import Band
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.pattern_parts import Chunks
from tandemsim.workloads.hugging_face.mask_limits import Limits


class Span(NamedTuple):
    """Where the queries and keys of an attention stand: tokens of the text."""

    queries: int
    keys: int
    offset: int = 0  # token of the first query, less that of the first key
    first_key: int = 0  # token of the first key, from which chunks are counted


def is_dense(limits: Limits, span: Span) -> bool:
    """Return whether every query sees every key."""
    first, last = span.offset, span.offset + span.queries - 1
    low = limits.low is None or limits.low <= -last
    high = limits.high is None or limits.high >= span.keys - 1 - first
    return low and (high or limits.prefix >= span.keys) and _in_one_chunk(limits, span)


def is_causal(limits: Limits, span: Span) -> bool:
    """Return whether each query sees the keys up to its own place, and all of these."""
    square = span.offset == 0 and span.queries == span.keys
    low = limits.low is None or limits.low <= 1 - span.keys
    return square and low and limits.high == 0 and not limits.prefix and _in_one_chunk(limits, span)


def pattern_of_limits(limits: Limits, span: Span) -> Pattern:
    """Return the limits as a pattern. Raises `ConfigError` where a query sees no key."""
    last = span.offset + span.queries - 1
    low, high = -last, span.keys - 1 - span.offset
    chunks = None
    if limits.chunk is not None and not _in_one_chunk(limits, span):
        phase = span.first_key % limits.chunk
        chunks = Chunks(limits.chunk, limits.chunks_before, limits.chunks_after, phase)
        low = max(low, 1 - limits.chunk * (limits.chunks_before + 1))
        high = min(high, limits.chunk * (limits.chunks_after + 1) - 1)
    low = low if limits.low is None else max(low, limits.low)
    high = high if limits.high is None else min(high, limits.high)
    if low > high:
        raise ConfigError(f"an attention must let every query see a key; its window is offsets {low}..{high}")
    pattern = Pattern(
        seq_len=span.keys,
        q_len=0 if span.queries == span.keys else span.queries,
        q_offset=span.offset,
        bands=(Band(low, high, 1),),
        chunks=chunks,
        sink_tokens=tuple(range(limits.prefix)),
    )
    empty = pattern.empty_queries(1)
    if len(empty):
        raise ConfigError(f"an attention must let every query see a key; query {empty[0]} sees none")
    return pattern


def _in_one_chunk(limits: Limits, span: Span) -> bool:
    """Return whether the chunks cut nothing off."""
    if limits.chunk is None:
        return True
    phase = span.first_key % limits.chunk
    last_query = (phase + span.offset + span.queries - 1) // limits.chunk
    last_key, first_query = (phase + span.keys - 1) // limits.chunk, (phase + span.offset) // limits.chunk
    return last_query <= limits.chunks_before and last_key - first_query <= limits.chunks_after
