"""How wide the wires of the ANT array are: for its circuits, the port tables of their Verilog, and tests.

Obeys: the set of formats of the array; nothing is wider than they need.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from tandemsim.sim.arch.ant.config import MAX_WORDS, AntArray, AntConfig
from tandemsim.sim.arch.ant.operands import code_bits, largest_shift, operand_tables
from tandemsim.sim.arch.ant.widths import Range, product, values_of
from tandemsim.sim.arch.blocks import E8M0_BIAS, E8M0_NAN, SCALE, SCALE_BITS, BlockFormat
from tandemsim.sim.arch.wires import Wire

# Of blocks: guard bits below the unit of a block's sum, and bits of an accumulator.
GUARD_BITS = 8  # assumed; the error they leave is a millionth of that of the elements' own few bits
WIDTH, WIDTH_WITH_FLOAT_SCALES = 32, 40


class AntWires(NamedTuple):
    """The wires of one configuration."""

    code: Wire  # an operand of a PE: a code, or a nibble of one
    format: Wire  # its number in `AntArray.formats`
    base: Wire
    shift: Wire
    psum: Wire  # of a column, or of a PE that keeps its sum
    foot: Wire  # a sum at the foot
    sum: Wire  # of an output word: that, or one of blocks, whichever is wider
    scale: Wire  # the code of a block's scale
    block_sum: Wire  # the psum of a block
    exponent: Wire  # of sums of blocks
    words: Wire  # of a tile
    rows: Wire  # 0 to R
    cols: Wire  # 0 to C
    address: Wire  # of the accumulators
    room: Wire  # output words, 0 to all that the staging buffer holds
    twice: Wire  # twice a number that is encoded, floor
    encoded: Wire  # a whole code


@functools.lru_cache(maxsize=16)  # a thousand PEs have one config
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
        foot=Wire(array.foot_width, True),
        sum=Wire(max(array.foot_width, tap_width(array.blocks)), True),
        scale=Wire(SCALE_BITS if array.taps else 0),
        block_sum=Wire(block_range(array.blocks).bits if array.blocks else 0, True),
        exponent=Wire(exponent_range(array.blocks).bits if array.blocks else 0, True),
        words=Wire(MAX_WORDS.bit_length()),
        rows=Wire(array.rows.bit_length()),
        cols=Wire(array.cols.bit_length()),
        address=_numbers(config.accumulator_rows),
        room=_numbers(config.staging_words + 1),
        twice=Wire(Range(2 * least, 2 * greatest).bits, True),
        encoded=Wire(max(form.bits for form in forms)),
    )


def blocks_of(array: AntArray) -> BlockFormat:
    """Return the block format of the array's taps. Raises `ValueError` where it has none."""
    if array.blocks is None:
        raise ValueError("an array without taps")
    return array.blocks


def tap_width(form: BlockFormat | None) -> int:
    """Return the bits of an accumulator of blocks: a scale of E4M3 has a significand of 4 bits."""
    if form is None:
        return 0
    return WIDTH_WITH_FLOAT_SCALES if form.float_scale else WIDTH


def block_range(form: BlockFormat) -> Range:
    """Return the range of the sum of a block's products, before its scales."""
    each = product(values_of(form.element), values_of(form.element))
    return Range(form.length * each.least, form.length * each.greatest)


def exponent_range(form: BlockFormat) -> Range:
    """Return the range of the sum of the exponents of two scales."""
    if form.float_scale:
        return Range(0, 2 * int(SCALE.shift.max()))
    return Range(-2 * E8M0_BIAS, 2 * (E8M0_NAN - E8M0_BIAS))


def _numbers(count: int) -> Wire:
    # At least one bit: Verilog writes a port of none as [-1:0], which is two.
    return Wire(max(1, (count - 1).bit_length()))
