"""Query blocks: the queries that lie on the rows together, and the bands of keys that they need.

Step 1 of docs/salo.md, "The schedule". Obeys: SALO (DAC 2022) section 4, reordering. How the windows of a
pattern become bands: `sequence_groups`, `grid_groups` and `list_groups` beside this file.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Bools, Integers, Tokens

NO_TAG = -(2**31)  # image-row distance of a band that carries no image-row tag
NO_END = 2**40  # beyond every position


class StreamBand(NamedTuple):
    """A contiguous band of keys: offsets ``low..high``, both inclusive, from the position of the query."""

    stream: int
    low: int
    high: int
    image_row: int  # rows of the image between query and key; NO_TAG in 1-D
    # Keys at other positions of the stream than ``first..end - 1`` are not of the band.
    first: int = 0
    end: int = NO_END

    def within(self, first: int, end: int) -> StreamBand:
        """Return the band without the keys outside ``first..end - 1``."""
        return self._replace(first=max(self.first, first), end=min(self.end, end))


class BlockGroup(NamedTuple):
    """Queries in a row that share their bands, one position of the streams apart."""

    sweep: int
    dilation: int  # tokens from one position to the next
    bands: tuple[StreamBand, ...]
    queries: Tokens  # [n] in the numbering of the op's queries
    position: int  # of the first query

    def part(self, start: int, end: int | None) -> BlockGroup:
        """Return the group of the queries `start` to `end` - 1 of this one; None: to its last."""
        return self._replace(queries=self.queries[start:end], position=self.position + start)

    def parts(self, starts: list[int]) -> list[BlockGroup]:
        """Cut the group before each of `starts`, which ascend within it."""
        edges = [0, *starts, len(self.queries)]
        return [self.part(a, b) for a, b in zip(edges, edges[1:], strict=False) if a < b]


class BlockTable(NamedTuple):
    """The query blocks of all groups."""

    rows: Tokens  # [blocks, rows] queries, -1 = none
    group: list[BlockGroup]  # of each block
    position: list[int]  # stream position of each block's first row


def block_table(groups: list[BlockGroup], is_global: Bools, rows: int) -> BlockTable:
    """Cut groups into blocks of `rows` queries; blocks of nothing but global queries are left out.

    `is_global` is bool [queries].
    """
    table: list[Tokens] = []
    own: list[BlockGroup] = []
    positions: list[int] = []
    for group in groups:
        padded = np.full(-(-len(group.queries) // rows) * rows, -1, np.int32)
        padded[: len(group.queries)] = np.where(is_global[group.queries], -1, group.queries)
        for index, block in enumerate(padded.reshape(-1, rows)):
            if (block >= 0).any():
                table.append(block)
                own.append(group)
                positions.append(group.position + index * rows)
    return BlockTable(np.array(table, np.int32).reshape(-1, rows), own, positions)


def row_tokens(table: BlockTable, q_offset: int) -> Integers:
    """Return the token of the first and of the last query of each block, int64 [blocks, 2]."""
    present = table.rows >= 0
    first = np.argmax(present, axis=1)
    last = table.rows.shape[1] - 1 - np.argmax(present[:, ::-1], axis=1)
    ends = np.stack((first, last), axis=1)
    return np.take_along_axis(table.rows, ends, axis=1).astype(np.int64) + q_offset
