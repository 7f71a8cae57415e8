"""Chunks: bands of keys cut to the width of the array, and the kernels that expand them.

Step 2 of docs/salo.md, "The schedule". Slot ``t`` of a chunk streams the key at position ``BASE + t`` of its
stream, keys of a skipped run not counted; column ``c`` of its span stands for the offset ``SPAN - 1 - c``
above the lowest one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Bools, Integers, Tokens
from tandemsim.sim.engine.jit import jit


class Field(IntEnum):
    """The fields of a chunk."""

    BLOCK = 0  # query block
    BASE = 1  # position of slot 0, counted without the skipped run
    START = 2  # where the stream starts in the token table
    FIRST = 3  # position of the first key of the stream that belongs to the band
    END = 4  # and the one after the last
    SKIP_AT = 5  # position of the first skipped key
    SKIP_LENGTH = 6  # keys skipped
    WIDTH = 7  # offsets in the chunk
    SPAN = 8  # columns it lies on: segment_cols or cols
    IMAGE_ROW = 9  # image rows between query and key
    TAGGED = 10  # 1: a PE takes part only if the image-row tags of query and key agree
    # Special keys at these tokens, STREAMED_TO - 1 the last, are keys of the local rows as others are.
    STREAMED_FROM = 11
    STREAMED_TO = 12


Chunk = list[int]  # one integer per `Field`; kernels take int64 [chunks, FIELDS]
FIELDS = len(Field)


class Sequence(NamedTuple):
    """The tokens of a pattern as the kernels take them."""

    tokens: Tokens  # all streams, one after the other
    is_special: Bools  # [seq_len] keys that reach the local rows through the global column
    outside: int  # tokens before the grid
    grid_width: int  # 0 in 1-D


@jit
def slot_token(chunk: Integers, slot: int, tokens: Tokens) -> int:
    """Return the token in a slot of `chunk`, -1 beyond the ends of its band."""
    position = chunk[Field.BASE] + slot
    if position >= chunk[Field.SKIP_AT]:
        position += chunk[Field.SKIP_LENGTH]
    if position < chunk[Field.FIRST] or position >= chunk[Field.END]:
        return -1
    return int(tokens[chunk[Field.START] + position])


@jit
def image_row(token: int, sequence: Sequence) -> int:
    """Return the row of the grid in which a token lies."""
    return (token - sequence.outside) // sequence.grid_width


@jit
def usable(chunk: Integers, token: int, sequence: Sequence) -> bool:
    """Whether the local rows may use the key: special keys reach them through the global column, unless the
    chunk says that they stream.
    """
    if token < 0 or not sequence.is_special[token]:
        return bool(token >= 0)
    return bool(chunk[Field.STREAMED_FROM] <= token < chunk[Field.STREAMED_TO])


@jit
def count_pairs(chunks: Integers, block_rows: Tokens, sequence: Sequence) -> Integers:
    """Return how many (query, key) pairs each chunk covers: int64 [chunks]."""
    rows = block_rows.shape[1]
    pairs = np.zeros(chunks.shape[0], np.int64)
    for index in range(chunks.shape[0]):
        chunk = chunks[index]
        for row in range(rows):
            query = block_rows[chunk[Field.BLOCK], row]
            if query < 0:
                continue
            for offset in range(chunk[Field.WIDTH]):
                key = slot_token(chunk, row + offset, sequence.tokens)
                if not usable(chunk, key, sequence):
                    continue
                if chunk[Field.TAGGED] == 1 and not _same_image_row(query, key, chunk, sequence):
                    continue
                pairs[index] += 1
    return pairs


@jit
def _same_image_row(query: int, key: int, chunk: Integers, sequence: Sequence) -> bool:
    """Whether the key lies in the image row that the chunk is for, seen from the query."""
    return bool(image_row(query, sequence) + chunk[Field.IMAGE_ROW] == image_row(key, sequence))
