"""The decoder at the edge of the array: a code becomes a small integer and a shift.

Obeys: ANT, MICRO 2022 (arXiv 2208.14286), section 5, and the tables of `sim.arch.ant.operands`.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.operands import operand_tables
from tandemsim.sim.arch.ant.widths import NIBBLE


class OperandDecoderInputs(NamedTuple):
    """What the decoder of a row or of a column sees."""

    code: int
    format: int  # its number in `AntArray.formats`
    enabled: bool  # the tile has this row or column, and a word is there
    upper: bool  # tied: an even row or column, which takes the upper one of two nibbles
    in_place: bool  # tied: an upper nibble is shifted to its place (activations, weight stationary)


class OperandDecoderOutputs(NamedTuple):
    """What it shows in the same cycle."""

    base: int
    shift: int


class OperandDecoder:
    """Turns a code into a base and a shift: its value is ``base * 2**shift``.

    What: the table of the code's format; of an integer of two nibbles the upper one has the sign and, where
    it is shifted to its place, a shift of 4. What is not enabled is 0.

    When: in the same cycle.
    """

    def __init__(self, config: AntConfig) -> None:
        array = config.array
        self._tables = operand_tables(array)
        self._paired = [array.operands_of(form) == 2 for form in array.code_formats]

    def __call__(self, inputs: OperandDecoderInputs) -> OperandDecoderOutputs:
        """Return the operand of a code."""
        if not inputs.enabled:
            return OperandDecoderOutputs(0, 0)
        at = inputs.format, int(inputs.upper), inputs.code
        shift = int(self._tables.shift[at])
        if self._paired[inputs.format] and inputs.upper and inputs.in_place:
            shift = NIBBLE
        return OperandDecoderOutputs(int(self._tables.base[at]), shift)
