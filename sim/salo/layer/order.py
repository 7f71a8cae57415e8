"""The order in which the tiles of all heads run.

Heads follow one another. Heads that share their keys and values run side by side: a query block of each, then
the next block, so that the keys and values of a block are loaded once for all of them. They do not where the
global rows work: a global row keeps its sum from the first to the last tile of a head.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Integers
from tandemsim.sim.salo.scheduling.schedule import Schedule


class Order(NamedTuple):
    """H heads of T tiles each, H * T steps."""

    step: Integers  # [H, T] the step in which a tile of a head runs
    head: Integers  # [H * T] the head whose tile runs in a step
    tile: Integers  # [H * T] and the tile, of one head's schedule
    side_by_side: int  # heads that take turns, block by block; 1: one after the other

    @property
    def turn(self) -> Integers:
        """Which heads take turns in each step, [H * T]: ascending."""
        return self.head // self.side_by_side

    @property
    def turn_start(self) -> Integers:
        """The step in which each turn begins."""
        return self.step[:: self.side_by_side, 0]


def tile_order(schedule: Schedule, heads: int, group: int) -> Order:
    """Return the order of `heads` heads, each `group` neighbors of which share their keys and values."""
    tiles = schedule.tiles
    tile = np.arange(tiles, dtype=np.int64)
    if group > 1 and (schedule.row_query >= 0).any():
        group = 1
    # Tiles of one block stand together; tiles of no block would too.
    begins = np.flatnonzero(np.diff(schedule.block, prepend=-1))
    start = np.repeat(begins, np.diff(begins, append=tiles))
    length = np.repeat(np.diff(begins, append=tiles), np.diff(begins, append=tiles))
    turn, member = np.divmod(np.arange(heads, dtype=np.int64)[:, None], group)
    if group == 1:
        step = turn * tiles + tile
    else:
        step = turn * group * tiles + group * start + member * length + (tile - start)
    order = np.argsort(step, axis=None)
    head, of_head = np.divmod(order, tiles)
    return Order(step, head, of_head, group)
