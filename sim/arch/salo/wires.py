"""How wide the wires of the SALO array are: for its circuits, the port tables of their Verilog, and tests.

Obeys: the formats of `sim.arch.salo.numerics`. A value that is never negative (weights, row sums) goes
without its sign bit.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.arch.wires import Wire


class SaloWires(NamedTuple):
    """The wires of one configuration; formats are raw values of `SaloNumerics`."""

    stage: Wire
    element: Wire  # of a query, key or value
    score: Wire
    exponent: Wire
    mantissa: Wire
    weight: Wire
    row_sum: Wire
    psum: Wire
    operand: Wire  # of a reciprocal: a row sum, of a pass or merged
    leading: Wire  # position of its leading one
    inverse: Wire  # mantissa of its reciprocal
    inverse_exponent: Wire  # its exponent plus the row's maximum
    merge_max: Wire
    merge_sum: Wire
    merge: Wire  # local rows
    global_merge: Wire
    merge_weight: Wire  # 0 to 1.0
    output: Wire
    sink_sum: Wire  # row sum of a sink alone


@functools.lru_cache(maxsize=16)  # a thousand PEs have one config
def wires(config: SaloConfig) -> SaloWires:
    """Return the wires of `config`."""
    numerics, sums = config.numerics, config.numerics.sums(config.array.normalisation)
    exponent = numerics.exp.exponent_width
    operand = max(numerics.row_sum.width - 1, numerics.merge_sum.width)
    leading = max(1, (operand - 1).bit_length())
    return SaloWires(
        stage=Wire(max(Stage).bit_length()),
        element=Wire(numerics.input.width, True),
        score=Wire(numerics.score.width, True),
        exponent=Wire(exponent, True),
        mantissa=Wire(numerics.exp.fraction_bits + 1),
        weight=Wire(numerics.weight.width - 1),
        row_sum=Wire(numerics.row_sum.width - 1),
        psum=Wire(sums.psum.width, True),
        operand=Wire(operand),
        leading=Wire(leading),
        inverse=Wire(numerics.reciprocal.fraction + 1),
        inverse_exponent=Wire(max(exponent, leading + 1) + 1, True),
        merge_max=Wire(numerics.merge_exponent_width, True),
        merge_sum=Wire(numerics.merge_sum.width),
        merge=Wire(sums.merge.width, True),
        global_merge=Wire(sums.global_merge.width, True),
        merge_weight=Wire(numerics.merge_weight_fraction + 1),
        output=Wire(numerics.output.width, True),
        sink_sum=Wire(numerics.highest_sink.bit_length()),
    )
