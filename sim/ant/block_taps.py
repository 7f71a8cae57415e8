"""The taps of block formats, whole tiles at a time: what `sim.ant.block_foot` does in its cycles.

Obeys: `sim.ant.block_sums`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.block_sums import BlockSums, add, nothing, scale_parts
from tandemsim.sim.ant.sums import matrix_product
from tandemsim.sim.ant.words import GemmTile
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.wires import GUARD_BITS, blocks_of, tap_width
from tandemsim.sim.arch.types import Integers


class TileWords(NamedTuple):
    """What leaves of a tile, int64 [words, C] in the order in which it does."""

    sums: Integers
    exponents: Integers  # of blocks, else 0


class BlockTaps:
    """Accumulators of the taps of an array."""

    def __init__(self, config: AntConfig) -> None:
        blocks = blocks_of(config.array)
        self._form, self._width = blocks, tap_width(blocks)
        shape = config.accumulator_rows, config.array.cols
        self._held = [nothing(shape) for _ in range(config.array.segments)]
        self.saturations = 0

    def run(self, tile: GemmTile, activations: Integers, weights: Integers) -> TileWords:
        """Return the words of a tile of decoded operands, [words, rows] and [rows, C]."""
        command, length = tile.command, self._form.length
        if tile.activation_scales is None or tile.weight_scales is None:
            raise ValueError("a tile in blocks without scales")
        at = slice(command.base, command.base + command.words)
        totals = []
        for segment, held in enumerate(self._held):
            part = slice(segment * length, (segment + 1) * length)
            sums = matrix_product(activations[:, part], weights[part])  # beyond the tile's rows 0
            scales = tile.activation_scales[:, segment, None], tile.weight_scales[segment]
            new = self._scaled(sums, *scales)
            old = BlockSums(held.significand[at], held.exponent[at])
            total, saturated = add(nothing(new.exponent.shape) if command.first else old, new, self._width)
            self.saturations += saturated
            totals.append(total)
            if not command.leaves:
                held.significand[at], held.exponent[at] = total
        if not command.leaves:
            none = np.zeros((0, weights.shape[1]), np.int64)
            return TileWords(none, none)
        together = totals[0]
        for below in totals[1:]:
            together, saturated = add(together, below, self._width)
            self.saturations += saturated
        return TileWords(*together)

    def _scaled(self, sums: Integers, scales: Integers, weight_scales: Integers) -> BlockSums:
        one, other = (scale_parts(self._form, each) for each in (scales, weight_scales))
        return BlockSums((sums * one[0] * other[0]) << GUARD_BITS, one[1] + other[1])
