"""The foot of the array: joins nibbles, adds up the parts of K, and makes output words.

Obeys: `AntArray.foot_width` and `Overflow`; arithmetic: `sim.ant.sums`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.sums import added, joined, joined_columns
from tandemsim.sim.ant.words import GemmCommand
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.types import Integers


class FootInputs(NamedTuple):
    """What the foot sees in a cycle, when all columns have come together."""

    psums: tuple[int, ...]  # [C] the bottom of the array
    valid: bool  # they are those of an activation word; output stationary, of a row
    starts: bool  # a tile: with its first sums, or before them
    command: GemmCommand  # of that tile


class FootOutputs(NamedTuple):
    """What it shows two cycles later."""

    word: tuple[int, ...]  # [C]
    word_valid: bool
    end: bool  # the tile's last word


class _Sums(NamedTuple):
    """Joined sums between the two cycles of an accumulator."""

    command: GemmCommand
    number: int  # of the output word in its tile, and of its accumulator
    sums: Integers
    end: bool


class Foot:
    """Joins the nibbles of the columns, and output stationary those of the rows, and accumulates.

    What: sums of weights of two nibbles are ``16 * upper + lower`` in even columns and 0 in odd ones; of
    activations of two nibbles, output stationary, the lower row comes first and waits for the upper one. Sums
    of output word i have address base + i. They start anew where the tile is `first`, and else with what is
    there; they leave where the tile `leaves`, and else stay there.

    When: an accumulator is read in one cycle, and in the next its sum is made, written, and a register of
    the output. What is read in the cycle of its writing is the new sum.
    """

    def __init__(self, config: AntConfig) -> None:
        self._config = config
        array = config.array
        self._paired = [array.operands_of(form) == 2 for form in array.code_formats]
        self.accumulators = np.zeros((config.accumulator_rows, array.cols), np.int64)
        self.saturations = 0
        self._command: GemmCommand | None = None
        self._seen = 0  # words or rows of the tile
        self._lower: Integers = np.zeros(array.cols, np.int64)
        self._read: _Sums | None = None

    def __call__(self, inputs: FootInputs) -> FootOutputs:
        """Run one cycle; return what the outputs show in the next."""
        shown = (
            self._accumulate(self._read)
            if self._read
            else FootOutputs((0,) * len(inputs.psums), False, False)
        )
        if inputs.starts:
            self._command, self._seen = inputs.command, 0
        self._read = None
        if inputs.valid and self._command:
            self._read = self._join(self._command, np.array(inputs.psums, np.int64))
            self._seen += 1
        return shown

    def _join(self, command: GemmCommand, psums: Integers) -> _Sums | None:
        sums = joined_columns(psums) if self._paired[command.weight_format] else psums
        if self._config.array.stationary:
            return _Sums(command, self._seen, sums, self._seen == command.words - 1)
        row = command.rows - 1 - self._seen
        if not self._paired[command.activation_format]:
            return _Sums(command, row, sums, row == 0)
        if row % 2 == 1:
            self._lower = sums
            return None
        return _Sums(command, row // 2, joined(sums, self._lower), row == 0)

    def _accumulate(self, read: _Sums) -> FootOutputs:
        command, address = read.command, read.command.base + read.number
        old = np.zeros_like(read.sums) if command.first else self.accumulators[address]
        total, saturated = added(old, read.sums, self._config)
        self.saturations += saturated
        if not command.leaves:
            self.accumulators[address] = total
            return FootOutputs((0,) * len(total), False, False)
        return FootOutputs(tuple(total.tolist()), True, read.end)
