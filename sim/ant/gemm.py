"""The matrix engine as others use it: which word leaves its streams, and in which cycle.

Obeys: `sim.arch.ant.ports`. Values are those of `sim.ant.array`; cycles those of `sim.ant.streams`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.array import SystolicArray
from tandemsim.sim.ant.streams import NO_PAUSES, StreamCycles, StreamEnds, stream_cycles, tile_table
from tandemsim.sim.ant.words import GemmCommand, GemmTile, OperandWord, OutputWord
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.types import Integers


class AntGemmInputs(NamedTuple):
    """Streams that enter."""

    command: GemmCommand  # held until the tile's last word of weights; output stationary, its last pair
    activations: OperandWord
    weights: OperandWord


class AntGemmOutputs(NamedTuple):
    """Streams that leave."""

    output: OutputWord


class GemmRun(NamedTuple):
    """What tiles make, and when."""

    sums: Integers  # [words, C] the output words, in their order
    exponents: Integers  # [words, C] of blocks, else 0
    end: Integers  # [words] 1: the last word of its tile
    cycles: StreamCycles
    saturations: int  # sums at the foot that took a bound

    def words(self) -> list[OutputWord]:
        """Return the output words as the stream has them."""
        columns = (self.sums.tolist(), self.exponents.tolist(), self.end.tolist())
        return [
            OutputWord(tuple(sums), tuple(exponents), bool(end))
            for sums, exponents, end in zip(*columns, strict=True)
        ]


class AntGemm:
    """Runs tiles of matrix products: a command a tile, a word of operands a cycle, outputs when due.

    What: the output words of `SystolicArray`.

    When: words enter as `GemmController` says. Output words are written to a staging buffer and offered two
    cycles later; the room of a word that is taken is free in the cycle after.
    """

    def __init__(self, config: AntConfig) -> None:
        config.check_buffers()
        self._config = config

    def run(self, tiles: Sequence[GemmTile], ends: StreamEnds = NO_PAUSES) -> GemmRun:
        """Return the output words of `tiles`, and the cycle of every word on every stream."""
        array = SystolicArray(self._config)
        words = array.run(tiles)
        table = tile_table([tile.command for tile in tiles], self._config)
        lengths = [len(each.sums) for each in words]
        last = np.zeros(sum(lengths), np.int64)
        last[np.cumsum([length for length in lengths if length]) - 1] = 1
        cycles = stream_cycles(table, self._config.timing, ends)
        none = np.zeros((0, self._config.array.cols), np.int64)
        sums = np.concatenate([none, *(each.sums for each in words)])
        exponents = np.concatenate([none, *(each.exponents for each in words)])
        return GemmRun(sums, exponents, last, cycles, array.saturations)
