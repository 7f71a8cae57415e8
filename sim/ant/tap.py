"""A tap in the columns, where blocks end: it scales their sums and adds them up with a running exponent.

Obeys: the OCP Microscaling Formats specification, version 1.0, and NVFP4, as `sim.arch.blocks` has them;
arithmetic: `sim.ant.block_sums`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.block_sums import BlockSums, add, nothing, scale_parts
from tandemsim.sim.ant.words import GemmCommand
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.wires import GUARD_BITS, blocks_of, tap_width


class TapInputs(NamedTuple):
    """What the taps of one place in all columns see in a cycle, when the columns have come together."""

    psums: tuple[int, ...]  # [C] sums of a block
    valid: bool  # they are those of an activation word of a tile in blocks
    starts: bool  # a tile: with its first sums
    command: GemmCommand  # of that tile
    scale: int  # code of the activations' scale
    weight_scales: tuple[int, ...]  # [C] codes
    loads: bool  # they are those of the tile after this one


class TapOutputs(NamedTuple):
    """What they show two cycles later."""

    sums: tuple[int, ...]  # [C] significands
    exponents: tuple[int, ...]  # [C]
    word_valid: bool
    end: bool  # the tile's last word


class _Scaled(NamedTuple):
    """Scaled sums between the two cycles of an accumulator."""

    command: GemmCommand
    number: int  # of the word in its tile
    new: BlockSums


class Tap:
    """Ends the blocks of all columns in one place: scales their sums and accumulates them.

    What: a block's sum times the significands of its two scales, `GUARD_BITS` further to the left, with the
    sum of their exponents, is added to an accumulator as `block_sums.add` does. Weights' scales that are
    loaded wait, and come into use with a tile that starts, from this very cycle on. Addresses, `first` and
    `leaves` are those of the foot.

    When: as the foot: an accumulator is read in one cycle, added to and written in the next.
    """

    def __init__(self, config: AntConfig) -> None:
        blocks = blocks_of(config.array)
        self._form, self._width = blocks, tap_width(blocks)
        shape = config.accumulator_rows, config.array.cols
        self.accumulators = nothing(shape)
        self.saturations = 0
        self._command: GemmCommand | None = None
        self._seen = 0
        self._waiting = self._in_use = (0,) * config.array.cols
        self._read: _Scaled | None = None

    def __call__(self, inputs: TapInputs) -> TapOutputs:
        """Run one cycle; return what the outputs show in the next."""
        none = (0,) * len(inputs.psums)
        shown = self._accumulate(self._read) if self._read else TapOutputs(none, none, False, False)
        if inputs.starts:
            self._command, self._seen, self._in_use = inputs.command, 0, self._waiting
        if inputs.loads:
            self._waiting = inputs.weight_scales
        self._read = None
        if inputs.valid and self._command:
            self._read = _Scaled(self._command, self._seen, self._scaled(inputs))
            self._seen += 1
        return shown

    def _scaled(self, inputs: TapInputs) -> BlockSums:
        significand, exponent = scale_parts(self._form, np.array([inputs.scale]))
        of_weights = scale_parts(self._form, np.array(self._in_use))
        sums = np.array(inputs.psums, np.int64) * significand * of_weights[0]
        return BlockSums(sums << GUARD_BITS, exponent + of_weights[1])

    def _accumulate(self, read: _Scaled) -> TapOutputs:
        command, address = read.command, read.command.base + read.number
        held = self.accumulators
        old = BlockSums(held.significand[address], held.exponent[address])
        if command.first:
            old = nothing(read.new.exponent.shape)
        total, saturated = add(old, read.new, self._width)
        self.saturations += saturated
        if not command.leaves:
            held.significand[address], held.exponent[address] = total
            none = (0,) * len(total.exponent)
            return TapOutputs(none, none, False, False)
        end = read.number == command.words - 1
        return TapOutputs(tuple(total.significand.tolist()), tuple(total.exponent.tolist()), True, end)
