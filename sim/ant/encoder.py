"""The encoder behind the array: a number becomes the code of the nearest value of a format.

Obeys: the tie rules of `sim.arch.codes`: ANT's for its types, those of the OCP specification for floats.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.operands import encoder_table


class CodeEncoderInputs(NamedTuple):
    """What the encoder sees: a number in units of the format's smallest value."""

    twice: int  # twice the number, rounded down, at a bound where it lies outside
    inexact: bool  # it was rounded
    format: int  # its number in `AntArray.formats`


class CodeEncoderOutputs(NamedTuple):
    """What it shows in the same cycle."""

    code: int


class CodeEncoder:
    """Turns a number into the code of the nearest value.

    What: the midpoints of neighboring values are multiples of a half, so the floor of twice the number says
    between which two it lies. On a midpoint the larger value is taken, and of an OCP float the even code,
    unless the number was rounded down to it. Outside the format, the bound.

    When: in the same cycle.
    """

    def __init__(self, config: AntConfig) -> None:
        self._tables = [encoder_table(form) for form in config.array.code_formats]

    def __call__(self, inputs: CodeEncoderInputs) -> CodeEncoderOutputs:
        """Return the code of a number."""
        table = self._tables[inputs.format]
        place = bisect_right(table.bounds, inputs.twice)
        if table.even and not inputs.inexact:
            below = bisect_left(table.bounds, inputs.twice)
            place = below if table.codes[below] % 2 == 0 else place
        return CodeEncoderOutputs(int(table.codes[place]))
