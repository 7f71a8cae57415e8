"""ANT: the cycle laws of the array, of streams that never pause.

Obeys: what `sim.arch.ant.config` says of dataflows and schedules; `drain` is the schedule of SCALE-Sim,
`pipelined` ours. M: words of activations of a tile; K: operand pairs of one.

    pipelined   ws: load of the first + sum of max(M, rows of the next) + R + C - 2
                os: K of the first + sum of max(K, rows of the one before) + R + C - 2
    drain       ws: sum of M + 2 R + C - 2        os: sum of K + R + C - 2
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.ant.config import AntArray, Dataflow, Schedule


class Tile(NamedTuple):
    """A tile of the array, in the words that stream past it and the PE rows that it fills."""

    stream: int  # ws: activation words, M; os: operand pairs, K
    rows: int


def compute_cycles(array: AntArray, tiles: list[Tile]) -> int:
    """Return the cycles from the first word to the last multiplication, of streams that never pause."""
    if not tiles:
        return 0
    rows, cols = array.rows, array.cols
    stationary = array.dataflow is not Dataflow.OUTPUT_STATIONARY
    if array.schedule is Schedule.DRAIN:
        return sum(tile.stream + (2 if stationary else 1) * rows + cols - 2 for tile in tiles)
    between = 0
    for before, after in zip(tiles, tiles[1:], strict=False):
        between += max(before.stream, after.rows) if stationary else max(after.stream, before.rows)
    ends = tiles[0].rows + tiles[-1].stream if stationary else tiles[0].stream
    return ends + between + rows + cols - 2
