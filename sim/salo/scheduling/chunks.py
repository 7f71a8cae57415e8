"""Chunks: bands of keys cut to the width of the array, one record each, and the kernels that expand them.

A chunk puts a band of at most `span` offsets on `span` neighbouring columns (a segment's, or all of them
chained). Its slot ``t`` streams the key at position ``base + t`` of its stream; the PE in row ``i`` and
column ``c`` of the span meets slot ``i + span - 1 - c``, so column ``c`` stands for the offset ``span - 1 -
c`` above the chunk's lowest.

A run of keys may be taken out of the stream (`SKIP_AT`, `SKIP_LENGTH`): the keys above it move down, so a
window that holds the whole run is again one contiguous band, narrower by its length.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.engine.jit import jit

# Fields of a chunk record (a row of an int64 array).
BLOCK = 0  # query block
BASE = 1  # position of slot 0, counted without the skipped run
START = 2  # where the stream starts in the token table
LENGTH = 3  # tokens in the stream
SKIP_AT = 4  # position of the first skipped key
SKIP_LENGTH = 5  # keys skipped
WIDTH = 6  # offsets in the chunk
SPAN = 7  # columns it lies on: segment_cols or cols
IMAGE_ROW = 8  # image rows between query and key
TAGGED = 9  # 1: a PE takes part only if the image-row tags of query and key agree
GLOBAL_KEYS = 10  # 1: global keys count as keys of the local rows too (blocks of global queries)
FIELDS = 11

Chunks = npt.NDArray[np.int64]


class Sequence(NamedTuple):
    """What the kernels must know of the sequence."""

    tokens: npt.NDArray[np.int32]  # all streams, one after the other
    is_global: npt.NDArray[np.bool_]  # [seq_len]
    outside: int  # tokens before the grid
    grid_width: int  # 0 in 1-D


@jit
def slot_token(chunk, slot, tokens):
    """Return the token in a slot of `chunk`, -1 beyond the ends of its stream."""
    position = chunk[BASE] + slot
    if position >= chunk[SKIP_AT]:
        position += chunk[SKIP_LENGTH]
    if position < 0 or position >= chunk[LENGTH]:
        return -1
    return tokens[chunk[START] + position]


@jit
def image_row(token, sequence):
    """Return the row of the grid in which a token lies."""
    return (token - sequence.outside) // sequence.grid_width


@jit
def usable(chunk, token, sequence):
    """Whether the local rows may use the key: global keys reach them through the global column."""
    return token >= 0 and (chunk[GLOBAL_KEYS] == 1 or not sequence.is_global[token])


@jit
def count_pairs(chunks, block_rows, sequence):
    """Return how many (query, key) pairs each chunk covers: int64 [chunks]."""
    rows = block_rows.shape[1]
    pairs = np.zeros(chunks.shape[0], np.int64)
    for index in range(chunks.shape[0]):
        chunk = chunks[index]
        for row in range(rows):
            query = block_rows[chunk[BLOCK], row]
            if query < 0:
                continue
            for offset in range(chunk[WIDTH]):
                key = slot_token(chunk, row + offset, sequence.tokens)
                if not usable(chunk, key, sequence):
                    continue
                if chunk[TAGGED] == 1 and image_row(query, sequence) + chunk[IMAGE_ROW] != image_row(
                    key, sequence
                ):
                    continue
                pairs[index] += 1
    return pairs
