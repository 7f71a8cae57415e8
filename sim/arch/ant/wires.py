"""How wide the wires of the ANT array are: for its circuits, the port tables of their Verilog, and tests.

Obeys: the set of formats of the array; nothing is wider than they need.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.ant.config import MAX_WORDS, AntConfig
from tandemsim.sim.arch.ant.operands import code_bits, largest_shift, operand_tables
from tandemsim.sim.arch.ant.widths import Range
from tandemsim.sim.arch.wires import Wire


class AntWires(NamedTuple):
    """The wires of one configuration."""

    code: Wire  # an operand of a PE: a code, or a nibble of one
    format: Wire  # its number in `AntArray.formats`
    base: Wire
    shift: Wire
    psum: Wire  # of a column, or of a PE that keeps its sum
    sum: Wire  # at the foot
    words: Wire  # of a tile
    rows: Wire  # 0 to R
    cols: Wire  # 0 to C
    address: Wire  # of the accumulators
    room: Wire  # output words, 0 to all that the staging buffer holds
    twice: Wire  # twice a number that is encoded, floor
    encoded: Wire  # a whole code


def wires(config: AntConfig) -> AntWires:
    """Return the wires of `config`."""
    array, forms = config.array, config.array.code_formats
    bases = operand_tables(array).base
    least, greatest = (int(min(form.grid[0] for form in forms)), int(max(form.largest for form in forms)))
    return AntWires(
        code=Wire(code_bits(array)),
        format=_numbers(len(forms)),
        base=Wire(Range(int(bases.min()), int(bases.max())).bits, True),
        shift=Wire(max(1, largest_shift(array).bit_length())),
        psum=Wire(array.accumulator_width, True),
        sum=Wire(array.foot_width, True),
        words=Wire(MAX_WORDS.bit_length()),
        rows=Wire(array.rows.bit_length()),
        cols=Wire(array.cols.bit_length()),
        address=_numbers(config.accumulator_rows),
        room=_numbers(config.staging_words + 1),
        twice=Wire(Range(2 * least, 2 * greatest).bits, True),
        encoded=Wire(max(form.bits for form in forms)),
    )


def _numbers(count: int) -> Wire:
    # At least one bit: Verilog writes a port of none as [-1:0], which is two.
    return Wire(max(1, (count - 1).bit_length()))
